"""The door and the store of the gateway alone, in one process: mail is accepted durably, and nothing is made of it.

    python -m benchmarks.accepting CONFIG       runs until it is killed

What Postfix does when all mail is put on hold. Nothing is verified, since the client's network is trusted.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from smtpgate import log as logs
from smtpgate.auth.dns import make_resolver
from smtpgate.auth.verdict import judge
from smtpgate.clock import SystemClock
from smtpgate.configfile import load
from smtpgate.intake.server import Door
from smtpgate.mail.token import Tokens
from smtpgate.model import Envelope, Verdict
from smtpgate.store.file import room
from smtpgate.store.opening import open_store

log = structlog.get_logger(__name__)


async def serve(path: Path) -> None:
    config = load(path)
    logs.configure(config.log)
    clock = SystemClock()
    config.store.path.parent.mkdir(parents=True, exist_ok=True)
    store = await open_store(config.store, on_fatal=lambda error: log.critical("the store failed", error=str(error)))
    resolver = make_resolver(config.dns, clock)

    async def verify(envelope: Envelope, raw: bytes) -> Verdict:
        return await judge(envelope=envelope, raw=raw, config=config, resolver=resolver, clock=clock)

    door = Door(
        config,
        store=store,
        judge=verify,
        tokens=Tokens((b"k" * 32,), config.secrets.token_lifetime),
        clock=clock,
        resolver=resolver,
        disk=lambda: room(config.store.path),
    )
    await door.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
