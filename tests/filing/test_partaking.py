"""Whom a ticket concerns: people who take part because an agent says so, another desk, and nobody at all (spam)."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from smtpgate.handlers.doing import MOST_JOINED
from smtpgate.model import DeliveryState, EntryKind, Evidence, Role, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, begin, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

BOSS, LI, SAL = "boss@customer.example", "li@customer.example", "sal@corp.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def roles(desk: Helpdesk, first: Filed) -> dict[str, Role]:
    return {p.address: p.role for p in (await desk.ticket(first.number)).ticket.participants}


# --- people -----------------------------------------------------------------------------------------------------------


async def test_who_takes_part_gets_this_answer_and_the_next_as_a_mail_of_his_own(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    filed = await Colleague(desk).answer(told, f"#cc {BOSS}\nSwitch it off.")
    assert sent_to(filed) == [("answer", CUSTOMER), ("answer", BOSS), ("receipt", LEE)]
    assert f"A copy of each answer goes to: {BOSS}." in text_of(to(filed, LEE, "receipt"))
    copy, letter = to(filed, BOSS, "answer"), to(filed, CUSTOMER, "answer")
    words, foot = text_of(letter).split("\r\n\r\nA reply of one word")
    assert text_of(copy).strip() == words  # whose words steer nothing is offered none
    assert "fewer notices" in foot
    for mine, whose in ((copy, BOSS), (letter, CUSTOMER)):
        token = desk.pipeline.tokens.read(str(read(mine)["Reply-To"].addresses[0].addr_spec), desk.clock.now())
        assert token is not None
        assert token.person_matches(whose)
    whole = copy.data.decode("ascii").replace("=\r\n", "")
    for secret in (CUSTOMER, LEE, "corp.example", str(read(letter)["Message-ID"]), str(first.mail.message_id)):
        assert secret not in whole, secret
    assert BOSS not in letter.data.decode("ascii")
    desk.clock.advance(5)
    again = await Colleague(desk).answer(told, "And on again.")
    assert sent_to(again) == [("answer", CUSTOMER), ("answer", BOSS)]
    assert read(to(again, BOSS, "answer"))["References"] == read(copy)["References"]


async def test_whom_the_customer_brought_is_listed_and_not_mailed_until_an_agent_says_so(desk: Helpdesk) -> None:
    first = await desk.post(mail(headers=(f"Cc: {LI}",)))
    told = to(first, LEE, "to-agent")
    assert f"In Cc of the customer's mail, gets nothing from us: {LI}" in text_of(told)
    quiet = await Colleague(desk).answer(told, "Switch it off.")
    assert sent_to(quiet) == [("answer", CUSTOMER)]
    assert (await roles(desk, first))[LI] is Role.CC
    desk.clock.advance(5)
    loud = await Colleague(desk).answer(told, f"#cc {LI.upper()}\nAnd on.")
    assert ("answer", LI) in sent_to(loud)
    assert await roles(desk, first) == {CUSTOMER: Role.CUSTOMER, LI: Role.JOINED}


async def test_who_takes_part_may_answer_and_who_was_taken_off_may_not(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    filed = await Colleague(desk).answer(told, f"#cc {BOSS}\nSwitch it off.")
    where = str(read(to(filed, BOSS, "answer"))["Reply-To"].addresses[0].addr_spec)
    for evidence in (Evidence.DMARC_DKIM, Evidence.NONE):
        said = await desk.post(mail("Re:", f"It is off. {evidence}", sender=BOSS), sender=BOSS, rcpts=(where,), evidence=evidence)
        assert (said.outcome, said.number) == ("joined", first.number)
    assert [e.kind for e in (await desk.ticket(first.number)).entries if e.author == BOSS] == [EntryKind.CUSTOMER] * 2
    off = await Colleague(desk).answer(told, f"#抄送 -{BOSS}")
    assert "Our answers go to the customer alone." in text_of(to(off, LEE, "receipt"))
    assert await roles(desk, first) == {CUSTOMER: Role.CUSTOMER}
    desk.clock.advance(5)
    later = await Colleague(desk).answer(told, "One more thing.")
    assert sent_to(later) == [("answer", CUSTOMER)]
    proved = await desk.post(mail("Re:", "I know more.", sender=BOSS), sender=BOSS, rcpts=(where,))
    assert (await desk.ticket(first.number)).entries[-1].kind is EntryKind.THIRD_PARTY
    assert [m for m in proved.sent if m.recipients[0].address == BOSS] == []
    unproved = await desk.post(mail("Re:", "Hear me.", sender=BOSS), sender=BOSS, rcpts=(where,), evidence=Evidence.NONE)
    assert unproved.outcome == "held"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"#cc {CUSTOMER}", "is the customer and gets every answer already"),
        (f"#cc -{CUSTOMER}", "is the customer: answers go there always"),
        (f"#cc {DESK}", "is a desk or an agent of ours"),
        ("#cc support+x@help.example", "is a desk or an agent of ours"),
        (f"#cc {SAL}", "is a desk or an agent of ours"),
        ("#cc -nobody@customer.example", "takes no part in this ticket"),
        ("#cc a@-", "is no address that mail can be sent to"),
        ("#cc boss", "it takes addresses"),
        (f"#cc {' '.join(f'p{i}@x.example' for i in range(MOST_JOINED + 1))}", "At most 10 people"),
    ],
)
async def test_people_who_cannot_be_added_or_taken_off(desk: Helpdesk, line: str, said: str) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"{line}\n#tag x\nSwitch it off.")
    assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)])
    assert said in text_of(to(filed, LEE, "receipt"))
    assert await roles(desk, first) == {CUSTOMER: Role.CUSTOMER}


async def test_as_many_people_as_may_be(desk: Helpdesk) -> None:
    first = await begin(desk)
    people = " ".join(f"p{i}@x.example" for i in range(MOST_JOINED))
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#cc {people}\nSwitch it off.")
    assert (filed.outcome, filed.purposes.count("answer")) == ("answer", MOST_JOINED + 1)
    full = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#cc more@x.example")
    assert full.outcome == "refused"
    instead = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#cc more@x.example -p0@x.example")
    assert instead.outcome == "done"


async def test_undo_takes_back_all_copies_or_none(desk: Helpdesk) -> None:
    first, soon = await begin(desk), desk.clock.now
    told = to(first, LEE, "to-agent")
    await Colleague(desk).answer(told, "#cc boss@other.example\nNonsense.")
    assert (await Colleague(desk).answer(told, "#undo")).outcome == "done"
    desk.clock.advance(61)
    due = await desk.store.claim_deliveries(worker="w", now=soon(), limit=50, next_at=lambda _: soon() + 600)
    assert "Nonsense" not in "".join(d.data.decode() for d in due)
    await Colleague(desk).answer(told, "More nonsense.")
    desk.clock.advance(61)
    left = await desk.store.claim_deliveries(
        worker="w", now=soon(), limit=50, next_at=lambda _: soon() + 600, skip=("customer.example",)
    )
    assert "boss@other.example" in [d.address for d in left]
    assert CUSTOMER not in [d.address for d in left]
    assert (await Colleague(desk).answer(told, "#撤销")).outcome == "refused"


async def test_a_copy_in_the_agents_own_mail_keeps_the_text_inside(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#cc {BOSS}\nOff.", headers=(f"Cc: {BOSS}",))
    assert (filed.outcome, "answer" in filed.purposes) == ("note", False)


@pytest.mark.parametrize(("people", "outcome"), [(3, "answer"), (4, "refused")])
async def test_files_that_are_too_large_for_so_many_people(tmp_path: Path, people: int, outcome: str) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, limits={"message_size": "64KiB"}) as desk:
        told = to(await begin(desk), LEE, "to-agent")
        answer = EmailMessage()
        answer["From"], answer["To"], answer["Message-ID"] = LEE, str(read(told)["Reply-To"]), "<big@corp.example>"
        answer.set_content(f"#cc {' '.join(f'p{i}@x.example' for i in range(people))}\nSee the file.\n")
        answer.add_attachment(bytes(64 * 1024), maintype="application", subtype="pdf", filename="steps.pdf")
        where = str(read(told)["Reply-To"].addresses[0].addr_spec)
        filed = await desk.post(answer.as_bytes(policy=email.policy.SMTP), sender=LEE, rcpts=(where,))
        assert filed.outcome == outcome
        if outcome == "refused":
            assert "too large to go to 5 people" in " ".join(text_of(to(filed, LEE, "receipt")).split())


async def test_a_copy_that_comes_back_is_told_and_does_not_open_the_ticket_again(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#cc {BOSS}\n#resolved\nNew fuser.")
    for address, status in ((BOSS, Status.RESOLVED), (CUSTOMER, Status.PROGRESS)):
        returned = to(filed, address, "answer").recipients[0].return_path
        assert returned is not None
        report = mail("Undelivered", f"<{address}>: 550 5.1.1 user unknown", sender="MAILER-DAEMON@isp.example")
        lost = await desk.post(report, sender="MAILER-DAEMON@isp.example", mail_from=None, rcpts=(returned,))
        assert address in text_of(to(lost, LEE, "to-agent"))
        assert (await desk.ticket(first.number)).ticket.status is status


# --- another desk -----------------------------------------------------------------------------------------------------


async def test_a_moved_ticket_is_the_other_desks(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    await Colleague(desk).answer(told, "#take")
    filed = await Colleague(desk).answer(told, "#move sales")
    assert sent_to(filed) == [("receipt", LEE), ("to-agent", SAL)]
    moved = text_of(to(filed, SAL, "to-agent"))
    assert "Moved here from another desk" in moved
    assert "It burns." in moved
    ticket = (await desk.ticket(first.number)).ticket
    assert (ticket.desk, ticket.assignee, ticket.number) == ("sales", "", first.number)
    late = await Colleague(desk).answer(told, "Send me your password.")
    assert (late.outcome, late.sent) == ("held", ())
    answered = await Colleague(desk, SAL).answer(to(filed, SAL, "to-agent"), "We look at it.")
    assert str(read(to(answered, CUSTOMER, "answer"))["From"]).endswith("<sales@help.example>")
    again = await desk.post(mail("Re:", "And?"), rcpts=(desk.reply_address(ticket),))
    assert sent_to(again) == [("to-agent", SAL)]


async def test_the_text_beside_a_move_is_for_the_other_desk(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#移交 sales\nHe wants a new one.")
    assert sent_to(filed) == [("receipt", LEE), ("to-agent", SAL)]
    assert "He wants a new one." in text_of(to(filed, SAL, "to-agent"))


async def test_who_is_an_agent_there_too_keeps_it(tmp_path: Path) -> None:
    desks = [DESKS[0], {**DESKS[1], "agents": [SAL, LEE]}]
    async with helpdesk(tmp_path, desk=desks, agent=AGENTS) as desk:
        first = await begin(desk)
        await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take")
        filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#move sales\n#reply\nA moment, please.")
        assert filed.outcome == "answer"
        ticket = (await desk.ticket(first.number)).ticket
        assert (ticket.desk, ticket.assignee) == ("sales", LEE)


@pytest.mark.parametrize(("name", "said"), [("bogus", "The desks: support, sales."), ("support", "at desk support already")])
async def test_nowhere_to_move_to(desk: Helpdesk, name: str, said: str) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#move {name}")
    assert (filed.outcome, said in text_of(to(filed, LEE, "receipt"))) == ("refused", True)


# --- spam -------------------------------------------------------------------------------------------------------------


async def test_an_acknowledgement_that_waits_does_not_leave_after_all(desk: Helpdesk) -> None:
    """Of this ticket alone; what has left has left, and what agents are to read stays."""
    other = await begin(desk)
    first = await desk.post(mail("Buy!", "Cheap."))  # acknowledged later: one in the set interval
    letter = to(first, CUSTOMER, "received")
    assert letter.recipients[0].next_at > desk.clock.now()
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#spam")
    states = {(r.purpose, r.state) for r in (await desk.ticket(first.number)).sent}
    assert states >= {("received", DeliveryState.DROPPED), ("to-agent", DeliveryState.QUEUED)}
    assert ("received", DeliveryState.QUEUED) in {(r.purpose, r.state) for r in (await desk.ticket(other.number)).sent}


async def test_spam_is_closed_without_a_word_and_stays_so_when_he_writes_again(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#tag ad\n#spam\nThe third today.")
    assert sent_to(filed) == [("receipt", LEE), ("to-agent", KIM)]
    ticket = (await desk.ticket(first.number)).ticket
    assert (ticket.status, ticket.tags) == (Status.CLOSED, ("ad", "spam"))
    twice = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#垃圾")
    assert (twice.outcome, "as spam already" in text_of(to(twice, LEE, "receipt"))) == ("refused", True)
    again = await desk.post(mail("Re:", "Buy!"), rcpts=(desk.reply_address(ticket),))
    assert (again.outcome, CUSTOMER in [m.recipients[0].address for m in again.sent]) == ("joined", False)
    assert (await desk.ticket(first.number)).ticket.status is Status.PROGRESS
