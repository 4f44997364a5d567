"""DKIM: what dkimpy accepts and we must not (threats F7, F8, A3, A4), DNS trouble, hostile signatures, cost."""

from __future__ import annotations

import base64
import threading
import time
from typing import Any

import dkim as dkimpy
import pytest

from smtpgate.auth import dkim
from smtpgate.auth.dns import Lookups, ZoneResolver
from smtpgate.auth.message import Message
from smtpgate.clock import SystemClock
from smtpgate.model import DkimResult
from tests.support.zones import Zone, key_record, mail, merged, rsa_pem, rsa_public_der, signed_mail

NAME = "s1._domainkey.example.org"


async def verify(raw: bytes, zone: Zone, *, limit: int = 5, now: float | None = None) -> tuple[DkimResult, ...]:
    lookups = Lookups(ZoneResolver(zone), SystemClock(), deadline=10, limit=50)
    return await dkim.verify(Message.read(raw), lookups, limit=limit, now=time.time() if now is None else now)


async def one(raw: bytes, zone: Zone, **more: Any) -> DkimResult:
    (result,) = await verify(raw, zone, **more)
    return result


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("canon", [b"simple/simple", b"simple/relaxed", b"relaxed/simple", b"relaxed/relaxed"])
async def test_a_good_signature_passes(kind: str, canon: bytes) -> None:
    raw, zone = signed_mail(mail(subject="a\tb  c", body="  two  words \t\r\n\r\n\r\n"), "Example.ORG", kind=kind, canon=canon)
    assert await one(raw, zone) == DkimResult("pass", "example.org", "s1")


async def test_what_dkimpy_signs_passes() -> None:
    field = dkimpy.sign(mail(), b"s1", b"example.org", rsa_pem())
    assert (await one(field + mail(), {NAME: {"TXT": [key_record()]}})).result == "pass"


async def test_bare_newlines_are_read_as_line_ends() -> None:
    raw, zone = signed_mail(mail(), "example.org")
    assert (await one(raw.replace(b"\r\n", b"\n"), zone)).result == "pass"


async def test_an_mbox_line_in_front_does_not_matter() -> None:
    raw, zone = signed_mail(mail(), "example.org")
    assert (await one(b"From ann Sat Nov 21 10:00:00 2026\r\n" + raw, zone)).result == "pass"


async def test_two_signatures_have_two_results_in_order() -> None:
    raw, first = signed_mail(mail(), "example.org")
    raw, second = signed_mail(raw, "example.org", "e1", kind="ed25519")
    assert [(r.selector, r.result) for r in await verify(raw, merged(first, second))] == [("e1", "pass"), ("s1", "pass")]


async def test_no_signature_no_result() -> None:
    assert await verify(mail(), {}) == ()


@pytest.mark.parametrize("changed", [(b"It jams", b"It burns"), (b"Printer", b"Plotter"), (b"ann@", b"eve@")])
async def test_changed_mail_fails(changed: tuple[bytes, bytes]) -> None:
    raw, zone = signed_mail(mail(), "example.org")
    assert (await one(raw.replace(*changed), zone)).result == "fail"


# --- F8: what dkimpy lets pass ----------------------------------------------------------------------------------------


async def test_f8_a3_l_that_leaves_a_part_unsigned_is_no_pass() -> None:
    raw, zone = signed_mail(mail(body="Hello\r\n"), "example.org", length=7)
    assert (await one(raw, zone)).result == "pass"
    grown = await one(raw + b"<script>evil()</script>\r\n", zone)
    assert (grown.result, "l=" in grown.reason) == ("policy", True)


@pytest.mark.parametrize("length", ["99999", "-1", "x", "9" * 5000])
async def test_f8_l_beyond_the_body_or_no_number_is_permerror(length: str) -> None:
    raw, zone = signed_mail(mail(), "example.org", tags=f"l={length}; ")
    assert (await one(raw, zone)).result == "permerror"


async def test_f8_rsa_sha1_is_no_pass() -> None:
    raw, zone = signed_mail(mail(), "example.org", algorithm="rsa-sha1")
    assert (await one(raw, zone)).result == "permerror"


@pytest.mark.parametrize(("bits", "result"), [(512, "policy"), (1023, "policy"), (1024, "pass"), (2048, "pass")])
async def test_f8_rsa_keys_under_1024_bits_are_no_pass_and_under_2048_are_noted(bits: int, result: str) -> None:
    raw, zone = signed_mail(mail(), "example.org", bits=bits)
    found = await one(raw, zone)
    assert found.result == result
    assert (str(bits) in found.reason) == (bits < 2048)


async def test_f8_a_key_in_test_mode_is_neutral_whether_it_holds_or_not() -> None:
    raw, zone = signed_mail(mail(), "example.org", key_extra="t=s:y; ")
    assert (await one(raw, zone)).result == "neutral"
    assert (await one(raw + b"x\r\n", zone)).result == "neutral"


@pytest.mark.parametrize("name", ["Subject", "From", "To", "Date", "Message-ID", "Content-Type", "MIME-Version"])
async def test_f8_a_doubled_singleton_is_no_pass(name: str) -> None:
    raw, zone = signed_mail(mail(extra="MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"), "example.org")
    found = await one(f"{name}: other\r\n".encode() + raw, zone)
    assert found.result != "pass"
    if name != "From":
        assert (found.result, name.lower() in found.reason) == ("policy", True)


async def test_lines_that_are_no_fields_void_the_signature() -> None:
    raw, zone = signed_mail(mail(), "example.org")
    assert (await one(raw.replace(b"\r\nSubject", b"\r\nno field here\r\nSubject"), zone)).result != "pass"


async def test_from_must_be_signed() -> None:
    raw, zone = signed_mail(mail(), "example.org", names=("subject", "date"))
    assert await one(raw, zone) == DkimResult("permerror", "example.org", "s1", "From is not signed")


@pytest.mark.parametrize(("tags", "at", "word"), [("x=1700000100; ", 1_700_000_000, "x="), ("", 1_700_010_000, "t=")])
async def test_a_signature_has_its_time(tags: str, at: int, word: str) -> None:
    raw, zone = signed_mail(mail(), "example.org", tags=tags, at=at)
    assert (await one(raw, zone, now=1_700_000_050 if tags else at)).result == "pass"
    late = await one(raw, zone, now=1_700_000_200)
    assert (late.result, word in late.reason) == ("fail", True)


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "result", "word"),
    [
        ("TIMEOUT", "temperror", "in time"),
        ([], "permerror", "no key"),
        (["v=DKIM1; k=rsa; p="], "permerror", "revoked"),
        (["v=DKIM2; p=aa"], "permerror", "version"),
        (["v=DKIM1; k=dsa; p=aaaa"], "permerror", "unknown kind"),
        (["v=DKIM1; p=not base64 at all!"], "permerror", "cannot be read"),
        (["v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAmx="], "permerror", "cannot be read"),
        (["p"], "permerror", "cannot be read"),
        (["p=" + "A" * 5000], "permerror", "4 KiB"),
        ([key_record(), key_record("ed25519")], "permerror", "several"),
        ([key_record("ed25519")], "permerror", "ed25519"),
        ([key_record(extra="h=sha1; ")], "permerror", "sha256"),
        ([key_record(extra="s=other; ")], "permerror", "not for mail"),
    ],
)
async def test_a_key_that_cannot_be_used(record: Any, result: str, word: str) -> None:
    raw, _ = signed_mail(mail(), "example.org")
    found = await one(raw, {NAME: {"TXT": record}})
    assert (found.result, word in found.reason) == (result, True), found.reason


async def test_strict_keys_allow_no_subdomain_in_i() -> None:
    raw, zone = signed_mail(mail(), "example.org", tags="i=x@sub.example.org; ", key_extra="t=s; ")
    assert (await one(raw, zone)).result == "permerror"
    raw, zone = signed_mail(mail(), "example.org", tags="i=x@example.org; ", key_extra="t=s; ")
    assert (await one(raw, zone)).result == "pass"


async def test_a_key_that_would_cost_seconds_is_not_used() -> None:
    """A huge exponent makes one verification as dear as millions of honest ones."""
    huge = base64.b64encode(rsa_public_der((1 << 4000) + 1, (1 << 4000) - 1)).decode()
    raw, _ = signed_mail(mail(), "example.org")
    started = time.process_time()
    found = await one(raw, {NAME: {"TXT": [f"p={huge}"]}})
    assert (found.result, "larger" in found.reason) == ("permerror", True)
    assert time.process_time() - started < 0.5


# --- hostile mail -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"\r\n", b" \r\n\r\n", b"\tDKIM-Signature: v=1\r\n\r\n", b"DKIM-Signature:", b"DKIM-Signature: ;;;=\r\n\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; b=; bh=; d=; h=from; s=\r\n\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; b=a; bh=b; d=\xff.org; h=from; s=\xff\xfe\r\n\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; b=aaaa; bh=aaaa; d=example.org; i=example.org; h=from; s=s1\r\n\r\n",
        b"no header\r\n" * 3,
    ],
)  # fmt: skip
async def test_nothing_that_dkimpy_trips_over_comes_through(raw: bytes) -> None:
    results = await verify(raw, {NAME: {"TXT": [key_record()]}})
    assert all(r.result == "permerror" for r in results)


async def test_f7_only_the_first_signatures_are_looked_at_and_the_rest_is_counted() -> None:
    raw, zone = mail(), {}
    for i in range(100):
        raw, more = signed_mail(raw, f"d{i}.example", kind="ed25519")
        zone |= more
    lookups = Lookups(ZoneResolver(zone), SystemClock(), deadline=10, limit=500)
    results = await dkim.verify(Message.read(raw), lookups, limit=5, now=time.time())
    assert [r.result for r in results] == ["pass"] * 5 + ["neutral"]
    assert "95 further" in results[-1].reason
    assert len(lookups.asked) == 5


async def test_large_bodies_are_hashed_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    check = dkim._check_all

    def spy(*work: Any) -> Any:
        threads.append(threading.get_ident())
        return check(*work)

    monkeypatch.setattr(dkim, "_check_all", spy)
    for size in (1000, 300_000):
        raw, zone = signed_mail(mail(body="x" * 70 + "\r\n" * (size // 2)), "example.org")
        assert (await one(raw, zone)).result == "pass"
    assert threads[0] == threading.get_ident() != threads[1]


def _blank_runs(n: int) -> bytes:
    return mail(body="a" + " " * n + "b\r\n")


def _legal_blank_lines(n: int) -> bytes:
    return mail(body=(" " * 997 + "x\r\n") * (n // 1000))


def _names(n: int) -> bytes:
    return b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; b=aaaa; bh=aaaa; h=from:" + b"a:" * n + b"\r\n" + mail()


def _blanks_in_the_signature(n: int) -> bytes:
    return b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from; bh=aaaa; b=" + b"\r\n " * n + b"!\r\n" + mail()


def _header_of_folds(n: int) -> bytes:
    return b"X: a\r\n" + b" b\r\n" * n + mail()


@pytest.mark.parametrize(
    ("make", "n"),
    [
        (_blank_runs, 1_000_000),
        (_legal_blank_lines, 2_000_000),
        (_names, 4_000),
        (_blanks_in_the_signature, 4_000),
        (_header_of_folds, 100_000),
    ],
)
async def test_f7_twice_the_mail_costs_at_most_two_and_a_half_times(make: Any, n: int) -> None:
    async def cost(size: int) -> float:
        raw = make(size)
        if b"DKIM-Signature" not in raw:
            raw = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; h=from; bh=aaaa; b=aaaa\r\n" + raw
        best = 9.9
        for _ in range(3):
            started = time.process_time()
            await verify(raw, {NAME: {"TXT": [key_record()]}})
            best = min(best, time.process_time() - started)
        return best

    one_time, two_times = await cost(n), await cost(2 * n)
    assert two_times <= max(2.5 * one_time, 0.05), (one_time, two_times)
    assert two_times < 1
