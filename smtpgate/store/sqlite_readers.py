"""A few connections that only read, apart from the writer, so that nobody who looks waits for a commit.

Each verb runs whole on one snapshot, in a task of its own: a caller that is cancelled leaves no transaction open.
Every connection has a thread that is not a daemon: close() must be reached, or the process does not end.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import aiosqlite

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.alarm import Alarm
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_file import BUSY_TIMEOUT, uri
from smtpgate.store.sqlite_writer import bound
from smtpgate.store.statement import Question, Rows, T, Together, Verb, statements

_CONNECTIONS = 3

Read = Callable[[aiosqlite.Connection], Coroutine[Any, Any, T]]


class Readers:
    """Connections are opened when first needed and kept. A damaged file rings the alarm."""

    def __init__(self, path: Path, alarm: Alarm) -> None:
        self._path = path
        self._alarm = alarm
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._idle: list[aiosqlite.Connection] = []
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def run(self, make: Callable[[], Verb[T]]) -> T:
        return await self.use(lambda connection: _run(connection, make()))

    async def use(self, read: Read[T]) -> T:
        """Run read with a connection, inside a transaction. Raises StoreError and StoreFatal."""
        self._alarm.check()
        if self._closed:
            raise StoreError("the store is closed")
        task = asyncio.create_task(self._use(read))
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
            await self._idle.pop().close()

    async def _use(self, read: Read[T]) -> T:
        async with self._slots:
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
    rows: Rows = []
    for sql, params in statements(question):
        rows += [tuple(row) for row in await connection.execute_fetchall(*bound(sql, params))]
    return rows
