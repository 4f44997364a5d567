"""The verbs behind the daily digest of an agent: what waits, counted whole and read as far as it is shown; and that it was sent.

A desk with tens of thousands of open tickets is walked once for each of its agents and day, on a reader.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Iterable, Sequence

from smtpgate.listing import Daily, Some, Waiting
from smtpgate.model import Status
from smtpgate.store import targets
from smtpgate.store.api import Changes
from smtpgate.store.changes import apply
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.linking import MERGED
from smtpgate.store.listing import OPEN, OURS, SNOOZED
from smtpgate.store.statement import Query, Rows, Verb

_SHOWN = 20  # of each list
_COMING = 10_000  # snoozed tickets that come back first, of all desks
_LATE = float("inf")
_ENDED = "('resolved', 'closed')"
_OPEN = (Status.RECEIVED, Status.PROGRESS, Status.WAITING)
_HIS = f"AND t.assignee IN ($3, '') AND NOT {SNOOZED}"
_DUE = "EXISTS (SELECT 1 FROM target g WHERE g.ticket_id = t.id AND g.due_at <= $3)"
_UNANSWERED = """(SELECT min(e.created_at) FROM entry e WHERE e.ticket_id = t.id AND e.kind = 'customer' AND e.seq >
    coalesce((SELECT max(r.seq) FROM entry r WHERE r.ticket_id = t.id AND r.kind = 'reply'), 0))"""


def daily(agent: str, desks: Sequence[str], now: float, until: float) -> Verb[Daily]:
    """agent: mail.address.key; until: the end of his day."""
    mine, unassigned, back = [], 0, []
    oldest: list[int] = []
    due: Rows = []
    for desk in dict.fromkeys(desks):
        soon = yield from targets.due_of(desk, _OPEN, until=until, where=_HIS, agent=agent)
        due += soon
        for status in _OPEN:
            unanswered = _UNANSWERED if status in OURS else "NULL"
            mine += yield Query(
                f"""SELECT t.id, {unanswered} FROM ticket t
                    WHERE t.desk = $1 AND t.status = $2 AND t.assignee = $3 AND {OPEN} AND NOT {SNOOZED}""",
                (desk, status, agent),
            )
        for status in OURS:
            where = f"FROM ticket t WHERE t.desk = $1 AND t.status = $2 AND t.assignee = '' AND {OPEN} AND NOT {SNOOZED}"
            values: tuple[str | float, ...] = (desk, status)
            if soon:
                where, values = f"{where} AND NOT {_DUE}", (*values, until)
            unassigned += (yield Query(f"SELECT count(*) {where}", values))[0][0]
            oldest += [row[0] for row in (yield Query(f"SELECT t.id {where} ORDER BY t.id LIMIT {_SHOWN}", values))]
        back += yield Query(
            # what comes back first, then its tickets: a planner that knows nothing would go through all of the desk's
            f"""SELECT t.id, chosen.at FROM (SELECT ticket_id, at, state FROM due WHERE at IS NOT NULL AND at <= $1 AND
                    what = 'snooze' ORDER BY at LIMIT {_COMING}) AS chosen JOIN ticket t ON t.id = chosen.ticket_id
                WHERE t.desk = $2 AND t.assignee IN ($3, '') AND NOT {MERGED}
                    AND (t.status NOT IN {_ENDED} OR chosen.state IN {_ENDED})""",  # else it ended, and stays away
            (until, desk, agent),
        )
    listed = {ticket_id for _, ticket_id in due}
    mine = [row for row in mine if row[0] not in listed]
    mine.sort(key=lambda row: (_LATE if row[1] is None else row[1], row[0]))
    back.sort(key=lambda row: (row[1], row[0]))
    overdue, today = ([(row[1], None, None) for row in sorted(due) if (row[0] <= now) is late] for late in (True, False))
    return Daily(
        overdue=(yield from _some(overdue[:_SHOWN], len(overdue))),
        today=(yield from _some(today[:_SHOWN], len(today))),
        mine=(yield from _some([(row[0], row[1], None) for row in mine[:_SHOWN]], len(mine))),
        unassigned=(yield from _some([(ticket_id, None, None) for ticket_id in sorted(oldest)[:_SHOWN]], unassigned)),
        back=(yield from _some([(row[0], None, row[1]) for row in back[:_SHOWN]], len(back))),
    )


def _some(shown: Sequence[tuple[int, float | None, float | None]], count: int) -> Verb[Some]:
    tickets = yield from tickets_by_id(row[0] for row in shown)
    return Some(tuple(Waiting(tickets[ticket_id], since, back) for ticket_id, since, back in shown), count)


def digested(agent: str, before: str, changes: Changes) -> Verb[bool]:
    """A digest goes out with these changes, unless another has gone out since the one of that day before."""
    found = yield Query("SELECT digested FROM member WHERE agent = $1", (agent,))
    if not found or found[0][0] != before:
        return False
    yield from apply(changes, None)
    return True


def begun(agents: Iterable[tuple[str, str]]) -> Verb[None]:
    """Of agents who are new the day before their first digest."""
    for agent, day in agents:
        yield Query(
            """INSERT INTO member (agent, digested) VALUES ($1, $2)
                ON CONFLICT (agent) DO UPDATE SET digested = excluded.digested WHERE member.digested = ''""",
            (agent, day),
        )
