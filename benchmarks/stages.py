"""Where the gateway's CPU time goes: by thread and process over a whole run, and piece by piece in this process.

    make bench ARGS=stages      about a minute

A run is mails of 4 KB over 20 connections, verified, filed, answered, the answers written into a Maildir; it ends when
all of that is done. CPU time of one and the same work grows by half on a machine whose processors others use as well, so
the yardstick, a fixed piece of arithmetic timed meanwhile, stands beside each run: compare runs only at a like one. The
pieces are the best of several repeats, everything in the processor's caches; within a run they cost about twice that.
"""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from benchmarks import load, targets
from benchmarks.tree import members
from smtpgate import log as logs
from smtpgate.auth import dkim
from smtpgate.auth.dns import Lookups, ZoneResolver
from smtpgate.auth.message import Message
from smtpgate.auth.sign import DkimSigner
from smtpgate.auth.verdict import judge
from smtpgate.clock import SystemClock
from smtpgate.config import Config, Log
from smtpgate.intake import command
from smtpgate.mail import header
from smtpgate.mail.compose import Templates, compose
from smtpgate.mail.letters import Letter, Purpose
from smtpgate.model import Address, Envelope
from smtpgate.store.sqlite import SqliteStore
from tests.support import letters
from tests.support.gateway import settings

_MAILS = 700
_CONNECTIONS = 20
_RUNS = 3
_POLL = 0.1


# --- a whole run ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """CPU milliseconds for one mail; yardstick in milliseconds."""

    loop: float
    writer: float
    others: float
    door: float  # the processes of their own, if there are any
    delivery: float
    parsers: float
    rate: float  # filed in a second
    yardstick: float

    @property
    def all(self) -> float:
        return self.loop + self.writer + self.others + self.door + self.delivery + self.parsers


def _threads(root: int) -> dict[tuple[int, int], float]:
    """CPU seconds of each thread of a process and its descendants, to the nanosecond."""
    found = {}
    for pid in members(root):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found[pid, int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def yardstick() -> float:
    """CPU milliseconds of some fixed work of this interpreter."""
    began, total = time.thread_time(), 0
    for i in range(50_000):
        total += i & 3
    return (time.thread_time() - began) * 1000


async def _wait(target: targets.GatewayTarget, mails: list[load.Mail]) -> list[float]:
    sticks = []
    sending = asyncio.create_task(load.send(target.port, mails, _CONNECTIONS, 120))
    while not sending.done() or await asyncio.to_thread(target.filed) < len(mails):
        await asyncio.sleep(_POLL)
        sticks.append(yardstick())
    await sending
    return sticks


def measure(mails: list[load.Mail], zone: dict[str, object], processes: str) -> Run:
    with (
        tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as directory,
        targets.gateway(Path(directory), zone, trusted=False, processes=processes) as target,
    ):
        before = _threads(target.pid)
        began = time.monotonic()
        sticks = asyncio.run(_wait(target, mails))
        rate = len(mails) / (time.monotonic() - began)
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in members(target.pid)}
        target.check(len(mails))
        spent = {who: (cpu - before.get(who, 0.0)) / len(mails) * 1000 for who, cpu in _threads(target.pid).items()}
    loop = spent.pop((target.pid, target.pid))
    door, delivery = (
        sum(spent.pop(who) for who in list(spent) if names.get(who[0]) == name) for name in ("smtpg-door", "smtpg-delivery")
    )
    parsers = sum(spent.pop(who) for who in list(spent) if who[0] != target.pid)
    writer = max(spent.values())  # no other thread comes near it
    return Run(loop, writer, sum(spent.values()) - writer, door, delivery, parsers, rate, sorted(sticks)[len(sticks) // 2])


# --- piece by piece ---------------------------------------------------------------------------------------------------


async def _pieces(mail: load.Mail, zone: dict[str, object]) -> dict[str, float]:
    """CPU microseconds of the parts that one mail needs."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as directory:
        config = Config(**settings(Path(directory), 25))
        store = await SqliteStore.open(Path(directory) / "store" / "bench.db")
        try:
            return {name: await _best(piece) for name, piece in _list(mail, zone, config, clock, store).items()}
        finally:
            await store.close()


def _list(
    mail: load.Mail, zone: dict[str, object], config: Config, clock: SystemClock, store: SqliteStore
) -> dict[str, Callable[[], Awaitable[object]]]:
    raw = mail.wire[:-3].replace(b"\r\n..", b"\r\n.")
    resolver = ZoneResolver(zone)
    envelope = Envelope(
        mail_id="a" * 13,
        mail_from=mail.sender,
        rcpts=(load.DESK,),
        peer="127.0.0.9",
        helo="client.example",
        received_at=clock.now(),
        protocol="ESMTP",
        tls=None,
        smtputf8=False,
    )
    checked = config.model_copy(update={"server": config.server.model_copy(update={"trusted_networks": ()})})
    log = structlog.get_logger("bench")
    letter = Letter(
        purpose=Purpose.RECEIVED,
        language="en",
        desk=config.desk[0],
        ticket_number="20260102-EML-0042",
        to=Address("Customer 1", mail.sender),
        message_id="<a.b@desk.example>",
        date=clock.now(),
        subject="Question about the printer",
        show_subject=True,
        in_reply_to="<x@customer.example>",
    )
    templates = Templates()
    data = compose(letter, templates).data
    signer = DkimSigner([letters.dkim_key("rsa", "desk.example")])

    def plain(work: Callable[[], object]) -> Callable[[], Awaitable[object]]:
        async def run() -> object:
            return work()

        return run

    def lookups() -> Lookups:
        return Lookups(resolver, clock, deadline=10, limit=30)

    return {
        "RCPT command taken apart": plain(lambda: command.rcpt_to(f"TO:<{load.DESK}>".encode(), smtputf8=False)),
        "header split into fields": plain(lambda: header.split(raw)),
        "DKIM verified, RSA-2048": lambda: dkim.verify(Message.read(raw), lookups(), limit=5, now=clock.now()),
        "verdict: SPF, DKIM, DMARC, ARC": lambda: judge(envelope=envelope, raw=raw, config=checked, resolver=resolver, clock=clock),
        "line in the log": plain(lambda: log.info("mail accepted", mail="a" * 13, sender=mail.sender, size=4000, spf="pass")),
        "acknowledgement composed": plain(lambda: compose(letter, templates)),
        "acknowledgement signed, RSA-2048": plain(lambda: signer.sign(data, "desk.example", clock.now())),
        "smallest question to the store": store.next_due,
    }


async def _best(piece: Callable[[], Awaitable[object]], count: int = 200, repeats: int = 7) -> float:
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        for _ in range(count):
            await piece()
        best = min(best, (time.process_time() - began) / count)
    return best * 1e6


def main() -> int:
    key = load.make_key()
    zone = load.zone(key)
    mails = load.make_mails(_MAILS, 4096, key, "stages")
    logs.configure(Log(), io.StringIO())
    print("| piece, caches warm | CPU us |\n|---|---|")
    for name, cost in asyncio.run(_pieces(mails[0], zone)).items():
        print(f"| {name} | {cost:.0f} |")
    print(f"\n{os.getloadavg()[0]:.1f} processes wanted a processor when it began.")
    print("| processes | event loop | writer | other threads | door | delivery | parsers | CPU s/1000 | filed/s | yardstick ms |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for number in range(2 * _RUNS):
        processes = ("one", "several")[number % 2]  # in turn
        it = measure(mails, zone, processes)
        seconds = (it.loop, it.writer, it.others, it.door, it.delivery, it.parsers, it.all)
        parts = " | ".join(f"{part:.2f}" for part in seconds)
        print(f"| {processes} | {parts} | {it.rate:.0f} | {it.yardstick:.2f} |", flush=True)
    return 0
