"""What is new in an answer, filed beside what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.handlers.answer import of_agent
from smtpgate.mail import parent
from smtpgate.mail.parse import parse
from tests.support.helpdesk import Helpdesk, helpdesk, mail, make_config

HEADER = "\n\nFrom: Support <support@example.com>\nSent: Friday, January 2, 2026 3:04 PM\nTo: Alice\nSubject: RE: Printer\n\n"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path) as desk:
        yield desk


async def last_text(desk: Helpdesk, number: str | None) -> str:
    return (await desk.ticket(number)).entries[-1].text


async def test_answers_within_our_letter_reach_the_ticket(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    sent = first.sent[0]
    quoted = parent.texts_of(sent.data)[0].split("\n")
    woven = "\n".join([*quoted[:5], "", "But I have another number.", "", *quoted[5:]])
    again = await desk.post(mail("Re: Printer", f"Hello,{HEADER}{woven}", headers=[f"In-Reply-To: {sent.message_id}"]))
    assert again.number == first.number
    text = await last_text(desk, again.number)
    assert text.startswith("Hello,")
    assert "But I have another number." in text
    assert quoted[-2] not in text


async def test_the_customers_own_mail_counts_too(desk: Helpdesk) -> None:
    said = "The printer in room four is broken since Monday.\nIt makes a noise like an old tractor does."
    await desk.post(mail("Printer", said, message_id="<one@customer.example>"))
    again = await desk.post(mail("Re: Printer", f"It works again.\n\n{said}\n", headers=["In-Reply-To: <one@customer.example>"]))
    assert await last_text(desk, again.number) == "It works again."


async def test_a_strangers_mail_is_no_evidence(desk: Helpdesk) -> None:
    said = "The printer in room four is broken since Monday.\nIt makes a noise like an old tractor does."
    await desk.post(mail("Printer", said, message_id="<one@customer.example>"))
    other = "bob@other.example"
    again = await desk.post(
        mail("Re: Printer", f"It works again.\n\n{said}\n", sender=other, headers=["In-Reply-To: <one@customer.example>"]),
        sender=other,
    )
    assert "tractor" in await last_text(desk, again.number)


def test_an_address_below_his_words_is_how_a_client_signs_for_its_agent() -> None:
    parsed = parse(mail(body="On our way.\n\n\n lee@corp.example\n"), mail_from="lee@corp.example", limits=make_config().limits)
    assert of_agent(parsed, "Lee@corp.example").reply == "On our way."
    assert of_agent(parsed, "").reply == parsed.reply
    asked = parse(mail(body="Write to\nlee@corp.example\nplease."), mail_from="lee@corp.example", limits=make_config().limits)
    assert of_agent(asked, "lee@corp.example").reply == asked.reply
