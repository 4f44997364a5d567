"""What other doors know of wrong passwords, and what this one tells them: together, and now and then.

However fast somebody guesses, there is one write in `submission.failures_shared`. Names and places are hashed before they leave the
process. A store that cannot be asked is not waited for long: then this process goes by what it has seen itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter, OrderedDict

import structlog

from smtpgate.clock import Clock
from smtpgate.errors import GatewayError
from smtpgate.store.api import IntakeStore

log = structlog.get_logger(__name__)

_ROOM = 20_000  # keys of which the others' counts are kept
_TOLD = 500  # keys that are told at once: those with the most failures
_MINUTE = 60.0
_PATIENCE = 2.0  # seconds that a login waits for what others know, once in the life of a process


class Shared:
    """worker is new in each life, so that what an earlier one has counted is what others know."""

    def __init__(self, store: IntakeStore | None, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._worker = secrets.token_hex(8)
        self._untold: Counter[tuple[str, int]] = Counter()  # by key and minute
        self._others: OrderedDict[str, dict[int, int]] = OrderedDict()  # by key: failures by minute
        self._asked: float | None = None  # monotonic
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Task[None] | None = None
        self._later: asyncio.Task[None] | None = None

    def count(self, name: str, window: float) -> int:
        """What the others had within it, to the minute."""
        since = (self._clock.now() - window) / _MINUTE - 1
        return sum(failures for minute, failures in self._others.get(_key(name), {}).items() if minute > since)

    async def known(self, every: float, window: float) -> None:
        """Before the first login: what has been counted by others, and before a restart."""
        if self._asked is None:
            self._ask(every, window)
            self._first = self._task
        if self._first is not None and not self._first.done():
            await asyncio.wait({self._first}, timeout=_PATIENCE)

    def failed(self, names: tuple[str, ...], every: float, window: float) -> None:
        if self._store is None or not every:
            return
        minute = int(self._clock.now() // _MINUTE)
        for name in names:
            self._untold[_key(name), minute] += 1
        wait = 0.0 if self._asked is None else self._asked + every - self._clock.monotonic()
        if wait <= 0 and not self._asking():
            self._ask(every, window)
        elif self._later is None or self._later.done():  # the last one is told as well, without another that follows it
            self._later = asyncio.get_running_loop().create_task(self._when_due(wait, every, window))

    def _asking(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _when_due(self, wait: float, every: float, window: float) -> None:
        await self._clock.sleep(wait)
        if self._task is not None:
            await asyncio.wait({self._task})
        if self._untold:
            self._ask(every, window)

    def _ask(self, every: float, window: float) -> None:
        if self._store is None or not every:
            return
        first, self._asked = self._asked is None, self._clock.monotonic()
        self._task = asyncio.get_running_loop().create_task(self._share(self._store, window, first))

    async def _share(self, store: IntakeStore, window: float, first: bool) -> None:
        told = dict(self._untold.most_common(_TOLD))
        self._untold.clear()
        since = int((self._clock.now() - window) // _MINUTE)
        keys = None if first else tuple(dict.fromkeys(key for key, _ in told))
        try:
            found = await store.guesses(self._worker, [(key, at, times) for (key, at), times in told.items()], since, keys)
        except (GatewayError, OSError) as error:
            self._untold.update(told)
            log.warning("wrong passwords are not shared just now", error=str(error))
            return
        for key in keys or ():
            self._others.pop(key, None)
        for key, minute, failures in found:
            self._others.setdefault(key, {})[minute] = failures
            self._others.move_to_end(key)
        while len(self._others) > _ROOM:
            self._others.popitem(last=False)

    async def stop(self, window: float) -> None:
        """What was not told yet is, if the store is there."""
        if self._later is not None:
            self._later.cancel()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_PATIENCE)
        if self._store is not None and self._untold:
            last = asyncio.get_running_loop().create_task(self._share(self._store, window, False))
            _, late = await asyncio.wait({last}, timeout=_PATIENCE)
            for task in late:
                task.cancel()


def _key(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
