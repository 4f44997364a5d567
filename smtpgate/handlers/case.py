"""What a handler sees and what it hands on. Plain frozen data; no I/O.

A handler is a module with `handle(case, work) -> work`. It reads the case, and returns the work with its own decision
added: fields that later handlers read, and changes that the store will apply. It never writes anything itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from smtpgate.clock import Clock, new_id
from smtpgate.config import Config, Desk
from smtpgate.handlers.post import Post
from smtpgate.mail import calendar, files
from smtpgate.mail.address import split_sub
from smtpgate.mail.token import Token
from smtpgate.model import (
    Address,
    Detail,
    Entry,
    EntryKind,
    Evidence,
    Meeting,
    OutgoingMail,
    ParsedMail,
    Participant,
    Status,
    Ticket,
)
from smtpgate.numbers import NumberPattern
from smtpgate.rules.rights import MACHINE, Rights
from smtpgate.store.api import AckNote, Changes, Facts, Fingerprint, Incoming, SentRecipient


@dataclass(frozen=True, slots=True)
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
    numbers: tuple[str, ...]  # candidates in the subject
    pattern: NumberPattern
    details: tuple[Detail, ...]  # what the mail is about
    fingerprints: dict[str, tuple[str, str]]  # desk name: key within the window, key with the Message-ID
    named: tuple[str, ...] = ()  # of history: its own Message-ID and those it refers to
    opens_as: Status = Status.RECEIVED  # the state of a ticket that it opens

    @property
    def agent(self) -> bool:
        """The author is an agent of any desk."""
        return any(self.sender == agent for desk in self.config.desk for agent in desk.agents)

    @property
    def imported(self) -> bool:
        """History: it sends nothing, and a reference counts whoever made it."""
        return self.mail.verdict.evidence is Evidence.IMPORTED

    def own(self, address: str) -> bool:
        """A desk's address, or a sub-address of one."""
        local, _, domain = split_sub(address)
        return self.config.desk_of(f"{local}@{domain}") is not None

    def new_id(self) -> int:
        return new_id(self.clock)

    def takes_part(self, ticket: Ticket) -> Participant | None:
        return next((p for p in ticket.participants if self.post.key(p.address) == self.sender), None)


@dataclass(frozen=True, slots=True)
class Work:
    """The decision so far. outcome is empty until a handler settles what becomes of the mail."""

    rights: Rights = MACHINE
    ticket: Ticket | None = None  # found by the ladder, or just opened
    opened: tuple[Ticket, ...] = ()
    rung: str = ""  # which rung of the ladder found the ticket, or "new", "repeat", "signed-return-path"
    repeat_of: Fingerprint | None = None
    about: SentRecipient | None = None  # the mail of ours that came back, or was answered by a machine
    reopened: bool = False
    marks: tuple[str, ...] = ()  # for agents: weak, unverified, third-party, claims #N, …
    outcome: str = ""  # new joined repeat held noted bounce forwarded postponed
    reasons: tuple[str, ...] = ()  # every decision, in order, in words
    changes: Changes = field(default_factory=Changes)
    done: bool = False

    def because(self, handler: str, reason: str) -> Work:
        return replace(self, reasons=(*self.reasons, f"{handler}: {reason}"))

    def mark(self, *marks: str) -> Work:
        return replace(self, marks=tuple(dict.fromkeys((*self.marks, *marks))))

    def change(self, edit: Callable[[Changes], Changes]) -> Work:
        return replace(self, changes=edit(self.changes))

    def add_entry(self, entry: Entry) -> Work:
        if entry.mail_id is not None:
            first = self.repeat_of.entry_id if self.repeat_of is not None else None
            entry = replace(entry, rung=self.rung, repeat_of=first)
        return self.change(lambda c: replace(c, entries=(*c.entries, entry)))

    def send(self, mail: OutgoingMail, ack: AckNote | None = None) -> Work:
        return self.change(lambda c: replace(c, outgoing=(*c.outgoing, mail), acks=c.acks if ack is None else (*c.acks, ack)))

    def hold(self, handler: str, reason: str) -> Work:
        """Keep the mail for an agent to release or drop; nothing else happens to it, save that postmaster gets his copy."""
        held = self.because(handler, f"held: {reason}")
        return replace(held, outcome="held", done=True, changes=Changes(reason=reason, outgoing=self.changes.outgoing))


def entry_of(case: Case, ticket: Ticket, kind: EntryKind, marks: tuple[str, ...], text: str | None = None) -> Entry:
    """The entry that this mail becomes in a ticket."""
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
        details=case.details,
        evidence=case.mail.verdict.evidence.value,
        marks=tuple(dict.fromkeys((*marks, *files.marks(parsed.attachments)))),
        attachments=tuple(replace(a, seen=True) if a.sha256 in case.facts.seen_pictures else a for a in parsed.attachments),
    )


def _invitation(case: Case, ticket: Ticket, text: str, meeting: Meeting) -> str:
    """What the meeting is about in the zone of the desk and the language of the ticket, then what the mail says."""
    desk = case.config.desk_named(ticket.desk)
    name = desk.timezone if desk else "UTC"
    return calendar.with_meeting(text, meeting, ZoneInfo(name), ticket.language, name)
