"""Contract: what agents change and ask for: who takes part, another desk, answers that are taken back, lists of tickets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smtpgate.errors import StoreMisuse
from smtpgate.links import LinkKind, NewLink
from smtpgate.listing import Listed, Listing
from smtpgate.model import DeliveryState, EntryKind, Participant, Role, Status, Ticket
from smtpgate.store.api import LEFT_OUT, TO_AGENT, AckNote, Changes, Facts, MessageRef, NewTicket, SpentTime, TicketUpdate
from smtpgate.store.shown import Known, Spent, Told
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, an_entry, an_id, an_outgoing
from tests.support.store_steps import open_ticket

LI = "li@example.org"


async def changed(store: VerbStore, changes: Changes) -> None:
    await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)


async def seen(store: VerbStore, ticket: Ticket) -> Ticket:
    detail = await store.ticket(ticket.number)
    assert detail is not None
    return detail.ticket


async def facts_of(store: VerbStore, ticket: Ticket) -> Facts:
    return await store.facts(a_query(ticket_ids=(ticket.id,), conversation=True))


async def test_people_join_and_are_taken_off_and_the_customer_stays(store: VerbStore) -> None:
    customer = Participant("wang@example.org", "王", Role.CUSTOMER)
    ticket = a_ticket(participants=(customer, Participant(LI, "李", Role.CC)))
    await open_ticket(store, ticket)
    new = Participant("boss@example.org", "", Role.JOINED)
    joining = (Participant("li@EXAMPLE.org", "", Role.JOINED), new, Participant("wang@example.org", "", Role.JOINED))
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, add_participants=joining),)))
    expected = (customer, Participant(LI, "李", Role.JOINED), new)
    assert (await seen(store, ticket)).participants == expected
    again = (Participant(LI, "", Role.CC), Participant(LI, "", Role.CUSTOMER))  # nobody loses or gains by being named again
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, add_participants=again),)))
    assert (await seen(store, ticket)).participants == expected
    gone = ("boss@EXAMPLE.org", "wang@example.org", "nobody@example.org")
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, remove_participants=gone),)))
    assert (await seen(store, ticket)).participants == expected[:2]


async def test_another_desk(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, desk="sales"),)))
    assert (await seen(store, ticket)).desk == "sales"
    assert [t.id for t in await store.tickets(desk="sales", statuses=(), sender=None, limit=5)] == [ticket.id]


async def test_an_answer_waits_as_long_as_none_of_its_copies_has_left_and_all_are_taken_back(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    entry = an_entry(ticket.id, kind=EntryKind.REPLY)
    mails = [
        an_outgoing(a_recipient(address, next_at=at), ticket_id=ticket.id, entry_id=entry.id, purpose=purpose)
        for address, at, purpose in (
            ("wang@example.org", NOW + 60, "answer"),
            ("boss@other.example", NOW + 50, "answer"),
            ("agent@corp.example", NOW, "to-agent"),  # is shown the answer, and is no copy of it
        )
    ]
    await changed(store, Changes(entries=(entry,), outgoing=tuple(mails)))
    (waiting,) = (await facts_of(store, ticket)).said.waiting[ticket.id]
    assert (waiting.outgoing_id in {mails[0].id, mails[1].id}, waiting.entry_id) == (True, entry.id)
    await store.claim_deliveries(worker="w", now=NOW, limit=9, next_at=lambda _: NOW + 300)
    assert (await facts_of(store, ticket)).said.waiting[ticket.id] == (waiting,)
    await changed(store, Changes(withdrawn=(waiting,)))
    states = {row.address: row.state for row in await store.queue(states=list(DeliveryState), ticket_number=None, limit=9)}
    assert states["wang@example.org"] is states["boss@other.example"] is DeliveryState.DROPPED
    assert states["agent@corp.example"] is DeliveryState.QUEUED


async def test_an_answer_of_which_a_copy_has_left_is_not_taken_back(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    entry = an_entry(ticket.id, kind=EntryKind.REPLY)
    mails = [
        an_outgoing(a_recipient(address, next_at=at), ticket_id=ticket.id, entry_id=entry.id, purpose="answer")
        for address, at in (("wang@example.org", NOW + 60), ("boss@other.example", NOW + 50))
    ]
    await changed(store, Changes(entries=(entry,), outgoing=tuple(mails)))
    assert (await facts_of(store, ticket)).said.waiting.keys() == {ticket.id}
    await store.claim_deliveries(worker="w", now=NOW + 55, limit=9, next_at=lambda _: NOW + 300)
    assert (await facts_of(store, ticket)).said.waiting == {}


async def listed(store: VerbStore, what: Listed, *desks: str, **more: Any) -> list[str]:
    facts = await store.facts(a_query(listing=Listing(what, desks, **more)))
    return [ticket.subject for ticket in facts.listed]


async def test_lists_for_an_agent(store: VerbStore) -> None:
    for subject, desk, status, assignee in (
        ("oldest, customer's turn", "support", Status.WAITING, ""),
        ("has somebody", "support", Status.RECEIVED, LI),
        ("red LIGHT", "support", Status.PROGRESS, ""),
        ("Light, Rot: ÄRGER", "support", Status.CLOSED, ""),
        ("打印机 红灯 light red", "support", Status.RECEIVED, ""),
        ("elsewhere, red light", "sales", Status.RECEIVED, LI),
        ("solved red light", "sales", Status.RESOLVED, LI),
    ):
        await open_ticket(store, a_ticket(subject=subject, desk=desk, status=status, assignee=assignee))
    assert await listed(store, Listed.OPEN, "support") == [
        "oldest, customer's turn", "has somebody", "red LIGHT", "打印机 红灯 light red",
    ]  # fmt: skip
    assert await listed(store, Listed.OPEN, "nowhere") == []
    assert await listed(store, Listed.MINE, "support", "sales", agent=LI) == ["has somebody", "elsewhere, red light"]
    assert await listed(store, Listed.MINE, "support", agent=LI) == ["has somebody"]
    assert await listed(store, Listed.NEXT, "support") == ["red LIGHT"]
    assert await listed(store, Listed.NEXT, "sales") == []
    assert await listed(store, Listed.WORDS, "support", words=("light", "red")) == ["打印机 红灯 light red", "red LIGHT"]
    assert await listed(store, Listed.WORDS, "support", words=("ärger",)) == ["Light, Rot: ÄRGER"]
    assert await listed(store, Listed.WORDS, "sales", words=("%",)) == []


async def test_a_single_ticket_comes_with_what_was_said(store: VerbStore) -> None:
    ticket = a_ticket()
    entry = an_entry(ticket.id)
    await open_ticket(store, ticket, entries=(entry,))
    for listing in (Listing(Listed.NUMBER, number=ticket.number), Listing(Listed.NEXT, ("support",))):
        facts = await store.facts(a_query(listing=listing, conversation=True))
        assert facts.listed == (ticket,)
        assert facts.said.entries == {ticket.id: (entry,)}
        assert facts.tickets == {}  # no rung of the ladder reaches it
    assert (await store.facts(a_query(listing=Listing(Listed.NUMBER, number="20260102-EML-0001")))).listed == ()


async def test_a_list_has_an_end(store: VerbStore) -> None:
    tickets = tuple(NewTicket(a_ticket(subject=f"a {i}")) for i in range(60))
    await changed(store, Changes(tickets=tickets, entries=tuple(an_entry(new.ticket.id) for new in tickets)))
    assert await listed(store, Listed.OPEN, "support") == [f"a {i}" for i in range(51)]
    assert await listed(store, Listed.WORDS, "support", words=("a",)) == [f"a {i}" for i in range(59, 8, -1)]


async def test_what_an_agent_was_told_and_what_was_left_out_since(store: VerbStore) -> None:
    ticket = a_ticket(desk="support")
    await open_ticket(store, ticket)
    lee = "Lee+desk@corp.example"
    question: dict[str, Any] = {
        "members": {"support": (lee,), "sales": ("sal@corp.example",)},
        "told_most": 3,
        "conversation": True,
    }
    sent = [AckNote("lee@corp.example", NOW + at, TO_AGENT) for at in (-4000, -90, -80, -70)]
    left = [AckNote(lee, NOW + at, LEFT_OUT) for at in (-75, *range(-69, -60))]
    await changed(store, Changes(acks=(*sent, *left, AckNote(lee, NOW, "received"))))
    facts = await store.facts(a_query(sender=lee, ticket_ids=(ticket.id,), **question))
    assert facts.said.told == {lee: Told(3, 6)}  # more of either changes nothing
    assert (facts.acks.to_address, sum(facts.acks.to_all.values())) == ((NOW,), 1)  # of a customer, apart
    assert (await store.facts(a_query(now=NOW + 3525, ticket_ids=(ticket.id,), **question))).said.told == {lee: Told(1, 6)}
    assert (await store.facts(a_query(desks=("sales",), **question))).said.told == {"sal@corp.example": Told()}


async def test_what_is_known_of_whom_a_ticket_is_opened_for(store: VerbStore) -> None:
    person = Participant(LI, "李", Role.CUSTOMER)
    old, new = a_ticket(participants=(person,), language="en"), a_ticket(participants=(person,), language="zh")
    acks = [AckNote("LI+x@example.org", NOW - 60, "received"), AckNote(LI, NOW - 90_000, "received"), AckNote(LI, NOW, "notice")]
    for ticket in (old, new):
        await open_ticket(store, ticket)
    await changed(store, Changes(acks=tuple(acks)))
    known = (await store.facts(a_query(customer=LI))).customer
    assert known is not None
    assert (known.acks, known.language, [other.id for other in known.others]) == ((NOW - 60,), "zh", [new.id, old.id])
    assert (await store.facts(a_query(customer="nobody@example.org"))).customer == Known()
    assert (await store.facts(a_query())).customer is None


async def test_of_an_agents_mail_a_reference_counts_whoever_made_it(store: VerbStore) -> None:
    ticket = a_ticket()
    await open_ticket(store, ticket)
    await changed(store, Changes(message_refs=(MessageRef("<theirs@x>", ticket.id, ours=False),)))
    strangers = a_query(sender="agent@corp.example", references=("<theirs@x>", "<none@x>"))
    assert (await store.facts(strangers)).by_message_id == {}
    agents = (await store.facts(replace(strangers, of_agent=True))).by_message_id
    assert {name: ref.ticket_id for name, ref in agents.items()} == {"<theirs@x>": ticket.id}


async def test_another_customer_takes_part_alone_and_what_was_said_before_is_marked(store: VerbStore) -> None:
    wang = Participant("wang@example.org", "王", Role.CUSTOMER)
    ticket = a_ticket(participants=(wang, Participant(LI, "李", Role.JOINED), Participant("boss@example.org", "", Role.CC)))
    await open_ticket(store, ticket)
    kinds = (EntryKind.CUSTOMER, EntryKind.NOTE, EntryKind.REPLY, EntryKind.EVENT, EntryKind.STATUS)
    before = [an_entry(ticket.id, kind=kind, marks=("weak",)) for kind in kinds]
    await changed(store, Changes(entries=tuple(before)))
    li, kept = Participant("li@EXAMPLE.org", "李", Role.CUSTOMER, since=NOW, subject=False), replace(wang, role=Role.JOINED)
    answer = an_entry(ticket.id, kind=EntryKind.REPLY)
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, customer=li, add_participants=(kept,)),), entries=(answer,)))
    detail = await store.ticket(ticket.number)
    assert detail is not None
    assert detail.ticket.participants == (li, kept)
    marks = {e.id: e.marks for e in detail.entries}
    said = ("weak", "with wang@example.org")
    assert [marks[e.id] for e in before] == [said, ("weak",), said, ("weak",), said]
    assert marks[answer.id] == ()
    back = Participant("wang@example.org", "王", Role.CUSTOMER)
    await changed(store, Changes(updates=(TicketUpdate(ticket.id, customer=back),)))
    detail = await store.ticket(ticket.number)
    assert detail is not None
    assert detail.ticket.participants == (back,)
    marks = {e.id: e.marks for e in detail.entries}
    assert (marks[answer.id], marks[before[0].id]) == (("with li@EXAMPLE.org",), said)
    assert [
        (await store.facts(a_query(sender=who, open_tickets=True, conversation=True))).open_tickets != ()
        for who in (LI, wang.address)
    ] == [False, True]


async def test_a_ticket_without_a_customer_gets_one_and_one_that_is_not_there_none(store: VerbStore) -> None:
    ticket = a_ticket(participants=(), unverified=True)
    await open_ticket(store, ticket)
    entry = an_entry(ticket.id, kind=EntryKind.MACHINE)
    li = Participant(LI, "李", Role.CUSTOMER, since=NOW)
    await changed(store, Changes(entries=(entry,), updates=(TicketUpdate(ticket.id, customer=li),)))
    assert (await seen(store, ticket)).participants == (li,)
    facts = await store.facts(a_query(ticket_ids=(ticket.id,), conversation=True, began=True))
    assert facts.said.began == {ticket.id: "wang@example.org"}
    with pytest.raises(StoreMisuse, match="no ticket 7 "):
        await changed(store, Changes(updates=(TicketUpdate(7, customer=li),)))


async def test_time_that_was_worked_is_summed_up_and_moves_with_its_ticket(store: VerbStore) -> None:
    one, two = a_ticket(), a_ticket()
    for ticket in (one, two):
        await open_ticket(store, ticket)
    times = [
        SpentTime(an_id(), one.id, "support", LI, NOW, 90),
        SpentTime(an_id(), two.id, "support", LI, NOW + 60, 20),
        SpentTime(an_id(), two.id, "sales", "kim@example.org", NOW + 70, 5),
    ]
    await changed(store, Changes(spent=tuple(times)))
    assert ((await seen(store, one)).worked, (await seen(store, two)).worked) == (90, 25)
    facts = await store.facts(a_query(sender=LI, ticket_ids=(two.id,), conversation=True, spent=True))
    assert facts.said.spent == {two.id: Spent(20, ((times[1].id, NOW + 60, 20),))}
    found = await store.worked("agent", desk=None, agent=None, since=None, until=NOW + 70)
    assert [(w.desk, w.agent, w.minutes, w.entries, w.tickets) for w in found] == [("support", LI, 110, 2, 2)]
    await changed(
        store, Changes(links=(NewLink(two.id, LinkKind.INTO, one.id, NOW),), entries=(an_entry(two.id, kind=EntryKind.EVENT),))
    )
    assert (await seen(store, one)).worked == 115
    await changed(store, Changes(unspent=(times[0].id,)))
    by_ticket = await store.worked("ticket", desk=None, agent=LI.upper(), since=None, until=None)
    assert [(w.number, w.minutes) for w in by_ticket] == [(one.number, 20)]
