"""Ticket numbers: how they are made and how they are found again in a subject that many hands have touched.

Pure functions; they never fail on any subject. A pattern that the admin writes is checked by NumberPattern.compile,
which raises ValueError with what is wrong. Stands on the ground floor because the configuration checks patterns.
"""

from __future__ import annotations

import re
import string
import unicodedata
from dataclasses import dataclass

_FIELDS = {"date": r"(?P<date>[0-9]{8})", "channel": r"(?P<channel>[A-Z0-9]{1,8})", "serial": r"(?P<serial>[0-9]{1,12})"}
_LONGEST_SUBJECT = 1000  # a number further back is nobody's
_BRACKETS = "[](){}<>「」【】〔〕《》〈〉『』"


@dataclass(frozen=True, slots=True)
class NumberPattern:
    """A compiled number pattern such as "{date}-{channel}-{serial:04}"."""

    source: str
    expression: re.Pattern[str]
    plain: bool  # may stand without brackets or #: it has a date and a letter, so no phone number looks like it

    @staticmethod
    def compile(source: str) -> NumberPattern:
        """Raises ValueError for a pattern that cannot make unique or recognisable numbers."""
        parts: list[str] = []
        seen: list[str] = []
        try:
            pieces = list(string.Formatter().parse(source))
        except ValueError as error:
            raise ValueError(f'is not a number pattern: {error}; write for example "{{date}}-{{channel}}-{{serial:04}}"') from None
        for literal, name, spec, conversion in pieces:
            if not re.fullmatch(r"[A-Za-z0-9._/-]*", literal):
                raise ValueError("has a character that subjects do not keep; use letters, digits and . _ / - only")
            parts.append(re.escape(literal.upper()))
            if name is None:
                continue
            if name not in _FIELDS or conversion or name in seen:
                raise ValueError(f"has an unknown or doubled {{{name}}}; use {{date}}, {{channel}} and {{serial:04}}, each once")
            if spec and not (name == "serial" and re.fullmatch(r"0[1-9]", spec)):
                raise ValueError(f"has a strange width {spec!r}; only the serial has one, such as {{serial:04}}")
            seen.append(name)
            parts.append(_FIELDS[name])
        if "serial" not in seen:
            raise ValueError("has no {serial}; numbers would not be unique")
        if "serial" in seen and re.search(r"\}\{", source):
            raise ValueError("has two fields side by side; put - or another mark between them")
        has_letter = "channel" in seen or any(c.isalpha() for literal, *_ in pieces for c in literal)
        return NumberPattern(source, re.compile("".join(parts)), "date" in seen and has_letter)

    def make(self, *, date: str, channel: str, serial: int) -> str:
        return self.source.format(date=date, channel=channel, serial=serial).upper()

    @property
    def per_day(self) -> bool:
        return "{date}" in self.source

    @property
    def per_channel(self) -> bool:
        return "{channel}" in self.source


def find(subject: str, patterns: tuple[NumberPattern, ...]) -> tuple[str, ...]:
    """Every ticket number that may stand in a decoded subject, as `make` writes it, in the order found.

    Sees through full-width forms, brackets of any script or none, spaces that mailers put in, and anything around it.
    A match is only a candidate: the store knows whether there is such a ticket.
    """
    text = _fold(subject[:_LONGEST_SUBJECT])
    found: list[tuple[int, str]] = []
    for pattern in patterns:
        for match in pattern.expression.finditer(text):
            number = match.group()
            if _stands_alone(text, match.start(), match.end()) and (pattern.plain or _marked(text, match.start(), match.end())):
                if not _is_day(match.groupdict().get("date")):
                    continue
                found.append((match.start(), number))
    return tuple(dict.fromkeys(number for _, number in sorted(found)))


def _fold(text: str) -> str:
    """Full-width to ASCII, all dashes to -, all brackets to [ and ], no spaces next to a mark inside a number."""
    folded = "".join(
        "-" if unicodedata.category(c) == "Pd" or c == "−" else " " if c.isspace() else c
        for c in unicodedata.normalize("NFKC", text)
        if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace()
    )
    for i, c in enumerate(_BRACKETS):
        folded = folded.replace(c, "[]"[i % 2])
    folded = " ".join(folded.split()).upper()
    for mark in "-_./#":
        folded = folded.replace(f" {mark} ", mark).replace(f"{mark} ", mark) if mark == "#" else folded.replace(f" {mark} ", mark)
    return folded


def _stands_alone(text: str, start: int, end: int) -> bool:
    """No letter, digit or dash of ASCII goes on before or after: else it is a piece of something longer."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before.isascii() and (before.isalnum() or before in "-_+") and before) and not (
        after.isascii() and after and (after.isalnum() or (after in "-_" and text[end + 1 : end + 2].isalnum()))
    )


def _marked(text: str, start: int, end: int) -> bool:
    return text[:start].rstrip().endswith(("[", "#")) or text[end:].lstrip().startswith("]")


def _is_day(date: str | None) -> bool:
    return date is None or ("01" <= date[4:6] <= "12" and "01" <= date[6:8] <= "31" and date[:2] in ("19", "20", "21"))
