"""A door under stress: who is served, who is hurried, who is sent away. Over real sockets, all from the loopback network."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import structlog

from smtpgate.model import Envelope, Evidence, MailState, Verdict
from smtpgate.store.api import Incoming
from tests.support.server import verdict
from tests.unit.intake.door import Peer, running

LIMITS = {"connections": 10, "connections_per_address": 100, "connection_rate": 1000}
STRESS = {"begin": 50, "end": 30, "unknown": 50, "greeting_wait": "0s", "command_timeout": "1s", "connections_per_address": 100}


def earlier(peer: str, evidence: Evidence, author: str) -> Incoming:
    """A mail of an earlier life."""
    envelope = Envelope("20260101T000000-1", "a@client.example", ("help@support.example",), peer, "client.example", 0.0, "ESMTP")
    found = dataclasses.replace(verdict(evidence), author=author)
    return Incoming("1", MailState.FILED, envelope, found, 0.0, 1, "", None)


def setting(**stress: Any) -> dict[str, Any]:
    return {"limits": LIMITS, "stress": STRESS | stress}


async def filled(up: Any, count: int) -> list[Peer]:
    """Connections that say nothing."""
    peers = [await up.client() for _ in range(count)]
    for peer in peers:
        assert (await peer.reply()).startswith("220")
    return peers


async def test_strangers_have_their_share_and_are_hurried_out_of_it() -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(setting()) as up:
            idle = await filled(up, 4)
            assert not up.door.crowd.stressed
            idle += await filled(up, 1)
            assert up.door.crowd.stressed
            late = await up.client()
            assert (await late.reply()).startswith("421 4.7.0 too busy")
            for peer in idle:  # five minutes without stress
                assert (await asyncio.wait_for(peer.reply(), 5)).startswith("421 4.4.2")
            await up.idle()
            assert not up.door.crowd.stressed
            again = await up.client()
            assert (await again.reply()).startswith("220")
            for peer in (*idle, late, again):
                peer.close()
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["stress begins", "stress ends"]
    assert len([entry for entry in logs if entry["event"] == "connection refused"]) == 1


async def test_who_is_known_from_an_earlier_life_gets_what_strangers_do_not() -> None:
    async with running(setting(), before=[earlier("127.0.0.1", Evidence.DMARC_DKIM, "kunde@client.example")]) as up:
        peers = await filled(up, 8)
        assert up.door.crowd.stressed
        for peer in peers:
            peer.close()


async def test_a_stranger_becomes_known_by_authenticated_mail() -> None:
    async def proved(envelope: Envelope, raw: bytes, _: object) -> Verdict:
        return dataclasses.replace(verdict(Evidence.DMARC_DKIM), author="kunde@client.example")

    async with running(setting(unknown=10), judge=proved) as up:
        (first,) = await filled(up, 1)
        refused = await up.client()
        assert (await refused.reply()).startswith("421")
        await first.ask("EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>", "DATA")
        first.writer.write(b"Subject: x\r\n\r\nhello\r\n.\r\n")
        assert (await first.reply()).startswith("250")
        second = await up.client()
        assert (await second.reply()).startswith("220")
        for peer in (first, refused, second):
            peer.close()


async def test_a_mail_under_way_is_hurried_too_but_not_cut() -> None:
    async with running(setting(data_timeout="1s")) as up:
        (sending, stuck) = await filled(up, 2)
        for peer in (sending, stuck):
            await peer.ask("EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>", "DATA")
        idle = await filled(up, 3)
        assert up.door.crowd.stressed
        sending.writer.write(b"Subject: x\r\n\r\nhello\r\n.\r\n")
        assert (await sending.reply()).startswith("250")
        assert (await asyncio.wait_for(stuck.reply(), 5)).startswith("421 4.4.2")
        for peer in (sending, stuck, *idle):
            peer.close()


async def test_stress_allows_one_error() -> None:
    async with running(setting(unknown=90, begin=10, end=0)) as up:
        (peer,) = await filled(up, 1)
        assert (await peer.ask("BOGUS")).startswith("500")
        assert (await peer.reply()).startswith("421 4.7.0")
        peer.close()


async def test_a_domain_that_is_proved_has_so_many_mails_in_a_minute() -> None:
    async def proved(envelope: Envelope, raw: bytes, _: object) -> Verdict:
        domain = (envelope.mail_from or "").rpartition("@")[2]
        evidence = Evidence.NONE if domain == "none.example" else Evidence.DMARC_SPF
        return dataclasses.replace(verdict(evidence), author=f"kunde@{domain}")

    async with running({"limits": {"mail_rate_domain": 2}}, judge=proved) as up:
        peer = await up.client()
        await peer.reply()
        await peer.ask("EHLO c.example")

        async def send(domain: str, rcpt: str = "help@support.example") -> str:
            await peer.ask(f"MAIL FROM:<a@{domain}>", f"RCPT TO:<{rcpt}>", "DATA")
            peer.writer.write(b"Subject: x\r\n\r\nhello\r\n.\r\n")
            return (await peer.reply())[:9]

        assert [await send("one.example") for _ in range(5)][-1] == "451 4.7.1"  # five are too many in any two minutes
        assert await send("other.example") == "250 2.0.0"
        assert [await send("none.example") for _ in range(5)] == ["250 2.0.0"] * 5, "who proves nothing has no domain"
        assert await send("one.example", "postmaster@support.example") == "250 2.0.0"
        peer.close()
