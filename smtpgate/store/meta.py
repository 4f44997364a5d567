"""Verbs for small facts that outlive the process: number patterns, the signing key."""

from __future__ import annotations

from smtpgate.store.statement import Query, Verb

_PATTERN = "number pattern "
_TOKEN_KEY = "token key"  # noqa: S105 -- the name of the row, not the key


def number_patterns(current: str) -> Verb[tuple[str, ...]]:
    yield Query("INSERT INTO meta (key, value) VALUES ($1, '') ON CONFLICT (key) DO NOTHING", (_PATTERN + current,))
    known = yield from known_number_patterns()
    return (current, *(pattern for pattern in known if pattern != current))


def known_number_patterns() -> Verb[tuple[str, ...]]:
    found = yield Query(
        "SELECT substr(key, length($1) + 1) FROM meta WHERE substr(key, 1, length($1)) = $1 ORDER BY key", (_PATTERN,)
    )
    return tuple(row[0] for row in found)


def token_key(candidate: bytes) -> Verb[bytes]:
    yield Query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", (_TOKEN_KEY, candidate.hex()))
    kept = yield from known_token_key()
    assert kept is not None
    return kept


def known_token_key() -> Verb[bytes | None]:
    found = yield Query("SELECT value FROM meta WHERE key = $1", (_TOKEN_KEY,))
    return bytes.fromhex(found[0][0]) if found else None
