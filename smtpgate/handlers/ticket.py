"""The ticket itself: opened, or continued by an entry, with everything that a later mail needs to find it again."""

from __future__ import annotations

from dataclasses import replace

from smtpgate.clock import local_day
from smtpgate.desk.life import after_customer_mail, after_word, language_for
from smtpgate.desksettings import Desk
from smtpgate.due import awake
from smtpgate.handlers import colleagues, follow, route, subject
from smtpgate.handlers.case import Case, Work, entry_of
from smtpgate.handlers.dedupe import strong
from smtpgate.links import Link, LinkKind, NewLink
from smtpgate.mail.customerwords import Asked
from smtpgate.model import Address, Entry, EntryKind, Kind, Participant, Role, Ticket
from smtpgate.numbers import NumberPattern
from smtpgate.rules.rights import Joining, Opening
from smtpgate.store.api import MessageRef, NewFingerprint, NewTicket, TicketUpdate
from smtpgate.wish import NewWish

NAME = "ticket"
_SUBJECT = 200  # characters of a subject kept as the ticket's title
_PARTICIPANTS = 50  # people beyond whom an imported thread takes in no more
_COPIES = 20  # people in Cc remembered for one mail


def serial_key(pattern: NumberPattern, desk: Desk, now: float) -> tuple[str, str]:
    """The counter that a new ticket of this desk takes its serial from."""
    return (local_day(now, desk.timezone) if pattern.per_day else "", desk.channel if pattern.per_channel else "")


def handle(case: Case, work: Work) -> None:
    if work.ticket is None:
        _open(case, work)
    elif work.repeat_of is not None:
        _repeat(case, work, work.ticket)
    elif case.imported:
        _continue(case, work, work.ticket)
    else:
        _join(case, work, work.ticket)


def _repeat(case: Case, work: Work, ticket: Ticket) -> None:
    marks = work.marks if strong(case) or case.imported else (*work.marks, "unverified")
    work.entries.append(entry_of(case, work, ticket, EntryKind.REPEAT, marks))
    work.updates.append(TicketUpdate(ticket.id, updated_at=case.now))
    if work.shares:
        names = tuple(desk.name for desk in work.shares)
        work.updates.append(TicketUpdate(ticket.id, other_desks=(*ticket.other_desks, *names)))
        _event(case, work, ticket, f"the same mail came to desk {', '.join(names)}: shared")
        work.ticket = replace(ticket, other_desks=(*ticket.other_desks, *names))
        fingerprints(case, work, replace(ticket, desk=names[0], other_desks=names[1:]))


def _join(case: Case, work: Work, ticket: Ticket) -> None:
    work.outcome = "joined"
    if work.rights.joins is Joining.NOTE:
        work.outcome = "noted"
        work.entries.append(entry_of(case, work, ticket, EntryKind.MACHINE, (*work.marks, case.parsed.kind.value)))
        work.because(NAME, f"noted on {ticket.number}")
    elif case.agent and not case.takes_part(ticket):
        # An agent of another desk, and so none here (handlers/agent.py): the safe reading of such words is that they stay inside.
        work.entries.append(entry_of(case, work, ticket, EntryKind.NOTE, work.marks))
        work.because(NAME, "an agent's words: kept inside")
    elif "third-party" in work.marks:
        work.entries.append(entry_of(case, work, ticket, EntryKind.THIRD_PARTY, work.marks))
        references(case, work, ticket)
    elif work.asked in (None, Asked.UNSOLVED) and not _only_thanks(case, ticket) and follow.too_late(case, ticket):
        work.follows, work.ticket, work.asked = ticket, None, None
        _open(case, work)
    else:
        _joined(case, work, ticket)


def _only_thanks(case: Case, ticket: Ticket) -> bool:
    """They reopen nothing."""
    return case.parsed.thanks and not ticket.status.open and case.config.tickets.thanks == "note"


def _joined(case: Case, work: Work, ticket: Ticket) -> None:
    """A participant goes on."""
    if work.asked is not None and work.asked is not Asked.UNSOLVED:
        status, reopened = after_word(ticket.status, solved=work.asked is Asked.SOLVED), False
    elif work.asked is None and _only_thanks(case, ticket):
        work.mark("thanks")
        work.because(NAME, f"nothing but thanks: {ticket.number} stays {ticket.status.value}")
        status, reopened = ticket.status, False
    else:
        status, reopened = after_customer_mail(ticket.status)
    language = work.asked.language if work.asked is not None else None
    desk = case.config.desk_named(ticket.desk)
    people = _copied(case, ticket) if work.rights.joins is Joining.YES else ()
    people, joining = colleagues.brought(case, work, desk, people, ticket)
    update = TicketUpdate(
        ticket.id,
        language=language,
        status=status if status is not ticket.status else None,
        updated_at=case.now,
        add_participants=people,
    )
    work.updates.append(update)
    work.entries.append(entry_of(case, work, ticket, EntryKind.CUSTOMER, work.marks))
    ticket = replace(ticket, participants=(*ticket.participants, *people))
    _event(case, work, ticket, joining)
    references(case, work, ticket)
    fingerprints(case, work, ticket)
    if reopened:
        work.because(NAME, f"was {ticket.status.value}: reopened")
    work.reopened = reopened
    work.closed = work.asked is Asked.SOLVED and status is not ticket.status
    if work.closed:
        event = f"{ticket.status.value} -> {status.value}: the customer says that it is solved"
        work.entries.append(Entry(case.new_id(), ticket.id, EntryKind.EVENT, case.sender, case.now, event))
        work.because(NAME, f"was {ticket.status.value}: closed by its customer")
    if ticket.snoozed_until is not None and "thanks" not in work.marks and work.asked is not Asked.STATUS:
        work.due.append(awake(ticket, case.now))
        work.because(NAME, "the customer wrote: snoozed no longer")
        ticket = replace(ticket, snoozed_until=None)
    work.ticket = ticket if status is ticket.status else replace(ticket, status=status)
    if work.asked is not None and work.asked.wish:
        work.ticket = _wished(case, work, work.ticket, work.asked)


def _event(case: Case, work: Work, ticket: Ticket, text: str) -> None:
    if text:
        work.entries.append(Entry(case.new_id(), ticket.id, EntryKind.EVENT, case.sender, case.now, text))


def _wished(case: Case, work: Work, ticket: Ticket, asked: Asked) -> Ticket:
    """The ticket as it is with what its customer asks for."""
    fewer = None if asked.language else asked is Asked.FEWER
    work.wishes.append(NewWish(case.sender, case.now, asked.language, fewer))
    work.because(NAME, f"from now on {case.sender} {asked.value}")
    people = tuple(p if p.role is not Role.CUSTOMER or fewer is None else replace(p, fewer=fewer) for p in ticket.participants)
    return replace(ticket, language=asked.language or ticket.language, participants=people)


def _continue(case: Case, work: Work, ticket: Ticket) -> None:
    """History goes on: nothing is reopened, whoever wrote it is found again by the next reference."""
    kind, marks, outcome = _in_history(case, ticket), list(work.marks), "joined"
    if work.rights.joins is Joining.NOTE:
        kind, marks, outcome = EntryKind.MACHINE, [*marks, case.parsed.kind.value], "noted"
    more = kind is EntryKind.CUSTOMER and len(ticket.participants) < _PARTICIPANTS
    update = TicketUpdate(
        ticket.id,
        updated_at=max(ticket.updated_at, case.now),
        add_participants=_copied(case, ticket) if more else (),
    )
    work.outcome = outcome
    work.updates.append(update)
    work.entries.append(entry_of(case, work, ticket, kind, marks))
    work.because(NAME, f"{outcome} in {ticket.number}")
    references(case, work, ticket)
    fingerprints(case, work, ticket)


def _in_history(case: Case, ticket: Ticket) -> EntryKind:
    """What our own people wrote to a customer was an answer; what they wrote to each other stays inside."""
    if not case.sender or case.takes_part(ticket):
        return EntryKind.CUSTOMER
    if not case.agent and not case.own(case.sender):
        return EntryKind.THIRD_PARTY
    reached = {case.post.key(a.address) for a in (*case.parsed.to, *case.parsed.cc)}
    answer = any(case.post.key(p.address) in reached for p in ticket.participants)
    return EntryKind.REPLY if answer else EntryKind.NOTE


def _open(case: Case, work: Work) -> None:
    opens = work.rights.opens
    if opens is Opening.HELD:
        reason = "; ".join(case.mail.verdict.reasons[-2:]) or case.mail.verdict.evidence.value
        work.hold(NAME, f"its sender is not proved: {reason}", "unproved")
        return
    if opens is Opening.NEVER:
        if not case.imported and case.parsed.kind in (Kind.BOUNCE, Kind.DELAYED, Kind.RECEIPT, Kind.FEEDBACK):
            work.hold(NAME, f"a {case.parsed.kind.value} that belongs to no mail of ours")
            return
        work.mark("automatic")
    if opens is Opening.UNVERIFIED:
        work.mark("unverified")
    work.outcome, work.rung = "new", "new"
    used: dict[tuple[str, str], int] = {}
    for desk, sharing in route.groups(case) if work.follows is None else _same_desk(case, work.follows):
        key = serial_key(case.pattern, desk, case.now)
        serial = case.facts.serials.get(key, 1) + used.get(key, 0)
        used[key] = used.get(key, 0) + 1
        _open_one(case, work, desk, sharing, key, serial)
    if work.linked is not None:
        _link(case, work, work.opened[0], work.linked)
    work.ticket = work.opened[0]


def _same_desk(case: Case, old: Ticket) -> tuple[tuple[Desk, tuple[Desk, ...]], ...]:
    """One ticket at the desk of the one that it follows, when the mail is addressed to that at all."""
    return ((next((desk for desk in case.desks if desk.name == old.desk), case.desks[0]), ()),)


def _link(case: Case, work: Work, new: Ticket, old: Ticket) -> None:
    """Somebody else's mail about it: a ticket of its own, which agents see beside the other one."""
    work.links.append(NewLink(new.id, LinkKind.BESIDE, old.id, case.now))
    event = f"{case.sender} wrote about it as well: {new.number}"
    work.entries.append(Entry(case.new_id(), old.id, EntryKind.EVENT, "", case.now, event))
    work.opened[0] = replace(new, links=(*new.links, Link(LinkKind.BESIDE, old.id, old.number)))


def _open_one(case: Case, work: Work, desk: Desk, sharing: tuple[Desk, ...], key: tuple[str, str], serial: int) -> None:
    people, joining = colleagues.brought(case, work, desk, _first_participants(case, work))
    ticket = begin(
        case,
        work,
        desk,
        serial=(key, serial),
        subject=case.parsed.subject if work.follows is None or not work.follows.subject_shown else work.follows.subject,
        language=language_for(
            case.parsed.language, case.parsed.script, case.facts.language, desk.language, case.facts.wish.language
        ),
        participants=people,
        unverified=work.rights.opens is Opening.UNVERIFIED or (work.rights.opens is Opening.YES and case.person is None),
        other_desks=tuple(d.name for d in sharing),
    )
    if work.follows is not None:
        ticket = work.opened[-1] = follow.link(case, work, work.follows, ticket)
    kind = EntryKind.MACHINE if work.rights.opens is Opening.NEVER else EntryKind.CUSTOMER
    if case.imported and kind is EntryKind.CUSTOMER:
        kind = _in_history(case, ticket)
    work.entries.append(entry_of(case, work, ticket, kind, work.marks))
    _event(case, work, ticket, joining)
    references(case, work, ticket)
    fingerprints(case, work, ticket)
    if case.imported and work.rights.opens is Opening.YES:
        work.subjects.append((subject.key(ticket.desk, case.parsed.subject), ticket.id, case.now))


def begin(
    case: Case,
    work: Work,
    desk: Desk,
    *,
    serial: tuple[tuple[str, str], int] | None = None,
    subject: str,
    language: str,
    participants: tuple[Participant, ...],
    unverified: bool = False,
    other_desks: tuple[str, ...] = (),
) -> Ticket:
    """A new ticket with nothing in it. serial: the counter, and what it takes from it; None for the desk's next one."""
    key, number = serial or ((own := serial_key(case.pattern, desk, case.now)), case.facts.serials.get(own, 1))
    ticket = Ticket(
        id=case.new_id(),
        number=case.pattern.make(date=local_day(case.now, desk.timezone), channel=desk.channel, serial=number),
        desk=desk.name,
        status=case.opens_as,
        subject=subject.strip()[:_SUBJECT],
        language=language,
        created_at=case.now,
        updated_at=case.now,
        participants=participants,
        unverified=unverified,
        other_desks=other_desks,
    )
    work.because(NAME, f"opens {ticket.number} at desk {desk.name}")
    work.opened.append(ticket)
    work.tickets.append(NewTicket(ticket, key, number))
    return ticket


def _first_participants(case: Case, work: Work) -> tuple[Participant, ...]:
    if case.person is None or work.rights.opens is Opening.NEVER:
        return ()  # a machine is nobody's customer: no mail ever goes to it
    if case.imported and (case.agent or case.own(case.sender)):  # we wrote first: the ticket is theirs to whom we wrote
        others = _people_in_copy(case, {case.sender})
        return tuple(replace(p, role=Role.CUSTOMER if i == 0 else Role.CC) for i, p in enumerate(others))
    customer = Participant(case.person.address, case.person.name, Role.CUSTOMER, case.facts.wish.fewer)
    copies = _people_in_copy(case, {case.sender}) if work.rights.opens is Opening.YES else ()
    return (customer, *copies)


def _copied(case: Case, ticket: Ticket) -> tuple[Participant, ...]:
    """Only authenticated participants bring others along (threat T4); those are listed, never mailed automatically."""
    return _people_in_copy(case, {case.post.key(p.address) for p in ticket.participants})


def _people_in_copy(case: Case, known: set[str]) -> tuple[Participant, ...]:
    people: dict[str, Participant] = {}
    for person in (*case.parsed.to, *case.parsed.cc):
        key = case.post.key(person.address)
        if key not in known and key not in people and not _a_desk(case, person):
            people[key] = Participant(person.address, person.name, Role.CC)
    return tuple(people.values())[:_COPIES]


def _a_desk(case: Case, person: Address) -> bool:
    return "@" not in person.address or case.own(person.address)


def references(case: Case, work: Work, ticket: Ticket) -> None:
    """What a later mail may name."""
    own = case.parsed.message_id
    work.unseen_refs += [(i, ticket.id) for i in case.named if i != own and i not in case.facts.holders]
    if own:
        work.message_refs.append(MessageRef(own, ticket.id, ours=False))


def fingerprints(case: Case, work: Work, ticket: Ticket) -> None:
    """What tells a repeat."""
    work.fingerprints += [
        NewFingerprint(key, ticket.id, case.mail.received_at, strong(case))
        for name in (ticket.desk, *ticket.other_desks)
        for key in dict.fromkeys(case.fingerprints.get(name, ()))
        if not (case.imported and _later(case, key))
    ]


def _later(case: Case, key: str) -> bool:
    """A copy that came later, but before this import, is the one that a new mail may repeat."""
    first = case.facts.fingerprints.get(key)
    return first is not None and first.first_at > case.mail.received_at
