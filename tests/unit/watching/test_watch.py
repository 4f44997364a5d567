"""Health and its reasons; a store that answers late, wrongly, or is asked too often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from smtpgate import metrics
from smtpgate.errors import StoreError
from smtpgate.metrics import Snapshot
from smtpgate.store.seen import Overview
from smtpgate.watching import health, watch
from smtpgate.watching.watch import Watch
from tests.support.clock import ManualClock

GOOD = health.State(True, False, "", {"filing": (31.0, 2.0), "delivery": (0.0, 5.0)}, "", 10, 10)


@pytest.mark.parametrize(
    ("change", "live", "ready"),
    [
        ({}, [], []),
        ({"started": False, "store": "away"}, [], ["it is starting"]),
        ({"stopping": True, "free": 0}, [], ["it is stopping"]),
        ({"turns": {"filing": (32.1, 2.0)}}, ["filing has not come round for 32 s"], ["filing has not come round for 32 s"]),
        ({"failed": "disk"}, ["the store failed for good: disk"], ["the store failed for good: disk"]),
        ({"store": "full"}, [], ["the store cannot be written: full"]),
        ({"free": 9}, [], ["9 bytes are free on the disk of the store; below 10 mail is answered 452"]),
    ],
)
def test_health(change: dict[str, Any], live: list[str], ready: list[str]) -> None:
    state = replace(GOOD, **change)
    assert health.not_live(state) == live
    assert health.not_ready(state) == ready


@dataclass
class Fake:
    """A gateway whose store does what `store` says."""

    error: str = ""
    slow: bool = False
    asked: list[str] = field(default_factory=list)

    def doing(self) -> Mapping[str, Any]:
        return {}

    def counted(self) -> Snapshot:
        return metrics.total()

    def turns(self) -> dict[str, tuple[float, float]]:
        return {"filing": (1.5, 2.0)}

    def room(self) -> tuple[int, int]:
        return 100, 50

    async def overview(self) -> Overview:
        await self._answer("overview")
        return Overview({"mail.accepted": 3}, (), {}, (), (), 1)

    async def probe(self) -> None:
        await self._answer("probe")

    async def _answer(self, what: str) -> None:
        self.asked.append(what)
        if self.slow:
            await asyncio.sleep(60)
        if self.error:
            raise StoreError(self.error)


async def got(watched: Watch, path: str) -> tuple[int, str]:
    answer = await watched._ask(path, "")
    return answer.status, answer.body.decode()


async def test_a_store_is_asked_once_in_five_seconds() -> None:
    gateway, clock = Fake(), ManualClock()
    watched = Watch([], gateway, clock)
    watched.started = True
    await asyncio.gather(*(got(watched, path) for path in ("/metrics", "/health/ready") * 5))
    assert sorted(gateway.asked) == ["overview", "probe"]
    gateway.error = "no room"
    assert await got(watched, "/health/ready") == (200, '{"status": "ready", "reasons": []}\n')
    clock.advance(5.1)
    status, body = await got(watched, "/health/ready")
    assert (status, json.loads(body)["reasons"]) == (503, ["the store cannot be written: no room"])
    _, text = await got(watched, "/metrics")
    assert "smtpgate_store_up 0.0" in text
    assert "smtpgate_ready 0.0" in text
    assert "smtpgate_incoming_mails" not in text
    assert 'smtpgate_turn_age_seconds{loop="filing"} 1.5' in text
    clock.advance(5.1)
    gateway.error = ""
    assert (await got(watched, "/health/ready"))[0] == 200
    assert 'smtpgate_incoming_mails{state="accepted"} 3.0' in (await got(watched, "/metrics"))[1]


async def test_a_store_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PATIENCE", 0.05)
    watched = Watch([], Fake(slow=True), ManualClock())
    watched.started = True
    async with asyncio.timeout(10):
        assert "smtpgate_store_up 0.0" in (await got(watched, "/metrics"))[1]
        assert "no answer within" in (await got(watched, "/health/ready"))[1]
    assert (await got(watched, "/health/live"))[0] == 200


async def test_before_it_has_started_the_store_is_not_asked() -> None:
    gateway = Fake()
    watched = Watch([], gateway, ManualClock())
    assert (await got(watched, "/health/ready"))[0] == 503
    assert "smtpgate_ready 0.0" in (await got(watched, "/metrics"))[1]
    assert (await got(watched, "/health/live"))[0] == 200
    assert (await got(watched, "/"))[0] == 404
    assert gateway.asked == []
