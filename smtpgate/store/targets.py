"""The statements behind targets: one row for each ticket that has any, and one for each target that was met or missed.

A damaged row raises ValueError or KeyError. What an older smtpgate does beside us to a ticket moves no clock.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from smtpgate.due import Due, What
from smtpgate.model import Status
from smtpgate.store.statement import Many, Query, Row, Rows, Verb
from smtpgate.target import Count, HeldAlarm, Met, Target, TargetClock, Told, Unmet, Watch

_COUNTED = 10_000
MOST = 10_000  # tickets of a desk that are looked at, what is due first of all
_NEVER = 1e18
_UPSERT = """INSERT INTO target (ticket_id, desk, due_at, alert_at, tries, kept) VALUES ($1, $2, $3, $4, 0, $5)
    ON CONFLICT (ticket_id) DO UPDATE SET desk = excluded.desk, due_at = excluded.due_at, alert_at = excluded.alert_at,
        tries = 0, kept = excluded.kept"""
_MET = """INSERT INTO target_met (ticket_id, target, at, desk, late) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (ticket_id, target, at) DO UPDATE SET desk = excluded.desk, late = excluded.late"""


def _watch(watch: Watch | None) -> list[Any] | None:
    return None if watch is None else [watch.spent, watch.since, watch.told]


def _a_watch(found: list[Any] | None) -> Watch | None:
    return None if found is None else Watch(found[0], found[1], Told(found[2]))


def kept_json(clock: TargetClock) -> str:
    return json.dumps(
        {
            "ticket": clock.ticket_id,
            "desk": clock.desk,
            "answered": clock.answered,
            "answer": _watch(clock.answer),
            "before": _watch(clock.before),
            "before_first": clock.before_first,
            "answered_at": clock.answered_at,
            "solution": _watch(clock.solution),
            "ended_at": clock.ended_at,
            "date": clock.date,
            "dated": clock.dated,
            "date_told": clock.date_told,
            "due_at": clock.due_at,
            "due": clock.due,
            "alert_at": clock.alert_at,
        }
    )


def a_clock(kept: str) -> TargetClock:
    found = json.loads(kept)
    return TargetClock(
        ticket_id=found["ticket"],
        desk=found["desk"],
        answered=found["answered"],
        answer=_a_watch(found["answer"]),
        before=_a_watch(found["before"]),
        before_first=found["before_first"],
        answered_at=found["answered_at"],
        solution=_a_watch(found["solution"]),
        ended_at=found["ended_at"],
        date=found["date"],
        dated=found["dated"],
        date_told=Told(found["date_told"]),
        due_at=found["due_at"],
        due=Target(found["due"]),
        alert_at=found["alert_at"],
    )


def kept(clocks: Sequence[TargetClock], met: Sequence[Met], unmet: Sequence[Unmet]) -> Verb[None]:
    if clocks:
        rows = [(clock.ticket_id, clock.desk, clock.due_at, clock.alert_at, kept_json(clock)) for clock in clocks]
        yield Many(_UPSERT, tuple(rows))
    for ticket_id, target, at in unmet:
        yield Query("DELETE FROM target_met WHERE ticket_id = $1 AND target = $2 AND at = $3", (ticket_id, target, at))
    if met:
        yield Many(_MET, tuple((one.ticket_id, one.target, one.at, one.desk, one.late) for one in met))


def held(alarms: Sequence[HeldAlarm]) -> Verb[None]:
    if alarms:
        yield Many(
            "INSERT INTO alarm_held (address, ticket_id, at) VALUES ($1, $2, $3) ON CONFLICT (address, ticket_id) DO NOTHING",
            tuple((one.address, one.ticket_id, one.at) for one in alarms),
        )


# --- what must be told, as store.due has it ---------------------------------------------------------------------------


def _a_due(row: Row) -> Due:
    return Due(row[0], What.TARGET, row[1], row[1], Status(row[2]))


def next_alert() -> Verb[float | None]:
    found = yield Query("SELECT min(alert_at) FROM target WHERE alert_at IS NOT NULL")
    at: float | None = found[0][0]
    return at


def first_alert(now: float) -> Verb[Due | None]:
    found = yield Query(
        """SELECT g.ticket_id, g.alert_at, t.status FROM target g JOIN ticket t ON t.id = g.ticket_id
            WHERE g.alert_at IS NOT NULL AND g.alert_at <= $1 ORDER BY g.alert_at, g.ticket_id LIMIT 1""",
        (now,),
    )
    return _a_due(found[0]) if found else None


def the_same(due: Due) -> Verb[bool]:
    found = yield Query("SELECT 1 FROM target WHERE ticket_id = $1 AND alert_at = $2", (due.ticket_id, due.at))
    return bool(found)


def postponed(due: Due, now: float, waits: Sequence[float]) -> Verb[int]:
    """How often it has failed by now; 0 when it is another one by now."""
    found = yield Query("SELECT tries FROM target WHERE ticket_id = $1 AND alert_at = $2", (due.ticket_id, due.at))
    if not found:
        return 0
    tries: int = found[0][0]
    yield Query(
        "UPDATE target SET alert_at = $2, tries = $3 WHERE ticket_id = $1",
        (due.ticket_id, now + waits[min(tries, len(waits) - 1)], tries + 1),
    )
    return tries + 1


# --- what people look at ----------------------------------------------------------------------------------------------


def met(desk: str, begin: float, end: float) -> Verb[tuple[Count, ...]]:
    """What became of a desk's targets from the one moment until before the other."""
    found = yield Query(
        """SELECT target, sum(CASE WHEN late > 0 THEN 0 ELSE 1 END), sum(CASE WHEN late > 0 THEN 1 ELSE 0 END) FROM target_met
            WHERE desk = $1 AND at >= $2 AND at < $3 GROUP BY target ORDER BY target""",
        (desk, begin, end),
    )
    return tuple(Count(Target(row[0]), row[1], row[2]) for row in found)


def overdue(desk: str, now: float) -> Verb[int]:
    """How many tickets of a desk are late, counted as far as it tells anything."""
    late = f"SELECT 1 FROM target WHERE desk = $1 AND due_at IS NOT NULL AND due_at <= $2 LIMIT {_COUNTED}"
    found = yield Query(f"SELECT count(*) FROM ({late}) AS chosen", (desk, now))
    count: int = found[0][0]
    return count


def due_of(
    desk: str, statuses: Sequence[Status], *, until: float | None = None, where: str = "", agent: str = "", among: int = MOST
) -> Verb[Rows]:
    """When each is due, and the ids, the first due first, of tickets in these states. among: of the desk's so many that are due
    first; where: of ticket t, with the agent as $3."""
    states = ", ".join(f"'{status.value}'" for status in statuses)
    found = yield Query(
        f"""SELECT chosen.due_at, t.id FROM (SELECT due_at, ticket_id FROM target WHERE desk = $1 AND due_at IS NOT NULL
                AND due_at <= $2 ORDER BY due_at LIMIT {among}) AS chosen JOIN ticket t ON t.id = chosen.ticket_id
            WHERE t.status IN ({states}) {where}""",
        (desk, _NEVER if until is None else until, *((agent,) if "$3" in where else ())),
    )
    return sorted(found)
