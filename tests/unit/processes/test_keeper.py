"""The hold on another process: what a reload changes in it, and its end, which two may ask for at once."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

from smtpgate.clock import SystemClock
from smtpgate.config import Config
from smtpgate.processes import child, keeper, words
from smtpgate.processes.keeper import Keeper
from smtpgate.processes.words import Terms

CONFIG: dict[str, Any] = {"server": {"name": "mx.help.example"}, "desk": [{"name": "support", "address": "support@help.example"}]}


def terms(**limits: Any) -> Terms:
    return Terms(Config.model_validate({**CONFIG, "limits": limits}), (), b"")


class Recorded:
    """A link to a process that takes everything."""

    def __init__(self) -> None:
        self.largest = 0

    def expect(self, largest: int) -> None:
        self.largest = largest

    async def ask(self, name: str, *args: Any) -> None:
        assert (name, self.largest) == (words.RENEW, words.largest_frame(args[0].config))


async def test_a_reload_agrees_on_larger_mail_before_any_can_come() -> None:
    kept = Keeper(child.DOOR, terms(), "node/1", SystemClock(), {}, ())
    link = Recorded()
    kept._child = type("Running", (), {"link": link})()  # type: ignore[assignment]
    larger = terms(message_size="100MiB")
    await kept.renew(larger)
    assert link.largest == words.largest_frame(larger.config) > words.largest_frame(terms().config)


async def test_two_may_end_a_process_at_once_and_one_may_be_cancelled() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], {})
        running = keeper._Child(child.Born(pid, ours), {}, (), 1000, 0.0)
        first = asyncio.create_task(running.end())
        await asyncio.sleep(0)
        first.cancel()
        said = await asyncio.gather(running.end(), running.end())
        assert said == [f"it died of {signal.SIGKILL.name}"] * 2
        assert await running.end() == said[0]
        await running.abort()  # of one that is no more: nothing is sent to whoever has its number now


class Numb:
    """A clock that never lets anybody wait to the end."""

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_one_that_counted_nonsense_is_replaced_as_well() -> None:
    ours, theirs = socket.socketpair()
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
    kept = Keeper(child.DOOR, terms(), "node/1", Numb(), {}, ())  # type: ignore[arg-type]
    kept._child = running = keeper._Child(child.Born(pid, ours), {}, (), 1000, 0.0)
    await running.link.over(ours)
    await kept._pulse({}, {("name", ()): "no number"})  # type: ignore[dict-item]
    theirs.close()
    keeping = asyncio.create_task(kept._keep())
    async with asyncio.timeout(20):
        while kept.pid is not None or kept._counted:
            await asyncio.sleep(0.01)
    assert not keeping.done()
    keeping.cancel()
