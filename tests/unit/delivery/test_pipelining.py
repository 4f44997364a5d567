"""Commands in groups (RFC 2920): what one reply says of the others, and faults at each place of a group."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from smtpgate.model import DeliveryState
from tests.support.sink import DROP, EXTENSIONS, RESET, STALL, Raw, Sink
from tests.unit.delivery.office import FAST, Office, to_smarthost

QUEUED, DELIVERED, FAILED, UNCERTAIN = (
    DeliveryState.QUEUED,
    DeliveryState.DELIVERED,
    DeliveryState.FAILED,
    DeliveryState.UNCERTAIN,
)
ONE_BY_ONE = tuple(word for word in EXTENSIONS if word != "PIPELINING")


@pytest.fixture(params=[EXTENSIONS, ONE_BY_ONE], ids=["together", "one by one"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Sink]:
    """A sink with and one without PIPELINING."""
    async with Sink(extensions=request.param) as sink:
        yield sink


class Counting:
    """A server that notes how many commands it had before its replies to MAIL, RCPT and DATA. wait: answer none of them
    before DATA has come."""

    def __init__(self, *, offers: bool, wait: bool) -> None:
        self.offers, self.wait = offers, wait
        self.ahead: list[bytes] = []
        self.mails = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            writer.write(b"220 x\r\n")
            await reader.readline()
            writer.write(b"250-x\r\n250 PIPELINING\r\n" if self.offers else b"250 x\r\n")
            while True:
                lines = [await reader.readuntil(b"\n")]
                if lines[0] == b"QUIT\r\n":
                    return
                while self.wait and lines[-1] != b"DATA\r\n":
                    lines.append(await reader.readuntil(b"\n"))
                if not self.wait:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            self.ahead.append(await reader.read(1000))
                for line in lines:
                    writer.write(b"354 go\r\n" if line == b"DATA\r\n" else b"250 ok\r\n")
                if lines[-1] == b"DATA\r\n":
                    await reader.readuntil(b"\r\n.\r\n")
                    self.mails += 1
                    writer.write(b"250 ok\r\n")


@pytest.mark.parametrize("offers", [True, False])
async def test_commands_go_together_only_where_that_is_offered(office: Office, offers: bool) -> None:
    peer = Counting(offers=offers, wait=offers)
    async with await asyncio.start_server(peer.serve, "127.0.0.1", 0) as server:
        sink = Sink(port=server.sockets[0].getsockname()[1])
        mails = [await office.queue("a@example.org", "b@example.org"), await office.queue("a@example.org")]
        office.start(to_smarthost(sink))
        await office.deliver()
        assert {row.state for mail in mails for row in (await office.rows(mail)).values()} == {DELIVERED}
        await office.stop()
    assert (peer.mails, peer.ahead) == (2, [])


@pytest.mark.parametrize("action", [DROP, "421 4.3.2 going down"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_an_end_within_a_group_is_never_uncertain(either: Sink, office: Office, stage: str, action: str) -> None:
    either.script(stage, action)
    mail = await office.queue("a@example.org", "b@example.org")
    office.start(to_smarthost(either))
    await office.deliver()
    assert {(row.state, row.attempts) for row in (await office.rows(mail)).values()} == {(QUEUED, 1)}
    assert either.mails == []
    await office.pass_time(67)
    assert {row.state for row in (await office.rows(mail)).values()} == {DELIVERED}
    assert (either.count, either.connections) == (1, 2)


@pytest.mark.parametrize("action", [DROP, "421 4.3.2 going down"])
@pytest.mark.parametrize("stage", ["MAIL", "RSET"])
async def test_an_end_of_a_kept_connection_costs_no_attempt(either: Sink, office: Office, stage: str, action: str) -> None:
    if stage == "RSET":
        either.rcpt["no@example.org"] = "550 5.1.1 no such user"
    await office.queue("no@example.org")
    office.start(to_smarthost(either))
    await office.deliver()
    either.script(stage, action)
    mail = await office.queue("a@example.org")
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.attempts, either.connections) == (DELIVERED, 1, 2)


@pytest.mark.parametrize("action", [DROP, RESET])
async def test_an_end_after_the_dot_is_uncertain(either: Sink, office: Office, action: str) -> None:
    either.script("DOT", action)
    mail = await office.queue("a@example.org", "b@example.org")
    office.start(to_smarthost(either))
    await office.deliver()
    assert {row.state for row in (await office.rows(mail)).values()} == {UNCERTAIN}


async def test_one_of_three_recipients_is_refused(either: Sink, office: Office) -> None:
    either.rcpt["b@example.org"] = "550 5.1.1 no such user"
    mail = await office.queue("a@example.org", "b@example.org", "c@example.org")
    office.start(to_smarthost(either))
    await office.deliver()
    assert [row.state for _, row in sorted((await office.rows(mail)).items())] == [DELIVERED, FAILED, DELIVERED]
    assert [m.rcpts for m in either.mails] == [("a@example.org", "c@example.org")]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
async def test_after_a_refusal_the_connection_serves_the_next_mail(either: Sink, office: Office, stage: str) -> None:
    either.script(stage, "550 5.7.1 no")
    mails = [await office.queue("a@example.org"), await office.queue("a@example.org")]
    office.start(to_smarthost(either, connections_per_destination=1))
    await office.deliver()
    assert [(await office.row(mail)).state for mail in mails] == [FAILED, DELIVERED]
    assert (either.connections, either.counted()["RSET"]) == (1, 1)


@pytest.mark.parametrize("reply", ["554 5.5.1 no recipients", "250 2.0.0 queued"])
async def test_354_without_recipients_is_answered_with_the_dot_alone(office: Office, sink: Sink, reply: str) -> None:
    """RFC 2920 §3.1. What such a server says then means no delivery to anybody."""
    sink.script("RCPT", "550 5.1.1 no such user")
    sink.script("DATA", "354 go ahead")
    sink.script("DOT", reply)
    mails = [await office.queue("a@example.org"), await office.queue("a@example.org")]
    office.start(to_smarthost(sink, connections_per_destination=1))
    await office.deliver()
    assert [(await office.row(mail)).state for mail in mails] == [FAILED, DELIVERED]
    assert [(m.rcpts, bool(m.data)) for m in sink.mails] == [((), False), (("a@example.org",), True)]
    assert sink.connections == (1 if reply.startswith("5") else 2)


@pytest.mark.parametrize("extra", [b"250 2.0.0 queued\r\n", b"354 go\r\n", b"550 no\r\n"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_a_server_out_of_step_is_left(either: Sink, office: Office, stage: str, extra: bytes) -> None:
    usual = {"MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go\r\n"}[stage]
    either.script(stage, Raw(usual + extra))
    mail = await office.queue("a@example.org")
    office.start(to_smarthost(either, **FAST))
    await office.deliver()
    state = (await office.row(mail)).state
    assert state is QUEUED or (state is FAILED and extra.startswith(b"550"))
    assert either.count == 0
    following = await office.queue("b@example.org")
    await office.deliver()
    assert ((await office.row(following)).state, either.connections) == (DELIVERED, 2)


async def test_a_reply_that_does_not_come(either: Sink, office: Office) -> None:
    either.script("RCPT", None, STALL)
    mail = await office.queue("a@example.org", "b@example.org")
    office.start(to_smarthost(either, **FAST))
    await office.deliver()
    assert {row.state for row in (await office.rows(mail)).values()} == {QUEUED}
    assert either.mails == []


async def test_many_recipients_go_in_one_group(either: Sink, office: Office) -> None:
    names = [f"user{i:02}@example.org" for i in range(40)]
    either.rcpt["user07@example.org"] = "450 4.2.1 later"
    mail = await office.queue(*names)
    office.start(to_smarthost(either))
    await office.deliver()
    states = {address: row.state for address, row in (await office.rows(mail)).items()}
    assert states == {name: QUEUED if name.startswith("user07") else DELIVERED for name in names}
    assert len(either.mails) == 1
