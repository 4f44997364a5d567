"""Files that stand in the text of a mail: uuencode, begin-base64 (POSIX uuencode -m) and yEnc, also cut short.

Works on the bytes of a text part, line by line, and takes only what is certainly such a file: a word like "begin" at the
start of a sentence is none. Linear; never raises.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

_MARK = re.compile(rb"(?:^|\n)(?:begin(?:-base64)? [0-7]{3,4} |=ybegin )")
_BEGIN = re.compile(rb"begin(-base64)? [0-7]{3,4} ([^\r\n]{1,300})")
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]{1,200}={0,3}")
_UU_LINE = re.compile(rb"[ -`]{1,90}")
_YENC_FIELD = re.compile(rb"(?:^| )(line|size|part|total|begin|end)=([0-9]{1,12})")
_ESCAPE = re.compile(rb"=(.)", re.DOTALL)
_LESS_42 = bytes((i - 42) & 255 for i in range(256))
_MOST = 100  # files of one text


@dataclass(frozen=True, slots=True)
class File:
    """name: as it stood there, in the charset of the text. whole: its end was found."""

    name: bytes
    data: bytes
    whole: bool


@dataclass(slots=True)
class _Parts:
    """The parts of one yEnc file, by where they begin in it."""

    size: int
    pieces: dict[int, bytes] = field(default_factory=dict)

    def file(self, name: bytes) -> File:
        data = b"".join(self.pieces[at] for at in sorted(self.pieces))
        return File(name, data, len(data) == self.size)


def extract(text: bytes) -> tuple[bytes, list[File]]:
    """The text without the files in it, and the files in order."""
    if b"begin" not in text or _MARK.search(text) is None:
        return text, []
    kept: list[bytes] = []
    files: list[File] = []
    split: dict[bytes, _Parts] = {}
    lines = text.splitlines(keepends=True) if b"\r" not in text.replace(b"\r\n", b"") else _lines(text)
    i = 0
    while i < len(lines):
        line = lines[i]
        if len(files) + len(split) < _MOST:
            after = 0
            if line.startswith(b"begin"):
                after = _uu(lines, i, files)
            elif line.startswith(b"=ybegin "):
                after = _yenc(lines, i, files, split)
            if after:
                i = after
                continue
        kept.append(line)
        i += 1
    files.extend(parts.file(name) for name, parts in split.items())
    return b"".join(kept), files


def _lines(text: bytes) -> list[bytes]:
    """At \\n only: yEnc leaves other controls as they are."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines


def _uu(lines: list[bytes], i: int, files: list[File]) -> int:
    """Read the file that begins at line i; the line after it, 0 if there is none."""
    match = _BEGIN.fullmatch(lines[i].rstrip())
    if match is None:
        return 0
    read = _base64_line if match[1] else _uu_line
    out: list[bytes] = []
    whole = False
    first = i
    i += 1
    while i < len(lines):
        line = lines[i].rstrip(b"\r\n")
        if (match[1] and line.rstrip() == b"====") or (not match[1] and line.rstrip().lower() == b"end"):
            whole = True
            i += 1
            break
        data = read(line)
        if data is None:
            after = lines[i + 1].rstrip(b"\r\n") if i + 1 < len(lines) else b""
            if not line.strip() and (after.strip().lower() in (b"end", b"====") or read(after) is not None):
                i += 1  # relays that double line ends, or strip the line of one blank that stands for "no octets"
                continue
            break
        out.append(data)
        i += 1
    if not any(out) and not (whole and i - first <= 3):
        return 0
    files.append(File(match[2].strip(b" \"'"), b"".join(out), whole))
    return i


def _uu_line(line: bytes) -> bytes | None:
    """The octets of one line, None if it is none. Blanks at its end may be lost, a checksum character may follow."""
    if not line or not _UU_LINE.fullmatch(line):
        return None
    count = (line[0] - 32) & 63
    need = 1 + (count + 2) // 3 * 4
    if len(line.rstrip(b" ")) > need + 1 or (count and len(line) < 2) or len(line) < need - 4 * (count > 3) - 3:
        return None
    try:
        return binascii.a2b_uu(line[:need].ljust(need))
    except binascii.Error:
        return None


def _base64_line(line: bytes) -> bytes | None:
    line = line.strip()
    if not _BASE64_LINE.fullmatch(line) or len(line) % 4:
        return None
    try:
        return binascii.a2b_base64(line)
    except binascii.Error:
        return None


def _yenc(lines: list[bytes], i: int, files: list[File], split: dict[bytes, _Parts]) -> int:
    head, _, name = lines[i].rstrip(b"\r\n")[8:].partition(b"name=")
    facts = {key: int(number) for key, number in _YENC_FIELD.findall(head)}
    if b"size" not in facts or b"line" not in facts or not name:
        return 0
    name = name.strip(b" \"'")[:300]
    i += 1
    at = 0
    part = b"part" in facts
    if i < len(lines) and lines[i].startswith(b"=ypart "):
        part = True
        at = next((int(n) for key, n in _YENC_FIELD.findall(lines[i][7:200].rstrip()) if key == b"begin"), 0)
        i += 1
    body: list[bytes] = []
    ended = False
    while i < len(lines) and not lines[i].startswith(b"=ybegin "):
        ended = lines[i].startswith(b"=yend")
        if ended:
            i += 1
            break
        body.append(lines[i].rstrip(b"\r\n"))
        i += 1
    data = _ESCAPE.sub(lambda m: bytes(((m[1][0] - 64) & 255,)), b"".join(body)).translate(_LESS_42)
    if part:
        split.setdefault(name, _Parts(facts[b"size"])).pieces.setdefault(at, data)
    else:
        files.append(File(name, data, ended and len(data) == facts[b"size"]))
    return i
