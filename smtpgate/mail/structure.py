"""The MIME tree of a mail, found by one pass over its raw bytes (RFC 2046 §5.1; threats F6, C8).

One search for lines that begin with "--" and a dictionary of the boundaries that are open, so the cost does not grow
with nesting; parts are slices of the mail, nothing is copied. What is broken is read as its writer meant it and noted
as a defect, by the names that the standard library has for them. Raises ParseFailed beyond the limits, else nothing.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import header, params
from smtpgate.mail.header import Field

MESSAGES = frozenset(("message/rfc822", "message/global", "message/news"))  # a whole mail is within
BOUNDARY_LIMIT = 200  # octets; RFC 2046 §5.1.1 allows 70, some programs write more
_RESCANS = 4
_PREAMBLE = 300  # octets of what programs write before the first part for readers without MIME
_TRIES = 200  # lines looked at for a boundary that nobody announced

NO_BOUNDARY = "NoBoundaryInMultipartDefect"
NOT_STARTED = "StartBoundaryNotFoundDefect"
NOT_CLOSED = "CloseBoundaryNotFoundDefect"
GUESSED = "a multipart whose boundary was told wrongly"
REOPENED = "parts after the end of a multipart"
ENCODED = "a multipart that is encoded as a whole"

_BLANK = re.compile(rb"\n\r?\n")
_LOOSE = re.compile(rb"[\s\"']*([a-zA-Z0-9!#$&^_.+-]{1,100})/([a-zA-Z0-9!#$&^_.+-]{1,100})([^;]*)")
_ANY_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]{1,60}:")
_FIELD = re.compile(rb"[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[!-9;-~]{1,60}[ \t]*:")


@dataclass(slots=True)
class Part:
    """One node. Its body is raw[start:end]; a multipart has its parts as children, a message the one mail within."""

    fields: tuple[Field, ...]
    kind: str  # type/subtype, lower case
    values: dict[str, str]  # parameters of Content-Type
    raw: bytes = field(repr=False)
    start: int = 0
    end: int = 0
    depth: int = 0  # multiparts and messages around it, itself included
    children: list[Part] = field(default_factory=list)
    closed: bool = False  # the multipart's closing delimiter was seen

    @property
    def body(self) -> bytes:
        """The undecoded content."""
        return self.raw[self.start : self.end]

    @property
    def encoding(self) -> str:
        """Content-Transfer-Encoding, lower case, "" without one."""
        return (header.first(self.fields, "content-transfer-encoding") or "").strip("\"' \t;").lower()

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order of the mail."""
        todo = [self]
        while todo:
            part = todo.pop()
            yield part
            todo.extend(reversed(part.children))


def tree(raw: bytes, fields: tuple[Field, ...], body: int, limits: Limits) -> tuple[Part, list[str]]:
    """The tree of a mail whose header is split already, and its defects. Raises ParseFailed beyond the limits."""
    if any(f.name == header.TRUNCATED for f in fields):
        raise ParseFailed(f"the header has more than {limits.header_section} octets or {limits.header_fields} fields")
    count = _Count(limits, len(raw))
    root = _part(raw, fields, body, len(raw), count)
    if root.kind == "text/plain" and header.first(fields, "content-type") is None and _begins(root, _announced(root)):
        root.kind = "multipart/mixed"  # the Content-Type was lost on the way
    _Scan(raw, count).run(root)
    return root, count.defects


class _Count:
    """What all scans of one mail have found together, against its limits."""

    def __init__(self, limits: Limits, size: int) -> None:
        self.limits = limits
        self.parts = 0
        self.spare = _RESCANS * size  # octets that may be looked at again for boundaries that nobody announced
        self.defects: list[str] = []

    def one_more(self) -> None:
        self.parts += 1
        if self.parts > self.limits.mime_parts:
            raise ParseFailed(f"there are more than {self.limits.mime_parts} parts")

    def deep(self, depth: int) -> int:
        if depth > self.limits.mime_depth:
            raise ParseFailed(f"parts are nested more than {self.limits.mime_depth} deep")
        return depth

    def note(self, defect: str) -> None:
        if defect not in self.defects:
            self.defects.append(defect)


@dataclass(slots=True)
class _Open:
    boundary: bytes
    part: Part
    place: int  # of the multipart in the path


class _Scan:
    """One pass over raw[root.start:root.end]."""

    def __init__(self, raw: bytes, count: _Count) -> None:
        self._raw = raw
        self._count = count
        self._path: list[Part] = []  # the open parts, outermost first; the last may be a leaf
        self._open: list[_Open] = []
        self._where: dict[bytes, list[int]] = {}  # boundary: places in _open
        self._shut: dict[bytes, _Open] = {}  # closed, while their multipart has not ended
        self._childless: list[Part] = []

    def run(self, root: Part, boundary: bytes = b"") -> None:
        """boundary: the one to go by, when it is not the one that the header names."""
        raw, stop = self._raw, root.end
        line = self._enter(root, boundary or self._boundary(root)) - 1
        while (self._open or self._shut) and (line := raw.find(b"\n--", max(line, 0), stop)) >= 0:
            end = raw.find(b"\n", line + 1, stop)
            end = stop if end < 0 else end
            name = raw[line + 3 : min(end, line + 8 + BOUNDARY_LIMIT)].rstrip(b" \t\r")
            line = self._delimiter(name, line, end, stop)
        for part in self._path:
            part.end = stop
        if any(not o.part.closed for o in self._open if o.part.children):
            self._count.note(NOT_CLOSED)
        for part in self._childless:
            if not part.children and not (boundary and part is root):
                self._recover(part)

    def _delimiter(self, name: bytes, line: int, end: int, stop: int) -> int:
        """Where to go on after the line that `line` ends before. name: what the line holds after its two dashes."""
        if places := self._where.get(name):
            return self._next_part(places[-1], line, end, stop)
        if name.endswith(b"--") and (places := self._where.get(name[:-2])):
            place = places[-1]
            opened = self._open[place]
            self._end(opened.place + 1, line)
            opened.part.closed = True
            self._close(place)
            self._shut[opened.boundary] = opened
            return end
        late = self._shut.get(name)
        if late and self._path[late.place : late.place + 1] == [late.part] and _FIELD.match(self._raw, end + 1):
            self._count.note(REOPENED)
            self._end(late.place + 1, line)
            self._where.setdefault(name, []).append(len(self._open))
            self._open.append(late)
            return self._next_part(len(self._open) - 1, line, end, stop)
        return end

    def _next_part(self, place: int, line: int, end: int, stop: int) -> int:
        parent = self._open[place]
        self._end(parent.place + 1, line)
        self._close(place + 1)
        self._count.one_more()
        fields, at = self._header(min(end + 1, stop), stop)
        part = _part(self._raw, fields, at, stop, self._count, parent.part)
        parent.part.children.append(part)
        return self._enter(part, self._boundary(part)) - 1

    def _enter(self, part: Part, boundary: bytes) -> int:
        """Put a part on the path, and the mails within it. Returns where the search for delimiters goes on."""
        while True:
            self._path.append(part)
            if part.kind.startswith("multipart/"):
                self._childless.append(part)
                if boundary:
                    self._where.setdefault(boundary, []).append(len(self._open))
                    self._open.append(_Open(boundary, part, len(self._path) - 1))
                return part.start
            if part.kind not in MESSAGES or part.encoding in ("base64", "quoted-printable"):
                return part.start
            fields, at = self._header(_skip_blank(self._raw, part.start, part.end), part.end)
            inner = _part(self._raw, fields, at, part.end, self._count, part)
            part.children.append(inner)
            part, boundary = inner, self._boundary(inner)

    def _header(self, pos: int, stop: int) -> tuple[tuple[Field, ...], int]:
        """The header that begins at pos, and where its body does. A delimiter of an open boundary ends it too."""
        raw, limit = self._raw, self._count.limits.header_section
        blank = _BLANK.search(raw, max(pos - 1, 0), min(pos + limit, stop))
        last = blank.end() if blank else min(pos + limit, stop)
        line = max(pos - 1, 0)
        while (line := raw.find(b"\n--", line, last)) >= 0:
            end = raw.find(b"\n", line + 1, stop)
            name = raw[line + 3 : min(end if end >= 0 else stop, line + 8 + BOUNDARY_LIMIT)].rstrip(b" \t\r")
            if name in self._where or name.removesuffix(b"--") in self._where:
                last = max(line + 1, pos)
                break
            line += 3
        fields, at = header.split(raw[pos:last], limit=limit, part=True)
        return fields, pos + at

    def _boundary(self, part: Part) -> bytes:
        """The boundary that a multipart announces, b"" if none."""
        if not part.kind.startswith("multipart/"):
            return b""
        text = part.values.get("boundary", "")
        boundary = text.encode("utf-8", "replace").rstrip()
        if len(boundary) > BOUNDARY_LIMIT:
            raise ParseFailed(f"a boundary has more than {BOUNDARY_LIMIT} octets")
        return boundary

    def _end(self, place: int, line: int) -> None:
        """The parts from this place of the path on end before the line end at `line`."""
        end = line - 1 if line and self._raw[line - 1] == 0x0D else line
        for part in self._path[place:]:
            part.end = max(end, part.start)
        del self._path[place:]

    def _close(self, place: int) -> None:
        for opened in self._open[place:]:
            if opened.part.children and not opened.part.closed:
                self._count.note(NOT_CLOSED)
            self._where[opened.boundary].pop()
            if not self._where[opened.boundary]:
                del self._where[opened.boundary]
        del self._open[place:]

    def _recover(self, part: Part) -> None:
        """A multipart in which no delimiter was found: another boundary, or all of it encoded."""
        self._count.note(NOT_STARTED if part.values.get("boundary") else NO_BOUNDARY)
        self._count.spare -= part.end - part.start
        if self._count.spare < 0:
            return
        if part.encoding in ("base64", "quoted-printable"):
            decode = binascii.a2b_qp if part.encoding == "quoted-printable" else _unbase64
            data = b"\n" + decode(part.body)
            inner = Part(part.fields, part.kind, part.values, data, 1, len(data), part.depth)
            boundary = self._boundary(part)
            if boundary and b"\n--" + boundary in data:
                self._count.note(ENCODED)
                _Scan(data, self._count).run(inner, boundary)
                part.children = inner.children
            return
        if boundary := _announced(part):
            self._count.note(GUESSED)
            _Scan(self._raw, self._count).run(part, boundary)


def _part(raw: bytes, fields: tuple[Field, ...], start: int, end: int, count: _Count, parent: Part | None = None) -> Part:
    limit = count.limits.header_field
    if any(f.name.startswith("content-") and len(f.raw) > limit for f in fields):
        raise ParseFailed(f"a Content field has more than {limit} octets")
    kind, values = content_type(fields)
    if parent is not None and parent.kind == "multipart/digest" and not any(f.name == "content-type" for f in fields):
        kind = "message/rfc822"  # RFC 2046 §5.1.5
    depth = parent.depth if parent is not None else 0
    if kind.startswith("multipart/") or kind in MESSAGES:
        depth = count.deep(depth + 1)
    return Part(fields, kind, values, raw, start, end, depth)


def content_type(fields: tuple[Field, ...]) -> tuple[str, dict[str, str]]:
    """As params.content_type, and what programs write who forget the first semicolon or quote the type."""
    kind, values = params.content_type(fields)
    if kind != "text/plain" or not values.keys() <= {"charset"}:
        return kind, values
    value = next((f.value for f in fields if f.name == "content-type"), b"")
    if value[:10].lower() == b"text/plain" and value[10:11] in (b"", b";", b"\r", b"\n"):
        return kind, values
    match = _LOOSE.match(value)
    if match is None:
        return kind, values
    kind = f"{match[1].decode('ascii')}/{match[2].decode('ascii')}".lower()
    return kind, params.parse(b"x/x;" + match[3].strip(b" \t\r\n\"',") + value[match.end() :])[1]


def _skip_blank(raw: bytes, pos: int, stop: int) -> int:
    """Past empty lines before a header, if a field follows them; RFC 5322 knows none, some programs write one."""
    at = pos
    while raw[at : at + 1] in (b"\r", b"\n") and at < min(pos + 8, stop):
        at += 1
    return at if at > pos and _ANY_FIELD.match(raw, at) else pos


def _announced(part: Part) -> bytes:
    """A boundary that nobody named: a line with two dashes before a line that is a Content field. b"" without one."""
    raw, line = part.raw, max(part.start - 1, 0)
    for _ in range(_TRIES):
        line = raw.find(b"\n--", line, part.end)
        end = raw.find(b"\n", line + 1, part.end) if line >= 0 else -1
        if end < 0:
            return b""
        name = raw[line + 3 : end].rstrip(b" \t\r")
        if 0 < len(name) <= BOUNDARY_LIMIT and _FIELD.match(raw, end + 1):
            return name
        line = end
    return b""


def _begins(part: Part, boundary: bytes) -> bool:
    """Does the content begin with this boundary? Behind words it is that of a mail which they quote, as qmail's bounces do."""
    if not boundary:
        return False
    before = part.raw[part.start : part.raw.find(b"--" + boundary, part.start)].strip()
    return len(before) < _PREAMBLE and (not before or b"MIME" in before)


def _unbase64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        return b""
