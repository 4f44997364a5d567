"""What a store can do, as verbs, and the plain data that goes in and out (store.decision has that of filing). No SQL here.

Every verb is one transaction. It either happened, durably (a power cut included), or it raised and nothing changed.
Raises StoreError when it could not be done now, StoreFull when the disk is full, StoreFatal when nothing further can
be trusted. Cancelling a caller never cancels a write that has begun. All times are seconds since 1970 and come from the
caller; the store never asks what time it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from smtpgate.blocks import Block
from smtpgate.bulletin import Bulletin, BulletinSeen, Place, Run, Served
from smtpgate.due import Due, Member
from smtpgate.listing import Daily
from smtpgate.model import (
    Attempt,
    Delivery,
    DeliveryState,
    Entry,
    Envelope,
    Evidence,
    MailState,
    Status,
    Ticket,
    Verdict,
)
from smtpgate.records import record
from smtpgate.store.decision import (
    ALERT,
    HELD,
    LEFT_OUT,
    TO_AGENT,
    AckCounts,
    AckNote,
    Changes,
    Decide,
    DecideDue,
    Facts,
    FactsQuery,
    Fingerprint,
    MessageRef,
    NewFingerprint,
    NewTicket,
    NumbersOf,
    QueryOf,
    SentRecipient,
    SpentTime,
    Taken,
    TicketUpdate,
)
from smtpgate.store.shown import Choice, OutgoingDetail, Pause, RecipientStatus, Reversal, TicketDetail
from smtpgate.target import Count, TargetClock

if TYPE_CHECKING:
    from smtpgate.store.rawfiles import Kept, RawUnreadable
    from smtpgate.store.seen import History, Overview, SourcedEntry, WorkedTime

__all__ = [
    "ALERT",
    "HELD",
    "LEFT_OUT",
    "TO_AGENT",
    "Accepted",
    "AckCounts",
    "AckNote",
    "Changes",
    "Choice",
    "Decide",
    "DecideDue",
    "DeliveryStore",
    "Facts",
    "FactsQuery",
    "Fingerprint",
    "Incoming",
    "IntakeStore",
    "MessageRef",
    "NewFingerprint",
    "NewTicket",
    "NumbersOf",
    "OldMail",
    "QueryOf",
    "Reversal",
    "SentRecipient",
    "SpentTime",
    "Store",
    "Taken",
    "TicketUpdate",
]

# --- an incoming mail -------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Accepted:
    """What COMMIT 1 stores. trace is what we put before raw (Return-Path, Received, Authentication-Results)."""

    envelope: Envelope
    trace: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    verdict: Verdict
    message_id: str | None  # as found in the header section, for replies that come before their parent is filed


@record(frozen=True, slots=True)
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


# the notice, tickets, keys of people who have it, and by a ticket's id the newest that was said there, without the texts
DecideBatch = Callable[
    [Bulletin, Sequence[Ticket], frozenset[str], Mapping[int, tuple[Entry, ...]]], tuple[Changes, Sequence[Served]]
]


@record(frozen=True, slots=True)
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

    async def guesses(
        self, worker: str, told: Sequence[tuple[str, int, int]], since: int, keys: Sequence[str] | None
    ) -> Sequence[tuple[str, int, int]]:
        """Wrong passwords: key, minute since 1970, how many. told are added to this worker's; what comes back is those of all
        others since that minute, of these keys, or with None of all."""

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

    # time
    async def first_due(self, now: float) -> Due | None:
        """What has been due for longest."""

    async def settle_due(self, wanted: Due, *, query_of: QueryOf, decide: DecideDue) -> Changes | None:
        """Do what is due, decided inside the transaction like `file`; decide must give it another time, or none.

        None: it has been done, or is no longer due.
        """

    async def postpone_due(self, wanted: Due, *, now: float, waits: Sequence[float]) -> int:
        """It could not be done, and comes again after the next of these waits, at last after the last: how often by now."""

    async def members(self) -> dict[str, Member]:
        """What is kept of agents, by mail.address.key."""

    async def daily(self, agent: str, desks: Sequence[str], now: float, until: float) -> Daily:
        """What waits for an agent; until: the end of his day."""

    async def send_digest(self, agent: str, before: str, changes: Changes) -> bool:
        """A digest goes out with these changes. before: the day of the last one, as it was seen. False: there is a newer one."""

    async def targets_of(self) -> str:
        """By which settings (desk.targets.fingerprint) all is counted that is due; "" when by none."""

    async def targets_are(self, settings: str) -> None: ...

    async def recount(self, after: int, *, limit: int, recount: Callable[[Ticket], TargetClock | None]) -> int | None:
        """Count anew until when the next tickets are due that have a clock. Where to go on; None: there are no more."""

    async def targets_met(self, desk: str, begin: float, end: float) -> Sequence[Count]:
        """What became of a desk's targets from the one moment until before the other."""

    async def overdue(self, desks: Sequence[str], now: float) -> dict[str, int]:
        """How many tickets of these desks are late; 10,000 stands for more."""

    async def due_tickets(
        self, desks: Sequence[str], *, statuses: Sequence[Status], until: float | None, limit: int
    ) -> Sequence[Ticket]:
        """Tickets of these desks that are due, the first due first, by then; no status means every one."""

    async def begin_digests(self, agents: Sequence[tuple[str, str]]) -> None:
        """Of agents of whom nothing was kept the day before their first digest."""

    # notices to many (smtpgate.bulletin)
    async def begin_bulletin(self, new: Bulletin, *, same_since: float) -> Bulletin | None:
        """None: it has begun. Else the one that was begun after same_since with the same tag, matter and texts; or the one that it
        would end, which is not fully sent or has been ended."""

    async def affected(self, bulletin: Bulletin, place: Place, limit: int) -> tuple[tuple[Ticket, ...], Place | None]:
        """The next tickets that it is about, a person's newest first, and where to go on; None: there are no more."""

    async def bulletin_batch(self, bulletin_id: int, *, limit: int, decide: DecideBatch) -> tuple[int, Run] | None:
        """Tell the people of the next tickets, decided inside the transaction; decide gets the keys of those who were told before.

        How many were told, and how far it is; None: there is no such bulletin.
        """

    async def bulletins(self, limit: int) -> Sequence[BulletinSeen]:
        """The newest first."""

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

    async def worked(
        self, by: str, *, desk: str | None, agent: str | None, since: float | None, until: float | None
    ) -> Sequence[WorkedTime]:
        """The sum of the time that agents spent, by "agent" or by "ticket"."""

    async def blocks(self, desk: str | None) -> Sequence[Block]:
        """Of one desk, those of all desks included; None: every one."""

    async def counts(self) -> dict[str, int]:
        """Rows by state, as "mail.accepted", "delivery.queued", "ticket.open": for status lines and tests."""
