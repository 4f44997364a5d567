"""A real gateway with three doors (SMTP, LMTP over TCP, LMTP over a Unix socket), seen by somebody who wants to hurt it.

`Target.running(...)` starts one. `target.memory()` measures what a piece of work costs at its peak, and `calm()` waits until
no connection of the work is left. The limits are read from the configuration that the gateway runs with.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtpgate.configfile import load
from smtpgate.limitsettings import Limits
from tests.support import memory
from tests.support.dialogue import Client
from tests.support.gateway import DESK, Gateway, free_port, letter, merged, wait_for

MIB = 1024**2
FRIENDS = ("127.0.0.1", "127.0.7.1")  # who may come as often as they like; every other address is a stranger's
TO_RCPT = ("MAIL FROM:<alice@customer.example>", f"RCPT TO:<{DESK}>")
TO_DATA = (*TO_RCPT, "DATA")


@dataclass(frozen=True)
class Place:
    """One way in."""

    name: str
    hello: str
    address: tuple[str, int] | str

    def connect(self, source: str = "127.0.0.1", timeout: float = 30.0) -> socket.socket:
        """source: the client's own address, which a Unix socket has not."""
        if isinstance(self.address, tuple):
            return socket.create_connection(self.address, timeout=timeout, source_address=(source, 0))
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(timeout)
        made.connect(self.address)
        return made

    def talk(self, *commands: str, source: str = "127.0.0.1") -> Client:
        """A connection that was greeted, has greeted, and said these commands, each answered with 2yz or 3yz."""
        client = Client.on(self.connect(source))
        try:
            for command in (None, f"{self.hello} client.example", *commands):
                reply = client.reply() if command is None else client.ask(command)
                assert reply[:1] in ("2", "3"), f"{self.name}: {command} was answered {reply!r}"
        except BaseException:
            client.socket.close()
            raise
        return client


@dataclass
class Cost:
    """Of one piece of work, in KiB of resident memory: at its peak, and what was kept afterwards."""

    peak: int = 0
    kept: int = 0


@dataclass
class Target:
    gateway: Gateway
    places: tuple[Place, ...]
    limits: Limits

    @classmethod
    @contextmanager
    def running(cls, directory: Path, **sections: Any) -> Iterator[Target]:
        """The directory's name must be short: a Unix socket's address has 108 octets."""
        lmtp, unix = free_port(), directory / "lmtp.sock"
        directory.mkdir(parents=True, exist_ok=True)
        assert len(str(unix)) < 108, f"too long for a Unix socket: {unix}"
        server = {"lmtp": [f"127.0.0.1:{lmtp}", str(unix)], "trusted_networks": [f"{address}/32" for address in FRIENDS]}
        with Gateway.make(directory, real=True, **merged({"server": server}, sections)).running() as gateway:
            places = (
                Place("SMTP", "EHLO", ("127.0.0.1", gateway.port)),
                Place("LMTP", "LHLO", ("127.0.0.1", lmtp)),
                Place("LMTP, Unix socket", "LHLO", str(unix)),
            )
            target = cls(gateway, places, load(gateway.config).limits)
            for place in places:  # everything is loaded and has its usual size before anything is measured
                target.deliver(place, f"warm {place.name}")
            yield target

    @property
    def pid(self) -> int:
        assert self.gateway.process is not None
        return self.gateway.process.pid

    def deliver(self, place: Place, subject: str, source: str = "127.0.0.1") -> str:
        """An honest mail over a connection of its own; the reply to it."""
        with place.talk(*TO_DATA, source=source) as client:
            reply = client.ask(letter(subject, f"{subject}, please come.").as_string().replace("\n", "\r\n") + ".")
            client.ask("QUIT")
        assert reply.startswith("250 2.0.0"), f"{place.name}: {reply}"
        return reply

    @contextmanager
    def memory(self) -> Iterator[Cost]:
        cost = Cost()
        memory.reset_peak(self.pid)
        before = memory.status(self.pid, "VmRSS")
        yield cost
        cost.peak = memory.status(self.pid, "VmHWM") - before
        cost.kept = memory.status(self.pid, "VmRSS") - before

    def sockets(self) -> int:
        """Sockets of the gateway's main process, but for the pairs to its parsers, which come and go with the mail. Whoever
        connected to a Unix socket has its name."""
        rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
        pairs = {f"socket:[{row[6]}]" for row in rows if len(row) == 7}
        count = 0
        for path in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(OSError):
                count += (to := str(path.readlink())).startswith("socket:") and to not in pairs
        return count

    def calm(self, before: int, seconds: float = 15.0) -> None:
        """Until it has no more sockets than before. It is still there and has not one traceback to tell."""
        wait_for(lambda: self.sockets() <= before, seconds=seconds, why=f"{self.sockets()} sockets are open, {before} were")
        log = self.gateway.log()
        assert "Traceback" not in log, log[-4000:]
        assert "session failed" not in log, log[-4000:]


@dataclass
class Answers:
    """Reply lines, counted by what they say."""

    said: Counter[str]

    def __str__(self) -> str:
        if not self.said:
            return "nothing"
        return "; ".join(f"{count:,} x {line}" if count > 1 else line for line, count in self.said.most_common(4))


def tally(data: bytes, said: Counter[str]) -> bytes:
    """Count the whole lines, return the rest."""
    *lines, rest = data.split(b"\r\n")
    for line in lines:
        said[line.decode("utf-8", "replace").replace("mx.desk.example ", "")[:70]] += 1
    return rest
