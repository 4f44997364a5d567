"""Contract: what is due later comes once, in its order, also with several at work; leave and digests of agents are kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from smtpgate.due import Circumstances, Due, Leave, Member, What
from smtpgate.errors import StoreMisuse
from smtpgate.links import LinkKind, NewLink
from smtpgate.listing import Listed, Listing
from smtpgate.model import DeliveryState, EntryKind, MailState, Status, Ticket
from smtpgate.store.api import Changes, Facts, FactsQuery, TicketUpdate
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, an_entry, an_outgoing
from tests.support.store_steps import accept_one, open_ticket


async def changed(store: VerbStore, changes: Changes) -> None:
    await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)


async def seen(store: VerbStore, ticket: Ticket) -> Ticket:
    detail = await store.ticket(ticket.number)
    assert detail is not None
    return detail.ticket


def snooze(ticket: Ticket, at: float | None) -> Due:
    return Due(ticket.id, What.SNOOZE, at, NOW, ticket.status)


async def settled(
    store: VerbStore, due: Due, again: float | None = None, told: list[bool] | None = None, held: list[bool] | None = None
) -> Changes | None:
    def decide(_ticket: Ticket, _facts: Facts, around: Circumstances) -> Changes:
        if told is not None:
            told.append(around.acknowledged)
        if held is not None:
            held.append(around.held)
        return Changes(due=(due.at_(again),), updates=(TicketUpdate(due.ticket_id, tags=("done",)),))

    def asks(ticket: Ticket) -> FactsQuery:
        members = {"support": ("lee@corp.example",)}
        return a_query(ticket_ids=(ticket.id,), desks=("support",), members=members, told_most=5, conversation=True)

    return await store.settle_due(due, query_of=asks, decide=decide)


async def test_the_longest_due_comes_first_and_what_is_done_does_not_come_again(store: VerbStore) -> None:
    late, soon, far = a_ticket(), a_ticket(), a_ticket()
    for ticket, at in ((late, NOW - 5), (soon, NOW - 9), (far, NOW + 60)):
        await open_ticket(store, ticket)
        await changed(store, Changes(due=(snooze(ticket, at),)))
    assert (await store.overview(NOW)).coming.next_at == NOW - 9
    done = []
    while (due := await store.first_due(NOW)) is not None:
        assert await settled(store, due) is not None
        done.append(due.ticket_id)
    assert done == [soon.id, late.id]
    assert (await store.overview(NOW)).coming.next_at == NOW + 60
    assert (await seen(store, soon)).tags == ("done",)
    assert await store.first_due(NOW - 100) is None  # a clock that was put back


async def test_a_held_mail_that_would_join_it_is_known_however_many_are_held(store: VerbStore) -> None:
    ticket, merged, other = a_ticket(), a_ticket(), a_ticket()
    for one in (ticket, merged, other):
        await open_ticket(store, one)
        await changed(store, Changes(entries=(an_entry(one.id),)))
        await changed(store, Changes(due=(Due(one.id, What.STATE, NOW - 1, NOW, one.status),)))

    async def hold(for_whom: Ticket | None) -> str:
        mail_id = await accept_one(store)
        await store.claim(worker="w", now=NOW, lease=60, limit=1)
        held = Changes(state=MailState.HELD, reason="no proof", decision="{}", held_for=for_whom and for_whom.id)
        await store.file(mail_id, worker="w", query=a_query(mail_id), decide=lambda _: held)
        return mail_id

    async def is_held(one: Ticket) -> bool:
        told: list[bool] = []
        due = Due(one.id, What.STATE, NOW - 1, NOW, one.status)
        assert await settled(store, due, again=NOW - 1, held=told) is not None
        return told[0]

    first = await hold(ticket)
    for _ in range(3):
        await hold(None)
    assert [await is_held(one) for one in (ticket, merged, other)] == [True, False, False]
    assert await store.settle_mail(first, expect=[MailState.HELD], to=MailState.ACCEPTED, reason="")
    assert not await is_held(ticket)
    await store.claim(worker="w", now=NOW, lease=60, limit=1)
    again = Changes(state=MailState.HELD, reason="a colleague was faster", decision="{}", held_for=merged.id)
    await store.file(first, worker="w", query=a_query(first), decide=lambda _: again)
    assert [await is_held(one) for one in (ticket, merged)] == [False, True]
    into = NewLink(merged.id, LinkKind.INTO, ticket.id, NOW)
    await changed(store, Changes(links=(into,), entries=(an_entry(merged.id, kind=EntryKind.EVENT),)))
    assert await is_held(ticket)  # the answer to a ticket that was merged into this one
    assert not await is_held(other)


async def test_two_at_once_do_it_once(store: VerbStore, open_store: OpenStore) -> None:
    other = await open_store()
    tickets = [a_ticket() for _ in range(5)]
    for ticket in tickets:
        await open_ticket(store, ticket)
    await changed(store, Changes(due=tuple(snooze(ticket, NOW - 1) for ticket in tickets)))

    async def work(of: VerbStore) -> int:
        done = 0
        while (due := await of.first_due(NOW)) is not None:
            done += await settled(of, due) is not None
        return done

    assert sum(await asyncio.gather(work(store), work(other), work(store))) == 5


async def test_what_has_changed_since_it_was_seen_is_left_alone(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    await changed(store, Changes(due=(snooze(ticket, NOW - 1),)))
    due = await store.first_due(NOW)
    assert due is not None
    await changed(store, Changes(due=(snooze(ticket, NOW + 99),)))
    assert await settled(store, due) is None
    assert await store.postpone_due(due, now=NOW, waits=(5.0,)) == 0
    assert (await seen(store, ticket)).snoozed_until == NOW + 99


async def test_what_fails_is_put_off_and_changes_nothing_else(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    await changed(store, Changes(due=(snooze(ticket, NOW - 1),)))
    due = await store.first_due(NOW)
    assert due is not None

    def breaks(_ticket: Ticket, _facts: Facts, _around: Circumstances) -> Changes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.settle_due(due, query_of=lambda _: a_query(), decide=breaks)
    with pytest.raises(StoreMisuse, match="for ever"):
        await store.settle_due(due, query_of=lambda _: a_query(), decide=lambda *_: Changes())
    assert await store.postpone_due(due, now=NOW, waits=(60.0, 600.0)) == 1
    assert await store.first_due(NOW) is None
    again = await store.first_due(NOW + 60)
    assert again == replace(due, at=NOW + 60)
    assert await store.postpone_due(again, now=NOW + 60, waits=(60.0, 600.0)) == 2
    again = await store.first_due(NOW + 660)
    assert again is not None
    assert await store.postpone_due(again, now=NOW + 660, waits=(60.0, 600.0)) == 3
    again = await store.first_due(NOW + 1260)
    assert again == replace(due, at=NOW + 1260)
    assert [finding.text for finding in await store.verify(NOW + 9999)] == [
        f"ticket {ticket.number}: its snooze is overdue, 3 failures"
    ]
    assert await settled(store, again) is not None


@pytest.mark.parametrize("status", list(Status))
async def test_a_state_is_looked_at_when_something_comes_of_silence_in_it(store: VerbStore, status: Status) -> None:
    ticket = a_ticket(status=Status.PROGRESS if status is Status.RECEIVED else Status.RECEIVED)
    await open_ticket(store, ticket)
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, status=status, updated_at=NOW + 7),)))
    due = await store.first_due(NOW + 7)
    if status in (Status.WAITING, Status.RESOLVED):
        assert due == Due(ticket.id, What.STATE, NOW + 7, NOW + 7, status)
        assert await settled(store, due, again=NOW + 500) is not None
        await changed(store, Changes(updates=(TicketUpdate(ticket.id, status=Status.PROGRESS, updated_at=NOW + 9),)))
        await changed(store, Changes(updates=(TicketUpdate(ticket.id, status=status, updated_at=NOW + 20),)))
        assert await store.first_due(NOW + 20) == Due(ticket.id, What.STATE, NOW + 20, NOW + 20, status)
    else:
        assert due is None
    ended = None if status.open else NOW + 20 if status is Status.RESOLVED else NOW + 7
    assert (await seen(store, ticket)).ended_at == ended


async def test_a_ticket_that_is_open_again_has_not_ended(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    for status in (Status.CLOSED, Status.PROGRESS):
        await changed(store, Changes(updates=(TicketUpdate(ticket.id, status=status, updated_at=NOW),)))
    assert (await seen(store, ticket)).ended_at is None
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, status=Status.RESOLVED, updated_at=NOW + 3),)))
    assert (await seen(store, ticket)).ended_at == NOW + 3


async def test_only_who_was_acknowledged_is_said_to_be(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    told: list[bool] = []
    for _ in range(2):
        await changed(store, Changes(due=(snooze(ticket, NOW - 1),)))
        due = await store.first_due(NOW)
        assert due is not None
        await settled(store, due, told=told)
        mail = an_outgoing(a_recipient("wang@example.org"), ticket_id=ticket.id, purpose="received")
        await changed(store, Changes(outgoing=(mail,)))
    assert told == [False, True]


async def test_who_waits_for_later_is_in_no_list_but_that_of_his_agent(store: VerbStore) -> None:
    now_, later = a_ticket(assignee=""), a_ticket(assignee="")
    for ticket in (later, now_):
        await open_ticket(store, ticket)
    await changed(store, Changes(due=(snooze(later, NOW + 99),)))

    async def listed(what: Listed, agent: str = "") -> list[int]:
        facts = await store.facts(a_query(listing=Listing(what, ("support",), agent=agent), conversation=True))
        return [ticket.id for ticket in facts.listed]

    assert await listed(Listed.OPEN) == [now_.id]
    assert await listed(Listed.NEXT) == [now_.id]
    await changed(store, Changes(updates=(TicketUpdate(later.id, assignee="lee@corp.example"),)))
    assert await listed(Listed.MINE, "lee@corp.example") == [later.id]
    await changed(store, Changes(due=(snooze(later, None),)))
    assert (await seen(store, later)).snoozed_until is None
    assert await listed(Listed.OPEN) == sorted((now_.id, later.id))


async def test_leave_and_digest_of_an_agent(store: VerbStore) -> None:
    assert await store.members() == {}
    await changed(store, Changes(leaves=(("lee@corp.example", Leave(NOW, NOW + 5)),)))
    await changed(store, Changes(digested=(("lee@corp.example", "20261126"), ("kim@corp.example", "20261126"))))
    await changed(store, Changes(leaves=(("lee@corp.example", Leave(NOW + 1, NOW + 1)),)))
    assert await store.members() == {
        "kim@corp.example": Member("20261126"),
        "lee@corp.example": Member("20261126", Leave(NOW + 1, NOW + 1)),
    }


async def test_what_waits_for_an_agent_counted_whole(store: VerbStore) -> None:
    lee = "lee@corp.example"
    answered, asked, his_later, nobodys, waits, elsewhere, done = (
        a_ticket(assignee=who, status=status, desk=desk)
        for who, status, desk in (
            (lee, Status.PROGRESS, "support"),
            (lee, Status.RECEIVED, "support"),
            (lee, Status.PROGRESS, "support"),
            ("", Status.RECEIVED, "support"),
            (lee, Status.WAITING, "support"),
            ("", Status.RECEIVED, "sales"),
            (lee, Status.RESOLVED, "support"),
        )
    )
    for ticket in (answered, asked, his_later, nobodys, waits, elsewhere, done):
        await open_ticket(store, ticket)
    reply = an_entry(answered.id, kind=EntryKind.REPLY)
    await changed(store, Changes(entries=(reply,), due=(snooze(his_later, NOW + 50),)))
    found = await store.daily(lee, ["support", "support"], NOW, NOW + 60)
    assert [one.ticket.id for one in found.mine.first] == [asked.id, answered.id, waits.id]
    assert [one.since is None for one in found.mine.first] == [False, True, True]
    assert [one.ticket.id for one in found.unassigned.first] == [nobodys.id]
    assert [(one.ticket.id, one.back_at) for one in found.back.first] == [(his_later.id, NOW + 50)]
    assert (found.mine.all, found.unassigned.all, found.back.all) == (3, 1, 1)
    assert (await store.daily(lee, ["support"], NOW, NOW + 40)).back.all == 0
    assert (await store.daily("kim@corp.example", ["nowhere"], NOW, NOW)).nothing


async def test_a_digest_goes_out_once_a_day_whoever_sends_it(store: VerbStore, open_store: OpenStore) -> None:
    other, lee = await open_store(), "lee@corp.example"
    await store.begin_digests([(lee, "20261125")])
    await other.begin_digests([(lee, "20261126"), ("kim@corp.example", "20261126")])
    assert {agent: one.digested for agent, one in (await store.members()).items()} == {
        lee: "20261125",
        "kim@corp.example": "20261126",
    }

    def sending(day: str) -> Changes:
        return Changes(outgoing=(an_outgoing(a_recipient(lee), purpose="digest"),), digested=((lee, day),))

    sent = await asyncio.gather(*(one.send_digest(lee, "20261125", sending("20261126")) for one in (store, other, store)))
    assert sorted(sent) == [False, False, True]
    assert not await store.send_digest(lee, "20261125", sending("20261126"))
    assert not await store.send_digest("new@corp.example", "", sending("20261126"))  # of whom nothing is kept
    assert await other.send_digest(lee, "20261126", sending("20261127"))
    assert len(await store.queue(states=list(DeliveryState), ticket_number=None, limit=9)) == 2
