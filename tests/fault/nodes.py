"""Three gateways on one PostgreSQL, hurt again and again while clients send, then everything is counted.

    python -m tests.fault.nodes --rounds 1000 --seed 1

Clients send by SMTP and LMTP to any node, go to another one when theirs does not answer in time, and send the same bytes
until they hear 250; some send the same mail to two nodes at once; some answer their own mail through another node. A sink
takes the acknowledgements and refuses some recipients for good, which each ticket must be told of once. In each round
something breaks: a node is killed, or stopped for longer than its leases, or cut off from the database (in a network
namespace where that is possible, else by a port that stops forwarding), or the database restarts, in order or at once; with
--pair the primary dies and its standby takes over. One node's clock goes before by a second where libfaketime is there and
nodes are in namespaces. At the end the store is copied to a file, which the auditor of kill.py reads
(tests/support/audit.py). Exit code 0: nothing lost, nothing doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.fault import timely
from tests.fault.kill import BACKLOG, Client, Door, Gone, Sink, make_mail
from tests.support import postgres
from tests.support.audit import Report, Sent, audit
from tests.support.cut import Forwarder, Namespace
from tests.support.gateway import DESK, Gateway, free_port

NODES = 3
ANSWERS_WITHIN = 2.0  # seconds; then a client goes to another node
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_AHEAD = "+1s"
WAYS = {
    "killed": 5,
    "stopped": 3,
    "cut off": 3,
    "database restarted": 2,
    "database stopped at once": 2,
    "the same mail to all at once": 3,
}
OF_A_PAIR = {"failed over": 6, "killed": 4, "stopped": 2, "the same mail to all at once": 2}
# Sessions that a cut has left: their end never came through, and the server holds them for alive for a while.
_LEFT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'smtpgate%'"
WAITING = """SELECT 1 FROM incoming WHERE state = 'accepted'
    UNION ALL SELECT 1 FROM recipient WHERE state IN ('queued', 'uncertain') LIMIT 1"""


@dataclass
class Node:
    gateway: Gateway
    doors: tuple[Door, ...]
    link: Namespace | Forwarder | None
    ended: Counter[int] = field(default_factory=Counter)  # exit codes of lives that ended by themselves

    def see_to(self) -> None:
        """As systemd does: start it when it does not run."""
        process = self.gateway.process
        if process is not None and (code := process.poll()) is not None:
            self.ended[code] += 1
            self.gateway.process = None
        if self.gateway.process is None:
            self.gateway.spawn()

    async def greets(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.see_to()
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(1.0):
                    reader, writer = await self.doors[0].open()
                    try:
                        if (await reader.readline())[:3] == b"220":
                            return True
                    finally:
                        writer.close()
            await asyncio.sleep(0.05)
        return False

    def signal(self, number: signal.Signals) -> None:
        """To all of its processes."""
        process = self.gateway.process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)


# --- clients ----------------------------------------------------------------------------------------------------------


@dataclass
class Traffic:
    """What clients have sent, and to whom they send."""

    nodes: Sequence[Node]
    sink: Sink
    rng: random.Random
    sent: dict[str, Sent] = field(default_factory=dict)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    timely: timely.Timely | None = None

    async def deliver(self, mail: Sent, data: bytes) -> None:
        """To whichever node takes it, once."""
        rng = random.Random(self.rng.random())
        await self._until_taken(mail, data, rng.sample(self.nodes, len(self.nodes)), rng)

    async def client(self, rest: float) -> None:
        rng = random.Random(self.rng.random())
        while not self.ending.is_set():
            if sum(mail.answered for mail in self.sent.values() if mail.accepted) - len(self.sink.message_ids) > BACKLOG:
                await asyncio.sleep(0.05)
                continue
            first = await self.send(rng, twins=1 + (rng.random() < 0.15))
            if rng.random() < 0.3 and not first.refused:
                await self.send(rng, parent=first.message_id)
            await asyncio.sleep(rest * rng.random())

    async def send(self, rng: random.Random, *, twins: int = 1, parent: str = "") -> Sent:
        """One mail, over as many connections at once as it has twins; until each was taken."""
        mail, data = make_mail(rng)
        if parent:
            mail.parent, mail.sender = parent, self.sent[parent].sender
        mail.rejected = mail.sender.startswith("customer7@")
        mail, data = _addressed(mail, data)
        self.sent[mail.message_id] = mail
        order = rng.sample(self.nodes, len(self.nodes))
        await asyncio.gather(*(self._until_taken(mail, data, order[i:] + order[:i], rng) for i in range(twins)))
        return mail

    async def _until_taken(self, mail: Sent, data: bytes, order: Sequence[Node], rng: random.Random) -> None:
        for number in range(10**6):
            node = order[number % len(order)]
            client = Client(rng.choice(node.doors), rng, self.sent)
            before = mail.accepted
            try:
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await client.attempt(mail, data)
            except (OSError, asyncio.IncompleteReadError, Gone, TimeoutError):
                await asyncio.sleep(0.05 + 0.1 * rng.random())
            finally:
                client.close()
            if mail.accepted > before or mail.refused:
                return


def _addressed(mail: Sent, data: bytes) -> tuple[Sent, bytes]:
    """With the sender and the parent that the mail has by now."""
    from tests.support.audit import digest

    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"From:")]
    lines.insert(0, f"From: Customer <{mail.sender}>".encode())
    if mail.parent:
        lines.append(f"References: {mail.parent}".encode())
    data = b"\r\n".join(lines) + b"\r\n\r\n" + body
    mail.sha256 = digest(data)
    return mail, data


# --- what breaks ------------------------------------------------------------------------------------------------------


@dataclass
class Trouble:
    nodes: Sequence[Node]
    server: postgres.OwnServer | postgres.Pair
    start_server: Callable[[], None]
    traffic: Traffic
    rng: random.Random
    stall: float
    done: Counter[str] = field(default_factory=Counter)

    async def someone_works(self) -> None:
        """Where no node is ever up, nothing is tried."""
        for node in self.rng.sample(self.nodes, len(self.nodes)):
            if await node.greets(1.0):
                return

    async def round(self, way: str) -> None:
        node = self.rng.choice(self.nodes)
        for other in self.nodes:
            other.see_to()
        if way == "killed":
            node.gateway.kill()
            await asyncio.sleep(0.3 * self.rng.random())
            node.see_to()
        elif way == "stopped":
            node.signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(self.stall)
            finally:
                node.signal(signal.SIGCONT)
        elif way == "cut off":
            await self._cut_off(self.rng.choice([one for one in self.nodes if one.link is not None]))
        elif way == "failed over":
            assert isinstance(self.server, postgres.Pair)
            await asyncio.to_thread(self.server.fail_over)
        elif way.startswith("database"):
            assert isinstance(self.server, postgres.OwnServer)
            how = signal.SIGINT if way == "database restarted" else signal.SIGQUIT
            await asyncio.to_thread(self.server.stop, how)
            await asyncio.sleep(0.5 * self.rng.random())
            await asyncio.to_thread(self.start_server)
        else:
            await asyncio.wait_for(asyncio.gather(*(self.traffic.send(self.rng, twins=NODES) for _ in range(5))), 120)
        self.done[way] += 1

    async def _cut_off(self, node: Node) -> None:
        assert node.link is not None
        node.link.cut()
        try:
            await asyncio.sleep(self.stall)
        finally:
            node.link.mend()


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    report: Report
    done: Counter[str]
    ended: Counter[int]
    seconds: float
    how: str

    def __str__(self) -> str:
        what = ", ".join(f"{count} {name}" for name, count in self.done.items())
        verdict = "nothing lost, nothing doubled" if self.report.ok else f"{len(self.report.problems)} PROBLEMS"
        ended = f"; ended by themselves: {dict(self.ended)}" if self.ended else ""
        return f"{sum(self.done.values())} rounds ({what}), {self.how}, in {self.seconds:.0f} s: {verdict}; {self.report}{ended}"


async def run(directory: Path, **how: Any) -> Run:
    with tempfile.TemporaryDirectory(prefix="smtpgate-") as sockets, contextlib.ExitStack() as stack:
        return await _run(directory, Path(sockets), stack, **how)


def _links(
    stack: contextlib.ExitStack, server: postgres.OwnServer | postgres.Pair, *, namespaces: bool
) -> list[Namespace | Forwarder | None]:
    if isinstance(server, postgres.Pair):
        return [None] * NODES
    links: list[Namespace | Forwarder | None] = []
    for _ in range(NODES):
        if namespaces:
            there = Namespace()
            stack.callback(there.remove)
            links.append(there)
        else:
            links.append(Forwarder(server.data / ".s.PGSQL.5432", free_port()))
    return links


def _start(server: postgres.OwnServer, links: Sequence[Namespace | Forwarder | None]) -> Callable[[], None]:
    """How to start the server so that it hears whoever is in a namespace; it does so from now on."""
    addresses = [link.database for link in links if isinstance(link, Namespace)]
    if addresses:
        with (server.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.0.0.0/8 trust\n")
    options = ("-c", f"listen_addresses={','.join(addresses)}") if addresses else ()
    if addresses:
        server.stop(signal.SIGINT)
        server.start(*options)
    return lambda: server.start(*options)


def make_node(
    directory: Path,
    sockets: Path,
    number: int,
    link: Any,
    url: str,
    sink_port: int,
    *,
    lease: float,
    ahead: bool,
    sections: dict[str, Any],
) -> Node:
    path, alias = sockets / f"lmtp{number}", f"help@{DESK.partition('@')[2]}"
    away = isinstance(link, Namespace)
    gateway = Gateway.make(
        directory / f"node{number}",
        server={"lmtp": [str(path)]},
        store={"url": url, "node": f"mx{number}"},
        filing={"lease": f"{lease:g}s", "poll": "1s"},
        delivery={
            "mode": "smarthost",
            "smarthost": {"host": link.sink if away else "127.0.0.1", "port": sink_port, "tls": "none"},
            "poll": "1s",
        },
        **sections,
    )
    if away:
        fake = ["env", f"LD_PRELOAD={_FAKETIME}", f"FAKETIME={_AHEAD}", "FAKETIME_DONT_FAKE_MONOTONIC=1"] if ahead else []
        gateway.argv = [*link.prefix, *fake, *gateway.argv]
    doors = (Door("LMTP on a Unix socket", "LHLO", (alias, DESK), path=str(path)),)
    return Node(gateway, doors if away else (*doors, Door("SMTP", "EHLO", (DESK,), port=gateway.port)), link)


async def _run(
    directory: Path,
    sockets: Path,
    stack: contextlib.ExitStack,
    *,
    rounds: Sequence[str],
    seed: int,
    clients: int = 6,
    stall: float = 5.0,
    namespaces: bool = True,
    pair: bool = False,
    rest: float = 0.1,
    pause: float = 0.5,
    most: float = math.inf,
    stories: bool = False,
) -> Run:
    """rounds: what breaks, in this order. stories: with what time brings (timely.py). pair: on a primary with its standby.
    pause: seconds between two rounds at most. most: no round after so many seconds."""
    began, rng = time.monotonic(), random.Random(seed)
    sink, sink_port = Sink(refused=lambda rcpt: rcpt.startswith("customer7@")), free_port()
    server = stack.enter_context(postgres.a_pair() if pair else postgres.a_server())
    links = _links(stack, server, namespaces=namespaces)
    start_server = _start(server, links) if isinstance(server, postgres.OwnServer) else lambda: None
    hosts = ["127.0.0.1", *(link.sink for link in links if isinstance(link, Namespace))]
    listening = [await sink.start(sink_port, host) for host in hosts]
    nodes = []
    sections: dict[str, Any] = {"desk": [{"name": "support", "address": DESK, "aliases": [f"help@{DESK.partition('@')[2]}"]}]}
    sections = timely.sections(sections["desk"]) if stories else sections
    for number, link in enumerate(links):
        if isinstance(link, Forwarder):
            await link.start()
        url = server.url() if link is None else f"postgresql://postgres@{link.address}/postgres"
        ahead = number == NODES - 1 and _FAKETIME.exists()
        nodes.append(make_node(directory, sockets, number, link, url, sink_port, lease=stall / 2, ahead=ahead, sections=sections))
    traffic = Traffic(nodes, sink, rng)
    if stories:
        traffic.timely = timely.Timely(traffic.deliver, random.Random(seed))
        sink.hear = traffic.timely.hear
    trouble = Trouble(nodes, server, start_server, traffic, rng, stall)
    tasks: list[asyncio.Task[None]] = []
    try:
        for node in nodes:
            assert await node.greets(60), node.gateway.log()[-4000:]
        tasks = [asyncio.create_task(traffic.client(rest)) for _ in range(clients)]
        if traffic.timely is not None:
            tasks.append(asyncio.create_task(traffic.timely.run(traffic.ending)))
        for number, way in enumerate(rounds):
            if time.monotonic() - began > most:
                break
            if number and number % 50 == 0:
                taken = sum(1 for mail in traffic.sent.values() if mail.accepted)
                print(f"{number} rounds, {taken} mails after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            await asyncio.sleep(pause * rng.random())
            await trouble.someone_works()
            await trouble.round(way)
        report = await counted(directory, server, nodes, traffic, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in nodes:
            node.signal(signal.SIGCONT)
            node.gateway.clean_up()
        for link in links:
            if isinstance(link, Forwarder):
                await link.close()
        for one in listening:
            one.close()
    ended = sum((node.ended for node in nodes), Counter[int]())
    cut = "cut in network namespaces" if namespaces else "cut by a port that stops forwarding"
    if pair:
        cut = "a primary and a standby"
    return Run(report, trouble.done, ended, time.monotonic() - began, cut)


async def counted(
    directory: Path,
    server: postgres.OwnServer | postgres.Pair,
    nodes: Sequence[Node],
    traffic: Traffic,
    tasks: Sequence[asyncio.Task[None]],
) -> Report:
    """Let everything come to its end, then audit a copy."""
    url = server.url()
    for node in nodes:
        assert await node.greets(60), node.gateway.log()[-4000:]
    traffic.ending.set()
    stories = traffic.timely.stories if traffic.timely is not None else []
    await asyncio.wait_for(asyncio.gather(*tasks), 300 + timely.PATIENCE)
    for still in [timely.waiting(stories), WAITING] if stories else [WAITING]:
        end = time.monotonic() + 300 + (timely.PATIENCE if stories else 0)
        while time.monotonic() < end and await postgres.execute(url, still):
            await asyncio.sleep(0.2)
    codes = [await asyncio.to_thread(node.gateway.stop) for node in nodes]
    await postgres.execute(url, _LEFT)
    alone = Gateway.make(directory / "look", store={"url": url})
    copied = directory / "copy.db"
    await asyncio.to_thread(alone.cli, "store", "copy", url, str(copied))
    # a copy may come from another node than the first, over a connection of any age: no life explains it, only attempts do
    caught = [one for one in traffic.sink.caught if not one.rcpt.endswith(timely.PEOPLE)]
    report = audit(copied, traffic.sent, [replace(one, life=number) for number, one in enumerate(caught)])
    if traffic.timely is not None:
        report += timely.audit(copied, traffic.timely, Counter(one.message_id for one in traffic.sink.caught))
    found = await asyncio.to_thread(alone.cli, "verify")
    if found != "all is well\n":
        report.problems.append(f"verify: {found}")
    report.problems += [f"the last life of a node ended with {code}" for code in codes if code]
    report.problems += [f"a node ended by itself with {code}" for node in nodes for code in node.ended if code != 1]
    return report


def ways(count: int, seed: int, weights: dict[str, int] = WAYS) -> list[str]:
    return random.Random(seed).choices(list(weights), weights=list(weights.values()), k=count)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--stall", type=float, default=5.0, help="seconds for which a node is stopped or cut off; leases are half")
    parser.add_argument("--only", choices=[*WAYS, "failed over"], help="break nothing else")
    parser.add_argument("--forwarder", action="store_true", help="cut by a port that stops forwarding, not in namespaces")
    parser.add_argument("--pair", action="store_true", help="a primary and a standby that takes its place, again and again")
    parser.add_argument("--minutes", type=float, default=math.inf, help="no round after this time")
    parser.add_argument("--stories", action="store_true", help="with what time brings: alarms, snoozes, digests, erasures")
    parser.add_argument("--keep", type=Path, help="work in this directory and leave it there")
    args = parser.parse_args()
    why = postgres.missing()
    if why:
        print(why)
        return 1
    why = "" if args.forwarder or args.pair else Namespace.missing()
    if why:
        print(f"{why}: a port that stops forwarding cuts instead", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="smtpgate-nodes-") as temporary:
        outcome = asyncio.run(
            run(
                args.keep or Path(temporary),
                rounds=[args.only] * args.rounds if args.only else ways(args.rounds, args.seed, OF_A_PAIR if args.pair else WAYS),
                seed=args.seed,
                clients=args.clients,
                stall=args.stall,
                namespaces=not (why or args.forwarder or args.pair),
                pair=args.pair,
                most=args.minutes * 60,
                stories=args.stories,
            )
        )
    for problem in outcome.report.problems:
        print(problem)
    print(f"seed {args.seed}, {args.clients} clients, {args.stall:g} s: {outcome}")
    return 0 if outcome.report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
