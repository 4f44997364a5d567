"""Who is at work: hours and leave of the configuration, and what an agent said by mail, of which the last word counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from smtpgate import hours
from smtpgate.desk import moments
from smtpgate.desksettings import Agent, Desk
from smtpgate.due import Leave

_WORKDAYS = frozenset(range(5))  # where no hours are set


Leaves = Mapping[str, Leave]  # by mail.address.key of the agent


def zone(agent: Agent, desk: Desk) -> ZoneInfo:
    """His own, else the desk's."""
    return ZoneInfo(agent.timezone or desk.timezone)


def away_until(agent: Agent, said: Leave | None, where: ZoneInfo, now: float) -> float | None:
    """When he is back from a leave that holds now; None: he is not on leave."""
    found = [said.until] if said is not None and now < said.until else []
    for first, last in map(hours.leave, agent.away):
        begin, end = midnight(first, where), midnight(last + timedelta(days=1), where)
        if begin <= now < end and not (said is not None and begin <= said.since):  # within it he said something else
            found.append(end)
    return max(found, default=None)


def on_duty(agent: Agent, said: Leave | None, where: ZoneInfo, now: float) -> bool:
    """Neither on leave nor outside his hours. Without hours he is always on duty."""
    if away_until(agent, said, where, now) is not None:
        return False
    spans = [hours.span(one) for one in agent.hours]
    return not spans or hours.within(spans, datetime.fromtimestamp(now, where))


def morning(agent: Agent, day: int = 0) -> int:
    """When his work begins on such a day of the week, in minutes since midnight: what a day without a time means to him."""
    spans = [hours.span(one) for one in agent.hours]
    return min((one.begin for one in spans if day in one.days), default=moments.MORNING)


def works_on(agent: Agent, day: date) -> bool:
    """A day on which he gets his digest."""
    days = frozenset[int]().union(*(hours.span(one).days for one in agent.hours)) or _WORKDAYS
    return day.weekday() in days


def midnight(day: date, where: ZoneInfo) -> float:
    """When that day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=where).timestamp()
