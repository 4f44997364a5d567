"""The daily digest: what stands in it, to whom and when, once whatever clocks, restarts and nodes do, and nothing for nothing."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smtpgate import metrics
from smtpgate.desk import daily
from smtpgate.desksettings import Agent
from smtpgate.due import Leave, Member
from smtpgate.handlers.post import Post
from smtpgate.later import Later
from smtpgate.model import OutgoingMail
from smtpgate.store.sqlite import SqliteStore
from tests.filing.test_agent import DESKS, KIM, LEE, Colleague, begin, html_of, read, text_of, to
from tests.filing.test_later import DAY, HOUR, pass_by
from tests.support.helpdesk import DESK, Helpdesk, helpdesk, mail

BERLIN = ZoneInfo("Europe/Berlin")
STEP = 6 * HOUR
ONE = [{**DESKS[0], "agents": [LEE]}]


def lee(**fields: Any) -> Agent:
    return Agent.model_validate({"address": LEE, **fields})


def moment(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


async def digests(desk: Helpdesk, seconds: float) -> list[str]:
    """Whom a digest goes to when time passes by a quarter of a day at most."""
    got, left = [], seconds
    while left >= 0:
        got += [address for purpose, address in await pass_by(desk, min(STEP, left)) if purpose == "digest"]
        left = left - STEP if left > STEP else -1
    return got


async def last(desk: Helpdesk) -> OutgoingMail:
    return [m for m in await desk.outgoing() if m.purpose == "digest"][-1]


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "kept", "fields", "expected"),
    [
        ("2026-11-26 07:59", "20261125", {}, False),
        ("2026-11-26 08:00", "20261125", {}, True),
        ("2026-11-26 23:59", "20261101", {}, True),  # after an outage
        ("2026-11-26 08:00", "20261126", {}, False),
        ("2026-11-25 12:00", "20261126", {}, False),  # a clock that was put back, or another zone
        ("2026-11-25 12:00", "20270101", {}, True),  # one that was wrong for once must not take the digests of a month
        ("2026-11-28 12:00", "20261126", {}, False),  # a Saturday
        ("2026-11-28 12:00", "20261126", {"hours": ["sat 10:00-14:00"]}, True),
        ("2026-11-26 12:00", "20261125", {"hours": ["sat 10:00-14:00"]}, False),
        ("2026-11-26 12:00", "20261125", {"digest": ""}, False),
        ("2026-11-26 08:15", "20261125", {"digest": "08:30"}, False),
        ("2026-11-26 12:00", "20261125", {"away": ["2026-11-26"]}, False),
        ("2026-03-29 03:00", "20260328", {"digest": "02:30", "hours": ["sun 08:00-10:00"]}, True),  # that hour is left out
    ],
)
def test_it_is_time(now: str, kept: str, fields: dict[str, Any], *, expected: bool) -> None:
    assert daily.due(lee(**fields), Member(kept), BERLIN, moment(now)) is expected


def test_who_is_on_leave_gets_it_when_he_is_back() -> None:
    away = Member("20261101", Leave(moment("2026-11-20 12:00"), moment("2026-11-26 14:00")))
    assert not daily.due(lee(), away, BERLIN, moment("2026-11-26 13:00"))
    assert daily.due(lee(), away, BERLIN, moment("2026-11-26 14:00"))


def test_an_hour_that_comes_twice_is_one_day() -> None:
    agent, kept = lee(digest="02:30", hours=["sun 08:00-10:00"]), Member("20261024")
    first = moment("2026-10-25 02:30")
    assert daily.due(agent, kept, BERLIN, first)
    assert not daily.due(agent, Member(daily.today(agent, BERLIN, first)), BERLIN, first + HOUR)


async def test_once_a_day_of_work_and_nothing_for_nothing(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=ONE) as desk:  # a Friday, 10:00
        assert await digests(desk, 0) == []  # who is new begins tomorrow
        assert await digests(desk, 4 * DAY) == []  # nothing waits
        await begin(desk)  # Tuesday
        assert await digests(desk, 21 * HOUR) == []
        assert await digests(desk, 2 * HOUR) == [LEE]
        assert await digests(desk, 24 * HOUR) == [LEE]
        desk.clock._now -= 2 * DAY
        assert await digests(desk, DAY) == []
        assert await desk.store.check() == []


async def test_after_days_of_outage_one_comes(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=ONE) as desk:
        await begin(desk)
        assert await digests(desk, 0) == []
        desk.clock.advance(6 * DAY)
        assert await digests(desk, 900) == [LEE]
        assert await digests(desk, HOUR) == []


async def test_several_at_once_send_one(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS) as desk:
        await begin(desk)
        await digests(desk, 0)
        desk.clock.advance(3 * DAY + 23 * HOUR)
        other = await SqliteStore.open(desk.config.store.path)
        try:
            nodes = [
                Later(desk.config, store, desk.pipeline, desk.clock, lambda: None) for store in (desk.store, other, desk.store)
            ]
            await asyncio.gather(*(node.round() for node in nodes))
        finally:
            await other.close()
        sent = [m.recipients[0].address for m in await desk.outgoing() if m.purpose == "digest"]
        assert sorted(sent) == [KIM, LEE]


async def test_one_that_cannot_be_built_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Post.digest

    def broken(self: Post, *, agent: Agent, **fields: Any) -> OutgoingMail:
        if agent.address == LEE:
            raise ValueError("a bug")
        return build(self, agent=agent, **fields)

    async with helpdesk(tmp_path, desk=DESKS) as desk:
        await begin(desk)
        await digests(desk, 0)
        monkeypatch.setattr(Post, "digest", broken)
        before = metrics.DUE.values["digest"][0], metrics.DUE.values["failed"][0]
        assert await digests(desk, 4 * DAY) == [KIM, KIM]  # Monday, Tuesday
        assert metrics.DUE.values["digest"][0] == before[0] + 2
        assert metrics.DUE.values["failed"][0] > before[1]
        monkeypatch.undo()
        assert await digests(desk, 900) == [LEE]


async def test_a_quiet_desk_gets_none_but_where_it_is_asked_for(tmp_path: Path) -> None:
    quiet = [{**DESKS[0], "notify": False}]
    async with helpdesk(tmp_path, desk=quiet, agent=[{"address": LEE, "digest": "09:00"}]) as desk:
        await begin(desk)
        await digests(desk, 0)
        assert await digests(desk, 4 * DAY) == [LEE, LEE]  # Monday, Tuesday


# --- what -------------------------------------------------------------------------------------------------------------


async def a_day(tmp_path: Path, desk: Helpdesk) -> OutgoingMail:
    await digests(desk, 0)
    desk.clock.advance(2 * DAY + 21 * HOUR)
    assert LEE in await digests(desk, 2 * HOUR)
    return await last(desk)


async def test_its_lists(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=ONE) as desk:
        numbers = []
        for i, command in enumerate(("#take", "Which one?", "", "#snooze 2026-01-05 15:00", "#snooze 2026-01-09", "#resolved")):
            desk.clock.advance(60)
            first = await desk.post(mail(f"Printer {i} <b>", f"Number {i} burns."))
            numbers.append(str(first.number))
            if command:
                await Colleague(desk).answer(to(first, LEE, "to-agent"), command)
        letter = await a_day(tmp_path, desk)
        text, html = text_of(letter).replace("\r\n", "\n"), html_of(letter)
        assert read(letter)["Subject"] == "What waits for you: Yours 2, Nobody has them 1, Snoozed, back today 1"
        assert re.findall(r"^- (\S+) ", text, re.M) == [numbers[0], numbers[1], numbers[2], numbers[3]]
        assert f"- {numbers[0]} · received · 2 d · waiting for us for 2 d\n  Printer 0 <b> · alice@customer.example" in text
        assert f"- {numbers[1]} · in progress · 2 d\n" in text  # it was answered
        assert "back at 5 January 2026, 15:00" in text
        assert "Printer 0 &lt;b&gt;" in html
        links = re.findall(r'href="mailto:([^"?]+)\?subject=[^"]*&amp;body=%23(take|show)', html)
        assert [what for _, what in links] == ["show", "show", "take", "show", "show"]
        for address, _ in links:
            token = desk.pipeline.tokens.read(address, desk.clock.now())
            assert token is not None
            assert token.person_matches(LEE)
        assert read(letter)["Auto-Submitted"] == "auto-generated"
        taken = await desk.post(mail("Re: x", "#take", sender=LEE, to=links[2][0]), sender=LEE, rcpts=(links[2][0],))
        assert (taken.outcome, taken.number) == ("done", numbers[2])


async def test_what_ended_or_was_merged_while_it_was_snoozed_does_not_come_back(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=ONE) as desk:
        firsts = [await desk.post(mail(f"Case {i}")) for i in range(4)]
        for i, command in enumerate(("#resolved", f"#merge {firsts[3].number}", "")):
            told = to(firsts[i], LEE, "to-agent")
            await Colleague(desk).answer(told, "#snooze 3d 1h")
            if command:
                await Colleague(desk).answer(told, command)
        await Colleague(desk).answer(to(firsts[3], LEE, "to-agent"), "#resolved")
        await Colleague(desk).answer(to(firsts[3], LEE, "to-agent"), "#snooze 3d 1h")  # of one that has ended: wanted
        assert await digests(desk, 3 * DAY) == [LEE]
        seen = text_of(await last(desk))
        assert "Snoozed, back today (2)" in seen
        assert [number for f in firsts if (number := str(f.number)) in seen] == [firsts[2].number, firsts[3].number]


async def test_the_longest_without_an_answer_stands_first(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=ONE) as desk:
        numbers = []
        for i in range(3):
            desk.clock.advance(60)
            first = await desk.post(mail(f"Printer {i}", f"Number {i} burns."))
            numbers.append(str(first.number))
            told = to(first, LEE, "to-agent")
            await Colleague(desk).answer(told, "#take")
            if i == 0:  # answered, and then written to again: waits for less long than the others
                await Colleague(desk).answer(told, "Which one?")
                desk.clock.advance(HOUR)
                ticket = (await desk.ticket(first.number)).ticket
                await desk.post(mail(f"Re: [#{first.number}]", "The left one."), rcpts=(desk.reply_address(ticket),))
                desk.clock.advance(-HOUR)
        assert re.findall(r"^- (\S+) ", text_of(await a_day(tmp_path, desk)), re.M) == [numbers[1], numbers[2], numbers[0]]


async def test_long_lists_are_cut_and_counted_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtpgate.store.daily._SHOWN", 2)
    async with helpdesk(tmp_path, desk=ONE, agent=[{"address": LEE, "language": "zh"}]) as desk:
        for i in range(5):
            desk.clock.advance(60)
            await desk.post(mail(f"Printer {i}", f"Number {i} burns.", sender=f"p{i}@x.example"), sender=f"p{i}@x.example")
        text = text_of(await a_day(tmp_path, desk))
        assert "无人负责 (5)" in text
        assert "还有 3 张" in text
        assert len(re.findall(r"^- ", text, re.M)) == 2


def test_the_address_is_the_one_of_the_desk() -> None:
    assert ONE[0]["address"] == DESK
