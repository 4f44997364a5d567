"""The store as a file: its size, room and soundness, and who runs on it. Needs no gateway and changes nothing.

Raises StoreError when the file cannot be read.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smtpgate.errors import StoreError
from smtpgate.store.seen import Finding
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_file import opened

ENDINGS = ("", "-wal", "-shm", ".lock", ".live", ".reload", ".before-restore")
_CHECKED = 64 * 1024**2  # bytes of a store that is looked through whole; a larger one is for `verify`


@dataclass(frozen=True, slots=True)
class StoreFile:
    size: int  # bytes
    wal: int  # bytes of the write-ahead log
    free: int  # bytes of room on its disk
    disk: int  # bytes of that disk in all
    damage: str  # the first thing wrong, "" for nothing
    checked: bool  # looked through whole; else only its length was compared
    running: bool  # a gateway has its lock


def room(path: Path, files: Path | None = None) -> tuple[int, int]:
    """Bytes free on the disk of this store, and bytes in all: of the one with less room, when its files of raw mail lie on
    another. The directories may be still to be made."""
    places = [path.absolute(), *([] if files is None else [files.absolute() / "x"])]
    usages = [shutil.disk_usage(next(above for above in place.parents if above.exists())) for place in places]
    return min((usage.free, usage.total) for usage in usages)


def inspect(path: Path, files: Path | None = None) -> StoreFile:
    size = path.stat().st_size
    wal = path.with_name(path.name + "-wal")
    damage, checked = _damage(path, size)
    free, disk = room(path, files)
    return StoreFile(
        size=size,
        wal=wal.stat().st_size if wal.exists() else 0,
        free=free,
        disk=disk,
        damage=damage,
        checked=checked,
        running=in_use(path),
    )


def beside_database(path: Path, size: int, files: Path | None = None) -> StoreFile:
    """What there is to say of this node's own files when the store is a database of so many bytes."""
    free, disk = room(path, files)
    return StoreFile(size=size, wal=0, free=free, disk=disk, damage="", checked=False, running=in_use(path))


def permissions(path: Path, directories: Sequence[Path | None] = ()) -> list[Finding]:
    """Who else may read or change the store, its directory, what lies beside it, and these directories of raw mail."""
    owner = path.stat().st_uid
    found: list[Finding] = []
    directory = path.parent.stat()
    if directory.st_mode & 0o022:
        text = f"{path.parent}: others than its owner may write there (mode {directory.st_mode & 0o777:04o})"
        found.append(Finding(text, f"chmod go-w {path.parent}"))
    for ending in ENDINGS:
        file = path.with_name(path.name + ending)
        try:
            seen = file.stat()
        except FileNotFoundError:
            continue
        if seen.st_mode & 0o077:
            text = f"{file}: others than its owner may use it (mode {seen.st_mode & 0o777:04o}); it holds mail and keys"
            found.append(Finding(text, f"chmod 0600 {file}"))
        if seen.st_uid != owner:
            text = f"{file} belongs to user {seen.st_uid}, the store to user {owner}; the gateway cannot use it"
            found.append(Finding(text, f"chown --reference={path} {file}; run commands as the gateway's user"))
    for files in directories:
        if files is None or not files.is_dir():
            continue
        seen = files.stat()
        if seen.st_mode & 0o077:
            text = f"{files}: others than its owner may use it (mode {seen.st_mode & 0o777:04o}); it holds mail"
            found.append(Finding(text, f"chmod 0700 {files}"))
        if seen.st_uid != owner:
            text = f"{files} belongs to user {seen.st_uid}, the store to user {owner}; the gateway cannot use it"
            found.append(Finding(text, f"chown -R --reference={path} {files}"))
    return found


def _damage(path: Path, size: int) -> tuple[str, bool]:
    connection = opened(path, "ro")
    try:
        if size <= _CHECKED:
            found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            return ("" if found == "ok" else found), True
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return "", False
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise store_error(error, f"looking at {path}") from error
        return str(error), True
    finally:
        connection.close()


def lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def in_use(path: Path) -> bool:
    """A gateway runs on this store. The lock is only asked for, shared and for a moment."""
    try:
        handle = os.open(lock_path(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def lock_import(path: Path) -> int:
    """One import at a time: two would file out of order. Returns what to close. Raises StoreError."""
    handle = os.open(path.with_name(path.name + ".import.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StoreError(f"another import into {path} is running; start this one when it has ended") from None
    return handle
