"""The one thread that writes to the SQLite file, and group commit.

Everything that waits in the queue, up to a bound, becomes one transaction; mails that stand in it one after the other are filed
together (store.abreast). When a verb fails, the transaction begins anew, and in it each verb but the first has its own savepoint,
so that one that fails takes nothing along; when the first fails, it begins anew once more. A verb that nobody outside
waits for has patience: for a few milliseconds it waits for others to share its commit, and it goes at once with the first
that has none. Callers hear of success only after COMMIT. A caller that is cancelled changes nothing: its verb runs whole. A
failed BEGIN or COMMIT fails all of the batch; StoreFatal ends the writer's work for good.
"""

from __future__ import annotations

import asyncio
import functools
import math
import re
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from smtpgate import metrics
from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.abreast import file_in_order
from smtpgate.store.alarm import Alarm
from smtpgate.store.changes import Filing
from smtpgate.store.sqlite_errors import BUSY, primary_code, store_error
from smtpgate.store.statement import (
    CHUNK,
    Many,
    Query,
    Question,
    Rows,
    SideBySide,
    Together,
    Value,
    Verb,
    fitted,
    statements,
    with_list,
)

_BATCH_VERBS = 64
_BATCH_OCTETS = 8 * 1024**2
_VERB_OCTETS = 8192  # what a verb writes besides its mail, about
_CHECKPOINT_OCTETS = 4 * 1024**2


@dataclass(eq=False, slots=True)
class _Job:
    make: Callable[[], Verb[Any]]
    size: int
    due: float  # monotonic time at which it waits no longer for company
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    since: float  # monotonic time
    filing: Filing | None = None  # the verb files this mail
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Owns one connection, which close() closes."""

    def __init__(self, connection: sqlite3.Connection, alarm: Alarm) -> None:
        self.commits = 0  # transactions committed, for tests and benchmarks
        self._connection = connection
        self._alarm = alarm
        self._jobs: deque[_Job] = deque()
        self._due = math.inf  # of the most impatient job
        self._wake = threading.Condition()
        self._closing = False
        self._since_checkpoint = 0
        self._thread = threading.Thread(target=self._work, name="smtpgate-store-writer", daemon=True)
        self._thread.start()

    def submit(
        self, make: Callable[[], Verb[Any]], size: int, patience: float = 0.0, filing: Filing | None = None
    ) -> asyncio.Future[Any]:
        """Queue a verb, which waits at most `patience` seconds for others. filing: what it files; such verbs may run together.
        The future may be abandoned; the verb happens all the same. Raises StoreError at once when closed."""
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        job = _Job(make, size + _VERB_OCTETS, now + patience if patience else 0.0, loop, loop.create_future(), now, filing)
        with self._wake:
            self._alarm.check()
            if self._closing:
                raise StoreError("the store is closed")
            self._jobs.append(job)
            if job.due < self._due or len(self._jobs) == _BATCH_VERBS:
                self._due = min(job.due, self._due)
                self._wake.notify()
        return job.future

    def close(self) -> None:
        """Finish what is queued, close the connection, end the thread. Blocks; safe to call twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    # --- the thread -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                self._run_batch(batch)
            except BaseException as error:  # a bug of ours: callers must not wait for ever
                self._reject(batch, StoreFatal(f"the store's writer failed: {error!r}"))
            self._answer(batch)
            if self._since_checkpoint >= _CHECKPOINT_OCTETS and self._alarm.error is None:
                self._checkpoint()
        self._finish()

    def _next_batch(self) -> list[_Job]:
        """What is queued, bounded; waits for the first, and as long as all are patient. Empty: closed and nothing left."""
        with self._wake:
            while not self._closing and (wait := self._due - time.monotonic()) > 0 and len(self._jobs) < _BATCH_VERBS:
                self._wake.wait(None if wait == math.inf else wait)
            batch: list[_Job] = []
            octets = 0
            while self._jobs and len(batch) < _BATCH_VERBS and (not batch or octets + self._jobs[0].size <= _BATCH_OCTETS):
                job = self._jobs.popleft()
                octets += job.size
                batch.append(job)
            self._due = min((job.due for job in self._jobs), default=math.inf)
            return batch

    def _run_batch(self, batch: list[_Job]) -> None:
        if self._alarm.error is not None:
            self._reject(batch, self._alarm.error)
            return
        connection = self._connection
        began = time.monotonic()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if primary_code(error) == BUSY:
                with self._wake:  # those behind have waited as long: they must not wait once more
                    batch += self._jobs
                    self._jobs.clear()
                    self._due = math.inf
            self._reject(batch, store_error(error, "beginning a transaction"))
            return
        locked = time.monotonic()
        try:
            if len(batch) == 1 or not self._run_together(batch):
                for place, job in enumerate(batch):
                    self._run_job(job, alone=place == 0)
            ready = time.monotonic()
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._reject(batch, self._roll_back() or store_error(error, "committing"))
            return
        metrics.committed([began - job.since for job in batch], locked - began, time.monotonic() - ready)
        self.commits += 1
        self._since_checkpoint += sum(job.size for job in batch)

    def _run_job(self, job: _Job, *, alone: bool) -> None:
        """alone: nothing else has been written in this transaction. Raises sqlite3.Error only when all of it is gone."""
        connection = self._connection
        if not alone:
            connection.execute("SAVEPOINT verb")
        try:
            job.result = run(connection, job.make())
        except BaseException as error:
            if isinstance(error, sqlite3.Error):
                job.error = store_error(error, "writing")
                if isinstance(job.error, StoreFatal) or not connection.in_transaction:
                    raise
            else:
                job.error = error
            connection.execute("ROLLBACK" if alone else "ROLLBACK TO verb")
            if alone:
                connection.execute("BEGIN IMMEDIATE")
        if not alone:
            connection.execute("RELEASE verb")

    def _run_together(self, batch: list[_Job]) -> bool:
        """All of them, as if none could fail. False, in a new transaction, when one does: then each must show by itself whether it
        is the one. Raises sqlite3.Error when there is no transaction any more."""
        connection = self._connection
        try:
            for of_filing, some in groupby(batch, lambda job: job.filing is not None):
                jobs = list(some)
                if of_filing and len(jobs) > 1:
                    filed = run(connection, file_in_order([job.filing for job in jobs if job.filing is not None]))
                    for job, changes in zip(jobs, filed, strict=True):
                        job.result = changes
                else:
                    for job in jobs:
                        job.result = run(connection, job.make())
        except BaseException as error:
            if isinstance(error, sqlite3.Error) and (
                isinstance(store_error(error, "writing"), StoreFatal) or not connection.in_transaction
            ):
                raise
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                job.result = None
            return False
        return True

    def _roll_back(self) -> StoreFatal | None:
        """Leave no transaction open. A rollback that fails leaves a connection that cannot be used."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            return StoreFatal(f"rolling back: {error}")
        return None

    def _reject(self, batch: list[_Job], error: StoreError) -> None:
        for job in batch:
            job.error = type(error)(str(error))  # one of its own for each caller: a traceback grows where it is raised

    def _answer(self, batch: list[_Job]) -> None:
        """Tell the callers, with one wake-up for each event loop; then, if it is over, the owner of the store."""
        for job in batch:
            if isinstance(job.error, StoreFatal):
                self._alarm.set(job.error)
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            _call(loop, _resolve, jobs)
        self._alarm.ring()

    def _checkpoint(self) -> None:
        """Copy the log into the database. SQLite syncs both; it must not be tried again when that failed."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._since_checkpoint = 0
        except sqlite3.Error as error:
            failure = store_error(error, "checkpoint")
            if isinstance(failure, StoreFatal):
                self._alarm.set(failure)
                self._alarm.ring()
            # Full or busy: the log stays and grows, and the next batch tries again.

    def _finish(self) -> None:
        try:
            self._connection.close()  # the last one to close makes a checkpoint and removes the log
        except sqlite3.Error as error:
            self._alarm.set(StoreFatal(f"closing: {error}"))
            self._alarm.ring()


def run(connection: sqlite3.Connection, verb: Verb[Any]) -> Any:
    """All statements of one verb, within the transaction that is open."""
    rows: Any = None  # begins it
    ask, execute = verb.send, connection.execute
    try:
        while True:
            question = ask(rows)
            if type(question) is Query and question[2] is None:  # most of them: spared a call
                rows = execute(_numbered(question[0]), fitted(question[1])).fetchall()
            else:
                rows = answer(connection, question)
    except StopIteration as done:
        return done.value


def answer(connection: sqlite3.Connection, question: Question) -> Rows:
    """The rows of a question; of Together a list of them for each query, of SideBySide the result of each verb."""
    if isinstance(question, Query):
        sql, params, among = question
        if among is None:
            return connection.execute(_numbered(sql), fitted(params)).fetchall()
        if 0 < len(among) <= CHUNK:
            return connection.execute(*bound(*with_list(sql, params, among))).fetchall()
    if isinstance(question, Many) and "RETURNING" not in question.sql:
        connection.executemany(_numbered(question.sql), map(fitted, question.each))
        return []
    if isinstance(question, SideBySide):
        return [run(connection, verb) for verb in question.verbs]
    if isinstance(question, Together):
        return cast("Rows", [answer(connection, query) for query in question.queries])
    rows: Rows = []
    for sql, params in statements(question):
        rows += connection.execute(*bound(sql, params)).fetchall()
    return rows


def bound(sql: str, params: tuple[Value, ...]) -> tuple[str, tuple[Value, ...]]:
    """Text and values of a statement as SQLite takes them. Raises StoreMisuse for an integer that it cannot hold."""
    return _numbered(sql), fitted(params)


@functools.lru_cache(1024)  # statements are put together from few constants
def _numbered(sql: str) -> str:
    """With ?1, ?2, … for $1, $2, …: those SQLite finds by their place, which is faster than by a name."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():  # its caller was cancelled
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop is closed: nobody waits there any more
        return
