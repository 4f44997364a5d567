"""Each stage of a transaction x {4yz, 5yz, timeout, close}: the recipient's state, and what a repeat sends."""

from __future__ import annotations

import pytest

from smtpgate.model import DeliveryState, MailState
from tests.support.sink import DROP, FREEZE, RESET, STALL, Raw, Sink
from tests.unit.delivery.office import DAY, FAST, HOUR, Office, to_smarthost

DELIVERED, QUEUED, FAILED, UNCERTAIN, EXPIRED = (
    DeliveryState.DELIVERED,
    DeliveryState.QUEUED,
    DeliveryState.FAILED,
    DeliveryState.UNCERTAIN,
    DeliveryState.EXPIRED,
)
BEFORE_DOT = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")


async def test_a_mail_is_delivered_as_it_was_queued(office: Office, sink: Sink) -> None:
    mail = await office.queue("wang@example.org", return_path="support+b1x@desk.example")
    office.start(to_smarthost(sink))
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.last_code, row.attempts) == (DELIVERED, 250, 1)
    got = sink.mails[0]
    assert (got.mail_from, got.rcpts, got.data) == ("support+b1x@desk.example", ("wang@example.org",), mail.data)
    assert got.helo == "gate.example"
    assert f"SIZE={len(mail.data)}" in got.mail_params
    attempt = (await office.attempts(mail))[0]
    assert attempt.remote == f"127.0.0.1[127.0.0.1]:{sink.port}"
    assert attempt.reply == "2.0.0 queued"


async def test_the_null_sender_is_an_empty_path(office: Office, sink: Sink) -> None:
    await office.queue("wang@example.org", return_path=None)
    office.start(to_smarthost(sink))
    await office.deliver()
    assert sink.said("MAIL")[0].startswith(b"MAIL FROM:<> ")


@pytest.mark.parametrize("stage", [*BEFORE_DOT, "DOT"])
async def test_4yz_keeps_it_queued_with_backoff(office: Office, sink: Sink, stage: str) -> None:
    sink.script(stage, "450 4.2.0 not now")
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.last_code) == (QUEUED, 450)
    assert 54 <= row.next_at - office.clock.now() <= 66
    await office.pass_time(67)
    assert (await office.row(mail)).state is DELIVERED
    assert sink.mails[-1].data == mail.data


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "DOT"])
async def test_5yz_fails_it_and_tells_the_ticket(office: Office, sink: Sink, stage: str) -> None:
    sink.script(stage, "550 5.7.1 not you\nnever")
    mail = await office.queue("wang@example.org", ticket=True)
    office.start(to_smarthost(sink))
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.last_code, row.last_reply) == (FAILED, 550, "5.7.1 not you never")
    [event] = await office.events()
    assert "wang@example.org" in event
    assert "550 5.7.1 not you never" in event
    assert f"127.0.0.1[127.0.0.1]:{sink.port} said" in event


@pytest.mark.parametrize("purpose", ["to-agent", "receipt", "digest", "held", "alert"])
async def test_mail_for_agents_that_has_waited_does_not_leave_for_one_who_was_removed(
    office: Office, sink: Sink, purpose: str
) -> None:
    mail = await office.queue("gone@corp.example", ticket=True, purpose=purpose)
    office.start(to_smarthost(sink))
    await office.deliver()
    assert ((await office.row(mail)).state, sink.mails) == (FAILED, [])
    assert "no agent's address any more" in (await office.events())[0]


async def test_a_manager_who_is_no_agent_gets_alerts_and_no_more(office: Office, sink: Sink) -> None:
    alert, briefing = [await office.queue("boss@corp.example", ticket=True, purpose=purpose) for purpose in ("alert", "to-agent")]
    office.start(to_smarthost(sink))
    await office.deliver()
    assert [(await office.row(mail)).state for mail in (alert, briefing)] == [DELIVERED, FAILED]


async def test_of_an_answer_a_report_comes_back_as_mail(office: Office, sink: Sink) -> None:
    """In the same transaction as the attempt, to be filed like a bounce."""
    sink.script("RCPT", "550 5.1.1 nobody here")
    mail = await office.queue("wang@example.org", ticket=True, purpose="answer")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert ((await office.row(mail)).state, await office.events()) == (FAILED, [])
    [back] = await office.store.mails(MailState.ACCEPTED, limit=9)
    assert (back.envelope.mail_from, back.envelope.rcpts) == (None, ("support+b1@desk.example",))


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO"])
async def test_5yz_before_mail_speaks_of_the_host_and_is_temporary(office: Office, sink: Sink, stage: str) -> None:
    sink.script(stage, "554 5.3.2 no service")
    sink.script("HELO", "554 5.3.2 no service")
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.last_code) == (QUEUED, 554)


@pytest.mark.parametrize("stage", BEFORE_DOT)
@pytest.mark.parametrize("action", [STALL, DROP, RESET])
async def test_silence_or_close_before_the_dot_keeps_it_queued(office: Office, sink: Sink, stage: str, action: object) -> None:
    sink.script(stage, action)  # type: ignore[arg-type]
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink, **FAST))
    await office.deliver()
    row = await office.row(mail)
    assert (row.state, row.last_code) == (QUEUED, 0)
    assert 54 <= row.next_at - office.clock.now() <= 66


@pytest.mark.parametrize("action", [STALL, DROP, RESET, Raw(b"what is this\r\n"), "150 hm", "354 go on", Raw(b"x" * 8192, 100)])
async def test_no_clear_answer_after_the_dot_is_uncertain_and_repeats_the_same_bytes(
    office: Office, sink: Sink, action: object
) -> None:
    sink.script("DOT", action)  # type: ignore[arg-type]
    mail = await office.queue("wang@example.org", data=b"Subject: x\r\n\r\n..dots\r\n.\r\nend")
    office.start(to_smarthost(sink, **FAST))
    await office.deliver()
    row = await office.row(mail)
    assert row.state is UNCERTAIN
    assert row.next_at == office.clock.now() + HOUR
    await office.pass_time(HOUR - 1)
    assert len(sink.mails) == 1
    await office.pass_time(1)
    assert (await office.row(mail)).state is DELIVERED
    assert len(sink.mails) == 2
    assert sink.mails[0].wire == sink.mails[1].wire
    assert sink.mails[0].data == mail.data + b"\r\n"


async def test_a_peer_that_stops_reading_a_large_mail_never_saw_the_dot(office: Office, sink: Sink) -> None:
    sink.script("CONTENT", FREEZE)
    mail = await office.queue("wang@example.org", data=b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 1_000_000)
    office.start(to_smarthost(sink, **FAST))
    await office.deliver()
    assert (await office.row(mail)).state is QUEUED


async def test_a_large_mail_arrives_whole(office: Office, sink: Sink) -> None:
    data = b"Subject: x\r\n\r\n" + b"".join(b".%d\r\n" % i for i in range(100_000))
    mail = await office.queue("wang@example.org", data=data)
    office.start(to_smarthost(sink))
    await office.deliver()
    assert (await office.row(mail)).state is DELIVERED
    assert sink.mails[0].data == data


async def test_250_instead_of_354_is_not_a_delivery(office: Office, sink: Sink) -> None:
    sink.script("DATA", "250 2.0.0 thanks")
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert (await office.row(mail)).state is QUEUED


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_a_reply_that_nobody_asked_for_is_not_taken_for_the_next_one(office: Office, sink: Sink, stage: str) -> None:
    usual = {"MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go\r\n"}[stage]
    sink.script(stage, Raw(usual + b"250 2.0.0 queued\r\n"))
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert (await office.row(mail)).state is QUEUED


@pytest.mark.parametrize("flood", [Raw(b"250-more\r\n" * 1000, 1000), Raw(b"x" * 10_000, 1000), Raw(b"250 ok\r\n" * 1000, 1000)])
async def test_a_flood_of_replies_is_bounded(office: Office, sink: Sink, flood: Raw) -> None:
    sink.script("MAIL", flood)
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    row = await office.row(mail)
    assert row.state is QUEUED
    assert len(row.last_reply) <= 1000


async def test_each_recipient_has_a_state_of_its_own(office: Office, sink: Sink) -> None:
    sink.rcpt = {"later@example.org": "451 4.7.1 greylisted", "never@example.org": "550 5.1.1 no such user"}
    mail = await office.queue("fine@example.org", "later@example.org", "never@example.org", ticket=True)
    office.start(to_smarthost(sink))
    await office.deliver()
    rows = await office.rows(mail)
    assert {a: (r.state, r.last_code) for a, r in rows.items()} == {
        "fine@example.org": (DELIVERED, 250),
        "later@example.org": (QUEUED, 451),
        "never@example.org": (FAILED, 550),
    }
    assert sink.mails[0].rcpts == ("fine@example.org",)
    assert sink.connections == 1
    assert len(await office.events()) == 1
    sink.rcpt.clear()
    await office.pass_time(67)
    assert (await office.rows(mail))["later@example.org"].state is DELIVERED
    assert [m.rcpts for m in sink.mails] == [("fine@example.org",), ("later@example.org",)]


async def test_552_after_an_accepted_recipient_means_too_many(office: Office, sink: Sink) -> None:
    sink.script("RCPT", None, "552 too many recipients")
    mail = await office.queue("a@example.org", "b@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert [r.state for r in (await office.rows(mail)).values()] == [DELIVERED, QUEUED]


async def test_421_ends_the_connection_and_keeps_the_rest_queued(office: Office, sink: Sink) -> None:
    sink.script("RCPT", None, "421 4.3.2 going down")
    mail = await office.queue("a@example.org", "b@example.org", "c@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    assert [r.state for r in (await office.rows(mail)).values()] == [QUEUED] * 3
    assert sink.mails == []


async def test_after_five_days_it_is_given_up_with_an_event(office: Office, sink: Sink) -> None:
    sink.always("RCPT", "451 4.7.1 greylisted")
    mail = await office.queue("wang@example.org", ticket=True)
    office.start(to_smarthost(sink))
    await office.deliver()
    waits = []
    while (row := await office.row(mail)).state is QUEUED:
        waits.append(row.next_at - office.clock.now())
        await office.pass_time(row.next_at - office.clock.now())
    assert row.state is EXPIRED
    assert office.clock.now() == mail.created_at + 5 * DAY
    for wait, step in zip(waits[:7], (60, 300, 900, 1800, 3600, 7200, 14400), strict=True):
        assert 0.9 * step <= wait <= 1.1 * step
    assert len(set(waits)) == len(waits)
    delay, end = await office.events()
    assert "has not been delivered for 4 hours" in delay or "has not been delivered for 8 hours" in delay
    assert "given up after 5 days" in end
    assert "451 4.7.1 greylisted" in end
    assert await office.store.next_due() is None


async def test_a_delay_is_told_once(office: Office, sink: Sink) -> None:
    sink.always("MAIL", "451 4.3.0 busy")
    mail = await office.queue("wang@example.org", ticket=True)
    office.start(to_smarthost(sink))
    await office.deliver()
    await office.pass_time(3.9 * HOUR)
    assert await office.events() == []
    for _ in range(3):
        await office.pass_time(5 * HOUR)
    [event] = await office.events()
    assert "wang@example.org" in event
    assert "451 4.3.0 busy" in event
    assert (await office.row(mail)).attempts == 5


async def test_the_far_sides_words_are_made_printable(office: Office, sink: Sink) -> None:
    sink.script("RCPT", Raw(b"550-5.1.1 \x1b[31mred\x07 \xff\xfe\r\n550 \xe4\xbd\xa0" + b"\xe2\x80\xae" + b"\r\n"))
    mail = await office.queue("wang@example.org")
    office.start(to_smarthost(sink))
    await office.deliver()
    row = await office.row(mail)
    assert row.state is FAILED
    assert row.last_reply.isprintable()
    assert "\x1b" not in row.last_reply
    assert "你" in row.last_reply
