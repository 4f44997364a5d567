"""The statements behind desks that the configuration no longer knows, and the way of their tickets to another one, in bites.

How many have gone where stands in `meta` until the agents there are told, so that a process that dies loses no count and a second
one tells nobody twice. Raises what the caller's decisions raise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence

from smtpgate.model import Status, Ticket
from smtpgate.store import rows
from smtpgate.store.api import Changes
from smtpgate.store.changes import apply
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.statement import Query, Verb
from smtpgate.store.verbs import OUTGOING, VerbStore

COUNTED = 10_000  # tickets of a desk; so many stand for more
_PROGRESS = "desk move "  # and the old desk; what has gone where: {desk: [tickets, open ones, whose agent is none there]}

Moved = tuple[Changes, list[int]]
DecideMoves = Callable[[Sequence[Ticket]], Moved]  # and the three counts
DecideShared = Callable[[Sequence[Ticket]], Changes]
DecideTold = Callable[[Mapping[str, Sequence[int]]], Changes]


def _names() -> Verb[list[str]]:
    """Of all desks that have a ticket: one step in the index for each."""
    names: list[str] = []
    while True:
        found = yield Query("SELECT min(desk) FROM ticket WHERE desk > $1", (names[-1],)) if names else Query(_FIRST)
        if found[0][0] is None:
            return names
        names.append(found[0][0])


_FIRST = "SELECT min(desk) FROM ticket"


def strays(known: Collection[str]) -> Verb[dict[str, int]]:
    """How many tickets belong to each desk that is none of these, counted as far as it tells anything."""
    found: dict[str, int] = {}
    for name in (yield from _names()):
        if name not in known:
            count = yield Query(f"SELECT count(*) FROM (SELECT 1 FROM ticket WHERE desk = $1 LIMIT {COUNTED}) AS chosen", (name,))  # noqa: S608
            found[name] = count[0][0]
    return found


def counted() -> Verb[dict[str, dict[Status, int]]]:
    """All tickets, by desk and state."""
    desks: dict[str, dict[Status, int]] = {}
    for name, status, count in (yield Query("SELECT desk, status, count(*) FROM ticket GROUP BY desk, status ORDER BY desk")):
        desks.setdefault(name, {})[Status(status)] = count
    return desks


def _begun(old: str, new: str) -> Verb[None]:
    """What else bears the name of a desk that is gone: its blocks, and what people asked for there about their data."""
    yield Query(
        """UPDATE block SET desk = $2 WHERE desk = $1
            AND NOT EXISTS (SELECT 1 FROM block there WHERE there.who = block.who AND there.desk = $2)""",
        (old, new),
    )
    yield Query("DELETE FROM block WHERE desk = $1", (old,))
    yield Query("UPDATE privacy SET desk = $2 WHERE desk = $1 AND done_at IS NULL", (old, new))


def _bite(old: str, new: str, most: int, decide: DecideMoves) -> Verb[int]:
    """Those that are open first. How many went."""
    found = yield Query("SELECT id FROM ticket WHERE desk = $1 ORDER BY status DESC, id DESC LIMIT $2", (old, most))
    tickets = yield from tickets_by_id(row[0] for row in found)
    if not tickets:
        return 0
    changes, counts = decide(tuple(tickets.values()))
    yield from apply(changes, None)
    progress = yield from _progress(old)
    before = progress.get(new, [0] * len(counts))
    progress[new] = [one + other for one, other in zip(before, counts, strict=True)]
    yield Query(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_PROGRESS + old, json.dumps(progress)),
    )
    return len(tickets)


def _progress(old: str) -> Verb[dict[str, list[int]]]:
    found = yield Query("SELECT value FROM meta WHERE key = $1", (_PROGRESS + old,))
    progress: dict[str, list[int]] = json.loads(found[0][0]) if found else {}
    return progress


def _sharing(old: str, after: int, most: int) -> Verb[tuple[tuple[int, ...], int | None]]:
    """Among the next tickets those that are also at this desk, and where to go on; None: there are no more."""
    last = yield Query("SELECT max(id) FROM (SELECT id FROM ticket WHERE id > $1 ORDER BY id LIMIT $2) AS page", (after, most))
    if last[0][0] is None:
        return (), None
    found = yield Query(
        "SELECT id FROM ticket WHERE id > $1 AND id <= $2 AND replace(other_desks, $3, '') <> other_desks ORDER BY id",
        (after, last[0][0], rows.strings((old,))[1:-1]),
    )
    return tuple(row[0] for row in found), last[0][0]


def _shared(ticket_ids: Sequence[int], old: str, decide: DecideShared) -> Verb[None]:
    tickets = yield from tickets_by_id(ticket_ids)
    yield from apply(decide([ticket for ticket in tickets.values() if old in ticket.other_desks]), None)


def _told(old: str, decide: DecideTold) -> Verb[dict[str, list[int]]]:
    progress = yield from _progress(old)
    if progress:
        yield from apply(decide(progress), None)
        yield Query("DELETE FROM meta WHERE key = $1", (_PROGRESS + old,))
    return progress


# --- on a store -------------------------------------------------------------------------------------------------------


async def strays_of(store: VerbStore, known: Collection[str]) -> dict[str, int]:
    """How many tickets belong to each desk that is none of these; COUNTED stands for more."""
    return await store._read(lambda: strays(known))


async def counted_by(store: VerbStore) -> dict[str, dict[Status, int]]:
    """All tickets, by desk and state."""
    return await store._read(counted)


async def begin(store: VerbStore, old: str, new: str) -> None:
    """Of a desk that is gone: what is not in its tickets."""
    await store._write(lambda: _begun(old, new))


async def bite(store: VerbStore, old: str, new: str, *, most: int, decide: DecideMoves) -> int:
    """Move the next ones, as is decided inside the transaction. How many; 0: there are no more."""
    return await store._write(lambda: _bite(old, new, most, decide), ordered=True)


async def sharing(store: VerbStore, old: str, after: int, *, most: int) -> tuple[tuple[int, ...], int | None]:
    return await store._read(lambda: _sharing(old, after, most))


async def share(store: VerbStore, ticket_ids: Sequence[int], old: str, decide: DecideShared) -> None:
    """decide gets those that are still at the old one too."""
    await store._write(lambda: _shared(ticket_ids, old, decide), ordered=True)


async def tell(store: VerbStore, old: str, decide: DecideTold) -> dict[str, list[int]]:
    """All is moved: whoever is to know of it is told, once. What has gone where since somebody was told last."""
    return await store._write(lambda: _told(old, decide), ordered=True, news=OUTGOING)
