"""Until when a ticket is to be answered, as it goes between the handlers and the store. Pure data; never fails."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from smtpgate.records import record


class Target(StrEnum):
    FIRST = "first"  # the first answer
    NEXT = "next"  # an answer to what a customer wrote since
    SOLUTION = "solution"
    DATE = "date"  # that an agent set


class Told(StrEnum):
    """What the agents have heard of it."""

    NOTHING = ""
    SOON = "soon"
    LATE = "late"


@record(frozen=True, slots=True)
class Watch:
    """Time of work that has been counted, in seconds, and since when it goes on; None: it stands."""

    spent: float = 0.0
    since: float | None = None
    told: Told = Told.NOTHING


@record(frozen=True, slots=True)
class TargetClock:
    """All that counts for one ticket. answer: a customer waits for one, the first unless `answered`; before: what `answer` was
    before the last answer, should that be taken back; date: set by an agent, at `dated`; due_at: what comes first of all, and
    alert_at: when somebody must hear of it next; None: nothing is due."""

    ticket_id: int
    desk: str
    answered: bool = False
    answer: Watch | None = None
    before: Watch | None = None
    before_first: bool = False
    answered_at: float | None = None
    solution: Watch | None = None
    ended_at: float | None = None
    date: float | None = None
    dated: float = 0.0
    date_told: Told = Told.NOTHING
    due_at: float | None = None
    due: Target = Target.DATE
    alert_at: float | None = None


@record(frozen=True, slots=True)
class Met:
    """What became of a target. at: when it was answered or solved; late: by so many seconds of work, 0.0 in time."""

    ticket_id: int
    target: Target
    desk: str
    at: float
    late: float


@record(frozen=True, slots=True)
class Count:
    """How often a target was met, and missed."""

    target: Target
    met: int
    missed: int


class HeldAlarm(NamedTuple):
    """Somebody who is to hear of a ticket that is late or soon will be, but has had too many mails within the hour."""

    address: str
    ticket_id: int
    at: float


Unmet = tuple[int, Target, float]  # ticket, target and moment of a Met that does not hold any more
