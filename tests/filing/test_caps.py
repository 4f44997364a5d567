"""Nobody is made to flood anybody: the caps hold against forged spellings of one address, many addresses, wrong clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpgate.model import Evidence
from tests.support.helpdesk import CUSTOMER, START, Helpdesk, helpdesk, mail

DAY = 86400.0


async def notices(desk: Helpdesk, senders: list[str]) -> int:
    sent = 0
    for i, sender in enumerate(senders):
        filed = await desk.post(mail(f"s{i}", f"b{i}", sender=sender), sender=sender, evidence=Evidence.NONE)
        assert filed.outcome == "new"
        sent += len(filed.sent)
    return sent


async def test_one_notice_a_day_for_a_mailbox_however_its_address_is_written(tmp_path: Path) -> None:
    spellings = ["victim@plain.example", "VICTIM@plain.example", "vicTim+a@plain.example", "victim+b@plain.example"]
    async with helpdesk(tmp_path) as desk:
        assert await notices(desk, [*spellings, '"victim"@plain.example']) == 1


async def test_notices_to_everybody_are_capped_and_take_no_minute_from_customers(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, limits={"acknowledgements_per_minute": 5}) as desk:
        assert await notices(desk, [f"u{i}@plain.example" for i in range(20)]) == 5
        filed = await desk.post(mail())
        assert [m.recipients[0].next_at - START for m in filed.sent] == [60]


@pytest.mark.parametrize("jump", [-30 * DAY, -365 * DAY])
async def test_a_clock_that_was_ahead_delays_no_answer(tmp_path: Path, jump: float) -> None:
    async with helpdesk(tmp_path) as desk:
        await desk.post(mail("a", "a"))
        desk.clock.advance(jump)
        filed = await desk.post(mail("b", "b"))
        assert [m.recipients[0].next_at for m in filed.sent] == [desk.clock.now()]


async def test_after_the_clock_went_back_the_same_words_are_a_new_matter(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        await desk.post(mail("a", "a", message_id="<1@customer.example>"))
        desk.clock.advance(-DAY)
        again = await desk.post(mail("a", "a", message_id="<2@customer.example>"))
        assert again.outcome == "new"


async def test_mails_that_answer_each_other_wait_only_for_a_while_even_when_the_clock_goes_back(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        one = await desk.accept(mail("a", "a", message_id="<a@x.example>", headers=["In-Reply-To: <b@x.example>"]))
        two = await desk.accept(mail("b", "b", message_id="<b@x.example>", headers=["In-Reply-To: <a@x.example>"]))
        desk.clock.advance(-3600)
        await desk.work()
        assert {(await desk.look(m)).outcome for m in (one, two)} <= {"new", "joined"}
        assert (await desk.look(one)).mail.envelope.mail_from == CUSTOMER


async def test_the_numbers_of_one_mail_go_out_together(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, tickets={"several_desks": "each"}) as desk:
        await desk.post(mail("a", "a"))
        both = await desk.post(mail("b", "b"), rcpts=("support@help.example", "sales@help.example"))
        assert [m.recipients[0].next_at - START for m in both.sent] == [1800, 1800]
