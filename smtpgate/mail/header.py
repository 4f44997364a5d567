"""Header fields of a mail, read from its raw bytes: split, unfold, message ids.

The one view of a header that the whole gateway shares, so that no two parts can disagree about it. Linear in the
input and bounded; never raises. What is not a field is kept as a Field without a name, so nothing hides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from smtpgate.mail import charset, words

decode_words = words.decode_words

FIELD_LIMIT = 16 * 1024  # octets of one field that are read
TRUNCATED = "cut off"  # no field can be called so: name of the pseudo field that holds what lies beyond the limits of split()

_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")  # RFC 5322 §3.6.8; blanks before the colon are obsolete syntax (§4.5)
_MARK = b"\xef\xbb\xbf"  # an editor's byte order mark
_LEADING = re.compile(rb"(?:[ \t]*\r?\n)+")
_BLANKS = 4096  # octets of blank lines before a header that are passed by: matching many takes memory for each
# Fields that mails have: behind one of these a line that is no field is a fault within the header, else it is the body.
_USUAL = frozenset(
    (
        "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "in-reply-to", "references", "received",
        "return-path", "mime-version", "dkim-signature", "authentication-results", "list-id", "list-unsubscribe", "delivered-to",
        "resent-from", "arc-seal",
    )
)  # fmt: skip
_REST = re.compile(rb"[^\n]*+\n?(?:[ \t][^\n]*+\n?)*+")  # of a field: its line, and those that belong to it
_FIELD = re.compile(b"%b(%b)" % (_NAME.pattern, _REST.pattern))
_BLANK = re.compile(rb"\n\r?\n")
_LINE_END = re.compile(r"[\r\n]+")


class Field(NamedTuple):
    """One header field. A line that is no field, or goes before all fields, has the name ""."""

    name: str  # lower-case ASCII
    value: bytes  # raw as it stood, folds and all, without the final line end
    raw: bytes  # the whole field with name and line ends


Header = tuple[tuple[Field, ...], int]  # the fields in order, and the offset at which the body begins


class Fields(tuple[Field, ...]):
    """The fields of one header in order, and found by name: a mail's are asked for dozens of times."""

    @cached_property
    def by_name(self) -> dict[str, tuple[Field, ...]]:
        """All fields with a name (lower case), in order."""
        return _by_name(self)


def split(raw: bytes, *, limit: int = 131072, fields: int = 1000, part: bool = False) -> Header:
    """The fields in order, and the offset at which the body begins. The raws of all fields are a prefix of `raw`.

    limit: octets of header section read; fields: how many. What lies beyond is one last Field named TRUNCATED.
    part: a part of a mail; an empty line before its fields means that it has none.
    The section ends at the first empty line, or before a line that is no field and has no usual field behind it.
    """
    found, pos = _before(raw) if limit > 0 and fields > 0 and not part else ([], 0)
    end, body = _section(raw, pos)
    begun = odd = False
    while pos < end:
        if pos >= limit or len(found) >= fields:
            found.append(Field(TRUNCATED, b"", raw[pos:end]))
            break
        match = _FIELD.match(raw, pos, end)
        if match is not None:
            name, value = match.groups()
            value = value[:-2] if value.endswith(b"\r\n") else _chomp(value)
            found.append(Field(name.decode("ascii").lower(), value, match[0]))
            begun = True
            pos = match.end()
        elif begun or raw.startswith((b"From ", b">From ", b" ", b"\t"), pos):
            rest = _REST.match(raw, pos, end)
            whole = rest[0] if rest is not None else raw[pos:end]
            found.append(Field("", _chomp(whole), whole))
            odd = True
            pos += len(whole)
        else:
            return Fields(), 0  # the mail begins with text: it has no header at all
    if odd and (kept := _header_part(found)) < len(found):  # text right after the fields, without the empty line between
        body = end - sum(len(f.raw) for f in found[kept:])
        del found[kept:]
    return Fields(found), body


def _before(raw: bytes) -> tuple[list[Field], int]:
    """What stands before the first field of a mail that went through an editor or a pipe, as a field without a name."""
    if raw.startswith(_MARK) and _NAME.match(raw, len(_MARK)):
        return [Field("", _MARK, _MARK)], len(_MARK)
    if (
        raw[:1] in (b"\r", b"\n", b" ", b"\t")
        and (blank := _LEADING.match(raw, 0, _BLANKS)) is not None
        and _usual_at(raw, blank.end())
    ):
        return [Field("", b"", blank[0])], blank.end()
    line = raw.find(b"\n", 0, 1000) + 1
    if line and not _NAME.match(raw) and _usual_at(raw, line) and _usual_at(raw, raw.find(b"\n", line) + 1):
        return [Field("", _chomp(raw[:line]), raw[:line])], line
    return [], 0


def _usual_at(raw: bytes, pos: int) -> bool:
    name = _NAME.match(raw, pos)
    return name is not None and name[1].decode("ascii").lower() in _USUAL


def _header_part(found: list[Field]) -> int:
    """How many of these are header: up to a line that is none, behind a field, and has no usual field behind it."""
    if not found or found[-1].name == TRUNCATED:
        return len(found)
    last = max((i for i, f in enumerate(found) if f.name in _USUAL or f.name.startswith("content-")), default=-1)
    first = next((i for i, f in enumerate(found) if f.name), len(found))
    return next((i for i in range(max(first, last + 1), len(found)) if not found[i].name), len(found))


def _section(raw: bytes, pos: int) -> tuple[int, int]:
    """Where the header section ends, and where the body begins."""
    for start in (b"\r\n", b"\n"):
        if raw.startswith(start, pos):
            return pos, pos + len(start)
    match = _BLANK.search(raw, pos)
    return (match.start() + 1, match.end()) if match else (len(raw), len(raw))


def _chomp(value: bytes) -> bytes:
    return value.removesuffix(b"\n").removesuffix(b"\r")


def unfolded(field: Field, hint: str | None = None) -> str:
    """The value on one line: UTF-8 where it is that, else by the look of its bytes. Cut at 16 KiB; no surrogates.

    hint: the charset of the mail's text, which its raw 8-bit fields are most likely in too.
    """
    value = field.value[:FIELD_LIMIT]
    plain = value.isascii() and b"\x1b" not in value
    text = value.decode("ascii") if plain else charset.guess(value, hint)[0]
    if "\n" in text or "\r" in text:
        text = _LINE_END.sub("", text)
    return text.replace("\0", "").strip(" \t")


def by_name(fields: Iterable[Field]) -> dict[str, tuple[Field, ...]]:
    """Fields by their names (lower case)."""
    return fields.by_name if isinstance(fields, Fields) else _by_name(fields)


def _by_name(fields: Iterable[Field]) -> dict[str, tuple[Field, ...]]:
    found: dict[str, list[Field]] = {}
    for field in fields:
        found.setdefault(field.name, []).append(field)
    return {name: tuple(several) for name, several in found.items()}


def named(fields: Iterable[Field], name: str) -> tuple[Field, ...]:
    """All fields with this name (lower case)."""
    return by_name(fields).get(name, ())


def first(fields: Iterable[Field], name: str) -> str | None:
    """The unfolded value of the first field with this name, None without one."""
    found = by_name(fields).get(name)
    return unfolded(found[0]) if found else None


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
