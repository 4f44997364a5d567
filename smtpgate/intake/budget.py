"""The octets that all mails being received may take together, and how long one client may keep us waiting.

Owns the counters of octets in flight, and the one timer of a session. Never fails: each asks first and is told yes or
no.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Callable
from functools import lru_cache


class Budget:
    """Octets of mail in memory, over all connections."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._sites: dict[str, int] = {}

    def account(self, site: str = "", *, share: int | None = None, ceiling: int | None = None) -> Account:
        """For one mail. All mail from this site may take `share`; it gets nothing while all together have `ceiling`."""
        return Account(self, site, share, ceiling)

    def change(self, site: str, amount: int) -> None:
        """For accounts only."""
        self.used += amount
        held = self._sites.get(site, 0) + amount
        if held:
            self._sites[site] = held
        else:
            self._sites.pop(site, None)

    def held(self, site: str) -> int:
        return self._sites.get(site, 0)


class Account:
    """What one mail holds of the budget."""

    def __init__(self, budget: Budget, site: str, share: int | None, ceiling: int | None) -> None:
        self._budget = budget
        self._site = site
        self._share = share
        self._ceiling = ceiling
        self._held = 0

    @property
    def free(self) -> int:
        """What more it could take now."""
        budget = self._budget
        limit = budget.limit if self._ceiling is None else min(budget.limit, self._ceiling)
        rest = limit - budget.used
        return rest if self._share is None else min(rest, self._share - budget.held(self._site))

    def take(self, amount: int) -> bool:
        """False when it does not fit, and then nothing changes."""
        if amount > self.free:
            return False
        self._held += amount
        self._budget.change(self._site, amount)
        return True

    def give(self) -> None:
        """Everything. Safe to call twice."""
        self._budget.change(self._site, -self._held)
        self._held = 0


@lru_cache(1024)
def peer_address(host: str) -> str:
    """The client's address as text: IPv4 also when it comes mapped into IPv6, without a zone."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


class Timer:
    """Calls `ring` at a time that is moved at little cost: the loop's own timer is set anew only if it would ring too late."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self._due = math.inf

    def at(self, due: float) -> None:
        """At this time of the loop's clock, and at no other; math.inf: not at all, for now."""
        self._due = due
        if due != math.inf and (self._handle is None or self._handle.when() > due):
            if self._handle is not None:
                self._handle.cancel()
            self._handle = self._loop.call_at(due, self._check)

    def stop(self) -> None:
        """Not at all, and nothing of it stays with the loop."""
        self._due = math.inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _check(self) -> None:
        self._handle = None
        if self._due > self._loop.time():
            self.at(self._due)
        else:
            self._due = math.inf
            self._ring()


class Patience:
    """The timer of a session: silence, and a whole stretch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._timer = Timer(loop, ring)
        self._idle = self._end = math.inf

    def wait(self, idle: float, total: float | None = None) -> None:
        """Ring after `idle` seconds without heard(), or `total` seconds from now, whichever is first."""
        now = self._loop.time()
        self._idle = idle
        self._end = math.inf if total is None else now + total
        self._timer.at(min(now + idle, self._end))

    def heard(self) -> None:
        """For nothing while it is paused."""
        self._timer.at(min(self._loop.time() + self._idle, self._end))

    def pause(self) -> None:
        """Ring no more until the next wait()."""
        self._idle = self._end = math.inf
        self._timer.at(math.inf)

    def stop(self) -> None:
        """The session is over."""
        self.pause()
        self._timer.stop()
