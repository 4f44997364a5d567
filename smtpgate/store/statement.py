"""What a verb is made of: statements out, rows in, no driver in between.

A verb is a generator that yields Query and receives the rows of each. A driver runs all of one verb in one transaction
and commits when it returns. The SQL has $1, $2, … and only what SQLite 3.40 and PostgreSQL 15 both understand, but for
SKIP_LOCKED.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeVar

from smtpgate.errors import StoreMisuse

T = TypeVar("T")
Value = str | int | float | bytes | None
Row = tuple[Any, ...]
Rows = list[Row]


class Query(NamedTuple):
    sql: str
    params: tuple[Value, ...] = ()


Verb = Generator[Query, Rows, T]

# A comment to SQLite, which has one writer. Uncovered for PostgreSQL: rows that another node is just taking are passed by.
SKIP_LOCKED = "/* FOR UPDATE SKIP LOCKED */"

_CHUNK = 128  # list values in one statement
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def select_in(sql: str, values: Sequence[Value], *fixed: Value) -> Verb[Rows]:
    """Run sql with its (...) replaced by a list of values, in pieces; fixed are $1, $2, … before them.

    Lists are padded to a power of two, so that few different statements need to be prepared.
    """
    found: Rows = []
    unique = list(dict.fromkeys(values))
    for start in range(0, len(unique), _CHUNK):
        chunk = unique[start : start + _CHUNK]
        chunk += [chunk[-1]] * ((1 << (len(chunk) - 1).bit_length()) - len(chunk))
        places = ", ".join(f"${len(fixed) + i + 1}" for i in range(len(chunk)))
        found += yield Query(sql.replace("(...)", f"({places})"), (*fixed, *chunk))
    return found


_LARGEST = 2**63 - 1


def fit(value: Value) -> Value:
    """A value as every database can hold it. Raises StoreMisuse for an integer that none can."""
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

    def query(self, select: str, order: str, limit: int, end: str = "") -> Query:
        """select, the conditions, order, a limit and `end` as one statement."""
        where = f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
        return Query(f"{select}{where} ORDER BY {order} LIMIT ${len(self._params) + 1} {end}".rstrip(), (*self._params, limit))
