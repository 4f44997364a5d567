"""Every row of the rights table out of a real mail, and the ways in which forgers try to get a better one."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
from typing import Any

import pytest

from smtpgate.auth import verdict
from smtpgate.auth.dns import Answer, DnsStatus, ZoneResolver
from smtpgate.clock import SystemClock
from smtpgate.config import Config
from smtpgate.mail import header
from smtpgate.model import LOCAL, Envelope, Evidence, Verdict
from tests.support.zones import Zone, mail, merged, signed_mail

SPF = {"example.org": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}
REJECT = {"_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]}}
EVIL = {"evil.example": {"TXT": ["v=spf1 ip4:203.0.113.9 -all"]}}
GOOD_PEER, EVIL_PEER = "192.0.2.1", "203.0.113.9"


def config(**sections: dict[str, Any]) -> Config:
    desk = {"name": "help", "address": "help@desk.example"}
    server = {"name": "mx.desk.example", **sections.pop("server", {})}
    return Config.model_validate({"server": server, "desk": [desk], **sections})


def envelope(*, peer: str = GOOD_PEER, mail_from: str | None = "ann@example.org", helo: str = "mta.example.org") -> Envelope:
    return Envelope("m1", mail_from, ("help@desk.example",), peer, helo, time.time())


async def judge(raw: bytes, zone: Zone | object, env: Envelope | None = None, settings: Config | None = None) -> Verdict:
    resolver: Any = ZoneResolver(zone) if isinstance(zone, dict) else zone
    return await verdict.judge(
        envelope=env or envelope(), raw=raw, config=settings or config(), resolver=resolver, clock=SystemClock()
    )


class NoDns:
    async def query(self, name: str, rdtype: str) -> Answer:
        raise AssertionError(f"nobody may ask for {rdtype} {name}")


# --- each row ---------------------------------------------------------------------------------------------------------


async def test_trusted_network_needs_no_dns() -> None:
    result = await judge(mail(), NoDns(), envelope(peer="127.0.0.1"), config(server={"trusted_networks": ["127.0.0.0/8"]}))
    assert (result.evidence, result.author) == (Evidence.TRUSTED, "ann@example.org")
    assert result.header == "mx.desk.example; none"


async def test_trusted_network_by_mapped_address() -> None:
    result = await judge(mail(), NoDns(), envelope(peer="::ffff:127.0.0.1"), config(server={"trusted_networks": ["127.0.0.0/8"]}))
    assert result.evidence is Evidence.TRUSTED


async def test_unknown_client_is_in_no_network() -> None:
    result = await judge(mail(), {}, envelope(peer=""), config(server={"trusted_networks": ["0.0.0.0/0", "::/0"]}))
    assert result.evidence is Evidence.NONE


async def test_dmarc_by_dkim() -> None:
    raw, keys = signed_mail(mail(), "example.org")
    result = await judge(raw, merged(keys, REJECT, SPF))
    assert result.evidence is Evidence.DMARC_DKIM
    assert (result.dmarc.result, result.dmarc.aligned, result.dmarc.policy) == ("pass", "dkim", "reject")
    assert result.spf.result == "pass"


@pytest.mark.parametrize("network", [[], ["192.0.2.0/24"]], ids=["checked", "trusted"])
async def test_the_header_as_the_door_has_read_it_is_the_one_that_is_judged(network: list[str]) -> None:
    """What is read to its end leads to the same verdict; what is cut off has no author, whoever the rest says it is."""
    raw, keys = signed_mail(mail(), "example.org")
    raw = b"X-Note: x\r\n" * 5 + raw
    settings = config(server={"trusted_networks": network})

    async def judged(head: header.Header | None) -> Verdict:
        return await verdict.judge(
            envelope=envelope(), raw=raw, config=settings, resolver=ZoneResolver(merged(keys, SPF)), clock=SystemClock(), head=head
        )

    assert await judged(header.split(raw)) == await judged(None)
    assert (await judged(None)).author
    cut = await judged(header.split(raw, fields=5))
    assert (cut.evidence, cut.author) == (Evidence.AMBIGUOUS, "")


async def test_dmarc_by_ed25519_alone() -> None:
    raw, keys = signed_mail(mail(), "example.org", kind="ed25519")
    assert (await judge(raw, merged(keys, REJECT))).evidence is Evidence.DMARC_DKIM


async def test_dmarc_by_spf_alone() -> None:
    result = await judge(mail(), merged(SPF, REJECT))
    assert result.evidence is Evidence.DMARC_SPF
    assert result.dmarc.aligned == "spf"


async def test_null_sender_is_checked_by_helo() -> None:
    zone = merged({"example.org": {"TXT": ["v=spf1 a -all"], "A": [GOOD_PEER]}}, REJECT)
    result = await judge(mail(), zone, envelope(mail_from=None, helo="example.org"))
    assert (result.evidence, result.spf.domain) == (Evidence.DMARC_SPF, "example.org")


@pytest.mark.parametrize("signed", [True, False])
async def test_domain_that_publishes_no_dmarc(signed: bool) -> None:
    raw, keys = signed_mail(mail(), "example.org")
    result = await judge(raw, keys) if signed else await judge(mail(), SPF)
    assert result.evidence is Evidence.DOMAIN


async def test_another_domain_speaks_for_nobody_without_dmarc() -> None:
    raw, keys = signed_mail(mail(), "evil.example")
    result = await judge(raw, merged(keys, EVIL), envelope(peer=EVIL_PEER, mail_from="x@evil.example"))
    assert result.evidence is Evidence.NONE
    assert [s.result for s in result.dkim] == ["pass"]


async def test_nothing_published_nothing_known() -> None:
    assert (await judge(mail(), {})).evidence is Evidence.NONE


@pytest.mark.parametrize("policy", ["none", "quarantine", "reject"])
async def test_dmarc_fail(policy: str) -> None:
    zone = merged(SPF, {"_dmarc.example.org": {"TXT": [f"v=DMARC1; p={policy}"]}})
    result = await judge(mail(), zone, envelope(peer=EVIL_PEER))
    assert (result.evidence, result.dmarc.result, result.dmarc.policy) == (Evidence.FAIL, "fail", policy)


@pytest.mark.parametrize("slow", ["_dmarc.example.org", "example.org", "s1._domainkey.example.org"])
async def test_dns_trouble_that_matters_is_temperror(slow: str) -> None:
    raw, keys = signed_mail(mail(), "example.org")
    zone = merged(keys, SPF, REJECT, {slow: "TIMEOUT"})
    zone["s1._domainkey.example.org" if slow == "example.org" else "example.org"] = {}
    result = await judge(raw, zone, envelope(peer=EVIL_PEER))
    assert result.evidence is Evidence.TEMPERROR, result.reasons


async def test_dns_trouble_without_dmarc_is_temperror() -> None:
    assert (await judge(mail(), {"example.org": {"TXT": "TIMEOUT"}})).evidence is Evidence.TEMPERROR


async def test_aligned_pass_wins_over_trouble_elsewhere() -> None:
    raw, keys = signed_mail(mail(), "example.org")
    result = await judge(raw, merged(keys, REJECT, {"example.org": "TIMEOUT"}))
    assert (result.evidence, result.spf.result) == (Evidence.DMARC_DKIM, "temperror")


async def test_all_of_dns_down() -> None:
    class Down:
        async def query(self, name: str, rdtype: str) -> Answer:
            return Answer(status=DnsStatus.TEMPERROR, reason="down")

    raw, _ = signed_mail(mail(), "example.org")
    assert (await judge(raw, Down())).evidence is Evidence.TEMPERROR


async def test_one_deadline_for_all_of_it() -> None:
    class Silent:
        async def query(self, name: str, rdtype: str) -> Answer:
            await asyncio.sleep(60)
            raise AssertionError

    raw, _ = signed_mail(mail(), "example.org")
    started = time.monotonic()
    result = await judge(raw, Silent(), settings=config(dns={"deadline": "200ms"}))
    assert result.evidence is Evidence.TEMPERROR
    assert time.monotonic() - started < 30


FIRST = {("example.org", "TXT"), ("_dmarc.example.org", "TXT"), ("s1._domainkey.example.org", "TXT")}


@pytest.mark.parametrize("remembered", [frozenset(), *map(frozenset, itertools.combinations(sorted(FIRST), 1)), frozenset(FIRST)])
async def test_the_questions_of_all_checks_are_asked_together(remembered: frozenset[tuple[str, str]]) -> None:
    """Nobody is answered before all that is not in memory was asked for."""
    raw, keys = signed_mail(mail(), "example.org")
    zone = ZoneResolver(merged(keys, SPF, REJECT))
    asked: set[tuple[str, str]] = set()
    all_asked = asyncio.Event()

    class Together:
        def known(self, name: str, rdtype: str) -> Answer | None:
            return zone.known(name, rdtype) if (name, rdtype) in remembered else None

        async def query(self, name: str, rdtype: str) -> Answer:
            asked.add((name, rdtype))
            if asked >= FIRST - remembered:
                all_asked.set()
            await all_asked.wait()
            return zone.known(name, rdtype)

    result = await asyncio.wait_for(judge(raw, Together()), 5)
    assert (result.evidence, result.spf.result) == (Evidence.DMARC_DKIM, "pass")
    assert not asked & remembered


async def test_what_is_known_needs_no_task() -> None:
    raw, keys = signed_mail(mail(), "example.org")
    tasks: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, work, **more: tasks.append(work) or asyncio.Task(work, loop=loop, **more))  # type: ignore[func-returns-value, arg-type]
    try:
        assert (await judge(raw, merged(keys, SPF, REJECT))).evidence is Evidence.DMARC_DKIM
    finally:
        loop.set_task_factory(None)
    assert not tasks


async def test_a_bug_of_ours_is_temperror_with_reason() -> None:
    class Broken:
        async def query(self, name: str, rdtype: str) -> Answer:
            raise RuntimeError("secret")

    result = await judge(mail(), Broken())
    assert result.evidence is Evidence.TEMPERROR
    assert "secret" not in " ".join(result.reasons)


# --- A1, A2: who is the author ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "ann@example.org, eve@evil.example",
        "Group: ann@example.org, eve@evil.example;",
        "undisclosed:;",
        "=?utf-8?q?ann=40example.org?=",
        "=?utf-8?q?ann=40example.org=3e?=@evil.example",
        "ann@example.org\x00@evil.example",
        "ann@example.org@evil.example",
        "a@[192.0.2.1]@example.org",
        "<ann@example.org> <eve@evil.example>",
    ],
)
async def test_a1_a_from_that_two_readers_could_read_in_two_ways_is_ambiguous(sender: str) -> None:
    raw, keys = signed_mail(mail(sender=sender), "evil.example")
    result = await judge(raw, merged(keys, REJECT, SPF, EVIL), envelope(peer=EVIL_PEER, mail_from="x@evil.example"))
    assert result.evidence is Evidence.AMBIGUOUS, (result.author, result.reasons)
    assert result.author == ""


async def test_a1_two_from_fields_are_ambiguous_whichever_is_signed() -> None:
    raw, keys = signed_mail(mail(sender="eve@evil.example"), "evil.example")
    for doubled in (b"From: ann@example.org\r\n" + raw, raw.replace(b"Subject:", b"From: ann@example.org\r\nSubject:")):
        result = await judge(doubled, merged(keys, REJECT, EVIL), envelope(peer=EVIL_PEER, mail_from="x@evil.example"))
        assert (result.evidence, result.author) == (Evidence.AMBIGUOUS, "")


async def test_a1_a_from_hidden_behind_the_read_limit_is_ambiguous() -> None:
    filler = "".join(f"X-{i}: {'y' * 900}\r\n" for i in range(200))
    raw = mail(extra="From: ann@example.org\r\n" + filler, sender="eve@evil.example")
    result = await judge(raw, merged(SPF, REJECT))
    assert result.evidence is Evidence.AMBIGUOUS


async def test_no_from_is_ambiguous_even_from_a_trusted_network() -> None:
    raw = mail().replace(b"From:", b"X-From:")
    result = await judge(raw, {}, envelope(peer="127.0.0.1"), config(server={"trusted_networks": ["127.0.0.0/8"]}))
    assert result.evidence is Evidence.AMBIGUOUS


@pytest.mark.parametrize("name", ["Subject", "Message-ID", "Date", "To", "Cc", "Reply-To", "Sender", "In-Reply-To", "References"])
async def test_a4_doubled_singletons_are_ambiguous_and_no_signature_counts(name: str) -> None:
    raw, keys = signed_mail(mail(), "example.org")
    raw = f"{name}: <x@evil.example>\r\n".encode() + raw
    if f"\n{name}:".encode() not in raw:
        raw = f"{name}: <y@evil.example>\r\n".encode() + raw
    result = await judge(raw, merged(keys, REJECT, SPF))
    assert result.evidence is Evidence.AMBIGUOUS
    assert [s.result for s in result.dkim] == ["policy"]
    assert any(name.lower() in reason for reason in result.reasons)


async def test_mime_doubles_void_the_signature_only() -> None:
    raw, keys = signed_mail(mail(extra="Content-Type: text/plain\r\n"), "example.org")
    result = await judge(b"Content-Type: text/html\r\n" + raw, merged(keys, REJECT))
    assert (result.evidence, result.dkim[0].result) == (Evidence.FAIL, "policy")


# --- A5, A6: a forger's DNS -------------------------------------------------------------------------------------------


async def test_a6_a_forgers_slow_dns_is_no_way_around_a_policy() -> None:
    """His MAIL FROM and his d= never answer; the author's domain does, and says reject."""
    raw, _ = signed_mail(mail(), "evil.example")
    zone = merged(
        REJECT, SPF, {"evil.example": "TIMEOUT", "s1._domainkey.evil.example": "TIMEOUT", "_dmarc.evil.example": "TIMEOUT"}
    )
    result = await judge(raw, zone, envelope(peer=EVIL_PEER, mail_from="x@evil.example"))
    assert result.evidence is Evidence.FAIL, result.reasons


async def test_a6_a_forgers_many_questions_are_no_way_around_a_policy() -> None:
    many = " ".join(f"mx:m{i}.evil.example" for i in range(10))
    zone = merged(REJECT, SPF, {"evil.example": {"TXT": [f"v=spf1 {many} -all"]}})
    for i in range(10):
        zone[f"m{i}.evil.example"] = {"MX": [f"{j} h{i}-{j}.evil.example" for j in range(10)]}
        zone |= {f"h{i}-{j}.evil.example": {"A": ["198.51.100.1"]} for j in range(10)}
    result = await judge(mail(), zone, envelope(peer=EVIL_PEER, mail_from="x@evil.example"))
    assert (result.evidence, result.spf.result) == (Evidence.FAIL, "temperror")


async def test_a6_questions_for_one_mail_are_bounded() -> None:
    asked: list[tuple[str, str]] = []

    class Endless:
        async def query(self, name: str, rdtype: str) -> Answer:
            asked.append((name, rdtype))
            deeper = len(asked)
            match rdtype:
                case "TXT":
                    return Answer(((f"v=spf1 mx:a{deeper}.evil.example include:b{deeper}.evil.example -all".encode(),),))
                case "MX":
                    return Answer(tuple((i, f"h{deeper}-{i}.evil.example") for i in range(10)))
                case _:
                    return Answer(("198.51.100.1",))

    raw = mail(sender="a@1.2.3.4.5.6.7.8.9.evil.example")
    for i in range(50):
        raw, _ = signed_mail(raw, f"d{i}.evil.example")
    result = await judge(raw, Endless(), envelope(peer=EVIL_PEER, mail_from="x@evil.example"))
    assert result.evidence is not Evidence.FAIL
    assert len(asked) <= 60


# --- A7: ARC ----------------------------------------------------------------------------------------------------------


def _arc(raw: bytes, sealer: str, seen: str) -> tuple[bytes, Zone]:
    import dkim

    from tests.support.zones import key_record, rsa_pem

    seen_field = f"Authentication-Results: {sealer}; {seen}\r\n".encode()
    fields = dkim.arc_sign(seen_field + raw, b"arc", sealer.encode(), rsa_pem(), sealer.encode())
    return b"".join(fields) + raw, {f"arc._domainkey.{sealer}": {"TXT": [key_record()]}}


FORWARDED = "dmarc=pass header.from=example.org"


@pytest.mark.parametrize(
    ("sealers", "seen", "expected"),
    [
        (["list.example"], FORWARDED, Evidence.DOMAIN),
        ([], FORWARDED, Evidence.FAIL),
        (["other.example"], FORWARDED, Evidence.FAIL),
        (["list.example"], "dmarc=fail header.from=example.org", Evidence.FAIL),
        (["list.example"], "dmarc=pass header.from=evil.example", Evidence.FAIL),
    ],
)
async def test_a7_arc_is_believed_only_for_named_sealers(sealers: list[str], seen: str, expected: Evidence) -> None:
    raw, keys = _arc(mail(), "list.example", seen)
    result = await judge(raw, merged(keys, REJECT), envelope(peer=EVIL_PEER), config(auth={"arc_sealers": sealers}))
    assert (result.evidence, result.arc.result, result.arc.sealer) == (expected, "pass", "list.example"), result.reasons


async def test_a7_a_broken_chain_is_not_believed() -> None:
    raw, keys = _arc(mail(), "list.example", FORWARDED)
    settings = config(auth={"arc_sealers": ["list.example"]})
    for broken in (raw + b"more\r\n", raw.replace(b"dmarc=pass", b"dmarc=none"), raw.replace(b"ann@", b"eve@")):
        result = await judge(broken, merged(keys, REJECT), envelope(peer=EVIL_PEER), settings)
        assert (result.evidence, result.arc.result) == (Evidence.FAIL, "fail")


# --- A8: a trusted relay's word ---------------------------------------------------------------------------------------

RELAY = config(auth={"trusted_relays": ["10.0.0.0/8"], "trusted_authserv_id": "mta.desk.example"})
SAID = "Authentication-Results: mta.desk.example; {}\r\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("dkim=pass header.d=example.org; dmarc=pass header.from=example.org", Evidence.DMARC_DKIM),
        ("spf=pass smtp.mailfrom=ann@example.org; dmarc=pass header.from=example.org", Evidence.DMARC_SPF),
        ("dkim=pass header.d=evil.example; dmarc=pass header.from=example.org", Evidence.DMARC_SPF),
        ("dmarc=fail (p=reject) header.from=example.org", Evidence.FAIL),
        ("dmarc=temperror header.from=example.org", Evidence.TEMPERROR),
        ("spf=pass smtp.mailfrom=example.org; dmarc=none header.from=example.org", Evidence.DOMAIN),
        ("dmarc=pass header.from=evil.example", Evidence.FAIL),
    ],
)
async def test_a8_a_trusted_relays_results_replace_ours(said: str, expected: Evidence) -> None:
    result = await judge(mail(extra=SAID.format(said)), NoDns(), envelope(peer="10.1.1.1"), RELAY)
    assert result.evidence is expected, result.reasons


async def test_a8_results_without_dmarc_are_weighed_by_ours() -> None:
    said = SAID.format("dkim=pass header.d=example.org")
    result = await judge(mail(extra=said), REJECT, envelope(peer="10.1.1.1"), RELAY)
    assert result.evidence is Evidence.DMARC_DKIM


async def test_a8_only_the_topmost_field_counts() -> None:
    forged = SAID.format("dkim=pass header.d=example.org; dmarc=pass header.from=example.org")
    honest = SAID.format("dmarc=fail (p=reject) header.from=example.org")
    result = await judge(mail(extra=honest + forged), NoDns(), envelope(peer="10.1.1.1"), RELAY)
    assert (result.evidence, result.dmarc.policy) == (Evidence.FAIL, "reject")


async def test_a8_anybody_elses_copy_counts_for_nothing() -> None:
    forged = SAID.format("dkim=pass header.d=example.org; dmarc=pass header.from=example.org")
    result = await judge(mail(extra=forged), REJECT, envelope(peer=EVIL_PEER), RELAY)
    assert result.evidence is Evidence.FAIL


async def test_a8_a_relay_that_says_nothing_leaves_dkim_to_us() -> None:
    raw, keys = signed_mail(mail(), "example.org")
    result = await judge(raw, merged(keys, REJECT, SPF), envelope(peer="10.1.1.1"), RELAY)
    assert (result.evidence, result.spf.result) == (Evidence.DMARC_DKIM, "none")


@pytest.mark.parametrize(
    ("how", "after", "why"),
    [
        ({"length": 10}, b"Pay here.\r\n", "l= leaves a part of the body unsigned"),
        ({"algorithm": "rsa-sha1"}, b"", "rsa-sha1"),
        ({"names": ("to", "subject")}, b"", "From is not signed"),
    ],
)
async def test_a8_what_a_relay_lets_pass_and_we_would_not_counts_for_nothing(how: dict[str, Any], after: bytes, why: str) -> None:
    raw, _ = signed_mail(mail(), "example.org", **how)
    said = SAID.format("spf=fail; dkim=pass header.d=example.org header.s=s1; dmarc=pass header.from=example.org").encode()
    result = await judge(said + raw + after, merged(SPF, REJECT), envelope(peer="10.1.1.1"), RELAY)
    assert (result.evidence, result.dkim[0].result) == (Evidence.FAIL, "policy")
    assert why in result.dkim[0].reason
    good, _ = signed_mail(mail(), "example.org", tags="x=1; ")  # when it was checked is the relay's matter, and it queues mail
    result = await judge(said + good, NoDns(), envelope(peer="10.1.1.1"), RELAY)
    assert result.evidence is Evidence.DMARC_DKIM


async def test_a8_each_filter_of_a_relay_may_write_a_field_of_its_own() -> None:
    """OpenDMARC above OpenDKIM; what stands below the relay's own Received may be anybody's."""
    raw, _ = signed_mail(mail(), "example.org")
    dmarc, forged = (
        SAID.format("dmarc=pass header.from=example.org").encode(),
        SAID.format("dkim=pass header.d=example.org").encode(),
    )
    dkim = (
        SAID.format("spf=fail smtp.mailfrom=x@evil.example").encode()
        + SAID.format("dkim=pass header.d=example.org header.s=s1").encode()
    )
    received = b"Received: from x by mta.desk.example; Sat, 21 Nov 2026 10:00:00 +0000\r\n"
    for above, below, expected in (
        (dmarc + dkim, b"", Evidence.DMARC_DKIM),
        (dmarc, forged, Evidence.DMARC_SPF),
        (b"", dmarc + forged, Evidence.DMARC_SPF),
        (SAID.format("dmarc=fail header.from=example.org").encode() + dkim, dmarc, Evidence.FAIL),
    ):
        result = await judge(above + received + below + raw, NoDns(), envelope(peer="10.1.1.1"), RELAY)
        assert result.evidence is expected, (above, below)


async def test_a8_doubled_fields_stay_ambiguous_behind_a_relay() -> None:
    said = SAID.format("dkim=pass header.d=example.org; dmarc=pass header.from=example.org")
    result = await judge(mail(extra=said + "Subject: [#1] other\r\n"), NoDns(), envelope(peer="10.1.1.1"), RELAY)
    assert result.evidence is Evidence.AMBIGUOUS


# --- what it says -----------------------------------------------------------------------------------------------------


async def test_reasons_name_what_was_looked_at_in_order() -> None:
    raw, keys = signed_mail(mail(), "example.org")
    result = await judge(raw, merged(keys, REJECT, SPF))
    assert [reason.split(" ")[0].rstrip(":") for reason in result.reasons] == ["the", "SPF", "DKIM", "DMARC"]
    assert result.header == (
        "mx.desk.example; spf=pass smtp.mailfrom=ann@example.org; dkim=pass header.d=example.org header.s=s1;"
        " dmarc=pass (p=reject) header.from=example.org"
    )


# --- a relay that tells the true client -------------------------------------------------------------------------------

RELAYS = {"trusted_relays": ["10.0.0.0/8"], "trusted_authserv_id": "mta.desk.example"}
SAYS_PASS = b"Authentication-Results: mta.desk.example; dmarc=pass (p=reject) header.from=example.org\r\n"


def told(relay: str, peer: str) -> Envelope:
    return dataclasses.replace(envelope(peer=peer), relay=relay)


@pytest.mark.parametrize("relay", ["10.0.0.9", "203.0.113.200", LOCAL])
@pytest.mark.parametrize(("peer", "evidence"), [(GOOD_PEER, Evidence.DMARC_SPF), (EVIL_PEER, Evidence.FAIL)])
async def test_spf_sees_the_client_that_a_relay_tells(relay: str, peer: str, evidence: Evidence) -> None:
    result = await judge(mail(), merged(SPF, REJECT), told(relay, peer), config(auth=RELAYS))
    assert (result.evidence, result.spf.result) == (evidence, "pass" if peer == GOOD_PEER else "fail")


@pytest.mark.parametrize("relay", ["10.0.0.9", LOCAL])
@pytest.mark.parametrize("peer", ["", EVIL_PEER])
async def test_trusted_relays_results_count_whatever_client_it_tells(relay: str, peer: str) -> None:
    result = await judge(SAYS_PASS + mail(), merged(SPF, REJECT), told(relay, peer), config(auth=RELAYS))
    assert result.evidence is Evidence.DMARC_SPF


async def test_local_relay_is_trusted_without_any_network() -> None:
    settings = config(auth={"trusted_authserv_id": "mta.desk.example"})
    assert (await judge(SAYS_PASS + mail(), merged(SPF, REJECT), told(LOCAL, ""), settings)).evidence is Evidence.DMARC_SPF


@pytest.mark.parametrize(
    ("relay", "peer"), [("", EVIL_PEER), ("", ""), ("203.0.113.200", EVIL_PEER), ("203.0.113.200", "10.0.0.9")]
)
async def test_forged_results_of_others_do_not_count(relay: str, peer: str) -> None:
    """Neither from an outsider, nor through a proxy, nor from a forwarder that tells a trusted relay's address."""
    result = await judge(SAYS_PASS + mail(), merged(SPF, REJECT), told(relay, peer), config(auth=RELAYS))
    assert result.evidence is Evidence.FAIL


async def test_relay_that_tells_no_client_leaves_spf_out_and_lends_no_trust() -> None:
    settings = config(auth=RELAYS, server={"trusted_networks": ["10.0.0.0/8"]})
    result = await judge(mail(), SPF, told("10.0.0.9", ""), settings)
    assert (result.evidence, result.spf.result) == (Evidence.NONE, "none")
