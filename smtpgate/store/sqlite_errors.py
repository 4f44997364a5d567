"""What an error of SQLite means for us: not now, no room, or never again."""

from __future__ import annotations

import sqlite3

from smtpgate.errors import StoreError, StoreFatal, StoreFull, StoreMisuse

_IOERR_SHMSIZE = 4874  # no room for the shared memory file next to the database
_IOERR_NOMEM = 3082
_FULL, _IOERR, _CORRUPT, _NOTADB = 13, 10, 11, 26
BUSY = 5
_MISUSE = frozenset((18, 19, 20, 21, 25))  # TOOBIG CONSTRAINT MISMATCH MISUSE RANGE: they come back each time


def primary_code(error: sqlite3.Error) -> int:
    """The error code without its detail; 0 for an error of the Python module itself."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def store_error(error: sqlite3.Error, doing: str) -> StoreError:
    """The error to raise for it. An I/O error is fatal: after a failed sync the kernel may believe that all is well."""
    text = f"{doing}: {error}"
    detail = getattr(error, "sqlite_errorcode", None) or 0
    code = primary_code(error)
    if code == _FULL or detail == _IOERR_SHMSIZE:
        return StoreFull(text)
    if code in (_CORRUPT, _NOTADB) or (code == _IOERR and detail != _IOERR_NOMEM):
        return StoreFatal(f"{text} ({getattr(error, 'sqlite_errorname', 'unknown')})")
    return StoreMisuse(text) if code in _MISUSE else StoreError(text)
