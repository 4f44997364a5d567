"""The verb that does what is due: it is still so, all that the decision needs to know, and what comes of it, in one transaction."""

from __future__ import annotations

from smtpgate.due import Circumstances, Due, What
from smtpgate.errors import StoreMisuse
from smtpgate.store.api import Changes, DecideDue, QueryOf
from smtpgate.store.changes import apply
from smtpgate.store.due import acknowledged, the_same
from smtpgate.store.facts import facts, tickets_by_id
from smtpgate.store.holding import is_held
from smtpgate.store.statement import Verb


def settle(due: Due, query_of: QueryOf, decide: DecideDue) -> Verb[Changes | None]:
    """None: somebody else has done it, or it is no longer so."""
    if not (yield from the_same(due)):
        return None
    found = yield from tickets_by_id((due.ticket_id,))
    ticket = found[due.ticket_id]
    known = yield from facts(query_of(ticket))
    held = due.what is What.STATE and (yield from is_held(ticket))
    changes = decide(ticket, known, Circumstances((yield from acknowledged(ticket.id)), held))
    if changes.state is not None or changes.postpone_until is not None or changes.fingerprints:
        raise StoreMisuse("what time brings cannot say anything about a mail")
    done = {(one.ticket_id, one.what) for one in changes.due} | {(clock.ticket_id, What.TARGET) for clock in changes.clocks}
    if (due.ticket_id, due.what) not in done:
        raise StoreMisuse(f"{due.what} of ticket {ticket.number} would be due for ever")
    yield from apply(changes, None)
    return changes
