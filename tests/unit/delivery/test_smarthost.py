"""TLS and AUTH towards a smarthost; what only the admin can mend pauses the queue and burns no attempt."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import structlog
import trustme

from smtpgate.delivery.runner import PROBE_EVERY
from smtpgate.model import DeliveryState
from tests.support.sink import DROP, Sink
from tests.unit.delivery.office import Office, make_config, to_smarthost, until

DELIVERED, QUEUED = DeliveryState.DELIVERED, DeliveryState.QUEUED
USERS = {"gate": "sesam öffne"}


async def paused(office: Office) -> bool:
    return bool(await office.store.pauses())


async def sees_pause(office: Office) -> str:
    await until(lambda: paused(office))
    assert office.runner is not None
    runner = office.runner
    await until(lambda: not runner._held)
    return (await office.store.pauses())[0].reason


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("implicit", [False, True])
async def test_verified_tls_and_auth(
    office: Office, server_tls: ssl.SSLContext, ca_file: Path, method: str, implicit: bool
) -> None:
    async with Sink(tls=server_tls, implicit_tls=implicit, users=USERS, auth_methods=(method,)) as sink:
        mail = await office.queue("wang@example.org")
        tls = "tls" if implicit else "starttls"
        office.start(to_smarthost(sink, tls, relay_ca_file=str(ca_file), relay_user="gate"), "sesam öffne".encode())
        await office.deliver()
        assert (await office.row(mail)).state is DELIVERED
        assert (sink.mails[0].tls, sink.mails[0].user) == (True, "gate")
        assert (await office.attempts(mail))[0].tls.startswith("TLSv1.")
        if not implicit:
            assert sink.counted()["EHLO"] == 2  # RFC 3207 §4.2: nothing learned before TLS is believed
        await office.stop()


async def test_a_host_name_is_resolved_and_checked_against_the_certificate(
    office: Office, server_tls: ssl.SSLContext, ca_file: Path
) -> None:
    async with Sink(tls=server_tls) as sink:
        office.zone = {"relay.example": {"A": ["127.0.0.1"]}, "other.example": {"A": ["127.0.0.1"]}}
        mail = await office.queue("wang@example.org")
        office.start(to_smarthost(sink, "starttls", relay_host="relay.example", relay_ca_file=str(ca_file)))
        await office.deliver()
        assert (await office.row(mail)).state is DELIVERED
        await office.stop()
        await office.queue("wang@example.org")
        office.start(to_smarthost(sink, "starttls", relay_host="other.example", relay_ca_file=str(ca_file)))
        assert "certificate" in await sees_pause(office)
        assert len(sink.mails) == 1
        await office.stop()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_of_a_stranger_is_refused_and_nothing_is_sent(
    office: Office, server_tls: ssl.SSLContext, tmp_path: Path, tls: str
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    async with Sink(tls=server_tls, implicit_tls=tls == "tls", users=USERS) as sink:
        mail = await office.queue("wang@example.org", ticket=True)
        office.start(to_smarthost(sink, tls, relay_ca_file=str(stranger), relay_user="gate"), b"secret")
        assert "was not verified" in await sees_pause(office)
        row = await office.row(mail)
        assert (row.state, row.attempts) == (QUEUED, 0)
        assert sink.said("AUTH") == sink.said("MAIL") == []
        assert await office.events() == []
        await office.stop()


async def test_starttls_stripped_by_somebody_pauses_and_never_falls_back_to_clear(office: Office) -> None:
    async with Sink(users=USERS) as sink:
        mail = await office.queue("wang@example.org")
        office.start(to_smarthost(sink, "starttls", relay_user="gate"), b"secret")
        assert "does not offer STARTTLS" in await sees_pause(office)
        assert sink.said("AUTH") == sink.said("MAIL") == []
        assert (await office.row(mail)).attempts == 0
        await office.stop()


async def test_a_refused_starttls_is_tried_again_later_and_never_in_clear(office: Office, server_tls: ssl.SSLContext) -> None:
    async with Sink(tls=server_tls) as sink:
        sink.script("STARTTLS", "454 4.7.0 TLS not available")
        mail = await office.queue("wang@example.org")
        office.start(to_smarthost(sink, "starttls"))
        await office.deliver()
        assert ((await office.row(mail)).state, (await office.row(mail)).last_code) == (QUEUED, 454)
        assert sink.said("MAIL") == []
        await office.stop()


async def test_a_password_never_goes_over_an_unverified_connection(office: Office, server_tls: ssl.SSLContext) -> None:
    for tls in ("opportunistic", "none"):
        async with Sink(tls=server_tls, users=USERS) as sink:
            await office.queue("wang@example.org")
            office.start(to_smarthost(sink, tls, relay_user="gate"), b"secret")
            assert "unverified" in await sees_pause(office)
            assert sink.said("AUTH") == []
            await office.stop()
            await office.store.resume(None)


async def test_a_refused_password_pauses_once_and_resumes_when_it_is_mended(
    office: Office, server_tls: ssl.SSLContext, ca_file: Path
) -> None:
    async with Sink(tls=server_tls, users=dict(USERS)) as sink:
        mails = [await office.queue(f"user{i}@example.org", ticket=True) for i in range(30)]
        with structlog.testing.capture_logs() as logs:
            office.start(to_smarthost(sink, "starttls", relay_ca_file=str(ca_file), relay_user="gate"), b"wrong canary")
            reason = await sees_pause(office)
            assert "refused user and password: 535" in reason
            rows = [await office.row(mail) for mail in mails]
            assert {(r.state, r.attempts, r.last_code) for r in rows} == {(QUEUED, 0, 0)}
            # it is left alone until the probe, which is one mail over one connection
            before = sink.connections
            await office.advance(PROBE_EVERY - 10)
            await office.clock.settle(200)
            assert sink.connections == before
            sink.users = {"gate": "wrong canary"}
            await office.advance(11)
            await until(lambda: sink.count >= 1)
            await office.deliver()
        assert await office.store.pauses() == ()
        assert {(await office.row(mail)).state for mail in mails} == {DELIVERED}
        assert {(await office.row(mail)).attempts for mail in mails} == {1}
        assert [line["log_level"] for line in logs].count("error") == 1
        assert "wrong canary" not in repr(logs)
        assert "d3JvbmcgY2FuYXJ5" not in repr(logs)
        await office.stop()


async def test_a_probe_that_fails_again_is_one_connection_and_one_more_wait(
    office: Office, server_tls: ssl.SSLContext, ca_file: Path
) -> None:
    async with Sink(tls=server_tls, users=dict(USERS)) as sink:
        for i in range(5):
            await office.queue(f"user{i}@example.org")
        office.start(to_smarthost(sink, "starttls", relay_ca_file=str(ca_file), relay_user="gate"), b"wrong")
        await sees_pause(office)
        runner = office.runner
        assert runner is not None
        for _ in range(2):
            before = sink.connections
            await office.advance(PROBE_EVERY + 1)
            await until(lambda before=before: sink.connections > before)  # type: ignore[misc]
            await until(lambda: not runner._held)
            await office.clock.settle(200)
            assert sink.connections == before + 1
        await office.stop()


async def test_the_admins_resume_is_heard(office: Office, server_tls: ssl.SSLContext, ca_file: Path) -> None:
    async with Sink(tls=server_tls, users={"gate": "other"}) as sink:
        mail = await office.queue("wang@example.org")
        runner = office.start(to_smarthost(sink, "starttls", relay_ca_file=str(ca_file), relay_user="gate"), b"wrong")
        await sees_pause(office)
        sink.users = {"gate": "wrong"}
        await office.store.resume(None)
        runner.wake()
        await office.deliver()
        assert (await office.row(mail)).state is DELIVERED
        await office.stop()


async def test_a_new_process_tries_a_paused_destination_once(office: Office, server_tls: ssl.SSLContext, ca_file: Path) -> None:
    async with Sink(tls=server_tls, users={"gate": "right"}) as sink:
        mail = await office.queue("wang@example.org")
        way = to_smarthost(sink, "starttls", relay_ca_file=str(ca_file), relay_user="gate")
        office.start(way, b"wrong")
        await sees_pause(office)
        await office.stop()
        office.start(way, b"right")
        await office.deliver()
        assert (await office.row(mail)).state is DELIVERED
        assert await office.store.pauses() == ()
        await office.stop()


async def test_a_temporary_failure_of_auth_is_not_the_admins_business(
    office: Office, server_tls: ssl.SSLContext, ca_file: Path
) -> None:
    async with Sink(tls=server_tls, users=USERS) as sink:
        sink.script("AUTH", "454 4.7.0 try later")
        mail = await office.queue("wang@example.org")
        office.start(to_smarthost(sink, "starttls", relay_ca_file=str(ca_file), relay_user="gate"), b"x")
        await office.deliver()
        assert (await office.row(mail)).last_code == 454
        assert await office.store.pauses() == ()
        await office.stop()


async def test_authentication_required_and_none_configured_pauses(office: Office) -> None:
    async with Sink(users=USERS) as sink:
        mail = await office.queue("wang@example.org")
        office.start(to_smarthost(sink))
        assert "530" in await sees_pause(office)
        assert (await office.row(mail)).attempts == 0
        await office.stop()


async def test_a_smarthost_that_does_not_exist_pauses_and_dns_trouble_does_not(office: Office, sink: Sink) -> None:
    office.zone = {"slow.example": "TIMEOUT"}
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink, relay_host="slow.example"))
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.attempts) == (QUEUED, 1)
    assert "slow.example" in row.last_reply
    assert await office.store.pauses() == ()
    await office.stop()
    await office.queue("wang@example.org")
    office.start(to_smarthost(sink, relay_host="gone.example"))
    assert "gone.example" in await sees_pause(office)


async def test_a_smarthost_that_is_down_is_a_normal_retry(office: Office, sink: Sink) -> None:
    mail = await office.queue("wang@example.org")
    way = to_smarthost(sink)
    await sink.stop()
    office.start(way)
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.last_code) == (QUEUED, 0)
    assert "no connection" in row.last_reply
    await sink.start()
    await office.pass_time(67)
    assert (await office.row(mail)).state is DELIVERED


@pytest.mark.parametrize("breaks", [False, True])
async def test_opportunistic_tls_takes_any_certificate_or_none(office: Office, server_tls: ssl.SSLContext, breaks: bool) -> None:
    async with Sink(tls=server_tls) as sink:
        if breaks:
            sink.script("STARTTLS", DROP)
        mail = await office.queue("wang@example.org")
        office.start(to_smarthost(sink, "opportunistic"))
        await office.deliver()
        assert (await office.row(mail)).state is DELIVERED
        assert sink.mails[0].tls is not breaks
        assert sink.connections == (2 if breaks else 1)
        await office.stop()


async def test_an_unreadable_ca_file_pauses(office: Office, sink: Sink, tmp_path: Path) -> None:
    await office.queue("wang@example.org")
    office.start(to_smarthost(sink, "starttls", relay_ca_file=str(tmp_path / "missing.pem")))
    assert "ca_file" in await sees_pause(office)


def test_the_password_is_in_no_repr() -> None:
    from smtpgate.delivery.connection import Credentials

    config = make_config(to_smarthost(Sink(port=2525), relay_user="gate"), b"canary")
    assert config.smarthost_password is not None
    assert "canary" not in repr(Credentials("gate", config.smarthost_password))
