"""What is told of held mail and decided about it, as it goes between the handlers and the store. Pure data; never fails."""

from __future__ import annotations

from dataclasses import field

from smtpgate.model import MailState
from smtpgate.records import record


@record(frozen=True, slots=True)
class HoldingQuery:
    """ids: of held mails that signed addresses name; claimed: agents in whose name a mail is whose sender's check failed;
    may_be_held: who was told of others is wanted, for a fresh mail too or only where it reaches a ticket."""

    ids: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    may_be_held: bool = False
    fresh: bool = False


@record(frozen=True, slots=True)
class Held:
    """A mail that is, or was, held. why: a key of mail.heldmail.WORDS; asked: when its own author was asked to vouch for it, 0.0 if
    he was not."""

    id: str
    state: MailState
    at: float
    desk: str = ""
    author: str = ""
    subject: str = ""
    why: str = ""
    number: str = ""  # of the ticket that it would join
    evidence: str = ""
    asked: float = 0.0
    sharing: tuple[str, ...] = ()  # further desks whose agents were told


@record(frozen=True, slots=True)
class Collected:
    """A mail about held ones that has not left: since when it lists them, when it leaves, and which they are, oldest first."""

    outgoing_id: int
    since: float
    at: float
    mails: tuple[str, ...] = ()


@record(frozen=True, slots=True)
class Holding:
    mails: dict[str, Held] = field(default_factory=dict)  # those that were asked for, and those that are `collected`
    told: dict[str, int] = field(default_factory=dict)  # mails about held ones within the hour, by agent
    collected: dict[tuple[str, str], Collected] = field(default_factory=dict)  # by agent and desk
    alerted: frozenset[str] = frozenset()  # agents who were alerted within the hour


@record(frozen=True, slots=True)
class HoldNotice:
    """A mail that lists held ones, in place of the one before that has not left."""

    agent: str
    desk: str
    outgoing_id: int
    since: float
    mails: tuple[str, ...]  # oldest first
