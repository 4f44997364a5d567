"""The store in one SQLite file: a writer thread with group commit, readers apart.

Several processes may open the same file. Raises StoreError for what may succeed later, StoreFull when there is no
room, StoreFatal when the file or its disk cannot be trusted; after the first StoreFatal every verb raises it at once
and on_fatal has been called.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import aiosqlite
import structlog

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store import changes, filecopies, sqlite_file
from smtpgate.store.alarm import Alarm
from smtpgate.store.api import Changes
from smtpgate.store.changes import Filing
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.seen import Finding
from smtpgate.store.sqlite_readers import Readers
from smtpgate.store.sqlite_writer import Writer
from smtpgate.store.statement import T, Verb
from smtpgate.store.verbs import PATIENCE, VerbStore

log = structlog.get_logger(__name__)


def _no_call(error: StoreFatal) -> None:
    """For tools, which end anyway with the StoreFatal that their verb raises."""


class SqliteStore(VerbStore):
    """Made by open(); close() must be reached, or the process does not end."""

    def __init__(self, path: Path, readers: Readers, writer: Writer | None, files: RawFiles) -> None:
        self._path = path
        self.files = files
        self._readers = readers
        self._writer = writer

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        on_fatal: Callable[[StoreFatal], None] = _no_call,
        create: bool = True,
        read_only: bool = False,
        files: RawFiles | None = None,
    ) -> SqliteStore:
        """Make the directory (0700) and the file (0600) if need be, migrate, start the writer. files: unless they lie beside.

        on_fatal is called once, on this event loop, when the callers that were hit have been answered. read_only
        changes nothing and needs a file of our schema version. Raises StoreError with a text for the admin.
        """

        def told(error: StoreFatal) -> None:
            log.critical("store failed", store=str(path), error=str(error))
            on_fatal(error)

        alarm, files = Alarm(told), files or RawFiles.beside(path)
        readers = Readers(path, alarm)
        if read_only:
            await asyncio.to_thread(sqlite_file.require_current, path)
            return cls(path, readers, None, files)
        await asyncio.to_thread(sqlite_file.prepare, path, create=create)
        return cls(path, readers, Writer(await asyncio.to_thread(sqlite_file.connect, path), alarm), files)

    async def close(self) -> None:
        """Finish what is queued and close. Safe to call twice."""
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)
        await self._readers.close()

    @property
    def commits(self) -> int:
        return 0 if self._writer is None else self._writer.commits

    async def size(self) -> int:
        return self._path.stat().st_size

    async def join(self, node: str, handlers: Mapping[str, Callable[[], None]]) -> None:
        """The file's lock says who is at work; what other processes write is found by looking."""

    async def check(self) -> list[str]:
        """SQLite's own checks first, then those of the data."""
        return await self._readers.use(_integrity) + await super().check()

    async def verify(self, now: float) -> list[Finding]:
        with contextlib.suppress(StoreError):  # an earlier store that cannot be read is no fault of this one
            self.files.spared = await asyncio.to_thread(filecopies.kept_aside, self._path)
        return await super().verify(now)

    async def forgotten(self) -> None:
        await asyncio.to_thread(sqlite_file.empty_log, self._path)

    async def _write(
        self, make: Callable[[], Verb[T]], size: int = 0, *, ordered: bool = False, news: str = "", patience: float = 0.0
    ) -> T:
        del ordered, news  # one writer at a time has the file, and other processes find news by looking
        if self._writer is None:
            raise StoreError("the store is open for reading only")
        result: T = await self._writer.submit(make, size, patience)
        return result

    async def _file(self, filing: Filing) -> Changes:
        if self._writer is None:
            raise StoreError("the store is open for reading only")
        result: Changes = await self._writer.submit(lambda: changes.file(filing), 0, PATIENCE, filing)
        return result

    async def _read(self, make: Callable[[], Verb[T]]) -> T:
        return await self._readers.run(make)


async def _integrity(connection: aiosqlite.Connection) -> list[str]:
    damage = [row[0] for row in await connection.execute_fetchall("PRAGMA integrity_check")]
    orphans = [tuple(row) for row in await connection.execute_fetchall("PRAGMA foreign_key_check")]
    return [line for line in damage if line != "ok"] + [
        f"row {row} of {table} refers to a row of {parent} that is not there" for table, row, parent, _ in orphans
    ]
