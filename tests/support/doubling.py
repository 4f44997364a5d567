"""Is it linear? Twice the input may cost at most two and a half times the CPU (threat C8: ratio <= 2.5)."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

Input = TypeVar("Input")

FLOOR = 0.02  # seconds of CPU below which a cost is nobody's concern, and too small to measure
RATIO = 2.5


def assert_linear(make: Callable[[int], Input], run: Callable[[Input], object], size: int) -> None:
    """run(make(n)) at size, 2 x size and 4 x size: the last against the first, so that noise weighs half. Three tries."""
    ratio = cost = 0.0
    for _ in range(3):
        small, large = _cost(run, make(size)), _cost(run, make(4 * size))
        ratio, cost = (large / small) ** 0.5 if small else 0.0, large
        if cost < FLOOR or ratio <= RATIO:
            return
    raise AssertionError(f"each doubling costs {ratio:.1f} times as much; {cost:.2f} s at {4 * size}")


def _cost(run: Callable[[Input], object], value: Input) -> float:
    best = float("inf")
    for _ in range(2):
        gc.collect()
        start = time.process_time()
        run(value)
        best = min(best, time.process_time() - start)
        if best > 1.0:
            break
    return best
