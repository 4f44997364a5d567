"""What an opaque-signed S/MIME part says: the content that SignedData carries within (RFC 8551 §3.5.2, RFC 5652 §5).

Reads just as much of BER as leads there: definite and indefinite lengths, octet strings in pieces. Nothing is verified, and
nothing is decrypted. Linear, bounded in depth; gives None for what is no such thing or is broken, raises nothing.
"""

from __future__ import annotations

KINDS = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_DATA = bytes.fromhex("2a864886f70d010701")
_SEQUENCE, _OID, _OCTETS, _IN_PIECES, _EXPLICIT = 0x30, 0x06, 0x04, 0x24, 0xA0
_DEEPEST = 4  # octet strings within octet strings
_END = b"\0\0"


class _Broken(Exception):
    pass


def signed_content(data: bytes) -> bytes | None:
    """The MIME entity that was signed, None when there is none in it."""
    try:
        at, end = _open(data, 0, len(data), _SEQUENCE)
        at = _expect_oid(data, at, end, _SIGNED_DATA)
        at, end = _open(data, at, end, _EXPLICIT)
        at, end = _open(data, at, end, _SEQUENCE)
        at = _skip(data, at, end)  # version
        at = _skip(data, at, end)  # digest algorithms
        at, end = _open(data, at, end, _SEQUENCE)
        at = _expect_oid(data, at, end, _DATA)
        at, end = _open(data, at, end, _EXPLICIT)
        pieces: list[bytes] = []
        _octets(data, at, end, pieces, _DEEPEST)
    except (_Broken, IndexError):
        return None
    return b"".join(pieces) or None


def _header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, where the content begins, its length; -1 when it is indefinite)"""
    tag, length = data[at], data[at + 1]
    at += 2
    if tag & 0x1F == 0x1F:
        raise _Broken
    if length == 0x80:
        if not tag & 0x20:
            raise _Broken
        return tag, at, -1
    if length > 0x80:
        count = length & 0x7F
        if count > 8:
            raise _Broken
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    if length > end - at:
        raise _Broken
    return tag, at, length


def _open(data: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    """Step into a value of this tag: where its content begins, and where it ends at the latest."""
    tag, at, length = _header(data, at, end)
    if tag != wanted:
        raise _Broken
    return at, end if length < 0 else at + length


def _skip(data: bytes, at: int, end: int) -> int:
    """Where the value that begins here ends. One of indefinite length is gone through, value by value."""
    open_ends = 0
    while True:
        if data[at : at + 2] == _END and open_ends:
            open_ends -= 1
            at += 2
        else:
            _, at, length = _header(data, at, end)
            if length < 0:
                open_ends += 1
            else:
                at += length
        if not open_ends:
            return at


def _expect_oid(data: bytes, at: int, end: int, oid: bytes) -> int:
    at, stop = _open(data, at, end, _OID)
    if data[at:stop] != oid:
        raise _Broken
    return stop


def _octets(data: bytes, at: int, end: int, pieces: list[bytes], deep: int) -> int:
    """Collect an octet string, which may come in pieces; where it ends."""
    tag, at, length = _header(data, at, end)
    if tag == _OCTETS:
        pieces.append(data[at : at + length])
        return at + length
    if tag != _IN_PIECES or not deep:
        raise _Broken
    stop = end if length < 0 else at + length
    while at < stop:
        if length < 0 and data[at : at + 2] == _END:
            return at + 2
        at = _octets(data, at, stop, pieces, deep - 1)
    if length < 0:
        raise _Broken
    return at
