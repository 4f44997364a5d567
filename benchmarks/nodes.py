"""One process on SQLite, one gateway on PostgreSQL, two gateways on it: rates and CPU time of the same mails.

    make bench ARGS=nodes       about two minutes

Mails of 4 KB over 20 connections (ten to each of two nodes), verified, filed, answered, the answers written into a Maildir;
a run ends when all of that is done. The database has the same machine, so that the gateways have the processors that it
leaves. The kinds of runs take turns; the figures are the medians of all and the best.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import load, targets
from benchmarks.tree import cpu
from tests.support import postgres
from tests.support.gateway import Gateway, wait_for

_CONNECTIONS = 20
_POLL = 0.05
_LEFT = """SELECT count(*) FROM incoming WHERE state = 'accepted'
    UNION ALL SELECT count(*) FROM recipient WHERE state IN ('queued', 'uncertain')
    UNION ALL SELECT count(*) FROM ticket"""


@dataclass(frozen=True)
class Run:
    """Mails a second; CPU milliseconds for one mail, of the gateways and of the database server."""

    rate: float
    gateways: float
    database: float


def _asked(gateways: Sequence[Gateway], url: str | None) -> list[int]:
    """Accepted, to be sent, tickets."""
    if url is None:
        return [row["count(*)"] for row in gateways[0].rows(_LEFT)]
    return [row[0] for row in asyncio.run(postgres.execute(url, _LEFT))]  # type: ignore[index]


def _gateways(directory: Path, zone: dict[str, Any], count: int, url: str | None) -> list[Gateway]:
    return [
        Gateway.make(
            directory / f"node{number}",
            zone=zone,
            server={"trusted_networks": []},
            delivery={"poll": "1s"},
            filing={"poll": "1s"},
            limits=targets.UNLIMITED,
            store={"node": f"mx{number}", **({"url": url} if url else {})},
        )
        for number in range(count)
    ]


async def _load(gateways: Sequence[Gateway], mails: list[load.Mail]) -> None:
    count = len(gateways)
    await asyncio.gather(*(load.send(it.port, mails[i::count], _CONNECTIONS // count, 300) for i, it in enumerate(gateways)))


def measure(mails: list[load.Mail], zone: dict[str, Any], nodes: int, *, database: bool) -> Run:
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as directory, ExitStack() as stack:
        server = stack.enter_context(postgres.a_server()) if database else None
        url = server.url() if server is not None else None
        gateways = _gateways(Path(directory), zone, nodes, url)
        for it in gateways:
            stack.enter_context(it.running())
        spent, roots = [0.0, 0.0], [it.process.pid for it in gateways if it.process is not None]

        def read() -> list[float]:
            return [sum(map(cpu, roots)), cpu(server.pid) if server is not None else 0.0]

        before, began = read(), time.monotonic()
        asyncio.run(_load(gateways, mails))
        wait_for(lambda: _asked(gateways, url) == [0, 0, len(mails)], seconds=300, why="mail is still waiting")
        seconds = time.monotonic() - began
        spent = [(after - earlier) / len(mails) * 1000 for earlier, after in zip(before, read(), strict=True)]
        return Run(len(mails) / seconds, *spent)


KINDS: dict[str, Callable[[list[load.Mail], dict[str, Any]], Run]] = {
    "SQLite, one process": lambda mails, zone: measure(mails, zone, 1, database=False),
    "PostgreSQL, one node": lambda mails, zone: measure(mails, zone, 1, database=True),
    "PostgreSQL, two nodes": lambda mails, zone: measure(mails, zone, 2, database=True),
}


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mails", type=int, default=800)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args(arguments)
    if postgres.missing():
        print(postgres.missing(), file=sys.stderr)
        return 1
    key = load.make_key()
    zone, mails = load.zone(key), load.make_mails(args.mails, 4096, key, "nodes")
    runs: dict[str, list[Run]] = {name: [] for name in KINDS}
    for _ in range(args.runs):
        for name, kind in KINDS.items():
            runs[name].append(kind(mails, zone))
            print(f"  {name}: {runs[name][-1]}", file=sys.stderr, flush=True)
    print("| store | mails/s, median | best | gateways, CPU ms a mail | database, CPU ms a mail | rate / SQLite |")
    print("|---|---|---|---|---|---|")
    alone = statistics.median(run.rate for run in runs["SQLite, one process"])
    for name, found in runs.items():
        rate = statistics.median(run.rate for run in found)
        costs = " | ".join(f"{min(getattr(run, part) for run in found):.2f}" for part in ("gateways", "database"))
        print(f"| {name} | {rate:.0f} | {max(run.rate for run in found):.0f} | {costs} | {rate / alone:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
