"""Verbs about what is due later: one row for each thing of a ticket, and one for each agent who has anything kept. What must be
told of a ticket's targets is in a table of its own (store.targets) and comes in its turn here.

What falls due is claimed, decided and written in one transaction of the ordered kind, one after the other among all nodes:
nothing is held between two, so a process that dies leaves it due, and no two can have it. Raises what decide raises.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence

from smtpgate.due import Due, Leave, Member, What
from smtpgate.model import Status
from smtpgate.store import targets
from smtpgate.store.api import Changes, TicketUpdate
from smtpgate.store.seen import Coming
from smtpgate.store.statement import Many, Query, Row, Verb

_COUNTED = 10_000  # things that are due, by which they are many
_DUE = "ticket_id, what, at, since, state, reminded"
_ENDING = (Status.WAITING, Status.RESOLVED)  # states in which something comes of silence
_UPSERT = """INSERT INTO due (ticket_id, what, at, since, state, reminded, tries) VALUES ($1, $2, $3, $4, $5, $6, 0)
    ON CONFLICT (ticket_id, what) DO UPDATE SET at = excluded.at, since = excluded.since, state = excluded.state,
        reminded = excluded.reminded, tries = 0"""


def a_due(row: Row) -> Due:
    return Due(row[0], What(row[1]), row[2], row[3], Status(row[4]), row[5])


def _row(due: Due) -> tuple[int, str, float | None, float, str, float]:
    return (due.ticket_id, due.what, due.at, due.since, due.state, due.reminded)


def began(updates: Sequence[TicketUpdate]) -> Verb[None]:
    """A ticket that waits for its customer or is resolved is looked at next; of a closed one it is known since when."""
    new = [
        Due(update.ticket_id, What.STATE, at if update.status in _ENDING else None, at, update.status)
        for update in updates
        if update.status in (*_ENDING, Status.CLOSED) and (at := update.updated_at) is not None and update.status is not None
    ]
    if new:
        yield Many(_UPSERT, tuple(map(_row, new)))


def kept(changes: Changes) -> Verb[None]:
    if changes.due:
        yield Many(_UPSERT, tuple(map(_row, changes.due)))
    for agent, leave in changes.leaves:
        yield Query(
            """INSERT INTO member (agent, away_since, away_until) VALUES ($1, $2, $3)
                ON CONFLICT (agent) DO UPDATE SET away_since = excluded.away_since, away_until = excluded.away_until""",
            (agent, leave.since, leave.until),
        )
    for agent, day in changes.digested:
        yield Query(
            """INSERT INTO member (agent, digested) VALUES ($1, $2)
                ON CONFLICT (agent) DO UPDATE SET digested = excluded.digested""",
            (agent, day),
        )


def next_due() -> Verb[float | None]:
    found = yield Query("SELECT min(at) FROM due WHERE at IS NOT NULL")
    both = (found[0][0], (yield from targets.next_alert()))
    return min((at for at in both if at is not None), default=None)


def coming(now: float) -> Verb[Coming]:
    soon = yield Query(
        f"SELECT count(*) FROM (SELECT 1 FROM due WHERE at IS NOT NULL AND at <= $1 LIMIT {_COUNTED}) AS chosen", (now + 86_400.0,)
    )
    return Coming((yield from next_due()), soon[0][0])


def first(now: float) -> Verb[Due | None]:
    found = yield Query(f"SELECT {_DUE} FROM due WHERE at IS NOT NULL AND at <= $1 ORDER BY at, ticket_id LIMIT 1", (now,))
    both = (a_due(found[0]) if found else None, (yield from targets.first_alert(now)))
    return min((due for due in both if due is not None), key=lambda due: due.at or 0.0, default=None)


def the_same(due: Due) -> Verb[bool]:
    """It is as it was seen."""
    if due.what is What.TARGET:
        return (yield from targets.the_same(due))
    found = yield Query("SELECT 1 FROM due WHERE ticket_id = $1 AND what = $2 AND at = $3", (due.ticket_id, due.what, due.at))
    return bool(found)


def postponed(due: Due, now: float, waits: Sequence[float]) -> Verb[int]:
    """It comes again after the next of these waits. How often it has failed by now; 0 when it is another one by now."""
    if due.what is What.TARGET:
        return (yield from targets.postponed(due, now, waits))
    found = yield Query("SELECT tries FROM due WHERE ticket_id = $1 AND what = $2 AND at = $3", (due.ticket_id, due.what, due.at))
    if not found:
        return 0
    tries: int = found[0][0]
    yield Query(
        "UPDATE due SET at = $4, tries = $5 WHERE ticket_id = $1 AND what = $2 AND at = $3",
        (due.ticket_id, due.what, due.at, now + waits[min(tries, len(waits) - 1)], tries + 1),
    )
    return tries + 1


def acknowledged(ticket_id: int) -> Verb[bool]:
    """Its customer has had automatic mail of ours about it, or we wrote first: only such a one is reminded of anything."""
    sent = yield Query("SELECT 1 FROM outgoing WHERE ticket_id = $1 AND purpose = 'received' LIMIT 1", (ticket_id,))
    if sent:
        return True
    begun = yield Query("SELECT kind FROM entry WHERE ticket_id = $1 ORDER BY seq LIMIT 1", (ticket_id,))
    return bool(begun) and begun[0][0] == "reply"


def of_ticket(ticket_id: int) -> Verb[tuple[Due, ...]]:
    """What still comes of it: not of a state that it is in no more."""
    found = yield Query(
        f"""SELECT {_DUE} FROM due d WHERE ticket_id = $1 AND at IS NOT NULL AND (what <> 'state' OR
            state = (SELECT t.status FROM ticket t WHERE t.id = d.ticket_id)) ORDER BY what""",
        (ticket_id,),
    )
    return tuple(map(a_due, found))


def members() -> Verb[dict[str, Member]]:
    """All of them: they are as many as agents."""
    found = yield Query("SELECT agent, digested, away_since, away_until FROM member ORDER BY agent")
    return {row[0]: Member(row[1], Leave(row[2], row[3]) if row[2] else None) for row in found}
