"""Authentication-Results: nothing of a sender's breaks ours, no disguise saves a forged one, real relays can be read."""

from __future__ import annotations

import authres
import pytest

from smtpgate.auth import results
from smtpgate.mail.header import split
from smtpgate.model import ArcResult, DkimResult, DmarcResult, SpfResult

HOSTILE = [
    'a"b',
    "a\\",
    "a;b=c",
    "a b",
    "a(b",
    "a)b",
    "a\r\nBcc: x@y",
    "a\0b",
    "\u202e",
    "; dkim=pass header.d=bank.example",
    'x"; dkim=pass header.d=bank.example; x="',
    "=?utf-8?q?x?=",
    "x" * 5000,
    "@",
    "a@b@c",
    '"a b"@c',
]


def write(**more: str) -> str:
    return results.write(
        "mx.desk.example",
        spf=SpfResult("pass", "example.org"),
        dkim=(DkimResult("pass", more.get("d", "example.org"), more.get("s", "s1"), 'hostile " reason ;'),),
        dmarc=DmarcResult("pass", "reject", "example.org"),
        arc=ArcResult("pass", sealer=more.get("sealer", "list.example")),
        mail_from=more.get("mail_from", "ann@example.org"),
        helo=more.get("helo", "mta.example.org"),
        author=more.get("author", "ann@example.org"),
    )


@pytest.mark.parametrize("place", ["d", "s", "sealer", "mail_from", "author"])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_breaks_or_adds_to_what_we_write(place: str, text: str) -> None:
    value = write(**{place: text})
    assert value.isascii()
    assert value.isprintable()
    read = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    assert read.authserv_id == "mx.desk.example"
    assert [(r.method, r.result) for r in read.results] == [("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass"), ("arc", "pass")]
    assert len(value) < 1000


def test_what_we_write_we_read() -> None:
    read = results.read(write())
    assert read is not None
    assert read.spf is not None
    assert read.dmarc is not None
    assert (read.spf.result, read.spf.domain) == ("pass", "example.org")
    assert [(d.result, d.domain, d.selector) for d in read.dkim] == [("pass", "example.org", "s1")]
    assert (read.dmarc.result, read.dmarc.policy, read.dmarc_from) == ("pass", "reject", "example.org")


def test_without_a_signature_dkim_is_none() -> None:
    value = results.write(
        "mx",
        spf=SpfResult("none"),
        dkim=(),
        dmarc=DmarcResult("none"),
        arc=ArcResult(),
        mail_from=None,
        helo="[192.0.2.1]",
        author="",
    )
    assert value == 'mx; spf=none smtp.helo="[192.0.2.1]"; dkim=none; dmarc=none'


@pytest.mark.parametrize(
    "value",
    [
        "mx.desk.example; spf=pass",
        "MX.Desk.EXAMPLE; spf=pass",
        "mx.desk.example.; spf=pass",
        "mx.desk.example 1; spf=pass",
        "mx.desk.example; none",
        "mx.desk.example",
        "\r\n mx.desk.example\r\n\t; spf=pass",
        "(a comment) mx.desk.example; spf=pass",
        "(a (nested \\) comment)) mx.desk.example; spf=pass",
        "mx.desk.example(c); spf=pass",
        '"mx.desk.example"; spf=pass',
        '"mx.desk\\.example"; spf=pass',
        "mx.(c)desk.example; spf=pass",
        "mx .desk.example; spf=pass",
        "(never ends mx.desk.example; spf=pass",
        '"never ends mx.desk.example; spf=pass',
    ],
)
def test_fields_that_claim_our_name_are_found_in_every_disguise(value: str) -> None:
    raw = f"X: y\r\nauthentication-RESULTS :{value}\r\nAuthentication-Results: other.example; spf=pass\r\n\r\n".encode()
    assert results.claims(split(raw)[0], "mx.desk.example") == (1,)


@pytest.mark.parametrize(
    "value",
    [
        "other.example; spf=pass smtp.mailfrom=mx.desk.example",
        "xmx.desk.example; none",
        "mx.desk.example.evil; none",
        "",
        ";",
        "spf=pass",
    ],
)
def test_fields_of_others_stay(value: str) -> None:
    assert results.claims(split(f"Authentication-Results: {value}\r\n\r\n".encode())[0], "mx.desk.example") == ()


@pytest.mark.parametrize(
    ("value", "spf", "dkim", "dmarc"),
    [
        (  # opendmarc
            "mta; dmarc=fail (p=quarantine dis=none) header.from=example.org",
            None, [], ("fail", "quarantine"),
        ),
        (  # rspamd
            'mta; dkim=pass header.d=example.org header.s=s1 header.b="a;b";\r\n\tspf=pass (mta: domain of'
            ' "x;y@example.org" designates 192.0.2.1) smtp.mailfrom="x;y@example.org";\r\n\tdmarc=pass (policy=reject)'
            " header.from=example.org",
            ("pass", "example.org"), [("pass", "example.org")], ("pass", "reject"),
        ),
        (  # opendkim: no d=, only i=
            'mta/1 1; dkim=pass reason="2048-bit key" header.i=@example.org; dkim-atps=neutral',
            None, [("pass", "example.org")], None,
        ),
        ("mta; none", None, [], None),
        ("mta; spf=hardfail smtp.mailfrom=example.org", ("permerror", "example.org"), [], None),
        ("mta; dmarc=pass header.from=example.org; dmarc=fail header.from=example.org", None, [], ("pass", "none")),
    ],
)  # fmt: skip
def test_what_real_relays_write(value: str, spf: object, dkim: object, dmarc: object) -> None:
    read = results.read(" ".join(value.split()))
    assert read is not None
    assert (read.spf and (read.spf.result, read.spf.domain)) == spf
    assert [(d.result, d.domain) for d in read.dkim] == dkim
    assert (read.dmarc and (read.dmarc.result, read.dmarc.policy)) == dmarc


@pytest.mark.parametrize("value", ['mta; spf=pass smtp.mailfrom="x', "mta; dmarc=pass (never ends header.from=example.org"])
def test_what_cannot_be_read_is_no_information(value: str) -> None:
    assert results.read(value) is None
    assert results.topmost(split(f"Authentication-Results: {value}\r\n\r\n".encode())[0], "mta") is None


def test_a_result_inside_a_comment_or_a_quoted_value_is_none() -> None:
    read = results.read('mta; spf=none (; dmarc=pass header.from=example.org) smtp.mailfrom="; dmarc=pass header.from=example.org"')
    assert read is not None
    assert read.dmarc is None
