"""Hours, leave, and the last word about it."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from smtpgate import hours
from smtpgate.desk import duty
from smtpgate.desksettings import Agent
from smtpgate.due import Leave

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def agent(**fields: object) -> Agent:
    return Agent.model_validate({"address": "lee@corp.example", **fields})


@pytest.mark.parametrize(
    ("spans", "now", "on"),
    [
        (["mon-fri 09:00-18:00"], "2026-11-26 09:00", True),
        (["mon-fri 09:00-18:00"], "2026-11-26 17:59", True),
        (["mon-fri 09:00-18:00"], "2026-11-26 18:00", False),
        (["mon-fri 09:00-18:00"], "2026-11-28 12:00", False),
        (["fri-mon 10:00-12:00"], "2026-11-29 11:00", True),
        (["sat,sun 10:00-12:00", "mon 08:00-09:00"], "2026-11-30 08:30", True),
        (["fri 22:00-06:00"], "2026-11-28 05:59", True),
        (["fri 22:00-06:00"], "2026-11-27 05:00", False),
        (["sun 22:00-06:00"], "2026-11-30 01:00", True),
        (["mon-sun 00:00-24:00"], "2026-11-30 23:59", True),
        ([], "2026-11-28 03:00", True),
    ],
)
def test_hours(spans: list[str], now: str, *, on: bool) -> None:
    assert duty.on_duty(agent(hours=spans), None, BERLIN, moment(now)) is on


@pytest.mark.parametrize("value", ["", "mon", "mon 9-18", "mon 09:00", "mon 09:00-09:00", "xyz 09:00-18:00", "mon 09:00-25:00"])
def test_hours_that_are_none(value: str) -> None:
    with pytest.raises(ValueError, match=";"):
        hours.span(value)


def test_leave_of_the_configuration_holds_from_the_first_to_the_last_day() -> None:
    lee = agent(away=["2026-12-24/2027-01-02", "2026-11-26"])
    assert duty.away_until(lee, None, BERLIN, moment("2026-12-23 23:59")) is None
    assert duty.away_until(lee, None, BERLIN, moment("2026-12-24 00:00")) == moment("2027-01-03 00:00")
    assert duty.away_until(lee, None, BERLIN, moment("2027-01-02 23:59")) == moment("2027-01-03 00:00")
    assert duty.away_until(lee, None, BERLIN, moment("2027-01-03 00:00")) is None
    assert duty.away_until(lee, None, BERLIN, moment("2026-11-26 12:00")) == moment("2026-11-27 00:00")


def test_the_last_word_counts() -> None:
    lee = agent(away=["2026-12-24/2027-01-02"])
    now = moment("2026-12-28 12:00")
    back = Leave(moment("2026-12-28 09:00"), moment("2026-12-28 09:00"))
    assert duty.away_until(lee, back, BERLIN, now) is None
    longer = Leave(moment("2026-12-27 09:00"), moment("2027-01-10 09:00"))
    assert duty.away_until(lee, longer, BERLIN, now) == moment("2027-01-10 09:00")
    early = Leave(moment("2026-12-01 09:00"), moment("2026-12-01 09:00"))  # said before that leave began
    assert duty.away_until(lee, early, BERLIN, now) == moment("2027-01-03 00:00")
    assert duty.away_until(lee, longer, BERLIN, moment("2027-01-10 09:00")) is None


def test_days_of_work() -> None:
    saturday, thursday = date(2026, 11, 28), date(2026, 11, 26)
    assert (duty.works_on(agent(), saturday), duty.works_on(agent(), thursday)) == (False, True)
    shifts = agent(hours=["sat 08:00-12:00"])
    assert (duty.works_on(shifts, saturday), duty.works_on(shifts, thursday)) == (True, False)
    assert (duty.morning(shifts, 5), duty.morning(shifts, 3), duty.morning(agent())) == (480, 540, 540)
