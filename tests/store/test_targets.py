"""Contract: clocks are kept with their tickets, come up when somebody must hear, once, and are found by what is due first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from smtpgate.due import Circumstances, Due, What
from smtpgate.errors import StoreMisuse
from smtpgate.listing import Listed, Listing
from smtpgate.model import Status, Ticket
from smtpgate.store import heldalarms
from smtpgate.store.api import TO_AGENT, AckNote, Changes, Facts, FactsQuery, TicketUpdate
from smtpgate.store.verbs import VerbStore
from smtpgate.target import Count, HeldAlarm, Met, Target, TargetClock, Told, Watch
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_query, a_ticket
from tests.support.store_steps import open_ticket

LEE = "lee@corp.example"


async def changed(store: VerbStore, changes: Changes) -> None:
    await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)


async def opened(store: VerbStore, *due: float | None, desk: str = "support") -> list[Ticket]:
    """Tickets that are due then."""
    tickets = [replace(a_ticket(), desk=desk) for _ in due]
    for ticket, at in zip(tickets, due, strict=True):
        await open_ticket(store, ticket)
        await changed(store, Changes(clocks=(TargetClock(ticket.id, desk, due_at=at, alert_at=at, due=Target.FIRST),)))
    return tickets


async def settled(store: VerbStore, due: Due) -> Changes | None:
    def decide(ticket: Ticket, _facts: Facts, _around: Circumstances) -> Changes:
        assert ticket.clock is not None
        return Changes(clocks=(replace(ticket.clock, alert_at=None),))

    def asks(ticket: Ticket) -> FactsQuery:
        return a_query(ticket_ids=(ticket.id,))

    return await store.settle_due(due, query_of=asks, decide=decide)


async def test_a_clock_comes_back_as_it_was_kept(store: VerbStore) -> None:
    (ticket,) = await opened(store, None)
    whole = TargetClock(
        ticket.id,
        "support",
        answered=True,
        answer=Watch(3.5, NOW, Told.SOON),
        before=Watch(1.0, None),
        before_first=True,
        answered_at=NOW - 5,
        solution=Watch(7.25, NOW - 9, Told.LATE),
        ended_at=NOW - 1,
        date=NOW + 60,
        dated=NOW - 60,
        date_told=Told.SOON,
        due_at=NOW + 60,
        due=Target.DATE,
        alert_at=NOW + 30,
    )
    await changed(store, Changes(clocks=(whole,)))
    detail = await store.ticket(ticket.number)
    assert detail is not None
    assert detail.ticket.clock == whole
    assert (await store.facts(a_query(ticket_ids=(ticket.id,)))).tickets[ticket.id].clock == whole


async def test_who_must_hear_comes_once_and_in_turn_with_what_else_is_due(store: VerbStore, open_store: OpenStore) -> None:
    late, soon, _ = await opened(store, NOW - 5, NOW - 9, NOW + 60)
    await changed(store, Changes(due=(Due(late.id, What.SNOOZE, NOW - 7, NOW, Status.RECEIVED),)))
    assert (await store.overview(NOW)).coming.next_at == NOW - 9
    first = await store.first_due(NOW)
    assert first is not None
    assert (first.ticket_id, first.what) == (soon.id, What.TARGET)
    other = await open_store()
    done = await asyncio.gather(*(settled(one, first) for one in (store, other, store)))
    assert sum(one is not None for one in done) == 1
    snoozed = await store.first_due(NOW)
    assert snoozed is not None
    assert (snoozed.ticket_id, snoozed.what) == (late.id, What.SNOOZE)
    await changed(store, Changes(due=(snoozed.at_(None),)))
    last = await store.first_due(NOW)
    assert last is not None
    assert (last.ticket_id, last.what) == (late.id, What.TARGET)
    assert [await store.postpone_due(last, now=NOW, waits=(60.0, 600.0)) for _ in range(2)] == [1, 0]
    assert await store.first_due(NOW) is None
    again = await store.first_due(NOW + 60)
    assert again is not None
    assert await store.postpone_due(again, now=NOW, waits=(60.0, 600.0)) == 2
    assert (await store.overview(NOW)).coming.next_at == NOW + 60  # the third ticket's
    await settled(store, replace(again, at=NOW + 600))
    assert await store.first_due(NOW + 900) == Due(_.id, What.TARGET, NOW + 60, NOW + 60, Status.RECEIVED)


async def test_a_decision_that_leaves_it_due_is_refused(store: VerbStore) -> None:
    await opened(store, NOW - 5)
    first = await store.first_due(NOW)
    assert first is not None
    with pytest.raises(StoreMisuse, match="due for ever"):
        await store.settle_due(first, query_of=lambda t: a_query(ticket_ids=(t.id,)), decide=lambda _t, _f, _a: Changes())


async def test_what_is_due_first_is_found_first(store: VerbStore) -> None:
    never, late, soon = await opened(store, None, NOW - 5, NOW + 60)
    (elsewhere,) = await opened(store, NOW - 9, desk="sales")
    await changed(store, Changes(updates=(TicketUpdate(soon.id, assignee=LEE),)))

    async def listed(what: Listed) -> list[int]:
        facts = await store.facts(a_query(listing=Listing(what, ("support",), agent=LEE)))
        return [ticket.id for ticket in facts.listed]

    assert await listed(Listed.OPEN) == [late.id, soon.id, never.id]
    assert await listed(Listed.MINE) == [soon.id]
    assert await listed(Listed.NEXT) == [late.id]
    found = await store.due_tickets(["support", "sales"], statuses=(), until=NOW, limit=9)
    assert [ticket.id for ticket in found] == [elsewhere.id, late.id]
    assert len(await store.due_tickets(["support", "sales"], statuses=(), until=None, limit=2)) == 2
    assert await store.due_tickets(["support"], statuses=[Status.CLOSED], until=None, limit=9) == ()
    assert await store.overdue(["support", "sales", "nowhere"], NOW) == {"support": 1, "sales": 1, "nowhere": 0}
    daily = await store.daily(LEE, ["support"], NOW, NOW + 90)
    assert [w.ticket.id for w in daily.overdue.first] == [late.id]
    assert [w.ticket.id for w in daily.today.first] == [soon.id]
    assert (daily.mine.all, [w.ticket.id for w in daily.unassigned.first], daily.unassigned.all) == (0, [never.id], 1)


async def test_what_became_of_targets_is_counted(store: VerbStore) -> None:
    (ticket,) = await opened(store, None)
    kept = [Met(ticket.id, Target.FIRST, "support", NOW, 0.0), Met(ticket.id, Target.NEXT, "support", NOW + 1, 3.0)]
    kept += [Met(ticket.id, Target.NEXT, "support", NOW + 2, 0.0), Met(ticket.id, Target.NEXT, "sales", NOW + 3, 0.0)]
    await changed(store, Changes(met=tuple(kept)))
    await changed(store, Changes(met=(kept[0],)))  # the same again
    assert await store.targets_met("support", NOW, NOW + 9) == (Count(Target.FIRST, 1, 0), Count(Target.NEXT, 1, 1))
    assert await store.targets_met("support", NOW + 2, NOW + 9) == (Count(Target.NEXT, 1, 0),)
    await changed(store, Changes(unmet=((ticket.id, Target.NEXT, NOW + 1),)))
    assert await store.targets_met("support", NOW, NOW + 9) == (Count(Target.FIRST, 1, 0), Count(Target.NEXT, 1, 0))


async def test_all_clocks_are_counted_anew_some_at_a_time(store: VerbStore) -> None:
    tickets = await opened(store, *(NOW + i for i in range(5)))
    assert await store.targets_of() == ""
    await store.targets_are("other settings")
    assert await store.targets_of() == "other settings"
    after: int | None = 0
    for _ in range(3):
        assert after is not None
        after = await store.recount(after, limit=2, recount=lambda one: one.clock and replace(one.clock, due_at=NOW - one.id))
    assert after is None
    found = await store.due_tickets(["support"], statuses=(), until=None, limit=9)
    assert [ticket.id for ticket in found] == sorted((ticket.id for ticket in tickets), reverse=True)


async def test_alarms_that_were_held_back_are_told_once_when_there_is_room(store: VerbStore) -> None:
    tickets = [a_ticket() for _ in range(3)]
    for ticket in tickets:
        await open_ticket(store, ticket)
    held = tuple(HeldAlarm(LEE, ticket.id, NOW + i) for i, ticket in enumerate((*tickets, tickets[0])))
    sent = AckNote(LEE, NOW, TO_AGENT)
    await store.change(ticket_number=None, query=None, decide=lambda _, __: Changes(held_alarms=held, acks=(sent,)))
    told: list[list[int]] = []

    def decide(found: Sequence[Ticket]) -> Changes:
        told.append(sorted(ticket.id for ticket in found))
        return Changes()

    async def tell(now: float) -> bool:
        found = await asyncio.gather(*(heldalarms.tell(store, LEE, now=now, most=1, decide=decide) for _ in range(2)))
        return any(one is not None for one in found)

    assert await heldalarms.people(store) == [LEE]
    assert await tell(NOW + 3599) is False
    assert await tell(NOW + 3601) is True
    assert await tell(NOW + 3602) is False
    assert told == [sorted(ticket.id for ticket in tickets)]
    assert await heldalarms.people(store) == []
