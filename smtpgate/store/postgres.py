"""The store in a PostgreSQL database that several gateways share: the same verbs, the same statements.

Two lanes write (postgres_writer), a few connections read, one listens. A server that is away for some seconds is waited
for; after that StoreAway, until it or its successor answers. StoreFatal only when the server says that its data is damaged;
after the first one every verb raises it at once and on_fatal has been called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store import changes
from smtpgate.store.alarm import Alarm
from smtpgate.store.api import Changes
from smtpgate.store.changes import Filing
from smtpgate.store.postgres_errors import ERRORS, store_error
from smtpgate.store.postgres_link import Server, closed, patience, patiently
from smtpgate.store.postgres_news import Handlers, News
from smtpgate.store.postgres_readers import Readers
from smtpgate.store.postgres_schema import prepare
from smtpgate.store.postgres_writer import Lane
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.statement import Query, T, Verb
from smtpgate.store.verbs import OUTGOING, PATIENCE, VerbStore

log = structlog.get_logger(__name__)

PERSONAL = (  # tables with rows that an erasure changes or removes
    *("incoming", "incoming_raw", "raw_file", "imported", "ticket", "participant", "wish", "entry", "message_ref", "unseen_ref"),
    *(
        "subject_ref",
        "fingerprint",
        "outgoing_raw",
        "recipient",
        "attempt",
        "acknowledgement",
        "block",
        "bulletin_person",
        "privacy",
    ),
    *("merge_state", "merge_moved"),
)
_VACUUM = 300.0  # seconds
_OTHERS = 3  # connections besides the readers': two lanes and the news
LEAST_CONNECTIONS = _OTHERS + 1


class PostgresStore(VerbStore):
    """Made by open()."""

    def __init__(self, server: Server, alarm: Alarm, connections: int, files: RawFiles) -> None:
        self._server = server
        self.files = files
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
        files: RawFiles | None = None,
    ) -> PostgresStore:
        """Make the tables if need be and `create`, migrate. connections: at most, of this process.
        files: of a directory that all nodes share; without it every mail is whole in the database.

        on_fatal is called once when the callers that were hit have been answered. read_only changes nothing, needs our
        schema version and is content with a standby. Raises StoreError with a text for the admin.
        """

        def told(error: StoreFatal) -> None:
            log.critical("store failed", store=server.url, error=str(error))
            on_fatal(error)

        server = replace(server, read_only=read_only)
        connection = await server.connect()
        try:
            await prepare(connection, create=create, change=not read_only)
        except ERRORS as error:
            connection.terminate()
            raise store_error(error, "opening the database") from error
        except BaseException:
            connection.terminate()
            raise
        store = cls(server, Alarm(told), connections, files or RawFiles(None))
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

    async def forgotten(self) -> None:
        """Rows that were replaced go for good. It waits for no lock and nobody waits for it."""
        connection = await self._server.connect()
        try:
            await connection.execute(f"VACUUM (SKIP_LOCKED) {', '.join(PERSONAL)}", timeout=_VACUUM)
        except (*ERRORS, TimeoutError):
            log.info("the database's own vacuum removes what was erased")
        finally:
            await closed(connection)

    def _tell(self, news: set[str]) -> None:
        if self._news is not None:
            self._news.tell(news)

    async def _write(
        self, make: Callable[[], Verb[T]], size: int = 0, *, ordered: bool = False, news: str = "", patience: float = 0.0
    ) -> T:
        if self._server.read_only:
            raise StoreError("the store is open for reading only")
        result: T = await self._lanes[ordered].submit(make, size, news, patience)
        return result

    async def _file(self, filing: Filing) -> Changes:
        if self._server.read_only:
            raise StoreError("the store is open for reading only")
        filed: Changes = await self._lanes[True].submit(lambda: changes.file(filing), 0, OUTGOING, PATIENCE, filing)
        return filed

    async def _read(self, make: Callable[[], Verb[T]]) -> T:
        return await self._readers.run(make)
