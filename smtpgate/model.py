"""The words of the house as types. Plain frozen data: no I/O, no behaviour beyond small properties.

Everything here may be stored or printed as JSON, so fields are str, int, float, bool, None, tuples and each other.
"""

# ruff: noqa: PLC0414 -- what `parsed` defines is imported from here
from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from smtpgate.links import Link
from smtpgate.parsed import Address as Address
from smtpgate.parsed import Attachment as Attachment
from smtpgate.parsed import BounceReason as BounceReason
from smtpgate.parsed import BounceRecipient as BounceRecipient
from smtpgate.parsed import BounceReport as BounceReport
from smtpgate.parsed import Detail as Detail
from smtpgate.parsed import Kind as Kind
from smtpgate.parsed import Meeting as Meeting
from smtpgate.parsed import Original as Original
from smtpgate.parsed import ParsedMail as ParsedMail
from smtpgate.person import is_pseudonym
from smtpgate.records import record
from smtpgate.target import TargetClock

# --- what came in -----------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Envelope:
    """What SMTP said about one mail. mail_from is None for the null sender (RFC 5321 §4.5.5).

    rcpts are as the client wrote them, in order. received_at is in seconds since 1970.
    """

    mail_id: str
    mail_from: str | None
    rcpts: tuple[str, ...]
    peer: str  # the client's IP address, or "" when it is not known
    helo: str
    received_at: float
    protocol: str = "ESMTP"  # RFC 3848: SMTP, ESMTP, ESMTPS, LMTP, …; RFC 6531 adds UTF8SMTP…
    tls: str | None = None  # protocol and cipher, for the Received field
    smtputf8: bool = False
    relay: str = ""  # who handed it over for `peer`: an IP address, LOCAL, or "" when that was `peer` itself; not stored
    login: str = ""  # the agent who has logged in to submit it; not stored


LOCAL = "local"  # a relay on this machine that the kernel vouches for: a Unix socket of ours, stdin


# --- who sent it ------------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class SpfResult:
    """RFC 7208 §2.6. reason carries the explanation on a fail."""

    result: str  # none neutral pass fail softfail temperror permerror
    domain: str = ""
    reason: str = ""


@record(frozen=True, slots=True)
class DkimResult:
    """One signature (RFC 6376 §3.9). result is pass only when nothing in it speaks against trusting it."""

    result: str  # pass fail neutral temperror permerror policy
    domain: str = ""
    selector: str = ""
    reason: str = ""


@record(frozen=True, slots=True)
class DmarcResult:
    """RFC 9989. policy is the one that applies after sp, np and t; aligned names the mechanism that passed."""

    result: str  # none pass fail temperror permerror
    policy: str = "none"  # none quarantine reject
    domain: str = ""  # where the record was found
    reason: str = ""
    aligned: str = ""  # "dkim", "spf" or ""


@record(frozen=True, slots=True)
class ArcResult:
    result: str = "none"  # none pass fail
    reason: str = ""
    sealer: str = ""


class Evidence(StrEnum):
    """The rows of the rights table (rules/rights.py), strongest first."""

    TRUSTED = "trusted"  # submitted from a network that the admin trusts
    DMARC_DKIM = "dmarc-dkim"  # DMARC pass by aligned DKIM
    DMARC_SPF = "dmarc-spf"  # DMARC pass by SPF alone
    DOMAIN = "domain"  # the domain publishes no DMARC, SPF or DKIM of the same domain passes
    NONE = "none"  # no evidence at all
    TEMPERROR = "temperror"  # DNS did not answer in time: nothing is known, nothing is held against it
    FAIL = "fail"  # DMARC fail
    IMPORTED = "imported"  # history that the admin brought in: nobody checked it, and nobody acts on it
    AMBIGUOUS = "ambiguous"  # no From, two From, an unreadable From, doubled singleton headers


OF_OUR_DELIVERY = (
    "made by our own delivery"  # all that is said of the sender of its reports; no mail from outside is said only this
)


@record(frozen=True, slots=True)
class Verdict:
    """What authentication found about one mail, and why. author is the one From address, "" if there is not exactly one."""

    evidence: Evidence
    author: str
    spf: SpfResult
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcResult
    arc: ArcResult
    reasons: tuple[str, ...] = ()
    header: str = ""  # the value of our Authentication-Results field (RFC 8601), unfolded


# --- tickets ----------------------------------------------------------------------------------------------------------


class Status(StrEnum):
    """Where a ticket stands (已接收 处理中 等待回复 已解决 已关闭)."""

    RECEIVED = "received"
    PROGRESS = "progress"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def open(self) -> bool:
        return self not in (Status.RESOLVED, Status.CLOSED)


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


COPIES = "copies of our answers: "  # begins an event that says who gets them, +address, and no longer, -address


class EntryKind(StrEnum):
    """What one thing in a ticket is. Only CUSTOMER, REPLY and STATUS ever face a customer; NOTE never has a path to one."""

    CUSTOMER = "customer"  # a participant wrote
    THIRD_PARTY = "third-party"  # somebody else wrote into the conversation
    REPEAT = "repeat"  # the same mail again
    MACHINE = "machine"  # auto-reply, list mail, receipt, bounce: noted
    REPLY = "reply"  # an agent's answer to the customer
    STATUS = "status"  # templated mail of ours
    NOTE = "note"  # inside only
    EVENT = "event"  # something happened to the ticket


class Role(StrEnum):
    CUSTOMER = "customer"  # whose ticket it is
    CC = "cc"  # named by an authenticated participant; listed, not mailed automatically
    JOINED = "joined"  # an agent let them take part: gets a copy of our answers


@record(frozen=True, slots=True)
class Participant:
    address: str  # compared by `mail.address.key`
    name: str
    role: Role
    fewer: bool = False  # wants fewer notices
    since: float = 0.0  # of a customer whom an agent put in the place of another one: when; 0.0 for one who was it from the start
    subject: bool = True  # may he read the ticket's subject; not as a customer who never saw it, for it is another's words


@record(frozen=True, slots=True)
class Ticket:
    id: int
    number: str
    desk: str
    status: Status
    subject: str
    language: str
    created_at: float
    updated_at: float
    participants: tuple[Participant, ...] = ()
    unverified: bool = False  # opened by mail without evidence
    other_desks: tuple[str, ...] = ()  # desks that the same mail went to, when they share one ticket
    assignee: str = ""  # the agent who has it, "" for nobody
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()  # to other tickets, the oldest first
    snoozed_until: float | None = None  # not among what waits until then
    ended_at: float | None = None  # since when it is resolved or closed, where that is known
    worked: int = 0  # minutes that agents say they spent on it
    clock: TargetClock | None = None  # until when it is to be answered, where that is counted

    @property
    def customer(self) -> Participant | None:
        return next((p for p in self.participants if p.role is Role.CUSTOMER), None)

    @property
    def erased(self) -> bool:
        """Its customer's data were erased: nobody outside has to do with it any more."""
        return self.customer is None and any(is_pseudonym(p.address) for p in self.participants)

    @property
    def joined(self) -> tuple[Participant, ...]:
        return tuple(p for p in self.participants if p.role is Role.JOINED)

    @property
    def subject_shown(self) -> bool:
        """May its customer read its subject? Not one that nobody vouches for, nor the words of another one in whose place he is."""
        return not self.unverified and (self.customer is None or self.customer.subject)


@record(frozen=True, slots=True)
class OtherTicket:
    """One line about a ticket."""

    id: int
    number: str
    status: Status
    subject: str


SAID_WITH = "with "  # begins the mark of what was said while somebody else was the ticket's customer; his address follows, or
NOBODY = "nobody"


@record(frozen=True, slots=True)
class Entry:
    id: int
    ticket_id: int
    kind: EntryKind
    author: str  # address, "" for ourselves
    created_at: float
    text: str  # what was newly written
    mail_id: str | None = None  # the incoming mail it came from
    message_id: str | None = None
    evidence: str = ""
    marks: tuple[str, ...] = ()  # weak, unverified, third-party, claims #N, …: shown to agents
    attachments: tuple[Attachment, ...] = ()
    rung: str = ""  # of the ladder (handlers/thread.py) that led to it; "" for what no mail caused
    repeat_of: int | None = None  # the entry of the first copy
    details: tuple[Detail, ...] = ()  # what it is about

    @property
    def said_with(self) -> str:
        """Who was the customer then, where another one is in his place since; "" for the one who is it."""
        return next((mark.removeprefix(SAID_WITH) for mark in self.marks if mark.startswith(SAID_WITH)), "")


# --- states of rows; docs/internals.md says who moves them, and a test holds the two together --------------------------


class MailState(StrEnum):
    """An incoming mail."""

    ACCEPTED = "accepted"  # ours since the 250; to be filed (leased while a worker has it)
    FILED = "filed"
    HELD = "held"  # an agent decides: release or drop
    POISON = "poison"  # filing failed three times; visible, replayable
    DROPPED = "dropped"  # an agent decided so; the raw mail is still there


class DeliveryState(StrEnum):
    """One recipient of one outgoing mail."""

    QUEUED = "queued"  # next attempt at next_at
    UNCERTAIN = "uncertain"  # connection lost after the final dot: same bytes again, after a longer wait
    DELIVERED = "delivered"
    FAILED = "failed"  # the far side said 5xx, or it cannot be sent as it is
    EXPIRED = "expired"  # given up after the queue lifetime
    BOUNCED = "bounced"  # was delivered, then a bounce came back to its signed return path
    DROPPED = "dropped"  # an admin decided so
    HELD = "held"  # an admin keeps it back: not tried until he releases or drops it

    @property
    def pending(self) -> bool:
        return self in (DeliveryState.QUEUED, DeliveryState.UNCERTAIN)


# --- outgoing ---------------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class OutgoingRecipient:
    """One recipient of an outgoing mail at the time it is queued. return_path None is the null sender."""

    id: int
    address: str
    return_path: str | None
    next_at: float


@record(frozen=True, slots=True)
class OutgoingMail:
    """A mail whose bytes never change again. Delivery puts its DKIM signature in front of them."""

    id: int
    message_id: str
    purpose: str  # received repeat progress waiting resolved closed reopened status postmaster answer to-agent receipt held alert
    data: bytes = field(repr=False)
    recipients: tuple[OutgoingRecipient, ...]
    created_at: float
    ticket_id: int | None = None
    entry_id: int | None = None
    smtputf8: bool = False  # needs SMTPUTF8 on the next hop (RFC 6531)
    eightbit: bool = False  # needs 8BITMIME (RFC 6152)


@record(frozen=True, slots=True)
class Withdrawn:
    """An answer that has not left yet, or the mail to a customer who is it no longer."""

    outgoing_id: int
    entry_id: int


@record(frozen=True, slots=True)
class Delivery:
    """One claimed recipient: what a delivery attempt needs. attempts counts this one too."""

    recipient_id: int
    outgoing_id: int
    ticket_id: int | None
    address: str
    return_path: str | None
    state: DeliveryState
    attempts: int
    created_at: float
    delay_told: bool
    smtputf8: bool
    eightbit: bool
    message_id: str
    data: bytes = field(repr=False)
    cause: str | None = None  # id of the mail whose filing sent this one
    purpose: str = ""  # of the mail


@record(frozen=True, slots=True)
class Attempt:
    """What became of one attempt for one recipient. code 0: no reply was heard (remote says why)."""

    recipient_id: int
    at: float
    state: DeliveryState  # the recipient's new state
    next_at: float  # when to try again; ignored unless state is pending
    code: int
    reply: str  # the far side's words, or our reason, at most 1,000 characters
    remote: str  # host[address]:port, directory, or ""
    tls: str = ""
