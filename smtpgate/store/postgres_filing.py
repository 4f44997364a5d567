"""Filing many mails in one transaction with few round trips: asked about at once, decided in turn, written at once.

Mails that have to do with each other (store.abreast) are decided in rounds, each of which sees what the one before has
written. What a decision raises, and a lease that is lost, is that mail's alone; an error of the server is everybody's.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from smtpgate.store.abreast import beginning
from smtpgate.store.api import Changes, Facts
from smtpgate.store.changes import Filing, asked, decided, settled
from smtpgate.store.postgres_link import look_side_by_side, run


async def file_abreast(connection: asyncpg.Connection, filings: Sequence[Filing]) -> list[Changes | Exception]:
    """Within the transaction that is open, under the lock of ordered verbs. What became of each."""
    results: dict[int, Changes | Exception] = {}
    waiting = list(range(len(filings)))
    while waiting:
        known = await look_side_by_side(connection, [asked(filings[i]) for i in waiting])
        ready: list[tuple[int, Facts]] = []
        for i, facts in zip(waiting, known, strict=True):
            if isinstance(facts, Exception):
                results[i] = facts
            else:
                ready.append((i, facts))
        waiting = await _round(connection, filings, ready, results)
    return [results[i] for i in range(len(filings))]


async def _round(
    connection: asyncpg.Connection,
    filings: Sequence[Filing],
    ready: Sequence[tuple[int, Facts]],
    results: dict[int, Changes | Exception],
) -> list[int]:
    """Decide what can be decided side by side, the first at least, and write it. Those that are left."""
    this = await run(connection, beginning([(filings[i], facts) for i, facts in ready]))
    left, done = [], []
    for i, facts in ready:
        filing = filings[i]
        seen = this.facts(filing.query, facts) if this.admits(filing.query, facts) else None
        if seen is None:
            left.append(i)
            continue
        try:
            changes = filing.decide(seen)
            done.append(decided(filing, changes))
        except Exception as error:
            results[i] = error
            continue
        this.add(filing.query, seen, changes)
        results[i] = changes
    await run(connection, settled(done))
    return left
