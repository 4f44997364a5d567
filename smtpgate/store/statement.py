"""What a verb is made of: statements out, rows in, no driver in between.

A verb is a generator that yields a Question and receives the rows. A driver runs all of one verb in one transaction
and commits when it returns. The SQL has $1, $2, … and only what SQLite 3.40 and PostgreSQL 15 both understand, but for
the locks below.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from smtpgate.errors import StoreMisuse

T = TypeVar("T")
Value = str | int | float | bytes | None
Row = tuple[Any, ...]
Rows = list[Row]


class Query(NamedTuple):
    """One statement. among: the values for its (...), a list that each driver writes in its own way."""

    sql: str
    params: tuple[Value, ...] = ()
    among: tuple[Value, ...] | None = None


class Many(NamedTuple):
    """One statement that writes, for each of these, in this order. The rows of all come back in one list."""

    sql: str
    each: tuple[tuple[Value, ...], ...]


class Together(NamedTuple):
    """Statements of which none depends on what another does, so that a server may be asked once: all SELECTs, or all
    INSERTs and UPDATEs of different tables without RETURNING, where what a row refers to stands before it. What comes back
    is a list of the rows of each."""

    queries: tuple[Query | Many, ...]


class SideBySide(NamedTuple):
    """Verbs of which none changes anything or depends on another. What comes back is a list of their results. Where a question
    is a round trip, they ask theirs at once (`interleaved`); where it is a call, one after the other costs less."""

    verbs: tuple[Verb[Any], ...]


Question = Query | Many | Together | SideBySide
Verb = Generator[Question, Rows, T]

# Comments to SQLite, which has one writer. Uncovered for PostgreSQL: rows that another node is just taking are passed by;
# a row stays as it was seen until the transaction ends.
SKIP_LOCKED = "/* FOR UPDATE SKIP LOCKED */"
FOR_UPDATE = "/* FOR UPDATE */"

LAST_COMMIT = "last commit "  # begins keys in meta that a driver uses for itself

CHUNK = 128  # list values in one statement
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def select_in(sql: str, values: Sequence[Value], *fixed: Value) -> Verb[Rows]:
    """Run sql with its (...) as a list of values; fixed are $1, $2, … before them."""
    return (yield Query(sql, fixed, tuple(dict.fromkeys(values)))) if values else []


def one(sql: str, *params: Value) -> Verb[Rows]:
    """A statement as a verb."""
    return (yield Query(sql, params))


def expanded(query: Query) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """The statements of a query whose (...) is written out, in pieces.

    Lists are padded to a power of two, so that few different statements need to be prepared.
    """
    if query.among is None:
        yield query.sql, query.params
        return
    for start in range(0, len(query.among), CHUNK):
        yield with_list(query.sql, query.params, query.among[start : start + CHUNK])


def with_list(sql: str, params: tuple[Value, ...], among: tuple[Value, ...]) -> tuple[str, tuple[Value, ...]]:
    """The statement and its values with (...) as a list of CHUNK values at most, one at least."""
    count = len(among)
    if count & (count - 1):
        among += (among[-1],) * ((1 << (count - 1).bit_length()) - count)
    return _written_out(sql, len(params), len(among)), params + among


@functools.lru_cache(1024)
def _written_out(sql: str, before: int, count: int) -> str:
    return sql.replace("(...)", "(" + ", ".join(f"${before + i + 1}" for i in range(count)) + ")")


def statements(question: Question) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """One after the other, for a driver that asks so."""
    match question:
        case Query():
            yield from expanded(question)
        case Many(sql, each):
            yield from ((sql, params) for params in each)
        case Together(queries):
            for query in queries:
                yield from statements(query)
        case SideBySide():
            raise TypeError("verbs have statements only as they run")


def together(*verbs: Verb[Any] | None) -> Verb[list[Any]]:
    """Run them side by side; their results in order. None may change anything. One that is None has nothing to ask, and None as
    its result: finding that out in each of many costs more than asking the rest."""
    wanted = tuple([verb for verb in verbs if verb is not None])
    if len(wanted) == len(verbs):
        return (yield SideBySide(wanted))
    found = iter((yield SideBySide(wanted)) if wanted else ())
    return [None if verb is None else next(found) for verb in verbs]


def asking_at_once(verb: Verb[T]) -> Verb[T]:
    """The same verb for a driver that takes no SideBySide: what stands side by side in it asks its questions at once."""
    answer: Any = None  # begins it
    try:
        while True:
            question = verb.send(answer)
            answer = (yield from interleaved(question.verbs)) if isinstance(question, SideBySide) else (yield question)
    except StopIteration as done:
        result: T = done.value
        return result


def interleaved(verbs: Sequence[Verb[Any]]) -> Verb[list[Any]]:
    """Verbs side by side as one that asks the questions of all at once."""
    verbs = [asking_at_once(verb) for verb in verbs]
    results: list[Any] = [None] * len(verbs)
    asked: list[tuple[int, Query | Together]] = []

    def go_on(i: int, rows: Rows | None) -> None:
        try:
            question = verbs[i].send(rows)  # type: ignore[arg-type]  # None begins it
        except StopIteration as done:
            results[i] = done.value
        else:
            assert isinstance(question, Query | Together)
            asked.append((i, question))

    for i in range(len(verbs)):
        go_on(i, None)
    while asked:
        waiting, asked = asked, []
        queries: list[Query | Many] = []
        for _, question in waiting:
            queries += question.queries if isinstance(question, Together) else (question,)
        answers = [(yield queries[0])] if len(queries) == 1 else cast("list[Rows]", (yield Together(tuple(queries))))
        at = 0
        for i, question in waiting:
            if isinstance(question, Together):
                go_on(i, cast("Rows", answers[at : at + len(question.queries)]))
                at += len(question.queries)
            else:
                go_on(i, answers[at])
                at += 1
    return results


def written(queries: Sequence[Query]) -> Verb[None]:
    """Run INSERTs and UPDATEs of which none changes a row of another; those of one text in their order. A row that others
    refer to stands before them."""
    by_text: dict[str, list[Query]] = {}
    for query in queries:
        by_text.setdefault(query.sql, []).append(query)
    parts = tuple(same[0] if len(same) == 1 else Many(sql, tuple(query.params for query in same)) for sql, same in by_text.items())
    if parts:
        yield Together(parts) if len(parts) > 1 else parts[0]


_LARGEST = 2**63 - 1


def fitted(params: tuple[Any, ...]) -> tuple[Value, ...]:
    """Values as every database can hold them. Raises StoreMisuse for an integer that none can."""
    for value in params:  # nearly all are fit already: found out without a call for each
        kind = type(value)
        if kind is str:
            if not value.isascii() or "\0" in value:
                break
        elif kind is int:
            if not -_LARGEST <= value <= _LARGEST:
                break
        elif kind is not float and kind is not bytes and value is not None:
            break
    else:
        return params
    return tuple(map(fit, params))


def fit(value: Value) -> Value:
    """One value as every database can hold it. Raises StoreMisuse for an integer that none can."""
    if isinstance(value, str):
        return storable(str(value))
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        raise StoreMisuse(f"{value} is too large for the store")
    return value


def storable(text: str) -> str:
    """Text as every database can hold it: NUL and lone surrogates, which only hostile mail has, become U+FFFD."""
    if text.isascii():
        return text if "\0" not in text else text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return _UNSTORABLE.sub("\ufffd", text)
    return text if "\0" not in text else text.replace("\0", "\ufffd")


class Where:
    """Conditions of a listing that has optional filters. Each condition names its value as {}."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self._params: list[Value] = []

    def add(self, condition: str, *values: Value) -> None:
        places = []
        for value in values:
            self._params.append(value)
            places.append(f"${len(self._params)}")
        self._conditions.append(condition.format(*places))

    def grouped(self, select: str, by: str) -> Query:
        """select, the conditions, and one row for each of `by`, in its order, as one statement."""
        where = f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
        return Query(f"{select}{where} GROUP BY {by} ORDER BY {by}", tuple(self._params))

    def query(self, select: str, order: str, limit: int, end: str = "") -> Query:
        """select, the conditions, order, a limit and `end` as one statement."""
        where = f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
        return Query(f"{select}{where} ORDER BY {order} LIMIT ${len(self._params) + 1} {end}".rstrip(), (*self._params, limit))
