"""Delivery in a process of its own: the runner, its connections and its keys; the queue behind the link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smtpgate.auth.dns import make_resolver
from smtpgate.model import Attempt, Delivery, Entry
from smtpgate.processes import child, words
from smtpgate.processes.link import Handler
from smtpgate.processes.sending import Sending
from smtpgate.processes.words import Terms
from smtpgate.service.files import make_room
from smtpgate.store.api import Accepted
from smtpgate.store.shown import Pause

_ATTEMPTS = 64  # after so many the time of the next one follows the same rule as before


class Process(child.Process):
    """It is its runner's store.api.DeliveryStore as well. A runner that fails ends it."""

    _sending: Sending

    def handlers(self) -> Mapping[str, Handler]:
        return {words.WAKE: self._wake}

    async def begin(self, terms: Terms, name: str) -> None:
        make_room(terms.config.delivery.connections)
        resolver = make_resolver(terms.config.dns, self.clock)
        self._sending = Sending(terms.config, self, resolver, self.clock, name, self.fail)
        self._sending.start()

    async def renew(self, terms: Terms) -> None:
        self._sending.renew(terms.config)

    async def stop(self, grace: float) -> None:
        await self._sending.stop(grace)

    def doing(self) -> dict[str, Any]:
        return self._sending.doing()

    async def _wake(self) -> None:
        self._sending.wake()

    # --- its store ----------------------------------------------------------------------------------------------------

    async def claim_deliveries(
        self,
        *,
        worker: str,
        now: float,
        limit: int,
        next_at: Callable[[int], float],
        skip: Sequence[str] = (),
        lease: float = 3600.0,
    ) -> Sequence[Delivery]:
        """The times go there as a table: within one claim, recipients that were tried as often get the same."""
        times = tuple(next_at(attempts) for attempts in range(1, _ATTEMPTS + 1))
        found: Sequence[Delivery] = await self.ask_store(words.CLAIM, worker, now, limit, times, tuple(skip), lease)
        return found

    async def record_attempts(
        self,
        attempts: Sequence[Attempt],
        *,
        delay_told: Sequence[int] = (),
        events: Sequence[Entry] = (),
        returned: Sequence[Accepted] = (),
    ) -> None:
        await self.ask_store(words.RECORD, tuple(attempts), tuple(delay_told), tuple(events), tuple(returned))

    async def unclaim(self, recipient_ids: Sequence[int], *, now: float) -> None:
        await self.ask_store(words.UNCLAIM, tuple(recipient_ids), now)

    async def next_due(self) -> float | None:
        found: float | None = await self.ask_store(words.NEXT_DUE)
        return found

    async def pauses(self) -> Sequence[Pause]:
        found: Sequence[Pause] = await self.ask_store(words.PAUSES)
        return found

    async def pause(self, pause: Pause) -> None:
        await self.ask_store(words.PAUSE, pause)

    async def resume(self, destination: str | None) -> int:
        return int(await self.ask_store(words.RESUME, destination))
