"""No mail, however made, trips the verdict, and no tampering with a signed mail keeps its standing."""

from __future__ import annotations

import time

import authres
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.auth import results, verdict
from smtpgate.auth.dns import ZoneResolver
from smtpgate.clock import SystemClock
from smtpgate.config import Config
from smtpgate.mail.header import split
from smtpgate.model import ArcResult, DkimResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from tests.support.zones import mail, merged, signed_mail

CONFIG = Config.model_validate(
    {
        "server": {"name": "mx.desk.example"},
        "desk": [{"name": "help", "address": "help@desk.example"}],
        "auth": {"arc_sealers": ["list.example"], "trusted_relays": ["10.0.0.0/8"], "trusted_authserv_id": "mta.desk.example"},
    }
)
SIGNED, KEYS = signed_mail(mail(), "example.org", kind="ed25519")
ZONE = ZoneResolver(
    merged(KEYS, {"_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]}, "example.org": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}})
)


async def judge(
    raw: bytes, *, peer: str = "203.0.113.9", mail_from: str | None = "x@evil.example", helo: str = "h.example"
) -> Verdict:
    return await verdict.judge(
        envelope=Envelope("m1", mail_from, ("help@desk.example",), peer, helo, time.time()),
        raw=raw,
        config=CONFIG,
        resolver=ZONE,
        clock=SystemClock(),
    )


_NAMES = st.sampled_from(
    [
        "From", "To", "Subject", "DKIM-Signature", "Authentication-Results",
        "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results",
    ]
)  # fmt: skip
_BITS = [
    "v=1; ", "a=rsa-sha256; ", "a=ed25519-sha256; ", "c=relaxed/relaxed; ", "d=example.org; ", "s=s1; ", "h=from:to; ",
    "bh=aaaa; ", "b=aaaa", "i=1; ", "i=2; ", "cv=none; ", "l=0; ", "t=1; ", "x=9; ", "ann@example.org", "<", ">", "(", ")",
    '"', "\\", ";", ",", ":", "\r\n ", " ", "=?utf-8?q?x?=", "mta.desk.example; ", "dmarc=pass header.from=example.org; ",
    "dkim=pass ", "\x00", "é", "@", "=",
]  # fmt: skip
_FIELDS = st.tuples(_NAMES, st.lists(st.sampled_from(_BITS), max_size=14).map("".join))
_MAILS = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.lists(_FIELDS, max_size=8), st.binary(max_size=30)).map(
        lambda made: "".join(f"{name}: {value}\r\n" for name, value in made[0]).encode() + b"\r\n" + made[1]
    ),
)


@settings(max_examples=300, deadline=None)
@given(_MAILS, st.sampled_from(["203.0.113.9", "10.1.1.1", "", "nonsense"]), st.one_of(st.none(), st.text(max_size=20)))
async def test_no_mail_trips_the_verdict(raw: bytes, peer: str, mail_from: str | None) -> None:
    result = await judge(raw, peer=peer, mail_from=mail_from, helo=mail_from or "")
    assert result.evidence is not Evidence.TEMPERROR, result.reasons
    assert result.header.isprintable()
    assert result.header.isascii()
    if peer != "10.1.1.1":
        assert result.evidence not in (Evidence.TRUSTED, Evidence.DMARC_DKIM, Evidence.DMARC_SPF, Evidence.DOMAIN)


def _seen(raw: bytes) -> dict[str, bytes]:
    return {f.name: b"".join(f.value.split()) for f in split(raw)[0] if f.name in ("from", "to", "subject", "date")}


_CHANGES = st.one_of(
    st.tuples(_FIELDS.map(lambda f: f"{f[0]}: {f[1]}\r\n".encode()), st.just(0)),
    st.tuples(st.binary(min_size=1, max_size=8), st.integers(0, len(SIGNED))),
)


@settings(max_examples=300, deadline=None)
@given(_CHANGES)
async def test_a_changed_mail_keeps_its_standing_only_if_a_reader_sees_the_same(change: tuple[bytes, int]) -> None:
    added, at = change
    raw = SIGNED[:at] + added + SIGNED[at:]
    result = await judge(raw)
    if result.evidence is not Evidence.DMARC_DKIM:
        return
    seen = [
        {f.name: b"".join(f.value.split()) for f in split(one)[0] if f.name in ("from", "to", "subject", "date")}
        for one in (raw, SIGNED)
    ]
    assert seen[0] == seen[1]
    assert result.author == "ann@example.org"
    bodies = [one[split(one)[1] :].split() for one in (raw, SIGNED)]
    assert bodies[0] == bodies[1]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_our_field_always_reads_as_meant(domain: str, sender: str, author: str) -> None:
    value = results.write(
        "mx.desk.example",
        spf=SpfResult("fail", domain),
        dkim=(DkimResult("fail", domain, sender),),
        dmarc=DmarcResult("fail", "reject", domain),
        arc=ArcResult("fail", sealer=domain),
        mail_from=sender,
        helo=domain,
        author=author,
    )
    read = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    assert read.authserv_id == "mx.desk.example"
    assert [(r.method, r.result) for r in read.results] == [(m, "fail") for m in ("spf", "dkim", "dmarc", "arc")]
    assert results.claims(split(f"Authentication-Results: {value}\r\n\r\n".encode())[0], "mx.desk.example") == (0,)
