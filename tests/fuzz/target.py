"""What a fuzz target is, and how one execution of it is watched.

A target raises nothing but what it means to: any exception out of run() is a finding. So is a file or a socket that it
opens, another result on the second try, and more CPU or memory than a mail of that size may cost.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.memory import reset_peak, status

ROOT = Path(__file__).resolve().parents[2]
MOST_CPU = 1.0  # seconds, for inputs of up to 1 MiB
MOST_MEMORY = 64 * 1024  # KiB, the same
_WATCHED = ("open", "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.listdir", "os.scandir")
# What the interpreter itself reads: modules and codecs when they are first wanted, and the zones of the system.
_ITS_OWN = (sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[2] / "smtpgate"), "/usr/share/zoneinfo", "/usr/lib/")


class Opened(AssertionError):
    """The code under test reached for a file, a socket or a process."""


@dataclass(frozen=True)
class Target:
    """run: one execution; what it returns must be the same each time. words: tokens that its input is made of."""

    name: str
    run: Callable[[bytes], Any]
    seeds: Callable[[], Sequence[bytes]]
    words: Sequence[bytes] = ()
    alone: bool = True  # opens neither files nor sockets
    large: bool = True  # its input can be 1 MiB


@dataclass
class Finding:
    """Something that is wrong. key: the same for the same fault."""

    target: str
    key: str
    data: bytes = field(repr=False)
    trace: str = field(repr=False, default="")


_armed = False
_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _armed or not event.startswith(_WATCHED):
        return
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(_ITS_OWN):
        return
    if (
        event == "os.listdir" and str(arguments[0]) in sys.path
    ):  # who imports what is not there (a zone) looks again where files changed
        return
    raise Opened(f"{event} {str(arguments)[:200]}")


def execute(target: Target, data: bytes) -> Any:
    """One execution under the audit hook."""
    global _armed, _hooked  # noqa: PLW0603 -- a hook cannot be taken away again
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    _armed = target.alone
    try:
        return target.run(data)
    finally:
        _armed = False


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


def wait(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of a coroutine. One loop for all executions, and it is no fault of theirs that it has a socket."""
    global _armed  # noqa: PLW0603
    before, _armed = _armed, False
    loop = _loop()
    _armed = before
    return loop.run_until_complete(work)


def attempt(target: Target, data: bytes, *, twice: bool = False) -> Finding | None:
    """Execute and say what was wrong, if anything."""
    try:
        found = execute(target, data)
        if twice:
            assert execute(target, data) == found, "another result the second time"
    except Exception as error:
        return Finding(target.name, _key(error), data, "".join(traceback.format_exception(error)))
    return None


@dataclass(frozen=True)
class Cost:
    cpu: float  # seconds
    memory: int  # KiB of growth at the peak


def cost(target: Target, data: bytes) -> Cost:
    """What one execution costs. It must not raise."""
    reset_peak(os.getpid())
    before = status(os.getpid(), "VmHWM")
    start = time.process_time()
    execute(target, data)
    return Cost(time.process_time() - start, status(os.getpid(), "VmHWM") - before)


def _key(error: BaseException) -> str:
    """The kind of error and where it came from: our own innermost line."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/smtpgate/" in f.filename] or [f for f in frames if "/tests/fuzz/" in f.filename]
    at = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "?"
    last = next((f for f in reversed(frames) if "/tests/fuzz/targets" in f.filename), None)
    said = f":{last.lineno}" if isinstance(error, AssertionError) and last else ""
    return f"{type(error).__name__} at {at}{said}"
