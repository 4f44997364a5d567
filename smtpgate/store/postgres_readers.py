"""A few connections to PostgreSQL that only read. Each verb runs whole on one snapshot (REPEATABLE READ).

A server that is away is waited for
as postgres_link says.
"""

from __future__ import annotations

from collections.abc import Callable

import asyncpg

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.alarm import Alarm
from smtpgate.store.postgres_errors import ERRORS, Again, store_error
from smtpgate.store.postgres_link import Server, closed, patience, patiently, run
from smtpgate.store.reading import Reading
from smtpgate.store.statement import T, Verb


class Readers:
    """Connections are opened when first needed and kept, `most` of them at once."""

    def __init__(self, server: Server, alarm: Alarm, most: int) -> None:
        self._server = server
        self._alarm = alarm
        self._reading = Reading(alarm, most)
        self._idle: list[asyncpg.Connection] = []

    def take(self, connection: asyncpg.Connection) -> None:
        """Have one that is there already."""
        self._idle.append(connection)

    async def run(self, make: Callable[[], Verb[T]]) -> T:
        return await self._reading.do(lambda: self._run(make))

    async def close(self) -> None:
        """Wait for the reads that are under way, then close all. Safe to call twice."""
        await self._reading.close()
        while self._idle:
            await closed(self._idle.pop())

    async def _run(self, make: Callable[[], Verb[T]]) -> T:
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
