"""The doors in a process of their own: intake on sockets that the main process bound, the store behind the link."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from smtpgate.auth.dns import Resolver, make_resolver
from smtpgate.intake.server import Door
from smtpgate.model import Evidence
from smtpgate.processes import child, making, words
from smtpgate.processes.words import Terms
from smtpgate.service.files import make_room
from smtpgate.store.api import Accepted

_PASSING = 32 * 1024**2  # octets of mail that may be on their way to the store, each of them twice in either process


class Process(child.Process):
    """It is its door's store.api.IntakeStore as well."""

    _door: Door
    _resolver: Resolver

    def __init__(self, passed: child.Passed) -> None:
        super().__init__(passed)
        self._passing = 0  # octets of mail on their way to the store
        self._passed = asyncio.Event()

    async def begin(self, terms: Terms, name: str) -> None:
        make_room(terms.config.limits.connections)
        self._resolver = make_resolver(terms.config.dns, self.clock)
        self._door = making.make_door(terms, self, self._resolver, self.clock)
        await self._door.start(self.passed)

    async def renew(self, terms: Terms) -> None:
        making.renew_door(self._door, terms, self._resolver, self.clock)

    async def stop(self, grace: float) -> None:
        await self._door.stop(grace)

    def doing(self) -> dict[str, Any]:
        return self._door.doing()

    # --- its store ----------------------------------------------------------------------------------------------------

    async def accept(self, mail: Accepted) -> None:
        size = len(mail.raw)
        while self._passing and self._passing + size > _PASSING:
            self._passed.clear()
            await self._passed.wait()
        self._passing += size
        try:
            await self.ask_store(words.ACCEPT, mail)
        finally:
            self._passing -= size
            self._passed.set()

    async def greylist(self, key: str, *, now: float, delay: float, window: float, remember: float) -> float:
        return float(await self.ask_store(words.GREYLIST, key, now, delay, window, remember))

    async def guesses(
        self, worker: str, told: Sequence[tuple[str, int, int]], since: int, keys: Sequence[str] | None
    ) -> Sequence[tuple[str, int, int]]:
        found: Sequence[tuple[str, int, int]] = await self.ask_store(words.GUESSES, worker, told, since, keys)
        return found

    async def clients(self, limit: int) -> Sequence[tuple[str, Evidence, str]]:
        found: Sequence[tuple[str, Evidence, str]] = await self.ask_store(words.CLIENTS, limit)
        return found
