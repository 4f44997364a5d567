"""Alarms that were held back by the cap on mail to an agent, until one mail tells of all of them. Raises what decide raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smtpgate.model import Ticket
from smtpgate.store import rows
from smtpgate.store.api import TO_AGENT, Changes
from smtpgate.store.changes import apply
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.statement import Many, Query, Verb
from smtpgate.store.verbs import OUTGOING, VerbStore

MOST = 1_000  # tickets that one mail may be about
_HOUR = 3600.0


def _people() -> Verb[list[str]]:
    return [row[0] for row in (yield Query("SELECT DISTINCT address FROM alarm_held ORDER BY address"))]


def _told(address: str, now: float, most: int, decide: Callable[[Sequence[Ticket]], Changes]) -> Verb[Changes | None]:
    sent = yield Query(
        "SELECT 1 FROM acknowledgement WHERE address = $1 AND at > $2 LIMIT $3",
        (rows.agents_key(address, TO_AGENT), now - _HOUR, most),
    )
    if len(sent) >= most:
        return None
    found = yield Query("SELECT ticket_id FROM alarm_held WHERE address = $1 ORDER BY at, ticket_id LIMIT $2", (address, MOST))
    if not found:  # another node was faster
        return None
    changes = decide(tuple((yield from tickets_by_id(row[0] for row in found)).values()))
    yield from apply(changes, None)
    yield Many("DELETE FROM alarm_held WHERE address = $1 AND ticket_id = $2", tuple((address, row[0]) for row in found))
    return changes


async def people(store: VerbStore) -> list[str]:
    """Who has not heard of some alarm."""
    return await store._read(_people)


async def tell(
    store: VerbStore, address: str, *, now: float, most: int, decide: Callable[[Sequence[Ticket]], Changes]
) -> Changes | None:
    """What comes of the first MOST tickets that he has not heard of. None: there is no room yet, or nothing to tell."""
    return await store._write(lambda: _told(address, now, most, decide), ordered=True, news=OUTGOING)
