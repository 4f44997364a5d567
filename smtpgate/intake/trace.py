"""What the door writes in front of a mail, and what it takes out of it.

Pure. Nothing that a client said reaches a field of ours unless it is printable and has no meaning there.
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from functools import lru_cache

from smtpgate.auth.results import claims
from smtpgate.clock import utc
from smtpgate.mail.header import Field
from smtpgate.model import Envelope, Verdict

_MARK_OR_BLANK = b"\xef\xbb\xbf \t\r\n"
_ODD = re.compile(r"[^A-Za-z0-9._:\[\]-]")


def trace(envelope: Envelope, verdict: Verdict, name: str) -> bytes:
    """Return-Path, Received and Authentication-Results, with line ends (RFC 5321 §4.4, RFC 8601 §2.2)."""
    lines = [
        f"Return-Path: <{envelope.mail_from or ''}>",
        f"Received: from {_client(envelope.helo)} ([{_literal(envelope.peer)}])",
        f"\tby {name} with {envelope.protocol} id {envelope.mail_id}",
    ]
    if envelope.tls is not None:
        lines.append(f"\t(using {_printable(envelope.tls)})")
    if len(envelope.rcpts) == 1:  # more would tell one recipient of another (RFC 5321 §7.2)
        lines.append(f"\tfor <{envelope.rcpts[0]}>")
    lines[-1] += ";"
    lines.append("\t" + _date(int(envelope.received_at)))
    if verdict.header:
        lines.append("Authentication-Results: " + _printable(verdict.header).replace("; ", ";\r\n "))
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")


@lru_cache(4)  # many mails come in one second
def _date(second: int) -> str:
    return format_datetime(utc(second))


def protocol(service: str, *, extended: bool, tls: bool, smtputf8: bool, login: bool = False) -> str:
    """The word after `with` (RFC 3848, RFC 6531 §4.3). service is ESMTP or LMTP."""
    if not extended:
        return "SMTP"
    return (f"UTF8{service.removeprefix('E')}" if smtputf8 else service) + ("S" if tls else "") + ("A" if login else "")


def stripped(raw: bytes, fields: tuple[Field, ...], authserv_id: str) -> tuple[bytes, tuple[str, ...]]:
    """The mail without what only we may write, and the names of the fields that were taken out.

    Return-Path is written at final delivery alone (RFC 5321 §4.4); Authentication-Results in our name is a forgery or a
    leftover (RFC 8601 §5). `fields` are those of header.split(raw). A byte order mark or empty lines before the first field
    go too: behind the fields that we write they would end the header.
    """
    ours = set(claims(fields, authserv_id))
    out = [i for i, f in enumerate(fields) if f.name == "return-path" or i in ours]
    if fields and not fields[0].name and not fields[0].raw.strip(_MARK_OR_BLANK):
        out.insert(0, 0)
    if not out:
        return raw, ()
    head = sum(len(f.raw) for f in fields)
    kept = b"".join(f.raw for i, f in enumerate(fields) if i not in out)
    return kept + raw[head:], tuple(fields[i].name for i in out if fields[i].name)


def _client(helo: str) -> str:
    return _ODD.sub("?", helo) or "unknown"


def _literal(peer: str) -> str:
    return f"IPv6:{peer}" if ":" in peer else peer or "unknown"


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
