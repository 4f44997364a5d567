"""The submission listener from inside: what reaches the store, who is out after a reload, and what guessing costs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtpgate import passwords
from smtpgate.auth.dns import ZoneResolver
from smtpgate.auth.verdict import judge
from smtpgate.clock import SystemClock
from smtpgate.intake.logins import Failures, Login, Logins
from smtpgate.model import Envelope, Evidence, Verdict
from tests.support.clock import ManualClock
from tests.support.server import make_config
from tests.unit.intake.door import Peer, Running, running

PEERS: list[Peer] = []  # of the test that runs
LEE, KIM = "lee@corp.example", "kim@corp.example"
# "secret", cheap: m=8192, t=1, p=1
HASH = "$argon2id$v=19$m=8192,t=1,p=1$tq9fi0x6pNcp7Cf18OrqPQ$2v1yj7H7C3yClm0vr+S4LkV0gISWonbasXA01voHVqE"


def config(agents: list[str], **submission: Any) -> dict[str, Any]:
    return {
        "desk": [{"name": "help", "address": "help@support.example", "agents": agents}],
        "agent": [{"address": agent, "password_hash": HASH} for agent in agents],
        "submission": {"listen": ["127.0.0.1:0"], "failure_delay": "0s", **submission},
    }


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory: Path = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert("mx.support.example")
    issued.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    issued.private_key_pem.write_to_path(str(directory / "key.pem"))
    return {"server": {"tls_certificate": directory / "cert.pem", "tls_key": directory / "key.pem"}}


@asynccontextmanager
async def door(certificate: dict[str, Any], settings: dict[str, Any]) -> AsyncIterator[Running]:
    whole = make_config(certificate, settings)

    async def check(envelope: Envelope, raw: bytes, _: object) -> Verdict:
        return await judge(envelope=envelope, raw=raw, config=whole, resolver=ZoneResolver({}), clock=SystemClock())

    async with running(certificate, settings, judge=check) as up:
        yield up
        for peer in PEERS:
            peer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await peer.writer.wait_closed()
        PEERS.clear()
        await up.idle()


async def client(up: Running) -> Peer:
    """After STARTTLS and EHLO."""
    reader, writer = await asyncio.open_connection("127.0.0.1", up.door.addresses_of("submission")[0][1])
    peer = Peer(reader, writer)
    PEERS.append(peer)
    await peer.reply()
    await peer.ask("EHLO laptop", "STARTTLS")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    await writer.start_tls(context)
    await peer.ask("EHLO laptop")
    return peer


def plain(name: str, password: str = "secret") -> str:
    return "AUTH PLAIN " + b64encode(f"\0{name}\0{password}".encode()).decode()


async def send(peer: Peer, head: str = "") -> str:
    await peer.ask(f"MAIL FROM:<{LEE}>", "RCPT TO:<help@support.example>", "DATA")
    return await peer.ask(f"From: Lee <{LEE}>\r\n{head}Subject: x\r\n\r\nhello\r\n.")


def test_the_hash_of_these_tests_has_its_password() -> None:
    assert passwords.matches("secret", HASH)


async def test_what_is_stored_says_how_it_came(certificate: dict[str, Any]) -> None:
    async with door(certificate, config([LEE])) as up:
        peer = await client(up)
        assert (await peer.ask(plain(LEE))).startswith("235")
        assert (await send(peer)).startswith("250")
    (mail,) = up.store.accepted
    assert (mail.verdict.evidence, mail.verdict.author, mail.envelope.login) == (Evidence.TRUSTED, LEE, LEE)
    trace = mail.trace.decode().replace("\r\n", " ")
    assert " with ESMTPSA id " in trace  # RFC 3848
    assert f"Authentication-Results: mx.support.example;  auth=pass smtp.auth={LEE}" in trace
    assert mail.raw.startswith(b"Date: ")
    assert mail.message_id is not None
    assert mail.message_id.encode() in mail.raw


async def test_who_is_removed_is_out_from_the_moment_of_the_reload(certificate: dict[str, Any]) -> None:
    """With a password and a name that are still right: at AUTH, at MAIL and after the data of one who was in."""
    async with door(certificate, config([LEE, KIM])) as up:
        waiting, begun = await client(up), await client(up)
        for peer in (waiting, begun):
            assert (await peer.ask(plain(LEE))).startswith("235")
        await begun.ask(f"MAIL FROM:<{LEE}>", "RCPT TO:<help@support.example>", "DATA")
        up.door.renew(make_config(certificate, config([KIM])), judge=up.door.acceptor._judge, tokens=up.door.acceptor.tokens)
        assert (await begun.ask(f"From: {LEE}\r\n\r\nhello\r\n.")).startswith("550 5.7.1")
        assert (await waiting.ask(f"MAIL FROM:<{LEE}>")).startswith("550 5.7.1")
        assert (await (await client(up)).ask(plain(LEE))).startswith("535 5.7.8")
        assert (await (await client(up)).ask(plain(KIM))).startswith("235")
    assert up.store.accepted == []


async def test_counts_outlive_a_reload(certificate: dict[str, Any]) -> None:
    settings = config([LEE], failures_per_address=1)
    async with door(certificate, settings) as up:
        assert (await (await client(up)).ask(plain(LEE, "wrong"))).startswith("535")
        up.door.renew(make_config(certificate, settings), judge=up.door.acceptor._judge, tokens=up.door.acceptor.tokens)
        assert (await (await client(up)).ask(plain(LEE))).startswith("421")


# --- what guessing costs ----------------------------------------------------------------------------------------------


class Bench:
    """Logins that compare at no cost, what they compared with, and a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **submission: Any) -> None:
        self.clock = ManualClock()
        self.compared: list[str] = []
        monkeypatch.setattr(passwords, "matches", self._matches)
        self.logins = Logins(make_config(config([LEE], **submission)), self.clock)

    def _matches(self, password: str, known: str) -> bool:
        self.compared.append(known)
        return password == "secret" and known == HASH


async def test_the_same_is_done_for_a_name_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """One comparison with a hash of the same cost, the same answer, at the same time."""
    bench = Bench(monkeypatch, failure_delay="2s")
    answers = []
    for name in (LEE, "nobody@corp.example", "", "x" * 5000):
        began = bench.clock.now()
        task = asyncio.create_task(bench.logins.check(name, "wrong", "192.0.2.1"))
        while not bench.clock.sleeping:
            await asyncio.sleep(0.001)
        assert not task.done()
        bench.clock.advance(2)
        answers.append((await task, bench.clock.now() - began))
    assert len({str(answer) for answer in answers}) == 1
    assert [known.rpartition("$")[0].rpartition("$")[0] for known in bench.compared] == ["$argon2id$v=19$m=8192,t=1,p=1"] * 4
    assert len(set(bench.compared)) == 2


async def test_only_so_many_are_compared_at_once_and_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, checks=2, waiting=3, failures_per_address=99)
    gate, running_now, most = asyncio.Event(), 0, 0

    async def compare(_call: Any, password: str, known: str) -> bool:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await gate.wait()
        running_now -= 1
        return password == "secret" and known == HASH

    monkeypatch.setattr(asyncio, "to_thread", compare)
    tasks = [asyncio.create_task(bench.logins.check(LEE, "secret", "192.0.2.1")) for _ in range(6)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await tasks[5]).login is Login.LATER
    gate.set()
    assert [(await task).login for task in tasks[:5]] == [Login.YES] * 5
    assert most == 2


async def test_a_client_that_leaves_does_not_make_room_for_more_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, checks=1)
    gate, running_now, most = asyncio.Event(), 0, 0

    async def compare(_call: Any, password: str, known: str) -> bool:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await gate.wait()
        running_now -= 1
        return True

    monkeypatch.setattr(asyncio, "to_thread", compare)
    gone = asyncio.create_task(bench.logins.check(LEE, "secret", "192.0.2.1"))
    await asyncio.sleep(0)
    gone.cancel()
    task = asyncio.create_task(bench.logins.check(LEE, "secret", "192.0.2.1"))
    await asyncio.sleep(0)
    gate.set()
    assert ((await task).login, most) == (Login.YES, 1)


async def test_those_who_try_many_at_once_are_counted_before_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, failures_per_address=4, failure_delay="0s", checks=9)
    found = await asyncio.gather(*(bench.logins.check(LEE, f"guess {i}", "192.0.2.1") for i in range(9)))
    assert [answer.login for answer in found] == [Login.WRONG] * 4 + [Login.BARRED] * 5


async def test_an_agent_is_not_kept_out_by_those_who_guess_his_name_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, failures_per_user=3, failure_delay="0s")
    assert (await bench.logins.check(LEE, "secret", "192.0.2.1")).login is Login.YES
    for i in range(3):
        await bench.logins.check(LEE, "wrong", f"198.51.100.{i}")
    assert (await bench.logins.check(LEE, "secret", "198.51.100.9")).login is Login.LATER
    assert (await bench.logins.check(LEE, "secret", "192.0.2.1")).login is Login.YES
    bench.clock.advance(3601)
    assert (await bench.logins.check(LEE, "secret", "198.51.100.9")).login is Login.YES


async def test_one_wrong_client_in_an_office_does_not_keep_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has logged in from there before has a count of his own, which is no larger."""
    bench = Bench(monkeypatch, failures_per_address=3, failure_delay="0s")
    assert (await bench.logins.check(LEE, "secret", "192.0.2.1")).login is Login.YES
    for _ in range(4):
        await bench.logins.check(KIM, "old", "192.0.2.1")
    assert (await bench.logins.check(KIM, "secret", "192.0.2.1")).login is Login.BARRED
    assert (await bench.logins.check(LEE, "secret", "192.0.2.1")).login is Login.YES
    found = [(await bench.logins.check(LEE, "guess", "192.0.2.1")).login for _ in range(4)]
    assert found == [Login.WRONG] * 3 + [Login.BARRED]
    assert (await bench.logins.check(LEE, "secret", "192.0.2.1")).login is Login.BARRED


async def test_without_a_certificate_the_sockets_are_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as passed, pytest.raises(OSError, match="no certificate"):
        async with running(config([LEE], listen=[]), passed={"submission": [passed]}):
            pass


async def test_an_ipv6_network_is_one_place_and_the_one_around_it_five(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, failures_per_address=2, failures_per_user=999, failure_delay="0s")
    for i in range(2):
        await bench.logins.check(f"a{i}", "wrong", f"2001:db8:1:1::{i}")
    assert (await bench.logins.check(LEE, "secret", "2001:db8:1:1::99")).login is Login.BARRED
    for i in range(8):
        await bench.logins.check(f"b{i}", "wrong", f"2001:db8:1:{i + 10}::1")
    assert (await bench.logins.check(LEE, "secret", "2001:db8:1:99::1")).login is Login.BARRED
    assert (await bench.logins.check(LEE, "secret", "2001:db8:2::1")).login is Login.YES


def test_what_is_remembered_of_failures_is_bounded() -> None:
    failures = Failures(lambda: 1.0, room=100)
    for i in range(1000):
        failures.add(f"user {i}", 50)
    for _ in range(1000):
        failures.add("user 999", 50)
    assert len(failures._times) == 100
    assert failures.count("user 999", 60) == 50
