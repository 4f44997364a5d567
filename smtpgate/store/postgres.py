"""The store in a PostgreSQL database that several gateways share: the same verbs, the same statements.

Two lanes write (postgres_writer), a few connections read, one listens. A server that is away for some seconds is waited
for; after that StoreAway, until it or its successor answers. StoreFatal only when the server says that its data is damaged;
after the first one every verb raises it at once and on_fatal has been called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import asyncpg
import structlog

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store import schema
from smtpgate.store.alarm import Alarm
from smtpgate.store.postgres_dialect import ddl
from smtpgate.store.postgres_errors import ERRORS, store_error
from smtpgate.store.postgres_link import Server, patience, patiently
from smtpgate.store.postgres_news import Handlers, News
from smtpgate.store.postgres_readers import Readers
from smtpgate.store.postgres_writer import ORDER_LOCK, Lane
from smtpgate.store.statement import Query, T, Verb
from smtpgate.store.verbs import VerbStore

log = structlog.get_logger(__name__)

_OTHERS = 3  # connections besides the readers': two lanes and the news
_MIGRATE_WITHIN = 3600.0  # seconds for one statement
LEAST_CONNECTIONS = _OTHERS + 1


class PostgresStore(VerbStore):
    """Made by open()."""

    def __init__(self, server: Server, alarm: Alarm, connections: int) -> None:
        self._server = server
        self._readers = Readers(server, alarm, max(1, connections - _OTHERS))
        self._lanes = {ordered: Lane(server, alarm, ordered, self._tell) for ordered in (False, True)}
        self._news: News | None = None

    @classmethod
    async def open(
        cls,
        server: Server,
        *,
        connections: int = 8,
        on_fatal: Callable[[StoreFatal], None] = lambda _: None,
        create: bool = True,
        read_only: bool = False,
    ) -> PostgresStore:
        """Make the tables if need be and `create`, migrate. connections: at most, of this process.

        on_fatal is called once when the callers that were hit have been answered. read_only changes nothing, needs our
        schema version and is content with a standby. Raises StoreError with a text for the admin.
        """

        def told(error: StoreFatal) -> None:
            log.critical("store failed", store=server.url, error=str(error))
            on_fatal(error)

        server = replace(server, read_only=read_only)
        connection = await server.connect()
        try:
            await _prepare(connection, create=create, change=not read_only)
        except ERRORS as error:
            connection.terminate()
            raise store_error(error, "opening the database") from error
        except BaseException:
            connection.terminate()
            raise
        store = cls(server, Alarm(told), connections)
        if read_only:
            store._readers.take(connection)
        else:
            store._lanes[False].start(connection)
            store._lanes[True].start(None)
        return store

    async def close(self) -> None:
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
        await self._readers.close()
        news, self._news = self._news, None
        if news is not None:
            await news.close()

    @property
    def commits(self) -> int:
        return sum(lane.commits for lane in self._lanes.values())

    async def size(self) -> int:
        def verb() -> Verb[int]:
            found = yield Query("SELECT pg_database_size(current_database())")
            return int(found[0][0])

        return await self._read(verb)

    async def join(self, node: str, handlers: Handlers) -> None:
        """Be known to the other nodes as `node`. handlers are called when one of them has such news (store.verbs)."""

        async def start() -> None:
            news = News(self._server, node, handlers)
            await news.start()
            self._news = news

        await patiently(start, patience())

    def _tell(self, news: set[str]) -> None:
        if self._news is not None:
            self._news.tell(news)

    async def _write(
        self, make: Callable[[], Verb[T]], size: int = 0, *, ordered: bool = False, news: str = "", patience: float = 0.0
    ) -> T:
        del patience  # a round trip to the server is long enough for company to come
        if self._server.read_only:
            raise StoreError("the store is open for reading only")
        result: T = await self._lanes[ordered].submit(make, size, news)
        return result

    async def _read(self, make: Callable[[], Verb[T]]) -> T:
        return await self._readers.run(make)


async def _prepare(connection: asyncpg.Connection, *, create: bool, change: bool) -> None:
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
