"""A built-in template rendered once, with a mark for each value, and kept as it leaves: only values are quoted for each letter.

Most of a letter is the same in each and in quoted-printable already; values stand on lines of their own between soft line ends.
Our own templates only place values, and leave out what belongs to an empty one; a test holds them to that. Pure, never fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from smtpgate.mail import wire

_MARK = re.compile("\ue000([a-z:]+)\ue001")
_SOFT = b"=\r\n"  # a line end that is none of the text (RFC 2045 §6.7)


class Mark(str):
    """Where a value stands in a template, and whether the filter `lines` has seen it."""

    __slots__ = ()

    def __new__(cls, variable: str) -> Mark:
        return super().__new__(cls, f"\ue000{variable}\ue001")


def confuses(value: str) -> bool:
    """It holds what could be taken for a Mark."""
    return "\ue000" in value


def lines(text: str) -> Markup:
    """Plain text of several lines as HTML: escaped, with <br> at line ends and indentation kept."""
    if isinstance(text, Mark):
        return Markup(text[:-1] + ":" + text[-1])  # noqa: S704  # ours alone
    shown = (str(escape(line)).replace("  ", "\u00a0 ") for line in text.split("\n"))
    return Markup("<br>\n".join(shown))  # noqa: S704  # every piece is escaped above


class Skeleton:
    """One template, for values of which the same ones are empty."""

    __slots__ = ("_characters", "_html", "_octets", "_places", "_quoted", "_text")

    def __init__(self, rendered: str, *, html: bool) -> None:
        """rendered: with a Mark in place of each value that is not empty."""
        self._html = html
        self._text = _MARK.split(rendered)  # text and places in turn
        still = self._text[::2]
        self._quoted = [wire.quoted_printable(text) for text in still]
        self._places = self._text[1::2]
        self._characters = sum(map(len, still))
        self._octets = sum(map(wire.octets, still))

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with these values."""
        shown = self._shown(values)
        text = self._text.copy()
        text[1::2] = [shown[place] for place in self._places]
        return "".join(text)

    def part(self, subtype: str, values: Mapping[str, str]) -> tuple[bytes, int]:
        """A part of a mail, as wire.text_part makes one of the text, and how many characters that has."""
        shown = self._shown(values)
        quoted: dict[str, bytes] = {}
        characters, octets = self._characters, self._octets
        for place in self._places:
            value = shown[place]
            characters += len(value)
            octets += wire.octets(value)
            if place not in quoted:
                quoted[place] = _SOFT + wire.quoted_value(value) + _SOFT
        if not wire.is_legible(characters, octets):
            return wire.text_part(subtype, self.filled(values)), characters
        out: list[bytes] = [b""] * len(self._text)
        out[::2] = self._quoted
        out[1::2] = [quoted[place] for place in self._places]
        return wire.quoted_part(subtype, b"".join(out)), characters

    def _shown(self, values: Mapping[str, str]) -> dict[str, str]:
        """By place: the values as they stand there."""
        if not self._html:
            return {place: values[place] for place in self._places}
        return {
            place: str(lines(values[place[:-1]]) if place.endswith(":") else escape(values[place])) for place in set(self._places)
        }
