"""Signs of life come while there is progress, and stop when the loop, the store or a worker does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from smtpgate.errors import StoreAway, StoreError, StoreFull
from smtpgate.service.watchdog import Watchdog
from tests.support.clock import ManualClock
from tests.support.notify import NotifySocket, notify_socket


class Gateway:
    """What the watchdog looks at, each part of which can be frozen."""

    def __init__(self, told: NotifySocket) -> None:
        self.told = told
        self.clock = ManualClock()
        self.frozen: set[str] = set()
        self.store_says: StoreError | None = None
        self.beat = {"filing": 0.0, "delivery": 0.0}
        self.watchdog = Watchdog(self.clock, 10.0, self.probe, lambda: {n: (b, 5.0) for n, b in self.beat.items()})

    async def probe(self) -> None:
        if "store" in self.frozen:
            await asyncio.Event().wait()
        if self.store_says is not None:
            raise self.store_says

    async def live(self, seconds: int) -> int:
        """Let time pass; the signs of life in it."""
        before = self.told.count("WATCHDOG=1")
        for _ in range(seconds):
            self.beat.update({name: self.clock.monotonic() for name in self.beat if name not in self.frozen})
            self.clock.advance(1)
            await self.clock.settle()
        return self.told.count("WATCHDOG=1") - before


@asynccontextmanager
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    with notify_socket(tmp_path) as told:
        monkeypatch.setenv("NOTIFY_SOCKET", told.address)
        gateway = Gateway(told)
        task = asyncio.create_task(gateway.watchdog.run())
        await gateway.clock.settle()
        yield gateway
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_beats_while_everything_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as gateway:
        assert 9 <= await gateway.live(100) <= 11


@pytest.mark.parametrize("part", ["filing", "delivery", "store"])
async def test_a_frozen_part_ends_the_beats_and_a_living_one_brings_them_back(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as gateway:
        await gateway.live(20)
        gateway.frozen = {part}
        await gateway.live(30)
        assert await gateway.live(60) == 0
        assert any(
            line.startswith(f"STATUS=no progress: {'the store' if part == 'store' else part}") for line in gateway.told.lines()
        )
        if part != "store":
            gateway.frozen = set()
            assert await gateway.live(30) >= 2


async def test_a_store_that_refuses_ends_the_beats_but_one_that_is_full_or_away_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as gateway:
        for alive in (StoreFull("no room"), StoreAway("the server is away")):
            gateway.store_says = alive
            assert await gateway.live(100) >= 9
        gateway.store_says = StoreError("locked")
        await gateway.live(30)
        assert await gateway.live(60) == 0
        gateway.store_says = None
        assert await gateway.live(30) >= 2


async def test_a_held_loop_gives_no_beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as gateway:
        for _ in range(5):
            gateway.clock.advance(7)
            gateway.beat.update({name: gateway.clock.monotonic() for name in gateway.beat})
            await gateway.clock.settle()
        assert gateway.told.count("WATCHDOG=1") == 0


async def test_while_it_stops_only_the_loop_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as gateway:
        gateway.watchdog.stopping = True
        gateway.frozen = {"filing", "delivery", "store"}
        assert await gateway.live(60) >= 5
