"""Mail to postmaster@ and abuse@, handed on whole."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest

from smtpgate.mail import header
from smtpgate.mail.compose import Composed, forward_for_postmaster
from smtpgate.model import ArcResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from tests.support.letters import DESK

RAW = b"From: a@example.org\r\nTo: abuse@example.com\r\nSubject: spam\r\n\r\nIt comes from you.\r\n"
VERDICT = Verdict(
    evidence=Evidence.NONE,
    author="a@example.org",
    spf=SpfResult("none"),
    dkim=(),
    dmarc=DmarcResult("none"),
    arc=ArcResult(),
    reasons=("no SPF record",),
)


def forward(raw: bytes, **envelope: Any) -> Composed:
    facts: dict[str, Any] = {
        "mail_id": "abc",
        "mail_from": "a@example.org",
        "rcpts": ("abuse@example.com",),
        "peer": "192.0.2.1",
        "helo": "mx",
        "received_at": 1767312000.0,
    }
    return forward_for_postmaster(
        raw,
        role="abuse@example.com",
        person="admin@example.net",
        desk=DESK,
        envelope=Envelope(**(facts | envelope)),
        verdict=Verdict(
            Evidence.NONE, "a@example.org", SpfResult("none"), (), DmarcResult("none"), ArcResult(), ("no SPF record",)
        ),
        message_id="<x.y@example.com>",
        date=1767312000.0,
    )


def parts(composed: Composed) -> list[Any]:
    message = email.message_from_bytes(composed.data, policy=email.policy.compat32)
    assert message["Auto-Submitted"] == "auto-generated"
    payload = message.get_payload()
    assert isinstance(payload, list)
    return payload


def test_original_is_whole_and_the_text_says_who_wrote() -> None:
    composed = forward(RAW)
    text, original = parts(composed)
    assert original.get_content_type() == "message/rfc822"
    assert b"\r\n\r\n" + RAW + b"\r\n--" in composed.data
    said = text.get_payload(decode=True).decode()
    for fact in ("abuse@example.com", "a@example.org", "192.0.2.1", "none", "no SPF record", "abc"):
        assert fact in said
    assert composed.eightbit is False


def test_eight_bit_original_needs_8bitmime() -> None:
    """RFC 2046 §5.2.1: message/rfc822 takes no base64."""
    raw = RAW + "中文\r\n".encode()
    composed = forward(raw)
    assert composed.eightbit is True
    assert composed.smtputf8 is False
    assert parts(composed)[1]["Content-Transfer-Encoding"] == "8bit"
    assert raw in composed.data


@pytest.mark.parametrize("raw", [b"", RAW + b"x" * 2000, RAW + b"a\nb", RAW + b"a\rb", RAW + b"\0"])
def test_original_that_no_mail_can_carry_goes_as_a_file(raw: bytes) -> None:
    composed = forward(raw)
    original = parts(composed)[1]
    assert original.get_content_type() == "application/octet-stream"
    assert original.get_payload(decode=True) == raw
    assert composed.eightbit is False


def test_hostile_envelope_changes_nothing() -> None:
    composed = forward(RAW, mail_from="a\r\nBcc: x@y", helo="\x1b[2J\u202e", rcpts=tuple(f"u{n}@x" for n in range(500)))
    names = [f.name for f in header.split(composed.data)[0]]
    assert names == ["from", "to", "subject", "date", "message-id", "auto-submitted", "x-auto-response-suppress",
                     "content-language", "mime-version", "content-type"]  # fmt: skip
    assert b"\x1b" not in composed.data


def test_null_sender_is_said() -> None:
    assert "null sender" in parts(forward(RAW, mail_from=None))[0].get_payload(decode=True).decode()
