"""Replies of a session: in order, whatever pieces they come in; bounded, and never one that nobody asked for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.delivery.replies import Broken, Replies


class Wire(asyncio.Transport):
    """Takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass


THREE = b"250-first\r\n250 2.1.0 ok\r\n550\r\n354 go\r\n"
READ = [(250, "first\n2.1.0 ok"), (550, ""), (354, "go")]


@given(st.lists(st.integers(0, len(THREE)), max_size=6))
def test_replies_in_any_pieces(cuts: list[int]) -> None:
    async def run() -> None:
        replies = Replies(Wire())
        replies.send(b"three commands", 3)
        edges = [0, *sorted(cuts), len(THREE)]
        for start, end in itertools.pairwise(edges):
            replies.data_received(THREE[start:end])
        assert [await replies.next(1) for _ in range(3)] == READ
        assert not replies.waiting
        assert not replies.broken

    asyncio.run(run())


async def test_one_is_waited_for() -> None:
    replies = Replies(Wire())
    replies.send(b"x", 1)
    waiting = asyncio.create_task(replies.next(5))
    await asyncio.sleep(0)
    replies.data_received(b"250-a\r\n")
    await asyncio.sleep(0)
    assert not waiting.done()
    replies.data_received(b"250 b\r\n")
    assert await waiting == (250, "a\nb")


async def test_nothing_comes_in_time() -> None:
    replies = Replies(Wire())
    replies.send(b"x", 1)
    with pytest.raises(TimeoutError):
        await replies.next(0.01)


@pytest.mark.parametrize(("first", "then"), [(0.01, 0.03), (30, 0.01)], ids=["a timer that goes off too early", "one too late"])
async def test_each_reply_has_its_own_patience(first: float, then: float) -> None:
    """One timer serves them all, and is not set for each."""
    loop = asyncio.get_running_loop()
    replies = Replies(Wire())
    replies.send(b"x", 2)
    loop.call_soon(replies.data_received, b"250 a\r\n")
    assert await replies.next(first) == (250, "a")
    began = loop.time()
    with pytest.raises(TimeoutError):
        await replies.next(then)
    assert then <= loop.time() - began < 10


LOST: Callable[[Replies], object] = lambda replies: replies.connection_lost(None)  # noqa: E731
EOF: Callable[[Replies], object] = lambda replies: replies.eof_received()  # noqa: E731


@pytest.mark.parametrize("end", [LOST, EOF])
async def test_what_came_before_the_end_is_heard(end: Callable[[Replies], object]) -> None:
    replies = Replies(Wire())
    replies.send(b"x", 3)
    replies.data_received(b"250 a\r\n250 b\r\n250-half")
    end(replies)
    assert [(await replies.next(1))[1] for _ in range(2)] == ["a", "b"]
    with pytest.raises(Broken, match="connection lost"):
        await replies.next(1)
    with pytest.raises(Broken, match="connection lost"):
        replies.send(b"y", 1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"250 a\r\n250 b\r\n", "nobody asked"),
        (b"hello\r\n", "malformed reply: hello"),
        (b"250x\r\n", "malformed"),
        (b"25\r\n", "malformed"),
        (b"\xc2\xb250 ok\r\n", "malformed"),
        (b"250 " + b"x" * 9000 + b"\r\n", "too long"),
        (b"250 " + b"x" * 9000, "without end"),
        (b"250-" + b"x" * 8000 + b"\r\n", ""),
        ((b"250-" + b"x" * 8000 + b"\r\n") * 6, "too long"),
    ],
)
async def test_what_is_no_reply_ends_the_session(data: bytes, why: str) -> None:
    replies = Replies(Wire())
    replies.send(b"x", 1)
    replies.data_received(data)
    assert why in replies.broken
    assert bool(why) == bool(replies.broken)


async def test_who_takes_nothing_is_waited_for_until_the_connection_ends() -> None:
    replies = Replies(Wire())
    await replies.room()
    replies.pause_writing()
    waiting = asyncio.create_task(replies.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    replies.resume_writing()
    await waiting
    replies.pause_writing()
    waiting = asyncio.create_task(replies.room())
    await asyncio.sleep(0)
    replies.connection_lost(None)
    with pytest.raises(Broken):
        await waiting
