"""What a running gateway does just now, for `smtpgate status`, which is another process: a small file beside the store.

The gateway writes it every few seconds and removes it when it stops. It is no truth that anything depends on: when it
cannot be written (a full disk) its time is still set, so that its age says whether the gateway's loop goes round.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from smtpgate import __version__
from smtpgate.clock import Clock
from smtpgate.errors import StoreError

EVERY = 2.0  # seconds between two writings
SIGN_EVERY = 5.0  # seconds between two signs to the other nodes
_GOODBYE = 2.0  # seconds for it, when the database is away
STUCK = 30.0  # seconds without one, after which the gateway does not move

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pulse:
    """Writes what `facts` gives until it is cancelled."""

    store: Path
    facts: Callable[[], Facts]
    clock: Clock

    async def run(self) -> None:
        try:
            while True:
                self._beat()
                await self.clock.sleep(EVERY)
        finally:
            live_path(self.store).unlink(missing_ok=True)

    def _beat(self) -> None:
        path = live_path(self.store)
        fresh = path.with_name(path.name + ".new")
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="ascii") as out:
                json.dump(self.facts(), out)
            fresh.replace(path)
        except OSError:  # no room: the last facts stay
            with contextlib.suppress(OSError):
                os.utime(path)


@dataclass(frozen=True, slots=True)
class Signs:
    """Gives a sign every few seconds until it is cancelled, then says goodbye. One that cannot be given comes with the next."""

    give: Callable[[], Awaitable[None]]
    goodbye: Callable[[], Awaitable[None]]
    clock: Clock

    async def run(self) -> None:
        try:
            while True:
                with contextlib.suppress(StoreError):
                    await self.give()
                await self.clock.sleep(SIGN_EVERY)
        finally:
            with contextlib.suppress(StoreError, TimeoutError):  # else the others see that it is silent
                await asyncio.wait_for(self.goodbye(), _GOODBYE)


def live_path(store: Path) -> Path:
    return store.with_name(store.name + ".live")


def read(store: Path, now: float) -> tuple[Facts, float] | None:
    """The facts and their age in seconds; None when there are none. Of what another version wrote only that it is another."""
    path = live_path(store)
    try:
        age = now - path.stat().st_mtime
        found = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    if found.get("version") != __version__:  # its facts may have other shapes
        found = {"version": str(found.get("version"))}
    return found, max(age, 0.0)


def certificate_until(path: Path | None) -> float | None:
    """When the first certificate of a PEM file ends, in seconds since 1970; None without one that can be read."""
    from cryptography import x509

    if path is None:
        return None
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found[0].not_valid_after_utc.astimezone(UTC).timestamp() if found else None


class Weights:
    """What each of some processes has in memory. The kernel walks through all pages for it, a millisecond in which our loop stands
    still: so a call looks at those that are new, else at the one whose figure is the oldest."""

    def __init__(self, weigh: Callable[[int], int] | None = None) -> None:
        self._weigh = weigh or memory
        self._known: dict[int, int] = {}  # the oldest figure first

    def of(self, pids: Sequence[int]) -> list[int]:
        """Bytes of each. Of those that are not asked about any more nothing is kept."""
        known = {pid: weight for pid, weight in self._known.items() if pid in pids}
        for pid in [pid for pid in pids if pid not in known] or list(known)[:1]:
            known.pop(pid, None)
            known[pid] = self._weigh(pid)
        self._known = known
        return [known[pid] for pid in pids]


def memory(pid: int) -> int:
    """Bytes of a process in memory, what it shares with others divided among them; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
