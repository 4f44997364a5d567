from __future__ import annotations

import asyncio

from tests.support.clock import ManualClock


async def test_sleep_ends_only_when_its_time_has_passed() -> None:
    clock = ManualClock(1000.0)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper("late", 10)), asyncio.create_task(sleeper("early", 5))]
    await clock.settle()
    assert (woken, clock.sleeping) == ([], 2)
    clock.advance(4.9)
    await clock.settle()
    assert woken == []
    clock.advance(5.1)
    await clock.settle()
    assert woken == ["early", "late"]
    assert (clock.now(), clock.monotonic(), clock.sleeping) == (1010.0, 10.0, 0)
    await asyncio.gather(*tasks)
