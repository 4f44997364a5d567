"""The ladder on real tickets, rung by rung, and what must never thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.actions import set_status
from smtpgate.mail import header
from smtpgate.model import EntryKind, Evidence, MailState, OutgoingMail, Status
from tests.support.helpdesk import DESK, Helpdesk, helpdesk, mail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path) as desk:
        yield desk


def field(sent: OutgoingMail, name: str) -> str:
    value = header.first(header.split(sent.data)[0], name)
    assert value is not None
    return header.decode_words(value)


async def test_the_reply_to_address_of_our_mail_finds_the_ticket(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    reply_to = field(first.sent[0], "reply-to").rpartition("<")[2].strip("<>")
    again = await desk.post(mail("whatever", "more", to=reply_to), rcpts=(reply_to,))
    assert (again.number, again.decision["rung"]) == (first.number, "token")


async def test_our_message_id_finds_the_ticket(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    again = await desk.post(mail("whatever", "more", headers=[f"In-Reply-To: {first.sent[0].message_id}"]))
    assert (again.number, again.decision["rung"]) == (first.number, "our-reference")


@pytest.mark.parametrize(
    "subject",
    [
        "Re: [#{n}] Printer",
        "AW: WG: [#{n}] Printer",
        "回复：[#{n}] 打印机",
        "答复: 转发: 【#{n}】打印机",
        "[list] Fwd: [ # {n} ] Printer",
        "=?utf-8?b?5Zue5aSN77yaWyM=?= {n}] x",
        "about {n}",
        "Re: ［＃{n}］",
    ],
)
async def test_the_number_in_the_subject_finds_the_ticket(desk: Helpdesk, subject: str) -> None:
    first = await desk.post(mail())
    again = await desk.post(mail(subject.format(n=first.number), "more"))
    assert (again.number, again.decision["rung"]) == (first.number, "subject-number")


async def test_the_customers_own_message_id_finds_the_ticket(desk: Helpdesk) -> None:
    first = await desk.post(mail(message_id="<one@customer.example>"))
    again = await desk.post(mail("also", "more", headers=["References: <one@customer.example>"]))
    assert (again.number, again.decision["rung"]) == (first.number, "reference")


async def test_a_colleague_in_copy_takes_part(desk: Helpdesk) -> None:
    first = await desk.post(mail(message_id="<one@customer.example>", headers=["Cc: bob@customer.example"]))
    again = await desk.post(
        mail("Re: Printer", "me too", sender="bob@customer.example", headers=["In-Reply-To: <one@customer.example>"]),
        sender="bob@customer.example",
    )
    assert (again.outcome, again.number) == ("joined", first.number)


async def test_a_strangers_reference_to_the_customers_message_id_does_not_join(desk: Helpdesk) -> None:
    await desk.post(mail(message_id="<one@customer.example>"))
    again = await desk.post(
        mail("Re: Printer", "x", sender="m@evil.example", headers=["References: <one@customer.example>"]), sender="m@evil.example"
    )
    assert again.outcome == "new"


@pytest.mark.parametrize("subject", ["call 1234-5678", "2026-01-02 meeting", "order A20260102-EML-00011", "20260102-0001"])
async def test_what_only_looks_like_a_number_does_not_thread(desk: Helpdesk, subject: str) -> None:
    first = await desk.post(mail())
    assert first.number == "20260102-EML-0001"
    again = await desk.post(mail(subject, "more"))
    assert again.outcome == "new"


async def test_an_old_pattern_stays_recognised(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as before:
        first = await before.post(mail())
    async with helpdesk(tmp_path, tickets={"number_pattern": "HD-{date}-{serial:06}"}) as after:
        new = await after.post(mail("new", "new"))
        again = await after.post(mail(f"Re: [#{first.number}]", "more"))
    assert new.number == "HD-20260102-000001"
    assert again.number == first.number


async def test_an_answer_reopens_a_closed_ticket_and_says_so(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    assert first.number
    await set_status(desk.pipeline, desk.store, number=first.number, status=Status.CLOSED, note="", message="", author="a")
    again = await desk.post(mail(f"Re: [#{first.number}]", "still burning"))
    assert (again.purposes, (await desk.ticket(first.number)).ticket.status) == (["reopened"], Status.PROGRESS)


async def test_an_answer_ends_the_waiting_without_a_mail(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    assert first.number
    await set_status(desk.pipeline, desk.store, number=first.number, status=Status.WAITING, note="", message="Which?", author="a")
    again = await desk.post(mail(f"Re: [#{first.number}]", "the left one"))
    assert (again.purposes, (await desk.ticket(first.number)).ticket.status) == ([], Status.PROGRESS)


async def test_a_reply_that_comes_before_its_parent_is_filed_waits_for_it(desk: Helpdesk) -> None:
    reply_id = await desk.accept(
        mail("Re: Printer", "and the scanner", headers=["In-Reply-To: <parent@customer.example>"], message_id="<reply@c>")
    )
    parent_id = await desk.accept(mail(message_id="<parent@customer.example>"))
    claimed = await desk.store.claim(worker="test", now=desk.clock.now(), lease=60, limit=1)
    assert [m.id for m in claimed] == [reply_id]
    await desk.take(claimed[0])
    assert (await desk.look(reply_id)).mail.state is MailState.ACCEPTED
    await desk.work()
    parent = await desk.look(parent_id)
    assert parent.outcome == "new"
    desk.clock.advance(1)
    await desk.work()
    assert (await desk.look(reply_id)).number == parent.number


async def test_a_reply_does_not_wait_for_ever_for_a_parent_that_is_stuck(desk: Helpdesk) -> None:
    await desk.accept(mail(message_id="<parent@customer.example>"))
    stuck = await desk.store.claim(worker="somebody", now=desk.clock.now(), lease=100_000, limit=1)
    assert len(stuck) == 1
    reply_id = await desk.accept(mail("Re: Printer", "x", headers=["In-Reply-To: <parent@customer.example>"]))
    await desk.work()
    assert (await desk.look(reply_id)).mail.state is MailState.ACCEPTED
    desk.clock.advance(61)
    await desk.work()
    assert (await desk.look(reply_id)).outcome == "new"


async def test_a_reply_waits_for_its_parent_after_an_outage_too(desk: Helpdesk) -> None:
    """Both have waited for longer than parent_wait, and a node has just taken the parent: it is filed any moment."""
    parent_id = await desk.accept(mail(message_id="<parent@customer.example>"))
    reply_id = await desk.accept(mail("Re: Printer", "x", headers=["In-Reply-To: <parent@customer.example>"]))
    desk.clock.advance(3600)
    assert len(await desk.store.claim(worker="somebody", now=desk.clock.now(), lease=60, limit=1)) == 1
    await desk.work()
    assert (await desk.look(reply_id)).mail.state is MailState.ACCEPTED
    desk.clock.advance(61)  # that node has died
    await desk.work()
    desk.clock.advance(1)
    await desk.work()
    assert (await desk.look(parent_id)).outcome == "new"
    assert (await desk.look(reply_id)).outcome == "joined"


async def test_one_mail_to_two_desks_shares_a_ticket(desk: Helpdesk) -> None:
    filed = await desk.post(mail(), rcpts=(DESK, "sales@help.example"))
    tickets = await desk.tickets()
    assert [(t.desk, t.other_desks) for t in tickets] == [("support", ("sales",))]
    assert filed.purposes == ["received"]


async def test_one_mail_to_two_desks_opens_one_each_when_so_configured(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, tickets={"several_desks": "each"}) as desk:
        filed = await desk.post(mail(), rcpts=(DESK, "help@help.example", "sales@help.example"))
        assert sorted(t.number for t in await desk.tickets()) == ["20260102-EML-0001", "20260102-SAL-0001"]
        assert filed.purposes == ["received", "received"]


async def test_postmaster_reaches_the_person_and_opens_no_ticket(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, server={"name": "mx.help.example", "postmaster": "root@corp.example"}) as desk:
        for rcpt in ("postmaster@help.example", "Abuse@help.example", "postmaster"):
            filed = await desk.post(mail(rcpt, rcpt), rcpts=(rcpt,), evidence=Evidence.FAIL)
            assert (filed.outcome, filed.purposes) == ("forwarded", ["postmaster"])
            assert filed.sent[0].recipients[0].address == "root@corp.example"
            assert filed.sent[0].recipients[0].return_path is None
        assert await desk.tickets() == []


async def test_postmaster_without_a_person_is_a_ticket_of_the_first_desk(desk: Helpdesk) -> None:
    filed = await desk.post(mail(), rcpts=("postmaster@help.example",))
    assert (await desk.ticket(filed.number)).ticket.desk == "support"


DSN = """\
From: MAILER-DAEMON@mx.customer.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.customer.example

Final-Recipient: rfc822; alice@customer.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b--
"""


@pytest.mark.parametrize(("action", "status", "bounced"), [("failed", "5.1.1", True), ("delayed", "4.4.1", False)])
async def test_a_bounce_to_the_signed_return_path_marks_the_recipient(
    desk: Helpdesk, action: str, status: str, bounced: bool
) -> None:
    first = await desk.post(mail())
    to = first.sent[0].recipients[0].return_path
    assert to is not None
    raw = DSN.format(to=to, action=action, status=status).replace("\n", "\r\n").encode()
    filed = await desk.post(raw, sender="mailer-daemon@mx.customer.example", mail_from=None, rcpts=(to,), evidence=Evidence.FAIL)
    detail = await desk.ticket(first.number)
    assert filed.outcome == ("bounce" if bounced else "noted")
    assert [r.state.value for r in detail.sent] == ["bounced" if bounced else "queued"]
    assert detail.entries[-1].kind is EntryKind.MACHINE
    assert filed.purposes == []


async def test_only_the_null_sender_bounces_and_a_null_sender_is_nobody_who_writes(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    to = first.sent[0].recipients[0].return_path
    assert to is not None
    raw = DSN.format(to=to, action="failed", status="5.1.1").replace("\n", "\r\n").encode()
    said = await desk.post(raw, sender="mailer-daemon@mx.customer.example", rcpts=(to,))  # RFC 3464 §2: else anybody could
    assert said.outcome == "noted"
    written = await desk.post(mail(f"Re: [#{first.number}]", "more", to=to), mail_from=None, rcpts=(to,))
    assert written.outcome == "noted"
    detail = await desk.ticket(first.number)
    assert [r.state.value for r in detail.sent] == ["queued"]
    assert [e.kind for e in detail.entries[-2:]] == [EntryKind.MACHINE] * 2


async def test_a_bounce_of_somebody_elses_mail_is_held_and_opens_nothing(desk: Helpdesk) -> None:
    raw = DSN.format(to=DESK, action="failed", status="5.1.1").replace("\n", "\r\n").encode()
    filed = await desk.post(raw, sender="mailer-daemon@mx.customer.example", mail_from=None)
    assert (filed.outcome, await desk.tickets()) == ("held", [])


async def test_participants_are_compared_by_exact_local_part(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    other = await desk.post(mail(f"[#{first.number}]", "x", sender="ALICE@customer.example"), sender="ALICE@customer.example")
    assert other.outcome == "new"


async def test_nobody_stands_in_the_way_of_an_answer_by_sending_the_message_id_first(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        known = "<known@customer.example>"
        evil = await desk.post(mail("mine", "mine", sender="e@evil.example", message_id=known), sender="e@evil.example")
        first = await desk.post(mail("ours", "ours", message_id=known))
        assert evil.number != first.number
        answer = await desk.post(mail("and another thing", "more", headers=[f"In-Reply-To: {known}"]))
        assert (answer.outcome, answer.number, answer.decision["rung"]) == ("joined", first.number, "reference")


async def test_a_person_who_writes_to_the_return_path_is_heard(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    to = first.sent[0].recipients[0].return_path
    assert to is not None
    again = await desk.post(mail(f"Re: [#{first.number}]", "more", to=to), rcpts=(to,))
    assert (again.outcome, again.number) == ("joined", first.number)
    assert (await desk.ticket(first.number)).entries[-1].kind is EntryKind.CUSTOMER


async def test_a_mail_that_is_never_finished_becomes_poison_in_the_end(desk: Helpdesk) -> None:
    mail_id = await desk.accept(mail())
    for _ in range(20):  # each time the process dies with the mail in its hands
        assert await desk.store.claim(worker="dead", now=desk.clock.now(), lease=60, limit=1)
        desk.clock.advance(61)
    await desk.work()
    filed = await desk.look(mail_id)
    assert (filed.mail.state, filed.mail.tries) == (MailState.POISON, 1)
    assert await desk.store.settle_mail(mail_id, expect=(MailState.POISON,), to=MailState.ACCEPTED, reason="replay")
    await desk.work()
    assert (await desk.look(mail_id)).outcome == "new"
