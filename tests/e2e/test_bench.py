"""The benchmark at its smallest: it runs, and its figures are counted ones."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Bench = Callable[[str], str]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bench:
    """`python -m benchmarks` with these words, in this process: its gateways are forks then. What it wrote."""

    def run(words: str) -> str:
        monkeypatch.setattr("sys.argv", ["benchmarks", *words.split()])
        with pytest.raises(SystemExit) as end:
            runpy.run_module("benchmarks", run_name="__main__", alter_sys=True)
        out, err = capfd.readouterr()
        assert end.value.code == 0, out + err
        return out

    return run


def test_the_benchmark_counts_what_it_measures(bench: Bench) -> None:
    """Each cell checks for itself that as many mails are stored, verified, filed and answered as were sent."""
    said = bench("--mails 20 --sizes 4 30 --connections 3 --no-postfix")
    cells = [[part.strip() for part in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("| ")][1:]
    assert [(c[0], c[1], c[3]) for c in cells] == [
        (name, size, "20") for size in ("4 KB", "30 KB") for name in ("bare aiosmtpd", "gateway", "gateway, trusted network")
    ]
    assert all(float(c[4]) > 0 and float(c[7]) > 0 and float(c[8]) > 0 for c in cells)


def test_the_goals_are_compared_with_the_naive_composition(bench: Bench) -> None:
    """Both sides count for themselves that everything is verified, filed and, here, delivered."""
    said = bench("goals --runs 1 --mails 8 --only delivered")
    rows = [line for line in said.splitlines() if "naive composition" in line]
    assert len(rows) == 2, said
    assert all(float(row.split("|")[3]) > 0 for row in rows)


@pytest.mark.skipif(not shutil.which("smtp-sink") and not Path("/usr/sbin/smtp-sink").exists(), reason="smtp-sink is not installed")
def test_a_queue_is_sent_and_counted(bench: Bench) -> None:
    """It checks for itself that each mail was sent in one attempt."""
    said = bench("sending --runs 1 --mails 20 --no-postfix")
    row = [part.strip() for part in said.splitlines()[-1].split("|")[1:-1]]
    assert row[0] == "gateway, signing each"
    assert float(row[1]) > 0
    assert float(row[2]) > 0
