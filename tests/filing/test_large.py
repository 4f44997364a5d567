"""A large mail whose file is lost or away: its own misfortune, told, and mended by bringing the file back."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpgate.actions import file_opaque
from smtpgate.errors import UsageError
from smtpgate.model import MailState
from tests.support.helpdesk import helpdesk, mail

LARGE = mail("Large", "It burns.\n" * 30_000)


async def test_a_lost_file_makes_poison_and_a_found_one_files_it(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        large = await desk.accept(LARGE)
        (file,) = (path for path in (tmp_path / "desk.db.files").rglob("*") if path.is_file())
        file.rename(tmp_path / "lost")
        other = await desk.post(mail())
        assert other.outcome == "new"
        for _ in range(3):
            await desk.work()
            desk.clock.advance(61)
        found = (await desk.look(large)).mail
        assert found.state is MailState.POISON
        assert "is missing" in found.reason
        with pytest.raises(UsageError, match="stays poison: its file"):
            await file_opaque(desk.pipeline, desk.store, large, worker="admin")
        (tmp_path / "lost").rename(file)
        await desk.store.settle_mail(large, expect=[MailState.POISON], to=MailState.ACCEPTED, reason="replay")
        await desk.work()
        filed = await desk.look(large)
        assert (filed.outcome, filed.mail.raw) == ("new", LARGE)


async def test_a_disk_that_is_away_counts_no_failure(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        large = await desk.accept(LARGE)
        (tmp_path / "desk.db.files").rename(tmp_path / "away")
        for _ in range(5):
            await desk.work()
            desk.clock.advance(61)
        assert (await desk.look(large)).mail.state is MailState.ACCEPTED
        (tmp_path / "away").rename(tmp_path / "desk.db.files")
        await desk.work()
        assert (await desk.look(large)).outcome == "new"
