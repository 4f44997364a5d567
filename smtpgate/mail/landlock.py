"""Landlock: a process gives up, for good, what it will not need. Linux only, from 5.13 on; without it nothing happens.

https://docs.kernel.org/userspace-api/landlock.html; the numbers are those of linux/landlock.h. No privilege is needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every processor
_VERSION = 1  # flag: ask for the version
_BENEATH = 1  # kind of rule
_READ = 1 << 2 | 1 << 3  # files and directories
_NO_NEW_PRIVILEGES = 38

# Rights on files that each version knows; all of them are taken away.
_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP = 0b11  # from version 4 on: bind, connect
_SCOPES = 0b11  # from version 6 on: abstract Unix sockets and signals of others


def read_only(places: Iterable[Path]) -> bool:
    """From now on: open files for reading below these places only, no TCP. False: this kernel does not do it."""
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    if version < 1:
        return False
    files = _FILES[max(known for known in _FILES if known <= version)]
    rules = struct.pack("=QQQ", files, _TCP, _SCOPES)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = call(_CREATE, rules, ctypes.c_size_t(len(rules)), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        for place in places:
            with contextlib.suppress(OSError):  # a place that is not there
                _allow(call, ruleset, place)
        return bool(
            ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, *(ctypes.c_ulong(n) for n in (1, 0, 0, 0))) == 0
            and call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0
        )
    finally:
        os.close(ruleset)


def _allow(call: Callable[..., int], ruleset: int, place: Path) -> None:
    descriptor = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", _READ, descriptor)
        call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)
