"""What a process says about itself to the kernel, and what it gives up of what it was born with.

Needs Linux for most of it; elsewhere nothing happens, and nothing here fails.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import posix
import signal
from collections.abc import Collection
from pathlib import Path

_DEATH_SIGNAL, _NAME, _SUBREAPER = 1, 15, 36  # of prctl(2)


def name(text: str) -> None:
    """As ps and top show it, 15 characters at most."""
    _prctl(_NAME, text.encode("ascii"))


def die_with(parent: int) -> None:
    """However it dies; at once when it is dead already. Without Linux the end of a connection is all that tells."""
    _prctl(_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def adopt() -> None:
    """From now on a process whose parent was a child of ours and has ended is a child of ours."""
    _prctl(_SUBREAPER, ctypes.c_ulong(1))


def _prctl(*args: object) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(*args)


def module_path() -> str:
    """PYTHONPATH for a process that is started to run a module of ours."""
    root = str(Path(__file__).resolve().parents[1])
    return os.pathsep.join(place for place in (root, os.environ.get("PYTHONPATH", "")) if place)


def close_all_but(*kept: int) -> None:
    """Nothing that a parent holds open stays open here: its terminal's three and these are enough."""
    for handle in map(int, os.listdir("/dev/fd")):
        if handle > 2 and handle not in kept:
            with contextlib.suppress(OSError):
                os.close(handle)


def forget_environment(kept: Collection[str]) -> None:
    """Keep these variables alone. The rest may hold passwords, so it is overwritten where it lies in memory: what the kernel has
    put there, and Python's own copy of that."""
    stays = {name: os.environ[name] for name in kept if name in os.environ}
    for name, value in getattr(posix, "environ", {}).items():
        if isinstance(value, bytes) and len(value) > 1 and os.fsdecode(name) not in stays:  # shorter ones are shared by all
            ctypes.memset(id(value) + bytes.__basicsize__ - 1, 0, len(value))
    os.environ.clear()
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
        start, end = map(int, fields[47:49])  # env_start and env_end of proc(5), 50 and 51 of all fields
        if 0 < start < end:
            ctypes.memset(start, 0, end - start)
    os.environ.update(stays)
