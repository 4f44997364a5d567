"""Until when a ticket is to be answered and solved: what counts, what stops it, and when somebody must hear of it. Pure.

Only time of work counts. The first answer: from the customer's first mail on. The next one: from the oldest mail of his that
nobody has answered since. The solution: from the opening on. While we wait for the customer all of it stands, and what is
resolved goes on where it stood when it is opened again. A date that an agent sets goes before all of that, until the ticket ends;
what became of the targets is noted all the same. Never fails.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from smtpgate.config import Config
from smtpgate.desk import worktime
from smtpgate.desksettings import Desk
from smtpgate.model import Priority, Status, Ticket
from smtpgate.records import record
from smtpgate.target import Met, Target, TargetClock, Told, Unmet, Watch

OURS = (Status.RECEIVED, Status.PROGRESS)  # it is for us to do something
_WARN_AT = 75  # percent, of a date at a desk without targets


@record(frozen=True, slots=True)
class Happened:
    """What was done to a ticket at a moment, and how it is since then.

    asked: its customer wrote what wants an answer, at that moment; unasked: what he wrote is another ticket's now; answered: an
    agent answered him; taken_back: the last answer was not one after all; by_customer: it was he who ended it; void: it is spam,
    or part of another ticket. date: what an agent set, None for none any more, 0.0 for nothing said about it. absorbed: the
    clock of a ticket that became part of it.
    """

    at: float
    desk: str
    status: Status
    priority: Priority = Priority.NORMAL
    asked: float | None = None
    unasked: bool = False
    answered: bool = False
    taken_back: bool = False
    by_customer: bool = False
    void: bool = False
    date: float | None = 0.0
    snoozed_until: float | None = None
    absorbed: TargetClock | None = None


@dataclass(slots=True)
class Moved:
    """A clock on its way through what happened."""

    clock: TargetClock
    met: list[Met] = field(default_factory=list)
    unmet: list[Unmet] = field(default_factory=list)


def counted(desk: Desk | None) -> bool:
    return desk is not None and desk.targets is not None


def opened(ticket_id: int, desk: str, at: float) -> TargetClock:
    """Of a ticket that was opened at that moment."""
    return TargetClock(ticket_id, desk, solution=Watch(since=at))


def unknown(ticket_id: int, desk: str) -> TargetClock:
    """Of one that was there before anything was counted: how long it has taken, and whether it was answered, is not known."""
    return TargetClock(ticket_id, desk, answered=True)


def moved(config: Config, clock: TargetClock, happened: Happened) -> Moved:
    """The clock after it."""
    if happened.void:
        return Moved(TargetClock(clock.ticket_id, happened.desk, answered=clock.answered))
    now = Moved(_at_desk(config, clock, happened))
    if happened.absorbed is not None:
        now.clock = _with(now.clock, _at_desk(config, happened.absorbed, happened))
    if happened.unasked:
        now.clock = replace(now.clock, answer=None)
    if happened.asked is not None and now.clock.answer is None:
        now.clock = replace(now.clock, answer=Watch(since=happened.asked))
    if happened.taken_back:
        _taken_back(now)
    if happened.answered:
        _answered(config, now, happened)
    _in_state(config, now, happened)
    if happened.date != 0.0:
        now.clock = replace(now.clock, date=happened.date, dated=happened.at, date_told=Told.NOTHING)
    now.clock = reckoned(config, now.clock, happened)
    return now


def _at_desk(config: Config, clock: TargetClock, happened: Happened) -> TargetClock:
    """What was counted at another desk was so by its hours."""
    if clock.desk == happened.desk:
        return clock
    answer, before, solution = (_going_on(config, clock, one, happened) for one in (clock.answer, clock.before, clock.solution))
    return replace(clock, desk=happened.desk, answer=answer, before=before, solution=solution)


def _going_on(config: Config, clock: TargetClock, watch: Watch | None, happened: Happened) -> Watch | None:
    """With all time until now in `spent`."""
    if watch is None or watch.since is None:
        return watch
    return replace(watch, spent=_spent(config, clock, watch, happened.at), since=max(watch.since, happened.at))


def _calendar(config: Config, name: str) -> worktime.Calendar:
    return worktime.of_desk(config.desk_named(name) or config.desk[0])


def _spent(config: Config, clock: TargetClock, watch: Watch, at: float) -> float:
    return watch.spent + (0.0 if watch.since is None else _calendar(config, clock.desk).between(watch.since, at))


def _with(clock: TargetClock, other: TargetClock) -> TargetClock:
    """Whoever waits longer counts, and the earlier date."""
    answer = clock.answer
    if other.answer is not None and (answer is None or _began(other.answer) < _began(answer)):
        answer = other.answer
    dated = other if clock.date is None or (other.date is not None and other.date < clock.date) else clock
    return replace(clock, answer=answer, date=dated.date, dated=dated.dated, date_told=dated.date_told)


def _began(watch: Watch) -> float:
    return float("inf") if watch.since is None else watch.since - watch.spent


def _noted(config: Config, now: Moved, watch: Watch, target: Target, happened: Happened) -> None:
    """Whether it was in time, where there is a target."""
    limit = _limit(config, now.clock.desk, target, happened.priority)
    if limit is not None:
        late = max(0.0, _spent(config, now.clock, watch, happened.at) - limit)
        now.met.append(Met(now.clock.ticket_id, target, now.clock.desk, happened.at, late))


def _answered(config: Config, now: Moved, happened: Happened) -> None:
    clock, watch = now.clock, now.clock.answer
    if watch is not None:
        _noted(config, now, watch, _of_answer(clock), happened)
        watch = replace(watch, since=happened.at) if watch.since is None else watch  # should it turn out that he still waits
    now.clock = replace(clock, answered=True, answer=None, before=watch, before_first=not clock.answered, answered_at=happened.at)


def _of_answer(clock: TargetClock) -> Target:
    return Target.NEXT if clock.answered else Target.FIRST


def _taken_back(now: Moved) -> None:
    """The customer waits as long as he did."""
    clock = now.clock
    if clock.before is None or clock.answered_at is None:
        return
    target = Target.FIRST if clock.before_first else Target.NEXT
    now.unmet.append((clock.ticket_id, target, clock.answered_at))
    now.clock = replace(clock, answered=not clock.before_first, answer=clock.before, before=None, answered_at=None)


def _in_state(config: Config, now: Moved, happened: Happened) -> None:
    """Watches go while it is for us to do something. The end of a ticket answers what was not answered."""
    clock, at = now.clock, happened.at
    if not happened.status.open and clock.ended_at is None:
        if clock.answer is not None and not happened.by_customer:
            _answered(config, now, happened)
        if clock.solution is not None:
            _noted(config, now, clock.solution, Target.SOLUTION, happened)
        now.clock = replace(now.clock, answer=None, ended_at=at, date=None)
    elif happened.status.open and clock.ended_at is not None:
        if clock.solution is not None:
            now.unmet.append((clock.ticket_id, Target.SOLUTION, clock.ended_at))
        now.clock = replace(clock, ended_at=None)
    clock, goes = now.clock, happened.status in OURS
    answer, solution = (_set(config, clock, watch, at, goes=goes) for watch in (clock.answer, clock.solution))
    if answer is not clock.answer or solution is not clock.solution:
        now.clock = replace(clock, answer=answer, solution=solution)


def _set(config: Config, clock: TargetClock, watch: Watch | None, at: float, *, goes: bool) -> Watch | None:
    if watch is None or goes is (watch.since is not None):
        return watch
    return replace(watch, since=at) if goes else replace(watch, spent=_spent(config, clock, watch, at), since=None)


# --- what is due ------------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Item:
    """One thing that is due, when somebody hears of it before (None: nobody does), and what he has heard."""

    target: Target
    at: float
    warn_at: float | None
    told: Told

    def next(self) -> float | None:
        if self.told is Told.LATE:
            return None
        return self.at if self.told is Told.SOON or self.warn_at is None else min(self.warn_at, self.at)


def _limit(config: Config, name: str, target: Target, priority: Priority) -> float | None:
    desk = config.desk_named(name)
    if desk is None or desk.targets is None:
        return None
    times = {Target.FIRST: desk.targets.first_answer, Target.NEXT: desk.targets.next_answer, Target.SOLUTION: desk.targets.solution}
    return times[target].of(priority)


def items(config: Config, clock: TargetClock, status: Status, priority: Priority) -> Iterator[Item]:
    """All that is due now."""
    desk = config.desk_named(clock.desk)
    calendar = _calendar(config, clock.desk)
    percent = _WARN_AT if desk is None or desk.targets is None else desk.targets.warn_at
    if clock.date is not None:
        if status.open:
            most = calendar.between(clock.dated, clock.date) * percent / 100
            warn = calendar.after(clock.dated, most) if most else None
            yield Item(Target.DATE, clock.date, warn, clock.date_told)
        return
    if status not in OURS:
        return
    for target, watch in ((_of_answer(clock), clock.answer), (Target.SOLUTION, clock.solution)):
        limit = _limit(config, clock.desk, target, priority)
        if watch is None or watch.since is None or limit is None:
            continue
        at, warn = (_when(calendar, watch.since, limit * part - watch.spent) for part in (1.0, percent / 100))
        yield Item(target, at, warn if percent else None, watch.told)


def _when(calendar: worktime.Calendar, since: float, left: float) -> float:
    """When so much more has passed; what had passed before the watch stood is past since it goes again."""
    return calendar.after(since, left) if left > 0 else since


def reckoned(config: Config, clock: TargetClock, now: Happened) -> TargetClock:
    """With what is due first, and when somebody must hear: not while we wait for the customer, nor before a snooze ends."""
    found = list(items(config, clock, now.status, now.priority))
    if not found:
        return replace(clock, due_at=None, alert_at=None)
    first = min(found, key=lambda item: item.at)
    alerts = [at for item in found if (at := item.next()) is not None] if now.status in OURS else []
    alert = min(alerts, default=None)
    if alert is not None and now.snoozed_until is not None:
        alert = max(alert, now.snoozed_until)
    return replace(clock, due_at=first.at, due=first.target, alert_at=alert)


def fingerprint(config: Config) -> str:
    """Of all settings that say when something is due; "" where nothing is."""
    if not config.has_targets:
        return ""
    said = [(d.name, d.timezone, d.hours, d.holidays, d.targets.model_dump() if d.targets else None) for d in config.desk]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def recounted(config: Config, ticket: Ticket) -> TargetClock | None:
    """The clock of a ticket to which nothing happened but that settings have changed; None: it is as it was."""
    if ticket.clock is None or not ticket.status.open:
        return None
    now = Happened(0.0, ticket.desk, ticket.status, ticket.priority, snoozed_until=ticket.snoozed_until)
    found = reckoned(config, ticket.clock, now)
    return None if found == ticket.clock else found


def alarmed(config: Config, clock: TargetClock, now: Happened) -> tuple[TargetClock, Told]:
    """The clock once somebody has been told of what is due or soon will be, and which of the two; NOTHING: there is nothing to
    tell yet."""
    if now.status not in OURS or (now.snoozed_until is not None and now.snoozed_until > now.at):
        return reckoned(config, clock, now), Told.NOTHING
    most = Told.NOTHING
    for item in items(config, clock, now.status, now.priority):
        if item.at <= now.at and item.told is not Told.LATE:
            clock, most = _told(clock, item.target, Told.LATE), Told.LATE
        elif item.warn_at is not None and item.warn_at <= now.at and item.told is Told.NOTHING:
            clock, most = _told(clock, item.target, Told.SOON), most or Told.SOON
    return reckoned(config, clock, now), most


def _told(clock: TargetClock, target: Target, told: Told) -> TargetClock:
    if target is Target.DATE:
        return replace(clock, date_told=told)
    if target is Target.SOLUTION:
        return replace(clock, solution=clock.solution and replace(clock.solution, told=told))
    return replace(clock, answer=clock.answer and replace(clock.answer, told=told))
