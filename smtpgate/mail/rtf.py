"""Rich text of Outlook: unpacked (MS-OXRTFCP), and the HTML or plain text within it or behind it (MS-OXRTFEX).

One pass, a bounded stack of groups; what is broken is read as far as it goes. Never raises.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field, replace
from functools import lru_cache

from smtpgate.mail import charset, safe

_HEAD = struct.Struct("<IIII")
_PACKED = 0x75465A4C  # "LZFu"
_PLAIN = 0x414C454D  # "MELA"
_DICTIONARY = (  # MS-OXRTFCP §2.1.3.1.2: what every dictionary begins with
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_RING = 4096
_FEW = 16  # octets of text whose reading is remembered


def unpack(data: bytes, limit: int) -> bytes:
    """The RTF in a PidTagRtfCompressed. At most `limit` octets; b"" when it is none."""
    if len(data) < _HEAD.size:
        return b""
    size, whole, kind, _ = _HEAD.unpack_from(data)
    end = min(len(data), size + 4)
    if kind == _PLAIN:
        return data[16 : min(len(data), 16 + whole)][:limit]
    if kind != _PACKED:
        return b""
    out = bytearray(_DICTIONARY)
    first = len(out)
    most = first + min(limit, whole)
    pos = 16
    while pos < end and len(out) < most:
        control = data[pos]
        pos += 1
        for bit in range(8):
            if pos >= end:
                break
            if not control >> bit & 1:
                out.append(data[pos])
                pos += 1
                continue
            word = int.from_bytes(data[pos : pos + 2], "big")
            pos += 2
            at, length = word >> 4, (word & 15) + 2
            if at == len(out) % _RING or pos > end:
                return bytes(out[first:most])
            back = (len(out) - at) % _RING
            start = len(out) - back
            if start < 0:
                return bytes(out[first:most])
            for i in range(length):
                out.append(out[start + i])
    return bytes(out[first:most])


# --- reading ----------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL)
_DESTINATIONS = frozenset((  # groups that hold no text of the document
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "themedata", "colorschememapping", "latentstyles",
    "datastore", "listtable", "listoverridetable", "rsidtbl", "generator", "xmlnstbl", "mmathPr", "header", "footer", "headerl",
    "headerr", "headerf", "footerl", "footerr", "footerf", "filetbl", "revtbl", "fldinst", "bkmkstart", "bkmkend", "datafield",
    "nonshppict", "shppict", "blipuid", "pntext", "mhtmltag",
))  # fmt: skip
_WORDS = {
    "par": "\n", "line": "\n", "sect": "\n", "page": "\n", "row": "\n", "tab": "\t", "cell": "\t", "nestcell": "\t",
    "lquote": "\u2018", "rquote": "\u2019", "ldblquote": "\u201c", "rdblquote": "\u201d", "bullet": "\u2022", "endash": "\u2013",
    "emdash": "\u2014", "emspace": " ", "enspace": " ",
}  # fmt: skip
_FONT_CHARSETS = {
    0: "windows-1252", 77: "macintosh", 128: "shift_jis", 129: "euc-kr", 134: "gb18030", 136: "big5", 161: "windows-1253",
    162: "windows-1254", 163: "windows-1258", 177: "windows-1255", 178: "windows-1256", 186: "windows-1257",
    204: "windows-1251", 222: "windows-874", 238: "windows-1250",
}  # fmt: skip
_DEEPEST = 2000  # groups; MS-OXRTFEX producers need a dozen


_PAGES = {
    866: "ibm866", 874: "windows-874", 932: "shift_jis", 936: "gb18030", 949: "euc-kr", 950: "big5", 1200: "utf-16le",
    10000: "macintosh", 20127: "ascii", 20866: "koi8-r", 21866: "koi8-u", 50220: "iso-2022-jp", 51932: "euc-jp",
    51949: "euc-kr", 54936: "gb18030", 65001: "utf-8",
    **{n: f"windows-{n}" for n in range(1250, 1259)}, **{28590 + n: f"iso-8859-{n}" for n in range(1, 17)},
}  # fmt: skip
_SEVEN_BITS = ("utf-16le", "iso-2022-jp")  # where ASCII octets may be other characters


def codepage(number: int) -> str:
    """The charset label of a Windows code page."""
    return _PAGES.get(number, "windows-1252")


@dataclass(slots=True)
class _Group:
    skipped: bool = False  # a destination that holds no text
    tag: bool = False  # {\*\htmltag…}: HTML as it stood
    htmlrtf: bool = False  # text that is there for readers of RTF only
    fonts: bool = False  # the font table
    uc: int = 1  # characters that stand in for a \u
    label: str = ""  # charset of the bytes; "" is the document's


@dataclass(slots=True)
class _Reader:
    page: str
    group: _Group = field(default_factory=_Group)
    stack: list[_Group] = field(default_factory=list)
    fonts: dict[int, str] = field(default_factory=dict)
    font: int = 0
    encapsulated: str = ""  # "html" or "text"
    starred: bool = False
    skip: int = 0  # stand-ins still to come
    pending: bytearray = field(default_factory=bytearray)  # bytes that make characters together
    out: list[str] = field(default_factory=list)
    surrogate: int = 0


def read(data: bytes, page: str = "windows-1252") -> tuple[str, str]:
    """("html" | "text", what it says). Text for RTF that holds no encapsulated HTML; ("", "") when it is no RTF."""
    if not data.lstrip(b"\0 \r\n\t").startswith(b"{\\rtf"):
        return "", ""
    r = _Reader(page)
    for match in _TOKEN.finditer(data):
        word, number, hexed, symbol, brace, text = match.groups()
        if brace:
            _brace(r, brace == b"{")
        elif word:
            _word(r, word.decode("ascii"), None if number is None else int(number))
        elif hexed:
            _bytes(r, bytes((int(hexed, 16),)))
        elif symbol:
            _symbol(r, symbol)
        elif text:
            r.starred = False
            _bytes(r, text)
    _flush(r)
    return r.encapsulated or "text", safe.scrub("".join(r.out)).replace("\0", "")


def _shown(r: _Reader) -> bool:
    g = r.group
    if g.skipped or g.htmlrtf:
        return False
    return g.tag or not g.fonts


def _emit(r: _Reader, text: str) -> None:
    _flush(r)
    if _shown(r):
        r.out.append(text)


def _flush(r: _Reader) -> None:
    if r.pending:
        data, label = bytes(r.pending), r.group.label or r.page
        r.pending.clear()
        if data.isascii() and label not in _SEVEN_BITS and not (b"\x1b" in data or b"~{" in data or b"\0" in data):
            text = data.decode("ascii")
        else:
            text = _decoded(data, label)
        if _shown(r):
            r.out.append(text)


def _decoded(data: bytes, label: str) -> str:
    """Text in another charset comes a character at a time, the same ones again and again."""
    return _known(data, label) if len(data) <= _FEW else charset.decode(data, label)[0]


@lru_cache(maxsize=4096)
def _known(data: bytes, label: str) -> str:
    return charset.decode(data, label)[0]


def _bytes(r: _Reader, data: bytes) -> None:
    if r.skip:
        taken = min(r.skip, len(data))
        r.skip -= taken
        data = data[taken:]
    if data and _shown(r):
        r.pending += data


def _brace(r: _Reader, opens: bool) -> None:
    _flush(r)
    r.starred = False
    r.skip = 0
    if opens:
        if len(r.stack) < _DEEPEST:
            r.stack.append(r.group)
            r.group = replace(r.group)
    elif r.stack:
        r.group = r.stack.pop()


def _symbol(r: _Reader, symbol: bytes) -> None:
    if symbol == b"*":
        r.starred = True
    elif symbol in b"{}\\":
        _bytes(r, symbol)
    elif symbol == b"~":
        _emit(r, "\xa0")
    elif symbol == b"_":
        _emit(r, "-")
    elif symbol in b"\r\n":
        _word(r, "par", None)


def _word(r: _Reader, word: str, number: int | None) -> None:
    starred, r.starred = r.starred, False
    if word == "htmlrtf":
        _flush(r)
        r.group.htmlrtf = number != 0
    elif word in ("htmltag", "mhtmltag") and starred:
        _flush(r)
        r.group.tag, r.group.skipped = word == "htmltag", r.group.skipped or word == "mhtmltag"
    elif word == "fonttbl":
        r.group.fonts = True
    elif starred or word in _DESTINATIONS:
        _flush(r)
        r.group.skipped = True
    elif word in ("fromhtml", "fromtext"):
        r.encapsulated = "html" if word == "fromhtml" else "text"
    else:
        _setting(r, word, number)


def _setting(r: _Reader, word: str, number: int | None) -> None:
    if word == "u" and number is not None:
        _unicode(r, number & 0xFFFF)
    elif word == "uc":
        r.group.uc = min(max(number or 0, 0), 10)
    elif word == "f" and number is not None:
        _flush(r)
        if r.group.fonts:
            r.font = number
        else:
            r.group.label = r.fonts.get(number, "")
    elif word == "fcharset" and r.group.fonts and len(r.fonts) < 1000:
        r.fonts[r.font] = "" if number in (0, 1, 2, None) else _FONT_CHARSETS.get(number or 0, "")
    elif word == "plain":
        _flush(r)
        r.group.label = ""
    elif word == "ansicpg" and number:
        r.page = codepage(number)
    elif word in _WORDS:
        text = _WORDS[word]
        _emit(r, "\r\n" if text == "\n" and r.encapsulated == "html" else text)
    elif word == "bin" and number:
        r.skip = 0  # raw octets in a picture; pictures are skipped as a whole


def _unicode(r: _Reader, code: int) -> None:
    if 0xD800 <= code < 0xDC00:
        r.surrogate = code
    elif 0xDC00 <= code < 0xE000:
        if r.surrogate:
            _emit(r, chr(0x10000 + ((r.surrogate - 0xD800) << 10) + code - 0xDC00))
        r.surrogate = 0
    else:
        _emit(r, chr(code))
    r.skip = r.group.uc
