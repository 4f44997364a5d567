"""Working hours, days of leave, holidays and times of day as the configuration writes them, and whether a moment lies in them.

Pure. What cannot be read raises ValueError as "what is wrong; how to mend it".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """Hours that are the same on some days of the week (0: Monday). Minutes since midnight; end may lie in the next day."""

    days: frozenset[int]
    begin: int
    end: int


@functools.lru_cache(256)
def span(value: str) -> Span:
    """mon-fri 09:00-18:00, sat,sun 10:00-12:00; 22:00-06:00 ends on the next day."""
    found = re.fullmatch(r"\s*([a-z,\- ]+?)\s+(\S+)-(\S+)\s*", value.lower())
    if found is None:
        raise ValueError('are no hours; write for example "mon-fri 09:00-18:00" or "sat,sun 10:00-12:00"')
    begin, end = time_of_day(found[2]), time_of_day(found[3], midnight=True)
    if begin == end:
        raise ValueError('begin when they end; for a whole day write "00:00-24:00"')
    return Span(frozenset(_days(found[1])), begin, end if end > begin else end + _DAY)


def _days(value: str) -> Iterable[int]:
    for part in value.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f'name no day of the week in {part!r}; the days are {", ".join(DAYS)}, and "mon-fri" is five of them')
        begin, end = DAYS.index(first), DAYS.index(last or first)
        yield from (day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1))


@functools.lru_cache(256)
def time_of_day(value: str, *, midnight: bool = False) -> int:
    """Minutes since midnight. midnight: 24:00 is a time, too."""
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", value)
    minutes = int(found[1]) * 60 + int(found[2]) if found is not None and int(found[2]) < 60 else _DAY + 1
    if minutes > _DAY - (not midnight):
        raise ValueError(f'holds {value!r}, which is no time of day; write for example "08:30"')
    return minutes


@functools.lru_cache(256)
def leave(value: str) -> tuple[date, date]:
    """The first and the last day: 2026-12-24/2027-01-02, or one day alone."""
    first, _, last = value.partition("/")
    try:
        days = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError:
        raise ValueError('are no days; write for example "2026-12-24/2027-01-02" or "2026-12-24"') from None
    if days[1] < days[0]:
        raise ValueError("end before they begin; write the first day first")
    return days


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days on which nobody works, both included: of one year, or with year None of each, as (month, day)."""

    first: tuple[int, int]
    last: tuple[int, int]
    year: tuple[int, int] | None = None  # of the first and of the last day

    def holds(self, day: date) -> bool:
        this = (day.month, day.day)
        if self.year is not None:
            return (self.year[0], *self.first) <= (day.year, *this) <= (self.year[1], *self.last)
        if self.first <= self.last:
            return self.first <= this <= self.last
        return this >= self.first or this <= self.last  # over the end of the year


@functools.lru_cache(256)
def holiday(value: str) -> Holiday:
    """2026-12-24/2027-01-02, 2026-05-01, or in each year: 12-25, 12-24/01-02."""
    first, _, last = value.partition("/")
    if not re.fullmatch(r"\s*[0-9]{2}-[0-9]{2}\s*", first):
        begin, end = leave(value)
        return Holiday((begin.month, begin.day), (end.month, end.day), (begin.year, end.year))
    try:  # 2000 had a 29th of February
        days = [date.fromisoformat(f"2000-{part.strip()}") for part in (first, last or first)]
    except ValueError:
        raise ValueError('are no days; write for example "12-25" or "12-24/01-02" for each year') from None
    return Holiday((days[0].month, days[0].day), (days[1].month, days[1].day))


def within(spans: Iterable[Span], local: datetime) -> bool:
    """Does the moment, as a clock on the wall shows it, lie in one of them?"""
    minute, today = local.hour * 60 + local.minute, local.weekday()
    return any(
        (today in one.days and one.begin <= minute < one.end) or ((today - 1) % 7 in one.days and minute + _DAY < one.end)
        for one in spans
    )
