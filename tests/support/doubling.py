"""Is it linear? Twice the input may cost at most two and a half times the CPU (threat C8: ratio <= 2.5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Input = TypeVar("Input")

FLOOR = 0.02  # seconds of CPU below which a cost is nobody's concern, and too small to measure
RATIO = 2.5


def assert_linear(make: Callable[[int], Input], run: Callable[[Input], object], size: int) -> None:
    """run(make(n)) at size and 4 x size: two doublings, so that noise weighs half. Noise makes a run longer, never shorter:
    the small one counts by the best of two, the large one is run again only when it seems too long, twice."""
    large = _cost(run, make(4 * size))
    if large < FLOOR:
        return
    small = min(_cost(run, make(size)) for _ in range(2))
    for again in (True, True, False):
        ratio = (large / small) ** 0.5 if small else 0.0
        if ratio <= RATIO:
            return
        if again:
            large, small = min(large, _cost(run, make(4 * size))), min(small, _cost(run, make(size)))
    raise AssertionError(f"each doubling costs {ratio:.1f} times as much; {large:.2f} s at {4 * size}")


def _cost(run: Callable[[Input], object], value: Input) -> float:
    """CPU seconds."""
    start = time.process_time()
    run(value)
    return time.process_time() - start
