"""Mails accepted and filed in a second, against a bare aiosmtpd that throws them away and against Postfix, in one run.

    make bench                                      about three minutes
    make bench ARGS="--seconds 1 --connections 20 --sizes 4"

Each cell sends for some seconds (or until its mails are used up), then waits until all of it is filed and answered. The
rate of the gateway counts to the end of filing: verified by SPF, DKIM and DMARC, committed before the 250, parsed,
threaded, a ticket, its acknowledgement composed and queued; the acknowledgements go into a Maildir meanwhile. CPU
counts until the last of them is written. A cell whose counts do not agree is an error, not a figure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load, targets
from benchmarks.tree import Watch
from tests.support.postfix import missing

PAUSE = 0.1


@dataclass(frozen=True)
class Cell:
    target: str
    size: int
    connections: int
    mails: int
    accepted: float  # a second, to the last 250
    filed: float  # a second, to the end of filing; for the bare aiosmtpd the same as accepted
    p99: float  # seconds from the final dot to the 250
    cpu: float  # seconds for 1000 mails
    peak: int  # bytes
    foreign: float  # processors that others kept busy meanwhile
    generator: float  # CPU seconds of the load itself for 1000 mails


async def measure(
    target: targets.Target,
    size: int,
    connections: int,
    mails: list[load.Mail],
    seconds: float,
    *,
    sent: int = 0,
    reconnect: bool = False,
    rate: float = 0.0,
) -> Cell:
    """sent: how many this target had before. reconnect, rate: as load.send has them."""
    own = time.process_time()
    async with Watch(target.pid) as watch:
        began = time.monotonic()
        outcome = await load.send(target.port, mails, connections, seconds, reconnect=reconnect, rate=rate)
        own = time.process_time() - own
        filed = outcome.seconds
        if target.filed() >= 0:
            while await asyncio.to_thread(target.filed) < sent + outcome.accepted:
                assert time.monotonic() - began < seconds + 120, f"{target.name} does not finish its work"
                await asyncio.sleep(PAUSE / 4)
            filed = time.monotonic() - began
        await asyncio.to_thread(target.check, sent + outcome.accepted)
    waits = sorted(outcome.waits)
    return Cell(
        target=target.name,
        size=size,
        connections=connections,
        mails=outcome.accepted,
        accepted=outcome.accepted / outcome.seconds,
        filed=outcome.accepted / filed,
        p99=waits[int(len(waits) * 0.99)],
        cpu=watch.cpu / outcome.accepted * 1000,
        peak=watch.peak,
        foreign=watch.foreign,
        generator=own / outcome.accepted * 1000,
    )


def run(args: argparse.Namespace) -> list[Cell]:
    key = load.make_key()
    zone = load.zone(key)
    cells: list[Cell] = []
    for size in args.sizes:
        for connections in args.connections:
            mails = load.make_mails(args.mails, size * 1024, key, f"{size}k{connections}")
            for start in _targets(zone, postfix=not missing() and not args.no_postfix, trusted=connections == args.connections[-1]):
                with start as target:
                    cell = asyncio.run(measure(target, size, connections, mails, args.seconds))
                cells.append(cell)
                print(_line(cell, cells), flush=True)
    return cells


def _targets(
    zone: dict[str, object], *, postfix: bool, trusted: bool
) -> Iterator[contextlib.AbstractContextManager[targets.Target]]:
    """Fresh for each cell, so that none pays for what came before."""
    yield targets.bare()
    if postfix:
        yield targets.postfix_discard()
    yield _in_a_directory(zone, trusted=False)
    if trusted:
        yield _in_a_directory(zone, trusted=True)


@contextmanager
def _in_a_directory(zone: dict[str, object], *, trusted: bool) -> Iterator[targets.Target]:
    with (
        tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as directory,
        targets.gateway(Path(directory), zone, trusted=trusted) as target,
    ):
        yield target


HEAD = (
    "| server | mail | connections | mails | accepted/s | filed/s | p99 ms | CPU s/1000 | peak MB | others' CPUs"
    " | / bare aiosmtpd | / Postfix |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def _line(cell: Cell, cells: list[Cell]) -> str:
    def ratio(name: str) -> str:
        other = [c for c in cells if (c.target, c.size, c.connections) == (name, cell.size, cell.connections)]
        return f"{cell.filed / other[0].filed:.2f}" if other and cell.target != name else ""

    return (
        f"| {cell.target} | {cell.size} KB | {cell.connections} | {cell.mails} | {cell.accepted:.0f} | {cell.filed:.0f} |"
        f" {cell.p99 * 1000:.1f} | {cell.cpu:.2f} | {cell.peak / 2**20:.0f} | {cell.foreign:.1f} |"
        f" {ratio('bare aiosmtpd')} | {ratio('Postfix')} |"
    )


def machine() -> str:
    with contextlib.suppress(OSError, IndexError):
        cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
        return (
            f"{len(cpus)} x {cpus[0].partition(':')[2].strip()}, {memory:.0f} GiB, Linux {platform.release()},"
            f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
        )
    return platform.platform()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a cell sends at most")
    parser.add_argument("--mails", type=int, default=2000, help="how many mails a cell sends at most")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 30], help="KB")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--no-postfix", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    print(machine())
    if missing():
        print(f"without Postfix: {missing()}")
    print("Load and server share the processors; compare within one run only.\n")
    print(HEAD, flush=True)
    cells = run(args)
    load_cpu = sum(c.generator for c in cells) / len(cells)
    print(f"\nThe load itself took {load_cpu:.2f} CPU s for 1000 mails. {time.monotonic() - began:.0f} s in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
