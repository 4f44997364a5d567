"""A process to be killed: accepts and files mail as fast as it can and says on standard output what was acknowledged.

Lines: "accepted ID SEED" after accept has returned, "filed ID" after file has returned, "fatal" when on_fatal was called.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sys
from pathlib import Path

from smtpgate.clock import SystemClock, id_text, new_id
from smtpgate.errors import StoreFatal
from smtpgate.store.api import Changes, Facts
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import a_new_ticket, a_query, accepted, an_entry
from tests.support.store_steps import opening

_MAILS_AT_ONCE = 20


def raw_of(seed: int) -> bytes:
    """The bytes of a mail, known to parent and child."""
    chance = random.Random(seed)
    return b"Subject: %d\r\n\r\n" % seed + chance.randbytes(chance.choice((100, 4_000, 80_000)))


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


async def accept_for_ever(store: SqliteStore, seeds: itertools.count[int]) -> None:
    for seed in seeds:
        mail_id = id_text(new_id(SystemClock()))
        await store.accept(accepted(mail_id, raw=raw_of(seed)))
        say(f"accepted {mail_id} {seed}")


async def file_for_ever(store: SqliteStore, worker: str) -> None:
    clock = SystemClock()
    while True:
        for mail in await store.claim(worker=worker, now=clock.now(), lease=60.0, limit=5):
            ticket = a_new_ticket(id=new_id(clock), number=f"N-{mail.id}").ticket
            entry = an_entry(ticket.id, id=new_id(clock), mail_id=mail.id)

            def decide(_facts: Facts, mail_id: str = mail.id, ticket=ticket, entry=entry) -> Changes:  # type: ignore[no-untyped-def]
                return opening(mail_id, ticket, entries=(entry,))

            await store.file(mail.id, worker=worker, query=a_query(mail.id), decide=decide)
            say(f"filed {mail.id}")
        await asyncio.sleep(0.001)


async def main(path: str, first_seed: int) -> None:
    store = await SqliteStore.open(Path(path), on_fatal=lambda _error: say("fatal"))
    try:
        await store.release_leases("child")
        seeds = itertools.count(first_seed)
        await asyncio.gather(
            *(accept_for_ever(store, seeds) for _ in range(_MAILS_AT_ONCE)),
            file_for_ever(store, "child/1"),
            return_exceptions=False,
        )
    finally:
        await store.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    except StoreFatal:
        sys.exit(74)
