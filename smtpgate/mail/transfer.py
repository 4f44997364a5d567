"""Transfer encodings of a part (RFC 2045 §6): base64, quoted-printable and uuencode, also cut, padded or with text behind.

Never raises: what cannot be decoded is kept as it came, and a defect says so. Linear; a large attachment costs one pass
of C code.
"""

from __future__ import annotations

import binascii
import re

_BASE64 = bytes(b for b in range(256) if chr(b).isascii() and (chr(b).isalnum() or chr(b) in "+/="))
_PIECE = 256 * 1024  # octets that are looked at together
_SPACES = b" \t\r\n\v\f"
_NOT_BASE64 = bytes(b for b in range(256) if b not in _BASE64.rstrip(b"=") or b == 0x3D)
_ENCODED_LINE = re.compile(rb"[ \t]*[A-Za-z0-9+/]{4,}={0,3}[ \t\r]*")
_LOOSE_SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
_CHECKSUM = re.compile(rb"\n=[A-Za-z0-9+/]{4}\s*$")  # of OpenPGP's armour, left below its base64
_COMMENT = re.compile(r"\([^()]*\)")
_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ?[^\n]*\n", re.MULTILINE)

_NAMES = {
    **dict.fromkeys(("base64", "b64", "base-64", "x-base64", "b", "base64encoded"), "base64"),
    **dict.fromkeys(("quoted-printable", "quotedprintable", "quoted_printable", "quoteprintable", "qp", "q"), "qp"),
    **dict.fromkeys(("x-uuencode", "uuencode", "x-uue", "uue", "x-uu"), "uu"),
    **dict.fromkeys(("", "7bit", "8bit", "binary", "7-bit", "8-bit", "8bits", "7bits", "plain", "none", "identity"), ""),
}  # fmt: skip


def name(value: str) -> str | None:
    """base64, qp, uu, "" for none; None for what we do not know. value: what the field says, at most one line."""
    text = _COMMENT.sub(" ", value.lower()).strip(" \t\"'<>;:,.")
    return _NAMES.get(text, _NAMES.get((text.split() or [""])[0].strip("\"';:,.")))


def decode(data: bytes, encoding: str, *, text: bool = False) -> tuple[bytes, str]:
    """The decoded octets, and a defect ("" if there is none). text: what follows the encoded lines may be somebody's words."""
    match name(encoding):
        case "base64":
            return _base64(data, text=text)
        case "qp":
            return binascii.a2b_qp(_LOOSE_SOFT_BREAK.sub(b"=", data) if b"= " in data or b"=\t" in data else data), ""
        case "uu":
            return _uu(data)
        case None:
            return data, "a transfer encoding that is not known"
    return data, ""


# --- base64 -----------------------------------------------------------------------------------------------------------


def flawless(raw: bytes, start: int, end: int) -> bytes | None:
    """The base64 in raw[start:end], decoded without a copy of it: attachments are large. None when `decode` must look closer."""
    view = memoryview(raw)[start:end]
    if b"\n=" in raw[max(start, end - 20) : end]:
        return None
    for at in range(0, len(view), _PIECE):
        if bytes(view[at : at + _PIECE]).translate(None, _BASE64 + _SPACES):
            return None
    padding = raw.find(b"=", start, end)
    if padding >= 0 and raw[padding:end].translate(None, b"=" + _SPACES):
        return None
    try:
        return binascii.a2b_base64(view)
    except binascii.Error:
        return None


def _base64(data: bytes, *, text: bool) -> tuple[bytes, str]:
    odd = data.translate(None, _BASE64 + _SPACES)
    checksum = _CHECKSUM.search(data[-20:]) is not None
    if odd or checksum or (text and b" " in data.strip()):
        before, behind = _split(data)
        decoded, defect = _octets(before)
        if behind and decoded and (text or checksum or _no_code(behind)):  # words behind a file are not the file's
            return decoded + (b"\r\n" + behind if text and not checksum else b""), defect or "text behind the end of base64"
        if behind and text:
            return data, "text that says it is base64 and is not"
    decoded, defect = _octets(data)
    return decoded, defect or ("base64 with characters that do not belong there" if odd else "")


def _no_code(behind: bytes) -> bool:
    """Is its first line no damaged line of base64?"""
    line = behind.partition(b"\n")[0]
    return len(line.translate(None, _BASE64)) * 8 > len(line)


def _octets(data: bytes) -> tuple[bytes, str]:
    """All encoded pieces, one behind the other; each may end with its own padding, or without."""
    try:
        decoded = binascii.a2b_base64(data)
        end = data.find(b"=")
        if end < 0 or not data[end:].translate(None, b"=" + _SPACES):
            return decoded, ""
    except binascii.Error:
        pass
    out = []
    for piece in data.translate(None, _SPACES).split(b"="):
        clean = piece.translate(None, _NOT_BASE64)
        clean = clean[: len(clean) - (len(clean) % 4 == 1)]
        out.append(binascii.a2b_base64(clean + b"=" * (-len(clean) % 4)))
    return b"".join(out), "base64 that is cut or put together of several pieces"


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Encoded lines, and the words behind them; no words when the rest is encoded too and only damaged."""
    pos = 0
    while pos < len(data):
        end = data.find(b"\n", pos) + 1 or len(data)
        if not _ENCODED_LINE.fullmatch(data[pos:end].rstrip(b"\n")) and data[pos:end].strip():
            break
        pos = end
    rest = data[pos:].strip(b"\r\n").splitlines()
    encoded = sum(len(line) for line in rest if _ENCODED_LINE.fullmatch(line))
    if encoded * 2 >= sum(map(len, rest)):
        return data, b""
    return data[:pos], data[pos:].strip(b"\r\n")


# --- uuencode ---------------------------------------------------------------------------------------------------------


def _uu(data: bytes) -> tuple[bytes, str]:
    begin = _UU_BEGIN.search(data)
    if begin is None:
        return data, "uuencode without its beginning"
    out = []
    defect = "uuencode without its end"
    for line in data[begin.end() :].splitlines():
        if line.strip() == b"end":
            defect = ""
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:  # some programs count padding into the line: read what its length says
            size = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                out.append(binascii.a2b_uu(line[:size]))
            except binascii.Error:
                return data, "uuencode that cannot be read"
    return b"".join(out), defect
