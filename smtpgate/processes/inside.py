"""A door in this very process, for one processor: nothing to start but the door, nothing to replace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from socket import socket
from typing import Any

from smtpgate.auth.dns import Resolver
from smtpgate.clock import Clock
from smtpgate.intake.server import Door
from smtpgate.processes import doors
from smtpgate.processes.words import Terms
from smtpgate.store.api import IntakeStore


@dataclass(slots=True)
class Inside:
    """As processes.apart.Apart, and it raises what that raises."""

    terms: Terms
    store: IntakeStore
    clock: Clock
    on_accept: Callable[[], None]
    resolver: Resolver
    _door: Door = field(init=False)

    def __post_init__(self) -> None:
        self._door = doors.make_door(self.terms, self.store, self.resolver, self.clock, self.on_accept)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return self._door.addresses

    @property
    def pid(self) -> None:
        return None

    @property
    def beat(self) -> float:
        """Whoever can ask runs in the same loop."""
        return self.clock.monotonic()

    def doing(self) -> dict[str, Any]:
        return self._door.doing()

    async def start(self, passed: Sequence[socket] = (), passed_lmtp: Sequence[socket] = ()) -> None:
        await self._door.start(passed, passed_lmtp)

    async def renew(self, terms: Terms) -> None:
        doors.renew(self._door, terms, self.resolver, self.clock)
        self.terms = terms

    async def stop(self, grace: float) -> None:
        await self._door.stop(grace)
