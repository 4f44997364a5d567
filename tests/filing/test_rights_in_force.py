"""The rights table, seen on real tickets: what each kind of evidence opens, joins and is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.model import EntryKind, Evidence, MailState
from tests.support.helpdesk import CUSTOMER, DESK, Helpdesk, helpdesk, mail

FULL = [Evidence.TRUSTED, Evidence.DMARC_DKIM, Evidence.DMARC_SPF, Evidence.DOMAIN]
BARE = [Evidence.NONE, Evidence.TEMPERROR]
REFUSED = [Evidence.FAIL, Evidence.AMBIGUOUS]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path) as desk:
        yield desk


@pytest.mark.parametrize("evidence", FULL)
async def test_proved_mail_opens_a_ticket_and_gets_its_number(desk: Helpdesk, evidence: Evidence) -> None:
    filed = await desk.post(mail(), evidence=evidence)
    assert (filed.outcome, filed.number, filed.purposes) == ("new", "20260102-EML-0001", ["received"])
    assert not (await desk.ticket(filed.number)).ticket.unverified
    assert b"[#20260102-EML-0001]" in filed.sent[0].data


@pytest.mark.parametrize("evidence", BARE)
async def test_unproved_mail_opens_an_unverified_ticket_and_gets_a_notice_without_its_text(
    desk: Helpdesk, evidence: Evidence
) -> None:
    filed = await desk.post(mail(subject="Buy zorkmids", body="zorkmids!"), evidence=evidence)
    assert (filed.outcome, filed.purposes) == ("new", ["notice"])
    assert (await desk.ticket(filed.number)).ticket.unverified
    assert b"zorkmids" not in filed.sent[0].data
    assert b"Alice" not in filed.sent[0].data


async def test_one_notice_a_day(desk: Helpdesk) -> None:
    first = await desk.post(mail("one"), evidence=Evidence.NONE)
    second = await desk.post(mail("two"), evidence=Evidence.NONE)
    desk.clock.advance(86401)
    third = await desk.post(mail("three"), evidence=Evidence.NONE)
    assert [first.purposes, second.purposes, third.purposes] == [["notice"], [], ["notice"]]


@pytest.mark.parametrize("evidence", REFUSED)
async def test_forged_mail_is_held_where_agents_see_it_and_nobody_is_told(desk: Helpdesk, evidence: Evidence) -> None:
    filed = await desk.post(mail(), evidence=evidence)
    assert (filed.outcome, filed.mail.state, filed.purposes) == ("held", MailState.HELD, [])
    assert await desk.tickets() == []
    assert [m.id for m in await desk.store.mails(MailState.HELD, limit=10)] == [filed.mail.id]


async def test_a_released_mail_opens_its_ticket(desk: Helpdesk) -> None:
    held = await desk.post(mail(), evidence=Evidence.FAIL)
    filed = await desk.release(held.mail.id)
    assert (filed.outcome, filed.mail.state) == ("new", MailState.FILED)


@pytest.mark.parametrize("evidence", FULL + BARE + REFUSED)
async def test_joining_with_the_signed_address(desk: Helpdesk, evidence: Evidence) -> None:
    first = await desk.post(mail())
    ticket = (await desk.ticket(first.number)).ticket
    again = await desk.post(mail("Re: x", "more"), evidence=evidence, rcpts=(desk.reply_address(ticket),))
    entries = (await desk.ticket(first.number)).entries
    if evidence in REFUSED:
        assert (again.outcome, len(entries)) == ("held", 1)
        return
    assert (again.outcome, again.number, again.decision["rung"]) == ("joined", first.number, "token")
    marks = {Evidence.DMARC_SPF: ("weak",), Evidence.DOMAIN: ("weak",), Evidence.NONE: ("unverified",)}
    marks[Evidence.TEMPERROR] = ("unverified",)
    assert entries[-1].kind is EntryKind.CUSTOMER
    assert entries[-1].marks == marks.get(evidence, ())


@pytest.mark.parametrize("evidence", FULL + BARE + REFUSED)
async def test_joining_with_the_number_only(desk: Helpdesk, evidence: Evidence) -> None:
    first = await desk.post(mail())
    again = await desk.post(mail(f"Re: [#{first.number}] Printer", "more"), evidence=evidence)
    joined = evidence in (Evidence.TRUSTED, Evidence.DMARC_DKIM, Evidence.DMARC_SPF)
    assert again.outcome == ("joined" if joined else "held")
    assert len((await desk.ticket(first.number)).entries) == (2 if joined else 1)


@pytest.mark.parametrize("evidence", [*FULL, *BARE])
async def test_automatic_mail_is_never_answered(desk: Helpdesk, evidence: Evidence) -> None:
    filed = await desk.post(mail(headers=["Auto-Submitted: auto-replied"]), evidence=evidence)
    assert filed.purposes == []
    first = await desk.post(mail("Question", "How?"))
    noted = await desk.post(
        mail(f"Automatic reply: [#{first.number}]", "Away.", headers=["Auto-Submitted: auto-replied"]), evidence=Evidence.DMARC_DKIM
    )
    assert (noted.outcome, noted.number, noted.purposes) == ("noted", first.number, [])
    assert (await desk.ticket(first.number)).entries[-1].kind is EntryKind.MACHINE


@pytest.mark.parametrize("evidence", REFUSED)
async def test_a_forged_mail_cannot_pass_the_hold_by_calling_itself_automatic(desk: Helpdesk, evidence: Evidence) -> None:
    filed = await desk.post(mail(headers=["Auto-Submitted: auto-generated"]), evidence=evidence)
    assert filed.outcome == "held"


async def test_the_null_sender_is_never_answered(desk: Helpdesk) -> None:
    filed = await desk.post(mail(), mail_from=None)
    assert filed.purposes == []


async def test_mail_from_ourselves_is_never_answered(desk: Helpdesk) -> None:
    filed = await desk.post(mail(sender=f"Desk <{DESK}>"), sender=DESK)
    assert filed.purposes == []


async def test_a_stranger_with_the_number_opens_a_new_ticket_that_only_claims(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    other = await desk.post(
        mail(f"Re: [#{first.number}]", "let me in", sender="m@evil.example"), sender="m@evil.example", evidence=Evidence.DMARC_DKIM
    )
    assert (other.outcome, other.number) == ("new", "20260102-EML-0002")
    assert f"claims #{first.number}" in (await desk.ticket(other.number)).entries[0].marks
    assert len((await desk.ticket(first.number)).entries) == 1
    assert first.number is not None
    assert (
        first.number.encode() not in other.sent[0].data.replace(b"[#" + other.number.encode() + b"]", b"")
        if other.number
        else False
    )


async def test_a_proved_stranger_with_the_signed_address_is_shown_but_becomes_nobody(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    ticket = (await desk.ticket(first.number)).ticket
    filed = await desk.post(
        mail("Re: x", "I am the boss", sender="boss@customer.example"),
        sender="boss@customer.example",
        rcpts=(desk.reply_address(ticket),),
    )
    detail = await desk.ticket(first.number)
    assert (filed.outcome, detail.entries[-1].kind) == ("joined", EntryKind.THIRD_PARTY)
    assert [p.address for p in detail.ticket.participants] == [CUSTOMER]


async def test_an_unproved_stranger_with_a_leaked_signed_address_is_held(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    ticket = (await desk.ticket(first.number)).ticket
    filed = await desk.post(
        mail("Re: x", "hello", sender="m@evil.example"),
        sender="m@evil.example",
        rcpts=(desk.reply_address(ticket),),
        evidence=Evidence.NONE,
    )
    assert filed.outcome == "held"


async def test_unproved_mail_brings_nobody_into_a_ticket(desk: Helpdesk) -> None:
    proved = await desk.post(mail("a", headers=["Cc: Bob <bob@customer.example>"]))
    bare = await desk.post(mail("b", headers=["Cc: Eve <eve@evil.example>"]), evidence=Evidence.NONE)
    assert [p.address for p in (await desk.ticket(proved.number)).ticket.participants] == [CUSTOMER, "bob@customer.example"]
    assert [p.address for p in (await desk.ticket(bare.number)).ticket.participants] == [CUSTOMER]


async def test_a_domain_that_only_watches_may_be_taken_at_its_word(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, policy={"dmarc_none": "unverified"}) as desk:
        watched = await desk.post(mail("a"), evidence=Evidence.FAIL, dmarc_policy="none")
        strict = await desk.post(mail("b"), evidence=Evidence.FAIL, dmarc_policy="reject")
    assert (watched.outcome, watched.purposes, strict.outcome) == ("new", ["notice"], "held")


async def test_a_domain_that_only_watches_is_held_by_default(desk: Helpdesk) -> None:
    assert (await desk.post(mail("a"), evidence=Evidence.FAIL, dmarc_policy="none")).outcome == "held"


async def test_who_asks_for_no_automatic_answer_gets_a_ticket_and_silence(desk: Helpdesk) -> None:
    headers = ["X-Auto-Response-Suppress: OOF, AutoReply", "X-Mailer: Microsoft Outlook 16.0"]
    filed = await desk.post(mail(headers=headers))
    assert (filed.outcome, filed.purposes) == ("new", [])
    assert (await desk.ticket(filed.number)).ticket.customer is not None


async def test_two_forwards_without_a_word_of_their_own_are_not_the_same_mail(desk: Helpdesk) -> None:
    block = "\n-----Original Message-----\nFrom: bob@x.example\nSent: Monday\nTo: alice\nSubject: x\n\n"
    first = await desk.post(mail("Fwd: order", block + "Order 1 is late.", message_id="<f1@c>"))
    second = await desk.post(mail("Fwd: order", block + "Order 2 is lost.", message_id="<f2@c>"))
    assert (first.outcome, second.outcome) == ("new", "new")
    quoted = await desk.post(mail("Re: order", "> Order 3 is late.", message_id="<f3@c>"))
    other = await desk.post(mail("Re: order", "> Order 4 is late.", message_id="<f4@c>"))
    assert (quoted.outcome, other.outcome) == ("new", "new")
