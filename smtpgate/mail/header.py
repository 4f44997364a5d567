"""Header fields of a mail, read from its raw bytes: split, unfold, RFC 2047, message ids.

The one view of a header that the whole gateway shares, so that no two parts can disagree about it. Linear in the
input and bounded; never raises. What is not a field is kept as a Field without a name, so nothing hides.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from smtpgate.mail import charset

FIELD_LIMIT = 16 * 1024  # octets of one field that are read
TRUNCATED = "cut off"  # no field can be called so: name of the pseudo field that holds what lies beyond the limits of split()

_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")  # RFC 5322 §3.6.8; blanks before the colon are obsolete syntax (§4.5)
_BLANK = re.compile(rb"\n\r?\n")
_LINE_END = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field. A line that is no field, or goes before all fields, has the name ""."""

    name: str  # lower-case ASCII
    value: bytes  # raw as it stood, folds and all, without the final line end
    raw: bytes  # the whole field with name and line ends


def split(raw: bytes, *, limit: int = 131072, fields: int = 1000) -> tuple[tuple[Field, ...], int]:
    """The fields in order, and the offset at which the body begins. The raws of all fields are a prefix of `raw`.

    limit: octets of header section read; fields: how many. What lies beyond is one last Field named TRUNCATED.
    The section ends at the first empty line; without one, after the last line that is a field or continues one.
    """
    end, body = _section(raw)
    found: list[Field] = []
    begun = False
    pos = 0
    while pos < end:
        if pos >= limit or len(found) >= fields:
            found.append(Field(TRUNCATED, b"", raw[pos:end]))
            break
        stop = _field_end(raw, pos, end)
        whole = raw[pos:stop]
        match = _NAME.match(whole)
        if match is None and not begun and not whole.startswith((b"From ", b">From ", b" ", b"\t")):
            return (), 0  # the mail begins with text: it has no header at all
        begun = begun or match is not None
        name = match[1].decode("ascii").lower() if match else ""
        found.append(Field(name, _chomp(whole[match.end() if match else 0 :]), whole))
        pos = stop
    junk = 0
    while junk < len(found) and not found[-1 - junk].name:
        junk += 1
    if junk and junk < len(found):  # text right after the fields, without the empty line between
        body = end - sum(len(f.raw) for f in found[-junk:])
        del found[-junk:]
    return tuple(found), body


def _section(raw: bytes) -> tuple[int, int]:
    """Where the header section ends, and where the body begins."""
    for start in (b"\r\n", b"\n"):
        if raw.startswith(start):
            return 0, len(start)
    match = _BLANK.search(raw)
    return (match.start() + 1, match.end()) if match else (len(raw), len(raw))


def _field_end(raw: bytes, pos: int, end: int) -> int:
    while True:
        pos = raw.find(b"\n", pos, end) + 1
        if pos == 0 or pos >= end:
            return end
        if raw[pos : pos + 1] not in (b" ", b"\t"):
            return pos


def _chomp(value: bytes) -> bytes:
    return value.removesuffix(b"\n").removesuffix(b"\r")


def unfolded(field: Field) -> str:
    """The value on one line: UTF-8 where it is that, else by the look of its bytes. Cut at 16 KiB; no surrogates."""
    value = field.value[:FIELD_LIMIT]
    text = value.decode("ascii") if value.isascii() and b"\x1b" not in value else charset.guess(value)[0]
    return _LINE_END.sub("", text).replace("\0", "").strip(" \t")


def named(fields: Iterable[Field], name: str) -> tuple[Field, ...]:
    """All fields with this name (lower case)."""
    return tuple(f for f in fields if f.name == name)


def first(fields: Iterable[Field], name: str) -> str | None:
    """The unfolded value of the first field with this name, None without one."""
    return next((unfolded(f) for f in fields if f.name == name), None)


def message_ids(text: str, *, limit: int = 500) -> tuple[str, ...]:
    """The message ids in a Message-ID, In-Reply-To or References value, in order, each in its angle brackets.

    Blanks that folding put inside an id are taken out; without any bracket each word with an @ counts as one.
    Of more than `limit` ids the last ones stay, since References names the nearest ancestors last (RFC 5322 §3.6.4).
    """
    found: list[str] = []
    if "<" in text:
        for piece in text.split(">")[:-1]:
            opened = piece.rfind("<")
            if opened >= 0:
                found.append("".join(piece[opened + 1 :].split()))
    else:
        found = [word.strip("<>,;") for word in text.split() if "@" in word]
    ids = (f"<{i}>" for i in found if 0 < len(i) <= 900 and i.isprintable())
    return tuple(dict.fromkeys(ids))[-limit:]


# --- RFC 2047 ---------------------------------------------------------------------------------------------------------


def decode_words(text: str) -> str:
    """Encoded words to text. Broken ones are read as far as they make sense: characters split between words, lost
    padding, wrong charset, raw blanks or question marks inside. What is no encoded word stays as it is.
    """
    if "=?" not in text:
        return text
    out: list[str] = []
    run: list[tuple[str, str, str]] = []  # adjacent words: (charset, encoding, payload)
    pos = 0
    last = text.rfind("?=")  # no word can begin after it: keeps the search for ends linear
    while 0 <= (start := text.find("=?", pos)) < last:
        word = _word_at(text, start)
        gap = text[pos:start]
        if word is None and _OPEN_WORD.match(text, start):
            break
        if word is None:
            _flush(run, out)
            out.append(text[pos : start + 2])
            pos = start + 2
            continue
        if gap and not (run and gap.isspace()):  # blanks between two words are only folding (RFC 2047 §6.2)
            _flush(run, out)
            out.append(gap)
        run.append(word[:3])
        pos = word[3]
    cut = _OPEN_WORD.search(text, max(pos, len(text) - 400))  # a subject that was cut to a length
    if cut is not None:
        if text[pos : cut.start()].strip() or not run:
            _flush(run, out)
            out.append(text[pos : cut.start()])
        run.append((cut[1].partition("*")[0].lower(), cut[2].lower(), cut[3]))
        pos = len(text)
    _flush(run, out)
    out.append(text[pos:])
    return "".join(out)


_OPEN_WORD = re.compile(r"=\?([!->@-~]{1,70})\?([bBqQ])\?([!-~]{1,300})$")


def _word_at(text: str, start: int) -> tuple[str, str, str, int] | None:
    """(charset, encoding, payload, end) of the encoded word that begins at `start`."""
    mark = text.find("?", start + 2, start + 80)
    if mark < 0 or text[mark + 2 : mark + 3] != "?" or text[mark + 1 : mark + 2] not in "bBqQ":
        return None
    label = text[start + 2 : mark].partition("*")[0]  # RFC 2231 §5: charset*language
    if not label or not label.isascii() or " " in label:
        return None
    end = text.find("?=", mark + 3)
    if end < 0:
        return None
    return label.lower(), text[mark + 1].lower(), text[mark + 3 : end], end + 2


def _flush(run: list[tuple[str, str, str]], out: list[str]) -> None:
    """Decode adjacent words together, as long as their charset stays the same: senders cut characters in two."""
    start = 0
    for i in range(1, len(run) + 1):
        if i == len(run) or run[i][0] != run[start][0]:
            out.append(_together(run[start:i]))
            start = i
    run.clear()


def _together(words: list[tuple[str, str, str]]) -> str:
    """Words of one charset. Some senders cut the base64 itself between words, others only leave its padding out."""
    label = words[0][0]
    if (
        all(encoding == "b" for _, encoding, _ in words)
        and any(_cut(payload) for _, _, payload in words[:-1])
        and not any(payload.endswith("=") for _, _, payload in words[:-1])
    ):
        text = charset.decode(_unbase64("".join(payload for _, _, payload in words)), label)[0]
        if "\ufffd" not in text:
            return text
    data = b"".join(_unbase64(payload) if encoding == "b" else _unquote(payload) for _, encoding, payload in words)
    return charset.decode(data, label)[0]


def _cut(payload: str) -> bool:
    """Does this base64 end where no quantum of four characters ends?"""
    return not payload.endswith("=") and len(payload.strip()) % 4 != 0


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def _unbase64(payload: str) -> bytes:
    """As many octets as the text holds; padding and strange characters do not matter."""
    text = _NOT_BASE64.sub(b"", payload.encode("ascii", "ignore"))
    text = text[: len(text) - (len(text) % 4 == 1)]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def _unquote(payload: str) -> bytes:
    return binascii.a2b_qp(payload.encode("utf-8", "replace"), header=True)
