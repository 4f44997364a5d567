"""The schema in a PostgreSQL database: its version, and the way up to ours.

Raises StoreError with a text for the admin: no store, not ours, written by a newer version that breaks ours, or a step that
would break an older gateway which is at work. Steps that only add are made beside older gateways (a rolling upgrade).
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from smtpgate.errors import StoreError
from smtpgate.store import schema
from smtpgate.store.postgres_dialect import ddl
from smtpgate.store.postgres_writer import ORDER_LOCK

_MIGRATE_WITHIN = 3600.0  # seconds for one statement
# Gateways, of which each holds a lock on its name (postgres_news).
_AT_WORK = """SELECT application_name FROM pg_stat_activity a
    WHERE datname = current_database() AND application_name LIKE 'smtpgate%' AND pid <> pg_backend_pid()
        AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock'
            AND l.granted AND (l.classid, l.objid) <> (0, $1::bigint::oid))"""


async def prepare(connection: asyncpg.Connection, *, create: bool, change: bool, exact: bool = False) -> None:
    """Bring the schema to our version, in one transaction; another node that does so at the same time is waited for.

    A newer schema is used as it is where it only adds to ours; with `exact` it is refused.
    """
    steps = schema.migrations()
    version = await _version(connection)
    if version > len(steps) and exact:
        raise StoreError(f"the database has schema {version}, this version knows {len(steps)}: use the newest version for this")
    if version >= len(steps):
        return
    if not change:
        raise StoreError(f"the database has not schema {len(steps)}: start the gateway (smtpgate serve), which brings it there")
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '60s'")
        await connection.fetchval("SELECT pg_advisory_xact_lock($1)", ORDER_LOCK, timeout=_MIGRATE_WITHIN)
        version = await _version(connection)
        if version >= len(steps):
            return
        if version == 0:
            if not create:
                raise StoreError("there is no store in this database; `smtpgate serve` makes it")
            scripts = [schema.schema()]
        else:
            await _alone(connection, version, steps)
            scripts = steps[version:]
        for script in scripts:
            for statement in ddl(script):
                await connection.execute(statement, timeout=_MIGRATE_WITHIN)
        for key, value in (("schema version", len(steps)), (schema.NEEDS, schema.needed(steps))):
            await connection.execute(
                "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                key,
                str(value),
            )


async def _alone(connection: asyncpg.Connection, version: int, steps: Sequence[str]) -> None:
    """Raises StoreError when a step would break an older gateway that is at work."""
    if schema.needed(steps) <= version:
        return
    found = await connection.fetch(_AT_WORK, ORDER_LOCK)
    if found:
        raise StoreError(
            f"{found[0][0]} is at work with an older version, which this one's schema {len(steps)} would break: "
            "stop all gateways, then start the new version"
        )


async def _version(connection: asyncpg.Connection) -> int:
    """0 for a database without tables. Raises StoreError for what is not ours or unfit for us."""
    if await connection.fetchval("SELECT to_regclass('incoming') IS NULL"):
        if await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"):
            raise StoreError("the database has tables of some other program: give smtpgate a database of its own")
        return 0
    found = {row[0]: int(row[1]) for row in await connection.fetch("SELECT key, value FROM meta WHERE key LIKE 'schema %'")}
    version = found["schema version"]
    schema.usable(version, found.get(schema.NEEDS), "the database")
    return version
