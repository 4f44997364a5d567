"""SPF beyond the suite: null senders, unusable input, hostile zones, no DNS of its own."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from smtpgate.auth import spf
from smtpgate.auth.dns import Lookups, ZoneResolver
from smtpgate.clock import SystemClock
from smtpgate.model import SpfResult


async def check(zone: dict[str, Any], *, asked: list[Any] | None = None, **more: Any) -> SpfResult:
    lookups = Lookups(ZoneResolver(zone), SystemClock(), deadline=10, limit=spf.QUESTIONS)
    given = {"ip": "192.0.2.1", "helo": "mta.example.org", "mail_from": "ann@example.org", "receiver": "mx.desk.example"} | more
    result = await spf.check(lookups, **given)
    if asked is not None:
        asked.extend(lookups.asked)
    return result


ZONE = {"example.org": {"TXT": ["v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"]}}


@pytest.mark.parametrize("ip", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:DB8:0::1%eth0"])
async def test_both_families_and_mapped_addresses(ip: str) -> None:
    assert (await check(ZONE, ip=ip)).result == "pass"


@pytest.mark.parametrize("null", [None, ""])
async def test_the_null_sender_is_postmaster_at_helo(null: str | None) -> None:
    zone = {
        "mta.example.org": {"TXT": ["v=spf1 exists:%{l}.%{o}.x.example -all"]},
        "postmaster.mta.example.org.x.example": {"A": "127.0.0.2"},
    }
    assert await check(zone, mail_from=null) == SpfResult("pass", "mta.example.org", "sender SPF authorized")


@pytest.mark.parametrize(
    "given",
    [
        {"ip": ""}, {"ip": "list"}, {"ip": "nonsense"}, {"ip": "192.0.2.300"},
        {"mail_from": None, "helo": ""}, {"mail_from": None, "helo": "[192.0.2.1]"}, {"mail_from": None, "helo": "localhost"},
        {"mail_from": "ann"}, {"mail_from": "ann@"}, {"mail_from": "ann@exa..mple"}, {"mail_from": "ann@\udcff.org"},
    ],
)  # fmt: skip
async def test_what_cannot_be_checked_is_none(given: dict[str, Any]) -> None:
    assert (await check(ZONE, **given)).result == "none"


async def test_senders_beyond_ascii() -> None:
    zone = {"bücher.example": {"TXT": ["v=spf1 exists:%{l}.%{d} -all"]}}
    assert await check(zone, mail_from="ann@Bücher.example") == SpfResult(
        "fail", "xn--bcher-kva.example", "SPF fail - not authorized"
    )
    assert (await check(zone, mail_from="王@bücher.example")).result == "fail"


async def test_an_explanation_is_fetched_only_for_a_fail() -> None:
    zone = {
        "example.org": {"TXT": ["v=spf1 ip4:192.0.2.1 -all exp=why.example.org"]},
        "why.example.org": {"TXT": ["%{i} may not send for %{d} since %{t}"]},
    }
    asked: list[Any] = []
    assert (await check(zone, asked=asked)).result == "pass"
    assert asked == [("example.org", "TXT")]
    refused = await check(zone, ip="192.0.2.9")
    assert refused.reason.startswith("192.0.2.9 may not send for example.org since 1")


@pytest.mark.parametrize("text", ["x" * 501, "a\r\nb", "\x1b[31m", "Übel"])
async def test_explanations_that_are_long_or_not_plain_are_ignored(text: str) -> None:
    zone = {"example.org": {"TXT": ["v=spf1 -all exp=why.example.org"]}, "why.example.org": {"TXT": [text]}}
    assert (await check(zone)).reason == "SPF fail - not authorized"


async def test_trouble_is_temperror_and_says_where() -> None:
    result = await check({"example.org": {"TXT": ["v=spf1 include:slow.example -all"]}, "slow.example": "TIMEOUT"})
    assert (result.result, "slow.example" in result.reason) == ("temperror", True)


@pytest.mark.parametrize("slow", ["1.2.0.192.in-addr.arpa", "mta.example.org"])
async def test_trouble_under_ptr_is_no_match(slow: str) -> None:
    """RFC 7208 §5.5: the client's own reverse zone must not decide over temperror."""
    zone: dict[str, Any] = {
        "example.org": {"TXT": ["v=spf1 ptr ?all"]},
        "1.2.0.192.in-addr.arpa": {"PTR": ["mta.example.org"]},
        "mta.example.org": {"A": ["192.0.2.1"]},
    }
    assert (await check(zone)).result == "pass"
    assert (await check(zone | {slow: "TIMEOUT"})).result == "neutral"


async def test_two_records_are_permerror() -> None:
    assert (await check({"example.org": {"TXT": ["v=spf1 -all", "v=spf1 +all"]}})).result == "permerror"


async def test_a6_the_number_of_questions_is_bounded() -> None:
    zone: dict[str, Any] = {"example.org": {"TXT": ["v=spf1 " + " ".join(f"mx:m{i}.example" for i in range(10)) + " -all"]}}
    zone |= {f"m{i}.example": {"MX": [f"{j} h{i}{j}.example" for j in range(10)]} for i in range(10)}
    zone |= {f"h{i}{j}.example": {"A": ["192.0.2.7"]} for i in range(10) for j in range(10)}
    asked: list[Any] = []
    assert (await check(zone, asked=asked)).result == "temperror"
    assert len(asked) == spf.QUESTIONS


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 " + "a:%{l}.x.example " * 200 + "-all",
        "v=spf1 a:%{d}" + ".a" * 1900 + " -all",
        "v=spf1 a:" + "%{d10r+-/_=,.}" * 250 + ".example -all",
        "v=spf1 " + "x" * 3900,
        "v=spf1 " + "ip4:192.0.2.2 " * 5000 + "-all",
        "v=spf1 " + "".join(f"exists:{'%{s10r.-+,/_=}' * 24}.x{k} " for k in range(9)) + "-all",
        "v=spf1 " + "ptr:%{p}.%{p}.%{p} " * 150 + "-all",
        "v=spf1 include:example.org -all",
        "v=spf1 redirect=example.org",
    ],
)
async def test_a6_no_record_costs_much_time(record: str) -> None:
    started = time.process_time()
    result = await check({"example.org": {"TXT": [record]}}, mail_from=("a.b-c+" * 300) + "@example.org")
    assert result.result in ("permerror", "fail", "temperror")
    assert time.process_time() - started < 0.5


async def test_no_dns_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert (await check(ZONE)).result == "pass"


INCLUDES = {
    "kept.example": {"TXT": ["v=spf1 include:_a.kept.example -all"]},
    "_a.kept.example": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
}


async def test_the_same_check_again_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = await check(INCLUDES, mail_from="ann@kept.example")
    assert first.result == "pass"
    monkeypatch.setattr(spf, "_run", lambda *_: ("permerror", "worked out again"))
    assert await check(INCLUDES, mail_from="bob@kept.example") == first
    assert (await check(INCLUDES, ip="198.51.100.1", mail_from="bob@kept.example")).reason == "worked out again"


@pytest.mark.parametrize("changed", list(INCLUDES))
async def test_a_result_holds_no_longer_than_what_dns_says(changed: str) -> None:
    assert (await check(INCLUDES, mail_from="ann@kept.example")).result == "pass"
    assert (await check(INCLUDES | {changed: {"TXT": ["v=spf1 -all"]}}, mail_from="ann@kept.example")).result == "fail"
    assert (await check(INCLUDES | {changed: "TIMEOUT"}, mail_from="ann@kept.example")).result == "temperror"
    assert (await check(INCLUDES, mail_from="ann@kept.example")).result == "pass"


async def test_a_record_with_macros_is_worked_out_for_each_sender() -> None:
    zone = {
        "macro.example": {"TXT": ["v=spf1 exists:%{l}.users.macro.example -all"]},
        "ann.users.macro.example": {"A": ["127.0.0.2"]},
    }
    assert (await check(zone, mail_from="ann@macro.example")).result == "pass"
    assert (await check(zone, mail_from="bob@macro.example")).result == "fail"
