"""What systemd sees: READY when the gateway works, signs of life while it does, sockets that outlive a restart."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from smtpgate import app, filing
from smtpgate.configfile import load
from smtpgate.mail import worker
from smtpgate.service import watchdog
from tests.support.gateway import DESK, ROOT, Gateway, children, letter, wait_for
from tests.support.inetd import inetd
from tests.support.notify import NotifySocket, notify_socket
from tests.support.zygote import Forked

LAUNCH = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for place, fd in enumerate(fds, start=3):
    os.dup2(fd, place)
names = ":".join(("smtp", "lmtp")[: len(fds)])
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=sys.argv[2] or str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(sys.executable, [sys.executable, "-m", "smtpgate", *sys.argv[3:]])
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    with notify_socket(tmp_path) as made:
        monkeypatch.setenv("NOTIFY_SOCKET", made.address)
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        yield made


def test_ready_signs_of_life_stopping(tmp_path: Path, told: NotifySocket) -> None:
    gateway = Gateway.make(tmp_path / "gateway")
    gateway.spawn()
    try:
        wait_for(lambda: told.count("READY=1"), why="READY=1")
        gateway.smtp().close()  # refused if it had been too early
        assert gateway.count("SELECT count(*) FROM meta WHERE key = 'write probe'") == 1
        wait_for(lambda: told.count("WATCHDOG=1") >= 2, why="signs of life")
        assert told.count("STOPPING=1") == 0
        assert gateway.stop() == 0
        assert told.count("STOPPING=1") == 1
        assert told.count("READY=1") == 1
    finally:
        gateway.clean_up()


def test_not_ready_when_the_port_is_taken(tmp_path: Path, told: NotifySocket) -> None:
    gateway = Gateway.make(tmp_path / "gateway")
    with socket.create_server(("127.0.0.1", gateway.port)):
        gateway.cli("serve", code=1)
    assert told.count("READY=1") == 0


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("frozen", ["claim", "claim_deliveries", "probe"])
async def test_no_sign_of_life_from_a_frozen_gateway(
    frozen: str, tmp_path: Path, told: NotifySocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def freeze(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    for limit in ("PROBE_WITHIN", "BEAT_WITHIN"):
        monkeypatch.setattr(watchdog, limit, 1.0)
    monkeypatch.setattr(watchdog, "PROBE_EVERY", 0.2)
    monkeypatch.setenv("WATCHDOG_USEC", "600000")
    gateway = app.Gateway(load(Gateway.make(tmp_path / "gateway", server={"shutdown_grace": "500ms", "processes": "one"}).config))
    await gateway.start()
    try:
        await until(lambda: told.count("WATCHDOG=1") >= 2)
        monkeypatch.setattr(type(gateway.store), frozen, freeze)
        await until(lambda: any(line.startswith("STATUS=no progress") for line in told.lines()))
        before = told.count("WATCHDOG=1")
        await asyncio.sleep(1.5)
        assert told.count("WATCHDOG=1") == before
    finally:
        async with asyncio.timeout(20):
            await gateway.stop()


def test_the_watchdog_s_abort_is_answered_with_where_it_hangs(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path).start()
    process, gateway.process = gateway.process, None
    assert process is not None
    process.send_signal(signal.SIGABRT)
    assert process.wait(20) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in gateway.log()
    assert 'asyncio/base_events.py"' in gateway.log()


@pytest.mark.usefixtures("forked")
async def test_parsers_of_a_socket_and_mail_waits_while_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_PATIENCE", 0.1)
    monkeypatch.setattr(filing, "_AGAIN", (0.2, 0.2))
    path = tmp_path / "parser.sock"
    ours = Gateway.make(tmp_path / "gateway", server={"processes": "one"}, parser={"socket": path, "processes": 1})
    gateway = app.Gateway(load(ours.config))
    async with inetd(path) as server:
        await gateway.start()
        await asyncio.to_thread(ours.send, letter("Case 1"))
        await until(ours.settled)
        path.rename(tmp_path / "away")
        for process in server.living():
            process.kill()
        await asyncio.to_thread(ours.send, letter("Case 2", "Another text"))
        reason = "SELECT count(*) FROM incoming WHERE reason LIKE 'no parser process%' AND tries + claims <= 1"
        await until(lambda: ours.count(reason) == 1)
        (tmp_path / "away").rename(path)
        await until(ours.settled)
        await gateway.stop()
    assert ours.count("SELECT count(*) FROM ticket") == 2


async def until(what: Any) -> None:
    async with asyncio.timeout(15):
        while not what():
            await asyncio.sleep(0.05)


# --- socket activation ------------------------------------------------------------------------------------------------


@dataclass
class Activated(Gateway):
    """A gateway that gets its listening socket from its parent, which keeps it, as systemd does."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=1024))
    lmtp: socket.socket | None = None
    pid: str = ""  # LISTEN_PID, if it is to be another's

    def _popen(self, argv: list[str]) -> subprocess.Popen[bytes] | Forked:
        numbers = [s.fileno() for s in (self.listener, self.lmtp) if s is not None]
        if not self.real:
            env = {**os.environ, "LISTEN_FDNAMES": ":".join(("smtp", "lmtp")[: len(numbers)]), "LISTEN_PID": self.pid}
            with self.stderr.open("ab") as stderr:
                return Forked(argv, env=env, stdout=stderr, stderr=stderr, passed=numbers, start_new_session=True)
        passed = ",".join(map(str, numbers))
        with self.stderr.open("ab") as stderr:
            return subprocess.Popen(
                [sys.executable, "-c", LAUNCH, passed, self.pid, "--config", str(self.config), "serve"],
                cwd=ROOT,
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )


@contextmanager
def activated(directory: Path, *, real: bool = True) -> Iterator[Activated]:
    gateway = Activated.make(directory, real=real)
    assert isinstance(gateway, Activated)
    configured, gateway.port = gateway.port, gateway.listener.getsockname()[1]
    try:
        yield gateway
    finally:
        gateway.clean_up()
        gateway.listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", configured), timeout=5)


def test_passed_sockets_are_used_instead_of_listen(tmp_path: Path) -> None:
    with activated(tmp_path) as gateway:
        configured = load(gateway.config).server.listen[0].rpartition(":")[2]
        gateway.start()
        gateway.send(letter())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(configured)), timeout=5)
        assert gateway.stop() == 0


def test_a_passed_lmtp_socket_stays_when_the_gateway_goes(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with activated(tmp_path, real=False) as gateway, socket.socket(socket.AF_UNIX) as lmtp:
        lmtp.bind(str(path))
        lmtp.listen(1024)
        gateway.lmtp = lmtp
        for number in (1, 2):
            gateway.start()
            with smtplib.LMTP(str(path), 0, local_hostname="mta.example") as client:
                assert not client.send_message(letter(f"Case {number}", f"Text {number}"), "alice@customer.example", [DESK])
            gateway.settle()
            assert gateway.stop() == 0
            assert path.is_socket(), "it is systemd's"
        assert gateway.count("SELECT count(*) FROM incoming WHERE state = 'filed'") == 2


def test_sockets_for_another_process_are_ignored(tmp_path: Path) -> None:
    with activated(tmp_path, real=False) as gateway:
        gateway.pid = "1"
        gateway.port = int(load(gateway.config).server.listen[0].rpartition(":")[2])
        gateway.start()  # it greets where server.listen says
        assert gateway.stop() == 0


@pytest.mark.parametrize("restarts", [10, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_restarts_refuse_no_connection_and_lose_nothing(restarts: int, tmp_path: Path) -> None:
    """Restarts under a trickle of clients. A 421 while it stops is an answer; a client tries again."""
    refused: list[OSError] = []
    accepted: list[str] = []
    done = threading.Event()

    def client(name: str, port: int) -> None:
        count = 0
        while not done.is_set():
            message_id = f"<{name}.{count}@customer.example>"
            try:
                with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=30) as smtp:
                    mail = letter(f"Case {name} {count}", f"Text {name} {count}", message_id=message_id)
                    smtp.send_message(mail, "alice@customer.example", [DESK])
                    accepted.append(message_id)
                    count += 1
            except ConnectionRefusedError as error:
                refused.append(error)
            except (smtplib.SMTPException, OSError):
                pass  # told to come again, or cut off in the middle of a stop: the same mail once more
            done.wait(0.05)

    with activated(tmp_path, real=restarts > 10) as gateway:
        clients = [threading.Thread(target=client, args=(name, gateway.port)) for name in ("a", "b", "c")]
        gateway.start()
        for thread in clients:
            thread.start()
        for _ in range(restarts):
            before = len(accepted)
            wait_for(lambda before=before: len(accepted) > before + 2, why=gateway.log()[-2000:])
            assert gateway.stop() == 0, gateway.log()[-2000:]
            gateway.spawn()
        wait_for(lambda before=len(accepted): len(accepted) > before, why="mail after the last restart")
        done.set()
        for thread in clients:
            thread.join()
        gateway.settle()
        assert gateway.stop() == 0
        stored = {row["message_id"] for row in gateway.rows("SELECT message_id FROM incoming")}
        assert not refused
        assert len(accepted) > 3 * restarts
        assert {m.strip("<>") for m in accepted} <= {str(m).strip("<>") for m in stored}


def test_who_inherits_what(tmp_path: Path) -> None:
    """The door the sockets, nobody anything of the store."""
    with activated(tmp_path) as gateway:
        gateway.start()
        assert gateway.process is not None
        inode = os.fstat(gateway.listener.fileno()).st_ino
        parsers = 0
        for child in children(gateway.process.pid):
            links = [os.readlink(path) for path in Path(f"/proc/{child}/fd").iterdir()]
            name = Path(f"/proc/{child}/comm").read_text().strip()
            assert links.count(f"socket:[{inode}]") == (name == "smtpg-door")
            assert not [link for link in links if str(gateway.store.parent) in link]
            if name in ("smtpg-door", "smtpg-delivery"):
                continue
            parsers += name == "smtpg-parser"
            assert b"LISTEN_FDS" not in Path(f"/proc/{child}/environ").read_bytes()
        assert parsers == 1
        os.kill(gateway.process.pid, signal.SIGTERM)
        assert gateway.process.wait(20) == 0
        gateway.process = None
