"""A few connections to PostgreSQL that only read. Each verb runs whole on one snapshot (REPEATABLE READ).

A server that is away is waited for
as postgres_link says.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, GeneratorType
from typing import Any, cast

import asyncpg

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.alarm import Alarm
from smtpgate.store.postgres_errors import ERRORS, Again, store_error
from smtpgate.store.postgres_link import Server, answer, closed, patience, patiently, run
from smtpgate.store.reading import Reading
from smtpgate.store.statement import T, Verb


class Readers:
    """Connections are opened when first needed and kept, `most` of them at once."""

    def __init__(self, server: Server, alarm: Alarm, most: int) -> None:
        self._server = server
        self._alarm = alarm
        self._reading = Reading(alarm, most)
        self._idle: list[asyncpg.Connection] = []
        self._several: set[CodeType] = set()  # verbs that ask more than once

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

    async def _look(self, connection: asyncpg.Connection, make: Callable[[], Verb[T]]) -> T:
        """One statement is one snapshot; a verb that turns out to have several begins anew, in a transaction."""
        verb = make()
        code = cast("GeneratorType[Any, Any, Any]", verb).gi_code
        if code not in self._several:
            try:
                verb.send(await answer(connection, next(verb)))
            except StopIteration as done:
                only: T = done.value
                return only
            self._several.add(code)
            verb = make()
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return await run(connection, verb)
        finally:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")

    async def _once(self, make: Callable[[], Verb[T]]) -> T:
        connection = self._idle.pop() if self._idle else await self._server.connect(patient=True)
        sound = False
        try:
            result = await self._look(connection, make)
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
