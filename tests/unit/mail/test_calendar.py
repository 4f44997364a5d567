from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.limitsettings import Limits
from smtpgate.mail import calendar, parse, zones
from smtpgate.model import Meeting
from tests.support.doubling import assert_linear

SHANGHAI = ZoneInfo("Asia/Shanghai")
CUSTOM = """BEGIN:VTIMEZONE
TZID:My Zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


def event(*lines: str, method: str = "REQUEST", zone: str = "") -> str:
    body = "\n".join(lines)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:{method}\n{zone}BEGIN:VEVENT\n{body}\nEND:VEVENT\nEND:VCALENDAR\n"


def read(*lines: str, method: str = "REQUEST", zone: str = "") -> Meeting:
    found = calendar.read(event(*lines, method=method, zone=zone))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("start", "iso"),
    [
        ("DTSTART:20260302T090000Z", "2026-03-02T09:00+00:00"),
        ("DTSTART:20260302T090000", "2026-03-02T09:00"),
        ("DTSTART;TZID=Asia/Shanghai:20260302T090000", "2026-03-02T09:00+08:00"),
        ("DTSTART;TZID=China Standard Time:20260302T090000", "2026-03-02T09:00+08:00"),
        ('DTSTART;TZID="W. Europe Standard Time":20260702T090000', "2026-07-02T09:00+02:00"),
        ("DTSTART;TZID=Eastern Standard Time:20260702T090000", "2026-07-02T09:00-04:00"),
        ("DTSTART;TZID=/freeassociation.sourceforge.net/Tzfile/Europe/Paris:20260102T090000", "2026-01-02T09:00+01:00"),
        ("DTSTART;TZID=/mozilla.org/20070129_1/America/Argentina/Buenos_Aires:20260102T090000", "2026-01-02T09:00-03:00"),
        ("DTSTART;TZID=/Europe/Stockholm:20260102T090000", "2026-01-02T09:00+01:00"),
        ("DTSTART;TZID=My Zone:20260102T090000", "2026-01-02T09:00+01:00"),
        ("DTSTART;TZID=My Zone:20260702T090000", "2026-07-02T09:00+02:00"),
        ("DTSTART;TZID=My Zone:20260329T030000", "2026-03-29T03:00+02:00"),
        ("DTSTART;TZID=My Zone:20261025T040000", "2026-10-25T04:00+01:00"),
        ("DTSTART;TZID=../../etc/passwd:20260302T090000", "2026-03-02T09:00"),
        ("DTSTART;VALUE=DATE:20260302", "2026-03-02"),
        ("DTSTART:20260302", "2026-03-02"),
        ("DTSTART:20260231T090000Z", ""),
        ("DTSTART:soon", ""),
        ("X-NONE:1", ""),
    ],
)
def test_when(start: str, iso: str) -> None:
    assert read(start, "SUMMARY:x", zone=CUSTOM).starts == iso


@pytest.mark.parametrize(
    ("lines", "ends"),
    [
        (("DTSTART:20260302T090000Z", "DTEND:20260302T100000Z"), "2026-03-02T10:00+00:00"),
        (("DTSTART:20260302T090000Z", "DURATION:PT1H30M"), "2026-03-02T10:30+00:00"),
        (("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260305"), "2026-03-04"),
        (("DTSTART;VALUE=DATE:20260302", "DURATION:P2D"), "2026-03-03"),
        (("DTSTART;VALUE=DATE:20260302",), "2026-03-02"),
        (("DTSTART:20260302T090000Z",), ""),
        (("DTSTART:99991231T090000Z", "DURATION:P9999W"), ""),
    ],
)
def test_until(lines: tuple[str, ...], ends: str) -> None:
    assert read(*lines).ends == ends


def test_all_facts_with_folds_quotes_and_escapes() -> None:
    found = read(
        "DTSTART:20260302T010000Z", "DTEND:20260302T020000Z",
        "SUMMARY:Budget\\, round\n  two\\; final", "LOCATION:Room 5\\nBuilding A",
        'ORGANIZER;CN="Doe; Jane":mailto:jane@corp.example',
        "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION:MAILTO:a@b.example", "ATTENDEE;CN=b@b.example:mailto:b@b.example",
        "ATTENDEE:mailto:a@b.example", "DESCRIPTION:Please\\ncome", "BEGIN:VALARM", "DESCRIPTION:Reminder", "END:VALARM",
    )  # fmt: skip
    assert found == Meeting(
        method="REQUEST", summary="Budget, round two; final", starts="2026-03-02T01:00+00:00", ends="2026-03-02T02:00+00:00",
        location="Room 5 Building A", organizer="Doe; Jane <jane@corp.example>", attendees=("a@b.example", "b@b.example"),
        note="Please\ncome",
    )  # fmt: skip
    assert calendar.describe(found, SHANGHAI, "en", "Asia/Shanghai") == (
        "Invitation: Budget, round two; final\nWhen: 2026-03-02 Mon 09:00\u201310:00 (Asia/Shanghai)\nWhere: Room 5 Building A\n"
        "From: Doe; Jane <jane@corp.example>\nWho: a@b.example, b@b.example"
    )
    chinese = calendar.describe(found, SHANGHAI, "zh", "Asia/Shanghai").splitlines()
    assert chinese[:2] == ["会议邀请：Budget, round two; final", "时间：2026-03-02 周一 09:00\u201310:00 (Asia/Shanghai)"]


@pytest.mark.parametrize(
    ("method", "lines", "first"),
    [
        ("REPLY", ("ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@b.example",), "Accepted: x"),
        ("REPLY", ("ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.example",), "Declined: x"),
        ("REPLY", (), "Answer: x"),
        ("CANCEL", (), "Cancelled: x"),
        ("REQUEST", ("STATUS:CANCELLED",), "Cancelled: x"),
        ("COUNTER", (), "New time proposed: x"),
        ("NONSENSE", (), "Event: x"),
    ],
)
def test_methods(method: str, lines: tuple[str, ...], first: str) -> None:
    assert calendar.describe(read("SUMMARY:x", *lines, method=method)) .splitlines()[0] == first  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "en", "zh"),
    [
        ("FREQ=DAILY", "every day", "每天"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=10", "every 2 weeks on Mon, Wed, 10 times", "每2周（周一、周三），共10次"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "every month on last Fri", "每月（最后一个周五）"),
        ("FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "every month on second Tue", "每月（第二个周二）"),
        ("FREQ=MONTHLY;BYMONTHDAY=15", "every month on 15", "每月（15）"),
        ("FREQ=YEARLY;UNTIL=20280102T000000Z", "every year, until 2028-01-02", "每年，至2028-01-02"),
        ("FREQ=HOURLY", "repeats", "重复"),
        ("every Tuesday", "EVERY TUESDAY", "EVERY TUESDAY"),
    ],
)
def test_recurring_in_words(rule: str, en: str, zh: str) -> None:
    found = read("SUMMARY:x", f"RRULE:{rule}")
    assert calendar.describe(found).splitlines()[1] == f"When: {en}"
    assert calendar.describe(found, language="zh-CN").splitlines()[1] == f"时间：{zh}"


def test_floating_and_all_day_in_words() -> None:
    assert "(local time of the sender)" in calendar.describe(read("DTSTART:20260302T090000"), SHANGHAI)
    days = read("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260305")
    assert "When: 2026-03-02 Mon \u2013 2026-03-04 Wed, all day" in calendar.describe(days, SHANGHAI)
    night = read("DTSTART:20260302T150000Z", "DTEND:20260302T170000Z")
    assert "2026-03-02 Mon 23:00 \u2013 2026-03-03 Tue 01:00 (UTC+08:00)" in calendar.describe(night, SHANGHAI)


def test_every_windows_zone_is_known_here() -> None:
    for name in zones._WINDOWS:
        assert zones.zone(name) is not None, name


def test_no_calendar() -> None:
    assert calendar.read("") is None
    assert calendar.read("BEGIN:VCALENDAR\nEND:VCALENDAR") is None
    assert calendar.read("hello") is None


def test_a_mail_that_is_an_invitation_says_what_it_is() -> None:
    text = event("SUMMARY:Sync", "DTSTART:20260302T010000Z", "DESCRIPTION:Agenda").replace("\n", "\r\n")
    raw = b"From: a@b.example\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n" + text.encode()
    mail = parse.parse(raw, mail_from="", limits=Limits())
    assert mail.text == "Invitation: Sync\nWhen: 2026-03-02 Mon 01:00 (UTC+00:00)\n\nAgenda"
    assert [a.filename for a in mail.attachments] == ["invite.ics"]
    assert mail.meeting is not None
    shown = calendar.with_meeting(mail.text, mail.meeting, SHANGHAI, "zh", "Asia/Shanghai")
    assert shown == "会议邀请：Sync\n时间：2026-03-02 周一 09:00 (Asia/Shanghai)\n\nAgenda"


LINES = st.sampled_from([
    "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTIMEZONE", "END:VTIMEZONE", "BEGIN:STANDARD",
    "END:STANDARD", "TZID:x", "TZOFFSETTO:+9999", "TZOFFSETFROM:-0100", "DTSTART;TZID=x:20260302T250000", "DURATION:P1W",
    "DTSTART:00010101T000000Z", "DTEND:99991231", "RRULE:FREQ=YEARLY;BYMONTH=13;BYDAY=5SU", " fold", 'A;B="c:d', ":", ";",
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYDAY=-5SU", "DTSTART:20260302T090000", "ATTENDEE:x", "SUMMARY:\\",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(LINES, st.text(max_size=20)), max_size=30), st.sampled_from(["en", "zh", ""]))
def test_takes_anything(lines: list[str], language: str) -> None:
    found = calendar.read("\r\n".join(["BEGIN:VEVENT", *lines]))
    if found is not None:
        calendar.describe(found, SHANGHAI, language)
        calendar.describe(found)


HOSTILE: dict[str, Callable[[int], str]] = {
    "begins": lambda n: "BEGIN:VEVENT\n" * n,
    "ends": lambda n: "BEGIN:VEVENT\n" + "END:X\n" * n,
    "folds": lambda n: "BEGIN:VEVENT\nX" + ":\n \n" * n,
    "people": lambda n: "BEGIN:VEVENT\n" + "ATTENDEE:mailto:a@b\n" * n,
    "parameters": lambda n: "BEGIN:VEVENT\nATTENDEE" + ";a=b" * n + ":x\n",
    "quotes": lambda n: "BEGIN:VEVENT\n" + 'A;B="\n' * n,
    "zones": lambda n: "BEGIN:VTIMEZONE\n" + "BEGIN:STANDARD\nTZOFFSETTO:+0100\nEND:STANDARD\n" * n + "BEGIN:VEVENT\nDTSTART:2026",
}  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling(make: Callable[[int], str]) -> None:
    assert_linear(make, calendar.read, 2000)
