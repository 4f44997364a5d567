"""A clock that moves only when a test says so.

`ManualClock(now)` satisfies `smtpgate.clock.Clock`. `advance(seconds)` moves both clocks at once and wakes every
`sleep` whose time has come; the sleepers run at the next turn of the loop. `settle()` lets them run.
"""

from __future__ import annotations

import asyncio


class ManualClock:
    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self._now = now
        self._passed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = (self._passed + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Let time pass. Every sleep that ends within it wakes, the earliest first."""
        self._now += seconds
        self._passed += seconds
        for wakes_at, sleeper in sorted(self._sleepers, key=lambda s: s[0]):
            if wakes_at <= self._passed and not sleeper.done():
                sleeper.set_result(None)

    def set(self, now: float) -> None:
        """As somebody sets a clock: nothing has passed."""
        self._now = now

    @property
    def sleeping(self) -> int:
        """How many sleeps have not ended."""
        return sum(1 for _, sleeper in self._sleepers if not sleeper.done())

    async def settle(self, turns: int = 20) -> None:
        """Let everything that can run without time or input run."""
        for _ in range(turns):
            await asyncio.sleep(0)
