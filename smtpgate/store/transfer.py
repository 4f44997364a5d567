"""Moving a whole store: from a SQLite file to a PostgreSQL database, or back, or between two of a kind.

What is read is one snapshot, what is written one transaction: at the end everything is there or nothing is. Before it is
committed every row is read back from the target and its hash compared with that of the source. No gateway may be at work on
either. Raises StoreError with a text for the admin; then nothing has changed.
"""

# ruff: noqa: S608 -- names of tables and columns come from our own schema
from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from smtpgate.errors import StoreError
from smtpgate.store import schema, sqlite_file
from smtpgate.store.copies import locked
from smtpgate.store.schema import Table
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_writer import bound
from smtpgate.store.statement import LAST_COMMIT, Row, Value

_PAGE = 500  # rows read and written at once
_LARGE = 8  # of tables with whole mails in them
_RAW = ("incoming_raw", "outgoing_raw")
_VERSION = "schema version"


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


async def copy(source: str, target: str, *, password_file: Path | None, step: Callable[[int], None]) -> list[Moved]:
    """source and target: a path of a SQLite file or the URL of a database. step is told how many rows were moved."""
    async with AsyncExitStack() as stack:
        if _is_url(source) == _is_url(target) and (source == target or Path(source).absolute() == Path(target).absolute()):
            raise StoreError(f"{target} cannot be copied to itself")
        old = await stack.enter_async_context(_place(source, password_file, write=False))
        new = await stack.enter_async_context(_place(target, password_file, write=True))
        for table in schema.tables():
            wanted = f"SELECT 1 FROM {table.name} LIMIT 1" if table.name != "meta" else _OTHER_META
            if await new.rows(wanted):
                raise StoreError(f"{target} is not empty: its table {table.name} has rows; name a new one")
        moved = []
        for table in schema.tables():
            there = await _copy(old, new, table, step)
            here = await _digest(_pages(new, table))
            if there != here:
                raise StoreError(f"table {table.name} is not the same in {target}: nothing was copied; report it")
            moved.append(Moved(table.name, *there))
        await new.commit()
    return moved


_OTHER_META = f"SELECT 1 FROM meta WHERE key <> '{_VERSION}' AND substr(key, 1, {len(LAST_COMMIT)}) <> '{LAST_COMMIT}' LIMIT 1"


async def _copy(old: Place, new: Place, table: Table, step: Callable[[int], None]) -> tuple[int, str]:
    async def passed() -> AsyncIterator[list[Row]]:
        async for page in _pages(old, table):
            rows = page if table.name != "meta" else [row for row in page if row[0] != _VERSION]
            await new.put(table, rows)
            step(len(page))
            yield page

    return await _digest(passed())


async def _pages(place: Place, table: Table) -> AsyncIterator[list[Row]]:
    """All rows in the order of the key."""
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    size = _LARGE if table.name in _RAW else _PAGE
    where = [table.columns.index(name) for name in table.key]
    after = ", ".join(f"${i + 1}" for i in range(len(where)))
    page = await place.rows(f"SELECT {columns} FROM {table.name} ORDER BY {key} LIMIT {size}")
    while page:  # what a lane of a database notes for itself is no part of the store
        yield [row for row in page if table.name != "meta" or not row[0].startswith(LAST_COMMIT)]
        last = [page[-1][i] for i in where]
        sql = f"SELECT {columns} FROM {table.name} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT {size}"
        page = await place.rows(sql, *last) if len(page) == size else []


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
    else:
        sqlite_file.require_current(path)
    with locked(path):
        connection = sqlite_file.connect(path)
        try:
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield _File(connection)
        except sqlite3.Error as error:
            raise store_error(error, f"copying {path}") from error
        finally:
            connection.close()  # what was not committed has not happened
