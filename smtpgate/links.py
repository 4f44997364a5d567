"""How two tickets belong together: one was merged into the other, split off it, or goes on where it ended.

Pure data; never fails. A link is seen from both ends, and each end has its own word for it.
"""

from __future__ import annotations

from enum import StrEnum

from smtpgate.records import record


class LinkKind(StrEnum):
    """What the other ticket is to this one."""

    INTO = "into"  # this one was merged into it: its number, addresses and Message-IDs lead there for ever
    HOLDS = "holds"  # it was merged into this one
    SPLIT_FROM = "split-from"  # this one was taken out of it
    SPLIT_OFF = "split-off"  # it was taken out of this one
    FOLLOWS = "follows"  # this one goes on where it ended
    FOLLOWED_BY = "followed-by"  # it goes on where this one ended
    BESIDE = "beside"  # somebody else's, about the same

    @property
    def seen_from_there(self) -> LinkKind:
        return _OTHER_END[self]


_PAIRS = (
    (LinkKind.INTO, LinkKind.HOLDS),
    (LinkKind.SPLIT_FROM, LinkKind.SPLIT_OFF),
    (LinkKind.FOLLOWS, LinkKind.FOLLOWED_BY),
    (LinkKind.BESIDE, LinkKind.BESIDE),
)
_OTHER_END = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}


@record(frozen=True, slots=True)
class Link:
    """The other end, as a ticket has it."""

    kind: LinkKind
    ticket_id: int
    number: str


@record(frozen=True, slots=True)
class NewLink:
    """kind: what the other ticket is to this one; the other one gets its own word. by: who linked them, "" for ourselves."""

    ticket_id: int
    kind: LinkKind
    other_id: int
    at: float
    by: str = ""
    undo_within: float = 0.0  # of a merge: seconds for which it may be taken back, 0 for one that is for good


@record(frozen=True, slots=True)
class Unmerge:
    """A merge that is taken back. Nothing else may have happened in the other ticket since (store/unmerging)."""

    ticket_id: int
    other_id: int


@record(frozen=True, slots=True)
class Stray:
    """A merged ticket to which a program that knows of no merges has written. open: so that somebody waits for something there."""

    ticket_id: int
    other_id: int
    open: bool


@record(frozen=True, slots=True)
class MovedEntry:
    """An entry that is taken out of its ticket, with its repeats."""

    entry_id: int
    ticket_id: int
    to_ticket: int
