"""A few connections that only read, apart from the writer, so that nobody who looks waits for a commit.

Each verb runs whole on one snapshot. Every connection has a thread that is not a daemon: close() must be reached, or the
process does not end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import aiosqlite

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.alarm import Alarm
from smtpgate.store.reading import Reading
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_file import BUSY_TIMEOUT, uri
from smtpgate.store.sqlite_writer import bound
from smtpgate.store.statement import Question, Rows, SideBySide, T, Together, Verb, statements

_CONNECTIONS = 3

Read = Callable[[aiosqlite.Connection], Coroutine[Any, Any, T]]


class Readers:
    """Connections are opened when first needed and kept. A damaged file rings the alarm."""

    def __init__(self, path: Path, alarm: Alarm) -> None:
        self._path = path
        self._alarm = alarm
        self._reading = Reading(alarm, _CONNECTIONS)
        self._idle: list[aiosqlite.Connection] = []

    async def run(self, make: Callable[[], Verb[T]]) -> T:
        return await self.use(lambda connection: _run(connection, make()))

    async def use(self, read: Read[T]) -> T:
        """Run read with a connection, inside a transaction. Raises StoreError and StoreFatal."""
        return await self._reading.do(lambda: self._use(read))

    async def close(self) -> None:
        """Wait for the reads that are under way, then close all. Safe to call twice."""
        await self._reading.close()
        while self._idle:
            await self._idle.pop().close()

    async def _use(self, read: Read[T]) -> T:
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
        except sqlite3.Error as error:
            raise self._translated(error) from error
        sound = False
        try:
            await connection.execute("BEGIN DEFERRED")
            try:
                result = await read(connection)
            finally:
                await connection.execute("COMMIT")
            sound = True
        except sqlite3.Error as error:
            raise self._translated(error) from error
        finally:
            if sound:
                self._idle.append(connection)
            else:
                await connection.close()
        return result

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(
            uri(self._path, "ro"), uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, cached_statements=256
        )
        try:
            await connection.execute("PRAGMA query_only = ON")
            await connection.execute("PRAGMA cache_size = -2048")
            await connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            await connection.close()
            raise
        return connection

    def _translated(self, error: sqlite3.Error) -> StoreError:
        translated = store_error(error, "reading")
        if isinstance(translated, StoreFatal):
            self._alarm.set(translated)
            self._alarm.ring()
        return translated


async def _run(connection: aiosqlite.Connection, verb: Verb[T]) -> T:
    rows: Rows | None = None
    try:
        while True:
            question = verb.send(rows) if rows is not None else next(verb)
            rows = await _answer(connection, question)
    except StopIteration as done:
        result: T = done.value
        return result


async def _answer(connection: aiosqlite.Connection, question: Question) -> Rows:
    """As sqlite_writer.answer."""
    if isinstance(question, Together):
        return cast("Rows", [await _answer(connection, query) for query in question.queries])
    if isinstance(question, SideBySide):
        return [await _run(connection, verb) for verb in question.verbs]
    rows: Rows = []
    for sql, params in statements(question):
        rows += [tuple(row) for row in await connection.execute_fetchall(*bound(sql, params))]
    return rows
