"""Erases a person, round by round, until nothing of theirs is left: finds it, erases it in bites with rests between, looks again.

It may be killed at any point and begun again. What is just being filed or delivered is waited for. Raises StoreError with a text
for the admin, when it cannot go on now; what is erased by then stays erased.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from smtpgate.errors import StoreError
from smtpgate.model import Ticket
from smtpgate.person import Request, State, Trail, What
from smtpgate.store import erasing, packs, personal, requests, rows
from smtpgate.store.api import Changes, Facts, FactsQuery
from smtpgate.store.changes import apply
from smtpgate.store.erasing import Erasure, Loose, Make
from smtpgate.store.packs import Again
from smtpgate.store.statement import Query, Verb
from smtpgate.store.verbs import OUTGOING, VerbStore

LEASE = 300.0  # seconds that one who erases has it without saying so again
TOLD = 60.0  # seconds after which it is looked whether the mail that says so has left
_REST = 0.005  # seconds between bites, at least; and twice as long as the bite took
_ROUNDS, _PATIENT = 12, 6  # looks for what is left; those after which mail that nobody files goes unfiled
_TAKEN = "another one has taken this up meanwhile"
_WAIT = 1.5  # seconds between rounds in which something was just being filed or delivered


class Closing(Protocol):
    """What becomes of an open ticket whose customer is erased: decided in the transaction in which it ends."""

    def query(self, ticket_id: int) -> FactsQuery: ...

    def decide(self, ticket: Ticket | None, facts: Facts) -> Changes: ...


@dataclass(slots=True)
class Eraser:
    """One erasure. worker: who does it; longest: seconds that others may have waited for a bite."""

    store: VerbStore
    request: Request
    worker: str
    closing: Closing
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    longest: float = 0.0
    _said: float = 0.0
    _ended: set[str] = field(default_factory=set)  # numbers of tickets that are theirs no more

    async def begin(self, again: float | None = None) -> bool:
        """Have it. False: another one is under way. again: seconds after which a gateway takes it up, if this one dies."""
        self._said, was = self.now(), self.request.state
        self.request = replace(self.request, state=State.RUNNING, at=None if again is None else self._said + again)
        return await self.store._write(
            lambda: requests.taken(self.request, was, self.worker, self._said, self._said + LEASE), ordered=True
        )

    async def _go_on(self) -> None:
        """It is ours for another while. Raises StoreError."""
        self._said = now = self.now()
        if not await self.store._write(lambda: requests.still(self.request, self.worker, now + LEASE), ordered=True):
            raise StoreError(_TAKEN)

    async def run(self) -> Counter[str]:
        """All rounds. How many of what went, those of an earlier life included."""
        for number in range(_ROUNDS):
            away = await self._removed()
            trail = await personal.trail(self.store, self.request.address, self._ended)
            self._ended |= {*trail.own.values()}
            await self._counted(trail)
            if trail.nothing:
                if away:
                    raise StoreError("a file of raw mail cannot be removed: the directory of store.files or store.cold is away")
                await self.store.forgotten()
                return Counter(self.request.counts)
            waits = await self._round(Erasure(trail, self.request.pseudonym, self.store.files, impatient=number >= _PATIENT))
            if waits:
                await self.sleep(_WAIT)
        raise StoreError("something is just being filed or delivered, or comes in again and again: go on a little later")

    async def _counted(self, trail: Trail) -> None:
        """The most that was ever found: a second round finds what the first one left."""
        counts = Counter(self.request.counts) | trail.counts()
        if dict(counts) != self.request.counts:
            self.request = replace(self.request, counts=dict(counts))
            await self._go_on()

    async def _round(self, one: Erasure) -> int:
        found = Loose()
        await self.store._read(functools.partial(_found, one.trail, found))
        after = await self.store._read(functools.partial(erasing.fingerprints, one.trail, found, ""))
        while after:
            after = await self.store._read(functools.partial(erasing.fingerprints, one.trail, found, after))
        waits = 0
        for seqs in erasing.returned_pieces(one):
            waits += await self._mails(one, seqs)
        for make in erasing.bites(one, found):
            waits += await self._bite(make)
        for seqs in erasing.mail_pieces(one):
            waits += await self._mails(one, seqs)
        return waits or await self._end(one)

    async def _mails(self, one: Erasure, seqs: list[int]) -> int:
        """New files are written before the transaction that names them."""
        for _ in range(3):
            gone = [seq for seq in seqs if seq in one.trail.mails]
            rows = await self.store._read(functools.partial(packs.in_files, gone))
            plan = await asyncio.to_thread(packs.plan, one.files, rows, gone)
            try:
                waits = await self._bite(functools.partial(erasing.incoming, one, seqs, plan))
            except Again:
                continue
            await self._removed()
            return waits
        return 1

    async def _removed(self) -> int:
        """Files that were written anew without what goes, by us or by whoever died since. How many have to wait."""
        files, waits = self.store.files, 0
        for name, place in await self.store._read(packs.to_remove):
            waits += await self._bite(functools.partial(packs.removed, files, name, place))
        return waits

    async def _end(self, one: Erasure) -> int:
        """The tickets; each that is open by itself, since something becomes of it. How many have to wait."""
        waits = 0
        closed = [id_ for id_ in (*one.trail.own, *one.trail.shared) if id_ not in one.trail.open]
        for start in range(0, len(closed), 50):
            waits += await self._bite(functools.partial(erasing.end, one, closed[start : start + 50]), ordered=True)
        for ticket_id in sorted(one.trail.open):
            waits += await self._bite(functools.partial(self._open, one, ticket_id), ordered=True, news=OUTGOING)
        return waits

    def _open(self, one: Erasure, ticket_id: int) -> Verb[int]:
        return (yield from erasing.end_open(one, ticket_id, self.closing.query(ticket_id), self.closing.decide))

    async def _bite(self, make: Make, *, ordered: bool = False, news: str = "") -> int:
        began = time.monotonic()
        waits = await self.store._write(make, ordered=ordered, news=news)
        took = time.monotonic() - began
        self.longest = max(self.longest, took)
        await self.sleep(max(_REST, 2 * took))
        if self.now() - self._said > LEASE / 5:
            await self._go_on()
        return waits

    async def finish(self, changes: Changes) -> Request:
        """Nothing is left but the record, and the mail in `changes` that says so, which goes once it has left."""
        outgoing = changes.outgoing[0].id if changes.outgoing else None
        state, address = (State.DONE, "") if outgoing is None else (State.TELLING, self.request.address)
        now = self.now()
        at = None if outgoing is None else now + TOLD
        done = replace(self.request, state=state, address=address, done_at=now, outgoing_id=outgoing, at=at)
        if not await self.store._write(lambda: finished(done, self.worker, changes), ordered=True, news=OUTGOING):
            raise StoreError(_TAKEN)
        self.request = done
        if outgoing is None:
            await self.store.forgotten()
        return done

    async def give_up(self) -> None:
        """Stop for now: the next one goes on, at once where a gateway does it, if none has it already."""
        left = self.request if self.request.at is None else replace(self.request, at=self.now())
        await self.store._write(lambda: requests.left(left, self.worker))


def _found(trail: Trail, found: Loose) -> Verb[None]:
    yield from erasing.loose(trail, found)


def finished(done: Request, worker: str, changes: Changes) -> Verb[bool]:
    """False, and nothing was changed: it was not this worker's any more."""
    if not (yield from requests.is_of(done.id, worker)):
        return False
    yield from apply(changes, None)  # the request names the mail
    return (yield from requests.left(done, worker))


async def forget_told(store: VerbStore, one: Request) -> bool:
    """The mail that says that it is done has left, or never will: its bytes go, and of who was erased the last that names them."""
    if one.what is not What.ERASE:
        return await store._write(lambda: _exported(one))
    trail = Trail(one.address, outgoing=set() if one.outgoing_id is None else {one.outgoing_id})
    erasure = Erasure(trail, one.pseudonym, store.files)

    def verb() -> Verb[bool]:
        if (yield from _pending(one)):
            return False
        yield from erasing.letters(erasure, sorted(trail.outgoing))
        return (yield from requests.changed(one, replace(one, state=State.DONE, address="", at=None)))

    gone = await store._write(verb)
    if gone:
        await store.forgotten()
    return gone


def _pending(one: Request) -> Verb[bool]:
    found = yield Query("SELECT 1 FROM recipient WHERE outgoing_id = $1 AND due_at IS NOT NULL", (one.outgoing_id,))
    return bool(found)


def _exported(one: Request) -> Verb[bool]:
    """A second copy of all that a person wrote is of no use here."""
    if (yield from _pending(one)):
        return False
    found = yield Query("SELECT message_id FROM outgoing WHERE id = $1", (one.outgoing_id,))
    for (message_id,) in found:
        yield Query(
            "UPDATE outgoing_raw SET packing = $2, data = $3 WHERE id = $1",
            (one.outgoing_id, rows.PLAIN, personal.blank(message_id)),
        )
    yield Query(
        "UPDATE recipient SET state = 'dropped' WHERE outgoing_id = $1 AND state IN ('failed', 'expired', 'held')",
        (one.outgoing_id,),
    )
    return (yield from requests.changed(one, replace(one, state=State.DONE, at=None)))
