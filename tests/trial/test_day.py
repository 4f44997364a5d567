"""A day in the life, as the judge of it runs it: `python -m tests.trial.day`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.trial.day import live
from tests.trial.scene import missing

pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(missing()), reason=missing() or "all is here")]


@pytest.mark.timeout(600)
def test_a_day_in_the_life() -> None:
    with tempfile.TemporaryDirectory(prefix="smtpgate-day-") as temporary:
        Path(temporary).chmod(0o755)
        assert len(live(Path(temporary)).numbers) == 2
