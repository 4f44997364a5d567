"""Random sequences of what agents, customers, strangers and machines write: no note leaves the house, nobody is reached about
another one's ticket.

    python -m tests.trial.sequences [--count 1000000] [--seed 1] [--customers]

A sequence has one to twelve mails. Sequences that begin alike share their beginning: the desk goes back to where it was, and
another one goes on from there. So each mail that is filed ends a sequence of its own, and `count` is the number of these.

Each text has a word of its own. Who may ever read it follows from what its writer did, by docs/agents.md and not by the code: a
note and what stands beside a command for colleagues, agents; an answer, the customer of that ticket and who had a copy by then; a
customer's words, himself and the agents of his ticket; a subject, whoever takes part, but not a customer whom an agent put in
another one's place, who gets no text of before that either and no name of a mail. Each mail that is sent is searched for all words.
Now and then the store is looked through at the end of one.
"""

from __future__ import annotations

import argparse
import base64
import gc
import quopri
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from smtpgate.model import Evidence, OutgoingMail, Role, Ticket
from smtpgate.store.api import Changes
from smtpgate.store.check import check
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.statement import one as asked
from tests.support.helpdesk import DESK, START, mail
from tests.support.instant import Done, Instant

LEE, KIM, SAL, GONE = "lee@corp.example", "kim@corp.example", "sal@corp.example", "gone@corp.example"
AGENTS = (LEE, KIM, SAL)
ALICE, BOB, CAROL = "alice@customer.example", "bob@customer.example", "carol@other.example"
FRIEND, MALLORY = "friend@third.example", "mallory@evil.example"
PEOPLE = (ALICE, BOB, CAROL, FRIEND)  # whom an agent may make a customer
SALES = "sales@help.example"
DESKS = [
    {"name": "support", "address": DESK, "agents": [LEE, KIM]},
    {"name": "sales", "address": SALES, "channel": "SAL", "agents": [SAL, LEE]},
]
MEMBERS = {"support": {LEE, KIM}, "sales": {SAL, LEE}}
DEPTH = 12
_CHECKED = 4  # of so many sequences of that length one has its store looked through
_DAY = 86_400.0
_PAUSES = (1.0, 1.0, 1.0, 40.0, 70.0, 4000.0, 4000.0, 2.5 * _DAY, 5.5 * _DAY, 40 * _DAY)
_CHILDREN = (1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1)  # of a sequence with so many mails: how many go on from it
_WORD = re.compile(rb"zq\d{6}x")
_RELEASE = re.compile(r"write #release to (\S+)")
_TIME = re.compile(rb"7 h 4|7 =E5=B0=8F=E6=97=B6|[Tt]ime worked")  # what is worked, of which nobody outside hears
_NAMED = re.compile(rb"<(\d+)@x\.example>")  # a mail from outside, by its serial
_NUMBER = re.compile(r"\d{8}-[A-Z]{3}-\d{4}")
_PART = re.compile(rb"Content-Transfer-Encoding: base64\r\n(?:[^\r\n]+\r\n)*\r\n([A-Za-z0-9+/=\r\n]+)")
_STRONG = (Evidence.DMARC_DKIM, Evidence.TRUSTED)
_WEAK = (Evidence.NONE, Evidence.DOMAIN, Evidence.DMARC_SPF, Evidence.TEMPERROR, Evidence.FAIL, Evidence.AMBIGUOUS)


@dataclass(frozen=True)
class Letter:
    """One of ours, as whoever got it has it before him."""

    to: str
    mail: OutgoingMail

    def field(self, name: str) -> str:
        found = re.search(rb"^" + name.encode() + rb": ((?:[^\r\n]|\r\n[ \t])*)", self.mail.data, re.MULTILINE | re.IGNORECASE)
        return re.sub(r"\r\n[ \t]", " ", found[1].decode()) if found else ""

    @property
    def answer_to(self) -> str:
        return self.field("Reply-To").rpartition("<")[2].rstrip(">")

    def text(self) -> str:
        """What stands in its first part, which is plain text."""
        return self._part(b"text/plain")

    def html(self) -> str:
        return self._part(b"text/html")

    def _part(self, kind: bytes) -> str:
        _, _, part = self.mail.data.partition(b"Content-Type: " + kind)
        head, _, body = part.partition(b"\r\n\r\n")
        body = body.partition(b"\r\n--=_")[0]
        if b"quoted-printable" in head:
            body = quopri.decodestring(body)
        elif b"base64" in head:
            body = base64.b64decode(body)
        return body.decode().replace("\r\n", "\n")

    def note_to(self) -> str:
        """The address for notes that a mail to an agent names; "" without one."""
        found = re.search(rb"[a-z]+\+n[a-z2-7]{42}@[a-z.]+", self.mail.data.replace(b"=\r\n", b""))
        return found[0].decode() if found else ""


@dataclass(frozen=True)
class Written:
    """One text. inside: no customer may ever see it. ticket 0: of the ticket that it opens."""

    serial: int
    author: str
    inside: bool
    ticket: int
    subject: bool = False


@dataclass(frozen=True)
class Move:
    """A mail to be sent, and what its text is."""

    what: str
    raw: bytes
    sender: str
    to: str
    evidence: Evidence
    written: Written
    mail_from: str | None = ""
    answered: float = 0.0  # when the letter was made that it answers
    subject: Written | None = None  # a word in its subject
    customer: str = ""  # whom it makes the customer
    keeps: tuple[str, ...] = ()  # who then takes part beside


@dataclass(frozen=True)
class State:
    """What is known after some mails. since: for a ticket and a person, the serial from which on he may read. handed: for a ticket
    when it got another customer, and by whom; unseen: words of subjects, and who must not see them."""

    letters: tuple[Letter, ...] = ()
    words: dict[bytes, Written] = field(default_factory=dict)
    since: dict[tuple[int, str], int] = field(default_factory=dict)
    held: dict[str, Move] = field(default_factory=dict)  # mails that are held, by id
    customers: dict[int, str] = field(default_factory=dict)  # of tickets
    handed: dict[int, tuple[float, str]] = field(default_factory=dict)
    unseen: frozenset[tuple[bytes, str]] = frozenset()


class Leak(AssertionError):
    """Something reached somebody whom it must not reach."""


_INSIDE = (
    "#note\n{}",
    "#note {}",
    "#take\n{}",
    "#drop\n{}",
    "#assign kim\n{}",
    "#assign lee\n{}",
    "#priority high\n{}",
    "#tag red\n{}",
    "#move sales\n{}",
    "#move support\n{}",
    "#spam\n{}",
    "#resolved\n#note\n{}",
    "#waiting\n#note {}",
    "#备注 {}",
    "#merge {number}\n{}",
    "#split\n{}",
    "#snooze 3d\n{}",
    "#block\n{}",
    "#template hello\n#note\n{}",
    "#cc friend@third.example\n#note\n{}",
    "#spent 7h41\n{}",
    "#spent 7h41\n#resolved\n#note\n{}",
    "#spent -1m\n{}",
    "#customer {person}\n{}",
    "#customer {person}\n#cc {kept}\n#note\n{}",
)
_OUTWARD = (
    "{}",
    "{}",
    "{}",
    "{}\n\nLee",
    "#reply\n{}",
    "#take\n#reply\n{}",
    "#resolved\n{}",
    "#waiting\n{}",
    "#closed\n{}",
    "#language zh\n{}",
    "#cc friend@third.example\n{}",
    "#cc carol@other.example\n{}",
    "#cc -friend@third.example\n{}",
    "#解决\n{}",
    "#spent 7h41\n#reply\n{}",
    "#customer {person}\n#reply\n{}",
    "#cc {kept}\n#客户 {person}\n#reply\n{}",
    "#customer {person}\n#waiting\n#reply\n{}",
)
_ALONE: tuple[str, ...] = (
    "#undo",
    "#show",
    "#resolved",
    "#closed",
    "#progress",
    "#take",
    "#spam",
    "#help",
    "#cc friend@third.example",
    "#nonsense",
)
_ALONE += ("#customer {person}", "#customer {person}\n#resolved", "#undo")
_ALONE += ("#move sales", "#language en", "#snooze 2d", "#merge {number}", "#tag -red blue", "#assign sal", "#notify", "#split")
_FRESH = ("#list", "#mine", "#next", "#find printer", "#show {number}", "#help", "#fwd\n{}", "#away 2d", "#back")
_NEW = "#new bob@customer.example\n{}"
_REPLIES = ("{}", "{}", "status {}", "It is solved. {}", "Thank you! {}", "未解决 {}", "#note {}", "#resolved {}", "#take\n{}")
_REPLIES += ("#customer mallory@evil.example\n{}",)


# instead of the first three: about whose ticket it is, and little else
ABOUT_CUSTOMERS = {
    "_INSIDE": (
        *(text for text in _INSIDE if "#customer" in text),
        *("#note\n{}", "#merge {number}\n{}", "#split\n{}", "#take\n{}", "#assign kim\n{}", "#customer {person}\n{}"),
    ),
    "_OUTWARD": (
        *(text for text in _OUTWARD if "{person}" in text),
        *("#cc friend@third.example\n{}", "#resolved\n{}", "#waiting\n{}", "{}", "{}", "{}"),
    ),
    "_ALONE": (
        *("#customer {person}", "#customer {person}\n#waiting", "#undo", "#undo", "#undo", "#resolved", "#waiting"),
        *("#merge {number}", "#split", "#show", "#closed"),
    ),
}


class Walk:
    """Draws what happens next, and checks it."""

    def __init__(self, desk: Instant, rng: random.Random, told: Counter[str]) -> None:
        self.was = State()  # before the mail that comes just now
        self.desk, self.rng, self.told = desk, rng, told
        self.serial = 0
        self.path: list[str] = []

    # --- drawing ------------------------------------------------------------------------------------------------------

    def draw(self, state: State) -> Move:
        makers: list[Callable[[State], Move | None]] = [self._opens, self._agent, self._agent, self._agent, self._agent]
        makers += [self._customer, self._customer, self._stranger, self._machine, self._fresh, self._returned, self._unproved]
        makers += [self._decides]
        if not state.letters and self.rng.random() < 0.9:
            return self._opens(state)
        for _ in range(20):
            move = self.rng.choice(makers)(state)
            if move is not None:
                return move
        return self._opens(state)

    def _word(self, text: str, *, author: str, inside: bool, ticket: int = 0) -> tuple[str, Written]:
        self.serial += 1
        return text.replace("{}", f"zq{self.serial:06}x"), Written(self.serial, author, inside, ticket)

    def _move(
        self,
        what: str,
        sender: str,
        text: str,
        *,
        to: str,
        inside: bool,
        letter: Letter | None = None,
        evidence: Evidence | None = None,
        subject: str = "",
        headers: tuple[str, ...] = (),
        quote: bool = False,
        mail_from: str | None = "",
        copy: str = "",
    ) -> Move:
        ticket = letter.mail.ticket_id or 0 if letter else 0
        body, written = self._word(text, author=sender, inside=inside, ticket=ticket)
        topic, answered = None, letter.mail.created_at if letter else 0.0
        if subject and letter is None:
            word, topic = self._word(" {}", author=sender, inside=False)
            subject, topic = subject + word, replace(topic, subject=True)
        if letter is not None:
            subject = subject or f"Re: {letter.field('Subject')}"
            headers += (f"In-Reply-To: {letter.mail.message_id}", f"References: {letter.mail.message_id}")
        if quote and letter is not None:
            body += "\n\nOn Fri, 2 Jan 2026, Support wrote:\n" + "".join(f"> {line}\n" for line in letter.text().splitlines())
        raw = mail(
            subject or "Printer",
            body,
            sender=f"X <{sender}>",
            to=copy or to,
            message_id=f"<{self.serial}@x.example>",
            headers=headers,
        )
        named = re.search(r"#(?:customer|客户) (\S+)", text)
        kept = re.findall(r"#cc ([^-\s]\S*)", text)
        return Move(
            *(what, raw, sender, to, evidence or self.rng.choice(_STRONG), written, mail_from, answered, topic),
            *(named[1] if named else "", tuple(kept)),
        )

    def _of(self, state: State, people: tuple[str, ...], *purposes: str) -> Letter | None:
        found = [x for x in state.letters if x.to in people and (not purposes or x.mail.purpose in purposes)]
        return self.rng.choice(found) if found else None

    def _number(self, state: State) -> str:
        """Of some ticket, or one that is none."""
        found: list[str] = _NUMBER.findall(" ".join(x.field("Subject") for x in state.letters[-6:]))
        return self.rng.choice([*found, "20260102-EML-0099"])

    def _opens(self, state: State) -> Move:
        sender = self.rng.choice((ALICE, ALICE, BOB, CAROL, MALLORY))
        to = self.rng.choice((DESK, DESK, SALES))
        headers = (f"Cc: {self.rng.choice((FRIEND, CAROL, LEE))}",) if self.rng.random() < 0.3 else ()
        subject = self.rng.choice(("Printer", "Scanner", f"[#{self._number(state)}] Lamp"))
        evidence = self.rng.choice((*_STRONG, *_STRONG, Evidence.NONE, Evidence.DOMAIN))
        return self._move("opens", sender, "It burns. {}", to=to, inside=False, subject=subject, headers=headers, evidence=evidence)

    def _agent(self, state: State) -> Move | None:
        letter = self._of(state, AGENTS, "to-agent", "receipt")
        if letter is None:
            return None
        rng, quote = self.rng, self.rng.random() < 0.5
        kind = rng.choice(("inside", "inside", "outward", "outward", "alone", "note-address", "copied", "odd"))
        number = self._number(state)
        to = letter.answer_to
        if kind == "inside":
            text, inside = rng.choice(_INSIDE), True
        elif kind == "outward":
            text, inside = rng.choice(_OUTWARD), False
        elif kind == "alone":
            text, inside = rng.choice(_ALONE), True
        elif kind == "note-address":
            text, inside, to = rng.choice(("{}", "#resolved\n{}", "#cc friend@third.example\n{}")), True, letter.note_to()
        elif kind == "copied":  # he writes to the customer himself, beside: what we get is a note
            text, inside = "{}", True
        else:
            text, inside = rng.choice(("#resloved\n{}", "#status\n{}", "#cc\n{}", "#assign nobody\n{}", "#undo\n{}")), True
        ticket = letter.mail.ticket_id
        copy = ", ".join((to, *(person for of, person in state.since if of == ticket))) if kind == "copied" else ""
        if not to or copy == to:
            return None
        text = text.replace("{number}", number).replace("{person}", rng.choice(PEOPLE)).replace("{kept}", rng.choice(PEOPLE))
        return self._move(
            f"agent {kind} {text[:12]!r}", letter.to, text, to=to, inside=inside, letter=letter, quote=quote, copy=copy
        )

    def _unproved(self, state: State) -> Move | None:
        """In an agent's name without a proof, or by one who is none; what the true one may yet confirm."""
        letter = self._of(state, (*AGENTS, GONE), "to-agent")
        if letter is None:
            return None
        sender = self.rng.choice((letter.to, letter.to, KIM, SAL, GONE, MALLORY, ALICE))
        evidence = self.rng.choice(_WEAK) if sender == letter.to else self.rng.choice((*_WEAK, *_STRONG))
        inside = sender not in AGENTS  # else he may confirm it, and then it goes
        return self._move(
            "unproved", sender, "{}", to=letter.answer_to, inside=inside, letter=letter, evidence=evidence, quote=True
        )

    def _decides(self, state: State) -> Move | None:
        """Over a held mail, by a tap."""
        letters = [x for x in state.letters if x.to in AGENTS and _RELEASE.search(x.text())]
        if not letters:
            return None
        letter = self.rng.choice(letters)
        to = self.rng.choice(_RELEASE.findall(letter.text()))
        text = self.rng.choice(("#release", "#release", "#discard", "#release\n{}"))
        return self._move(f"decides {text[:8]}", letter.to, text, to=to, inside=True, letter=letter)

    def _fresh(self, state: State) -> Move:
        text = self.rng.choice((*_FRESH, _NEW, _NEW)).replace("{number}", self._number(state))
        sender, to = self.rng.choice((*AGENTS, MALLORY)), self.rng.choice((DESK, SALES))
        inside = text != _NEW or sender not in AGENTS
        return self._move(f"fresh {text[:6]}", sender, text, to=to, inside=inside)

    def _customer(self, state: State) -> Move | None:
        letter = self._of(state, (ALICE, BOB, CAROL, FRIEND, MALLORY))
        if letter is None:
            return None
        to = self.rng.choice((letter.answer_to, letter.answer_to, DESK))
        evidence = self.rng.choice((*_STRONG, *_STRONG, *_STRONG, *_WEAK))
        return self._move(
            "customer", letter.to, self.rng.choice(_REPLIES), to=to, inside=False, letter=letter, evidence=evidence, quote=True
        )

    def _stranger(self, state: State) -> Move | None:
        """With everything that somebody else was sent, the signed address too."""
        letter = self._of(state, (*AGENTS, ALICE, BOB, CAROL))
        if letter is None:
            return None
        sender = self.rng.choice((MALLORY, FRIEND, CAROL, BOB))
        to = self.rng.choice((letter.answer_to, DESK, letter.note_to() or DESK))
        evidence = self.rng.choice((*_STRONG, *_WEAK))
        text = self.rng.choice((*_REPLIES, *_OUTWARD, "#show", "#cc mallory@evil.example\n{}"))
        text = text.replace("{person}", MALLORY).replace("{kept}", sender)
        move = self._move(
            "stranger", sender, text, to=to, inside=False, letter=letter, evidence=evidence, quote=self.rng.random() < 0.3
        )
        return replace(move, written=replace(move.written, ticket=0))

    def _machine(self, state: State) -> Move | None:
        letter = self._of(state, (ALICE, BOB, CAROL, *AGENTS))
        if letter is None:
            return None
        mail_from = self.rng.choice(("", None))
        return self._move(
            "machine", letter.to, "I am away. {}", to=letter.answer_to or DESK, inside=letter.to in AGENTS, letter=letter,
            headers=("Auto-Submitted: auto-replied",), mail_from=mail_from, quote=True,
        )  # fmt: skip

    def _returned(self, state: State) -> Move | None:
        letter = self._of(state, (ALICE, BOB, CAROL, FRIEND, *AGENTS))
        path = letter.mail.recipients[0].return_path if letter else None
        if letter is None or path is None:
            return None
        return self._move("bounce", "mailer-daemon@mx.example", "Undelivered. {}", to=path, inside=True, mail_from=None,
                          subject="Undelivered Mail Returned to Sender", quote=False)  # fmt: skip

    # --- doing and checking -------------------------------------------------------------------------------------------

    def step(self, state: State, move: Move) -> State:
        """Time passes, which may bring mail of its own; then this one comes."""
        copies = (dict(one) for one in (state.words, state.since, state.held, state.customers, state.handed))
        now, self.was = State(state.letters, *copies, state.unseen), state
        self.desk.clock.advance(self.rng.choice(_PAUSES))
        for changes in self.desk.later():
            self.told["brought by time"] += 1
            now = self._happened(now, changes, "", None)
        done = self.desk.post(move.raw, sender=move.sender, rcpts=(move.to,), evidence=move.evidence, mail_from=move.mail_from)
        word = b"zq%06dx" % move.written.serial
        now.words[word] = self._placed(move.written, done[0])
        if move.subject is not None:
            now.words[b"zq%06dx" % move.subject.serial] = replace(self._placed(move.subject, done[0]), subject=True)
        for one in done:
            whose = move
            if one.outcome == "held":
                now.held.setdefault(one.mail_id, move)  # once more, when a colleague has answered since
            elif (late := now.held.get(one.mail_id)) is not None:  # vouched for: said now, by who wrote it, who is answered
                said = b"zq%06dx" % late.written.serial
                text = now.words[said]
                to_both = late.what.startswith("agent copied") and text.ticket in now.handed  # and he is the customer no longer
                now.words[said] = replace(text, serial=move.written.serial, inside=text.inside and not to_both)
                whose = late
            if one.outcome == "answer" and whose is move:
                self._knew(now, move, now.words[word].ticket)
            now = self._happened(now, one.changes, whose.sender, whose)
            self.told[one.outcome] += 1
        return replace(now, letters=now.letters[-40:])

    def _placed(self, written: Written, done: Done) -> Written:
        """Where a text is: at the ticket whose letter was answered, or one that it leads to; else where it was filed."""
        if done.number is None:
            return written
        filed: int = self.desk.run(asked("SELECT id FROM ticket WHERE number = $1", done.number))[0][0]
        if written.ticket and filed != written.ticket and done.outcome in ("answer", "note", "done"):
            links = self.desk.run(asked("SELECT other_id FROM link WHERE ticket_id = $1 AND kind = 'into'", written.ticket))
            if (filed,) not in links:
                raise Leak(f"an answer to {written.ticket} of {written.author} is at {filed}")
        return replace(written, ticket=filed)

    @staticmethod
    def _knew(now: State, move: Move, ticket: int) -> None:
        """An agent's words go to a customer whom he may know of, or has named himself."""
        when, by = now.handed.get(ticket, (0.0, ""))
        if by != move.sender and move.answered < when and not move.customer:
            raise Leak(f"{move.sender} was not asked: the customer is another one since the mail that he answers")

    def _happened(self, now: State, changes: Changes, sender: str, move: Move | None) -> State:
        """What was sent is looked through, and put into the boxes of those who get it."""
        touched = [x.mail.ticket_id for x in now.letters] + [m.ticket_id for m in changes.outgoing]
        touched += [u.ticket_id for u in changes.updates] + [t.ticket.id for t in changes.tickets]
        tickets = self._tickets(touched)
        now = self._handed(now, changes, tickets, move)
        self._people(now, tickets, self.serial)
        letters = now.letters
        for withdrawn in changes.withdrawn:  # taken back before it left: inside from now on
            for gone in (x for x in letters if x.mail.entry_id == withdrawn.entry_id):
                for found in _words(gone.mail.data) & now.words.keys():
                    if now.words[found].author in AGENTS:
                        now.words[found] = replace(now.words[found], inside=True)
            letters = tuple(x for x in letters if x.mail.entry_id != withdrawn.entry_id)
        for sent in changes.outgoing:
            for recipient in sent.recipients:
                if sent.purpose == "handed" and self.was.customers.get(sent.ticket_id or 0) == recipient.address:
                    self._is_told(recipient.address, sent, now)
                else:
                    self._check(recipient.address, sent, sender, now, tickets)
                letters = (*letters, Letter(recipient.address, sent))
        return replace(now, letters=letters)

    def _tickets(self, ids: list[int | None]) -> dict[int, Ticket]:
        found: dict[int, Ticket] = self.desk.run(tickets_by_id([i for i in ids if i]))
        return found

    def _handed(self, now: State, changes: Changes, tickets: dict[int, Ticket], move: Move | None) -> State:
        """Another customer: only by an agent's word, or by his taking it back; nobody else takes part but whom that word names."""
        unseen = now.unseen
        for update in changes.updates:
            if update.customer is None:
                continue
            new, ticket = update.customer.address, tickets[update.ticket_id]
            if move is None or move.sender not in AGENTS:
                raise Leak(f"{new} is the customer of {ticket.number} by the word of nobody who may say so")
            self.told["another customer"] += 1
            reading = {p.address for p in ticket.participants if p.role is not Role.CC}
            if changes.withdrawn:  # as it was before
                self.told["the customer again"] += 1
            elif new != move.customer or reading - {new, *move.keeps}:
                raise Leak(f"{move.customer} should be the customer of {ticket.number}, with {move.keeps}: {reading}")
            for word, text in now.words.items():
                if text.subject and text.ticket == ticket.id and text.author != new and (ticket.id, new) not in self.was.since:
                    unseen |= {(word, new)}
            now.handed[ticket.id] = (update.customer.since, move.sender)
        return replace(now, unseen=unseen)

    @staticmethod
    def _is_told(to: str, sent: OutgoingMail, now: State) -> None:
        """That somebody else is the customer, and no more: not who, nor what anybody wrote but himself."""
        for word in _words(sent.data):
            if now.words[word].author != to and not now.words[word].subject:
                raise Leak(f"{word!r} to {to}, who is the customer no longer")
        if any(who != to and who.encode() in sent.data for who in PEOPLE):
            raise Leak(f"{to} learns who is the customer now")

    @staticmethod
    def _people(now: State, tickets: dict[int, Ticket], serial: int) -> None:
        """Who may read about a ticket, from which text on. Who is taken off and comes back begins anew, and so does who comes in
        a customer's place."""
        since = now.since
        for ticket in tickets.values():
            reading = {p.address: p.role for p in ticket.participants if p.role in (Role.CUSTOMER, Role.JOINED)}
            for person, role in reading.items():
                first = role is Role.CUSTOMER and ticket.id not in now.handed
                since.setdefault((ticket.id, person), 0 if first else serial)
                if role is Role.CUSTOMER:
                    now.customers[ticket.id] = person
            for known in [key for key in since if key[0] == ticket.id and key[1] not in reading]:
                del since[known]

    def _check(self, to: str, sent: OutgoingMail, sender: str, now: State, tickets: dict[int, Ticket]) -> None:
        words, since = now.words, now.since
        ticket = tickets.get(sent.ticket_id or 0)
        if to in AGENTS:
            desks = {ticket.desk, *ticket.other_desks} if ticket else set(MEMBERS)
            if to != sender and sent.purpose == "to-agent" and not any(to in MEMBERS[d] for d in desks):
                raise Leak(f"{to} is no agent of {desks}: {sent.purpose}")
            self.told["mails to agents"] += 1
            return
        self.told["mails to others"] += 1
        answered = ticket is not None and to == sender and any(p.address == to for p in ticket.participants)
        if ticket is None or ((ticket.id, to) not in since and not answered):  # whom a customer put in Cc is answered, no more
            raise Leak(f"a mail ({sent.purpose}) to {to}, who takes no part in {ticket.number if ticket else 'nothing'}")
        if _TIME.search(sent.data.replace(b"=\r\n", b"")):
            raise Leak(f"time that was worked, to {to} ({sent.purpose})")
        for word in _words(sent.data):
            text = words.get(word)
            if text is None:
                raise Leak(f"{word!r} comes from nowhere")
            if (word, to) in now.unseen and not self._let_in(to, ticket):
                raise Leak(f"{word!r} of the subject of before to {to} ({sent.purpose})")
            if text.subject:
                continue
            if text.author == to:  # he is shown what he wrote himself, be it what a command would be from an agent
                continue
            if text.inside:
                raise Leak(f"{word!r}, which stays inside, to {to} ({sent.purpose})")
            if text.ticket and (text.ticket, to) not in since:
                raise Leak(f"{word!r} of another ticket to {to} ({sent.purpose})")
            if text.ticket and since[text.ticket, to] > text.serial:
                raise Leak(f"{word!r} is from before {to} took part ({sent.purpose})")
            if text.author not in AGENTS:
                raise Leak(f"{word!r} of {text.author} to {to} ({sent.purpose})")
            self.told["words of agents to others"] += 1
        for serial in map(int, _NAMED.findall(_unfolded(sent.data))):
            writer = words.get(b"zq%06dx" % serial)
            if writer is not None and writer.author != to and since.get((ticket.id, to), 0) > serial:
                raise Leak(f"the name of mail {serial} of {writer.author} to {to} ({sent.purpose})")

    @staticmethod
    def _let_in(to: str, ticket: Ticket) -> bool:
        """In copy, where he reads the subject as everybody does whom an agent lets take part."""
        return any(p.address == to and p.role is Role.JOINED for p in ticket.participants)


def _unfolded(data: bytes) -> bytes:
    """The header."""
    return re.sub(rb"\r\n[ \t]+", b" ", data.partition(b"\r\n\r\n")[0])


def _words(data: bytes) -> set[bytes]:
    """Those in a finished mail, whatever its encoding."""
    found = set(_WORD.findall(data.replace(b"=\r\n", b"")))
    if b"base64" in data:
        for part in _PART.findall(data):
            found |= set(_WORD.findall(base64.b64decode(part)))
    return found


def _way(tickets: dict[str, Any], **desk: object) -> dict[str, Any]:
    """One of the ways in which a desk may be set up."""
    return {
        "desk": [{**one, **desk} for one in DESKS],
        "agent": [{"address": agent} for agent in AGENTS],
        "limits": {"notifications_per_hour": 1000, "acknowledgements_per_day": 1000, "hold_notices_per_hour": 1000},
        "tickets": tickets,
    }


_WAYS = (
    _way({}),
    _way({"answer_delay": "0s", "waiting_close": "3d"}, quote=False),
    _way({"several_desks": "each"}, colleagues_join=True, hold_digest="0s"),
    _way({"thanks": "reopen"}, colleagues_join=True, acknowledge=False),
)


def run(count: int, seed: int, seconds: float = 1e9) -> Counter[str]:
    """How many mails came to what; it ends with the tree in which `seconds` are over. Raises Leak, with what led to it."""
    told: Counter[str] = Counter()
    until = time.monotonic() + seconds
    gc.disable()  # it finds little here, and costs a tenth
    desks = [Instant(**way) for way in _WAYS]
    tree = 0
    while told["sequences"] < count and time.monotonic() < until:
        rng = random.Random(seed * 1_000_003 + tree)
        desk = desks[tree % len(desks)]
        walk = Walk(desk, rng, told)
        desk.clock.set(START)  # signed addresses have no room for days beyond 2149
        desk.mark()
        try:
            _go_on(walk, State(), 0, count)
        except Leak as leak:
            raise Leak(f"seed {seed}, tree {tree}: {leak}\n" + "\n".join(walk.path)) from None
        desk.back()
        desk.forget()
        gc.collect()
        if tree % 100 == 0:
            print(f"{told['sequences']} so far", file=sys.stderr, flush=True)
        tree += 1
    for desk in desks:
        desk.close()
    return told


def _go_on(walk: Walk, state: State, depth: int, count: int) -> None:
    if depth == DEPTH:
        if walk.serial % _CHECKED == 0 and (faults := walk.desk.run(check())):
            raise Leak(f"the store is not in order: {faults}")
        return
    for _ in range(_CHILDREN[depth]):
        if walk.told["sequences"] >= count:
            return
        walk.desk.mark()
        move = walk.draw(state)
        walk.path.append(f"  {move.what}: {move.sender} -> {move.to} ({move.evidence.value}) zq{move.written.serial:06}x")
        after = walk.step(state, move)
        walk.told["sequences"] += 1
        _go_on(walk, after, depth + 1, count)
        walk.path.pop()
        walk.desk.back()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="end then, however many there were")
    parser.add_argument("--customers", action="store_true", help="agents say whose ticket it is, and little else")
    args = parser.parse_args()
    globals().update(ABOUT_CUSTOMERS if args.customers else {})
    began, used = time.monotonic(), time.process_time()
    told = run(args.count, args.seed, args.seconds)
    print(", ".join(f"{count} {what}" for what, count in told.most_common()))
    print(f"in {time.monotonic() - began:.0f} s, {time.process_time() - used:.0f} s of processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
