"""A customer who writes again long after his ticket has ended: a new ticket that goes on where the old one ended.

The two are linked, and whoever goes on writing to the old one reaches the new one. Only a participant's own mail follows; what
an agent, a machine or a stranger writes stays with the ticket that it names. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.doing import SPAM
from smtpgate.links import Link, LinkKind, NewLink
from smtpgate.model import Entry, EntryKind, Ticket

NAME = "follow"


def too_late(case: Case, ticket: Ticket) -> bool:
    """It ended so long ago that an answer no longer opens it. A sender of spam must learn nothing by a new one."""
    within = case.config.tickets.reopen_within
    if not within or ticket.status.open or SPAM in ticket.tags:
        return False
    ended = ticket.updated_at if ticket.ended_at is None else ticket.ended_at
    return case.now - ended > within


def onward(case: Case, work: Work, ticket: Ticket) -> Ticket:
    """The ticket that this one goes on in, when the sender takes part in both; else itself."""
    if case.imported or case.actions or not case.takes_part(ticket):
        return ticket
    seen = {ticket.id}
    while too_late(case, ticket):
        later = [link.ticket_id for link in ticket.links if link.kind is LinkKind.FOLLOWED_BY and link.ticket_id not in seen]
        theirs = [case.facts.tickets[i] for i in later if i in case.facts.tickets and case.takes_part(case.facts.tickets[i])]
        if not theirs:
            break
        work.because(NAME, f"{ticket.number} goes on in {theirs[-1].number}")
        ticket = theirs[-1]
        seen.add(ticket.id)
    return ticket


def link(case: Case, work: Work, old: Ticket, new: Ticket) -> Ticket:
    """The new ticket as it is linked; agents of the old one see it there."""
    work.links.append(NewLink(new.id, LinkKind.FOLLOWS, old.id, case.now))
    work.mark(f"follows #{old.number}")
    event = f"the customer wrote again long after it had ended: goes on in {new.number}"
    work.entries.append(Entry(case.new_id(), old.id, EntryKind.EVENT, case.sender, case.now, event))
    work.because(NAME, f"{old.number} has ended too long ago to be reopened (tickets.reopen_within): linked with it")
    return replace(new, links=(*new.links, Link(LinkKind.FOLLOWS, old.id, old.number)))
