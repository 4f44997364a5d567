"""Is it linear? Twice the input may cost at most two and a half times the CPU (threat C8: ratio <= 2.5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Input = TypeVar("Input")

FLOOR = 0.02  # seconds of CPU below which a cost is nobody's concern, and too small to measure
RATIO = 2.5
AGAIN = 6  # times that what seems too long is measured


def assert_linear(make: Callable[[int], Input], run: Callable[[Input], object], size: int) -> None:
    """run(make(n)) at size and 4 x size: two doublings, so that noise weighs half. Noise makes a run longer, never shorter.
    What seems too long is measured again, the best of each counts, and the small one runs four times in a row then: on a
    busy machine a short run finds a moment in which nobody disturbs it sooner than one four times as long."""
    large = _cost(run, make(4 * size))
    if large < FLOOR:
        return
    small = min(_cost(run, make(size)) for _ in range(2))
    if _ratio(large, small) <= RATIO:
        return
    small = float("inf")
    for _ in range(AGAIN):
        small = min(small, _cost(run, *(make(size) for _ in range(4))) / 4)
        large = min(large, _cost(run, make(4 * size)))
        if _ratio(large, small) <= RATIO:
            return
    raise AssertionError(f"each doubling costs {_ratio(large, small):.1f} times as much; {large:.2f} s at {4 * size}")


def _ratio(large: float, small: float) -> float:
    return float((large / small) ** 0.5) if small else 0.0


def _cost(run: Callable[[Input], object], *values: Input) -> float:
    """CPU seconds."""
    start = time.process_time()
    for value in values:
        run(value)
    return time.process_time() - start
