"""#spent: time that an agent worked on a ticket is added to what he has there. It stays inside, always. Pure."""

from __future__ import annotations

from dataclasses import replace

from smtpgate import spent
from smtpgate.desk.commands import Given
from smtpgate.desk.commandtable import Verb
from smtpgate.handlers.case import Case
from smtpgate.handlers.doing import Doing
from smtpgate.model import Ticket
from smtpgate.store.api import SpentTime

_NOTHING = (0, 0.0, 0)


def against(case: Case, ticket: Ticket, given: Given, words: dict[str, str], language: str) -> list[str]:
    """Why it cannot be added: more than anybody works in one go, or less than nothing in all."""
    if given.verb is not Verb.SPENT:
        return []
    minutes, most, has = int(given.value), case.config.tickets.spent_most, _minutes(case, ticket)
    shown = spent.of(language)
    if abs(minutes) * 60 > most:
        return [words["spent-most"].format(most=shown(round(most // 60)))]
    if has + minutes < 0:
        return [words["spent-less"].format(has=shown(has))]
    return []


def _minutes(case: Case, ticket: Ticket) -> int:
    """What the agent has there."""
    found = case.facts.said.spent.get(ticket.id)
    return found.minutes if found is not None else 0


def spend(doing: Doing, given: Given) -> None:
    case, ticket, minutes = doing.case, doing.ticket, int(given.value)
    doing.work.spent.append(SpentTime(case.new_id(), ticket.id, ticket.desk, case.sender, case.now, minutes))
    doing.ticket = replace(ticket, worked=ticket.worked + minutes)
    doing.change(updated_at=case.now)
    doing.events.append(f"time worked: {spent.shown(minutes)}")
    shown = spent.of(doing.agent.language)
    mine = _minutes(case, ticket) + minutes
    doing.say("spent", time=shown(minutes), mine=shown(mine), all=shown(doing.ticket.worked))


# --- taken back -------------------------------------------------------------------------------------------------------


def last(case: Case, ticket: Ticket) -> float:
    """When the agent last added time that may still be taken back; 0.0 for never."""
    found = case.facts.said.spent.get(ticket.id)
    _, at, _ = next(iter(found.newest), _NOTHING) if found is not None else _NOTHING
    return at if at >= case.now - case.config.tickets.answer_delay else 0.0


def undo(doing: Doing, at: float) -> None:
    """What was added with the mail of that moment."""
    found = doing.case.facts.said.spent.get(doing.ticket.id)
    same = [(id_, minutes) for id_, then, minutes in (found.newest if found is not None else ()) if then == at]
    if not same:
        return
    minutes = sum(one for _, one in same)
    doing.work.unspent += [id_ for id_, _ in same]
    doing.ticket = replace(doing.ticket, worked=doing.ticket.worked - minutes)
    doing.events.append(f"time worked taken back: {spent.shown(minutes)}")
    doing.say("undone-spent", time=spent.of(doing.agent.language)(minutes))
