"""The repeat rule: what counts as the same mail, within which time, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.model import EntryKind, Evidence
from tests.support.helpdesk import Helpdesk, helpdesk, mail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path) as desk:
        yield desk


@pytest.mark.parametrize(("minutes", "repeat"), [(0, True), (29, True), (30, True), (31, False)])
async def test_within_thirty_minutes_of_the_first_copy(desk: Helpdesk, minutes: int, repeat: bool) -> None:
    first = await desk.post(mail(message_id="<1@c>"))
    desk.clock.advance(minutes * 60)
    again = await desk.post(mail(message_id="<2@c>"))
    assert again.outcome == ("repeat" if repeat else "new")
    assert (again.number == first.number) is repeat


async def test_the_same_answer_to_what_is_only_quoted_is_not_a_repeat(desk: Helpdesk) -> None:
    body = "Thanks!\n\nOn Mon, 1 Jan 2026, Support wrote:\n> Order {} has been sent.\n"
    first = await desk.post(mail("Re: Your order", body.format(1), message_id="<1@c>"))
    other = await desk.post(mail("Re: Your order", body.format(2), message_id="<2@c>"))
    again = await desk.post(mail("Re: Your order", body.format(2), message_id="<3@c>"))
    assert [first.outcome, other.outcome, again.outcome] == ["new", "new", "repeat"]
    assert again.number == other.number != first.number


async def test_a_foreign_number_in_brackets_is_content_and_ours_is_none(desk: Helpdesk) -> None:
    first = await desk.post(mail("Alarm [INC-1001]", "It burns.", message_id="<1@c>"))
    other = await desk.post(mail("Alarm [INC-1002]", "It burns.", message_id="<2@c>"))
    again = await desk.post(mail(f"Alarm [INC-1001] [#{first.number}]", "It burns.", message_id="<3@c>"))
    assert [first.outcome, other.outcome, again.outcome, again.number] == ["new", "new", "repeat", first.number]


async def test_the_window_does_not_slide(desk: Helpdesk) -> None:
    await desk.post(mail(message_id="<1@c>"))
    desk.clock.advance(20 * 60)
    assert (await desk.post(mail(message_id="<2@c>"))).outcome == "repeat"
    desk.clock.advance(20 * 60)
    assert (await desk.post(mail(message_id="<3@c>"))).outcome == "new"


async def test_a_repeat_is_kept_linked_and_told_once(desk: Helpdesk) -> None:
    first = await desk.post(mail(message_id="<1@c>"))
    second = await desk.post(mail(message_id="<2@c>"))
    third = await desk.post(mail(message_id="<3@c>"))
    assert [first.purposes, second.purposes, third.purposes] == [["received"], ["repeat"], []]
    entries = (await desk.ticket(first.number)).entries
    assert [e.kind for e in entries] == [EntryKind.CUSTOMER, EntryKind.REPEAT, EntryKind.REPEAT]
    assert [e.rung for e in entries] == ["new", "repeat", "repeat"]
    assert [e.repeat_of for e in entries] == [None, entries[0].id, entries[0].id]


async def test_the_same_mail_delivered_twice_is_linked_at_any_time_and_nobody_is_told(desk: Helpdesk) -> None:
    first = await desk.post(mail(message_id="<1@c>"))
    desk.clock.advance(3600)
    again = await desk.post(mail(message_id="<1@c>"))
    assert (again.outcome, again.number, again.purposes) == ("repeat", first.number, [])


async def test_the_same_message_id_with_other_content_is_not_a_repeat(desk: Helpdesk) -> None:
    first = await desk.post(mail(body="one", message_id="<1@c>"))
    again = await desk.post(mail(body="two", message_id="<1@c>"))
    assert (again.outcome, again.number != first.number) == ("new", True)


async def test_another_sender_or_desk_or_text_is_not_a_repeat(desk: Helpdesk) -> None:
    await desk.post(mail())
    other = await desk.post(mail(sender="bob@customer.example"), sender="bob@customer.example")
    sales = await desk.post(mail(to="sales@help.example"), rcpts=("sales@help.example",))
    text = await desk.post(mail(body="It still burns."))
    assert {other.outcome, sales.outcome, text.outcome} == {"new"}


async def test_unproved_mail_cannot_suppress_proved_mail(desk: Helpdesk) -> None:
    forged = await desk.post(mail(message_id="<1@c>"), evidence=Evidence.NONE)
    real = await desk.post(mail(message_id="<1@c>"), evidence=Evidence.DMARC_DKIM)
    again = await desk.post(mail(message_id="<2@c>"), evidence=Evidence.DMARC_DKIM)
    assert [forged.outcome, real.outcome, again.outcome] == ["new", "new", "repeat"]
    assert again.number == real.number


async def test_an_unproved_repeat_of_a_proved_mail_tells_nobody(desk: Helpdesk) -> None:
    first = await desk.post(mail(message_id="<1@c>"))
    again = await desk.post(mail(message_id="<2@c>"), evidence=Evidence.NONE)
    assert (again.outcome, again.number, again.purposes) == ("repeat", first.number, [])


async def test_the_same_short_answer_to_two_tickets_joins_both(desk: Helpdesk) -> None:
    one, two = await desk.post(mail("one", "first")), await desk.post(mail("two", "second"))
    a = await desk.post(mail(f"Re: [#{one.number}] x", "thanks", message_id="<a@c>"))
    b = await desk.post(mail(f"Re: [#{two.number}] x", "thanks", message_id="<b@c>"))
    assert [(a.outcome, a.number), (b.outcome, b.number)] == [("joined", one.number), ("joined", two.number)]


async def test_the_same_short_answer_to_two_questions_is_no_repeat(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    ids = [first.sent[0].message_id, "<question2@help.example>"]
    yes = [
        await desk.post(mail(f"Re: [#{first.number}]", "yes", headers=[f"In-Reply-To: {i}"], message_id=f"<y{i[1:]}")) for i in ids
    ]
    assert [y.outcome for y in yes] == ["joined", "joined"]


async def test_two_copies_at_the_same_moment_give_one_ticket(desk: Helpdesk) -> None:
    ids = await asyncio.gather(*(desk.accept(mail(message_id=f"<{i}@c>")) for i in range(10)))
    mails = await desk.store.claim(worker="test", now=desk.clock.now(), lease=60, limit=10)
    await desk.take(*mails)
    outcomes = sorted([(await desk.look(i)).outcome for i in ids])
    assert outcomes == ["new", *["repeat"] * 9]
    assert len(await desk.tickets()) == 1


async def test_the_rule_survives_a_restart(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        first = await desk.post(mail(message_id="<1@c>"))
    async with helpdesk(tmp_path) as desk:
        assert (await desk.post(mail(message_id="<2@c>"))).number == first.number


async def test_a_mail_whose_lease_ended_under_it_is_in_hand_twice_and_filed_once(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        await desk.accept(mail())
        now = desk.clock.now()
        (one,) = await desk.store.claim(worker="test", now=now, lease=60.0, limit=9)
        desk.filing._in_hand[one.id] = now  # both times
        parsed = await desk.filing.parser.parse(one.raw, mail_from=one.envelope.mail_from)
        await asyncio.gather(desk.filing._one(one, parsed), desk.filing._one(one, parsed))
        assert desk.filing._in_hand == {}
        assert len(await desk.outgoing()) == 1
