"""A desk is renamed or goes from the configuration while its tickets live: the first desk looks after them, nothing is silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smtpgate import desks
from smtpgate.app import build_pipeline
from smtpgate.model import Evidence, OutgoingMail, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, read, sent_to, text_of, to
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


# --- all its tickets go to another one --------------------------------------------------------------------------------


async def move(desk: Helpdesk, old: str = "sales", new: str = "verkauf", **how: Any) -> tuple[int, list[OutgoingMail]]:
    """How many went, and what was sent."""
    to_desk = desk.config.desk_named(new)
    assert to_desk is not None
    before = {letter.id for letter in await desk.outgoing()}
    moved = await desks.Move(desk.pipeline, desk.store, old, to_desk, sleep=no_rest, **how).run()
    return moved, [letter for letter in await desk.outgoing() if letter.id not in before]


async def no_rest(_: float) -> None:
    pass


async def test_all_tickets_go_with_their_agent_and_the_agents_are_told_once(desk: Helpdesk) -> None:
    first, second = await begun(desk), await desk.post(mail("Another"), rcpts=(SALES,))
    await Colleague(desk, SAL).answer(to(first, SAL, "to-agent"), "#take")
    await renamed(desk)
    assert await desks.logged_strays(desk.store, desk.config) == [
        "2 tickets belong to desk sales, which the configuration does not have: desk support looks after them, and they stand in no"
        " list; smtpgate desk move sales DESK gives them to another one"
    ]
    moved, letters = await move(desk, author="root")
    assert (moved, [(m.purpose, m.recipients[0].address) for m in letters]) == (2, [("alert", SAL)])
    assert str(read(letters[0])["Subject"]) == "2 tickets of desk sales are at desk verkauf now"
    assert "2 open, 0 ended" in text_of(letters[0])
    for filed, assignee in ((first, SAL), (second, "")):
        detail = await desk.ticket(filed.number)
        assert (detail.ticket.desk, detail.ticket.assignee) == ("verkauf", assignee)
        assert (detail.entries[-1].author, detail.entries[-1].text) == ("root", "moved from desk sales to verkauf")
    assert await desks.logged_strays(desk.store, desk.config) == []
    assert await move(desk) == (0, [])
    assert sent_to(await again(desk, first, "Still burns.")) == [("to-agent", SAL)]
    listed = await Colleague(desk, SAL).answer(letters[0], "#list")
    assert text_of(listed.sent[0]).count("Another") == 1


async def test_who_is_no_agent_there_has_them_no_longer(desk: Helpdesk) -> None:
    first = await begun(desk)
    await Colleague(desk, SAL).answer(to(first, SAL, "to-agent"), "#take")
    moved, letters = await move(desk, "sales", "support")
    assert (await desk.ticket(first.number)).ticket.assignee == ""
    assert (moved, sorted(m.recipients[0].address for m in letters)) == (1, sorted((KIM, LEE)))
    mine = next(letter for letter in letters if letter.recipients[0].address == LEE)
    assert "Of the open ones 1 had an agent who is none of support" in text_of(mine)
    assert str(read(mine)["Subject"]) == "A ticket of desk sales is at desk support now"


async def test_killed_half_way_it_goes_on_and_tells_of_all(desk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "BITE", 2)
    for number in range(5):
        await desk.post(mail(f"No. {number}"), rcpts=(SALES,))
    await renamed(desk)
    bites = []

    async def dies(_: float) -> None:
        bites.append(1)
        if len(bites) == 2:
            raise KeyboardInterrupt

    to_desk = desk.config.desk_named("verkauf")
    assert to_desk is not None
    with pytest.raises(KeyboardInterrupt):
        await desks.Move(desk.pipeline, desk.store, "sales", to_desk, sleep=dies).run()
    assert sorted(t.desk for t in await desk.tickets()) == ["sales"] + ["verkauf"] * 4
    moved, letters = await move(desk)
    assert (moved, [str(read(m)["Subject"])[:9] for m in letters]) == (1, ["5 tickets"])
    for ticket in await desk.tickets():
        assert [e.text for e in (await desk.ticket(ticket.number)).entries].count("moved from desk sales to verkauf") == 1


async def test_quietly_nobody_is_told_then_or_later(desk: Helpdesk) -> None:
    await begun(desk)
    await renamed(desk)
    assert await move(desk, quiet=True) == (1, [])
    assert await move(desk) == (0, [])


async def test_an_old_name_is_no_reason_to_count_anew_until_when_they_are_due(tmp_path: Path) -> None:
    targets = {"first_answer": {"normal": "8h"}}
    names = [DESKS[0], {**DESKS[1], "targets": targets}]
    async with helpdesk(tmp_path, desk=names, agent=AGENTS) as desk:
        first = await begun(desk)
        due = (await desk.ticket(first.number)).ticket.clock
        desk.clock.advance(3 * HOUR)
        desk.config = make_config(
            store={"path": desk.config.store.path}, desk=[names[0], {**names[1], "name": "verkauf"}], agent=AGENTS
        )
        desk.pipeline = await build_pipeline(desk.config, desk.store, desk.clock)
        await move(desk)
        clock = (await desk.ticket(first.number)).ticket.clock
        assert due is not None
        assert clock is not None
        assert (clock.desk, clock.due_at, clock.alert_at) == ("verkauf", due.due_at, due.alert_at)


async def test_a_shared_ticket_is_at_the_new_desk_too(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, tickets={"several_desks": "shared"}) as desk:
        first = await desk.post(mail(), rcpts=(DESKS[0]["address"], SALES))
        await renamed(desk)
        await move(desk)
        detail = await desk.ticket(first.number)
        assert (detail.ticket.desk, detail.ticket.other_desks) == ("support", ("verkauf",))
        assert detail.entries[-1].text == "also at desk verkauf, no longer at sales"
