"""winmail.dat: the container in which Outlook hides body, files and meetings (MS-OXTNEF), read as far as it goes.

Reads attributes and MAPI properties with long and Unicode names, code pages, embedded mails and compressed rich text.
Bounded by its input and by `limit` for what is unpacked. Never raises: `whole` is False when something did not fit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smtpgate.mail import charset, rtf, safe

SIGNATURE = b"\x78\x9f\x3e\x22"
_DEEPEST = 4  # mails within mails
_MOST = 5000  # properties of one object
_ATTRIBUTE = struct.Struct("<BII")

# Attributes: identifier and type as one number (MS-OXTNEF §2.1.3.3)
_MESSAGE_CLASS, _SUBJECT, _BODY, _PROPERTIES, _CODEPAGE = 0x00078008, 0x00018004, 0x0002800C, 0x00069003, 0x00069007
_FROM, _STARTS, _ENDS = 0x00008000, 0x00030006, 0x00030007
_FILE, _TITLE, _DATA, _FILE_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005

# Property types (MS-OXCDATA §2.11.1)
_OBJECT, _STRING8, _UNICODE, _BINARY, _TIME = 0x0D, 0x1E, 0x1F, 0x102, 0x40
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16, 0x00: 4, 0x01: 0}
_APPOINTMENT = bytes.fromhex("0220060000000000c000000000000046")  # PSETID_Appointment as it stands in the stream
_MESSAGE_OBJECT = bytes.fromhex("0703020000000000c000000000000046")  # IID_IMessage

Key = int | tuple[bytes, int]


@dataclass(slots=True)
class File:
    """name "" when none was given. mail: an embedded mail that was opened; its data is then empty."""

    name: str = ""
    data: bytes = b""
    mime: str = ""
    content_id: str | None = None
    mail: Winmail | None = None


@dataclass(slots=True)
class Meeting:
    """kind: the end of the message class: Request, Canceled, Resp.Pos, Resp.Neg, Resp.Tent."""

    kind: str
    starts: datetime | None = None  # UTC
    ends: datetime | None = None
    all_day: bool = False
    location: str = ""
    repeats: str = ""  # in Outlook's own words


@dataclass(slots=True)
class Winmail:
    subject: str = ""
    text: str = ""
    html: str = ""
    sender: str = ""
    files: list[File] = field(default_factory=list)
    meeting: Meeting | None = None
    whole: bool = True


def read(data: bytes, limit: int, depth: int = 0) -> Winmail | None:
    """What is in it; None when it is no such container. limit: octets that compressed text may unpack to."""
    if not data.startswith(SIGNATURE) or depth > _DEEPEST:
        return None
    reader = _Reader(limit, depth)
    pos = 6
    while pos + _ATTRIBUTE.size <= len(data):
        level, name, size = _ATTRIBUTE.unpack_from(data, pos)
        pos += _ATTRIBUTE.size
        if level not in (1, 2):
            break  # some relays append a line end or more
        if pos + size > len(data):
            reader.mail.whole = False
        reader.attribute(name, data[pos : pos + size])
        pos += size + 2
    return reader.finish()


class _Reader:
    def __init__(self, limit: int, depth: int) -> None:
        self.mail = Winmail()
        self._limit = limit
        self._depth = depth
        self._page = "windows-1252"
        self._raw: dict[int, bytes] = {}
        self._mapi: dict[Key, tuple[int, bytes]] = {}
        self._files: list[tuple[File, dict[Key, tuple[int, bytes]]]] = []

    def attribute(self, name: int, value: bytes) -> None:
        if name == _CODEPAGE and len(value) >= 4:
            self._page = rtf.codepage(int.from_bytes(value[:4], "little"))
        elif name == _PROPERTIES:
            self._mapi.update(self._properties(value))
        elif name == _FILE:
            self._files.append((File(), {}))
        elif name in (_TITLE, _DATA, _FILE_PROPERTIES):
            if not self._files:
                self._files.append((File(), {}))
            file, properties = self._files[-1]
            if name == _TITLE:
                file.name = self._text(value)
            elif name == _DATA:
                file.data = value
            else:
                properties.update(self._properties(value))
        else:
            self._raw.setdefault(name, value)

    def _properties(self, data: bytes) -> dict[Key, tuple[int, bytes]]:
        found: dict[Key, tuple[int, bytes]] = {}
        for key, kind, value in _properties(data):
            if kind < 0:
                self.mail.whole = False
            else:
                found.setdefault(key, (kind, value))
        return found

    def finish(self) -> Winmail:
        mail = self.mail
        number = self._number(self._mapi, 0x3FDE) or self._number(self._mapi, 0x3FFD)  # of the HTML, of the message
        page = rtf.codepage(number) if number else self._page
        mail.subject = safe.line(self._string(self._mapi, 0x0037) or self._text(self._raw.get(_SUBJECT, b"")))
        mail.sender = safe.line(self._string(self._mapi, 0x0C1A) or self._string(self._mapi, 0x0042))
        mail.text = safe.block(self._string(self._mapi, 0x1000) or self._text(self._raw.get(_BODY, b"")))
        if html := self._mapi.get(0x1013):
            mail.html = charset.decode(html[1].rstrip(b"\0"), page)[0] if html[0] != _UNICODE else self._string(self._mapi, 0x1013)
        if not mail.html and (packed := self._mapi.get(0x1009)):
            kind, words = rtf.read(rtf.unpack(packed[1], self._limit), self._page)
            if kind == "html":
                mail.html = words
            elif not mail.text.strip():
                mail.text = safe.block(words)
        mail.files = [self._file(file, properties) for file, properties in self._files]
        mail.meeting = self._meeting()
        return mail

    def _file(self, file: File, properties: dict[Key, tuple[int, bytes]]) -> File:
        long = self._string(properties, 0x3707) or self._string(properties, 0x3001)
        file.name = long if long and ("." in long or not file.name) else file.name or self._string(properties, 0x3704)
        file.mime = safe.line(self._string(properties, 0x370E), 200).lower()
        file.content_id = safe.line(self._string(properties, 0x3712), 300).strip("<> ") or None
        kind, value = properties.get(0x3701, (0, b""))
        if kind == _OBJECT and value[:16] == _MESSAGE_OBJECT:
            file.mail = read(value[16:], self._limit, self._depth + 1)
            file.data = b"" if file.mail else value[16:]
        elif kind == _OBJECT and not file.data:
            file.data = value[16:]
        elif kind == _BINARY and value:
            file.data = value
        return file

    def _meeting(self) -> Meeting | None:
        name = self._string(self._mapi, 0x001A) or self._text(self._raw.get(_MESSAGE_CLASS, b""))
        low = name.lower().replace("ipm.microsoft schedule.mtg", "ipm.schedule.meeting.")
        if not low.startswith(("ipm.schedule.meeting", "ipm.appointment")):
            return None
        kind = {"req": "request", "respp": "resp.pos", "respn": "resp.neg", "respa": "resp.tent", "cncl": "canceled"}.get(
            low.rpartition("meeting.")[2], low.rpartition("meeting.")[2]
        )
        known = self._mapi
        starts = _time(known.get((_APPOINTMENT, 0x820D))) or _time(known.get(0x0060)) or _date(self._raw.get(_STARTS, b""))
        ends = _time(known.get((_APPOINTMENT, 0x820E))) or _time(known.get(0x0061)) or _date(self._raw.get(_ENDS, b""))
        return Meeting(
            kind=kind,
            starts=starts,
            ends=ends,
            all_day=bool(self._number(known, (_APPOINTMENT, 0x8215))),
            location=safe.line(self._string(known, (_APPOINTMENT, 0x8208))),
            repeats=safe.line(self._string(known, (_APPOINTMENT, 0x8232))),
        )

    def _text(self, value: bytes) -> str:
        return charset.decode(value.split(b"\0", 1)[0], self._page)[0]

    def _string(self, properties: dict[Key, tuple[int, bytes]], key: Key) -> str:
        kind, value = properties.get(key, (0, b""))
        if kind == _UNICODE:
            return safe.scrub(value.decode("utf-16-le", "replace")).split("\0", 1)[0]
        return self._text(value) if kind in (_STRING8, _BINARY) else ""

    def _number(self, properties: dict[Key, tuple[int, bytes]], key: Key) -> int:
        kind, value = properties.get(key, (0, b""))
        return int.from_bytes(value[:4], "little") if kind in (0x02, 0x03, 0x0B) else 0


def _properties(data: bytes) -> Iterator[tuple[Key, int, bytes]]:
    """(key, type, value) of a property list (MS-OXTNEF §2.1.3.4). A type of -1 says that the list is broken from here."""
    if len(data) < 4:
        return
    count = int.from_bytes(data[:4], "little")
    pos = 4
    for _ in range(min(count, _MOST)):
        if pos + 4 > len(data):
            yield 0, -1, b""
            return
        kind, number = struct.unpack_from("<HH", data, pos)
        pos += 4
        key: Key = number
        if number >= 0x8000:
            key, pos = _named(data, pos)
        many = kind & 0x1000
        kind &= 0x0FFF
        values: list[bytes] = []
        if kind in (_STRING8, _UNICODE, _BINARY, _OBJECT):
            amount, pos = int.from_bytes(data[pos : pos + 4], "little"), pos + 4
            for _ in range(min(amount, _MOST)):
                size, pos = int.from_bytes(data[pos : pos + 4], "little"), pos + 4
                if pos + size > len(data):
                    if pos < len(data):
                        yield key, kind, data[pos:]
                    yield 0, -1, b""
                    return
                values.append(data[pos : pos + size])
                pos += size + -size % 4
        else:
            size = _FIXED.get(kind, -1)
            amount = 1
            if many:
                amount, pos = int.from_bytes(data[pos : pos + 4], "little"), pos + 4
            if size < 0 or pos + size * amount > len(data) or amount > _MOST:
                yield 0, -1, b""
                return
            values = [data[pos + i * size : pos + (i + 1) * size] for i in range(amount)]
            pos += size * amount
        if values:
            yield key, kind, values[0]


def _named(data: bytes, pos: int) -> tuple[Key, int]:
    space = data[pos : pos + 16]
    kind, number = int.from_bytes(data[pos + 16 : pos + 20], "little"), int.from_bytes(data[pos + 20 : pos + 24], "little")
    pos += 24
    if kind == 1:  # a name instead of a number: padded to four octets
        return (space, -1), pos + min(number + -number % 4, len(data))
    return (space, number), pos


def _time(value: tuple[int, bytes] | None) -> datetime | None:
    """A FILETIME: tenths of microseconds since 1601."""
    if value is None or value[0] != _TIME or len(value[1]) < 8:
        return None
    try:
        return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=int.from_bytes(value[1][:8], "little") // 10)
    except OverflowError:
        return None


def _date(value: bytes) -> datetime | None:
    """A DTR (MS-OXTNEF §2.1.3.3.2): year, month, day, hour, minute, second as 16-bit numbers, in UTC."""
    if len(value) < 12:
        return None
    try:
        year, month, day, hour, minute, second = struct.unpack_from("<6H", value)
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
