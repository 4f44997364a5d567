"""A whole gateway inside the test: real door, store, parser and filing, with a clock that only the test moves.

async with desk(tmp_path) as it:
    await it.send(letter(...))       over SMTP, through a thread, so that the loop goes on
    await it.settled()               everything accepted is filed (the clock ticks a little, as the loops ask it to)
"""

from __future__ import annotations

import asyncio
import contextlib
import email.policy
import smtplib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from smtpgate.app import Gateway as App
from smtpgate.auth.dns import ZoneResolver
from smtpgate.config import Config
from smtpgate.configfile import load
from tests.support.clock import ManualClock
from tests.support.gateway import DESK, ZONE, Gateway
from tests.support.zygote import forking

START = 1_767_348_000.0  # 2026-01-02 10:00:00 UTC


@dataclass
class InProcess:
    config: Config
    clock: ManualClock
    app: App
    files: Gateway = field(repr=False)

    async def send(self, mail: EmailMessage | bytes, *, sender: str = "alice@customer.example", to: str = DESK) -> None:
        data = mail if isinstance(mail, bytes) else mail.as_bytes(policy=email.policy.SMTP)

        def talk() -> None:
            with smtplib.SMTP("127.0.0.1", self.files.port, local_hostname="client.example", timeout=30) as client:
                client.sendmail(sender, to, data)

        await asyncio.to_thread(talk)

    async def until(self, what: Any, *, why: str, seconds: float = 40.0, tick: float = 0.0) -> None:
        """Wait in real time; tick: what the manual clock moves meanwhile, so that loops look again."""
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(what):
                if tick:
                    self.clock.advance(tick)
                await asyncio.sleep(0.01)

    async def filed(self) -> None:
        def done() -> bool:
            return self.files.count("SELECT count(*) FROM incoming WHERE state = 'accepted'") == 0

        await self.until(done, why="mail is not filed")


@contextlib.asynccontextmanager
async def desk(directory: Path, *, zone: dict[str, Any] | None = None, **sections: Any) -> AsyncIterator[InProcess]:
    files = Gateway.make(directory, zone=zone, **sections)
    config = load(files.config)
    clock = ManualClock(START)
    app = App(config, clock, ZoneResolver(ZONE if zone is None else zone))
    with forking():
        try:
            await app.start()
            yield InProcess(config, clock, app, files)
        finally:
            await app.stop()
