"""Time and randomness come in from here, so that every test can hold them still.

Owns nothing and never fails. Everything that needs the time, a delay or a new id takes a Clock.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import threading
import time
from base64 import b32decode
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z


class Clock(Protocol):
    """Seconds since 1970 (now), seconds from an arbitrary start that never jump (monotonic), and sleep."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FixedClock(SystemClock):
    """A clock that stands at one moment (`explain --at`); sleep and monotonic are the machine's."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


def stamp() -> str:
    """The machine's time as the log has it: UTC, to the microsecond."""
    second, part = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(second)}.{part // 1000:06}Z"


@functools.lru_cache(4)  # many lines come in one second
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def local_day(now: float, zone: str) -> str:
    """The calendar day of a moment in a zone, as YYYYMMDD."""
    return _day_of(int(now // 1), zone)


@functools.lru_cache(64)  # asked several times for each mail
def _day_of(second: int, zone: str) -> str:
    return datetime.fromtimestamp(second, ZoneInfo(zone)).strftime("%Y%m%d")


def utc(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


class _Given:
    """The ids that this process gave out in one millisecond. A burst of 50 would else meet itself once in 3,400 times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # the event loop and the store's writer both make ids
        self._ms = -1
        self._tails: set[int] = set()

    def tail(self, ms: int) -> int:
        with self._lock:
            if ms != self._ms or len(self._tails) >= 2**20:  # a clock that stands still must not stop us
                self._ms = ms
                self._tails.clear()
            while (tail := secrets.randbits(22)) in self._tails:
                pass
            self._tails.add(tail)
            return tail


_given = _Given()


def new_id(clock: Clock) -> int:
    """A new positive 63-bit id: 41 bits of milliseconds, 22 random bits that no other id of this process and moment has.

    Sorts by time, needs no round trip to the store, and is the same kind of number on every node.
    """
    ms = max(int(clock.now() * 1000) - _EPOCH_MS, 0) & (2**41 - 1)
    return ms << 22 | _given.tail(ms)


_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"  # base32
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)


def id_moment(number: int) -> float:
    """When an id was made, in seconds since 1970, to the millisecond."""
    return ((number >> 22) + _EPOCH_MS) / 1000


def id_text(number: int) -> str:
    """An id as 13 lower-case base32 characters: what a 250 reply, a log line and a command show."""
    if not 0 <= number < 2**64:
        raise OverflowError(f"not an id: {number}")
    pairs = _PAIRS
    return (
        pairs[number >> 54]
        + pairs[number >> 44 & 1023]
        + pairs[number >> 34 & 1023]
        + pairs[number >> 24 & 1023]
        + pairs[number >> 14 & 1023]
        + pairs[number >> 4 & 1023]
        + _DIGITS[number << 1 & 31]
    )


def base32(octets: bytes) -> str:
    """Octets as lower-case base32 without padding, at half of what base64.b32encode and tidying up cost."""
    size = len(octets) * 8
    empty = -size % 10
    number = int.from_bytes(octets, "big") << empty
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(size + empty - 10, -1, -10)])[: (size + 4) // 5]


def id_number(text: str) -> int:
    """The reverse of id_text. Raises ValueError for anything that id_text cannot have made."""
    if len(text) != 13:
        raise ValueError(f"not an id: {text!r}")
    return int.from_bytes(b32decode(text.upper() + "==="), "big")
