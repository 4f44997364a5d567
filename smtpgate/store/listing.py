"""The verb behind what an agent asks for by mail: ids of tickets, found by an index, with a bounded look at each row.

What is due stands first, the earliest before all; the rest in the order in which it waits."""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from smtpgate.listing import Listed, Listing
from smtpgate.model import Status
from smtpgate.store import targets
from smtpgate.store.linking import OF_NUMBER, SURVIVOR
from smtpgate.store.statement import Query, Rows, Verb

_MOST = 51  # one more than an agent is shown, which tells that there are more
_SUBJECTS = 2_000  # tickets of one desk and state whose subjects are looked at, the newest first
SNOOZED = "EXISTS (SELECT 1 FROM due d WHERE d.ticket_id = t.id AND d.what = 'snooze' AND d.at IS NOT NULL)"
OPEN = "t.status IN ('received', 'progress', 'waiting')"  # for an index by assignee that has only these
_LEADS_TO = SURVIVOR.replace("t.id", "chosen.id")
_OPEN = tuple(status for status in Status if status.open)
OURS = (Status.RECEIVED, Status.PROGRESS)  # the customer waits for us


def found(asked: Listing) -> Verb[tuple[int, ...]]:
    if asked.what is Listed.NUMBER:
        rows = yield Query(OF_NUMBER, (asked.number,))
        return tuple(row[0] for row in rows)
    ids: list[int] = []
    due: Rows = []
    for desk in asked.desks:
        for status in _states(asked.what):
            ids += yield from _of(asked, desk, status)
        if asked.what is not Listed.WORDS:
            due += yield from _due(asked, desk)
    most = 1 if asked.what is Listed.NEXT else _MOST
    first = (ticket_id for _, ticket_id in sorted(due))  # what is due goes before what only waits
    others = sorted(set(ids), reverse=asked.what is Listed.WORDS)  # an id is as old as its ticket
    return tuple(dict.fromkeys((*first, *others)))[:most]


def _due(asked: Listing, desk: str) -> Verb[Rows]:
    """The same as `_of`, of what is due. One is found among the first few, most often."""
    where = "AND t.assignee = $3" if asked.what is Listed.MINE else f"AND NOT {SNOOZED}"
    if asked.what is Listed.NEXT:
        where += " AND t.assignee = ''"
    found: Rows = []
    for among in (_MOST * 2, targets.MOST):
        found = yield from targets.due_of(desk, _states(asked.what), where=where, agent=asked.agent, among=among)
        if len(found) >= (1 if asked.what is Listed.NEXT else _MOST):
            break
    return found


def _states(what: Listed) -> tuple[Status, ...]:
    if what is Listed.WORDS:
        return tuple(Status)
    return OURS if what is Listed.NEXT else _OPEN


def _of(asked: Listing, desk: str, status: Status) -> Verb[list[int]]:
    """Of one desk and state."""
    if asked.what is Listed.WORDS:
        rows = yield Query(
            # ids alone, which the index has, then each ticket by its id: a planner that takes the desk for one of average size, or
            # these for many, would go through all tickets
            f"""SELECT {_LEADS_TO}, (SELECT t.subject FROM ticket t WHERE t.id = chosen.id), chosen.id FROM (SELECT id FROM ticket
                    WHERE desk = $1 AND status = $2 ORDER BY id DESC LIMIT {_SUBJECTS}) AS chosen""",
            (desk, status),
        )
        rows.sort(key=lambda row: int(row[2]), reverse=True)
        # not in SQL: its databases know the case of different letters
        return [row[0] for row in rows if all(word in row[1].casefold() for word in asked.words)][:_MOST]
    if asked.what is Listed.OPEN:
        rows = yield Query(
            f"SELECT id FROM ticket t WHERE desk = $1 AND status = $2 AND NOT {SNOOZED} ORDER BY id LIMIT $3",
            (desk, status, _MOST),
        )
    else:
        awake = f"AND NOT {SNOOZED}" if asked.what is Listed.NEXT else ""
        rows = yield Query(
            f"SELECT id FROM ticket t WHERE desk = $1 AND status = $2 AND assignee = $3 AND {OPEN} {awake} ORDER BY id LIMIT $4",
            (desk, status, "" if asked.what is Listed.NEXT else asked.agent, _MOST),
        )
    return [row[0] for row in rows]
