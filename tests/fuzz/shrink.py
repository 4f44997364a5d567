"""The smallest input that still shows the same fault, as far as a bounded search finds it."""

from __future__ import annotations

import time

from tests.fuzz.target import Finding, Target, attempt


def shrink(target: Target, finding: Finding, seconds: float = 10.0) -> Finding:
    """Leave out ever smaller pieces, then make octets plain, while the fault stays."""
    ends = time.monotonic() + seconds
    best = finding
    size = max(1, len(best.data) // 2)
    while time.monotonic() < ends:
        at, smaller = 0, False
        while at < len(best.data) and time.monotonic() < ends:
            tried = attempt(target, best.data[:at] + best.data[at + size :], twice="second time" in best.trace)
            if tried is not None and tried.key == finding.key:
                best, smaller = tried, True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(1, size // 2) if not smaller else size
    return best
