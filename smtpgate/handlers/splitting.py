"""#split: a mail of the customer becomes a ticket of its own. Which mail it is, is settled inside the transaction that moves it.

The mail that is meant is the one that the agent's mail answers, through whatever we wrote to him about it and however old it is; or
one that is counted from the newest, within `tickets.split_reach`. What was said of it moves along (store/linking).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from smtpgate.clock import Clock, local_day, new_id
from smtpgate.config import Config
from smtpgate.desk.commands import Given, Reading
from smtpgate.desk.commandtable import Verb
from smtpgate.desksettings import Desk
from smtpgate.handlers import tell
from smtpgate.handlers import ticket as opened
from smtpgate.handlers.case import Case
from smtpgate.handlers.doing import SPAM, Doing, is_his
from smtpgate.handlers.post import Post
from smtpgate.links import Link, LinkKind, MovedEntry, NewLink
from smtpgate.mail.address import key
from smtpgate.mail.letters import date_text, one_line
from smtpgate.model import Address, Entry, EntryKind, OutgoingMail, Role, Status, Ticket
from smtpgate.numbers import NumberPattern
from smtpgate.store.api import Choice, Facts, NewTicket, Taken

_SUBJECT = 200  # characters of a subject that an agent gives
_SHOWN = 60  # characters of a mail in a receipt


def taken(reading: Reading, reach: int) -> Taken | None:
    """What has to be known for the command of this mail."""
    given = reading.of(Verb.SPLIT)
    return Taken(reach, _wanted(given)[0]) if given is not None else None


def _wanted(given: Given) -> tuple[int | None, str]:
    """Which of the customer's mails, counted from the newest, and the subject of the new ticket."""
    found = re.fullmatch(r"(?:([0-9]{1,3})(?:\s+|$))?(.*)", given.value)
    assert found is not None
    return (int(found[1]) if found[1] else None), one_line(found[2], _SUBJECT)


def chosen(choice: Choice, ticket: Ticket, *, named: bool) -> Entry | str:
    """The entry that is meant, or the name of the reason why none is. named: by its number or its mail's id."""
    answered = choice.answered
    foreign = answered is not None and (answered.kind is EntryKind.THIRD_PARTY or not is_his(answered, ticket))
    mail = answered is not None and answered.kind is EntryKind.CUSTOMER and answered.mail_id is not None and not foreign
    if choice.newest is None and not mail:
        return "split-none"
    if choice.only and (not mail or answered == choice.newest):
        return "split-only"
    if named:
        return choice.wanted or "split-which"
    if mail:
        assert answered is not None
        return answered
    if foreign:
        return "split-foreign"
    return choice.newest or "split-which"


def _chosen(case: Case, ticket: Ticket, given: Given) -> Entry | str:
    choice = case.facts.said.choices.get(ticket.id, Choice())
    named = _wanted(given)[0] is not None
    if not named and choice.newest is not None and not choice.only and choice.answered is None and case.facts.said.answered_entry:
        return "split-which"  # what it answers is about another ticket
    return chosen(choice, ticket, named=named)


def desk_of(config: Config, ticket: Ticket) -> Desk | None:
    return config.desk_named(ticket.desk)


def against(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    """Why the command cannot be done on this ticket."""
    if given.verb is not Verb.SPLIT:
        return []
    why = _chosen(case, ticket, given)
    if not isinstance(why, str):
        why = why_not(case.config, case.facts, case.pattern, ticket, case.now)
    return [words[why].format(reach=str(case.config.tickets.split_reach))] if why else []


def why_not(config: Config, facts: Facts, pattern: NumberPattern, ticket: Ticket, now: float) -> str:
    """A key of LINES; "" when nothing of the ticket itself is in the way."""
    desk = desk_of(config, ticket)
    if ticket.customer is None:
        return "no-customer"
    if desk is None or opened.serial_key(pattern, desk, now) not in facts.serials:
        return "split-number"
    return ""


@dataclass(frozen=True, slots=True)
class Off:
    """A new ticket with one mail of an old one. ticket: as it is then."""

    ticket: Ticket
    new: NewTicket
    link: NewLink
    moved: MovedEntry
    event: Entry  # in the new one
    entry: Entry  # as it is then


def off(
    config: Config,
    clock: Clock,
    facts: Facts,
    pattern: NumberPattern,
    old: Ticket,
    entry: Entry,
    *,
    subject: str,
    now: float,
    by: str,
) -> Off:
    """Nothing must be in the way (`why_not`)."""
    desk, customer = desk_of(config, old), old.customer
    assert desk is not None
    assert customer is not None
    subject = one_line(subject, _SUBJECT)
    customer = replace(customer, since=0.0, subject=customer.subject or bool(subject))
    counter = opened.serial_key(pattern, desk, now)
    serial = facts.serials[counter]
    author = [p for p in old.participants if key(p.address) == key(entry.author) and p.role is not Role.CUSTOMER]
    new = Ticket(
        id=new_id(clock),
        number=pattern.make(date=local_day(now, desk.timezone), channel=desk.channel, serial=serial),
        desk=old.desk,
        status=Status.PROGRESS if old.assignee else Status.RECEIVED,
        subject=subject or old.subject,
        language=old.language,
        created_at=now,
        updated_at=now,
        participants=(customer, *(replace(p, role=Role.CC) for p in author)),
        unverified=old.unverified,
        other_desks=old.other_desks,
        assignee=old.assignee,
        priority=old.priority,
        tags=tuple(tag for tag in old.tags if tag != SPAM),
    )
    return Off(
        ticket=replace(new, links=(Link(LinkKind.SPLIT_FROM, old.id, old.number),)),
        new=NewTicket(new, counter, serial),
        link=NewLink(new.id, LinkKind.SPLIT_FROM, old.id, now, by),
        moved=MovedEntry(entry.id, old.id, new.id),
        event=Entry(new_id(clock), new.id, EntryKind.EVENT, by, now, f"split off from {old.number}"),
        entry=replace(entry, ticket_id=new.id),
    )


def happened(done: Off) -> str:
    """The event in the old ticket."""
    return f"mail of {done.entry.author} split off: {done.ticket.number}"


def split(doing: Doing, given: Given) -> None:
    case, work, old = doing.case, doing.work, doing.ticket
    entry = _chosen(case, old, given)
    assert isinstance(entry, Entry)
    done = off(
        case.config, case.clock, case.facts, case.pattern, old, entry, subject=_wanted(given)[1], now=case.now, by=case.sender
    )
    work.opened.append(done.new.ticket)
    work.tickets.append(done.new)
    work.links.append(done.link)
    work.moved.append(done.moved)
    work.entries.append(done.event)
    doing.events.append(happened(done))
    when = date_text(entry.created_at, desk_of(case.config, old) or doing.desk, doing.agent.language)
    doing.say("split", when=when, text=one_line(entry.text, _SHOWN), new=done.ticket.number)
    letter = told_customer(case.post, case.config, done, old, case.now, case.sender)
    if letter is not None:
        doing.send(*letter)
        doing.say("told", to=letter[1].recipients[0].address)
    doing.say("split-back", old=old.number)
    tell.told(case, work, done.ticket, done.entry, "split", only=case.sender, wanted=True)
    tell.told(case, work, done.ticket, done.entry, "split", but=case.sender)


def told_customer(post: Post, config: Config, done: Off, old: Ticket, now: float, by: str) -> tuple[Entry, OutgoingMail] | None:
    """The number of the new ticket. None for one that nobody is written to about."""
    new, customer, desk = done.ticket, done.ticket.customer, desk_of(config, done.ticket)
    if SPAM in old.tags or customer is None or desk is None:
        return None
    told = Entry(new_id(post.clock), new.id, EntryKind.STATUS, by, now, "(split mail)")
    mail = post.to_customer(
        purpose="split",
        desk=desk,
        ticket=new,
        to=Address(customer.name, customer.address),
        now=now,
        references=(done.entry.message_id,) if done.entry.message_id else (),
        entry_id=told.id,
        other=old.number,
    )
    return replace(told, message_id=mail.message_id), mail
