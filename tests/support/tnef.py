"""Writes winmail.dat as Outlook does (MS-OXTNEF), as far as tests need it: attributes, MAPI properties, compressed RTF."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime

APPOINTMENT = bytes.fromhex("0220060000000000c000000000000046")
MESSAGE_OBJECT = bytes.fromhex("0703020000000000c000000000000046")
Property = bytes


def winmail(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22" + struct.pack("<H", 0x1234) + b"".join(attributes)


def attribute(name: int, value: bytes, level: int = 1) -> bytes:
    return struct.pack("<BII", level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def message_class(name: str) -> bytes:
    return attribute(0x00078008, name.encode() + b"\0")


def code_page(number: int) -> bytes:
    return attribute(0x00069007, struct.pack("<II", number, 0))


def body(text: bytes) -> bytes:
    return attribute(0x0002800C, text + b"\0")


def properties(*found: Property) -> bytes:
    return attribute(0x00069003, property_list(*found))


def property_list(*found: Property) -> bytes:
    return struct.pack("<I", len(found)) + b"".join(found)


def file(title: bytes, data: bytes, *found: Property) -> bytes:
    rendering = attribute(0x00069002, b"\x01\x00" + b"\xff" * 4 + b"\0" * 8, 2)
    parts = [rendering, attribute(0x00018010, title + b"\0", 2)]
    parts += [attribute(0x0006800F, data, 2)] if data else []
    parts += [attribute(0x00069005, property_list(*found), 2)] if found else []
    return b"".join(parts)


def _value(kind: int, value: bytes) -> bytes:
    if kind in (0x1E, 0x1F, 0x102, 0x0D):
        return struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return value


def prop(number: int, kind: int, value: bytes) -> Property:
    return struct.pack("<HH", kind, number) + _value(kind, value)


def named(space: bytes, number: int, kind: int, value: bytes) -> Property:
    return struct.pack("<HH", kind, 0x8001) + space + struct.pack("<II", 0, number) + _value(kind, value)


def named_by_text(name: str, kind: int, value: bytes) -> Property:
    text = name.encode("utf-16-le") + b"\0\0"
    return (
        struct.pack("<HH", kind, 0x8002)
        + APPOINTMENT
        + struct.pack("<II", 1, len(text))
        + text
        + b"\0" * (-len(text) % 4)
        + (_value(kind, value))
    )


def text(number: int, value: str) -> Property:
    return prop(number, 0x1F, value.encode("utf-16-le") + b"\0\0")


def narrow(number: int, value: bytes) -> Property:
    return prop(number, 0x1E, value + b"\0")


def binary(number: int, value: bytes) -> Property:
    return prop(number, 0x102, value)


def long(number: int, value: int) -> Property:
    return prop(number, 0x03, struct.pack("<i", value))


def when(moment: datetime) -> bytes:
    return struct.pack("<Q", int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)


def embedded(container: bytes) -> Property:
    return prop(0x3701, 0x0D, MESSAGE_OBJECT + container)


def stored_rtf(rtf: bytes) -> bytes:
    """Not compressed at all (MELA)."""
    return struct.pack("<IIII", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf


def packed_rtf(rtf: bytes, dictionary: bytes) -> bytes:
    """LZFu: the longest match of up to 17 octets in what came before, the end marker last."""
    window = bytearray(dictionary)
    tokens: list[bytes] = []
    pos = 0
    while pos < len(rtf):
        best, at = 0, 0
        for length in range(17, 1, -1):
            found = window.rfind(rtf[pos : pos + length], max(0, len(window) - 4000))
            if pos + length <= len(rtf) and found >= 0:
                best, at = length, found
                break
        if best:
            tokens.append(struct.pack(">H", (at % 4096) << 4 | best - 2))
            window += rtf[pos : pos + best]
            pos += best
        else:
            tokens.append(rtf[pos : pos + 1])
            window.append(rtf[pos])
            pos += 1
    tokens.append(struct.pack(">H", (len(window) % 4096) << 4))
    out = b"".join(_run(tokens[i : i + 8]) for i in range(0, len(tokens), 8))
    return struct.pack("<IIII", len(out) + 12, len(rtf), 0x75465A4C, 0) + out


def _run(tokens: Iterable[bytes]) -> bytes:
    found = list(tokens)
    control = sum(1 << i for i, t in enumerate(found) if len(t) == 2)
    return bytes((control,)) + b"".join(found)
