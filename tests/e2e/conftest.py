"""End to end means the shape that users get: the doors and delivery in processes of their own. What says
`both_shapes` runs in either.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import gateway


@pytest.fixture(autouse=True, scope="package")
def usual_shape() -> Iterator[None]:
    before, gateway.PROCESSES = gateway.PROCESSES, "several"
    yield
    gateway.PROCESSES = before


@pytest.fixture(params=["one", "several"])
def both_shapes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(gateway, "PROCESSES", request.param)
    return str(request.param)
