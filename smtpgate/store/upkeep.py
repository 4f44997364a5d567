"""Maintenance of the SQLite file while the gateway goes on: small bites, each a transaction of its own, with rests between.

The gateway's writer waits for a bite at most, some milliseconds. What is removed are rows that nothing asks for any more;
mail, tickets, their history and what was sent stay. Raises StoreError with a text for the admin.

There is no VACUUM: it would stop all writing for as long as it copies the file, and pages that become free are used again.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtpgate.errors import StoreError
from smtpgate.store import filecopies, filework
from smtpgate.store.filework import Report, Work
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_file import BUSY_TIMEOUT, connect, require_current, uri
from smtpgate.store.sqlite_writer import run
from smtpgate.store.statement import T, Verb

_DAY = 86400.0
KEEP_ACKNOWLEDGEMENTS = 7 * _DAY  # the caps look back one day
KEEP_FINGERPRINTS = 400 * _DAY  # the same mail again is told by it; mail servers try for days, people's old mailboxes for longer
_BITES = (10, 50, 400)  # rows of the smallest bite, of the first one, of the largest
_AIM = 0.01  # seconds that a bite should take
_LOOK_AT = 2000  # rows looked at for old ones, without a lock
_REST = 0.01  # seconds between bites, at least; and four times as long as the bite took
_CHECKPOINT = 16  # bites after which the log is copied into the file: else it would grow and grow
_SAMPLE = 400  # rows of each index that ANALYZE looks at
_STEPS = 2_000  # of SQLite's machine between two looks at the clock


@dataclass(frozen=True, slots=True)
class Done:
    """One step. wrong: a person has to see to it; longest: seconds that others may have waited for us."""

    step: str
    text: str
    wrong: bool = False
    longest: float = 0.0


def maintain(
    store: Path,
    now: float,
    *,
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    files: RawFiles | None = None,
    cold_after: float | None = None,
) -> Iterator[Done]:
    """All steps, in order, for so many seconds at most: what is left is for the next time. files: unless they lie beside the
    store. cold_after: the age at which raw mail moves to the cold store, in seconds."""
    files = files or RawFiles.beside(store)
    require_current(store)
    until = time.monotonic() + seconds
    with closing(connect(store)) as connection:
        try:
            bites = _Bites(connection, until, sleep)
            yield bites.acknowledgements(now - KEEP_ACKNOWLEDGEMENTS)
            yield bites.fingerprints(now - KEEP_FINGERPRINTS)
            yield _files(store, bites, files, now)
            if cold_after is not None:
                yield bites.work("cold store", lambda report: filework.cool(files, now - cold_after, report, bites.most))
            yield bites.statistics()
            yield _checkpoint(connection)
            yield _room(connection)
        except sqlite3.Error as error:
            raise store_error(error, "maintenance") from error
    yield _looked_through(store, until, sleep)


def _files(store: Path, bites: _Bites, files: RawFiles, now: float) -> Done:
    try:
        files.spared = filecopies.kept_aside(store)
    except StoreError as error:  # whatever it names, it may still be wanted
        return Done("files", f"nothing was removed: {error}; remove that earlier store when nobody wants it", wrong=True)
    return bites.work("files", lambda report: filework.collect(files, now, report))


_FILE_STEPS = {"files": "files that nothing names removed", "cold store": "mails moved to the cold store"}


def file_step(step: str, report: Report, longest: float) -> Done:
    """What a work of store.filework has done, in words."""
    text = f"{report.count} {_FILE_STEPS[step]}, {report.octets} bytes"
    text += "" if report.finished or report.wrong else ", more next time"
    return Done(step, "; ".join([text, *report.wrong[:20]]), wrong=bool(report.wrong), longest=longest)


class _Bites:
    """Work in short transactions."""

    def __init__(self, connection: sqlite3.Connection, until: float, sleep: Callable[[float], None]) -> None:
        self._connection = connection
        self._until = until
        self._sleep = sleep
        self._longest = 0.0
        self._rows = _BITES[1]  # of the next bite
        self._count = 0

    def most(self) -> int:
        """Rows that the next bite may change."""
        return self._rows

    def _bite(self, sql: str, *values: object) -> int:
        """Rows that it changed."""
        return self._transaction(lambda: self._connection.execute(sql, values).rowcount)

    def _transaction(self, change: Callable[[], T]) -> T:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        try:
            result = change()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        took = time.monotonic() - began
        self._longest = max(self._longest, took)
        self._rows = max(_BITES[0], min(_BITES[2], int(self._rows * min(2.0, _AIM / max(took, 1e-6)))))
        self._sleep(max(_REST, 4 * took))
        self._count += 1
        if self._count % _CHECKPOINT == 0:
            _checkpoint(connection)
        return result

    def _late(self) -> bool:
        return time.monotonic() >= self._until

    def _done(self, step: str, count: int, what: str, *, finished: bool) -> Done:
        longest, self._longest = self._longest, 0.0
        return Done(step, f"{count} {what}" + ("" if finished else ", more next time"), longest=longest)

    def acknowledgements(self, before: float) -> Done:
        count, more = 0, True
        while more and not self._late():
            size = self._rows
            found = self._bite(
                "DELETE FROM acknowledgement WHERE id IN (SELECT id FROM acknowledgement WHERE minute < ? LIMIT ?)",
                int(before // 60),
                size,
            )
            count += found
            more = found == size
        if not more:
            self._bite("DELETE FROM acknowledged WHERE minute < ?", int(before // 60))
        return self._done("acknowledgements", count, "counts of old acknowledgements removed", finished=not more)

    def fingerprints(self, before: float) -> Done:
        count, after, more = 0, "", True
        while more and not self._late():
            page = self._connection.execute(
                "SELECT key, first_at FROM fingerprint WHERE key > ? ORDER BY key LIMIT ?", (after, _LOOK_AT)
            ).fetchall()
            old = [key for key, first_at in page if first_at < before]
            while old and not self._late():
                keys, old = old[: self._rows], old[self._rows :]
                marks = ", ".join("?" * len(keys))
                count += self._bite(f"DELETE FROM fingerprint WHERE key IN ({marks}) AND first_at < ?", *keys, before)  # noqa: S608
            more = bool(old) or len(page) == _LOOK_AT
            after = page[-1][0] if page else ""
        return self._done("fingerprints", count, "fingerprints of old mail removed", finished=not more)

    def work(self, step: str, begin: Callable[[Report], Work]) -> Done:
        """A work of store.filework, bite by bite."""
        report = Report()
        work = begin(report)
        answer = None
        try:
            while not self._late():
                make, changes = work.send(answer)
                answer = self._transaction(functools.partial(self._run, make)) if changes else self._run(make)
        except StopIteration:
            pass
        longest, self._longest = self._longest, 0.0
        return file_step(step, report, longest)

    def _run(self, make: Callable[[], Verb[Any]]) -> Any:
        return run(self._connection, make())

    def statistics(self) -> Done:
        """What SQLite's planner knows of the data, index by index. Of a table without one it would count all rows, for seconds."""
        indexes = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name").fetchall()
        self._connection.execute(f"PRAGMA analysis_limit = {_SAMPLE}")
        count = 0
        for (name,) in indexes:
            if self._late():
                break
            self._bite(f'ANALYZE "{name}"')
            count += 1
        return self._done("statistics", count, "indexes counted for the query planner", finished=count == len(indexes))


def _checkpoint(connection: sqlite3.Connection) -> Done:
    """Copy the log into the file as far as nobody reads the old state; nobody waits for it."""
    _, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    left = max(0, pages - moved)
    return Done("log", f"{moved} pages of the write-ahead log are in the file" + (f", {left} are in use" if left else ""))


def _room(connection: sqlite3.Connection) -> Done:
    size, pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
    )
    return Done("room", f"{size * pages} bytes, of which {size * free} are free and will be used again")


def _looked_through(store: Path, until: float, sleep: Callable[[float], None]) -> Done:
    """SQLite's quick check, table by table, so that no long reading keeps the log from being emptied; with rests, in which the
    disk is the gateway's."""
    late, began = False, time.monotonic()

    def clock() -> int:
        nonlocal late, began
        now = time.monotonic()
        late = now >= until
        if not late and now - began > _AIM:
            sleep(now - began)
            began = time.monotonic()
        return int(late)

    try:
        with closing(sqlite3.connect(uri(store, "ro"), uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
            connection.set_progress_handler(clock, _STEPS)
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rootpage")]
            for number, name in enumerate(tables):
                found = [row[0] for row in connection.execute(f'PRAGMA quick_check("{name}")')]
                if late:
                    return Done("check", f"{number} of {len(tables)} tables looked through, all sound; no time for more")
                if found != ["ok"]:
                    return Done("check", f"the file is damaged, table {name}: {'; '.join(found)[:500]}", wrong=True)
    except sqlite3.OperationalError as error:
        if late:
            return Done("check", "what was looked through is sound; no time for more")
        raise store_error(error, "looking through the file") from error
    except sqlite3.Error as error:
        return Done("check", f"the file is damaged: {error}", wrong=True)
    return Done("check", f"{len(tables)} tables looked through, all sound")
