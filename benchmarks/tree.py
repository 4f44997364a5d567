"""What a process and all its descendants cost: CPU seconds and memory, from /proc."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def members(root: int) -> list[int]:
    """The process and its living descendants."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents.setdefault(int(_fields(stat)[1]), []).append(int(stat.parent.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def _fields(stat: Path) -> list[str]:
    return stat.read_text().rpartition(")")[2].split()


def cpu(root: int) -> float:
    """CPU seconds of the tree so far, those of descendants that have ended included (these to a tick of the kernel, 10 ms)."""
    total = 0.0
    for pid in members(root):
        with suppress(OSError):
            ended = sum(int(value) for value in _fields(Path(f"/proc/{pid}/stat"))[13:15])
            total += ended / _TICK + time.clock_gettime(_clock(pid))
    return total


def _clock(pid: int) -> int:
    """The CPU clock of a process: what clock_getcpuclockid(3) gives, which Python has for threads only."""
    return ~pid << 3 | 2


def memory(root: int) -> int:
    """Bytes of the tree now, a shared page divided among those who share it (PSS)."""
    total = 0
    for pid in members(root):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def busy() -> float:
    """CPU seconds that the whole machine has worked so far."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / _TICK


class Watch:
    """CPU spent and peak memory between entering and leaving, sampled five times a second.

    foreign: processors that somebody else than the tree and we ourselves kept busy meanwhile; much of it spoils the figures.
    """

    def __init__(self, root: int) -> None:
        self.root = root
        self.cpu = self.foreign = 0.0
        self.peak = 0

    async def __aenter__(self) -> Watch:
        self._began = cpu(self.root), busy(), time.process_time(), time.monotonic()
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self.peak = max(self.peak, memory(self.root))
        tree, machine, own, moment = self._began
        self.cpu = cpu(self.root) - tree
        foreign = busy() - machine - self.cpu - (time.process_time() - own)
        self.foreign = max(0.0, foreign / (time.monotonic() - moment))

    async def _sample(self) -> None:
        while True:
            self.peak = max(self.peak, await asyncio.to_thread(memory, self.root))
            await asyncio.sleep(0.2)
