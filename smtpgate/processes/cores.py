"""How many processors this process may use: those that it may run on, and what its control groups grant of them.

Never fails: what cannot be read limits nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

_GROUPS = Path("/sys/fs/cgroup")


def several(setting: Literal["auto", "one", "several"]) -> bool:
    """What server.processes means on this machine: processes of their own for the doors and delivery?"""
    return usable() > 1 if setting == "auto" else setting == "several"


def usable(groups: Path = _GROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """At least 1. A quota counts by whole processors: 1.5 is one."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        allowed = os.cpu_count() or 1
    return max(1, int(min([allowed, *_quotas(groups, own)])))


def _quotas(groups: Path, own: Path) -> list[float]:
    """Of our control group (version 2) and of those around it, in processors."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
    name = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if name is None:
        return []
    here = groups / name
    found = []
    for group in (here, *here.parents):
        if not group.is_relative_to(groups):
            break
        try:
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
            found.append(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):  # "max", or the root, which has none
            continue
    return found
