"""Working time, held against a walk minute by minute over the clock on the wall: summer time, nights, holidays."""

from __future__ import annotations

from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from smtpgate import hours
from smtpgate.desk import worktime
from smtpgate.desksettings import Desk

MINUTE, HOUR = 60.0, 3600.0


def calendar(*spans: str, zone: str = "Europe/Berlin", holidays: tuple[str, ...] = ()) -> worktime.Calendar:
    desk = Desk(name="x", address="x@help.example", hours=list(spans), holidays=list(holidays), timezone=zone)
    return worktime.of_desk(desk)


OFFICE = calendar("mon-fri 09:00-18:00")
PLACES = {
    "office": OFFICE,
    "two-shifts": calendar("mon-fri 09:00-12:00", "mon-thu 13:00-17:30", "fri 11:00-13:30"),
    "nights": calendar("mon-sun 22:00-06:00"),  # an hour of which is left out, or comes twice
    "weekend-nights": calendar("fri,sat 20:30-04:15", zone="America/New_York", holidays=("2026-03-07",)),
    "midnight-leap": calendar("mon-sun 20:00-08:00", zone="Africa/Cairo"),  # there summer time begins at midnight
    "half-an-hour": calendar("mon-sat 08:00-24:00", zone="Australia/Lord_Howe", holidays=("10-04", "04-04/04-06")),
    "ends-in-the-change": calendar("mon-sun 01:30-02:30", "sat,sun 02:40-02:50", "mon-sun 03:10-03:20", zone="America/St_Johns"),
    "feast": calendar("mon-fri 09:00-18:00", zone="Asia/Shanghai", holidays=("2026-10-01/2026-10-07", "12-30/01-02")),
    "always-but": calendar(holidays=("12-24/12-26",)),
}
AROUND = [  # the changes of summer time, and the turn of the year
    datetime(2026, month, day, tzinfo=ZoneInfo("UTC")).timestamp()
    for month, day in ((3, 6), (3, 27), (4, 2), (4, 22), (9, 29), (10, 2), (10, 23), (10, 28), (10, 30), (12, 22), (12, 29))
]


def works(place: worktime.Calendar, moment: float) -> bool:
    local = datetime.fromtimestamp(moment, place.zone)
    return hours.within(place.spans, local) and not any(one.holds(local.date()) for one in place.holidays)


@pytest.mark.parametrize("name", PLACES)
def test_as_a_walk_minute_by_minute_counts_it(name: str) -> None:
    place, random = PLACES[name], Random(name)
    for around in AROUND:
        begin = around + random.randrange(2 * 1440) * MINUTE
        end = begin + random.randrange(1, 3 * 1440) * MINUTE
        worked = [moment for i in range(int((end - begin) / MINUTE)) if works(place, moment := begin + i * MINUTE)]
        assert place.between(begin, end) == MINUTE * len(worked)
        if worked:  # what has passed is over a minute after the last one of it began
            assert place.after(begin, MINUTE * len(worked)) == worked[-1] + MINUTE


@pytest.mark.parametrize("name", PLACES)
def test_the_two_are_each_others_opposite(name: str) -> None:
    place, random = PLACES[name], Random(name)
    for _ in range(100):
        begin, seconds = random.uniform(AROUND[0], AROUND[-1]), random.choice((0.0, 60.0, random.uniform(0, 80 * HOUR)))
        end = place.after(begin, seconds)
        assert end >= begin
        assert place.between(begin, end) == pytest.approx(seconds, abs=1e-3)
        middle = random.uniform(begin, end)
        assert place.between(begin, middle) + place.between(middle, end) == pytest.approx(seconds, abs=1e-3)
        assert place.after(begin, seconds / 2) <= end


def at(said: str, place: worktime.Calendar = OFFICE) -> float:
    return datetime.fromisoformat(said).replace(tzinfo=place.zone).timestamp()


def shown(moment: float, place: worktime.Calendar = OFFICE) -> str:
    return datetime.fromtimestamp(moment, place.zone).isoformat(" ", "minutes")[:16]


def test_what_people_expect() -> None:
    assert shown(OFFICE.after(at("2026-11-27 17:00"), 4 * HOUR)) == "2026-11-30 12:00"  # a Friday, a Monday
    assert shown(OFFICE.after(at("2026-11-27 17:00"), HOUR)) == "2026-11-27 18:00"
    assert shown(OFFICE.after(at("2026-11-28 03:00"), HOUR)) == "2026-11-30 10:00"
    assert shown(PLACES["feast"].after(at("2026-09-30 17:00", PLACES["feast"]), 2 * HOUR), PLACES["feast"]) == "2026-10-08 10:00"
    assert OFFICE.between(at("2026-11-27 19:00"), at("2026-11-30 08:00")) == 0
    assert OFFICE.between(at("2026-11-30 08:00"), at("2026-11-27 08:00")) == 0  # the clock was put back
    assert calendar().after(5.0, 7.0) == 12.0
    assert calendar().between(5.0, 12.0) == 7.0
    assert PLACES["nights"].between(at("2026-03-28 22:00"), at("2026-03-29 06:00")) == 7 * HOUR
    assert PLACES["nights"].between(at("2026-10-24 22:00"), at("2026-10-25 06:00")) == 9 * HOUR


def test_the_last_minute_of_a_day() -> None:
    assert OFFICE.last_minute(date(2026, 11, 27)) == 18 * 60
    assert OFFICE.last_minute(date(2026, 11, 28)) is None
    assert PLACES["two-shifts"].last_minute(date(2026, 11, 27)) == 13 * 60 + 30
    assert PLACES["feast"].last_minute(date(2026, 12, 31)) is None


def test_a_desk_that_hardly_works_is_no_endless_search() -> None:
    idle = calendar("mon 09:00-09:01", holidays=("01-01/12-30",))
    assert idle.after(at("2026-01-01 00:00"), 2000 * HOUR) > at("2029-01-01 00:00")
    never = calendar("mon-fri 09:00-18:00", holidays=("01-01/12-31",))
    assert never.after(at("2026-01-01 00:00"), HOUR) > at("2029-01-01 00:00")  # and not at once: then all would be late
    assert never.between(at("2026-01-01 00:00"), at("2027-01-01 00:00")) == 0
