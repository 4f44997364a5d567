"""Who is a recipient, what is written in front of a mail, what is taken out, what is stored."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.intake.accept import recipient
from smtpgate.intake.budget import peer_address
from smtpgate.intake.trace import protocol, stripped, trace
from smtpgate.mail import header
from smtpgate.mail.token import Tokens
from smtpgate.model import Envelope
from tests.support.server import TOKEN_KEY, make_config, verdict
from tests.unit.intake.door import running

NOW = 1_795_000_000.0
TOKENS = Tokens([TOKEN_KEY], 86400.0)
ENVELOPE = Envelope("abc", "a@client.example", ("help@support.example",), "192.0.2.1", "client.example", NOW)


def test_signed_return_path_is_exempt_from_the_policy_and_others_are_not() -> None:
    config = make_config()
    bounce = TOKENS.bounce_address("help@support.example", 7, NOW)
    reply = TOKENS.reply_address("help@support.example", 7, "a@client.example", NOW)
    assert recipient(bounce, config, TOKENS, NOW).exempt
    assert recipient(bounce.upper(), config, TOKENS, NOW).exempt
    expired = recipient(bounce, config, TOKENS, NOW + 10 * 86400)
    assert (expired.refusal, expired.exempt) == ("", False)
    answered = recipient(reply, config, TOKENS, NOW)
    assert (answered.refusal, answered.exempt) == ("", False)
    forged = recipient(bounce[:-30] + "aaaaa" + bounce[-25:], config, TOKENS, NOW)
    assert (forged.refusal, forged.exempt) == ("", False)


def test_signed_address_of_a_desk_that_is_gone_is_refused() -> None:
    gone = TOKENS.bounce_address("gone@support.example", 7, NOW)
    assert recipient(gone, make_config(), TOKENS, NOW).refusal.startswith("550 5.1.1")


def test_domain_in_u_labels_is_ours_when_its_a_labels_are() -> None:
    config = make_config({"desk": [{"name": "help", "address": "help@bücher.example"}]})
    assert recipient("help@bücher.example", config, TOKENS, NOW).refusal == ""
    assert recipient("help@xn--bcher-kva.example", config, TOKENS, NOW).refusal == ""


def test_a_desk_whose_own_address_has_a_plus() -> None:
    config = make_config({"desk": [{"name": "help", "address": "a+b@support.example"}]})
    assert recipient("a+b@support.example", config, TOKENS, NOW).refusal == ""
    assert recipient("a+c@support.example", config, TOKENS, NOW).refusal.startswith("550 5.1.1")


def test_trace_fields() -> None:
    written = trace(replace(ENVELOPE, tls="TLSv1.3 TLS_AES_256_GCM_SHA384", protocol="ESMTPS"), verdict(), "mx.support.example")
    assert written.decode() == (
        "Return-Path: <a@client.example>\r\n"
        "Received: from client.example ([192.0.2.1])\r\n"
        "\tby mx.support.example with ESMTPS id abc\r\n"
        "\t(using TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        "\tfor <help@support.example>;\r\n"
        "\tWed, 18 Nov 2026 11:06:40 +0000\r\n"
        "Authentication-Results: mx.support.example;\r\n spf=none;\r\n dkim=none;\r\n dmarc=none\r\n"
    )


def test_several_recipients_are_not_told_of_each_other() -> None:
    written = trace(replace(ENVELOPE, rcpts=("help@support.example", "sales@shop.example")), verdict(), "mx")
    assert b"<help@" not in written
    assert b"sales@" not in written
    assert b"\tby mx with ESMTP id abc;\r\n" in written


def test_ipv6_peer() -> None:
    assert b"([IPv6:2001:db8::1])" in trace(replace(ENVELOPE, peer="2001:db8::1"), verdict(), "mx")


@pytest.mark.parametrize(
    "helo",
    ["x\r\nBcc: y@z", "x) by evil with ESMTP id 1; Mon", "a(b)c", 'x"y"z', "x;y", "例子.example", "<a@b>", "x\x00\x0b\x85\u2028y"],
)
def test_hostile_helo_cannot_inject(helo: str) -> None:
    written = trace(replace(ENVELOPE, helo=helo), verdict(), "mx")
    fields, _ = header.split(written + b"\r\n")
    assert [f.name for f in fields] == ["return-path", "received", "authentication-results"]
    assert re.fullmatch(rb"from [A-Za-z0-9._:\[\]?-]+ \(\[192\.0\.2\.1\]\)", fields[1].value.splitlines()[0].strip())


def test_a_verdict_cannot_inject_a_field() -> None:
    found = replace(verdict(), header="mx; spf=fail\r\nBcc: y@z; x=\x00")
    fields, _ = header.split(trace(ENVELOPE, found, "mx") + b"\r\n")
    assert [f.name for f in fields] == ["return-path", "received", "authentication-results"]
    assert fields[2].value == b" mx;\r\n spf=fail??Bcc: y@z;\r\n x=?"


@given(st.text(max_size=300))
def test_no_helo_and_no_verdict_breaks_out_of_its_field(text: str) -> None:
    found = replace(verdict(), header=text)
    written = trace(replace(ENVELOPE, helo=text), found, "mx")
    fields, body = header.split(written + b"\r\n")
    assert [f.name for f in fields][:2] == ["return-path", "received"]
    assert {f.name for f in fields} <= {"return-path", "received", "authentication-results"}
    assert body == len(written) + 2


@pytest.mark.parametrize(
    ("extended", "tls", "smtputf8", "word"),
    [
        (False, False, False, "SMTP"),
        (True, False, False, "ESMTP"),
        (True, True, False, "ESMTPS"),
        (True, False, True, "UTF8SMTP"),
        (True, True, True, "UTF8SMTPS"),
    ],
)
def test_protocol_word(extended: bool, tls: bool, smtputf8: bool, word: str) -> None:
    assert protocol("ESMTP", extended=extended, tls=tls, smtputf8=smtputf8) == word


def test_only_fields_that_claim_our_name_are_taken_out() -> None:
    raw = (
        b"Authentication-Results: MX.support.example; spf=pass\r\n"
        b"Received: from a\r\n\tby b\r\n"
        b"Return-Path: <x@y>\r\n"
        b"authentication-results: other.example; spf=pass\r\n"
        b"Authentication-Results:\r\n (comment) mx.support.example 1; spf=pass\r\n"
        b"Subject: x\r\n\r\nReturn-Path: stays\r\n"
    )
    fields, _ = header.split(raw)
    kept, removed = stripped(raw, fields, "mx.support.example")
    assert removed == ("authentication-results", "return-path", "authentication-results")
    assert kept == (
        b"Received: from a\r\n\tby b\r\nauthentication-results: other.example; spf=pass\r\nSubject: x\r\n\r\nReturn-Path: stays\r\n"
    )
    untouched = b"Subject: x\r\n\r\nReturn-Path: stays\r\n"
    assert stripped(untouched, header.split(untouched)[0], "mx") == (untouched, ())


async def test_what_is_stored() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.ready(rcpt="Help+x@Support.example")
        peer.writer.write(b"Message-ID: <one@client.example>\r\nSubject: x\r\n\r\n..\r\n.\r\n")
        reply = await peer.reply()
        peer.close()
        (mail,) = up.store.accepted
    assert mail.envelope.mail_id in reply
    assert mail.envelope.rcpts == ("Help+x@Support.example",)
    assert (mail.envelope.peer, mail.envelope.helo, mail.envelope.protocol) == ("127.0.0.1", "client.example", "ESMTP")
    assert mail.message_id == "<one@client.example>"
    assert mail.raw == b"Message-ID: <one@client.example>\r\nSubject: x\r\n\r\n.\r\n"


async def test_a_mail_without_any_header_is_accepted() -> None:
    async with running() as up:
        peer = await up.client()
        await peer.ready()
        peer.writer.write(b"just text\r\n.\r\n")
        assert (await peer.reply()).startswith("250")
        peer.close()
        assert up.store.accepted[0].message_id is None


@pytest.mark.parametrize(
    ("host", "peer"), [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("2001:DB8::1", "2001:db8::1")]
)
def test_peer_address(host: str, peer: str) -> None:
    assert peer_address(host) == peer


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_what_stands_before_the_header_does_not_end_ours(before: bytes) -> None:
    """With our fields in front, the mail's own header would be read as its text."""
    raw = before + b"From: a@b.example\r\nSubject: x\r\n\r\nbody"
    kept, removed = stripped(raw, header.split(raw)[0], "mx.support.example")
    assert removed == ()
    fields, _ = header.split(b"Received: by us\r\n" + kept)
    assert [f.name for f in fields] == ["received", "from", "subject"]
    assert kept.endswith(b"\r\n\r\nbody")
