"""When it is not plain that an agent meant his mail for the customer, though it is his and has the right address. Pure.

An absence note that names itself is known by its kind (mail/kind); what is looked for here are the ones that do not, mail
that was passed on, and mail to the addresses of two tickets. A doubt never loses anything: the mail is kept inside, or held and
its author asked.
"""

from __future__ import annotations

from smtpgate.handlers.case import Case
from smtpgate.mail import kind, outward, trim
from smtpgate.model import Ticket

_ADDRESSES = 50  # in To and Cc that are looked at


def automatic(case: Case) -> bool:
    """May a machine have written it? It quotes nothing of ours, and came at once, or speaks of an absence, or neither its header
    nor its subject says what it answers."""
    parsed = case.parsed
    if quotes(case):
        return False
    answered = case.facts.said.answered_at
    if answered and case.mail.received_at - answered < case.config.tickets.automatic_within:
        return True
    return kind.of_absence(parsed.reply) or not (answered or parsed.in_reply_to or parsed.references or case.numbers)


def quotes(case: Case) -> bool:
    """Does it quote a mail, as a person's client does?"""
    text = case.parsed.text
    return outward.quotes_us(text) or "q" in trim.split(text, subject=case.parsed.subject).roles


def passed_on(case: Case) -> bool:
    """Is it a forward: by its subject, or by the line over what is passed on?"""
    return trim.is_forward(case.parsed.subject) or trim.passes_on(case.parsed.reply)


def other_tickets(case: Case, ticket: Ticket) -> tuple[str, ...]:
    """Numbers of further tickets, "" where it is not known, whose signed addresses it was sent to, in its envelope or its header:
    servers split a mail for two addresses into two."""
    found: dict[int, str] = {}
    for token in (*case.actions, *case.replies):
        other = case.facts.tickets.get(token.id)
        if other is not None and other.id != ticket.id:
            found[other.id] = other.number
    named_in_header = () if case.mail.released else (*case.parsed.to, *case.parsed.cc)  # its author was asked which one he meant
    for address in [a.address for a in named_in_header if "+" in a.address][:_ADDRESSES]:
        named = case.post.tokens.read(address, case.now)
        number = case.facts.merged.get(named.id, named.id) if named is not None and named.kind in "rna" else ticket.id
        if number not in found and number != ticket.id:
            found[number] = ""
    return tuple(found.values())
