"""The verb behind `status`: rates, ages and leases in one snapshot, without reading whole tables."""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from smtpgate.blocks import HELD
from smtpgate.model import DeliveryState, MailState
from smtpgate.store import due, nodes, queue
from smtpgate.store.look import counts
from smtpgate.store.rates import rates
from smtpgate.store.seen import Overview, Worker
from smtpgate.store.statement import Query, Together, Verb


def overview(now: float) -> Verb[Overview]:
    numbers = yield from counts()
    pauses = yield from queue.pauses()
    schema = yield Query("SELECT value FROM meta WHERE key = 'schema version'")
    return Overview(
        counts=numbers,
        rates=(yield from rates(now)),
        oldest=(yield from _oldest(now)),
        pauses=pauses,
        workers=(yield from _workers()),
        nodes=(yield from nodes.nodes()),
        schema=int(schema[0][0]),
        coming=(yield from due.coming(now)),
    )


def _oldest(now: float) -> Verb[dict[str, float]]:
    found: dict[str, float] = {}
    asked = yield Query(  # what waits for an admin: by name, and an erasure that was begun and left
        """SELECT state, min(asked_at) FROM privacy WHERE at IS NULL AND state IN ('confirmed', 'running')
            AND (state = 'confirmed' OR leased_until < $1) GROUP BY state""",
        (now,),
    )
    found |= {f"person.{state}": at for state, at in asked}
    waiting = (MailState.ACCEPTED, MailState.HELD, MailState.POISON)
    # what is held since its sender is blocked waits for nobody
    mails = yield Together(
        tuple(
            Query(f"SELECT received_at FROM incoming WHERE state = '{state}' AND reason NOT LIKE '{HELD}%' ORDER BY seq LIMIT 1")
            for state in waiting
        )
    )
    found |= {f"mail.{state}": rows[0][0] for state, rows in zip(waiting, mails, strict=True) if rows}
    pending = tuple(state for state in DeliveryState if state.pending)
    # what waits for a time that was chosen for it (a cap on acknowledgements) is not late
    first = """SELECT min(o.created_at) FROM recipient r JOIN outgoing o ON o.id = r.outgoing_id
        WHERE r.due_at IS NOT NULL AND r.state = $1 AND (r.attempts > 0 OR r.due_at <= $2)"""
    mails = yield Together(tuple(Query(first, (state, now)) for state in pending))
    found |= {f"delivery.{state}": rows[0][0] for state, rows in zip(pending, mails, strict=True) if rows[0][0] is not None}
    return found


def _workers() -> Verb[tuple[Worker, ...]]:
    filing = yield Query(
        """SELECT leased_by, count(*), max(leased_until) FROM incoming
            WHERE state = 'accepted' AND leased_by IS NOT NULL GROUP BY leased_by"""
    )
    delivery = yield Query(
        """SELECT claimed_by, count(*), max(due_at) FROM recipient
            WHERE due_at IS NOT NULL AND claimed_by IS NOT NULL GROUP BY claimed_by"""
    )
    return tuple(
        Worker(name=row[0], work=work, count=row[1], until=row[2])
        for work, found in (("filing", filing), ("delivery", delivery))
        for row in found
    )
