"""Counts of what grows without end: kept with every change of it, so that nobody has to count rows.

Only verbs that happen one after the other in the whole cluster change them, so no two nodes wait for this one row.
"""

# ruff: noqa: S608 -- statements are put together from constants of this module only
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from smtpgate.model import MailState, Status
from smtpgate.store.statement import Query, Verb

FILED, RECIPIENTS = "filed", "recipients"
_COLUMNS = (FILED, RECIPIENTS, *(status.value for status in Status))
_ADD = (
    f"INSERT INTO tally (id, {', '.join(_COLUMNS)}) VALUES (1, {', '.join(f'${i + 1}' for i in range(len(_COLUMNS)))})"
    f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = tally.{name} + excluded.{name}' for name in _COLUMNS)}"
)


def added(change: Counter[str]) -> list[Query]:
    """At most one statement. change: by how much each count grows."""
    return [Query(_ADD, tuple(change[name] for name in _COLUMNS))] if any(change.values()) else []


def of_rows(statuses: Iterable[Status], recipients: int, state: MailState | None) -> Counter[str]:
    """What new tickets, new recipients and the new state of a mail add."""
    change = Counter({FILED: int(state is MailState.FILED), RECIPIENTS: recipients})
    for status in statuses:
        change[status.value] += 1
    return change


def moved(before: Iterable[str], after: Status) -> Counter[str]:
    """What a ticket's new status changes; before: its old one, nothing when there is no such ticket."""
    change: Counter[str] = Counter()
    for status in before:
        change[status] -= 1
        change[after.value] += 1
    return change


def known() -> Verb[dict[str, int]]:
    found = yield Query(f"SELECT {', '.join(_COLUMNS)} FROM tally WHERE id = 1")
    return dict(zip(_COLUMNS, found[0] if found else (0,) * len(_COLUMNS), strict=True))


# For `check`: a count and the rows that it is of.
ROWS = tuple(
    f"SELECT '{name}' WHERE (SELECT count(*) FROM {table}) <> (SELECT coalesce(sum({name}), 0) FROM tally)"
    for name, table in (
        (FILED, "incoming WHERE state = 'filed'"),
        (RECIPIENTS, "recipient"),
        *((status.value, f"ticket WHERE status = '{status.value}'") for status in Status),
    )
)
