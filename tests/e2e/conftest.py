"""End to end means the shape that users get: the door in a process of its own. What says `both_shapes` runs in either."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import gateway


@pytest.fixture(autouse=True, scope="package")
def usual_shape() -> Iterator[None]:
    before, gateway.PROCESSES = gateway.PROCESSES, 2
    yield
    gateway.PROCESSES = before


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def both_shapes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(gateway, "PROCESSES", request.param)
    return int(request.param)
