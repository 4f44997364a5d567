"""What time brings about in a ticket: a snoozed one comes back, a customer is reminded, a ticket ends, an answer is late. Pure.

Decided inside the transaction that takes it off what is due. Nobody is reminded or told who is blocked or was not acknowledged, and
nobody of a ticket that a machine, an unproved sender or spam opened; such a ticket ends in silence. The caps on automatic mail
put off what they leave no room for, and reminders leave half of each minute to the acknowledgements of new mail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smtpgate.clock import Clock, new_id
from smtpgate.config import Config
from smtpgate.desk.duty import Leaves
from smtpgate.desk.life import told_of
from smtpgate.desk.silence import Next, Step, following
from smtpgate.due import Circumstances, Due, What, awake
from smtpgate.handlers import alarms, targets, tell
from smtpgate.handlers.case import Work
from smtpgate.handlers.doing import SPAM, thread
from smtpgate.handlers.post import Post
from smtpgate.links import LinkKind
from smtpgate.mail.letters import ComposeError, Ending
from smtpgate.model import Address, Entry, EntryKind, Status, Ticket
from smtpgate.store.api import AckNote, Changes, Facts, FactsQuery, TicketUpdate

NAME = "later"
_DAY, _MINUTE = 86_400.0, 60.0
_SPREAD = 60  # minutes among which what finds no room is spread


@dataclass(frozen=True, slots=True)
class Occasion:
    """One thing that is due, and everything known about its ticket."""

    config: Config
    post: Post
    clock: Clock
    now: float
    facts: Facts
    leaves: Leaves
    around: Circumstances
    agent: bool = False  # no agent's mail caused it
    imported: bool = False  # and no old one

    def new_id(self) -> int:
        return new_id(self.clock)


def query(config: Config, post: Post, ticket: Ticket, now: float) -> FactsQuery:
    """What must be known."""
    return FactsQuery(
        mail_id="",
        now=now,
        sender=post.key(ticket.customer.address) if ticket.customer else "",
        message_id=None,
        references=(),
        numbers=(),
        ticket_ids=(ticket.id,),
        recipient_ids=(),
        fingerprints=(),
        serials=(),
        desks=(ticket.desk,),
        members={
            "": tuple(config.desk[0].agents),
            **{desk.name: (*desk.agents, *(desk.targets.managers if desk.targets else ())) for desk in config.desk},
        },
        told_most=config.limits.notifications_per_hour,
        conversation=True,
    )


def decide(occasion: Occasion, due: Due, ticket: Ticket) -> Changes:
    work = Work()
    if due.what is What.TARGET:
        alarms.told(occasion, work, ticket)
        return work.changes(None, "")
    if any(link.kind is LinkKind.INTO for link in ticket.links):
        _merged(occasion, work, due, ticket)
    elif due.what is What.SNOOZE:
        _awake(occasion, work, due, ticket)
    else:
        _silent(occasion, work, due, ticket)
    targets.kept(occasion, work)
    return work.changes(None, "")


def _merged(occasion: Occasion, work: Work, due: Due, ticket: Ticket) -> None:
    """Its agents wanted to be reminded: of the ticket that it is part of now, at once."""
    work.due.append(due.at_(None))
    other = next(link.ticket_id for link in ticket.links if link.kind is LinkKind.INTO)
    if due.what is What.SNOOZE:
        work.due.append(replace(due, ticket_id=other))


def _awake(occasion: Occasion, work: Work, due: Due, ticket: Ticket) -> None:
    work.due.append(awake(ticket, occasion.now))
    if due.state.open and not ticket.status.open:
        return  # what was to be done is done
    event = "back from its snooze"
    work.entries.append(Entry(occasion.new_id(), ticket.id, EntryKind.EVENT, "", occasion.now, event))
    for latest in occasion.facts.said.entries.get(ticket.id, ())[:1]:
        tell.told(occasion, work, replace(ticket, snoozed_until=None), latest, "remind", wanted=True)


# --- silence ----------------------------------------------------------------------------------------------------------


def _silent(occasion: Occasion, work: Work, due: Due, ticket: Ticket) -> None:
    if ticket.status is not due.state:
        work.due.append(due.at_(None))  # somebody has spoken
        return
    entries = occasion.facts.said.entries.get(ticket.id, ())
    since = max([due.since, *(entry.created_at for entry in entries if entry.kind is EntryKind.REPLY)])
    kept = replace(due, since=since, reminded=due.reminded if due.reminded >= since else 0.0)
    may = _may_be_told(occasion, ticket)
    fewer = ticket.customer is not None and ticket.customer.fewer
    asks = may and told_of("remind", fewer=fewer)
    then = following(ticket.status, since, kept.reminded, occasion.now, occasion.config.tickets, may_remind=asks)
    if then.step in (Step.NONE, Step.WAIT):
        work.due.append(kept.at_(then.at))
        return
    if occasion.around.held:  # he may have answered
        work.due.append(kept.at_(occasion.now + _DAY))
        return
    until = _full_until(occasion, ticket) if may else 0.0
    if until > occasion.now:
        work.due.append(kept.at_(until))
    elif then.step is Step.REMIND:
        _remind(occasion, work, kept, ticket, then)
    else:
        _close(occasion, work, kept, ticket, told=may and told_of("closed", fewer=fewer))


def _remind(occasion: Occasion, work: Work, due: Due, ticket: Ticket, then: Next) -> None:
    ending = Ending(closes_at=then.closes_at, waiting=ticket.status is Status.WAITING)
    _send(occasion, work, ticket, "remind", "The customer was reminded.", ending)
    work.due.append(replace(due, reminded=occasion.now, at=then.closes_at))


def _close(occasion: Occasion, work: Work, due: Due, ticket: Ticket, *, told: bool) -> None:
    days = round((occasion.now - due.since) / _DAY)
    event = f"{ticket.status.value} -> closed: no answer for {days} days"
    work.entries.append(Entry(occasion.new_id(), ticket.id, EntryKind.EVENT, "", occasion.now, event))
    work.updates.append(TicketUpdate(ticket.id, status=Status.CLOSED, updated_at=occasion.now))
    work.due.append(Due(ticket.id, What.STATE, None, occasion.now, Status.CLOSED))
    if told:
        _send(occasion, work, ticket, "closed", "(closed mail)", Ending(by="time", days=days))


def _send(occasion: Occasion, work: Work, ticket: Ticket, purpose: str, text: str, ending: Ending) -> None:
    customer, desk = ticket.customer, occasion.config.desk_named(ticket.desk)
    assert customer is not None
    assert desk is not None
    entry = Entry(occasion.new_id(), ticket.id, EntryKind.STATUS, "", occasion.now, text)
    try:
        mail = occasion.post.to_customer(
            purpose=purpose,
            desk=desk,
            ticket=ticket,
            to=Address(customer.name, customer.address),
            now=occasion.now,
            references=thread(occasion.facts.said.entries.get(ticket.id, ()), ticket),
            entry_id=entry.id,
            ending=ending,
        )
    except ComposeError as error:  # what time brings matters more than the mail about it
        event = f"The {purpose} mail could not be built: {error}."
        work.entries.append(Entry(occasion.new_id(), ticket.id, EntryKind.EVENT, "", occasion.now, event))
        return
    work.entries.append(replace(entry, message_id=mail.message_id))
    work.outgoing.append(mail)
    work.message_refs.append(occasion.post.reference(mail))
    work.acks.append(AckNote(occasion.post.key(customer.address), occasion.now, purpose))


def _may_be_told(occasion: Occasion, ticket: Ticket) -> bool:
    desk = occasion.config.desk_named(ticket.desk)
    machines = occasion.facts.machine_last_hour.get(ticket.id, 0)
    return (
        desk is not None
        and desk.acknowledge
        and ticket.customer is not None
        and not ticket.unverified
        and SPAM not in ticket.tags
        and not any(block.desk in ("", ticket.desk) for block in occasion.facts.blocks)  # they are the customer's
        and occasion.around.acknowledged
        and machines < occasion.config.limits.machine_mails_per_hour
    )


def _full_until(occasion: Occasion, ticket: Ticket) -> float:
    """When there is room for one more automatic mail to this customer; 0.0 for now."""
    limits, acks, now = occasion.config.limits, occasion.facts.acks, occasion.now
    today = sorted(at for at in acks.to_address if at > now - _DAY)
    if len(today) >= limits.acknowledgements_per_day:
        return today[-limits.acknowledgements_per_day] + _DAY
    minute = int(now // _MINUTE)
    if acks.to_all.get(minute, 0) >= max(1, limits.acknowledgements_per_minute // 2):
        return (minute + 1 + ticket.id % _SPREAD) * _MINUTE
    return 0.0
