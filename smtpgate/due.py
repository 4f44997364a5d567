"""What is to happen later by itself, and who is away, as it goes between the handlers and the store. Pure data; never fails."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from smtpgate.model import Status, Ticket
from smtpgate.records import record


class What(StrEnum):
    SNOOZE = "snooze"  # the ticket comes back to its agents
    STATE = "state"  # what silence leads to in the state that the ticket is in
    TARGET = "target"  # an answer is due soon, or late (smtpgate.target)


@record(frozen=True, slots=True)
class Due:
    """One thing. at: when somebody must look at it, None for never again; since: when it began, and state: of the ticket then;
    reminded: when the customer was, 0.0 if he was not."""

    ticket_id: int
    what: What
    at: float | None
    since: float
    state: Status
    reminded: float = 0.0

    def at_(self, at: float | None) -> Due:
        return replace(self, at=at)


@record(frozen=True, slots=True)
class Leave:
    """What an agent said by mail, at `since`: away until then; the same moment twice for "I am back"."""

    since: float
    until: float


@record(frozen=True, slots=True)
class Member:
    """What is kept of an agent. digested: the last day that had its digest, YYYYMMDD, or ""."""

    digested: str = ""
    leave: Leave | None = None


@record(frozen=True, slots=True)
class Circumstances:
    """What a decision about something due must know beside the facts. acknowledged: the ticket's customer had automatic mail about
    it, or we wrote first; held: a mail to the ticket waits for an agent to decide, and may be the customer's answer."""

    acknowledged: bool = False
    held: bool = False


def awake(ticket: Ticket, now: float) -> Due:
    """It is among what waits again."""
    return Due(ticket.id, What.SNOOZE, None, now, ticket.status)
