"""A rolling upgrade: gateways of two versions side by side on one PostgreSQL, while clients, agents and time go on.

    python -m tests.fault.upgrade --old /path/to/a/tree/of/the/version/before

Two nodes of the old version begin. One is replaced by the new one, which brings the schema up while the other works; then both are
killed or stopped and started again by turns, the old one on the newer schema; at last it is replaced as well. All the time mail,
answers, agents' commands and what comes of them by itself go to whichever node takes them. The configuration is one that both
versions know. At the end everything is audited (audit.py, timely.py). Exit code 0: nothing lost, nothing doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.fault import timely
from tests.fault.kill import Sink
from tests.fault.nodes import Node, Traffic, counted, make_node
from tests.support import postgres
from tests.support.audit import Report
from tests.support.gateway import DESK, free_port

_EACH = 20.0  # seconds that each stage is loaded


def _sections() -> dict[str, Any]:
    """Of timely.py what has been there for long: snoozes, reminders, closes, digests."""
    found = timely.sections([{"name": "support", "address": DESK, "aliases": [f"help@{DESK.partition('@')[2]}"]}])
    for desk in found["desk"]:
        desk.pop("targets", None)
    found.pop("privacy")
    return found


async def _run(directory: Path, sockets: Path, old: Path, clients: int, seed: int, stages: int) -> Report:
    rng, sink, sink_port = random.Random(seed), Sink(refused=lambda rcpt: rcpt.startswith("customer7@")), free_port()
    with postgres.a_server() as server:
        listening = await sink.start(sink_port)
        nodes = [
            make_node(directory, sockets, i, None, server.url(), sink_port, lease=2.0, ahead=False, sections=_sections())
            for i in range(2)
        ]
        new = nodes[0].gateway.argv
        for node in nodes:
            node.gateway.argv = ["env", "-C", str(old), *new]
        traffic = Traffic(nodes, sink, rng)
        traffic.timely = timely.Timely(traffic.deliver, random.Random(seed), kinds=("snoozed", "silent"), targets=False)
        sink.hear = traffic.timely.hear
        tasks = []
        try:
            await _up(nodes)
            tasks = [asyncio.create_task(traffic.client(0.3)) for _ in range(clients)]
            tasks.append(asyncio.create_task(traffic.timely.run(traffic.ending)))
            await asyncio.sleep(_EACH)
            await _replaced(nodes[0], new)
            _say("the first node is new")
            await asyncio.sleep(_EACH)
            for number in range(stages):
                node = nodes[1 - number % 2]
                if rng.random() < 0.5:
                    node.gateway.kill()
                else:
                    assert await asyncio.to_thread(node.gateway.stop) == 0
                await _up(nodes)
                _say(f"{'new' if node is nodes[0] else 'old'} started again")
                await asyncio.sleep(_EACH * rng.random())
            await _replaced(nodes[1], new)
            _say("both are new")
            await asyncio.sleep(_EACH)
            report = await counted(directory, server, nodes, traffic, tasks)
            report.problems += [f"in the log: {line}" for node in nodes for line in _errors(node.gateway.log())]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for node in nodes:
                node.gateway.clean_up()
            listening.close()
    return report


async def _up(nodes: list[Node]) -> None:
    for node in nodes:
        assert await node.greets(60), node.gateway.log()[-4000:]


async def _replaced(node: Node, argv: list[str]) -> None:
    assert await asyncio.to_thread(node.gateway.stop) == 0
    node.gateway.argv = argv
    await _up([node])


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _errors(log: str) -> list[str]:
    return [line[:300] for line in log.splitlines() if '"level": "error"' in line or "Traceback" in line][:5]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--old", type=Path, required=True, help="a tree of the version before")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--stages", type=int, default=8, help="deaths and stops while both versions run")
    parser.add_argument("--keep", type=Path, help="work in this directory and leave it there")
    args = parser.parse_args()
    why = postgres.missing()
    if why:
        print(why)
        return 1
    with tempfile.TemporaryDirectory(prefix="smtpgate-upgrade-") as temporary, tempfile.TemporaryDirectory() as sockets:
        directory = args.keep or Path(temporary)
        report = asyncio.run(_run(directory, Path(sockets), args.old, args.clients, args.seed, args.stages))
    for problem in report.problems:
        print(problem)
    print(f"seed {args.seed}: {'nothing lost, nothing doubled' if report.ok else f'{len(report.problems)} PROBLEMS'}; {report}")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
