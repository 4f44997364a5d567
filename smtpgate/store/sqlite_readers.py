"""A few connections that only read, apart from the writer, so that nobody who looks waits for a commit.

Each verb runs whole on one snapshot, in one of a few threads: one hop there and back, however many statements it has, and
a caller that is cancelled leaves no transaction open.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.alarm import Alarm
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_file import BUSY_TIMEOUT, uri
from smtpgate.store.sqlite_writer import run
from smtpgate.store.statement import T, Verb

_CONNECTIONS = 3

Read = Callable[[sqlite3.Connection], T]


class Readers:
    """Connections are opened when first needed and kept. A damaged file rings the alarm."""

    def __init__(self, path: Path, alarm: Alarm) -> None:
        self._path = path
        self._alarm = alarm
        self._threads = ThreadPoolExecutor(_CONNECTIONS, "smtpgate-store-reader")
        self._idle: list[sqlite3.Connection] = []  # as many as threads at most; taken and put back by them
        self._closed = False

    async def run(self, make: Callable[[], Verb[T]]) -> T:
        return await self.use(lambda connection: run(connection, make()))

    async def use(self, read: Read[T]) -> T:
        """Run read with a connection, inside a transaction. Raises StoreError and StoreFatal."""
        self._alarm.check()
        if self._closed:
            raise StoreError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._use, read)

    async def close(self) -> None:
        """Wait for the reads that are under way, then close all. Safe to call twice."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        while self._idle:
            self._idle.pop().close()

    # --- in the threads -----------------------------------------------------------------------------------------------

    def _use(self, read: Read[T]) -> T:
        try:
            connection = self._idle.pop() if self._idle else self._connect()
        except sqlite3.Error as error:
            raise self._translated(error) from error
        sound = False
        try:
            connection.execute("BEGIN DEFERRED")
            try:
                result = read(connection)
            finally:
                connection.execute("COMMIT")
            sound = True
        except sqlite3.Error as error:
            raise self._translated(error) from error
        finally:
            if sound:
                self._idle.append(connection)
            else:
                connection.close()
        return result

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri(self._path, "ro"),
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA cache_size = -2048")
            connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
        return connection

    def _translated(self, error: sqlite3.Error) -> StoreError:
        translated = store_error(error, "reading")
        if isinstance(translated, StoreFatal):
            self._alarm.set(translated)
            self._alarm.ring()
        return translated
