"""Faults happen on the disk: a kill shall find a sync under way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="smtpgate-fault-") as directory:
        yield Path(directory)
