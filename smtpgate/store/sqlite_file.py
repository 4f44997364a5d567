"""Opening the SQLite file: its directory and mode, its settings, its schema version and the way up to ours.

Raises StoreError with a text for the admin: no file, not ours, written by a newer version, no permission.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sqlite3
import time
from pathlib import Path
from typing import Any

from smtpgate.errors import StoreError
from smtpgate.store.schema import NEEDS, migrations, needed, schema, statements, usable
from smtpgate.store.sqlite_errors import BUSY, primary_code, store_error

APPLICATION_ID = 0x534D5447  # "SMTG"
_TRIES, _PAUSE = 25, 0.1  # to empty the log; seconds between them
BUSY_TIMEOUT = 10.0  # seconds that another process may hold the file


def prepare(path: Path, *, create: bool) -> None:
    """Make the directory (0700) and the file (0600) if need be, and bring the schema to our version."""
    try:
        if create:
            _create(path)
        elif not path.is_file():
            raise StoreError(f"there is no store at {path}")
    except OSError as error:
        raise StoreError(f"cannot make the store at {path}: {error.strerror}") from error
    connection = connect(path)
    try:
        _upgrade(connection, path)
    except sqlite3.Error as error:
        raise store_error(error, f"opening {path}") from error
    finally:
        connection.close()


def _create(path: Path) -> None:
    """The names too are on the disk before anything is promised: SQLite sees to the file's contents only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(new_file(path))
    except FileExistsError:
        return
    for directory in (path.parent, path.parent.parent):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def new_file(path: Path) -> int:
    """Make it (0600) and open it. When root does so, it belongs to the owner of its directory, as with SQLite's own files."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:  # an admin, on the store of a gateway that is another user
        directory = path.parent.stat()
        os.fchown(handle, directory.st_uid, directory.st_gid)
    return handle


def require_current(path: Path, *, exact: bool = False) -> None:
    """For a reader, which may not migrate: the file is there and has our version, or with `exact` no other."""
    if not path.is_file():
        raise StoreError(f"there is no store at {path}")
    connection = opened(path, "ro")
    try:
        version, ours = _version(connection, path), len(migrations())
        if version < ours:
            mend = "restart the gateway (smtpgate serve), which brings it up to date"
            raise StoreError(f"the store at {path} has schema {version}, this version needs {ours}: {mend}")
        if version > ours and exact:
            raise StoreError(
                f"the store at {path} has schema {version}, this version knows {ours}: use the newest version for this"
            )
    except sqlite3.Error as error:
        raise store_error(error, _opening(path)) from error
    finally:
        connection.close()


def opened(path: Path, mode: str, **how: Any) -> sqlite3.Connection:
    """A connection, as yet with nothing set or asked. mode: ro or rw. Raises StoreError."""
    try:
        connection: sqlite3.Connection = sqlite3.connect(uri(path, mode), uri=True, timeout=BUSY_TIMEOUT, **how)
    except sqlite3.Error as error:
        raise store_error(error, _opening(path)) from error
    return connection


def _opening(path: Path) -> str:
    """What is being done, and who could do it where this user may not: most often it is the wrong one."""
    with contextlib.suppress(OSError, KeyError):
        if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK)):  # a reader writes too, beside the file
            owner = pwd.getpwuid(path.stat().st_uid).pw_name
            return f"opening {path}, which belongs to {owner} (run this as that user: sudo -u {owner} smtpgate …)"
    return f"opening {path}"


def connect(path: Path) -> sqlite3.Connection:
    """A connection that may write: the writer's settings. Transactions are begun and ended by hand."""
    connection = opened(path, "rw", isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")  # with WAL: a commit is on the disk when it returns
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, whatever SQLite was built to do
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA journal_size_limit = 67108864")  # a WAL that one large mail blew up shrinks again
        # Checkpoints are made by the writer, after it has answered; and SQLite's own would hide a failed sync.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error as error:
        connection.close()
        raise store_error(error, _opening(path)) from error
    return connection


def empty_log(path: Path) -> None:
    """Bring the write-ahead log into the file and cut it to nothing: it still holds what was there before. A writer waits for some
    milliseconds at most; while somebody reads an old state it stays, and the writer's own checkpoints use it again."""
    connection = connect(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # most of the work, for which nobody waits
        connection.execute("PRAGMA busy_timeout = 20")
        for _ in range(_TRIES):
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
                return
            time.sleep(_PAUSE)
    except sqlite3.Error as error:
        raise store_error(error, f"emptying the log of {path}") from error
    finally:
        connection.close()


def uri(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?mode={mode}"


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two processes that turn a new file to WAL at once get in each other's way without the busy timeout's help."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if primary_code(error) != BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """0 for an empty file. Raises StoreError for what is not ours or newer than us."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID:
        if application or tables:
            raise StoreError(f"{path} is an SQLite database of some other program")
        return 0
    version = int(connection.execute("SELECT value FROM meta WHERE key = 'schema version'").fetchone()[0])
    needs = connection.execute("SELECT value FROM meta WHERE key = ?", (NEEDS,)).fetchone()
    usable(version, int(needs[0]) if needs else None, f"the store at {path}")
    return version


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """One transaction for all of it; another process that opens the file at the same time waits here and finds it done."""
    steps = migrations()
    if _version(connection, path) >= len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)
        if version >= len(steps):
            connection.execute("ROLLBACK")
            return
        if version == 0:
            _run(connection, schema())
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("INSERT INTO meta (key, value) VALUES ('schema version', '0')")
        else:
            for step in steps[version:]:
                _run(connection, step)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema version'", (str(len(steps)),))
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (NEEDS, str(needed(steps))))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Statement by statement: executescript would commit first."""
    for statement in statements(script):
        connection.execute(statement)
