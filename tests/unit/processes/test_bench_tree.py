"""What the benchmark says a process cost."""

from __future__ import annotations

import os
import time

from benchmarks import tree


def test_less_than_a_tick_of_the_kernel_counts() -> None:
    before = tree.cpu(os.getpid())
    until = time.process_time() + 0.002
    while time.process_time() < until:
        pass
    assert tree.cpu(os.getpid()) - before > 0.001
