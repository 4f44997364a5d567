"""What all connections may cost together, and how long one may keep us waiting.

Owns the counters of connections and of octets in flight, and the one timer of a session. Never fails: each asks first
and is told yes or no.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable


class Budget:
    """Octets of mail in memory, over all connections, by who holds them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: dict[object, int] = {}
        self.used = 0

    def take(self, holder: object, amount: int) -> bool:
        """More for this holder; False when it does not fit, and then nothing changes."""
        if amount > self.free:
            return False
        self._held[holder] = self._held.get(holder, 0) + amount
        self.used += amount
        return True

    def give(self, holder: object) -> None:
        """All that this holder has."""
        self.used -= self._held.pop(holder, 0)

    @property
    def free(self) -> int:
        return self.limit - self.used


class Connections:
    """Open connections, in sum and for each IPv4 address or IPv6 /64."""

    def __init__(self, limit: int, per_address: int) -> None:
        self.limit = limit
        self.per_address = per_address
        self._count: dict[str, int] = {}
        self.open = 0

    def enter(self, peer: str) -> bool:
        """One more from this address; False when that is too many, and then nothing changes.

        "" is a Unix socket: only the sum bounds those, since one mail server stands behind all of them.
        """
        key = _site(peer)
        count = self._count.get(key, 0)
        if self.open >= self.limit or (peer and count >= self.per_address):
            return False
        self._count[key] = count + 1
        self.open += 1
        return True

    def leave(self, peer: str) -> None:
        key = _site(peer)
        self._count[key] -= 1
        if not self._count[key]:
            del self._count[key]
        self.open -= 1


def peer_address(host: str) -> str:
    """The client's address as text: IPv4 also when it comes mapped into IPv6, without a zone."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _site(peer: str) -> str:
    return str(ipaddress.ip_network((peer, 64), strict=False)) if ":" in peer else peer


class Patience:
    """One timer for a session: silence, and a whole stretch. Cheap to prolong: looks at the times only when it rings."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self._idle = self._heard = 0.0
        self._end: float | None = None

    def wait(self, idle: float, total: float | None = None) -> None:
        """Ring after `idle` seconds without heard(), or `total` seconds from now, whichever is first."""
        now = self._loop.time()
        self._idle, self._heard = idle, now
        self._end = None if total is None else now + total
        due = self._due()
        if self._handle is None or self._handle.when() > due:
            self._set(due)

    def heard(self) -> None:
        self._heard = self._loop.time()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _due(self) -> float:
        due = self._heard + self._idle
        return due if self._end is None else min(due, self._end)

    def _set(self, due: float) -> None:
        self.stop()
        self._handle = self._loop.call_at(due, self._check)

    def _check(self) -> None:
        self._handle = None
        due = self._due()
        if due > self._loop.time():
            self._set(due)
        else:
            self._ring()
