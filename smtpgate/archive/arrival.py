"""When an archived mail arrived: the topmost Received, else Date, else what its archive says. Pure, linear, never raises."""

from __future__ import annotations

import re
from datetime import datetime

from smtpgate.mail import dates

HEAD = 64 * 1024  # octets of a mail in which its times are looked for
EARLIEST = 315_532_800.0  # 1980-01-01: what is older was written by a clock that nobody had set
_AHEAD = 86_400.0  # seconds that a wrong zone can put a mail into the future
_LINES = re.compile(rb"^(received|date)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.I | re.M)
_BLANK = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")
_MAIL_FIELDS = frozenset(
    b"received return-path delivered-to from to cc date subject message-id mime-version content-type reply-to sender x-original-to"
    b" in-reply-to references list-id dkim-signature".split()
)


def head_of(data: bytes) -> bytes:
    """The header section at the beginning of data."""
    found = _BLANK.search(data)
    return data if found is None else data[: found.start() + 1]


def arrival(head: bytes, otherwise: float, now: float) -> float:
    """Seconds since 1970, never before 1980 and never after now. otherwise: the archive's own word."""
    received: float | None = None
    date: float | None = None
    for name, value in _LINES.findall(head[:HEAD]):
        if name[0] in b"rR":
            if received is None:
                received = moment(value[:2000].rpartition(b";")[2]) or 0.0
        elif date is None:
            date = moment(value) or 0.0
        if received is not None and date is not None:
            break
    for at in (received, date, otherwise):
        if at is not None and EARLIEST <= at <= now + _AHEAD:
            return min(at, now)
    return min(max(otherwise, EARLIEST), now)


def moment(value: bytes) -> float | None:
    """A date of RFC 5322, or as in the From_ line of an mbox, in any form that mail programs write."""
    read = dates.read(" ".join(value[:500].decode("utf-8", "replace").split())).text
    return None if read is None else datetime.fromisoformat(read).timestamp()


def field_like(line: bytes) -> bool:
    """Could this line begin a header field?"""
    return _FIELD.match(line) is not None


def mail_like(data: bytes) -> bool:
    """Does data begin with the header of a mail? Two of its usual fields must be there, and nothing before the first
    field but a From_ line, whatever that says."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    head = head_of(data.partition(b"\n")[2] if data.startswith(b"From ") else data)
    names = [line.partition(b":")[0].strip().lower() for line in head.split(b"\n", 200)[:200] if field_like(line)]
    return field_like(head) and len(_MAIL_FIELDS.intersection(names)) >= 2
