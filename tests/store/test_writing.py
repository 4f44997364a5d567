"""Contract: writes are grouped, whole, durable when they return, and no caller can cancel or spoil another's."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from smtpgate.errors import StoreError
from smtpgate.model import MailState
from smtpgate.store.api import Changes
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_query, a_ticket, accepted
from tests.support.store_steps import accept_one, claim_all, file_as, opening


async def test_many_mails_share_a_commit(store: VerbStore) -> None:
    before = store.commits
    await asyncio.gather(*(accept_one(store) for _ in range(200)))
    assert 200 / 64 <= store.commits - before <= 20


async def test_a_batch_is_bounded_in_octets(store: VerbStore) -> None:
    store.files = RawFiles(None)  # in the table: a mail with a file of its own costs the batch nothing
    before = store.commits
    await asyncio.gather(*(accept_one(store, raw=b"%d" % i * 3_000_000) for i in range(6)))
    assert store.commits - before >= 3


async def test_one_that_fails_takes_nothing_along(store: VerbStore) -> None:
    mail_id = await accept_one(store)
    results = await asyncio.gather(
        *(accept_one(store, mail_id if i % 10 == 0 else None) for i in range(100)), return_exceptions=True
    )
    failed = [result for result in results if isinstance(result, BaseException)]
    assert len(failed) == 10
    assert all(isinstance(error, StoreError) for error in failed)
    assert (await store.counts())["mail.accepted"] == 91


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_cancelled_caller_splits_or_loses_a_write(store: VerbStore, seed: int) -> None:
    """Of 400 mails whose callers are cancelled at random every one is whole or absent, and those that returned are there."""
    chance = random.Random(seed)
    mails = [accepted(raw=b"Subject: %d\r\n\r\n" % i + b"x" * chance.choice((10, 5_000, 100_000))) for i in range(400)]
    returned: list[str] = []

    async def one(i: int) -> None:
        await store.accept(mails[i])
        returned.append(mails[i].envelope.mail_id)

    tasks = [asyncio.create_task(one(i)) for i in range(400)]
    for task in tasks:
        if chance.random() < 0.5:
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await accept_one(store)  # behind all others in the queue
    assert len(returned) < 400
    for mail in mails:
        found = await store.mail(mail.envelope.mail_id)
        if found is None:
            assert mail.envelope.mail_id not in returned
        else:
            assert (found.raw, found.envelope, found.trace) == (mail.raw, mail.envelope, mail.trace)


async def test_a_cancelled_filing_is_filed_whole(store: VerbStore) -> None:
    mail_id = await accept_one(store)
    await claim_all(store)
    task = asyncio.create_task(file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}")))
    await asyncio.sleep(0)  # it is in the writer's queue now
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await store.change(ticket_number=None, query=None, decide=lambda *_: Changes())  # behind it in the queue
    found = await store.mail(mail_id)
    assert found is not None
    assert found.state is MailState.FILED


async def test_a_cancelled_reader_leaves_nothing_open(store: VerbStore) -> None:
    await accept_one(store)
    for delay in range(60):
        task = asyncio.create_task(store.facts(a_query(references=("<a@x>",))))
        for _ in range(delay % 20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await accept_one(store)
    assert (await store.counts())["mail.accepted"] == 2  # a reader stuck in an old snapshot would say 1


async def test_a_read_sees_one_snapshot(open_store: OpenStore) -> None:
    """Counts of tickets and mail are read by two statements; filing moves both at once."""
    writer, reader = await open_store(), await open_store()
    mails = [await accept_one(writer) for _ in range(100)]
    await claim_all(writer)
    done = False

    async def filing() -> None:
        nonlocal done
        for mail_id in mails:
            await file_as(writer, mail_id, opening(mail_id, a_ticket()))
        done = True

    task = asyncio.create_task(filing())
    while not done:
        counts = await reader.counts()
        assert counts["mail.filed"] == counts["ticket.open"]
        assert counts["mail.filed"] + counts["mail.accepted"] == 100
    await task


async def test_two_processes_write_at_once(open_store: OpenStore) -> None:
    one, other = await open_store(), await open_store()
    await asyncio.gather(*(accept_one(store) for _ in range(100) for store in (one, other)))
    assert (await one.counts())["mail.accepted"] == 200
    assert [mail.id for mail in await one.mails(None, limit=1000)] == [mail.id for mail in await other.mails(None, limit=1000)]


async def test_close_finishes_what_was_queued(open_store: OpenStore) -> None:
    store = await open_store()
    tasks = [asyncio.create_task(accept_one(store)) for _ in range(150)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    ids = await asyncio.gather(*tasks)
    again = await open_store()
    assert {mail.id for mail in await again.mails(None, limit=1000)} == set(ids)


async def test_a_closed_store_says_so(open_store: OpenStore) -> None:
    store = await open_store()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await accept_one(store)
    with pytest.raises(StoreError, match="closed"):
        await store.counts()
    with pytest.raises(StoreError, match="closed"):
        await store.claim(worker="w", now=NOW, lease=1, limit=1)
