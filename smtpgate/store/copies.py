"""Backup and restore of the SQLite file. Both make the copy beside its place, look at it, and rename it: whole or not at all.

A backup is one snapshot, taken in steps while the gateway goes on. Raises StoreError with a text for the admin.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from smtpgate.errors import StoreError
from smtpgate.store import filecopies
from smtpgate.store.file import lock_path
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_file import BUSY_TIMEOUT, connect, new_file, prepare, require_current, uri

_STEP = 256  # pages copied at once
_REST = 0.002  # seconds between steps, for the disk's other users


def backup(store: Path, target: Path, *, keep: int = 0, files: RawFiles | None = None) -> int:
    """Copy the store to target (0600). keep: so many older copies stay as target.1, target.2, …. files: of its raw mail, unless
    they lie beside it. Returns its size in bytes."""
    require_current(store)
    saved = RawFiles.beside(target)
    with _beside(target) as made:
        _copy(store, made)
        _look_at(made)
        _sync(made)
        filecopies.save(made, files or RawFiles.beside(store), saved)
        for number in range(keep, 0, -1):
            older = _numbered(target, number - 1) if number > 1 else target
            if older.exists():
                older.rename(_numbered(target, number))
        made.rename(target)
        _sync(target.parent)
    filecopies.forget(saved, [target, *(p for p in target.parent.glob(f"{glob.escape(target.name)}.*") if _is_copy(p, target))])
    return target.stat().st_size


def _is_copy(path: Path, target: Path) -> bool:
    return path.name[len(target.name) + 1 :].isdecimal()


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


@contextmanager
def restoring(source: Path, store: Path, *, force: bool) -> Iterator[Path]:
    """A copy of source beside the store, to be looked at; it becomes the store when the block ends without an error.

    What was there stays as NAME.before-restore. Its outgoing mail that still waits is held. Holds the gateway's lock.
    """
    if not source.is_file():
        raise StoreError(f"there is no backup at {source}")
    store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(store), _beside(store) as made:
        if store.exists() and not force:
            raise StoreError(f"there is a store at {store} already; --force replaces it and keeps it as {_kept(store).name}")
        if source.resolve() == store.resolve():
            raise StoreError(f"{source} is the store itself")
        _copy(source, made)
        _look_at(made)
        prepare(made, create=False)
        _hold(made)
        yield made
        _alone(made)
        _sync(made)
        _put_aside(store)
        made.rename(store)
        _sync(store.parent)


def _put_aside(store: Path) -> None:
    """The file first: a crash in between leaves no store that has lost its log. A log without a store goes too."""
    if store.exists():
        with contextlib.suppress(StoreError, sqlite3.Error):  # a damaged one is kept with its log as it is
            connect(store).close()  # the last one to close brings the log into the file
    kept = _kept(store)
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            store.with_name(store.name + ending).rename(kept.with_name(kept.name + ending))


def _kept(store: Path) -> Path:
    """A name that is free."""
    first = store.name + filecopies.BEFORE_RESTORE
    kept, number = store.with_name(first), 1
    while kept.exists():
        kept, number = store.with_name(f"{first}.{number}"), number + 1
    return kept


def _hold(path: Path) -> None:
    """The lost store may have sent it since: nothing goes out before an admin has said so."""
    with closing(connect(path)) as connection:
        connection.execute("UPDATE recipient SET state = 'held', due_at = NULL, claimed_by = NULL WHERE due_at IS NOT NULL")


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the gateway's lock on it. Raises StoreError while one runs."""
    try:
        handle = new_file(lock_path(store))
    except FileExistsError:
        handle = os.open(lock_path(store), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(f"a gateway runs on {store}: stop it first") from None
    else:
        yield
    finally:
        os.close(handle)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new empty file (0600) in the same directory; gone at the end unless it was renamed."""
    made = target.with_name(f".{target.name}.{os.getpid()}")
    os.close(new_file(made))
    try:
        yield made
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            made.with_name(made.name + ending).unlink(missing_ok=True)


def _copy(source: Path, made: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(uri(source, "ro"), uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)) as old,
            closing(sqlite3.connect(uri(made, "rw"), uri=True, isolation_level=None)) as new,
        ):
            # One snapshot: without it every commit of the gateway would make the copy begin again.
            old.execute("BEGIN")
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()
            old.backup(new, pages=_STEP, sleep=_REST)
            old.execute("COMMIT")
        _alone(made)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied: {error}") from error


def _alone(made: Path) -> None:
    """One file, without a log beside it."""
    with closing(sqlite3.connect(uri(made, "rw"), uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _look_at(made: Path) -> None:
    try:
        with closing(sqlite3.connect(uri(made, "ro"), uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise store_error(error, "looking at the copy") from error
    if found != "ok":
        raise StoreError(f"the copy is damaged: {found}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
