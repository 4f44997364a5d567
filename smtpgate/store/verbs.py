"""The Store that runs verbs: each method names its generator and how it is written. What only reads is in store.reads.

Fails as store.api says; the driver turns its own errors into those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from smtpgate.bulletin import Bulletin, Run
from smtpgate.due import Due
from smtpgate.model import Attempt, Delivery, DeliveryState, Entry, MailState, Ticket
from smtpgate.store import (
    bulletins,
    changes,
    daily,
    due,
    duework,
    greylist,
    imported,
    incoming,
    meta,
    nodes,
    queue,
    rows,
)
from smtpgate.store import recount as recounting
from smtpgate.store.api import Accepted, Changes, Decide, DecideBatch, DecideDue, Facts, FactsQuery, Incoming, OldMail, QueryOf
from smtpgate.store.guesses import Counted, shared
from smtpgate.store.reads import Reads
from smtpgate.store.seen import Node
from smtpgate.store.shown import Pause
from smtpgate.store.statement import T, Verb
from smtpgate.target import TargetClock

PATIENCE = 0.005  # seconds that work which nobody outside waits for may wait for others to share its commit
_AGAIN = 3  # times that a file which went is written again
MAIL, OUTGOING = "mail", "outgoing"  # news: mail to file, mail to send
ATTEMPT_LEASE = 3600.0  # seconds; longer than all timeouts of one delivery attempt together


async def _while_files_go(once: Callable[[], Awaitable[T]]) -> T:
    """Once more when a file went between being written and being named, which happens to the same one hardly twice."""
    for _ in range(_AGAIN):
        try:
            return await once()
        except incoming.FileGone:
            continue
    return await once()


class VerbStore(Reads):
    """store.api.Store over whatever runs the generators."""

    # intake

    async def accept(self, mail: Accepted) -> None:
        await self._taken(mail, lambda packed: incoming.accept(mail, packed, self._present), MAIL)

    async def _taken(self, mail: Accepted, make: Callable[[rows.Packed | None], Verb[T]], news: str) -> T:
        if not self._apart(mail.raw):
            return await self._write(lambda: make(None), len(mail.raw), news=news)

        async def once() -> T:
            packed = (await self._packed([mail.raw]))[id(mail.raw)]
            size = 0 if packed.file else packed.size
            return await self._write(lambda: make(packed), size, news=news)

        return await _while_files_go(once)

    def _apart(self, raw: bytes) -> bool:
        """It is worth some work in a thread of its own."""
        return len(raw) > rows.WORTH_PACKING or self.files.wants(len(raw))

    async def _packed(self, raws: Sequence[bytes]) -> dict[int, rows.Packed]:
        """By id(). What is large is in its file afterwards. Slow: apart, so that neither event loop nor writer waits for it."""

        def work() -> dict[int, rows.Packed]:
            found = {id(raw): rows.pack(raw) for raw in raws if self._apart(raw)}
            for key, packed in found.items():
                if self.files.wants(packed.size):
                    found[key] = replace(packed, file=self.files.put(packed.data))
            return found

        return await asyncio.to_thread(work)

    def _present(self, name: str, place: str) -> bool:
        path = self.files.path(name, place)
        return path is not None and path.is_file()

    async def greylist(self, key: str, *, now: float, delay: float, window: float, remember: float) -> float:
        return await self._write(lambda: greylist.greylist(key, now, delay, window, remember))

    async def guesses(self, worker: str, told: Sequence[Counted], since: int, keys: Sequence[str] | None) -> Sequence[Counted]:
        return await self._write(lambda: shared(worker, told, since, keys))

    # filing

    async def accept_claimed(self, mail: Accepted, *, worker: str, until: float) -> Incoming:
        return await self._taken(mail, lambda packed: incoming.accept_claimed(mail, packed, self._present, worker, until), "")

    async def claim(self, *, worker: str, now: float, lease: float, limit: int, octets: int = 2**62) -> Sequence[Incoming]:
        claimed = await self._write(lambda: incoming.claim(worker, now, lease, limit, octets), patience=PATIENCE)
        return await self._whole(claimed)

    async def claim_poison(self, mail_id: str, *, worker: str, now: float, lease: float) -> Incoming | None:
        mail = await self._write(lambda: incoming.claim_poison(mail_id, worker, now, lease))
        return None if mail is None else (await self._whole([mail]))[0]

    async def file(self, mail_id: str, *, worker: str, query: FactsQuery, decide: Decide) -> Changes:
        return await self._file(changes.Filing(mail_id, worker, query, decide))

    async def _file(self, filing: changes.Filing) -> Changes:
        """A driver may file several at once (store.abreast)."""
        return await self._write(lambda: changes.file(filing), ordered=True, news=OUTGOING, patience=PATIENCE)

    async def file_imported(self, mails: Sequence[OldMail]) -> Sequence[str]:
        async def once() -> Sequence[str]:
            raws = [old.mail.raw for old in mails]
            packed = await self._packed(raws) if any(self._apart(raw) for raw in raws) else {}
            size = sum(len(raw) for raw in raws if id(raw) not in packed or packed[id(raw)].file is None)
            return await self._write(lambda: imported.file_imported(mails, packed, self._present), size, ordered=True)

        return await _while_files_go(once)

    async def file_failed(
        self,
        mail_id: str,
        *,
        worker: str,
        now: float,
        reason: str,
        again_at: float,
        poison_after: int | None,
    ) -> MailState:
        return await self._write(lambda: incoming.file_failed(mail_id, worker, reason, again_at, poison_after))

    async def release_leases(self, worker_prefix: str) -> int:
        """Of filing and of delivery."""

        def both() -> Verb[int]:
            return (yield from incoming.release_leases(worker_prefix)) + (yield from queue.release_leases(worker_prefix))

        return await self._write(both)

    # what an admin or agent does

    async def settle_mail(self, mail_id: str, *, expect: Sequence[MailState], to: MailState, reason: str) -> bool:
        return await self._write(lambda: incoming.settle_mail(mail_id, expect, to, reason), news=MAIL)

    async def change(
        self, *, ticket_number: str | None, query: FactsQuery | None, decide: Callable[[Ticket | None, Facts], Changes]
    ) -> Changes:
        return await self._write(lambda: changes.change(ticket_number, query, decide), ordered=True, news=OUTGOING)

    async def settle_recipients(self, recipient_ids: Sequence[int], *, to: DeliveryState, now: float) -> int:
        return await self._write(lambda: queue.settle_recipients(recipient_ids, to, now), news=OUTGOING)

    # delivery

    async def claim_deliveries(
        self,
        *,
        worker: str,
        now: float,
        limit: int,
        next_at: Callable[[int], float],
        skip: Sequence[str] = (),
        lease: float = ATTEMPT_LEASE,
    ) -> Sequence[Delivery]:
        """lease: seconds for which nobody else takes them, however near next_at is; record_attempts and unclaim end it."""
        return await self._write(lambda: queue.claim_deliveries(worker, now, limit, next_at, skip, lease), patience=PATIENCE)

    async def record_attempts(
        self,
        attempts: Sequence[Attempt],
        *,
        delay_told: Sequence[int] = (),
        events: Sequence[Entry] = (),
        returned: Sequence[Accepted] = (),
    ) -> None:
        news = MAIL if returned else ""
        await self._write(lambda: queue.record_attempts(attempts, delay_told, events, returned), news=news, patience=PATIENCE)

    async def unclaim(self, recipient_ids: Sequence[int], *, now: float) -> None:
        await self._write(lambda: queue.unclaim(recipient_ids, now))

    async def pause(self, pause: Pause) -> None:
        await self._write(lambda: queue.pause(pause))

    async def resume(self, destination: str | None) -> int:
        return await self._write(lambda: queue.resume(destination))

    # time

    async def settle_due(self, wanted: Due, *, query_of: QueryOf, decide: DecideDue) -> Changes | None:
        """Do what is due, decided inside the transaction like `file`; decide must give it another time, or none.

        None: it has been done, or is no longer due."""
        return await self._write(lambda: duework.settle(wanted, query_of, decide), ordered=True, news=OUTGOING, patience=PATIENCE)

    async def postpone_due(self, wanted: Due, *, now: float, waits: Sequence[float]) -> int:
        """It could not be done, and comes again after the next of these waits, at last after the last: how often by now."""
        return await self._write(lambda: due.postponed(wanted, now, waits))

    async def send_digest(self, agent: str, before: str, changes: Changes) -> bool:
        """A digest goes out with these changes. before: the day of the last one, as it was seen. False: there is a newer one."""
        return await self._write(lambda: daily.digested(agent, before, changes), ordered=True, news=OUTGOING)

    async def targets_are(self, settings: str) -> None:
        await self._write(lambda: meta.targets_are(settings))

    async def recount(self, after: int, *, limit: int, recount: Callable[[Ticket], TargetClock | None]) -> int | None:
        return await self._write(lambda: recounting.recounted(after, limit, recount), ordered=True, patience=PATIENCE)

    async def begin_digests(self, agents: Sequence[tuple[str, str]]) -> None:
        """Of agents of whom nothing was kept the day before their first digest."""
        await self._write(lambda: daily.begun(agents))

    # notices to many

    async def begin_bulletin(self, new: Bulletin, *, same_since: float) -> Bulletin | None:
        return await self._write(lambda: bulletins.begin(new, same_since), ordered=True)

    async def bulletin_batch(self, bulletin_id: int, *, limit: int, decide: DecideBatch) -> tuple[int, Run] | None:
        return await self._write(lambda: bulletins.batch(bulletin_id, limit, decide), ordered=True, news=OUTGOING)

    # nodes

    async def sign(self, node: Node) -> None:
        """What a gateway says of itself, for `status` on all of them."""
        await self._write(lambda: nodes.sign(node), patience=PATIENCE)

    async def goodbye(self, name: str) -> None:
        await self._write(lambda: nodes.goodbye(name))

    # small facts

    async def probe(self, now: float) -> None:
        """Write a little, all the way to the disk. Raises StoreError when that cannot be done."""
        await self._write(lambda: meta.probe(now))

    async def number_patterns(self, current: str) -> tuple[str, ...]:
        return await self._write(lambda: meta.number_patterns(current), ordered=True)

    async def token_key(self, candidate: bytes) -> bytes:
        return await self._write(lambda: meta.token_key(candidate))
