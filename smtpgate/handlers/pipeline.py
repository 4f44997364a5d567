"""The way of one mail through filing: what to ask the store, and the handlers in their order.

Pure: `prepare` works out what the mail alone says and what must be known beside it, `decide` makes the changes out of the
answers. Filing runs decide inside the transaction of COMMIT 2; `explain` runs the same on a store that it only reads. What
a handler raises is a bug and is raised here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import field, replace
from types import ModuleType

from smtpgate.clock import Clock, id_text, local_day
from smtpgate.config import Config
from smtpgate.desksettings import Desk
from smtpgate.due import Leave
from smtpgate.handlers import (
    agent,
    answer,
    block,
    dedupe,
    deskmail,
    held,
    identify,
    merging,
    notify,
    opening,
    privacy,
    recognise,
    route,
    subject,
    targets,
    tell,
    thread,
    ticket,
    words,
)
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.post import Post
from smtpgate.mail import digest
from smtpgate.mail.address import key, split_sub
from smtpgate.mail.extract import Extractor
from smtpgate.mail.token import Token, Tokens
from smtpgate.model import Address, Detail, EntryKind, Evidence, MailState, ParsedMail, Status
from smtpgate.numbers import NumberPattern, find
from smtpgate.records import record
from smtpgate.store.api import Changes, Facts, FactsQuery, Incoming

# The order in which a mail is understood.
HANDLERS: tuple[ModuleType, ...] = (
    recognise,
    identify,
    thread,
    block,
    words,
    dedupe,
    agent,
    route,
    ticket,
    privacy,
    notify,
    tell,
)

_REFERENCES = 50  # Message-IDs looked up for one mail
_PICTURES = 50  # looked up for one mail
_PARENTS = 2  # mails that it may quote: what it answers, and the newest before that
_NUMBERS = 10  # ticket numbers looked up for one subject
ROLES = ("postmaster", "abuse")


@record(frozen=True, slots=True)
class Prepared:
    """What a mail alone says, and the question to the store that follows from it."""

    mail: Incoming
    parsed: ParsedMail
    query: FactsQuery
    person: Address | None
    desks: tuple[Desk, ...]
    roles: tuple[str, ...]
    tokens: tuple[Token, ...]
    fingerprints: dict[str, tuple[str, str]]
    elsewhere: tuple[str, ...]  # keys of this very mail at further desks that it is addressed to
    details: tuple[Detail, ...]
    opens: bool  # an agent's fresh mail that opens a ticket in somebody's name
    claimed: tuple[str, ...]  # agents' addresses in From


@record(frozen=True, slots=True)
class Pipeline:
    """The handlers with what they work with. patterns: the number pattern in force first, then all earlier ones."""

    config: Config
    post: Post
    tokens: Tokens
    patterns: tuple[NumberPattern, ...]
    clock: Clock
    extractor: Extractor
    leaves: dict[str, Leave] = field(default_factory=dict)  # what agents said by mail; filing and later.py keep it fresh

    def prepare(self, mail: Incoming, parsed: ParsedMail, now: float) -> Prepared:
        """All that depends on the mail alone, and the question to the store that follows from it."""
        desks, roles, tokens = self._recipients(mail, now)
        imported = mail.verdict.evidence is Evidence.IMPORTED
        own, author = parsed.message_id, mail.verdict.author
        member = self.config.agent_address(author)
        sender = key(member or author) if author else ""
        references = thread.references(parsed, imported=imported)[:_REFERENCES]
        numbers = find(parsed.subject, self.patterns)
        listing = None if imported or not member else deskmail.asked(parsed, sender, desks, self.config, self.patterns)
        wants = agent.wants(parsed, self.patterns, self.config.tickets.split_reach) if member and not imported else None
        serials = self.config.desk if wants is not None and wants.taken is not None else desks
        opens = bool(member) and not imported and deskmail.opens(parsed, sender, desks, tokens)
        brought = tuple(o.message_id for o in parsed.originals if o.message_id and o.message_id not in references) if opens else ()
        claimed = tuple(dict.fromkeys(a for f in parsed.from_ if (a := self.config.agent_address(f.address))))
        prints = _fingerprints(mail, parsed, sender, desks, numbers)
        elsewhere = () if imported or member else self._elsewhere(mail, parsed, sender, desks, numbers)
        asks = not imported and words.wanted(parsed)
        query = FactsQuery(
            mail_id=mail.id,
            now=now,
            sender=sender,
            message_id=own,
            references=tuple(r for r in (*references, *brought) if r != own) + ((own,) if imported and own else ()),
            numbers=numbers[:_NUMBERS],
            ticket_ids=tuple(t.id for t in tokens if t.kind in "rna"),
            parents=references[:_PARENTS] if parsed.may_quote else (),
            recipient_ids=tuple(t.id for t in tokens if t.kind == "b"),
            fingerprints=(*(key for pair in prints.values() for key in pair), *elsewhere),
            serials=tuple({ticket.serial_key(self.patterns[0], desk, now): None for desk in serials}),
            imported=imported,
            named=thread.named(mail, parsed) if imported else (),
            pictures=tuple(dict.fromkeys(a.sha256 for a in parsed.attachments if a.content_type.startswith("image/")))[:_PICTURES],
            subjects=tuple(subject.key(desk.name, parsed.subject) for desk in desks) if imported and subject.alone(parsed) else (),
            desks=tuple(desk.name for desk in desks),
            members=self.config.members(),
            told_most=self.config.limits.notifications_per_hour,
            conversation=asks
            or listing is not None
            or (not imported and (bool(member) or any(desk.notify for desk in self.config.desk))),
            open_tickets=asks,
            personal=not imported and (words.personal(parsed) or any(t.kind == "p" for t in tokens)),
            listing=listing,
            also=wants.numbers if wants is not None else (),
            blocks=wants is not None and wants.blocks,
            undoes=wants is not None and wants.undoes,
            taken=wants.taken if wants is not None else None,
            of_agent=bool(member),
            customer=opening.customer(parsed) if opens else wants.customer if wants is not None else "",
            began=wants is not None and wants.began,
            spent=wants is not None and wants.spent,
            copies=not imported
            and (any(desk.colleagues_join for desk in self.config.desk) or (wants is not None and bool(wants.numbers))),
            holding=None
            if imported
            else held.query(
                mail.verdict.evidence, claimed, "".join(t.kind for t in tokens), tuple(t.id for t in tokens if t.kind in "ch")
            ),
            numbers_of=lambda counter, serial: self.numbers_of(serials, now, counter, serial),
        )
        person = next((a for a in parsed.from_ if key(a.address) == key(author)), Address("", author)) if author else None
        if person is not None and member:
            person = Address(person.name, member)
        return Prepared(mail, parsed, query, person, desks, roles, tokens, prints, elsewhere, self.details(parsed), opens, claimed)

    def numbers_of(self, desks: Sequence[Desk], now: float, counter: tuple[str, str], serial: int) -> tuple[str, ...]:
        """The numbers of the tickets that these desks would open from this counter, beginning with serial."""
        pattern = self.patterns[0]
        of_counter = [desk for desk in desks if ticket.serial_key(pattern, desk, now) == counter]
        return tuple(
            pattern.make(date=local_day(now, desk.timezone), channel=desk.channel, serial=serial + i)
            for i, desk in enumerate(of_counter)
        )

    def decide(self, ready: Prepared, facts: Facts, *, opens_as: Status = Status.RECEIVED) -> Changes:
        """opens_as: the state of a ticket that it opens."""
        query, tokens = ready.query, ready.tokens
        if facts.merged:  # what was signed for a ticket that is part of another one now counts for that
            tokens = tuple(replace(t, id=facts.merged.get(t.id, t.id)) if t.kind in "rna" else t for t in tokens)
        case = Case(
            config=self.config,
            post=self.post,
            clock=self.clock,
            now=query.now,
            mail=ready.mail,
            parsed=answer.of_agent(answer.refined(ready.parsed, facts), self.config.agent_address(ready.mail.verdict.author)),
            facts=facts,
            sender=query.sender,
            person=ready.person,
            desks=block.open_to(facts.blocks, query.sender, ready.desks) if facts.blocks else ready.desks,
            roles=ready.roles,
            replies=tuple(t for t in tokens if t.kind == "r"),
            returns=tuple(t for t in tokens if t.kind == "b"),
            actions=tuple(t for t in tokens if t.kind in "na"),
            confirms=tuple(t for t in tokens if t.kind == "c"),
            holds=tuple(t for t in tokens if t.kind == "h"),
            personal=tuple(t for t in tokens if t.kind == "p"),
            claimed=ready.claimed,
            numbers=query.numbers,
            pattern=self.patterns[0],
            patterns=self.patterns,
            details=ready.details,
            fingerprints=ready.fingerprints,
            elsewhere=ready.elsewhere,
            named=query.named,
            opens=ready.opens,
            opens_as=opens_as,
            leaves=self.leaves,
        )
        work = Work()
        for handler in HANDLERS:
            handler.handle(case, work)
            if work.done:
                break
        if work.outcome == "held":
            held.told(case, work)
        reply = any(e.kind is EntryKind.REPLY for e in work.entries)
        assert case.imported or not reply or work.outcome == "answer", "no mail from outside is our answer"
        targets.kept(case, work)
        changes = _settle(work, query.numbers, held.noted(case, work) if work.outcome == "held" else {})
        return merging.healed(changes, facts) if facts.strays and changes.state is not None else changes

    def details(self, parsed: ParsedMail) -> tuple[Detail, ...]:
        """What the mail is about. Our own ticket numbers are no numbers of orders or errors."""
        found = self.extractor.details(parsed)
        ours = [n.casefold() for text in (parsed.subject, parsed.reply) for n in find(text, self.patterns)] if found else []
        return tuple(d for d in found if not any(d.value.casefold() in number for number in ours))

    def _elsewhere(
        self, mail: Incoming, parsed: ParsedMail, sender: str, desks: tuple[Desk, ...], numbers: tuple[str, ...]
    ) -> tuple[str, ...]:
        """By which the same mail is known that was handed over for other desks in a transaction of its own, where desks share a
        ticket: of all that To and Cc name, when one of the envelope's is among them."""
        if self.config.tickets.several_desks == "each" or not parsed.message_id or len(parsed.to) + len(parsed.cc) < 2:
            return ()
        named: list[Desk] = []
        for one in (*parsed.to, *parsed.cc):
            local, _, domain = split_sub(one.address)
            desk = self.config.desk_of(f"{local}@{domain}")
            if desk is not None and desk not in named:
                named.append(desk)
        others = tuple(desk for desk in named if desk not in desks)
        if not others or len(others) == len(named):
            return ()
        return tuple(pair[1] for pair in _fingerprints(mail, parsed, sender, others, numbers).values())

    def _recipients(self, mail: Incoming, now: float) -> tuple[tuple[Desk, ...], tuple[str, ...], tuple[Token, ...]]:
        """Desks, role addresses and valid signed addresses of the envelope. A role without a postmaster is a desk's."""
        desks: list[Desk] = []
        roles: list[str] = []
        tokens: list[Token] = []
        for rcpt in mail.envelope.rcpts:
            local, _, domain = split_sub(rcpt)
            if local.lower() in ROLES:
                roles.append(rcpt)
                continue
            desk = self.config.desk_of(f"{local}@{domain}")
            token = self.tokens.read(rcpt, now)
            if token is not None:
                tokens.append(token)
            if desk is not None and desk not in desks:
                desks.append(desk)
        if not desks and (not roles or self.config.server.postmaster is None):
            desks.append(self.config.desk[0])  # a role without a person, or a desk that the configuration no longer has
        return tuple(desks), tuple(roles), tuple(tokens)


def _fingerprints(
    mail: Incoming, parsed: ParsedMail, sender: str, desks: tuple[Desk, ...], numbers: tuple[str, ...]
) -> dict[str, tuple[str, str]]:
    """For each desk the key of this content within the window, and of this very mail (its Message-ID) at any time.

    What it answers counts as content: a "yes" to one question is no repeat of a "yes" to another. Some clients name it in
    References alone; and where it is not named, what is quoted tells it. numbers: of ours, in the subject.
    """
    answers = parsed.in_reply_to or parsed.references[-1:] or ("".join(parsed.text.split()),)
    ours = [number.casefold() for number in numbers]
    foreign = [n for n in digest.numbers(parsed.subject) if not any(number in n for number in ours)]  # is not
    content = "\0".join((parsed.digest or mail.sha256, *foreign))
    who = sender or (mail.envelope.mail_from or "")

    def fingerprint(*parts: str) -> str:
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    return {
        desk.name: (
            fingerprint(desk.name, who, content, *answers),
            fingerprint(desk.name, who, content, "this very mail", parsed.message_id or mail.sha256),
        )
        for desk in desks
    }


_STATES = {"held": MailState.HELD}


def _settle(work: Work, numbers: tuple[str, ...], hold: dict[str, object]) -> Changes:
    """The changes, with what was decided and why, for whoever asks later. hold: what is to be known of a held mail."""
    if work.outcome == "postponed":
        return Changes(postpone_until=work.postpone_until)
    about = work.about
    decision = {
        "outcome": work.outcome,
        "ticket": work.ticket.number if work.ticket else None,
        "tickets": [t.number for t in work.opened],
        "rung": work.rung,
        "numbers": list(numbers),  # that the subject names, whether or not there are such tickets
        "marks": work.marks,
        "reasons": work.reasons,
        **({"shown": work.shown} if work.shown else {}),
        **({"hold": hold} if hold else {}),
        "about": {"outgoing": id_text(about.outgoing_id), "cause": about.cause, "to": about.address} if about else None,
        "send": [
            {"purpose": m.purpose, "to": [r.address for r in m.recipients], "message_id": m.message_id} for m in work.outgoing
        ],
    }
    return work.changes(_STATES.get(work.outcome, MailState.FILED), _json(decision))


_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would build one for each mail
