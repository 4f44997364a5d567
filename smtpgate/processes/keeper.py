"""The main process's hold on one of the others: starts it, hears it, replaces it when it dies or hangs, ends it.

One that is silent for too long is taken for hung and killed. start() and renew() raise OSError when it cannot be started or
cannot use what it is given.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from smtpgate import metrics
from smtpgate.clock import Clock
from smtpgate.intake.sockets import Listeners
from smtpgate.metrics import Snapshot
from smtpgate.processes import child, words
from smtpgate.processes.link import Handler, Link, LinkFault, LinkLost
from smtpgate.processes.words import Terms

log = structlog.get_logger(__name__)

SILENT = 15.0  # seconds without a pulse, after which it hangs
_LOOK = 1.0  # seconds between two looks whether it does
_BEGIN = 60.0  # seconds to begin
_AFTER_ABORT = 2.0  # seconds that a hung one gets to say where it hangs
_STEADY = 60.0  # seconds of life, after which a death is not taken for the next of a row
_WAITS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the next one of a row is started; the last repeats
_LATE = 5.0  # seconds beyond its grace that a stopping one gets


async def _nothing(name: str) -> None:
    """Of a process that leaves nothing to put in order."""


@dataclass(slots=True)
class Keeper:
    """handlers answer what it asks, besides its pulse; classes are all that it may say it with. name: of the gateway, to which
    the number of the process is added. buried: what one that died has left behind is put in order, by its name. born: a
    process that was made ahead, for the first one."""

    role: str
    terms: Terms
    name: str
    clock: Clock
    handlers: Mapping[str, Handler]
    classes: Collection[type]
    listeners: Listeners = field(default_factory=Listeners)
    buried: Callable[[str], Awaitable[None]] = _nothing
    born: child.Born | None = None
    heard: float = 0.0  # when its pulse last came (monotonic)
    doing: dict[str, Any] = field(default_factory=dict)  # what that said; nothing while there is none
    _counted: Snapshot = field(default_factory=dict)  # by this process, as it told it last,
    _before: Snapshot = field(default_factory=dict)  # and by those that are gone
    _child: _Child | None = None
    _count: int = 0
    _keeping: asyncio.Task[None] | None = None
    _beginning: asyncio.Lock = field(default_factory=asyncio.Lock)  # with one configuration, not with half of two

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    def counted(self) -> Snapshot:
        """What all such processes have counted, those that are gone too."""
        return metrics.total(self._before, self._counted)

    async def start(self) -> None:
        born, self.born = self.born, None
        await self._begin(born)
        self._keeping = asyncio.create_task(self._keep(), name=self.role)

    async def renew(self, terms: Terms) -> None:
        """One that dies meanwhile is replaced by one that begins with these terms."""
        async with self._beginning:
            if self._child is not None:
                self._child.link.expect(words.largest_frame(terms.config))
                with contextlib.suppress(LinkLost):
                    try:
                        await self._child.link.ask(words.RENEW, terms)
                    except LinkFault as error:
                        raise OSError(f"the {self.role} process: {error}") from error
            self.terms = terms

    def tell(self, name: str) -> None:
        if self._child is not None:
            self._child.link.tell(name)

    async def stop(self, grace: float) -> None:
        """It may finish within so many seconds; then it is no more. Safe to call twice, and without a start."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        running, self._child = self._child, None
        if running is not None:
            try:
                with contextlib.suppress(LinkLost, LinkFault, TimeoutError):
                    async with asyncio.timeout(grace + _LATE):
                        await running.link.ask(words.STOP, grace)
                        await running.lost
            finally:
                await running.end()
        if self.born is not None:  # it was never needed
            self.born.channel.close()
            await asyncio.to_thread(os.waitpid, self.born.pid, 0)
            self.born = None
        self.doing = {}

    async def _keep(self) -> None:
        """Replace it for as long as we run."""
        waits = _row()
        while True:
            if (running := self._child) is not None:
                why = await self._watch(running)
                lived = self.clock.monotonic() - running.since
                log.error("a process of the gateway ended", process=self.role, pid=running.pid, why=why, seconds=round(lived, 1))
                self._child, self.doing = None, {}
                try:
                    self._before = self.counted()
                except Exception as error:  # what it counted makes no sense: no reason to have no other one
                    log.error("the counts of a process of the gateway are lost", process=self.role, error=str(error))
                self._counted = {}
                await running.end()
                if lived > _STEADY:
                    waits = _row()
            await self.clock.sleep(next(waits))
            try:
                await self.buried(self._own_name())
                await self._begin(None)
            except Exception as error:  # a bug of ours too: nobody else would start one
                log.error("a process of the gateway cannot be started", process=self.role, error=str(error))

    async def _watch(self, running: _Child) -> str:
        """Until it ends, or hangs and is ended; why. Silence is counted by looks: when we ourselves were stopped it is not its."""
        silent, heard = 0.0, self.heard
        while not (await asyncio.wait((running.lost,), timeout=_LOOK))[0]:
            silent = silent + _LOOK if self.heard == heard else 0.0
            heard = self.heard
            if silent > SILENT:
                await running.abort()
                return f"silent for {SILENT:g} s, so it was killed"
        return await running.end()

    async def _begin(self, born: child.Born | None) -> None:
        """Raises OSError."""
        async with self._beginning:
            self._count += 1
            running = _Child(
                born or child.spawn(self.role),
                {**self.handlers, words.PULSE: self._pulse},
                self.classes,
                words.largest_frame(self.terms.config),
                self.clock.monotonic(),
            )
            try:
                child.pass_sockets(running.channel, self.listeners.of)
                async with asyncio.timeout(_BEGIN):
                    await running.link.over(running.channel)
                    terms = self.terms
                    config = None if born is not None and born.config is terms.config else terms.config
                    await running.link.ask(words.BEGIN, config, terms.token_keys, terms.log_key, self._own_name())
            except (LinkLost, LinkFault, TimeoutError) as error:
                raise OSError(f"the {self.role} process: {await running.end()} ({error})") from error
            except BaseException:
                await running.end()
                raise
            self.heard = self.clock.monotonic()
            self._child = running
            log.info("a process of the gateway began", process=self.role, pid=running.pid)

    def _own_name(self) -> str:
        """Of the one that runs, or ran last."""
        return f"{self.name}/{self._count}."

    async def _pulse(self, doing: dict[str, Any], counted: Snapshot) -> None:
        self.heard, self.doing, self._counted = self.clock.monotonic(), doing, counted


class _Child:
    """One process behind a link. lost is done when nothing more is heard of it."""

    def __init__(
        self, born: child.Born, handlers: Mapping[str, Handler], classes: Collection[type], largest: int, since: float
    ) -> None:
        self.pid, self.channel, self.since = born.pid, born.channel, since
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.link = Link(handlers, classes=classes, largest=largest, on_lost=self._lost)
        self._ending: asyncio.Task[tuple[int, int]] | None = None

    async def end(self) -> str:
        """Kill it if it lives, leave nothing of it; how it ended. Safe to call twice, also while the first call waits or was
        cancelled: its number may be another process's once it has been waited for."""
        if self._ending is None:
            self.link.close()
            if self.link.lost:  # or it was never taken up
                self.channel.close()
            os.kill(self.pid, signal.SIGKILL)
            self._ending = asyncio.create_task(asyncio.to_thread(os.waitpid, self.pid, 0))
        _, status = await asyncio.shield(self._ending)
        code = os.waitstatus_to_exitcode(status)
        return f"it died of {signal.Signals(-code).name}" if code < 0 else f"it ended with status {code}"

    async def abort(self) -> None:
        """Have it say where it hangs, and end it."""
        if self._ending is None:
            os.kill(self.pid, signal.SIGABRT)
            await asyncio.wait((self.lost,), timeout=_AFTER_ABORT)
        await self.end()

    def _lost(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


def _row() -> Iterator[float]:
    return itertools.chain(_WAITS, itertools.repeat(_WAITS[-1]))
