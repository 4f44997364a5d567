"""Endless input costs a real server process at most 2 MiB. The long form is flood.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.intake.flood import TO_DATA, endless

CASES = [(b"x", TO_DATA, "500 5.6.0"), (b"x", (), ""), (b"NOOP\r\n", (), "")]


@pytest.mark.parametrize(("unit", "before", "reply"), CASES, ids=["endless line in DATA", "endless command line", "endless NOOP"])
def test_endless(unit: bytes, before: tuple[str, ...], reply: str, tmp_path: Path) -> None:
    grown, _, said = endless(unit, 128, tmp_path / "server", before=before)
    assert grown <= 2048, f"peak memory grew by {grown} KiB"
    assert said.startswith(reply)
