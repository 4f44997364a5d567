"""A desk is renamed or goes from the configuration while its tickets live: the first desk looks after them, nothing is silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.app import build_pipeline
from smtpgate.model import Evidence, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, sent_to, text_of, to
from tests.filing.test_later import DAY, HOUR, pass_by
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk, mail, make_config

SAL, SALES = DESKS[1]["agents"][0], DESKS[1]["address"]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def renamed(desk: Helpdesk, **limits: int) -> None:
    """As a reload does it."""
    desks = [DESKS[0], {**DESKS[1], "name": "verkauf"}]
    desk.config = make_config(store={"path": desk.config.store.path}, desk=desks, agent=AGENTS, limits=limits)
    desk.pipeline = await build_pipeline(desk.config, desk.store, desk.clock)
    desk.filing.config, desk.filing.pipeline = desk.config, desk.pipeline


async def begun(desk: Helpdesk) -> Filed:
    return await desk.post(mail(), rcpts=(SALES,))


async def again(desk: Helpdesk, first: Filed, body: str, **how: Evidence) -> Filed:
    ticket = (await desk.ticket(first.number)).ticket
    where = desk.pipeline.tokens.reply_address(SALES, ticket.id, CUSTOMER, desk.clock.now())
    return await desk.post(mail("Re: it", body), rcpts=(where,), **how)


async def test_the_customers_answer_reaches_the_first_desk_who_can_answer_and_give_it_away(desk: Helpdesk) -> None:
    first = await begun(desk)
    await renamed(desk)
    answered = await again(desk, first, "Still burns.")
    assert (answered.outcome, sent_to(answered)) == ("joined", [("to-agent", KIM), ("to-agent", LEE)])
    theirs = await Colleague(desk, SAL).answer(to(first, SAL, "to-agent"), "Mine.")
    assert (theirs.outcome, [m for m in theirs.sent if m.recipients[0].address == CUSTOMER]) == (
        "held",
        [],
    )  # no agent of that desk now
    ours = await Colleague(desk).answer(to(answered, LEE, "to-agent"), "Switch it off.")
    assert sent_to(ours) == [("answer", CUSTOMER)]
    moved = await Colleague(desk).answer(to(answered, LEE, "to-agent"), "#move verkauf")
    assert (moved.outcome, (await desk.ticket(first.number)).ticket.desk) == ("done", "verkauf")
    assert ("to-agent", SAL) in sent_to(moved)
    assert sent_to(await again(desk, first, "Thanks, but it smokes.")) == [("to-agent", SAL)]


async def test_a_snooze_ends_there_too(desk: Helpdesk) -> None:
    first = await begun(desk)
    await Colleague(desk, SAL).answer(to(first, SAL, "to-agent"), "#snooze 3h")
    await renamed(desk)
    assert sorted(one for one in await pass_by(desk, 4 * HOUR) if one[0] == "to-agent") == [("to-agent", KIM), ("to-agent", LEE)]


async def test_what_is_held_for_it_is_told_there_and_the_caps_hold(desk: Helpdesk) -> None:
    first = await begun(desk)
    await renamed(desk, hold_notices_per_hour=2, notifications_per_hour=3)
    held = [await again(desk, first, f"Pay {i}.", evidence=Evidence.FAIL) for i in range(4)]
    at_once = [
        m for filed in held for m in filed.sent if m.recipients[0].address == LEE and m.recipients[0].next_at <= desk.clock.now()
    ]
    assert len(at_once) == 2
    answers = [await again(desk, first, f"More {i}.") for i in range(6)]
    assert [("to-agent", LEE) in sent_to(one) for one in answers] == [True, True, True, False, False, False]
    assert "Pay 0." in text_of(to(held[0], LEE, "held"))


async def test_it_ends_in_silence(desk: Helpdesk) -> None:
    """Nobody is reminded in the name of another desk."""
    first = await begun(desk)
    await Colleague(desk, SAL).answer(to(first, SAL, "to-agent"), "#resolved\nDone.")
    await renamed(desk)
    got = [one for _ in range(20) for one in await pass_by(desk, DAY / 2)]
    assert [one for one in got if one[1] == CUSTOMER and one[0] in ("remind", "closed")] == []
    assert (await desk.ticket(first.number)).ticket.status is Status.CLOSED
