"""The doors and delivery in processes of their own, as the main process sees them: their sockets, and their questions to the store.

The listening sockets outlive each door: while one is replaced, clients wait in the kernel's queue. Sessions of a door that
died are lost, their mail is not: what had its 250 is stored, the rest is sent again. What a delivery process that died had in
its hands is tried again at its stored time. Raises what Keeper raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from smtpgate.clock import Clock
from smtpgate.errors import StoreMisuse
from smtpgate.intake.sockets import Listeners, addresses
from smtpgate.metrics import Snapshot
from smtpgate.model import Attempt, Delivery, Entry, Evidence
from smtpgate.processes import child, words
from smtpgate.processes.keeper import Keeper
from smtpgate.processes.link import Handler
from smtpgate.processes.words import Terms
from smtpgate.store.api import Accepted, DeliveryStore, IntakeStore, Store

log = structlog.get_logger(__name__)

_LONGEST_REPORT = 64 * 1024  # octets
_TOGETHER = 0.05  # seconds that new mail waits for more before delivery is told


class DoorApart:
    """store is asked for each mail that the door accepts, and says when it is safe."""

    def __init__(self, terms: Terms, store: IntakeStore, clock: Clock, name: str, born: child.Born | None) -> None:
        self._store = store
        handlers: dict[str, Handler] = {
            words.ACCEPT: store.accept,
            words.GREYLIST: self._greylist,
            words.CLIENTS: store.clients,
            words.GUESSES: store.guesses,
        }
        self._keeper = Keeper(child.DOOR, terms, name, clock, handlers, words.OF_THE_DOOR, born=born)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each listening socket for SMTP."""
        return addresses(self._keeper.listeners.of["smtp"])

    @property
    def pid(self) -> int | None:
        return self._keeper.pid

    @property
    def beat(self) -> float:
        """When the door was last heard (monotonic)."""
        return self._keeper.heard

    def doing(self) -> dict[str, Any]:
        """For `status`, as the door told it last."""
        return self._keeper.doing

    def counted(self) -> Snapshot:
        """What doors have counted, those that are gone too."""
        return self._keeper.counted()

    async def start(self, passed: child.Passed) -> None:
        """Listen on the passed sockets, else where the configuration says. Raises OSError."""
        self._keeper.listeners = Listeners.bind(self._keeper.terms.config, passed)
        await self._keeper.start()

    async def renew(self, terms: Terms) -> None:
        """New sessions go by these terms. Raises OSError; then nothing has changed."""
        await self._keeper.renew(terms)

    async def stop(self, grace: float) -> None:
        """Accept no more, let mail whose DATA has begun finish within `grace` seconds, leave no process. Safe to call twice."""
        self._keeper.listeners.withdraw()
        self._keeper.listeners.close()
        await self._keeper.stop(grace)

    async def _greylist(self, key: str, now: float, delay: float, window: float, remember: float) -> float:
        return await self._store.greylist(key, now=now, delay=delay, window=window, remember=remember)


class DeliveryApart:
    """Each process of delivery is another worker, so that the claims of one that died can be ended."""

    def __init__(self, terms: Terms, store: Store, clock: Clock, name: str, born: child.Born | None) -> None:
        self._store: DeliveryStore = store
        self._end_claims = store.release_leases
        self._waking: asyncio.TimerHandle | None = None
        handlers: dict[str, Handler] = {
            words.CLAIM: self._claim,
            words.RECORD: self._record,
            words.UNCLAIM: self._unclaim,
            words.NEXT_DUE: store.next_due,
            words.PAUSES: store.pauses,
            words.PAUSE: store.pause,
            words.RESUME: store.resume,
        }
        self._keeper = Keeper(child.DELIVERY, terms, name, clock, handlers, words.OF_DELIVERY, buried=self._bury, born=born)

    @property
    def pid(self) -> int | None:
        return self._keeper.pid

    @property
    def beat(self) -> float:
        """When the loop of the queue last came round (monotonic), as far as is known."""
        return self._keeper.heard - float(self._keeper.doing.get("turn_seconds", 0.0))

    def doing(self) -> dict[str, Any]:
        return self._keeper.doing

    def counted(self) -> Snapshot:
        return self._keeper.counted()

    async def start(self) -> None:
        await self._keeper.start()

    def wake(self) -> None:
        """Soon: what a moment brings is claimed together."""
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(_TOGETHER, self._wake)

    def _wake(self) -> None:
        self._waking = None
        self._keeper.tell(words.WAKE)

    async def renew(self, terms: Terms) -> None:
        await self._keeper.renew(terms)

    async def stop(self, grace: float) -> None:
        await self._keeper.stop(grace)

    async def _bury(self, name: str) -> None:
        """Raises StoreError."""
        ended = await self._end_claims(name)
        if ended:
            log.info("claims of a delivery process that died ended", count=ended)

    async def _claim(
        self, worker: str, now: float, limit: int, times: tuple[float, ...], skip: tuple[str, ...], lease: float
    ) -> Sequence[Delivery]:
        def next_at(attempts: int) -> float:
            return times[min(attempts, len(times)) - 1]

        return await self._store.claim_deliveries(worker=worker, now=now, limit=limit, next_at=next_at, skip=skip, lease=lease)

    async def _record(
        self, attempts: tuple[Attempt, ...], delay_told: tuple[int, ...], events: tuple[Entry, ...], returned: tuple[Accepted, ...]
    ) -> None:
        await self._store.record_attempts(attempts, delay_told=delay_told, events=events, returned=tuple(map(a_report, returned)))

    async def _unclaim(self, recipient_ids: tuple[int, ...], now: float) -> None:
        await self._store.unclaim(recipient_ids, now=now)


def a_report(mail: Accepted) -> Accepted:
    """A mail that delivery brings, which must be able to do no more than a bounce: whoever takes that process over cannot act as
    anybody. Raises StoreMisuse."""
    bounce = mail.envelope.mail_from is None and len(mail.envelope.rcpts) == 1 and not mail.envelope.login
    if not bounce or mail.verdict.evidence is not Evidence.NONE or len(mail.raw) > _LONGEST_REPORT:
        raise StoreMisuse("delivery brings a mail that is no report of its own")
    return mail
