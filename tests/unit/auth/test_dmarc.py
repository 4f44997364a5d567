"""DMARC after RFC 9989: the tree walk, records, policy, alignment, and trouble with DNS."""

from __future__ import annotations

from typing import Any

import pytest

from smtpgate.auth import dmarc
from smtpgate.auth.dns import Lookups, ZoneResolver
from smtpgate.clock import SystemClock
from smtpgate.model import DkimResult, DmarcResult, SpfResult

NO_SPF = SpfResult("none")


def lookups(zone: dict[str, Any]) -> Lookups:
    return Lookups(ZoneResolver(zone), SystemClock(), deadline=10, limit=100)


def records(**by_domain: str) -> dict[str, Any]:
    """records(example_org="p=reject"): dots are underscores."""
    return {f"_dmarc.{name.replace('_', '.')}": {"TXT": [f"v=DMARC1; {tags}"]} for name, tags in by_domain.items()}


async def evaluate(author: str, zone: dict[str, Any], *, spf: SpfResult = NO_SPF, dkim: tuple[DkimResult, ...] = ()) -> DmarcResult:
    return await dmarc.evaluate(author, spf, dkim, lookups(zone))


def signed(domain: str, result: str = "pass") -> tuple[DkimResult, ...]:
    return (DkimResult(result, domain, "s1"),)


# --- the walk (§4.10) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "targets"),
    [
        ("com", ["com"]),
        ("example.com", ["example.com", "com"]),
        ("a.b.c.d.e.f.com", ["a.b.c.d.e.f.com", "b.c.d.e.f.com", "c.d.e.f.com", "d.e.f.com", "e.f.com", "f.com", "com"]),
        (
            "a.b.c.d.e.f.g.com",
            ["a.b.c.d.e.f.g.com", "b.c.d.e.f.g.com", "c.d.e.f.g.com", "d.e.f.g.com", "e.f.g.com", "f.g.com", "g.com", "com"],
        ),
        (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            [
                "a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com",
                "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com",
            ],
        ),
    ],
)  # fmt: skip
async def test_a_walk_asks_at_most_eight_names(domain: str, targets: list[str]) -> None:
    asking = lookups({})
    await dmarc.walk(domain, asking)
    assert [name for name, _ in asking.asked] == [f"_dmarc.{target}" for target in targets]


@pytest.mark.parametrize(
    ("domain", "zone", "organizational"),
    [
        ("a.mail.example.com", {}, "a.mail.example.com"),
        ("a.mail.example.com", records(mail_example_com="p=none", example_com="p=none"), "example.com"),
        ("a.mail.example.com", records(com="p=none; psd=y"), "example.com"),
        ("a.mail.example.com", records(mail_example_com="p=none; psd=n", example_com="p=none"), "mail.example.com"),
        ("a.mail.example.com", records(a_mail_example_com="p=none; psd=n", example_com="p=none"), "a.mail.example.com"),
        ("example.com", records(example_com="p=none; psd=y"), "example.com"),
        ("giant.bank.example", records(bank_example="p=none; psd=y", example="p=none"), "giant.bank.example"),
        ("x.giant.bank.example", records(bank_example="p=none; psd=y", giant_bank_example="p=none"), "giant.bank.example"),
    ],
)
async def test_organizational_domain(domain: str, zone: dict[str, Any], organizational: str) -> None:
    assert (await dmarc.walk(domain, lookups(zone))).organizational == organizational


@pytest.mark.parametrize("psd", ["n", "y"])
async def test_a_walk_ends_at_psd(psd: str) -> None:
    asking = lookups(records(example_com=f"p=none; psd={psd}"))
    await dmarc.walk("a.example.com", asking)
    assert [name for name, _ in asking.asked] == ["_dmarc.a.example.com", "_dmarc.example.com"]


# --- which record and which policy ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "zone", "expected"),
    [
        ("example.org", records(example_org="p=reject"), ("fail", "reject", "example.org")),
        ("example.org", records(example_org="p=reject; pct=0"), ("fail", "reject", "example.org")),
        ("example.org", records(example_org="p=Quarantine ; sp=none"), ("fail", "quarantine", "example.org")),
        ("example.org", records(example_org="p=reject; t=y"), ("fail", "quarantine", "example.org")),
        ("example.org", records(example_org="p=quarantine; t=y"), ("fail", "none", "example.org")),
        ("example.org", records(example_org="p=none; t=y"), ("fail", "none", "example.org")),
        ("sub.example.org", {"sub.example.org": {}} | records(example_org="p=reject"), ("fail", "reject", "example.org")),
        ("sub.example.org", {"sub.example.org": {}} | records(example_org="p=reject; sp=none"), ("fail", "none", "example.org")),
        ("sub.example.org", {"sub.example.org": {}} | records(example_org="p=none; np=reject"), ("fail", "none", "example.org")),
        ("no.example.org", records(example_org="p=none; sp=quarantine; np=reject"), ("fail", "reject", "example.org")),
        ("no.example.org", records(example_org="p=none; sp=quarantine"), ("fail", "quarantine", "example.org")),
        ("no.example.org", records(example_org="p=none; np=reject; t=y"), ("fail", "quarantine", "example.org")),
        ("a.b.example.org", records(b_example_org="p=reject", example_org="p=none"), ("fail", "none", "example.org")),
        ("bank.example", records(example="p=reject; psd=y; sp=quarantine; np=none"), ("fail", "none", "example")),
        ("example.org", {}, ("none", "none", "")),
        ("example.org", {"_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}}, ("none", "none", "")),
        ("example.org", {"_dmarc.example.org": {"TXT": ["v=spf1 -all", "v=DMARC1; p=reject"]}}, ("fail", "reject", "example.org")),
        ("example.org", {"_dmarc.example.org": {"TXT": [["v=DMARC1; p=re", "ject"]]}}, ("fail", "reject", "example.org")),
        ("example.org", {"_dmarc.example.org": {"TXT": ["v=DMARC2; p=reject"]}}, ("none", "none", "")),
        ("example.org", {"_dmarc.example.org": {"TXT": ["p=reject; v=DMARC1"]}}, ("none", "none", "")),
        ("example.org", {"_dmarc.example.org": {"TXT": [" v = DMARC1 ; p = reject ;;"]}}, ("fail", "reject", "example.org")),
        ("example.org", records(example_org="rua=mailto:x@example.org"), ("fail", "none", "example.org")),
        ("example.org", records(example_org="p=foo; rua=mailto:x@example.org"), ("fail", "none", "example.org")),
        ("example.org", records(example_org="p=foo"), ("none", "none", "")),
        ("example.org", records(example_org="p=reject; sp=foo"), ("none", "none", "")),
        ("example.org", records(example_org="p=reject; new=tag; adkim=x"), ("fail", "reject", "example.org")),
        ("example.org", records(example_org="p=reject; " + "x" * 5000), ("none", "none", "")),
    ],
)
async def test_policy(author: str, zone: dict[str, Any], expected: tuple[str, str, str]) -> None:
    result = await evaluate(author, zone)
    assert (result.result, result.policy, result.domain) == expected, result.reason


async def test_several_records_are_named_in_the_reason() -> None:
    result = await evaluate("example.org", {"_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}})
    assert "several DMARC records" in result.reason


# --- alignment --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "domain", "tags", "aligned"),
    [
        ("example.org", "example.org", "p=reject", True),
        ("example.org", "example.org", "p=reject; adkim=s; aspf=s", True),
        ("example.org", "mail.example.org", "p=reject", True),
        ("mail.example.org", "example.org", "p=reject", True),
        ("a.example.org", "b.example.org", "p=reject", True),
        ("example.org", "mail.example.org", "p=reject; adkim=s; aspf=s", False),
        ("mail.example.org", "example.org", "p=reject; adkim=S; aspf=s", False),
        ("example.org", "evilexample.org", "p=reject", False),
        ("example.org", "org", "p=reject", False),
        ("example.org", "example.org.evil.example", "p=reject", False),
    ],
)
async def test_alignment(author: str, domain: str, tags: str, aligned: bool) -> None:
    zone = records(example_org=tags)
    for mechanism, result in (
        ("dkim", await evaluate(author, zone, dkim=signed(domain))),
        ("spf", await evaluate(author, zone, spf=SpfResult("pass", domain))),
    ):
        assert (result.result, result.aligned) == (("pass", mechanism) if aligned else ("fail", "")), result.reason


async def test_dkim_beats_spf_as_the_aligned_mechanism() -> None:
    zone = records(example_org="p=reject")
    result = await evaluate("example.org", zone, spf=SpfResult("pass", "example.org"), dkim=signed("example.org"))
    assert result.aligned == "dkim"


async def test_a_subdomain_that_is_an_organization_of_its_own_is_not_aligned() -> None:
    """psd=n at the subdomain: whoever runs it cannot speak for the domain above, nor the other way round."""
    zone = records(example_org="p=reject", tenant_example_org="p=none; psd=n")
    assert (await evaluate("example.org", zone, dkim=signed("tenant.example.org"))).result == "fail"
    assert (await evaluate("tenant.example.org", zone, dkim=signed("example.org"))).result == "fail"


async def test_tenants_of_a_public_suffix_are_not_aligned() -> None:
    zone = records(host_example="p=reject; psd=y")
    assert (await evaluate("a.host.example", zone, dkim=signed("b.host.example"))).result == "fail"
    assert (await evaluate("a.host.example", zone, dkim=signed("x.a.host.example"))).result == "pass"


@pytest.mark.parametrize("result", ["fail", "neutral", "policy", "permerror"])
async def test_only_a_pass_counts(result: str) -> None:
    assert (await evaluate("example.org", records(example_org="p=reject"), dkim=signed("example.org", result))).result == "fail"


async def test_softfail_is_no_pass() -> None:
    zone = records(example_org="p=reject")
    assert (await evaluate("example.org", zone, spf=SpfResult("softfail", "example.org"))).result == "fail"


# --- trouble with DNS -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slow", ["_dmarc.sub.example.org", "_dmarc.example.org", "_dmarc.org"])
async def test_a_walk_that_breaks_off_is_temperror(slow: str) -> None:
    zone = records(example_org="p=reject") | {slow: "TIMEOUT"}
    assert (await evaluate("sub.example.org", zone, dkim=signed("evil.example"))).result == "temperror"


async def test_a_record_of_its_own_is_enough_without_the_rest_of_the_walk() -> None:
    zone = records(example_org="p=reject") | {"_dmarc.org": "TIMEOUT"}
    assert (await evaluate("example.org", zone, dkim=signed("example.org"))).result == "pass"
    assert (await evaluate("example.org", zone, dkim=signed("evil.example"))).result == "fail"


@pytest.mark.parametrize(
    ("domain", "expected"), [("example.org", "temperror"), ("m.example.org", "temperror"), ("evil.example", "fail")]
)
async def test_undecided_identities_matter_only_if_they_could_be_aligned(domain: str, expected: str) -> None:
    zone = records(example_org="p=reject")
    assert (await evaluate("example.org", zone, dkim=signed(domain, "temperror"))).result == expected
    assert (await evaluate("example.org", zone, spf=SpfResult("temperror", domain))).result == expected


async def test_foreign_domains_are_not_asked_about() -> None:
    asking = lookups(records(example_org="p=reject"))
    await dmarc.evaluate("example.org", SpfResult("pass", "evilexample.org"), signed("a.b.c.evil.example"), asking)
    assert not [name for name, _ in asking.asked if "evil" in name]


async def test_np_that_cannot_be_decided_takes_the_milder_policy() -> None:
    zone = records(example_org="p=none; np=reject") | {"no.example.org": {"A": "TIMEOUT"}}
    result = await evaluate("no.example.org", zone)
    assert (result.result, result.policy) == ("fail", "none")
