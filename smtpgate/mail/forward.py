"""The mail to server.postmaster that carries a mail written to postmaster@ or abuse@ (RFC 2142), whole, as an attachment.

Pure. Raises ComposeError only for addresses of ours that are none. The original is never changed: what a message/rfc822
part may not hold (RFC 2046 §5.2.1: no base64; RFC 5321 §4.5.3.1.6: lines of 998) goes as a file in base64.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from smtpgate.desksettings import Desk
from smtpgate.mail import safe, wire
from smtpgate.mail.letters import ComposeError
from smtpgate.mail.wire import Composed
from smtpgate.model import Envelope, Verdict

_LISTED = 20  # recipients and reasons named


def forward_for_postmaster(
    raw: bytes,
    *,
    role: str,
    person: str,
    desk: Desk,
    envelope: Envelope,
    verdict: Verdict,
    message_id: str,
    date: float,
) -> Composed:
    """The finished mail. role: the address that was written to; person: who reads it; desk: whose address it comes from."""
    to, own_id = wire.checked_address(person), wire.message_id(message_id)
    if own_id is None:
        raise ComposeError(f"{message_id!r} is not a Message-ID")
    fields = [
        ("From", wire.mailbox("smtpgate", desk.address)),
        ("To", to),
        ("Subject", wire.subject("[smtpgate]", f"Mail to {safe.line(role, 200)}")),
        ("Date", format_datetime(datetime.fromtimestamp(date, ZoneInfo(desk.timezone)))),
        ("Message-ID", own_id),
        *wire.automatic("auto-generated"),
        ("Content-Language", "en"),
    ]
    parts = [wire.text_part("plain", _explanation(role, envelope, verdict, len(raw))), _attachment(raw)]
    data = wire.assemble(fields, wire.Multipart("mixed", own_id, parts))
    return wire.finished(data, own_id, to)


def _explanation(role: str, envelope: Envelope, verdict: Verdict, size: int) -> str:
    facts = [
        ("Envelope sender", envelope.mail_from if envelope.mail_from is not None else "<> (the null sender)"),
        ("From", verdict.author or "not exactly one address"),
        ("To", ", ".join(envelope.rcpts[:_LISTED])),
        ("Client", f"{envelope.peer or 'unknown'}, which calls itself {envelope.helo or 'nothing'}"),
        ("Received", datetime.fromtimestamp(envelope.received_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("Size", f"{size} octets"),
        ("Evidence", verdict.evidence.value),
    ]
    lines = [f"{label + ':':<17}{safe.line(value, 500)}" for label, value in facts]
    lines += [f"{'':<17}{safe.line(reason, 300)}" for reason in verdict.reasons[:_LISTED]]
    return "\n".join(
        [
            f"This mail was written to {safe.line(role, 200)}. It is attached as it arrived.",
            "To answer its sender, write to them; a reply to this mail opens a ticket.",
            "",
            *lines,
            "",
            f"Kept as {envelope.mail_id}.",
            "",
        ]
    )


def _attachment(raw: bytes) -> bytes:
    lines_fit = all(len(line) <= 998 for line in raw.split(b"\r\n"))
    clean = raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r") and b"\0" not in raw
    if raw and lines_fit and clean:
        encoding = "7bit" if raw.isascii() else "8bit"
        return (
            "Content-Type: message/rfc822\r\n"
            'Content-Disposition: attachment; filename="original.eml"\r\n'
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
        ).encode() + raw
    return (
        b"Content-Type: application/octet-stream\r\n"
        b'Content-Disposition: attachment; filename="original.eml"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    ) + wire.base64_lines(raw)
