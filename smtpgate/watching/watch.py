"""Answers those who watch: /metrics, /health/live, /health/ready. The store is asked at most every few seconds, however often
somebody looks, and never for long: what it does not tell in time is left out, and smtpgate_store_up says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog

from smtpgate import metrics
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.errors import StoreError
from smtpgate.metrics import Snapshot
from smtpgate.store.file import room
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.seen import Overview
from smtpgate.store.verbs import VerbStore
from smtpgate.watching import exposition, gauges, health
from smtpgate.watching.http import Answer, HttpServer

log = structlog.get_logger(__name__)

_FRESH = 5.0  # seconds for which the store's answers are used again
_PATIENCE = 3.0  # seconds that it gets
_EVERY = 0.5  # seconds between two looks at the loop's lag


class Watched(Protocol):
    """The gateway, as whoever watches it sees it. Only what its name says may raise, StoreError."""

    def doing(self) -> Mapping[str, Any]: ...
    def counted(self) -> Snapshot: ...
    def turns(self) -> Mapping[str, tuple[float, float]]: ...
    def room(self) -> tuple[int, int]: ...
    async def overview(self) -> Overview: ...
    async def probe(self) -> None: ...


class Gateway(Protocol):
    """What app.Gateway has of that at any moment of its life; store only once it has started."""

    config: Config
    clock: Clock
    store: VerbStore

    def doing(self) -> Mapping[str, Any]: ...
    def counted(self) -> Snapshot: ...
    def turns(self) -> Mapping[str, tuple[float, float]]: ...


class OfGateway:
    """A gateway as Watched."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.doing, self.counted, self.turns = gateway.doing, gateway.counted, gateway.turns

    def room(self) -> tuple[int, int]:
        """Bytes free on the disk of the store, and below how many mail is refused."""
        config = self._gateway.config
        free, size = room(config.store.path, RawFiles.of(config.store).home)
        return free, config.limits.least_free(size)

    async def overview(self) -> Overview:
        now, desks = self._gateway.clock.now(), [desk.name for desk in self._gateway.config.desk]
        seen = await self._gateway.store.overview(now)
        return replace(seen, overdue=await self._gateway.store.overdue(desks, now))

    async def probe(self) -> None:
        await self._gateway.store.probe(self._gateway.clock.now())


@dataclass(slots=True)
class Kept:
    """The last answer of the store to one question."""

    ask: Callable[[], Awaitable[Any]]
    clock: Clock
    value: Any = None
    error: str = ""
    _until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def fresh(self) -> Any:
        """None when it did not answer; `error` says why."""
        async with self._lock:
            if self.clock.monotonic() >= self._until:
                self.value, self.error = None, ""
                try:
                    async with asyncio.timeout(_PATIENCE):
                        self.value = await self.ask()
                except StoreError as error:
                    self.error = str(error)
                except TimeoutError:
                    self.error = f"no answer within {_PATIENCE:g} s"
                self._until = self.clock.monotonic() + _FRESH
            return self.value


class Watch:
    """started, stopping, failed: what the gateway tells of its own life."""

    def __init__(self, listen: list[str], watched: Watched, clock: Clock) -> None:
        self.started = self.stopping = False
        self.failed = ""
        self._watched, self._clock = watched, clock
        self._server = HttpServer(listen, self._ask)
        self._overview = Kept(watched.overview, clock)
        self._probe = Kept(watched.probe, clock)
        self._lag: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return self._server.addresses

    async def start(self) -> None:
        """Raises OSError when it cannot listen."""
        await self._server.start()
        self._lag = asyncio.create_task(_watch_loop(), name="loop's lag")
        log.info("watched", addresses=[f"{host}:{port}" for host, port in self.addresses])

    async def stop(self) -> None:
        if self._lag is not None:
            self._lag.cancel()
            await asyncio.gather(self._lag, return_exceptions=True)
        await self._server.stop()

    async def _ask(self, path: str, accept: str) -> Answer:
        match path:
            case "/metrics":
                return Answer(200, *await self._metrics(accept))
            case "/health/live":
                return _told(health.not_live(self._state()), "live")
            case "/health/ready":
                return _told(await self._not_ready(), "ready")
        return Answer(404, b"/metrics, /health/live, /health/ready\n")

    async def _metrics(self, accept: str) -> tuple[bytes, str]:
        read = gauges.of_process(self._watched.doing())
        read["turn_age_seconds"] = {name: age for name, (age, _) in self._watched.turns().items()}
        state = self._state()
        read["disk_free_bytes"], read["disk_least_bytes"] = {"": float(state.free)}, {"": float(state.least)}
        seen: Overview | None = await self._overview.fresh() if self.started else None
        read["store_up"] = {"": float(seen is not None)}
        if seen is not None:
            read |= gauges.of_store(seen, self._clock.now())
        read["ready"] = {"": float(not await self._not_ready())}
        counted = self._watched.counted()
        return await asyncio.to_thread(exposition.text, counted, read, accept)

    async def _not_ready(self) -> list[str]:
        if self.started and not self.stopping:
            await self._probe.fresh()
        return health.not_ready(self._state())

    def _state(self) -> health.State:
        free, least = self._watched.room()
        turns = self._watched.turns()
        return health.State(self.started, self.stopping, self.failed, turns, self._probe.error, free, least)


async def _watch_loop() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY
        await asyncio.sleep(_EVERY)
        metrics.LAG.observe(max(0.0, loop.time() - due), "gateway")


def _told(reasons: list[str], good: str) -> Answer:
    body = json.dumps(health.shown(reasons, good), ensure_ascii=False).encode() + b"\n"
    return Answer(503 if reasons else 200, body, "application/json")
