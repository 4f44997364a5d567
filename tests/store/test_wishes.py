"""Contract: what a person asked for is found with the person, with each ticket of theirs, and for nobody else."""

from __future__ import annotations

from smtpgate.model import Participant, Role, Status
from smtpgate.store.api import Changes
from smtpgate.store.verbs import VerbStore
from smtpgate.wish import NewWish, Wish
from tests.store.test_agents import changed, seen
from tests.support.store_data import NOW, a_query, a_ticket
from tests.support.store_steps import open_ticket

WANG = "wang@example.org"


async def test_a_wish_is_found_with_the_person_and_one_leaves_the_other(store: VerbStore) -> None:
    assert (await store.facts(a_query(sender=WANG))).wish == Wish()
    for new, known in (
        (NewWish("wang@EXAMPLE.org", NOW, language="zh-Hant"), Wish("zh-Hant")),
        (NewWish(WANG, NOW, fewer=True), Wish("zh-Hant", fewer=True)),
        (NewWish(WANG, NOW, language="en"), Wish("en", fewer=True)),
        (NewWish(WANG, NOW, fewer=False), Wish("en")),
    ):
        await changed(store, Changes(wishes=(new,)))
        facts = await store.facts(a_query(sender=WANG))
        assert (facts.wish, facts.language) == (known, "")
        assert (await store.facts(a_query(sender="Wang@example.org"))).wish == Wish()  # RFC 5321 §2.4


async def test_fewer_notices_stand_with_the_person_in_each_ticket(store: VerbStore) -> None:
    people = (Participant(WANG, "王", Role.CUSTOMER), Participant("li@example.org", "", Role.CC))
    ticket = a_ticket(participants=people)
    await open_ticket(store, ticket)
    await changed(store, Changes(wishes=(NewWish(WANG, NOW, fewer=True),)))
    assert [one.fewer for one in (await seen(store, ticket)).participants] == [True, False]


async def test_a_language_is_that_of_the_open_tickets_of_which_one_is_the_customer(store: VerbStore) -> None:
    mine, copied = (Participant(WANG, "", Role.CUSTOMER),), (Participant(WANG, "", Role.CC),)
    tickets = [
        a_ticket(participants=mine, language="en"),
        a_ticket(participants=mine, language="en", status=Status.CLOSED),
        a_ticket(participants=(Participant("li@example.org", "", Role.CUSTOMER), *copied), language="en"),
    ]
    for ticket in tickets:
        await open_ticket(store, ticket)
    await changed(store, Changes(wishes=(NewWish(WANG, NOW, language="zh-Hant"),)))
    assert [(await seen(store, ticket)).language for ticket in tickets] == ["zh-Hant", "en", "en"]
