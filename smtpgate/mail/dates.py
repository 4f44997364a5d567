"""When a mail says that it was written: any Date that mail programs write, as ISO 8601 with its offset.

The form of RFC 5322 §3.3 first, then what else is found: obsolete and named zones, two-digit years, asctime, ISO, local
orders and month names, 24:00, AM and PM, seconds since 1970. Bounded; never raises. What had to be guessed is said.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from smtpgate.records import record

_LIMIT = 200  # characters that are read


@record(frozen=True, slots=True)
class Date:
    """text: ISO 8601, None if no date can be read. defect: what is not as RFC 5322 wants it, "" if all is."""

    text: str | None
    defect: str = ""


_UNREADABLE = Date(None, "no date that can be read")

_STRICT = re.compile(
    r"(?:[A-Za-z]{3},[ \t]*)?(\d{1,2})[ \t]+([A-Za-z]{3})[ \t]+(\d{4})"
    r"[ \t]+(\d\d):(\d\d)(?::(\d\d))?[ \t]+([+-])(\d\d)(\d\d)(?:[ \t]*\([^()]*\))?"
)
_TIME = re.compile(r"(?<!\d)(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,]\d{1,9})?)?")
_DOTTED_TIME = re.compile(r"(?<![\d.])(\d{1,2})\.(\d\d)(?:\.(\d\d))?(?![\d.])")
_CHINESE_TIME = re.compile(r"(\d{1,2})\s?[时時시]\s?(?:(\d{1,2})\s?[分분])?\s?(?:(\d{1,2})\s?[秒초])?")
_HALF = re.compile(r"\b([AaPp])\.?[Mm]\b\.?|(上午|下午|午前|午後|오전|오후|凌晨|晚上|中午)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)T?(?:(\d\d)(\d\d)(\d\d))?(?!\d)")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4}|\d{2})(?!\d)")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"(?<!\d)'?(\d{1,4})(?:st|nd|rd|th|er|\.)?(?!\d)")
_OFFSET = re.compile(r"(?:\b(?:GMT|UTC|UT)\s?)?([+\-\u2212\u2013])\s?(\d{1,2}):?(\d\d)?(?!\d)", re.IGNORECASE)
_EPOCH = re.compile(r"\d{9,10}(?:\d{3})?(?:\.\d+)?")
_COMMENT = re.compile(r"\([^()]*\)")

_MONTHS = (
    "jan january januar janvier enero janeiro gennaio januari tammi tammikuuta ocak stycznia sty leden "
    "ledna января янв січня ene janv gen jänner qen",
    "feb february februar fevrier febrero fevereiro febbraio februari helmi helmikuuta subat lutego lut "
    "unor unora февраля фев лютого fev fevr févr",
    "mar march marz mars marzo marco maart maalis maaliskuuta mart marca brezen brezna марта мар марта "
    "березня mrz maart mrt maa marz maerz",
    "apr april avril abril aprile huhti huhtikuuta nisan kwietnia kwi duben dubna апреля апр квітня abr avr",
    "may mai mayo maio maggio mei maj toukokuuta touko mayis maja kveten kvetna мая май травня mag kvi",
    "jun june juni juin junio junho giugno kesakuuta kesa haziran czerwca cze cerven cervna июня июн червня giu haz",
    "jul july juli juillet julio julho luglio heinakuuta heina temmuz lipca lip cervenec cervence июля июл липня lug juil tem",
    "aug august aout agosto augustus augusti elokuuta elo agustos sierpnia sie srpen srpna августа авг серпня ago aou agu avg",
    "sep september septembre septiembre setembro settembre syyskuuta syys eylul wrzesnia wrz zari "
    "сентября сен сент вересня sept set eyl",
    "oct october oktober octobre octubre outubro ottobre oktobra lokakuuta loka ekim pazdziernika paz "
    "rijen rijna октября окт жовтня okt out ott eki",
    "nov november novembre noviembre novembro marraskuuta marras kasim listopada lis listopad listopadu "
    "ноября ноя листопада kas noy",
    "dec december dezember decembre diciembre dezembro dicembre joulukuuta joulu aralik grudnia gru "
    "prosinec prosince декабря дек грудня dez dic des desember ara",
)
_MONTH = {name: i + 1 for i, names in enumerate(_MONTHS) for name in names.split()}

# Hours east of Greenwich. RFC 5322 §4.3 fixes the American ones; the rest are what mail means by them most often.
_ZONES: dict[str, float] = {
    "ut": 0, "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "met": 1, "mez": 1, "cest": 2, "mest": 2,
    "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "msd": 4, "sast": 2, "ist": 5.5, "ict": 7, "wib": 7, "hkt": 8, "sgt": 8, "pht": 8,
    "awst": 8, "myt": 8, "jst": 9, "kst": 9, "acst": 9.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "nst": -3.5,
    "ndt": -2.5, "ast": -4, "adt": -3, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
    "akst": -9, "akdt": -8, "hst": -10, "brt": -3, "art": -3, "clt": -4, "pkt": 5, "irst": 3.5, "gst": 4, "wat": 1, "cat": 2,
    "eat": 3,
}  # fmt: skip
_LONG_ZONES = {
    "pacific": -8, "mountain": -7, "central": -6, "eastern": -5, "china": 8, "taipei": 8, "tokyo": 9, "korea": 9, "india": 5.5,
    "singapore": 8, "gmt": 0, "greenwich": 0, "romance": 1, "russian": 3,
}  # fmt: skip


def read(text: str) -> Date:
    """The date that an unfolded Date value, or the end of a Received, stands for. Never raises."""
    text = text[:_LIMIT].strip()
    strict = _STRICT.fullmatch(text)
    try:
        if strict is not None and (month := _MONTH.get(strict[2].lower())):
            return _exact(strict, month)
        return _loose(text)
    except (ValueError, OverflowError, OSError):
        return _UNREADABLE


def _exact(found: re.Match[str], month: int) -> Date:
    day, year, hour, minute, second = (int(found[i] or 0) for i in (1, 3, 4, 5, 6))
    if second > 59 or hour > 23:
        return _loose(found[0])
    offset, defect = _offset(found[7], found[8], found[9])
    return Date(datetime(year, month, day, hour, minute, second, tzinfo=_zone(offset)).isoformat(), defect)


def _loose(text: str) -> Date:
    text = unicodedata.normalize("NFKC", text)
    if _EPOCH.fullmatch(text):
        seconds = float(text) if len(text.partition(".")[0]) <= 10 else float(text) / 1000
        return Date(datetime.fromtimestamp(int(seconds), UTC).isoformat(), "the date is a count of seconds")
    bare = _COMMENT.sub(" ", text)
    if not re.search(r"\d", bare):
        bare = text
    (year, month, day), rest, compact = _day(bare)
    (hour, minute, second), rest, timed = (compact, rest, True) if compact else _time(rest)
    offset, known = _zone_of(rest, text)
    extra = timedelta(days=1) if hour == 24 else timedelta(0)
    moment = datetime(year, month, day, hour % 24, minute, min(second, 59), tzinfo=_zone(offset)) + extra
    defect = (
        "the date has no time" if not timed else "the date has no zone" if not known else "the date is not in the form of RFC 5322"
    )
    return Date(moment.isoformat(), defect)


def _day(text: str) -> tuple[tuple[int, int, int], str, tuple[int, int, int] | None]:
    """(year, month, day), the text without them, and the time when it is part of the same number. ValueError if none."""
    if found := _YEAR_FIRST.search(text):
        return (int(found[1]), int(found[2]), int(found[3])), _cut(text, found), None
    for word in _WORD.finditer(text):
        if month := _MONTH.get(_plain(word[0])):
            return _named(text, word, month)
    if found := _COMPACT.search(text):
        time = (int(found[4]), int(found[5]), int(found[6])) if found[4] else None
        return (int(found[1]), int(found[2]), int(found[3])), _cut(text, found), time
    if found := _NUMERIC.search(text):
        first, second = int(found[1]), int(found[3])
        american = second > 12 or (found[2] == "/" and first <= 12)
        day, month = (second, first) if american else (first, second)
        return (_year(found[4]), month, day), _cut(text, found), None
    raise ValueError


def _named(text: str, word: re.Match[str], month: int) -> tuple[tuple[int, int, int], str, None]:
    """A day and a year around the name of a month: `2 Jan 2026`, `2-Jan-26`, `Jan 2 15:04:05 EST 2026`."""
    before = [m for m in _NUMBER.finditer(text, 0, word.start()) if text[m.end() : m.end() + 1] != ":"]
    rest = text[word.end() :]
    time = _TIME.search(rest)
    after = [m for m in _NUMBER.finditer(rest) if not (time and time.start() <= m.start() < time.end())]
    after = [m for m in after if not (m.start() and rest[m.start() - 1] in "+-:" and len(m[1]) == 4 and rest[m.start() - 1] != "-")]
    if before:
        day, year = before[-1], after[0] if after else None
        if year is None or (time and year.start() > time.start() and len(year[1]) != 4):
            raise ValueError
        head = text[: day.start()] + text[day.end() : word.start()]
        return (_year(year[1]), month, int(day[1])), head + " " + _cut(rest, year), None
    if len(after) < 2:
        raise ValueError
    day = after[0]
    year = next((m for m in after[1:] if len(m[1]) == 4 and rest[m.start() - 1] not in "+-"), after[1])
    return (
        (_year(year[1]), month, int(day[1])),
        text[: word.start()] + rest[: day.start()] + " " + rest[day.end() : year.start()] + " " + rest[year.end() :],
        None,
    )


def _time(text: str) -> tuple[tuple[int, int, int], str, bool]:
    found = _TIME.search(text) or _CHINESE_TIME.search(text) or _DOTTED_TIME.search(text)
    if found is None:
        return (0, 0, 0), text, False
    hour, minute, second = (int(found[i] or 0) for i in (1, 2, 3))
    rest = _cut(text, found)
    if half := _HALF.search(rest):
        late = (half[1] or "") in "Pp" if half[1] else half[2] in ("下午", "午後", "오후", "晚上", "中午")
        hour = hour % 12 + (12 if late else 0) if hour <= 12 else hour
        rest = _cut(rest, half)
    return (hour, minute, second), rest, True


def _zone_of(rest: str, text: str) -> tuple[float, bool]:
    """(hours, is it said?). A number wins over a name, a name outside of comments over one inside."""
    if found := _OFFSET.search(rest):
        return _offset(found[1], found[2], found[3])[0], True
    for where in (rest, text):
        for word in _WORD.finditer(where):
            if (hours := _ZONES.get(word[0].lower())) is not None:
                return hours, True
    lower = text.lower()
    if "time" in lower or "zeit" in lower:
        for name, hours in _LONG_ZONES.items():
            if name in lower:
                return hours + (1 if "daylight" in lower or "summer" in lower else 0), True
    return 0.0, False


def _offset(sign: str, hours: str, minutes: str | None) -> tuple[float, str]:
    if len(hours) == 1 and minutes is not None:  # +800
        value = int(hours) + int(minutes) / 60
    else:
        value = int(hours) + int(minutes or 0) / 60
    if value > 15 or int(minutes or 0) > 59:
        return 0.0, "the date has a zone that does not exist"
    return (value if sign == "+" else -value), ""


def _zone(hours: float) -> timezone:
    return timezone(timedelta(minutes=round(hours * 60))) if hours else UTC


def _year(text: str) -> int:
    """Two digits below 50 are of this century, three count from 1900 (RFC 5322 §4.3)."""
    year = int(text)
    return year + (2000 if year < 50 else 1900) if len(text) <= 2 else year + 1900 if len(text) == 3 else year


def _plain(word: str) -> str:
    """Without case, and Latin letters without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(c)).replace("ı", "i")


def _cut(text: str, found: re.Match[str]) -> str:
    return text[: found.start()] + " " + text[found.end() :]
