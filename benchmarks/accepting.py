"""The door and the store of the gateway alone: mail is accepted durably, and nothing is made of it.

    python -m benchmarks.accepting CONFIG       runs until it is killed

What Postfix does when all mail is put on hold. Nothing is verified, since the client's network is trusted. In one process or
in two, as `server.processes` says.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from smtpgate import log as logs
from smtpgate.auth.dns import make_resolver
from smtpgate.clock import SystemClock
from smtpgate.config import Config
from smtpgate.configfile import load
from smtpgate.processes import child
from smtpgate.processes.apart import DoorApart
from smtpgate.processes.cores import several
from smtpgate.processes.inside import DoorInside
from smtpgate.processes.words import Terms
from smtpgate.store.opening import open_store

log = structlog.get_logger(__name__)


async def serve(config: Config, born: child.Born | None) -> None:
    clock = SystemClock()
    config.store.path.parent.mkdir(parents=True, exist_ok=True)
    store = await open_store(config.store, on_fatal=lambda error: log.critical("the store failed", error=str(error)))
    terms = Terms(config, (b"k" * 32,), b"k" * 32)
    if born is not None:
        await DoorApart(terms, store, clock, "bench", born).start({})
    else:
        await DoorInside(terms, store, clock, make_resolver(config.dns, clock)).start({})
    await asyncio.Event().wait()


def main() -> None:
    config = load(Path(sys.argv[1]))
    logs.configure(config.log)
    born = child.fork(child.DOOR, config) if several(config.server.processes) else None
    asyncio.run(serve(config, born))


if __name__ == "__main__":
    main()
