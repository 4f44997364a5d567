"""Contract: the outgoing queue."""

from __future__ import annotations

import os
from typing import Any

import pytest

from smtpgate.errors import StoreError
from smtpgate.model import DeliveryState, EntryKind
from smtpgate.store import queue
from smtpgate.store.api import Changes
from smtpgate.store.shown import Pause
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, an_attempt, an_entry, an_outgoing
from tests.support.store_steps import open_ticket, queue_to

WAIT = 60.0


async def take(
    store: VerbStore, *, worker: str = "w1", now: float = NOW, limit: int = 100, skip: tuple[str, ...] = (), wait: float = WAIT
) -> list[int]:
    taken = await store.claim_deliveries(
        worker=worker, now=now, limit=limit, next_at=lambda attempts: now + wait * attempts, skip=skip, lease=600.0
    )
    return [delivery.recipient_id for delivery in taken]


async def state_of(store: VerbStore, recipient_id: int) -> DeliveryState:
    return (await store.facts(a_query(recipient_ids=(recipient_id,)))).recipients[recipient_id].state


class TestClaim:
    async def test_everything_an_attempt_needs(self, store: VerbStore) -> None:
        ticket = a_ticket()
        mail = an_outgoing(
            a_recipient("a@x.example"), a_recipient("b@x.example", return_path=None), ticket_id=ticket.id, eightbit=True
        )
        await open_ticket(store, ticket, mail)
        first, second = await store.claim_deliveries(worker="w", now=NOW, limit=9, next_at=lambda n: NOW + n)
        assert (first.recipient_id, first.outgoing_id, first.ticket_id) == (mail.recipients[0].id, mail.id, ticket.id)
        assert (first.address, first.return_path) == ("a@x.example", "support+b1@desk.example")
        assert (second.address, second.return_path) == ("b@x.example", None)
        assert (first.state, first.attempts, first.created_at, first.delay_told) == (DeliveryState.QUEUED, 1, NOW, False)
        assert (first.smtputf8, first.eightbit, first.message_id) == (False, True, mail.message_id)
        assert first.data == mail.data

    async def test_no_more_octets_at_once_than_go_from_process_to_process(self, store: VerbStore, monkeypatch: Any) -> None:
        monkeypatch.setattr(queue, "AT_ONCE", 3000)
        large = [await queue_to(store, a_recipient(), a_recipient(), data=os.urandom(2000)) for _ in range(2)]
        huge = await queue_to(store, data=os.urandom(9000))
        of_each = [[recipient.id for recipient in mail.recipients] for mail in (*large, huge)]
        assert [sorted(await take(store)) for _ in range(4)] == [*map(sorted, of_each), []]

    async def test_longest_due_first(self, store: VerbStore) -> None:
        late, early, future = (a_recipient(next_at=NOW + at) for at in (-1, -5, 1))
        await queue_to(store, late, early, future)
        assert await take(store, limit=1) == [early.id]
        assert await take(store) == [late.id]
        assert await take(store, now=NOW + 1) == [future.id]

    async def test_next_attempt_is_stored_before_this_one_starts(self, open_store: OpenStore) -> None:
        """A process that dies in mid-attempt: after it comes back nothing is tried before its time."""
        store = await open_store()
        mail = await queue_to(store)
        recipient = mail.recipients[0].id
        assert await take(store, worker="node/1") == [recipient]
        await store.close()
        again = await open_store()
        assert await again.release_leases("node/") == 1
        assert await again.next_due() == NOW + WAIT
        assert await take(again, now=NOW + WAIT - 0.1) == []
        taken = await again.claim_deliveries(worker="w", now=NOW + WAIT, limit=1, next_at=lambda _n: NOW + 999)
        assert [delivery.attempts for delivery in taken] == [2]

    async def test_nobody_else_takes_it_while_the_attempt_lasts(self, store: VerbStore) -> None:
        """However near the next attempt is."""
        mail = await queue_to(store)
        assert await take(store, wait=1) == [mail.recipients[0].id]
        assert await take(store, worker="w2", now=NOW + 599, wait=1) == []
        assert await store.next_due() == NOW + 600
        assert await take(store, worker="w2", now=NOW + 600, wait=1) == [mail.recipients[0].id]

    async def test_paused_destinations_are_skipped(self, store: VerbStore) -> None:
        one, two, three = (a_recipient(f"a@{domain}") for domain in ("x.example", "Y.example", "z.example"))
        await queue_to(store, one, two, three)
        assert await take(store, skip=("X.example", "y.example")) == [three.id]
        assert await take(store) == [one.id, two.id]

    async def test_two_processes_never_take_the_same(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        people = [a_recipient() for _ in range(20)]
        await queue_to(one, *people)
        taken: list[int] = []
        for store in (one, other) * 5:
            taken += await take(store, limit=2)
        assert sorted(taken) == sorted(person.id for person in people)

    async def test_release_is_by_prefix(self, store: VerbStore) -> None:
        one, two = a_recipient(next_at=NOW - 1), a_recipient()
        await queue_to(store, one, two)
        await take(store, worker="a/1", limit=1)
        await take(store, worker="b/1", limit=1)
        assert await store.release_leases("a/") == 1
        assert await take(store, now=NOW + WAIT) == [one.id]


class TestRecord:
    async def test_delivered(self, store: VerbStore) -> None:
        ticket = a_ticket()
        mail = an_outgoing(ticket_id=ticket.id)
        await open_ticket(store, ticket, mail)
        recipient = mail.recipients[0].id
        await take(store)
        attempt = an_attempt(recipient)
        event = an_entry(ticket.id, kind=EntryKind.EVENT, author="", text="delivered")
        await store.record_attempts([attempt], events=[event])
        assert await store.next_due() is None
        assert await take(store, now=NOW + 1e6) == []
        detail = await store.outgoing(mail.id)
        assert detail is not None
        assert detail.attempts == (attempt,)
        assert detail.ticket_number == ticket.number
        shown = detail.recipients[0]
        assert (shown.state, shown.attempts, shown.last_code, shown.last_reply) == (DeliveryState.DELIVERED, 1, 250, "2.0.0 ok")
        told = await store.ticket(ticket.number)
        assert told is not None
        assert told.entries[-1] == event

    @pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.UNCERTAIN])
    async def test_pending_comes_again_at_its_time(self, store: VerbStore, state: DeliveryState) -> None:
        mail = await queue_to(store)
        recipient = mail.recipients[0].id
        await take(store)
        await store.record_attempts(
            [an_attempt(recipient, state, next_at=NOW + 33, code=451, reply="x" * 3000)], delay_told=[recipient]
        )
        assert await store.next_due() == NOW + 33
        (delivery,) = await store.claim_deliveries(worker="w2", now=NOW + 33, limit=1, next_at=lambda _n: NOW + 99)
        assert (delivery.state, delivery.attempts, delivery.delay_told, delivery.data) == (state, 2, True, mail.data)
        shown = (await store.queue(states=(), ticket_number=None, limit=1))[0]
        assert (shown.last_code, len(shown.last_reply)) == (451, 1000)

    @pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.EXPIRED])
    async def test_given_up(self, store: VerbStore, state: DeliveryState) -> None:
        mail = await queue_to(store)
        await take(store)
        await store.record_attempts([an_attempt(mail.recipients[0].id, state, code=550)])
        assert await store.next_due() is None
        assert await state_of(store, mail.recipients[0].id) is state

    async def test_dropped_meanwhile_stays_dropped_unless_it_was_delivered(self, store: VerbStore) -> None:
        one, two = a_recipient(), a_recipient()
        await queue_to(store, one, two)
        await take(store)
        assert await store.settle_recipients([one.id, two.id], to=DeliveryState.DROPPED, now=NOW) == 2
        await store.record_attempts([an_attempt(one.id, DeliveryState.QUEUED), an_attempt(two.id)])
        assert await state_of(store, one.id) is DeliveryState.DROPPED
        assert await state_of(store, two.id) is DeliveryState.DELIVERED
        assert await store.next_due() is None

    async def test_a_bounce_that_is_faster_than_our_note_of_delivery_wins(self, store: VerbStore) -> None:
        mail = await queue_to(store)
        recipient = mail.recipients[0].id
        await take(store)
        await store.change(ticket_number=None, query=None, decide=lambda _t, _f: Changes(bounced=((recipient, "no such user"),)))
        await store.record_attempts([an_attempt(recipient)])
        assert await state_of(store, recipient) is DeliveryState.BOUNCED

    async def test_all_or_nothing(self, store: VerbStore) -> None:
        mail = await queue_to(store)
        recipient = mail.recipients[0].id
        await take(store)
        with pytest.raises(StoreError):
            await store.record_attempts([an_attempt(recipient)], events=[an_entry(1)])
        assert await state_of(store, recipient) is DeliveryState.QUEUED


class TestGiveBack:
    async def test_unclaim_is_due_at_once_and_not_counted(self, store: VerbStore) -> None:
        mail = await queue_to(store)
        await take(store)
        await store.unclaim([mail.recipients[0].id], now=NOW)
        assert await store.next_due() == NOW
        (delivery,) = await store.claim_deliveries(worker="w2", now=NOW, limit=1, next_at=lambda _n: NOW + 99)
        assert delivery.attempts == 1

    async def test_unclaim_of_what_is_not_claimed_does_nothing(self, store: VerbStore) -> None:
        mail = await queue_to(store)
        recipient = mail.recipients[0].id
        await store.unclaim([recipient, 12345], now=NOW + 77)
        assert await store.next_due() == NOW
        await take(store)
        await store.record_attempts([an_attempt(recipient)])
        await store.unclaim([recipient], now=NOW)
        assert await state_of(store, recipient) is DeliveryState.DELIVERED
        assert await store.next_due() is None


class TestSettle:
    @pytest.mark.parametrize(
        ("state", "retried", "dropped"),
        [
            (DeliveryState.QUEUED, True, True),
            (DeliveryState.UNCERTAIN, True, True),
            (DeliveryState.FAILED, True, False),
            (DeliveryState.EXPIRED, True, False),
            (DeliveryState.DELIVERED, False, False),
        ],
    )
    async def test_from_each_state(self, store: VerbStore, state: DeliveryState, retried: bool, dropped: bool) -> None:
        one, two = a_recipient(), a_recipient()
        await queue_to(store, one, two)
        await take(store)
        await store.record_attempts([an_attempt(one.id, state), an_attempt(two.id, state)])
        assert await store.settle_recipients([one.id], to=DeliveryState.QUEUED, now=NOW + 1) == retried
        assert await store.settle_recipients([two.id], to=DeliveryState.DROPPED, now=NOW + 1) == dropped
        assert await take(store, now=NOW + 1) == ([one.id] if retried else [])
        assert await state_of(store, one.id) is (DeliveryState.QUEUED if retried else state)
        assert await state_of(store, two.id) is (DeliveryState.DROPPED if dropped else state)

    async def test_retry_leaves_an_attempt_under_way_alone(self, store: VerbStore) -> None:
        mail = await queue_to(store)
        await take(store)
        assert await store.settle_recipients([mail.recipients[0].id], to=DeliveryState.QUEUED, now=NOW) == 0
        assert await take(store, worker="w2") == []

    async def test_unknown_and_nonsense(self, store: VerbStore) -> None:
        assert await store.settle_recipients([1, 2], to=DeliveryState.QUEUED, now=NOW) == 0
        assert await store.settle_recipients([], to=DeliveryState.DROPPED, now=NOW) == 0
        with pytest.raises(StoreError):
            await store.settle_recipients([1], to=DeliveryState.DELIVERED, now=NOW)


class TestPause:
    async def test_pause_and_resume(self, store: VerbStore) -> None:
        assert await store.pauses() == ()
        await store.pause(Pause("relay.example", NOW, "535 refused"))
        await store.pause(Pause("relay.example", NOW + 5, "535 still refused"))
        await store.pause(Pause("other.example", NOW + 1, "x"))
        assert await store.pauses() == (Pause("relay.example", NOW, "535 still refused"), Pause("other.example", NOW + 1, "x"))
        assert await store.resume("nobody.example") == 0
        assert await store.resume("relay.example") == 1
        await store.pause(Pause("relay.example", NOW, "again"))
        assert await store.resume(None) == 2
        assert await store.pauses() == ()
