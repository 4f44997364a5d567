"""The admin changes the number pattern in the middle of a day: numbers stay unique, and no mail waits for tomorrow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smtpgate.errors import StoreMisuse
from smtpgate.model import MailState
from tests.support.helpdesk import DESK, Helpdesk, helpdesk, mail

PATTERNS = ["{date}-{channel}-{serial:04}", "{date}-EML-{serial:04}", "{date}-{channel}-{serial}", "{date}-EML-{serial}"]


async def post(desk: Helpdesk, name: str, rcpts: Sequence[str] = (DESK,)) -> list[str]:
    filed = await desk.post(mail(name, name), rcpts=rcpts)
    assert filed.mail.state is MailState.FILED
    return list(filed.decision["tickets"])


@pytest.mark.parametrize("second", PATTERNS[1:])
async def test_numbers_that_an_earlier_pattern_made_are_passed_by(tmp_path: Path, second: str) -> None:
    numbers: list[str] = []
    for life, pattern in enumerate((PATTERNS[0], second, PATTERNS[0], second)):
        async with helpdesk(tmp_path, tickets={"number_pattern": pattern}) as desk:
            for i in range(3):
                desk.clock.advance(3600 * life + 60 * i + 60)
                numbers += await post(desk, f"{life} {i}")
    assert len(set(numbers)) == len(numbers) == 12


async def test_two_desks_with_a_ticket_each_need_two_free_numbers(tmp_path: Path) -> None:
    desks: list[dict[str, Any]] = [{"name": n, "address": f"{n}@help.example"} for n in ("support", "sales")]
    both = ("support@help.example", "sales@help.example")
    async with helpdesk(tmp_path, desk=desks) as desk:
        await post(desk, "one")
        await post(desk, "two")
    async with helpdesk(tmp_path, desk=desks, tickets={"number_pattern": PATTERNS[1], "several_desks": "each"}) as desk:
        desk.clock.advance(60)
        assert await post(desk, "both", both) == ["20260102-EML-0003", "20260102-EML-0004"]
        desk.clock.advance(60)
        assert await post(desk, "next") == ["20260102-EML-0005"]


async def test_what_the_store_will_never_take_is_poison_and_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with helpdesk(tmp_path) as desk:

        async def refuse(*_: Any, **__: Any) -> None:
            raise StoreMisuse("UNIQUE constraint failed")

        mail_id = await desk.accept(mail())
        monkeypatch.setattr(type(desk.store), "file", refuse)
        for _ in range(3):
            await desk.work()
            desk.clock.advance(120)
        assert (await desk.look(mail_id)).mail.state is MailState.POISON
