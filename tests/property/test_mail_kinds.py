"""Whatever a mail says, its kind and its bounced recipients are told, in time linear in its size."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.limitsettings import Limits
from smtpgate.mail import bounce, bouncetext, bouncewords, header, judge, kind, kindwords, parse
from smtpgate.model import Address, BounceReason
from tests.support.doubling import assert_linear

WORDS = st.sampled_from(
    [
        *bouncewords.INTRODUCTIONS[::9], *bouncewords.ORIGINALS[::9], *bouncewords.LABELS[::7], *kindwords.BOUNCE_SUBJECTS[::9], *kindwords.AWAY_SUBJECTS[::9],
        "a@b.example", "<a@b.example>:", "x@", "@y", "To: c@d.example", ":", "：", "550 5.1.1", "\n", "\n\n", "Final-Recipient: rfc822; a@b.example", "--- Below", "> ", "=", "smtp=a@b.example", "\x00", "\u202e",
    ]
)  # fmt: skip
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=20)), max_size=40).map(" ".join)


@settings(max_examples=60)
@given(TEXTS, TEXTS, st.sampled_from(["", None, "a@b.example"]))
def test_any_words_are_judged(subject: str, text: str, mail_from: str | None) -> None:
    fields, _ = header.split(b'From: Postmaster <>\r\nX-Failed-Recipients: a@b.example, "c\r\n\r\n')
    for author in (None, Address("", "mailer-daemon@x.example"), Address("Kim", "kim@x.example")):
        mail = judge.Read(
            fields[:1] if author else fields, author, (Address("", "c@d.example"),), subject, text.encode(), text, text
        )
        report, _, why = judge.judge(mail, mail_from)
        assert why
        for one in report.recipients if report else ():
            assert not re.search(r"[\x00-\x1f\x7f\u202e]", one.address + one.diagnostic)
            assert one.reason in BounceReason
    kind.away_subject(subject)
    kind.bounce_subject(subject)


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_any_report_is_read(data: bytes) -> None:
    bounce.from_raw(b"Final-Recipient: rfc822; a@b.example\n" + data)
    bounce.from_status(data)


@pytest.mark.parametrize(
    "piece",
    ["a@b.example ", "<a@b.example>:\n", "your message to ", "@", "a.", "=", "550 ", "\n", " ", "> ", "x@y\n", "Final-Recipient: rfc822; a@b.example\n", "message-id: <a@b>\n", "退信 a@b.example\n", "From: a@b.example\n"],
)  # fmt: skip
def test_bounces_are_linear(piece: str) -> None:
    def run(n: int) -> object:
        text = "Your message could not be delivered\n" + piece * n
        bounce.from_raw(text.encode())
        return bouncetext.read(text, piece * n, ours=frozenset(), domain="x.example"), bounce.id_in_text(text)

    assert_linear(lambda n: n, run, 4000)


@pytest.mark.parametrize(
    "piece", ["a@b.example ", "Re: ", "[", "auto ", "out of office ", "List-Id: x\r\n", "Received: x\r\n", "\r\n "]
)
def test_kinds_are_linear(piece: str) -> None:
    def make(n: int) -> bytes:
        return (
            b"From: mailer-daemon@x.example\r\nSubject: failure notice\r\nX-A: "
            + piece.encode() * n
            + b"\r\n\r\n"
            + piece.encode() * n
        )

    assert_linear(
        make,
        lambda raw: parse.parse(
            raw, mail_from=None, limits=Limits.model_validate({"header_section": "10MiB", "header_fields": 1_000_000})
        ),
        3000,
    )
