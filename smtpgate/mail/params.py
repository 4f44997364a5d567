"""MIME field values with parameters, and file names that are safe to show (RFC 2045, 2183, 2231; threat C4).

One linear scanner for Content-Type and Content-Disposition; it reads what real clients write: RFC 2231 with and without
continuations, encoded words in quotes, raw 8-bit names, missing quotes. Never raises; bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from smtpgate.mail import charset, header, safe

_SHORT = 200  # octets of a value that is kept
_MOST = 100  # parameters of one field that are read
_NAME_LIMIT = 150  # characters of a file name
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")

# The usual end of a file name for types that need one (unnamed parts). Anything else gets ".bin".
_ENDINGS = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/xml": ".xml",
    "text/rtf": ".rtf",
    "text/rfc822-headers": ".txt",
    "message/rfc822": ".eml",
    "message/global": ".eml",
    "message/delivery-status": ".txt",
    "message/global-delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "message/feedback-report": ".txt",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/pjpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "image/svg+xml": ".svg",
    "audio/mpeg": ".mp3",
    "audio/amr": ".amr",
    "audio/wav": ".wav",
    "video/mp4": ".mp4",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/xml": ".xml",
    "application/rtf": ".rtf",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/ms-tnef": ".dat",
    "application/pgp-signature": ".asc",
    "application/pgp-keys": ".asc",
    "application/pkcs7-signature": ".p7s",
    "application/x-pkcs7-signature": ".p7s",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
}


def content_type(fields: Iterable[header.Field]) -> tuple[str, dict[str, str]]:
    """The type in lower case and its parameters; text/plain when it is missing or unreadable (RFC 2045 §5.2)."""
    found = header.named(fields, "content-type")
    if not found:
        return "text/plain", {}
    main, values = parse(found[0].value)
    return (main if _TYPE.fullmatch(main) else "text/plain"), values


def parse(value: bytes) -> tuple[str, dict[str, str]]:
    """(the main value in lower case, parameters by lower-case name). Of two with one name the first counts."""
    main, values = _parsed(value) if len(value) <= _SHORT else _parsed.__wrapped__(value)
    return main, values.copy()


@lru_cache(256)  # most mails have the same few, and each is asked for several times
def _parsed(value: bytes) -> tuple[str, dict[str, str]]:
    text = header.unfolded(header.Field("", value, b""))
    main, _, rest = text.partition(";")
    main, _, behind = main.strip().partition(" ")  # a comment, or parameters whose semicolon is missing
    if "=" in behind and not behind.lstrip().startswith("("):
        rest = f"{behind};{rest}"
    values: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}  # RFC 2231 §3: name*N or name*N*
    for name, raw in _pairs(rest):
        base, star, tail = name.partition("*")
        if not star:
            values.setdefault(base, raw)
            continue
        number = tail.rstrip("*")
        if number and not (number.isascii() and number.isdigit() and len(number) < 4):
            continue
        pieces.setdefault(base, {}).setdefault(int(number or 0), (tail.endswith("*") or not tail, raw))
    for base, parts in pieces.items():
        values[base] = _joined(parts)  # RFC 2231 wins over a plain one, which is there for old readers
    return main.partition("(")[0].strip(" \t\"'").lower(), values


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    i = 0
    for _ in range(_MOST):
        equals = text.find("=", i)
        if equals < 0:
            return
        name = text[i:equals].rpartition(";")[2].strip().lower()
        i = equals + 1
        while text[i : i + 1] in (" ", "\t"):
            i += 1
        if text[i : i + 1] == '"':
            value, i = _quoted(text, i + 1)
        else:
            end = text.find(";", i)
            end = len(text) if end < 0 else end
            value, i = text[i:end].strip(), end
        if name and len(name) <= 60:
            yield name, value


def _quoted(text: str, i: int) -> tuple[str, int]:
    """The quoted string from i on, and where the next parameter begins. A backslash counts only before \\ and ":
    clients that send Windows paths do not escape theirs."""
    end = text.find('"', i)
    end = len(text) if end < 0 else end
    if text.find("\\", i, end) < 0:
        return text[i:end], end + 1
    out: list[str] = []
    while i < len(text) and text[i] != '"':
        if text[i] == "\\" and text[i + 1 : i + 2] in ('"', "\\"):
            i += 1
        out.append(text[i])
        i += 1
    return "".join(out), i + 1


def _joined(parts: dict[int, tuple[bool, str]]) -> str:
    """RFC 2231 segments in their order: charset'language'%-text; the charset stands in the first one."""
    data = bytearray()
    label: str | None = None
    for number in sorted(parts):
        extended, raw = parts[number]
        if extended and label is None and raw.count("'") >= 2:
            label, _, raw = raw.split("'", 2)
        data += unquote_to_bytes(raw) if extended else raw.encode("utf-8", "replace")
    return charset.decode(bytes(data), label)[0] if label else charset.guess(bytes(data))[0]


# --- file names -------------------------------------------------------------------------------------------------------


def filename(disposition: dict[str, str], kind: dict[str, str]) -> str:
    """The name that the sender gave, safe to show; "" without one."""
    for values, key in ((disposition, "filename"), (kind, "name")):
        if name := safe_name(values.get(key, "")):
            return name
    return ""


def safe_name(raw: str) -> str:
    """A file name that is only a name: decoded, then stripped, then checked, in this order (threat C4).

    No path, drive, control, bidi or zero-width character, no leading dot, none of the characters that file systems
    and shells give a meaning. At most 150 characters, the ending kept. "" if nothing is left.
    """
    if not raw:  # mostly
        return ""
    text = safe.line(header.decode_words(raw[:4000]), 4000).replace("\u200c", "").replace("\u200d", "")
    text = text.replace("\\", "/").rpartition("/")[2]
    text = "".join("_" if c in '<>:"|?*' or c in "\u2044\u2215\u29f8\uff0f\uff3c" else c for c in text).strip(" .\u3000\xa0")
    if len(text) > _NAME_LIMIT:
        stem, dot, ending = text.rpartition(".")
        keep = dot + ending if dot and len(ending) <= 20 else ""
        text = text[: _NAME_LIMIT - len(keep)].rstrip(" .") + keep if keep and stem else text[:_NAME_LIMIT]
    return text


def made_up_name(kind: str, number: int) -> str:
    """A name for a part that came without one."""
    stem = {"image": "image", "audio": "audio", "video": "video", "message": "message"}.get(kind.partition("/")[0], "attachment")
    return f"{stem}-{number}{_ENDINGS.get(kind, '.bin')}"
