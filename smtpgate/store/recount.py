"""Counts anew until when tickets are due, when settings have changed: some in each transaction, in the order of their ids."""

from __future__ import annotations

from collections.abc import Callable

from smtpgate.model import Ticket
from smtpgate.store import targets
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.statement import Query, Verb
from smtpgate.target import TargetClock

Recount = Callable[[Ticket], TargetClock | None]


def recounted(after: int, most: int, recount: Recount) -> Verb[int | None]:
    """Where to go on; None: there are no more."""
    found = yield Query("SELECT ticket_id FROM target WHERE ticket_id > $1 ORDER BY ticket_id LIMIT $2", (after, most))
    tickets = yield from tickets_by_id(row[0] for row in found)
    yield from targets.kept([clock for ticket in tickets.values() if (clock := recount(ticket)) is not None], (), ())
    return found[-1][0] if len(found) == most else None
