"""The sign of life to systemd, given only while there is progress: the loop turns, the store writes, the workers come round.

A gateway that only accepts, or one that hangs, is killed and started again; it loses nothing by that. A store that
answers that it is full makes progress here: a restart would not make room, and 452 is the right answer meanwhile. So does
one whose database server is away: a restart would bring it back no sooner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from smtpgate.clock import Clock
from smtpgate.errors import StoreAway, StoreError, StoreFull
from smtpgate.service import systemd

log = structlog.get_logger(__name__)

TICK = 1.0  # seconds between two looks
LAG = 5.0  # seconds that a look may come late
PROBE_EVERY = 5.0
PROBE_WITHIN = 20.0  # seconds since the store last wrote
BEAT_WITHIN = 20.0  # seconds beyond its poll that a worker may take for one turn


@dataclass(slots=True)
class Watchdog:
    """beats: for each worker, when it last came round (monotonic) and how long it rests at most."""

    clock: Clock
    every: float  # seconds between two signs of life
    probe: Callable[[], Awaitable[None]]
    beats: Callable[[], dict[str, tuple[float, float]]]
    stopping: bool = False  # workers rest and the store closes: only the loop is looked at
    _wrote: float = field(init=False, default=0.0)
    _silent: str = field(init=False, default="")

    async def run(self) -> None:
        """Until cancelled."""
        self._wrote = self.clock.monotonic()
        probing = asyncio.create_task(self._probe(), name="probe")
        told = -self.every
        try:
            while True:
                before = self.clock.monotonic()
                await self.clock.sleep(min(TICK, self.every))
                now = self.clock.monotonic()
                why = self.trouble(now, lag=now - before - min(TICK, self.every))
                self._report(why)
                if not why and now - told >= self.every:
                    systemd.notify("WATCHDOG=1")
                    told = now
        finally:
            probing.cancel()

    def trouble(self, now: float, *, lag: float) -> str:
        """What does not move; "" when everything does."""
        if lag >= LAG:
            return f"the event loop was held for {lag:.0f} s"
        if self.stopping:
            return ""
        if now - self._wrote > PROBE_WITHIN:
            return f"the store has not written for {now - self._wrote:.0f} s"
        for name, (beat, rest) in self.beats().items():
            if now - beat > rest + BEAT_WITHIN:
                return f"{name} has not moved for {now - beat:.0f} s"
        return ""

    def _report(self, why: str) -> None:
        if why and not self._silent:
            log.error("no progress, systemd is told nothing", reason=why)
            systemd.notify(f"STATUS=no progress: {why}")
        elif self._silent and not why:
            log.info("progress again")
            systemd.notify("STATUS=running")
        self._silent = why

    async def _probe(self) -> None:
        while not self.stopping:
            try:
                await self.probe()
            except (StoreFull, StoreAway):
                pass  # see above
            except StoreError as error:
                log.warning("the store's write probe failed", error=str(error))
                await self.clock.sleep(PROBE_EVERY)
                continue
            self._wrote = self.clock.monotonic()
            await self.clock.sleep(PROBE_EVERY)
