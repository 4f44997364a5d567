"""Clocks of tickets, held against a plain account of everything that happened: each stretch of time counted anew, every time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smtpgate.config import Config
from smtpgate.desk import targets, worktime
from smtpgate.desk.targets import Happened
from smtpgate.model import Priority, Status
from smtpgate.target import Met, Target, TargetClock, Told

HOUR = 3600.0
CONFIG = Config.model_validate(
    {
        "server": {"name": "mx.help.example"},
        "desk": [
            {
                "name": "support",
                "address": "support@help.example",
                "timezone": "Europe/Berlin",
                "hours": ["mon-fri 09:00-17:30", "fri 22:00-04:00"],
                "holidays": ["2026-04-03", "12-24/01-01"],
                "targets": {
                    "first_answer": {"urgent": "1h", "normal": "4h"},
                    "next_answer": {"urgent": "2h", "low": "20h"},
                    "solution": {"high": "16h", "normal": "40h"},
                },
            },
            {"name": "always", "address": "always@help.example", "targets": {"first_answer": {"low": "8h"}, "warn_at": 0}},
            {"name": "quiet", "address": "quiet@help.example"},
        ],
    }
)
BEGIN = datetime(2026, 3, 24, 9, tzinfo=ZoneInfo("UTC")).timestamp()  # summer time begins on the 29th
OURS = (Status.RECEIVED, Status.PROGRESS)


@dataclass
class Account:
    """What is expected, by adding up all stretches since the beginning."""

    stretches: list[tuple[float, float, str, bool, bool]] = field(default_factory=list)  # begin, end, desk; for answer, solution
    asked: float | None = None
    answered: bool = False
    last: tuple[float, float | None, bool] | None = None  # the last answer, what had been asked before it, was it the first
    met: dict[tuple[Target, float], bool] = field(default_factory=dict)

    def worked(self, since: float, *, solution: bool = False) -> float:
        return sum(
            calendar(name).between(max(since, begin), end) for begin, end, name, *counts in self.stretches if counts[solution]
        )

    def never_answered(self) -> None:
        """The customer has waited since, whatever we waited for."""
        assert self.last is not None
        at, self.asked, first = self.last
        self.stretches = [(begin, end, name, counts or begin >= at, whole) for begin, end, name, counts, whole in self.stretches]
        self.answered = self.answered and not first
        self.met.pop((Target.FIRST if first else Target.NEXT, at), None)
        self.last = None


def calendar(name: str) -> worktime.Calendar:
    desk = CONFIG.desk_named(name)
    assert desk is not None
    return worktime.of_desk(desk)


def limit(name: str, target: Target, priority: Priority) -> float | None:
    desk = CONFIG.desk_named(name)
    assert desk is not None
    if desk.targets is None:
        return None
    return {"first": desk.targets.first_answer, "next": desk.targets.next_answer, "solution": desk.targets.solution}[target].of(
        priority
    )


def expected(account: Account, now: float, desk: str, status: Status, priority: Priority) -> dict[Target, float]:
    """When each is due, or that it is late: 0.0."""
    if status not in OURS:
        return {}
    of_answer = Target.NEXT if account.answered else Target.FIRST
    found = {}
    for target, since in ((of_answer, account.asked), (Target.SOLUTION, BEGIN)):
        most = limit(desk, target, priority)
        if since is None or most is None:
            continue
        left = most - account.worked(since, solution=target is Target.SOLUTION)
        found[target] = calendar(desk).after(now, left) if left > 0 else 0.0
    return found


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_in_which_order(seed: int) -> None:
    random = Random(seed)
    clock = targets.opened(1, "support", BEGIN)
    account, now, desk, status, priority = Account(), BEGIN, "support", Status.RECEIVED, Priority.NORMAL
    step = Happened(now, desk, status, priority, asked=now)
    account.asked = now
    clock = targets.moved(CONFIG, clock, step).clock
    for _ in range(25):
        later = now + random.choice((0.0, 600.0, random.uniform(0, 30 * HOUR)))
        account.stretches.append((now, later, desk, status in OURS, status in OURS))
        now = later
        what = random.choice(("ask", "ask", "answer", "answer", "back", "wait", "go", "end", "end-by-customer", "priority", "move"))
        how: dict[str, Any] = {}
        before = status
        if what == "ask":
            how["asked"] = now
            status = status if status in OURS else Status.PROGRESS
            account.asked = now if account.asked is None else account.asked
        elif what == "answer":
            how["answered"] = True
            _answer(account, now, desk, priority)
        elif what == "back" and account.last is not None and account.last[1] is not None:
            how["taken_back"] = True
            account.never_answered()
        elif what == "back":
            how["taken_back"] = True
        elif what == "wait":
            status = Status.WAITING
        elif what == "go":
            status = Status.PROGRESS
        elif what.startswith("end"):
            status = random.choice((Status.RESOLVED, Status.CLOSED))
            how["by_customer"] = what == "end-by-customer"
        elif what == "priority":
            priority = random.choice(list(Priority))
        else:
            desk = random.choice(("support", "always", "quiet"))
        _ended(account, before, status, now, desk, priority, by_customer=how.get("by_customer", False))
        moved = targets.moved(CONFIG, clock, Happened(now, desk, status, priority, **how))
        clock = moved.clock
        _compare(account, clock, now, desk, status, priority)
        for one in moved.met:
            assert account.met[one.target, one.at] is (one.late > 0), (what, one)
        assert clock == targets.moved(CONFIG, clock, Happened(now, desk, status, priority)).clock  # nothing more happened


def _answer(account: Account, now: float, desk: str, priority: Priority) -> None:
    target = Target.NEXT if account.answered else Target.FIRST
    most = limit(desk, target, priority)
    if account.asked is not None and most is not None:
        account.met[target, now] = account.worked(account.asked) > most
    account.last = (now, account.asked, not account.answered)
    account.asked, account.answered = None, True


def _ended(
    account: Account, before: Status, status: Status, now: float, desk: str, priority: Priority, *, by_customer: bool
) -> None:
    if before.open and not status.open:
        if account.asked is not None and not by_customer:
            _answer(account, now, desk, priority)
        account.asked = None
        most = limit(desk, Target.SOLUTION, priority)
        if most is not None:
            account.met[Target.SOLUTION, now] = account.worked(BEGIN, solution=True) > most
    elif status.open and not before.open:
        account.met = {key: late for key, late in account.met.items() if key[0] is not Target.SOLUTION}


def _compare(account: Account, clock: TargetClock, now: float, desk: str, status: Status, priority: Priority) -> None:
    wanted = expected(account, now, desk, status, priority)
    found = {item.target: item.at for item in targets.items(CONFIG, clock, status, priority)}
    assert found.keys() == wanted.keys()
    for target, at in wanted.items():
        if at:
            assert found[target] == pytest.approx(at, abs=0.01)
        else:
            assert found[target] <= now
    assert (clock.due_at is None) is not bool(found)
    assert clock.due_at == min(found.values(), default=None)
    assert (clock.alert_at is None) or status in OURS


def test_each_is_told_once_before_and_once_after() -> None:
    """Whoever looks when it is time, and goes on so until nothing more is to be told."""
    clock = targets.moved(
        CONFIG, targets.opened(1, "support", BEGIN), Happened(BEGIN, "support", Status.RECEIVED, asked=BEGIN)
    ).clock
    told = []
    while clock.alert_at is not None:
        now = Happened(clock.alert_at, "support", Status.RECEIVED)
        clock, what = targets.alarmed(CONFIG, clock, now)
        told.append((what, now.at))
        assert len(told) < 10
    assert [what for what, _ in told] == [Told.SOON, Told.LATE, Told.SOON, Told.LATE]  # the first answer, the solution
    assert [at for _, at in told] == sorted(at for _, at in told)
    assert told[0][1] == BEGIN + 3 * HOUR
    assert targets.alarmed(CONFIG, clock, Happened(told[-1][1] + 9e6, "support", Status.RECEIVED))[1] is Told.NOTHING


def test_nobody_is_told_too_early() -> None:
    clock = targets.moved(
        CONFIG, targets.opened(1, "support", BEGIN), Happened(BEGIN, "support", Status.RECEIVED, asked=BEGIN)
    ).clock
    for status, snoozed in ((Status.RECEIVED, None), (Status.WAITING, None), (Status.RECEIVED, BEGIN + 90 * HOUR)):
        at = BEGIN + (60.0 if status in OURS and snoozed is None else 80 * HOUR)
        same, what = targets.alarmed(CONFIG, clock, Happened(at, "support", status, snoozed_until=snoozed))
        assert what is Told.NOTHING
        assert same.alert_at is None or same.alert_at >= (snoozed or BEGIN + HOUR)


def test_a_higher_priority_that_has_none_of_its_own_has_the_next_ones() -> None:
    times = CONFIG.desk[0].targets
    assert times is not None
    assert [times.first_answer.of(one) for one in Priority] == [None, 4 * HOUR, 4 * HOUR, HOUR]
    assert [times.next_answer.of(one) for one in Priority] == [20 * HOUR, 20 * HOUR, 20 * HOUR, 2 * HOUR]


def test_of_two_clocks_the_one_that_waits_longer_and_the_earlier_date() -> None:
    old = replace(targets.opened(1, "support", BEGIN), date=BEGIN + 50 * HOUR)
    old = targets.moved(CONFIG, old, Happened(BEGIN, "support", Status.RECEIVED, asked=BEGIN)).clock
    new = replace(targets.opened(2, "always", BEGIN + HOUR), date=BEGIN + 60 * HOUR)
    whole = targets.moved(CONFIG, new, Happened(BEGIN + HOUR, "always", Status.RECEIVED, absorbed=old)).clock
    assert whole.ticket_id == 2
    assert whole.date == BEGIN + 50 * HOUR
    assert whole.answer is not None
    assert whole.answer.spent == HOUR
    gone = targets.moved(CONFIG, old, Happened(BEGIN + HOUR, "support", Status.CLOSED, void=True))
    assert (gone.clock.due_at, gone.clock.date, gone.met) == (None, None, list[Met]())
