"""A server as systemd's Accept=yes: for each connection to a Unix socket one process that has it as its input and output."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.gateway import ROOT

PARSER = (sys.executable, "-m", "smtpgate.mail.parserprocess")


class Inetd:
    def __init__(self, path: Path, argv: Sequence[str]) -> None:
        self.path = path
        self.argv = argv
        self.stderr: int | None = None  # a descriptor, of processes that are still to come; None: ours
        self.processes: list[asyncio.subprocess.Process] = []  # all that were ever started

    def living(self) -> list[asyncio.subprocess.Process]:
        return [process for process in self.processes if process.returncode is None]

    async def all_gone(self, seconds: float = 30.0) -> list[int]:
        """The return codes, once all have ended by themselves."""
        async with asyncio.timeout(seconds):
            return [await process.wait() for process in self.processes]

    async def serve(self) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.path))
            listener.listen()
            listener.setblocking(False)
            while True:
                connection, _ = await asyncio.get_running_loop().sock_accept(listener)
                with connection:
                    connection.setblocking(True)
                    process = await asyncio.create_subprocess_exec(
                        *self.argv,
                        stdin=connection,
                        stdout=connection,
                        stderr=self.stderr,
                        cwd=ROOT,
                        env={"PATH": "/usr/bin:/bin"},
                    )
                self.processes.append(process)


@asynccontextmanager
async def inetd(path: Path, argv: Sequence[str] = PARSER) -> AsyncIterator[Inetd]:
    made = Inetd(path, argv)
    task = asyncio.create_task(made.serve())
    while not path.is_socket():
        await asyncio.sleep(0.01)
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        path.unlink(missing_ok=True)
        for process in made.living():
            process.kill()
        await made.all_gone()
