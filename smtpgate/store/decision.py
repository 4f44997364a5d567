"""What one decision of filing may ask and what it may change, as plain data: the question, the answers, the changes.

The handlers and the store share it (store.api has the verbs). Never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from smtpgate.blocks import Block
from smtpgate.due import Circumstances, Due, Leave
from smtpgate.holding import Holding, HoldingQuery, HoldNotice
from smtpgate.links import MovedEntry, NewLink, Stray, Unmerge
from smtpgate.listing import Listing
from smtpgate.model import (
    DeliveryState,
    Entry,
    MailState,
    OtherTicket,
    OutgoingMail,
    Participant,
    Priority,
    Status,
    Ticket,
    Withdrawn,
)
from smtpgate.person import Request
from smtpgate.records import record
from smtpgate.store.shown import Known, Said
from smtpgate.target import HeldAlarm, Met, TargetClock, Unmet
from smtpgate.wish import NewWish, Wish

# --- what filing may ask, all at once ---------------------------------------------------------------------------------


NumbersOf = Callable[[tuple[str, str], int], tuple[str, ...]]


@record(frozen=True, slots=True)
class Taken:
    """Which mail of the customer is to be taken out of a ticket. which: counted from the newest, within so many of the newest
    entries as reach says. mail_id: by name. None of both: the one that is answered."""

    reach: int
    which: int | None = None
    mail_id: str = ""


@record(frozen=True, slots=True)
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
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # agents to be told, by desk; "" for all others
    told_most: int = 0  # mails to one of them in an hour; twice as many left out are counted
    conversation: bool = False  # what was said in the tickets that it reaches, and which others its sender has, is wanted
    listing: Listing | None = None  # tickets that an agent asks for
    also: tuple[str, ...] = ()  # numbers of tickets that an agent's commands name
    blocks: bool = False  # of the customers of all tickets that it reaches, beside those of the sender
    open_tickets: bool = False  # with that: all that are open of those of which its sender is the customer
    of_agent: bool = False  # a reference counts whoever made it: agents answer mail of customers that never came to them by us
    customer: str = ""  # address of whom an agent opens a ticket for, or makes its customer: what is known of the person is wanted
    began: bool = False  # with the conversation: whose mail each ticket began with
    spent: bool = False  # with the conversation: what time its sender has spent on each ticket
    copies: bool = False  # what was said of who gets copies of answers, in the tickets that it reaches, however long ago
    holding: HoldingQuery | None = None  # what is told and decided of held mail
    undoes: bool = False  # the newest merge into each ticket that it reaches is wanted
    taken: Taken | None = None  # which mail of the customer an agent takes out of the tickets that it reaches
    personal: bool = False  # what the sender asked about his own data
    numbers_of: NumbersOf | None = None  # what a counter's serial would make, to pass by numbers that an earlier pattern made

    def members_of(self, desk: str) -> tuple[str, ...]:
        return self.members[desk] if desk in self.members else self.members.get("", ())


@record(frozen=True, slots=True)
class MessageRef:
    """A Message-ID that belongs to a ticket. ours: we made it."""

    message_id: str
    ticket_id: int
    ours: bool


@record(frozen=True, slots=True)
class Fingerprint:
    """The first copy of a mail that may come again. strong: it was authenticated. told: its sender knows of the repeat."""

    key: str
    ticket_id: int
    mail_id: str
    first_at: float
    strong: bool
    told: bool
    entry_id: int | None = None  # what the first copy became in the ticket


@record(frozen=True, slots=True)
class SentRecipient:
    """A recipient of a mail of ours, found by its signed return path."""

    recipient_id: int
    outgoing_id: int
    ticket_id: int | None
    address: str
    state: DeliveryState
    cause: str | None = None  # id of the mail whose filing sent it
    purpose: str = ""  # of the mail


@record(frozen=True, slots=True)
class AckCounts:
    """Acknowledgements sent or scheduled, notices not: when to this address in 24 h, oldest first; how many to all since now."""

    to_address: tuple[float, ...] = ()
    to_all: dict[int, int] = field(default_factory=dict)  # by minutes since 1970
    notices_last_day: int = 0  # of the short notice to unverified senders, to this address


@record(frozen=True, slots=True)
class Facts:
    """The answers. tickets holds every ticket that any rung of the ladder could reach, by id."""

    tickets: dict[int, Ticket] = field(default_factory=dict)
    by_message_id: dict[str, MessageRef] = field(default_factory=dict)
    by_number: dict[str, int] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)  # tickets that lead to another one, which is in `tickets` for them
    strays: tuple[Stray, ...] = ()  # those of them to which a program of before merging has written since
    fingerprints: dict[str, Fingerprint] = field(default_factory=dict)
    recipients: dict[int, SentRecipient] = field(default_factory=dict)
    unfiled_parents: tuple[str, ...] = ()  # ids of accepted, not yet filed mails among references
    expected_parents: tuple[str, ...] = ()  # those of them that came before this mail and on which nothing has failed
    serials: dict[tuple[str, str], int] = field(default_factory=dict)  # the next number of each counter, from 1
    acks: AckCounts = field(default_factory=AckCounts)
    machine_last_hour: dict[int, int] = field(default_factory=dict)  # machine mails by ticket id
    language: str = ""  # what we last wrote to this sender in
    wish: Wish = field(default_factory=Wish)  # what the sender asked for
    blocks: tuple[Block, ...] = ()  # of the sender; of customers, when the question asks for them
    holders: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of history: tickets that have a mail with this id
    talks: dict[int, tuple[str, ...]] = field(default_factory=dict)  # of history: what was written under that subject, by ticket
    unseen: dict[str, int] = field(default_factory=dict)  # of history: the first ticket in which this id is referred to
    seen_pictures: frozenset[str] = frozenset()  # came before, from this sender or on a ticket of this mail
    letters: tuple[bytes, ...] = ()  # our own mails that it may quote, whole
    parents: tuple[str, ...] = ()  # texts of entries that it may quote
    said: Said = field(default_factory=Said)  # when the question asks for it
    listed: tuple[Ticket, ...] = ()  # what the listing found, 51 at most; of a single one its entries are in said too
    open_tickets: tuple[OtherTicket, ...] = ()  # of the sender, the newest first, when the question asks for them
    customer: Known | None = None  # whom the question names
    holding: Holding = field(default_factory=Holding)
    personal: tuple[Request, ...] = ()  # what the sender asked about his own data within a day, or waits still


# --- what filing changes, all at once ---------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class NewTicket:
    ticket: Ticket  # participants included
    serial: tuple[str, str] | None = None  # the counter that its number used up
    used: int = 0  # the serial, where it may be ahead of the counter


@record(frozen=True, slots=True)
class TicketUpdate:
    """None leaves a field as it is. customer: takes the place of the one who is it. Nobody takes part any more but he and those in
    add_participants, and all that was said to a customer before is marked as said with the one before."""

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
    customer: Participant | None = None
    other_desks: tuple[str, ...] | None = None


@record(frozen=True, slots=True)
class SpentTime:
    """Time that an agent worked on a ticket, in minutes; below nought where it corrects. desk: where the ticket was then."""

    id: int
    ticket_id: int
    desk: str
    agent: str
    at: float
    minutes: int


@record(frozen=True, slots=True)
class NewFingerprint:
    key: str
    ticket_id: int
    first_at: float
    strong: bool


TO_AGENT, LEFT_OUT = "to-agent", "left-out"  # AckNote.purpose of a mail to an agent that was sent, and that was not
HELD, ALERT = "held", "alert"  # the same of one about a held mail, and about a forged one in his name
AGENTS_CAPS = (TO_AGENT, LEFT_OUT, HELD, ALERT)


@record(frozen=True, slots=True)
class AckNote:
    """One automatic mail that counts against a cap; that is of a mailbox, so case and sub-address of `address` do not count."""

    address: str
    at: float
    purpose: str  # received, repeat, notice, …; to-agent and left-out count for agents alone

    @property
    def of_agent(self) -> bool:
        """It counts against an agent's cap, and no other."""
        return self.purpose in AGENTS_CAPS


@record(frozen=True, slots=True)
class Changes:
    """All that one step of work changes. Applied whole or not at all."""

    state: MailState | None = None  # of the incoming mail; None: not about an incoming mail
    reason: str = ""
    decision: str = ""  # JSON
    held_for: int | None = None  # the ticket that a held mail would join
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
    wishes: tuple[NewWish, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()  # answers that their author takes back
    released: tuple[str, ...] = ()  # ids of held mails that an agent vouches for
    discarded: tuple[str, ...] = ()  # ids of held mails that an agent drops
    hold_notices: tuple[HoldNotice, ...] = ()
    held_alarms: tuple[HeldAlarm, ...] = ()
    silenced: tuple[int, ...] = ()  # ids of tickets whose automatic mail to people outside is taken back where it has not left
    links: tuple[NewLink, ...] = ()  # one of kind INTO also moves all that the ticket holds
    moved: tuple[MovedEntry, ...] = ()
    unmerged: tuple[Unmerge, ...] = ()
    strays: tuple[Stray, ...] = ()  # what was written to merged tickets is their other ones' now
    spent: tuple[SpentTime, ...] = ()
    unspent: tuple[int, ...] = ()  # ids of time that its author takes back
    blocked: tuple[Block, ...] = ()
    unblocked: tuple[tuple[str, str], ...] = ()  # (who, desk) of a Block
    due: tuple[Due, ...] = ()  # each in place of the one before
    leaves: tuple[tuple[str, Leave], ...] = ()  # what agents say, by mail.address.key
    clocks: tuple[TargetClock, ...] = ()  # each in place of the one before
    met: tuple[Met, ...] = ()
    unmet: tuple[Unmet, ...] = ()
    personal: tuple[Request, ...] = ()  # what people ask about their own data, new or in place of what it was
    digested: tuple[tuple[str, str], ...] = ()  # agents and the day that now had its digest
    postpone_until: float | None = None  # leave it accepted and look again then; nothing else may be set


Decide = Callable[[Facts], Changes]
QueryOf = Callable[[Ticket], FactsQuery]
DecideDue = Callable[[Ticket, Facts, Circumstances], Changes]
