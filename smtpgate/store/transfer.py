"""Moving a whole store: from a SQLite file to a PostgreSQL database, or back, or between two of a kind.

What is read is one snapshot, what is written one transaction: at the end everything is there or nothing is. Before it is
committed every row is read back from the target and its hash compared with that of the source. No gateway may be at work on
either. Raises StoreError with a text for the admin; then nothing has changed.
"""

# ruff: noqa: S608 -- names of tables and columns come from our own schema
from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from smtpgate.errors import StoreError
from smtpgate.store import rows, schema, sqlite_file
from smtpgate.store.copies import locked
from smtpgate.store.filework import COLD_UP_TO
from smtpgate.store.rawfiles import HOME, Kept, Part, RawFiles, RawUnreadable
from smtpgate.store.schema import Table
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_writer import bound
from smtpgate.store.statement import LAST_COMMIT, Row, Value

_PAGE = 500  # rows read and written at once
_LARGE = 8  # of tables with whole mails in them
_RAW = ("incoming_raw", "outgoing_raw")
_VERSIONS = ("schema version", schema.NEEDS)  # of each store itself


class Place(Protocol):
    """A store as tables, with a transaction open."""

    async def rows(self, sql: str, *values: Value) -> list[Row]: ...

    async def put(self, table: Table, rows: list[Row]) -> None: ...

    async def commit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Moved:
    """One table. digest: SHA-256 over its rows, the same on both sides."""

    table: str
    rows: int
    digest: str


async def copy(
    source: str,
    target: str,
    *,
    password_file: Path | None,
    step: Callable[[int], None],
    files: tuple[RawFiles | None, RawFiles | None] = (None, None),
) -> list[Moved]:
    """source and target: a path of a SQLite file or the URL of a database. step is told how many rows were moved.

    files: the directories of raw mail of both, unless they lie beside a SQLite file. Raw mail is read from where the source has
    it, and goes to a file of the target, if it has any, by its size. Old mail too: it moves to a cold store anew."""
    async with AsyncExitStack() as stack:
        if _is_url(source) == _is_url(target) and (source == target or Path(source).absolute() == Path(target).absolute()):
            raise StoreError(f"{target} cannot be copied to itself")
        old = await stack.enter_async_context(_place(source, password_file, write=False))
        new = await stack.enter_async_context(_place(target, password_file, write=True))
        theirs, ours = (given or _usual(name) for given, name in zip(files, (source, target), strict=True))
        for table in schema.tables():
            wanted = f"SELECT 1 FROM {table.name} LIMIT 1" if table.name != "meta" else _OTHER_META
            if await new.rows(wanted):
                raise StoreError(f"{target} is not empty: its table {table.name} has rows; name a new one")
        moved = []
        for table in schema.tables():
            if table.name == "raw_file":
                continue  # each of the two has its own
            there = await _copy(old, new, table, step, theirs, ours)
            here = await _digest(_pages(new, table, ours))
            if there != here:
                raise StoreError(f"table {table.name} is not the same in {target}: nothing was copied; report it")
            moved.append(Moved(table.name, *there))
        await new.commit()
    return moved


_OTHER_META = f"SELECT 1 FROM meta WHERE key NOT IN {_VERSIONS} AND substr(key, 1, {len(LAST_COMMIT)}) <> '{LAST_COMMIT}' LIMIT 1"


def _usual(name: str) -> RawFiles:
    return RawFiles(None) if _is_url(name) else RawFiles.beside(Path(name))


async def _copy(
    old: Place, new: Place, table: Table, step: Callable[[int], None], theirs: RawFiles, ours: RawFiles
) -> tuple[int, str]:
    async def passed() -> AsyncIterator[list[Row]]:
        async for page in _pages(old, table, theirs):
            if table.name == "incoming_raw":
                await _put_raw(new, table, page, ours)
            else:
                await new.put(table, [row for row in page if table.name != "meta" or row[0] not in _VERSIONS])
            step(len(page))
            yield page

    return await _digest(passed())


async def _pages(place: Place, table: Table, files: RawFiles) -> AsyncIterator[list[Row]]:
    """All rows in the order of the key, raw mail with its bytes as they were accepted."""
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    size = _LARGE if table.name in _RAW else _PAGE
    where = [table.columns.index(name) for name in table.key]
    after = ", ".join(f"${i + 1}" for i in range(len(where)))
    page = await place.rows(f"SELECT {columns} FROM {table.name} ORDER BY {key} LIMIT {size}")
    while page:
        if table.name == "incoming_raw":
            yield await _get_raw(place, page, files)
        else:
            yield [row for row in page if table.name != "meta" or not _own(row[0])]
        last = [page[-1][i] for i in where]
        sql = f"SELECT {columns} FROM {table.name} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT {size}"
        page = await place.rows(sql, *last) if len(page) == size else []


def _own(key: str) -> bool:
    """What the lane of a database notes for itself, and how far mail went to the cold store, are no part of what is copied."""
    return key.startswith(LAST_COMMIT) or key == COLD_UP_TO


async def _get_raw(place: Place, page: list[Row], files: RawFiles) -> list[Row]:
    """(seq, trace, the mail)."""
    made = []
    for seq, packing, trace, body, file, start, length in page:
        try:
            if file is None:
                raw = rows.unpack(packing, body)
            else:
                where = await place.rows("SELECT place FROM raw_file WHERE sha256 = $1", file)
                part = Part(file, start, length, where[0][0] if where else HOME)
                raw = await asyncio.to_thread(rows.from_file, Kept(packing, part), files)
        except (RawUnreadable, zlib.error) as error:
            raise StoreError(f"mail number {seq}: {error}; smtpgate verify says more") from error
        made.append((seq, trace, raw))
    return made


async def _put_raw(place: Place, table: Table, page: list[Row], files: RawFiles) -> None:
    made: list[Row] = []
    for seq, trace, raw in page:
        packed = rows.pack(raw)
        if files.wants(packed.size):
            name = await asyncio.to_thread(files.put, packed.data)
            if not await place.rows("SELECT 1 FROM raw_file WHERE sha256 = $1", name):
                await place.put(_RAW_FILE, [(name, len(packed.data), HOME)])
            made.append((seq, packed.packing, trace, b"", name, 0, len(packed.data)))
        else:
            made.append((seq, packed.packing, trace, packed.data, None, 0, 0))
    await place.put(table, made)


_RAW_FILE = next(table for table in schema.tables() if table.name == "raw_file")


async def _digest(pages: AsyncIterator[list[Row]]) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    async for page in pages:
        for row in page:
            count += 1
            for part in _canonical(row):
                digest.update(part)
    return count, digest.hexdigest()


def _canonical(row: Iterable[Value]) -> Iterable[bytes]:
    """The same bytes for the same row wherever it is stored, other ones for any other row."""
    for value in row:
        if isinstance(value, float):
            yield b"f" + struct.pack(">d", value)
        elif isinstance(value, int):
            yield b"i%d;" % value
        elif value is None:
            yield b"n"
        else:
            data = value.encode() if isinstance(value, str) else value
            yield b"%s%d:" % (b"s" if isinstance(value, str) else b"b", len(data))
            yield data
    yield b"\n"


def _is_url(name: str) -> bool:
    return name.startswith(("postgresql://", "postgres://"))


@asynccontextmanager
async def _place(name: str, password_file: Path | None, *, write: bool) -> AsyncIterator[Place]:
    if _is_url(name):
        try:
            from smtpgate.store.postgres_transfer import database
        except ImportError as error:
            raise StoreError(f"{name} needs what the extra postgres brings: pip install 'smtpgate[postgres]'") from error
        async with database(name, password_file, write=write) as place:
            yield place
    else:
        async with _file(Path(name), write=write) as place:
            yield place


@dataclass(frozen=True, slots=True)
class _File:
    connection: sqlite3.Connection

    async def rows(self, sql: str, *values: Value) -> list[Row]:
        return self.connection.execute(*bound(sql, values)).fetchall()

    async def put(self, table: Table, rows: list[Row]) -> None:
        places = ", ".join("?" * len(table.columns))
        sql = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({places})"
        self.connection.executemany(sql, rows)

    async def commit(self) -> None:
        self.connection.execute("COMMIT")


@asynccontextmanager
async def _file(path: Path, *, write: bool) -> AsyncIterator[Place]:
    if write:
        sqlite_file.prepare(path, create=True)
    sqlite_file.require_current(path, exact=True)
    with locked(path):
        connection = sqlite_file.connect(path)
        try:
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield _File(connection)
        except sqlite3.Error as error:
            raise store_error(error, f"copying {path}") from error
        finally:
            connection.close()  # what was not committed has not happened
