"""Maintenance of a PostgreSQL database: what nothing asks for any more goes, in small bites, each a transaction of its own.

The rest is autovacuum's. Raises StoreError as every verb does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from smtpgate.store import filework
from smtpgate.store.filework import Bite, Report, Work
from smtpgate.store.statement import LAST_COMMIT, Query, Verb, select_in
from smtpgate.store.upkeep import KEEP_ACKNOWLEDGEMENTS, KEEP_FINGERPRINTS, Done, file_step
from smtpgate.store.verbs import VerbStore

_BITE = 200  # rows removed at once
_OLD = 1_000_000  # transactions of the database since a row was written
_LOOK_AT = 2000  # rows looked at for old ones
_REST = 0.02  # seconds between bites


async def maintain(store: VerbStore, now: float, *, seconds: float, cold_after: float | None = None) -> list[Done]:
    """For so many seconds at most: what is left is for the next time. cold_after: as for the SQLite file."""
    until = asyncio.get_running_loop().time() + seconds
    after = ""

    async def acknowledgements() -> tuple[int, bool]:
        count = await store._write(lambda: _acknowledgements(now - KEEP_ACKNOWLEDGEMENTS))
        return count, count == _BITE

    async def fingerprints() -> tuple[int, bool]:
        nonlocal after
        count, after = await store._write(lambda: _fingerprints(after, now - KEEP_FINGERPRINTS))
        return count, after != ""

    async def marks() -> tuple[int, bool]:
        return await store._write(_marks), False

    files = store.files
    works: list[tuple[str, Callable[[Report], Work]]] = []
    if files.home is not None or files.cold is not None:
        works.append(("files", lambda report: filework.collect(files, now, report)))
    if cold_after is not None:
        works.append(("cold store", lambda report: filework.cool(files, now - cold_after, report, lambda: _BITE)))
    done = [
        await _step("acknowledgements", "counts of old acknowledgements removed", acknowledgements, until),
        await _step("fingerprints", "fingerprints of old mail removed", fingerprints, until),
        await _step("marks", "notes of processes that were killed removed", marks, until),
    ]
    done += [await _work(store, name, begin, until) for name, begin in works]
    return [*done, Done("room", f"{await store.size()} bytes; autovacuum makes free room in it usable again")]


async def _work(store: VerbStore, step: str, begin: Callable[[Report], Work], until: float) -> Done:
    """A work of store.filework. Between its bites it reads and writes files: apart from the event loop."""
    loop = asyncio.get_running_loop()
    report, longest, answer = Report(), 0.0, None
    work = begin(report)
    while loop.time() < until and (bite := await asyncio.to_thread(_next, work, answer)) is not None:
        began = loop.time()
        answer = await (store._write(bite.make) if bite.rows else store._read(bite.make))
        if bite.rows:
            longest = max(longest, loop.time() - began)
            await asyncio.sleep(_REST)
    return file_step(step, report, longest)


def _next(work: Work, answer: object) -> Bite | None:
    try:
        return work.send(answer)
    except StopIteration:
        return None


async def _step(name: str, what: str, bite: Callable[[], Awaitable[tuple[int, bool]]], until: float) -> Done:
    loop = asyncio.get_running_loop()
    total, more, longest = 0, True, 0.0
    while more and loop.time() < until:
        began = loop.time()
        count, more = await bite()
        longest = max(longest, loop.time() - began)
        total += count
        await asyncio.sleep(_REST)
    return Done(name, f"{total} {what}" + (", more next time" if more else ""), longest=longest)


def _marks() -> Verb[int]:
    """What lanes of processes noted that never ended in order. A lane that is only idle makes its row again."""
    gone = yield Query(
        "DELETE FROM meta WHERE substr(key, 1, length($1)) = $1 AND age(xmin) > $2 RETURNING key", (LAST_COMMIT, _OLD)
    )
    return len(gone)


def _acknowledgements(before: float) -> Verb[int]:
    gone = yield Query(
        "DELETE FROM acknowledgement WHERE id IN (SELECT id FROM acknowledgement WHERE minute < $1 LIMIT $2) RETURNING id",
        (int(before // 60), _BITE),
    )
    if len(gone) < _BITE:
        yield Query("DELETE FROM acknowledged WHERE minute < $1", (int(before // 60),))
    return len(gone)


def _fingerprints(after: str, before: float) -> Verb[tuple[int, str]]:
    """How many went, and the key after which to go on; "" when that was all."""
    page = yield Query("SELECT key, first_at FROM fingerprint WHERE key > $1 ORDER BY key LIMIT $2", (after, _LOOK_AT))
    old = [key for key, first_at in page if first_at < before]
    gone = yield from select_in("DELETE FROM fingerprint WHERE first_at < $1 AND key IN (...) RETURNING key", old[:_BITE], before)
    if len(old) > _BITE:
        return len(gone), old[_BITE - 1]
    return len(gone), page[-1][0] if len(page) == _LOOK_AT else ""
