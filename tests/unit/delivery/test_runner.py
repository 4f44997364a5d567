"""The loop: claims, connections, order, crashes, stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from smtpgate.delivery import recorder, sender
from smtpgate.delivery.runner import attempt_limit
from smtpgate.errors import StoreError, StoreFatal
from smtpgate.model import DeliveryState
from tests.support.sink import DROP, FREEZE, STALL, Sink
from tests.unit.delivery.office import FAST, HOUR, Office, settings, to_mx, to_smarthost, until

DELIVERED, QUEUED, FAILED, UNCERTAIN = (
    DeliveryState.DELIVERED,
    DeliveryState.QUEUED,
    DeliveryState.FAILED,
    DeliveryState.UNCERTAIN,
)


# --- crashes ----------------------------------------------------------------------------------------------------------


async def test_a_process_that_died_between_claim_and_record_sends_the_same_bytes_again(office: Office, sink: Sink) -> None:
    mail = await office.queue("wang@example.org", data=b"Subject: x\r\n\r\nonce\r\n")
    now = office.clock.now()
    claimed = await office.store.claim_deliveries(worker="node1/0", now=now, limit=10, next_at=lambda n: now + 60 * n)
    assert len(claimed) == 1
    office.start(to_smarthost(sink))
    await office.deliver()
    assert sink.mails == []  # not before its time
    await office.stop()
    await office.store.release_leases("node1/")  # what a start does
    office.start(to_smarthost(sink))
    await office.pass_time(59)
    assert sink.mails == []
    await office.pass_time(2)
    row = await office.row(mail)
    assert (row.state, row.attempts) == (DELIVERED, 2)
    assert sink.mails[0].data == mail.data


async def test_the_next_attempt_is_stored_before_this_one_starts(office: Office, sink: Sink) -> None:
    sink.script("CONNECT", STALL)
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await until(lambda: sink.connections == 1)
    row = await office.row(mail)
    assert (row.state, row.attempts) == (QUEUED, 1)
    assert 54 <= row.next_at - office.clock.now() <= 66
    await office.stop(0.0)


async def test_a_slow_attempt_is_not_begun_a_second_time_beside_the_first(office: Office, sink: Sink) -> None:
    sink.script("DOT", STALL)
    mail = await office.queue("wang@example.org")
    runner = office.start(to_smarthost(sink))
    await until(lambda: len(sink.mails) == 1)
    for _ in range(3):
        await office.advance(22)  # past the next attempt that the claim stored, within the time that one may take
        runner.wake()
        await office.clock.settle(200)
    assert (sink.connections, len(sink.mails), (await office.row(mail)).attempts) == (1, 1, 1)
    await office.stop(0.0)


async def test_a_crash_of_one_attempt_is_that_attempts_outcome(office: Office, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = sender.transact

    async def crashing(connection: Any, deliveries: Sequence[Any], *args: Any, **kwargs: Any) -> None:
        if deliveries[0].address == "bad@example.org":
            raise RuntimeError("a bug of ours")
        await usual(connection, deliveries, *args, **kwargs)

    monkeypatch.setattr(sender, "transact", crashing)
    bad, good = await office.queue("bad@example.org"), await office.queue("good@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert ((await office.row(bad)).state, (await office.row(good)).state) == (QUEUED, DELIVERED)
    assert "a bug of ours" not in (await office.row(bad)).last_reply
    monkeypatch.undo()
    await office.pass_time(67)
    assert (await office.row(bad)).state is DELIVERED


async def test_a_store_that_cannot_write_now_is_waited_out_and_nothing_is_sent_twice(
    office: Office, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, refusals = office.store.record_attempts, 3

    async def refusing(*args: Any, **kwargs: Any) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise StoreError("locked")
        await usual(*args, **kwargs)

    monkeypatch.setattr(office.store, "record_attempts", refusing)
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await until(lambda: sink.count == 1)
    for left in (2, 1, 0):
        await until(lambda left=left: refusals == left)  # type: ignore[misc]
        await office.clock.settle()
        office.clock.advance(1)
    await office.deliver()
    assert (await office.row(mail)).state is DELIVERED
    assert sink.count == 1


async def test_results_of_attempts_under_way_share_a_write_and_one_alone_waits_for_nobody(
    office: Office, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, written = office.store.record_attempts, list[int]()

    async def counting(attempts: Any, **more: Any) -> None:
        written.append(len(attempts))
        await usual(attempts, **more)

    monkeypatch.setattr(office.store, "record_attempts", counting)
    monkeypatch.setattr(recorder, "_GATHER", 0.5)
    for i in range(30):
        await office.queue(f"u{i}@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert (sum(written), len(sink.mails)) == (30, 30)
    assert len(written) <= 4, written
    monkeypatch.setattr(recorder, "_GATHER", 3600)
    mail = await office.queue("alone@example.org")
    await office.deliver()
    assert (await office.row(mail)).state is DELIVERED


async def test_a_fatal_store_ends_the_runner(office: Office, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fatal(*args: Any, **kwargs: Any) -> None:
        raise StoreFatal("disk I/O error")

    await office.queue("wang@example.org")
    monkeypatch.setattr(office.store, "record_attempts", fatal)
    office.start(to_smarthost(sink))
    task = office._task
    assert task is not None
    with pytest.raises(StoreFatal):
        await asyncio.wait_for(task, 5)
    office.runner = office._task = None


# --- limits and reuse -------------------------------------------------------------------------------------------------


async def test_connections_are_reused_up_to_their_number_of_mails(office: Office, sink: Sink) -> None:
    for i in range(25):
        await office.queue(f"u{i}@example.org")
    office.start(to_smarthost(sink, connections_per_destination=1, mails_per_connection=10))
    await office.deliver()
    assert (sink.count, sink.connections, sink.peak) == (25, 3, 1)


async def test_the_limit_for_one_destination_holds(office: Office, sink: Sink) -> None:
    sink._pause = 0.02
    office.zone = {f"d{i}.example": {"A": ["127.0.0.1"]} for i in range(2)}
    for i in range(20):
        await office.queue(f"u{i}@d0.example")
        await office.queue(f"u{i}@d1.example")
    office.start(to_mx(sink, connections_per_destination=3, connections=20))
    await office.deliver()
    assert (sink.count, sink.peak) == (40, 6)


async def test_the_limit_in_sum_holds_idle_connections_included(office: Office, sink: Sink) -> None:
    office.zone = {f"d{i}.example": {"A": ["127.0.0.1"]} for i in range(12)}
    for i in range(12):
        await office.queue(f"u@d{i}.example")
        await office.queue(f"v@d{i}.example")
    runner = office.start(to_mx(sink, connections_per_destination=2, connections=4))
    await office.deliver()
    assert sink.count == 24
    assert runner._pool.open <= 4
    await until(lambda: sink.open <= 4)


async def test_an_idle_connection_is_closed_after_its_time(office: Office, sink: Sink) -> None:
    await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert sink.open == 1
    await office.advance(9)
    await office.clock.settle()
    assert sink.open == 1
    await office.advance(2)
    await until(lambda: sink.open == 0)
    assert sink.counted()["QUIT"] == 1


async def test_a_kept_connection_is_asked_by_the_next_mail_itself(office: Office, sink: Sink) -> None:
    await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    office.clock.advance(5)
    await office.queue("wang@example.org")
    await office.deliver()
    assert (sink.count, sink.connections, sink.counted()["NOOP"]) == (2, 1, 0)


@pytest.mark.parametrize(("kind", "action"), [("MAIL", DROP), ("MAIL", "421 4.4.2 idle"), ("MAIL", STALL)])
async def test_a_kept_connection_that_is_gone_is_replaced(office: Office, sink: Sink, kind: str, action: Any) -> None:
    first = await office.queue("wang@example.org")
    office.start(to_smarthost(sink, **FAST))
    await office.deliver()
    sink.script(kind, action)
    office.clock.advance(5)
    mail = await office.queue("wang@example.org")
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.attempts, sink.connections) == (DELIVERED, 1, 2)
    assert (await office.row(first)).state is DELIVERED


@pytest.mark.parametrize("action", [DROP, "421 4.7.0 enough for one session"])
async def test_a_kept_connection_lost_at_mail_costs_no_attempt(office: Office, sink: Sink, action: Any) -> None:
    sink.script("MAIL", None, action)
    mails = [await office.queue(f"u{i}@example.org") for i in range(2)]
    office.start(to_smarthost(sink, connections_per_destination=1))
    await office.deliver()
    assert [((await office.row(m)).state, (await office.row(m)).attempts) for m in mails] == [(DELIVERED, 1)] * 2
    assert sink.connections == 2


async def test_a_refused_mail_does_not_spoil_the_connection(office: Office, sink: Sink) -> None:
    sink.rcpt["bad@example.org"] = "550 5.1.1 no"
    for name in ("a", "bad", "b"):
        await office.queue(f"{name}@example.org")
    office.start(to_smarthost(sink, connections_per_destination=1))
    await office.deliver()
    assert (sink.count, sink.connections, sink.counted()["RSET"]) == (2, 1, 1)


async def test_a_server_that_takes_only_two_connections_gets_all_mail_over_two(office: Office, sink: Sink) -> None:
    sink._pause = 0.02
    sink.script("CONNECT", None, None, *["421 4.7.0 too many connections"] * 50)
    mails = [await office.queue(f"u{i}@example.org") for i in range(20)]
    runner = office.start(to_smarthost(sink, connections_per_destination=5))
    await office.deliver()
    assert {((await office.row(m)).state, (await office.row(m)).attempts) for m in mails} == {(DELIVERED, 1)}
    assert (runner._lanes.running, runner._lanes._lanes, runner._recorder.fatal) == (0, {}, None)


# --- order and fairness -----------------------------------------------------------------------------------------------


async def test_mails_to_one_recipient_leave_in_order(office: Office, sink: Sink) -> None:
    sink._pause = 0.002
    for i in range(15):
        for who in ("a", "b", "c"):
            await office.queue(f"{who}@example.org", data=b"Subject: %02d\r\n\r\n" % i)
            office.clock.advance(0.001)
    office.start(to_smarthost(sink, connections_per_destination=5))
    await office.deliver()
    assert sink.peak > 1
    for who in ("a", "b", "c"):
        got = [m.data for m in sink.mails if m.rcpts == (f"{who}@example.org",)]
        assert got == [b"Subject: %02d\r\n\r\n" % i for i in range(15)]


async def test_a_slow_destination_does_not_hold_up_the_others(office: Office, sink: Sink) -> None:
    async with Sink(host="127.0.0.2", port=sink.port) as slow:
        slow.always("CONNECT", STALL)
        office.zone = {"slow.example": {"A": ["127.0.0.2"]}, "quick.example": {"A": ["127.0.0.1"]}}
        for i in range(300):
            await office.queue(f"u{i}@slow.example")
        office.clock.advance(1)
        await office.queue("wang@quick.example")
        office.start(to_mx(sink, connections=4, connections_per_destination=2))
        await sink.wait_for(1, timeout=5)
        await office.stop(0.0)


async def test_an_attempt_has_an_end_whatever_the_peer_does(office: Office, sink: Sink) -> None:
    mail = await office.queue(*[f"u{i}@example.org" for i in range(40)])
    delivery = to_smarthost(sink, **FAST)
    assert attempt_limit(delivery) == pytest.approx(2.0)

    async def slowly() -> None:
        await asyncio.sleep(0.1)

    sink.always("RCPT", "250 slow")
    usual = sink._send

    async def slow_send(session: Any, reply: str) -> None:
        if reply == "250 slow":
            await slowly()
        await usual(session, reply)

    sink._send = slow_send  # type: ignore[method-assign]
    office.start(delivery)
    await office.deliver()
    rows = (await office.rows(mail)).values()
    assert {r.state for r in rows} == {QUEUED}
    assert "too long" in next(iter(rows)).last_reply


# --- stopping ---------------------------------------------------------------------------------------------------------


async def test_a_stop_finishes_what_is_under_way_and_gives_back_the_rest(office: Office, sink: Sink) -> None:
    sink._pause = 0.2
    mails = [await office.queue(f"u{i}@example.org") for i in range(20)]
    office.start(to_smarthost(sink, connections_per_destination=2))
    await until(lambda: len(sink.said("DATA")) == 2)
    await office.stop(5.0)
    rows = [await office.row(mail) for mail in mails]
    assert sum(r.state is DELIVERED for r in rows) == sink.count == 2
    assert {(r.state, r.attempts) for r in rows if r.state is not DELIVERED} == {(QUEUED, 0)}
    assert await office.store.next_due() == office.clock.now()
    await until(lambda: sink.open == 0)


@pytest.mark.parametrize(("stage", "state", "attempts"), [("RCPT", QUEUED, 0), ("DOT", UNCERTAIN, 1)])
async def test_a_stop_without_grace_knows_what_may_have_arrived(
    office: Office, sink: Sink, stage: str, state: DeliveryState, attempts: int
) -> None:
    sink.script(stage, STALL)
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await until(lambda: bool(sink.mails if stage == "DOT" else sink.said("RCPT")))
    await office.stop(0.0)
    row = await office.row(mail)
    assert (row.state, row.attempts) == (state, attempts)
    if state is UNCERTAIN:
        assert row.next_at == office.clock.now() + HOUR


async def test_a_cancelled_runner_leaves_nothing_behind(office: Office, sink: Sink) -> None:
    sink.script("CONTENT", FREEZE)
    await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await until(lambda: bool(sink.said("DATA")))
    task, office.runner = office._task, None
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: len(asyncio.all_tasks()) <= 3)  # this test, the sink's session


# --- waking -----------------------------------------------------------------------------------------------------------


async def test_wake_is_heard_at_once_and_the_beat_goes_on(office: Office, sink: Sink) -> None:
    runner = office.start(to_smarthost(sink))
    await office.clock.settle()
    await office.queue("wang@example.org")
    runner.wake()
    await sink.wait_for(1)
    before = runner.beat
    await office.advance(60)
    await until(lambda: runner.beat > before)


async def test_a_mail_due_later_is_sent_when_its_time_comes(office: Office, sink: Sink) -> None:
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    later = await office.queue("li@example.org", created_at=office.clock.now())
    await office.deliver()
    assert {(await office.row(m)).state for m in (mail, later)} == {DELIVERED}


async def test_every_attempt_is_one_line_in_the_log(office: Office, sink: Sink) -> None:
    with structlog.testing.capture_logs() as logs:
        await office.queue("wang@example.org", data=b"Subject: canary\r\n\r\n")
        office.start(to_smarthost(sink))
        await office.deliver()
    [line] = [line for line in logs if line["event"] == "delivery attempt"]
    assert (line["recipient"], line["domain"], line["code"], line["state"]) == (
        "wang@example.org",
        "example.org",
        250,
        "delivered",
    )
    assert len(line["mail"]) == 13
    assert "canary" not in repr(logs)


async def test_paused_domains_are_left_alone_in_mx_mode(office: Office, sink: Sink) -> None:
    from smtpgate.store.shown import Pause

    office.zone = {"b.example": {"A": ["127.0.0.1"]}, "c.example": {"A": ["127.0.0.1"]}}
    await office.store.pause(Pause("b.example", office.clock.now(), "by hand"))
    held, sent = await office.queue("wang@b.example"), await office.queue("wang@c.example")
    runner = office.start(to_mx(sink))
    await sink.wait_for(1)
    await until(lambda: not runner._held)
    assert ((await office.row(held)).attempts, (await office.row(sent)).state) == (0, DELIVERED)
    await office.store.resume("b.example")
    await office.deliver()
    assert (await office.row(held)).state is DELIVERED


# --- Maildir ----------------------------------------------------------------------------------------------------------


async def test_maildir_delivers_every_recipient_as_a_file(office: Office, tmp_path: Path) -> None:
    box = tmp_path / "out" / "box"
    mail = await office.queue("wang@example.org", "li@example.org", data=b"Subject: x\r\n\r\nhi\r\n")
    office.start(settings("maildir", maildir=str(box)))
    await office.deliver()
    rows = await office.rows(mail)
    assert {r.state for r in rows.values()} == {DELIVERED}
    got = sorted(path.read_bytes() for path in (box / "new").iterdir())
    top = b"Return-Path: <support+b1@desk.example>\nDelivered-To: %s@example.org\n"
    assert got == [top % name + b"Subject: x\n\nhi\n" for name in (b"li", b"wang")]
    assert list((box / "tmp").iterdir()) == []


async def test_an_address_that_is_none_does_not_reach_the_maildir(office: Office, tmp_path: Path) -> None:
    mail = await office.queue("a\nBcc: x@example.org")
    office.start(settings("maildir", maildir=str(tmp_path / "box")))
    await office.deliver()
    assert (await office.row(mail)).state is FAILED


async def test_an_unusable_maildir_pauses_and_works_again_when_mended(office: Office, tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.write_text("a file in the way")
    mail = await office.queue("wang@example.org")
    runner = office.start(settings("maildir", maildir=str(box)))

    async def paused() -> bool:
        return bool(await office.store.pauses()) and not runner._held

    await until(paused)
    assert (await office.row(mail)).attempts == 0
    box.unlink()
    await office.advance(901)
    await office.deliver()
    assert (await office.row(mail)).state is DELIVERED
    assert await office.store.pauses() == ()
