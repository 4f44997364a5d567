"""Questions and answers over a real pair of sockets; frames that are cut anywhere, too large, or not what was agreed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import pytest

from smtpgate.errors import StoreAway, StoreError, StoreFull
from smtpgate.model import Evidence
from smtpgate.processes import words
from smtpgate.processes.link import HEAD, Handler, Link, LinkFault, LinkLost
from tests.support.store_data import accepted, an_attempt, an_entry


async def echo(*args: Any) -> Any:
    return args


async def fail(error: str) -> None:
    raise {"full": StoreFull("no room"), "port": OSError("taken"), "lease": StoreAway("away"), "bug": ValueError("secret")}[error]


async def forever() -> None:
    await asyncio.Event().wait()


HANDLERS: dict[str, Handler] = {"echo": echo, "fail": fail, "forever": forever}


@asynccontextmanager
async def linked(**of_the_server: Any) -> AsyncIterator[tuple[Link, Link]]:
    """Client and server."""
    ours, theirs = socket.socketpair()
    client, server = Link({}), Link(HANDLERS, **of_the_server)
    await client.over(ours)
    await server.over(theirs)
    try:
        yield client, server
    finally:
        client.close()
        server.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def wired(**of_the_server: Any) -> AsyncIterator[tuple[socket.socket, Link]]:
    """A bare socket and the server at its other end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    server = Link(HANDLERS, **of_the_server)
    await server.over(theirs)
    with ours:
        yield ours, server
    server.close()
    await asyncio.sleep(0)


def frame(what: Any, kind: int = 0, number: int = 1) -> bytes:
    body = pickle.dumps(what)
    return HEAD.pack(kind, number, len(body)) + body


async def answer(ours: socket.socket) -> tuple[int, Any]:
    """Number and content of the next one."""

    async def exactly(octets: int) -> bytes:
        data = b""
        while len(data) < octets:
            data += await asyncio.get_running_loop().sock_recv(ours, octets - len(data))
        return data

    _, number, octets = HEAD.unpack(await exactly(HEAD.size))
    return number, pickle.loads(await exactly(octets))


async def test_many_questions_at_once_each_get_their_own_answer() -> None:
    async with linked() as (client, _):
        answers = await asyncio.gather(*(client.ask("echo", i, b"x" * (i * 100)) for i in range(200)))
    assert answers == [(i, b"x" * (i * 100)) for i in range(200)]


async def test_large_and_small_frames_in_any_order() -> None:
    sizes = [1, 300_000, 0, 262_144, 5, 3_000_000, 262_135, 262_136, 1, 1]
    async with linked() as (client, _):
        answers = await asyncio.gather(*(client.ask("echo", os.urandom(size)) for size in sizes))
    assert [len(answer[0]) for answer in answers] == sizes


@pytest.mark.parametrize("step", [1, 2, 7, 10, 1000])
async def test_frames_that_come_in_pieces(step: int) -> None:
    async with wired() as (ours, _):
        loop = asyncio.get_running_loop()
        data = b"".join(frame(("echo", (i,)), number=i) for i in range(1, 20))
        for at in range(0, len(data), step):
            await loop.sock_sendall(ours, data[at : at + step])
            await asyncio.sleep(0)
        assert [await answer(ours) for _ in range(1, 20)] == [(i, (i,)) for i in range(1, 20)]


@pytest.mark.parametrize(("error", "kind"), [("full", StoreFull), ("port", OSError), ("lease", StoreAway)])
async def test_an_error_of_ours_is_raised_at_the_asker(error: str, kind: type[Exception]) -> None:
    async with linked() as (client, _):
        with pytest.raises(kind) as caught:
            await client.ask("fail", error)
        assert type(caught.value) is kind
        assert await client.ask("echo", 1) == (1,)


async def test_any_other_is_a_fault_without_its_words() -> None:
    async with linked() as (client, _):
        with pytest.raises(LinkFault) as caught:
            await client.ask("fail", "bug")
        assert "secret" not in str(caught.value)


async def test_open_questions_hear_that_the_other_process_is_gone() -> None:
    lost: list[int] = []
    async with linked(on_lost=lambda: lost.append(1)) as (client, server):
        asking = asyncio.create_task(client.ask("forever"))
        await asyncio.sleep(0.01)
        server.close()
        with pytest.raises(LinkLost):
            await asking
        with pytest.raises(LinkLost):
            await client.ask("echo", 1)
        assert client.lost
    assert not lost, "who closes it himself need not be told"


async def test_a_question_whose_asker_was_cancelled_is_forgotten() -> None:
    async with linked() as (client, _):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.ask("forever")
        assert await client.ask("echo", 2) == (2,)
        assert not client._open


async def test_nothing_piles_up_for_a_process_that_was_stopped() -> None:
    async with wired() as (_, server):
        for _ in range(200):
            server.tell("pulse", bytes(50_000))
            await asyncio.sleep(0)
        assert server._transport is not None
        assert server._transport.get_write_buffer_size() < 1_200_000


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("exit 1",))


@pytest.mark.parametrize(
    "data",
    [
        frame(("echo", (Trap(),))),
        frame(("echo", (StoreError("not among them"),))),
        frame(("no such question", ())),
        frame("no question"),
        frame(("echo", ()), kind=9),
        HEAD.pack(0, 1, 2000),
        HEAD.pack(0, 1, 4) + b"junk",
    ],
)
async def test_what_was_not_agreed_ends_the_link(data: bytes) -> None:
    lost = asyncio.Event()
    async with wired(classes=(Evidence,), largest=1000, on_lost=lost.set) as (ours, server):
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(ours, frame(("echo", (Evidence.NONE,))))
        assert Evidence.NONE.value.encode() in await loop.sock_recv(ours, 1000)
        await loop.sock_sendall(ours, data)
        await asyncio.wait_for(lost.wait(), 5)
        assert server.lost


async def test_a_reload_that_allows_larger_mail_lets_larger_frames_in() -> None:
    async with linked(largest=1000) as (client, server):
        server.expect(5000)
        server.expect(500)  # what is on its way was agreed before
        assert await client.ask("echo", bytes(3000)) == (bytes(3000),)


@pytest.mark.parametrize("kind", [kind for kind in (*words.OF_THE_DOOR, *words.OF_DELIVERY) if issubclass(kind, Enum)])
async def test_members_of_enums_travel_by_value_on_every_python(kind: type[Enum], monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11.2, which Debian 12 has, would pickle a call of getattr, which the other side does not expect."""
    monkeypatch.setattr(kind, "__reduce_ex__", lambda self, _: (getattr, (type(self), self.name)))
    async with linked(classes=(kind,)) as (client, _):
        assert await client.ask("echo", *kind) == tuple(kind)


async def test_what_delivery_has_to_say_of_an_attempt_goes_through_with_its_own_classes_alone() -> None:
    """A report that comes back with it is a whole mail, with its envelope and verdict."""
    returned = accepted(mail_from=None)
    async with linked(classes=words.OF_DELIVERY) as (client, _):
        said = ((an_attempt(7),), (7,), (an_entry(1),), (returned,))
        assert await client.ask("echo", *said) == said


@pytest.mark.parametrize("kind", [one for one in dict.fromkeys((*words.OF_THE_DOOR, *words.OF_DELIVERY)) if is_dataclass(one)])
def test_what_travels_by_its_fields_is_made_of_them_in_this_order(kind: Any) -> None:
    members = fields(kind)
    assert tuple(member.name for member in members) == kind.__slots__
    assert all(member.init and not member.kw_only for member in members)
    one = kind(*(f"{member.name}'s" for member in members))
    assert pickle.loads(pickle.dumps(one)) == one
    assert b"dataclass" not in pickle.dumps(one)  # Python's own way
