"""What a store can do, as verbs, and the plain data that goes in and out. No SQL here, and none outside this package.

Every verb is one transaction. It either happened, durably (a power cut included), or it raised and nothing changed.
Raises StoreError when it could not be done now, StoreFull when the disk is full, StoreFatal when nothing further can
be trusted. Cancelling a caller never cancels a write that has begun. All times are seconds since 1970 and come from the
caller; the store never asks what time it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from smtpgate.due import Due, Leave
from smtpgate.links import MovedEntry, NewLink
from smtpgate.listing import Listing
from smtpgate.model import (
    Attempt,
    Delivery,
    DeliveryState,
    Entry,
    Envelope,
    Evidence,
    MailState,
    OtherTicket,
    OutgoingMail,
    Participant,
    Priority,
    Status,
    Ticket,
    Verdict,
    Withdrawn,
)
from smtpgate.store.shown import OutgoingDetail, Pause, RecipientStatus, Said, TicketDetail

if TYPE_CHECKING:
    from smtpgate.store.rawfiles import Kept, RawUnreadable
    from smtpgate.store.seen import History, Overview, SourcedEntry

# --- an incoming mail -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """What COMMIT 1 stores. trace is what we put before raw (Return-Path, Received, Authentication-Results)."""

    envelope: Envelope
    trace: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    verdict: Verdict
    message_id: str | None  # as found in the header section, for replies that come before their parent is filed


@dataclass(frozen=True, slots=True)
class Incoming:
    """A stored incoming mail. tries counts failures of filing, claims how often a worker took it and did not postpone it."""

    id: str
    state: MailState
    envelope: Envelope
    verdict: Verdict
    received_at: float
    size: int
    sha256: str
    message_id: str | None
    tries: int = 0
    claims: int = 0
    released: bool = False  # an agent let it through: rights as if it were authenticated, for joining and opening
    reason: str = ""  # why held, or the last failure
    ticket_ids: tuple[int, ...] = ()
    decision: str = ""  # JSON of what filing decided, for `explain` and `show`
    trace: bytes = field(default=b"", repr=False)
    raw: bytes = field(default=b"", repr=False)  # only from verbs that say so
    kept: Kept | None = None  # where raw lies, when that is a file
    fault: RawUnreadable | None = None  # why raw is empty, from those verbs, when the file cannot be had


# --- what filing may ask, all at once ---------------------------------------------------------------------------------


NumbersOf = Callable[[tuple[str, str], int], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class FactsQuery:
    """Everything that the handlers could want to know about one mail, gathered before they run."""

    mail_id: str
    now: float
    sender: str  # mail.address.key of the author, "" if there is none
    message_id: str | None
    references: tuple[str, ...]  # In-Reply-To first, then References, newest first
    numbers: tuple[str, ...]  # candidates found in the subject
    ticket_ids: tuple[int, ...]  # from valid signed reply addresses
    recipient_ids: tuple[int, ...]  # from valid signed return paths
    fingerprints: tuple[str, ...]  # two for each desk it went to
    serials: tuple[tuple[str, str], ...]  # (day, channel) counters that a new ticket might need
    imported: bool = False  # history: a reference counts whoever sent it
    named: tuple[str, ...] = ()  # of history: its own id and those it refers to, where they may not have come
    pictures: tuple[str, ...] = ()  # SHA-256 of the pictures in it
    parents: tuple[str, ...] = ()  # Message-IDs of mails that it may quote, two at most, whose texts are wanted
    subjects: tuple[str, ...] = ()  # of history that answers and names no mail: keys of its subject, one for each desk
    desks: tuple[str, ...] = ()  # names of those that it is addressed to
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # agents to be told, by desk
    told_most: int = 0  # mails to one of them in an hour; twice as many left out are counted
    conversation: bool = False  # what was said in the tickets that it reaches, and which others its sender has, is wanted
    listing: Listing | None = None  # tickets that an agent asks for
    also: tuple[str, ...] = ()  # numbers of tickets that an agent's commands name
    open_tickets: bool = False  # with that: all that are open of those of which its sender is the customer
    numbers_of: NumbersOf | None = None  # what a counter's serial would make, to pass by numbers that an earlier pattern made


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A Message-ID that belongs to a ticket. ours: we made it."""

    message_id: str
    ticket_id: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The first copy of a mail that may come again. strong: it was authenticated. told: its sender knows of the repeat."""

    key: str
    ticket_id: int
    mail_id: str
    first_at: float
    strong: bool
    told: bool
    entry_id: int | None = None  # what the first copy became in the ticket


@dataclass(frozen=True, slots=True)
class SentRecipient:
    """A recipient of a mail of ours, found by its signed return path."""

    recipient_id: int
    outgoing_id: int
    ticket_id: int | None
    address: str
    state: DeliveryState
    cause: str | None = None  # id of the mail whose filing sent it
    purpose: str = ""  # of the mail


@dataclass(frozen=True, slots=True)
class AckCounts:
    """Acknowledgements sent or scheduled, notices not: when to this address in 24 h, oldest first; how many to all since now."""

    to_address: tuple[float, ...] = ()
    to_all: dict[int, int] = field(default_factory=dict)  # by minutes since 1970
    notices_last_day: int = 0  # of the short notice to unverified senders, to this address


@dataclass(frozen=True, slots=True)
class Facts:
    """The answers. tickets holds every ticket that any rung of the ladder could reach, by id."""

    tickets: dict[int, Ticket] = field(default_factory=dict)
    by_message_id: dict[str, MessageRef] = field(default_factory=dict)
    by_number: dict[str, int] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)  # tickets that lead to another one, which is in `tickets` for them
    fingerprints: dict[str, Fingerprint] = field(default_factory=dict)
    recipients: dict[int, SentRecipient] = field(default_factory=dict)
    unfiled_parents: tuple[str, ...] = ()  # ids of accepted, not yet filed mails among references
    expected_parents: tuple[str, ...] = ()  # those of them that came before this mail and on which nothing has failed
    serials: dict[tuple[str, str], int] = field(default_factory=dict)  # the next number of each counter, from 1
    acks: AckCounts = AckCounts()
    machine_last_hour: dict[int, int] = field(default_factory=dict)  # machine mails by ticket id
    language: str = ""  # what we last wrote to this sender in
    holders: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of history: tickets that have a mail with this id
    talks: dict[int, tuple[str, ...]] = field(default_factory=dict)  # of history: what was written under that subject, by ticket
    unseen: dict[str, int] = field(default_factory=dict)  # of history: the first ticket in which this id is referred to
    seen_pictures: frozenset[str] = frozenset()  # came before, from this sender or on a ticket of this mail
    letters: tuple[bytes, ...] = ()  # our own mails that it may quote, whole
    parents: tuple[str, ...] = ()  # texts of entries that it may quote
    said: Said = field(default_factory=Said)  # when the question asks for it
    listed: tuple[Ticket, ...] = ()  # what the listing found, 51 at most; of a single one its entries are in said too
    open_tickets: tuple[OtherTicket, ...] = ()  # of the sender, the newest first, when the question asks for them


# --- what filing changes, all at once ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewTicket:
    ticket: Ticket  # participants included
    serial: tuple[str, str] | None = None  # the counter that its number used up
    used: int = 0  # the serial, where it may be ahead of the counter


@dataclass(frozen=True, slots=True)
class TicketUpdate:
    """None leaves a field as it is."""

    ticket_id: int
    status: Status | None = None
    updated_at: float | None = None
    language: str | None = None
    add_participants: tuple[Participant, ...] = ()  # of those who are there already only Role.CC becomes Role.JOINED
    remove_participants: tuple[str, ...] = ()  # addresses; never the customer's
    assignee: str | None = None  # "" for nobody
    priority: Priority | None = None
    tags: tuple[str, ...] | None = None
    desk: str | None = None


@dataclass(frozen=True, slots=True)
class NewFingerprint:
    key: str
    ticket_id: int
    first_at: float
    strong: bool


TO_AGENT, LEFT_OUT = "to-agent", "left-out"  # AckNote.purpose of a mail to an agent that was sent, and that was not


@dataclass(frozen=True, slots=True)
class AckNote:
    """One automatic mail that counts against a cap; that is of a mailbox, so case and sub-address of `address` do not count."""

    address: str
    at: float
    purpose: str  # received, repeat, notice, …; to-agent and left-out count for agents alone

    @property
    def of_agent(self) -> bool:
        """It counts against an agent's cap, and no other."""
        return self.purpose in (TO_AGENT, LEFT_OUT)


@dataclass(frozen=True, slots=True)
class Changes:
    """All that one step of work changes. Applied whole or not at all."""

    state: MailState | None = None  # of the incoming mail; None: not about an incoming mail
    reason: str = ""
    decision: str = ""  # JSON
    tickets: tuple[NewTicket, ...] = ()
    updates: tuple[TicketUpdate, ...] = ()
    entries: tuple[Entry, ...] = ()
    message_refs: tuple[MessageRef, ...] = ()
    fingerprints: tuple[NewFingerprint, ...] = ()
    told: tuple[str, ...] = ()  # fingerprints whose sender is now told of the repeat
    outgoing: tuple[OutgoingMail, ...] = ()
    acks: tuple[AckNote, ...] = ()
    bounced: tuple[tuple[int, str], ...] = ()  # (recipient id, what the bounce said)
    subjects: tuple[tuple[str, int, float], ...] = ()  # (key, ticket id, when) of tickets of history
    unseen_refs: tuple[tuple[str, int], ...] = ()  # (Message-ID that a mail of history refers to, ticket id)
    withdrawn: tuple[Withdrawn, ...] = ()  # answers that their author takes back
    released: tuple[str, ...] = ()  # ids of held mails that an agent vouches for
    silenced: tuple[int, ...] = ()  # ids of tickets whose automatic mail to people outside is taken back where it has not left
    links: tuple[NewLink, ...] = ()  # one of kind INTO also moves all that the ticket holds
    moved: tuple[MovedEntry, ...] = ()
    due: tuple[Due, ...] = ()  # each in place of the one before
    leaves: tuple[tuple[str, Leave], ...] = ()  # what agents say, by mail.address.key
    digested: tuple[tuple[str, str], ...] = ()  # agents and the day that now had its digest
    postpone_until: float | None = None  # leave it accepted and look again then; nothing else may be set


Decide = Callable[[Facts], Changes]


@dataclass(frozen=True, slots=True)
class OldMail:
    """A mail of an archive, ready to be filed. key: its place and content; source: the place as a person names it."""

    mail: Accepted
    source: str
    key: str
    query: FactsQuery
    decide: Decide


class IntakeStore(Protocol):
    """What the doors need of it, which may be another process's."""

    async def accept(self, mail: Accepted) -> None:
        """COMMIT 1: the mail is ours, in state accepted."""

    async def greylist(self, key: str, *, now: float, delay: float, window: float, remember: float) -> float:
        """Note a try of this key. Seconds that it still has to wait; 0.0: it came again after `delay` and within `window`,
        and is remembered for `remember` from now."""

    async def clients(self, limit: int) -> Sequence[tuple[str, Evidence, str]]:
        """Who sent the last accepted mails: address, what authentication found, author. Newest first."""


class DeliveryStore(Protocol):
    """What delivery needs of it, which may be another process's. Several of them are told apart by `worker`."""

    async def claim_deliveries(
        self,
        *,
        worker: str,
        now: float,
        limit: int,
        next_at: Callable[[int], float],
        skip: Sequence[str] = (),
        lease: float = 3600.0,
    ) -> Sequence[Delivery]:
        """Take up to `limit` due recipients, longest due first, and store their next attempt before this one starts.

        For each the attempt count rises by one and next_at(attempts) becomes its time for the next one, so a process
        that dies leaves a recipient that is tried again at the right time. `skip` names paused destinations (domains).
        `lease`: seconds for which nobody else takes them, however near next_at is; record_attempts and unclaim end it.
        """

    async def record_attempts(
        self,
        attempts: Sequence[Attempt],
        *,
        delay_told: Sequence[int] = (),
        events: Sequence[Entry] = (),
        returned: Sequence[Accepted] = (),
    ) -> None:
        """Store what became of attempts, the events that they mean for tickets, and reports to be filed as mail, at once."""

    async def unclaim(self, recipient_ids: Sequence[int], *, now: float) -> None:
        """Give back recipients whose attempt never began: due at once, attempt not counted."""

    async def next_due(self) -> float | None:
        """When the next pending recipient is due, or None."""

    async def pauses(self) -> Sequence[Pause]: ...

    async def pause(self, pause: Pause) -> None: ...

    async def resume(self, destination: str | None) -> int:
        """End one pause, or all. Returns how many."""


class Store(IntakeStore, DeliveryStore, Protocol):
    """The verbs. `worker` names who holds a lease; a lease that has ended is anybody's."""

    async def close(self) -> None:
        """Finish queued writes and close. Safe to call twice."""

    # filing
    async def accept_claimed(self, mail: Accepted, *, worker: str, until: float) -> Incoming:
        """COMMIT 1 and claim in one, leased until then; what claim would return."""

    async def claim(self, *, worker: str, now: float, lease: float, limit: int, octets: int = 2**62) -> Sequence[Incoming]:
        """Lease accepted mails that nobody has, oldest first, up to `limit` and so many octets, but at least one; with raw."""

    async def claim_poison(self, mail_id: str, *, worker: str, now: float, lease: float) -> Incoming | None:
        """Lease one poison mail, accepted again, with raw; None when it is not poison."""

    async def file(self, mail_id: str, *, worker: str, query: FactsQuery, decide: Decide) -> Changes:
        """COMMIT 2: answer `query`, call `decide` with the facts and apply what it returns, in one transaction.

        decide must be pure and quick; what it raises is raised here and nothing is changed. Raises LeaseLost.
        """

    async def file_imported(self, mails: Sequence[OldMail]) -> Sequence[str]:
        """Accept and file these, in order and all at once; what has come before by its key stays as it is.

        Returns the decision (JSON) of each. What a decide raises is raised here and nothing is changed. Raises StoreMisuse
        when one would send something.
        """

    async def imported(self, keys: Sequence[str]) -> dict[str, str]:
        """The decisions (JSON) of those that have come before, by key."""

    async def file_failed(
        self, mail_id: str, *, worker: str, now: float, reason: str, again_at: float, poison_after: int | None
    ) -> MailState:
        """Count a failure of filing and give the lease back; poison when it was the poison_after-th.

        poison_after None: nobody's failure (the store itself refused), so it is not counted.
        """

    async def release_leases(self, worker_prefix: str) -> int:
        """At start: leases of an earlier life of this node end now. Returns how many."""

    # looking, no change
    async def facts(self, query: FactsQuery) -> Facts: ...

    async def mail(self, mail_id: str) -> Incoming | None:
        """With raw."""

    async def mails(self, state: MailState | None, *, limit: int, before: str | None = None) -> Sequence[Incoming]:
        """Newest first, without raw; `before` is the id after which to go on."""

    async def mails_of_message_id(self, message_id: str) -> Sequence[Incoming]:
        """Every copy, oldest first, without raw."""

    async def ticket(self, number: str) -> TicketDetail | None: ...

    async def tickets(
        self, *, desk: str | None, statuses: Sequence[Status], sender: str | None, limit: int, before: int | None = None
    ) -> Sequence[Ticket]:
        """Newest first; `before` is the ticket id after which to go on."""

    async def entries(self, ticket_ids: Sequence[int]) -> dict[int, tuple[SourcedEntry, ...]]:
        """Of each of these tickets, oldest first."""

    async def outgoing(self, outgoing_id: int) -> OutgoingDetail | None: ...

    async def history(self, name: str, *, number: int | None, limit: int) -> History | None:
        """By ticket number, <Message-ID> or id of a mail in either direction; number: what the name is as an id."""

    async def queue(
        self,
        *,
        states: Sequence[DeliveryState],
        ticket_number: str | None,
        limit: int,
        before: int | None = None,
        domain: str | None = None,
        created_before: float | None = None,
        address: str | None = None,
    ) -> Sequence[RecipientStatus]:
        """Newest first; `before` is the recipient id after which to go on."""

    # what an admin or agent does
    async def settle_mail(self, mail_id: str, *, expect: Sequence[MailState], to: MailState, reason: str) -> bool:
        """Release (to accepted, marked released), replay (to accepted, tries forgotten) or drop a held or poison mail.

        Released means that the mail was HELD before. False when it is not in one of the expected states.
        """

    async def change(
        self, *, ticket_number: str | None, query: FactsQuery | None, decide: Callable[[Ticket | None, Facts], Changes]
    ) -> Changes:
        """A change that no incoming mail caused (a status set by an agent), decided inside the transaction like `file`."""

    async def settle_recipients(self, recipient_ids: Sequence[int], *, to: DeliveryState, now: float) -> int:
        """Retry now (to queued), hold or drop pending recipients; retry also takes failed, expired and held ones, drop held ones.

        One that is being tried is left alone by retry and hold. Returns how many moved.
        """

    # small facts that outlive the process
    async def number_patterns(self, current: str) -> tuple[str, ...]:
        """Remember the current number pattern; return all that were ever in force, the current one first."""

    async def known_number_patterns(self) -> tuple[str, ...]:
        """Those remembered, changing nothing."""

    async def known_token_key(self) -> bytes | None:
        """The store's own signing key, if it has one already."""

    async def token_key(self, candidate: bytes) -> bytes:
        """The store's own signing key; `candidate` becomes it when there is none yet."""

    async def overview(self, now: float) -> Overview: ...

    async def counts(self) -> dict[str, int]:
        """Rows by state, as "mail.accepted", "delivery.queued", "ticket.open": for status lines and tests."""
