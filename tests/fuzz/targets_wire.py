"""What a client or a balancer says to a door: command lines, content, whole dialogues, headers before the connection."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from smtpgate.intake import command, forwarded, proxy
from smtpgate.intake.budget import Budget
from smtpgate.intake.command import Command, MailFrom
from smtpgate.intake.data import DataReader, police
from smtpgate.intake.lmtp import LmtpSession
from smtpgate.intake.session import Session
from smtpgate.mail import address
from tests.fuzz.target import Target, wait
from tests.unit.intake.door import Running, running
from tests.unit.intake.wire import connect, settle

REPLY = re.compile(r"(?:[2345]\d\d-[^\r\n]*\r\n)*[2345]\d\d [^\r\n]*\r\n")


def _lines(data: bytes) -> Any:
    """A refusal is one line of 5xx; an address that is taken can be stored and written back."""
    found: list[Any] = []
    for line in data.split(b"\n", 30)[:30]:
        taken = command.command(line + b"\n")
        if isinstance(taken, Command):
            assert taken.verb.isalpha()
            arg = taken.arg
        else:
            assert taken.startswith("500 ")
            arg = line
        for extended in (True, False):
            sender = command.mail_from(arg, extended=extended)
            rcpt = command.rcpt_to(arg, smtputf8=extended)
            for one in (sender, rcpt):
                if isinstance(one, str):
                    assert re.fullmatch(r"5\d\d 5\.\d\.\d [^\r\n]*", one), one
                    continue
                taken_address = one.address if isinstance(one, MailFrom) else one[0]
                if taken_address and taken_address.lower() != "postmaster":
                    taken_address.encode()
                    assert not set(taken_address) & set("\r\n\0")
                    assert address.envelope_ok(taken_address, smtputf8=True) == ""
            found += [taken, sender, rcpt]
        name = command.helo_name(arg)
        assert name is None or name.isprintable()
        for names in (forwarded.XFORWARD, forwarded.XCLIENT):
            said = forwarded.client(arg, names, forwarded.Client())
            assert isinstance(said, forwarded.Client) or re.fullmatch(r"501 5\.5\.4 [^\r\n]*", said)
            found.append(said)
    return found


def _content(data: bytes) -> Any:
    """However the octets are cut, the same mail comes out; line ends are CRLF afterwards."""
    size, line = (len(data), 1000) if data[:1] < b"\x80" else (100, 20)

    def read(pieces: list[bytes]) -> Any:
        budget = Budget(1 << 30)
        reader = DataReader(budget.account(), size=size, line=line)
        rest: bytes | None = None
        for i, piece in enumerate(pieces):
            rest = reader.feed(piece)
            if rest is not None:
                rest += b"".join(pieces[i + 1 :])
                break
        kept = reader.take() if rest is not None and reader.fault is None else None
        fault = reader.fault
        reader.release()
        assert budget.used == 0
        return rest, kept, fault

    draw = random.Random(len(data))
    stream = data[1:]
    whole = read([stream])
    places = sorted(draw.randrange(len(stream) + 1) for _ in range(draw.choice((1, 2, 5))))
    cut = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert read(cut)[:2] == whole[:2] or whole[1] is None
    if len(stream) < 500:
        assert read([stream[i : i + 1] for i in range(len(stream))])[:2] == whole[:2]
    if whole[1] is not None:
        clean = police(whole[1], "normalize")
        assert clean is not None
        assert clean.count(b"\r") == clean.count(b"\n") == clean.count(b"\r\n")
        assert police(clean, "reject") == clean
        assert police(whole[1], "reject") in (None, whole[1])
    return whole


def _proxy(data: bytes) -> Any:
    """Taken whole or not at all: no beginning of a header says something else than the header."""
    try:
        found = proxy.header(data)
    except proxy.BadHeader as error:
        return str(error)
    for at in range(min(len(data), 300)):
        early = proxy.header(data[:at])  # a beginning of something good is never bad
        if early is not None:
            assert found is not None
            assert early.client == found.client
            assert early.rest + data[at:] == found.rest
    return found


# --- whole dialogues --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _door() -> AsyncIterator[Running]:
    async with running(
        {"server": {"forwarders": ["192.0.2.1"]}, "limits": {"message_size": "64KiB", "mail_rate": 1_000_000}}
    ) as up:
        yield up


_open: list[Any] = []


def _running() -> Running:
    """One door for all executions; it ends with the process."""
    if not _open:
        manager = _door()
        _open.extend((manager, wait(manager.__aenter__())))
    up: Running = _open[1]
    return up


async def played(up: Running, kind: type[Session], rest: bytes, draw: random.Random, *, secured: bool = False) -> bytes:
    """What the server says to this, which comes in lines or in pieces; nothing is left behind."""
    wire = await connect(up, kind)
    assert isinstance(wire.protocol, Session)
    wire.protocol._secured = "TLS" if secured else None
    while rest and not wire.closing:
        end = rest.find(b"\n") + 1 if draw.random() < 0.8 else draw.randrange(1, 40)
        piece, rest = rest[: end or len(rest)], rest[end or len(rest) :]
        wire.feed(piece)
        await settle()
    wire.lost() if not wire.closing else None
    for _ in range(200):
        if not (up.door.connections or up.door.bytes_in_flight or up.door._work):
            break
        await asyncio.sleep(0)
    assert not up.door.connections
    assert not up.door.bytes_in_flight
    return wire.said


def _dialogue(data: bytes) -> Any:
    """The first octet says which door and how the rest is cut. Every reply has its form; a mail is stored if and only if
    its data were answered 250; nothing is left behind."""
    if not data:
        return None
    up = _running()
    kind = LmtpSession if data[0] & 1 else Session
    draw = random.Random(data[0])
    up.store.accepted.clear()

    said = wait(played(up, kind, data[1:], draw)).decode("utf-8")
    replies = REPLY.findall(said)
    assert "".join(replies) == said
    stored = sum(before.startswith("354") and reply.startswith("250") for before, reply in itertools.pairwise(replies))
    went_on = replies[-1].startswith("354") if replies else False
    assert stored <= len(up.store.accepted) <= stored + went_on
    for mail in up.store.accepted:
        assert mail.raw.count(b"\r") == mail.raw.count(b"\n") == mail.raw.count(b"\r\n")
    return [reply[:9] for reply in replies if not reply.startswith("250 2.0.0")]


_MAIL = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<help@support.example>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"
_COMMANDS = (
    b"EHLO c.example\r\n", b"HELO c\r\n", b"LHLO c\r\n", b"MAIL FROM:<a@b.example>", b"MAIL FROM:<>", b"RCPT TO:<help@support.example>",
    b"RCPT TO:<postmaster>", b"RCPT TO:<x@y.example>", b"DATA\r\n", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\r\n", b"RSET\r\n", b"NOOP\r\n",
    b"QUIT\r\n", b"VRFY x\r\n", b"HELP\r\n", b"STARTTLS\r\n", b"BDAT 3 LAST\r\n", b"AUTH PLAIN\r\n", b"EXPN\r\n", b"GET / HTTP/1.1\r\n",
    b" SIZE=10", b" SIZE=99999999999", b" BODY=8BITMIME", b" SMTPUTF8", b"XCLIENT ADDR=192.0.2.9 HELO=x\r\n", b"XFORWARD ADDR=IPV6:::1\r\n",
    b"XCLIENT ADDR=[UNAVAILABLE]\r\n", b"+3C", b"\"a b\"@c.example", b"<@x:a@b.example>", "<é@b.example>".encode(), b"a@[192.0.2.1]", _MAIL,
)  # fmt: skip
_V2 = b"\r\n\r\n\0\r\nQUIT\n"

TARGETS = (
    Target("lines", _lines, lambda: list(_COMMANDS), (*_COMMANDS, b"=", b"+", b"[TEMPUNAVAIL]", b"PROTO=", b"PORT=", b"\xff")),
    Target(
        "content",
        _content,
        lambda: [b"\0Subject: x\r\n\r\n..dot\r\n.\r\nNOOP\r\n", b"\xff.\r\n", b"\0a\n.\nb\r.\rc\r\n.\r\n", b"\x90" + b"x" * 50 + b"\r\n.\r\n"],
        (b"\r\n.\r\n", b"\r\n.", b".\r\n", b"\n.\n", b"\r", b"\n", b"..", b"\r\n"),
    ),
    Target(
        "dialogue",
        _dialogue,
        lambda: [bytes([i]) + (b"LHLO c\r\n" if i & 1 else b"EHLO c\r\n") + rest + _MAIL + b"QUIT\r\n" for i in range(8) for rest in (b"", b"RSET\r\n")],
        _COMMANDS,
        alone=False,
        large=False,
    ),
    Target(
        "proxy",
        _proxy,
        lambda: [
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nEHLO", b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", b"PROXY UNKNOWN\r\n",
            _V2 + b"\x21\x11\x00\x0c" + bytes(12) + b"x", _V2 + b"\x21\x21\x00\x24" + bytes(36), _V2 + b"\x20\x00\x00\x00",
        ],
        (b"PROXY ", b"TCP4", b"TCP6", b"UNKNOWN", b" ", b"\r\n", b"::ffff:1.2.3.4", b"65536", b"fe80::1%eth0", _V2, b"\x21\x11\x00\x0c", b"\x00\x00"),
    ),
)  # fmt: skip
