"""Patterns that an admin writes and that run over hostile text: RE2, which knows no backtracking.

The one home of re2. A pattern costs time in proportion to the text, whatever it is, and memory up to a bound. What RE2
does not have (look-around, back-references) is refused when the configuration is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import re2

LONGEST = 2000  # characters of a pattern
_MEMORY = 4 * 1024**2  # octets of one compiled pattern
# a piece of a pattern in which a brace may stand, or `{1,63}`
_PIECE = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|\{([0-9]+),[0-9]+\}", re.DOTALL)
_MANY = 16 * 1024**2  # of many together: with too little RE2 leaves its automaton and takes a hundred times as long


class Pattern:
    """A compiled pattern. Its first group is what it finds, or all of it when it has none."""

    __slots__ = ("_compiled", "_group", "text")

    def __init__(self, text: str, *, limit: int = LONGEST, memory: int = _MEMORY) -> None:
        """Raises ValueError, saying what is wrong and how to mend it."""
        self.text = text
        if len(text) > limit:
            raise ValueError(f"is longer than {limit} characters; write two patterns of the same name")
        options = re2.Options()
        options.max_mem = memory
        options.log_errors = False
        try:
            self._compiled = re2.compile(text.encode(), options)
        except (re2.error, UnicodeEncodeError) as error:
            reason = error.args[0] if error.args and isinstance(error.args[0], bytes | str) else b"it cannot be read"
            words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            raise ValueError(f"is no RE2 pattern: {words}; see https://github.com/google/re2/wiki/Syntax") from None
        if self._compiled.fullmatch(b"") is not None:
            raise ValueError("matches nothing at all; write what must be there, such as [0-9]+")
        self._group = 1 if self._compiled.groups else 0

    def within(self, text: bytes) -> bool:
        """Does it find anything in this UTF-8?"""
        return self._compiled.search(text) is not None

    def find(self, text: bytes) -> Iterator[tuple[int, int, str]]:
        """Start, end and text of each find in UTF-8, from left to right."""
        for match in self._compiled.finditer(text):
            found = match[self._group]
            if found:
                start, end = match.span(self._group)
                yield start, end, found.decode("utf-8", "replace")


def words(texts: Iterable[str]) -> Pattern:
    """One that finds any of these as they stand: asked once for hundreds of them, instead of for each."""
    return Pattern("|".join(map(re2.escape, texts)), limit=LONGEST * 100, memory=_MANY)


def any_of(patterns: Iterable[Pattern]) -> Pattern:
    """One that finds something wherever any of them does, and seldom where none does: a cheap question before asking each."""
    return Pattern("|".join(f"(?:{_looser(one.text)})" for one in patterns), limit=LONGEST * 100, memory=_MANY)


def _looser(text: str) -> str:
    """A pattern that also finds what is repeated more often: RE2 writes `x{1,63}` out 63 times, and `x{1,}` once."""
    return _PIECE.sub(lambda piece: f"{{{piece[1]},}}" if piece[1] else piece[0], text)
