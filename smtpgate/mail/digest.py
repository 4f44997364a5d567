"""The digest that tells a repeat: equal for the same content sent again, whatever its date, id and boundaries."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

# Prefixes that clients and relays put before a subject. Compared after NFKC, so full-width colons count too.
_PREFIX = re.compile(
    r"(?:re|fwd?|fw|aw|wg|antw|antwort|sv|vs|tr|rif|rv|res|enc|odp|回复|回覆|答复|答覆|转发|轉寄|轉發|回信)(?:\[[0-9]{1,3}\]|\([0-9]{1,3}\))?:"
)
_BRACKETS = re.compile(r"[\[【(〔{「《][^\[\]【】()〔〕{}「」《》]{0,40}[\]】)〕}」》]")


def of(subject: str, text: str, attachments: Iterable[str]) -> str:
    """Hex SHA-256 over the normalised subject and text and the sorted hashes of the attachments."""
    parts = [normal_subject(subject), "".join(text.split()), *sorted(attachments)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def normal_subject(subject: str) -> str:
    """Without reply prefixes, bracketed ticket numbers, blanks, case and width."""
    text = _BRACKETS.sub(lambda m: "" if _numbered(m.group()) else m.group(), _folded(subject))
    while (match := _PREFIX.match(text)) is not None:
        text = text[match.end() :]
    return text


def numbers(subject: str) -> tuple[str, ...]:
    """The bracketed numbers that normal_subject leaves out, with their brackets: not each is a ticket's."""
    return tuple(m.group() for m in _BRACKETS.finditer(_folded(subject)) if _numbered(m.group()))


def _folded(subject: str) -> str:
    return "".join(unicodedata.normalize("NFKC", subject[:1000]).casefold().split())


def _numbered(bracket: str) -> bool:
    return any(c.isdigit() for c in bracket) and "-" in bracket
