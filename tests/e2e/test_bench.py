"""The benchmark at its smallest: it runs, and its figures are counted ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway import ROOT


def test_the_benchmark_counts_what_it_measures() -> None:
    """Each cell checks for itself that as many mails are stored, verified, filed and answered as were sent."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--mails", "20", "--sizes", "4", "30", "--connections", "3", "--no-postfix"],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    cells = [[part.strip() for part in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [(c[0], c[1], c[3]) for c in cells] == [
        (name, size, "20") for size in ("4 KB", "30 KB") for name in ("bare aiosmtpd", "gateway", "gateway, trusted network")
    ]
    assert all(float(c[4]) > 0 and float(c[7]) > 0 and float(c[8]) > 0 for c in cells)


def test_the_goals_are_compared_with_the_naive_composition() -> None:
    """Both sides count for themselves that everything is verified, filed and, here, delivered."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "goals", "--runs", "1", "--mails", "8", "--only", "delivered"],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if "naive composition" in line]
    assert len(rows) == 2, done.stdout
    assert all(float(row.split("|")[3]) > 0 for row in rows)


@pytest.mark.skipif(not shutil.which("smtp-sink") and not Path("/usr/sbin/smtp-sink").exists(), reason="smtp-sink is not installed")
def test_a_queue_is_sent_and_counted() -> None:
    """It checks for itself that each mail was sent in one attempt."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "sending", "--runs", "1", "--mails", "20", "--no-postfix"],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    row = [part.strip() for part in done.stdout.splitlines()[-1].split("|")[1:-1]]
    assert row[0] == "gateway, signing each"
    assert float(row[1]) > 0
    assert float(row[2]) > 0
