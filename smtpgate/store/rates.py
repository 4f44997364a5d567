"""The verb behind the rates of `status`: mails of the last minute, hour and day, at a cost that does not grow with their number.

Fails only as its statements do.
"""

# ruff: noqa: S608 -- statements are put together from constants of this module only
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smtpgate.model import MailState
from smtpgate.store.seen import Rate
from smtpgate.store.statement import Query, Together, Verb, together

WINDOWS = (60.0, 3600.0, 86400.0)  # seconds
_NEAR = 8  # rows of which the latest is taken for when they came: one alone may be out of the order of time
_FURTHER = 4  # times as far back
_PARTS = 8  # of a span that a window begins in: a question costs more than a look at a few keys
_NOT_FILED = ", ".join(f"'{state.value}'" for state in MailState if state is not MailState.FILED)


def rates(now: float) -> Verb[tuple[Rate, ...]]:
    """By how far keys have come: rows of these tables are never removed, so their number is the distance of two keys. On
    PostgreSQL a transaction that was taken back leaves a gap, and a window counts that many more. What ended otherwise than most
    is counted, in indexes that hold nothing else."""
    arrived, tried = yield from together(_begins("incoming", "seq", "received_at", now), _begins("attempt", "id", "at", now))
    unfiled, undelivered = yield Together(
        (
            _since("incoming", "seq", f"state IN ({_NOT_FILED})", arrived.begins),
            _since("attempt", "id", "state <> 'delivered'", tried.begins),
        )
    )
    return tuple(
        Rate(
            seconds,
            accepted=arrived.end - arrived.begins[i],
            filed=arrived.end - arrived.begins[i] - unfiled[0][i],
            delivered=tried.end - tried.begins[i] - undelivered[0][i],
        )
        for i, seconds in enumerate(WINDOWS)
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """Of each window the first key, and the one after the last of all."""

    begins: tuple[int, ...]
    end: int


def _since(table: str, key: str, condition: str, begins: Sequence[int]) -> Query:
    """For each window how many rows fulfil a condition: all in one pass."""
    sums = ", ".join(f"coalesce(sum(CASE WHEN {key} >= ${i + 2} THEN 1 ELSE 0 END), 0)" for i in range(len(begins)))
    return Query(f"SELECT {sums} FROM {table} WHERE {condition} AND {key} >= $1", (min(begins), *begins))


def _begins(table: str, key: str, moment: str, now: float) -> Verb[_Span]:
    """There is no index by time, and keys rise with it but for what took longer than others: a delivery, a mail's check. So a look
    ever further back, then one between the two it must be between: what that costs grows with the digits of a day's number."""
    since = [now - seconds for seconds in WINDOWS]
    most = yield Query(f"SELECT max({key}) FROM {table}")
    end = (most[0][0] or 0) + 1
    back = [end - _NEAR * _FURTHER**i for i in range(16)]
    spans = yield from _narrowed(table, key, moment, since, [(0, end)] * len(since), [[k for k in back if k > 0]] * len(since))
    while any(high - low > _NEAR for low, high in spans):
        spans = yield from _narrowed(table, key, moment, since, spans, [_between(low, high) for low, high in spans])
    first = ", ".join(
        f"(SELECT {key} FROM {table} WHERE {key} > ${2 * i + 1} AND {moment} > ${2 * i + 2} ORDER BY {key} LIMIT 1)"
        for i in range(len(since))
    )
    found = yield Query(f"SELECT {first}", tuple(v for (low, _), at in zip(spans, since, strict=True) for v in (low, at)))
    return _Span(tuple(min(begin or end, end) for begin in found[0]), end)


def _between(low: int, high: int) -> list[int]:
    """Keys of a wide span, the greatest first."""
    return [high - (high - low) * i // _PARTS for i in range(1, _PARTS)] if high - low > _NEAR else []


def _narrowed(
    table: str, key: str, moment: str, since: Sequence[float], spans: Sequence[tuple[int, int]], at: Sequence[Sequence[int]]
) -> Verb[list[tuple[int, int]]]:
    """Of each window two keys between which it begins, after a look at these, the greatest first."""
    keys = sorted({one for some in at for one in some}, reverse=True)
    latest: dict[int, float] = {}
    if keys:
        near = f"SELECT {moment} AS at FROM {table} WHERE {key} >= {{}} ORDER BY {key} LIMIT {_NEAR}"
        asked = ", ".join(f"(SELECT max(at) FROM ({near.format(f'${i + 1}')}) AS chosen)" for i in range(len(keys)))
        found = yield Query(f"SELECT {asked}", tuple(keys))
        latest = dict(zip(keys, found[0], strict=True))
    return [_inside(span, some, latest, start) for span, some, start in zip(spans, at, since, strict=True)]


def _inside(span: tuple[int, int], keys: Sequence[int], latest: Mapping[int, float], since: float) -> tuple[int, int]:
    high = span[1]
    for key in keys:
        if latest[key] <= since:
            return key, high
        high = key
    return span[0], high
