"""Time that was worked, as agents write it and read it: 20m, 1h30, 0:45, 1小时30分钟. Whole minutes.

Pure, linear, never fails: what is no time is None. A number alone is none, for nobody knows whether hours or minutes are meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from smtpgate.languages import Language, written_in

_HOURS = "hours|hour|hrs|hr|h|个小时|個小時|小时|小時|个钟头|個鐘頭|时|時"
_MINUTES = "minutes|minute|mins|min|m|分钟|分鐘|分"
_CLOCK = re.compile(r"(\d{1,5}):([0-5]\d)")
_LONG = re.compile(rf"(\d{{1,5}})(?:[.](\d{{1,2}}))?(?:{_HOURS})(?:([0-5]?\d)(?:{_MINUTES})?)?")
_SHORT = re.compile(rf"(\d{{1,5}})(?:{_MINUTES})")
_HALF = ("半小时", "半小時", "半个小时", "半個小時")
_WORDS: dict[Language, tuple[str, str]] = {"en": ("h", "min"), "zh": ("小时", "分钟"), "zh-Hant": ("小時", "分鐘")}


def read(said: str) -> int | None:
    """Minutes, below nought with a minus before them; None for no time, and for none at all."""
    text = "".join(unicodedata.normalize("NFKC", said[:100]).lower().split()).replace(",", ".").replace("−", "-").replace("–", "-")
    sign = -1 if text.startswith("-") else 1
    minutes = _minutes(text[1:] if text[:1] in ("-", "+") else text)
    return sign * minutes if minutes else None


def _minutes(text: str) -> int | None:
    if text in _HALF:
        return 30
    if found := _CLOCK.fullmatch(text):
        return 60 * int(found[1]) + int(found[2])
    if found := _SHORT.fullmatch(text):
        return int(found[1])
    if found := _LONG.fullmatch(text):
        if found[2] is not None and found[3] is not None:
            return None  # 1.5h30
        part = round(60 * int(found[2]) / 10 ** len(found[2])) if found[2] else 0
        return 60 * int(found[1]) + part + int(found[3] or 0)
    return None


def of(language: str) -> Callable[[int], str]:
    """`shown` in one language."""
    return lambda minutes: shown(minutes, written_in(language))


def shown(minutes: int, language: Language = "en") -> str:
    """As people read it."""
    hour, minute = _WORDS[language]
    hours, rest = divmod(abs(minutes), 60)
    parts = [f"{hours} {hour}"] if hours else []
    parts += [f"{rest} {minute}"] if rest or not hours else []
    return ("-" if minutes < 0 else "") + " ".join(parts)
