"""A sync that fails, one after the other, in a real process: `python -m tests.fault.syscalls` goes on to the last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.syscalls import missing, one

pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(missing()), reason=missing() or "it is there")]


@pytest.mark.parametrize("number", range(1, 13))
def test_a_failed_sync_costs_no_mail_that_got_its_250(number: int, tmp_path: Path) -> None:
    assert one(tmp_path, "fdatasync", "EIO", number).problems == []
