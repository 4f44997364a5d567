"""The statements behind another customer for a ticket: who takes part then, and what was said with the one before.

Raises StoreMisuse for a ticket that is not there.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import json
from collections.abc import Sequence

from smtpgate.errors import StoreMisuse
from smtpgate.model import NOBODY, SAID_WITH
from smtpgate.store import rows
from smtpgate.store.api import TicketUpdate
from smtpgate.store.linking import one_more
from smtpgate.store.statement import Query, Verb

_MARK = f"""UPDATE entry SET marks = {one_more(SAID_WITH).replace("$3", "$2")}
    WHERE ticket_id = $1 AND kind IN ('customer', 'reply', 'status')"""


def changed(updates: Sequence[TicketUpdate]) -> Verb[None]:
    """Before the new rows: what is said to a customer from now on is said to the new one, and whoever is to take part beside him
    is added anew."""
    for update in updates:
        if update.customer is None:
            continue
        there = yield Query(
            "SELECT p.address FROM ticket t LEFT JOIN participant p ON p.ticket_id = t.id AND p.role = 'customer' WHERE t.id = $1",
            (update.ticket_id,),
        )
        if not there:
            raise StoreMisuse(f"there is no ticket {update.ticket_id} to change")
        yield Query(_MARK, (update.ticket_id, json.dumps(f"{SAID_WITH}{there[0][0] or NOBODY}")))
        yield Query("DELETE FROM participant WHERE ticket_id = $1", (update.ticket_id,))
        yield Query(rows.A_PARTICIPANT, rows.of_participant(update.ticket_id, update.customer))
