"""One mail to several desks that a mail server hands over for each of them apart: one ticket that they share, or one for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smtpgate.model import EntryKind, Evidence
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

SALES, SAL = DESKS[1]["address"], DESKS[1]["agents"][0]
BILLING = "billing@help.example"
THIRD = {"name": "billing", "address": BILLING, "agents": ["bill@corp.example"]}
BOTH = {"to": f"{DESK}, Sales <{SALES}>", "message_id": "<both@customer.example>"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=[*DESKS, THIRD], agent=AGENTS) as desk:
        yield desk


async def twice(desk: Helpdesk, **how: Any) -> tuple[Filed, Filed]:
    """The same mail for the one desk and for the other, as a server sends it that knows two routes."""
    raw = mail(**{**BOTH, **how})
    return await desk.post(raw, rcpts=(DESK,)), await desk.post(raw, rcpts=(SALES,))


async def test_they_share_the_ticket_and_each_agent_and_the_customer_hear_once(desk: Helpdesk) -> None:
    first, second = await twice(desk)
    assert (second.outcome, second.number) == ("repeat", first.number)
    assert sorted(sent_to(first)) == sorted([("received", CUSTOMER), ("to-agent", LEE), ("to-agent", KIM)])
    assert sent_to(second) == [("to-agent", SAL)]
    told = text_of(to(second, SAL, "to-agent"))
    assert told.count("It burns.") == 1
    detail = await desk.ticket(first.number)
    assert detail.ticket.other_desks == ("sales",)
    assert [e.kind for e in detail.entries] == [EntryKind.CUSTOMER, EntryKind.REPEAT, EntryKind.EVENT]
    assert len(await desk.tickets()) == 1
    third = await desk.post(mail(**BOTH), rcpts=(SALES,))  # the server did not hear our 250
    assert (third.outcome, third.number, [m for m in third.sent if m.purpose == "to-agent"]) == ("repeat", first.number, [])


async def test_a_third_desk_comes_too_whichever_copy_is_first(desk: Helpdesk) -> None:
    raw = mail(to=DESK, headers=(f"Cc: {SALES}, {BILLING}",), message_id="<three@customer.example>")
    filed = [await desk.post(raw, rcpts=rcpts) for rcpts in ((BILLING,), (SALES, DESK))]
    assert filed[1].number == filed[0].number
    detail = await desk.ticket(filed[0].number)
    assert (detail.ticket.desk, detail.ticket.other_desks) == ("billing", ("sales", "support"))


@pytest.mark.parametrize(
    "second",
    [
        {"message_id": "<other@customer.example>"},
        {"body": "It burns again."},
        {"to": SALES},  # for the first desk it was a blind copy
    ],
)
async def test_another_mail_is_another_ticket(desk: Helpdesk, second: dict[str, str]) -> None:
    first = await desk.post(mail(**BOTH), rcpts=(DESK,))
    other = await desk.post(mail(**{**BOTH, **second}), rcpts=(SALES,))
    assert (other.outcome, other.number != first.number) == ("new", True)


async def test_another_sender_or_one_that_is_not_as_well_proved_is_another_matter(desk: Helpdesk) -> None:
    first = await desk.post(mail(**BOTH), rcpts=(DESK,))
    bob = await desk.post(mail(**BOTH, sender="bob@customer.example"), sender="bob@customer.example", rcpts=(SALES,))
    forged = await desk.post(mail(**BOTH), rcpts=(SALES,), evidence=Evidence.NONE)
    assert [filed.outcome for filed in (first, bob, forged)] == ["new", "new", "new"]
    assert (await desk.ticket(first.number)).ticket.other_desks == ()
    proved = await desk.post(mail(**BOTH), rcpts=(SALES,))  # the forgery came first to this desk and suppresses nothing
    assert proved.number == first.number


async def test_only_within_the_time_of_a_repeat(desk: Helpdesk) -> None:
    first = await desk.post(mail(**BOTH), rcpts=(DESK,))
    desk.clock.advance(31 * 60)
    assert (await desk.post(mail(**BOTH), rcpts=(SALES,))).number != first.number


async def test_a_ticket_for_each_where_the_admin_wants_that(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, tickets={"several_desks": "each"}) as desk:
        first, second = await twice(desk)
        assert [first.outcome, second.outcome] == ["new", "new"]


async def test_both_at_the_same_moment(desk: Helpdesk) -> None:
    for number in range(5):
        raw = mail(f"No. {number}", **{**BOTH, "message_id": f"<{number}@customer.example>"})
        for rcpt in (DESK, SALES):
            await desk.accept(raw, rcpts=(rcpt,))
    await desk.take(*await desk.store.claim(worker="test", now=desk.clock.now(), lease=60, limit=10))
    tickets = await desk.tickets()
    assert len(tickets) == 5
    assert {frozenset((t.desk, *t.other_desks)) for t in tickets} == {frozenset(("support", "sales"))}


async def test_by_two_nodes_at_the_same_moment(desk: Helpdesk, session_database: str) -> None:
    from smtpgate.app import build_pipeline
    from smtpgate.mail.parse import parse
    from smtpgate.store.api import Changes, Facts
    from smtpgate.store.postgres import PostgresStore
    from smtpgate.store.postgres_link import Server
    from tests.support import postgres

    await postgres.emptied(session_database)
    nodes = [await PostgresStore.open(Server(session_database)) for _ in range(2)]
    try:
        pipeline = await build_pipeline(desk.config, nodes[0], desk.clock)
        desk.store = nodes[0]  # type: ignore[assignment]
        raws = [mail(f"No. {number}", **{**BOTH, "message_id": f"<{number}@customer.example>"}) for number in range(4)]
        for rcpt in (DESK, SALES):  # so that each node has one copy of each
            for raw in raws:
                await desk.accept(raw, rcpts=(rcpt,))

        async def file(node: PostgresStore, worker: str) -> None:
            mails = await node.claim(worker=worker, now=desk.clock.now(), lease=60, limit=4)
            for one in mails:
                parsed = parse(one.raw, mail_from=one.envelope.mail_from, limits=desk.config.limits)
                ready = pipeline.prepare(one, parsed, desk.clock.now())

                def decide(facts: Facts, ready: Any = ready) -> Changes:
                    return pipeline.decide(ready, facts)

                await node.file(one.id, worker=worker, query=ready.query, decide=decide)

        await asyncio.gather(*(file(node, f"node{i}") for i, node in enumerate(nodes)))
        tickets = await desk.tickets()
        assert len(tickets) == 4
        assert {frozenset((t.desk, *t.other_desks)) for t in tickets} == {frozenset(("support", "sales"))}
        assert await nodes[0].check() == []
    finally:
        for node in nodes:
            await node.close()


@pytest.mark.parametrize("together", [True, False])
async def test_a_quiet_desk_hears_of_none(tmp_path: Path, together: bool) -> None:
    quiet = {**DESKS[1], "notify": False}
    async with helpdesk(tmp_path, desk=[DESKS[0], quiet], agent=AGENTS) as desk:
        filed = [await desk.post(mail(**BOTH), rcpts=rcpts) for rcpts in ([(DESK, SALES)] if together else [(DESK,), (SALES,)])]
        assert {who for one in filed for purpose, who in sent_to(one) if purpose == "to-agent"} == {LEE, KIM}
        assert (await desk.ticket(filed[0].number)).ticket.other_desks == ("sales",)


async def test_who_is_an_agent_of_both_hears_once_also_when_nobody_is_on_duty(tmp_path: Path) -> None:
    away = [{**AGENTS[0], "address": LEE, "away": ["2026-01-01/2026-02-01"]}]
    both = [{**one, "agents": [LEE]} for one in DESKS]
    async with helpdesk(tmp_path, desk=both, agent=away) as desk:
        filed = await desk.post(mail(**BOTH), rcpts=(DESK, SALES))
        assert [who for _, who in sent_to(filed)].count(LEE) == 1
        second = await desk.post(mail(**{**BOTH, "message_id": "<2@customer.example>", "body": "Two."}), rcpts=(DESK,))
        third = await desk.post(mail(**{**BOTH, "message_id": "<2@customer.example>", "body": "Two."}), rcpts=(SALES,))
        assert [[who for _, who in sent_to(one)].count(LEE) for one in (second, third)] == [1, 0]
