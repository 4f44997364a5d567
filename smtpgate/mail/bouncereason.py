"""Why a mail did not arrive, in one word, from the enhanced status (RFC 3463) and what the far side said. Pure."""

from __future__ import annotations

import re

from smtpgate.mail.bouncewords import REASONS
from smtpgate.model import BounceReason

# What a status says beyond doubt, whatever the words are. Many systems write 5.1.1 or 5.7.1 for anything at all, so
# these decide only when the words do not.
_SURE = {
    "1.1": BounceReason.UNKNOWN, "1.6": BounceReason.UNKNOWN, "2.1": BounceReason.UNKNOWN, "1.10": BounceReason.UNKNOWN,
    "2.2": BounceReason.FULL, "2.3": BounceReason.TOO_BIG, "3.4": BounceReason.TOO_BIG, "1.2": BounceReason.HOST,
    "4.7": BounceReason.EXPIRED, "4.316": BounceReason.EXPIRED, "4.310": BounceReason.HOST, "4.312": BounceReason.HOST,
}  # fmt: skip
_CLASSES = {
    "1": BounceReason.UNKNOWN, "2": BounceReason.UNKNOWN, "4": BounceReason.NETWORK, "6": BounceReason.POLICY,
    "7": BounceReason.POLICY,
}  # fmt: skip
_CERTAIN = ("2.2", "2.3", "3.4", "4.7")
_NO_DOMAIN = re.compile(
    r"domain \S{1,100} (?:couldn't be found|could not be found|wasn't found|does not exist|doesn't exist|not found)"
)


def reason(status: str, words: str) -> BounceReason:
    """status: RFC 3463 or ""; words: the diagnostic, or the notice itself."""
    detail = status[2:] if status[1:2] == "." else ""
    if detail in _CERTAIN:
        return _SURE[detail]
    low = words[:3000].lower()
    if _NO_DOMAIN.search(low):
        return BounceReason.HOST
    said = next((BounceReason(name) for name, phrases in REASONS if any(phrase in low for phrase in phrases)), None)
    if said in (BounceReason.POLICY, BounceReason.NETWORK, None) and detail in _SURE:
        return _SURE[detail]
    return said or _CLASSES.get(detail.partition(".")[0], BounceReason.OTHER)
