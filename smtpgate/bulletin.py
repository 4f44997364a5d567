"""A notice to everybody whom something concerns: who is meant, and what it says. Pure data.

Called a bulletin in code and store, since `notice` is the short mail to senders that nothing vouches for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from smtpgate.languages import Language


class Matter(StrEnum):
    """What it is about."""

    NOTICE = "notice"
    DELAY = "delay"
    MAINTENANCE = "maintenance"
    OUTAGE = "outage"
    OVER = "over"  # what an earlier one told of has passed

    @property
    def spares_questions(self) -> bool:
        """Who wants fewer notices gets it all the same: it keeps him from a search for the fault, and from asking."""
        return self in (Matter.OUTAGE, Matter.OVER)


class Run(StrEnum):
    """How far it is."""

    SENDING = "sending"  # people are left
    SENT = "sent"
    ENDED = "ended"  # and everybody was told that it is over


@dataclass(frozen=True, slots=True)
class Bulletin:
    """To the customers of the open tickets with a tag. texts: by language, one at least. desk: "" for all; since: of tickets that
    have ended, too, those that changed later; follows: to whom that earlier one went instead."""

    id: int
    tag: str
    matter: Matter
    texts: Mapping[Language, str]
    author: str
    created_at: float
    desk: str = ""
    since: float | None = None
    follows: int | None = None
    run: Run = Run.SENDING

    def language(self, wanted: str) -> Language:
        """The one of its languages that a person who reads `wanted` gets."""
        order: tuple[Language, ...] = _ELSE.get(wanted, ("en", "zh", "zh-Hant"))
        return next(one for one in order if self.texts.get(one))


_ELSE: dict[str, tuple[Language, ...]] = {
    "zh": ("zh", "zh-Hant", "en"),
    "zh-Hant": ("zh-Hant", "zh", "en"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where it goes on: among open tickets or those that have ended, below this id, so that a person's newest comes first."""

    ended: bool = False
    below: int = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Served:
    """A person who got it, about which ticket, by which mail of ours."""

    address: str
    ticket_id: int
    outgoing_id: int


@dataclass(frozen=True, slots=True)
class BulletinSeen:
    """For whoever looks: deliveries by their state."""

    bulletin: Bulletin
    people: int
    deliveries: Mapping[str, int] = field(default_factory=dict)
