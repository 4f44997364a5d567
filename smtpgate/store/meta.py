"""Verbs for small facts that outlive the process: number patterns, the signing key, the settings of targets, the write probe."""

from __future__ import annotations

from smtpgate.store.statement import Query, Verb

_PATTERN = "number pattern "  # and the pattern; the value counts up, so that the highest is the newest
_TOKEN_KEY = "token key"  # noqa: S105 -- the name of the row, not the key
_PROBE = "write probe"
_TARGETS = "targets"


def number_patterns(current: str) -> Verb[tuple[str, ...]]:
    known = yield from _patterns()
    if not known or known[0][0] != current:
        newest = known[0][1] + 1 if known else 1
        yield Query(
            "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_PATTERN + current, str(newest)),
        )
    return (current, *(pattern for pattern, _ in known if pattern != current))


def known_number_patterns() -> Verb[tuple[str, ...]]:
    return tuple(pattern for pattern, _ in (yield from _patterns()))


def _patterns() -> Verb[list[tuple[str, int]]]:
    """Newest first, each with its count."""
    found = yield Query("SELECT key, value FROM meta WHERE substr(key, 1, length($1)) = $1", (_PATTERN,))
    return sorted(((key.removeprefix(_PATTERN), int(value)) for key, value in found), key=lambda one: -one[1])


def token_key(candidate: bytes) -> Verb[bytes]:
    yield Query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", (_TOKEN_KEY, candidate.hex()))
    found = yield Query("SELECT value FROM meta WHERE key = $1", (_TOKEN_KEY,))
    return bytes.fromhex(found[0][0])


def known_token_key() -> Verb[bytes | None]:
    found = yield Query("SELECT value FROM meta WHERE key = $1", (_TOKEN_KEY,))
    return bytes.fromhex(found[0][0]) if found else None


def targets_of() -> Verb[str]:
    """By which settings (desk.targets.fingerprint) all is counted that is due; "" when by none."""
    found = yield Query("SELECT value FROM meta WHERE key = $1", (_TARGETS,))
    return found[0][0] if found else ""


def targets_are(settings: str) -> Verb[None]:
    yield Query(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_TARGETS, settings),
    )


def probe(now: float) -> Verb[None]:
    """A write that changes nothing that anybody reads."""
    yield Query(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_PROBE, str(now)),
    )
