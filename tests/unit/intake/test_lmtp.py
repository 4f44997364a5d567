"""LMTP on a Unix socket, and whom XFORWARD and XCLIENT make the client."""

from __future__ import annotations

import asyncio
import grp
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smtpgate.errors import StoreFull
from smtpgate.intake import forwarded
from smtpgate.intake.data import DataReader
from smtpgate.intake.forwarded import Client
from smtpgate.intake.lmtp import LmtpSession
from smtpgate.intake.trace import trace
from smtpgate.model import LOCAL, Envelope
from tests.support.server import make_config, verdict
from tests.unit.intake.door import Peer, Running, running
from tests.unit.intake.wire import connect, settle

MAIL = "Subject: x\r\n\r\nhello\r\n."
FORWARDERS = {"server": {"forwarders": ["127.0.0.0/8"]}}


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:  # pytest's own are too long for sun_path
        yield Path(directory) / "lmtp.sock"


def on(path: Path, **more: Any) -> dict[str, Any]:
    return {"server": {"lmtp": [str(path)], **more}}


async def local(path: Path) -> Peer:
    peer = Peer(*await asyncio.open_unix_connection(str(path)))
    assert await peer.reply() == "220 mx.support.example LMTP"
    return peer


async def remote(up: Running) -> Peer:
    peer = await up.client()
    await peer.reply()
    return peer


async def send(peer: Peer, *commands: str, hello: str = "EHLO", sender: str = "a@client.example") -> str:
    before = [f"{hello} mta.example"] if hello else []
    await peer.ask(*before, *commands, f"MAIL FROM:<{sender}>", "RCPT TO:<help@support.example>", "DATA")
    return await peer.ask(MAIL)


def last(up: Running) -> Envelope:
    return up.store.accepted[-1].envelope


# --- the socket -------------------------------------------------------------------------------------------------------


async def test_unix_socket_is_for_its_group_alone_and_its_mail_comes_from_a_local_relay(path: Path) -> None:
    group = grp.getgrgid(os.getgroups()[0] if os.getgroups() else os.getgid())
    async with running(on(path, lmtp_group=group.gr_name)) as up:
        mode = path.stat()
        assert stat.S_IMODE(mode.st_mode) == 0o660
        assert mode.st_gid == group.gr_gid
        peer = await local(path)
        assert (await send(peer, hello="LHLO")).startswith("250 2.0.0 ")
        found = last(up)
        assert (found.peer, found.relay, found.protocol, found.helo) == ("", LOCAL, "LMTP", "mta.example")
        assert b"Received: from mta.example ([unknown])\r\n\tby mx.support.example with LMTP id " in up.store.accepted[-1].trace
        peer.close()
    assert not path.exists()


async def test_words_of_the_received_field() -> None:
    async with running({"server": {"lmtp": ["127.0.0.1:0"]}}) as up:
        (address,) = up.door.addresses_of("lmtp")
        peer = Peer(*await asyncio.open_connection(*address))
        await peer.reply()
        await peer.ask("LHLO mta.example", "MAIL FROM:<ä@client.example> SMTPUTF8", "RCPT TO:<help@support.example>", "DATA")
        await peer.ask(MAIL)
        assert (last(up).protocol, last(up).peer, last(up).relay) == ("UTF8LMTP", "127.0.0.1", "")
        peer.close()


async def test_socket_that_systemd_passes_is_used_and_left_in_place(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as passed:
        passed.bind(str(path))
        passed.listen()
        async with running(on(Path("/nowhere/lmtp.sock")), passed_lmtp=[passed.dup()]) as up:
            peer = await local(path)
            assert (await send(peer, hello="LHLO")).startswith("250")
            assert last(up).relay == LOCAL
            peer.close()
        assert path.exists()


async def test_stale_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with running(on(path)) as up:
        peer = await local(path)
        assert (await send(peer, hello="LHLO")).startswith("250")
        assert len(up.store.accepted) == 1
        peer.close()


async def test_socket_of_a_living_process_is_left_alone(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(OSError, match="another process listens there"):
            async with running(on(path)):
                pass
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


async def test_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(OSError, match="no socket"):
        async with running(on(path)):
            pass
    assert path.read_text() == "precious"


async def test_group_that_is_not_there_leaves_no_socket(path: Path) -> None:
    with pytest.raises(OSError, match="no group"):
        async with running(on(path, lmtp_group="no-such-group")):
            pass
    assert not path.exists()


async def test_one_mail_server_may_open_more_connections_than_one_address(path: Path) -> None:
    async with running(on(path), {"limits": {"connections_per_address": 1, "connections": 3}}):
        peers = [await local(path) for _ in range(3)]
        refused = Peer(*await asyncio.open_unix_connection(str(path)))
        assert (await refused.reply()).startswith("421 4.7.0 ")
        for peer in (*peers, refused):
            peer.close()


async def test_full_store_is_told_for_each_recipient(path: Path) -> None:
    async with running(on(path)) as up:
        up.store.error = StoreFull("disk")
        peer = await local(path)
        await peer.ask("LHLO mta.example", "MAIL FROM:<a@client.example>")
        await peer.ask(*["RCPT TO:<help@support.example>"] * 3, "DATA")
        peer.writer.write(MAIL.encode() + b"\r\nNOOP\r\n")
        assert [(await peer.reply())[:9] for _ in range(4)] == ["452 4.3.1"] * 3 + ["250 2.0.0"]
        peer.close()


async def test_bug_before_the_mail_is_handed_over_is_told_for_each_recipient(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(on(path)) as up:
        peer = await local(path)
        await peer.ask("LHLO mta.example", "MAIL FROM:<a@client.example>", *["RCPT TO:<help@support.example>"] * 2, "DATA")
        with monkeypatch.context() as patch:
            patch.setattr(DataReader, "take", lambda self: 1 / 0)
            peer.writer.write(MAIL.encode() + b"\r\nNOOP\r\n")
            replies = [await peer.reply() for _ in range(3)]
        assert [r[:9] for r in replies] == ["451 4.3.0"] * 2 + ["250 2.0.0"]
        assert up.store.accepted == []
        peer.close()


@pytest.mark.parametrize("place", ["127.0.0.1:25", "0.0.0.0:25", "[::]:025", "lmtp.sock", "/" + "x" * 107, "localhost:2424"])
def test_places_where_lmtp_must_not_or_cannot_be(place: str) -> None:
    with pytest.raises(ValidationError):
        make_config({"server": {"lmtp": [place]}})


# --- the true client --------------------------------------------------------------------------------------------------


async def test_xforward_names_the_client_of_the_next_mail_only() -> None:
    async with running(FORWARDERS) as up:
        peer = await remote(up)
        await send(peer, "XFORWARD ADDR=203.0.113.7 NAME=[UNAVAILABLE]", "XFORWARD HELO=out.client.example PROTO=SMTP")
        assert (last(up).peer, last(up).helo, last(up).relay) == ("203.0.113.7", "out.client.example", "127.0.0.1")
        await send(peer, hello="")
        assert (last(up).peer, last(up).helo, last(up).relay) == ("127.0.0.1", "mta.example", "")
        peer.close()


@pytest.mark.parametrize("command", ["RSET", "EHLO other.example"])
async def test_xforward_is_forgotten_with_the_mail(command: str) -> None:
    async with running(FORWARDERS) as up:
        peer = await remote(up)
        await send(peer, "XFORWARD ADDR=203.0.113.7", command)
        assert (last(up).peer, last(up).relay) == ("127.0.0.1", "")
        peer.close()


async def test_xforward_without_an_address_does_not_lend_the_forwarders_own() -> None:
    async with running(FORWARDERS, {"server": {"trusted_networks": ["127.0.0.0/8"]}}) as up:
        peer = await remote(up)
        for command in ("XFORWARD ADDR=[UNAVAILABLE]", "XFORWARD HELO=out.client.example", "XFORWARD ADDR=[TEMPUNAVAIL]"):
            await send(peer, command)
            assert (last(up).peer, last(up).relay) == ("", "127.0.0.1")
        peer.close()


async def test_bad_value_changes_nothing() -> None:
    async with running(FORWARDERS) as up:
        peer = await remote(up)
        assert (
            await peer.ask("EHLO mta.example", "XFORWARD ADDR=203.0.113.7", "XFORWARD HELO=x ADDR=1")
            == "501 5.5.4 Bad value for ADDR"
        )
        await send(peer, hello="")
        assert (last(up).peer, last(up).helo) == ("203.0.113.7", "mta.example")
        peer.close()


async def test_xforward_over_the_unix_socket(path: Path) -> None:
    async with running(on(path)) as up:
        peer = await local(path)
        await send(peer, "XFORWARD ADDR=IPV6:2001:db8::7 HELO=out.client.example", hello="LHLO")
        assert (last(up).peer, last(up).relay) == ("2001:db8::7", LOCAL)
        assert b"([IPv6:2001:db8::7])" in up.store.accepted[-1].trace
        peer.close()


async def test_xclient_stays_for_the_connection_and_ends_the_trust_in_the_socket(path: Path) -> None:
    async with running(on(path)) as up:
        peer = await local(path)
        assert await peer.ask("XCLIENT ADDR=203.0.113.7") == "220 mx.support.example LMTP"
        for hello in ("LHLO", ""):
            await send(peer, hello=hello)
            assert (last(up).peer, last(up).helo, last(up).relay) == ("203.0.113.7", "mta.example", "")
        peer.close()


@pytest.mark.parametrize("command", ["XFORWARD ADDR=198.51.100.1", "XCLIENT ADDR=198.51.100.1", "xclient LOGIN=root"])
async def test_outsider_who_says_he_is_another_is_refused_and_stays_himself(command: str) -> None:
    async with running({"server": {"forwarders": ["192.0.2.0/24"], "trusted_networks": ["198.51.100.0/24"]}}) as up:
        peer = await remote(up)
        assert "XCLIENT" not in await peer.ask("EHLO mta.example")
        assert (await peer.ask(command)).startswith("500 5.5.1 ")
        await send(peer, hello="")
        assert (last(up).peer, last(up).relay) == ("127.0.0.1", "")
        peer.close()


@pytest.mark.parametrize("command", ["XCLIENT ADDR=198.51.100.1", "XFORWARD ADDR=198.51.100.1", "XCLIENT ADDR=127.0.0.1"])
@pytest.mark.parametrize(("first", "peer_then"), [("203.0.113.7", "203.0.113.7"), ("[UNAVAILABLE]", "")])
async def test_client_behind_a_proxy_cannot_name_another(command: str, first: str, peer_then: str, path: Path) -> None:
    """A proxy passes on what its client says: what XCLIENT named has no right to say more."""
    async with running(on(path, **FORWARDERS["server"])) as up:
        for peer, hello in ((await remote(up), "EHLO"), (await local(path), "LHLO")):
            assert (await peer.ask(f"XCLIENT ADDR={first}")).startswith("220 ")
            assert "XCLIENT" not in await peer.ask(f"{hello} out.client.example")
            assert (await peer.ask(command)).startswith("500 5.5.1 ")
            await send(peer, hello="")
            assert (last(up).peer, last(up).relay) == (peer_then, "")
            peer.close()


async def test_proxy_behind_a_proxy_may_go_on() -> None:
    async with running(FORWARDERS) as up:
        peer = await remote(up)
        assert (await peer.ask("XCLIENT ADDR=127.0.0.2", "XCLIENT ADDR=203.0.113.8")).startswith("220 ")
        await send(peer)
        assert last(up).peer == "203.0.113.8"
        peer.close()


def test_what_a_relay_says_of_the_client_writes_no_field_of_ours() -> None:
    said = forwarded.client(b"HELO=a+28b)+3Cscript+3E", forwarded.XFORWARD, Client("203.0.113.7"))
    assert said == Client("203.0.113.7", "a(b)<script>")
    head = trace(Envelope("id", None, ("help@support.example",), "203.0.113.7", said.helo, 0.0), verdict(), "mx.support.example")
    assert b"Received: from a?b??script? ([203.0.113.7])" in head


@pytest.mark.parametrize("arg", [b"ADDR=::ffff:192.0.2.1", b"ADDR=IPv6:::ffff:192.0.2.1", b"addr=192.0.2.1"])
def test_address_in_all_its_forms(arg: bytes) -> None:
    assert forwarded.client(arg, forwarded.XCLIENT, Client()) == Client("192.0.2.1")


# --- strange timing ---------------------------------------------------------------------------------------------------

DIALOGUE = (
    b"LHLO mta.example\r\nMAIL FROM:<a@client.example>\r\n"
    b"RCPT TO:<help@support.example>\r\nRCPT TO:<sales@shop.example>\r\nDATA\r\n",
    b"Subject: x\r\n\r\n..dot\r\n.\r\n",
)


@pytest.mark.parametrize("how", ["eof", "lost"])
async def test_mail_server_that_vanishes_after_every_octet(how: str) -> None:
    """The mail is there once if its end was sent, else not at all; nothing is left either way."""
    commands, content = DIALOGUE
    async with running() as up:
        for at in range(len(commands + content) + 1):
            up.store.accepted.clear()
            wire = await connect(up, LmtpSession)
            for piece in (commands[:at], content[: max(0, at - len(commands))]):
                if piece:
                    wire.feed(piece)
                    await settle()
            if how == "lost":
                wire.lost()
            elif not wire.closing:
                assert isinstance(wire.protocol, LmtpSession)
                wire.protocol.eof_received()
            await settle()
            await asyncio.wait_for(up.idle(), 5)
            assert len(up.store.accepted) == (at == len(commands + content)), at


_RCPTS = ["help@support.example", "sales@shop.example", "no@support.example", "x@else.example"]


@given(rcpts=st.lists(st.sampled_from(_RCPTS), max_size=15))  # fewer refusals than limits.errors
@settings(max_examples=60, deadline=None)
def test_as_many_replies_as_accepted_recipients(rcpts: list[str]) -> None:
    async def run() -> None:
        async with running() as up:
            wire = await connect(up, LmtpSession)
            lines = ["LHLO mta.example", "MAIL FROM:<>", *(f"RCPT TO:<{r}>" for r in rcpts), "DATA"]
            wire.feed("".join(f"{line}\r\n" for line in lines).encode())
            await settle()
            before = wire.said.count(b"\r\n")
            accepted = wire.said.count(b"250 2.1.5")
            assert wire.said.endswith(
                b"354 End data with <CR><LF>.<CR><LF>\r\n" if accepted else b"503 5.5.1 No valid recipients\r\n"
            )
            if accepted:
                wire.feed(DIALOGUE[1])
                await settle()
                assert [line[:10] for line in wire.said.split(b"\r\n")[before:-1]] == [b"250 2.0.0 "] * accepted
            assert len(up.store.accepted) == bool(accepted)
            wire.close()

    asyncio.run(run())
