"""Contract: a merge that is taken back leaves every row as it was, and one since which anything has happened is not taken back."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from smtpgate.due import Due, What
from smtpgate.errors import StoreMisuse
from smtpgate.handlers import merging, unmerging
from smtpgate.links import LinkKind, MovedEntry, NewLink, Unmerge
from smtpgate.model import EntryKind, Participant, Role, Status, Ticket
from smtpgate.store.api import Changes, MessageRef, Reversal, TicketUpdate
from smtpgate.store.statement import Query, Rows, Verb
from smtpgate.store.verbs import VerbStore
from tests.store.test_links import changed
from tests.support.helpdesk import make_config
from tests.support.store_data import NOW, a_query, a_ticket, an_entry, an_outgoing
from tests.support.store_steps import open_ticket

DAY = 86_400.0
CONFIG = make_config(tickets={"unmerge_within": "7d"})
TABLES = {
    "ticket": "id",
    "participant": "ticket_id, address_key",
    "entry": "id",
    "message_ref": "message_id, ticket_id",
    "outgoing": "id",
    "recipient": "id",
    "link": "ticket_id, other_id, kind",
    "due": "ticket_id, what",
    "target": "ticket_id",
    "target_met": "ticket_id, target, at",
    "fingerprint": "key",
    "tally": "id",
    "merge_state": "ticket_id",
    "merge_moved": "ticket_id, kind, item, name",
}


async def rows_of(store: VerbStore, *, without: frozenset[int] | set[int] = frozenset()) -> dict[str, list[Any]]:
    """All there is of tickets. Not when a ticket last changed, and not the entries that are named."""

    def all_of(table: str, order: str) -> Verb[Rows]:
        return (yield Query(f"SELECT * FROM {table} ORDER BY {order}"))

    found = {table: await store._read(lambda t=table, o=order: all_of(t, o)) for table, order in TABLES.items()}
    found["ticket"] = [(*row[:7], *row[8:]) for row in map(tuple, found["ticket"])]
    found["entry"] = [row for row in map(tuple, found["entry"]) if row[1] not in without]
    found["participant"] = [row[1:] for row in map(tuple, found["participant"])]
    return {table: list(map(tuple, rows)) for table, rows in found.items()}


async def reversal(store: VerbStore, ticket: Ticket) -> Reversal:
    facts = await store.facts(a_query(ticket_ids=(ticket.id,), conversation=True, undoes=True))
    return facts.said.merges[ticket.id]


async def tickets(store: VerbStore, *ids: int) -> dict[int, Ticket]:
    return (await store.facts(a_query(ticket_ids=ids))).tickets


async def merge(store: VerbStore, old: int, new: int, at: float = NOW + 100, within: float = 7 * DAY) -> None:
    known = await tickets(store, old, new)
    done = merging.merged(CONFIG, known[old], known[new], at, "lee@desk.example")
    events = [an_entry(i, kind=EntryKind.EVENT, text="merged", mail_id=None, message_id=None) for i in (old, new)]
    changes = Changes(links=(replace(done.link, undo_within=within),), updates=done.updates, entries=tuple(events))
    await changed(store, changes)


async def unmerge(store: VerbStore, new: int, at: float = NOW + 200) -> set[int]:
    """The ids of the events that say so."""
    facts = await store.facts(a_query(ticket_ids=(new,), conversation=True, undoes=True))
    found = facts.said.merges[new]
    assert unmerging.why_not(found, facts, at) is None
    done = unmerging.unmerged(found, facts.tickets[new], facts, at)
    events = [an_entry(i, kind=EntryKind.EVENT, text="back", mail_id=None, message_id=None) for i in (found.old.id, new)]
    await changed(store, Changes(unmerged=(done.unmerge,), updates=done.updates, entries=tuple(events)))
    return {event.id for event in events}


async def a_random_ticket(store: VerbStore, rng: random.Random) -> Ticket:
    people = [Participant(f"p{rng.randrange(4)}@x.example", "", Role.CC)] if rng.random() < 0.5 else []
    customer = Participant("wang@example.org", "", Role.CUSTOMER)
    tags = tuple(rng.sample(["a", "b", "c"], rng.randrange(3)))
    assignee = rng.choice(["", "agent@corp.example"])
    ticket = a_ticket(participants=(customer, *people), tags=tags, assignee=assignee)
    letters = [an_outgoing(ticket_id=ticket.id) for _ in range(rng.randrange(3))]
    await open_ticket(store, ticket, *letters)
    refs = tuple(MessageRef(m.message_id, ticket.id, ours=True) for m in letters)
    status = rng.choice(list(Status))
    due = (Due(ticket.id, What.SNOOZE, NOW + DAY, NOW, status),) if rng.random() < 0.4 else ()
    update = TicketUpdate(ticket.id, status=status, updated_at=NOW + 1)
    await changed(store, Changes(message_refs=refs, updates=(update,), due=due))
    return ticket


@pytest.mark.parametrize("seed", range(6))
async def test_a_merge_taken_back_leaves_every_row_as_it_was(store: VerbStore, seed: int) -> None:
    """Whatever was merged, split and linked before."""
    rng = random.Random(seed)
    all_tickets = [(await a_random_ticket(store, rng)).id for _ in range(5)]
    free = list(all_tickets)
    for turn in range(rng.randrange(4)):
        one, other = rng.sample(free, 2)
        known = await tickets(store, one, other)
        said = await store.ticket(known[one].number)
        assert said is not None
        mails = [e for e in said.entries if e.kind is EntryKind.CUSTOMER]
        if rng.random() < 0.5 and len(mails) > 1:
            link = NewLink(other, LinkKind.SPLIT_FROM, one, NOW + turn)
            await changed(store, Changes(links=(link,), moved=(MovedEntry(rng.choice(mails).id, one, other),)))
        elif len(free) > 2:
            await merge(store, one, other, at=NOW + turn, within=rng.choice([0.0, DAY]))
            free.remove(one)
    old, new = rng.sample(free, 2)
    before = await rows_of(store)
    known_before = await tickets(store, *all_tickets)
    await merge(store, old, new)
    ids = {row[1] for row in (await rows_of(store))["entry"]} - {row[1] for row in before["entry"]}
    assert (await rows_of(store, without=ids)) != before
    ids |= await unmerge(store, new)
    after = await rows_of(store, without=ids)
    for table, rows in before.items():
        assert after[table] == rows, table
    unchanged = {i: replace(t, updated_at=0.0) for i, t in (await tickets(store, *all_tickets)).items()}
    assert unchanged == {i: replace(t, updated_at=0.0) for i, t in known_before.items()}
    await merge(store, old, new, at=NOW + 300)  # it can be done again, and taken back again
    await unmerge(store, new, at=NOW + 400)
    assert await store.check() == []


HAPPENED = {
    "a mail": lambda old, new: Changes(entries=(an_entry(new.id, mail_id=None, message_id=None),)),
    "a mail of an older version to the old one": lambda old, new: Changes(
        entries=(an_entry(old.id, kind=EntryKind.EVENT, mail_id=None, message_id=None),)
    ),
    "an agent": lambda old, new: Changes(updates=(TicketUpdate(new.id, assignee="kim@desk.example"),)),
    "a tag": lambda old, new: Changes(updates=(TicketUpdate(new.id, tags=("other",)),)),
    "a language": lambda old, new: Changes(updates=(TicketUpdate(new.id, language="zh-Hant"),)),
    "a state": lambda old, new: Changes(updates=(TicketUpdate(old.id, status=Status.WAITING, updated_at=NOW + 150),)),
    "a snooze": lambda old, new: Changes(due=(Due(new.id, What.SNOOZE, NOW + DAY, NOW, Status.PROGRESS),)),
    "somebody more": lambda old, new: Changes(
        updates=(TicketUpdate(new.id, add_participants=(Participant("more@x.example", "", Role.JOINED),)),)
    ),
    "a link": lambda old, new: Changes(links=(NewLink(new.id, LinkKind.BESIDE, old.id, NOW),)),
    "a letter": lambda old, new: Changes(outgoing=(an_outgoing(ticket_id=new.id, purpose="status"),)),
}


@pytest.mark.parametrize("what", HAPPENED)
async def test_nothing_is_taken_back_once_something_has_happened(store: VerbStore, what: str) -> None:
    rng = random.Random(1)
    old, new = await a_random_ticket(store, rng), await a_random_ticket(store, rng)
    await merge(store, old.id, new.id)
    briefing = an_outgoing(ticket_id=new.id, purpose="to-agent")
    await changed(store, Changes(outgoing=(briefing,)))  # what an agent is told is nothing that happened
    assert not (await reversal(store, new)).since
    await changed(store, HAPPENED[what](old, new))
    assert (await reversal(store, new)).since
    before = await rows_of(store)
    with pytest.raises(StoreMisuse, match="cannot be taken back"):
        await changed(store, Changes(unmerged=(Unmerge(old.id, new.id),)))
    assert await rows_of(store) == before


async def test_the_note_of_a_merge_lasts_as_long_as_it_may_be_taken_back(store: VerbStore) -> None:
    rng = random.Random(2)
    first, second, third, last = [(await a_random_ticket(store, rng)) for _ in range(4)]
    await merge(store, first.id, last.id, at=NOW, within=DAY)
    await merge(store, second.id, last.id, at=NOW + DAY, within=DAY)
    assert {row[0] for row in (await rows_of(store))["merge_state"]} == {first.id, second.id}
    assert (await reversal(store, last)).old.id == second.id
    await merge(store, third.id, last.id, at=NOW + DAY + 1, within=0.0)
    rows = await rows_of(store)
    assert {row[0] for row in (*rows["merge_state"], *rows["merge_moved"])} == {second.id}
    with pytest.raises(StoreMisuse):
        await changed(store, Changes(unmerged=(Unmerge(first.id, last.id),)))


async def test_a_mail_under_way_is_delivered_where_its_ticket_is(store: VerbStore) -> None:
    """A bounce of the old one's mail comes to the old one again."""
    rng = random.Random(3)
    old, new = await a_random_ticket(store, rng), await a_random_ticket(store, rng)
    letter = an_outgoing(ticket_id=old.id)
    await changed(store, Changes(outgoing=(letter,)))
    await merge(store, old.id, new.id)
    query = a_query(recipient_ids=(letter.recipients[0].id,), references=(letter.message_id,))
    assert (await store.facts(query)).recipients[letter.recipients[0].id].ticket_id == new.id
    await unmerge(store, new.id)
    facts = await store.facts(query)
    assert facts.recipients[letter.recipients[0].id].ticket_id == old.id
