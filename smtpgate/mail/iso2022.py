"""ISO-2022 text: charsets that switch by escape sequences and use seven bits (Japanese, Korean, Chinese).

Own code, because Python's codecs refuse what mail programs write: the Windows extensions of Japanese (①, ㈱, 髙),
half-width kana by escape or by shift, escapes of all versions (-1, -2, -3, -ms) in one text, text that is cut within a
character. One linear pass; never raises. What is no character becomes U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_JAPANESE = (b"\x1b$B", b"\x1b$@", b"\x1b(J", b"\x1b(I", b"\x1b$(D", b"\x1b$(O", b"\x1b$(P", b"\x1b$(Q", b"\x1b&@")
_KOREAN = (b"\x1b$)C", b"\x1b$(C")
_CHINESE = (b"\x1b$)A", b"\x1b$A", b"\x1b$)G", b"\x1b$)E")
_LOST = re.compile(rb"\$[B@]((?:[!-~]{2}|[\r\n]+)+?)\([BJ]")  # the escape characters themselves are gone


def kind(data: bytes) -> str:
    """The charset that the escapes in this text belong to, "" if they are none of these."""
    if b"\x1b" not in data:
        return ""
    for name, marks in (("iso-2022-jp", _JAPANESE), ("iso-2022-kr", _KOREAN), ("iso-2022-cn", _CHINESE)):
        if any(mark in data for mark in marks):
            return name
    return ""


def restore(data: bytes) -> bytes:
    """Japanese text whose escape characters a gateway took out (`$B...(B`) with them put back."""
    return _LOST.sub(lambda m: b"\x1b$B" + m[1] + b"\x1b(B", data)


def decode(data: bytes) -> str:
    """The text. Eight-bit octets between the escapes are read as Shift_JIS, which is what strays into such mail."""
    out: list[str] = []
    shifted: Callable[[bytes], str] = _kana  # what SO switches to (G1), until an escape says otherwise
    for i, piece in enumerate(data.split(b"\x1b")):
        size, reader, where = _escape(piece) if i else (0, _single, "g0")
        if where == "g1":
            shifted, reader = reader, _single
        out.append(_shifts(piece[size:], reader, shifted))
    return "".join(out)


def _escape(piece: bytes) -> tuple[int, Callable[[bytes], str], str]:
    """(octets, reader, "g0" or "g1") of what follows the escape character."""
    for size in (3, 2):
        if (found := _ESCAPES.get(piece[:size])) is not None:
            return size, found, "g1" if size == 3 and piece[1:2] == b")" else "g0"
    if piece[:1] in (b".", b"&"):  # G2, from which ESC N takes one character: only Latin letters are ever there
        return 2, _single, "g0"
    return (1, _latin, "g0") if piece[:1] == b"N" else (0, _unknown, "g0")


def _shifts(data: bytes, reader: Callable[[bytes], str], shifted: Callable[[bytes], str]) -> str:
    """SO and SI within one piece."""
    if b"\x0e" not in data and b"\x0f" not in data:
        return reader(data)
    out: list[str] = []
    for i, run in enumerate(data.split(b"\x0e")):
        inside, _, after = run.partition(b"\x0f") if i else (b"", b"", run)
        out.append(shifted(inside))
        out.append(reader(after.replace(b"\x0f", b"")))
    return "".join(out)


def _single(data: bytes) -> str:
    if data.isascii():
        return data.decode("ascii")
    return data.decode("cp932", "replace")


def _unknown(data: bytes) -> str:
    return "\ufffd" + _single(data)


def _latin(data: bytes) -> str:
    """ESC N: the next character has its eighth bit left out."""
    return chr(data[0] | 0x80) + _single(data[1:]) if data else ""


def _kana(data: bytes) -> str:
    return bytes(b | 0x80 if 0x21 <= b <= 0x5F else b for b in data).decode("cp932", "replace")


def _high(codec: str, prefix: bytes = b"") -> Callable[[bytes], str]:
    """Two-octet rows of an EUC codec; line ends and blanks within them are kept."""

    def read(data: bytes) -> str:
        out = bytearray()
        i = 0
        while i < len(data):
            if 0x21 <= data[i] <= 0x7E and i + 1 < len(data) and 0x21 <= data[i + 1] <= 0x7E:
                out += prefix + bytes((data[i] | 0x80, data[i + 1] | 0x80))
                i += 2
                continue
            out.append(data[i] if data[i] < 0x80 else 0x3F)
            i += 1
        return bytes(out).decode(codec, "replace")

    return read


def jis(data: bytes) -> str:
    """JIS X 0208 with the extensions of NEC and IBM, by way of Shift_JIS; line ends within it are kept."""
    out = bytearray()
    i = 0
    while i < len(data):
        row, cell = data[i], data[i + 1] if i + 1 < len(data) else 0
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):  # no character of JIS
            out.append(row if row < 0x80 else 0x3F)
            i += 1
            continue
        out.append((row + 1) // 2 + (0x70 if row < 0x5F else 0xB0))
        out.append(cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20) & 0xFF)
        i += 2
    return _standard(bytes(out).decode("cp932", "replace"))


# Where the code tables of Microsoft and of JIS differ on the same character, mail in ISO-2022-JP means those of JIS.
_JIS_FORMS = str.maketrans("～－∥￠￡￢", "\u301c\u2212\u2016\xa2\xa3\xac")


def _standard(text: str) -> str:
    return text.translate(_JIS_FORMS)


_ESCAPES: dict[bytes, Callable[[bytes], str]] = {
    b"(B": _single,
    b"(J": _single,
    b"(H": _single,
    b"(I": _kana,
    b"$B": jis,
    b"$@": jis,
    b"$A": _high("gb2312"),
    b"$(B": jis,
    b"$(C": _high("cp949"),
    b"$(A": _high("gb2312"),
    b"$(D": _high("euc_jp", b"\x8f"),
    b"$(O": _high("euc_jis_2004"),
    b"$(Q": _high("euc_jis_2004"),
    b"$(P": _high("euc_jis_2004", b"\x8f"),
    b"$)C": _high("cp949"),
    b"$)A": _high("gb2312"),
}
