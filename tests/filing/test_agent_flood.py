"""A flood of tickets is no flood of mail to agents: what is left out is said in the next mail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk, mail

MOST = 3


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, limits={"notifications_per_hour": MOST}) as desk:
        yield desk


async def flood(desk: Helpdesk, count: int, what: str = "Printer") -> list[Filed]:
    filed = []
    for i in range(count):
        desk.clock.advance(1)
        who = f"c{i}@customer.example"
        filed.append(await desk.post(mail(f"{what} {i}", f"Number {i} burns.", sender=who), sender=who))
    return filed


def told(filed: list[Filed], who: str = LEE) -> list[int]:
    return [i for i, one in enumerate(filed) if ("to-agent", who) in sent_to(one)]


async def test_beyond_the_cap_they_are_left_out_and_the_next_one_says_how_many(desk: Helpdesk) -> None:
    filed = await flood(desk, 8)
    assert told(filed) == told(filed, KIM) == [0, 1, 2]
    assert all(one.number for one in filed)  # the tickets are there
    desk.clock.advance(3600)
    after = await flood(desk, 2, "Scanner")
    assert "NOT told before this: 5 mails" in text_of(to(after[0], LEE, "to-agent"))
    assert "5" in text_of(to(after[0], KIM, "to-agent"))
    assert "NOT told" not in text_of(to(after[1], LEE, "to-agent"))


async def test_a_flood_that_goes_on_is_not_silent(desk: Helpdesk) -> None:
    filed = await flood(desk, 20)
    assert told(filed) == [0, 1, 2, 9, 16]  # after each six
    assert "6 mails or more" in text_of(to(filed[9], LEE, "to-agent"))


async def test_what_an_agent_asked_for_comes_and_customers_have_their_own_cap(desk: Helpdesk) -> None:
    filed = await flood(desk, 5)
    assigned = await Colleague(desk).answer(to(filed[0], LEE, "to-agent"), "#assign kim\n#show")
    assert sent_to(assigned).count(("to-agent", KIM)) == sent_to(assigned).count(("to-agent", LEE)) == 1
    as_customer = await desk.post(mail("My own printer", sender=LEE), sender=LEE)
    assert ("received", LEE) in sent_to(as_customer)
    assert ("received", CUSTOMER) in sent_to(await desk.post(mail()))
