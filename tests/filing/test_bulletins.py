"""Notices to everybody whom something concerns: who gets one, once, in which language, and what comes of a reply."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from smtpgate import bulletins
from smtpgate.bulletin import Bulletin, Matter
from smtpgate.errors import UsageError
from smtpgate.model import EntryKind, Evidence
from smtpgate.store.api import Changes, TicketUpdate
from tests.filing.test_agent import LEE, Colleague, read, sent_to, text_of, to
from tests.filing.test_words import BOB, DESKS, say
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk, mail

OUTAGE = Bulletin(7, "printer", Matter.OUTAGE, {"en": "Back at 3 p.m.", "zh": "下午三点恢复。"}, "root", 1_767_348_000.0)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS) as desk:
        yield desk


async def tag(desk: Helpdesk, filed: Filed, *tags: str) -> None:
    ticket = (await desk.ticket(filed.number)).ticket
    changes = Changes(updates=(TicketUpdate(ticket.id, tags=tags or ("printer",)),))
    await desk.store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)


async def send(desk: Helpdesk, bulletin: Bulletin = OUTAGE) -> list[str]:
    """Whom it is queued for, in their order."""
    await bulletins.begin(desk.store, bulletin, again=False)
    count = await bulletins.send(desk.pipeline, desk.store, bulletin.id, per_minute=30)
    sent = [m for m in await desk.outgoing() if m.purpose == "bulletin"][-count:] if count else []
    return [m.recipients[0].address for m in sent]


async def test_each_person_once_about_the_newest_ticket_in_his_language(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    desk.clock.advance(1)
    second = await desk.post(mail("Still burns"))
    taiwan = await desk.post(mail("印表機", "您好，印表機壞了，請幫忙處理，謝謝。", sender=BOB), sender=BOB)
    for one in (first, second, taiwan):
        await tag(desk, one)
    assert sorted(await send(desk)) == [CUSTOMER, BOB]
    letters = {m.recipients[0].address: m for m in await desk.outgoing() if m.purpose == "bulletin"}
    assert read(letters[CUSTOMER])["Subject"] == f"[#{second.number}] A disruption that affects you"
    assert read(letters[CUSTOMER])["Auto-Submitted"] == "auto-generated"
    assert "Back at 3 p.m." in text_of(letters[CUSTOMER])
    assert read(letters[BOB])["Content-Language"] == "zh-CN"  # there is no Traditional text: the next best
    assert "下午三点恢复。" in text_of(letters[BOB])
    times = sorted(m.recipients[0].next_at for m in letters.values())
    assert times[1] - times[0] == 2.0  # thirty a minute
    noted = [(await desk.ticket(one.number)).entries[-1] for one in (second, first)]
    assert (noted[0].kind, noted[0].text) == (EntryKind.STATUS, "Back at 3 p.m.")
    assert (noted[1].kind, "under another number" in noted[1].text) == (EntryKind.EVENT, True)


async def test_a_reply_lands_in_the_ticket(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await tag(desk, first)
    await send(desk)
    letter = next(m for m in await desk.outgoing() if m.purpose == "bulletin")
    where = str(read(letter)["Reply-To"].addresses[0].addr_spec)
    reply = await desk.post(mail("Re: whatever", "Thanks for telling, when exactly?", to=where), rcpts=(where,))
    assert (reply.outcome, reply.number) == ("joined", first.number)
    by_reference = mail("Re: x", "And tomorrow?", headers=(f"In-Reply-To: {letter.message_id}",))
    assert (await desk.post(by_reference)).number == first.number


async def test_that_it_is_over_is_told_about_the_number_that_leads_on(desk: Helpdesk) -> None:
    """Of a ticket that has become part of another one meanwhile."""
    first, second = await desk.post(mail()), await desk.post(mail("The other printer"))
    await tag(desk, first)
    assert await send(desk) == [CUSTOMER]
    await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#merge {second.number}")
    over = Bulletin(9, "printer", Matter.OVER, {"en": "It works again."}, "root", OUTAGE.created_at + 1, follows=OUTAGE.id)
    assert await send(desk, over) == [CUSTOMER]
    letter = next(m for m in await desk.outgoing() if m.purpose == "bulletin" and "It works again." in text_of(m))
    assert read(letter)["Subject"] == f"[#{second.number}] The disruption is over"
    assert (await desk.ticket(second.number)).entries[-1].text == "It works again."
    assert await desk.store.check() == []


async def test_who_gets_none(desk: Helpdesk) -> None:
    forged = await desk.post(mail("Forged", sender="eve@evil.example"), sender="eve@evil.example", evidence=Evidence.NONE)
    junk = await desk.post(mail("Junk", sender="junk@spam.example"), sender="junk@spam.example")
    robot = await desk.post(mail("Robot", headers=("Auto-Submitted: auto-generated",), sender="r@x.example"), sender="r@x.example")
    banned = await desk.post(mail("Bad", sender="bad@x.example"), sender="bad@x.example")
    older = await desk.post(mail("Older", sender="bad@x.example"), sender="bad@x.example")
    await Colleague(desk).answer(to(banned, LEE, "to-agent"), "#block")
    ended = await desk.post(mail("Ended", sender=BOB), sender=BOB)
    await Colleague(desk).answer(to(ended, LEE, "to-agent"), "#closed")
    for one in (forged, robot, older, banned, ended):
        await tag(desk, one)
    await tag(desk, junk, "spam", "printer")
    assert await send(desk) == []
    found = await bulletins.reach(desk.pipeline, desk.store, OUTAGE)
    assert (found.people, set(found.left_out.values())) == ({}, {1})
    assert len(found.left_out) == 4


async def test_who_wants_fewer_notices_gets_outages_alone(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await tag(desk, first)
    await say(desk, first, "fewer notices")
    assert await send(desk, replace(OUTAGE, id=8, matter=Matter.MAINTENANCE)) == []
    assert "wants fewer notices" in (await desk.ticket(first.number)).entries[-1].text
    assert await send(desk) == [CUSTOMER]


async def test_the_same_again_is_a_slip_unless_it_is_meant(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await tag(desk, first)
    await send(desk)
    with pytest.raises(UsageError, match="--again"):
        await send(desk, replace(OUTAGE, id=8))
    await bulletins.begin(desk.store, replace(OUTAGE, id=8, created_at=OUTAGE.created_at + 1), again=True)
    with pytest.raises(UsageError, match="notice resume"):
        await send(desk, replace(OUTAGE, id=9, created_at=OUTAGE.created_at + 2))


async def test_it_is_no_acknowledgement_and_the_status_tells_of_it(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await tag(desk, first)
    await send(desk)
    status = await say(desk, first, "status")
    assert sent_to(status) == [("status", CUSTOMER)]
    assert "we wrote how it stands" in text_of(status.sent[0])


async def test_it_threads_below_what_was_last_said_to_him(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    desk.clock.advance(60)
    told = to(first, LEE, "to-agent")
    answered = await Colleague(desk).answer(told, "Switch it off.")
    await Colleague(desk).answer(told, "#note not for him\n")
    await tag(desk, first)
    await send(desk)
    letter = read(next(m for m in await desk.outgoing() if m.purpose == "bulletin"))
    answer = to(answered, CUSTOMER, "answer").message_id
    assert letter["In-Reply-To"] == answer
    assert letter["References"].split() == [first.mail.message_id, answer]
