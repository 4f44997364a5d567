"""Targets for answers: what counts, what agents are told and when, what they set by hand, and what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from smtpgate import actions
from smtpgate.handlers import alarms
from smtpgate.later import Later
from smtpgate.model import Status
from smtpgate.store import heldalarms
from smtpgate.store.api import Changes
from smtpgate.target import TargetClock
from tests.filing.test_agent import DESKS, KIM, LEE, Colleague, begin, read, text_of, to
from tests.filing.test_later import QUIET, ask_desk, customer_says, newest, pass_by
from tests.filing.test_lost import REFUSED, told, tried
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail, make_config

HOUR, DAY = 3600.0, 86_400.0  # it is Friday, 2 January 2026, 10:00 UTC
BOSS = "boss@corp.example"
TARGETS = {
    "managers": [BOSS],
    "first_answer": {"urgent": 3600.0, "normal": 14_400.0},
    "next_answer": {"normal": 28_800.0},
    "solution": {"normal": 144_000.0},
}
# as if read from a file, where times have units
for name in ("first_answer", "next_answer", "solution"):
    TARGETS[name] = {priority: f"{seconds / 3600:.0f}h" for priority, seconds in TARGETS[name].items()}  # type: ignore[attr-defined]
SUPPORT = {**DESKS[0], "hours": ["mon-fri 09:00-17:00"], "holidays": ["2026-01-06"], "targets": TARGETS}
COUNTED: list[dict[str, Any]] = [SUPPORT, DESKS[1]]
NEVER_PROMISED = "at the latest"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=COUNTED, agent=QUIET) as desk:
        yield desk
        assert await desk.store.check() == []


async def clock(desk: Helpdesk, filed: Filed | str) -> TargetClock:
    found = (await desk.ticket(filed if isinstance(filed, str) else filed.number)).ticket.clock
    assert found is not None
    return found


async def due(desk: Helpdesk, filed: Filed | str) -> str:
    """What is due and when, in UTC."""
    found = await clock(desk, filed)
    return "" if found.due_at is None else f"{datetime.fromtimestamp(found.due_at, UTC):%a %d %H:%M} {found.due.value}"


async def answer(desk: Helpdesk, filed: Filed, text: str, agent: str = LEE) -> Filed:
    return await Colleague(desk, agent).answer(to(filed, agent, "to-agent"), text)


async def met(desk: Helpdesk) -> dict[str, tuple[int, int]]:
    """How often each target was met, and missed."""
    return {one.target.value: (one.met, one.missed) for one in await desk.store.targets_met("support", 0.0, 4e9)}


# --- what counts ------------------------------------------------------------------------------------------------------


async def test_the_first_answer_is_due_in_time_of_work_and_agents_are_shown_until_when(desk: Helpdesk) -> None:
    first = await begin(desk)
    assert await due(desk, first) == "Fri 02 14:00 first"
    assert "Due: Friday, 2 January 2026, 14:00 (first answer)" in text_of(to(first, LEE, "to-agent"))
    assert "期限：2026年1月2日（星期五）14:00（首次答复）" in text_of(to(first, KIM, "to-agent"))
    assert NEVER_PROMISED not in text_of(to(first, CUSTOMER, "received"))
    desk.clock.advance(5 * HOUR)
    late = await desk.post(mail("Toner", "It leaks."))
    assert await due(desk, late) == "Mon 05 11:00 first"
    desk.clock.advance(1.5 * DAY)
    sunday = await desk.post(mail("Paper", "It is blank."))
    assert await due(desk, sunday) == "Mon 05 13:00 first"


async def test_a_further_mail_does_not_overrule_the_first_answer_and_the_next_one_counts_the_customers_gap_alone(
    desk: Helpdesk,
) -> None:
    first = await begin(desk)
    desk.clock.advance(HOUR)
    await customer_says(desk, first, "Still burning.")
    assert await due(desk, first) == "Fri 02 14:00 first"
    await answer(desk, first, "Switch it off.")
    assert await due(desk, first) == "Mon 12 10:00 solution"  # five days of work, and a holiday
    desk.clock.advance(2 * DAY)  # nobody counts how long the customer takes
    asked = await customer_says(desk, first, "Off. And now?")
    assert "Due: Monday, 5 January 2026, 17:00 (next answer)" in text_of(to(asked, LEE, "to-agent"))
    desk.clock.advance(HOUR)
    await customer_says(desk, first, "Hello?")
    assert await due(desk, first) == "Mon 05 17:00 next"
    assert await met(desk) == {"first": (1, 0)}
    await answer(desk, asked, "Wait for the technician.")
    assert await met(desk) == {"first": (1, 0), "next": (1, 0)}


async def test_while_we_wait_for_the_customer_all_stands(desk: Helpdesk) -> None:
    first = await begin(desk)
    desk.clock.advance(HOUR)
    await answer(desk, first, "#waiting\nWhich printer?")
    assert await due(desk, first) == ""
    desk.clock.advance(3 * DAY)
    said = await customer_says(desk, first, "The red one.")  # Monday, 11:00
    assert await due(desk, first) == "Wed 07 11:00 next"
    desk.clock.advance(HOUR)
    await answer(desk, said, "Thanks, that one is known.")
    assert await due(desk, first) == "Tue 13 10:00 solution"  # an hour of 40 was used on Friday


async def test_what_is_solved_is_not_due_and_goes_on_when_it_is_opened_again(desk: Helpdesk) -> None:
    first = await begin(desk)
    await answer(desk, first, "#resolved\nIt was the fuser.")
    assert await due(desk, first) == ""
    assert await met(desk) == {"first": (1, 0), "solution": (1, 0)}
    desk.clock.advance(3 * DAY)
    await customer_says(desk, first, "Thank you!")
    assert await due(desk, first) == ""
    await customer_says(desk, first, "It burns again.")
    assert await due(desk, first) == "Wed 07 10:00 next"
    assert await met(desk) == {"first": (1, 0)}


async def test_a_state_ends_it_without_words_and_the_customers_own_word_answers_nothing(desk: Helpdesk) -> None:
    first = await begin(desk)
    desk.clock.advance(6 * HOUR)
    await answer(desk, first, "#resolved")
    assert await met(desk) == {"first": (0, 1), "solution": (1, 0)}
    other = await desk.post(mail("Toner", "It leaks."))
    await customer_says(desk, other, "solved")
    assert (await desk.ticket(other.number)).ticket.status is Status.CLOSED
    assert await met(desk) == {"first": (0, 1), "solution": (2, 0)}


async def test_the_question_how_it_stands_and_machines_want_no_answer(desk: Helpdesk) -> None:
    first = await begin(desk)
    await answer(desk, first, "Switch it off.")
    before = await due(desk, first)
    desk.clock.advance(HOUR)
    await customer_says(desk, first, "status")
    ticket = (await desk.ticket(first.number)).ticket
    away = mail(f"Automatic reply: [#{first.number}]", "I am away.", headers=("Auto-Submitted: auto-replied",))
    await desk.post(away, rcpts=(desk.reply_address(ticket),))
    assert await due(desk, first) == before
    cron = await desk.post(mail("cron", "done", headers=("Auto-Submitted: auto-generated",)))
    assert (await desk.ticket(cron.number)).ticket.clock is None


async def test_priority_and_desk_move_it(desk: Helpdesk) -> None:
    first = await begin(desk)
    desk.clock.advance(HOUR / 2)
    await answer(desk, first, "#priority urgent")
    assert await due(desk, first) == "Fri 02 11:00 first"
    await answer(desk, first, "#priority normal ")
    assert await due(desk, first) == "Fri 02 14:00 first"
    await answer(desk, first, "#move sales")  # where nothing is counted
    assert await due(desk, first) == ""


async def test_an_answer_that_is_taken_back_was_none(desk: Helpdesk) -> None:
    first = await begin(desk)
    desk.clock.advance(HOUR)
    said = await answer(desk, first, "#resolved\nIt was the fuser.")
    assert await due(desk, first) == ""
    await Colleague(desk).answer(to(said, LEE, "receipt"), "#undo")
    assert await due(desk, first) == "Fri 02 14:00 first"
    assert await met(desk) == {}


async def test_an_answer_that_did_not_arrive_was_none(desk: Helpdesk) -> None:
    first = await begin(desk)
    await answer(desk, first, "#resolved\nIt was the fuser.")
    returned = await told(desk, *await tried(desk, CUSTOMER, "answer", REFUSED, after=61))
    assert returned.outcome == "bounce"
    assert await due(desk, first) == "Fri 02 14:00 first"
    assert await met(desk) == {}


async def test_spam_is_never_late(desk: Helpdesk) -> None:
    first = await begin(desk)
    await answer(desk, first, "#spam")
    assert await due(desk, first) == ""
    await customer_says(desk, first, "Buy more!")
    assert await due(desk, first) == ""
    assert await met(desk) == {}


async def test_of_two_tickets_the_one_that_waits_longer_counts_and_a_split_one_counts_from_its_mail(desk: Helpdesk) -> None:
    first = await begin(desk)
    desk.clock.advance(HOUR)
    other = await desk.post(mail("Toner", "It leaks."))
    await answer(desk, first, f"#merge {other.number}")
    assert await due(desk, other) == "Fri 02 14:00 first"
    desk.clock.advance(HOUR)
    more = await customer_says(desk, other, "And my screen is black.")
    split = await answer(desk, more, "#split")
    new = next(n for n in split.decision["tickets"] if n != other.number)
    assert await due(desk, new) == "Fri 02 16:00 first"
    assert await due(desk, other) == "Fri 02 14:00 first"
    desk.clock.advance(HOUR)
    await answer(desk, other, "It is known.")
    desk.clock.advance(1)
    matter = await customer_says(desk, other, "Also, my desk is too low.")
    assert await due(desk, other) == "Mon 05 13:00 next"
    split = await answer(desk, matter, "#split")
    assert await due(desk, other) == "Mon 12 11:00 solution"  # nobody waits for an answer there any more


async def test_without_targets_nothing_is_kept(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=QUIET) as desk:
        first = await begin(desk)
        await answer(desk, first, "#resolved\nIt was the fuser.")
        assert (await desk.ticket(first.number)).ticket.clock is None
        assert "Due" not in text_of(to(first, LEE, "to-agent"))
        assert [what for what, _ in await pass_by(desk, 3 * DAY)] == []


# --- a date that an agent sets ----------------------------------------------------------------------------------------


async def test_a_date_goes_before_the_targets_until_it_is_taken_away(desk: Helpdesk) -> None:
    first = await begin(desk)
    done = await answer(desk, first, "#due monday 11:00")
    assert "The ticket is due 5 January 2026, 11:00 (UTC), as you say." in text_of(to(done, LEE, "receipt"))
    assert await due(desk, first) == "Mon 05 11:00 date"
    shown = await answer(desk, first, "#show")
    assert "Due: Monday, 5 January 2026, 11:00 (date set by an agent)" in text_of(to(shown, LEE, "to-agent"))
    await answer(desk, first, "#截止 星期一", KIM)  # when work ends on that day
    assert await due(desk, first) == "Mon 05 17:00 date"
    await answer(desk, first, "#due off")
    assert await due(desk, first) == "Fri 02 14:00 first"
    refused = await answer(desk, first, "#due 取消")
    assert "Nobody has set a date for this ticket." in text_of(to(refused, LEE, "receipt"))


async def test_a_date_needs_no_targets(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=QUIET) as desk:
        first = await begin(desk)
        await answer(desk, first, "#take\n#due tomorrow 12:00")
        assert await pass_by(desk, 19 * HOUR) == []
        assert await pass_by(desk, HOUR) == [("to-agent", LEE)]
        assert "Due soon" in text_of(await newest(desk, "to-agent"))
        assert await pass_by(desk, 6 * HOUR) == [("to-agent", LEE)]
        assert "OVERDUE since Saturday, 3 January 2026, 12:00 (date set by an agent)" in text_of(await newest(desk, "to-agent"))
        await answer(desk, first, "#resolved")
        assert (await clock(desk, first)).due_at is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("#due 2020-01-01", "is past"),
        ("#due soon", "it takes a time to come"),
        ("#due", "say a time to come"),
        ("#due friday\n#resolved", "nothing is due any more"),
        ("#due friday\n#spam", "do not go together"),
    ],
)
async def test_what_cannot_be_due(desk: Helpdesk, said: str, reason: str) -> None:
    first = await begin(desk)
    refused = await answer(desk, first, said)
    assert reason in text_of(to(refused, LEE, "receipt"))
    assert await due(desk, first) == "Fri 02 14:00 first"


async def test_an_agent_opens_a_ticket_that_is_due(desk: Helpdesk) -> None:
    new = await ask_desk(desk, "#new bob@customer.example\n#due monday 12:00\nYour part comes on Monday.")
    assert await due(desk, new) == "Mon 05 12:00 date"
    found = await clock(desk, new)
    assert found.answered
    assert found.answer is None  # we wrote first


async def test_commands_at_the_terminal_move_it_too(desk: Helpdesk) -> None:
    first, other = await begin(desk), await desk.post(mail("Toner", "It leaks."))
    assert first.number is not None
    assert other.number is not None
    await answer(desk, first, "#due today 12:00")
    await actions.merge(desk.pipeline, desk.store, number=first.number, into=other.number, author="", quiet=True)
    assert await due(desk, other) == "Fri 02 12:00 date"
    said = {"number": other.number, "note": "", "message": "", "author": ""}
    await actions.set_status(desk.pipeline, desk.store, status=Status.WAITING, **said)
    assert (await clock(desk, other)).answer is not None
    await actions.set_status(desk.pipeline, desk.store, status=Status.RESOLVED, **said)
    assert await due(desk, other) == ""
    assert await met(desk) == {"first": (1, 0), "solution": (1, 0)}


# --- who hears --------------------------------------------------------------------------------------------------------


async def test_agents_hear_before_it_is_late_and_once_when_it_is_and_managers_then(desk: Helpdesk) -> None:
    first = await begin(desk)
    assert await pass_by(desk, 3 * HOUR - 60) == []
    assert sorted(await pass_by(desk, 61)) == [("to-agent", KIM), ("to-agent", LEE)]
    texts = [text_of(m) for m in (await desk.outgoing())[-2:]]
    assert sorted(re.split(r" |（", text)[0] for text in texts) == ["Due", "即将到期"]
    assert await pass_by(desk, HOUR - 60) == []
    assert sorted(await pass_by(desk, 60)) == [("alert", BOSS), ("to-agent", KIM), ("to-agent", LEE)]
    letter = await newest(desk, "alert")
    assert f"Overdue: {first.number} Printer on fire" in str(read(letter)["Subject"])
    assert str(read(letter)["Reply-To"].addresses[0].addr_spec) == DESK  # he need not be an agent
    assert "OVERDUE since Friday, 2 January 2026, 14:00 (first answer)" in text_of(letter)
    assert await pass_by(desk, 2 * DAY) == []


async def test_what_the_cap_holds_back_is_told_together_when_there_is_room(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=COUNTED, agent=QUIET, limits={"notifications_per_hour": 3}) as desk:
        filed = [await desk.post(mail(f"No. {number}")) for number in range(3)]  # each of them is a mail
        await answer(desk, filed[0], "#due today 10:20")
        await answer(desk, filed[1], "#due today 10:40")
        await answer(desk, filed[2], "#due today 10:50")
        got = [one for minutes in range(50) for one in await pass_by(desk, 60) if one[0] in ("to-agent", "alert")]
        assert sorted(got) == [("alert", BOSS)] * 3  # who had none before
        await answer(desk, filed[1], "#resolved\nDone.")
        got = await pass_by(desk, 11 * 60)
        assert sorted(one for one in got if one[0] == "alert") == [("alert", KIM), ("alert", LEE)]
        told = {m.recipients[0].address: m for m in await desk.outgoing() if m.purpose == "alert"}
        text = text_of(told[LEE])
        assert str(read(told[LEE])["Subject"]) == "Tickets: 2 overdue"
        assert f"Write #list to {DESK}" in text
        assert text.index("No. 0: OVERDUE since") < text.index("No. 2: OVERDUE since")
        assert "No. 1" not in text  # it is done
        assert "2 张工单已逾期" in text_of(told[KIM])
        assert [one for one in await pass_by(desk, 2 * HOUR) if one[0] == "alert"] == []
        assert await desk.store.check() == []


async def test_a_mail_about_them_that_cannot_be_built_stops_nothing_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with helpdesk(tmp_path, desk=COUNTED, agent=QUIET, limits={"notifications_per_hour": 1}) as desk:
        first = await begin(desk)
        await answer(desk, first, "#take\n#due today 10:20")
        await pass_by(desk, 50 * 60)
        tried = []

        def broken(*_: object) -> Changes:
            tried.append(desk.clock.now())
            raise KeyError("bug")

        with monkeypatch.context() as patched:
            patched.setattr(alarms, "summed", broken)
            later = Later(desk.config, desk.store, desk.pipeline, desk.clock, lambda: None)
            for _ in range(60):
                desk.clock.advance(30)
                assert await later.round() is False
        assert {round(b - a) for a, b in pairwise(tried)} == {600}
        assert ("alert", LEE) in await pass_by(desk, 60)


async def test_what_was_held_back_for_somebody_whom_it_concerns_no_more_is_not_told(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=COUNTED, agent=QUIET, limits={"notifications_per_hour": 1}) as desk:
        first = await begin(desk)
        await answer(desk, first, "#due today 10:20")
        await pass_by(desk, 21 * 60)
        await answer(desk, first, "#take")
        assert [one for one in await pass_by(desk, 40 * 60) if one[1] == KIM] == []
        assert await desk.store._read(heldalarms._people) == []


async def test_after_an_outage_there_is_one(desk: Helpdesk) -> None:
    await answer(desk, await begin(desk), "#take")
    assert sorted(await pass_by(desk, 3 * DAY)) == [("alert", BOSS), ("to-agent", LEE)]
    assert str(read(await newest(desk, "alert"))["Reply-To"].addresses[0].addr_spec) == LEE  # who has it
    desk.clock._now -= 2 * DAY  # the clock is put back
    assert await pass_by(desk, 0) == []


async def test_not_while_it_is_snoozed_or_waits_for_the_customer(desk: Helpdesk) -> None:
    first = await begin(desk)
    await answer(desk, first, "#take\n#snooze monday 10:00")
    assert await pass_by(desk, 2 * DAY) == []
    assert sorted(await pass_by(desk, DAY)) == [("alert", BOSS), ("to-agent", LEE), ("to-agent", LEE)]  # back, and late
    await answer(desk, first, "#waiting")
    assert [what for what, _ in await pass_by(desk, 30 * DAY) if what != "remind"] == []


async def test_several_who_look_at_once_tell_it_once(desk: Helpdesk) -> None:
    await answer(desk, await begin(desk), "#take")
    desk.clock.advance(5 * HOUR)
    nodes = [Later(desk.config, desk.store, desk.pipeline, desk.clock, lambda: None) for _ in range(3)]
    await asyncio.gather(*(node.round() for node in nodes))
    assert len([m for m in await desk.outgoing() if m.purpose == "alert"]) == 1


async def test_other_times_count_for_all_that_is_open_from_the_next_start_on(desk: Helpdesk) -> None:
    first = await begin(desk)
    await pass_by(desk, 0)
    quick = {**TARGETS, "first_answer": {"normal": "2h"}}
    changed = make_config(store={"path": desk.config.store.path}, desk=[{**SUPPORT, "targets": quick}, DESKS[1]], agent=QUIET)
    later = Later(changed, desk.store, replace(desk.pipeline, config=changed), desk.clock, lambda: None)
    assert await later.round() is False
    assert await due(desk, first) == "Fri 02 12:00 first"
    calm = make_config(store={"path": desk.config.store.path}, desk=DESKS, agent=QUIET)
    assert await Later(calm, desk.store, replace(desk.pipeline, config=calm), desk.clock, lambda: None).round() is False
    assert await due(desk, first) == ""
    await pass_by(desk, 0)  # the first settings again
    assert await due(desk, first) == "Fri 02 14:00 first"


async def test_times_that_were_changed_meanwhile_count_as_they_are_now(desk: Helpdesk) -> None:
    first = await begin(desk)
    calm = desk.config.desk[0].model_copy(update={"targets": None})
    object.__setattr__(desk.config, "desk", [calm, desk.config.desk[1]])
    assert await pass_by(desk, 5 * HOUR) == []
    assert await due(desk, first) == ""


# --- lists and the day's digest ---------------------------------------------------------------------------------------


async def test_what_is_due_first_stands_first_in_lists_and_is_taken_first(desk: Helpdesk) -> None:
    plain = await desk.post(mail("Chair", "It squeaks."))
    late = await desk.post(mail("Fire", "It burns."))
    soon = await desk.post(mail("Toner", "It leaks."))
    await answer(desk, plain, "#due friday 17:00")
    await answer(desk, late, "#due today 11:00")
    await answer(desk, soon, "#due today 14:00")
    desk.clock.advance(3 * HOUR)
    lines = [line for line in text_of(to(await ask_desk(desk, "#list"), LEE, "receipt")).splitlines() if "EML" in line]
    assert [line[:17] for line in lines] == [late.number, soon.number, plain.number]
    assert "OVERDUE for 2 h" in lines[0]
    assert "due 2 January 2026, 14:00" in lines[1]
    for said, expected in (("#next", late), ("#下一个", soon), ("#下一张", plain)):
        assert (await ask_desk(desk, said)).number == expected.number
    assert [line[:17] for line in text_of(to(await ask_desk(desk, "#mine"), LEE, "receipt")).splitlines() if "EML" in line] == [
        late.number,
        soon.number,
        plain.number,
    ]


async def test_the_digest_begins_with_what_is_late_and_what_is_due_today(tmp_path: Path) -> None:
    early = [{"address": LEE, "digest": "12:00"}, {"address": KIM, "digest": ""}]
    async with helpdesk(tmp_path, desk=COUNTED, agent=early) as desk:
        await pass_by(desk, 0)  # who is new has his first one today
        late = await desk.post(mail("Fire", "It burns."))
        today = await desk.post(mail("Toner", "It leaks."))
        other = await desk.post(mail("Chair", "It squeaks."))
        mine = await desk.post(mail("Desk", "It is low."))
        await answer(desk, late, "#due today 11:00")
        await answer(desk, today, "#take\n#due today 14:00")
        await answer(desk, other, "#assign kim\n#due today 15:00")
        await answer(desk, mine, "#take\n#due monday 15:00")
        await pass_by(desk, 2 * HOUR + 60)
        letter = await newest(desk, "digest")
        assert str(read(letter)["Subject"]) == "What waits for you: Overdue 1, Due today 1, Yours 1"
        text = text_of(letter)
        places = [text.index(str(one.number)) for one in (late, today, mine)]
        assert places == sorted(places)
        assert other.number not in text
        assert "OVERDUE for 61 min" in text or "OVERDUE for 1 h" in text


# --- the promise ------------------------------------------------------------------------------------------------------

PROMISING: list[dict[str, Any]] = [
    {**SUPPORT, "timezone": "Asia/Shanghai", "hours": ["mon-fri 09:00-17:00"], "targets": {**TARGETS, "promise": True}},
    DESKS[1],
]


async def test_the_customer_is_told_until_when_in_his_language_and_the_desks_zone(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=PROMISING, agent=QUIET) as desk:  # it is 18:00 there, and the weekend begins
        first = await begin(desk)
        promised = "You get an answer from one of us by Monday, 5 January 2026, 13:00 (UTC+8) at the latest."
        assert promised in " ".join(text_of(to(first, CUSTOMER, "received")).split())
        chinese = await desk.post(mail("打印机坏了", "您好，打印机一直卡纸，请尽快帮忙处理，谢谢。"))
        assert "最迟在 2026年1月5日（星期一）13:00（UTC+8）之前给您答复" in text_of(to(chinese, CUSTOMER, "received"))
        traditional = await desk.post(mail("印表機壞了", "您好，印表機一直卡紙，請儘快幫忙處理，謝謝。"))
        assert "2026年1月5日（星期一）13:00（UTC+8）之前答覆您" in text_of(to(traditional, CUSTOMER, "received"))
        status = await customer_says(desk, first, "status")
        assert promised in " ".join(text_of(to(status, CUSTOMER, "status")).split())
        desk.clock.advance(4 * DAY)
        status = await customer_says(desk, first, "any news?")
        assert "We meant to answer by Monday, 5 January 2026, 13:00" in " ".join(text_of(to(status, CUSTOMER, "status")).split())
        await answer(desk, first, "Switch it off.")
        status = await customer_says(desk, first, "progress")
        assert NEVER_PROMISED not in text_of(status.sent[0])
