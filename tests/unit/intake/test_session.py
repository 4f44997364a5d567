"""The dialogue under strange timing: split at each octet, ended at each octet, shut down in each phase, random octets."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from smtpgate.intake.session import Session
from smtpgate.model import Envelope, Verdict
from tests.support.server import verdict
from tests.unit.intake.door import MemoryStore, running
from tests.unit.intake.wire import Wire, connect, settle

COMMANDS = b"EHLO c.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<help@support.example>\r\nDATA\r\n"
CONTENT = b"Subject: x\r\n\r\n..dot\r\n.\r\n"
NEXT = b"MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\n"


async def test_dialogue_split_at_every_octet() -> None:
    async with running() as up:
        for first in (COMMANDS, NEXT):
            for at in range(1, len(first)):
                wire = await connect(up)
                if first is NEXT:
                    wire.feed(b"EHLO c.example\r\n")
                    await settle()
                for piece in (first[:at], first[at:]):
                    wire.feed(piece)
                    await settle()
                assert wire.said.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n")
                end = at % len(CONTENT)
                for piece in (CONTENT[:end], CONTENT[end:] + b"QUIT\r\n"):
                    if piece:
                        wire.feed(piece)
                        await settle()
                assert b"\r\n250 2.0.0 " in wire.said
                assert wire.said.endswith(b"221 2.0.0 Bye\r\n")
        assert {mail.raw for mail in up.store.accepted} == {b"Subject: x\r\n\r\n.dot\r\n"}
        assert len(up.store.accepted) == len(COMMANDS) + len(NEXT) - 2


async def test_one_octet_at_a_time() -> None:
    async with running() as up:
        wire = await connect(up)
        for octet in COMMANDS + CONTENT + NEXT + CONTENT + b"QUIT\r\n":
            wire.feed(bytes([octet]))
            await settle()
        assert wire.said.endswith(b"221 2.0.0 Bye\r\n")
        assert len(up.store.accepted) == 2


@pytest.mark.parametrize("how", ["eof", "lost"])
async def test_client_that_vanishes_after_every_octet(how: str) -> None:
    """The mail is there exactly once if its end was sent, else not at all; nothing is left either way."""
    stream = COMMANDS + CONTENT + NEXT
    async with running() as up:
        for at in range(len(stream) + 1):
            up.store.accepted.clear()
            wire = await connect(up)
            for piece in (stream[:at][: len(COMMANDS)], stream[:at][len(COMMANDS) :]):
                if piece:
                    wire.feed(piece)
                    await settle()
            if how == "lost":
                wire.lost()
            elif not wire.closing:
                assert isinstance(wire.protocol, Session)
                wire.protocol.eof_received()
            await settle()
            await asyncio.wait_for(up.idle(), 5)
            assert len(up.store.accepted) == (at >= len(COMMANDS + CONTENT)), at


async def test_replies_to_a_group_go_out_together_and_none_is_held_back() -> None:
    """RFC 2920 §3.2. A reply waits only for commands that have come whole."""
    async with running() as up:
        wire = await connect(up)
        writes: list[bytes] = []
        wire.write = lambda data: writes.append(bytes(data))  # type: ignore[method-assign]
        wire.feed(COMMANDS)
        await settle()
        assert len(writes) == 1
        assert writes[0].endswith(b"\r\n354 End data with <CR><LF>.<CR><LF>\r\n")
        wire.feed(CONTENT + b"NOOP\r\nNOO")
        await settle()
        assert b"".join(writes[1:]).endswith(b"250 2.0.0 Ok\r\n")
        wire.feed(b"P\r\nQUIT\r\n")
        await settle()
        assert b"".join(writes).endswith(b"250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n")


async def test_rset_in_every_state_forgets_the_mail() -> None:
    async with running() as up:
        for commands in range(4):
            wire = await connect(up)
            for line in (COMMANDS.split(b"\r\n")[:3])[:commands]:
                wire.feed(line + b"\r\n")
            wire.feed(b"RSET\r\n")
            wire.feed(b"DATA\r\n")
            await settle()
            assert wire.said.endswith(b"250 2.0.0 Reset\r\n503 5.5.1 Send MAIL first\r\n")
            wire.close()


async def test_a_hundred_recipients_and_no_more() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.reply()
        await peer.ask("EHLO c.example", "MAIL FROM:<a@client.example>")
        for i in range(100):
            assert (await peer.ask(f"RCPT TO:<help+{i}@support.example>")).startswith("250 2.1.5")
        assert (await peer.ask("RCPT TO:<help+100@support.example>")).startswith("452 4.5.3")
        await peer.ask("DATA")
        peer.writer.write(CONTENT)
        assert (await peer.reply()).startswith("250")
        peer.close()
        assert len(up.store.accepted[0].envelope.rcpts) == 100


async def test_the_same_recipient_twice_is_one() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.ready()
        peer.writer.write(CONTENT)
        await peer.reply()
        twice = ["RCPT TO:<help@support.example>"] * 2
        await peer.ask("MAIL FROM:<a@client.example>", *twice, "DATA")
        peer.writer.write(CONTENT)
        await peer.reply()
        peer.close()
        assert [mail.envelope.rcpts for mail in up.store.accepted] == [("help@support.example",)] * 2


PHASES = {
    "connected": b"",
    "half a command": b"EHL",
    "greeted": b"EHLO c.example\r\n",
    "after MAIL": b"EHLO c.example\r\nMAIL FROM:<a@client.example>\r\n",
    "after RCPT": COMMANDS[:-6],
}


@pytest.mark.parametrize("phase", PHASES)
async def test_shutdown_answers_421_to_who_has_no_mail_under_way(phase: str) -> None:
    async with running() as up:
        peer = await up.client()
        await peer.reply()
        peer.writer.write(PHASES[phase])
        for _ in range(PHASES[phase].count(b"\r\n")):
            await peer.reply()
        await up.door.stop(5)
        assert (await peer.reply()).startswith("421 4.3.2 ")
        with contextlib.suppress(ConnectionResetError):  # what we sent was not read any more
            assert await peer.reader.read() == b""
        peer.close()


async def test_shutdown_waits_for_what_was_told_354() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.ready()
        peer.writer.write(CONTENT[:5])
        port = up.port
        stop = asyncio.create_task(up.door.stop(5))
        await asyncio.sleep(0.02)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        peer.writer.write(CONTENT[5:] + b"NOOP\r\n")
        assert (await peer.reply()).startswith("250 2.0.0")
        assert (await peer.reply()).startswith("421 4.3.2")
        await stop
        assert len(up.store.accepted) == 1
        peer.close()


async def test_shutdown_waits_for_the_commit() -> None:
    async with running() as up:
        up.store.gate.clear()
        peer = await up.client()
        await peer.ready()
        peer.writer.write(CONTENT)
        await up.store.begun.wait()
        stop = asyncio.create_task(up.door.stop(5))
        await asyncio.sleep(0.02)
        up.store.gate.set()
        assert (await peer.reply()).startswith("250 2.0.0")
        await stop
        assert len(up.store.accepted) == 1
        peer.close()


async def test_shutdown_ends_after_the_grace() -> None:
    begun = asyncio.Event()

    async def endless(envelope: Envelope, raw: bytes, _: object) -> Verdict:
        begun.set()
        await asyncio.Event().wait()
        return verdict()

    async with running(judge=endless) as up:
        sending, judging = await up.client(), await up.client()
        await sending.ready()
        await judging.ready()
        judging.writer.write(CONTENT)
        await begun.wait()
        await up.door.stop(0.05)
        for peer in (sending, judging):
            assert (await peer.reply()).startswith("421 4.3.2")
            peer.close()
        assert not up.store.accepted


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    directory = tmp_path_factory.mktemp("tls")
    issued = trustme.CA().issue_cert("mx.support.example")
    issued.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    issued.private_key_pem.write_to_path(str(directory / "key.pem"))
    return {"server": {"tls_certificate": str(directory / "cert.pem"), "tls_key": str(directory / "key.pem")}}


def paths(section: dict[str, dict[str, str]]) -> dict[str, dict[str, Path]]:
    return {"server": {key: Path(value) for key, value in section["server"].items()}}


def tls_client(*, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = newest
    return context


async def test_shutdown_and_timeout_during_the_handshake(certificate: dict[str, dict[str, str]]) -> None:
    async with running(paths(certificate), {"limits": {"tls_handshake": "100ms"}}) as up:
        peer = await up.client()
        await peer.reply()
        await peer.ask("STARTTLS")
        with contextlib.suppress(ConnectionError):
            assert await peer.reader.read() == b"", "no plain text once the handshake has begun"
        peer.close()
        await up.idle()
        other = await up.client()
        await other.reply()
        await other.ask("STARTTLS")
        await up.door.stop(0.01)
        with contextlib.suppress(ConnectionError):
            assert await other.reader.read() == b""
        other.close()


async def test_client_that_vanishes_under_tls_after_the_dot(certificate: dict[str, dict[str, str]]) -> None:
    async with running(paths(certificate)) as up:
        up.store.gate.clear()
        peer = await up.client()
        await peer.reply()
        await peer.ask("STARTTLS")
        await peer.writer.start_tls(tls_client(), server_hostname="mx.support.example")
        await peer.ask("EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>", "DATA")
        peer.writer.write(CONTENT)
        await up.store.begun.wait()
        peer.writer.transport.abort()
        await asyncio.sleep(0.02)
        up.store.gate.set()
        await up.idle()
        (mail,) = up.store.accepted
        assert mail.envelope.protocol == "ESMTPS"
        assert (mail.envelope.tls or "").startswith("TLSv1.3 ")
        assert b"(using TLSv1.3 " in mail.trace


async def test_tls_before_1_2_is_refused(certificate: dict[str, dict[str, str]]) -> None:
    async with running(paths(certificate)) as up:
        assert up.door.tls is not None
        assert up.door.tls.minimum_version is ssl.TLSVersion.TLSv1_2
        peer = await up.client()
        await peer.reply()
        await peer.ask("STARTTLS")
        await peer.writer.start_tls(tls_client(newest=ssl.TLSVersion.TLSv1_2), server_hostname="mx.support.example")
        assert (await peer.ask("NOOP")).startswith("250")
        peer.close()


PIECES = (
    b"EHLO c|HELO c|MAIL FROM:<a@client.example>|MAIL FROM:<>|RCPT TO:<help@support.example>|DATA|RSET|NOOP|QUIT|STARTTLS|"
    b'VRFY x|HELP|.|\r\n|\r\n|\r\n|\r\n|\n|\r|\0| SIZE=9|\xff|<|"|:'
)
WORDS = st.sampled_from(PIECES.split(b"|"))


@given(st.lists(st.lists(WORDS | st.binary(max_size=8), max_size=12).map(b"".join), max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_octets_never_kill_the_server(chunks: list[bytes]) -> None:
    async def play() -> None:
        async with running({"limits": {"errors": 1000}}) as up:
            wire = await connect(up)
            for chunk in chunks:
                wire.feed(chunk)
                await settle()
            assert b"451" not in wire.said, wire.said
            for line in wire.said.split(b"\r\n")[:-1]:
                assert line[:3].isdigit()
            wire.close()
            await up.idle()
            witness = await connect(up)
            witness.feed(b"NOOP\r\n")
            await settle()
            assert witness.said.endswith(b"250 2.0.0 Ok\r\n")

    asyncio.run(play())


async def test_an_error_of_the_store_is_not_the_end_of_the_door() -> None:
    async with running() as up:
        assert isinstance(up.store, MemoryStore)
        up.store.error = RuntimeError("x")
        for _ in range(3):
            peer = await up.client()
            await peer.ready()
            peer.writer.write(CONTENT)
            assert (await peer.reply()).startswith("451")
            peer.close()
        assert up.door.bytes_in_flight == 0


async def test_counters_for_status() -> None:
    async with running() as up:
        up.store.gate.clear()
        peer = await up.client()
        await peer.ready()
        assert up.door.connections == 1
        peer.writer.write(CONTENT)
        await up.store.begun.wait()
        assert up.door.bytes_in_flight == len(CONTENT)
        up.store.gate.set()
        await peer.reply()
        peer.close()
        await up.idle()


async def test_nothing_is_done_while_the_client_does_not_take_our_replies() -> None:
    async with running() as up:
        wire = await connect(up)
        assert isinstance(wire.protocol, Session)
        said = wire.said
        wire.protocol.pause_writing()
        wire.feed(b"NOOP\r\n" * 3)
        await settle()
        assert wire.said == said
        wire.protocol.resume_writing()
        await settle()
        assert wire.said == said + b"250 2.0.0 Ok\r\n" * 3
        wire.close()
        await settle()


async def test_who_sends_far_ahead_is_not_read_until_we_have_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as up:
        up.store.gate.clear()
        wire = await connect(up)
        told: list[str] = []
        monkeypatch.setattr(wire, "pause_reading", lambda: told.append("pause"))
        monkeypatch.setattr(wire, "resume_reading", lambda: told.append("resume"))
        wire.feed(COMMANDS)
        await settle()
        wire.feed(CONTENT)
        await up.store.begun.wait()
        for _ in range(4):
            wire.feed((b"NOOP " + b"x" * 990 + b"\r\n") * 20)
        assert told == ["pause"]
        assert b"250 2.0.0 Ok\r\n" not in wire.said
        up.store.gate.set()
        for _ in range(3):
            await settle()
        assert told == ["pause", "resume"]
        assert wire.said.count(b"250 2.0.0 Ok\r\n") == 80
        wire.close()
        await settle()


async def test_replies_to_commands_sent_together_come_together() -> None:
    async with running() as up:
        wire = await connect(up)
        writes: list[bytes] = []
        wire.write = writes.append  # type: ignore[method-assign, assignment]
        wire.feed(COMMANDS)
        await settle()
        assert len(writes) == 1
        assert writes[0].endswith(b"\r\n354 End data with <CR><LF>.<CR><LF>\r\n")
        wire.close()
        await settle()


class EagerWire(Wire):
    """As a TLS transport whose client has closed already: it tells of the end from within close()."""

    def close(self) -> None:
        if not self.closing:
            super().close()
            assert isinstance(self.protocol, Session)
            self.protocol.eof_received()


async def test_an_end_that_is_told_while_we_close() -> None:
    async with running() as up:
        wire = EagerWire()
        up.door._gate(Session).connection_made(wire)
        await settle()
        with capture_logs() as said:
            wire.feed(b"EHLO c.example\r\nQUIT\r\n")
            await settle()
        assert wire.said.endswith(b"221 2.0.0 Bye\r\n")
        assert [line for line in said if line["log_level"] == "error"] == []
        await asyncio.wait_for(up.idle(), 5)
