"""Contract: incoming mail from COMMIT 1 to its settlement."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import Any

import pytest

from smtpgate.errors import LeaseLost, StoreError
from smtpgate.model import MailState
from smtpgate.store.api import Changes
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_mail_id, a_ticket, a_verdict, accepted
from tests.support.store_steps import LEASE, accept_one, claim_all, file_as, open_ticket


class TestAccept:
    async def test_everything_comes_back(self, store: VerbStore) -> None:
        mail = accepted(mail_from=None)
        await store.accept(mail)
        found = await store.mail(mail.envelope.mail_id)
        assert found is not None
        assert (found.envelope, found.verdict, found.raw, found.trace) == (mail.envelope, a_verdict(), mail.raw, mail.trace)
        assert (found.state, found.size, found.received_at) == (MailState.ACCEPTED, len(mail.raw), NOW)
        assert found.sha256 == hashlib.sha256(mail.raw).hexdigest()
        assert found.message_id == "<a@example.org>"
        assert (found.tries, found.claims, found.released, found.reason, found.decision, found.ticket_ids) == (
            0, 0, False, "", "", (),
        )  # fmt: skip

    @pytest.mark.parametrize(
        "raw",
        [b"", b"\0\xff\r\n" * 3, b"text that packs well " * 50_000, os.urandom(300_000), b"x" * 65_537],
        ids=["empty", "binary", "prose", "dense", "just-packed"],
    )
    async def test_raw_bytes_are_the_same_bytes(self, store: VerbStore, raw: bytes) -> None:
        mail_id = await accept_one(store, raw=raw)
        found = await store.mail(mail_id)
        assert found is not None
        assert found.raw == raw
        assert found.size == len(raw)

    async def test_no_such_mail(self, store: VerbStore) -> None:
        assert await store.mail(a_mail_id()) is None

    async def test_the_same_id_twice_is_refused_and_the_first_stays(self, store: VerbStore) -> None:
        mail_id = await accept_one(store, raw=b"first")
        with pytest.raises(StoreError):
            await accept_one(store, mail_id, raw=b"second")
        found = await store.mail(mail_id)
        assert found is not None
        assert found.raw == b"first"

    async def test_lone_surrogates_and_nul_do_not_stop_a_mail(self, store: VerbStore) -> None:
        """What a session decodes from hostile bytes with surrogateescape."""
        mail_id = await accept_one(
            store, helo="x\udce4y\0z", rcpts=("a\udcff@desk.example",), message_id="<\udc80@x>", mail_from="\ud800@x"
        )
        found = await store.mail(mail_id)
        assert found is not None
        assert found.envelope.helo == "x\ufffdy\ufffdz"
        assert found.envelope.rcpts == ("a\udcff@desk.example",)
        assert found.message_id == "<\ufffd@x>"
        assert [mail.id for mail in await store.mails_of_message_id("<\udc80@x>")] == [mail_id]


class TestAcceptClaimed:
    @pytest.mark.parametrize(
        "odd",
        [
            {},
            {"mail_from": None, "message_id": None},
            {"helo": "x\udce4y\0z", "rcpts": ("a\udcff@desk.example",), "message_id": "<\udc80@x>", "mail_from": "\ud800@x"},
            {"raw": b"text that packs well " * 50_000},
        ],
        ids=["ordinary", "none", "unstorable", "large"],
    )
    async def test_it_is_what_a_claim_would_have_read(self, store: VerbStore, odd: dict[str, Any]) -> None:
        mail = accepted(**odd)
        taken = await store.accept_claimed(mail, worker="w1", until=NOW + LEASE)
        found = await store.mail(mail.envelope.mail_id)
        assert found is not None
        assert taken == replace(found, kept=None)  # its bytes are at hand, wherever they lie
        assert (taken.claims, taken.raw) == (1, mail.raw)

    async def test_nobody_else_has_it_until_its_lease_ends_and_its_worker_may_file_it(self, store: VerbStore) -> None:
        kept, lost = accepted(), accepted()
        for mail in (kept, lost):
            await store.accept_claimed(mail, worker="node/1", until=NOW + LEASE)
        assert await claim_all(store, worker="w2", now=NOW + LEASE - 0.1) == []
        await file_as(store, kept.envelope.mail_id, Changes(state=MailState.FILED, decision="{}"), worker="node/1")
        assert await claim_all(store, worker="w2", now=NOW + LEASE) == [lost.envelope.mail_id]
        with pytest.raises(LeaseLost):
            await file_as(store, lost.envelope.mail_id, Changes(state=MailState.FILED, decision="{}"), worker="node/1")

    async def test_a_node_that_died_gives_it_back_at_its_start(self, store: VerbStore) -> None:
        mail = accepted()
        await store.accept_claimed(mail, worker="node/1", until=NOW + LEASE)
        assert await store.release_leases("node/") == 1
        assert await claim_all(store, worker="node/2") == [mail.envelope.mail_id]


class TestClaim:
    @pytest.mark.parametrize(("octets", "expected"), [(0, 1), (99, 1), (150, 1), (151, 2), (152, 3), (252, 4), (10**15, 4)])
    async def test_bounded_by_octets_but_for_the_first(self, store: VerbStore, octets: int, expected: int) -> None:
        ids = [await accept_one(store, raw=b"x" * size) for size in (100, 51, 1, 100)]
        claimed = await store.claim(worker="w1", now=NOW, lease=LEASE, limit=9, octets=octets)
        assert [mail.id for mail in claimed] == ids[:expected]
        assert await claim_all(store, worker="w2") == ids[expected:]

    async def test_oldest_first_with_raw_and_counted(self, store: VerbStore) -> None:
        first = await accept_one(store, raw=b"first")
        second = await accept_one(store)
        third = await accept_one(store)
        claimed = await store.claim(worker="w1", now=NOW, lease=LEASE, limit=2)
        assert [mail.id for mail in claimed] == [first, second]
        assert claimed[0].raw == b"first"
        assert claimed[0].trace == b"Received: from x\r\n"
        assert [mail.claims for mail in claimed] == [1, 1]
        assert await claim_all(store, worker="w2") == [third]

    async def test_a_lease_is_exclusive_until_it_ends(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        assert await claim_all(store, worker="w1") == [mail_id]
        assert await claim_all(store, worker="w2", now=NOW + LEASE - 0.1) == []
        assert await claim_all(store, worker="w2", now=NOW + LEASE) == [mail_id]
        found = await store.mail(mail_id)
        assert found is not None
        assert found.claims == 2

    async def test_only_accepted_mail_is_claimed(self, store: VerbStore) -> None:
        await open_ticket(store, a_ticket())
        assert await claim_all(store, now=NOW + 10_000) == []

    async def test_two_processes_never_claim_the_same_mail(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        ids = [await accept_one(one) for _ in range(20)]
        got: list[str] = []
        for store, worker in [(one, "a"), (other, "b")] * 6:
            got += [mail.id for mail in await store.claim(worker=worker, now=NOW, lease=LEASE, limit=2)]
        assert got == ids


class TestLease:
    async def test_filing_without_the_lease_changes_nothing(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        with pytest.raises(LeaseLost):
            await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"))
        await claim_all(store, worker="w1")
        await claim_all(store, worker="w2", now=NOW + LEASE)
        with pytest.raises(LeaseLost):
            await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"), worker="w1")
        await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"), worker="w2")

    async def test_a_lease_that_ended_untaken_still_files(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        await claim_all(store, now=NOW - 10 * LEASE)
        await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"))
        found = await store.mail(mail_id)
        assert found is not None
        assert found.state is MailState.FILED

    async def test_filing_twice_with_one_lease(self, store: VerbStore) -> None:
        mail_id = await open_ticket(store, a_ticket())
        with pytest.raises(LeaseLost):
            await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"))

    async def test_release_by_prefix(self, store: VerbStore) -> None:
        """A worker's name is text, not a pattern."""
        one, two, three = [await accept_one(store) for _ in range(3)]
        for worker in ("node%_1/1", "node%_1/2", "nodeXX1/1"):
            await store.claim(worker=worker, now=NOW, lease=LEASE, limit=1)
        assert await store.release_leases("node%_1/") == 2
        assert await claim_all(store) == [one, two]
        assert await claim_all(store, now=NOW + LEASE) == [one, two, three]


class TestFailure:
    async def test_third_failure_is_poison(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        for attempt in (1, 2, 3):
            now = NOW + attempt * 100
            assert await claim_all(store, now=now) == [mail_id]
            state = await store.file_failed(
                mail_id, worker="w1", now=now, reason=f"no. {attempt}", again_at=now + 30, poison_after=3
            )
            assert state is (MailState.POISON if attempt == 3 else MailState.ACCEPTED)
            assert await claim_all(store, now=now + 29) == []
        found = await store.mail(mail_id)
        assert found is not None
        assert (found.state, found.tries, found.claims, found.reason) == (MailState.POISON, 3, 3, "no. 3")
        assert await claim_all(store, now=NOW + 10_000) == []

    async def test_a_failure_that_is_nobodys_is_not_counted(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        for attempt in range(5):
            now = NOW + attempt * 100
            await claim_all(store, now=now)
            state = await store.file_failed(mail_id, worker="w1", now=now, reason="disk full", again_at=now + 30, poison_after=None)
            assert state is MailState.ACCEPTED
        found = await store.mail(mail_id)
        assert found is not None
        assert (found.tries, found.reason) == (0, "disk full")

    async def test_without_the_lease(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        with pytest.raises(LeaseLost):
            await store.file_failed(mail_id, worker="w1", now=NOW, reason="", again_at=NOW, poison_after=3)

    async def test_postponed_mail_waits(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        await claim_all(store)
        await file_as(store, mail_id, Changes(postpone_until=NOW + 5))
        assert await claim_all(store, now=NOW + 4.9) == []
        assert await claim_all(store, now=NOW + 5) == [mail_id]

    async def test_postponing_and_changing_at_once_is_refused(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        await claim_all(store)
        with pytest.raises(StoreError):
            await file_as(store, mail_id, Changes(postpone_until=NOW + 5, state=MailState.FILED))
        with pytest.raises(StoreError):
            await file_as(store, mail_id, Changes())


class TestSettle:
    async def settled(self, store: VerbStore, state: MailState) -> str:
        mail_id = await accept_one(store)
        await claim_all(store)
        if state is MailState.POISON:
            await store.file_failed(mail_id, worker="w1", now=NOW, reason="bang", again_at=NOW + 900, poison_after=1)
        else:
            await file_as(store, mail_id, Changes(state=state, reason="why", decision="{}"))
        return mail_id

    async def test_release(self, store: VerbStore) -> None:
        mail_id = await self.settled(store, MailState.HELD)
        assert await store.settle_mail(mail_id, expect=[MailState.HELD], to=MailState.ACCEPTED, reason="by wang")
        found = await store.mail(mail_id)
        assert found is not None
        assert (found.state, found.released, found.reason, found.claims) == (MailState.ACCEPTED, True, "by wang", 0)
        assert await claim_all(store) == [mail_id]

    async def test_replay(self, store: VerbStore) -> None:
        mail_id = await self.settled(store, MailState.POISON)
        assert await store.settle_mail(
            mail_id, expect=[MailState.HELD, MailState.POISON], to=MailState.ACCEPTED, reason="try again"
        )
        found = await store.mail(mail_id)
        assert found is not None
        assert (found.state, found.released, found.tries) == (MailState.ACCEPTED, False, 0)
        assert await claim_all(store) == [mail_id]

    async def test_drop_keeps_the_raw_mail(self, store: VerbStore) -> None:
        mail_id = await self.settled(store, MailState.HELD)
        assert await store.settle_mail(mail_id, expect=[MailState.HELD], to=MailState.DROPPED, reason="spam")
        found = await store.mail(mail_id)
        assert found is not None
        assert found.state is MailState.DROPPED
        assert found.raw
        assert not found.released

    async def test_only_from_an_expected_state(self, store: VerbStore) -> None:
        mail_id = await self.settled(store, MailState.FILED)
        assert not await store.settle_mail(mail_id, expect=[MailState.HELD, MailState.POISON], to=MailState.ACCEPTED, reason="")
        assert not await store.settle_mail(a_mail_id(), expect=[MailState.HELD], to=MailState.DROPPED, reason="")
        assert await claim_all(store) == []

    async def test_nothing_is_settled_to_filed(self, store: VerbStore) -> None:
        mail_id = await self.settled(store, MailState.HELD)
        with pytest.raises(StoreError):
            await store.settle_mail(mail_id, expect=[MailState.HELD], to=MailState.FILED, reason="")


class TestListing:
    async def test_newest_first_page_by_page_without_raw(self, store: VerbStore) -> None:
        ids = [await accept_one(store, raw=b"bytes") for _ in range(5)]
        page = await store.mails(None, limit=2)
        assert [mail.id for mail in page] == ids[:-3:-1]
        assert {mail.raw for mail in page} == {b""}
        rest = await store.mails(MailState.ACCEPTED, limit=10, before=page[-1].id)
        assert [mail.id for mail in rest] == ids[2::-1]
        assert await store.mails(MailState.HELD, limit=10) == ()

    async def test_who_sent_the_newest(self, store: VerbStore) -> None:
        assert await store.clients(5) == ()
        for _ in range(3):
            mail_id = await accept_one(store)
        found = await store.mail(mail_id)
        assert found is not None
        assert await store.clients(2) == ((found.envelope.peer, found.verdict.evidence, found.verdict.author),) * 2

    async def test_copies_of_one_message_oldest_first(self, store: VerbStore) -> None:
        ids = [await accept_one(store, message_id="<same@x>") for _ in range(3)]
        await accept_one(store, message_id=None)
        assert [mail.id for mail in await store.mails_of_message_id("<same@x>")] == ids

    async def test_tickets_of_a_mail(self, store: VerbStore) -> None:
        ticket = a_ticket()
        mail_id = await open_ticket(store, ticket)
        found = await store.mail(mail_id)
        assert found is not None
        assert found.ticket_ids == (ticket.id,)
        assert (found.state, found.decision) == (MailState.FILED, '{"ladder": "new"}')
        assert (await store.mails(None, limit=1))[0].ticket_ids == (ticket.id,)
