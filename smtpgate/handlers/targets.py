"""What a mail, a command or time does to the clocks of tickets (desk/targets), seen from all that was decided about them.

`kept` comes last and writes them; `current` says beforehand until when a ticket is due, for what is told of it. A ticket without
a customer has no clock, and neither has one at a desk without targets until an agent sets a date.
"""

from __future__ import annotations

from dataclasses import replace

from smtpgate.config import Config
from smtpgate.desk import targets
from smtpgate.desk.targets import Happened, Moved
from smtpgate.due import What
from smtpgate.handlers.case import Known, Work
from smtpgate.handlers.doing import SPAM
from smtpgate.links import LinkKind, MovedEntry
from smtpgate.mail.customerwords import Asked
from smtpgate.model import Entry, EntryKind, Status, Ticket
from smtpgate.store.api import Changes, Choice, TicketUpdate
from smtpgate.target import Target, TargetClock


def kept(case: Known, work: Work) -> None:
    """The clocks of all tickets that this work has to do with, once all is decided."""
    if case.imported or not (case.config.has_targets or work.dates or any(one.clock for one in case.facts.tickets.values())):
        return
    tickets = {ticket.id: ticket for ticket in (*case.facts.listed, *case.facts.tickets.values(), *work.opened)}
    lost = [work.ticket.id] if work.outcome == "bounce" and work.ticket is not None else []
    for ticket_id in dict.fromkeys((*tickets_of(work), *lost)):
        ticket = tickets.get(ticket_id)
        found = None if ticket is None else _moved(case, work, ticket)
        if found is not None:
            work.clocks.append(found.clock)
            work.met += found.met
            work.unmet += found.unmet


def tickets_of(work: Work) -> list[int]:
    """Those that it opens or changes."""
    changed = [*(ticket.id for ticket in work.opened), *(update.ticket_id for update in work.updates), *work.dates]
    return [*changed, *(due.ticket_id for due in work.due if due.what is What.SNOOZE)]


def current(case: Known, work: Work, ticket: Ticket) -> Ticket:
    """The ticket with its clock as the work stands. The result is for showing: what is done goes on from the other one."""
    found = _moved(case, work, ticket)
    return ticket if found is None else replace(ticket, clock=found.clock)


def promised(case: Known, work: Work, ticket: Ticket) -> float | None:
    """Until when its customer is told that he is answered; None where nothing is promised, or another date was set."""
    desk = case.config.desk_named(ticket.desk)
    if desk is None or desk.targets is None or not desk.targets.promise:
        return None
    clock = current(case, work, ticket).clock
    if clock is None or clock.date is not None or clock.answer is None:
        return None
    found = targets.items(case.config, clock, ticket.status, ticket.priority)
    return next((item.at for item in found if item.target is not Target.SOLUTION), None)


def following(config: Config, ticket: Ticket, update: TicketUpdate, happened: Happened) -> Changes:
    """What a command at the terminal does to a ticket, beside its update."""
    counts = targets.counted(config.desk_named(update.desk or ticket.desk)) and ticket.customer is not None
    if ticket.clock is None and happened.absorbed is None and not counts:
        return Changes(updates=(update,))
    found = targets.moved(config, ticket.clock or targets.unknown(ticket.id, ticket.desk), happened)
    return Changes(updates=(update,), clocks=(found.clock,), met=tuple(found.met), unmet=tuple(found.unmet))


def _moved(case: Known, work: Work, ticket: Ticket) -> Moved | None:
    """None: nothing is counted for it."""
    desk = next((u.desk for u in reversed(work.updates) if u.ticket_id == ticket.id and u.desk), ticket.desk)
    merged = [link.ticket_id for link in work.links if link.kind is LinkKind.INTO and link.other_id == ticket.id]
    absorbed = next((old.clock for i in merged if (old := case.facts.tickets.get(i)) is not None), None)
    has = ticket.clock is not None or absorbed is not None or ticket.id in work.dates
    if not has and (ticket.customer is None or not targets.counted(case.config.desk_named(desk))):
        return None
    update = _update(work, ticket)
    clock, asked = _clock(case, work, ticket)
    status = update.status or ticket.status
    taken_back = _taken_back(case, work, ticket)
    tags = ticket.tags if update.tags is None else update.tags
    happened = Happened(
        at=case.now,
        desk=desk,
        status=status,
        priority=update.priority or ticket.priority,
        asked=asked,
        unasked=_unasked(case, work, ticket),
        answered=any(e.ticket_id == ticket.id and e.kind is EntryKind.REPLY for e in work.entries),
        taken_back=taken_back,
        by_customer=work.closed and work.ticket is not None and work.ticket.id == ticket.id,
        void=_void(work, ticket, update, tags, taken_back=taken_back),
        date=work.dates.get(ticket.id, 0.0),
        snoozed_until=_snoozed(work, ticket),
        absorbed=absorbed,
    )
    known = work.counted.get(ticket.id)  # it is asked for several times, and costs as much as a letter
    if known is not None and known[0] == clock and known[1] == happened:
        return known[2]
    found = targets.moved(case.config, clock, happened)
    work.counted[ticket.id] = (clock, happened, found)
    return found


def _update(work: Work, ticket: Ticket) -> TicketUpdate:
    """All that is changed of it, in one."""
    whole = TicketUpdate(ticket.id)
    for one in work.updates:
        if one.ticket_id == ticket.id:
            said = {name: value for name in ("status", "priority", "desk", "tags") if (value := getattr(one, name)) is not None}
            whole = replace(whole, **said)
    return whole


def _clock(case: Known, work: Work, ticket: Ticket) -> tuple[TargetClock, float | None]:
    """The one before all this, and since when its customer waits for an answer by it."""
    came = any(e.ticket_id == ticket.id and e.kind is EntryKind.CUSTOMER for e in work.entries)
    wants = came and "thanks" not in work.marks and work.asked in (None, Asked.UNSOLVED)
    asked = case.now if wants else None
    if not work.begins(ticket):
        return ticket.clock or targets.unknown(ticket.id, ticket.desk), asked
    for moved in work.moved:
        if moved.to_ticket != ticket.id:
            continue
        old, entry = case.facts.tickets.get(moved.ticket_id), _entry(case, moved)
        since = case.now if entry is None else entry.created_at
        before = None if old is None else old.clock
        waits = before is not None and before.answer is not None and since > (before.answered_at or 0.0)
        clock = targets.opened(ticket.id, ticket.desk, since)
        return replace(clock, answered=not waits), since if waits else None
    return targets.opened(ticket.id, ticket.desk, ticket.created_at), asked


def _entry(case: Known, moved: MovedEntry) -> Entry | None:
    """The mail that becomes a ticket of its own."""
    said, choice = case.facts.said.entries.get(moved.ticket_id, ()), case.facts.said.choices.get(moved.ticket_id, Choice())
    known = (*said, *(e for e in (choice.newest, choice.wanted, choice.answered) if e is not None))
    return next((e for e in known if e.id == moved.entry_id), None)


def _unasked(case: Known, work: Work, ticket: Ticket) -> bool:
    """All that waits for an answer is another ticket's now."""
    gone = {moved.entry_id for moved in work.moved if moved.ticket_id == ticket.id}
    if not gone or ticket.clock is None:
        return False
    answered = ticket.clock.answered_at or 0.0
    said = case.facts.said.entries.get(ticket.id, ())
    return not any(e.kind is EntryKind.CUSTOMER and e.created_at > answered and e.id not in gone for e in said)


def _taken_back(case: Known, work: Work, ticket: Ticket) -> bool:
    """By its author, or since it did not arrive."""
    answers = {e.id for e in case.facts.said.entries.get(ticket.id, ()) if e.kind is EntryKind.REPLY}
    if any(one in work.withdrawn and one.entry_id in answers for one in case.facts.said.waiting.get(ticket.id, ())):
        return True
    about = work.about
    if work.outcome != "bounce" or about is None or about.purpose != "answer" or about.ticket_id != ticket.id:
        return False
    return ticket.customer is not None and case.post.key(ticket.customer.address) == case.post.key(about.address)


def _void(work: Work, ticket: Ticket, update: TicketUpdate, tags: tuple[str, ...], *, taken_back: bool) -> bool:
    """Nobody is to answer it: spam, part of another one, or a ticket that began with an answer which was taken back."""
    if any(link.kind is LinkKind.INTO and link.ticket_id == ticket.id for link in work.links):
        return True
    return SPAM in tags or (taken_back and bool(work.withdrawn) and update.status is Status.CLOSED)


def _snoozed(work: Work, ticket: Ticket) -> float | None:
    found = [due.at for due in work.due if due.what is What.SNOOZE and due.ticket_id == ticket.id]
    return found[-1] if found else ticket.snoozed_until
