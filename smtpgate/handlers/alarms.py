"""Tells agents that an answer is due soon, and that it is late: each once, whoever looks; their managers of what is late.

Decided inside the transaction that notes that they were told. Who is on leave, and the cap on mail to an agent, count as in
any other mail to agents.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smtpgate.desk import targets
from smtpgate.desk.targets import Happened
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers import tell
from smtpgate.handlers.case import Known, Work
from smtpgate.links import LinkKind
from smtpgate.mail.letters import ComposeError
from smtpgate.model import Entry, EntryKind, Ticket
from smtpgate.store.api import TO_AGENT, AckNote
from smtpgate.target import TargetClock, Told

if TYPE_CHECKING:
    from smtpgate.handlers.later import Occasion

NAME = "alarms"
_WHAT = {Told.SOON: "due-soon", Told.LATE: "overdue"}


def told(occasion: Occasion, work: Work, ticket: Ticket) -> None:
    """Of a ticket whose clock says that it is time."""
    now = occasion.now
    merged = any(link.kind is LinkKind.INTO for link in ticket.links)
    clock, most = TargetClock(ticket.id, ticket.desk), Told.NOTHING
    if ticket.clock is not None and not merged:
        happened = Happened(now, ticket.desk, ticket.status, ticket.priority, snoozed_until=ticket.snoozed_until)
        clock, most = targets.alarmed(occasion.config, ticket.clock, happened)
    work.clocks.append(clock)
    if most is Told.NOTHING:
        return
    ticket = replace(ticket, clock=clock)
    for latest in occasion.facts.said.entries.get(ticket.id, ())[:1]:
        tell.told(occasion, work, ticket, latest, _WHAT[most])
    desk = occasion.config.desk_named(ticket.desk)
    if most is Told.LATE and desk is not None and desk.targets is not None:
        event = f"late: {clock.due.value}"
        work.entries.append(Entry(occasion.new_id(), ticket.id, EntryKind.EVENT, "", now, event))
        for manager in desk.targets.managers:
            _told_manager(occasion, work, ticket, desk, manager)


def _told_manager(occasion: Known, work: Work, ticket: Ticket, desk: Desk, manager: str) -> None:
    """Facts alone, and no address by which anything could be done: he need not be an agent."""
    if any(recipient.address == manager for mail in work.outgoing for recipient in mail.recipients):
        return  # he is one, and knows
    if tell.is_full(occasion, work, manager):
        return
    known = occasion.config.agent_address(manager)
    person = occasion.config.agent_of(manager) if known else Agent(address=manager, language=desk.language)
    try:
        mail = occasion.post.late(desk=desk, ticket=ticket, manager=person, now=occasion.now)
    except ComposeError as error:
        work.because(NAME, f"{manager} could not be told: {error}")
        return
    work.outgoing.append(mail)
    work.acks.append(AckNote(manager, occasion.now, TO_AGENT))
