"""Contract: what people look at, and the small facts."""

from __future__ import annotations

from smtpgate.model import DeliveryState, Participant, Role, Status
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_recipient, a_ticket, an_attempt, an_outgoing
from tests.support.store_steps import accept_one, open_ticket, queue_to


class TestTickets:
    async def test_filters_and_pages(self, store: VerbStore) -> None:
        li = (Participant("li@example.org", "", Role.CUSTOMER), Participant("wang@example.org", "", Role.CC))
        made = [
            a_ticket(),
            a_ticket(desk="sales"),
            a_ticket(status=Status.CLOSED),
            a_ticket(status=Status.WAITING, participants=li),
            a_ticket(participants=li),
        ]
        for ticket in made:
            await open_ticket(store, ticket)

        async def listed(**change: object) -> list[int]:
            asked: dict[str, object] = {"desk": None, "statuses": (), "sender": None, "limit": 50}
            found = await store.tickets(**(asked | change))  # type: ignore[arg-type]
            assert all(ticket in made for ticket in found)
            return [made.index(ticket) for ticket in found]

        assert await listed() == [4, 3, 2, 1, 0]
        assert await listed(limit=2) == [4, 3]
        assert await listed(limit=2, before=made[3].id) == [2, 1]
        assert await listed(desk="sales") == [1]
        assert await listed(statuses=(Status.WAITING, Status.RECEIVED)) == [4, 3, 1, 0]
        assert await listed(statuses=(Status.WAITING, Status.RECEIVED), limit=2, before=made[4].id) == [3, 1]
        assert await listed(sender="li@EXAMPLE.org") == [4, 3]
        assert await listed(sender="wang@example.org", statuses=(Status.CLOSED,)) == [2]
        assert await listed(sender="%@example.org") == []

    async def test_no_such_ticket(self, store: VerbStore) -> None:
        assert await store.ticket("20261121-EML-0000") is None


class TestQueue:
    async def test_filters_and_pages(self, store: VerbStore) -> None:
        ticket = a_ticket()
        one, two, three = a_recipient("a@x.example"), a_recipient("b@x.example"), a_recipient("c@x.example")
        await open_ticket(store, ticket, an_outgoing(one, two, ticket_id=ticket.id, purpose="resolved"))
        await queue_to(store, three)
        await store.claim_deliveries(worker="w", now=NOW, limit=1, next_at=lambda _n: NOW + 9)
        await store.record_attempts([an_attempt(one.id)])

        async def listed(*states: DeliveryState, number: str | None = None, limit: int = 9, before: int | None = None) -> list[str]:
            found = await store.queue(states=states, ticket_number=number, limit=limit, before=before)
            return [row.address for row in found]

        assert await listed() == ["c@x.example", "b@x.example", "a@x.example"]
        assert await listed(DeliveryState.QUEUED) == ["c@x.example", "b@x.example"]
        assert await listed(DeliveryState.QUEUED, DeliveryState.DELIVERED, limit=2) == ["c@x.example", "b@x.example"]
        assert await listed(DeliveryState.QUEUED, DeliveryState.DELIVERED, before=two.id) == ["a@x.example"]
        assert await listed(number=ticket.number) == ["b@x.example", "a@x.example"]
        shown = (await store.queue(states=[DeliveryState.DELIVERED], ticket_number=None, limit=1))[0]
        assert (shown.ticket_number, shown.purpose, shown.attempts) == (ticket.number, "resolved", 1)
        assert (await store.queue(states=[], ticket_number=None, limit=1))[0].ticket_number is None

    async def test_no_such_mail(self, store: VerbStore) -> None:
        assert await store.outgoing(1) is None


class TestSmallFacts:
    async def test_counts(self, store: VerbStore) -> None:
        await accept_one(store)
        await open_ticket(store, a_ticket(), an_outgoing(a_recipient(), a_recipient()))
        counts = await store.counts()
        found = {name: number for name, number in counts.items() if number}
        assert found == {
            "mail.filed": 1,
            "mail.accepted": 1,
            "delivery.queued": 2,
            "ticket.received": 1,
            "ticket.open": 1,
        }
        assert counts["mail.poison"] == 0

    async def test_number_patterns_newest_first(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert await store.known_number_patterns() == ()
        assert await store.number_patterns("A-{serial}") == ("A-{serial}",)
        assert await store.number_patterns("B-{serial}") == ("B-{serial}", "A-{serial}")
        assert await store.number_patterns("C-{serial}") == ("C-{serial}", "B-{serial}", "A-{serial}")
        assert await store.number_patterns("A-{serial}") == ("A-{serial}", "C-{serial}", "B-{serial}")
        other = await open_store()
        assert await other.known_number_patterns() == ("A-{serial}", "C-{serial}", "B-{serial}")

    async def test_the_first_token_key_stays(self, open_store: OpenStore) -> None:
        store, other = await open_store(), await open_store()
        assert await store.known_token_key() is None
        assert await store.token_key(b"\0first\xff") == b"\0first\xff"
        assert await other.token_key(b"second") == b"\0first\xff"
        assert await other.known_token_key() == b"\0first\xff"
