"""Kill the gateway with SIGKILL again and again while clients send, then count what is there.

    python -m tests.fault.kill --kills 1000 --clients 9 --seed 1

Clients send without pause by SMTP, by LMTP over TCP and by LMTP over a Unix socket, each mail with its own Message-ID, and
send a mail again, the same bytes, until they hear 250. By LMTP a mail has two recipients and needs two times 250.
A sink that is never killed takes the acknowledgements. Kills come at random moments, in the middle of a start, and while
the sink has a delivery in its hands (before its 354, or after the final dot and before its 250). In some lives the door's
process, delivery's, a parser or what parsers are forked from is killed before the gateway itself is. At the end everything is
audited (tests/support/audit.py). Exit code 0: nothing lost, nothing made up. The last line has the figures.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fault import timely
from tests.support.audit import Caught, Report, Sent, audit, digest
from tests.support.gateway import DESK, Gateway, alive, free_port

CUSTOMERS = 50
_HELPERS = 0.15  # of the lives: those in which another process than the gateway is killed first
BACKLOG = 200  # acknowledgements that may be outstanding before clients hold back: the test is about deaths, not queues
TEXTS = (
    "The printer in room 4 is burning.\n.\n..\n.a line that begins with a dot\n",
    "打印机着火了，请尽快派人来。订单号 20260102，谢谢。\n",
    "Ein sehr langer Absatz ohne Umbruch " * 40 + "\n",
)


# --- the sink ---------------------------------------------------------------------------------------------------------


@dataclass
class Sink:
    """Takes every mail and keeps what matters of it. `trap` stops the next delivery at a stage until the trap is opened.
    Recipients that are `refused` hear 550."""

    refused: Callable[[str], bool] = lambda _rcpt: False
    hear: Callable[[str, bytes], None] = lambda _rcpt, _data: None
    caught: list[Caught] = field(default_factory=list)
    message_ids: set[str] = field(default_factory=set)  # without those of tests.fault.timely
    life: int = 1
    trap: str = ""  # "", "DATA" or "."
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, port: int, host: str = "127.0.0.1") -> asyncio.Server:
        return await asyncio.start_server(self._session, host, port, limit=2**20)

    async def _stage(self, stage: str) -> None:
        if self.trap == stage:
            self.trap = ""
            self.sprung.set()
            await self.opened.wait()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        life = self.life  # whoever answers our 220 is alive now
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(b"220 sink ESMTP\r\n")
            mail_from = rcpt = ""
            while line := await reader.readline():
                verb = line[:4].upper()
                reply = b"250 2.0.0 ok"
                if verb == b"EHLO":
                    reply = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8"
                elif verb == b"MAIL":
                    mail_from, rcpt = line.decode().partition("<")[2].partition(">")[0], ""
                elif verb == b"RCPT":
                    rcpt = line.decode().partition("<")[2].partition(">")[0]
                    if self.refused(rcpt):
                        rcpt, reply = "", b"550 5.1.1 nobody has that name here"
                elif verb == b"DATA" and not rcpt:
                    reply = b"554 5.5.1 no recipients"
                elif verb == b"DATA":
                    await self._stage("DATA")
                    writer.write(b"354 go on\r\n")
                    data = (b"\r\n" + await reader.readuntil(b"\r\n.\r\n"))[:-3]  # a mail ends with CRLF
                    self._keep(data.replace(b"\r\n..", b"\r\n.")[2:], mail_from, rcpt, life)
                    await self._stage(".")
                elif verb == b"QUIT":
                    reply = b"221 2.0.0 bye"
                writer.write(reply + b"\r\n")
                await writer.drain()
                if verb == b"QUIT":
                    break
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _keep(self, data: bytes, mail_from: str, rcpt: str, life: int) -> None:
        head = data.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
        ids = [line.partition(b":")[2].strip().decode() for line in head.split(b"\r\n") if line.lower().startswith(b"message-id:")]
        self.caught.append(Caught(ids[0] if len(ids) == 1 else f"{len(ids)} Message-IDs", mail_from, rcpt, digest(data), life))
        if not rcpt.endswith(timely.PEOPLE):
            self.message_ids.add(self.caught[-1].message_id)
        self.hear(rcpt, data)


# --- the clients ------------------------------------------------------------------------------------------------------


def make_mail(rng: random.Random) -> tuple[Sent, bytes]:
    token = f"{rng.getrandbits(80):020x}"
    sender = f"customer{rng.randrange(CUSTOMERS)}@customer.example"
    message_id = f"<{token}@customer.example>"
    body = rng.choice(TEXTS) * rng.choice((1, 1, 5, 40)) + f"\nReference {token}\n"
    head = (
        f"From: Customer <{sender}>\nTo: {DESK}\nSubject: Question {token}\nMessage-ID: {message_id}\n"
        "Date: Fri, 02 Jan 2026 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n\n"
    )
    data = (head + body).replace("\n", "\r\n").encode()
    return Sent(message_id, sender, digest(data)), data


class Gone(Exception):
    """The connection was lost, or it was told to come again: send the same mail once more."""


@dataclass(frozen=True)
class Door:
    """One way in. port for TCP, else path."""

    name: str
    hello: str
    rcpts: tuple[str, ...]
    port: int = 0
    path: str = ""

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await (asyncio.open_connection("127.0.0.1", self.port) if self.port else asyncio.open_unix_connection(self.path))


@dataclass
class Client:
    door: Door
    rng: random.Random
    sent: dict[str, Sent]
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def send_until_accepted(self) -> None:
        mail, data = make_mail(self.rng)
        self.sent[mail.message_id] = mail
        await self.until_accepted(mail, data)

    async def until_accepted(self, mail: Sent, data: bytes) -> None:
        while not mail.accepted and not mail.refused:
            try:
                await self.attempt(mail, data)
            except (OSError, asyncio.IncompleteReadError, Gone):
                self.close()
                await asyncio.sleep(0.05 + 0.1 * self.rng.random())

    async def attempt(self, mail: Sent, data: bytes) -> None:
        """Raises Gone, or what a lost connection raises, when it must be sent once more."""
        if self.writer is None:
            self.reader, self.writer = await self.door.open()
            await self._reply()
            await self._say(f"{self.door.hello} client.example".encode())
        if self.door.path:  # as Postfix does; nobody has an address on a Unix socket
            await self._say(b"XFORWARD ADDR=127.0.0.1 HELO=client.example")
        rcpts = [f"RCPT TO:<{rcpt}>" for rcpt in ([mail.to] if mail.to else self.door.rcpts)]
        for command in (f"MAIL FROM:<{mail.sender}> BODY=8BITMIME", *rcpts, "DATA"):
            code, text = await self._say(command.encode())
            if code >= 500:
                mail.refused.append(text)
                return
            if code >= 400:
                raise Gone
        mail.tries += 1
        assert self.writer is not None
        self.writer.write((b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
        heard = [await self._reply() for _ in range(len(rcpts) if self.door.hello == "LHLO" else 1)]  # RFC 2033
        code, text = heard[0]
        if any(other[0] != code for other in heard):
            mail.refused.append(f"recipients of one mail heard different things: {heard}")
        elif code == 250:
            mail.accepted += 1
            mail.door = self.door.name
        elif code >= 500:
            mail.refused.append(text)
        else:
            raise Gone

    async def _say(self, command: bytes) -> tuple[int, str]:
        assert self.writer is not None
        self.writer.write(command + b"\r\n")
        return await self._reply()

    async def _reply(self) -> tuple[int, str]:
        assert self.reader is not None
        while True:
            line = await self.reader.readuntil(b"\r\n")
            if line[3:4] == b" ":
                return int(line[:3]), line.decode(errors="replace").strip()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


# --- the killer -------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    report: Report
    kills: dict[str, int]
    seconds: float
    longest_start: float
    helpers: dict[str, int]  # kills of one process of the gateway, which went on

    def __str__(self) -> str:
        how = ", ".join(f"{count} {name}" for name, count in {**self.kills, **self.helpers}.items())
        verdict = "nothing lost" if self.report.ok else f"{len(self.report.problems)} PROBLEMS"
        return (
            f"{sum(self.kills.values())} kills ({how}) in {self.seconds:.0f} s: {verdict}; {self.report};"
            f" longest start {self.longest_start:.1f} s"
        )


async def run(directory: Path, **how: Any) -> Run:
    with tempfile.TemporaryDirectory(prefix="smtpgate-") as sockets:  # a short name: Unix sockets have 108 octets
        return await _run(directory, Path(sockets), **how)


def _gateway(directory: Path, sockets: Path, sink_port: int, *, stories: bool) -> tuple[Gateway, tuple[Door, ...]]:
    lmtp, path, alias = free_port(), sockets / "lmtp", f"help@{DESK.partition('@')[2]}"
    desks: list[dict[str, Any]] = [{"name": "support", "address": DESK, "aliases": [alias]}]
    gateway = Gateway.make(
        directory,
        server={"lmtp": [f"127.0.0.1:{lmtp}", path], "processes": "several"},
        delivery={"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": sink_port, "tls": "none"}},
        **(timely.sections(desks) if stories else {"desk": desks}),
    )
    return gateway, (
        Door("SMTP", "EHLO", (DESK,), port=gateway.port),
        Door("LMTP", "LHLO", (DESK, alias), port=lmtp),
        Door("LMTP on a Unix socket", "LHLO", (alias, DESK), path=str(path)),
    )


async def _run(
    directory: Path,
    sockets: Path,
    *,
    kills: int,
    clients: int,
    seed: int,
    life: float = 0.5,
    drain: float = 300.0,
    most: float = math.inf,
    stories: bool = False,
) -> Run:
    """stories: with what time brings (timely.py). life: how long, at most, the gateway may work between its greeting and its
    death. most: no kill after so many seconds."""
    began = time.monotonic()
    rng = random.Random(seed)
    sink, sink_port = Sink(), free_port()
    server = await sink.start(sink_port)
    gateway, doors = _gateway(directory, sockets, sink_port, stories=stories)
    sent: dict[str, Sent] = {}
    ending = asyncio.Event()
    tasks = [
        asyncio.create_task(_client(doors[number % len(doors)], random.Random(rng.random()), sent, sink, ending))
        for number in range(clients)
    ]
    told: timely.Timely | None = None
    if stories:
        told = timely.Timely(_sender(doors, rng), random.Random(rng.random()))
        sink.hear = told.hear
        tasks.append(asyncio.create_task(told.run(ending)))
    done = {"at random": 0, "while starting": 0, "before the sink's 354": 0, "after the final dot": 0}
    helpers = {"of the door": 0, "of delivery": 0, "of a parser": 0, "of forking": 0}
    longest = 0.0
    try:
        for number in range(kills):
            if time.monotonic() - began > most:
                break
            if number and number % 50 == 0:
                print(f"{number} kills after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            longest = max(longest, await _one_life(gateway, sink, rng, life, longest or 1.0, done, helpers))
        longest = max(longest, await _start(gateway))
        ending.set()
        await asyncio.wait_for(asyncio.gather(*tasks), drain + timely.PATIENCE * stories)
        if told is not None:
            await _until(lambda: not gateway.rows(timely.waiting(told.stories)), timely.PATIENCE)
        await _until(gateway.settled, drain)
        code = await asyncio.to_thread(gateway.stop)
        report = audit(gateway.store, sent, [one for one in sink.caught if not one.rcpt.endswith(timely.PEOPLE)])
        if told is not None:
            report += timely.audit(gateway.store, told, Counter(one.message_id for one in sink.caught))
        report.figures |= {f"by {door.name}": sum(mail.door == door.name for mail in sent.values()) for door in doors}
        if code != 0:
            report.problems.append(f"the last life ended with {code}")
        for _ in range(50):  # a parser sees within a moment that its gateway is gone
            if gateway.left_behind():
                await asyncio.sleep(0.1)
        report.problems += [f"process {pid} was left behind" for pid in gateway.left_behind()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gateway.clean_up()
        server.close()
    return Run(report, done, time.monotonic() - began, longest, helpers)


def _sender(doors: tuple[Door, ...], rng: random.Random) -> timely.Send:
    """A connection for each mail, at any door."""

    async def send(mail: Sent, data: bytes) -> None:
        client = Client(rng.choice(doors), rng, {})
        try:
            await client.until_accepted(mail, data)
        finally:
            client.close()

    return send


async def _client(door: Door, rng: random.Random, sent: dict[str, Sent], sink: Sink, ending: asyncio.Event) -> None:
    client = Client(door, rng, sent)
    try:
        while not ending.is_set():
            if len(sent) - len(sink.message_ids) > BACKLOG:
                await asyncio.sleep(0.01)
                continue
            await client.send_until_accepted()
    finally:
        client.close()


async def _one_life(
    gateway: Gateway,
    sink: Sink,
    rng: random.Random,
    life: float,
    longest: float,
    done: dict[str, int],
    helpers: dict[str, int],
) -> float:
    way = rng.choices(list(done), weights=(5, 2, 2, 3))[0]
    took = 0.0
    if way == "while starting":
        gateway.spawn()
        await asyncio.sleep(rng.random() * longest)
    else:
        took = await _start(gateway)
        if rng.random() < _HELPERS:
            await asyncio.sleep(rng.random() * life)
            await _kill_a_helper(gateway, sink, min(helpers, key=lambda name: helpers[name]), rng, helpers)
        await asyncio.sleep(rng.random() * life)
    if way in ("before the sink's 354", "after the final dot"):
        sink.sprung.clear()
        sink.opened.clear()
        sink.trap = "." if way == "after the final dot" else "DATA"
        try:
            await asyncio.wait_for(sink.sprung.wait(), 2.0)
        except TimeoutError:
            way = "at random"  # nothing was on its way out
    gateway.kill()  # blocks for a moment, so that nothing is received between the death and the next line
    sink.life += 1
    sink.trap = ""
    sink.opened.set()
    done[way] += 1
    return took


async def _kill_a_helper(gateway: Gateway, sink: Sink, which: str, rng: random.Random, helpers: dict[str, int]) -> None:
    """Of the door another one is waited for: it must come, and the clients with it."""
    pid = rng.choice(gateway.parsers() or [None]) if which == "of a parser" else gateway.helper(which.split()[-1])
    if pid is None:
        return
    os.kill(pid, signal.SIGKILL)
    helpers[which] += 1
    if which == "of the door":
        await _greeted(gateway, 60.0)
    elif which == "of delivery":
        while alive(pid):  # blocks for a moment, as below
            time.sleep(0.001)
        sink.life += 1  # what it had in its hands comes again


async def _start(gateway: Gateway, seconds: float = 120.0) -> float:
    gateway.spawn()
    return await _greeted(gateway, seconds)


async def _greeted(gateway: Gateway, seconds: float) -> float:
    began = time.monotonic()
    while not await asyncio.to_thread(gateway.greets):
        if time.monotonic() - began > seconds:
            raise AssertionError(f"no greeting within {seconds:g} s:\n{gateway.log()[-4000:]}")
        await asyncio.sleep(0.03)
    return time.monotonic() - began


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Filed and delivered, or not getting any further: the audit says what is missing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not await asyncio.to_thread(done):
        await asyncio.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clients", type=int, default=9, help="a third of them at each door")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="kill no more after this time")
    parser.add_argument("--stories", action="store_true", help="with what time brings: alarms, snoozes, digests, erasures")
    parser.add_argument("--keep", type=Path, help="work in this directory and leave it there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smtpgate-kill-") as temporary:
        outcome = asyncio.run(
            run(
                args.keep or Path(temporary),
                kills=args.kills,
                clients=args.clients,
                seed=args.seed,
                most=args.minutes * 60,
                stories=args.stories,
            )
        )
    for problem in outcome.report.problems:
        print(problem)
    print(f"seed {args.seed}, {args.clients} clients: {outcome}")
    return 0 if outcome.report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
