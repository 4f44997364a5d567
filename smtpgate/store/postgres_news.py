"""What nodes tell each other through PostgreSQL: that there is new work, and that a node's name is taken.

Owns one connection. News (LISTEN/NOTIFY) only shorten polling: they are sent after the commit, apart from it, at most some
times a second, and nothing depends on one that is lost. The name is an advisory lock of the session: while it is held no
other gateway can start under it, and when the node dies the server lets it go.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import structlog

from smtpgate.errors import StoreError
from smtpgate.store.postgres_errors import ERRORS, store_error
from smtpgate.store.postgres_link import Server, closed

log = structlog.get_logger(__name__)

_CHANNEL = "smtpgate"
_REST = 0.1  # seconds between two tellings
_PAUSES = (0.2, 5.0)  # seconds before the connection is tried again
_NAME_PAUSES = (0.05, 0.2, 0.5)  # seconds between tries to take the name
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2"
_LOOK = 15.0  # seconds between two looks whether it still stands

Handlers = Mapping[str, Callable[[], None]]


class News:
    """start() takes the name; close() gives it back."""

    def __init__(self, server: Server, node: str, handlers: Handlers) -> None:
        self._server = server
        self._node = node
        self._handlers = handlers
        self._to_tell: set[str] = set()
        self._wake = asyncio.Event()
        self._lost = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._pid: int | None = None  # of our last session at the server
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Raises StoreError when the name is taken or the server does not answer."""
        await self._connect()
        self._tasks = [asyncio.create_task(self._stay(), name="store news"), asyncio.create_task(self._tell(), name="store tell")]

    def tell(self, news: set[str]) -> None:
        """Let the other nodes know, soon."""
        self._to_tell |= news
        self._wake.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            await closed(self._connection)

    async def _connect(self) -> None:
        connection = await self._server.connect()
        try:
            if not await self._take_name(connection):
                raise StoreError(
                    f"another gateway is at work on this database under the name {self._node!r}: "
                    "give each its own store.node, or stop that one"
                )
            await connection.add_listener(_CHANNEL, self._heard)
        except ERRORS as error:
            connection.terminate()
            raise store_error(error, "listening to the database") from error
        except BaseException:
            connection.terminate()
            raise
        self._lost.clear()
        connection.add_termination_listener(lambda _: self._lost.set())
        self._connection, self._pid = connection, connection.get_server_pid()

    async def _take_name(self, connection: asyncpg.Connection) -> bool:
        """After a cut the server may take our own old session for alive for minutes: it is ended first."""
        if self._pid is not None:
            await connection.fetch(_END, self._pid, self._server.name[:63])
        for pause in (*_NAME_PAUSES, None):
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _lock_of(self._node)):
                return True
            if pause is not None:  # a process that was just killed is not gone at once
                await asyncio.sleep(pause)
        return False

    def _heard(self, _connection: Any, pid: int, _channel: str, payload: object) -> None:
        if self._connection is not None and pid == self._connection.get_server_pid():
            return  # our own
        for news in str(payload).split():
            handler = self._handlers.get(news)
            if handler is not None:
                handler()

    async def _stay(self) -> None:
        """Connect again whenever the connection is lost; what came meanwhile is found by looking."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), _LOOK)
            if self._connection is not None and not self._lost.is_set():
                try:
                    await self._connection.execute("SELECT 1")
                except ERRORS:
                    self._connection.terminate()
                else:
                    continue
            if self._connection is not None:
                self._connection.terminate()
            self._connection = None
            await self._come_back()

    async def _come_back(self) -> None:
        pause, silent = _PAUSES[0], False
        while True:
            try:
                await self._connect()
            except StoreError as error:
                if not silent:
                    log.warning("the database is away", error=str(error))
                silent = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _PAUSES[1])
            else:
                log.info("the database is back")
                for handler in self._handlers.values():
                    handler()
                return

    async def _tell(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            news, self._to_tell = self._to_tell, set()
            if self._connection is not None and news:
                with contextlib.suppress(*ERRORS):
                    await self._connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, " ".join(sorted(news)))
            await asyncio.sleep(_REST)


def _lock_of(node: str) -> int:
    """A number for the name that no other lock of ours has."""
    return int.from_bytes(hashlib.sha256(f"smtpgate node {node}".encode()).digest()[:8], "big", signed=True)
