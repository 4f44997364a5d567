"""#spent: time that agents worked is kept by agent and entry, shown to agents, and never to a customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, read, sent_to, text_of, to
from tests.filing.test_merge import begin, customers_answer, receipt, say
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk, mail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, tickets={"spent_most": "8h", "answer_delay": "60s"}) as desk:
        yield desk


async def worked(desk: Helpdesk, filed: Filed) -> list[tuple[str, int]]:
    return [(agent, minutes) for agent, _, minutes in (await desk.ticket(filed.number)).worked]


async def test_it_is_added_for_each_agent_and_shown_to_agents_alone(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    assert "Time worked" not in text_of(to(first, LEE, "to-agent"))
    filed = await say(desk, first, "#spent 1h30\nThe fuser was loose.")
    assert (filed.outcome, sent_to(filed)) == ("note", [("receipt", LEE), ("to-agent", KIM)])
    assert "1 h 30 min noted; yours on this ticket: 1 h 30 min, all of it: 1 h 30 min." in receipt(filed)
    assert "已用工时：1 小时 30 分钟" in text_of(to(filed, KIM, "to-agent"))
    more = await say(desk, first, "#工时 20分钟\n#回复\n好了。", KIM)
    letter = to(more, CUSTOMER, "answer")
    assert not any(word in text_of(letter) for word in ("20 分", "工时", "20 min", "Time", "1 h"))
    assert "您在本工单共 20 分钟，全部共 1 小时 50 分钟" in receipt(more, KIM)
    assert await worked(desk, first) == [(LEE, 90), (KIM, 20)]
    detail = await desk.ticket(first.number)
    assert detail.ticket.worked == 110
    assert [e.text for e in detail.entries if e.text.startswith("time worked")] == [
        "time worked: 1 h 30 min",
        "time worked: 20 min",
    ]
    answered = await customers_answer(desk, letter, "Thanks, but it smells.")
    assert "已用工时：1 小时 50 分钟" in text_of(to(answered, KIM, "to-agent"))
    asked = await customers_answer(desk, letter, "status")
    assert "1 h" not in text_of(to(asked, CUSTOMER, "status"))
    shown = await say(desk, first, "#show")
    assert "Time worked: 1 h 50 min" in text_of(to(shown, LEE, "to-agent"))
    assert "time worked: 20 min" in text_of(to(shown, LEE, "to-agent"))


async def test_it_is_corrected_but_never_below_nought(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    await say(desk, first, "#spent 20m")
    await say(desk, first, "#spent 30m", KIM)
    less = await say(desk, first, "#spent -21m")  # of his own alone
    assert (less.outcome, "You have 20 min on this ticket" in receipt(less)) == ("refused", True)
    await say(desk, first, "#spent -20m")
    assert await worked(desk, first) == [(LEE, 20), (KIM, 30), (LEE, -20)]
    assert (await desk.ticket(first.number)).ticket.worked == 30


async def test_at_most_so_much_at_once(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    for said, outcome in (("8:01", "refused"), ("-8:01", "refused"), ("8:00", "done"), ("-8h", "done")):
        filed = await say(desk, first, f"#spent {said}")
        assert (said, filed.outcome) == (said, outcome)
        assert ("At most 8 h at once" in receipt(filed)) == (outcome == "refused")
    unclear = await say(desk, first, "#spent 20")
    assert "it takes a time that was worked: 20m, 1h30, 0:45, -10m" in receipt(unclear)


async def test_undo_takes_it_back_with_the_answer_or_alone(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    await say(desk, first, "#spent 20m\n#reply\nSwitch it off.")
    undone = await say(desk, first, "#undo")
    assert "20 min of your time are taken back." in receipt(undone)
    assert "Your answer was taken back" in receipt(undone)
    assert await worked(desk, first) == []
    await say(desk, first, "Switch it on.")
    await say(desk, first, "#spent 5m")
    alone = await say(desk, first, "#撤销")
    assert "5 min of your time" in receipt(alone)
    assert "Your answer" not in receipt(alone)
    await say(desk, first, "#spent 7m")
    desk.clock.advance(61)
    late = await say(desk, first, "#收回")
    assert await worked(desk, first) == [(LEE, 7)]
    assert "min of your time" not in receipt(late)


async def test_a_number_is_enough_for_it_and_the_text_stays_inside(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    fresh = await desk.post(mail(f"[#{first.number}]", "#spent 10m", sender=LEE), sender=LEE)
    assert (fresh.outcome, await worked(desk, first)) == ("done", [(LEE, 10)])
    opened = await desk.post(mail("Visit", f"#new {CUSTOMER}\n#spent 2h\nWe came by.", sender=LEE), sender=LEE)
    assert (opened.outcome, await worked(desk, opened)) == ("answer", [(LEE, 120)])
    assert read(to(opened, CUSTOMER, "answer"))["Subject"].endswith("Visit")


async def test_a_merged_ticket_brings_it_along_and_takes_it_back(desk: Helpdesk) -> None:
    a, b = await begin(desk, "One"), await begin(desk, "Two", "It smells.")
    await say(desk, a, "#spent 10m")
    await say(desk, b, "#spent 20m", KIM)
    await say(desk, b, f"#merge {a.number}")
    assert await worked(desk, a) == await worked(desk, b) == [(LEE, 10), (KIM, 20)]
    await say(desk, a, "#undo")
    assert (await worked(desk, a), await worked(desk, b)) == ([(LEE, 10)], [(KIM, 20)])
    assert (await desk.ticket(b.number)).ticket.number == b.number
    assert await desk.store.check() == []
