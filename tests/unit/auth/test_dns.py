"""The resolver against a name server of the test's own, the zone file, and the budget of one mail."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import dns.rcode
import pytest

from smtpgate.auth.dns import Answer, DnsResolver, DnsStatus, Lookups, ZoneResolver, canonical, make_resolver
from smtpgate.clock import SystemClock
from smtpgate.config import Dns
from smtpgate.errors import ConfigError
from tests.support.clock import ManualClock
from tests.support.nameserver import NameServer, Reply


def settings(server: NameServer, **more: Any) -> Dns:
    return Dns.model_validate({"servers": [server.address], "timeout": "10s", **more})


RECORDS = {
    ("example.org", "A"): ["example.org. 60 IN A 192.0.2.1"],
    ("example.org", "AAAA"): ["example.org. 60 IN AAAA 2001:DB8::1"],
    ("example.org", "TXT"): ['example.org. 60 IN TXT "v=spf1 " "-all"'],
    ("example.org", "MX"): ["example.org. 60 IN MX 10 MX.example.org."],
    ("null.example", "MX"): ["null.example. 60 IN MX 0 ."],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["1.2.0.192.in-addr.arpa. 60 IN PTR example.org."],
    ("www.example", "A"): ["www.example. 60 IN CNAME example.org.", "example.org. 60 IN A 192.0.2.1"],
    ("short.example", "A"): ["short.example. 5 IN A 192.0.2.7"],
    ("zero.example", "A"): ["zero.example. 0 IN A 192.0.2.7"],
    ("big.example", "TXT"): ["big.example. 60 IN TXT " + " ".join('"' + "x" * 250 + '"' for _ in range(200))],
    ("empty.example", "A"): [],
}


def answer(name: str, kind: str) -> Reply:
    if name == "slow.example":
        return None
    if name == "broken.example":
        return dns.rcode.SERVFAIL
    return RECORDS.get((name, kind), dns.rcode.NXDOMAIN)


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("Example.ORG.", "A", ("192.0.2.1",)),
        ("example.org", "AAAA", ("2001:db8::1",)),
        ("example.org", "TXT", ((b"v=spf1 ", b"-all"),)),
        ("example.org", "MX", ((10, "mx.example.org"),)),
        ("null.example", "MX", ((0, "."),)),
        ("1.2.0.192.in-addr.arpa", "PTR", ("example.org",)),
        ("www.example", "A", ("192.0.2.1",)),
    ],
)
async def test_records_come_in_our_form(name: str, kind: str, records: tuple[Any, ...]) -> None:
    async with NameServer(answer) as server:
        assert await DnsResolver(settings(server), SystemClock()).query(name, kind) == Answer(records)


@pytest.mark.parametrize(
    ("name", "status", "questions"),
    [
        ("nobody.example", DnsStatus.NXDOMAIN, 1),
        ("empty.example", DnsStatus.NODATA, 1),
        ("broken.example", DnsStatus.TEMPERROR, None),
        ("slow.example", DnsStatus.TEMPERROR, None),
    ],
)
async def test_negative_answers_are_kept_and_trouble_never_is(name: str, status: DnsStatus, questions: int | None) -> None:
    async with NameServer(answer) as server:
        resolver = DnsResolver(settings(server, timeout="300ms" if name == "slow.example" else "10s"), SystemClock())
        first = await resolver.query(name, "A")
        before = len(server.asked)
        second = await resolver.query(name, "A")
        assert first.status is second.status is status
        assert name in first.reason
        assert len(server.asked) == questions if questions else len(server.asked) > before


async def test_answers_are_kept_for_their_ttl() -> None:
    async with NameServer(answer) as server:
        clock = ManualClock()
        resolver = DnsResolver(settings(server), clock)
        for passed, asked in ((0, 1), (4.9, 1), (0.2, 2)):
            clock.advance(passed)
            await resolver.query("short.example", "A")
            assert len(server.asked) == asked


async def test_ttl_zero_is_not_kept() -> None:
    async with NameServer(answer) as server:
        resolver = DnsResolver(settings(server), SystemClock())
        await resolver.query("zero.example", "A")
        await resolver.query("zero.example", "A")
        assert len(server.asked) == 2


async def test_the_cache_is_bounded_in_answers_and_in_their_size() -> None:
    async with NameServer(answer) as server:
        resolver = DnsResolver(settings(server, cache=2), SystemClock())
        for name in ("a.example", "b.example", "c.example", "a.example"):
            await resolver.query(name, "A")
        assert [name for name, _ in server.asked] == ["a.example", "b.example", "c.example", "a.example"]
        for _ in range(2):
            big = await resolver.query("big.example", "TXT")
            assert sum(map(len, big.records[0])) == 50_000
        assert server.asked.count(("big.example", "TXT")) >= 2


async def test_a_truncated_answer_is_fetched_by_tcp() -> None:
    async with NameServer(answer, truncate=True) as server:
        assert (await DnsResolver(settings(server), SystemClock()).query("example.org", "A")).records == ("192.0.2.1",)


async def test_equal_questions_at_once_are_asked_once() -> None:
    async with NameServer(answer) as server:
        resolver = DnsResolver(settings(server), SystemClock())
        answers = await asyncio.gather(*(resolver.query("example.org", "A") for _ in range(50)))
        assert {a.records for a in answers} == {("192.0.2.1",)}
        assert len(server.asked) == 1


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    async with NameServer(answer) as server:
        resolver = DnsResolver(settings(server), SystemClock())
        impatient = asyncio.create_task(resolver.query("example.org", "A"))
        patient = asyncio.create_task(resolver.query("example.org", "A"))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).records == ("192.0.2.1",)


async def test_close_gives_up_what_is_under_way() -> None:
    async with NameServer(answer) as server:
        resolver = DnsResolver(settings(server), SystemClock())
        asking = asyncio.create_task(resolver.query("slow.example", "A"))
        await asyncio.sleep(0)
        await resolver.close()
        with pytest.raises(asyncio.CancelledError):
            await asking


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".org", ".".join(["x" * 60] * 5), "\udcff.org", "."])
async def test_impossible_names_are_not_asked(name: str) -> None:
    async with NameServer(answer) as server:
        assert (await DnsResolver(settings(server), SystemClock()).query(name, "A")).status is DnsStatus.NXDOMAIN
        assert server.asked == []


async def test_odd_octets_in_a_name_are_octets() -> None:
    async with NameServer(answer) as server:
        assert (await DnsResolver(settings(server), SystemClock()).query("a b\\c.example", "A")).status is DnsStatus.NXDOMAIN


def test_names_become_a_labels() -> None:
    assert canonical("Bücher.例子.Example.") == "xn--bcher-kva.xn--fsqu00a.example"


# --- zone file --------------------------------------------------------------------------------------------------------

ZONE = {
    "example.org": {"TXT": ["v=spf1 -all", ["two ", "strings"]], "MX": ["10 mx.example.org"], "A": ["192.0.2.1"]},
    "single.example.org": {"TXT": "v=spf1 -all", "A": "192.0.2.2"},
    "slow.example.org": "TIMEOUT",
    "half.example.org": {"A": ["192.0.2.3"], "TXT": "TIMEOUT"},
    "www.example.org": {"CNAME": "example.org"},
    "loop.example.org": {"CNAME": ["loop.example.org"]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["example.org"]},
}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("EXAMPLE.org.", "TXT", ((b"v=spf1 -all",), (b"two ", b"strings"))),
        ("example.org", "MX", ((10, "mx.example.org"),)),
        ("single.example.org", "TXT", ((b"v=spf1 -all",),)),
        ("single.example.org", "A", ("192.0.2.2",)),
        ("half.example.org", "A", ("192.0.2.3",)),
        ("www.example.org", "A", ("192.0.2.1",)),
        ("www.example.org", "CNAME", ("example.org",)),
        ("1.2.0.192.in-addr.arpa", "PTR", ("example.org",)),
        ("slow.example.org", "A", DnsStatus.TEMPERROR),
        ("half.example.org", "TXT", DnsStatus.TEMPERROR),
        ("half.example.org", "MX", DnsStatus.NODATA),
        ("loop.example.org", "A", DnsStatus.NODATA),
        ("nobody.example.org", "A", DnsStatus.NXDOMAIN),
    ],
)
async def test_zone_file(name: str, kind: str, expected: Any, tmp_path: Path) -> None:
    path = tmp_path / "zone.json"
    path.write_text(json.dumps(ZONE))
    found = await make_resolver(Dns(zone_file=path), SystemClock()).query(name, kind)
    assert (found.status if isinstance(expected, DnsStatus) else found.records) == expected


def test_every_mistake_in_a_zone_file_is_named(tmp_path: Path) -> None:
    wrong = {
        "a.example": {"A": ["192.0.2.300"], "MX": ["mx.example"], "TXTT": ["x"], "TXT": [5]},
        "b.example": "SLOW",
        "c..example": {},
    }
    with pytest.raises(ConfigError) as caught:
        ZoneResolver(wrong)
    assert [p.key for p in caught.value.problems] == [
        "a.example.A", "a.example.MX", "a.example.TXTT", "a.example.TXT", "b.example", "c..example",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_a_file_that_is_no_zone_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "zone.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"zone\.json"):
        ZoneResolver.from_file(path)


# --- one mail ---------------------------------------------------------------------------------------------------------


async def test_lookups_remember_and_count() -> None:
    lookups = Lookups(ZoneResolver(ZONE), SystemClock(), deadline=10, limit=2)
    for _ in range(3):
        assert (await lookups.query("example.org", "A")).status is DnsStatus.OK
    assert (await lookups.query("Example.org.", "A")).status is DnsStatus.OK
    assert (await lookups.query("example.org", "MX")).status is DnsStatus.OK
    refused = await lookups.query("example.org", "TXT")
    assert (refused.status, refused.reason) == (DnsStatus.TEMPERROR, "more than 2 DNS questions")
    assert (await lookups.part(1).query("example.org", "TXT")).status is DnsStatus.OK
    assert lookups.asked == (("example.org", "A"), ("example.org", "MX"), ("example.org", "TXT"))


async def test_parts_share_the_deadline() -> None:
    clock = ManualClock()
    lookups = Lookups(ZoneResolver(ZONE), clock, deadline=10, limit=2)
    clock.advance(11)
    late = await lookups.part(5).query("example.org", "A")
    assert (late.status, "deadline of 10 s" in late.reason) == (DnsStatus.TEMPERROR, True)
