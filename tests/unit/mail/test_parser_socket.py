"""Parsers behind a socket: one process for each connection, which nobody kills but its own limits and the end of its input."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from smtpgate.errors import ParseFailed, ParserUnavailable
from smtpgate.limitsettings import Limits
from smtpgate.mail import landlock, parse, worker
from smtpgate.mail.parserchild import Unread
from smtpgate.mail.worker import ParserPool
from tests.support.gateway import ROOT, wait_for
from tests.support.inetd import PARSER, Inetd, inetd
from tests.unit.mail.test_worker import COSTLY, HEAD, LARGE, SMALL, limits, until, works

pytestmark = pytest.mark.usefixtures("forked")
TAKEN_OVER = (sys.executable, "-m", "tests.support.takenover")


@asynccontextmanager
async def pool(tmp_path: Path, *argv: str, processes: int = 1, **given: str) -> AsyncIterator[tuple[ParserPool, Inetd]]:
    async with inetd(tmp_path / "parser.sock", argv or PARSER) as server:
        made = ParserPool(limits(**given), processes=processes, socket=server.path)
        await made.start()
        try:
            yield made, server
        finally:
            await made.stop()


@pytest.mark.real
async def test_answers_are_those_of_parse_and_nothing_is_left(tmp_path: Path) -> None:
    async with pool(tmp_path, processes=2) as (p, server):
        assert await p.parse(SMALL, None) == parse.parse(SMALL, mail_from=None, limits=Limits())
        found = await asyncio.gather(*(p.parse(HEAD + b"\r\nmail %d" % i, "a@b.example") for i in range(50)))
        assert [m.text for m in found] == [f"mail {i}" for i in range(50)]
        with pytest.raises(ParseFailed, match="fields"):
            await p.parse(b"X: y\r\n" * 1001 + SMALL, None)
        await works(p)
        assert len(server.processes) == 2
        await p.stop()
        assert await server.all_gone() == [0, 0], "the end of the connection ends the process"


async def test_what_takes_too_much_cpu_ends_of_itself_and_is_replaced(tmp_path: Path) -> None:
    async with pool(tmp_path, parse_cpu="1s", parse_wall="60s", parse_memory="2048MiB", text_kept="16MiB") as (p, server):
        with pytest.raises(ParseFailed, match="CPU"):
            await p.parse(COSTLY, None)
        await works(p)
        assert await server.processes[0].wait() == -signal.SIGXCPU


@pytest.mark.real
async def test_what_takes_too_much_memory_ends_of_itself_and_is_replaced(tmp_path: Path) -> None:
    async with pool(tmp_path, parse_memory="64MiB", text_kept="16MiB") as (p, server):
        with pytest.raises(ParseFailed, match="memory"):
            await p.parse(LARGE, None)
        await works(p)
        assert await server.processes[0].wait() == 0


async def test_one_that_was_given_up_ends_by_its_own_alarm(tmp_path: Path) -> None:
    async with pool(tmp_path, *TAKEN_OVER, "asleep", parse_wall="1s") as (p, server):
        with pytest.raises(ParseFailed, match="longer than 1 s"):
            await p.parse(SMALL, None)
        async with asyncio.timeout(5):
            assert await server.processes[0].wait() == -signal.SIGALRM


async def test_of_mails_that_are_read_together_those_that_stop_it_cost_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_GROUP_WALL", 0.3)
    for harm, why in ((b"deadly", "ended"), (b"sleepy", "longer than 1 s")):
        async with pool(tmp_path, *TAKEN_OVER, "picky", processes=2, parse_wall="1s") as (p, _):
            words = (b"mail 0", b"mail 1", harm, b"mail 3")
            found = await p.parse_together([Unread(HEAD + b"\r\n" + word, None) for word in words])
            assert [one.text for one in found if not isinstance(one, ParseFailed)] == ["mail 0", "mail 1", "mail 3"]
            assert why in str(found[2])
            await works(p)


async def test_a_death_from_outside_costs_no_mail(tmp_path: Path) -> None:
    async with pool(tmp_path) as (p, server):
        os.kill(server.processes[0].pid, signal.SIGKILL)
        await works(p)
        asked = asyncio.create_task(p.parse(LARGE[:2_000_000], None))
        await asyncio.sleep(0.01)
        os.kill(server.processes[-1].pid, signal.SIGSEGV)
        assert (await asked).text.startswith("yyy")


async def test_one_with_nothing_to_read_ends_and_the_next_mail_has_another(tmp_path: Path) -> None:
    async with inetd(tmp_path / "parser.sock") as server:
        p = ParserPool(limits(), socket=server.path, idle=0.1)
        await p.start()
        await until(lambda: not p.doing())
        assert await server.all_gone() == [0]
        await works(p)
        assert len(server.processes) == 2
        await p.stop()


async def test_a_deadly_mail_is_tried_twice(tmp_path: Path) -> None:
    async with pool(tmp_path, *TAKEN_OVER, "deadly") as (p, server):
        with pytest.raises(ParseFailed, match="ended on it"):
            await p.parse(SMALL, None)
        assert [await one.wait() for one in server.processes[:2]] == [-signal.SIGSEGV] * 2


@pytest.mark.real
async def test_no_word_of_a_mail_gets_into_the_journal(tmp_path: Path) -> None:
    journal, end = os.pipe()
    async with inetd(tmp_path / "parser.sock", [*TAKEN_OVER, "wordy"]) as server:
        server.stderr = end
        p = ParserPool(limits(), socket=server.path)
        await p.start()
        with pytest.raises(ParseFailed, match="ended on it"):
            await p.parse(SMALL, None)
        await p.stop()
    os.close(end)
    with os.fdopen(journal) as read:
        heard = read.read()
    assert "KeyError at takenover.py:" in heard
    assert "hello" not in heard


@pytest.mark.parametrize("octets", [10, 100_000_000])
async def test_a_lying_answer_is_not_believed(octets: int, tmp_path: Path) -> None:
    async with pool(tmp_path, *TAKEN_OVER, str(octets), "liar", parse_memory="1024MiB") as (p, _):
        with pytest.raises(ParseFailed, match="answered"):
            await p.parse(SMALL, None)


async def test_cpu_of_the_unit_ends_it_between_mails(tmp_path: Path) -> None:
    few = ("/bin/sh", "-c", 'ulimit -t 5; exec "$@"', "sh", *PARSER)
    async with pool(tmp_path, *few, parse_cpu="2s") as (p, server):
        for _ in range(3):
            await works(p)
        assert len(server.processes) > 1
        assert set(await asyncio.gather(*(one.wait() for one in server.processes[:-1]))) == {0}


async def test_a_parser_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParserUnavailable, match=r"parser\.socket.*No such file"):
        await ParserPool(limits(), socket=tmp_path / "parser.sock").start()
    async with inetd(tmp_path / "echo.sock", ["/bin/cat"]) as server:
        with pytest.raises(ParserUnavailable, match="no parser of ours"):
            await ParserPool(limits(), socket=server.path).start()
    monkeypatch.setattr(worker, "_PATIENCE", 0.2)
    async with inetd(tmp_path / "parser.sock") as server:
        p = ParserPool(limits(), socket=server.path)
        await p.start()
        (tmp_path / "parser.sock").rename(tmp_path / "away")
        server.processes[0].kill()
        with pytest.raises(ParserUnavailable):
            await p.parse(SMALL, None)
        monkeypatch.setattr(worker, "_PATIENCE", 20.0)
        (tmp_path / "away").rename(tmp_path / "parser.sock")
        await works(p)
        await p.stop()


@pytest.mark.real
async def test_what_a_mail_that_takes_it_over_can_reach(tmp_path: Path) -> None:
    """The store by its path, other files, the network: nothing. Its own modules it may read."""
    if not _landlocked():
        pytest.skip("this kernel has no Landlock")
    store = tmp_path / "smtpgate.db"
    store.write_text("letters")
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    async with pool(tmp_path, *TAKEN_OVER, str(store), port, "curious") as (p, _):
        found = (await p.parse(SMALL, None)).subject.split("; ")
    server.close()
    assert found[:5] == ["PermissionError"] * 5, found
    assert found[5] in ("PermissionError", "done")  # TCP: from Linux 6.7 on
    assert found[6] == "done"


def _landlocked() -> bool:
    code = "from smtpgate.mail import landlock; import sys; sys.exit(not landlock.read_only([]))"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_landlock_is_left_out_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock.sys, "platform", "other")
    assert landlock.read_only([]) is False


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not here")
async def test_as_systemd_starts_it(tmp_path: Path) -> None:
    path = tmp_path / "parser.sock"
    command = ["systemd-socket-activate", "--listen", str(path), "--accept", "--inetd", *PARSER]
    systemd = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        await asyncio.to_thread(wait_for, path.is_socket)
        p = ParserPool(limits(), socket=path)
        await p.start()
        await works(p)
        await p.stop()
    finally:
        systemd.terminate()
        systemd.wait(10)
