"""Many at once: idle connections and what each costs, large mails together, and a flood from one place beside honest mail.

`python -m tests.trial.crowd ADDRESS PORT KIND SOURCE PER_SECOND` is the flooding neighbour, a process of its own until it is
killed: KIND "connect" only opens and leaves, "noop" and "rcpt" pour commands. PER_SECOND connections begin at most (0: any).
"""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support import memory
from tests.support.gateway import ROOT
from tests.trial.door import FRIENDS, TO_DATA, TO_RCPT, Cost, Place, Target

GREETED = 0.1  # seconds in which a new client is greeted beside idle ones
PER_CONNECTION = 40.0  # KiB

# --- idle connections -------------------------------------------------------------------------------------------------


@dataclass
class Idle:
    """KiB for each connection, and the seconds that a new client waited for its greeting meanwhile."""

    connections: int
    each: float
    greeted: float

    def __str__(self) -> str:
        greeted = f"a new client was greeted in {self.greeted * 1000:.0f} ms"
        return f"{self.connections:,} idle connections cost {self.each:.1f} KiB each; {greeted}"


def idle(target: Target, place: Place, count: int, *commands: str, tls: bool = False) -> Idle:
    """So many connections that were greeted, said these commands (and shook hands), and then say nothing."""
    sockets = target.sockets()
    before = memory.status(target.pid, "VmRSS")
    with contextlib.ExitStack() as stack:
        for number in range(count):
            client = place.talk(*commands, source=f"127.0.{1 + number // 1000}.{1 + number // 10 % 100}")
            stack.enter_context(client)
            if tls:
                client.start_tls()
        each = (memory.status(target.pid, "VmRSS") - before) / count
        began = time.monotonic()
        place.talk(source="127.0.9.9").close()
        greeted = time.monotonic() - began
    target.calm(sockets)
    return Idle(count, each, greeted)


# --- large mails at the same time -------------------------------------------------------------------------------------


@dataclass
class Large:
    count: int
    size: int
    said: Counter[str]
    cost: Cost

    def __str__(self) -> str:
        words = "; ".join(f"{count} x {line}" for line, count in self.said.most_common(4))
        return f"{self.count} mails of {self.size / 2**20:.0f} MiB at once: peak {self.cost.peak / 1024:+.0f} MiB; {words}"


def large(target: Target, place: Place, count: int) -> Large:
    """Mails as large as may be, their final dots all in the same moment."""
    size = target.limits.message_size - 4096
    line = b"a line of a large mail, seventy-six octets long as encoders like to make th\r\n"
    body = line * (size // len(line))
    said: Counter[str] = Counter()
    together = threading.Barrier(count)

    def one(number: int) -> None:
        try:
            with place.talk(*TO_DATA, source=f"127.0.3.{number + 1}") as client:
                client.socket.settimeout(120)
                client.send(f"From: Alice <alice@customer.example>\r\nSubject: large {number}\r\n\r\n".encode() + body)
                together.wait(120)
                client.send(b".\r\n")
                said[client.reply()[:40].partition(" accepted")[0][:9]] += 1
        except (AssertionError, OSError) as error:
            said[str(error)[:60]] += 1
            together.abort()

    sockets = target.sockets()
    with target.memory() as cost:
        threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        target.gateway.settle(120)
    target.calm(sockets)
    return Large(count, size, said, cost)


# --- a neighbour that floods ------------------------------------------------------------------------------------------

HONEST = FRIENDS[1]
FLOODER = "127.0.66.66"


@dataclass
class Beside:
    """Seconds from the connection to the 250 of honest mails, alone and beside a flood."""

    kind: str
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """p99 beside the flood to p99 alone."""
        return p99(self.beside) / p99(self.alone)

    def __str__(self) -> str:
        return (
            f"{len(self.alone)} and {len(self.beside)} mails, p99 {p99(self.alone) * 1000:.1f} ms alone,"
            f" {p99(self.beside) * 1000:.1f} ms beside {self.kind}: {self.ratio:.2f} times"
        )


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def beside(target: Target, place: Place, kind: str, *, per_second: float, rounds: int, seconds: float) -> Beside:
    """Honest mail from one address alone and beside a flood from another one, turn by turn."""
    done = Beside(kind)
    assert isinstance(place.address, tuple)
    command = [sys.executable, "-m", "tests.trial.crowd", *map(str, place.address), kind, FLOODER, str(per_second)]
    for _ in range(rounds):
        done.alone += list(_honest(target, place, seconds))
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as neighbour:
            try:
                assert neighbour.stdout is not None
                neighbour.stdout.readline()  # it has begun
                done.beside += list(_honest(target, place, seconds))
                assert neighbour.poll() is None, "the flood has ended"
            finally:
                neighbour.kill()
    return done


def _honest(target: Target, place: Place, seconds: float) -> Iterator[float]:
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        target.deliver(place, f"honest {began}", source=HONEST)
        yield time.monotonic() - began


def _neighbour(place: Place, kind: str, source: str, per_second: float) -> None:
    lines = {"connect": b"", "noop": b"NOOP\r\n", "rcpt": b"".join(f"{c}\r\n".encode() for c in (TO_RCPT[0], *TO_RCPT[1:] * 200))}
    hello = f"{place.hello} flood.example\r\n".encode()
    began, count = time.monotonic(), 0
    print("begun", flush=True)
    open_ones: list[socket.socket] = []
    while True:
        count += 1
        if per_second:
            time.sleep(max(0.0, began + count / per_second - time.monotonic()))
        try:
            connection = place.connect(source)
            connection.setblocking(False)
            open_ones.append(connection)
            connection.send(hello + lines[kind] * (65536 // max(1, len(lines[kind]))))
        except OSError:
            pass
        while len(open_ones) > 200:
            open_ones.pop(0).close()
        readable, _, _ = select.select(open_ones, [], [], 0)
        for connection in readable:
            try:
                ended = not connection.recv(65536)
            except OSError:
                ended = True
            if ended:
                open_ones.remove(connection)
                connection.close()


if __name__ == "__main__":
    address, port, kind, source, per_second = sys.argv[1:]
    _neighbour(Place("neighbour", "EHLO", (address, int(port))), kind, source, float(per_second))
