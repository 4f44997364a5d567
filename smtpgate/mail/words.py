"""Encoded words in header fields (RFC 2047, language tags of RFC 2231 §5), as real mail has them.

Reads broken ones as far as they make sense: characters or base64 cut between words, lost padding or ends, blanks and
question marks inside, a wrong charset, words inside words. Linear; never raises. What is no encoded word stays as it
is. Only for text that is shown: no address is ever made of what comes out here.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from smtpgate.mail import charset, safe

_TAG = re.compile(r"=\?[ \t]{0,3}([!->@-~]{0,70}?)[ \t]{0,3}\?[ \t]{0,3}([bBqQ])[ \t]{0,3}\?")
_OPEN_END = re.compile(r"[!-~]{1,2000}\Z")
_HEX = re.compile(r"[0-9A-F]{2}")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]*")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_MOJIBAKE = re.compile("[\xc2-\xdf][\x80-\xbf\u0152-\u2122]|[\xe0-\xef][\x80-\xbf\u0152-\u2122]{2}|\xf0[\x80-\xbf\u0152-\u2122]{3}")


@dataclass(frozen=True, slots=True)
class _Word:
    label: str
    encoding: str  # "b" or "q"
    payload: str

    def data(self) -> bytes:
        if self.encoding == "b" and _BASE64.fullmatch(self.payload):
            return _unbase64(self.payload)
        return binascii.a2b_qp(self.payload.encode("utf-8", "replace"), header=True)


def decode_words(text: str) -> str:
    """The text with its encoded words decoded. Blanks between two words are folding and go (RFC 2047 §6.2)."""
    if "=?" in text:
        text = _once(text)
        if "=?" in text and not safe.hidden(again := _once(text)):  # a word within a word; never to smuggle controls in
            text = again
    if "%" in text:
        text = _percent(text)
    return text if text.isascii() else _doubled(text)


def _once(text: str) -> str:
    out: list[str] = []
    run: list[_Word] = []  # adjacent words
    pos = end = 0
    last = text.rfind("?=")  # no word can begin after it: keeps the search for ends linear
    while (tag := _TAG.search(text, pos)) is not None:
        found = _payload(text, tag, last, end)
        if found is None:
            break
        payload, word_end, end = found
        gap = text[pos : tag.start()]
        if gap and not (run and gap.isspace()):
            out.append(_together(run))
            run = []
            out.append(gap)
        run.append(_Word(tag[1].partition("*")[0].strip().lower(), tag[2].lower(), payload))
        pos = word_end
    out.append(_together(run))
    out.append(text[pos:])
    return "".join(out)


def _payload(text: str, tag: re.Match[str], last: int, end: int) -> tuple[str, int, int] | None:
    """The encoded text behind a tag, where the word ends, and the nearest `?=` (end: the one found before).

    None when there is no end to be found.
    """
    start = tag.end()
    if start > last:  # the subject was cut to a length
        return (text[start:], len(text), end) if _OPEN_END.match(text, start) else None
    if end < start:
        end = text.find("?=", start)
    inner = _TAG.search(text, start, end)
    if inner is not None:  # the end of this word is lost
        return text[start : inner.start()].rstrip(" \t"), inner.start(), end
    if tag[2] in "qQ":  # a bare question mark before an octet (`now?=20`) is not the end when an end follows
        while _HEX.match(text, end + 2):
            further = text.find("?=", end + 2)
            if further < 0 or text.find("=?", end, further) >= 0:
                break
            end = further
    return text[start:end], end + 2, end


def _together(words: list[_Word]) -> str:
    """Adjacent words, those of one charset as one text: senders cut characters in two."""
    out: list[str] = []
    start = 0
    for i in range(1, len(words) + 1):
        if i == len(words) or _kin(words[i]) != _kin(words[start]):
            out.append(_same_charset(words[start:i]))
            start = i
    return "".join(out)


def _kin(word: _Word) -> str:
    return charset.family(word.label) or word.label


def _same_charset(words: list[_Word]) -> str:
    label = words[0].label
    if len(words) > 1 and _base64_cut(words):
        text, defect = charset.decode(_unbase64("".join(w.payload for w in words)), label)
        if "\ufffd" not in text and (not defect or any(_begun(w.payload) for w in words[:-1])):
            return text
    text, defect = charset.decode(b"".join(w.data() for w in words), label)
    if not defect or len(words) == 1 or charset.family(label) is None:
        return text
    apart = "".join(charset.decode(w.data(), label)[0] for w in words)
    return apart if apart.count("\ufffd") < text.count("\ufffd") else text


def _base64_cut(words: list[_Word]) -> bool:
    """Some senders cut the base64 itself between words; others only leave its padding out."""
    return (
        all(w.encoding == "b" for w in words)
        and any(not w.payload.endswith("=") and len(w.payload.strip()) % 4 for w in words[:-1])
        and not any(w.payload.endswith("=") for w in words[:-1])
    )


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _begun(payload: str) -> bool:
    """Does this base64 end within an octet? Where only the padding is lost, the bits behind the last octet are zero."""
    text = payload.strip()
    left = len(text) % 4
    return left == 1 or (left > 1 and _ALPHABET.find(text[-1]) % (16 if left == 2 else 4) != 0)


def _unbase64(payload: str) -> bytes:
    """As many octets as the text holds; padding and strange characters do not matter."""
    text = _NOT_BASE64.sub(b"", payload.replace("-", "+").replace("_", "/").encode("ascii", "ignore"))
    text = text[: len(text) - (len(text) % 4 == 1)]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def _percent(text: str) -> str:
    """A whole value in the encoding of URLs, which some scripts put into headers; no link is touched."""
    found = _PERCENT.findall(text)
    if not text.isascii() or "/" in text or " " in text.strip() or 5 * sum(map(len, found)) < 3 * len(text):
        return text
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return text
    return text if decoded.isascii() else decoded


def _doubled(text: str) -> str:
    """UTF-8 that was read as Western text and encoded once more. Only when all of it is that, and no word can be so."""
    pieces = _MOJIBAKE.findall(text)
    if not pieces or sum(map(len, pieces)) != sum(c > "\x7f" for c in text):
        return text
    if not any(len(p) > 2 for p in pieces) and len(pieces) < 2:
        return text
    try:
        octets = b"".join(c.encode("latin-1") if c <= "\xff" else c.encode("cp1252") for c in text)
        return octets.decode("utf-8")
    except UnicodeError:
        return text
