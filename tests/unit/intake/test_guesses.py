"""Wrong passwords that doors count together: over nodes and restarts, and without a write for each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from smtpgate.errors import StoreError
from smtpgate.intake.logins import Login, Logins
from tests.unit.intake.test_submission import LEE, Bench


class Elsewhere:
    """A store that other doors share. away: it cannot be asked."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, int, str]] = Counter()
        self.writes, self.away = 0, False

    async def guesses(
        self, worker: str, told: Sequence[tuple[str, int, int]], since: int, keys: Sequence[str] | None
    ) -> Sequence[tuple[str, int, int]]:
        if self.away:
            raise StoreError("the disk is full")
        self.writes += bool(told)
        for key, minute, failures in told:
            self.rows[key, minute, worker] += failures
        found: Counter[tuple[str, int]] = Counter()
        for (key, minute, whose), failures in self.rows.items():
            if whose != worker and minute >= since and (keys is None or key in keys):
                found[key, minute] += failures
        return [(*which, failures) for which, failures in found.items()]


def another(bench: Bench, store: Elsewhere) -> Logins:
    """A door of another node, or the next life of this one."""
    return Logins(bench.logins._config, bench.clock, store)  # type: ignore[arg-type]


async def test_what_was_guessed_elsewhere_and_before_a_restart_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, store = (
        Bench(monkeypatch, failures_per_address=4, failures_per_user=99, failure_delay="0s"),
        Elsewhere(),
    )
    one, two = another(bench, store), another(bench, store)
    assert (await two.check(LEE, "secret", "198.51.100.7")).login is Login.YES
    for _ in range(2):
        assert (await one.check("a", "wrong", "192.0.2.1")).login is Login.WRONG
        bench.clock.advance(6)
        assert (await two.check("b", "wrong", "192.0.2.1")).login is Login.WRONG
        bench.clock.advance(6)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await two.check("c", "secret", "192.0.2.1")).login is Login.BARRED
    assert (await one.check("c", "wrong", "192.0.2.1")).login is Login.WRONG  # has not been told of the last one
    assert (await one.check(LEE, "secret", "192.0.2.1")).login is Login.BARRED
    for door in (one, two):
        await door.stop()
    after = another(bench, store)
    assert (await after.check(LEE, "secret", "192.0.2.1")).login is Login.BARRED, "it is still known after a restart"
    assert (await after.check(LEE, "secret", "192.0.2.2")).login is Login.YES
    assert not any("192.0.2" in key or "lee" in key for key, *_ in store.rows), "names and places are hashed"
    bench.clock.advance(3600 + 60)
    assert (await after.check(LEE, "secret", "192.0.2.1")).login is Login.YES


async def test_a_flood_of_guesses_is_no_flood_of_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, store = (
        Bench(monkeypatch, failures_per_address=9, failures_per_user=999, failure_delay="0s"),
        Elsewhere(),
    )
    door = another(bench, store)
    for i in range(300):
        await door.check(f"user{i}", "wrong", f"203.0.113.{i % 200}")
        bench.clock.advance(0.1)
    assert 1 <= store.writes <= 7  # in thirty seconds
    await door.stop()
    assert sum(failures for (key, _, _), failures in store.rows.items()) == 3 * 300


async def test_the_last_one_is_told_though_none_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, store = Bench(monkeypatch, failure_delay="0s"), Elsewhere()
    door = another(bench, store)
    await door.check(LEE, "secret", "192.0.2.2")  # asks what others know
    await door.check("a", "wrong", "192.0.2.1")
    await bench.clock.settle()
    assert (store.writes, bench.clock.sleeping) == (0, 1)
    bench.clock.advance(5)
    await bench.clock.settle()
    assert (store.writes, bench.clock.sleeping) == (1, 0)
    await door.stop()


async def test_a_store_that_is_away_costs_what_others_know_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, store = Bench(monkeypatch, failures_per_address=2, failure_delay="0s"), Elsewhere()
    door = another(bench, store)
    store.away = True
    assert [(await door.check("a", "wrong", "192.0.2.1")).login for _ in range(3)] == [Login.WRONG, Login.WRONG, Login.BARRED]
    store.away = False
    await door.stop()
    assert (await another(bench, store).check(LEE, "secret", "192.0.2.1")).login is Login.BARRED  # nothing of it was lost


async def test_each_counts_for_itself_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, store = Bench(monkeypatch, failures_per_address=1, failure_delay="0s", failures_shared="0s"), Elsewhere()
    door = another(bench, store)
    assert (await door.check("a", "wrong", "192.0.2.1")).login is Login.WRONG
    await door.stop()
    assert (await another(bench, store).check(LEE, "secret", "192.0.2.1")).login is Login.YES
    assert not store.rows
