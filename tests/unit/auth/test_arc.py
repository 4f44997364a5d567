"""ARC chains (RFC 8617): whole ones of one and two hops, broken ones, hostile ones."""

from __future__ import annotations

import re
import time
from typing import Any

import dkim
import pytest

from smtpgate.auth import arc
from smtpgate.auth.dns import Lookups, ZoneResolver
from smtpgate.auth.message import Message
from smtpgate.clock import SystemClock
from tests.support.zones import Zone, key_record, mail, rsa_pem

ZONE: Zone = {f"arc._domainkey.{name}": {"TXT": [key_record()]} for name in ("one.example", "two.example")}
SEEN = "spf=pass smtp.mailfrom=example.org; dmarc=pass header.from=example.org"


def seal(raw: bytes, sealer: str, seen: str = SEEN) -> bytes:
    """The mail as it leaves a forwarder."""
    field = f"Authentication-Results: {sealer}; {seen}\r\n".encode()
    return b"".join(dkim.arc_sign(field + raw, b"arc", sealer.encode(), rsa_pem(), sealer.encode())) + raw


async def verify(raw: bytes, zone: Zone | None = None, *, now: float | None = None) -> arc.Chain:
    lookups = Lookups(ZoneResolver(ZONE if zone is None else zone), SystemClock(), deadline=10, limit=10)
    return await arc.verify(Message.read(raw), lookups, now=time.time() if now is None else now)


async def test_no_chain() -> None:
    assert (await verify(mail())).result.result == "none"


async def test_one_hop() -> None:
    chain = await verify(seal(mail(), "one.example"))
    assert (chain.result.result, chain.result.sealer, chain.dmarc_passed_for) == ("pass", "one.example", "example.org")


async def test_two_hops_and_only_the_last_one_speaks() -> None:
    first = seal(mail(), "one.example")
    chain = await verify(seal(first, "two.example", "arc=pass; dmarc=fail header.from=example.org"))
    assert (chain.result.result, chain.result.sealer, chain.dmarc_passed_for) == ("pass", "two.example", "")


def _without(raw: bytes, name: bytes) -> bytes:
    return re.sub(name + rb":[^\r]*(?:\r\n[ \t][^\r]*)*\r\n", b"", raw, count=1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw + b"more\r\n",
        lambda raw: raw.replace(b"ann@", b"eve@"),
        lambda raw: raw.replace(b"dmarc=pass", b"dmarc=none"),
        lambda raw: _without(raw, b"ARC-Seal"),
        lambda raw: _without(raw, b"ARC-Message-Signature"),
        lambda raw: _without(raw, b"ARC-Authentication-Results"),
        lambda raw: b"ARC-Authentication-Results: i=1; two.example; dmarc=pass header.from=example.org\r\n" + raw,
        lambda raw: b"ARC-Authentication-Results: xi=1; two.example; dmarc=pass header.from=example.org\r\n" + raw,
        lambda raw: raw.replace(b"i=1;", b"i=2;"),
        lambda raw: raw.replace(b"i=1;", b"i=99999999999;"),
        lambda raw: b"Subject: other\r\n" + raw,
    ],
)
async def test_a_spoilt_chain_fails(spoil: Any) -> None:
    assert (await verify(spoil(seal(mail(), "one.example")))).result.result == "fail"


@pytest.mark.parametrize(
    "zone",
    [
        {},
        {"arc._domainkey.one.example": "TIMEOUT"},
        {"arc._domainkey.one.example": {"TXT": ["p="]}},
        {"arc._domainkey.one.example": {"TXT": [key_record(bits=1024)]}},
    ],
)
async def test_without_its_key_a_chain_fails(zone: Zone) -> None:
    chain = await verify(seal(mail(), "one.example"), zone)
    assert (chain.result.result, chain.result.sealer) == ("fail", "one.example")


async def test_the_number_of_sets_is_bounded() -> None:
    raw = mail()
    for _ in range(arc.SETS):
        raw = seal(raw, "one.example", f"arc={'pass' if b'ARC-' in raw else 'none'}; {SEEN}")
    assert (await verify(raw)).result.result == "pass"
    assert (await verify(seal(raw, "one.example", f"arc=pass; {SEEN}"))).result.result == "fail"


async def test_a_hostile_chain_costs_little() -> None:
    names = b":".join(b"x%d" % i for i in range(2000))
    fields = b"".join(
        b"ARC-Seal: i=%d; a=rsa-sha256; cv=none; d=one.example; s=arc; b=aaaa\r\n"
        b"ARC-Message-Signature: i=%d; a=rsa-sha256; d=one.example; s=arc; h=from:%s; bh=aaaa; b=aaaa\r\n"
        b"ARC-Authentication-Results: i=%d; x%s\r\n" % (i, i, names, i, b" " * 90 + b"(" * 8000)
        for i in range(1, arc.SETS + 1)
    )
    started = time.process_time()
    assert (await verify(fields + mail())).result.result == "fail"
    assert (await verify(fields.replace(b":" + names, b"") + mail(body=" " * 1_000_000))).result.result == "fail"
    assert time.process_time() - started < 0.5
