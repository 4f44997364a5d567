"""The report of our own delivery about an answer that did not arrive, or is late: a DSN to its signed return path (RFC 3464).

It is stored in the transaction that records the attempt and filed like a bounce that came by mail, so that an agent hears of
both in the same way, and of each once. Pure; never fails: what the far side said is clean already.
"""

from __future__ import annotations

import re
from email.utils import format_datetime

from smtpgate.clock import Clock, id_text, new_id, utc
from smtpgate.delivery.outcome import Settled
from smtpgate.mail import wire
from smtpgate.model import OF_OUR_DELIVERY, ArcResult, Delivery, DeliveryState, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from smtpgate.store.api import Accepted

_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY = 400  # characters of what the far side said
ANSWER = "answer"  # OutgoingMail.purpose of what an agent wrote: all that anybody must hear of


def report(delivery: Delivery, settled: Settled, name: str, clock: Clock) -> Accepted | None:
    """The mail to ourselves; None where nobody is to be told. name: our host name."""
    if delivery.purpose != ANSWER or not settled.event or delivery.return_path is None:
        return None
    attempt = settled.attempt
    mail_id, message_id = id_text(new_id(clock)), f"<{id_text(new_id(clock))}.returned@{name}>"
    boundary, body = wire.Multipart(
        "report", message_id, [_words(settled.event), _status(delivery, settled, name), _original(delivery)]
    ).finish()
    fields = [
        f"From: Mail delivery <postmaster@{name}>",
        f"To: <{delivery.return_path}>",
        "Subject: " + ("Delayed mail" if attempt.state.pending else "Undelivered mail"),
        f"Date: {format_datetime(utc(attempt.at))}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f"Content-Type: {boundary};\r\n report-type=delivery-status",
    ]
    verdict = Verdict(Evidence.NONE, "", SpfResult("none"), (), DmarcResult("none"), ArcResult(), (OF_OUR_DELIVERY,))
    envelope = Envelope(mail_id, None, (delivery.return_path,), "", name, attempt.at)
    return Accepted(
        envelope, b"Return-Path: <>\r\n", "\r\n".join((*fields, "", "")).encode("utf-8", "replace") + body, verdict, message_id
    )


def _words(event: str) -> bytes:
    return wire.text_part("plain", event + "\n")


def _status(delivery: Delivery, settled: Settled, name: str) -> bytes:
    attempt = settled.attempt
    late = attempt.state.pending
    kind = "rfc822" if delivery.address.isascii() else "utf-8"  # RFC 6533 §3
    lines = [
        f"Content-Type: message/{'' if kind == 'rfc822' else 'global-'}delivery-status",
        "Content-Transfer-Encoding: 8bit",
        "",
        f"Reporting-MTA: dns; {name}",
        "",
        f"Final-Recipient: {kind}; {delivery.address}",
        f"Action: {'delayed' if late else 'failed'}",
        f"Status: {_code(settled)}",
        f"Diagnostic-Code: {'smtp' if attempt.code else 'x-smtpgate'}; {_said(settled)}",
        "",
    ]
    return "\r\n".join(lines).encode("utf-8", "replace")


def _code(settled: Settled) -> str:
    """RFC 3463. Of one that was given up it says that the time was over, whatever the last reply was."""
    attempt = settled.attempt
    if attempt.state is DeliveryState.EXPIRED:
        return "4.4.7"
    found = _STATUS.match(attempt.reply)
    default = "4.0.0" if attempt.state.pending else "5.0.0"
    return found[1] if found and found[1][0] == default[0] else default


def _said(settled: Settled) -> str:
    attempt = settled.attempt
    words = f"{attempt.code} {attempt.reply[:_REPLY]}" if attempt.code else attempt.reply[:_REPLY]
    return f"{words} ({attempt.remote})" if attempt.remote else words


def _original(delivery: Delivery) -> bytes:
    return f"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: {delivery.message_id}\r\n".encode()
