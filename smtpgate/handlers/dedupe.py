"""Is it a repeat? The same mail from the same sender to the same desk opens no second ticket; it is kept and linked.

Runs after threading, so that the same short answer to two tickets is not taken for a repeat. Unauthenticated mail never
stands in the way of authenticated mail: a weak first copy is no reason to treat a strong second one as a repeat.
"""

from __future__ import annotations

from smtpgate.handlers.case import Case, Work
from smtpgate.model import Evidence, Ticket
from smtpgate.rules.rights import Opening
from smtpgate.store.api import Fingerprint

NAME = "dedupe"
_STRONG = frozenset({Evidence.TRUSTED, Evidence.DMARC_DKIM, Evidence.DMARC_SPF, Evidence.DOMAIN})


def strong(case: Case) -> bool:
    return case.mail.released or case.mail.verdict.evidence in _STRONG


def handle(case: Case, work: Work) -> None:
    found = _earlier(case, work)
    if found is None:
        return
    first, why = found
    ticket = case.facts.tickets[first.ticket_id]
    work.because(NAME, f"{why}: linked to {ticket.number}")
    work.ticket, work.repeat_of, work.outcome, work.rung = ticket, first, "repeat", work.rung or "repeat"


def _at_another_desk(case: Case, work: Work) -> tuple[Fingerprint, str] | None:
    """One mail to several desks that share their tickets, and that a mail server has handed over for each of them apart."""
    if work.ticket is not None or work.asked is not None or work.rights.opens is Opening.HELD:
        return None
    for key in case.elsewhere:
        first = case.facts.fingerprints.get(key)
        if first is None or first.mail_id == case.mail.id or first.ticket_id not in case.facts.tickets:
            continue
        ticket, age = case.facts.tickets[first.ticket_id], abs(case.mail.received_at - first.first_at)
        if age > case.config.tickets.repeat_window or first.strong is not strong(case) or _handed_on(case, ticket, first):
            continue
        work.shares = tuple(desk for desk in case.desks if desk.name not in (ticket.desk, *ticket.other_desks))
        names = ", ".join(desk.name for desk in work.shares) or "nobody new"
        return first, f"the same mail, which came for desk {ticket.desk} alone, is also for {names}"
    return None


def _earlier(case: Case, work: Work) -> tuple[Fingerprint, str] | None:
    window = case.config.tickets.repeat_window
    for desk in case.desks:
        if desk.name not in case.fingerprints:
            continue
        in_window, same_id = case.fingerprints[desk.name]
        for key, limit in ((same_id, None), (in_window, window)):
            if limit is not None and work.asked is not None:
                continue  # a word said again is meant again
            first = case.facts.fingerprints.get(key)
            if first is None or first.mail_id == case.mail.id or first.ticket_id not in case.facts.tickets:
                continue
            if work.ticket is not None and work.ticket.id != first.ticket_id:
                continue
            if strong(case) and not first.strong:
                continue
            if limit is not None and _handed_on(case, case.facts.tickets[first.ticket_id], first):
                continue
            age = abs(case.mail.received_at - first.first_at)  # a clock that was set back is no reason for a repeat
            if limit is None:
                return first, "the same mail delivered again (same Message-ID, same content)"
            if age <= limit:
                return first, f"the same mail as {_minutes(age)} ago"
    return _at_another_desk(case, work) if case.elsewhere else None


def _handed_on(case: Case, ticket: Ticket, first: Fingerprint) -> bool:
    """Has an agent put somebody else in its sender's place since the first one? Then this one is another matter, his own."""
    customer = ticket.customer
    return customer is not None and customer.since > first.first_at and case.takes_part(ticket) is None


def _minutes(seconds: float) -> str:
    return f"{max(0, round(seconds / 60))} min"
