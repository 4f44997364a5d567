"""Files of raw mail beside the store: named by the SHA-256 of what is in them, written once and never changed.

A new one is written to a temporary name, synced, renamed, and its directory synced; only then may a row name it. So every
crash leaves at most a file that no row names, which maintenance collects (store.filework). New mail lies in `home`, in 256
directories by the first two digits; old mail in `cold`, in one directory for each month and below it the same.

Raises StoreFull when there is no room, StoreError when a file cannot be written now, RawUnreadable when one cannot be had.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from smtpgate.errors import StoreError, StoreFull
from smtpgate.store.sqlite_file import new_file

if TYPE_CHECKING:
    from smtpgate.storesettings import Store as Settings

HOME = ""  # the place of new mail; that of old mail is its month
FILES_FROM = 256 * 1024  # octets; measured, docs/performance.md
_NAME = re.compile(r"[0-9a-f]{64}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_PIECE = 1024**2


class RawUnreadable(Exception):
    """A file that a row names cannot be had, or is not what it was. lasting: it will not come back by itself, as a disk
    that is not mounted does."""

    def __init__(self, text: str, *, lasting: bool) -> None:
        super().__init__(text)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Part:
    """Where the bytes of one mail lie: a whole file, or a piece of one that holds several."""

    file: str
    start: int
    length: int
    place: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Raw mail in a file, and how it is packed there."""

    packing: int
    part: Part


@dataclass(frozen=True, slots=True)
class Found:
    """A file on the disk. name is "" for one that was never finished."""

    path: Path
    name: str
    place: str
    size: int
    changed_at: float


@dataclass(slots=True)
class RawFiles:
    """home None: there is no such directory, and what rows name in it cannot be had; new mail stays in the database."""

    home: Path | None
    cold: Path | None = None
    larger: int = FILES_FROM  # octets of a mail from which on it gets a file
    spared: frozenset[str] = frozenset()  # files that another copy of the store names, such as the one before a restore
    _synced: set[Path] = field(default_factory=set)  # directories whose own names are known to be on the disk

    @classmethod
    def beside(cls, store: Path) -> RawFiles:
        """Where the files of a SQLite store are unless the configuration says otherwise."""
        return cls(store.with_name(store.name + ".files"))

    @classmethod
    def of(cls, settings: Settings) -> RawFiles:
        """As the configuration says. A database has no directory unless its nodes share one."""
        home = settings.files
        if home is None and settings.url is None:
            home = cls.beside(settings.path).home
        return cls(home, settings.cold, settings.files_from)

    def wants(self, size: int) -> bool:
        return self.home is not None and size >= self.larger

    # --- reading ------------------------------------------------------------------------------------------------------

    def path(self, name: str, place: str) -> Path | None:
        root = self.home if place == HOME else self.cold
        if root is None:
            return None
        return (root if place == HOME else root / place) / name[:2] / name

    def find(self, name: str, place: str) -> Path | None:
        """Where it is: in its place, or in that of new mail, where a restored backup has all of them."""
        for where in dict.fromkeys((place, HOME)):
            path = self.path(name, where)
            if path is not None and path.is_file():
                return path
        return None

    def read(self, part: Part) -> bytes:
        """What was written there, not yet compared with anything. Raises RawUnreadable."""
        path = self.find(part.file, part.place) or self.path(part.file, part.place)
        if path is None:
            setting = "store.files" if part.place == HOME else "store.cold"
            raise RawUnreadable(f"its bytes are in the file {part.file}, and {setting} names no directory", lasting=False)
        try:
            with path.open("rb") as source:
                source.seek(part.start)
                data = source.read(part.length)
        except FileNotFoundError:
            root = self.home if part.place == HOME else self.cold
            there = root is not None and root.is_dir() and any(root.iterdir())
            raise RawUnreadable(f"its file {path} is missing", lasting=there) from None
        except OSError as error:
            raise RawUnreadable(f"its file {path} cannot be read: {error.strerror}", lasting=False) from error
        if len(data) != part.length:
            raise RawUnreadable(f"its file {path} is too short", lasting=True)
        return data

    def walk(self) -> Iterator[Found]:
        """Every file in our directories, whatever made it. Nothing when a directory is not there."""
        if self.home is not None:
            yield from _below(self.home, HOME)
        if self.cold is not None:
            for month in _entries(self.cold):
                if _MONTH.fullmatch(month.name) and month.is_dir(follow_symlinks=False):
                    yield from _below(Path(month.path), month.name)

    # --- writing ------------------------------------------------------------------------------------------------------

    def put(self, data: bytes, place: str = HOME) -> str:
        """Have it on the disk, for good. Its name. One that is there already and whole is left as it is."""
        name = hashlib.sha256(data).hexdigest()
        path = self.path(name, place)
        if path is None:
            raise StoreError("there is no directory for raw mail")
        try:
            self._directory(path.parent, root=self.home if place == HOME else self.cold)
            if not _touched(path, data):
                _written(path, data)
            try:  # also when another process has just made it: its sync may be still to come
                _sync(path.parent)
            except OSError:
                path.unlink(missing_ok=True)  # nobody may take it for one that will last
                raise
        except OSError as error:
            text = f"{path.parent} cannot be written to: {error.strerror}"
            raise StoreFull(text) if error.errno in _NO_ROOM else StoreError(text) from error
        return name

    def _directory(self, path: Path, root: Path | None) -> None:
        """Make it and those above it up to the root (0700), and have their names on the disk."""
        if path in self._synced:
            if path.is_dir():
                return
            self._synced.clear()
        above = path.parent
        if root is not None and path != root:
            self._directory(above, root)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            if os.geteuid() == 0:  # an admin, on the store of a gateway that is another user
                owner = above.stat()
                os.chown(path, owner.st_uid, owner.st_gid)
        _sync(above)
        self._synced.add(path)


def digest(path: Path) -> str:
    """SHA-256 of a file, in pieces."""
    found = hashlib.sha256()
    with path.open("rb") as source:
        while piece := source.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _below(root: Path, place: str) -> Iterator[Found]:
    for directory in _entries(root):
        if len(directory.name) != 2 or not directory.is_dir(follow_symlinks=False):
            continue
        for entry in _entries(Path(directory.path)):
            with contextlib.suppress(FileNotFoundError):
                seen = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(seen.st_mode):
                    whole = _NAME.fullmatch(entry.name) is not None and entry.name[:2] == directory.name
                    yield Found(Path(entry.path), entry.name if whole else "", place, seen.st_size, seen.st_mtime)


def _holds(path: Path, data: bytes) -> bool:
    """It is there and has these bytes. One that was damaged meanwhile is written once more."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _touched(path: Path, data: bytes) -> bool:
    """Is it there and whole? Then it is as young as a new one, and who collects what nobody names leaves it alone for a while.
    False also when it was collected just now."""
    if not _holds(path, data):
        return False
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _written(path: Path, data: bytes) -> None:
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = new_file(made)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        made.rename(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
