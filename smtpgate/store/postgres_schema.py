"""The schema in a PostgreSQL database: its version, and the way up to ours.

Raises StoreError with a text for the admin: no store, not ours, written by a newer version.
"""

from __future__ import annotations

import asyncpg

from smtpgate.errors import StoreError
from smtpgate.store import schema
from smtpgate.store.postgres_dialect import ddl
from smtpgate.store.postgres_writer import ORDER_LOCK

_MIGRATE_WITHIN = 3600.0  # seconds for one statement


async def prepare(connection: asyncpg.Connection, *, create: bool, change: bool) -> None:
    """Bring the schema to our version, in one transaction; another node that does so at the same time is waited for."""
    steps = schema.migrations()
    if await _version(connection) == len(steps):
        return
    if not change:
        raise StoreError(f"the database has not schema {len(steps)}: start the gateway (smtpgate serve), which brings it there")
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '60s'")
        await connection.fetchval("SELECT pg_advisory_xact_lock($1)", ORDER_LOCK, timeout=_MIGRATE_WITHIN)
        version = await _version(connection)
        if version == 0:
            if not create:
                raise StoreError("there is no store in this database; `smtpgate serve` makes it")
            scripts = [schema.schema()]
        else:
            scripts = steps[version:]
        for script in scripts:
            for statement in ddl(script):
                await connection.execute(statement, timeout=_MIGRATE_WITHIN)
        await connection.execute(
            "INSERT INTO meta (key, value) VALUES ('schema version', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            str(len(steps)),
        )


async def _version(connection: asyncpg.Connection) -> int:
    """0 for a database without tables. Raises StoreError for what is not ours or newer than us."""
    if await connection.fetchval("SELECT to_regclass('incoming') IS NULL"):
        if await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"):
            raise StoreError("the database has tables of some other program: give smtpgate a database of its own")
        return 0
    version = int(await connection.fetchval("SELECT value FROM meta WHERE key = 'schema version'"))
    ours = len(schema.migrations())
    if version > ours:
        raise StoreError(
            f"the database was written by a newer smtpgate (schema {version}, this one knows {ours}): "
            "install that version again, or restore the backup from before the upgrade"
        )
    return version
