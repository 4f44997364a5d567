"""The header that clients copy over a mail that they quote: From, Sent, To, Subject, in any language.

A field alone may be anybody's words; a block of them with an address or a date is none. Pure, linear, never raises.
"""

from __future__ import annotations

import re

from smtpgate.mail import quotewords as words
from smtpgate.mail.attribution import BLANKS, DATE, TIME

_LONGEST = 60  # lines
_NAME = re.compile(r"\|?([^:：|]{1,24}+)([:：|])")
_RAW = ("message-id:", "received:", "return-path:", "delivered-to")
_MBOX = re.compile(r"From [0-9a-f]{40} ")
# The names that follow each other when a bad conversion put a block on one line.
_ON_ONE_LINE = tuple(
    (f" {date}{colon}", f" {subject}{colon}")
    for date, subject in (
        ("sent", "subject"),
        ("date", "subject"),
        ("发送时间", "主题"),
        ("gesendet", "betreff"),
        ("envoyé ", "objet "),
    )
    for colon in ":："
)


def field(s: str) -> str:
    """What the header field on this line means, "" if it is none."""
    match = _NAME.match(s)
    if match is None:
        return ""
    name = match[1].strip("*_ \t\xa0\u3000【】[]•·")
    meaning = words.FIELDS.get(name.lower()) or words.FIELDS.get(words.fold(name), "")
    return meaning if match[2] != "|" or not name.isascii() else ""


def join(lines: list[str], letters: list[str]) -> None:
    i = 0
    while i < len(letters):
        if letters[i] not in "hH":
            i += 1
            continue
        stop, certain = _header_block(lines, letters, i)
        if certain and (gap := _last_gap(letters, i, stop)) > i and _header_block(lines, letters, gap) == (stop, True):
            letters[i:gap] = ["t" if x in "hH" else x for x in letters[i:gap]]
            i = gap  # what stands above the gap is the sender's own "Date: ..."
        if certain and _patch(lines, letters, i, stop):
            certain = False
        elif not certain and stop < len(letters) and letters[stop] == "q" and letters[stop - 1] != "b" and _from_alone(lines[i]):
            certain = True  # "From: somebody" over "> Sent: …", as some set it by hand
        elif not certain and _over_attribution(lines, letters, i, stop):
            certain = True
        elif not certain and (above := _lotus(lines, letters, i, stop)) >= 0:
            letters[above:i] = ["h" if x != "b" else "b" for x in letters[above:i]]
            certain = True
        if not certain:
            for j in range(i, stop):
                letters[j] = "t" if letters[j] in "hH" else letters[j]
        else:
            for j in range(i, stop):
                letters[j] = "h" if letters[j] != "b" else "b"
        i = stop


def _header_block(lines: list[str], letters: list[str], start: int) -> tuple[int, bool]:
    """Where the run of header lines ends (values may be wrapped), and whether it is the header of a quoted mail."""
    meanings: set[str] = set()
    addresses = dates = moments = False
    marked = letters[start] == "H"
    i = last = start
    wrapped = 0
    while i < min(len(letters), start + _LONGEST):
        s = lines[i].strip(BLANKS)
        if letters[i] in "hH":
            meanings.add(field(s))
            wrapped = 0
            last = i
            addresses = addresses or "@" in s
            dates = dates or DATE.search(s) is not None or TIME.search(s) is not None
            moments = moments or (DATE.search(s) is not None and TIME.search(s) is not None)
        elif letters[i] in "tc" and _continues(s, letters, i, wrapped):
            wrapped += 1
            addresses = addresses or "@" in s
        elif letters[i] != "b" or i > last + 3 or not any(x in "hH" for x in letters[i + 1 : last + 5]):
            break  # some clients put empty lines between all of them
        i += 1
    meanings -= {"", "other"}
    led = marked or _led(letters, start) or _one_line(lines[start])
    if marked and not meanings:
        return last + 1, addresses or dates
    if "from" not in meanings and not led:
        return last + 1, False
    if led:
        return last + 1, bool(meanings & {"from", "date"}) and (len(meanings) >= 2 or _one_line(lines[start]))
    if len(meanings) < 3:
        return last + 1, len(meanings) == 2 and addresses and dates and "date" in meanings
    return last + 1, addresses or ("subject" in meanings and "date" in meanings and moments)


def _last_gap(letters: list[str], start: int, stop: int) -> int:
    """The line after the last blank one within a block; start if there is none."""
    return next((j + 1 for j in range(stop - 1, start, -1) if letters[j] == "b"), start)


def _patch(lines: list[str], letters: list[str], start: int, stop: int) -> bool:
    """The header of a patch in the body of a mail, as git writes and reads it, or a raw one: that is the sender's own."""
    above = [j for j in range(max(start - 3, 0), start) if letters[j] != "b"]
    if above and (letters[above[-1]] == "o" or _MBOX.match(lines[above[-1]])):
        return True
    if any(line[:12].lower().startswith(_RAW) for line in lines[max(start - 3, 0) : stop + 3]):
        return True  # a whole header, pasted to be looked at
    names = {field(lines[j].strip(BLANKS)) for j in range(start, stop)}
    return "to" not in names and any(mark in line for line in lines[start:stop] for mark in ("[PATCH", "[RFC"))


def _over_attribution(lines: list[str], letters: list[str], start: int, stop: int) -> bool:
    """Yandex names the recipients and the subject, and then says who wrote."""
    below = next((j for j in range(stop, min(stop + 3, len(letters))) if letters[j] != "b"), -1)
    names = {field(lines[j].strip(BLANKS)) for j in range(start, stop)}
    return below >= 0 and letters[below] == "a" and {"to", "subject"} <= names and (_led(letters, start) or "@" in lines[start])


def _from_alone(line: str) -> bool:
    return field(line.strip(BLANKS)) == "from" and len(line) < 120


def _lotus(lines: list[str], letters: list[str], start: int, stop: int) -> int:
    """Lotus Notes writes the name and the date over To, cc and Subject, without saying From. Where that begins, or -1."""
    meanings = {field(lines[j].strip(BLANKS)) for j in range(start, stop) if letters[j] != "b"}
    if not {"to", "subject"} <= meanings:
        return -1
    above = [j for j in range(max(start - 4, 0), start) if letters[j] == "t"]
    if not above or (date := DATE.search(lines[above[-1]])) is None or TIME.search(lines[above[-1]], date.end()) is None:
        return -1
    if len(lines[above[-1]].strip()) > 25:  # somebody on 01/05/2026 10:00:11 AM
        return above[-1] if " on " in lines[above[-1]] and len(lines[above[-1]]) < 120 else -1
    name = above[-2] if len(above) > 1 and above[-2] == above[-1] - 1 else -1
    return name if name >= 0 and len(lines[name].strip()) < 60 and lines[name].strip()[-1] not in ".!?,:" else above[-1]


def _continues(s: str, letters: list[str], i: int, wrapped: int) -> bool:
    """A wrapped value: a field follows soon, or this is one of the lines of a long list of recipients."""
    if wrapped < 2 and any(x in "hH" for x in letters[i + 1 : i + 3]) and "b" not in letters[i - 1 : i + 1]:
        return True
    return wrapped < 20 and letters[i - 1] != "b" and ("@" in s or ";" in s) and any(x in "hH" for x in letters[i + 1 : i + 12])


def _one_line(line: str) -> bool:
    """A header block that a bad conversion put on one line."""
    low = line.lower()
    if len(low) < 40 or "@" not in low:
        return False
    return any(date in low and subject in low for date, subject in _ON_ONE_LINE)


def _led(letters: list[str], i: int) -> bool:
    """Does a divider or a ruled line stand right above?"""
    for j in range(i - 1, max(i - 4, -1), -1):
        if letters[j] != "b":
            return letters[j] in "drf"
    return False
