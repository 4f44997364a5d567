"""The goals of the gateway as ratios, both sides started here and measured in turn, medians of several runs.

    make bench ARGS=goals                               about a quarter of an hour
    make bench ARGS="goals --runs 1 --only filed"       part of it

Each row names what is compared, the ratio of rates that is wanted and the one that was reached, the two rates, the CPU time
of both for 1000 mails and its ratio, and memory. The work on our side is the real one: distinct mails, half of them new
tickets and half answers to earlier ones, SPF and DKIM (RSA-2048) verified on each, everything committed with a sync
before its 250. A cell whose counts do not agree is an error, not a figure.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import load, peers, targets, tree
from benchmarks.intake import Cell, machine, measure
from tests.support.postfix import missing

_SESSIONS = 20
_LONG = 600.0  # seconds: a side sends all of its mails
_OPEN, _WORKED = 100, 400  # sessions whose memory is weighed, and mails that others brought before it is weighed again


@dataclass(frozen=True)
class Side:
    """A server and what is sent to it. Counted to the end of filing where there is one."""

    start: Callable[[], AbstractContextManager[targets.Target]]
    first: Sequence[load.Mail]  # sent before anything is measured
    mails: Sequence[load.Mail]
    size: int
    connections: int = _SESSIONS
    reconnect: bool = False
    rate: float = 0.0

    def run(self) -> Cell:
        with self.start() as target:
            return asyncio.run(self._run(target))

    async def _run(self, target: targets.Target) -> Cell:
        if self.first:
            await measure(target, self.size, 5, list(self.first), _LONG)
        how = {"sent": len(self.first), "reconnect": self.reconnect, "rate": self.rate}
        return await measure(target, self.size, self.connections, list(self.mails), _LONG, **how)  # type: ignore[arg-type]


HEAD = (
    "| goal | wanted | reached | a second | CPU s/1000 | CPU ratio | peak MB | p99 ms | others' CPUs |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def _median(cells: list[Cell], of: Callable[[Cell], float]) -> float:
    return statistics.median(map(of, cells))


def compare(name: str, wanted: float, ours: Side, other: Side, runs: int) -> tuple[list[Cell], list[Cell]]:
    """Both in turn; prints the row."""
    pairs = [(ours.run(), other.run()) for _ in range(runs)]
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    report(name, wanted, mine, theirs)
    return mine, theirs


def report(name: str, wanted: float, mine: list[Cell], theirs: list[Cell]) -> None:
    rates = _median(mine, lambda c: c.filed), _median(theirs, lambda c: c.filed)
    cpu = _median(mine, lambda c: c.cpu), _median(theirs, lambda c: c.cpu)
    peak = _median(mine, lambda c: c.peak) / 2**20, _median(theirs, lambda c: c.peak) / 2**20
    foreign = max(c.foreign for c in (*mine, *theirs))
    print(
        f"| {name} | {wanted:g} | {rates[0] / rates[1]:.2f} | {rates[0]:.0f} / {rates[1]:.0f} | {cpu[0]:.2f} / {cpu[1]:.2f} |"
        f" {cpu[0] / cpu[1]:.2f} | {peak[0]:.0f} / {peak[1]:.0f} | {_median(mine, lambda c: c.p99) * 1000:.0f} | {foreign:.1f} |",
        flush=True,
    )


class Goals:
    """Each method prints one group of rows."""

    def __init__(self, runs: int, mails: int) -> None:
        self.runs, self.mails = runs, mails
        self.key = load.make_key()
        self.zone = load.zone(self.key)
        self._sets: dict[int, tuple[list[load.Mail], list[load.Mail]]] = {}
        self.postfix = not missing()

    def _conversations(self, size: int) -> tuple[list[load.Mail], list[load.Mail]]:
        if size not in self._sets:
            self._sets[size] = load.make_conversations(self.mails, size * 1024, self.key, f"c{size}")
        return self._sets[size]

    def _side(self, start: Callable[[], Any], size: int, **more: Any) -> Side:
        first, mails = self._conversations(size)
        return Side(start, more.pop("first", first), mails, size, **more)

    def _queued(self, size: int, **more: Any) -> Side:
        return self._side(partial(peers.filing, self.zone, sent=False), size, **more)

    def _delivered(self, size: int) -> Side:
        return self._side(partial(peers.filing, self.zone, sent=True, key=self.key), size)

    def accept(self) -> None:
        """Durable accept alone, against servers that do no more."""
        kinds: tuple[tuple[str, int, dict[str, Any], float, float], ...] = (
            ("sockets used again, 4 KB", 4, {}, 1.5, 2.0),
            ("a connection for each mail, 4 KB", 4, {"reconnect": True}, 1.3, 1.5),
            ("sockets used again, 20 KB", 20, {}, 2.0, 1.5),
        )
        for what, size, how, bare, postfix in kinds:
            side = partial(self._side, size=size, first=[], **how)
            compare(f"durable accept / bare aiosmtpd: {what}", bare, side(peers.accepting), side(targets.bare), self.runs)
            if self.postfix:
                compare(
                    f"durable accept / Postfix accept (CPU 0.4): {what}",
                    postfix,
                    side(peers.accepting),
                    side(peers.postfix_hold),
                    self.runs,
                )

    def filed(self) -> None:
        """Verified, filed and answered, the answer in the queue; then the wait for a 250 at half of that rate."""
        for size in (4, 30):
            mine: list[Cell] = []
            if self.postfix:
                other = self._side(targets.postfix_discard, size, first=[])
                name = f"filed, answer queued / Postfix accept and discard (CPU 0.7): {size} KB"
                mine, _ = compare(name, 1.3, self._queued(size), other, self.runs)
            top = _median(mine or [self._queued(size).run()], lambda c: c.filed)
            waits = [self._queued(size, rate=top / 2).run().p99 * 1000 for _ in range(self.runs)]
            name = f"p99 from the final dot to the 250 at {top / 2:.0f} a second: {size} KB"
            print(f"| {name} | under 50 ms | {statistics.median(waits):.1f} ms |||||||", flush=True)

    def delivered(self) -> None:
        """The same with signed answers delivered, against the usual libraries put together, which deliver nothing."""
        for size, wanted in ((4, 6.0), (30, 5.0)):
            naive = self._side(partial(peers.naive, self.zone), size)
            name = f"signed answers delivered / naive composition without delivery: {size} KB"
            mine, _ = compare(name, wanted, self._delivered(size), naive, self.runs)
            if size == 4:
                self._roundup(mine)

    def _roundup(self, mine: list[Cell]) -> None:
        if peers.roundup_missing():
            print(f"| the same / Roundup | | not measured: {peers.roundup_missing()} |||||||")
            return
        rate, cpu = _median(mine, lambda c: c.filed), _median(mine, lambda c: c.cpu)
        for pipe, wanted, count in ((False, 15, 200), (True, 150, 40)):
            found = [peers.roundup(self._conversations(4)[0][:count], pipe=pipe) for _ in range(self.runs)]
            theirs, spent = (statistics.median(column) for column in zip(*found, strict=True))
            print(
                f"| the same / Roundup mailgw, {'pipe' if pipe else 'mailbox'} | {wanted} | {rate / theirs:.0f} |"
                f" {rate:.0f} / {theirs:.1f} | {cpu:.2f} / {spent:.0f} | {cpu / spent:.3f} ||||",
                flush=True,
            )

    def slow(self) -> None:
        """With every sync slowed by 2 ms and 100 sessions, against the own rate with 20."""
        quick = [self._queued(4).run() for _ in range(self.runs)]
        with peers.slow_sync() as why:
            slowed = [] if why else [self._queued(4, connections=100).run() for _ in range(self.runs)]
        if why:
            print(f"| every sync slowed by 2 ms | 0.7 | not measured: {why} |||||||")
        else:
            report("every sync slowed by 2 ms, 100 sessions / own rate at 20", 0.7, slowed, quick)

    def memory(self) -> None:
        """With 100 open sessions that have said EHLO: just started, and after mail over others."""
        ours = self._weigh(partial(peers.filing, self.zone, sent=False, real=True))
        theirs = self._weigh(targets.postfix_discard) if self.postfix else None
        for i, when in enumerate(("", f", after {_WORKED} mails of 4 KB")):
            row = f"| memory, {_OPEN} open sessions / Postfix{when} | {'' if i else 'at most 0.5'} |"
            if theirs is not None:
                print(f"{row} {ours[i] / theirs[i]:.2f} ||||{ours[i] / 2**20:.0f} / {theirs[i] / 2**20:.0f} |||")
            else:
                print(f"{row} not measured: {missing()} ||||{ours[i] / 2**20:.0f} |||")

    def _weigh(self, start: Callable[[], AbstractContextManager[targets.Target]]) -> tuple[int, int]:
        mails = load.make_mails(_WORKED, 4096, self.key, "m")

        async def weigh(target: targets.Target) -> tuple[int, int]:
            connections = [await load.Connection.open(target.port) for _ in range(_OPEN)]
            fresh = await asyncio.to_thread(tree.memory, target.pid)
            for connection in connections[:_SESSIONS]:  # Postfix serves no more than 100
                await connection.quit()
            await measure(target, 4, _SESSIONS, list(mails), _LONG)
            connections[:_SESSIONS] = [await load.Connection.open(target.port) for _ in range(_SESSIONS)]
            worked = await asyncio.to_thread(tree.memory, target.pid)
            for connection in connections:
                await connection.quit()
            return fresh, worked

        with start() as target:
            return asyncio.run(weigh(target))


_GROUPS = ("accept", "filed", "delivered", "slow", "memory")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=goals", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="of each side, in turn; medians are printed")
    parser.add_argument("--mails", type=int, default=2000, help="for each side and run")
    parser.add_argument("--only", nargs="+", choices=_GROUPS, default=_GROUPS, help="groups of goals")
    args = parser.parse_args(arguments)
    began = time.monotonic()
    print(machine())
    if missing():
        print(f"without Postfix: {missing()}")
    print("Load and servers share the processors; compare within one row only.\n")
    print(HEAD, flush=True)
    goals = Goals(args.runs, args.mails)
    for group in args.only:
        getattr(goals, group)()
    print(f"\n{time.monotonic() - began:.0f} s in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
