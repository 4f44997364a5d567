"""The runner of the queue and those of earlier configurations, which are finishing: for whichever process they are in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from smtpgate.auth.dns import Resolver
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.delivery.runner import Runner, attempt_limit
from smtpgate.store.api import DeliveryStore

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Sending:
    """failed is called with the reason when a runner ends by an exception."""

    config: Config
    store: DeliveryStore
    resolver: Resolver
    clock: Clock
    worker: str
    failed: Callable[[str], None]
    _runner: Runner = field(init=False)
    _retired: list[Runner] = field(init=False, default_factory=list)  # of earlier configurations
    _tasks: set[asyncio.Task[None]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._runner = self._make(self.config)

    def start(self) -> None:
        self._run(self._runner.run())

    def wake(self) -> None:
        self._runner.wake()

    def renew(self, config: Config) -> None:
        """A new runner takes the queue while the old one ends its attempts."""
        runner = self._make(config)
        patience = attempt_limit(self.config.delivery)  # no attempt lasts longer
        self.config, old, self._runner = config, self._runner, runner
        self._retired.append(old)
        self._run(self._retire(old, patience))
        self._run(runner.run())

    async def stop(self, grace: float) -> None:
        """Let attempts under way end within `grace` seconds, give the rest back. Cancelled, it leaves no task."""
        try:
            await asyncio.gather(*(runner.stop(grace) for runner in (self._runner, *self._retired)))
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            for task in self._tasks:
                task.cancel()

    @property
    def beat(self) -> float:
        """Of the runner's loop (monotonic)."""
        return self._runner.beat

    def doing(self) -> dict[str, Any]:
        """For `status`."""
        return {**self._runner.doing(self.clock.monotonic()), "retired": len(self._retired)}

    def _make(self, config: Config) -> Runner:
        return Runner(self.store, config, self.resolver, self.clock, self.worker)

    async def _retire(self, runner: Runner, patience: float) -> None:
        await runner.stop(patience)
        self._retired.remove(runner)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="delivery")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that ends by an exception takes the process with it: a gateway that only accepts is a trap."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.critical("a loop ended", loop=task.get_name(), exc_info=task.exception())
            self.failed(f"the {task.get_name()} loop ended: {task.exception()}")
