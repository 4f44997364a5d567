"""Contract: tickets of desks that nobody knows are counted, and go to another desk in bites that may be interrupted anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from smtpgate.blocks import Block
from smtpgate.model import EntryKind, Status, Ticket
from smtpgate.store import desks
from smtpgate.store.api import Changes, TicketUpdate
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import NOW, a_ticket, an_entry, an_outgoing
from tests.support.store_steps import open_ticket


def decide(tickets: Sequence[Ticket]) -> tuple[Changes, list[int]]:
    updates = tuple(TicketUpdate(ticket.id, desk="sales") for ticket in tickets)
    events = tuple(an_entry(ticket.id, kind=EntryKind.EVENT, text="moved") for ticket in tickets)
    return Changes(updates=updates, entries=events), [len(tickets), sum(t.status.open for t in tickets), 0]


async def some(store: VerbStore, *statuses: Status, **fields: object) -> list[Ticket]:
    tickets = [a_ticket(status=status, **fields) for status in statuses]
    for ticket in tickets:
        await open_ticket(store, ticket)
    return tickets


async def desk_of(store: VerbStore, ticket: Ticket) -> str:
    detail = await store.ticket(ticket.number)
    assert detail is not None
    return detail.ticket.desk


async def test_only_desks_that_are_not_known_are_counted(store: VerbStore) -> None:
    await some(store, Status.RECEIVED, Status.CLOSED, desk="vertrieb")
    await some(store, Status.RECEIVED, desk="support")
    await some(store, Status.RECEIVED, desk="Élan")
    assert await desks.strays_of(store, {"support", "sales"}) == {"vertrieb": 2, "Élan": 1}
    assert await desks.strays_of(store, {"support", "vertrieb", "Élan"}) == {}
    assert (await desks.counted_by(store))["vertrieb"] == {Status.RECEIVED: 1, Status.CLOSED: 1}


async def test_in_bites_the_open_ones_first_and_what_went_is_told_once(store: VerbStore) -> None:
    closed, waiting = await some(store, Status.CLOSED, Status.WAITING, desk="vertrieb")
    assert await desks.bite(store, "vertrieb", "sales", most=1, decide=decide) == 1
    assert [await desk_of(store, ticket) for ticket in (closed, waiting)] == ["vertrieb", "sales"]
    assert await desks.bite(store, "vertrieb", "sales", most=1, decide=decide) == 1  # by another process
    assert await desks.bite(store, "vertrieb", "sales", most=1, decide=decide) == 0
    detail = await store.ticket(closed.number)
    assert detail is not None
    assert (detail.ticket.updated_at, [e.text for e in detail.entries if e.kind is EntryKind.EVENT]) == (
        closed.updated_at,
        ["moved"],
    )
    told: list[Mapping[str, Sequence[int]]] = []

    def letters(gone: Mapping[str, Sequence[int]]) -> Changes:
        told.append(gone)
        return Changes(outgoing=(an_outgoing(),))

    for _ in range(2):
        await desks.tell(store, "vertrieb", letters)
    assert told == [{"sales": [2, 1, 0]}]


async def test_several_at_once_move_each_ticket_once(store: VerbStore) -> None:
    tickets = await some(store, *[Status.RECEIVED] * 12, desk="vertrieb")
    moved = await asyncio.gather(*(desks.bite(store, "vertrieb", "sales", most=5, decide=decide) for _ in range(4)))
    assert sum(moved) == 12
    for ticket in tickets:
        detail = await store.ticket(ticket.number)
        assert detail is not None
        assert len([e for e in detail.entries if e.kind is EntryKind.EVENT]) == 1


async def test_tickets_that_both_share_are_found_page_by_page(store: VerbStore) -> None:
    await some(store, Status.RECEIVED, desk="vertrieb", other_desks=("support",))
    (shared,) = await some(store, Status.RECEIVED, desk="support", other_desks=("vertrieb", "sales"))
    (other,) = await some(store, Status.RECEIVED, desk="support", other_desks=("vertrieb2",))
    seen: list[list[int]] = []

    def share(found: Sequence[Ticket]) -> Changes:
        seen.append([ticket.id for ticket in found])
        return Changes(updates=tuple(TicketUpdate(ticket.id, other_desks=("sales",)) for ticket in found))

    after: int | None = 0
    while after is not None:
        found, after = await desks.sharing(store, "vertrieb", after, most=2)
        if found:
            await desks.share(store, (*found, other.id), "vertrieb", share)
    assert seen == [[shared.id]]
    others = [detail.ticket.other_desks for t in (shared, other) if (detail := await store.ticket(t.number)) is not None]
    assert others == [("sales",), ("vertrieb2",)]


async def test_blocks_of_a_desk_that_is_gone_go_along(store: VerbStore) -> None:
    blocks = tuple(Block(who, desk, NOW, "", "") for who, desk in [("a@x", "old"), ("a@x", "sales"), ("b@x", "old"), ("c@x", "")])
    await store.change(ticket_number=None, query=None, decide=lambda _, __: Changes(blocked=blocks))
    for _ in range(2):
        await desks.begin(store, "old", "sales")
    assert [(b.who, b.desk) for b in await store.blocks(None)] == [("a@x", "sales"), ("b@x", "sales"), ("c@x", "")]
