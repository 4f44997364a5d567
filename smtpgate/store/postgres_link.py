"""Connections to PostgreSQL: how they are made, what the server must be, and waiting for one that is away.

A server that would lose what it has promised (synchronous_commit or fsync off) and one that only follows another (a
standby) are refused at every connection, since a fail-over may lead to either. Raises StoreAway when none can be had now,
StoreError when the admin has to change something. The password never is in an address, a message or a log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncpg

from smtpgate.errors import StoreAway, StoreError
from smtpgate.store.postgres_dialect import bulk, merged, statement
from smtpgate.store.postgres_errors import ERRORS, store_error
from smtpgate.store.statement import (
    Many,
    Query,
    Question,
    Row,
    Rows,
    SideBySide,
    T,
    Together,
    Value,
    Verb,
    asking_at_once,
    fit,
    interleaved,
)

PATIENCE = 10.0  # seconds for which a verb waits for a server that is away
CONNECT_WITHIN = 5.0
_ANSWER_WITHIN = 30.0  # for one statement of a verb; a server that is silent for longer is away
_PAUSES = (0.05, 2.0)  # seconds before the first and at most before a later try to reach it
_OLDEST = 150000

_SESSION = {
    "jit": "off",  # costs more than it saves with statements as small as ours
    "plan_cache_mode": "force_generic_plan",  # planning anew costs more than most statements themselves
    "lock_timeout": "10s",
    # A node that stops in the middle of a transaction must not stop the others: the server ends its transaction.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# Whoever looks asks for what there is much of or next to none, in one statement: mail in a state, a desk's tickets. A plan for any
# value goes through a whole table for the rare one.
_LOOKS = {"plan_cache_mode": "force_custom_plan"}
_LOOK = """SELECT pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('fsync'),
    current_setting('full_page_writes'), current_setting('server_version_num')::int, current_setting('server_encoding')"""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is. url has no password; name is who we are in pg_stat_activity."""

    url: str
    password_file: Path | None = None
    name: str = "smtpgate"
    read_only: bool = False

    async def connect(self, *, patient: bool = False) -> asyncpg.Connection:
        """patient: to look with, for statements that may take long, as those that look through everything."""
        settings = _SESSION | (_LOOKS if patient or self.read_only else {}) | {"application_name": self.name[:63]}
        if self.read_only:
            settings["default_transaction_read_only"] = "on"
        try:
            connection = await asyncpg.connect(
                self.url,
                password=self._password(),
                timeout=CONNECT_WITHIN,
                command_timeout=None if patient else _ANSWER_WITHIN,
                statement_cache_size=512,
                max_cached_statement_lifetime=0,
                server_settings=settings,
                target_session_attrs="any" if self.read_only else "primary",
            )
        except asyncpg.exceptions.TargetServerAttributeNotMatched as error:
            raise StoreAway("the database is a read-only standby: store.url must lead to the primary") from error
        except asyncpg.exceptions.InvalidAuthorizationSpecificationError as error:
            raise StoreError(f"the database does not let us in: {error}; see store.url and store.password_file") from error
        except ValueError as error:
            raise StoreError(f"store.url cannot be used: {error}") from error
        except ERRORS as error:
            raise store_error(error, "connecting to the database") from error
        try:
            self._check(tuple(await connection.fetchrow(_LOOK)))
        except ERRORS as error:
            connection.terminate()
            raise store_error(error, "connecting to the database") from error
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _password(self) -> str | None:
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise StoreError(f"store.password_file cannot be read: {error}") from error

    def _check(self, found: Row) -> None:
        standby, synchronous, fsync, pages, version, encoding = found
        if version < _OLDEST:
            raise StoreError(f"the database is PostgreSQL {version // 10000}; 15 or later is needed")
        if encoding != "UTF8":
            raise StoreError(f"the database has the encoding {encoding}: make one with ENCODING 'UTF8'")
        if self.read_only:
            return
        if standby:
            raise StoreAway("the database is a read-only standby: store.url must lead to the primary")
        if synchronous == "off":
            raise StoreError(
                "synchronous_commit is off, so that accepted mail could be lost: ALTER ROLE … SET synchronous_commit = on"
            )
        if (fsync, pages) != ("on", "on"):
            raise StoreError("the server has fsync or full_page_writes off and would lose mail at a power cut: turn both on")


async def patiently(attempt: Callable[[], Awaitable[Made]], until: float) -> Made:
    """Again while the server is away, until so late (time of the event loop). Raises StoreAway then."""
    pause = _PAUSES[0]
    while True:
        try:
            return await attempt()
        except StoreAway:
            if asyncio.get_running_loop().time() + pause > until:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, _PAUSES[1])


def patience() -> float:
    return asyncio.get_running_loop().time() + PATIENCE


async def run(connection: asyncpg.Connection, verb: Verb[T], question: Question | None = None) -> T:
    """All statements of one verb, within the transaction that is open. question: the one that it has asked already."""
    try:
        question = next(verb) if question is None else question
        while True:
            question = verb.send(await answer(connection, question))
    except StopIteration as done:
        result: T = done.value
        return result


async def look_side_by_side(connection: asyncpg.Connection, verbs: Sequence[Verb[Any]]) -> list[Any]:
    """Verbs that change nothing: what several ask in the same words is asked at once. One that raises has its exception as
    its result."""
    verbs = [asking_at_once(verb) for verb in verbs]
    results: list[Any] = [None] * len(verbs)
    asking: dict[int, Question] = {}

    def go_on(i: int, rows: Rows | None) -> None:
        try:
            asking[i] = next(verbs[i]) if rows is None else verbs[i].send(rows)
        except StopIteration as done:
            results[i] = done.value
        except Exception as error:
            results[i] = error

    for i in range(len(verbs)):
        go_on(i, None)
    while asking:
        asked = asking.copy()
        asking.clear()
        alike: dict[tuple[tuple[str, bool], ...], list[int]] = {}
        for i, question in asked.items():
            assert not isinstance(question, SideBySide)
            parts = question.queries if isinstance(question, Together) else (question,)
            alike.setdefault(tuple((part.sql, isinstance(part, Query) and part.among is None) for part in parts), []).append(i)
        for words, members in alike.items():
            if not all(sql.lstrip().startswith("SELECT") for sql, _ in words):
                for i in members:
                    go_on(i, await answer(connection, asked[i]))
                continue
            several = [_parts(asked[i]) for i in members]
            for i, rows in zip(members, await _selected(connection, several), strict=True):
                go_on(i, rows if isinstance(asked[i], Together) else cast("Rows", rows[0]))
    return results


def _parts(question: Question) -> tuple[Query, ...]:
    return cast("tuple[Query, ...]", question.queries if isinstance(question, Together) else (question,))


async def run_side_by_side(connection: asyncpg.Connection, verbs: Sequence[Verb[Any]]) -> list[Any]:
    """Verbs that need no order: those that begin with the same INSERTs (many accepted mails) share their round trips."""
    results: list[Any] = [None] * len(verbs)
    others: list[tuple[int, Question]] = []
    alike: dict[str, list[tuple[int, Query]]] = {}

    def go_on(i: int, rows: Rows | None) -> None:
        try:
            question = next(verbs[i]) if rows is None else verbs[i].send(rows)
        except StopIteration as done:
            results[i] = done.value
            return
        if isinstance(question, Query) and question.sql.startswith("INSERT") and "ON CONFLICT" not in question.sql:
            alike.setdefault(question.sql, []).append((i, question))
        else:
            others.append((i, question))

    for i in range(len(verbs)):
        go_on(i, None)
    while alike:
        sql = next(iter(alike))
        asked = alike.pop(sql)
        rows = await answer(connection, Many(sql, tuple(query.params for _, query in asked)))
        for at, (i, _) in enumerate(asked):
            go_on(i, rows[at : at + 1])  # each INSERT returns one row, or none of them any
    for i, question in others:
        results[i] = await run(connection, verbs[i], question)
    return results


async def answer(connection: asyncpg.Connection, question: Question) -> Rows:
    """The rows of a question, in one round trip; of Together a list of them for each query, of SideBySide the result of each
    verb, in as few as they need."""
    if isinstance(question, SideBySide):
        return await run(connection, interleaved(question.verbs))
    if isinstance(question, Query):
        sql, params = _written(question)
        return [tuple(row) for row in await connection.fetch(sql, *params)]
    if isinstance(question, Many):
        return await _answer_many(connection, question)
    if question.queries[0].sql.lstrip().startswith("SELECT"):
        return (await _selected(connection, [_parts(question)]))[0]
    parts = [(bulk(part.sql), part.each if isinstance(part, Many) else (part.params,)) for part in question.queries]
    if any(sql is None for sql, _ in parts):
        for part in question.queries:
            await answer(connection, part)
    else:
        lists = [(sql or "", _columns(each)) for sql, each in parts]
        sql = merged(tuple((text, len(columns)) for text, columns in lists))
        await connection.execute(sql, *(column for _, columns in lists for column in columns))
    return [[] for _ in parts]  # type: ignore[misc]


async def _answer_many(connection: asyncpg.Connection, question: Many) -> Rows:
    if not question.each:
        return []
    sql = bulk(question.sql)
    if sql is not None:
        await connection.execute(sql, *_columns(question.each))
        return []
    each = [[fit(value) for value in params] for params in question.each]
    if "RETURNING" in question.sql:
        return [tuple(row) for row in await connection.fetchmany(statement(question.sql), each)]
    await connection.executemany(statement(question.sql), each)
    return []


async def _selected(connection: asyncpg.Connection, several: Sequence[tuple[Query, ...]]) -> list[Rows]:
    """The rows of SELECTs, those of one text each time, for several callers at once."""
    written = [[_written(query) for query in queries] for queries in several]
    sql = merged(tuple((text, len(params)) for text, params in written[0]))
    each = [[value for _, params in one for value in params] for one in written]
    if len(each) == 1:
        found = [await connection.fetchrow(sql, *each[0])]
    else:
        found = await connection.fetchmany(sql, each)
    return [[[tuple(row) for row in part] for part in one] for one in found]  # type: ignore[misc]


def _columns(each: Sequence[tuple[Value, ...]]) -> list[list[Value]]:
    return [[fit(value) for value in column] for column in zip(*each, strict=True)]


def _written(query: Query) -> tuple[str, list[Any]]:
    params: list[Any] = [fit(value) for value in query.params]
    if query.among is None:
        return statement(query.sql), params
    params.append([fit(value) for value in query.among])
    return statement(query.sql, len(params)), params


async def closed(connection: Any) -> None:
    """Close it, politely if the server is there."""
    try:
        await connection.close(timeout=2.0)
    except ERRORS:
        connection.terminate()
