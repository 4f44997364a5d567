"""What an error of asyncpg means for us: the server is away, try the same again, not now, no room, or never again."""

from __future__ import annotations

import asyncpg

from smtpgate.errors import StoreAway, StoreError, StoreFatal, StoreFull, StoreMisuse

ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

# SQLSTATEs, whole or by class (their first two letters)
_AWAY = frozenset(("08", "57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "53300", "25006"))
_AGAIN = frozenset(("40001", "40P01", "0A000"))  # serialization, deadlock, a plan older than a migration
_FULL = frozenset(("53100",))
_DAMAGED = frozenset(("XX001", "XX002"))  # a page or an index that is not what it was
_MISUSE = frozenset(("21", "22", "23", "42", "54"))
_NOT_OURS = frozenset(("42501", "42P01"))  # no permission, no table: the admin's, and it may be mended


class Again(StoreError):
    """The transaction met another one; the same may succeed at once. Not for callers of the store."""


def store_error(error: BaseException, doing: str) -> StoreError:
    """The error to raise for it."""
    text = f"{doing}: {error or type(error).__name__}"
    if not isinstance(error, asyncpg.PostgresError):
        if isinstance(error, (asyncpg.exceptions.UnsupportedClientFeatureError, asyncpg.exceptions.ClientConfigurationError)):
            return StoreError(text)
        return StoreAway(text)
    code = error.sqlstate or ""
    if code in _AWAY or code[:2] in _AWAY:
        return StoreAway(f"{text} ({code})")
    if code in _AGAIN:
        return Again(f"{text} ({code})")
    if code in _FULL:
        return StoreFull(text)
    if code in _DAMAGED:
        return StoreFatal(f"{text} ({code})")
    if code in _NOT_OURS:
        return StoreError(f"{text} ({code})")
    if code[:2] in _MISUSE:
        return StoreMisuse(f"{text} ({code})")
    return StoreError(f"{text} ({code})")
