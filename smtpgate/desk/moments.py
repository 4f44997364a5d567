"""A moment as an agent writes it behind a command: 3d, tomorrow 14:00, monday 9:00, 2026-12-01, 3天, 下周一上午10点, 12月1日,
in either script of Chinese.

Pure and linear. `read` says what stands there, or None for what is no moment; `when` reckons it for a clock and a zone. A day
alone means its morning. Days are days of the calendar, so that a change of summer time moves no hour; a time that the
clock leaps over is the one after the leap.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from smtpgate.records import record

LONGEST = 366  # days
MORNING = 9 * 60
_LONGEST_SAID = 80  # characters
_FIRST_YEAR, _LAST_YEAR = 1970, 9000

_SIMPLIFIED = str.maketrans("後點鐘週兩號個時這禮為說", "后点钟周两号个时这礼为说")  # what is read below stands in one script
_NUMERALS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2, "日": 7, "天": 7}
_N = r"([0-9]{1,4}|[一二两三四五六七八九十]{1,3}|an?|半)"
_UNITS = (
    (r"(?:m|min|mins|minutes?|分钟|分)", 1, 0),
    (r"(?:h|hrs?|hours?|小时|个小时|钟头|个钟头)", 60, 0),
    (r"(?:d|days?|天|日)", 0, 1),
    (r"(?:w|wks?|weeks?|周|个?星期|个?礼拜)", 0, 7),
    (r"(?:months?|个月)", 0, 30),
)
_RELATIVE = tuple((re.compile(_N + r"\s*" + unit + r"(?![a-z])\s*(?:and|,)?\s*"), minutes, days) for unit, minutes, days in _UNITS)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = re.compile(
    r"(next|this|on)?\s*(mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs?|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)(?![a-z])"
)
_ZH_WEEKDAY = re.compile(r"(下个?|这个?|本)?(?:周|星期|礼拜)([一二三四五六日天])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = (
    (re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?![0-9])t?"), "ymd"),
    (re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})[日号]?"), "ymd"),
    (re.compile(r"([0-9]{1,2})月([0-9]{1,2})[日号]?"), "md"),
    (re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?\s+" + _MONTH + r"(?:\s+([0-9]{4}))?(?![0-9:])"), "dby"),
    (re.compile(_MONTH + r"\s+([0-9]{1,2})(?:st|nd|rd|th)?(?:,?\s+([0-9]{4}))?(?![0-9:])"), "bdy"),
)
_NAMED = (
    ("大后天", 3), ("后天", 2), ("明天", 1), ("明早", 1), ("明日", 1), ("今天", 0), ("今晚", 0), ("今日", 0),
    ("day after tomorrow", 2), ("tomorrow", 1), ("tmr", 1), ("today", 0), ("tonight", 0),
)  # fmt: skip
_PARTS = {"早上": 0, "上午": 0, "凌晨": 0, "中午": 12, "下午": 12, "傍晚": 12, "晚上": 12, "晚": 12, "am": 0, "pm": 12}
_ALONE = {
    "morning": MORNING, "noon": 720, "afternoon": 840, "evening": 1080,
    "早上": MORNING, "上午": MORNING, "中午": 720, "下午": 840, "晚上": 1200,
}  # fmt: skip
_TIME = re.compile(
    r"(早上|上午|凌晨|中午|下午|傍晚|晚上|晚)?\s*([0-9]{1,2})(?:[:.h]([0-9]{2})|点(?:钟|整)?(?:([0-9]{1,2})分?|(半))?)?\s*(am|pm)?"
)


@record(frozen=True, slots=True)
class Moment:
    """minutes and days are from now on. week: of the weekday: 0 this one, 1 the next, None the first that is still to come.
    time is in minutes since midnight, None for the morning, or with days from now for the hour that it is now."""

    minutes: int = 0
    days: int | None = None
    weekday: int | None = None
    week: int | None = None
    date: tuple[int, int, int] | None = None  # year 0: the next time that there is such a day
    time: int | None = None
    relative: bool = False


def read(said: str) -> Moment | None:
    if len(said) > _LONGEST_SAID:
        return None
    text = unicodedata.normalize("NFKC", said).casefold().strip(" .。!！").translate(_SIMPLIFIED)
    text = re.sub(r"^(?:(?:until|till|to|in|for|on|at)\s+|(?:直?到|至)\s*)", "", text)
    text = re.sub(r"\s*(?:later|from now|为止|之?以?后(?!天)|再说)$", "", text)
    if not text:
        return None
    return _relative(text) or _day(text)


def _number(said: str) -> float | None:
    if said.isascii() and said.isdigit():
        return int(said)
    if said in ("a", "an"):
        return 1
    if said == "半":
        return 0.5
    if "十" in said:
        tens, _, ones = said.partition("十")
        if not {tens, ones} <= {"", *_NUMERALS}:
            return None
        return 10 * _NUMERALS.get(tens, 1) + _NUMERALS.get(ones, 0)
    return _NUMERALS[said] if len(said) == 1 else None


def _relative(text: str) -> Moment | None:
    minutes, days, rest = 0.0, 0.0, text
    while rest:
        for pattern, unit_minutes, unit_days in reversed(_RELATIVE):
            found = pattern.match(rest)
            number = _number(found[1]) if found else None
            if found is not None and number is not None:
                minutes, days, rest = minutes + number * unit_minutes, days + number * unit_days, rest[found.end() :]
                break
        else:
            return None
    if days != int(days):
        minutes, days = minutes + (days - int(days)) * 1440, int(days)
    return Moment(minutes=int(minutes), days=int(days), relative=True)


def _day(text: str) -> Moment | None:
    moment, rest = _which_day(text)
    rest = re.sub(r"^[\s,，]*(?:at|的)?\s*", "", rest)
    if not rest:
        return moment
    time = _time(rest)
    if time is None or (moment is None and rest.isdigit()):  # a bare number says nothing
        return None
    fields = moment or Moment()
    return Moment(days=fields.days, weekday=fields.weekday, week=fields.week, date=fields.date, time=time)


def _which_day(text: str) -> tuple[Moment | None, str]:
    for pattern, order in _DATES:
        if found := pattern.match(text):
            return Moment(date=_date(found, order)), text[found.end() :]
    if found := re.match(r"next week|下个?(?:周|星期|礼拜)(?![一二三四五六日天])", text):
        return Moment(weekday=0, week=1), text[found.end() :]
    for name, days in _NAMED:
        if text.startswith(name):
            rest = text[len(name) :]
            tonight = name in ("今晚", "tonight")
            return Moment(days=days, time=1200 if tonight else None), ("晚上" + rest if tonight and rest and "点" in rest else rest)
    if found := _WEEKDAY.match(text):
        week = {"next": 1, "this": 0}.get(found[1] or "")
        return Moment(weekday=_WEEKDAYS.index(found[2][:3]), week=week), text[found.end() :]
    if found := _ZH_WEEKDAY.match(text):
        week = None if found[1] is None else 1 if found[1].startswith("下") else 0
        return Moment(weekday=_NUMERALS[found[2]] - 1, week=week), text[found.end() :]
    return None, text


def _date(found: re.Match[str], order: str) -> tuple[int, int, int]:
    parts = dict(zip(order, found.groups(), strict=True))
    month = _MONTHS.index(parts["b"]) + 1 if "b" in parts else int(parts["m"])
    return int(parts.get("y") or 0), month, int(parts["d"])


def _time(text: str) -> int | None:
    if text in _ALONE:
        return _ALONE[text]
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    part, hour = found[1] or found[6] or "", int(found[2])
    minute = 30 if found[5] else int(found[3] or found[4] or 0)
    noon = _PARTS.get(part, 0)
    if part and hour < 12 and not (part == "中午" and hour >= 11):
        hour += noon
    elif part in ("am", "上午", "凌晨", "早上") and hour == 12:
        hour = 0
    return hour * 60 + minute if hour < 24 and minute < 60 else None


def when(moment: Moment, now: float, zone: ZoneInfo, morning: Callable[[date], int] = lambda _: MORNING) -> float | None:
    """Seconds since 1970; None when there is no such day. Whether it lies in the past or too far ahead is the caller's to judge."""
    local = datetime.fromtimestamp(now, zone)
    if moment.relative:
        if not moment.days:
            return now + moment.minutes * 60
        wall = datetime.combine(_after(local.date(), moment.days), local.time())
        return _moment(wall, zone) + moment.minutes * 60
    wanted = [day for day in _days(moment, local.date()) if day is not None]
    midnights = [(day, datetime.combine(day, datetime.min.time())) for day in wanted]
    times = [(morning(day) if moment.time is None else moment.time, at) for day, at in midnights]
    moments = [_moment(at + timedelta(minutes=minutes), zone) for minutes, at in times]
    return next((at for at in moments if at > now), moments[-1] if moments else None)


def _after(day: date, days: int) -> date:
    return day + timedelta(days=min(days, 40 * LONGEST))


def _days(moment: Moment, today: date) -> list[date | None]:
    """The days that may be meant, the earliest first."""
    if moment.date is not None:
        year, month, day = moment.date
        return [_made(y, month, day) for y in ((year,) if year else (today.year, today.year + 1))]
    if moment.weekday is not None:
        monday = today - timedelta(days=today.weekday())
        wanted = monday + timedelta(days=moment.weekday)
        if moment.week is not None:
            return [wanted + timedelta(days=7 * moment.week)]
        return [wanted, wanted + timedelta(days=7)]
    if moment.days is not None:
        return [today + timedelta(days=moment.days)]
    return [today, today + timedelta(days=1)]  # a time alone


def _made(year: int, month: int, day: int) -> date | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:  # beyond them a zone may have no moment for it
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _moment(wall: datetime, zone: ZoneInfo) -> float:
    """A time that does not exist on that day counts on from the offset before the leap (PEP 495, fold 0)."""
    return wall.replace(tzinfo=zone).timestamp()
