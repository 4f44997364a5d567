"""Commands with a moment behind them: #snooze takes a ticket out of what waits, #due says until when it is to be answered, #away
and #back say who is on leave.

A moment is read in the agent's own zone, else the desk's; the receipt says it with its date, so that nobody need guess.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from smtpgate import hours
from smtpgate.desk import duty, moments, worktime
from smtpgate.desk.commands import Given
from smtpgate.desk.commandtable import ENDED, Verb
from smtpgate.desksettings import Agent, Desk
from smtpgate.due import Due, Leave, What, awake
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.doing import Doing
from smtpgate.mail.agentwords import STATUS
from smtpgate.mail.letters import date_text
from smtpgate.model import Status, Ticket

_LONGEST = moments.LONGEST * 86_400.0
_DAY, _EVENING = 24 * 60, 18 * 60  # minutes


def said(moment: float, agent: Agent, desk: Desk) -> str:
    """As this agent reads it, with the zone."""
    zone = agent.timezone or desk.timezone
    return f"{date_text(moment, desk, agent.language, zone)} ({zone})"


def _read(
    case: Case, agent: Agent, desk: Desk, value: str, words: dict[str, str], hour: Callable[[date], int] | None = None
) -> tuple[float, str]:
    """The moment, or why it is none that can be meant. hour: what a day alone means, in minutes; None: its morning."""
    found = moments.read(value)
    zone = duty.zone(agent, desk)
    at = None if found is None else moments.when(found, case.now, zone, hour or (lambda day: duty.morning(agent, day.weekday())))
    if at is None:
        return 0.0, words["no-day"].format(line=value)
    if at <= case.now:
        return 0.0, words["past"].format(when=said(at, agent, desk))
    if at > case.now + _LONGEST:
        return 0.0, words["far"].format(when=said(at, agent, desk))
    return at, ""


def against(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    """Why the ticket cannot come back then."""
    if given.value == ENDED:
        return [] if ticket.snoozed_until is not None else [words["not-snoozed"]]
    desk = case.desk_of_agent(ticket)
    assert desk is not None
    why = _read(case, case.config.agent_of(case.sender), desk, given.value, words)[1]
    return [why] if why else []


def snooze(doing: Doing, given: Given) -> None:
    case, ticket = doing.case, doing.ticket
    if given.value == ENDED:
        doing.work.due.append(awake(ticket, case.now))
        doing.events.append("snooze ended")
        doing.say("snooze-ended")
        return
    at, _ = _read(case, doing.agent, doing.desk, given.value, doing.words)
    wanted = doing.reading.of(Verb.STATUS)
    state = Status(wanted.value) if wanted is not None else ticket.status
    doing.work.due.append(Due(ticket.id, What.SNOOZE, at, case.now, state))
    when = said(at, doing.agent, doing.desk)
    doing.events.append(f"snoozed until {date_text(at, doing.desk, 'en')}")
    doing.say("snoozed", when=when)


def against_due(case: Case, ticket: Ticket, given: Given, wanted: Given | None, words: dict[str, str]) -> list[str]:
    """Why it cannot be due then. wanted: the state that the same mail sets."""
    if given.value == ENDED:
        return [] if ticket.clock is not None and ticket.clock.date is not None else [words["not-due"]]
    desk = case.desk_of_agent(ticket)
    assert desk is not None
    state = Status(wanted.value) if wanted is not None else ticket.status
    if not state.open:
        return [words["due-ended"].format(state=STATUS[case.config.agent_of(case.sender).language][state])]
    agent = case.config.agent_of(case.sender)
    why = _read(case, agent, desk, given.value, words, _evening(agent, desk))[1]
    return [why] if why else []


def _evening(agent: Agent, desk: Desk) -> Callable[[date], int]:
    """When work ends on a day: the desk's, else his own."""

    def minutes(day: date) -> int:
        own = [one.end for one in map(hours.span, agent.hours) if day.weekday() in one.days]
        desks = worktime.of_desk(desk).last_minute(day) if desk.hours else None
        return min(desks or max(own, default=_EVENING), _DAY - 1)

    return minutes


def due(doing: Doing, given: Given) -> None:
    case, ticket = doing.case, doing.ticket
    if given.value == ENDED:
        doing.work.dates[ticket.id] = None
        doing.events.append("due date taken away")
        doing.say("due-off")
        return
    at, _ = _read(case, doing.agent, doing.desk, given.value, doing.words, _evening(doing.agent, doing.desk))
    doing.work.dates[ticket.id] = at
    doing.events.append(f"due by {date_text(at, doing.desk, 'en')}")
    doing.say("due-set", when=said(at, doing.agent, doing.desk))


def leave(case: Case, work: Work, desk: Desk, agent: Agent, given: Given, words: dict[str, str]) -> tuple[str, str]:
    """What the agent is told, and "" or why nothing was done."""
    if given.verb is Verb.BACK:
        work.leaves.append((case.sender, Leave(case.now, case.now)))
        return words["back"], ""
    if not given.value:
        work.leaves.append((case.sender, Leave(case.now, case.now + _LONGEST)))
        return words["away-open"], ""
    at, why = _read(case, agent, desk, given.value, words)
    if not why:
        work.leaves.append((case.sender, Leave(case.now, at)))
    return words["away"].format(when=said(at, agent, desk)), why
