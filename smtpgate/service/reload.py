"""Reloading, seen from both sides: which settings need a restart, who runs on a store, and what came of a request.

The lock file beside the store names the process that holds it; the result file beside it says what became of the last
reload. request() raises UsageError when no gateway runs or none answers.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from smtpgate.config import Config, Dns, Log, Parser
from smtpgate.errors import StoreError, UsageError
from smtpgate.store.file import in_use, lock_path
from smtpgate.storesettings import Store
from smtpgate.watchsettings import Watch

ANSWER_WITHIN = 60.0  # seconds for which a request waits
_LOOK = 0.05
_NEEDS_RESTART = {
    "server": ("listen", "lmtp", "lmtp_group", "processes"),
    "submission": ("listen", "listen_tls"),
    "store": tuple(Store.model_fields),
    "dns": tuple(Dns.model_fields),
    "parser": tuple(Parser.model_fields),
    "watch": tuple(Watch.model_fields),
    "log": tuple(Log.model_fields),
}


def settle(old: Config, wanted: Config) -> tuple[Config, list[str]]:
    """What a running gateway can go on with, and the changed settings in which it stays with the old until a restart."""
    waiting: list[str] = []
    for section, keys in _NEEDS_RESTART.items():
        is_now, new = getattr(old, section), getattr(wanted, section)
        stays = {key: getattr(is_now, key) for key in keys if getattr(is_now, key) != getattr(new, key)}
        if stays:
            wanted = wanted.model_copy(update={section: new.model_copy(update=stays)})
            waiting += [f"{section}.{key}" for key in stays]
    return wanted, waiting


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a reload that began at a monotonic time."""

    began: float
    problems: list[str]
    restart: list[str]
    warnings: list[str] = field(default_factory=list)


def write(store: Path, result: Result) -> None:
    """Whole or not at all. Raises OSError."""
    fresh = _beside(store, ".reload.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as out:
        json.dump(asdict(result), out)
    fresh.replace(_beside(store, ".reload"))


def read(store: Path) -> Result | None:
    try:
        found = json.loads(_beside(store, ".reload").read_text(encoding="utf-8"))
        return Result(float(found["began"]), list(found["problems"]), list(found["restart"]), list(found.get("warnings", [])))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def lock(store: Path) -> int:
    """One gateway for one SQLite file: a second one would take the first one's leases. Raises StoreError."""
    handle = os.open(lock_path(store), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for wait in (0.05, 0.2, None):  # somebody who only looks holds it for a moment
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if wait is None:
                os.close(handle)
                raise StoreError(f"{store} is in use by another gateway") from None
            time.sleep(wait)
        else:
            break
    with contextlib.suppress(OSError):  # a full disk: reload then finds nobody, everything else works
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def running(store: Path) -> int | None:
    """The process that has this store, by its lock. None: no gateway runs on it. Raises OSError."""
    if not in_use(store):
        return None
    pid = lock_path(store).read_text("ascii").strip()
    return int(pid) if pid.isdigit() else None


def request(store: Path, monotonic: Callable[[], float]) -> Result:
    """Ask the running gateway to reload, and wait for what comes of it."""
    pid = running(store)
    if pid is None:
        raise UsageError(f"no gateway runs on {store}")
    began = monotonic()
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        raise UsageError(f"no gateway runs on {store}") from None
    except PermissionError:
        raise UsageError(f"the gateway is process {pid} of another user; ask as that user or as root") from None
    while monotonic() - began < ANSWER_WITHIN:
        result = read(store)
        if result is not None and result.began >= began:
            return result
        if running(store) != pid:
            raise UsageError("the gateway ended before it had reloaded")
        time.sleep(_LOOK)
    raise UsageError(f"process {pid} did not answer within {ANSWER_WITHIN:g} s; see its log")


def _beside(store: Path, ending: str) -> Path:
    return store.with_name(store.name + ending)
