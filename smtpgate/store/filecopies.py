"""The files of raw mail in a backup: copied with their hashes compared, kept as long as a kept copy of the store names them.

They lie beside the backup, NAME.files for all of NAME, NAME.1, …: each is copied once, however many copies name it, and in
one directory wherever it lay in the store. Raises StoreError with a text for the admin.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from smtpgate.errors import StoreError
from smtpgate.store.filework import COLD_UP_TO
from smtpgate.store.rawfiles import HOME, RawFiles, digest
from smtpgate.store.sqlite_errors import store_error
from smtpgate.store.sqlite_file import BUSY_TIMEOUT, connect, uri

BEFORE_RESTORE = ".before-restore"  # ends the name of what was there


def of_backup(copy: Path) -> RawFiles:
    """Where the files of a backup are: NAME.1 has them with NAME."""
    own = RawFiles.beside(copy)
    base, dot, number = copy.name.rpartition(".")
    if dot and number.isdecimal() and own.home is not None and not own.home.is_dir():
        return RawFiles.beside(copy.with_name(base))
    return own


def named(copy: Path) -> dict[str, tuple[str, int]]:
    """The files that a store names, each with its place and size. Raises StoreError."""
    try:
        with closing(sqlite3.connect(uri(copy, "ro"), uri=True, timeout=BUSY_TIMEOUT)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'raw_file'").fetchone():
                return {}  # a copy of an earlier version
            return {row[0]: (row[1], row[2]) for row in connection.execute("SELECT sha256, place, size FROM raw_file")}
    except sqlite3.Error as error:
        raise store_error(error, f"reading {copy}") from error


def kept_aside(store: Path) -> frozenset[str]:
    """The files that earlier stores name, which a restore has kept beside this one. Raises StoreError when one cannot be read."""
    kept = (p for p in store.parent.glob(f"{glob.escape(store.name)}{BEFORE_RESTORE}*") if not p.name.endswith(("-wal", "-shm")))
    return frozenset(name for copy in kept for name in named(copy))


def save(copy: Path, source: RawFiles, target: RawFiles) -> int:
    """Have all files that the copy of a store names in the backup. Returns how many were copied; the others were there."""
    count = 0
    for name, (place, size) in named(copy).items():
        there = target.find(name, HOME)
        if there is None or there.stat().st_size != size:  # an older backup has most; `verify FILE` reads them
            count += _copied(name, place, source, target)
    return count


def _copied(name: str, place: str, source: RawFiles, target: RawFiles) -> bool:
    found = source.find(name, place) or _anywhere(name, source)  # it may move to the cold store just now
    if found is None:
        raise StoreError(f"the file {source.path(name, place) or name} of a mail is missing: smtpgate verify says of which")
    try:
        data = found.read_bytes()
    except OSError as error:
        raise StoreError(f"{found} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != name:
        raise StoreError(f"{found} holds other bytes than its name says: smtpgate verify says of which mail")
    target.put(data)
    return True


def _anywhere(name: str, files: RawFiles) -> Path | None:
    return next((found.path for found in files.walk() if found.name == name), None)


def forget(target: RawFiles, copies: Iterable[Path]) -> None:
    """Remove what none of these copies names any more."""
    wanted = {name for copy in copies for name in named(copy)}
    for found in target.walk():
        if found.name not in wanted:
            found.path.unlink(missing_ok=True)


def bring_back(made: Path, source: RawFiles, target: RawFiles) -> None:
    """Have all files that the restored store names where a gateway finds them. What is still in its place and whole stays;
    the rest comes from the backup, to where new mail lies. What cannot be had is left to the look at each mail."""
    moved = []
    for name, (place, _) in named(made).items():
        there = target.find(name, place)
        if there is not None and digest(there) == name:
            if place != HOME and there == target.path(name, HOME):
                moved.append(name)
            continue
        with contextlib.suppress(StoreError):
            _copied(name, HOME, source, target)
            moved.append(name)
    with closing(connect(made)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        changed = connection.executemany("UPDATE raw_file SET place = '' WHERE sha256 = ? AND place <> ''", [(n,) for n in moved])
        if changed.rowcount > 0:  # they are to move once more
            connection.execute("DELETE FROM meta WHERE key = ?", (COLD_UP_TO,))
        connection.execute("COMMIT")
