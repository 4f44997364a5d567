"""When to try again, when to say that a mail is late, and when to give up. Pure; never fails.

All times are seconds since 1970. Randomness comes in as an argument, so that tests can hold it still.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

JITTER = 0.1  # a tenth either way, so that what failed together does not come back together


def wait(attempts: int, steps: Sequence[float], rng: random.Random) -> float:
    """Seconds to wait after the attempts-th failed attempt (counted from 1); the last step repeats."""
    step = steps[min(max(attempts, 1), len(steps)) - 1]
    return step * (1 + rng.uniform(-JITTER, JITTER))


def expired(created_at: float, now: float, lifetime: float) -> bool:
    """RFC 5321 §4.5.4.1: the queue gives up after some days."""
    return now - created_at >= lifetime


def next_try(created_at: float, now: float, pause: float, lifetime: float) -> float:
    """When the next attempt is due: never later than the end of the mail's life, so that it ends on time."""
    return max(now, min(now + pause, created_at + lifetime))


def delay_due(created_at: float, now: float, notice: float, *, told: bool) -> bool:
    """Has it waited so long that the ticket should say so, once?"""
    return not told and now - created_at >= notice
