"""One mail as the signature checks see it: CRLF line ends, fields in order, the body, and what speaks against it.

Pure; never raises. The header is read by mail.header, so that signatures are checked on the same view of the mail that
the rest of the gateway acts on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from dkim.canonicalization import CanonicalizationPolicy, Relaxed, Simple

from smtpgate.mail import header
from smtpgate.mail.header import TRUNCATED, Field, Header

SINGLETONS = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject", "date"}
)  # RFC 5322 §3.6
_SIGNED_ONCE = SINGLETONS | {"mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id"}

_SIGNATURE_FIELD = 16 * 1024
_PIECE = 256 * 1024
LARGE = 256 * 1024  # octets of a body; hashing more would hold up the event loop (13 ms for each MiB)
_LONG_BLANK = re.compile(rb"[ \t\r\n\f\v]{100}")
_RUN = re.compile(rb"[ \t]{2,}|\t")
_TWO, _BEFORE_END = re.compile(rb"  "), re.compile(rb" \r\n")
_WORD = re.compile(rb"[^ \t\r\n]")


class LinearRelaxed(Relaxed):  # type: ignore[misc]  # dkimpy has no types
    """RFC 6376 §3.4.4, as dkimpy does it, but in linear time: compress first, then one blank at most ends a line.

    In pieces, so that a thread that does this lets the event loop run in between.
    """

    @staticmethod
    def canonicalize_body(body: bytes) -> bytes:
        ended = Simple.canonicalize_body(b"".join([_compressed(piece) for piece in _pieces(body)]))
        return b"" if ended == b"\r\n" else bytes(ended)


def _pieces(data: bytes) -> Iterator[bytes]:
    """Whole lines, some at a time; of a very long line what ends in neither a blank nor a CR."""
    pos = 0
    while pos < len(data):
        end = data.find(b"\n", pos + _PIECE, pos + 2 * _PIECE) + 1
        if not end:
            place = _WORD.search(data, pos + _PIECE)
            end = len(data) if place is None else place.end()
        yield data[pos:end]
        pos = end


def _compressed(lines: bytes) -> bytes:
    if b"\t" in lines or _TWO.search(lines):  # far faster to find out than to replace
        lines = _RUN.sub(b" ", lines)
    return lines.replace(b" \r\n", b"\r\n") if _BEFORE_END.search(lines) else lines


_ALGORITHMS = {b"simple": Simple, b"relaxed": LinearRelaxed}


def policy(c: bytes | None) -> CanonicalizationPolicy | None:
    """The canonicalisation that a c= tag asks for (RFC 6376 §3.5). None: it cannot be one."""
    header, slash, body = (c or b"simple/simple").partition(b"/")
    if header not in _ALGORITHMS or (body if slash else b"simple") not in _ALGORITHMS:
        return None
    return CanonicalizationPolicy(_ALGORITHMS[header], _ALGORITHMS[body or b"simple"])


def doubled(by_name: Mapping[str, Sequence[Field]], names: frozenset[str] = SINGLETONS) -> tuple[str, ...]:
    """The fields that stand more than once though they must not (RFC 5322 §3.6), sorted."""
    twice = [name for name, fields in by_name.items() if len(fields) > 1 and name in names]
    return tuple(sorted(twice)) if twice else ()


def suspicious(field: Field) -> str:
    """Why a signature field is not read at all, "" if it is: it would cost too much time, and no signer writes it so."""
    if len(field.raw) > _SIGNATURE_FIELD:
        return "the signature field is longer than 16 KiB"
    blanks = len(field.raw) - sum(map(len, field.raw.split()))
    return "the signature field holds a hundred blanks in a row" if blanks >= 100 and _LONG_BLANK.search(field.raw) else ""


@dataclass(frozen=True)
class Message:
    """fields: all of them, in order. by_name: those that have a name, in order. problem: why no signature can count."""

    fields: tuple[Field, ...]
    by_name: Mapping[str, Sequence[Field]]
    body: bytes
    problem: str

    @classmethod
    def read(cls, raw: bytes, head: Header | None = None) -> Message:
        """head: of this very raw mail, when it has been split already and its lines end with CRLF alone."""
        if head is None:
            if any(piece.count(b"\n") != piece.count(b"\r\n") for piece in _pieces(raw)):
                raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            head = header.split(raw)
        fields, body = head
        if fields and fields[0].name == "" and fields[0].raw.startswith((b"From ", b">From ")):
            fields = fields[1:]  # the line that mbox files begin with
        by_name = dict(header.by_name(fields))
        cut, nameless = by_name.pop(TRUNCATED, None), by_name.pop("", None)
        problem = ""
        if cut:
            problem = "the header section is longer than we read"
        elif nameless:
            problem = "the header section holds lines that are no fields"
        elif twice := doubled(by_name, _SIGNED_ONCE):
            problem = f"the mail has more than one {', '.join(twice)}"
        return cls(fields, by_name, raw[body:], problem)

    @cached_property
    def pairs(self) -> tuple[tuple[bytes, bytes], ...]:
        """The fields as dkimpy wants them."""
        return tuple((f.raw.partition(b":")[0], f.value + b"\r\n") for f in self.fields if f.name not in ("", TRUNCATED))

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
