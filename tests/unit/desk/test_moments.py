"""Moments as agents write them, in both languages, on a calendar that is held still."""

from __future__ import annotations

from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from smtpgate.desk import moments

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOW = "2026-11-26 11:05"  # a Thursday


def at(said: str, *, now: str = NOW, zone: ZoneInfo = SHANGHAI, morning: int = moments.MORNING) -> str:
    found = moments.read(said)
    assert found is not None, said
    moment = moments.when(found, datetime.fromisoformat(now).replace(tzinfo=zone).timestamp(), zone, lambda _: morning)
    assert moment is not None, said
    return datetime.fromtimestamp(moment, zone).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("3d", "2026-11-29 11:05"),
        ("3 days", "2026-11-29 11:05"),
        ("in 2 hours", "2026-11-26 13:05"),
        ("90m", "2026-11-26 12:35"),
        ("1w", "2026-12-03 11:05"),
        ("1d 12h", "2026-11-27 23:05"),
        ("an hour", "2026-11-26 12:05"),
        ("2 months", "2027-01-25 11:05"),
        ("3天", "2026-11-29 11:05"),
        ("两天后", "2026-11-28 11:05"),
        ("半小时", "2026-11-26 11:35"),
        ("2个小时后", "2026-11-26 13:05"),
        ("十二天", "2026-12-08 11:05"),
        ("一周", "2026-12-03 11:05"),
        ("2026-12-01", "2026-12-01 09:00"),
        ("2026-12-01 14:30", "2026-12-01 14:30"),
        ("2026/12/1", "2026-12-01 09:00"),
        ("2026-12-01T14:30", "2026-12-01 14:30"),
        ("12月1日", "2026-12-01 09:00"),
        ("2026年12月1日上午10点", "2026-12-01 10:00"),
        ("3月5号", "2027-03-05 09:00"),
        ("1 Dec", "2026-12-01 09:00"),
        ("Dec 1st, 2026 at 10:00", "2026-12-01 10:00"),
        ("monday", "2026-11-30 09:00"),
        ("monday 9:00", "2026-11-30 09:00"),
        ("Thursday", "2026-12-03 09:00"),
        ("thursday 17:00", "2026-11-26 17:00"),
        ("next friday", "2026-12-04 09:00"),
        ("on fri", "2026-11-27 09:00"),
        ("this friday 8am", "2026-11-27 08:00"),
        ("next week", "2026-11-30 09:00"),
        ("下周一", "2026-11-30 09:00"),
        ("下週一上午10點半", "2026-11-30 10:30"),
        ("兩天後", "2026-11-28 11:05"),
        ("半個小時後", "2026-11-26 11:35"),
        ("到12月1號為止", "2026-12-01 09:00"),
        ("下個禮拜三", "2026-12-02 09:00"),
        ("下周", "2026-11-30 09:00"),
        ("下个星期三下午3点半", "2026-12-02 15:30"),
        ("周日", "2026-11-29 09:00"),
        ("本周五", "2026-11-27 09:00"),
        ("星期四", "2026-12-03 09:00"),
        ("tomorrow", "2026-11-27 09:00"),
        ("tomorrow 5pm", "2026-11-27 17:00"),
        ("明天上午9点30分", "2026-11-27 09:30"),
        ("后天", "2026-11-28 09:00"),
        ("大后天", "2026-11-29 09:00"),
        ("17:00", "2026-11-26 17:00"),
        ("9:00", "2026-11-27 09:00"),
        ("今晚8点", "2026-11-26 20:00"),
        ("tonight", "2026-11-26 20:00"),
        ("noon", "2026-11-26 12:00"),
        ("tomorrow evening", "2026-11-27 18:00"),
        ("３天", "2026-11-29 11:05"),
        ("12am", "2026-11-27 00:00"),
        ("中午12点", "2026-11-26 12:00"),
        ("明天中午11点", "2026-11-27 11:00"),
        ("明天中午1点", "2026-11-27 13:00"),
        ("until 2026-12-01", "2026-12-01 09:00"),
        ("到12月1日", "2026-12-01 09:00"),
    ],
)
def test_what_people_write(said: str, expected: str) -> None:
    assert at(said) == expected


@pytest.mark.parametrize(
    "said",
    ["", "soon", "3", "d", "3x", "tomorow", "25:00", "9:75", "2026-12", "monday tuesday", "下周八", "3d tomorrow", "never",
     "a" * 100, "十十天", "9:00 9:00", "-3d", "1e9d", "99999d", "\u0660周", "\u0661天", "3d" * 50],
)  # fmt: skip
def test_what_is_no_moment(said: str) -> None:
    assert moments.read(said) is None


@pytest.mark.parametrize("said", ["2026-02-30", "2026-13-01", "0月0日", "0001-01-01", "9999-12-31"])
def test_a_day_that_no_calendar_has(said: str) -> None:
    found = moments.read(said)
    assert found is not None
    assert moments.when(found, 0, BERLIN) is None


def test_a_past_day_is_told_as_it_is() -> None:
    assert at("2020-01-01") == "2020-01-01 09:00"
    assert at("本周一") == "2026-11-23 09:00"


def test_the_morning_is_that_of_the_agent() -> None:
    assert at("tomorrow", morning=7 * 60 + 30) == "2026-11-27 07:30"


def test_days_keep_the_hour_over_a_change_of_summer_time_and_hours_are_hours() -> None:
    assert at("2d", now="2026-10-24 12:00", zone=BERLIN) == "2026-10-26 12:00"
    assert at("48h", now="2026-10-24 12:00", zone=BERLIN) == "2026-10-26 11:00"
    assert at("2027-03-28 02:30", zone=BERLIN) == "2027-03-28 03:30"  # a time that is leapt over


def test_the_29th_of_february_is_the_next_one() -> None:
    assert at("29 feb", now="2027-06-01 12:00") == "2028-02-29 09:00"


def test_nothing_that_is_written_breaks_it_or_takes_long() -> None:
    pieces = [
        "3",
        "12",
        "十",
        "半",
        "an",
        "d",
        "h",
        "周",
        "月",
        "日",
        "号",
        "年",
        "next",
        "monday",
        "tomorrow",
        "今晚",
        "下周",
        "下",
        "周一",
    ]
    pieces += [
        ":",
        "点",
        "分",
        "am",
        "下午",
        "-",
        "/",
        "T",
        " ",
        "at",
        "到",
        "2026-12-01",
        "29 feb",
        "noon",
        "以后",
        "１",
        "\u0660",
        "²",
        "\u200b",
    ]
    random = Random(7)
    now = datetime.fromisoformat(NOW).replace(tzinfo=SHANGHAI).timestamp()
    read = 0
    for _ in range(4000):
        found = moments.read("".join(random.choices(pieces, k=random.randint(1, 6))))
        at = moments.when(found, now, ZoneInfo("Pacific/Kiritimati")) if found is not None else None
        if at is not None:
            read += 1
            datetime.fromtimestamp(at, BERLIN)
    assert read > 100
    for text in (" " * 10**6 + "3d", "3 " * 10**6, "周" * 10**6):
        assert moments.read(text) is None
