"""How many processors a control group leaves of those that the process may run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smtpgate.processes import cores


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    (tmp_path / "groups/system.slice/smtpgate.service").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/system.slice/smtpgate.service\n")
    return tmp_path / "groups"


def usable(groups: Path) -> int:
    return cores.usable(groups, groups.parent / "own")


def test_without_quotas_those_that_it_may_run_on(groups: Path) -> None:
    assert usable(groups) == 8
    (groups / "system.slice/smtpgate.service/cpu.max").write_text("max 100000\n")
    assert usable(groups) == 8


@pytest.mark.parametrize(
    ("quota", "count"), [("400000 100000", 4), ("150000 100000", 1), ("50000 100000", 1), ("9900000 100000", 8)]
)
def test_a_quota_of_its_own_or_of_a_group_around_it(groups: Path, quota: str, count: int) -> None:
    for group in ("system.slice/smtpgate.service", "system.slice"):
        (groups / group / "cpu.max").write_text(quota + "\n")
        assert usable(groups) == count
        (groups / group / "cpu.max").unlink()


@pytest.mark.parametrize("own", ["", "7:cpu:/old\n", "0::/gone/away\n", "0::/../../etc\n", None])
def test_what_cannot_be_read_limits_nothing(groups: Path, own: str | None) -> None:
    (groups.parent / "own").unlink()
    if own is not None:
        (groups.parent / "own").write_text(own)
    assert usable(groups) == 8


def test_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (1, 2, 64):
        monkeypatch.setattr(cores, "usable", lambda count=count: count)
        assert [cores.several(setting) for setting in ("auto", "one", "several")] == [count > 1, False, True]  # type: ignore[arg-type]
