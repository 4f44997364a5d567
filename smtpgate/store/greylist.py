"""The greylist's one verb: who has tried when. It fails only as its statements do."""

from __future__ import annotations

from smtpgate.store.statement import Query, Verb

_SWEEP = 20  # expired rows that each question takes away: more than it adds


def greylist(key: str, now: float, delay: float, window: float, remember: float) -> Verb[float]:
    yield Query(
        "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        (now, _SWEEP),
    )
    found = yield Query("SELECT first_at, passed FROM greylist WHERE key = $1 AND expires_at > $2", (key, now))
    if not found:
        yield Query(
            """INSERT INTO greylist (key, first_at, passed, expires_at) VALUES ($1, $2, 0, $3)
                ON CONFLICT (key) DO UPDATE SET first_at = $2, passed = 0, expires_at = $3""",
            (key, now, now + window),
        )
        return delay
    first_at, passed = found[0]
    if not passed and now - first_at < delay:
        return float(delay - (now - first_at))
    yield Query("UPDATE greylist SET passed = 1, expires_at = $2 WHERE key = $1", (key, now + remember))
    return 0.0
