"""The process that parsers are forked from: its death costs nothing, and it knows nothing of what the gateway was given."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from smtpgate.limitsettings import Limits
from smtpgate.mail import parserfork
from smtpgate.mail.worker import ParserPool
from tests.support.gateway import ROOT, alive, wait_for
from tests.unit.mail.test_worker import pid, pool, works

_AHEAD = """
import os
from smtpgate.limitsettings import Limits
from smtpgate.mail import parserfork
from smtpgate.mail.worker import ParserPool
kept = open(os.devnull)
known = parserfork.ahead()
print(known.pid, kept.fileno(), known.channel.fileno(), flush=True)
input()
"""


@pytest.mark.usefixtures("forked")
async def test_parsers_go_on_when_it_dies_and_the_next_is_forked_from_another() -> None:
    async with pool() as p:
        before, origin = pid(p), p.forking
        assert origin is not None
        os.kill(origin, signal.SIGKILL)
        await works(p)
        assert pid(p) == before
        for _ in range(2):
            os.kill(pid(p), signal.SIGKILL)
            await works(p)
        assert p.forking not in (None, origin)


@pytest.mark.usefixtures("forked")
async def test_one_that_died_before_the_first_parser_keeps_no_gateway_from_starting() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    p = ParserPool(Limits(), forking=parserfork.Running(dead.pid, ours, dead.wait))
    await p.start()
    try:
        await works(p)
        assert p.forking not in (None, dead.pid)
    finally:
        await p.stop()


@pytest.mark.usefixtures("forked")
async def test_a_parser_that_ends_is_waited_for() -> None:
    async with pool() as p:
        before = pid(p)
        os.kill(before, signal.SIGKILL)
        await works(p)
        wait_for(lambda: not Path(f"/proc/{before}").exists())


@pytest.mark.usefixtures("forked")
async def test_one_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool() as p:
        origin = p.forking
        assert origin is not None
        monkeypatch.setattr(parserfork, "_PATIENCE", 0.2)
        os.kill(origin, signal.SIGSTOP)
        os.kill(pid(p), signal.SIGKILL)
        asked = asyncio.create_task(works(p))
        async with asyncio.timeout(20):
            while p.forking == origin:
                await asyncio.sleep(0.02)
        monkeypatch.setattr(parserfork, "_PATIENCE", 60.0)  # for the next one, which loads its modules
        await asked
        assert p.forking not in (None, origin)


def test_it_has_no_secret_of_the_environment_and_no_file_of_the_gateway() -> None:
    secret = "".join(("not", "for", "any", "mail"))
    environment = {**os.environ, "PGPASSWORD": secret, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", _AHEAD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        number, kept, channel = map(int, parent.stdout.readline().split())
        comm = Path(f"/proc/{number}/comm")
        wait_for(lambda: comm.read_text() == "smtpg-forking\n")
        assert secret.encode() in _memory(parent.pid), "this test finds nothing where there is something"
        assert secret.encode() not in _memory(number)
        assert b"PGPASSWORD" not in Path(f"/proc/{number}/environ").read_bytes()
        handles = {int(path.name): os.readlink(path) for path in Path(f"/proc/{number}/fd").iterdir()}
        assert len(handles) == 4, "three of the terminal and the pool's"
        assert kept not in handles
        assert handles.get(channel) != os.readlink(f"/proc/{parent.pid}/fd/{channel}")
        parent.communicate(b"\n")
        wait_for(lambda: not alive(number))


def _memory(number: int) -> bytes:
    """All that a process may write to."""
    found = []
    with open(f"/proc/{number}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{number}/maps").read_text().splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if match:
                start, end = (int(text, 16) for text in match.groups())
                memory.seek(start)
                found.append(memory.read(end - start))
    return b"\n".join(found)
