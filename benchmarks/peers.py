"""The other sides of the goals, and the gateway in the shapes that they name. Each in processes of its own.

Postfix that accepts and keeps (HOLD), the naive composition, Roundup's mail gateway, the door of the gateway alone, and
the gateway whose answers stay in the queue or go to a server that throws them away (smtp-sink, of the Postfix package).
"""

from __future__ import annotations

import json
import mailbox
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks import load
from benchmarks.targets import UNLIMITED
from tests.support.gateway import ROOT, Gateway, free_port, wait_for
from tests.support.postfix import Postfix, postfix

_SLOW = 2  # milliseconds by which a sync is slowed
_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_a_little(void) { struct timespec t = {0, %d000000}; nanosleep(&t, 0); }
int fsync(int fd) { wait_a_little(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { wait_a_little(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""


@dataclass
class Process:
    """A server of ours that keeps its mails in an SQLite file; done counts them there."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    database: Path
    done: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def filed(self) -> int:
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            return int(connection.execute(self.done).fetchone()[0])
        finally:
            connection.close()

    def check(self, sent: int) -> None:
        assert self.filed() == sent, f"{sent} mails were sent, but {self.name} has {self.filed()}"


@contextmanager
def _process(name: str, directory: Path, database: Path, done: str, module: str, *args: str, port: int) -> Iterator[Process]:
    with (directory / "stderr.log").open("ab") as stderr:
        process = subprocess.Popen([sys.executable, "-m", module, *args], cwd=ROOT, stdout=stderr, stderr=stderr)
    try:
        greets = Gateway(directory, port, process=process).greets
        wait_for(greets, why=f"{name} does not greet: {(directory / 'stderr.log').read_text()[-2000:]}")
        yield Process(name, port, process, database, done)
    finally:
        process.kill()
        process.wait()


@contextmanager
def naive(zone: dict[str, Any]) -> Iterator[Process]:
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as name:
        directory, port = Path(name), free_port()
        (directory / "zone.json").write_text(json.dumps(zone))
        done = "SELECT count(*) FROM message WHERE spf = 'pass' AND dkim = 1"
        with _process(
            "naive composition", directory, directory / "naive.db", done, "benchmarks.naive", str(port), name, port=port
        ) as it:
            yield it


@contextmanager
def accepting() -> Iterator[Process]:
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as name:
        gateway = Gateway.make(Path(name), server={"processes": "auto"}, limits=UNLIMITED)  # as it comes
        done = "SELECT count(*) FROM incoming"
        with _process(
            "gateway, accept alone", gateway.directory, gateway.store, done, "benchmarks.accepting", str(gateway.config),
            port=gateway.port,
        ) as it:  # fmt: skip
            yield it


class Held:
    """Postfix that takes mail into its queue and leaves it there."""

    name = "Postfix, accept alone"

    def __init__(self, it: Postfix) -> None:
        self._it, self.port, self.pid = it, it.port, it.pid()

    def filed(self) -> int:
        return -1

    def check(self, sent: int) -> None:
        there = sum(1 for path in (self._it.directory / "queue/hold").rglob("*") if path.is_file())
        assert there == sent, f"{sent} mails were sent, but Postfix holds {there}"


@contextmanager
def postfix_hold() -> Iterator[Held]:
    with postfix(
        relay_domains="desk.example",
        relay_recipient_maps="",
        smtpd_recipient_restrictions="check_client_access static:HOLD, permit_mynetworks, reject",
        smtpd_client_connection_count_limit="0",
    ) as it:
        yield Held(it)


# --- the gateway ------------------------------------------------------------------------------------------------------


class Filing:
    """A gateway that has been sent `first` mails already. delivered: whether the answers leave it."""

    def __init__(self, name: str, gateway: Gateway, *, delivered: bool) -> None:
        assert gateway.process is not None
        self.name, self.gateway, self.delivered = name, gateway, delivered
        self.port, self.pid = gateway.port, gateway.process.pid

    def filed(self) -> int:
        filed = self.gateway.count("SELECT count(*) FROM incoming WHERE state = 'filed'")
        if self.delivered and self.gateway.count("SELECT count(*) FROM recipient WHERE state = 'queued'"):
            return filed - 1  # not all is done
        return filed

    def check(self, sent: int) -> None:
        answers = self.gateway.count("SELECT count(*) FROM entry WHERE rung = 'reference'")
        found = {
            what: self.gateway.count(f"SELECT count(*) FROM incoming WHERE {what}")
            for what in ("state = 'filed'", """verdict LIKE '%"dmarc-dkim"%'""")
        }
        tickets = self.gateway.count("SELECT count(*) FROM ticket")
        state = "delivered" if self.delivered else "queued"
        letters = self.gateway.count(f"SELECT count(*) FROM recipient WHERE state = '{state}'")
        assert set(found.values()) == {sent}, f"{sent} mails were sent, but there are {found}"
        assert tickets == letters == sent - answers, f"{tickets} tickets, {letters} answers {state}, {answers} mails joined"


@contextmanager
def filing(zone: dict[str, Any], *, sent: bool, key: Any = None, **more: Any) -> Iterator[Filing]:
    """sent: answers are signed with the key and delivered to a server that throws them away; else they stay in the queue."""
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as name, sink() if sent else nullcontext(free_port()) as port:
        directory = Path(name)
        dkim = [] if key is None else [_signing(directory, key)]
        it = Gateway.make(
            directory,
            zone=zone,
            server={"trusted_networks": [], "processes": "auto"},  # as it comes, where tests take the cheaper shape
            delivery={"mode": "smarthost", "poll": "1s", "smarthost": {"host": "127.0.0.1", "port": port, "tls": "none"}},
            filing={"poll": "1s"},
            limits=UNLIMITED,
            **({"dkim": dkim} if dkim else {}),
            **more,
        )
        if not sent:
            with it.running():
                pass
            with sqlite3.connect(it.store) as connection:
                connection.execute("INSERT INTO pause VALUES (?, 0, 'measuring')", (f"127.0.0.1:{port}",))
            connection.close()
        with it.running():
            yield Filing("gateway, answers delivered" if sent else "gateway, answers queued", it, delivered=sent)


def _signing(directory: Path, key: Any) -> dict[str, Any]:
    """The settings of a key for DKIM."""
    path = directory / "dkim.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return {"domain": "desk.example", "selector": "s1", "key_file": path}


def sending(directory: Path, port: int, key: Any) -> Gateway:
    """The settings of a gateway that signs and sends to this port; it is not started."""
    smarthost = {"host": "127.0.0.1", "port": port, "tls": "none"}
    return Gateway.make(directory, delivery={"mode": "smarthost", "smarthost": smarthost}, dkim=[_signing(directory, key)])


@contextmanager
def sink() -> Iterator[int]:
    """Takes every mail and throws it away (smtp-sink). Gives its port."""
    port = free_port()
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    process = subprocess.Popen([program, "-u", "nobody", f"127.0.0.1:{port}", "1000"])
    try:
        wait_for(Gateway(Path(), port, process=process).greets, why="smtp-sink greets")
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def slow_sync() -> Iterator[str]:
    """Processes started meanwhile wait 2 ms longer in each sync. Gives why that is impossible here, or ""."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield "no C compiler"
        return
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as name:
        source, shim = Path(name, "slow.c"), Path(name, "slow.so")
        source.write_text(_SHIM % _SLOW)
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", shim, source, "-ldl"], check=True)
        os.environ["LD_PRELOAD"] = str(shim)
        try:
            yield ""
        finally:
            del os.environ["LD_PRELOAD"]


# --- Roundup ----------------------------------------------------------------------------------------------------------


def roundup_missing() -> str:
    return "" if shutil.which("roundup-mailgw") else "roundup-mailgw is not on the PATH (pip install roundup)"


@contextmanager
def _tracker() -> Iterator[Path]:
    """A tracker on SQLite that takes mail from strangers and writes its confirmations into a file."""
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as name:
        home = Path(name, "tracker")
        subprocess.run(["roundup-admin", "-i", home, "install", "classic", "sqlite"], check=True, stdout=subprocess.DEVNULL)
        wanted = {
            "#domain =": "domain = desk.example",
            "#host =": "host = localhost",
            "#web =": "web = http://localhost/",
            "debug = \n": f"debug = {home / 'sent'}",
            "messages_to_author =": "messages_to_author = yes",
        }
        lines = (home / "config.ini").read_text().splitlines(keepends=True)
        config = (next((f"{new}\n" for old, new in wanted.items() if line.startswith(old)), line) for line in lines)
        (home / "config.ini").write_text("".join(config))
        schema = (home / "schema.py").read_text()
        strangers = "db.security.addPermissionToRole('Anonymous', 'Email Access')"
        assert f"#{strangers}" in schema
        (home / "schema.py").write_text(schema.replace(f"#{strangers}", strangers))
        subprocess.run(["roundup-admin", "-i", home, "initialise", "x"], input=b"y\n", check=True, stdout=subprocess.DEVNULL)
        yield home


def roundup(mails: list[load.Mail], *, pipe: bool) -> tuple[float, float]:
    """Mails a second and CPU seconds for 1000. pipe: a process for each mail, two at once; else one for a mailbox."""
    texts = [mail.wire.replace(b"\r\n..", b"\r\n.").removesuffix(b".\r\n").replace(b"\r\n", b"\n") for mail in mails]
    texts = [text.replace(load.DESK.encode(), b"issue_tracker@desk.example", 1) for text in texts]
    with _tracker() as home:
        spool = home / "spool"
        box = mailbox.mbox(spool)
        for text in texts:
            box.add(text)
        box.close()
        cpu, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        if pipe:
            _pipe(home, texts)
        else:
            subprocess.run(["roundup-mailgw", home, "mailbox", spool], check=True, stdout=subprocess.DEVNULL)
        seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        connection = sqlite3.connect(home / "db/db")
        (there,) = connection.execute("SELECT count(*) FROM _issue").fetchone()
        connection.close()
        assert there == len(mails), f"{len(mails)} mails were sent, but Roundup has {there} issues"
        spent = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
        return len(mails) / seconds, spent / len(mails) * 1000


def _pipe(home: Path, texts: list[bytes]) -> None:
    running: list[subprocess.Popen[bytes]] = []
    for text in texts:
        if len(running) == 2:
            assert running.pop(0).wait() == 0
        process = subprocess.Popen(["roundup-mailgw", home], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        running.append(process)
    for process in running:
        assert process.wait() == 0
