"""The doors and delivery in this very process, for one processor: nothing to keep alive, nothing to replace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from socket import socket
from typing import Any

from smtpgate.auth.dns import Resolver
from smtpgate.clock import Clock
from smtpgate.metrics import Snapshot
from smtpgate.processes import making
from smtpgate.processes.sending import Sending
from smtpgate.processes.words import Terms
from smtpgate.store.api import DeliveryStore, IntakeStore


class DoorInside:
    """As processes.apart.DoorApart, and it raises what that raises."""

    pid = None

    def __init__(self, terms: Terms, store: IntakeStore, clock: Clock, resolver: Resolver) -> None:
        self._clock, self._resolver = clock, resolver
        self._door = making.make_door(terms, store, resolver, clock)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return self._door.addresses

    @property
    def beat(self) -> float:
        """Whoever can ask runs in the same loop."""
        return self._clock.monotonic()

    def doing(self) -> dict[str, Any]:
        return self._door.doing()

    def counted(self) -> Snapshot:
        """It counts in this very process."""
        return {}

    async def start(self, passed: Mapping[str, Sequence[socket]]) -> None:
        await self._door.start(passed)

    async def renew(self, terms: Terms) -> None:
        making.renew_door(self._door, terms, self._resolver, self._clock)

    async def stop(self, grace: float) -> None:
        await self._door.stop(grace)


class DeliveryInside:
    """As processes.apart.DeliveryApart. failed is called with the reason when it can no longer go on."""

    pid = None

    def __init__(
        self, terms: Terms, store: DeliveryStore, clock: Clock, worker: str, resolver: Resolver, failed: Callable[[str], None]
    ) -> None:
        self._sending = Sending(terms.config, store, resolver, clock, worker, failed)

    @property
    def beat(self) -> float:
        return self._sending.beat

    def doing(self) -> dict[str, Any]:
        return self._sending.doing()

    def counted(self) -> Snapshot:
        return {}

    async def start(self) -> None:
        self._sending.start()

    def wake(self) -> None:
        self._sending.wake()

    async def renew(self, terms: Terms) -> None:
        self._sending.renew(terms.config)

    async def stop(self, grace: float) -> None:
        await self._sending.stop(grace)
