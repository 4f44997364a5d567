"""Where tests keep their files: in memory, when there is plenty.

Of a test that pulls no plug it makes no difference whether a sync reaches a disk, but waiting for disks is much of the time
that all tests take. Tests of faults stay on the disk (tests/fault/conftest.py), where a kill finds syncs under way, and so do
the database servers that are killed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

MEMORY = Path("/dev/shm")
_PLENTY = 6 * 1024**3  # octets; a run keeps less than one tenth of it at a time
_PYTEST = "PYTEST_DEBUG_TEMPROOT"  # where pytest makes its directories


def found(memory: Path = MEMORY) -> str:
    """A directory for files that need not outlive the machine."""
    try:
        there = os.statvfs(memory)
        available = next(
            int(line.split()[1]) * 1024
            for line in Path("/proc/meminfo").read_text().splitlines()
            if line.startswith("MemAvailable:")
        )
    except (OSError, StopIteration):
        return tempfile.gettempdir()
    plenty = min(there.f_bavail * there.f_frsize, available) >= _PLENTY
    # Tests write programs, too; and whoever has no right to write has no right to write here either.
    fit = plenty and not there.f_flag & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(memory, os.W_OK | os.X_OK)
    return str(memory) if fit else tempfile.gettempdir()


def use(environ: MutableMapping[str, str] = os.environ) -> None:
    """From now on pytest's directories are there, unless somebody has said where. For workers and processes too."""
    environ.setdefault(_PYTEST, found())
