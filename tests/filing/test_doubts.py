"""What an agent sent, and what he meant: fresh mail that names a ticket, absence notes, forwards, two tickets at once, undo."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.mail.token import TokenKind
from smtpgate.model import EntryKind, Evidence, OutgoingMail, Role, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, begin, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


def address(told: OutgoingMail) -> str:
    return str(read(told)["Reply-To"].addresses[0].addr_spec)


async def write(desk: Helpdesk, subject: str, body: str, *headers: str, rcpt: str = DESK, sender: str = LEE, to: str = "") -> Filed:
    made = mail(
        subject, body, sender=f"Lee <{sender}>", to=to or rcpt, message_id=f"<{desk.clock.now()}@corp.example>", headers=headers
    )
    filed = await desk.post(made, sender=sender, rcpts=(rcpt,))
    desk.clock.advance(60)
    return filed


def out(filed: Filed) -> list[str]:
    return [m.recipients[0].address for m in filed.sent if m.recipients[0].address not in (LEE, KIM)]


# --- a fresh mail that names a ticket ---------------------------------------------------------------------------------


async def test_a_number_in_the_subject_sends_nothing_until_the_agent_says_so(desk: Helpdesk) -> None:
    first = await begin(desk)
    for body in (
        "It is out of paper.",
        "#resolved\nNew paper.",
        "#resolved",
        "#cc x@y.example",
        "#move sales",
        "#spam",
        "#language zh",
    ):
        held = await write(desk, f"[#{first.number}] Printer", body)
        assert (held.outcome, out(held)) == ("held", []), body
        desk.clock.advance(86_400)  # so often nobody is asked in a day
        said = text_of(to(held, LEE, "receipt"))
        assert "it was not sent to the address that you were given for this ticket" in said
        assert (f"Your text then goes to {CUSTOMER}." in said) == (not body.startswith("#") or "\n" in body)
    assert (await desk.ticket(first.number)).ticket.status is Status.RECEIVED
    by_reference = await write(desk, "Printer", "Out of ink.", f"References: {to(first, CUSTOMER, 'received').message_id}")
    assert (by_reference.outcome, by_reference.number, out(by_reference)) == ("held", first.number, [])
    confirmed = await Colleague(desk).answer(to(by_reference, LEE, "receipt"), "")
    assert confirmed.outcome == "confirmed"
    await desk.work()
    assert sent_to(await desk.look(by_reference.mail.id)) == [("answer", CUSTOMER)]


async def test_what_stays_inside_needs_no_more_than_the_agents_own_mail(desk: Helpdesk) -> None:
    first = await begin(desk)
    for body, outcome in (
        ("#take", "done"),
        ("#note He called.", "note"),
        ("#tag printer\nFor the list.", "note"),
        ("#show", "done"),
    ):
        filed = await write(desk, f"[#{first.number}] Printer", body)
        assert (filed.outcome, out(filed)) == (outcome, []), body
    detail = await desk.ticket(first.number)
    assert (detail.ticket.assignee, detail.ticket.tags) == (LEE, ("printer",))
    assert [e.text for e in detail.entries if e.kind is EntryKind.NOTE] == ["He called.", "For the list."]
    unproved = mail(f"[#{first.number}] Printer", "#drop", sender=LEE)
    assert (await desk.post(unproved, sender=LEE, evidence=Evidence.DMARC_SPF)).outcome == "held"
    theirs = await write(desk, f"[#{first.number}] Printer", "#note I am no agent here.", sender="sal@corp.example")
    assert (theirs.outcome, [m.purpose for m in theirs.sent]) == ("joined", [])  # kept inside: of another desk
    assert (await desk.ticket(first.number)).ticket.assignee == LEE


async def test_an_answer_to_the_customers_own_mail_is_a_note_for_he_has_it(desk: Helpdesk) -> None:
    """The agent was in Cc of it, and answers all."""
    first = await desk.post(mail(headers=(f"Cc: {LEE}",)))
    ticket = (await desk.ticket(first.number)).ticket
    assert {p.address: p.role for p in ticket.participants}[LEE] is Role.CC
    filed = await write(
        desk, "Re: Printer on fire", "Switch it off.", f"Cc: {DESK}", f"In-Reply-To: {first.mail.message_id}", to=CUSTOMER
    )
    assert (filed.outcome, filed.number, out(filed)) == ("note", first.number, [])
    assert "has it from you already" in text_of(to(filed, LEE, "receipt"))
    (note,) = [e for e in (await desk.ticket(first.number)).entries if e.author == LEE]
    assert (note.kind, note.text) == (EntryKind.NOTE, "Switch it off.")
    only_to_us = await write(desk, "Re: Printer on fire", "Tell him to run.", f"In-Reply-To: {first.mail.message_id}")
    assert (only_to_us.outcome, out(only_to_us)) == ("held", [])


async def test_an_agents_own_ticket_is_his_as_a_customer(desk: Helpdesk) -> None:
    first = await write(desk, "My own printer", "It burns.")
    again = await write(desk, f"Re: [#{first.number}] My own printer", "It still does.")
    assert (again.outcome, (await desk.ticket(first.number)).entries[-1].kind) == ("joined", EntryKind.CUSTOMER)


# --- absence notes ----------------------------------------------------------------------------------------------------

AWAY = (
    "I am out of the office until Monday and will reply then.",
    "您好，我正在休假，回来后尽快回复您。",
    "Ich bin bis Montag nicht im Büro. Ihre Mail wird nicht weitergeleitet.",
    "Je suis en congé jusqu'au 5 janvier.",
    "出張のため不在にしております。",
)


async def test_an_absence_note_that_does_not_name_itself_is_held_and_the_agent_asked(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    desk.clock.advance(600)
    for body in AWAY:
        held = await write(desk, f"Re: {read(told)['Subject']}", body, f"In-Reply-To: {told.message_id}", rcpt=address(told))
        assert (held.outcome, out(held)) == ("held", []), body
    assert "may be an automatic mail of yours" in text_of(to(held, LEE, "receipt"))
    confirmed = await Colleague(desk).answer(to(held, LEE, "receipt"), "")
    assert confirmed.outcome == "confirmed"
    await desk.work()
    assert sent_to(await desk.look(held.mail.id)) == [("answer", CUSTOMER)]


@pytest.mark.parametrize(
    ("within", "after", "outcome"),
    [("15s", 14, "held"), ("15s", 15, "answer"), ("1h", 3599, "held"), ("1h", 3600, "answer"), ("0s", 0, "answer")],
)
async def test_nobody_answers_at_once_and_quotes_nothing(tmp_path: Path, within: str, after: float, outcome: str) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, tickets={"automatic_within": within}) as desk:
        told = to(await begin(desk), LEE, "to-agent")
        desk.clock.advance(after)
        about, answers = f"Re: {read(told)['Subject']}", f"In-Reply-To: {told.message_id}"
        filed = await write(desk, about, "Vielen Dank!", answers, rcpt=address(told))
        assert filed.outcome == outcome


async def test_words_about_an_absence_with_the_mail_that_they_answer_are_an_answer(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    filed = await Colleague(desk).answer(told, AWAY[0])
    assert (filed.outcome, out(filed)) == ("answer", [CUSTOMER])


async def test_a_mail_that_answers_nothing_is_held(desk: Helpdesk) -> None:
    """The address was completed by the client, or a program writes to all it knows."""
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    desk.clock.advance(600)
    held = await write(desk, "Lunch?", "At one?", rcpt=address(told))
    assert (held.outcome, out(held)) == ("held", [])
    tapped = await write(desk, f"Re: [#{first.number}] Printer", "#resolved", rcpt=address(told))  # a link of ours
    assert tapped.outcome == "done"


async def test_an_absence_note_confirms_nothing(desk: Helpdesk) -> None:
    first = await begin(desk)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Send me your password.", evidence=Evidence.NONE)
    asked = to(held, LEE, "receipt")
    for after, body in ((1.0, "Danke."), (600.0, AWAY[0])):
        desk.clock.advance(after)
        filed = await write(desk, f"Re: {read(asked)['Subject']}", body, f"In-Reply-To: {asked.message_id}", rcpt=address(asked))
        await desk.work()
        assert (filed.outcome, (await desk.look(held.mail.id)).outcome) == ("held", "held")


# --- forwards ---------------------------------------------------------------------------------------------------------

PASSED_ON = (
    "---------- Forwarded message ---------\nFrom: Boss <boss@corp.example>\nDate: 2 Jan 2026\nSubject: x\n\nHe is a thief.\n"
)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Fwd: x", f"See this.\n\n{PASSED_ON}"),
        ("Re: x", PASSED_ON),
        ("转发：x", "看一下。\n\n发件人: Boss\n日期: 2026-01-02\n主题: x\n\n他是小偷"),
    ],
)
async def test_what_is_passed_on_to_the_address_for_answers_stays_inside(desk: Helpdesk, subject: str, body: str) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    desk.clock.advance(600)
    filed = await write(desk, subject, body, f"In-Reply-To: {told.message_id}", rcpt=address(told))
    assert (filed.outcome, out(filed)) == ("note", [])
    assert "Your mail passes on another one" in text_of(to(filed, LEE, "receipt"))
    loud = await write(desk, subject, f"#reply\n{body}", f"In-Reply-To: {told.message_id}", rcpt=address(told))
    assert (loud.outcome, out(loud)) == ("answer", [CUSTOMER])


# --- two tickets ------------------------------------------------------------------------------------------------------


async def test_the_addresses_of_two_tickets_at_once_are_refused(desk: Helpdesk) -> None:
    one, two = await begin(desk), await desk.post(mail("Scanner", "It is slow."))
    told, other = to(one, LEE, "to-agent"), to(two, LEE, "to-agent")
    desk.clock.advance(600)
    named = f"{address(told)}, {address(other)}"
    raw = mail("Re: both", "Switch it off.", sender=LEE, to=named, headers=(f"In-Reply-To: {told.message_id}",))
    together = await desk.post(raw, sender=LEE, rcpts=(address(told), address(other)))
    assert (together.outcome, out(together)) == ("refused", [])
    said = text_of(to(together, LEE, "receipt"))
    assert str(one.number) in said
    assert str(two.number) in said
    for mine in (told, other):  # his server sends two mails
        apart = await write(desk, "Re: both", f"Off {mine.id}.", f"In-Reply-To: {mine.message_id}", rcpt=address(mine), to=named)
        assert (apart.outcome, out(apart)) == ("refused", [])
    note = desk.pipeline.tokens.reply_address(
        DESK, (await desk.ticket(one.number)).ticket.id, LEE, desk.clock.now(), TokenKind.NOTE
    )
    both = await write(
        desk, "Re: one", "Off.", f"In-Reply-To: {told.message_id}", rcpt=address(told), to=f"{address(told)}, {note}"
    )
    assert both.outcome == "answer"  # of one ticket


# --- undo -------------------------------------------------------------------------------------------------------------


async def test_undo_takes_back_the_state_that_was_set_with_the_answer(desk: Helpdesk) -> None:
    told = to(first := await begin(desk), LEE, "to-agent")
    await Colleague(desk).answer(told, "#waiting\nWhich one?")
    desk.clock.advance(120)
    await desk.store.claim_deliveries(worker="w", now=desk.clock.now(), limit=50, next_at=lambda _: desk.clock.now() + 600)
    await Colleague(desk).answer(told, "#resolved\nNew fuser.")
    assert (await desk.ticket(first.number)).ticket.status is Status.RESOLVED
    undone = await Colleague(desk).answer(told, "#undo")
    assert (undone.outcome, sent_to(undone)) == ("done", [("receipt", LEE)])
    assert "The state is waiting for the customer again" in text_of(to(undone, LEE, "receipt"))
    assert (await desk.ticket(first.number)).ticket.status is Status.WAITING


async def test_undo_leaves_a_state_that_was_set_since(desk: Helpdesk) -> None:
    told = to(first := await begin(desk), LEE, "to-agent")
    await Colleague(desk).answer(told, "#resolved\nNew fuser.")
    desk.clock.advance(1)
    await Colleague(desk).answer(told, "#closed")
    undone = await Colleague(desk).answer(told, "#undo")
    assert "again" not in re.sub(r"taken back.*", "", text_of(to(undone, LEE, "receipt")))
    assert (await desk.ticket(first.number)).ticket.status is Status.CLOSED


async def test_a_ticket_that_began_with_an_answer_ends_with_it(desk: Helpdesk) -> None:
    opened = await write(desk, "Offer", "#new bob@other.example\n#waiting\nNonsense.")
    desk.clock.advance(-50)
    undone = await Colleague(desk).answer(to(opened, LEE, "receipt"), "#undo")
    assert (undone.outcome, sent_to(undone)) == ("done", [("receipt", LEE)])
    assert (await desk.ticket(opened.number)).ticket.status is Status.CLOSED
    assert "Nobody outside has heard of it." in text_of(to(undone, LEE, "receipt"))


# --- the customer's own mail, which the agent has ----------------------------------------------------------------------


async def test_an_agents_answer_to_a_customers_mail_that_he_was_given_opens_no_ticket(desk: Helpdesk) -> None:
    first = await begin(desk)
    asked = f"In-Reply-To: {first.mail.message_id}"
    both = await write(desk, "Re: Printer on fire", "Switch it off.", f"Cc: {DESK}", asked, to=CUSTOMER)
    assert (both.outcome, both.number, out(both)) == ("note", first.number, [])
    alone = await write(desk, "Re: Printer on fire", "Tell him to run.", asked)
    assert (alone.outcome, alone.number, out(alone)) == ("held", first.number, [])
    theirs = await write(desk, "Re: Printer on fire", "Let me in.", asked, sender="sal@corp.example")
    assert (theirs.outcome, theirs.number != first.number) == ("new", True)  # of another desk: none of hers


async def test_a_customers_mail_is_brought_once(desk: Helpdesk) -> None:
    forward = f"#fwd\n\n---------- Forwarded message ---------\nFrom: <{CUSTOMER}>\nDate: 2 Jan 2026\nSubject: Printer\n\nIt burns."
    first = await begin(desk)
    known = await write(desk, "Fwd: Printer", forward, f"In-Reply-To: {first.mail.message_id}")
    assert (known.outcome, f"in ticket {first.number} already" in text_of(to(known, LEE, "receipt"))) == ("refused", True)
    new = await write(desk, "Fwd: Other", forward, "In-Reply-To: <other@customer.example>")
    assert (new.outcome, new.number != first.number) == ("done", True)
    again = await write(
        desk, "Fwd: Other", f"Look!\n{forward}".removeprefix("Look!\n"), "In-Reply-To: <other@customer.example>", sender=KIM
    )
    assert (again.outcome, again.number) == ("refused", None)


# --- a responder that does not say that it is one, at mail of ours about no ticket --------------------------------------


@pytest.mark.parametrize(
    ("after", "body"), [(5, "I got your mail and will look at it."), (3600, "I am out of the office until Monday.")]
)
async def test_a_responder_at_a_held_notice_or_a_receipt_decides_nothing_opens_nothing_and_is_told_nothing(
    desk: Helpdesk, after: float, body: str
) -> None:
    first = await begin(desk)
    forged = await desk.post(mail(f"Re: [#{first.number}]", "Pay now.", message_id="<f@x>"), evidence=Evidence.FAIL)
    listed = await write(desk, "x", "#list")
    for letter in (to(forged, LEE, "held"), to(listed, LEE, "receipt")):
        desk.clock.advance(after - (desk.clock.now() - letter.created_at))
        answered = await write(
            desk, f"Re: {read(letter)['Subject']}", body, f"In-Reply-To: {letter.message_id}", rcpt=address(letter)
        )
        assert (answered.outcome, answered.sent) == ("held", ()), letter.purpose
    assert len(await desk.tickets()) == 1
    assert (await desk.release(answered.mail.id)).outcome == "new"  # whatever it was, it can be had
