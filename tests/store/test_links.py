"""Contract: tickets that are linked, merged and split: nothing that was said is lost, and whatever named one leads on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from smtpgate.errors import StoreMisuse
from smtpgate.links import Link, LinkKind, MovedEntry, NewLink, Stray
from smtpgate.listing import Listed, Listing
from smtpgate.model import Attempt, DeliveryState, EntryKind, MailState, Status, Ticket
from smtpgate.store.api import Changes, Choice, Facts, MessageRef, Taken, TicketUpdate
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import NOW, a_new_ticket, a_query, a_recipient, a_ticket, an_entry, an_outgoing
from tests.support.store_steps import accept_one, claim_all, file_as, open_ticket


async def changed(store: VerbStore, changes: Changes) -> None:
    await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)


def merging(old: Ticket, new: Ticket) -> Changes:
    return Changes(
        links=(NewLink(old.id, LinkKind.INTO, new.id, NOW, "lee@desk.example"),),
        updates=(TicketUpdate(old.id, status=Status.CLOSED),),
        entries=(an_entry(old.id, kind=EntryKind.EVENT, text=f"merged into {new.number}", mail_id=None, message_id=None),),
    )


async def opened(store: VerbStore) -> Ticket:
    ticket = a_ticket()
    letter = an_outgoing(ticket_id=ticket.id)
    await open_ticket(store, ticket, letter)
    await changed(store, Changes(message_refs=(MessageRef(letter.message_id, ticket.id, ours=True),)))
    return ticket


async def test_a_link_is_seen_from_both_ends(store: VerbStore) -> None:
    first, second = await opened(store), await opened(store)
    link = NewLink(second.id, LinkKind.FOLLOWS, first.id, NOW)
    await changed(store, Changes(links=(link,)))
    await changed(store, Changes(links=(link,)))
    found = (await store.facts(a_query(ticket_ids=(first.id, second.id)))).tickets
    assert found[first.id].links == (Link(LinkKind.FOLLOWED_BY, second.id, second.number),)
    assert found[second.id].links == (Link(LinkKind.FOLLOWS, first.id, first.number),)


async def test_all_names_of_a_merged_ticket_lead_on(store: VerbStore) -> None:
    old, new = await opened(store), await opened(store)
    before = await store.ticket(old.number)
    await changed(store, merging(old, new))
    detail = await store.ticket(old.number)
    assert detail is not None
    assert before is not None
    assert detail.ticket.id == new.id
    assert {e.id for e in before.entries} <= {e.id for e in detail.entries}
    assert detail.entries[0].marks == (*before.entries[0].marks, f"was #{old.number}")
    assert len(detail.sent) == 2
    history = await store.history(old.number, number=None, limit=50)
    assert history is not None
    assert set(history.tickets) == {new.id}
    query = a_query(
        ticket_ids=(old.id,),
        numbers=(old.number,),
        references=(before.entries[0].message_id or "",),
        fingerprints=(f"print of {before.entries[0].mail_id}",),
        conversation=True,
    )
    facts = await store.facts(query)
    assert (set(facts.tickets), facts.merged, facts.by_number) == ({new.id}, {old.id: new.id}, {old.number: new.id})
    assert [ref.ticket_id for ref in facts.by_message_id.values()] == [new.id]
    (first,) = facts.fingerprints.values()
    assert (first.ticket_id, first.entry_id) == (new.id, before.entries[0].id)
    assert [o.number for o in facts.said.others] == [new.number]
    assert len(facts.said.entries[new.id]) == 2
    listed = await store.facts(a_query(listing=Listing(Listed.NUMBER, number=old.number)))
    assert [t.number for t in listed.listed] == [new.number]
    words = await store.facts(a_query(listing=Listing(Listed.WORDS, ("support",), words=("打印机坏了",))))
    assert [t.number for t in words.listed] == [new.number]
    seen = await store.change(ticket_number=old.number, query=None, decide=lambda ticket, _: Changes(reason=ticket.number))  # type: ignore[union-attr]
    assert seen.reason == new.number


async def test_a_chain_is_one_step_long_and_never_a_ring(store: VerbStore) -> None:
    a, b, c = [await opened(store) for _ in range(3)]
    await changed(store, merging(a, b))
    await changed(store, merging(b, c))
    facts = await store.facts(a_query(ticket_ids=(a.id, b.id)))
    assert facts.merged == {a.id: c.id, b.id: c.id}
    assert {link.number for link in facts.tickets[c.id].links} == {a.number, b.number}
    for one, other in ((c, a), (c, b), (a, c), (b, a), (c, c)):
        with pytest.raises(StoreMisuse):
            await changed(store, merging(one, other))
    detail = await store.ticket(a.number)
    assert detail is not None
    assert sorted(m for e in detail.entries for m in e.marks if m.startswith("was #")) == [f"was #{a.number}", f"was #{b.number}"]


async def test_a_link_to_a_merged_ticket_leads_on(store: VerbStore) -> None:
    first, follower, other = [await opened(store) for _ in range(3)]
    await changed(store, Changes(links=(NewLink(follower.id, LinkKind.FOLLOWS, first.id, NOW),)))
    await changed(store, merging(follower, other))
    found = (await store.facts(a_query(ticket_ids=(first.id,)))).tickets
    assert found[first.id].links == (Link(LinkKind.FOLLOWED_BY, other.id, follower.number),)


async def test_the_queue_of_a_merged_ticket(store: VerbStore) -> None:
    old, new = await opened(store), await opened(store)
    await changed(store, merging(old, new))
    for number in (old.number, new.number):
        assert len(await store.queue(states=(), ticket_number=number, limit=9)) == 2
    assert list(await store.queue(states=(), ticket_number="20200101-EML-0001", limit=9)) == []


async def test_mail_that_is_filed_while_its_ticket_is_merged(store: VerbStore) -> None:
    """Whichever comes first, it stands in the ticket that is left, and in no other."""
    pairs = [(await opened(store), await opened(store)) for _ in range(6)]
    mails = [await accept_one(store) for _ in pairs]
    await claim_all(store)

    def joining(mail_id: str, old: Ticket) -> Callable[[Facts], Changes]:
        def decide(facts: Facts) -> Changes:
            ticket_id = facts.merged.get(old.id, old.id)
            assert ticket_id in facts.tickets
            entry = an_entry(ticket_id, mail_id=mail_id, text=f"late {mail_id}", message_id=None)
            return Changes(
                state=MailState.FILED, decision="{}", entries=(entry,), updates=(TicketUpdate(ticket_id, updated_at=NOW),)
            )

        return decide

    work: list[Awaitable[object]] = []
    for i, (mail_id, (old, new)) in enumerate(zip(mails, pairs, strict=True)):
        query = a_query(mail_id, ticket_ids=(old.id,))
        both = [store.file(mail_id, worker="w1", query=query, decide=joining(mail_id, old)), changed(store, merging(old, new))]
        work += both[:: 1 if i % 2 else -1]
    await asyncio.gather(*work)
    for mail_id, (old, new) in zip(mails, pairs, strict=True):
        detail = await store.ticket(old.number)
        assert detail is not None
        assert detail.ticket.id == new.id
        assert [e.text for e in detail.entries if e.text.startswith("late")] == [f"late {mail_id}"]


async def test_random_merges_lose_nothing(store: VerbStore) -> None:
    rng = random.Random(6)
    tickets = [await opened(store) for _ in range(7)]
    said = {e.id for t in tickets for e in (await store.ticket(t.number)).entries}  # type: ignore[union-attr]
    into = {t.id: t.id for t in tickets}
    for _ in range(14):
        one, other = rng.sample(tickets, 2)
        try:
            await changed(store, merging(one, other))
        except StoreMisuse:
            assert into[one.id] != one.id or into[other.id] != other.id or one is other
            continue
        into = {i: other.id if lead == one.id else lead for i, lead in into.items()}
    found: set[int] = set()
    for ticket in tickets:
        detail = await store.ticket(ticket.number)
        assert detail is not None
        assert detail.ticket.id == into[ticket.id]
        found |= {e.id for e in detail.entries}
    assert said <= found


async def test_what_a_delivery_has_to_say_reaches_the_ticket_that_leads_on(store: VerbStore) -> None:
    old, new = a_ticket(), await opened(store)
    letter = an_outgoing(a_recipient(), ticket_id=old.id)
    await open_ticket(store, old, letter, message_refs=(MessageRef(letter.message_id, old.id, ours=True),))
    await changed(store, merging(old, new))
    recipient = letter.recipients[0].id
    event = an_entry(old.id, kind=EntryKind.EVENT, text="delayed", mail_id=None, message_id=None)
    attempt = Attempt(recipient, NOW, DeliveryState.FAILED, NOW, 550, "no", "mx")
    await store.claim_deliveries(worker="d", now=NOW + 9, limit=9, next_at=lambda _: NOW + 99)
    await store.record_attempts([attempt], events=[event])
    detail = await store.ticket(new.number)
    assert detail is not None
    assert "delayed" in [e.text for e in detail.entries]


async def test_an_entry_moves_with_its_repeats_and_with_what_was_written_about_it(store: VerbStore) -> None:
    old = await opened(store)
    mail_id = await open_ticket(store, other := a_ticket())
    detail = await store.ticket(other.number)
    assert detail is not None
    entry = detail.entries[0]
    briefing = an_outgoing(a_recipient(), ticket_id=other.id, entry_id=entry.id, purpose="to-agent")
    again = an_entry(other.id, kind=EntryKind.REPEAT, repeat_of=entry.id, mail_id=mail_id, message_id=entry.message_id)
    left = an_entry(other.id, kind=EntryKind.NOTE, mail_id=None, message_id=None)
    refs = (MessageRef(briefing.message_id, other.id, ours=True),)
    await changed(store, Changes(entries=(again, left), outgoing=(briefing,), message_refs=refs))
    new = a_new_ticket()
    split = Changes(
        tickets=(new,),
        moved=(MovedEntry(entry.id, other.id, new.ticket.id),),
        links=(NewLink(new.ticket.id, LinkKind.SPLIT_FROM, other.id, NOW),),
    )
    await changed(store, split)
    there = await store.ticket(new.ticket.number)
    assert there is not None
    assert [(e.id, e.marks[-1]) for e in there.entries] == [(i, f"was #{other.number}") for i in (entry.id, again.id)]
    assert [s.outgoing_id for s in there.sent] == [briefing.id]
    stays = await store.ticket(other.number)
    assert stays is not None
    assert [e.id for e in stays.entries] == [left.id]
    facts = await store.facts(a_query(references=(entry.message_id or "",)))
    assert facts.by_message_id[entry.message_id or ""].ticket_id == new.ticket.id
    with pytest.raises(StoreMisuse):
        await changed(store, Changes(moved=(MovedEntry(entry.id, old.id, new.ticket.id),)))


async def test_what_decides_a_split_is_found_at_any_age_and_counted_within_reach(store: VerbStore) -> None:
    ticket, other = await opened(store), await opened(store)
    mails, said = [], []
    for _ in range(5):
        mails.append(await accept_one(store))
        await claim_all(store)
        said.append(an_entry(ticket.id, mail_id=mails[-1], message_id=f"<{mails[-1]}@x>"))
        await file_as(store, mails[-1], Changes(state=MailState.FILED, decision="{}", entries=(said[-1],)))
    note = an_entry(ticket.id, kind=EntryKind.NOTE, mail_id=None, message_id=None)
    letters = [an_outgoing(ticket_id=ticket.id, entry_id=e.id) for e in (said[0], note)]
    await changed(store, Changes(entries=(note,), outgoing=tuple(letters)))

    async def choice(of: Ticket, reach: int, which: int | None = None, mail_id: str = "", answers: int | None = None) -> Choice:
        refs = () if answers is None else (letters[answers].message_id,)
        taken = Taken(reach, which, mail_id)
        facts = await store.facts(a_query(ticket_ids=(of.id,), references=refs, conversation=True, taken=taken))
        return facts.said.choices[of.id]

    def ids(found: Choice) -> tuple[int | None, ...]:
        return tuple(e.id if e is not None else None for e in (found.newest, found.wanted, found.answered))

    newest = said[-1].id
    assert ids(await choice(ticket, 100)) == (newest, None, None)
    assert ids(await choice(ticket, 100, 5, answers=0)) == (newest, said[0].id, said[0].id)
    assert ids(await choice(ticket, 3, 2, answers=0)) == (newest, said[-2].id, said[0].id)
    assert ids(await choice(ticket, 3, 3, answers=1)) == (newest, None, note.id)
    assert ids(await choice(ticket, 1, mail_id=mails[1])) == (None, said[1].id, None)
    assert ids(await choice(ticket, 100, mail_id="20260101T000000-1")) == (newest, None, None)
    first = await choice(other, 100, 1, mail_id=mails[1], answers=0)
    assert (first.wanted, first.answered, first.only) == (None, None, True)
    assert not (await choice(ticket, 3)).only
    assert not (await store.facts(a_query(ticket_ids=(ticket.id,), conversation=True))).said.choices


async def test_what_was_written_to_a_merged_ticket_since_goes_to_the_other_one(store: VerbStore) -> None:
    old, new, other = await opened(store), await opened(store), await opened(store)
    await changed(store, merging(old, new))
    await changed(store, merging(other, new))

    async def strays() -> tuple[Stray, ...]:
        return (await store.facts(a_query(ticket_ids=(old.id, other.id)))).strays

    assert await strays() == ()
    entry, letter = an_entry(old.id, mail_id=None, message_id="<late@x.example>"), an_outgoing(ticket_id=old.id)
    await changed(store, Changes(entries=(entry,), outgoing=(letter,), updates=(TicketUpdate(old.id, status=Status.PROGRESS),)))
    found = await strays()
    assert found == (Stray(old.id, new.id, open=True),)
    await changed(store, Changes(strays=found, updates=(TicketUpdate(old.id, status=Status.CLOSED),)))
    assert await strays() == ()
    detail = await store.ticket(new.number)
    assert detail is not None
    assert {e.id: e.marks for e in detail.entries}[entry.id] == (*entry.marks, f"was #{old.number}")
    assert letter.recipients[0].id in {sent.recipient_id for sent in detail.sent}
    assert (await store.facts(a_query(references=(letter.message_id,)))).by_message_id[letter.message_id].ticket_id == new.id
