"""What an agent asks about tickets, as it goes from the handlers to the store. Pure data; never fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Listed(StrEnum):
    """Which tickets."""

    OPEN = "open"  # the longest waiting first
    MINE = "mine"  # open and his, the longest waiting first
    NEXT = "next"  # the one that waits longest for us and that nobody has
    WORDS = "words"  # with all of these words in the subject, the newest first
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Listing:
    """An agent's question about tickets of these desks. words are casefolded."""

    what: Listed
    desks: tuple[str, ...] = ()
    agent: str = ""
    words: tuple[str, ...] = ()
    number: str = ""
