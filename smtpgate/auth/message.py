"""One mail as the signature checks see it: CRLF line ends, fields in order, the body, and what speaks against it.

Pure; never raises. The header is read by mail.header, so that signatures are checked on the same view of the mail that
the rest of the gateway acts on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from dkim.canonicalization import CanonicalizationPolicy, Relaxed, Simple

from smtpgate.mail.header import TRUNCATED, Field, split

SINGLETONS = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject", "date"}
)  # RFC 5322 §3.6
_MIME_SINGLETONS = frozenset({"mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id"})

_SIGNATURE_FIELD = 16 * 1024
_PIECE = 256 * 1024
_LONG_BLANK = re.compile(rb"[ \t\r\n\f\v]{100}")
_RUN = re.compile(rb"[ \t]{2,}|\t")


class LinearRelaxed(Relaxed):  # type: ignore[misc]  # dkimpy has no types
    """RFC 6376 §3.4.4, as dkimpy does it, but in linear time: compress first, then one blank at most ends a line.

    In pieces of whole lines, so that a thread that does this lets the event loop run in between.
    """

    @staticmethod
    def canonicalize_body(body: bytes) -> bytes:
        pieces = []
        pos = 0
        while pos < len(body):
            end = body.find(b"\n", pos + _PIECE) + 1 or len(body)
            pieces.append(_compressed(body[pos:end]))
            pos = end
        ended = Simple.canonicalize_body(b"".join(pieces))
        return b"" if ended == b"\r\n" else bytes(ended)


def _compressed(lines: bytes) -> bytes:
    if b"\t" in lines or b"  " in lines:  # far faster to find out than to replace
        lines = _RUN.sub(b" ", lines)
    return lines.replace(b" \r\n", b"\r\n")


_ALGORITHMS = {b"simple": Simple, b"relaxed": LinearRelaxed}


def policy(c: bytes | None) -> CanonicalizationPolicy | None:
    """The canonicalisation that a c= tag asks for (RFC 6376 §3.5). None: it cannot be one."""
    header, slash, body = (c or b"simple/simple").partition(b"/")
    if header not in _ALGORITHMS or (body if slash else b"simple") not in _ALGORITHMS:
        return None
    return CanonicalizationPolicy(_ALGORITHMS[header], _ALGORITHMS[body or b"simple"])


def doubled(fields: Iterable[Field], names: frozenset[str] = SINGLETONS) -> tuple[str, ...]:
    """The fields that stand more than once though they must not (RFC 5322 §3.6), sorted."""
    counts = Counter(f.name for f in fields)
    return tuple(sorted(name for name in names if counts[name] > 1))


def suspicious(field: Field) -> str:
    """Why a signature field is not read at all, "" if it is: it would cost too much time, and no signer writes it so."""
    if len(field.raw) > _SIGNATURE_FIELD:
        return "the signature field is longer than 16 KiB"
    return "the signature field holds a hundred blanks in a row" if _LONG_BLANK.search(field.raw) else ""


@dataclass(frozen=True)
class Message:
    """fields: all of them, in order. pairs: the same as dkimpy wants them. problem: why no signature can count."""

    fields: tuple[Field, ...]
    pairs: tuple[tuple[bytes, bytes], ...]
    body: bytes
    problem: str

    @classmethod
    def read(cls, raw: bytes) -> Message:
        if raw.count(b"\n") != raw.count(b"\r\n"):
            raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        fields, body = split(raw)
        if fields and fields[0].name == "" and fields[0].raw.startswith((b"From ", b">From ")):
            fields = fields[1:]  # the line that mbox files begin with
        problem = ""
        if any(f.name == TRUNCATED for f in fields):
            problem = "the header section is longer than we read"
        elif any(not f.name for f in fields):
            problem = "the header section holds lines that are no fields"
        elif twice := doubled(fields, SINGLETONS | _MIME_SINGLETONS):
            problem = f"the mail has more than one {', '.join(twice)}"
        pairs = tuple((f.raw.partition(b":")[0], f.value + b"\r\n") for f in fields if f.name not in ("", TRUNCATED))
        return cls(fields, pairs, raw[body:], problem)

    @cached_property
    def by_name(self) -> dict[bytes, list[Field]]:
        """The fields with each name (lower case), in order."""
        found: dict[bytes, list[Field]] = {}
        for field in self.fields:
            if field.name and field.name != TRUNCATED:
                found.setdefault(field.name.encode("ascii"), []).append(field)
        return found

    @cached_property
    def _bodies(self) -> dict[bytes, tuple[bytes, int]]:
        return {}

    def body_hash(self, canon: CanonicalizationPolicy) -> tuple[bytes, int]:
        """SHA-256 and length of the canonical body, worked out once for each algorithm."""
        name = canon.body_algorithm.name
        if name not in self._bodies:
            body = canon.canonicalize_body(self.body)
            self._bodies[name] = (sha256(body).digest(), len(body))
        return self._bodies[name]
