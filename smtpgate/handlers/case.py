"""What a handler sees, and where it puts what it decides. No I/O.

A handler is a module with `handle(case, work)`. It reads the case, which never changes, and adds its own decision to the
work: fields that later handlers read, and changes that the store will apply. It never writes anything itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol
from zoneinfo import ZoneInfo

from smtpgate.blocks import Block
from smtpgate.clock import Clock, new_id
from smtpgate.config import Config
from smtpgate.desk.duty import Leaves
from smtpgate.desk.targets import Happened, Moved
from smtpgate.desksettings import Desk
from smtpgate.due import Due, Leave
from smtpgate.handlers.post import Post
from smtpgate.holding import HoldNotice
from smtpgate.links import MovedEntry, NewLink, Unmerge
from smtpgate.mail import calendar, files
from smtpgate.mail.address import split_sub
from smtpgate.mail.customerwords import Asked
from smtpgate.mail.token import Token
from smtpgate.model import (
    Address,
    Detail,
    Entry,
    EntryKind,
    Evidence,
    MailState,
    Meeting,
    OutgoingMail,
    ParsedMail,
    Participant,
    Status,
    Ticket,
    Withdrawn,
)
from smtpgate.numbers import NumberPattern
from smtpgate.person import Request
from smtpgate.records import record
from smtpgate.rules.rights import MACHINE, Rights
from smtpgate.store.api import (
    AckNote,
    Changes,
    Facts,
    Fingerprint,
    Incoming,
    MessageRef,
    NewFingerprint,
    NewTicket,
    SentRecipient,
    SpentTime,
    TicketUpdate,
)
from smtpgate.target import HeldAlarm, Met, TargetClock, Unmet
from smtpgate.wish import NewWish


class Known(Protocol):
    """What telling agents needs: of a mail that is filed, or of what time brings."""

    @property
    def config(self) -> Config: ...
    @property
    def post(self) -> Post: ...
    @property
    def now(self) -> float: ...
    @property
    def facts(self) -> Facts: ...
    @property
    def leaves(self) -> Leaves: ...
    @property
    def agent(self) -> bool: ...
    @property
    def imported(self) -> bool: ...


@record(frozen=True, slots=True)
class Case:
    """One mail and everything known about it when filing decides."""

    config: Config
    post: Post
    clock: Clock
    now: float
    mail: Incoming
    parsed: ParsedMail
    facts: Facts
    sender: str  # mail.address.key of the author
    person: Address | None  # the author, with the name that From gave
    desks: tuple[Desk, ...]  # that the envelope names, in order, each once
    roles: tuple[str, ...]  # postmaster and abuse addresses that the envelope names
    replies: tuple[Token, ...]  # valid signed reply addresses in the envelope
    returns: tuple[Token, ...]  # valid signed return paths in the envelope
    actions: tuple[Token, ...]  # valid signed addresses of agents in the envelope, for answers and for notes
    confirms: tuple[Token, ...]  # valid signed addresses in the envelope by which an agent vouches for a held mail
    holds: tuple[Token, ...]  # valid signed addresses in the envelope by which an agent decides about a held mail
    personal: tuple[Token, ...]  # valid signed addresses in the envelope by which a person confirms what he asked about his data
    claimed: tuple[str, ...]  # agents' addresses in From, whether or not it is theirs
    numbers: tuple[str, ...]  # candidates in the subject
    pattern: NumberPattern
    patterns: tuple[NumberPattern, ...]  # that one first, then all earlier ones
    details: tuple[Detail, ...]  # what the mail is about
    fingerprints: dict[str, tuple[str, str]]  # desk name: key within the window, key with the Message-ID
    elsewhere: tuple[str, ...] = ()  # keys of this very mail at further desks that it is addressed to
    named: tuple[str, ...] = ()  # of history: its own Message-ID and those it refers to
    opens: bool = False  # an agent's fresh mail that opens a ticket in somebody's name, whatever its subject and references say
    opens_as: Status = Status.RECEIVED  # the state of a ticket that it opens
    leaves: Leaves = field(default_factory=dict)  # of agents, by mail

    @property
    def agent(self) -> bool:
        """The author is an agent of any desk."""
        return bool(self.sender) and self.config.agent_address(self.sender) != ""

    def desk_of_agent(self, ticket: Ticket) -> Desk | None:
        """The desk of the ticket that the sender is an agent of, as the configuration is now."""
        for desk in (self.config.desk_at(ticket.desk), *map(self.config.desk_named, ticket.other_desks)):
            if desk is not None and any(self.post.key(a) == self.sender for a in desk.agents):
                return desk
        return None

    @property
    def shown(self) -> float:
        """Of a mail that was held for a colleague's answer: when that answer was written, which its author has seen."""
        return float(json.loads(self.mail.decision).get("shown", 0.0)) if self.mail.decision else 0.0

    @property
    def imported(self) -> bool:
        """History: it sends nothing, and a reference counts whoever made it."""
        return self.mail.verdict.evidence is Evidence.IMPORTED

    def own(self, address: str) -> bool:
        return own(self.config, address)

    def new_id(self) -> int:
        return new_id(self.clock)

    def takes_part(self, ticket: Ticket) -> Participant | None:
        return next((p for p in ticket.participants if self.post.key(p.address) == self.sender), None)


def own(config: Config, address: str) -> bool:
    """A desk's address, or a sub-address of one."""
    local, _, domain = split_sub(address)
    return config.desk_of(f"{local}@{domain}") is not None


@dataclass(slots=True)
class Work:
    """The decision so far, which each handler adds to. outcome is empty until one settles what becomes of the mail.

    The lists are those of store.api.Changes, which `changes` makes of them once all is decided.
    """

    rights: Rights = MACHINE
    ticket: Ticket | None = None  # found by the ladder, or just opened
    follows: Ticket | None = None  # that has ended too long ago: what is opened goes on from it
    opened: list[Ticket] = field(default_factory=list)
    linked: Ticket | None = None  # which somebody else writes about: the one that is opened for him is linked with it
    rung: str = ""  # which rung of the ladder found the ticket, or "new", "repeat", "signed-return-path"
    repeat_of: Fingerprint | None = None
    shares: tuple[Desk, ...] = ()  # desks that get the ticket of the first copy, which went to another one alone
    about: SentRecipient | None = None  # the mail of ours that came back, or was answered by a machine
    asked: Asked | None = None  # of a ticket's own customer, in one word
    reopened: bool = False
    closed: bool = False  # by its customer
    marks: list[str] = field(default_factory=list)  # for agents: weak, unverified, third-party, claims #N, …; each once
    outcome: str = ""  # new joined repeat held noted bounce forwarded postponed
    reasons: list[str] = field(default_factory=list)  # every decision, in order, in words
    done: bool = False

    held: str = ""  # why
    held_as: str = ""  # the same for agents, a key of mail.heldmail.WORDS
    shown: float = 0.0  # when the answer was written that it is held for, and that its author is shown
    postpone_until: float | None = None
    tickets: list[NewTicket] = field(default_factory=list)
    updates: list[TicketUpdate] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    message_refs: list[MessageRef] = field(default_factory=list)
    fingerprints: list[NewFingerprint] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    outgoing: list[OutgoingMail] = field(default_factory=list)
    acks: list[AckNote] = field(default_factory=list)
    bounced: list[tuple[int, str]] = field(default_factory=list)
    subjects: list[tuple[str, int, float]] = field(default_factory=list)
    unseen_refs: list[tuple[str, int]] = field(default_factory=list)
    wishes: list[NewWish] = field(default_factory=list)
    withdrawn: list[Withdrawn] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    leaves: list[tuple[str, Leave]] = field(default_factory=list)
    silenced: list[int] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    hold_notices: list[HoldNotice] = field(default_factory=list)
    held_alarms: list[HeldAlarm] = field(default_factory=list)
    links: list[NewLink] = field(default_factory=list)
    moved: list[MovedEntry] = field(default_factory=list)
    dates: dict[int, float | None] = field(default_factory=dict)  # by which an agent wants a ticket answered
    counted: dict[int, tuple[TargetClock, Happened, Moved]] = field(default_factory=dict)  # what came of what, by ticket
    clocks: list[TargetClock] = field(default_factory=list)
    met: list[Met] = field(default_factory=list)
    unmet: list[Unmet] = field(default_factory=list)
    unmerged: list[Unmerge] = field(default_factory=list)
    spent: list[SpentTime] = field(default_factory=list)
    unspent: list[int] = field(default_factory=list)
    blocked: list[Block] = field(default_factory=list)
    unblocked: list[tuple[str, str]] = field(default_factory=list)
    personal: list[Request] = field(default_factory=list)

    def because(self, handler: str, reason: str) -> None:
        self.reasons.append(f"{handler}: {reason}")

    def mark(self, *marks: str) -> None:
        self.marks += [mark for mark in dict.fromkeys(marks) if mark not in self.marks]

    def hold(self, handler: str, reason: str, held_as: str = "other") -> None:
        """Keep the mail for an agent to release or drop; nothing else happens to it, save that postmaster gets his copy."""
        self.because(handler, f"held: {reason}")
        self.outcome, self.held, self.held_as, self.done = "held", reason, held_as, True
        kept, self.outgoing = self.outgoing, []
        self.forget()
        self.outgoing = kept

    def begins(self, ticket: Ticket) -> bool:
        """Is it opened by this very mail?"""
        return any(opened.id == ticket.id for opened in self.opened)

    def forget(self) -> None:
        """All changes so far, as if nothing had been done."""
        if self.ticket is not None and self.begins(self.ticket):
            self.ticket, self.rung = None, ""
        for gathered in (self.opened, self.tickets, self.updates, self.entries, self.message_refs, self.fingerprints, self.told):
            gathered.clear()
        for rare in (self.acks, self.outgoing, self.bounced, self.subjects, self.unseen_refs, self.wishes):
            rare.clear()
        for agents in (self.withdrawn, self.released, self.silenced, self.discarded, self.links, self.moved, self.due, self.leaves):
            agents.clear()
        for blocks in (self.blocked, self.unblocked, self.dates, self.unmerged, self.personal, self.spent, self.unspent):
            blocks.clear()

    def changes(self, state: MailState | None, decision: str) -> Changes:
        return Changes(
            state=state,
            reason=self.held,
            decision=decision,
            held_for=self.ticket.id if state is MailState.HELD and self.ticket is not None else None,
            tickets=tuple(self.tickets),
            updates=tuple(self.updates),
            entries=tuple(self.entries),
            message_refs=tuple(self.message_refs),
            fingerprints=tuple(self.fingerprints),
            told=tuple(self.told),
            outgoing=tuple(self.outgoing),
            acks=tuple(self.acks),
            bounced=tuple(self.bounced),
            subjects=tuple(self.subjects),
            unseen_refs=tuple(self.unseen_refs),
            wishes=tuple(self.wishes),
            withdrawn=tuple(self.withdrawn),
            released=tuple(self.released),
            due=tuple(self.due),
            leaves=tuple(self.leaves),
            silenced=tuple(self.silenced),
            discarded=tuple(self.discarded),
            clocks=tuple(self.clocks),
            met=tuple(self.met),
            unmet=tuple(self.unmet),
            hold_notices=tuple(self.hold_notices),
            held_alarms=tuple(self.held_alarms),
            links=tuple(self.links),
            moved=tuple(self.moved),
            unmerged=tuple(self.unmerged),
            spent=tuple(self.spent),
            unspent=tuple(self.unspent),
            blocked=tuple(self.blocked),
            unblocked=tuple(self.unblocked),
            personal=tuple(self.personal),
            postpone_until=self.postpone_until,
        )


def said(case: Known, work: Work, ticket: Ticket) -> tuple[Entry, ...]:
    """The entries of a ticket, the newest first; of one that this very mail opens, what it has put there."""
    if work.begins(ticket):
        return tuple(e for e in reversed(work.entries) if e.ticket_id == ticket.id and e.kind is not EntryKind.EVENT)
    return case.facts.said.entries.get(ticket.id, ())


def entry_of(case: Case, work: Work, ticket: Ticket, kind: EntryKind, marks: Iterable[str], text: str | None = None) -> Entry:
    """The entry that this mail becomes in a ticket, as the work stands."""
    parsed = case.parsed
    if text is None:
        text = parsed.context or parsed.reply or parsed.text
        if parsed.opaque:
            text = "The mail could not be read; it is attached whole."
        elif parsed.meeting is not None:
            text = _invitation(case, ticket, text, parsed.meeting)
    return Entry(
        id=case.new_id(),
        ticket_id=ticket.id,
        kind=kind,
        author=case.person.address if case.person else (case.mail.envelope.mail_from or ""),
        created_at=case.now,
        text=text,
        mail_id=case.mail.id,
        message_id=parsed.message_id,
        evidence=case.mail.verdict.evidence.value,
        marks=tuple(dict.fromkeys((*marks, *files.marks(parsed.attachments)))),
        attachments=tuple(replace(a, seen=True) if a.sha256 in case.facts.seen_pictures else a for a in parsed.attachments),
        rung=work.rung,
        repeat_of=work.repeat_of.entry_id if work.repeat_of is not None else None,
        details=case.details,
    )


def _invitation(case: Case, ticket: Ticket, text: str, meeting: Meeting) -> str:
    """What the meeting is about in the zone of the desk and the language of the ticket, then what the mail says."""
    desk = case.config.desk_named(ticket.desk)
    name = desk.timezone if desk else "UTC"
    return calendar.with_meeting(text, meeting, ZoneInfo(name), ticket.language, name)
