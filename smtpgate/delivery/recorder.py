"""Writes down what became of attempts, many to one transaction.

Results wait a moment at most for those of the other attempts under way, and while a write is. A store that cannot write now is
tried again every second, as a delivered mail that is not recorded would be sent once more; the runner claims nothing new
meanwhile. Whatever else goes wrong is kept in `fatal`, and ends the runner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from smtpgate.clock import Clock, id_text, new_id
from smtpgate.delivery.outcome import Settled
from smtpgate.delivery.returned import report
from smtpgate.errors import StoreError, StoreFatal
from smtpgate.model import Delivery, Entry, EntryKind
from smtpgate.store.api import Accepted, DeliveryStore

log = structlog.get_logger(__name__)

_BATCH = 200
_ENOUGH = 50  # results that wait for no others
_GATHER = 0.025  # seconds; a mail whose result is not stored when the machine dies is sent once more
_RETRY = 1.0  # seconds

Told = Entry | Accepted | None  # of what became of one recipient


class Recorder:
    def __init__(self, store: DeliveryStore, clock: Clock, name: str, recorded: Callable[[Sequence[Delivery]], None]) -> None:
        """recorded is called with the deliveries of each batch that is safe in the store, and when `fatal` is set. name: our
        host's."""
        self._store = store
        self._clock = clock
        self._name = name
        self._recorded = recorded
        self._pending: list[tuple[Delivery, Settled, Told]] = []
        self._writer: asyncio.Task[None] | None = None
        self._due: asyncio.TimerHandle | None = None  # of the writer
        self.fatal: Exception | None = None

    def add(self, results: Sequence[tuple[Delivery, Settled]], *, alone: bool) -> None:
        """alone: no other attempt is under way, so there is nothing to wait for."""
        # what is told has its id from now on: it is written once, even if a commit was not answered and is tried again
        self._pending.extend((delivery, settled, self._told(delivery, settled)) for delivery, settled in results)
        if alone or len(self._pending) >= _ENOUGH:
            self._begin()
        elif self._due is None and self._writer is None:
            self._due = asyncio.get_running_loop().call_later(_GATHER, self._begin)

    def _begin(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._pending and self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def flush(self, timeout: float) -> None:
        """Wait until everything is written, at most so many seconds; what is not is logged and will be sent again."""
        self._begin()
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=timeout)
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._pending:
            ids = [id_text(delivery.recipient_id) for delivery, _, _ in self._pending]
            log.error("results of deliveries could not be stored", recipients=ids)

    async def _write(self) -> None:
        try:
            while self._pending:
                batch = self._pending[:_BATCH]
                if await self._store_batch(batch):
                    del self._pending[: len(batch)]
                    self._recorded([delivery for delivery, _, _ in batch])
                else:
                    await self._clock.sleep(_RETRY)
        except Exception as error:
            self.fatal = error
            self._recorded([])
        finally:
            self._writer = None

    async def _store_batch(self, batch: Sequence[tuple[Delivery, Settled, Told]]) -> bool:
        try:
            await self._store.record_attempts(
                [settled.attempt for _, settled, _ in batch],
                delay_told=[delivery.recipient_id for delivery, settled, _ in batch if settled.delay_told],
                events=[told for _, _, told in batch if isinstance(told, Entry)],
                returned=[told for _, _, told in batch if isinstance(told, Accepted)],
            )
        except StoreFatal:
            raise
        except StoreError as error:
            log.warning("results of deliveries are not stored yet", error=str(error), waiting=len(self._pending))
            return False
        return True

    def _told(self, delivery: Delivery, settled: Settled) -> Told:
        """Of an agent's answer a report, which is filed like a bounce; of any other mail about a ticket a line in that."""
        if not settled.event or delivery.ticket_id is None:
            return None
        returned = report(delivery, settled, self._name, self._clock)
        if returned is not None:
            return returned
        return Entry(
            id=new_id(self._clock),
            ticket_id=delivery.ticket_id,
            kind=EntryKind.EVENT,
            author="",
            created_at=settled.attempt.at,
            text=settled.event,
        )
