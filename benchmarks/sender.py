"""The store and the delivery of the gateway alone, in one process, with a queue that is full.

    python -m benchmarks.sender CONFIG COUNT OCTETS     queues so many mails, says "ready", sends when a line comes

The mails are unsigned in the queue, as filing leaves them; each is signed with the configured key as it leaves.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from benchmarks import load
from smtpgate import log as logs
from smtpgate.auth.dns import ZoneResolver
from smtpgate.clock import SystemClock, new_id
from smtpgate.configfile import load as load_config
from smtpgate.delivery.runner import Runner
from smtpgate.model import OutgoingMail, OutgoingRecipient
from smtpgate.store.api import Changes, Store
from smtpgate.store.opening import open_store

log = structlog.get_logger(__name__)
_AT_ONCE = 500


def _mail(number: int, octets: int, clock: SystemClock) -> OutgoingMail:
    now = clock.now()
    to = f"customer{number}@{load.DOMAIN}"
    header = (
        f"From: Support <{load.DESK}>\r\nTo: <{to}>\r\nSubject: Re: Question {number} about the printer\r\n"
        f"Date: Fri, 20 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{number}@desk.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    )
    data = (header + load.text(number, "sending", octets - len(header))).encode("ascii")
    recipient = OutgoingRecipient(new_id(clock), to, f"support+b{number}@desk.example", now)
    return OutgoingMail(new_id(clock), f"<{number}@desk.example>", "received", data, (recipient,), now)


async def _fill(store: Store, count: int, octets: int, clock: SystemClock) -> None:
    for start in range(0, count, _AT_ONCE):
        mails = tuple(_mail(number, octets, clock) for number in range(start, min(start + _AT_ONCE, count)))
        changes = Changes(outgoing=mails)
        await store.change(ticket_number=None, query=None, decide=lambda *_, changes=changes: changes)


async def serve(path: Path, count: int, octets: int) -> None:
    config = load_config(path)
    logs.configure(config.log)
    clock = SystemClock()
    config.store.path.parent.mkdir(parents=True, exist_ok=True)
    store = await open_store(config.store, on_fatal=lambda error: log.critical("the store failed", error=str(error)))
    await _fill(store, count, octets, clock)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await Runner(store, config, ZoneResolver({}), clock, "bench").run()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
