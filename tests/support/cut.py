"""A way from a gateway to its database that can be cut: packets vanish, nobody is told, and later they go through again.

`Namespace` is a network namespace of Linux with cables of its own, of which one is pulled (needs root). `Forwarder` is a TCP
port that stops forwarding: what is under way waits in it, and new connections are taken by the kernel and not answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


def _ip(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=check)


class Namespace:
    """A machine of its own as far as the network goes. It reaches us at two addresses: `database` and `sink`."""

    def __init__(self) -> None:
        mark = random.SystemRandom().randrange(2**20)
        self.name = f"sg{mark:05x}"
        self.database, self.sink = (f"10.{64 + mark % 64}.{mark >> 6 & 255}.{1 + 4 * cable}" for cable in range(2))
        _ip("netns", "add", self.name)
        try:
            for cable, address in (("d", self.database), ("s", self.sink)):
                ours, theirs = f"{self.name}{cable}0", f"{self.name}{cable}1"
                _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", self.name)
                _ip("addr", "add", f"{address}/30", "dev", ours)
                _ip("link", "set", ours, "up")
                other = f"{address.rpartition('.')[0]}.{int(address.rpartition('.')[2]) + 1}"
                _ip("-n", self.name, "addr", "add", f"{other}/30", "dev", theirs)
                _ip("-n", self.name, "link", "set", theirs, "up")
            _ip("-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.remove()
            raise

    @staticmethod
    def missing() -> str:
        """Why there can be none; "" when there can."""
        if shutil.which("ip") is None:
            return "there is no ip (iproute2)"
        if os.geteuid() != 0:
            return "network namespaces need root"
        try:
            Namespace().remove()
        except subprocess.CalledProcessError as error:
            return f"network namespaces cannot be made here: {error.stderr.strip()}"
        return ""

    @property
    def prefix(self) -> list[str]:
        """Words before a command that runs in it."""
        return ["ip", "netns", "exec", self.name]

    @property
    def address(self) -> str:
        """Of the database, as a URL has it."""
        return self.database

    def cut(self) -> None:
        """Pull the cable to the database."""
        _ip("link", "set", f"{self.name}d0", "down")

    def mend(self) -> None:
        _ip("link", "set", f"{self.name}d0", "up")

    def remove(self) -> None:
        for cable in ("d0", "s0"):
            _ip("link", "del", f"{self.name}{cable}", check=False)
        _ip("netns", "del", self.name, check=False)


@dataclass
class Forwarder:
    """From a port of this machine to a Unix socket."""

    target: Path
    port: int
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """Of the database, as a URL has it."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    async def close(self) -> None:
        self._open.set()
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        try:
            there, back = await asyncio.open_unix_connection(str(self.target))
        except OSError:
            writer.transport.abort()
            return
        pumps = [asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer))]
        self._tasks.update(pumps)
        for pump in pumps:
            pump.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(2**16):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                sink.close()
