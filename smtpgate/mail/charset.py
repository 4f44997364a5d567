"""Bytes of mail to text: the charsets that we know by label, and what to do where the label is missing or wrong.

Never fails: what cannot be decoded becomes U+FFFD and a defect says so. The sender's label is only ever looked up
in our own table, never in Python's codec registry, which holds codecs that are no charsets (threat C10). Labels name
more than they should: gb2312 mail holds GBK, iso-8859-1 holds windows-1252, big5 holds HKSCS and the characters of
ETEN, shift_jis and ks_c_5601 the Windows extensions; so each label names a family (as in the WHATWG encoding standard).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import lru_cache

from smtpgate.mail import detect, iso2022, safe
from smtpgate.mail.labels import ABSENT, FAMILIES, LABELS, squeezed

_ETEN = re.compile("[\u2460-\u2473\u2474-\u2487\u3041-\u30ff\u0400-\u04ff]")
_DOUBLE = frozenset(("gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "johab"))
_WIDE = frozenset(("utf-16", "utf-16le", "utf-16be", "utf-32"))
_SEVEN = frozenset(("utf-7", "iso-2022-jp", "iso-2022-kr", "iso-2022-cn", "hz"))
_CJK_IN_UTF8 = re.compile(rb"[\xe3-\xed][\x80-\xbf][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf][\x80-\xbf]")
_TWO_IN_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]")
_ANY_IN_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SHIFTED = re.compile(rb"\+[A-Za-z0-9+/]*-?")  # where UTF-7 says something in base64
_GLUE = re.compile(r"[;,\"'*\s()]")
_C1 = re.compile(rb"[\x80-\x9f]")
_SAMPLE = 32 * 1024
_WINDOWS = {2: 1250, 5: 1251, 6: 1256, 7: 1253, 8: 1255, 13: 1257, 15: 1252}  # what has letters where the ISO charset has none


def family(label: str | None) -> str | None:
    """The charset family that a label names, None for one that we do not know."""
    return _known(_clean(label)) if label else None


def _known(name: str) -> str | None:
    """The whole name, or its first word where something was glued to it."""
    return LABELS.get(squeezed(name)) or LABELS.get(squeezed(_GLUE.split(name, maxsplit=1)[0]))


def decode(data: bytes, label: str | None, hint: str | None = None) -> tuple[str, str]:
    """The text, and a defect ("" if the label was right). Never raises; the text has no lone surrogates.

    hint: a label that stands near by, for text without a usable one.
    """
    name = _clean(label)
    known = _known(name)
    if data.isascii():
        return _seven_bits(data, name, known)
    if known is None or known == "ascii":
        text, found = guess(data, hint)
        return text, _defect(name, found)
    if known in _WIDE:
        return _wide(data, name, known)
    if known == "utf-8":
        return _utf8(data, name)
    if known not in _SEVEN and _looks_utf8(data, known):
        return data.decode("utf_8").removeprefix("\ufeff"), f"charset {name} declared, but it is utf-8"
    return _declared(data, name, known)


def guess(data: bytes, hint: str | None = None) -> tuple[str, str]:
    """The text and the charset that it was read as, from the bytes alone. Never raises."""
    if data.isascii():
        found = detect.escapes(data)
        return (_escaped(data, found), found) if found else (_finish(data.decode("ascii")), "ascii")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:64].count(0) * 4 > len(data[:64]):
        return _wide(data, "", "utf-16")[0], "utf-16"
    try:
        return _finish(data.decode("utf_8")), "utf-8"
    except UnicodeDecodeError as error:
        if _mostly_utf8(data, error.start):
            return _finish(data.decode("utf_8", "replace")), "utf-8"
    if detect.escapes(data):
        return iso2022.decode(data), detect.escapes(data)
    found = detect.best(data, family(hint))
    return _mixed(data, found), found


def _absent(name: str) -> bool:
    return not name or (squeezed(name) in ABSENT and squeezed(name) != "")


def _defect(name: str, found: str) -> str:
    if _absent(name):
        return f"charset missing, read as {found}"
    if _known(name):
        return f"charset {name} declared, read as {found}"
    return f"charset {safe.line(name, 40)!r} unknown, read as {found}"


def _clean(label: str | None) -> str:
    """The label itself, without quotes, blanks and a repeated `charset=`."""
    text = (label or "")[:200].strip(" \t\r\n\"'<>").lower()
    while text.startswith("charset"):
        text = text[7:].lstrip(" \t=:\"'")
    return text[:60]


# --- by label ---------------------------------------------------------------------------------------------------------


def _shifted(run: re.Match[bytes]) -> bytes:
    """What a run of UTF-7 says, in UTF-8; the run itself where it is none, as in "C++"."""
    try:
        return run[0].decode("utf_7").encode("utf_8")
    except UnicodeError:
        return run[0]


def _seven_bits(data: bytes, name: str, known: str | None) -> tuple[str, str]:
    """Text below 0x80 is ASCII whatever its label, unless it switches by escapes."""
    if known == "utf-7" and b"+" in data:
        try:
            return _finish(data.decode("utf_7")), ""
        except UnicodeDecodeError:
            return _finish(_SHIFTED.sub(_shifted, data).decode("utf_8", "replace")), "some bytes are not utf-7"
    if known in _WIDE and (0 in data or not _is_eight_bit(data)):
        return _wide(data, name, known)
    if known == "hz":
        return _escaped(data, "hz"), ""
    if b"\x1b" not in data and known == "iso-2022-jp":
        data = iso2022.restore(data)
    found = detect.escapes(data) if b"\x1b" in data or b"~{" in data else ""
    if found:
        fits = known == found or (known in _SEVEN and found in _SEVEN) or (known == "gb18030" and found == "hz")
        return _escaped(data, found), "" if fits else _defect(name, found)
    known_or_plain = known is not None or _absent(name)
    if data[:64].count(0) * 4 > len(data[:64]):
        return _wide(data, "", "utf-16")[0], _defect(name, "utf-16")
    return _finish(data.decode("ascii")), "" if known_or_plain else f"charset {safe.line(name, 40)!r} unknown, read as ascii"


def _escaped(data: bytes, found: str) -> str:
    for codec in () if b"\x0e" in data and found == "iso-2022-jp" else FAMILIES[found]:
        try:
            return _finish(data.decode(codec))
        except UnicodeError:
            continue
    return _finish(data.decode("hz", "replace") if found == "hz" else iso2022.decode(data))


def _wide(data: bytes, name: str, known: str) -> tuple[str, str]:
    """UTF-16 and UTF-32, whose labels are also put on 8-bit text."""
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not marked and 0 not in data and _is_eight_bit(data):
        text, found = guess(data)
        return text, f"charset {name} declared, read as {found}"
    if known == "utf-16" and not marked:
        known = _byte_order(data)
    codec = FAMILIES[known][0]
    try:
        return _finish(data.decode(codec)), ""
    except UnicodeError:
        return _finish(data.decode(codec, "replace")), f"some bytes are not {name or known}"


_WORDS = re.compile(rb"[A-Za-z ]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _is_eight_bit(data: bytes) -> bool:
    """Text without a zero octet under a label of UTF-16: is it ASCII, UTF-8 or the like after all?"""
    piece = data[:_SAMPLE]
    if _CONTROL.search(piece):
        return False
    if data.isascii():
        return len(_WORDS.findall(piece)) * 4 >= len(piece) * 3
    try:
        data.decode("utf_8")
    except UnicodeDecodeError:
        even = len(data) % 2 == 0
        return not (even and detect.everyday(piece.decode(FAMILIES[_byte_order(data)][0], "replace")) * 6 >= len(piece) // 2)
    return True


def _byte_order(data: bytes) -> str:
    """Which order of UTF-16, without a mark: the zeros of ASCII stand on one side, or one reading makes sense."""
    first, second = data[:_SAMPLE:2].count(0), data[1:_SAMPLE:2].count(0)
    if first == second:
        first, second = (detect.everyday(data[:256].decode(codec, "replace")) for codec in ("utf_16_be", "utf_16_le"))
    return "utf-16be" if first > second else "utf-16le"


def _utf8(data: bytes, name: str) -> tuple[str, str]:
    try:
        return _finish(data.decode("utf_8")), ""
    except UnicodeDecodeError as error:
        start = error.start
    if b"\xed" in data or b"\xc0\x80" in data:  # CESU-8: surrogates one by one, and the zero of Java
        try:
            return _finish(data.replace(b"\xc0\x80", b"\0").decode("utf_8", "surrogatepass")), "some bytes are not utf-8"
        except UnicodeDecodeError:
            pass
    if start >= len(data) - 3 or _mostly_utf8(data, start):
        return _finish(data.decode("utf_8", "replace")), "some bytes are not utf-8"
    text, found = guess(data)
    return text, f"charset {name} declared, read as {found}"


def _mostly_utf8(data: bytes, start: int) -> bool:
    """Are there far more octets in characters of UTF-8 than octets that break it? Looks around the first of these.

    Half as many do when the characters have three octets or four, which no other charset has by chance.
    """
    piece = data[max(0, start - _SAMPLE // 2) : start + _SAMPLE // 2]
    whole = sum(map(len, _ANY_IN_UTF8.findall(piece)))
    bad = detect.eight_bit(piece) - whole
    return whole >= 4 * bad or sum(map(len, _CJK_IN_UTF8.findall(piece))) >= 2 * bad


def _looks_utf8(data: bytes, known: str) -> bool:
    """Text in a one-byte charset is never valid UTF-8 by chance; double-byte text may be, when it is short."""
    try:
        data.decode("utf_8")
    except UnicodeDecodeError:
        return False
    return known not in _DOUBLE or len(_CJK_IN_UTF8.findall(data[:_SAMPLE])) >= 2 or len(_TWO_IN_UTF8.findall(data[:_SAMPLE])) >= 6


def _declared(data: bytes, name: str, known: str) -> tuple[str, str]:
    """One of the charsets that are neither ASCII nor Unicode."""
    if known in _SEVEN:
        if escapes := detect.escapes(data):
            return _finish(iso2022.decode(data)), "" if escapes == known else _defect(name, escapes)
        text, found = guess(data)
        return text, f"charset {name} declared, read as {found}"
    if known.startswith("iso-8859-") and _C1.search(data):
        known = _windows(data, known)
    if not _familiar(data, known) and (other := detect.contradicts(data, known)):
        return _mixed(data, other), f"charset {name} declared, read as {other}"
    for codec in _codecs(data, known):
        try:
            return _finish(data.decode(codec)), ""
        except UnicodeError:
            continue
    text = _mixed(data, known)
    bad, strange = text.count("\ufffd"), sum(not c.isascii() for c in text[:_SAMPLE])
    if not bad or bad <= 2 or bad * 20 <= strange:
        return text, "" if not bad else f"some bytes are not {name}"
    other, found = guess(data)
    if other.count("\ufffd") >= bad:
        return text, f"some bytes are not {name}"
    return other, f"charset {name} declared, read as {found}"


def _codecs(data: bytes, known: str) -> tuple[str, ...]:
    """In the order in which they are tried. Python's cp950 has the kana of ETEN shifted by some rows; HKSCS has them right."""
    if known == "big5" and _ETEN.search(data[:_SAMPLE].decode("cp950", "replace")):
        return ("big5hkscs", "cp950")
    return FAMILIES[known]


def _windows(data: bytes, known: str) -> str:
    """Octets 0x80 to 0x9F are controls in ISO 8859 and letters in its Windows sister: mail has only the letters."""
    sister = f"windows-{_WINDOWS.get(int(known.rpartition('-')[2]), 0)}"
    return sister if sister in FAMILIES else known


# What nearly every text of some length has, in the bytes of its charset: one look spares the scoring of honest mail.
_FAMILIAR = {
    "gb18030": "的一是不了在人有我您请好这", "big5": "的一是不了在人有我您請好這", "shift_jis": "のにはをがでとす",
    "euc-jp": "のにはをがでとす", "euc-kr": "이다는에의을가니요하",
}  # fmt: skip
_FAMILIAR_BYTES = {name: tuple(c.encode(FAMILIES[name][0]) for c in text) for name, text in _FAMILIAR.items()}


def _familiar(data: bytes, known: str) -> bool:
    piece = data[:2048]
    return known in _FAMILIAR_BYTES and sum(map(piece.count, _FAMILIAR_BYTES[known])) * 24 >= detect.eight_bit(piece)


# --- odd bytes --------------------------------------------------------------------------------------------------------


def _finish(text: str) -> str:
    return safe.scrub(text.removeprefix("\ufeff"))


def _mixed(data: bytes, known: str) -> str:
    """Text of a family in which some bytes belong to another of its codecs, or to none."""
    codecs_of = FAMILIES.get(known) or (detect.CODECS.get(known, "cp1252"),)
    return _finish(data.decode(codecs_of[0], _HANDLER.get(known, "replace")))


_THREE = 0x8F  # begins three octets in EUC-JP


def _pair(*others: Callable[[bytes], str]) -> Callable[[UnicodeError], tuple[str, int]]:
    """An error handler that gives the two bytes (or the one) where a codec fails to other readers of the family; three where
    EUC has three. What a piece says is remembered: hostile mail has an error for each octet."""

    @lru_cache(maxsize=65536)
    def found(piece: bytes) -> tuple[str, int]:
        for size in range(len(piece), 0, -1):
            for read in others:
                if text := read(piece[:size]):
                    return text, size
        return "\ufffd", 1

    def handle(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)  # we only ever decode with it
        start, data = error.start, error.object
        text, size = found(data[start : start + (3 if data[start] == _THREE else 2)])
        return text, start + size

    return handle


def _by(codec: str) -> Callable[[bytes], str]:
    def read(piece: bytes) -> str:
        try:
            return piece.decode(codec)
        except UnicodeError:
            return ""

    return read


def _euc_extension(piece: bytes) -> str:
    """The rows of NEC and IBM in EUC (cp51932): the same rows as in JIS."""
    if len(piece) == 2 and all(0xA1 <= b <= 0xFE for b in piece):
        return iso2022.jis(bytes(b & 0x7F for b in piece)).replace("\ufffd", "")
    return ""


def _latin1(piece: bytes) -> str:
    """The octets that windows-1252 leaves out are controls; they are cut out of text later."""
    return chr(piece[0]) if len(piece) == 1 else ""


def _euro(piece: bytes) -> str:
    return "€" if piece == b"\x80" else ""


_HANDLER = {
    "gb18030": "smtpgate.gb", "big5": "smtpgate.big5", "shift_jis": "smtpgate.sjis", "euc-jp": "smtpgate.euc-jp",
    "windows-1252": "smtpgate.latin1",
}  # fmt: skip
codecs.register_error("smtpgate.gb", _pair(_euro))
codecs.register_error("smtpgate.big5", _pair(_by("big5hkscs"), _by("big5")))
codecs.register_error("smtpgate.sjis", _pair(_by("shift_jis_2004"), _by("shift_jisx0213")))
codecs.register_error("smtpgate.euc-jp", _pair(_euc_extension, _by("euc_jis_2004")))
codecs.register_error("smtpgate.latin1", _pair(_latin1))
