"""An agent opens a ticket in a customer's name: #new writes to the customer, #fwd brings a mail of his that the agent has.

Only a mail that is proved in full gets here (handlers/deskmail): its text goes to somebody outside. Whose ticket it is is said by
the agent, or by the one address in the header of the mail that he passes on; it is never guessed. That mail is not
proved, the agent vouches for it: the entry says so, and the customer gets the number, since a proved agent named him.
"""

from __future__ import annotations

from dataclasses import replace

from smtpgate.desk import commands
from smtpgate.desk.commands import Given, Reading
from smtpgate.desk.commandtable import Place, Verb
from smtpgate.desk.life import language_for
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers import canned, doubts, notify, outcome, targets, tell, thread
from smtpgate.handlers import ticket as tickets
from smtpgate.handlers.agentwords import LINES
from smtpgate.handlers.case import Case, Work
from smtpgate.links import LinkKind, NewLink
from smtpgate.mail import files, language, outward, safe, trim, wire
from smtpgate.mail.agentwords import STATUS
from smtpgate.mail.letters import ComposeError
from smtpgate.model import Address, Entry, EntryKind, Original, ParsedMail, Participant, Role, Ticket
from smtpgate.store.api import AckNote, MessageRef
from smtpgate.wish import Wish

NAME = "opening"
_PREFIXES = 5  # of a subject that are taken off
_OTHERS = 3  # tickets of the person that are named


def reading(parsed: ParsedMail) -> Reading | None:
    """What a fresh mail asks for, when it opens a ticket so; None for every other one."""
    found = commands.read(parsed.reply, Place.DESK)
    if found.of(Verb.FWD) is not None and parsed.originals:
        return commands.read(parsed.originals[0].above, Place.DESK)  # what stands below are somebody else's words
    return found if found.opening is not None else None


def customer(parsed: ParsedMail) -> str:
    """The address of whom it is about, "" when nobody is named or it opens nothing."""
    found = reading(parsed)
    person = _whose(found.opening, parsed)[0] if found is not None and found.opening is not None else None
    return person.address if person is not None else ""


def _whose(given: Given, parsed: ParsedMail) -> tuple[Address | None, Original | None, str]:
    """In whose name, by which mail of his, and what is missing."""
    if given.verb is Verb.NEW:
        return Address(given.name, given.value), None, ""
    found = parsed.originals
    if given.value:
        his = [o for o in found if any(p.address.lower() == given.value.lower() for p in o.people)] or list(found)
        if len(his) != 1:
            return None, None, "fwd-mails" if his else "fwd-none"
        name = next((p.name for p in his[0].people if p.address.lower() == given.value.lower()), "")
        return Address(given.name or name, given.value), his[0], ""
    if len(found) != 1:
        return None, None, "fwd-mails" if found else "fwd-none"
    if len(found[0].people) != 1:
        return None, None, "fwd-several" if found[0].people else "fwd-nobody"
    return found[0].people[0], found[0], ""


def do(case: Case, work: Work, desk: Desk, agent: Agent, asked: Reading) -> tuple[str, ...]:
    """Why it cannot be done, all of it; or nothing, and it is done."""
    words = LINES[agent.language]
    assert asked.opening is not None
    person, original, missing = _whose(asked.opening, case.parsed)
    if person is None:
        return (words[missing],)
    faults = _against(case, person, original, words)
    if original is None and asked.of(Verb.REPLY) is None and doubts.passed_on(case):
        faults.append(words["new-passes-on"])
    if faults:
        return tuple(faults)
    ticket = _begin(case, work, desk, person, original)
    rest = replace(asked, commands=tuple(given for given in asked.commands if given is not asked.opening))
    filled = canned.filled(case, ticket, desk, agent, rest, inside=not asked.outward)
    why = filled if isinstance(filled, tuple) else outcome.impossible(case, ticket, desk, filled, agent.language)
    if isinstance(filled, tuple) or why:
        work.forget()
        return why
    rest = filled
    lines = [words["opened"].format(number=ticket.number, who=person.address), *_others(case, agent)]
    inside = not asked.outward
    if original is not None:
        _bring(case, work, ticket, original)
        if (inside or not rest.text) and rest.of(Verb.STATUS) is None:  # else that mail has the number
            lines.append(_acknowledge(case, work, desk, ticket, original, words))
    _link(case, work, ticket, lines, words)
    event = f"opened by {case.sender} in the name of {person.address}"
    work.entries.append(Entry(case.new_id(), ticket.id, EntryKind.EVENT, case.sender, case.now, event))
    mine = case if original is None else replace(case, parsed=replace(case.parsed, attachments=(), html=None))  # the files are his
    outcome.do(mine, work, ticket, desk, agent, rest, inside=inside, lines=tuple(lines))
    if original is not None and work.opened:
        _tell(case, work, ticket)
    return ()


def _link(case: Case, work: Work, ticket: Ticket, lines: list[str], words: dict[str, str]) -> None:
    """With the ticket that the agent's mail names, by its subject or by what it answers: what he passes on may be about one."""
    other = thread.climb(case)[0]
    if other is not None and case.desk_of_agent(other) is not None:
        work.links.append(NewLink(ticket.id, LinkKind.BESIDE, other.id, case.now, case.sender))
        lines.append(words["opened-beside"].format(number=other.number))


def _against(case: Case, person: Address, original: Original | None, words: dict[str, str]) -> list[str]:
    found = []
    if case.own(person.address) or case.config.agent_address(person.address):
        found.append(words["open-ours"].format(who=person.address))
    else:
        try:
            wire.checked_address(person.address)
        except ComposeError:
            found.append(words["cc-unfit"].format(who=person.address))
    if not _subject(case, original):
        found.append(words["open-subject"])
    if original is not None and outward.quotes_us(original.text):
        found.append(words["fwd-ours"])
    if original is not None and (known := _known(case, person, original)) is not None:
        found.append(words["fwd-known"].format(number=known.number))
    return found


def _known(case: Case, person: Address, original: Original) -> Ticket | None:
    """The ticket of this customer's that this very mail is in already: he wrote to us too, or a colleague was quicker."""
    ref = case.facts.by_message_id.get(original.message_id or "")
    ticket = case.facts.tickets.get(ref.ticket_id) if ref is not None and not ref.ours else None
    if ticket is None or ticket.customer is None or case.desk_of_agent(ticket) is None:
        return None
    return ticket if case.post.key(ticket.customer.address) == case.post.key(person.address) else None


def _subject(case: Case, original: Original | None) -> str:
    if original is None:
        return case.parsed.subject.strip()
    said = original.subject or case.parsed.subject
    for _ in range(_PREFIXES):
        if not (trim.is_forward(said) or trim.is_answer(said)):
            break
        said = said[said.replace("：", ":").index(":") + 1 :].strip()
    return said or case.parsed.subject.strip()


def _begin(case: Case, work: Work, desk: Desk, person: Address, original: Original | None) -> Ticket:
    subject = _subject(case, original)
    spoken = language.of(original.text, subject) if original is not None else case.parsed.language
    written = language.script(original.text or subject) if original is not None else case.parsed.script
    known = case.facts.customer
    wish = known.wish if known else Wish()
    work.ticket = tickets.begin(
        case,
        work,
        desk,
        subject=subject,
        language=language_for(spoken, written, known.language if known else "", desk.language, wish.language),
        participants=(Participant(person.address, person.name, Role.CUSTOMER, wish.fewer),),
    )
    work.rung = "new"
    return work.ticket


def _bring(case: Case, work: Work, ticket: Ticket, original: Original) -> None:
    """What the customer wrote, and what a later mail of his may name."""
    assert ticket.customer is not None
    marks = [f"forwarded by {case.sender}", *([f"written {safe.line(original.date, 60)}"] if original.date else [])]
    ours = case.facts.by_message_id.get(original.message_id or "")
    message_id = original.message_id if ours is None or not ours.ours else None
    work.entries.append(
        Entry(
            id=case.new_id(),
            ticket_id=ticket.id,
            kind=EntryKind.CUSTOMER,
            author=ticket.customer.address,
            created_at=case.now,
            text=original.text,
            mail_id=case.mail.id,
            message_id=message_id,
            marks=(*marks, *files.marks(original.attachments)),
            attachments=original.attachments,
            rung="new",
            details=case.details,
        )
    )
    if message_id:
        work.message_refs.append(MessageRef(message_id, ticket.id, ours=False))


def _acknowledge(case: Case, work: Work, desk: Desk, ticket: Ticket, original: Original, words: dict[str, str]) -> str:
    """The number, to the customer, within the caps that hold for him. What the agent is told of it."""
    assert ticket.customer is not None
    to, known = ticket.customer, case.facts.customer
    if original.machine or not desk.acknowledge:
        return words["untold"]
    at, why = notify.when(case, known.acks if known else (), "received")
    if at is None:
        work.because(NAME, f"no acknowledgement: {why}")
        return words["untold"]
    seen = work.entries[-1].message_id
    try:
        mail = case.post.to_customer(
            purpose="received",
            desk=desk,
            ticket=ticket,
            to=Address(to.name, to.address),
            now=case.now,
            send_at=at,
            references=(seen,) if seen else (),
            promised=targets.promised(case, work, ticket),
        )
    except ComposeError as error:  # the ticket matters more than its acknowledgement
        work.because(NAME, f"no acknowledgement: {error}")
        return words["untold"]
    work.outgoing.append(mail)
    work.acks.append(AckNote(to.address, at, "received"))
    work.message_refs.append(case.post.reference(mail))
    return words["told"].format(to=to.address)


def _others(case: Case, agent: Agent) -> list[str]:
    """What else this person has, so that nobody opens the same twice."""
    known = case.facts.customer
    return [
        LINES[agent.language]["other"].format(number=o.number, state=STATUS[agent.language][o.status], subject=o.subject)
        for o in (known.others[:_OTHERS] if known else ())
    ]


def _tell(case: Case, work: Work, ticket: Ticket) -> None:
    """The desk, of the customer's mail; not who brought it, and not who was given it with a mail of its own."""
    has = next((update.assignee for update in work.updates if update.assignee is not None), "")
    if has and has != case.sender:
        return
    entry = next(entry for entry in work.entries if entry.kind is EntryKind.CUSTOMER)
    known = case.facts.customer
    tell.told(case, work, replace(ticket, assignee=has), entry, "new", but=case.sender, others=known.others if known else ())
