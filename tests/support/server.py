"""A real server process for dialogues: the door and a real store, with a verdict that the sender's name chooses.

`python -m tests.support.server CONFIG.toml` runs it; ServerProcess starts it, or any other command that takes such a
file and prints one JSON line {"port": N} when it listens.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from smtpgate.auth.dns import ZoneResolver, make_resolver
from smtpgate.clock import SystemClock
from smtpgate.config import Config
from smtpgate.configfile import load
from smtpgate.intake.server import Door
from smtpgate.mail.token import Tokens
from smtpgate.model import ArcResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from smtpgate.store.api import Incoming
from smtpgate.store.file import room
from smtpgate.store.sqlite import SqliteStore
from tests.support.zygote import Forked, forkable

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "tests.support.server")
TOKEN_KEY = b"a key that only the tests know...."
SETTINGS: dict[str, Any] = {
    "server": {"name": "mx.support.example", "listen": ["127.0.0.1:0"]},
    "limits": {"connections_per_address": 100, "connection_rate": 10_000, "mail_rate": 10_000, "errors_slow": 100},
    "desk": [
        {"name": "help", "address": "help@support.example", "aliases": ["hilfe@support.example"]},
        {"name": "sales", "address": "sales@shop.example"},
    ],
}


def settings(*changes: dict[str, Any]) -> dict[str, Any]:
    """SETTINGS with sections changed."""
    merged = {k: dict(v) if isinstance(v, dict) else v for k, v in SETTINGS.items()}
    for change in changes:
        for section, values in change.items():
            merged[section] = {**merged.get(section, {}), **values} if isinstance(values, dict) else values
    return merged


def make_config(*changes: dict[str, Any]) -> Config:
    return Config.model_validate(settings(*changes), strict=False)


def toml(changes: dict[str, Any]) -> str:
    """Sections and lists of sections as TOML; JSON writes the values alike."""
    lines: list[str] = []
    for section, values in changes.items():
        for table in values if isinstance(values, list) else [values]:
            lines.append(f"[[{section}]]" if isinstance(values, list) else f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def verdict(evidence: Evidence = Evidence.NONE, *, policy: str = "none") -> Verdict:
    return Verdict(
        evidence,
        "someone@client.example",
        SpfResult("none"),
        (),
        DmarcResult("none", policy),
        ArcResult(),
        header="mx.support.example; spf=none; dkim=none; dmarc=none",
    )


async def judge(envelope: Envelope, raw: bytes, _: object) -> Verdict:
    """By the local part of the sender: boom raises, slow takes a while, fail and temp have that verdict."""
    match (envelope.mail_from or "").partition("@")[0]:
        case "boom":
            raise RuntimeError("secret /var/lib/smtpgate.db")
        case "slow":
            await asyncio.sleep(0.8)
        case "fail":
            return verdict(Evidence.FAIL, policy="reject")
        case "temp":
            return verdict(Evidence.TEMPERROR)
    return verdict()


async def serve(file: Path) -> None:
    config = load(file)
    store = await SqliteStore.open(config.store.path)
    door = Door(
        config,
        store=store,
        judge=judge,
        tokens=Tokens([TOKEN_KEY], 86400.0),
        clock=SystemClock(),
        resolver=make_resolver(config.dns, SystemClock()) if config.dns.zone_file else ZoneResolver({}),
        disk=lambda: room(config.store.path),
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await door.start()
    ports = {name: found[0][1] for name in ("lmtp", "submission", "submissions") if (found := door.addresses_of(name))}
    print(json.dumps({"port": door.addresses[0][1], **ports}), flush=True)
    await ended.wait()
    await door.stop(config.server.shutdown_grace)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    await store.close()
    print(json.dumps({"tasks": len(left), "connections": door.connections, "bytes": door.bytes_in_flight}), flush=True)


@dataclass
class ServerProcess:
    """One server process with a directory of its own. Use as a context manager: it is killed at the end."""

    directory: Path
    changes: dict[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = COMMAND
    port: int = 0
    lmtp: int = 0  # its port for LMTP, when the settings have one
    submission: int = 0  # and for agents' clients
    submissions: int = 0

    def __enter__(self) -> ServerProcess:
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "smtpgate.toml"
        file.write_text(toml(settings(self.changes, {"store": {"path": str(self.store)}})))
        with self.log.open("wb") as log:
            start = Forked if forkable(self.command) else subprocess.Popen
            self._process: Any = start((*self.command, str(file)), cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        said = json.loads(line)
        self.port, self.lmtp = said["port"], said.get("lmtp", 0)
        self.submission, self.submissions = said.get("submission", 0), said.get("submissions", 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def store(self) -> Path:
        return self.directory / "mail.db"

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = 20) -> dict[str, int]:
        """The end after terminate(): what the server says it left behind."""
        out, _ = self._process.communicate(timeout=timeout)
        assert self._process.returncode == 0, self.log.read_text()
        return dict(json.loads(out.splitlines()[-1]))

    def mails(self) -> list[Incoming]:
        """Every stored mail with raw, oldest first."""
        return asyncio.run(stored(self.store))

    def count(self) -> int:
        return len(self.mails())


async def stored(path: Path) -> list[Incoming]:
    store = await SqliteStore.open(path, read_only=True)
    try:
        newest_first = await store.mails(None, limit=100_000)
        found = [await store.mail(m.id) for m in reversed(newest_first)]
        return [m for m in found if m is not None]
    finally:
        await store.close()


def main() -> None:
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asyncio.run(serve(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
