"""#block and #unblock: whose mail is held then, where, and what stays as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.blocks import Block
from smtpgate.model import Evidence, MailState, OutgoingMail, Status
from smtpgate.store.api import Changes
from tests.filing.test_agent import AGENTS, DESKS, LEE, Colleague, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

SALES = "sales@help.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def write(desk: Helpdesk, subject: str, *, who: str = CUSTOMER, rcpts: tuple[str, ...] = (DESK,), **how: Evidence) -> Filed:
    desk.clock.advance(7200)
    return await desk.post(mail(subject, f"about {subject}", sender=who), sender=who, rcpts=rcpts, **how)


async def say(desk: Helpdesk, letter: OutgoingMail, body: str) -> Filed:
    desk.clock.advance(1)
    return await Colleague(desk).answer(letter, body)


def receipt(filed: Filed) -> str:
    return " ".join(text_of(to(filed, LEE, "receipt")).split())


async def test_mail_of_a_blocked_sender_is_held_and_nobody_hears_of_it(desk: Helpdesk) -> None:
    first = await write(desk, "Buy pills")
    told = to(first, LEE, "to-agent")
    done = await say(desk, told, "#拉黑")
    assert (done.outcome, sent_to(done)) == ("done", [("receipt", LEE)])
    assert "#unblock" in receipt(done)
    ticket = (await desk.ticket(first.number)).ticket
    assert (ticket.status, ticket.tags) == (Status.CLOSED, ("spam",))
    signed = desk.reply_address(ticket)
    for who, rcpts, evidence in (
        (CUSTOMER, (DESK,), Evidence.DMARC_DKIM),
        (CUSTOMER, (DESK,), Evidence.NONE),  # whoever claims to be him
        ("Alice+news@customer.example", (DESK,), Evidence.DMARC_DKIM),
        (CUSTOMER, (signed,), Evidence.DMARC_DKIM),
        (CUSTOMER, (signed,), Evidence.FAIL),
    ):
        held = await write(desk, f"Again {evidence} {who} {rcpts}", who=who, rcpts=rcpts, evidence=evidence)
        assert (held.outcome, held.sent, held.mail.state) == ("held", (), MailState.HELD), who
        assert held.mail.reason == f"blocked: {CUSTOMER} at desk support by {LEE}: ticket {first.number}"
    assert len(await desk.tickets()) == 1
    released = await desk.release(held.mail.id)
    assert (released.outcome, released.number) == ("joined", first.number)
    assert (await write(desk, "of somebody else", who="bob@customer.example")).outcome == "new"
    assert "mail.held" not in (await desk.store.overview(desk.clock.now())).oldest  # it waits for nobody
    assert await desk.store.check() == []


async def test_each_desk_blocks_for_itself_and_an_admin_for_all(desk: Helpdesk) -> None:
    first = await write(desk, "Buy pills")
    await say(desk, to(first, LEE, "to-agent"), "#block")
    assert (await write(desk, "at sales", rcpts=(SALES,))).outcome == "new"
    both = await write(desk, "at both", rcpts=(DESK, SALES))
    assert (both.outcome, (await desk.ticket(both.number)).ticket.desk) == ("new", "sales")
    assert (await desk.ticket(both.number)).ticket.other_desks == ()
    (block,) = await desk.store.blocks("support")
    everywhere = type(block)(block.who, "", 0.0)
    await desk.store.change(ticket_number=None, query=None, decide=lambda *_: Changes(blocked=(everywhere,)))
    assert (await write(desk, "at sales again", rcpts=(SALES,))).outcome == "held"
    still = await say(desk, to(first, LEE, "to-agent"), "#unblock")
    assert "still held" in receipt(still)
    assert "at all desks by your mail admin" in receipt(await say(desk, to(first, LEE, "to-agent"), "#unblock\n#take"))
    assert (await write(desk, "and again")).outcome == "held"


async def test_a_domain_and_back_again(desk: Helpdesk) -> None:
    first = await write(desk, "Buy pills")
    told = to(first, LEE, "to-agent")
    await say(desk, told, "#block")
    filed = await say(desk, told, "#block domain")
    assert "#unblock domain" in receipt(filed)
    assert (await write(desk, "1", who="Other@CUSTOMER.example")).outcome == "held"
    assert (await write(desk, "2", who="other@sub.customer.example")).outcome == "new"
    still = await say(desk, told, "#unblock")
    assert "@customer.example is blocked too" in receipt(still)
    assert (await write(desk, "3")).outcome == "held"
    await say(desk, told, "#取消拉黑 域名")
    assert (await write(desk, "4")).outcome == "new"
    assert [b.who for b in await desk.store.blocks(None)] == []


async def test_what_is_impossible_changes_nothing(desk: Helpdesk) -> None:
    first = await write(desk, "One")
    gmail = await write(desk, "Two", who="ann@gmail.com")
    inside = await write(desk, "Three", who="sal@corp.example")  # an agent of another desk, as a customer here
    for filed, body, said in (
        (first, "#unblock", "is not blocked"),
        (first, "#block all", "the word domain"),
        (first, "#block a@b@c.example", "anybody else is for your mail admin"),
        (first, "#block\n#reply\n\nGo away.", "do not go together"),
        (first, "#block\n#unblock", "do not go together"),
        (gmail, "#block domain", "public mail provider"),
        (inside, "#block", "agent of ours"),
    ):
        refused = await say(desk, to(filed, LEE, "to-agent"), body)
        assert (refused.outcome, sent_to(refused)) == ("refused", [("receipt", LEE)]), body
        assert said in receipt(refused)
    weak = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#block", evidence=Evidence.DMARC_SPF)
    assert weak.outcome == "held"
    assert await desk.store.blocks(None) == ()
    assert {t.status for t in await desk.tickets()} == {Status.RECEIVED}
    await say(desk, to(first, LEE, "to-agent"), "#block")
    assert "already" in receipt(await say(desk, to(first, LEE, "to-agent"), "#拉黑"))


async def test_a_forged_agents_name_is_held_as_ever_and_never_blocked(desk: Helpdesk) -> None:
    await desk.store.change(ticket_number=None, query=None, decide=lambda *_: Changes(blocked=(Block("@corp.example", "", 0.0),)))
    filed = await desk.post(mail("", "#list", sender=LEE), sender=LEE)
    assert filed.outcome == "done"


async def status_of(desk: Helpdesk, filed: Filed) -> tuple[Status, tuple[str, ...], list[str]]:
    """State, tags, and what became of it."""
    detail = await desk.ticket(filed.number)
    return detail.ticket.status, detail.ticket.tags, [e.text for e in detail.entries if e.text.startswith(("spam", "blocked"))]


async def test_whatever_the_ticket_was_it_is_closed_as_spam_once(desk: Helpdesk) -> None:
    first = await write(desk, "Buy pills")
    told = to(first, LEE, "to-agent")
    await say(desk, told, "#closed")
    await say(desk, told, "#block")  # closed, but not as spam
    assert await status_of(desk, first) == (
        Status.CLOSED,
        ("spam",),
        ["spam: closed -> closed", f"blocked at desk support: {CUSTOMER}"],
    )
    await say(desk, told, "#unblock")
    await write(desk, "more", rcpts=(desk.reply_address((await desk.ticket(first.number)).ticket),))  # it is open again
    assert (await desk.ticket(first.number)).ticket.status is Status.PROGRESS
    await say(desk, told, "#拉黑")
    assert (await desk.ticket(first.number)).ticket.status is Status.CLOSED
    await say(desk, told, "#取消拉黑")
    await say(desk, told, "#屏蔽")  # and nothing is left to be closed
    assert (await status_of(desk, first))[2][-3:] == ["spam: progress -> closed"] + [f"blocked at desk support: {CUSTOMER}"] * 2


async def test_with_spam_beside_it_it_is_closed_once(desk: Helpdesk) -> None:
    first = await write(desk, "Buy pills")
    await say(desk, to(first, LEE, "to-agent"), "#spam\n#block")
    assert (await status_of(desk, first))[2] == ["spam: received -> closed", f"blocked at desk support: {CUSTOMER}"]


async def test_a_block_at_another_desk_is_nothing_to_warn_of(desk: Helpdesk) -> None:
    first = await write(desk, "Buy pills")
    await say(desk, to(first, LEE, "to-agent"), "#block")
    elsewhere = (Block("@customer.example", "sales", 0.0),)
    await desk.store.change(ticket_number=None, query=None, decide=lambda *_: Changes(blocked=elsewhere))
    assert "blocked too" not in receipt(await say(desk, to(first, LEE, "to-agent"), "#unblock"))


async def test_history_of_a_blocked_sender_is_kept(desk: Helpdesk) -> None:
    everywhere = (Block(CUSTOMER, "", 0.0),)
    await desk.store.change(ticket_number=None, query=None, decide=lambda *_: Changes(blocked=everywhere))
    assert (await write(desk, "from long ago", evidence=Evidence.IMPORTED)).outcome == "new"
