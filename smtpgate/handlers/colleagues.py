"""Whom a customer brings along. By the desk's rule (`desk.colleagues_join`) people of the customer's own organisation, whom a
proved customer puts in copy, get our answers from now on; all others are only listed, for an agent to say `#cc`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from smtpgate.desksettings import Desk
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.doing import MOST_JOINED
from smtpgate.mail import freemail, wire
from smtpgate.mail.letters import ComposeError
from smtpgate.model import COPIES, Entry, Participant, Role, Ticket
from smtpgate.rules.rights import Joining

NAME = "colleagues"


def brought(
    case: Case, work: Work, desk: Desk | None, people: tuple[Participant, ...], ticket: Ticket | None = None
) -> tuple[tuple[Participant, ...], str]:
    """New participants with their roles, and the event that says who of them joins, "" for nobody. ticket: None for a new one,
    whose customer the sender is."""
    if desk is None or not desk.colleagues_join or work.rights.joins is not Joining.YES or case.imported or case.agent:
        return people, ""
    if ticket is not None and (
        ticket.customer is None or case.post.key(ticket.customer.address) != case.sender or ticket.unverified
    ):
        return people, ""
    room = MOST_JOINED - (len(ticket.joined) if ticket is not None else 0)
    may = [
        p
        for p in people
        if p.role is Role.CC and _may_join(case, p.address) and not (ticket is not None and _taken_off(case, ticket, p.address))
    ]
    joining = {p.address for p in may[:room]}
    event = COPIES + " ".join(f"+{address}" for address in joining) if joining else ""
    if joining:
        work.because(NAME, f"get copies of our answers from now on: {', '.join(joining)}")
    return tuple(replace(p, role=Role.JOINED) if p.address in joining else p for p in people), event


def _may_join(case: Case, address: str) -> bool:
    if not freemail.colleague(case.sender, address) or case.config.agent_address(address):
        return False
    try:
        wire.checked_address(address)
    except ComposeError:
        return False
    return True


def _taken_off(case: Case, ticket: Ticket, address: str) -> bool:
    """Did an agent say that he gets no more copies? The newest word on it counts, however he is spelled."""
    signs = said_of(case.facts.said.copies.get(ticket.id, ()), address)
    return next((sign == "-" for sign, _ in signs), False)


def said_of(copies: tuple[Entry, ...], address: str) -> Iterator[tuple[str, Entry]]:
    """What was said of a person's copies, + or -, and the event that says it, the newest first."""
    for entry in copies:
        found = [word[0] for word in entry.text.removeprefix(COPIES).split() if word[1:].lower() == address.lower()]
        if found:
            yield found[-1], entry
