"""Invitations and answers to them (RFC 5545, 5546): the facts of the first event, and words for people.

`read` gives the facts with times that stand for themselves; `describe` puts them into the zone and language of a desk.
Linear and bounded; never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from smtpgate.mail import safe, zones
from smtpgate.model import Meeting

_MOST_LINES = 20_000
_PEOPLE = 50
_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})?(Z)?)?")
_OFFSET = re.compile(r"([+-])([0-9]{2})([0-9]{2})")
_DURATION = re.compile(r"(-)?P(?:([0-9]{1,4})W)?(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})S)?)?")
_METHODS = frozenset(("REQUEST", "REPLY", "CANCEL", "PUBLISH", "COUNTER", "DECLINECOUNTER", "ADD", "REFRESH"))
_ANSWERS = frozenset(("ACCEPTED", "DECLINED", "TENTATIVE", "DELEGATED"))

Line = tuple[str, dict[str, str], str]


@dataclass(slots=True)
class _Observance:
    """Standard or summer time of a VTIMEZONE."""

    offset: timedelta
    before: timedelta
    start: datetime | None = None
    rule: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Event:
    lines: list[Line] = field(default_factory=list)

    def first(self, name: str) -> Line | None:
        return next((line for line in self.lines if line[0] == name), None)

    def text(self, name: str) -> str:
        line = self.first(name)
        return _unescaped(line[2]) if line else ""


def read(text: str, method: str = "") -> Meeting | None:
    """The meeting that a calendar file is about, None if it holds no event. method: of the Content-Type."""
    methods: list[str] = []
    event = _Event()
    observances: dict[str, list[Line]] = {}
    for place, line in _within(text):
        if place == "VCALENDAR" and line[0] == "METHOD":
            methods.append(line[2].strip().upper())
        elif place in ("VEVENT", "VTODO"):
            event.lines.append(line)
        elif place == "VTIMEZONE":
            observances.setdefault(line[1].get("\0zone", ""), []).append(line)
    if not event.lines:
        return None
    found = next((m for m in (*methods, method.upper()) if m in _METHODS), "")
    zone_of = {name: _observances(lines) for name, lines in observances.items()}
    start, ends = _when(event, zone_of)
    people = [line for line in event.lines if line[0] == "ATTENDEE"]
    answer = next((line[1].get("PARTSTAT", "").upper() for line in people), "") if found in ("REPLY", "COUNTER") else ""
    if event.text("STATUS").strip().upper() == "CANCELLED" and found in ("", "PUBLISH", "REQUEST"):
        found = "CANCEL"
    rule = event.first("RRULE")
    return Meeting(
        method=found or "PUBLISH",
        summary=safe.line(event.text("SUMMARY"), 500),
        starts=start,
        ends=ends,
        location=safe.line(event.text("LOCATION"), 500),
        organizer=_person(event.first("ORGANIZER")),
        attendees=tuple(dict.fromkeys(p for p in map(_person, people[:_PEOPLE]) if p)),
        answer=answer if answer in _ANSWERS else "",
        repeats=safe.line(rule[2].upper(), 300) if rule else "",
        note=safe.block(event.text("DESCRIPTION")).strip()[:20_000],
    )


# --- lines ------------------------------------------------------------------------------------------------------------


def _within(text: str) -> Iterator[tuple[str, Line]]:
    """Each line with the component that it stands in: of the first event, and of all zones, whose lines carry the name."""
    path: list[str] = []
    events = 0
    zone = ""
    for line in _lines(text):
        name, _, value = line
        upper = value.strip().upper()
        if name == "BEGIN":
            path.append(upper)
            events += upper in ("VEVENT", "VTODO")
            if upper in ("STANDARD", "DAYLIGHT"):
                yield "VTIMEZONE", ("BEGIN", {"\0zone": zone}, upper)
        elif name == "END":
            if upper in path:
                del path[len(path) - 1 - path[::-1].index(upper) :]
        elif path and path[-1] in ("STANDARD", "DAYLIGHT"):
            yield "VTIMEZONE", (name, {"\0zone": zone}, value)
        elif path and path[-1] == "VTIMEZONE" and name == "TZID":
            zone = value.strip()
        elif path and (events <= 1 or path[-1] == "VCALENDAR"):
            yield path[-1], line


def _lines(text: str) -> Iterator[Line]:
    """Content lines, unfolded (RFC 5545 §3.1)."""
    pending = ""
    pieces: list[str] = []
    for i, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        if i > _MOST_LINES:
            break
        if raw[:1] in (" ", "\t"):
            pieces.append(raw[1:])
            continue
        pending = "".join(pieces)
        pieces = [raw]
        if pending:
            yield _line(pending)
    if pieces and pieces[0]:
        yield _line("".join(pieces))


def _line(text: str) -> Line:
    """NAME;PARAM=value;PARAM="quoted:value":value"""
    quoted = False
    colon = len(text)
    cuts: list[int] = []
    for match in re.finditer('[":;]', text[:4000]):
        if match[0] == '"':
            quoted = not quoted
        elif not quoted and match[0] == ";":
            cuts.append(match.start())
        elif not quoted:
            colon = match.start()
            break
    head = [text[a + 1 : b] for a, b in zip([-1, *cuts], [*cuts, colon], strict=True)]
    values = {key.strip().upper(): value.strip().strip('"') for key, _, value in (h.partition("=") for h in head[1:])}
    return head[0].strip().upper().rpartition(".")[2], values, text[colon + 1 :]


_ESCAPES = re.compile(r"\\(.)", re.DOTALL)


def _unescaped(value: str) -> str:
    return _ESCAPES.sub(lambda m: "\n" if m[1] in "nN" else m[1], value)


def _person(line: Line | None) -> str:
    """Name <address>, as far as it is known."""
    if line is None:
        return ""
    address = line[2].strip()
    address = safe.line(address[7:] if address[:7].lower() == "mailto:" else address, 300)
    name = safe.line(line[1].get("CN", ""), 200)
    if "@" not in address:
        return name or address
    return f"{name} <{address}>" if name and name.lower() != address.lower() else address


# --- times ------------------------------------------------------------------------------------------------------------


def _when(event: _Event, zone_of: dict[str, list[_Observance]]) -> tuple[str, str]:
    """Start and end as ISO 8601: a date for whole days (the last day included), no offset for floating times."""
    start = _moment(event.first("DTSTART"), zone_of)
    end = _moment(event.first("DTEND") or event.first("DUE"), zone_of)
    length = event.first("DURATION")
    try:
        if start is not None and end is None and length is not None:
            end = start + _duration(length[2])
        if start is None:
            return "", end.isoformat() if end else ""
        if not isinstance(start, datetime):
            last = end - timedelta(days=1) if end is not None and not isinstance(end, datetime) else start
            return start.isoformat(), max(start, last).isoformat()
    except OverflowError:
        return "", ""
    return start.isoformat(timespec="minutes"), end.isoformat(timespec="minutes") if isinstance(end, datetime) else ""


def _moment(line: Line | None, zone_of: dict[str, list[_Observance]]) -> datetime | date | None:
    match = _TIME.match(line[2].strip()) if line else None
    if line is None or match is None:
        return None
    year, month, day, hour, minute, second = (int(n or 0) for n in match.groups()[:6])
    try:
        if match[4] is None or line[1].get("VALUE", "").upper() == "DATE":
            return date(year, month, day)
        moment = datetime(year, month, day, hour % 24, minute, min(second, 59), tzinfo=UTC)
        if match[7]:
            return moment
        local = moment.replace(tzinfo=None)
        name = line[1].get("TZID", "")
        zone = zones.zone(name) if name else None
        if zone is not None:
            moment = local.replace(tzinfo=zone)
            return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta()))
        if found := zone_of.get(name):
            return local.replace(tzinfo=timezone(_offset_at(found, local)))
    except (ValueError, OverflowError):
        return None
    return local


def _duration(text: str) -> timedelta:
    match = _DURATION.match(text.strip().upper())
    if match is None:
        return timedelta()
    weeks, days, hours, minutes, seconds = (int(n or 0) for n in match.groups()[1:])
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _observances(lines: Iterable[Line]) -> list[_Observance]:
    found: list[_Observance] = []
    for name, _, value in lines:
        if name == "BEGIN":
            found.append(_Observance(timedelta(), timedelta()))
        elif found and name in ("TZOFFSETTO", "TZOFFSETFROM") and (match := _OFFSET.match(value.strip())):
            offset = timedelta(hours=min(int(match[2]), 23), minutes=min(int(match[3]), 59)) * (-1 if match[1] == "-" else 1)
            if name == "TZOFFSETTO":
                found[-1].offset = offset
            else:
                found[-1].before = offset
        elif found and name == "DTSTART":
            moment = _moment((name, {}, value), {})
            found[-1].start = moment.replace(tzinfo=None) if isinstance(moment, datetime) else None
        elif found and name == "RRULE":
            found[-1].rule = _rule(value.upper())
    return found[:50]


def _offset_at(observances: list[_Observance], local: datetime) -> timedelta:
    """The offset of the observance that began last before this local time."""
    begun = [(at, o) for o in observances for at in _onsets(o, local.year) if at <= local]
    if begun:
        return max(begun, key=lambda pair: pair[0])[1].offset
    return observances[0].before or observances[0].offset


def _onsets(observance: _Observance, year: int) -> Iterator[datetime]:
    start = observance.start
    if start is None:
        return
    yield start
    month = observance.rule.get("BYMONTH", "").split(",")[0]
    day = re.fullmatch(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", observance.rule.get("BYDAY", ""))
    until = observance.rule.get("UNTIL", "")[:4]
    if not month.isdigit() or not 1 <= int(month) <= 12 or day is None or (until.isdigit() and int(until) < year - 1):
        return
    for y in (year - 1, year):
        if y > start.year:
            yield datetime.combine(_nth_day(y, int(month), int(day[1] or 1), _DAYS.index(day[2])), start.time())


def _nth_day(year: int, month: int, nth: int, weekday: int) -> date:
    if nth > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (min(nth, 4) - 1))
    last = (date(year + month // 12, month % 12 + 1, 1)) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - weekday) % 7 + 7 * (min(-nth, 4) - 1))


def _rule(text: str) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (piece.partition("=") for piece in text[:300].split(";"))}


# --- words ------------------------------------------------------------------------------------------------------------

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "REQUEST": "Invitation", "CANCEL": "Cancelled", "COUNTER": "New time proposed", "PUBLISH": "Event", "REPLY": "Answer",
        "ADD": "Invitation", "REFRESH": "Question about", "DECLINECOUNTER": "New time declined",
        "ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Tentative", "DELEGATED": "Delegated",
        "when": "When: ", "where": "Where: ", "by": "From: ", "who": "Who: ", "to": "\u2013", "all-day": "all day",
        "days": "Mon Tue Wed Thu Fri Sat Sun", "DAILY": "every day", "WEEKLY": "every week", "MONTHLY": "every month",
        "YEARLY": "every year", "n-DAILY": "every {} days", "n-WEEKLY": "every {} weeks", "n-MONTHLY": "every {} months",
        "n-YEARLY": "every {} years", "on": " on {}", "COUNT": ", {} times", "UNTIL": ", until {}", "comma": ", ",
        "floating": "local time of the sender", "more": "and {} more", "title": "{}: {}",
        "repeats": "repeats", "th": "{} {}", "nth": "first second third fourth fifth last",
    },
    "zh": {
        "REQUEST": "会议邀请", "CANCEL": "会议已取消", "COUNTER": "提议新时间", "PUBLISH": "日程", "REPLY": "会议答复",
        "ADD": "会议邀请", "REFRESH": "询问会议", "DECLINECOUNTER": "拒绝新时间",
        "ACCEPTED": "已接受", "DECLINED": "已谢绝", "TENTATIVE": "暂定", "DELEGATED": "已委派",
        "when": "时间：", "where": "地点：", "by": "发起人：", "who": "参加者：", "to": "–", "all-day": "全天",
        "days": "周一 周二 周三 周四 周五 周六 周日", "DAILY": "每天", "WEEKLY": "每周", "MONTHLY": "每月", "YEARLY": "每年",
        "n-DAILY": "每{}天", "n-WEEKLY": "每{}周", "n-MONTHLY": "每{}个月", "n-YEARLY": "每{}年", "on": "（{}）",
        "COUNT": "，共{}次",
        "UNTIL": "，至{}", "comma": "、", "floating": "发件人当地时间", "more": "等{}人", "title": "{}：{}", "repeats": "重复",
        "th": "{}{}", "nth": "第一个 第二个 第三个 第四个 第五个 最后一个",
    },
    "zh-Hant": {
        "REQUEST": "會議邀請", "CANCEL": "會議已取消", "COUNTER": "提議新時間", "PUBLISH": "行程", "REPLY": "會議回覆",
        "ADD": "會議邀請", "REFRESH": "詢問會議", "DECLINECOUNTER": "拒絕新時間",
        "ACCEPTED": "已接受", "DECLINED": "已婉拒", "TENTATIVE": "暫定", "DELEGATED": "已委派",
        "when": "時間：", "where": "地點：", "by": "召集人：", "who": "出席者：", "to": "–", "all-day": "全天",
        "days": "週一 週二 週三 週四 週五 週六 週日", "DAILY": "每天", "WEEKLY": "每週", "MONTHLY": "每月", "YEARLY": "每年",
        "n-DAILY": "每{}天", "n-WEEKLY": "每{}週", "n-MONTHLY": "每{}個月", "n-YEARLY": "每{}年", "on": "（{}）",
        "COUNT": "，共{}次",
        "UNTIL": "，至{}", "comma": "、", "floating": "寄件人當地時間", "more": "等{}人", "title": "{}：{}", "repeats": "重複",
        "th": "{}{}", "nth": "第一個 第二個 第三個 第四個 第五個 最後一個",
    },
}  # fmt: skip


def describe(meeting: Meeting, zone: tzinfo | None = None, language: str = "en", zone_name: str = "") -> str:
    """A few lines for people. zone None: each time as it was written."""
    w = _WORDS.get(language) or _WORDS["zh" if language.startswith("zh") else "en"]
    lines = [w["title"].format(w[meeting.answer or meeting.method], meeting.summary or "-")]
    when = _period(meeting, zone, w, zone_name)
    if repeats := _repetition(meeting.repeats, w):
        when = f"{when}{w['comma'] if when else ''}{repeats}"
    lines += [w["when"] + when] if when else []
    lines += [w["where"] + meeting.location] if meeting.location else []
    lines += [w["by"] + meeting.organizer] if meeting.organizer else []
    if meeting.attendees:
        shown = w["comma"].join(meeting.attendees[:10])
        more = len(meeting.attendees) - 10
        lines.append(w["who"] + shown + (w["comma"] + w["more"].format(more) if more > 0 else ""))
    return "\n".join(lines)


def alone(meeting: Meeting) -> str:
    """What a mail says that is nothing but an invitation, as long as no desk has it."""
    return "\n\n".join(t for t in (describe(meeting), meeting.note) if t)


def with_meeting(text: str, meeting: Meeting, zone: tzinfo | None, language: str, zone_name: str) -> str:
    """The text of an entry: the facts in the desk's zone and language, then what the mail says."""
    said = meeting.note if text.strip() == alone(meeting).strip() else text
    return "\n\n".join(t for t in (describe(meeting, zone, language, zone_name), said) if t.strip())


def _period(meeting: Meeting, zone: tzinfo | None, w: dict[str, str], zone_name: str) -> str:
    days = w["days"].split()
    try:
        if len(meeting.starts) == 10:
            first, last = date.fromisoformat(meeting.starts), date.fromisoformat(meeting.ends or meeting.starts)
            shown = f"{first} {days[first.weekday()]}"
            if last > first:
                shown += f" {w['to']} {last} {days[last.weekday()]}"
            return f"{shown}{w['comma']}{w['all-day']}"
        if not meeting.starts:
            return ""
        start = datetime.fromisoformat(meeting.starts)
        end = datetime.fromisoformat(meeting.ends) if meeting.ends else None
        if start.tzinfo is not None and zone is not None:
            start = start.astimezone(zone)
            end = end.astimezone(zone) if end is not None and end.tzinfo is not None else end
    except (ValueError, OverflowError):
        return ""
    shown = f"{start:%Y-%m-%d} {days[start.weekday()]} {start:%H:%M}"
    if end is not None and end.date() == start.date():
        shown += f"{w['to']}{end:%H:%M}"
    elif end is not None:
        shown += f" {w['to']} {end:%Y-%m-%d} {days[end.weekday()]} {end:%H:%M}"
    offset = f"{start:%z}"
    return f"{shown} ({w['floating'] if start.tzinfo is None else zone_name or 'UTC' + offset[:3] + ':' + offset[3:]})"


def _repetition(text: str, w: dict[str, str]) -> str:
    """An RRULE in words; what is none (Outlook's own words) as it is."""
    rule = _rule(text)
    often = rule.get("FREQ", "")
    if often not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        return text if text and "=" not in text else w["repeats"] if text else ""
    n = rule.get("INTERVAL", "1")
    words = w[f"n-{often}"].format(n[:3]) if n.isdigit() and int(n) > 1 else w[often]
    named = [d for d in (_day(day, rule.get("BYSETPOS", ""), w) for day in rule.get("BYDAY", "").split(",")[:7]) if d]
    if named:
        words += w["on"].format(w["comma"].join(named))
    elif often == "MONTHLY" and rule.get("BYMONTHDAY", "").isdigit():
        words += w["on"].format(rule["BYMONTHDAY"])
    if rule.get("COUNT", "").isdigit():
        words += w["COUNT"].format(rule["COUNT"][:5])
    elif (until := rule.get("UNTIL", "")[:8]).isdigit() and len(until) == 8:
        words += w["UNTIL"].format(f"{until[:4]}-{until[4:6]}-{until[6:]}")
    return words


def _day(code: str, place: str, w: dict[str, str]) -> str:
    match = re.fullmatch(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", code)
    if match is None:
        return ""
    name = w["days"].split()[_DAYS.index(match[2])]
    nth = match[1] or (place if re.fullmatch(r"[+-]?[1-5]", place) else "")
    if not nth:
        return name
    number = int(nth)
    return w["th"].format(w["nth"].split(" ")[number - 1 if number > 0 else 5], name)
