"""An answer that our own delivery could not get rid of, or not yet: told as if a bounce had come, once, and nothing is lost."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smtpgate.delivery.outcome import Outcome, settle
from smtpgate.delivery.returned import report
from smtpgate.deliverysettings import DeliverySettings
from smtpgate.errors import StoreMisuse
from smtpgate.model import Attempt, Delivery, DeliveryState, EntryKind, Evidence, MailState, Status
from smtpgate.processes.apart import a_report
from smtpgate.store.api import Accepted
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, begin, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk

DAY = 86_400.0
REFUSED = Outcome(DeliveryState.FAILED, 550, "5.1.1 No such user 没有", "mx.customer.example[192.0.2.9]:25")
BUSY = Outcome(DeliveryState.QUEUED, 451, "4.7.1 greylisted", "mx.customer.example[192.0.2.9]:25")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def tried(desk: Helpdesk, address: str, purpose: str, outcome: Outcome, *, after: float) -> tuple[Attempt, Accepted | None]:
    """What the recorder is to store of an attempt for the one mail of this purpose."""
    desk.clock.advance(after)
    now = desk.clock.now()
    due = await desk.store.claim_deliveries(worker="w", now=now, limit=99, next_at=lambda _: now + 60)
    (delivery,) = [d for d in due if d.address == address and d.purpose == purpose]
    settled = settle(delivery, outcome, now=now, settings=DeliverySettings(), rng=random.Random(1))
    return settled.attempt, report(delivery, settled, "mx.help.example", desk.clock)


async def told(desk: Helpdesk, attempt: Attempt, returned: Accepted | None) -> Filed:
    """Recorded twice, as when nobody knows whether the first time was safe."""
    assert returned is not None
    for _ in range(2):
        await desk.store.record_attempts([attempt], returned=[returned])
    assert [mail.id for mail in await desk.store.mails(MailState.ACCEPTED, limit=9)] == [returned.envelope.mail_id]
    await desk.work()
    await desk.store.record_attempts([attempt], returned=[returned])  # and once more when it is filed
    await desk.work()
    return await desk.look(returned.envelope.mail_id)


async def test_an_answer_that_the_server_refuses_opens_the_ticket_again_and_its_agent_hears(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved\nNew fuser.")
    filed = await told(desk, *await tried(desk, CUSTOMER, "answer", REFUSED, after=61))
    assert (filed.outcome, filed.number, sent_to(filed)) == ("bounce", first.number, [("to-agent", LEE)])
    text = text_of(to(filed, LEE, "to-agent"))
    for part in ("did NOT arrive", CUSTOMER, "550 5.1.1 No such user 没有", "mx.customer.example[192.0.2.9]:25", "New fuser."):
        assert part in text, part
    assert "From: mail delivery" in text
    assert "Files:" not in text
    assert "trusted" not in text
    detail = await desk.ticket(first.number)
    assert detail.ticket.status is Status.PROGRESS
    assert [e.kind for e in detail.entries].count(EntryKind.MACHINE) == 1
    assert [r.state for r in detail.sent if r.purpose == "answer"] == [DeliveryState.FAILED]


async def bounced(desk: Helpdesk, return_path: str, times: int) -> list[tuple[str, str]]:
    """To whom mail goes because somebody outside says so often that one of ours did not arrive."""
    got = []
    for i in range(times):
        raw = b"\r\n".join(
            (
                b"From: MAILER-DAEMON@mx.evil.example", b"To: " + return_path.encode(), b"Subject: Undelivered",
                b"Message-ID: <%d@evil.example>" % i, b"MIME-Version: 1.0",
                b"Content-Type: multipart/report; report-type=delivery-status; boundary=b", b"",
                b"--b", b"Content-Type: text/plain", b"", b"No.", b"--b", b"Content-Type: message/delivery-status", b"",
                b"Reporting-MTA: dns; evil", b"", b"Final-Recipient: rfc822; " + CUSTOMER.encode(), b"Action: failed",
                b"Status: 5.1.1", b"", b"--b--", b"",
            )
        )  # fmt: skip
        how: dict[str, Any] = {"sender": "MAILER-DAEMON@mx.evil.example", "evidence": Evidence.NONE}
        filed = await desk.post(raw, mail_from=None, rcpts=(return_path,), **how)
        assert filed.outcome == "bounce"
        got += sent_to(filed)
    return got


async def test_who_bounces_an_answer_without_end_is_told_of_once_and_opens_the_ticket_once(desk: Helpdesk) -> None:
    """He was sent its return path, and what is lost is told in spite of the cap on mail to agents."""
    first = await begin(desk)
    answer = to(await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved\nNew fuser."), CUSTOMER, "answer")
    path = str(answer.recipients[0].return_path)
    assert await bounced(desk, path, 1) == [("to-agent", LEE)]
    assert (await desk.ticket(first.number)).ticket.status is Status.PROGRESS
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#closed")
    assert await bounced(desk, path, 3) == []
    assert (await desk.ticket(first.number)).ticket.status is Status.CLOSED


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        ("#waiting\n", Status.WAITING, Status.PROGRESS),  # or it would be reminded, and close, for an answer to what he never read
        ("", Status.PROGRESS, Status.PROGRESS),
    ],
)
async def test_a_ticket_does_not_wait_for_the_answer_to_a_question_that_never_came(
    desk: Helpdesk, command: str, before: Status, after: Status
) -> None:
    first = await begin(desk)
    answer = to(await Colleague(desk).answer(to(first, LEE, "to-agent"), f"{command}Which printer?"), CUSTOMER, "answer")
    assert (await desk.ticket(first.number)).ticket.status is before
    assert await bounced(desk, str(answer.recipients[0].return_path), 1) == [("to-agent", LEE)]
    assert (await desk.ticket(first.number)).ticket.status is after


async def test_what_our_delivery_has_told_is_not_told_again_by_who_refused_it(desk: Helpdesk) -> None:
    first = await begin(desk)
    answer = to(await Colleague(desk).answer(to(first, LEE, "to-agent"), "New fuser."), CUSTOMER, "answer")
    filed = await told(desk, *await tried(desk, CUSTOMER, "answer", REFUSED, after=61))
    assert sent_to(filed) == [("to-agent", LEE)]
    assert await bounced(desk, str(answer.recipients[0].return_path), 2) == []


async def test_one_that_is_given_up_says_so(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "New fuser.")
    filed = await told(desk, *await tried(desk, CUSTOMER, "answer", BUSY, after=6 * DAY))
    assert (filed.outcome, sent_to(filed)) == ("bounce", [("to-agent", LEE)])
    text = text_of(to(filed, LEE, "to-agent"))
    assert "4.4.7" in text
    assert "451 4.7.1 greylisted" in text


async def test_one_that_is_late_is_told_and_changes_nothing(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved\nNew fuser.")
    filed = await told(desk, *await tried(desk, CUSTOMER, "answer", BUSY, after=DAY / 4))
    assert (filed.outcome, sent_to(filed)) == ("noted", [("to-agent", LEE)])
    text = text_of(to(filed, LEE, "to-agent"))
    assert "has not arrived yet" in text
    assert "451 4.7.1 greylisted" in text
    assert (await desk.ticket(first.number)).ticket.status is Status.RESOLVED


async def test_of_mail_to_agents_and_of_notices_nobody_hears(desk: Helpdesk) -> None:
    """They could be lost as well, and so on for ever: of those the ticket has a line."""
    await begin(desk)
    now = desk.clock.now()
    due = await desk.store.claim_deliveries(worker="w", now=now, limit=99, next_at=lambda _: now + 60)
    assert {(d.address, d.purpose) for d in due} == {(CUSTOMER, "received"), (LEE, "to-agent"), (KIM, "to-agent")}
    for delivery in due:
        settled = settle(delivery, REFUSED, now=now, settings=DeliverySettings(), rng=random.Random(1))
        assert settled.event
        assert report(delivery, settled, "mx.help.example", desk.clock) is None


@pytest.mark.parametrize("address", ["alice@customer.example", "用户@customer.example", '"a b"@customer.example'])
@pytest.mark.parametrize("reply", ["5.1.1 gone", "x" * 1000, "Status: 2.0.0 Action: delivered", ""])
async def test_what_the_server_says_cannot_change_the_report(desk: Helpdesk, address: str, reply: str) -> None:
    delivery = Delivery(
        1, 2, 3, address, "support+b1@help.example", DeliveryState.QUEUED, 1, desk.clock.now(), False, False, False, "<1@x>",
        b"", purpose="answer",
    )  # fmt: skip
    outcome = Outcome(DeliveryState.FAILED, 550, reply, "mx.customer.example")
    settled = settle(delivery, outcome, now=desk.clock.now(), settings=DeliverySettings(), rng=random.Random(1))
    made = report(delivery, settled, "mx.help.example", desk.clock)
    assert made is not None
    parsed = await desk.filing.parser.parse(made.raw, None)
    assert parsed.bounce is not None
    (found,) = parsed.bounce.recipients
    assert (found.address, found.action) == (address, "failed")
    assert parsed.bounce.original_message_id == "<1@x>"


@pytest.mark.parametrize(
    "change",
    [{"mail_from": "lee@corp.example"}, {"rcpts": ("a@help.example", "b@help.example")}, {"login": LEE}, "trusted", "large"],
    ids=str,
)
async def test_what_delivery_brings_can_do_no_more_than_a_bounce(desk: Helpdesk, change: Any) -> None:
    """Whoever takes its process over must not act as an agent: the main process looks at what comes."""
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "New fuser.")
    _, returned = await tried(desk, CUSTOMER, "answer", REFUSED, after=61)
    assert returned is not None
    assert a_report(returned) is returned
    if change == "trusted":
        bad = replace(returned, verdict=replace(returned.verdict, evidence=Evidence.TRUSTED, author=LEE))
    elif change == "large":
        bad = replace(returned, raw=returned.raw + bytes(64 * 1024))
    else:
        bad = replace(returned, envelope=replace(returned.envelope, **change))
    with pytest.raises(StoreMisuse):
        a_report(bad)
