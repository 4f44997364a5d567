"""A PostgreSQL database as one end of a copy (store.transfer)."""

# ruff: noqa: S608 -- names of tables and columns come from our own schema
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from smtpgate.errors import StoreError
from smtpgate.store import schema
from smtpgate.store.postgres_errors import ERRORS, store_error
from smtpgate.store.postgres_link import Server, closed
from smtpgate.store.postgres_schema import prepare
from smtpgate.store.postgres_writer import ORDER_LOCK
from smtpgate.store.schema import Table
from smtpgate.store.statement import Row, Value

_NAME = "smtpgate copy"
_AT_WORK = """SELECT application_name FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'smtpgate%' AND pid <> pg_backend_pid()"""


@dataclass(frozen=True, slots=True)
class _Database:
    connection: asyncpg.Connection

    async def rows(self, sql: str, *values: Value) -> list[Row]:
        return [tuple(row) for row in await self.connection.fetch(sql, *values)]

    async def put(self, table: Table, rows: list[Row]) -> None:
        await self.connection.copy_records_to_table(table.name, records=rows, columns=table.columns)

    async def commit(self) -> None:
        """Numbers that the database gives go on after those that were copied."""
        for table in schema.tables():
            for (column,) in await self.rows(_IDENTITIES, table.name):
                highest = await self.connection.fetchval(f"SELECT max({column}) FROM {table.name}")
                if highest is not None:
                    await self.connection.fetchval("SELECT setval(pg_get_serial_sequence($1, $2), $3)", table.name, column, highest)
        await self.connection.execute("COMMIT")


_IDENTITIES = """SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attidentity <> ''"""


@asynccontextmanager
async def database(url: str, password_file: Path | None, *, write: bool) -> AsyncIterator[_Database]:
    """With a transaction open. Raises StoreError when a gateway is at work on it."""
    connection = await Server(url, password_file, _NAME, read_only=not write).connect(patient=True)
    try:
        await prepare(connection, create=write, change=write, exact=True)
        found = await connection.fetch(_AT_WORK)
        if found:
            raise StoreError(f"{found[0][0]} is at work on {url}: stop all gateways first")
        if write:
            await connection.execute("SET idle_in_transaction_session_timeout = 0; BEGIN")
            await connection.fetchval("SELECT pg_advisory_xact_lock($1)", ORDER_LOCK)
        else:
            await connection.execute("SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield _Database(connection)
    except ERRORS as error:
        raise store_error(error, f"copying {url}") from error
    finally:
        await closed(connection)
