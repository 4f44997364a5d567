"""mbox files of every family: mboxo, mboxrd, mboxcl and mboxcl2 (RFC 4155 and its elders), plain or .gz.

Where a mail begins is a judgement, because bodies hold lines that start with "From " too. A separator is a From_ line
that carries a time, or nothing but an address, and that a header field follows. A Content-Length that leads exactly to
the next separator or to the end is believed. Read in pieces: memory does not grow with the file but for 20 octets a mail.
"""

from __future__ import annotations

import os
import re
import tempfile
from array import array
from pathlib import Path
from typing import BinaryIO

from smtpgate.archive.arrival import arrival, field_like, head_of, moment
from smtpgate.archive.box import LARGEST, Box, Step, Unreadable
from smtpgate.archive.packed import unpacked
from smtpgate.errors import ArchiveError

_PIECE = 1024**2
_HEADS = (8 * 1024, 64 * 1024)
_LONGEST = 400  # octets of a From_ line
_TIMED = re.compile(rb"[ \tT]\d\d?:\d\d(?::\d\d)?")
_MONTH = re.compile(rb"[ \t,-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ \t-]|[ \t]\d{4}-\d\d-\d\d[ \tT]", re.I)
_YEAR = re.compile(rb"\b(?:19|20)\d\d\b|\b\d\d[ \t\r]*$")
_BARE = re.compile(rb"From (?:[^ \t]+@[^ \t]+|-|MAILER-DAEMON)[ \t]*\r?$")
_AT_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*([0-9]{1,12})[ \t]*\r?$", re.I | re.M)
_ESCAPED = re.compile(rb"^>(>*From )", re.M)


def is_mbox(data: bytes) -> bool:
    """Does data begin with a From_ line and a header?"""
    data = data.lstrip(b"\r\n")
    return data.startswith(b"From ") and _separates(data)


def _separates(data: bytes) -> bool:
    """data begins with "From ": is it the line before a mail?"""
    line, end, rest = data.partition(b"\n")
    if len(line) > _LONGEST:
        return False
    timed = all(part.search(line) is not None for part in (_TIMED, _MONTH, _YEAR))
    if not timed and _BARE.match(line) is None:
        return False
    if not end or not rest:
        return timed  # cut off right here
    return field_like(rest) or rest.startswith(b">From ")


class Mbox(Box):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._file: BinaryIO | None = None
        self._starts = array("q")  # of the From_ line
        self._ends = array("q")
        self._counted: set[int] = set()  # mails whose Content-Length was believed

    def scan(self, now: float, step: Step) -> None:
        try:
            self._file = self._open()
            self._index(self._file.fileno(), now, step)
        except OSError as error:
            raise ArchiveError(error.strerror or str(error)) from error

    def source(self, index: int) -> str:
        return f"{self.path}#{index + 1}"

    def place(self, index: int) -> str:
        return f"{os.path.abspath(self.path)}#{index + 1}"

    def read(self, index: int) -> bytes:
        assert self._file is not None
        start, end = self._starts[index], self._ends[index]
        if end - start > LARGEST:
            raise ArchiveError(f"it is larger than {LARGEST // 1024**2} MiB")
        data = os.pread(self._file.fileno(), end - start, start)
        if len(data) < end - start or not data.startswith(b"From "):
            raise ArchiveError("the file was changed while it was read")
        data = data.partition(b"\n")[2]
        if not (index in self._counted and b"\nFrom " in data):  # mboxcl2 escapes nothing
            data = _ESCAPED.sub(rb"\1", data)
        for blank in (b"\r\n\r\n", b"\n\n"):
            if data.endswith(blank):
                return data[: -len(blank) // 2]
        return data

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> BinaryIO:
        return self.path.open("rb")

    def _index(self, fd: int, now: float, step: Step) -> None:
        size = os.fstat(fd).st_size
        mtime = os.fstat(fd).st_mtime
        pos, passed = 0, 0
        while pos < size:
            piece = os.pread(fd, _PIECE + 5, pos - 1) if pos else b"\n" + os.pread(fd, _PIECE + 4, 0)
            found = piece.find(b"\nFrom ")
            while 0 <= found < _PIECE:
                at = pos + found
                if at >= passed and _separates(os.pread(fd, 2 * _LONGEST, at)):
                    passed = self._mail(fd, at, size, now, mtime)
                    step(1)
                found = piece.find(b"\nFrom ", found + 1)
            pos += _PIECE
        if self._starts:
            self._ends.append(size)
        before = self._starts[0] if self._starts else size
        if os.pread(fd, min(before, _PIECE), 0).strip(b"\r\n\xef\xbb\xbf"):
            what = f"{before} octets before the first mail" if self._starts else "there is no mail in it"
            self.unreadable.append(Unreadable(str(self.path), f"{what}: no line begins one as in an mbox"))

    def _mail(self, fd: int, at: int, size: int, now: float, mtime: float) -> int:
        """Note the mail that begins here; returns the offset before which none begins."""
        if self._starts:
            self._ends.append(at)
        index = len(self._starts)
        self._starts.append(at)
        for most in _HEADS:
            data = os.pread(fd, most, at)
            line, _, rest = data.partition(b"\n")
            head = head_of(rest)
            if len(head) < len(rest):
                break
        self.times.append(arrival(head, _in_line(line) or mtime, now))
        body = at + len(line) + 1 + len(head)
        body += 2 if rest[len(head) : len(head) + 1] == b"\r" else 1
        stated = _AT_LENGTH.search(head)
        if stated is None or len(head) == len(rest):
            return at + 1
        end = body + int(stated[1])
        after = os.pread(fd, 2 * _LONGEST, end) if end < size else b""
        following = after.lstrip(b"\r\n")
        if end == size or (end < size and following.startswith(b"From ") and _separates(following)):
            self._counted.add(index)
            return end + len(after) - len(following)
        return at + 1


def _in_line(line: bytes) -> float | None:
    """The time in a From_ line."""
    found = re.search(rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b", line)
    return None if found is None else moment(line[found.start() :])


class PackedMbox(Mbox):
    """An mbox in a .gz file, unpacked into a temporary file because its mails are wanted in another order."""

    def _open(self) -> BinaryIO:
        spool = tempfile.TemporaryFile()  # noqa: SIM115 -- close() closes it
        try:
            for piece in unpacked(self.path):
                spool.write(piece)
        except ArchiveError as error:
            self.unreadable.append(Unreadable(str(self.path), f"only in part: {error}"))
        except BaseException:
            spool.close()
            raise
        spool.flush()
        return spool
