"""A mail of nothing but thanks: kept on a resolved ticket, which stays resolved; told to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpgate.actions import set_status
from smtpgate.model import EntryKind, Status
from tests.support.helpdesk import helpdesk, mail


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
async def test_thanks_reopen_nothing(tmp_path: Path, status: Status) -> None:
    async with helpdesk(tmp_path) as desk:
        first = await desk.post(mail())
        await set_status(desk.pipeline, desk.store, number=first.number, status=status, note="", message="", author="a")
        thanks = await desk.post(mail(f"Re: [#{first.number}]", "Thank you very much, it works now!"))
        found = await desk.store.ticket(first.number)
        assert found is not None
        assert found.ticket.status is status
        assert thanks.sent == ()
        assert (found.entries[-1].kind, "thanks" in found.entries[-1].marks) == (EntryKind.CUSTOMER, True)


async def test_thanks_and_a_question_reopen(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        first = await desk.post(mail())
        await set_status(desk.pipeline, desk.store, number=first.number, status=Status.RESOLVED, note="", message="", author="a")
        await desk.post(mail(f"Re: [#{first.number}]", "Thank you! Can you also look at the fax?"))
        found = await desk.store.ticket(first.number)
        assert found is not None
        assert found.ticket.status is Status.PROGRESS


async def test_a_desk_that_wants_it_reopens_on_thanks_too(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, tickets={"thanks": "reopen"}) as desk:
        first = await desk.post(mail())
        await set_status(desk.pipeline, desk.store, number=first.number, status=Status.RESOLVED, note="", message="", author="a")
        await desk.post(mail(f"Re: [#{first.number}]", "Thank you!"))
        found = await desk.store.ticket(first.number)
        assert found is not None
        assert found.ticket.status is Status.PROGRESS


async def test_an_answer_that_was_waited_for_counts_even_if_it_is_only_thanks(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        first = await desk.post(mail())
        await set_status(
            desk.pipeline, desk.store, number=first.number, status=Status.WAITING, note="", message="Which?", author="a"
        )
        await desk.post(mail(f"Re: [#{first.number}]", "Thank you!"))
        found = await desk.store.ticket(first.number)
        assert found is not None
        assert found.ticket.status is Status.PROGRESS
