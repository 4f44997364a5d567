"""The pool against real child processes: every way a child can be lost costs one mail at most, and none is mixed up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from benchmarks import tree
from smtpgate.errors import ParseFailed, ParserUnavailable
from smtpgate.limitsettings import Limits
from smtpgate.mail import parse, parserchild, worker
from smtpgate.mail.parserchild import Unread
from smtpgate.mail.worker import ParserPool
from smtpgate.model import Kind, ParsedMail

pytestmark = pytest.mark.usefixtures("forked")
HEAD = b"From: a@b.example\r\nSubject: x\r\n"
SMALL = HEAD + b"\r\nhello\r\n"
LARGE = HEAD + b"\r\n" + (b"y" * 76 + b"\r\n") * 200_000  # 15 MB of text: more than 64 MiB to read, if all of it is
COSTLY = HEAD + b"Content-Type: text/html\r\n\r\n" + b"<p>z</p><br>" * 1_000_000  # some CPU seconds, if all of it is read


def limits(**given: str) -> Limits:
    return Limits(**given)  # type: ignore[arg-type]  # units are text in the file


@asynccontextmanager
async def pool(processes: int = 1, idle: float = 60.0, **given: str) -> AsyncIterator[ParserPool]:
    made = ParserPool(limits(**given), processes=processes, idle=idle)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def pid(of: ParserPool) -> int:
    (child,) = of._children
    assert child.pid is not None
    return child.pid


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


async def works(of: ParserPool) -> None:
    assert (await of.parse(SMALL, "a@b.example")).text == "hello"


@pytest.mark.real
async def test_answers_are_those_of_parse() -> None:
    async with pool() as p:
        for mail_from in ("a@b.example", None, ""):
            found = await p.parse(SMALL, mail_from)
            assert found == parse.parse(SMALL, mail_from=mail_from, limits=Limits())
        assert (await p.parse(SMALL, None)).kind is Kind.SYSTEM


async def test_empty_and_binary_mail() -> None:
    async with pool() as p:
        assert (await p.parse(b"", None)).text == ""
        await p.parse(bytes(range(256)) * 100, None)
        await works(p)


async def test_many_at_once_are_not_mixed_up() -> None:
    async with pool(2) as p:
        found = await asyncio.gather(*(p.parse(HEAD + b"\r\nmail %d" % i, "a@b.example") for i in range(100)))
        assert [m.text for m in found] == [f"mail {i}" for i in range(100)]


async def test_several_read_together_each_have_their_own_answer() -> None:
    async with pool(2) as p:
        before = set(await both(p))
        beyond = b"X: y\r\n" * 1001 + SMALL
        groups = [[HEAD + b"\r\nmail %d of %d" % (i, n) for i in range(7)] + [beyond] for n in range(5)]
        found = await asyncio.gather(*(p.parse_together([Unread(raw, "a@b.example") for raw in group]) for group in groups))
        for n, answers in enumerate(found):
            assert [one.text for one in answers[:7] if isinstance(one, ParsedMail)] == [f"mail {i} of {n}" for i in range(7)]
            assert "fields" in str(answers[7])
        assert await p.parse_together([]) == []
        assert set(await both(p)) == before


async def test_limits_are_told_and_the_child_goes_on() -> None:
    async with pool() as p:
        before = pid(p)
        with pytest.raises(ParseFailed, match="fields"):
            await p.parse(b"X: y\r\n" * 1001 + SMALL, None)
        await works(p)
        assert pid(p) == before


async def test_killed_on_cpu_and_replaced() -> None:
    async with pool(parse_cpu="1s", parse_wall="60s", parse_memory="2048MiB", text_kept="16MiB") as p:
        before = pid(p)
        with pytest.raises(ParseFailed, match="CPU"):
            await p.parse(COSTLY, None)
        await works(p)
        assert pid(p) != before


async def test_cpu_is_granted_for_each_mail_anew() -> None:
    async with pool(parse_cpu="1s") as p:
        before = pid(p)
        half = HEAD + b"Content-Type: text/html\r\n\r\n" + b"<p>some text here</p>" * 12_000
        while tree.cpu(before) < 1.1:  # as often as a fast machine needs
            await p.parse(half, None)
        assert pid(p) == before


@pytest.mark.real
async def test_stopped_on_memory_and_replaced() -> None:
    async with pool(parse_memory="64MiB", text_kept="16MiB") as p:
        before = pid(p)
        with pytest.raises(ParseFailed, match="memory"):
            await p.parse(LARGE, None)
        await works(p)
        assert pid(p) != before


async def test_killed_on_wall_clock_and_replaced() -> None:
    async with pool(parse_wall="1s") as p:
        before = pid(p)
        os.kill(before, signal.SIGSTOP)  # it hangs without using CPU
        with pytest.raises(ParseFailed, match="longer than 1 s"):
            await p.parse(SMALL, None)
        await works(p)
        assert pid(p) != before


async def test_crash_on_a_mail_is_told() -> None:
    async with pool() as p:
        os.kill(pid(p), signal.SIGSEGV)
        with pytest.raises(ParseFailed, match="signal 11"):
            await p.parse(SMALL, None)
        await works(p)


async def test_child_killed_from_outside_costs_no_mail() -> None:
    async with pool() as p:
        os.kill(pid(p), signal.SIGKILL)
        await works(p)


async def test_signals_to_the_group_do_not_end_a_child() -> None:
    async with pool() as p:
        before = pid(p)
        os.kill(before, signal.SIGTERM)
        os.kill(before, signal.SIGINT)
        await works(p)
        assert pid(p) == before


async def test_cancelling_a_caller_leaves_no_frame_out_of_step() -> None:
    async with pool() as p:
        for wait in (0.0, 0.001, 0.01, 0.05):
            hangs = wait > 0.001  # else a fast machine has answered by then
            if hangs:
                os.kill(stopped := pid(p), signal.SIGSTOP)
            task = asyncio.create_task(p.parse(LARGE, None))
            await asyncio.sleep(wait)
            task.cancel()
            if hangs:
                os.kill(stopped, signal.SIGCONT)
            with pytest.raises(asyncio.CancelledError):
                await task
            await works(p)


async def test_waiting_callers_can_be_cancelled() -> None:
    async with pool() as p:
        first = asyncio.create_task(p.parse(LARGE, None))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(p.parse(SMALL, None))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([first, waiting])
        assert waiting.cancelled()
        await works(p)


@pytest.mark.real
async def test_child_is_confined() -> None:
    async with pool(parse_memory="64MiB", text_kept="16MiB") as p:
        with open(f"/proc/{pid(p)}/limits", encoding="ascii") as file:
            found = {line[:26].strip(): line[26:].split()[0] for line in file}
        assert found["Max core file size"] == "0"
        assert int(found["Max open files"]) <= 64
        assert found["Max address space"] != "unlimited"


async def test_child_is_replaced_after_many_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_SERVED", 3)
    async with pool() as p:
        before = pid(p)
        for _ in range(4):
            await works(p)
        assert pid(p) != before


async def test_stderr_of_a_child_is_logged_and_never_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []

    class Log:
        def warning(self, _: str, **about: Any) -> None:
            heard.append(about)

    monkeypatch.setattr(parserchild, "log", Log())
    reader = asyncio.StreamReader()
    reader.feed_data(b"Traceback\n" + b"x" * 200_000)
    reader.feed_eof()
    await parserchild._log_lines(reader, 7)
    assert heard[0]["text"].startswith("Traceback")
    assert all(len(h["text"]) <= 1000 and h["pid"] == 7 for h in heard)


async def test_child_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    p = ParserPool(limits())
    with pytest.raises(ParserUnavailable, match="does not start"):
        await p.start()


async def test_callers_of_a_stopped_pool_hear_of_it_and_no_mail_is_called_unreadable() -> None:
    p = ParserPool(limits())
    await p.start()
    os.kill(pid(p), signal.SIGSTOP)  # else a fast machine has read one of them by then
    tasks = [asyncio.create_task(p.parse(LARGE, None)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await p.stop()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(found, RuntimeError)
        assert "stopped" in str(found)


async def test_child_that_cannot_be_replaced_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool() as p:
        real = sys.executable
        monkeypatch.setattr(sys, "executable", "/bin/false")
        assert p._server.pid is not None
        os.kill(p._server.pid, signal.SIGKILL)  # what it would have been forked from
        os.kill(pid(p), signal.SIGSEGV)
        with pytest.raises(ParseFailed):
            await p.parse(SMALL, None)
        await asyncio.sleep(0.2)
        monkeypatch.setattr(sys, "executable", real)
        await works(p)


async def test_as_many_as_mails_wait_for_and_no_more() -> None:
    async with pool(3) as p:
        assert len(p.doing()) == 1, "to see that they can be started"
        for _ in range(3):
            await works(p)
        assert len(p.doing()) == 1, "one mail after the other needs one"
        os.kill(stopped := pid(p), signal.SIGSTOP)
        first = asyncio.create_task(works(p))
        await asyncio.sleep(0)
        await works(p)
        assert len(p.doing()) == 2, "one waited, one came"
        await asyncio.gather(*(works(p) for _ in range(20)))
        await until(lambda: len(p.doing()) == 3)
        await asyncio.gather(*(works(p) for _ in range(20)))
        assert len(p.doing()) == 3
        os.kill(stopped, signal.SIGCONT)
        await first


async def test_one_with_nothing_to_read_ends_and_the_next_mail_has_another() -> None:
    async with pool(2, idle=0.2) as p:
        loop = asyncio.get_running_loop()
        os.kill(busy := pid(p), signal.SIGSTOP)
        slow = asyncio.create_task(works(p))
        await asyncio.sleep(0)
        await works(p)
        since, (other,) = loop.time(), {c.pid for c in p._children} - {busy}
        assert other is not None
        await until(lambda: {c.pid for c in p._children} == {busy})
        assert loop.time() - since >= 0.19
        with pytest.raises(ProcessLookupError):
            os.kill(other, 0)
        os.kill(busy, signal.SIGCONT)  # it was reading for all that time
        await slow
        assert pid(p) == busy
        await until(lambda: not p.doing())
        await works(p)
        assert p.forking is not None
        assert pid(p) not in (busy, other)


async def test_one_that_works_again_and_again_stays() -> None:
    async with pool(idle=0.2) as p:
        before, end = pid(p), asyncio.get_running_loop().time() + 0.6
        while asyncio.get_running_loop().time() < end:
            await works(p)
            await asyncio.sleep(0.01)
        assert pid(p) == before


async def test_a_dead_one_makes_room_for_another_while_all_wait() -> None:
    async with pool(2) as p:
        for c in await both(p):
            os.kill(c, signal.SIGSTOP)
        tasks = [asyncio.create_task(works(p)) for _ in range(6)]
        await asyncio.sleep(0.01)
        for c in await both(p):
            os.kill(c, signal.SIGKILL)
        await asyncio.gather(*tasks)
        assert len(p.doing()) <= 2


async def both(of: ParserPool) -> list[int]:
    if len(of.doing()) < 2:
        await asyncio.gather(works(of), works(of))
        await until(lambda: len(of.doing()) == 2)
    return [c.pid for c in of._children if c.pid is not None]


async def test_nothing_is_left_after_stop() -> None:
    p = ParserPool(limits(), processes=2)
    await p.start()
    await both(p)
    pids = [number for number in (*(c.pid for c in p._children), p._server.pid) if number is not None]
    assert len(pids) == 3
    await p.stop()
    await p.stop()
    for number in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
    assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
