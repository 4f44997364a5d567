"""What time brings: snoozed tickets come back, customers are reminded once, tickets end by themselves, and what stops each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from smtpgate import metrics
from smtpgate.due import Due, Leave
from smtpgate.errors import StoreError
from smtpgate.handlers import later as handlers_later
from smtpgate.later import POLL, Later
from smtpgate.model import Evidence, MailState, OutgoingMail, Status, Ticket
from smtpgate.store.api import Changes
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, begin, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

HOUR, DAY = 3600.0, 86_400.0
QUIET = [{**agent, "digest": ""} for agent in AGENTS]  # their digests are another matter


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=QUIET) as desk:
        yield desk
        assert await desk.store.check() == []


async def pass_by(desk: Helpdesk, seconds: float) -> list[tuple[str, str]]:
    """Let time pass and do what is due then; what was sent."""
    desk.clock.advance(seconds)
    before = {mail.id for mail in await desk.outgoing()}
    later = Later(desk.config, desk.store, desk.pipeline, desk.clock, lambda: None)
    while await later.round():
        pass
    return [(m.purpose, m.recipients[0].address) for m in await desk.outgoing() if m.id not in before]


async def newest(desk: Helpdesk, purpose: str) -> OutgoingMail:
    return [mail for mail in await desk.outgoing() if mail.purpose == purpose][-1]


async def customer_says(desk: Helpdesk, first: Filed, text: str, **how: Any) -> Filed:
    ticket = (await desk.ticket(first.number)).ticket
    raw = mail(f"Re: [#{first.number}] Printer on fire", text)
    return await desk.post(raw, rcpts=(desk.reply_address(ticket),), **how)


async def ended(desk: Helpdesk, command: str = "#resolved") -> Filed:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), command)
    return first


async def status(desk: Helpdesk, first: Filed) -> Status:
    return (await desk.ticket(first.number)).ticket.status


# --- snooze -----------------------------------------------------------------------------------------------------------


async def ask_desk(desk: Helpdesk, line: str, agent: str = LEE, **how: Any) -> Filed:
    return await desk.post(mail("x", line, sender=f"Lee <{agent}>", headers=(f"X-Odd: {desk.clock.now()}",)), sender=agent, **how)


async def test_a_snoozed_ticket_leaves_the_lists_and_comes_back_once(desk: Helpdesk) -> None:
    first = await begin(desk)
    done = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take\n#snooze 3d")
    assert "Out of the lists until 5 January 2026, 10:00 (UTC)" in text_of(to(done, LEE, "receipt"))
    assert first.number not in text_of(to(await ask_desk(desk, "#list"), LEE, "receipt"))
    mine = text_of(to(await ask_desk(desk, "#mine"), LEE, "receipt"))
    assert first.number is not None
    assert first.number in mine
    assert "Snoozed until 5 January 2026, 10:00" in mine
    assert await pass_by(desk, 3 * DAY - 60) == []
    assert await pass_by(desk, 61) == [("to-agent", LEE)]
    assert "You wanted to be reminded" in text_of(await newest(desk, "to-agent"))
    assert await pass_by(desk, 10 * DAY) == []
    assert first.number in text_of(to(await ask_desk(desk, "#list "), LEE, "receipt"))


async def test_what_nobody_has_comes_back_to_the_desk_and_after_an_outage_once(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "#暂缓 3天")
    assert sorted(await pass_by(desk, 30 * DAY)) == [("to-agent", KIM), ("to-agent", LEE)]
    desk.clock._now -= 40 * DAY  # the clock is put back
    assert await pass_by(desk, 0) == []


async def test_the_customers_answer_wakes_it_at_once(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take\n#snooze 3d")
    thanked = await customer_says(desk, first, "It is worse now, the toner leaks.")
    assert sent_to(thanked) == [("to-agent", LEE)]
    assert "Snoozed until" not in text_of(to(thanked, LEE, "to-agent"))
    assert first.number in text_of(to(await ask_desk(desk, "#list"), LEE, "receipt"))  # type: ignore[operator]
    assert await pass_by(desk, 4 * DAY) == []


async def test_a_stranger_wakes_nothing(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take\n#snooze 3d")
    ticket = (await desk.ticket(first.number)).ticket
    other = "eve@other.example"
    await desk.post(mail(f"[#{first.number}]", "Hello", sender=other), sender=other, rcpts=(desk.reply_address(ticket),))
    assert (await desk.ticket(first.number)).ticket.snoozed_until is not None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("2020-01-01", "1 January 2020, 09:00 (UTC) is past"),
        ("2030-01-01", "too far ahead: at most a year"),
        ("2026-02-30", "no such day"),
        ("soon", "it takes a time to come"),
        ("", "say a time to come"),
        ("off", "not snoozed"),
    ],
)
async def test_what_is_no_moment_to_come_is_refused_with_its_reason(desk: Helpdesk, said: str, reason: str) -> None:
    first = await begin(desk)
    refused = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#snooze {said}\n#take")
    assert refused.outcome == "refused"
    assert reason in text_of(to(refused, LEE, "receipt"))
    ticket = (await desk.ticket(first.number)).ticket
    assert (ticket.snoozed_until, ticket.assignee) == (None, "")


async def test_a_snooze_ends_by_word_and_of_what_is_solved_nobody_is_reminded(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    await Colleague(desk).answer(told, "#snooze 3d")
    ended = await Colleague(desk).answer(told, "#snooze off")
    assert "among what waits again" in text_of(to(ended, LEE, "receipt"))
    assert (await desk.ticket(first.number)).ticket.snoozed_until is None
    await Colleague(desk).answer(told, "#snooze 2d")
    await Colleague(desk).answer(told, "#closed")
    assert ("to-agent", LEE) not in await pass_by(desk, 3 * DAY)


async def test_the_moment_is_the_agents_own(tmp_path: Path) -> None:
    agents = [{"address": LEE, "timezone": "Asia/Shanghai", "hours": ["mon-fri 08:30-17:30"]}]
    async with helpdesk(tmp_path, desk=[{**DESKS[0], "agents": [LEE]}], agent=agents) as desk:
        first = await begin(desk)
        done = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#snooze monday")
        assert "until 5 January 2026, 08:30 (Asia/Shanghai)" in text_of(to(done, LEE, "receipt"))
        assert (await desk.ticket(first.number)).ticket.snoozed_until == 1_767_573_000.0


# --- silence ----------------------------------------------------------------------------------------------------------


async def test_a_resolved_ticket_is_reminded_of_once_and_ends(desk: Helpdesk) -> None:
    first = await ended(desk)
    assert await pass_by(desk, 5 * DAY - 60) == []
    assert await pass_by(desk, 61) == [("remind", CUSTOMER)]
    letter = await newest(desk, "remind")
    assert "closed by itself on 9 January 2026, 10:00" in text_of(letter)
    assert read(letter)["Auto-Submitted"] == "auto-generated"
    assert await pass_by(desk, 2 * DAY - 60) == []
    assert await pass_by(desk, 60) == [("closed", CUSTOMER)]
    assert "not heard from you for 7 days" in " ".join(text_of(await newest(desk, "closed")).split())
    assert await status(desk, first) is Status.CLOSED
    assert await pass_by(desk, 100 * DAY) == []


async def test_after_an_outage_the_reminder_comes_first_and_the_end_as_long_after_it_as_ever(desk: Helpdesk) -> None:
    first = await ended(desk)
    assert await pass_by(desk, 40 * DAY) == [("remind", CUSTOMER)]
    assert await pass_by(desk, 2 * DAY - 60) == []
    assert await status(desk, first) is Status.RESOLVED
    assert await pass_by(desk, 60) == [("closed", CUSTOMER)]


async def test_an_answer_stops_it_and_a_new_solution_begins_anew(desk: Helpdesk) -> None:
    first = await ended(desk)
    assert await pass_by(desk, 6 * DAY) == [("remind", CUSTOMER)]
    again = await customer_says(desk, first, "It still smokes, please look again.")
    assert await pass_by(desk, 20 * DAY) == []
    assert await status(desk, first) is Status.PROGRESS
    await Colleague(desk).answer(to(again, LEE, "to-agent"), "#resolved")
    assert await pass_by(desk, 5 * DAY - 60) == []
    assert await pass_by(desk, 60) == [("remind", CUSTOMER)]


@pytest.mark.parametrize("command", ["#resolved", "#waiting"])
async def test_thanks_and_absence_neither_stop_it_nor_begin_it_anew(desk: Helpdesk, command: str) -> None:
    first = await ended(desk, command)
    await pass_by(desk, 3 * DAY)
    if command == "#resolved":  # as an answer that is waited for thanks count
        await customer_says(desk, first, "Thank you very much!")
    away = mail(f"Re: [#{first.number}] Printer on fire", "I am on holiday.", headers=("Auto-Submitted: auto-replied",))
    ticket = (await desk.ticket(first.number)).ticket
    await desk.post(away, rcpts=(desk.reply_address(ticket),))
    assert await status(desk, first) in (Status.RESOLVED, Status.WAITING)
    assert await pass_by(desk, 2 * DAY) == [("remind", CUSTOMER)]


async def test_who_waits_for_the_customer_reminds_once_and_by_default_never_ends(desk: Helpdesk) -> None:
    first = await ended(desk, "#waiting\nWhich printer is it?")
    assert await pass_by(desk, 4 * DAY) == [("remind", CUSTOMER)]
    text = text_of(await newest(desk, "remind"))
    assert "still waiting for your answer" in text
    assert "closed by itself" not in text
    assert await pass_by(desk, 100 * DAY) == []
    assert await status(desk, first) is Status.WAITING


async def test_a_further_question_begins_the_wait_anew(desk: Helpdesk) -> None:
    first = await ended(desk, "#waiting\nWhich printer is it?")
    assert await pass_by(desk, 3 * DAY) == []
    told = [m for m in await desk.outgoing() if m.recipients[0].address == LEE and m.purpose == "to-agent"][-1]
    await Colleague(desk).answer(told, "And which floor?")
    assert await pass_by(desk, 2 * DAY) == []
    assert await pass_by(desk, 2 * DAY) == [("remind", CUSTOMER)]
    assert await status(desk, first) is Status.WAITING


async def test_waiting_ends_where_that_is_set(tmp_path: Path) -> None:
    settings = {"waiting_remind": "2d", "waiting_close": "5d", "close_after": "0s"}
    async with helpdesk(tmp_path, desk=DESKS, agent=QUIET, tickets=settings) as desk:
        first = await ended(desk, "#waiting")
        assert await pass_by(desk, 2 * DAY) == [("remind", CUSTOMER)]
        assert await pass_by(desk, 3 * DAY) == [("closed", CUSTOMER)]
        assert await status(desk, first) is Status.CLOSED
        other = await desk.post(mail("Another", "Something else."))
        await Colleague(desk).answer(to(other, LEE, "to-agent"), "#resolved")
        assert await pass_by(desk, 100 * DAY) == []  # close_after 0s: never


@pytest.mark.parametrize("evidence", [Evidence.NONE, Evidence.DMARC_DKIM])
@pytest.mark.parametrize("head", [(), ("Auto-Submitted: auto-generated",), ("X-Auto-Response-Suppress: All",)])
async def test_nobody_hears_of_the_end_who_was_not_acknowledged(desk: Helpdesk, evidence: Evidence, head: tuple[str, ...]) -> None:
    first = await desk.post(mail(headers=head), evidence=evidence)
    if not (await desk.tickets()):
        return  # held
    told = [m for m in first.sent if m.recipients[0].address == LEE]
    number = (await desk.tickets())[0].number
    if told:
        await Colleague(desk).answer(told[0], "#resolved")
    else:
        from smtpgate.actions import set_status

        await set_status(desk.pipeline, desk.store, number=number, status=Status.RESOLVED, note="", message="", author=LEE)
    heard = [mail for mail in await pass_by(desk, 5 * DAY) if mail[1] == CUSTOMER]
    heard += [mail for mail in await pass_by(desk, 2 * DAY) if mail[1] == CUSTOMER]
    proved = not head and evidence is Evidence.DMARC_DKIM
    assert heard == ([("remind", CUSTOMER), ("closed", CUSTOMER)] if proved else [])
    assert (await desk.ticket(number)).ticket.status is Status.CLOSED


async def test_of_spam_nobody_hears(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    await Colleague(desk).answer(told, "#tag spam")
    await Colleague(desk).answer(told, "#resolved")
    assert await pass_by(desk, 8 * DAY) == []


async def test_who_wants_fewer_notices_hears_only_of_the_end(desk: Helpdesk) -> None:
    first = await begin(desk)
    await customer_says(desk, first, "fewer notices")
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved")
    assert await pass_by(desk, 6 * DAY) == []
    assert await pass_by(desk, DAY) == [("closed", CUSTOMER)]


async def test_whose_answer_is_held_is_not_asked_for_it(desk: Helpdesk) -> None:
    first = await ended(desk, "#waiting\nWhich printer is it?")
    held = await desk.post(mail(f"Re: [#{first.number}] Printer on fire", "The left one."), evidence=Evidence.NONE)
    assert held.outcome == "held"
    assert await pass_by(desk, 5 * DAY) == []
    assert await desk.store.settle_mail(held.mail.id, expect=(MailState.HELD,), to=MailState.DROPPED, reason="no")
    assert await pass_by(desk, DAY) == [("remind", CUSTOMER)]


async def test_who_is_blocked_hears_nothing(desk: Helpdesk) -> None:
    first, second = await ended(desk), await desk.post(mail("Another", "Something else."))
    blocked = await Colleague(desk).answer(to(second, LEE, "to-agent"), "#block")
    assert blocked.outcome == "done"
    assert await pass_by(desk, 8 * DAY) == []
    assert await status(desk, first) is Status.CLOSED


async def test_a_customer_with_many_tickets_gets_no_more_in_a_day_than_the_cap(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=QUIET, limits={"acknowledgements_per_day": 2}) as desk:
        for i in range(3):
            desk.clock.advance(DAY)
            first = await desk.post(mail(f"Printer {i}", f"Number {i} burns."))
            await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved")
        desk.clock.advance(100 * DAY)
        days = [len([m for m in await pass_by(desk, DAY) if m[1] == CUSTOMER]) for _ in range(5)]
        assert (max(days), sum(days)) == (2, 6)  # each reminded once and ended once


async def test_reminders_leave_room_for_new_mail_in_each_minute(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=QUIET, limits={"acknowledgements_per_minute": 2}) as desk:
        for i in range(3):
            desk.clock.advance(60)
            who = f"person{i}@customer.example"
            first = await desk.post(mail("Printer", f"Number {i} burns.", sender=who), sender=who)
            await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved")
        assert len(await pass_by(desk, 6 * DAY)) == 1
        rest = [len(await pass_by(desk, 3600)) for _ in range(3)]
        assert (max(rest) <= 1, sum(rest)) == (True, 2)


# --- leave ------------------------------------------------------------------------------------------------------------

SHIFTS = [{"address": LEE, "hours": ["mon-fri 09:00-18:00"]}, {"address": KIM, "hours": ["sat,sun 09:00-18:00"]}]


async def test_what_nobody_has_goes_to_who_is_on_duty_and_to_all_when_nobody_is(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=SHIFTS) as desk:  # a Friday, 10:00
        assert sent_to(await begin(desk)) == [("received", CUSTOMER), ("to-agent", LEE)]
        desk.clock.advance(DAY)
        assert ("to-agent", LEE) not in sent_to(await desk.post(mail("B", "Saturday")))
        desk.clock.advance(12 * HOUR)
        assert [w for p, w in sent_to(await desk.post(mail("C", "Night"))) if p == "to-agent"] == [KIM, LEE]


async def test_away_by_mail_and_back(desk: Helpdesk) -> None:
    done = await ask_desk(desk, "#away until 2026-01-12")
    assert "You are away until 12 January 2026, 09:00 (UTC)" in text_of(to(done, LEE, "receipt"))
    assert await desk.tickets() == []
    assert sent_to(await begin(desk)) == [("received", CUSTOMER), ("to-agent", KIM)]
    assert sent_to(await ask_desk(desk, "#回来")) == [("receipt", LEE)]
    desk.clock.advance(HOUR)
    assert ("to-agent", LEE) in sent_to(await desk.post(mail("B", "Again")))
    refused = await ask_desk(desk, "#away 2020-01-01")
    assert refused.outcome == "refused"
    assert "is past" in text_of(to(refused, LEE, "receipt"))


async def test_leave_ends_by_itself_and_is_known_to_the_next_start(desk: Helpdesk) -> None:
    await ask_desk(desk, "#休假到1月5日")
    members = await desk.store.members()
    assert members[LEE].leave == Leave(desk.clock.now(), 1_767_603_600.0)
    desk.pipeline.leaves.clear()
    await pass_by(desk, 0)
    assert desk.pipeline.leaves == {LEE: members[LEE].leave}
    desk.clock.advance(4 * DAY)
    assert ("to-agent", LEE) in sent_to(await begin(desk))


async def test_nobody_else_can_send_an_agent_on_leave(desk: Helpdesk) -> None:
    for evidence in (Evidence.NONE, Evidence.DMARC_SPF, Evidence.FAIL):
        assert (await ask_desk(desk, "#away", evidence=evidence)).outcome == "held"
    await ask_desk(desk, "#away", agent="eve@other.example")
    assert await desk.store.members() == {}


async def test_colleagues_hear_of_what_one_on_leave_has(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take")
    await ask_desk(desk, "#away 3d")
    again = await customer_says(desk, first, "It is worse now, the toner leaks.")
    assert sent_to(again) == [("to-agent", KIM), ("to-agent", LEE)]
    assert f"休假中：{LEE}，至 2026年1月5日" in text_of(to(again, KIM, "to-agent"))
    given = await Colleague(desk, KIM).answer(to(again, KIM, "to-agent"), "#take")
    back = await Colleague(desk, KIM).answer(to(again, KIM, "to-agent"), f"#assign {LEE}")
    assert given.outcome == "done"
    assert f"但 {LEE} 休假至 2026年1月5日" in text_of(to(back, KIM, "receipt"))


def test_the_desk_is_the_one_of_the_tests() -> None:
    assert DESKS[0]["address"] == DESK


# --- the loop ---------------------------------------------------------------------------------------------------------


async def test_what_fails_is_put_off_longer_and_longer_and_keeps_nothing_else_up(
    desk: Helpdesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await begin(desk), await desk.post(mail("Another", "Something else."))
    for filed in (first, second):
        await Colleague(desk).answer(to(filed, LEE, "to-agent"), "#take\n#snooze 1h")
    bad, right = (await desk.ticket(first.number)).ticket.id, handlers_later.decide
    tries: list[float] = []

    def breaks(occasion: handlers_later.Occasion, due: Due, ticket: Ticket) -> Changes:
        if ticket.id == bad:
            tries.append(occasion.now)
            raise ZeroDivisionError
        return right(occasion, due, ticket)

    monkeypatch.setattr(handlers_later, "decide", breaks)
    before = {what: count for what, (count,) in metrics.DUE.values.items()}
    assert await pass_by(desk, HOUR) == [("to-agent", LEE)]
    for minutes in (1, 9, 1, 59, 1, 60):
        await pass_by(desk, minutes * 60)
    assert [round((b - a) / 60) for a, b in pairwise(tries)] == [1, 10, 60]
    monkeypatch.setattr(handlers_later, "decide", right)
    assert await pass_by(desk, 7 * HOUR) == [("to-agent", LEE)]
    counted = {what: count - before[what] for what, (count,) in metrics.DUE.values.items() if count != before[what]}
    assert counted == {"snooze": 2, "failed": len(tries)}


async def test_the_loop_goes_round_by_its_clock_does_what_is_due_and_stops(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take\n#snooze 1m")
    sent: list[str] = []
    later = Later(desk.config, desk.store, desk.pipeline, desk.clock, lambda: sent.append("mail"))
    running = asyncio.create_task(later.run())
    try:
        for _ in range(6):
            async with asyncio.timeout(20):
                while not desk.clock.sleeping:
                    await asyncio.sleep(0.001)
            assert sent == []
            desk.clock.advance(POLL)
        async with asyncio.timeout(20):
            while not sent:
                await asyncio.sleep(0.001)
        assert later.beat == desk.clock.monotonic()
    finally:
        later.stop()
        async with asyncio.timeout(20):
            await running
    assert (await desk.ticket(first.number)).ticket.snoozed_until is None


async def test_a_store_that_is_away_is_asked_again(desk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take\n#snooze 1h")
    settle = desk.store.settle_due

    async def away(*_: object, **__: object) -> Changes | None:
        raise StoreError("away")

    monkeypatch.setattr(desk.store, "settle_due", away)
    assert await pass_by(desk, HOUR) == []
    monkeypatch.setattr(desk.store, "settle_due", settle)
    assert await pass_by(desk, 1) == [("to-agent", LEE)]  # no failure of the ticket's: at once


async def test_a_merged_tickets_reminder_is_one_of_the_ticket_that_it_is_part_of(desk: Helpdesk) -> None:
    first, second = await begin(desk), await desk.post(mail("Another", "Something else."))
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take\n#snooze 1h")
    merged = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#merge {second.number}")
    assert merged.outcome == "done"
    assert ("to-agent", LEE) in await pass_by(desk, HOUR)
    assert f"[#{second.number}]" in str(read(await newest(desk, "to-agent"))["Subject"])
    assert await pass_by(desk, DAY) == []


async def test_at_a_quiet_desk_who_asked_for_it_is_reminded_all_the_same(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=[{**DESKS[0], "notify": False}], agent=AGENTS) as desk:
        first = await desk.post(mail())
        shown = await desk.post(mail("", f"#show {first.number}", sender=LEE), sender=LEE)
        await Colleague(desk).answer(to(shown, LEE, "to-agent"), "#take\n#snooze 3h")
        assert await pass_by(desk, 3 * HOUR) == [("to-agent", LEE)]
