"""What the gateway says about itself while it runs."""

from __future__ import annotations

import os

from smtpgate.service.live import Weights, memory


def test_one_process_is_weighed_at_a_time_in_turn_and_a_new_one_at_once() -> None:
    looks: list[int] = []

    def weigh(pid: int) -> int:
        looks.append(pid)
        return 1000 * pid + len(looks)

    weights = Weights(weigh)
    assert weights.of([1, 2, 3]) == [1001, 2002, 3003]
    assert weights.of([1, 2, 3]) == [1004, 2002, 3003]
    assert weights.of([1, 2, 3, 4]) == [1004, 2002, 3003, 4005]
    assert [weights.of([1, 3, 4]) for _ in range(3)][-1] == [1007, 3006, 4008]
    assert looks == [1, 2, 3, 1, 4, 3, 1, 4]
    assert weights.of([]) == []
    assert weights.of([2]) == [2009], "what it had before is forgotten, its number may be another's"


def test_the_memory_of_a_process_and_of_none() -> None:
    assert 2**20 < memory(os.getpid()) < 2**40
    assert memory(2**22 + 1) == 0
