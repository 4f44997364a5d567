"""The measure itself must be able to fail."""

from __future__ import annotations

import pytest

from tests.support.doubling import assert_linear


def test_quadratic_work_is_caught() -> None:
    def quadratic(n: int) -> int:
        return sum(1 for i in range(n) for _ in range(i))

    with pytest.raises(AssertionError, match="each doubling"):
        assert_linear(lambda n: n, quadratic, 500)


def test_linear_work_passes() -> None:
    assert_linear(lambda n: n, lambda n: sum(range(n * 100)), 5000)
