"""When an agent's digest is due: once on each day of work, from its time on, in his own zone. Pure.

It goes by the calendar and the clock on the wall, so an hour that comes twice, is left out, or is gone through by a clock that was
put back makes no second one; after days of outage there is one, of today.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from smtpgate import hours
from smtpgate.config import Config
from smtpgate.desk import duty
from smtpgate.desksettings import Agent, Desk
from smtpgate.due import Leave, Member

_AHEAD = 7 * 86_400.0  # seconds that a clock may be put back without a second digest


def desks_of(config: Config, address: str) -> tuple[Desk, ...]:
    """Those whose agent gets a digest: of a quiet desk only where he is given one by name."""
    agent = config.agent_of(address)
    wanted = "digest" in agent.model_fields_set
    return tuple(desk for desk in config.desk if address in desk.agents and (desk.notify or wanted))


def today(agent: Agent, where: ZoneInfo, now: float) -> str:
    """YYYYMMDD."""
    return datetime.fromtimestamp(now, where).strftime("%Y%m%d")


def end_of_day(where: ZoneInfo, now: float) -> float:
    return duty.midnight(datetime.fromtimestamp(now, where).date() + timedelta(days=1), where)


def is_time(agent: Agent, said: Leave | None, where: ZoneInfo, now: float) -> bool:
    """On a day on which he works and is not on leave, at its time or later."""
    if not agent.digest or duty.away_until(agent, said, where, now) is not None:
        return False
    local = datetime.fromtimestamp(now, where)
    return duty.works_on(agent, local.date()) and local.hour * 60 + local.minute >= hours.time_of_day(agent.digest)


def due(agent: Agent, kept: Member, where: ZoneInfo, now: float) -> bool:
    """What is kept from a day far ahead was written by a clock that was wrong, and must not take the digests until then."""
    done = today(agent, where, now) <= kept.digested <= today(agent, where, now + _AHEAD)
    return not done and is_time(agent, kept.leave, where, now)


def first_day(agent: Agent, where: ZoneInfo, now: float) -> str:
    """What is kept of an agent who is new: a digest whose time has passed today is not sent for that he is."""
    passed = is_time(agent, None, where, now)
    local = datetime.fromtimestamp(now, where)
    return (local if passed else local - timedelta(days=1)).strftime("%Y%m%d")
