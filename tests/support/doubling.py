"""Is it linear? Twice the input may cost at most two and a half times the CPU (threat C8: ratio <= 2.5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Input = TypeVar("Input")

FLOOR = 0.02  # seconds of CPU below which a cost is nobody's concern, and too small to measure
RATIO = 2.5


def assert_linear(make: Callable[[int], Input], run: Callable[[Input], object], size: int) -> None:
    """run(make(n)) at size, 2 x size and 4 x size: the last against the first, so that noise weighs half. Three tries."""
    ratio = large = 0.0
    for _ in range(3):
        large = _cost(run, make(4 * size))
        if large < FLOOR:
            return
        small = _cost(run, make(size))
        ratio = (large / small) ** 0.5 if small else 0.0
        if ratio <= RATIO:
            return
    raise AssertionError(f"each doubling costs {ratio:.1f} times as much; {large:.2f} s at {4 * size}")


def _cost(run: Callable[[Input], object], value: Input) -> float:
    """CPU seconds, the better of two runs when it matters."""
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        run(value)
        best = min(best, time.process_time() - start)
        if best < FLOOR / 4 or best > 1.0:
            break
    return best
