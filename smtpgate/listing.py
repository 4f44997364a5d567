"""What an agent asks about tickets, as it goes from the handlers to the store. Pure data; never fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smtpgate.model import Ticket


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line of a digest. since: the customer's first mail that nobody has answered, None when all are; back_at: when it comes
    back from a snooze."""

    ticket: Ticket
    since: float | None = None
    back_at: float | None = None


@dataclass(frozen=True, slots=True)
class Some:
    """The first lines of a list, and how long the whole of it is."""

    first: tuple[Waiting, ...] = ()
    all: int = 0


@dataclass(frozen=True, slots=True)
class Daily:
    """What waits for an agent. overdue, today: his or nobody's, and in no further list; mine: open, those that wait for us
    first, the longest before all; back: to come today."""

    overdue: Some = Some()
    today: Some = Some()
    mine: Some = Some()
    unassigned: Some = Some()
    back: Some = Some()

    @property
    def nothing(self) -> bool:
        return not any(some.all for some in (self.overdue, self.today, self.mine, self.unassigned, self.back))
