"""Tells agents that an answer is due soon, and that it is late: each once, whoever looks; their managers of what is late.

Decided inside the transaction that notes that they were told. Who is on leave counts as in any other mail to agents. What the
cap on mail to somebody holds back he is told of later, in one mail (`summed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from smtpgate.config import Config
from smtpgate.desk import targets
from smtpgate.desk.targets import Happened
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers import tell
from smtpgate.handlers.case import Known, Work
from smtpgate.handlers.post import Post
from smtpgate.links import LinkKind
from smtpgate.mail.letters import ComposeError
from smtpgate.model import Entry, EntryKind, Ticket
from smtpgate.store.api import TO_AGENT, AckNote, Changes
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
    if tell.held_back(occasion, work, ticket, manager):
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


# --- what the cap has held back ---------------------------------------------------------------------------------------


def summed(config: Config, post: Post, address: str, tickets: Sequence[Ticket], now: float) -> Changes:
    """One mail about all that this person has not heard of and that still concerns him; none when nothing does."""
    alarms = [ticket for ticket in tickets if _concerns(config, post, address, ticket, now)]
    alarms.sort(key=lambda ticket: (_due_at(ticket), ticket.id))
    if not alarms:
        return Changes()
    desk = config.desk_at(alarms[0].desk)
    person = config.agent_of(address) if config.agent_address(address) else Agent(address=address, language=desk.language)
    try:
        mail = post.alarms(desk=desk, agent=person, tickets=[(one, config.desk_at(one.desk)) for one in alarms], now=now)
    except ComposeError:  # an address that cannot be written to
        return Changes()
    return Changes(outgoing=(mail,), acks=(AckNote(address, now, TO_AGENT),))


def _due_at(ticket: Ticket) -> float:
    return 0.0 if ticket.clock is None or ticket.clock.due_at is None else ticket.clock.due_at


def _concerns(config: Config, post: Post, address: str, ticket: Ticket, now: float) -> bool:
    """It is still to be answered, and by him or by nobody else; managers hear of what is late."""
    at = _due_at(ticket)
    if not at or ticket.status not in targets.OURS or any(link.kind is LinkKind.INTO for link in ticket.links):
        return False
    if ticket.snoozed_until is not None and ticket.snoozed_until > now:
        return False
    desk, me = config.desk_at(ticket.desk), post.key(address)
    if at <= now and desk.targets is not None and any(post.key(manager) == me for manager in desk.targets.managers):
        return True
    desks = (desk, *filter(None, map(config.desk_named, ticket.other_desks)))
    mine = any(post.key(agent) == me for one in desks for agent in one.agents)
    return mine and (not ticket.assignee or post.key(ticket.assignee) == me)
