"""The one verb behind wrong passwords that all doors count: what this one has counted since, and what the others have."""

from __future__ import annotations

from collections.abc import Sequence

from smtpgate.store.statement import Many, Query, Verb, select_in

Counted = tuple[str, int, int]  # key, minute, failures

_SWEEP = 2_000  # old rows that are taken away each time: more than are added
_MOST = 20_000  # rows that are told to a door which knows nothing yet


def shared(worker: str, told: Sequence[Counted], since: int, keys: Sequence[str] | None) -> Verb[tuple[Counted, ...]]:
    """Add what this worker has counted. Of these keys what all others have since that minute; of all when there are none."""
    yield Query(
        "DELETE FROM guess WHERE (key, minute, worker) IN (SELECT key, minute, worker FROM guess WHERE minute < $1 LIMIT $2)",
        (since, _SWEEP),
    )
    if told:
        yield Many(
            """INSERT INTO guess (key, minute, worker, failures) VALUES ($1, $2, $3, $4)
                ON CONFLICT (key, minute, worker) DO UPDATE SET failures = guess.failures + excluded.failures""",
            tuple((key, minute, worker, failures) for key, minute, failures in told),
        )
    columns = "SELECT key, minute, sum(failures) FROM guess WHERE worker <> $1 AND minute >= $2"
    if keys is None:
        found = yield Query(f"{columns} GROUP BY key, minute ORDER BY minute DESC LIMIT $3", (worker, since, _MOST))
    else:
        found = yield from select_in(f"{columns} AND key IN (...) GROUP BY key, minute", tuple(keys), worker, since)
    return tuple((row[0], row[1], int(row[2])) for row in found)
