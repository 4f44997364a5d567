"""A real gateway process: `python -m smtpgate --config FILE serve` on a port of its own, below one directory.

`Gateway.make(directory, ...)` writes the configuration; `start`, `stop` (SIGTERM) and `kill` (SIGKILL) do what they say and
may be repeated on the same store. `cli` runs a command of the tool on the same configuration. `wait_for` asks again until
something is so, at most a given time: no test sleeps for luck. What the process wrote is in `log()` and in every failure.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
import json
import os
import random
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar, cast

from tests.support import zygote
from tests.support.zygote import Forked, forkable

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
DESK = "support@desk.example"
PROCESSES = "one"  # the cheaper shape; tests of what differs say "auto" or take both
ZONE: dict[str, Any] = {"customer.example": {"MX": ["10 mx.customer.example"]}, "desk.example": {"MX": ["10 mx.desk.example"]}}


def free_port() -> int:
    """A port that nobody listens on, outside the range from which the kernel takes ports for clients. Each worker of the suite
    has its own: listeners share ports (SO_REUSEPORT), so two gateways on one would not fail but have each other's mail."""
    draw, workers = random.SystemRandom(), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % workers
    while True:
        port = draw.randrange(20000 + mine, 32000, workers)
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_for(what: Callable[[], T | None], *, seconds: float = 40.0, why: str = "") -> T:
    """The first true answer. Raises AssertionError when none came in time."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds:g} s: {why or what}"
        time.sleep(0.02)


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; none for a process that is gone or a zombie."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [] if fields[0] == "Z" else fields
    return []


def _born(pid: int) -> str:
    """A process by its start time: numbers are given again. "" when it is gone."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def alive(pid: int) -> bool:
    return bool(_stat(pid))


def children(pid: int) -> list[int]:
    """The living child processes of a process."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [child for child in pids if (fields := _stat(child)) and int(fields[1]) == pid]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike in both


def write_toml(path: Path, sections: dict[str, Any]) -> None:
    lines = []
    for name, section in sections.items():
        for table in section if isinstance(section, list) else [section]:
            lines.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Sections of `more` over those of `base`, key by key; lists of tables replace."""
    out = dict(base)
    for name, section in more.items():
        out[name] = {**out[name], **section} if isinstance(section, dict) and isinstance(out.get(name), dict) else section
    return out


def settings(directory: Path, port: int) -> dict[str, Any]:
    """A desk that trusts the loopback network, asks no DNS, writes into a Maildir and does not wait long for anything."""
    return {
        "server": {
            "name": "mx.desk.example",
            "listen": [f"127.0.0.1:{port}"],
            "trusted_networks": ["127.0.0.0/8"],
            "shutdown_grace": "10s",
            "processes": PROCESSES,
        },
        "limits": {
            "connections_per_address": 1000,
            "free_space": "1MiB",
            "free_space_percent": 0,
            "acknowledgement_interval": "0s",
            "acknowledgements_per_day": 100000,
            "acknowledgements_per_minute": 100000,
        },
        "store": {"path": directory / "store" / "smtpgate.db"},
        "dns": {"zone_file": directory / "zone.json"},
        "desk": [
            {
                "name": "support",
                "address": DESK,
                "display_name": {"zh": "技术支持", "en": "Support"},
                "agents": ["agent@corp.example"],
                "notify": False,
            }
        ],
        "delivery": {
            "mode": "maildir",
            "maildir": directory / "outbox",
            "retry": ["1s", "1s", "2s"],
            "uncertain_wait": "1s",
            "poll": "200ms",
        },
        "filing": {"poll": "200ms"},
    }


@dataclass
class Gateway:
    directory: Path
    port: int
    process: subprocess.Popen[bytes] | Forked | None = None
    lives: int = 0
    helpers: dict[int, str] = field(default_factory=dict)  # child processes of ended lives, and when each was born
    real: bool = False  # start the command anew instead of forking a process that has loaded it
    argv: list[str] = field(default_factory=lambda: [sys.executable, "-m", "smtpgate"])

    @classmethod
    def make(
        cls, directory: Path, *, zone: dict[str, Any] | None = None, port: int | None = None, real: bool = False, **sections: Any
    ) -> Gateway:
        """Write the configuration; sections go over the usual ones key by key (delivery={"mode": "smarthost", ...})."""
        directory.mkdir(parents=True, exist_ok=True)
        gateway = cls(directory, port or free_port(), real=real)
        (directory / "zone.json").write_text(json.dumps(ZONE if zone is None else zone), encoding="utf-8")
        write_toml(gateway.config, merged(settings(directory, gateway.port), sections))
        return gateway

    # --- where things lie ---------------------------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        return self.directory / "smtpgate.toml"

    @property
    def store(self) -> Path:
        return self.directory / "store" / "smtpgate.db"

    @property
    def outbox(self) -> Path:
        return self.directory / "outbox"

    @property
    def stderr(self) -> Path:
        return self.directory / "stderr.log"

    def log(self) -> str:
        return self.stderr.read_text(encoding="utf-8", errors="replace") if self.stderr.exists() else ""

    # --- life ---------------------------------------------------------------------------------------------------------

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        assert self.process is None, "it runs already"
        self.lives += 1
        self.process = self._popen([*self.argv, "--config", str(self.config), "serve"])

    def _popen(self, argv: list[str]) -> subprocess.Popen[bytes] | Forked:
        with self.stderr.open("ab") as stderr:
            if forkable(argv) and not self.real:
                return Forked(argv, cwd=ROOT, stdout=stderr, stderr=stderr, start_new_session=True)
            return subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )

    def clean_up(self) -> None:
        """End whatever is there, without a word."""
        if self.process is not None:
            self.kill()

    def start(self, seconds: float = 20.0) -> Gateway:
        self.spawn()
        wait_for(self.greets, seconds=seconds, why=f"the gateway does not greet; it wrote:\n{self.log()[-4000:]}")
        return self

    def greets(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the gateway ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), timeout=5)) as connection:
                return connection.recv(4) == b"220 "
        except OSError:
            return False

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM; the exit code. Nothing of it may be left afterwards."""
        return self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        self._end(signal.SIGKILL, 10.0)

    def _end(self, number: int, seconds: float) -> int:
        assert self.process is not None, "it does not run"
        process, self.process = self.process, None
        self.helpers.update({pid: _born(pid) for pid in children(process.pid)})
        process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the gateway did not end within {seconds:g} s:\n{self.log()[-4000:]}") from None

    @contextmanager
    def running(self) -> Iterator[Gateway]:
        """Start; at the end stop, whatever happened, and insist on exit code 0 when nothing else went wrong."""
        self.start()
        try:
            yield self
        except BaseException:
            if self.process is not None:
                self.kill()
            raise
        if self.process is not None:
            assert self.stop() == 0, self.log()[-4000:]

    def helper(self, name: str) -> int | None:
        """The process of the door or of delivery, if it has one of its own just now."""
        assert self.process is not None
        return next((pid for pid in children(self.process.pid) if _name(pid) == f"smtpg-{name}"), None)

    def parsers(self) -> list[int]:
        assert self.process is not None
        return [pid for pid in children(self.process.pid) if _name(pid) == "smtpg-parser"]

    def left_behind(self) -> list[int]:
        """Processes that lives of this gateway had started and that still run although their life is over."""
        return [pid for pid, born in self.helpers.items() if born and _born(pid) == born]

    # --- talking to it ------------------------------------------------------------------------------------------------

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=30)

    def send(self, mail: EmailMessage | bytes, *, sender: str = "alice@customer.example", to: str | list[str] = DESK) -> None:
        """Over a connection of its own. Raises smtplib's exceptions unless every recipient was taken."""
        data = mail if isinstance(mail, bytes) else mail.as_bytes(policy=email.policy.SMTP)
        with self.smtp() as client:
            refused = client.sendmail(sender, to, data)
        assert not refused, refused

    def cli(self, *args: str, code: int = 0) -> str:
        """What the command printed, its error too when one is expected; any other exit code is a failure."""
        argv, env = [*self.argv, "--config", str(self.config), *args], {**os.environ, "COLUMNS": "160"}
        if forkable(argv) and not self.real:
            done = zygote.run(argv, env=env, timeout=60)
        else:
            done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env=env)
        assert done.returncode == code, f"{args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def cli_list(self, *args: str) -> list[dict[str, Any]]:
        """A listing with --json, one object a line."""
        return [json.loads(line) for line in self.cli(*args, "--json").splitlines()]

    def cli_show(self, *args: str) -> dict[str, Any]:
        """One thing with --json."""
        (found,) = self.cli_list(*args)
        return found

    # --- looking inside, without the gateway's own code ----------------------------------------------------------------

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return rows(self.store, sql, *values)

    def count(self, sql: str, *values: Any) -> int:
        return cast(int, next(iter(self.rows(sql, *values)[0].values())))

    def settled(self) -> bool:
        """Everything accepted is filed and nothing waits to be delivered."""
        waiting = self.count("SELECT count(*) FROM incoming WHERE state = 'accepted'")
        return waiting == 0 and self.count("SELECT count(*) FROM recipient WHERE state IN ('queued', 'uncertain')") == 0

    def settle(self, seconds: float = 20.0) -> None:
        wait_for(self.settled, seconds=seconds, why="mail is still waiting")

    def mails(self) -> list[EmailMessage]:
        """What lies in the outbox, oldest first."""
        found = sorted((self.outbox / "new").glob("*"), key=lambda p: p.stat().st_mtime_ns) if self.outbox.exists() else []
        return [read_mail(path.read_bytes()) for path in found]

    def mails_to(self, address: str, count: int = 1, seconds: float = 15.0) -> list[EmailMessage]:
        """Wait until so many lie there for this address; more is a failure."""

        def there() -> list[EmailMessage]:
            mine = [m for m in self.mails() if address in str(m["To"])]
            return mine if len(mine) >= count else []

        mails = wait_for(there, seconds=seconds, why=f"{count} mails to {address}; the gateway wrote:\n{self.log()[-3000:]}")
        assert len(mails) == count, [m["Subject"] for m in mails]
        return mails


def rows(store: Path, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Read from a store's file, as it is at this moment."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, values)]


def unpacked(packing: int, data: bytes) -> bytes:
    """Bytes of a *_raw table: 0 plain, 1 zlib."""
    return zlib.decompress(data) if packing else data


def read_mail(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data, policy=email.policy.default)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return cast(str, part.get_content())


def letter(
    subject: str = "Printer on fire",
    body: str = "The printer in room 4 is burning. Please send somebody.",
    *,
    sender: str = "Alice <alice@customer.example>",
    to: str = DESK,
    message_id: str | None = None,
    **headers: str,
) -> EmailMessage:
    """A mail as a client would write it. Header names with _ for -."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Message-ID"] = message_id or f"<{random.SystemRandom().getrandbits(64):x}@customer.example>"
    mail["Date"] = email.utils.formatdate(localtime=False)
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    return mail
