"""Which desks the mail goes to, and whether they share one ticket."""

from __future__ import annotations

from smtpgate.desksettings import Desk
from smtpgate.handlers.case import Case, Work

NAME = "route"


def handle(case: Case, work: Work) -> None:
    if work.ticket is not None:
        others = [d.name for d in case.desks if d.name != work.ticket.desk]
        if others and len(case.desks) > 1:
            work.mark(*(f"also to {name}" for name in others))
        return
    names = ", ".join(d.name for d in case.desks)
    how = ""
    if len(case.desks) > 1:
        how = ", who share one ticket" if case.config.tickets.several_desks == "shared" else ", a ticket for each"
    work.because(NAME, f"desk {names}{how}")


def groups(case: Case) -> tuple[tuple[Desk, tuple[Desk, ...]], ...]:
    """For each ticket to open: its desk, and the desks that share it."""
    if case.config.tickets.several_desks == "each":
        return tuple((desk, ()) for desk in case.desks)
    return ((case.desks[0], case.desks[1:]),)
