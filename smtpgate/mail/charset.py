"""Bytes of mail to text: the charsets that we know by label, and a guess where the label is missing or wrong.

Never fails: what cannot be decoded becomes U+FFFD and a defect says so. The sender's label is only ever looked up
in our own table, never in Python's codec registry, which holds codecs that are no charsets (threat C10).
"""

from __future__ import annotations

import re

from smtpgate.mail import safe

# Each family: the codecs to try in order. Labels name more than they should: gb2312 mail holds GBK, iso-8859-1 holds
# windows-1252, big5 holds HKSCS, shift_jis and ks_c_5601 the Windows extensions (as the WHATWG encoding standard does).
_FAMILIES: dict[str, tuple[str, ...]] = {
    "utf-8": ("utf_8",),
    "ascii": ("ascii",),
    "gb18030": ("gb18030",),
    "hz": ("hz",),
    "big5": ("cp950", "big5hkscs"),
    "iso-2022-jp": ("iso2022_jp_ext",),
    "iso-2022-kr": ("iso2022_kr",),
    "shift_jis": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "euc-kr": ("cp949",),
    "utf-7": ("utf_7",),
    "utf-16": ("utf_16",),
    "utf-16le": ("utf_16_le",),
    "utf-16be": ("utf_16_be",),
    "utf-32": ("utf_32",),
    "windows-1252": ("cp1252",),
    "koi8-r": ("koi8_r",),
    "koi8-u": ("koi8_u",),
    "ibm866": ("cp866",),
    "macintosh": ("mac_roman",),
    "windows-874": ("cp874",),
    **{f"windows-125{n}": (f"cp125{n}",) for n in (0, 1, 3, 4, 5, 6, 7, 8)},
    **{f"iso-8859-{n}": (f"iso8859_{n}",) for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
}

_ALIASES: dict[str, str] = {
    "utf-8": "utf8 unicode-1-1-utf-8 utf-8-sig utf8mb4 x-utf-8 cp65001 csutf8",
    "ascii": "us-ascii ansi_x3.4-1968 ansi_x3.4-1986 iso646-us iso_646.irv:1991 646 us csascii ansi",
    "gb18030": "gb2312 gb_2312-80 gb_2312 gbk x-gbk cp936 ms936 windows-936 csgb2312 chinese iso-ir-58 gb2312_charset euc-cn"
    " x-euc-cn gb-2312 gb18030-2000 gb18030-2005",
    "hz": "hz-gb-2312 hz-gb2312 x-hz",
    "big5": "big5-hkscs big5hkscs big-5 cn-big5 x-x-big5 x-big5 csbig5 cp950 windows-950 big5-eten hkscs",
    "iso-2022-jp": "csiso2022jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 iso-2022-jp-ms cp50220 cp50221 jis",
    "iso-2022-kr": "csiso2022kr",
    "shift_jis": "shift-jis sjis x-sjis ms_kanji cp932 windows-31j csshiftjis csshift_jis x-ms-cp932 ms932",
    "euc-jp": "eucjp x-euc-jp cseucpkdfmtjapanese euc_jp ujis",
    "euc-kr": "ks_c_5601-1987 ks_c_5601 ks_c_5601-1989 ksc5601 ksc_5601 korean cp949 windows-949 uhc euckr cseuckr x-windows-949"
    " ms949 iso-ir-149",
    "utf-7": "utf7 unicode-1-1-utf-7 csunicode11utf7 x-unicode-2-0-utf-7",
    "utf-16": "utf16 ucs-2 iso-10646-ucs-2 unicode",
    "utf-16le": "utf16le utf-16-le unicodefeff",
    "utf-16be": "utf16be utf-16-be unicodefffe",
    "utf-32": "utf32 ucs-4",
    "windows-1252": "cp1252 x-cp1252 iso-8859-1 iso8859-1 iso_8859-1 iso_8859-1:1987 latin1 latin-1 l1 cp819 ibm819 csisolatin1"
    " iso-ir-100 x-ansi iso-8859-1-windows-3.1-latin-1",
    "koi8-r": "koi8 koi cskoi8r koi8_r",
    "koi8-u": "koi8-ru koi8_u",
    "ibm866": "cp866 866 csibm866",
    "macintosh": "mac x-mac-roman csmacintosh macroman",
    "windows-874": "cp874 tis-620 tis620 iso-8859-11 iso8859-11 dos-874",
    **{f"windows-125{n}": f"cp125{n} x-cp125{n} win-125{n}" for n in (0, 1, 3, 4, 5, 6, 7, 8)},
    **{f"iso-8859-{n}": f"iso8859-{n} iso_8859-{n} iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
}

LABELS: dict[str, str] = {
    **{family: family for family in _FAMILIES},
    **{alias: family for family, aliases in _ALIASES.items() for alias in aliases.split()},
    **{f"latin{a}": f"iso-8859-{n}" for a, n in ((2, 2), (3, 3), (4, 4), (6, 10), (9, 15))},
    "iso-8859-9": "windows-1254",
    "iso8859-9": "windows-1254",
    "iso_8859-9": "windows-1254",
    "latin5": "windows-1254",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
}

_ABSENT = frozenset(("", "unknown", "x-unknown", "unknown-8bit", "default", "default_charset", "none", "null", "binary"))
_MULTIBYTE = frozenset(("gb18030", "big5", "shift_jis", "euc-jp", "euc-kr"))
_WIDE = frozenset(("utf-8", "utf-7", "utf-16", "utf-16le", "utf-16be", "utf-32", "iso-2022-jp", "iso-2022-kr", "hz"))
_CJK_IN_UTF8 = re.compile(rb"[\xe3-\xed][\x80-\xbf][\x80-\xbf]")
_HIGH = re.compile(rb"[\x80-\xff]")
_LETTER = re.compile(rb"[A-Za-z]")
_SAMPLE = 32 * 1024
_SPOKEN = {"cp950": "big5", "cp932": "shift_jis", "cp949": "euc-kr", "cp1252": "windows-1252", "cp1251": "windows-1251"}
_GUESSES = ("gb18030", "big5", "cp932", "cp949", "euc_jp", "cp1251", "koi8_r", "cp1252")


def family(label: str | None) -> str | None:
    """The charset family that a label names, None for one that we do not know."""
    return LABELS.get(_clean(label)) if label else None


def decode(data: bytes, label: str | None) -> tuple[str, str]:
    """The text, and a defect ("" if the label was right). Never raises; the text has no lone surrogates."""
    name = _clean(label)
    known = LABELS.get(name)
    if known is None:
        text, found = guess(data)
        if name in _ABSENT:
            return text, "" if _plain(data) else f"charset missing, read as {found}"
        return text, f"charset {safe.line(name, 40)!r} unknown, read as {found}"
    if known == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        known = "utf-16be" if data[:64:2].count(0) > data[1:64:2].count(0) else "utf-16le"
    if known not in _WIDE and _looks_utf8(data, known):
        return data.decode("utf_8"), f"charset {name} declared, but it is utf-8"
    for codec in _FAMILIES[known]:
        try:
            return _finish(data.decode(codec)), ""
        except UnicodeError:
            continue
    return _despite(data, name, known)


def guess(data: bytes) -> tuple[str, str]:
    """The text and the charset that it was read as, from the bytes alone. Never raises."""
    if b"\x1b" in data and not _HIGH.search(data):
        if b"\x1b$)C" in data:
            return data.decode("iso2022_kr", "replace"), "iso-2022-kr"
        if b"\x1b$" in data or b"\x1b(J" in data:
            return _iso2022jp(data), "iso-2022-jp"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _finish(data.decode("utf_16", "replace")), "utf-16"
    try:
        return _finish(data.decode("utf_8")), "utf-8"
    except UnicodeDecodeError:
        pass
    codec = _by_shape(data[:_SAMPLE]) or _by_statistics(data[:_SAMPLE])
    return data.decode(codec, "replace"), {"cp950": "big5", "cp932": "shift_jis", "cp949": "euc-kr", "cp1252": "windows-1252"}.get(
        codec, codec
    )


def _clean(label: str | None) -> str:
    return (label or "").strip(" \t\r\n\"'").lower()[:60]


def _plain(data: bytes) -> bool:
    return data.isascii() and b"\x1b" not in data


def _finish(text: str) -> str:
    return safe.scrub(text.removeprefix("\ufeff"))


def _looks_utf8(data: bytes, known: str) -> bool:
    """Text in a one-byte charset is never valid UTF-8 by chance; double-byte text may be, but not with CJK triplets."""
    if data.isascii():
        return False
    try:
        data.decode("utf_8")
    except UnicodeDecodeError:
        return False
    return known not in _MULTIBYTE or len(_CJK_IN_UTF8.findall(data[:_SAMPLE])) >= 2


def _despite(data: bytes, name: str, known: str) -> tuple[str, str]:
    """The declared charset does not fit. A few bad bytes are replaced; more mean that the label is wrong."""
    if known == "iso-2022-jp":
        return _iso2022jp(data), ""
    text = _finish(data.decode(_FAMILIES[known][-1], "replace"))
    bad, strange = text.count("\ufffd"), sum(1 for c in text if not c.isascii())
    if known != "ascii" and (bad <= 2 or bad * 20 <= strange):
        return text, f"some bytes are not {name}"
    text, found = guess(data)
    return text, f"charset {name} declared, read as {found}"


def _by_shape(data: bytes) -> str | None:
    """Chinese by how its bytes lie: the common characters of GB 2312 and of Big5 stand in well-known rows."""
    pairs = re.findall(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]", data)
    high = len(_HIGH.findall(data))
    if len(pairs) < 2 or high > sum(1 + (p[1] >= 0x80) for p in pairs):
        return None
    common = sum((0xB0 <= p[0] <= 0xD7 or 0xA1 <= p[0] <= 0xA3) and p[1] >= 0xA1 for p in pairs)
    if common >= 0.85 * len(pairs) and _decodes(data, "gb18030"):
        return "gb18030"
    big5 = sum(0xA4 <= p[0] <= 0xC6 or p[0] == 0xA1 for p in pairs)
    low = sum(p[1] <= 0x7E for p in pairs)
    if big5 >= 0.85 * len(pairs) and low * 5 >= len(pairs) and len(pairs) >= 3 and _decodes(data, "cp950"):
        return "cp950"
    return None


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError as error:
        return error.start >= _SAMPLE - 4  # the sample may end within a character
    return True


def _by_statistics(data: bytes) -> str:
    if 3 * len(_HIGH.findall(data)) <= len(_LETTER.findall(data)):
        return "cp1252"  # few accents among Latin letters; too little for statistics in the short texts of headers
    from charset_normalizer import from_bytes  # rarely needed, and slow to load

    try:
        best = from_bytes(data, cp_isolation=list(_GUESSES), enable_fallback=False).best()
    except Exception:  # it is only a guess: whatever goes wrong in it, windows-1252 reads any bytes
        best = None
    return best.encoding if best is not None else "cp1252"


def _iso2022jp(data: bytes) -> str:
    """ISO-2022-JP with the Windows extensions (①, ㈱), which Python's codec refuses: JIS rows read as cp932."""
    out: list[str] = []
    for i, piece in enumerate(data.split(b"\x1b")):
        if i == 0:
            out.append(piece.decode("ascii", "replace"))
        elif piece[:2] in (b"$B", b"$@"):
            out.append(_jis(piece[2:]))
        elif piece[:2] == b"(I":
            out.append(bytes(b | 0x80 for b in piece[2:]).decode("cp932", "replace"))
        elif piece[:1] == b"(":
            out.append(piece[2:].decode("ascii", "replace"))
        else:
            out.append("\ufffd" + piece.decode("ascii", "replace"))
    return "".join(out)


def _jis(data: bytes) -> str:
    """Two-byte JIS to text by way of Shift_JIS; line ends within it are kept."""
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
    return bytes(out).decode("cp932", "replace")
