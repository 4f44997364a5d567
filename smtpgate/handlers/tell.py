"""Tells the agents: the one who has the ticket, else all of the desk. Never anybody outside, never about history."""

from __future__ import annotations

from dataclasses import replace

from smtpgate.desk import duty
from smtpgate.desksettings import Desk
from smtpgate.handlers import targets
from smtpgate.handlers.case import Case, Known, Work, said
from smtpgate.mail.customerwords import Asked
from smtpgate.mail.letters import ComposeError
from smtpgate.model import Entry, EntryKind, OtherTicket, Ticket
from smtpgate.store.api import LEFT_OUT, TO_AGENT, AckNote
from smtpgate.target import HeldAlarm

NAME = "tell"
_CUSTOMER = (
    "answer",
    "reopened",
    "closed",
    "third-party",
    "late",
    "lost",
    "remind",
    "due-soon",
    "overdue",
)  # somebody should look at it
# an agent asked for it, or nobody else would hear: told in any case
_WANTED = (
    *("assigned", "handed", "moved", "merged", "unmerged", "split", "shown", "lost", "remind"),
    *("wants-export", "wants-erase"),
)


ALARMS = ("due-soon", "overdue")


def handle(case: Case, work: Work) -> None:
    """Of what a customer, or somebody else, wrote."""
    if work.shares and work.ticket is not None and not case.imported:
        _shared(case, work, work.ticket)
    if case.imported or work.repeat_of is not None or _settled(work) or "thanks" in work.marks:  # which ask nothing of anybody
        return
    for entry in [e for e in work.entries if e.kind in (EntryKind.CUSTOMER, EntryKind.THIRD_PARTY) and e.mail_id == case.mail.id]:
        ticket = next((t for t in (*work.opened, work.ticket) if t is not None and t.id == entry.ticket_id), None)
        if ticket is not None:
            told(case, work, ticket, entry, _what(work, entry))


def _shared(case: Case, work: Work, ticket: Ticket) -> None:
    """The agents of desks that a ticket has come to by a second copy of its first mail, and who have not heard of it."""
    assert work.repeat_of is not None
    before, there = case.facts.said.entries.get(ticket.id, ()), case.config.desk_at(ticket.desk)
    first = next((e for e in before if e.id == work.repeat_of.entry_id), None)
    first = first or next(e for e in work.entries if e.kind is EntryKind.REPEAT)
    told_before = _whom(case, there, replace(ticket, other_desks=()), "", also=True) if there.notify else ()
    heard = {case.post.key(address) for address in told_before}
    for desk in work.shares:
        for address in concerned(case, desk, None) if desk.notify else ():
            if case.post.key(address) not in heard:
                told(case, work, ticket, first, "new", only=address, wanted=True)
                heard.add(case.post.key(address))


def _settled(work: Work) -> bool:
    """Nobody need read it: the customer asked how it stands and has his answer, closed what is closed, or wants more or fewer
    notices. Which language he wants they must know, for their own words are in one."""
    if work.asked in (Asked.FEWER, Asked.ALL):
        return True
    if work.asked is Asked.STATUS:
        return any(mail.purpose == "status" for mail in work.outgoing)
    return work.asked is Asked.SOLVED and not work.closed


def _what(work: Work, entry: Entry) -> str:
    if entry.kind is EntryKind.THIRD_PARTY:
        return "third-party"
    if work.reopened:
        return "reopened"
    if work.closed:
        return "closed"
    if work.asked is not None and work.asked.language is not None:
        return "language"
    if work.asked is Asked.CONFIRM and work.personal:
        return f"wants-{work.personal[-1].what.value}"
    return "new" if work.opened else "answer"


def told(
    case: Known,
    work: Work,
    ticket: Ticket,
    entry: Entry,
    what: str,
    *,
    but: str = "",
    only: str = "",
    wanted: bool = False,
    others: tuple[OtherTicket, ...] | None = None,
) -> None:
    """A briefing for each agent whom it concerns. but: the agent who knows already; only: the one agent who is to know;
    wanted: he asked for it, so that it goes out also at a quiet desk; others: the customer's other tickets, where the sender is not
    the customer."""
    if others is None:  # they are those of the sender: of an agent they say nothing about the customer
        others = () if case.agent else tuple(o for o in case.facts.said.others if o.id != ticket.id)
    desk = case.config.desk_at(ticket.desk)
    if not (desk.notify or wanted):
        return
    ticket = targets.current(case, work, ticket)
    back = away_until(case, ticket.assignee, desk) if ticket.assignee else None
    for address in _whom(case, desk, ticket, only, also=back is not None and what in _CUSTOMER):
        if case.post.key(address) == but:
            continue
        before = case.facts.said.told.get(address)
        if what in ALARMS and held_back(case, work, ticket, address):
            continue
        if what not in _WANTED and what not in ALARMS and is_full(case, work, address):
            continue
        try:
            mail = case.post.briefing(
                what=what,
                desk=desk,
                ticket=ticket,
                agent=case.config.agent_of(address),
                entry=entry,
                now=case.now,
                earlier=tuple(e for e in said(case, work, ticket) if e.id != entry.id),
                others=others,
                left_out=before.left_out if before else 0,
                back=back,
            )
        except ComposeError as error:  # the ticket matters more than the mail about it
            work.because(NAME, f"{address} could not be told: {error}")
            continue
        work.outgoing.append(mail)
        work.acks.append(AckNote(address, case.now, TO_AGENT))
        work.message_refs.append(case.post.reference(mail))
        work.because(NAME, f"{what} to agent {address}")


def held_back(case: Known, work: Work, ticket: Ticket, address: str) -> bool:
    """An alarm for which there is no room is told later, in one mail with all others of its kind."""
    before, most = case.facts.said.told.get(address), case.config.limits.notifications_per_hour
    if before is None or before.sent < most:
        return False
    work.held_alarms.append(HeldAlarm(address, ticket.id, case.now))
    work.because(NAME, f"{address} is told later: {most} mails within an hour (limits.notifications_per_hour)")
    return True


def is_full(case: Known, work: Work, address: str) -> bool:
    """So many mails went to this agent within an hour that this one is left out, which is counted."""
    before, most = case.facts.said.told.get(address), case.config.limits.notifications_per_hour
    if before is None or before.sent < most or before.left_out >= 2 * most:  # then it is time to say so
        return False
    work.acks.append(AckNote(address, case.now, LEFT_OUT))
    work.because(NAME, f"{address} not told: {most} mails within an hour (limits.notifications_per_hour)")
    return True


def away_until(case: Known, address: str, desk: Desk) -> float | None:
    """When this agent is back, None when he is not on leave."""
    agent = case.config.agent_of(address)
    return duty.away_until(agent, case.leaves.get(case.post.key(address)), duty.zone(agent, desk), case.now)


def _on_duty(case: Known, address: str, desk: Desk) -> bool:
    agent = case.config.agent_of(address)
    return duty.on_duty(agent, case.leaves.get(case.post.key(address)), duty.zone(agent, desk), case.now)


def _whom(case: Known, desk: Desk, ticket: Ticket, only: str, *, also: bool) -> tuple[str, ...]:
    """Addresses as the configuration has them: one who was removed from it hears nothing more. What nobody has goes to the
    members on duty, and to all when nobody is. also: they hear of what the one who has it cannot look after."""
    members = [*desk.agents]
    for name in ticket.other_desks:
        other = case.config.desk_named(name)
        members += [a for a in (other.agents if other and other.notify else ()) if a not in members]
    wanted = only or ticket.assignee
    mine = [a for a in members if case.post.key(a) == case.post.key(wanted)] if wanted else []
    if only or (mine and not also):
        return tuple(mine)
    on_duty = [a for a in members if _on_duty(case, a, desk)]
    return tuple(dict.fromkeys((*mine, *on_duty)) or members)


def concerned(case: Known, desk: Desk, ticket: Ticket | None) -> tuple[str, ...]:
    """Who looks after this ticket, or after what has none yet."""
    if ticket is not None:
        return _whom(case, desk, ticket, "", also=False)
    return tuple(a for a in desk.agents if _on_duty(case, a, desk)) or tuple(desk.agents)
