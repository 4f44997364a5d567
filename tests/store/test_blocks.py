"""Contract: blocked senders: kept, taken off, and found in the breath in which a mail is asked about."""

from __future__ import annotations

from smtpgate.blocks import Block
from smtpgate.store.api import Changes
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import NOW, a_query, a_ticket
from tests.support.store_steps import open_ticket


async def changed(store: VerbStore, changes: Changes) -> None:
    await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)


async def test_a_sender_and_his_domain(store: VerbStore) -> None:
    one = Block("wang@example.org", "support", NOW, "lee@desk.example", "ticket 1")
    whole, other = Block("@example.org", "", NOW + 1), Block("li@example.org", "support", NOW)
    await changed(store, Changes(blocked=(one, whole, other)))
    assert await store.blocks(None) == (whole, other, one)
    assert await store.blocks("sales") == (whole,)
    facts = await store.facts(a_query(sender="Wang+x@EXAMPLE.org"))
    assert set(facts.blocks) == {one, whole}
    assert (await store.facts(a_query(sender="wang@example.com"))).blocks == ()
    assert (await store.facts(a_query(sender=""))).blocks == ()
    again = Block("wang@example.org", "support", NOW + 9, "kim@desk.example", "ticket 2")
    await changed(store, Changes(blocked=(again,), unblocked=(("@example.org", ""), ("nobody@x", ""))))
    assert await store.blocks(None) == (other, again)


async def test_those_of_a_tickets_customer_when_they_are_asked_for(store: VerbStore) -> None:
    await open_ticket(store, ticket := a_ticket())
    await changed(store, Changes(blocked=(Block("wang@example.org", "", NOW),)))
    asked = a_query(sender="lee@desk.example", ticket_ids=(ticket.id,))
    assert (await store.facts(asked)).blocks == ()
    facts = await store.facts(a_query(sender="lee@desk.example", ticket_ids=(ticket.id,), blocks=True))
    assert [b.who for b in facts.blocks] == ["wang@example.org"]
    assert facts.language == ""
    assert (await store.facts(a_query())).language == "zh"
