"""The main process's side of a door in a process of its own: starts it, serves its questions to the store, replaces it.

Owns the listening sockets, which outlive each door: while one is replaced, clients wait in the kernel's queue. Sessions of
a door that died are lost, their mail is not: what had its 250 is stored, the rest is sent again. A door that is silent for
too long is taken for hung and killed. start() and renew() raise OSError when it cannot be started or cannot use what it is
given.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from socket import socket
from typing import Any

import structlog

from smtpgate.clock import Clock
from smtpgate.intake.sockets import Listeners, addresses
from smtpgate.processes import doorprocess, words
from smtpgate.processes.link import Link, LinkFault, LinkLost
from smtpgate.processes.words import Terms
from smtpgate.store.api import Accepted, IntakeStore

log = structlog.get_logger(__name__)

SILENT = 15.0  # seconds without a pulse, after which a door hangs
_LOOK = 1.0  # seconds between two looks whether it is
_BEGIN = 60.0  # seconds for a door to listen
_AFTER_ABORT = 2.0  # seconds that a hung one gets to say where it hangs
_STEADY = 60.0  # seconds of life, after which a death is not taken for the next of a row
_WAITS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the next one of a row is started; the last repeats
_LATE = 5.0  # seconds beyond its grace that a stopping door gets


@dataclass(slots=True)
class Apart:
    """born: a process that was made ahead, for the first door."""

    terms: Terms
    store: IntakeStore
    clock: Clock
    on_accept: Callable[[], None]
    born: doorprocess.Born | None = None
    beat: float = 0.0  # when the door was last heard (monotonic)
    _listeners: Listeners = field(default_factory=Listeners)
    _door: _Child | None = None
    _doing: dict[str, Any] = field(default_factory=dict)
    _keeping: asyncio.Task[None] | None = None
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)  # a door begins with one configuration, not with half of two

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each listening socket for SMTP."""
        return addresses(self._listeners.smtp)

    @property
    def pid(self) -> int | None:
        return None if self._door is None else self._door.pid

    def doing(self) -> dict[str, Any]:
        """For `status`, as the door told it last; nothing while there is none."""
        return self._doing

    async def start(self, passed: Sequence[socket] = (), passed_lmtp: Sequence[socket] = ()) -> None:
        """Listen on the passed sockets, else on server.listen and server.lmtp. Raises OSError."""
        self._listeners = Listeners.bind(self.terms.config.server, passed, passed_lmtp)
        try:
            born, self.born = self.born, None
            await self._begin(born)
        except BaseException:
            await self.stop(0.0)
            raise
        self._keeping = asyncio.create_task(self._keep(), name="door")

    async def renew(self, terms: Terms) -> None:
        """New sessions go by these terms. Raises OSError; then nothing has changed."""
        async with self._renewing:
            if self._door is not None:
                try:
                    await self._door.link.ask(words.RENEW, terms)
                except (LinkLost, LinkFault) as error:
                    raise OSError(f"the door's process: {error}") from error
            self.terms = terms

    async def stop(self, grace: float) -> None:
        """Accept no more, let mail whose DATA has begun finish within `grace` seconds, leave no process. Safe to call twice."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._listeners.withdraw()
        self._listeners.close()
        door, self._door = self._door, None
        if door is not None:
            with contextlib.suppress(LinkLost, LinkFault, TimeoutError):
                async with asyncio.timeout(grace + _LATE):
                    await door.link.ask(words.STOP, grace)
                    await door.lost
            await door.end()
        if self.born is not None:  # it was never needed
            self.born.channel.close()
            await asyncio.to_thread(os.waitpid, self.born.pid, 0)
            self.born = None
        self._doing = {}

    # --- one door after the other -------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Replace it for as long as we run."""
        waits = _row()
        while True:
            door = self._door
            if door is not None:
                why = await self._watch(door)
                lived = self.clock.monotonic() - door.since
                log.error("the door's process ended, its sessions are lost", pid=door.pid, why=why, seconds=round(lived, 1))
                self._door, self._doing = None, {}
                await door.end()
                if lived > _STEADY:
                    waits = _row()
            await self.clock.sleep(next(waits))
            try:
                await self._begin(None)
            except OSError as error:
                log.error("the door's process cannot be started, nobody can send mail", error=str(error))

    async def _watch(self, door: _Child) -> str:
        """Until it ends, or hangs and is ended; why."""
        while not (await asyncio.wait((door.lost,), timeout=_LOOK))[0]:
            if self.clock.monotonic() - self.beat > SILENT:
                await door.abort()
                return f"silent for {SILENT:g} s, so it was killed"
        return await door.end()

    async def _begin(self, born: doorprocess.Born | None) -> None:
        """Raises OSError."""
        async with self._renewing:
            if born is None:
                born = doorprocess.spawn()
            handlers = {
                words.ACCEPT: self._accept,
                words.GREYLIST: self._greylist,
                words.CLIENTS: self.store.clients,
                words.PULSE: self._pulse,
            }
            door = _Child(born, handlers, words.largest_frame(self.terms.config), self.clock.monotonic())
            try:
                doorprocess.pass_sockets(born.channel, self._listeners.smtp, self._listeners.lmtp)
                async with asyncio.timeout(_BEGIN):
                    await door.link.over(born.channel)
                    await door.link.ask(words.BEGIN, self.terms)
            except (LinkLost, LinkFault, TimeoutError) as error:
                raise OSError(f"the door's process: {await door.end()} ({error})") from error
            except BaseException:
                await door.end()
                raise
            self.beat = self.clock.monotonic()
            self._door = door
            log.info("the door has a process of its own", pid=born.pid)

    # --- what it asks -------------------------------------------------------------------------------------------------

    async def _accept(self, mail: Accepted) -> None:
        await self.store.accept(mail)
        self.on_accept()

    async def _greylist(self, key: str, now: float, delay: float, window: float, remember: float) -> float:
        return await self.store.greylist(key, now=now, delay=delay, window=window, remember=remember)

    async def _pulse(self, doing: dict[str, Any]) -> None:
        self.beat, self._doing = self.clock.monotonic(), doing


class _Child:
    """One process behind a link. lost is done when nothing more is heard of it."""

    def __init__(self, born: doorprocess.Born, handlers: dict[str, Any], largest: int, since: float) -> None:
        self.pid, self.since = born.pid, since
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.link = Link(handlers, classes=words.OF_THE_DOOR, largest=largest, on_lost=self._lost)
        self._channel = born.channel
        self._how = ""

    async def end(self) -> str:
        """Kill it if it lives, leave nothing of it; how it ended. Safe to call twice."""
        self.link.close()
        if self.link.lost:  # or it was never taken up
            self._channel.close()
        if not self._how:
            os.kill(self.pid, signal.SIGKILL)
            _, status = await asyncio.to_thread(os.waitpid, self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            self._how = f"it died of {signal.Signals(-code).name}" if code < 0 else f"it ended with status {code}"
        return self._how

    async def abort(self) -> None:
        """Have it say where it hangs, and end it."""
        os.kill(self.pid, signal.SIGABRT)
        await asyncio.wait((self.lost,), timeout=_AFTER_ABORT)
        await self.end()

    def _lost(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


def _row() -> Iterator[float]:
    return itertools.chain(_WAITS, itertools.repeat(_WAITS[-1]))
