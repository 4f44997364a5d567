"""Verbs about incoming mail: accept, claim, give back, settle, look. They fail only as their statements do."""

# ruff: noqa: S608 -- statements are put together from constants of this package only

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from smtpgate.errors import LeaseLost, StoreError
from smtpgate.model import Evidence, MailState
from smtpgate.store import rows
from smtpgate.store.api import Accepted, Incoming
from smtpgate.store.rawfiles import HOME
from smtpgate.store.statement import FOR_UPDATE, SKIP_LOCKED, Query, Row, Verb, Where, select_in

_FROM = " FROM incoming i "
_FROM_RAW = " FROM incoming i JOIN incoming_raw r ON r.seq = i.seq LEFT JOIN raw_file f ON f.sha256 = r.file "


class FileGone(StoreError):
    """Maintenance took the file of a mail for one that nobody wants, just before a row would have named it: write it again."""


Present = Callable[[str, str], bool]  # a file by its name and place


def accept(mail: Accepted, packed: rows.Packed | None = None, present: Present | None = None) -> Verb[None]:
    """COMMIT 1. packed: the raw mail, when somebody packed it before to keep the writer free; with a file it is written
    already, and `present` is asked for it. Raises FileGone."""
    yield from _accept(mail, packed or rows.pack(mail.raw), present, None, 0.0)


def accept_claimed(mail: Accepted, packed: rows.Packed | None, present: Present, worker: str, until: float) -> Verb[Incoming]:
    """The same, leased from the start."""
    packed = packed or rows.pack(mail.raw)
    yield from _accept(mail, packed, present, worker, until)
    return rows.as_stored(mail, packed)


def _accept(mail: Accepted, packed: rows.Packed, present: Present | None, worker: str | None, until: float) -> Verb[None]:
    if packed.file is not None and present is not None:
        yield from _named(packed.file, len(packed.data), present)
    envelope = mail.envelope
    inserted = yield Query(
        """INSERT INTO incoming (id, state, received_at, mail_from, rcpts, peer, helo, protocol, tls, smtputf8, verdict, size,
            sha256, message_id, claims, leased_by, leased_until)
            VALUES ($1, 'accepted', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING seq""",
        (
            envelope.mail_id,
            envelope.received_at,
            envelope.mail_from,
            rows.strings(envelope.rcpts),
            envelope.peer,
            envelope.helo,
            envelope.protocol,
            envelope.tls,
            int(envelope.smtputf8),
            rows.verdict_json(mail.verdict),
            packed.size,
            packed.sha256,
            mail.message_id,
            0 if worker is None else 1,
            worker,
            until,
        ),
    )
    if packed.file is None:
        yield Query(
            "INSERT INTO incoming_raw (seq, packing, trace, body) VALUES ($1, $2, $3, $4)",
            (inserted[0][0], packed.packing, mail.trace, packed.data),
        )
    else:
        yield Query(
            "INSERT INTO incoming_raw (seq, packing, trace, body, file, length) VALUES ($1, $2, $3, $4, $5, $6)",
            (inserted[0][0], packed.packing, mail.trace, b"", packed.file, len(packed.data)),
        )


def _named(name: str, size: int, present: Present) -> Verb[None]:
    """The row of a file, ours until the transaction ends: who wants to remove the file waits for it, or has removed it."""
    found = yield Query(
        """INSERT INTO raw_file (sha256, size, place) VALUES ($1, $2, '')
            ON CONFLICT (sha256) DO UPDATE SET size = excluded.size RETURNING place""",
        (name, size),
    )
    place = found[0][0]
    if present(name, place):
        return
    if place != HOME and present(name, HOME):  # the cold store has lost it, and here it comes again
        yield Query("UPDATE raw_file SET place = '' WHERE sha256 = $1", (name,))
        return
    raise FileGone(f"the file {name} of a mail that is just being accepted is gone")


def claim(worker: str, now: float, lease: float, limit: int, octets: int) -> Verb[tuple[Incoming, ...]]:
    free = yield Query(
        f"""SELECT seq, size FROM incoming WHERE state = 'accepted' AND leased_until <= $1 AND not_before <= $1
            ORDER BY seq LIMIT $2 {SKIP_LOCKED}""",
        (now, limit),
    )
    sums = list(accumulate(size for _, size in free))
    # The conditions stand here once more, so that two nodes that chose the same rows at once cannot both have them.
    taken = yield from select_in(
        """UPDATE incoming SET leased_by = $1, leased_until = $2, claims = claims + 1
            WHERE state = 'accepted' AND leased_until <= $3 AND seq IN (...) RETURNING seq""",
        [row[0] for i, row in enumerate(free) if i == 0 or sums[i] <= octets],
        worker,
        now + lease,
        now,
    )
    found = yield from select_in(
        "SELECT " + rows.INCOMING_RAW + ", i.seq" + _FROM_RAW + "WHERE i.seq IN (...)", [row[0] for row in taken]
    )
    found.sort(key=lambda row: row[-1])
    return (yield from with_tickets(found))


def claim_poison(mail_id: str, worker: str, now: float, lease: float) -> Verb[Incoming | None]:
    """Accepted again and leased in one step, so that nobody else files it first. None when it is not poison."""
    taken = yield Query(
        """UPDATE incoming SET state = 'accepted', leased_by = $2, leased_until = $3, tries = 0, not_before = 0
            WHERE id = $1 AND state = 'poison' RETURNING seq""",
        (mail_id, worker, now + lease),
    )
    return (yield from mail(mail_id)) if taken else None


def holds_lease(mail_id: str, worker: str) -> Verb[None]:
    """Raises LeaseLost unless the mail is accepted and leased to worker, and keeps it so until the transaction ends.

    A lease that ended but was not taken counts.
    """
    found = yield Query(
        f"SELECT 1 FROM incoming WHERE id = $1 AND state = 'accepted' AND leased_by = $2 {FOR_UPDATE}", (mail_id, worker)
    )
    if not found:
        raise LeaseLost(f"mail {mail_id} is no longer leased to {worker}")


def filed(mail_id: str, state: MailState, reason: str, decision: str) -> Query:
    """The mail's own part of COMMIT 2, in the transaction in which holds_lease was asked."""
    return Query(
        """UPDATE incoming SET state = $2, reason = $3, decision = $4, not_before = 0, leased_by = NULL, leased_until = 0
            WHERE id = $1""",
        (mail_id, state.value, reason, decision),
    )


def postponed(mail_id: str, worker: str, until: float) -> Verb[None]:
    """Leave it accepted and look again then. Raises LeaseLost."""
    moved = yield Query(
        """UPDATE incoming SET not_before = $3, claims = claims - 1, leased_by = NULL, leased_until = 0
            WHERE id = $1 AND state = 'accepted' AND leased_by = $2 RETURNING seq""",
        (mail_id, worker, until),
    )
    _moved_or_lost(moved, mail_id, worker)


_NEVER = 2**31 - 1  # failures


def file_failed(mail_id: str, worker: str, reason: str, again_at: float, poison_after: int | None) -> Verb[MailState]:
    moved = yield Query(
        """UPDATE incoming SET tries = tries + $6, state = CASE WHEN tries + $6 >= $3 THEN 'poison' ELSE 'accepted' END,
                claims = claims - 1 + $6, reason = $4, not_before = $5, leased_by = NULL, leased_until = 0
            WHERE id = $1 AND state = 'accepted' AND leased_by = $2 RETURNING state""",
        (mail_id, worker, poison_after or _NEVER, reason, again_at, int(poison_after is not None)),
    )
    _moved_or_lost(moved, mail_id, worker)
    return MailState(moved[0][0])


def _moved_or_lost(moved: Sequence[Row], mail_id: str, worker: str) -> None:
    if not moved:
        raise LeaseLost(f"mail {mail_id} is no longer leased to {worker}")


def settle_mail(mail_id: str, expect: Sequence[MailState], to: MailState, reason: str) -> Verb[bool]:
    if to not in (MailState.ACCEPTED, MailState.DROPPED):
        raise StoreError(f"a mail is settled to accepted or dropped, not to {to.value}")
    fresh = int(to is MailState.ACCEPTED)
    moved = yield from select_in(
        """UPDATE incoming SET state = $2, reason = $3, not_before = 0, leased_by = NULL, leased_until = 0,
                released = CASE WHEN $4 = 1 AND state = 'held' THEN 1 ELSE released END,
                tries = CASE WHEN $4 = 1 THEN 0 ELSE tries END, claims = CASE WHEN $4 = 1 THEN 0 ELSE claims END
            WHERE id = $1 AND state IN (...) RETURNING seq""",
        list(expect),
        mail_id,
        to,
        reason,
        fresh,
    )
    return bool(moved)


def release_leases(worker_prefix: str) -> Verb[int]:
    """Those of filing only; delivery has its own."""
    moved = yield Query(
        """UPDATE incoming SET leased_by = NULL, leased_until = 0
            WHERE state = 'accepted' AND substr(leased_by, 1, length($1)) = $1 RETURNING seq""",
        (worker_prefix,),
    )
    return len(moved)


def mail(mail_id: str) -> Verb[Incoming | None]:
    found = yield Query("SELECT " + rows.INCOMING_RAW + _FROM_RAW + "WHERE i.id = $1", (mail_id,))
    mails = yield from with_tickets(found)
    return mails[0] if mails else None


def place_of(name: str) -> Verb[str]:
    """Where a file is now."""
    found = yield Query("SELECT place FROM raw_file WHERE sha256 = $1", (name,))
    return found[0][0] if found else HOME


def mails(state: MailState | None, limit: int, before: str | None) -> Verb[tuple[Incoming, ...]]:
    where = Where()
    if state is not None:
        where.add("i.state = {}", state)
    if before is not None:
        where.add("i.seq < (SELECT seq FROM incoming WHERE id = {})", before)
    found = yield where.query("SELECT " + rows.INCOMING + _FROM, "i.seq DESC", limit)
    return (yield from with_tickets(found))


def clients(limit: int) -> Verb[tuple[tuple[str, Evidence, str], ...]]:
    found = yield Query("SELECT peer, verdict FROM incoming ORDER BY seq DESC LIMIT $1", (limit,))
    verdicts = [(peer, rows.verdict(text)) for peer, text in found]
    return tuple((peer, verdict.evidence, verdict.author) for peer, verdict in verdicts)


def mails_of_message_id(message_id: str) -> Verb[tuple[Incoming, ...]]:
    found = yield Query("SELECT " + rows.INCOMING + _FROM + "WHERE i.message_id = $1 ORDER BY i.seq", (message_id,))
    return (yield from with_tickets(found))


def with_tickets(found: list[Row]) -> Verb[tuple[Incoming, ...]]:
    """The tickets of a mail are those that have an entry from it."""
    links = yield from select_in(
        "SELECT DISTINCT mail_id, ticket_id FROM entry WHERE mail_id IN (...) ORDER BY ticket_id", [row[0] for row in found]
    )
    return tuple(rows.incoming(row, tuple(ticket_id for mail_id, ticket_id in links if mail_id == row[0])) for row in found)
