"""#merge: two tickets become one. Whoever named the old one is led on (store/linking).

Tickets of two customers become one only when an agent has let the one take part in the other's before (#cc): else each would
read what was written to the other. What a customer is told names no ticket but his own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smtpgate.clock import new_id
from smtpgate.config import Config
from smtpgate.desk.commands import Given, Reading
from smtpgate.desk.commandtable import Verb
from smtpgate.desksettings import Desk
from smtpgate.handlers import tell
from smtpgate.handlers.case import Case
from smtpgate.handlers.colleagues import said_of
from smtpgate.handlers.doing import SPAM, Doing
from smtpgate.handlers.post import Post
from smtpgate.links import Link, LinkKind, NewLink
from smtpgate.mail.address import key
from smtpgate.model import Address, Entry, EntryKind, OutgoingMail, Participant, Role, Status, Ticket
from smtpgate.numbers import NumberPattern, find
from smtpgate.store.api import Changes, Facts, TicketUpdate

_SUBJECT = 200  # characters of a subject that an agent gives
_SHOWN = 60  # characters of a mail in a receipt


def against(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    """Why one of these commands cannot be done on this ticket."""
    if given.verb is Verb.MERGE:
        return _against_merge(case, ticket, given, words)
    return []


# --- merge ------------------------------------------------------------------------------------------------------------


def numbers_in(reading: Reading, patterns: tuple[NumberPattern, ...]) -> tuple[str, ...]:
    """The numbers of tickets that these commands may mean."""
    given = reading.of(Verb.MERGE)
    return _numbers(given, patterns) if given is not None else ()


def _numbers(given: Given, patterns: tuple[NumberPattern, ...]) -> tuple[str, ...]:
    return find(given.value, patterns) or (given.value.upper(),)


def _survivor(case: Case, given: Given) -> Ticket | None:
    """None also for a ticket of which the agent may not know."""
    found = [case.facts.by_number[n] for n in _numbers(given, case.patterns) if n in case.facts.by_number]
    ticket = case.facts.tickets.get(found[0]) if found else None
    return ticket if ticket is not None and case.desk_of_agent(ticket) is not None else None


def _against_merge(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    other = _survivor(case, given)
    if other is None:
        return [words["no-ticket"].format(number=given.value)]
    why = why_not(case.config, ticket, other, case.facts.said.copies.get(other.id, ()))
    return [words[why[0]].format(**why[1])] if why else []


def why_not(config: Config, old: Ticket, new: Ticket, copies: tuple[Entry, ...]) -> tuple[str, dict[str, str]] | None:
    """Why the old one may not become part of the new one: a key of LINES and its values. copies: what was said of
    who gets them in the new one, the newest first."""
    if new.id == old.id:
        return "merge-self", {"number": new.number}
    if SPAM in new.tags:
        return "merge-spam", {"number": new.number}
    if old.customer is None:
        return None
    if new.customer is None:
        return "merge-nobody", {"number": new.number}
    if not _takes_part(config, new, old.customer, copies):
        who = {"number": new.number, "theirs": new.customer.address, "who": old.customer.address}
        return "merge-customers", who
    return None


def _takes_part(config: Config, ticket: Ticket, person: Participant, copies: tuple[Entry, ...]) -> bool:
    """He is its customer, or an agent let him take part: he reads what is written to its customer anyhow. Who joined by a desk's
    rule has had no agent's word for it."""
    same = [p.role for p in ticket.participants if key(p.address) == key(person.address)]
    return Role.CUSTOMER in same or (Role.JOINED in same and _let_in(config, person, copies))


def _let_in(config: Config, person: Participant, copies: tuple[Entry, ...]) -> bool:
    return next(
        (sign == "+" and bool(config.agent_address(entry.author)) for sign, entry in said_of(copies, person.address)), False
    )


@dataclass(frozen=True, slots=True)
class Merged:
    """One ticket of two. ticket: as it is then. left_out: who got copies in the old one and gets none in this one."""

    ticket: Ticket
    updates: tuple[TicketUpdate, TicketUpdate]  # of the old one, of this one
    link: NewLink
    event: str  # in the old one
    left_out: tuple[Participant, ...]
    reopened: bool


def merged(config: Config, old: Ticket, new: Ticket, now: float, by: str) -> Merged:
    known = {key(p.address) for p in new.participants}
    people = tuple(replace(p, role=Role.CC, since=0.0) for p in old.participants if key(p.address) not in known)
    tags = tuple(dict.fromkeys((*new.tags, *(tag for tag in old.tags if tag != SPAM))))[:50]
    reopened = old.status.open and not new.status.open
    desks = (config.desk_at(new.desk), *map(config.desk_named, new.other_desks))
    works_there = any(key(a) == key(old.assignee) for desk in desks if desk is not None for a in desk.agents)
    assignee = new.assignee or (old.assignee if works_there else "")
    update = TicketUpdate(
        new.id,
        updated_at=now,
        status=Status.PROGRESS if reopened else None,
        add_participants=people,
        tags=tags if tags != new.tags else None,
        assignee=assignee if assignee != new.assignee else None,
    )
    ticket = replace(
        new,
        participants=(*new.participants, *people),
        tags=tags,
        links=(*new.links, Link(LinkKind.HOLDS, old.id, old.number)),
        assignee=assignee,
        status=update.status or new.status,
    )
    return Merged(
        ticket=ticket,
        updates=(TicketUpdate(old.id, status=Status.CLOSED, updated_at=now, assignee=""), update),
        link=NewLink(old.id, LinkKind.INTO, new.id, now, by, config.tickets.unmerge_within),
        event=f"merged into {new.number}",
        left_out=tuple(p for p in old.joined if key(p.address) not in known),
        reopened=reopened,
    )


def healed(changes: Changes, facts: Facts) -> Changes:
    """With what a program of before merging has written to merged tickets, while nodes are upgraded: it goes where it would have
    gone. Whoever waits for something in a ticket that was opened again there waits in the one that is left."""
    updates = []
    for stray in facts.strays:
        updates.append(TicketUpdate(stray.ticket_id, status=Status.CLOSED, assignee=""))
        if stray.open and not facts.tickets[stray.other_id].status.open:
            updates.append(TicketUpdate(stray.other_id, status=Status.PROGRESS))
    return replace(changes, strays=facts.strays, updates=(*updates, *changes.updates))


def merge(doing: Doing, given: Given) -> None:
    case, work, old = doing.case, doing.work, doing.ticket
    new = _survivor(case, given)
    assert new is not None
    done = merged(case.config, old, new, case.now, case.sender)
    work.links.append(done.link)
    work.entries.append(doing.event(old, done.event))
    doing.merged = old
    closed, doing.update = done.updates
    work.updates.append(closed)
    doing.ticket = done.ticket
    doing.desk = case.desk_of_agent(new) or doing.desk
    doing.events.append(f"{old.number} merged into this one" + (f": {new.status.value} -> progress" if done.reopened else ""))
    doing.say("merged", old=old.number, new=new.number)
    if done.reopened:
        doing.say("merge-reopened", new=new.number)
    if done.left_out:
        doing.say("merge-copies", who=", ".join(p.address for p in done.left_out))
    doing.say("merge-undo" if case.config.tickets.unmerge_within else "merge-stays")
    latest = next(iter(case.facts.said.entries.get(old.id, ())), None)
    for agent in dict.fromkeys((new.assignee, old.assignee)):
        if agent and agent != case.sender and latest is not None:
            tell.told(case, work, doing.ticket, latest, "merged", only=agent)


def tell_customer(doing: Doing) -> None:
    """The customer of the ticket that was merged, once: which number leads on."""
    old, new, case = doing.merged, doing.ticket, doing.case
    letter = None if old is None else told_customer(case.post, doing.desk, old, new, case.now, doing.thread(old), case.sender)
    if letter is not None:
        doing.send(*letter)
        doing.say("told", to=letter[1].recipients[0].address)


def told_customer(
    post: Post, desk: Desk, old: Ticket, new: Ticket, now: float, references: tuple[str, ...], by: str
) -> tuple[Entry, OutgoingMail] | None:
    """None for a ticket that nobody is written to about."""
    if old.customer is None or SPAM in old.tags:
        return None
    to = old.customer
    entry = Entry(new_id(post.clock), new.id, EntryKind.STATUS, by, now, "(merged mail)")
    mail = post.to_customer(
        purpose="merged",
        desk=desk,
        # in his own words: the other ticket may have begun with somebody else's
        ticket=replace(new, subject=old.subject, language=old.language, unverified=not old.subject_shown or new.unverified),
        to=Address(to.name, to.address),
        now=now,
        references=references,
        entry_id=entry.id,
        other=old.number,
    )
    return replace(entry, message_id=mail.message_id), mail
