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
_MARKS = "._/-"  # what may stand between the fields; mailers put spaces around it
_LONGEST_PATTERN = 60
_LONGEST_SUBJECT = 1000  # a number further back is nobody's
_BRACKETED = re.compile(r"\[ ?#?([^\[\]]{1,120})\]")


@dataclass(frozen=True, slots=True)
class NumberPattern:
    """A compiled number pattern such as "{date}-{channel}-{serial:04}"."""

    source: str
    expression: re.Pattern[str]  # over folded text; a mark in it may have a space on both sides
    plain: bool  # may stand without brackets or #: it has a date and a letter, so no phone number looks like it

    @staticmethod
    def compile(source: str) -> NumberPattern:
        """Raises ValueError for a pattern that cannot make unique or recognisable numbers."""
        if len(source) > _LONGEST_PATTERN:
            raise ValueError(f"is longer than {_LONGEST_PATTERN} characters; subjects have little room")
        parts: list[str] = []
        seen: list[str] = []
        try:
            pieces = list(string.Formatter().parse(source))
        except ValueError as error:
            raise ValueError(f'is not a number pattern: {error}; write for example "{{date}}-{{channel}}-{{serial:04}}"') from None
        for literal, name, spec, conversion in pieces:
            if not re.fullmatch(r"[A-Za-z0-9._/-]*", literal):
                raise ValueError("has a character that subjects do not keep; use letters, digits and . _ / - only")
            if seen and name is not None and not set(literal) & set(_MARKS):
                raise ValueError("has two fields side by side; put - or another mark between them")
            parts += [f" ?{re.escape(c)} ?" if c in _MARKS else c for c in literal.upper()]
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

    def _number(self, match: re.Match[str]) -> str | None:
        """What was matched, as `make` writes it; None when `make` would never have written it so."""
        fields = match.groupdict()
        date, serial = fields.get("date") or "", int(fields["serial"])
        if (date and not _is_day(date)) or serial == 0:
            return None
        number = self.make(date=date, channel=fields.get("channel") or "", serial=serial)
        return number if number == match.group().replace(" ", "") else None


def find(subject: str, patterns: tuple[NumberPattern, ...]) -> tuple[str, ...]:
    """Every ticket number that may stand in a decoded subject, as `make` writes it, in the order found.

    Sees through full-width forms, brackets of any script or none, spaces that mailers put in, and anything around it.
    A match is only a candidate: the store knows whether there is such a ticket.
    """
    text = _fold(subject[:_LONGEST_SUBJECT])
    if len(subject) > _LONGEST_SUBJECT:
        text = text.rstrip(string.ascii_uppercase + string.digits + _MARKS)  # half a number is another number
    found: list[tuple[int, str]] = []
    for pattern in patterns:
        for match in pattern.expression.finditer(text):
            number = pattern._number(match)
            if number is not None and _stands_alone(text, match.start(), match.end()):
                shows = pattern.plain and any(c.isalpha() for c in number)
                if shows or _marked(text, match.start(), match.end()):
                    found.append((match.start(), number))
        # between brackets even a number that a mailer broke in the middle ("00 42") is whole: the brackets bound it
        for bracketed in _BRACKETED.finditer(text):
            whole = pattern.expression.fullmatch(bracketed.group(1).replace(" ", ""))
            number = whole and pattern._number(whole)
            if number and (pattern.plain or "#" in bracketed.group()):
                found.append((bracketed.start(1), number))
    return tuple(dict.fromkeys(number for _, number in sorted(found)))


def _fold(text: str) -> str:
    """Full-width to ASCII, all dashes to -, all brackets to [ and ], one space for many, nothing invisible, upper case."""
    if text.isascii():
        return " ".join(text.translate(_ASCII_FOLDED).split()).upper()
    return " ".join("".join(map(_fold_character, unicodedata.normalize("NFKC", text))).split()).upper()


def _fold_character(c: str) -> str:
    if c.isalnum():
        return c
    if c.isspace():
        return " "
    category = unicodedata.category(c)
    if category == "Pd" or c == "−":
        return "-"
    if category in ("Cf", "Cc") or "\ufe00" <= c <= "\ufe0f":
        return ""
    if category == "Ps" or c == "<":
        return "["
    return "]" if category == "Pe" or c == ">" else c


_ASCII_FOLDED = {code: _fold_character(chr(code)) for code in range(128)}


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Nothing goes on before or after, else it is a piece of something longer. Chinese may touch it: it has no spaces."""
    before, after, beyond = text[start - 1 : start] if start else "", text[end : end + 1], text[end + 1 : end + 2]
    if _goes_on(before) or (before and before in "-_+"):
        return False
    return not (_goes_on(after) or after == "@" or (after and after in "-_." and _goes_on(beyond)))


def _goes_on(c: str) -> bool:
    return c.isalnum() and unicodedata.east_asian_width(c) not in ("W", "F")


def _marked(text: str, start: int, end: int) -> bool:
    before = text[:start].rstrip()
    return before.endswith("#") or (before.endswith("[") and text[end:].lstrip().startswith("]"))


def _is_day(date: str) -> bool:
    return "01" <= date[4:6] <= "12" and "01" <= date[6:8] <= "31" and date[:2] in ("19", "20", "21")
