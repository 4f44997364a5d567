"""Text that may be printed, stored and logged: no controls, no bidi tricks, no lone surrogates.

Pure and linear; never fails on any str.
"""

from __future__ import annotations

import re
import unicodedata

# Invisible characters that change how other characters read: bidi controls, zero-width marks, tags, annotations.
# ZWNJ and ZWJ stay in text, because Persian, Indic scripts and emoji need them; addresses refuse them too.
_JOINERS = "\u200c\u200d"
_BREAKS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"


class _Table(dict[int, str | None]):
    """str.translate table that decides a character once and remembers it."""

    def __init__(self, *, keep: str, breaks: str) -> None:
        super().__init__()
        self._keep, self._breaks = keep, breaks

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        value: str | None = char
        if char in self._keep:
            pass
        elif char in _BREAKS:
            value = self._breaks
        elif 0xD800 <= code <= 0xDFFF:
            value = "\ufffd"
        elif char in "\r\n\t":
            value = " "
        elif (category := unicodedata.category(char)) == "Cc" or (category == "Cf" and char not in _JOINERS):
            value = None
        self[code] = value
        return value


_LINE = _Table(keep="", breaks=" ")
_BLOCK = _Table(keep="\n\t", breaks="\n")


def line(text: str, limit: int = 1000) -> str:
    """One line of at most `limit` characters: breaks become spaces, controls and invisible characters go."""
    text = text[: 4 * limit]
    return " ".join((text if text.isprintable() else text.translate(_LINE)).split())[:limit]


def block(text: str) -> str:
    """Text of many lines, with \\n between them; everything else as in `line`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii() and _clean(text):
        return text
    return text.translate(_BLOCK)


def _clean(text: str) -> bool:
    """Has it nothing but printable characters, line ends and blanks? Looking is ten times as quick as translating."""
    for blank in "\n\t\xa0\u3000":
        text = text.replace(blank, " ")
    return text.isprintable()


def hidden(text: str) -> bool:
    """Is there a character that a reader does not see or that is no character: control, format, separator, surrogate?"""
    if text.isprintable():
        return False
    return any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in text)


def scrub(text: str) -> str:
    """The same text without lone surrogates (UTF-16 pairs are joined, the rest becomes U+FFFD)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


_LINKING = re.compile(r"(?<=\w)\.(?=[^\W\d_])")


def inert(text: str) -> str:
    """The same text so that no mail program makes a link of anything in it, and people can still read it: evil[.]example."""
    return _LINKING.sub("[.]", text.replace("://", "[:]//"))
