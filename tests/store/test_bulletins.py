"""Contract: notices to many: whom they reach, in batches that may be interrupted anywhere, and nobody twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from smtpgate.bulletin import Bulletin, Matter, Place, Run, Served
from smtpgate.model import Entry, Participant, Role, Status, Ticket
from smtpgate.store import bulletins
from smtpgate.store.api import Changes
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import NOW, a_recipient, a_ticket, an_outgoing
from tests.support.store_steps import open_ticket

ONE = Bulletin(7, "printer", Matter.OUTAGE, {"en": "Back at 3 p.m.", "zh": "下午三点恢复"}, "root", NOW)


async def tagged(store: VerbStore, who: str, *tags: str, **fields: object) -> Ticket:
    ticket = a_ticket(participants=(Participant(who, "", Role.CUSTOMER),), tags=tags or ("paper", "printer"), **fields)
    await open_ticket(store, ticket)
    return ticket


def decide(
    bulletin: Bulletin, tickets: Sequence[Ticket], told: frozenset[str], talk: Mapping[int, tuple[Entry, ...]]
) -> tuple[Changes, Sequence[Served]]:
    """Each person once; the keys are those of the addresses here."""
    people: dict[str, Ticket] = {}
    for ticket in tickets:
        assert ticket.customer is not None
        assert all(entry.ticket_id == ticket.id and not entry.text for entry in talk.get(ticket.id, ()))
        if ticket.customer.address not in told:
            people.setdefault(ticket.customer.address, ticket)
    mails = [an_outgoing(a_recipient(who), ticket_id=ticket.id) for who, ticket in people.items()]
    served = [Served(who, ticket.id, mail.id) for (who, ticket), mail in zip(people.items(), mails, strict=True)]
    return Changes(outgoing=tuple(mails)), served


async def everything(store: VerbStore, bulletin: Bulletin, limit: int = 2) -> list[int]:
    found, place = [], Place()
    following: Place | None = place
    while following is not None:
        tickets, following = await store.affected(bulletin, following, limit)
        found += [ticket.id for ticket in tickets]
    return found


async def test_it_is_about_open_tickets_with_the_tag_the_newest_first(store: VerbStore) -> None:
    first = await tagged(store, "a@x.example")
    await tagged(store, "b@x.example", "print", "printer2", "my-printer")
    await tagged(store, "c@x.example", status=Status.CLOSED, updated_at=NOW - 100)
    second = await tagged(store, "a@x.example", status=Status.WAITING)
    ended = await tagged(store, "d@x.example", status=Status.RESOLVED, updated_at=NOW)
    other = await tagged(store, "e@x.example", desk="sales")
    assert await everything(store, ONE) == [other.id, second.id, first.id]
    assert await everything(store, replace(ONE, since=NOW - 50)) == [other.id, second.id, first.id, ended.id]
    assert await everything(store, replace(ONE, desk="sales")) == [other.id]
    chinese = await tagged(store, "f@x.example", "打印机_二楼")
    assert await everything(store, replace(ONE, tag="打印机_二楼")) == [chinese.id]
    assert await everything(store, replace(ONE, tag="打印机%二楼")) == []


async def test_a_batch_looks_at_so_many_tickets_and_no_more(store: VerbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few have the tag, of many of every state and desk: each bite goes on where the one before ended, and none is left out."""
    monkeypatch.setattr(bulletins, "_BITE", 3)
    wanted: dict[str, list[int]] = {"": [], "sales": []}
    for number in range(40):
        desk, status = ("support", "sales")[number % 3 == 0], list(Status)[number * 7 % 5]
        ticket = await tagged(
            store, f"{number}@x.example", "printer" if number % 4 == 1 else "fax", desk=desk, status=status, updated_at=NOW
        )
        if number % 4 == 1:
            wanted[""].insert(0, ticket.id)
            wanted["sales"][:0] = [ticket.id] if desk == "sales" else []
    for desk, ids in wanted.items():
        for limit in (1, 2, 50):
            found = await everything(store, replace(ONE, desk=desk, since=NOW - 50), limit)
            assert sorted(found, reverse=True) == ids, (desk, limit)
            assert len(set(found)) == len(found)
    assert await everything(store, replace(ONE, since=NOW + 1)) == await everything(
        store, ONE
    )  # of those that ended none changed since
    one_bite, following = await store.affected(replace(ONE, since=NOW - 50), Place(ended=True), 50)
    assert len(one_bite) <= 3
    assert following is not None


async def test_nobody_gets_it_twice_wherever_it_is_interrupted(store: VerbStore) -> None:
    for i in range(7):
        await tagged(store, f"p{i % 5}@x.example")
    assert await store.begin_bulletin(ONE, same_since=0.0) is None
    assert await store.bulletin_batch(7, limit=3, decide=decide) == (3, Run.SENDING)

    def broken(*args: object) -> tuple[Changes, Sequence[Served]]:
        decide(*args)  # type: ignore[arg-type]
        raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError):
        await store.bulletin_batch(7, limit=3, decide=broken)
    assert (await store.bulletins(5))[0].people == 3
    results = await asyncio.gather(*(store.bulletin_batch(7, limit=3, decide=decide) for _ in range(4)))
    assert sum(count for count, _ in filter(None, results)) == 2
    (seen,) = await store.bulletins(5)
    assert (seen.people, seen.bulletin.run, dict(seen.deliveries)) == (5, Run.SENT, {"queued": 5})
    assert await store.bulletin_batch(8, limit=3, decide=decide) is None


async def test_the_same_is_not_begun_twice_unless_it_is_meant(store: VerbStore) -> None:
    assert await store.begin_bulletin(ONE, same_since=NOW - 60) is None
    again = replace(ONE, id=8, created_at=NOW + 30, texts={"zh": "下午三点恢复", "en": "Back at 3 p.m."})
    assert await store.begin_bulletin(again, same_since=NOW - 30) == ONE
    assert await store.begin_bulletin(replace(again, tag="fax"), same_since=NOW - 30) is None
    assert await store.begin_bulletin(replace(again, id=9), same_since=NOW + 10) is None


async def test_the_end_goes_to_those_who_got_it(store: VerbStore) -> None:
    ticket = await tagged(store, "a@x.example")
    await store.begin_bulletin(ONE, same_since=0.0)
    await store.bulletin_batch(7, limit=10, decide=decide)
    await tagged(store, "late@x.example")
    over = replace(ONE, id=8, matter=Matter.OVER, follows=7)
    assert await everything(store, over) == [ticket.id]
    assert await store.begin_bulletin(over, same_since=0.0) is None
    ended = await store.begin_bulletin(replace(over, id=9), same_since=NOW)  # two who end it at once
    assert ended is not None
    assert (ended.id, ended.run) == (7, Run.ENDED)
    assert await store.bulletin_batch(8, limit=10, decide=decide) == (1, Run.SENT)
    assert [one.bulletin.run for one in await store.bulletins(5)] == [Run.SENT, Run.ENDED]
