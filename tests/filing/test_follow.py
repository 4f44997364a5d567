"""Who writes again long after his ticket has ended gets a new one, linked with it; and whatever leads to the old leads on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smtpgate.links import LinkKind
from smtpgate.model import EntryKind, Evidence, Status
from tests.filing.test_agent import AGENTS, DESKS, LEE, Colleague, begin, sent_to, text_of, to
from tests.filing.test_later import DAY, customer_says
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk, mail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk
        assert await desk.store.check() == []


async def closed(desk: Helpdesk, command: str = "#closed") -> Filed:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), command)
    return first


async def long_after(desk: Helpdesk, days: float = 31, **how: Any) -> tuple[Filed, Filed]:
    first = await closed(desk)
    desk.clock.advance(days * DAY)
    return first, await customer_says(desk, first, "It burns again.", **how)


async def test_within_the_time_it_is_reopened_as_often_as_need_be(desk: Helpdesk) -> None:
    first = await closed(desk)
    for text in ("It burns again.", "And again."):
        desk.clock.advance(29 * DAY)
        again = await customer_says(desk, first, text)
        assert (again.number, again.outcome) == (first.number, "joined")
        assert (await desk.ticket(first.number)).ticket.status is Status.PROGRESS
        await Colleague(desk).answer(to(again, LEE, "to-agent"), "#closed")


async def test_later_a_linked_new_one_is_opened_and_the_customer_told_why(desk: Helpdesk) -> None:
    first, again = await long_after(desk)
    assert again.outcome == "new"
    assert again.number not in (None, first.number)
    letter = " ".join(text_of(to(again, CUSTOMER, "received")).split())
    assert f"Your request {first.number} ended some time ago, so this is a new one" in letter
    assert str(again.number) in letter
    told = text_of(to(again, LEE, "to-agent"))
    assert f"follows #{first.number}" in told
    old, new = (await desk.ticket(first.number)), (await desk.ticket(again.number))
    assert [(link.kind, link.number) for link in new.ticket.links] == [(LinkKind.FOLLOWS, first.number)]
    assert [(link.kind, link.number) for link in old.ticket.links] == [(LinkKind.FOLLOWED_BY, again.number)]
    assert (old.ticket.status, new.ticket.subject) == (Status.CLOSED, "Printer on fire")
    assert new.ticket.customer is not None
    assert new.ticket.customer.address == CUSTOMER
    assert (old.entries[-1].kind, again.number in old.entries[-1].text) == (EntryKind.EVENT, True)  # type: ignore[operator]


async def test_what_is_written_to_the_old_one_reaches_the_new_one(desk: Helpdesk) -> None:
    first, again = await long_after(desk)
    further = await customer_says(desk, first, "Now the carpet, too.")
    assert (further.outcome, further.number) == ("joined", again.number)
    by_number = await desk.post(mail(f"Re: [#{first.number}]", "And the curtain."))
    assert by_number.number == again.number
    await Colleague(desk).answer(to(again, LEE, "to-agent"), "#closed")
    reopened = await customer_says(desk, first, "It burns a third time.")
    assert reopened.number == again.number
    assert (await desk.ticket(again.number)).ticket.status is Status.PROGRESS


async def test_years_later_the_newest_of_the_line_goes_on(desk: Helpdesk) -> None:
    first, again = await long_after(desk)
    await Colleague(desk).answer(to(again, LEE, "to-agent"), "#closed")
    desk.clock.advance(40 * DAY)
    third = await customer_says(desk, first, "A third time.")
    assert third.number not in (first.number, again.number)
    links = (await desk.ticket(third.number)).ticket.links
    assert [(link.kind, link.number) for link in links] == [(LinkKind.FOLLOWS, again.number)]
    assert (await customer_says(desk, first, "Hear me.")).number == third.number


@pytest.mark.parametrize(("command", "days", "new"), [("#resolved", 31, True), ("#resolved", 29, False), ("#waiting", 300, False)])
async def test_it_counts_from_the_end(desk: Helpdesk, command: str, days: int, *, new: bool) -> None:
    first = await closed(desk, command)
    desk.clock.advance((days - 1) * DAY)
    await customer_says(desk, first, "Thank you!" if command == "#resolved" else "Still here")  # thanks do not prolong it
    desk.clock.advance(DAY)
    again = await customer_says(desk, first, "It burns again.")
    assert (again.number != first.number) is new


@pytest.mark.parametrize("evidence", [Evidence.NONE, Evidence.FAIL])
async def test_who_may_not_join_opens_nothing_that_is_linked(desk: Helpdesk, evidence: Evidence) -> None:
    first = await closed(desk)
    desk.clock.advance(40 * DAY)
    await desk.post(mail(f"Re: [#{first.number}]", "It burns again."), evidence=evidence)
    assert (await desk.ticket(first.number)).ticket.links == ()


async def test_a_stranger_an_agent_and_a_machine_follow_nothing(desk: Helpdesk) -> None:
    first = await closed(desk)
    told = to(first, LEE, "to-agent")
    desk.clock.advance(40 * DAY)
    assert first.number is not None
    other = "eve@other.example"
    await desk.post(mail(f"Re: [#{first.number}]", "Hello", sender=other), sender=other)
    away = mail(f"Re: [#{first.number}] Printer on fire", "I am on holiday.", headers=("Auto-Submitted: auto-replied",))
    await desk.post(away)
    answered = await Colleague(desk).answer(told, "How is it by now?")
    assert answered.number == first.number
    assert (await desk.ticket(first.number)).ticket.links == ()


async def test_spam_is_answered_no_sooner_for_being_old(desk: Helpdesk) -> None:
    first = await closed(desk, "#spam")
    desk.clock.advance(40 * DAY)
    again = await customer_says(desk, first, "Buy now.")
    assert again.number == first.number
    assert ("received", CUSTOMER) not in sent_to(again)


async def test_the_status_of_an_old_one_can_still_be_asked(desk: Helpdesk) -> None:
    first = await closed(desk)
    desk.clock.advance(40 * DAY)
    asked = await customer_says(desk, first, "status")
    assert sent_to(asked) == [("status", CUSTOMER)]
    assert len(await desk.tickets()) == 1


async def test_where_no_time_is_set_it_is_always_reopened(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, tickets={"reopen_within": "0s"}) as desk:
        first, again = await long_after(desk, 900)
        assert again.number == first.number


async def test_the_same_mail_delivered_twice_opens_one(desk: Helpdesk) -> None:
    first = await closed(desk)
    desk.clock.advance(40 * DAY)
    raw = mail(f"Re: [#{first.number}] Printer on fire", "It burns again.")
    one, two = await desk.post(raw), await desk.post(raw)
    assert (one.outcome, two.outcome, two.number) == ("new", "repeat", one.number)
    assert len(await desk.tickets()) == 2
