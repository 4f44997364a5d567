"""What the measure of tests/support/doubling says on a machine where others are in the way."""

from __future__ import annotations

import pytest

from tests.support import doubling

SLICE = 0.015  # seconds of CPU that a run has before another process takes the caches from it


class Machine:
    """Its clock stands still but for what runs, and that takes 2.6 times as long in all that is beyond one slice. A run that is
    measured anew begins with a slice of its own."""

    def __init__(self, power: float) -> None:
        self.power = power
        self.now = self.since = 0.0
        self.runs = 0

    def process_time(self) -> float:
        self.since = 0.0
        return self.now

    def run(self, size: int) -> None:
        self.runs += 1
        cost = 0.007 * (size / 1500) ** self.power
        undisturbed = min(cost, max(0.0, SLICE - self.since))
        self.since += cost
        self.now += undisturbed + 2.6 * (cost - undisturbed)


@pytest.mark.parametrize("power", [1.0, 1.15])
def test_a_busy_machine_does_not_make_the_long_run_look_worse(power: float, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(power)
    monkeypatch.setattr(doubling, "time", machine)
    doubling.assert_linear(lambda size: size, machine.run, 1500)
    assert machine.runs > 3, "not at the first look"


@pytest.mark.parametrize("power", [1.5, 2.0, 3.0])
def test_what_is_not_linear_is_found_on_a_busy_machine_too(power: float, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(power)
    monkeypatch.setattr(doubling, "time", machine)
    with pytest.raises(AssertionError, match=r"each doubling costs \d\.\d times as much"):
        doubling.assert_linear(lambda size: size, machine.run, 1500)
