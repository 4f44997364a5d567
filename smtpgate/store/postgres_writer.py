"""Writing to PostgreSQL: what waits goes into one transaction, and no caller hears of success before its commit.

Each lane has a connection of its own and runs one transaction at a time. Verbs whose answer depends on what others write
(filing: the repeat rule, ticket numbers, caps) are `ordered`: their lane takes one lock that all nodes share, so that they
happen one after the other in the whole cluster, as with SQLite's one writer. The others need no order among nodes; their
rows are taken with SKIP LOCKED or change only if they still are what they were.

When one of many fails, each is run again alone, so that it takes nothing along. A server that went away is waited for;
whether a commit that it did not answer has happened is asked of it. A caller that is
cancelled changes nothing: its verb runs whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from smtpgate import metrics
from smtpgate.errors import StoreAway, StoreError, StoreFatal, StoreMisuse
from smtpgate.store.alarm import Alarm
from smtpgate.store.changes import Filing
from smtpgate.store.postgres_errors import ERRORS, Again, store_error
from smtpgate.store.postgres_filing import file_abreast
from smtpgate.store.postgres_link import Server, closed, patience, patiently, run, run_side_by_side
from smtpgate.store.statement import LAST_COMMIT, Verb

ORDER_LOCK = 0x534D5447  # "SMTG": the advisory lock of ordered verbs
_BATCH_VERBS = 64
_ORDERED_VERBS = 32  # the other nodes wait for all of them
_BATCH_OCTETS = 8 * 1024**2
_VERB_OCTETS = 8192  # what a verb writes besides its mail, about
_AGAIN = 20  # times that one verb is run again because it met another one

# Each transaction of a lane writes its number into a row of the lane's own, so that after a commit without an answer the
# row says whether it has happened, on whichever server. (The server's own transaction numbers do not: after a crash they
# are given out once more.) FOR UPDATE waits for a commit that is still under way.
_BEGUN = "INSERT INTO meta (key, value) VALUES ($1, '0') ON CONFLICT (key) DO NOTHING"
_BEGIN = "BEGIN; {lock}UPDATE meta SET value = '{number}' WHERE key = '{mark}'"
_LOCK = f"SELECT pg_advisory_xact_lock({ORDER_LOCK}); "
_FATE = "SELECT value FROM meta WHERE key = $1 FOR UPDATE"
_ENDED = "DELETE FROM meta WHERE key = $1"


@dataclass(eq=False, slots=True)
class Job:
    make: Callable[[], Verb[Any]]
    size: int
    news: str  # what others may be told of when it has happened
    due: float  # until then it waits for company (time of the event loop)
    until: float  # for so long it waits for a server that is away
    future: asyncio.Future[Any]
    since: float  # time of the event loop
    filing: Filing | None = None  # what `make` would file
    result: Any = None
    error: BaseException | None = None


class _Unanswered(Exception):
    """A commit was sent and not answered."""


@dataclass(eq=False, slots=True)
class Lane:
    """Begun by start(); close() finishes what is queued."""

    server: Server
    alarm: Alarm
    ordered: bool
    told: Callable[[set[str]], None]  # called after a commit with the news of its verbs
    commits: int = 0  # transactions committed, for tests and benchmarks
    _mark: str = field(default_factory=lambda: LAST_COMMIT + secrets.token_hex(8))
    _marked: bool = False  # its row is there
    _number: int = 0  # of the last transaction that was begun
    _jobs: deque[Job] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _closing: bool = False
    _connection: asyncpg.Connection | None = None
    _task: asyncio.Task[None] | None = None

    def start(self, connection: asyncpg.Connection | None) -> None:
        """connection: one that is there already."""
        self._connection = connection
        self._task = asyncio.create_task(self._work(), name="store lane")

    def submit(
        self, make: Callable[[], Verb[Any]], size: int, news: str, wait: float = 0.0, filing: Filing | None = None
    ) -> asyncio.Future[Any]:
        """Queue a verb, which waits at most so many seconds for others. The future may be abandoned; the verb happens all the
        same. Raises StoreError at once when closed."""
        self.alarm.check()
        if self._closing:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        job = Job(make, size + _VERB_OCTETS, news, loop.time() + wait, patience(), loop.create_future(), loop.time(), filing)
        self._jobs.append(job)
        if wait > 0 and len(self._jobs) < self._most:
            loop.call_at(job.due, self._wake.set)
        else:
            self._wake.set()
        return job.future

    @property
    def _most(self) -> int:
        return _ORDERED_VERBS if self.ordered else _BATCH_VERBS

    async def close(self) -> None:
        """Safe to call twice."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.shield(self._task)

    # --- the task -------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while batch := await self._next_batch():
            try:
                await self._serve(batch)
            except Exception as error:  # a bug of ours: callers must not wait for ever
                _reject(batch, StoreError(f"the store's writer failed: {error!r}"))
                self._drop()
            self._answer(batch)
        if self._connection is not None:
            with contextlib.suppress(*ERRORS):
                await self._connection.execute(_ENDED, self._mark)
            await closed(self._connection)

    async def _next_batch(self) -> list[Job]:
        """What is queued, bounded; waits for the first, and as long as all are patient. Empty: closed and nothing left."""
        now = asyncio.get_running_loop().time
        while not self._closing and len(self._jobs) < self._most and not any(job.due <= now() for job in self._jobs):
            self._wake.clear()
            await self._wake.wait()
        batch: list[Job] = []
        octets = 0
        while self._jobs and len(batch) < self._most and (not batch or octets + self._jobs[0].size <= _BATCH_OCTETS):
            job = self._jobs.popleft()
            octets += job.size
            batch.append(job)
        return batch

    async def _serve(self, batch: list[Job]) -> None:
        """Each job has a result or an error after it."""
        if self.alarm.error is not None:
            _reject(batch, self.alarm.error)
            return
        if len(batch) == 1 or not await self._all_at_once(batch):
            for job in batch:
                await self._alone(job)

    async def _all_at_once(self, batch: list[Job]) -> bool:
        """False: one of them does not go together with the rest, and nothing has happened."""
        try:
            await self._happen(batch)
        except (StoreMisuse, Again):
            return False
        except StoreError as error:
            if self._refused_by_verb(error):
                return False
            _reject(batch, error)
        except Exception:  # what a decide raised
            return False
        return True

    @staticmethod
    def _refused_by_verb(error: StoreError) -> bool:
        """A verb raised it of itself (LeaseLost); what the server raised has the server's error as its cause."""
        return error.__cause__ is None and not isinstance(error, (StoreAway, StoreFatal))

    async def _alone(self, job: Job) -> None:
        for _ in range(_AGAIN):
            try:
                await self._happen([job])
            except Again as error:
                job.error = StoreError(str(error))
                continue
            except Exception as error:
                job.error = error
            return

    async def _happen(self, batch: list[Job]) -> None:
        """One transaction, waiting for the server if need be. Raises what kept it from happening."""
        until = max(job.until for job in batch)
        while True:
            try:
                return await patiently(lambda: self._transaction(batch), until)
            except _Unanswered:
                if await patiently(self._has_happened, patience()):
                    return self._committed(batch)

    async def _transaction(self, batch: list[Job]) -> None:
        connection = await self._connected()
        loop = asyncio.get_running_loop()
        sent, began = False, loop.time()
        self._number += 1
        try:
            if not self._marked:
                await connection.execute(_BEGUN, self._mark)
                self._marked = True
            begin = _BEGIN.format(lock=_LOCK if self.ordered else "", number=self._number, mark=self._mark)
            if await connection.execute(begin) != "UPDATE 1":  # a successor that never had it
                self._marked = False
                raise StoreAway("the database is another one than before")
            locked = loop.time()
            await self._run(connection, batch)
            sent, ready = True, loop.time()
            await connection.execute("COMMIT")
            metrics.committed([began - job.since for job in batch], locked - began, loop.time() - ready)
        except ERRORS as error:
            translated = store_error(error, "writing")
            if not isinstance(translated, StoreAway):
                await self._roll_back()
                raise translated from error
            self._drop()
            if sent:
                raise _Unanswered from error
            raise translated from error
        except BaseException:
            await self._roll_back()
            raise
        self._committed(batch)

    async def _run(self, connection: asyncpg.Connection, batch: list[Job]) -> None:
        for job in batch:
            job.result = job.error = None
        if not self.ordered:
            for job, result in zip(batch, await run_side_by_side(connection, [job.make() for job in batch]), strict=True):
                job.result = result
            return
        for filed, jobs in itertools.groupby(batch, lambda job: job.filing is not None):
            if not filed:
                for job in jobs:
                    job.result = await run(connection, job.make())
                continue
            several = list(jobs)
            outcomes = await file_abreast(connection, [job.filing for job in several if job.filing is not None])
            for job, outcome in zip(several, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    job.error = outcome
                else:
                    job.result = outcome

    def _committed(self, batch: list[Job]) -> None:
        self.commits += 1
        news = {job.news for job in batch if job.news and job.error is None}
        if news:
            self.told(news)

    async def _has_happened(self) -> bool:
        """The transaction whose commit was not answered. Raises StoreError when that cannot be found out now."""
        connection = await self._connected()
        try:
            found = await connection.fetchval(_FATE, self._mark)
        except ERRORS as error:
            self._drop()
            raise store_error(error, "asking for the fate of a commit") from error
        return bool(found == str(self._number))

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self.server.connect()
        return self._connection

    async def _roll_back(self) -> None:
        """Leave no transaction open, or no connection."""
        connection = self._connection
        if connection is None or connection.is_closed():
            return
        try:
            await connection.execute("ROLLBACK")
        except ERRORS:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _answer(self, batch: list[Job]) -> None:
        for job in batch:
            if isinstance(job.error, StoreFatal):
                self.alarm.set(job.error)
            if job.future.done():  # its caller was cancelled
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        self.alarm.ring()


def _reject(batch: list[Job], error: StoreError) -> None:
    for job in batch:
        job.error = type(error)(str(error))  # one of its own for each caller: a traceback grows where it is raised
