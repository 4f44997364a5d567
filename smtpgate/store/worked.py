"""Verbs about the time that was worked: a row for each #spent, which only its own mail's #undo takes away again.

What is corrected is a row below nought. A ticket that is merged brings its rows along. Never raises but what the database does.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpgate.store.decision import SpentTime
from smtpgate.store.seen import WorkedTime
from smtpgate.store.shown import Spent
from smtpgate.store.statement import Many, Query, Verb, Where

_NEWEST = 5  # of an agent's that may be taken back
_COLUMNS = "id, ticket_id, desk, agent, at, minutes"
BY = {  # what is summed up together: its columns, and what else is told of it
    "agent": ("w.desk, w.agent", "w.desk, w.agent, ''"),
    "ticket": ("t.id, t.number, t.desk", "t.desk, '', t.number"),
}


def rows_of(spent: Iterable[SpentTime]) -> Iterator[Query]:
    for one in spent:
        yield Query(
            f"INSERT INTO worked ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
            (one.id, one.ticket_id, one.desk, one.agent, one.at, one.minutes),
        )


def unspent(ids: Iterable[int]) -> Verb[None]:
    yield Many("DELETE FROM worked WHERE id = $1", tuple((id_,) for id_ in ids))


def merged(old: int, new: int) -> Query:
    return Query("UPDATE worked SET ticket_id = $2 WHERE ticket_id = $1", (old, new))


def of_agent(ticket_id: int, agent: str) -> Verb[Spent]:
    """What an agent has on a ticket."""
    found = yield Query(
        "SELECT CAST(sum(minutes) AS BIGINT) FROM worked WHERE ticket_id = $1 AND agent = $2",
        (ticket_id, agent),
    )
    newest = yield Query(
        f"SELECT id, at, minutes FROM worked WHERE ticket_id = $1 AND agent = $2 ORDER BY at DESC, id DESC LIMIT {_NEWEST}",
        (ticket_id, agent),
    )
    return Spent(found[0][0] or 0, tuple((row[0], row[1], row[2]) for row in newest))


def of_ticket(ticket_id: int) -> Verb[tuple[tuple[str, float, int], ...]]:
    """Agent, when, minutes; oldest first."""
    found = yield Query("SELECT agent, at, minutes FROM worked WHERE ticket_id = $1 ORDER BY at, id", (ticket_id,))
    return tuple((row[0], row[1], row[2]) for row in found)


def summed(by: str, desk: str | None, agent: str | None, since: float | None, until: float | None) -> Verb[tuple[WorkedTime, ...]]:
    """by: a key of BY. desk: where the ticket was when it was worked on. until: not with it."""
    where = Where()
    for condition, value in (
        ("w.desk = {}", desk),
        ("lower(w.agent) = lower({})", agent),
        ("w.at >= {}", since),
        ("w.at < {}", until),
    ):
        if value is not None:
            where.add(condition, value)
    grouped, told = BY[by]
    found = yield where.grouped(
        f"""SELECT {told}, CAST(sum(w.minutes) AS BIGINT), count(*), count(DISTINCT w.ticket_id)
            FROM worked w JOIN ticket t ON t.id = w.ticket_id""",
        grouped,
    )
    return tuple(WorkedTime(*row) for row in found)
