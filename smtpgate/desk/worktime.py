"""The time that a desk works: how much of it lies between two moments, and when so much of it has passed. Pure; never fails.

A day counts by the calendar of the desk's zone, an hour as long as it really lasts: of a night in which the clock is put
forward, one hour less. Nothing of a holiday counts. A desk without hours works at all times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from smtpgate import hours
from smtpgate.desksettings import Desk

_DAY = 24 * 60  # minutes
_ALWAYS = (hours.Span(frozenset(range(7)), 0, _DAY),)
_FARTHEST = 1500  # days that are looked at
_KEPT = 2000  # days whose hours are kept

Window = tuple[float, float]  # from the one moment until before the other, in seconds since 1970


def of_desk(desk: Desk) -> Calendar:
    return _calendar(tuple(desk.hours), tuple(desk.holidays), desk.timezone)


@lru_cache(256)
def _calendar(spans: tuple[str, ...], holidays: tuple[str, ...], zone: str) -> Calendar:
    return Calendar(tuple(map(hours.span, spans)) or _ALWAYS, tuple(map(hours.holiday, holidays)), ZoneInfo(zone))


@dataclass(slots=True, eq=False)
class Calendar:
    spans: tuple[hours.Span, ...]
    holidays: tuple[hours.Holiday, ...]
    zone: ZoneInfo
    _days: dict[int, tuple[Window, ...]] = field(default_factory=dict, repr=False)

    def between(self, begin: float, end: float) -> float:
        """Seconds of work; 0.0 when the end is not later."""
        if self._always:
            return max(0.0, end - begin)
        found = 0.0
        for first, last in self._windows(begin):
            if first >= end:
                break
            found += max(0.0, min(last, end) - max(first, begin))
        return found

    def after(self, begin: float, seconds: float) -> float:
        """The moment at which so many seconds of work have passed; of more than four years ahead only that it is so far."""
        if self._always:
            return begin + seconds
        left, last = max(0.0, seconds), begin
        for first, last in self._windows(begin):
            start = max(first, begin)
            if last > start:
                if left <= last - start:
                    return start + left
                left -= last - start
        return max(begin + _FARTHEST * _DAY * 60.0, last)

    def last_minute(self, day: date) -> int | None:
        """When work ends on such a day, in minutes since midnight; None when there is none."""
        ends = [min(one.end, _DAY) for one in self.spans if day.weekday() in one.days]
        return max(ends) if ends and not self._free(day) else None

    @property
    def _always(self) -> bool:
        return self.spans is _ALWAYS and not self.holidays

    def _free(self, day: date) -> bool:
        return any(one.holds(day) for one in self.holidays)

    def _windows(self, begin: float) -> Iterator[Window]:
        """In their order, from the day of that moment on."""
        first = datetime.fromtimestamp(begin, self.zone).toordinal()
        for ordinal in range(first, first + _FARTHEST):
            found = self._days.get(ordinal)
            if found is None:
                if len(self._days) >= _KEPT:
                    self._days.clear()
                found = self._days[ordinal] = self._of(date.fromordinal(ordinal))
            yield from found

    def _of(self, day: date) -> tuple[Window, ...]:
        if self._free(day):
            return ()
        begin, end = self._moment(day, 0), self._moment(day, _DAY)
        if end - begin != _DAY * 60:
            return self._walked(begin, end)
        today, before = day.weekday(), (day.weekday() - 1) % 7
        pieces = [(one.begin, min(one.end, _DAY)) for one in self.spans if today in one.days]
        pieces += [(0, one.end - _DAY) for one in self.spans if before in one.days and one.end > _DAY]
        joined: list[list[int]] = []
        for first, last in sorted(pieces):
            if joined and first <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], last)
            else:
                joined.append([first, last])
        found = ((self._moment(day, first), self._moment(day, last)) for first, last in joined)
        return tuple((first, last) for first, last in found if last > first)

    def _moment(self, day: date, minute: int) -> float:
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return (midnight + timedelta(minutes=minute)).timestamp()  # on the clock on the wall, which is how Python adds

    def _walked(self, begin: float, end: float) -> tuple[Window, ...]:
        """Of a day on which the clock is changed: some times of it are not there, or come twice."""
        found: list[Window] = []
        for moment in range(round(begin), round(end), 60):
            if hours.within(self.spans, datetime.fromtimestamp(moment, self.zone)):
                first = found.pop()[0] if found and found[-1][1] == moment else moment
                found.append((first, moment + 60.0))
        return tuple(found)
