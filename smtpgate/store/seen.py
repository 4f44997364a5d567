"""What `status`, `log`, `explain` and `verify` are told by the store: plain data, as in store.api."""

from __future__ import annotations

from dataclasses import dataclass, field

from smtpgate.model import Attempt, Entry, Ticket
from smtpgate.store.api import Incoming
from smtpgate.store.shown import Pause, RecipientStatus


@dataclass(frozen=True, slots=True)
class SentMail:
    """An outgoing mail without its bytes, with all that became of it."""

    id: int
    message_id: str
    purpose: str
    created_at: float
    recipients: tuple[RecipientStatus, ...]
    attempts: tuple[Attempt, ...]  # of all recipients, oldest first


@dataclass(frozen=True, slots=True)
class History:
    """What the store knows about a ticket, a Message-ID or an id, each part oldest first. cut: there is older that is left out."""

    mails: tuple[Incoming, ...]
    entries: tuple[Entry, ...]
    tickets: dict[int, Ticket]  # by id: those of the entries
    sent: tuple[SentMail, ...]
    bounces: tuple[Incoming, ...] = ()  # that came for `sent`, where they are not among `mails`
    cut: bool = False


@dataclass(frozen=True, slots=True)
class SourcedEntry:
    """An entry and where it came from: the place in an archive, else the id of the mail, None for what no mail caused."""

    entry: Entry
    source: str | None


@dataclass(frozen=True, slots=True)
class WorkedTime:
    """Minutes that were spent at a desk: by an agent, or on a ticket; in how many entries, on how many tickets."""

    desk: str
    agent: str
    number: str
    minutes: int
    entries: int
    tickets: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `verify` found wrong, and what to do about it."""

    text: str
    mend: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Mails of the last so many seconds. filed: those of the accepted that are filed by now."""

    seconds: float
    accepted: int
    filed: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Worker:
    """Who has work in hand: how many mails or recipients, and when the last of its leases ends."""

    name: str
    work: str  # filing, delivery
    count: int
    until: float


@dataclass(frozen=True, slots=True)
class Node:
    """A gateway that shares the store, as it was when it last gave a sign. doing: small numbers by name."""

    name: str
    version: str
    started_at: float
    seen_at: float
    doing: dict[str, int]


@dataclass(frozen=True, slots=True)
class Coming:
    """What happens by itself: when the next of it, and how much within a day, 10,000 for that and more."""

    next_at: float | None = None
    within_a_day: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """`status`. oldest: when the oldest came that waits, by the names of counts; only states in which something waits."""

    counts: dict[str, int]
    rates: tuple[Rate, ...]
    oldest: dict[str, float]
    pauses: tuple[Pause, ...]
    workers: tuple[Worker, ...]
    schema: int
    nodes: tuple[Node, ...] = ()
    coming: Coming = Coming()
    overdue: dict[str, int] = field(default_factory=dict)  # tickets, by desk, where it was asked for
