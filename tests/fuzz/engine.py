"""The two ways of looking that need no instrumentation: many small inputs, and few large ones that are timed and weighed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz import seeds
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import MOST_CPU, MOST_MEMORY, Cost, Finding, Target, attempt, cost

_MIB = 1024**2
_SUSPICIOUS = 0.1  # seconds for 128 KiB after which an input is doubled
_RATIO = 2.5


@dataclass
class Worst:
    count: int = 0
    cpu: float = 0.0
    memory: int = 0  # KiB


def small(target: Target, seconds: float, seed: int, findings: dict[str, Finding]) -> int:
    """Mutations of the seeds and of what was found once; how many."""
    corpus = [*target.seeds(), *(path.read_bytes() for path in seeds.committed(target.name))]
    mutator = Mutator(seed, corpus, target.words)
    ends = time.monotonic() + seconds
    count = 0
    while time.monotonic() < ends:
        count += 1
        finding = attempt(target, mutator.next(), twice=count % 16 == 0)
        if finding is not None and len(finding.data) < len(findings.get(finding.key, finding).data) + 1:
            findings[finding.key] = finding
    return count


def large(target: Target, seconds: float, seed: int, corpus: Sequence[bytes], findings: dict[str, Finding]) -> Worst:
    """Inputs that repeat a piece, of 64 KiB and, where that was slow, of 512 KiB and 1 MiB."""
    mutator = Mutator(seed, [*target.seeds(), *corpus], target.words, longest=4096)
    worst = Worst()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        before, piece, after = mutator.stretched(2000)

        def made(size: int, parts: tuple[bytes, bytes, bytes] = (before, piece, after)) -> bytes:
            return parts[0] + parts[1] * ((size - len(parts[0]) - len(parts[2])) // len(parts[1])) + parts[2]

        tried = made(_MIB // 8)
        worst.count += 1
        if (finding := attempt(target, tried)) is not None:
            findings.setdefault(finding.key, finding)
            continue
        first = cost(target, tried)
        if first.cpu < _SUSPICIOUS and worst.count % 8:
            continue
        for size in (_MIB // 2, _MIB) if first.cpu < 2 else (_MIB // 4,):
            if (finding := attempt(target, made(size))) is not None:
                findings.setdefault(finding.key, finding)
                break
            found = better(target, made(size))
            worst.cpu, worst.memory = max(worst.cpu, found.cpu), max(worst.memory, found.memory)
            if wrong := _too_much(found, first, size / (_MIB / 8)):
                findings.setdefault(
                    wrong.partition(":")[0], Finding(target.name, wrong.partition(":")[0], tried, f"{wrong}\npiece {piece!r}")
                )
                break
    return worst


def better(target: Target, data: bytes) -> Cost:
    """The machine does other things too: a cost that is too high counts when it is so twice."""
    one = cost(target, data)
    if one.cpu <= MOST_CPU and one.memory <= MOST_MEMORY:
        return one
    two = cost(target, data)
    return Cost(min(one.cpu, two.cpu), min(one.memory, two.memory))


def _too_much(found: Cost, first: Cost, times: float) -> str:
    if found.cpu > MOST_CPU:
        return f"too slow: {found.cpu:.2f} s, {times:.0f} times the input of {first.cpu:.2f} s"
    if found.memory > MOST_MEMORY:
        return f"too much memory: {found.memory / 1024:.0f} MiB"
    if first.cpu > 0.02 and found.cpu > _SUSPICIOUS and found.cpu / first.cpu > times * (_RATIO / 2):
        return f"not linear: {times:.0f} times the input cost {found.cpu / first.cpu:.1f} times the CPU"
    return ""
