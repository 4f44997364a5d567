"""The measured traps of aiosmtpd, each closed: one test for each, named after what used to happen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict

import pytest
import structlog
from aiosmtpd.smtp import SMTP

from smtpgate.errors import StoreAway, StoreError, StoreFatal, StoreFull
from smtpgate.intake import connection
from smtpgate.model import Envelope, Verdict
from tests.support.server import verdict
from tests.unit.intake.door import Peer, running

MIB = 1024**2
MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"


async def test_exception_is_451_with_an_opaque_id_and_a_traceback_in_the_log() -> None:
    async def broken(envelope: Envelope, raw: bytes, _: object) -> Verdict:
        raise RuntimeError("secret /var/lib/db path")

    with structlog.testing.capture_logs() as logs:
        async with running(judge=broken) as up:
            peer = await up.client()
            await peer.ready()
            peer.writer.write(MAIL)
            reply = await peer.reply()
            peer.close()
    assert reply.startswith("451 4.3.0 ")
    assert "secret" not in reply
    assert "Runtime" not in reply
    failed = next(entry for entry in logs if entry.get("exc_info"))
    assert failed["mail"] in reply
    assert not up.store.accepted


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (StoreFull("disk full /var"), "452 4.3.1 "),
        (StoreError("database is locked /var"), "451 4.3.0 "),
        (StoreAway("connecting to /var"), "451 4.3.0 "),
        (StoreFatal("fsync /var"), "451 4.3.0 "),
        (UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates"), "451 4.3.0 "),
        (MemoryError(), "451 4.3.0 "),
    ],
)
async def test_failing_store_is_never_a_5xx(error: Exception, reply: str) -> None:
    async with running() as up:
        up.store.error = error
        peer = await up.client()
        await peer.ready()
        peer.writer.write(MAIL)
        heard = await peer.reply()
        assert heard.startswith(reply)
        assert "/var" not in heard
        assert not up.store.accepted
        up.store.error = None
        await peer.ask("MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>", "DATA")
        peer.writer.write(MAIL)
        assert (await peer.reply()).startswith("250 2.0.0")
        assert len(up.store.accepted) == 1
        peer.close()


async def test_exception_in_a_command_is_451_and_the_session_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as up:

        def broken(address: str) -> None:
            raise RuntimeError("secret")

        monkeypatch.setattr(up.door.acceptor, "recipient", broken)
        peer = await up.client()
        await peer.reply()
        reply = await peer.ask("EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>")
        assert reply.startswith("451 4.3.0 ")
        assert "secret" not in reply
        assert (await peer.ask("NOOP")).startswith("250")
        peer.close()


@pytest.mark.parametrize("how", ["close", "abort", "half"])
async def test_client_that_vanishes_after_the_dot_does_not_cancel_the_commit(how: str) -> None:
    async with running() as up:
        up.store.gate.clear()
        peer = await up.client()
        await peer.ready()
        peer.writer.write(MAIL)
        await up.store.begun.wait()
        if how == "close":
            peer.close()
        elif how == "abort":
            peer.writer.transport.abort()
        else:
            peer.writer.write_eof()
        await asyncio.sleep(0.02)
        assert up.door.bytes_in_flight == len(MAIL), "memory counts as long as the mail is held"
        up.store.gate.set()
        if how == "half":
            assert (await peer.reply()).startswith("250")
            peer.close()
        await up.idle()
        assert len(up.store.accepted) == 1


async def test_client_that_vanishes_during_the_verdict_does_not_cancel_it() -> None:
    go, begun = asyncio.Event(), asyncio.Event()

    async def slow(envelope: Envelope, raw: bytes, _: object) -> Verdict:
        begun.set()
        await go.wait()
        return verdict()

    async with running(judge=slow) as up:
        peer = await up.client()
        await peer.ready()
        peer.writer.write(MAIL)
        await begun.wait()
        peer.writer.transport.abort()
        await asyncio.sleep(0.02)
        go.set()
        await up.idle()
        assert len(up.store.accepted) == 1


async def test_250_is_said_only_after_the_commit() -> None:
    async with running() as up:
        up.store.gate.clear()
        peer = await up.client()
        await peer.ready()
        peer.writer.write(MAIL)
        await up.store.begun.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.reader.read(1), 0.05)
        up.store.gate.set()
        assert await peer.reply() == f"250 2.0.0 {(await _mail_id(up.store.accepted))} accepted"
        peer.close()


async def _mail_id(mails: list) -> str:  # type: ignore[type-arg]
    while not mails:
        await asyncio.sleep(0)
    return str(mails[0].envelope.mail_id)


async def test_slow_but_steady_upload_longer_than_the_idle_timer_succeeds() -> None:
    async with running({"limits": {"data_timeout": "1500ms", "command_timeout": "1500ms"}}) as up:
        peer = await up.client()
        await peer.ready()
        for i in range(20):
            peer.writer.write(f"line {i}\r\n".encode())
            await asyncio.sleep(0.08)
        peer.writer.write(b".\r\n")
        assert (await peer.reply()).startswith("250")
        peer.close()


async def test_slow_upload_ends_with_the_time_for_the_whole_of_data() -> None:
    async with running({"limits": {"data_timeout": "200ms", "data_total": "300ms"}}) as up:
        peer = await up.client()
        await peer.ready()
        reply = asyncio.create_task(peer.reply())
        while not reply.done():
            peer.writer.write(b"x\r\n")
            await asyncio.sleep(0.02)
        assert reply.result().startswith("421 4.4.2")
        peer.writer.transport.abort()
        assert not up.store.accepted


async def test_null_sender_is_none() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.ready(sender="")
        peer.writer.write(MAIL)
        await peer.reply()
        peer.close()
        assert up.store.accepted[0].envelope.mail_from is None
        assert up.store.accepted[0].trace.startswith(b"Return-Path: <>\r\n")


async def test_limits_of_commands_are_not_shared_between_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SMTP.command_size_limits, "MAIL", 1234)
    before = dict(SMTP.command_size_limits)
    async with running() as up:
        for _ in range(3):
            peer = await up.client()
            await peer.reply()
            for _ in range(50):
                await peer.ask("EHLO client.example")
            peer.close()
        long = await up.client()
        await long.reply()
        assert (await long.ask("EHLO client.example", "MAIL FROM:<a@client.example>" + " " * 2100)).startswith("500 5.5.2")
        long.close()
    assert isinstance(SMTP.command_size_limits, defaultdict)
    assert dict(SMTP.command_size_limits) == before


async def test_lines_that_real_clients_send_are_accepted() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.ready()
        line = b"<p>" + b"x" * 20_000 + b"</p>\r\n"
        peer.writer.write(b"Subject: x\r\n\r\n" + line + b".\r\n")
        assert (await peer.reply()).startswith("250")
        assert up.store.accepted[0].raw.endswith(line)
        peer.close()


async def test_a_line_of_one_mebibyte_is_accepted_and_a_longer_one_is_not() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.ready()
        peer.writer.write(b"x" * 1024**2 + b"\r\n.\r\n")
        assert (await peer.reply()).startswith("250")
        await peer.ask("MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>", "DATA")
        peer.writer.write(b"x" * (1024**2 + 1) + b"\r\n.\r\n")
        assert (await peer.reply()).startswith("500 5.6.0")
        assert (await peer.ask("NOOP")).startswith("250")
        peer.close()


async def test_content_and_commands_never_reach_the_library_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running() as up:
        peer = await up.client()
        await peer.ready()
        peer.writer.write(b"Subject: x\r\n\r\nsecret words\r\n.\r\n")
        await peer.reply()
        peer.close()
    assert not [record for record in caplog.records if record.name.startswith("mail")]


async def test_content_never_reaches_our_log() -> None:
    with structlog.testing.capture_logs() as logs:
        async with running() as up:
            peer = await up.client()
            await peer.ready()
            peer.writer.write(b"Subject: x\r\n\r\nsecret words\r\n.\r\n")
            await peer.reply()
            peer.close()
    assert "secret" not in repr(logs)
    accepted = next(entry for entry in logs if entry["event"] == "mail accepted")
    assert set(accepted) >= {"mail", "peer", "helo", "sender", "rcpts", "size", "evidence", "seconds", "reply"}
    assert any(entry["event"] == "connection ended" and entry["mails"] == 1 for entry in logs)


async def test_a_refused_recipient_is_logged() -> None:
    with structlog.testing.capture_logs() as logs:
        async with running() as up:
            peer = await up.client()
            await peer.reply()
            await peer.ask("EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<x@elsewhere.example>")
            peer.close()
    entry = next(entry for entry in logs if entry["event"] == "recipient refused")
    assert (entry["rcpt"], entry["reply"], entry["peer"]) == ("x@elsewhere.example", "550 5.7.1 Relaying denied", "127.0.0.1")


async def test_client_that_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LINGER", 0.1)
    async with running({"limits": {"command_timeout": "200ms", "errors": 1_000_000}}) as up:
        peer = await up.client()
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        flood = b"BOGUS\r\n" * 10_000
        sender = asyncio.create_task(_flood(peer, flood))
        await asyncio.wait_for(up.idle(), 8)
        peer.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await sender


async def _flood(peer: Peer, data: bytes) -> None:
    while True:
        peer.writer.write(data)
        await peer.writer.drain()


@pytest.mark.parametrize(
    ("free", "size", "reply"),
    [
        (75 * MIB - 1, 100 * MIB, "452 4.3.1"),  # limits.free_space
        (75 * MIB, 100 * MIB, "250"),
        (500 * MIB - 1, 10_000 * MIB, "452 4.3.1"),  # 5 % of the disk
        (500 * MIB, 10_000 * MIB, "250"),
        (5 * 1024 * MIB - 1, 10_000_000 * MIB, "452 4.3.1"),  # and of a large disk no more than 5 GiB
        (5 * 1024 * MIB, 10_000_000 * MIB, "250"),
    ],
)
async def test_disk_is_asked_at_mail(free: int, size: int, reply: str) -> None:
    async with running(disk=lambda: (free, size)) as up:
        peer = await up.client()
        await peer.reply()
        assert (await peer.ask("EHLO c.example", "MAIL FROM:<a@client.example>")).startswith(reply)
        peer.close()


async def test_few_large_mails_are_stored_at_once_and_small_ones_do_not_wait() -> None:
    """Each is copied several times on its way; a dozen at once took twice what limits.memory_in_flight says."""
    async with running() as up:
        up.store.gate.clear()
        large = [await up.client() for _ in range(4)]
        for peer in large:
            await peer.ready()
            peer.writer.write(b"Subject: x\r\n\r\n" + b"0123456789abcde\r\n" * 70_000 + b".\r\n")
        small = await up.client()
        await small.ready()
        small.writer.write(MAIL)
        while up.store.waiting < 3:
            await asyncio.sleep(0.001)
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert up.store.waiting == 3
        up.store.gate.set()
        for peer in (*large, small):
            assert (await peer.reply()).startswith("250")
            peer.close()
