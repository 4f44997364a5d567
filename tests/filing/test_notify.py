"""What customers are told, when, how often, and in which language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.actions import set_status
from smtpgate.errors import UsageError
from smtpgate.mail import header
from smtpgate.model import EntryKind, Evidence, Status
from tests.support.helpdesk import CUSTOMER, START, Helpdesk, helpdesk, mail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path) as desk:
        yield desk


async def send_times(desk: Helpdesk) -> list[float]:
    return sorted(round(m.recipients[0].next_at - START) for m in await desk.outgoing())


async def test_at_most_one_acknowledgement_in_thirty_minutes_but_no_number_is_lost(desk: Helpdesk) -> None:
    for i in range(3):
        await desk.post(mail(f"subject {i}", f"body {i}"))
    assert await send_times(desk) == [0, 1800, 3600]


async def test_five_acknowledgements_a_day_then_the_ticket_says_why_there_is_none(desk: Helpdesk) -> None:
    filed = [await desk.post(mail(f"subject {i}", f"body {i}")) for i in range(6)]
    assert [len(f.sent) for f in filed] == [1, 1, 1, 1, 1, 0]
    last = (await desk.ticket(filed[-1].number)).entries[-1]
    assert last.kind is EntryKind.EVENT
    assert "5 acknowledgements" in last.text


async def test_the_caps_are_for_each_address(desk: Helpdesk) -> None:
    await desk.post(mail("a", "a"))
    await desk.post(mail("b", "b", sender="bob@customer.example"), sender="bob@customer.example")
    assert await send_times(desk) == [0, 0]


async def test_sixty_a_minute_to_everybody_the_rest_in_the_next_minutes(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, limits={"acknowledgements_per_minute": 2}) as desk:
        for i in range(5):
            sender = f"c{i}@customer.example"
            await desk.post(mail(f"s{i}", f"b{i}", sender=sender), sender=sender)
        assert await send_times(desk) == [0, 0, 60, 60, 120]


async def test_a_ticket_with_many_machine_mails_falls_silent(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, limits={"machine_mails_per_hour": 3}) as desk:
        first = await desk.post(mail())
        assert first.number
        for i in range(3):
            await desk.post(mail(f"Auto: [#{first.number}]", f"away {i}", headers=["Auto-Submitted: auto-replied"]))
        await set_status(desk.pipeline, desk.store, number=first.number, status=Status.CLOSED, note="", message="", author="a")
        again = await desk.post(mail(f"Re: [#{first.number}]", "hello?"))
        assert (again.decision["outcome"], again.purposes) == ("joined", [])


@pytest.mark.parametrize(
    ("subject", "body", "language"),
    [
        ("打印机着火了", "您好，打印机冒烟了，请尽快处理，谢谢。", "zh-CN"),
        ("Printer on fire", "Hello, the printer is on fire, please help me soon. Thank you!", "en"),
    ],
)
async def test_the_answer_is_in_the_customers_language(desk: Helpdesk, subject: str, body: str, language: str) -> None:
    filed = await desk.post(mail(subject, body))
    fields, _ = header.split(filed.sent[0].data)
    assert header.first(fields, "content-language") == language


async def test_a_desk_may_choose_not_to_acknowledge(tmp_path: Path) -> None:
    desks = [{"name": "support", "address": "support@help.example", "acknowledge": False}]
    async with helpdesk(tmp_path, desk=desks) as desk:
        assert (await desk.post(mail())).purposes == []


@pytest.mark.parametrize(
    ("status", "purpose"),
    [(Status.PROGRESS, "progress"), (Status.WAITING, "waiting"), (Status.RESOLVED, "resolved"), (Status.CLOSED, "closed")],
)
async def test_a_change_of_state_tells_the_customer(desk: Helpdesk, status: Status, purpose: str) -> None:
    first = await desk.post(mail())
    assert first.number
    said = await set_status(
        desk.pipeline, desk.store, number=first.number, status=status, note="secret inside", message="Have a look", author="a@b"
    )
    detail = await desk.ticket(first.number)
    assert detail.ticket.status is status
    assert CUSTOMER in said
    sent = [s for s in detail.sent if s.purpose == purpose]
    assert len(sent) == 1
    stored = await desk.store.outgoing(sent[0].outgoing_id)
    assert stored is not None
    assert b"secret" not in stored.mail.data
    kinds = [e.kind for e in detail.entries]
    assert kinds == [EntryKind.CUSTOMER, EntryKind.EVENT, EntryKind.NOTE, EntryKind.STATUS]


async def test_the_answer_to_a_status_mail_threads(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    assert first.number
    await set_status(desk.pipeline, desk.store, number=first.number, status=Status.WAITING, note="", message="Which?", author="a")
    entry = (await desk.ticket(first.number)).entries[-1]
    again = await desk.post(mail("no number", "this one", headers=[f"In-Reply-To: {entry.message_id}"]))
    assert again.number == first.number


async def test_no_such_ticket_and_no_change_are_said_and_change_nothing(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    assert first.number
    with pytest.raises(UsageError, match="no ticket"):
        await set_status(desk.pipeline, desk.store, number="X-1", status=Status.CLOSED, note="", message="", author="a")
    with pytest.raises(UsageError, match="already"):
        await set_status(desk.pipeline, desk.store, number=first.number, status=Status.RECEIVED, note="", message="", author="a")
    assert len((await desk.ticket(first.number)).entries) == 1


async def test_a_silent_ticket_of_a_machine_is_never_written_to(desk: Helpdesk) -> None:
    filed = await desk.post(mail("cron", "done", headers=["Auto-Submitted: auto-generated"]), evidence=Evidence.DMARC_DKIM)
    assert filed.number
    said = await set_status(desk.pipeline, desk.store, number=filed.number, status=Status.CLOSED, note="", message="", author="a")
    assert "no mail was sent" in said
