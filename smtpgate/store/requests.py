"""The verbs behind what people ask about their data, and the record of what was done: one row for each.

One thing is done at a time: who does it has it for some minutes and says so again as it goes on, so that one that died is taken up
by the next. Never fails but as its statements do.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from smtpgate.person import Request, State, What
from smtpgate.store.statement import FOR_UPDATE, Query, Row, Verb, Where, select_in

_DAY = 86_400.0
_BEGUN = 100  # requests among which those that nobody does any more are looked for
_COLUMNS = "id, what, state, address, pseudonym, by_whom, asked_at, done_at, at, ticket_id, desk, language, counts, outgoing_id"


def _request(row: Row) -> Request:
    return Request(
        id=row[0],
        what=What(row[1]),
        state=State(row[2]),
        address=row[3],
        pseudonym=row[4],
        by=row[5],
        asked_at=row[6],
        done_at=row[7],
        at=row[8],
        ticket_id=row[9],
        desk=row[10],
        language=row[11],
        counts=json.loads(row[12]),
        outgoing_id=row[13],
    )


def kept(one: Request) -> Verb[None]:
    """New, or in place of what was kept of it."""
    values = (
        *(one.id, one.what, one.state, one.address, one.pseudonym, one.by, one.asked_at, one.done_at, one.at, one.ticket_id),
        *(one.desk, one.language, json.dumps(one.counts), one.outgoing_id),
    )
    yield Query(
        f"""INSERT INTO privacy ({_COLUMNS}) VALUES ({", ".join(f"${i + 1}" for i in range(len(values)))})
            ON CONFLICT (id) DO UPDATE SET state = excluded.state, address = excluded.address, pseudonym = excluded.pseudonym,
                by_whom = excluded.by_whom, done_at = excluded.done_at, at = excluded.at, ticket_id = excluded.ticket_id,
                counts = excluded.counts, outgoing_id = excluded.outgoing_id""",
        values,
    )


def by_id(request_id: int) -> Verb[Request | None]:
    found = yield Query(f"SELECT {_COLUMNS} FROM privacy WHERE id = $1", (request_id,))
    return _request(found[0]) if found else None


def listed(states: Sequence[State], limit: int) -> Verb[tuple[Request, ...]]:
    """The newest first; no state means every one."""
    where = Where()
    if states:
        where.add("state IN (" + ", ".join(["{}"] * len(states)) + ")", *states)
    found = yield where.query(f"SELECT {_COLUMNS} FROM privacy", "id DESC", limit)
    return tuple(map(_request, found))


def of_person(address: str) -> Verb[tuple[Request, ...]]:
    """What is still to be done for a person, the oldest first."""
    found = yield Query(
        f"""SELECT {_COLUMNS} FROM privacy WHERE (lower(address) = $1 OR address = $2) AND address <> ''
            AND state IN ('asked', 'confirmed', 'running', 'telling') ORDER BY id""",
        (address.lower(), address),
    )
    return tuple(map(_request, found))


def of_late(address: str, now: float) -> Verb[tuple[Request, ...]]:
    """What a person asked for within a day, and whatever is not done yet; the newest first."""
    found = yield Query(
        f"""SELECT {_COLUMNS} FROM privacy WHERE (lower(address) = $1 OR address = $2) AND address <> ''
            AND (asked_at > $3 OR state IN ('asked', 'confirmed', 'running')) ORDER BY id DESC LIMIT 100""",
        (address.lower(), address, now - _DAY),
    )
    return tuple(map(_request, found))


def next_due(now: float) -> Verb[Request | None]:
    """What has been due for longest, and is nobody's just now; what was begun by who has died is due at once."""
    found = yield Query(
        f"""SELECT {_COLUMNS}, worker, leased_until FROM privacy
            WHERE at IS NOT NULL AND (at <= $1 AND leased_until <= $1 OR worker <> '') ORDER BY at, id LIMIT {_BEGUN}""",
        (now,),
    )
    free = (row for row in found if (row[8] <= now and row[-1] <= now) or _died(row[-2]))
    first = next(free, None)
    return None if first is None else _request(first)


@functools.cache
def _here() -> str:
    """This machine since its start, and where on it process ids count: its name may be another one's too."""
    marks = [socket.gethostname().replace(" ", "-")]
    with contextlib.suppress(OSError):
        marks += [Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(), os.readlink("/proc/self/ns/pid")]
    return "/".join(marks)


def new_worker() -> str:
    """A name of this process that tells others on this machine whether it still runs."""
    return f"{_here()} {os.getpid()} {secrets.token_hex(4)}"


def _died(worker: str) -> bool:
    """It ran on this machine, and is no more. Of another machine's the lease tells."""
    here, pid, _ = worker.rsplit(" ", 2) if worker.count(" ") >= 2 else ("", "", "")
    if here != _here() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def taken(one: Request, was: State, worker: str, now: float, until: float) -> Verb[bool]:
    """It is this worker's until then, unless another one does something of the kind just now, or it is not any more as it was when
    somebody looked: done by another one, called off, refused."""
    others = yield Query("SELECT worker FROM privacy WHERE worker <> $1 AND worker <> '' AND leased_until > $2", (worker, now))
    if not all(_died(name) for (name,) in others):
        return False
    found = yield from by_id(one.id)
    if found is not None and found.state is not was:
        return False
    yield from select_in("UPDATE privacy SET worker = '', leased_until = 0 WHERE worker IN (...)", [name for (name,) in others])
    yield from kept(one)
    yield Query("UPDATE privacy SET worker = $2, leased_until = $3 WHERE id = $1", (one.id, worker, until))
    return True


def is_of(request_id: int, worker: str) -> Verb[bool]:
    """It still is this worker's; "": nobody's."""
    found = yield Query(f"SELECT 1 FROM privacy WHERE id = $1 AND worker = $2 {FOR_UPDATE}", (request_id, worker))
    return bool(found)


def still(one: Request, worker: str, until: float) -> Verb[bool]:
    """Kept as it is now, and this worker's until then; False, and nothing was changed: another one has it, or had it meanwhile."""
    if not (yield from is_of(one.id, worker)):
        return False
    yield from kept(one)
    yield Query("UPDATE privacy SET leased_until = $2 WHERE id = $1", (one.id, until))
    return True


def changed(before: Request, after: Request) -> Verb[bool]:
    """Kept as it is after, where it still is as it was before, and nobody's."""
    found = yield from by_id(before.id)
    if found is None or (found.state, found.at) != (before.state, before.at):
        return False
    yield from kept(after)
    return True


def put_off(request_id: int, worker: str, at: float) -> Verb[None]:
    """It failed, and is nobody's until then; unless another one has it meanwhile, or has done it."""
    yield Query(
        """UPDATE privacy SET at = $3, worker = '', leased_until = 0, tries = tries + 1
            WHERE id = $1 AND worker IN ('', $2) AND at IS NOT NULL""",
        (request_id, worker, at),
    )


def left(one: Request, worker: str) -> Verb[bool]:
    """Kept as it is now, and nobody's. False, and nothing was changed: it was not this worker's any more."""
    if not (yield from is_of(one.id, worker)):
        return False
    yield from kept(one)
    yield Query("UPDATE privacy SET worker = '', leased_until = 0 WHERE id = $1", (one.id,))
    return True
