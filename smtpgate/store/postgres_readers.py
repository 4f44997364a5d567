"""A few connections to PostgreSQL that only read. Each verb runs whole on one snapshot (REPEATABLE READ).

It runs in a task of its own: a caller that is cancelled leaves no transaction open. A server that is away is waited for
as postgres_link says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.alarm import Alarm
from smtpgate.store.postgres_errors import ERRORS, Again, store_error
from smtpgate.store.postgres_link import Server, closed, patience, patiently, run
from smtpgate.store.statement import T, Verb


class Readers:
    """Connections are opened when first needed and kept, `most` of them at once."""

    def __init__(self, server: Server, alarm: Alarm, most: int) -> None:
        self._server = server
        self._alarm = alarm
        self._slots = asyncio.Semaphore(most)
        self._idle: list[asyncpg.Connection] = []
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    def take(self, connection: asyncpg.Connection) -> None:
        """Have one that is there already."""
        self._idle.append(connection)

    async def run(self, make: Callable[[], Verb[T]]) -> T:
        self._alarm.check()
        if self._closed:
            raise StoreError("the store is closed")
        task = asyncio.create_task(self._run(make))
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen here, for a caller that was cancelled

    async def close(self) -> None:
        """Wait for the reads that are under way, then close all. Safe to call twice."""
        self._closed = True
        if self._running:
            await asyncio.wait(set(self._running))
        while self._idle:
            await closed(self._idle.pop())

    async def _run(self, make: Callable[[], Verb[T]]) -> T:
        async with self._slots:
            until = patience()
            for _ in range(3):
                try:
                    return await patiently(lambda: self._once(make), until)
                except Again:
                    continue
            raise StoreError("the database could not give one sight of the data; try again")

    async def _once(self, make: Callable[[], Verb[T]]) -> T:
        connection = self._idle.pop() if self._idle else await self._server.connect(patient=True)
        sound = False
        try:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                result = await run(connection, make())
            finally:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
            sound = True
        except ERRORS as error:
            translated = store_error(error, "reading")
            if isinstance(translated, StoreFatal):
                self._alarm.set(translated)
                self._alarm.ring()
            raise translated from error
        finally:
            if sound:
                self._idle.append(connection)
            else:
                connection.terminate()
        return result
