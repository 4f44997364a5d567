"""A door in the test's own loop, with a store that only remembers, for tests that need its inside."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from smtpgate.auth.dns import Resolver, ZoneResolver
from smtpgate.clock import SystemClock
from smtpgate.intake.server import Door
from smtpgate.mail.token import Tokens
from smtpgate.model import Envelope, Evidence, Verdict
from smtpgate.store.api import Accepted, Incoming, IntakeStore
from tests.support.server import TOKEN_KEY, make_config, verdict


class MemoryStore:
    """Only accept(), and the mails of an earlier life. `gate` holds every commit until it is set; `error` is raised
    instead of storing."""

    def __init__(self, before: Sequence[Incoming] = ()) -> None:
        self.accepted: list[Accepted] = []
        self.before = before
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.waiting = 0  # at the gate
        self.error: BaseException | None = None

    async def accept(self, mail: Accepted) -> None:
        self.begun.set()
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        if self.error is not None:
            raise self.error
        self.accepted.append(mail)

    async def guesses(self, *_: object) -> Sequence[tuple[str, int, int]]:
        return ()

    async def clients(self, limit: int) -> Sequence[tuple[str, Evidence, str]]:
        return [(mail.envelope.peer, mail.verdict.evidence, mail.verdict.author) for mail in self.before[:limit]]


class Running:
    """A started door with what surrounds it."""

    def __init__(self, door: Door, store: MemoryStore) -> None:
        self.door = door
        self.store = store

    @property
    def port(self) -> int:
        return self.door.addresses[0][1]

    async def client(self) -> Peer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Peer(reader, writer)

    async def idle(self) -> None:
        """Until no connection and no work is left; the test's timeout bounds it."""
        while self.door.connections or self.door.bytes_in_flight or self.door._work:
            await asyncio.sleep(0.001)


class Peer:
    """The client's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        lines: list[str] = []
        while True:
            line = (await self.reader.readline()).decode()
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    async def ask(self, *commands: str) -> str:
        """Send each command and read its reply; the last reply."""
        reply = ""
        for command in commands:
            self.writer.write(command.encode() + b"\r\n")
            reply = await self.reply()
        return reply

    async def ready(self, *, sender: str = "a@client.example", rcpt: str = "help@support.example") -> None:
        """Up to 354."""
        await self.reply()
        assert (await self.ask("EHLO client.example", f"MAIL FROM:<{sender}>", f"RCPT TO:<{rcpt}>", "DATA")).startswith("354")

    def close(self) -> None:
        self.writer.close()


async def calm(envelope: Envelope, raw: bytes, _: object) -> Verdict:
    return verdict()


@asynccontextmanager
async def running(
    *changes: dict[str, Any],
    judge: Callable[[Envelope, bytes], Awaitable[Verdict]] = calm,
    disk: Callable[[], tuple[int, int]] = lambda: (1 << 40, 1 << 40),
    resolver: Resolver | None = None,
    before: Sequence[Incoming] = (),
    passed_lmtp: Sequence[socket.socket] = (),
    passed: Mapping[str, Sequence[socket.socket]] | None = None,
) -> AsyncIterator[Running]:
    """Stopped at the end, when nothing may be left of it."""
    store = MemoryStore(before)
    tasks = asyncio.all_tasks()

    door = Door(
        make_config(*changes),
        store=cast(IntakeStore, store),
        judge=judge,
        tokens=Tokens([TOKEN_KEY], 86400.0),
        clock=SystemClock(),
        resolver=resolver or ZoneResolver({}),
        disk=disk,
    )
    found = Running(door, store)
    await door.start({"lmtp": passed_lmtp, **(passed or {})})
    try:
        yield found
    finally:
        store.gate.set()
        await door.stop(5)
        assert door.connections == 0
        assert door.bytes_in_flight == 0
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - tasks <= {asyncio.current_task()}
