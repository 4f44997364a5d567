"""Verbs about the outgoing queue: claim, record, give back, settle, pause.

A recipient that is being tried is nobody else's until its attempt is recorded, its lease ends (a node that died) or
release_leases frees it (a process that came back). Its next attempt is stored before this one starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from smtpgate.errors import StoreError
from smtpgate.model import Attempt, Delivery, DeliveryState, Entry
from smtpgate.store import incoming, linking, rows
from smtpgate.store.api import Accepted
from smtpgate.store.changes import an_entry
from smtpgate.store.shown import Pause
from smtpgate.store.statement import SKIP_LOCKED, Many, Query, Row, Verb, Where, select_in, written

AT_ONCE = 32 * 1024**2  # octets of mail, as it is kept, in one claim: it goes from process to process in one piece


def claim_deliveries(
    worker: str, now: float, limit: int, next_at: Callable[[int], float], skip: Sequence[str], lease: float
) -> Verb[tuple[Delivery, ...]]:
    """Fewer than limit when their mails are large; one is always given."""
    where = Where()
    where.add("due_at <= {}", now)
    if skip:
        where.add("domain NOT IN (" + ", ".join(["{}"] * len(skip)) + ")", *(name.lower() for name in skip))
    due = yield where.query(_DUE, "due_at, id", limit, SKIP_LOCKED)
    by_attempts: dict[int, list[int]] = {}
    order: dict[int, int] = {}
    for id_, attempts in _fitting(due):
        by_attempts.setdefault(attempts, []).append(id_)
        order[id_] = len(order)
    taken: list[int] = []
    for attempts, ids in by_attempts.items():
        again = next_at(attempts + 1)
        # as they were seen: two nodes that chose the same row at once cannot both have it
        claimed = yield from select_in(
            """UPDATE recipient SET attempts = attempts + 1, claimed_by = $2, next_at = $3, due_at = $4
                WHERE attempts = $1 AND due_at <= $5 AND id IN (...) RETURNING id""",
            ids,
            *(attempts, worker, again, max(again, now + lease), now),
        )
        taken += [row[0] for row in claimed]
    found = yield from select_in(
        """SELECT r.id, r.outgoing_id, o.ticket_id, r.address, r.return_path, r.state, r.attempts, o.created_at, r.delay_told,
                o.smtputf8, o.eightbit, o.message_id, w.packing, w.data, o.cause, o.purpose
            FROM recipient r JOIN outgoing o ON o.id = r.outgoing_id JOIN outgoing_raw w ON w.id = o.id WHERE r.id IN (...)""",
        taken,
    )
    found.sort(key=lambda row: order[row[0]])
    data: dict[int, bytes] = {}  # recipients of one mail share its bytes
    return tuple(
        Delivery(
            recipient_id=row[0],
            outgoing_id=row[1],
            ticket_id=row[2],
            address=row[3],
            return_path=row[4],
            state=DeliveryState(row[5]),
            attempts=row[6],
            created_at=row[7],
            delay_told=bool(row[8]),
            smtputf8=bool(row[9]),
            eightbit=bool(row[10]),
            message_id=row[11],
            data=data[row[1]] if row[1] in data else data.setdefault(row[1], rows.unpack(row[12], row[13])),
            cause=row[14],
            purpose=row[15],
        )
        for row in found
    )


_DUE = """SELECT id, attempts, outgoing_id,
    (SELECT length(w.data) FROM outgoing_raw w WHERE w.id = recipient.outgoing_id) FROM recipient"""


def _fitting(due: Sequence[Row]) -> Iterator[tuple[int, int]]:
    mails: set[int] = set()  # recipients of one mail share its bytes
    octets = 0
    for id_, attempts, mail, size in due:
        if mail not in mails:
            mails.add(mail)
            octets += size or 0
        if octets > AT_ONCE and len(mails) > 1:
            return
        yield id_, attempts


def record_attempts(
    attempts: Sequence[Attempt], delay_told: Sequence[int], events: Sequence[Entry], returned: Sequence[Accepted] = ()
) -> Verb[None]:
    """Safe to call again with the same, when nobody knows whether it happened: each attempt, event and report is there once."""
    ids = [a.recipient_id for a in attempts]
    known = yield from select_in("SELECT recipient_id, at FROM attempt WHERE recipient_id IN (...)", ids)
    there = {(row[0], row[1]) for row in known}
    yield Many(
        """INSERT INTO attempt (recipient_id, at, state, next_at, code, reply, remote, tls)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tuple(
            (a.recipient_id, a.at, a.state, a.next_at, a.code, a.reply[:1000], a.remote, a.tls)
            for a in attempts
            if (a.recipient_id, a.at) not in there
        ),
    )
    # By each one's newest attempt, which is the one just written. Dropped or bounced meanwhile: it stays so. Delivered after
    # all, for whatever was believed before: it is delivered.
    yield from select_in(_OUTCOMES, ids)
    yield from select_in("UPDATE recipient SET delay_told = 1 WHERE id IN (...)", list(delay_told))
    if events:  # of a ticket that was merged since the delivery was claimed: it is said in the one that leads on
        merged = yield from linking.leads_to([event.ticket_id for event in events])
        moved = (replace(event, ticket_id=merged.get(event.ticket_id, event.ticket_id)) for event in events)
        yield from written([an_entry(event, again=True) for event in moved])
    came = yield from select_in("SELECT id FROM incoming WHERE id IN (...)", [mail.envelope.mail_id for mail in returned])
    for mail in returned:
        if (mail.envelope.mail_id,) not in {tuple(row) for row in came}:
            yield from incoming.accept(mail)


_OUTCOMES = """UPDATE recipient SET state = a.state, last_code = a.code, last_reply = a.reply, claimed_by = NULL,
        next_at = CASE WHEN a.state IN ('queued', 'uncertain') THEN a.next_at ELSE recipient.next_at END,
        due_at = CASE WHEN a.state IN ('queued', 'uncertain') THEN a.next_at END
    FROM attempt a
    WHERE a.id = (SELECT max(newest.id) FROM attempt newest WHERE newest.recipient_id = recipient.id)
        AND (recipient.due_at IS NOT NULL OR (a.state = 'delivered' AND recipient.state <> 'bounced'))
        AND recipient.id IN (...)"""  # DeliveryState.pending


def unclaim(recipient_ids: Sequence[int], now: float) -> Verb[None]:
    yield from select_in(
        """UPDATE recipient SET attempts = attempts - 1, claimed_by = NULL, next_at = $1, due_at = $1
            WHERE claimed_by IS NOT NULL AND id IN (...)""",
        list(recipient_ids),
        now,
    )


def release_leases(worker_prefix: str) -> Verb[int]:
    """Their attempts began and nobody knows how they ended: tried again at the time that was stored for it."""
    moved = yield Query(
        """UPDATE recipient SET claimed_by = NULL, due_at = next_at
            WHERE due_at IS NOT NULL AND substr(claimed_by, 1, length($1)) = $1 RETURNING id""",
        (worker_prefix,),
    )
    return len(moved)


def settle_recipients(recipient_ids: Sequence[int], to: DeliveryState, now: float) -> Verb[int]:
    """Retry and hold leave one alone whose attempt is under way: a second one at the same time could only deliver it twice,
    and what is on its way cannot be kept back."""
    if to is DeliveryState.QUEUED:
        moved = yield from select_in(
            """UPDATE recipient SET state = 'queued', next_at = $1, due_at = $1
                WHERE claimed_by IS NULL AND state IN ('queued', 'uncertain', 'failed', 'expired', 'held')
                    AND id IN (...) RETURNING id""",
            list(recipient_ids),
            now,
        )
    elif to is DeliveryState.DROPPED:
        moved = yield from select_in(
            """UPDATE recipient SET state = 'dropped', due_at = NULL, claimed_by = NULL
                WHERE (due_at IS NOT NULL OR state = 'held') AND id IN (...) RETURNING id""",
            list(recipient_ids),
        )
    elif to is DeliveryState.HELD:
        moved = yield from select_in(
            """UPDATE recipient SET state = 'held', due_at = NULL
                WHERE due_at IS NOT NULL AND claimed_by IS NULL AND id IN (...) RETURNING id""",
            list(recipient_ids),
        )
    else:
        raise StoreError(f"a recipient is settled to queued, held or dropped, not to {to.value}")
    return len(moved)


def next_due() -> Verb[float | None]:
    found = yield Query("SELECT min(due_at) FROM recipient WHERE due_at IS NOT NULL")
    due: float | None = found[0][0]
    return due


def pauses() -> Verb[tuple[Pause, ...]]:
    found = yield Query("SELECT destination, since, reason FROM pause ORDER BY since, destination")
    return tuple(Pause(destination=row[0], since=row[1], reason=row[2]) for row in found)


def pause(new: Pause) -> Verb[None]:
    """One that is paused already keeps its beginning and learns the newer reason."""
    yield Query(
        """INSERT INTO pause (destination, since, reason) VALUES ($1, $2, $3)
            ON CONFLICT (destination) DO UPDATE SET reason = excluded.reason""",
        (new.destination, new.since, new.reason),
    )


def resume(destination: str | None) -> Verb[int]:
    if destination is None:
        ended = yield Query("DELETE FROM pause RETURNING destination")
    else:
        ended = yield Query("DELETE FROM pause WHERE destination = $1 RETURNING destination", (destination,))
    return len(ended)
