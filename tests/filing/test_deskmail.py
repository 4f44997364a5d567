"""An agent's fresh mail to a desk that begins with a command: lists, the next ticket, one by its number; and who may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smtpgate.model import EntryKind, Evidence, OutgoingMail, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, alerts_alone, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

SAL = "sal@corp.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def ask(desk: Helpdesk, body: str, *, sender: str = LEE, rcpt: str = DESK, **how: Any) -> Filed:
    """A fresh mail from the agent's client; each has a Message-ID of its own."""
    made = mail(
        "", body, sender=sender, to=rcpt, message_id=how.pop("message_id", f"<{desk.clock.now()}.{len(body)}@corp.example>")
    )
    filed = await desk.post(made, sender=sender, rcpts=(rcpt,), **how)
    desk.clock.advance(1)
    return filed


async def opened(desk: Helpdesk, *subjects: str, rcpt: str = DESK) -> list[str]:
    numbers = []
    for subject in subjects:
        filed = await desk.post(mail(subject), rcpts=(rcpt,))
        assert filed.number is not None
        numbers.append(filed.number)
        desk.clock.advance(60)
    return numbers


def answer(filed: Filed, agent: str = LEE) -> str:
    return text_of(to(filed, agent, "receipt"))


async def counts(desk: Helpdesk) -> int:
    return len(await desk.tickets())


# --- lists ------------------------------------------------------------------------------------------------------------


async def test_the_open_tickets_of_the_desk_the_oldest_first(desk: Helpdesk) -> None:
    numbers = await opened(desk, "Printer on fire", "Red light", "Done soon")
    await opened(desk, "Not yours", rcpt="sales@help.example")
    told = [m for m in await desk.outgoing() if m.recipients[0].address == LEE]
    closing = next(m for m in told if numbers[2] in str(read(m)["Subject"]))
    await Colleague(desk).answer(closing, "#closed")
    desk.clock.advance(3 * 86_400)
    filed = await ask(desk, "#list")
    assert (filed.outcome, sent_to(filed)) == ("done", [("receipt", LEE)])
    lines = [line for line in answer(filed).splitlines() if "EML" in line]
    assert lines == [
        f"{numbers[0]} · received · 3 d · Printer on fire · {CUSTOMER}",
        f"{numbers[1]} · received · 3 d · Red light · {CUSTOMER}",
    ]
    letter = read(to(filed, LEE, "receipt"))
    assert (letter["Subject"], letter["Auto-Submitted"]) == ("Open tickets", "auto-generated")
    assert (str(letter["Reply-To"].addresses[0].addr_spec), letter["In-Reply-To"]) == (DESK, filed.mail.message_id)
    chinese = await ask(desk, "#列表", sender=KIM)
    assert "· 已接收 · 3 天 ·" in answer(chinese, KIM)
    assert read(to(chinese, KIM, "receipt"))["Subject"] == "未完成的工单"


async def test_mine_are_those_of_all_my_desks(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=[DESKS[0], {**DESKS[1], "agents": [SAL, LEE]}], agent=AGENTS) as desk:
        here, _ = await opened(desk, "Mine", "Nobody's")
        (there,) = await opened(desk, "Mine too", rcpt="sales@help.example")
        assert "None." in answer(await ask(desk, "#mine"))
        for rcpt in (DESK, "sales@help.example"):
            assert (await ask(desk, "#next", rcpt=rcpt)).outcome == "done"
        found = answer(await ask(desk, "#我的"))
        assert [here in found, there in found, "Nobody's" in found] == [True, True, False]


async def test_words_of_the_subject(desk: Helpdesk) -> None:
    await opened(desk, "Red light on printer", "Green LIGHT", "红灯 打印机", rcpt=DESK)
    await opened(desk, "Light for sale", rcpt="sales@help.example")
    found = answer(await ask(desk, "#find light"))
    assert found.index("Green LIGHT") < found.index("Red light")
    assert "sale" not in found
    assert "Green" not in answer(await ask(desk, "#find PRINTER light"))
    assert "红灯 打印机" in answer(await ask(desk, "#查找打印机"))
    assert "None." in answer(await ask(desk, "#find %"))


async def test_a_list_ends_after_fifty_lines_and_says_so(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=[{**DESKS[0], "notify": False, "acknowledge": False}], agent=AGENTS) as desk:
        numbers = await opened(desk, *(f"no {i}" for i in range(50)))
        found = answer(await ask(desk, "#list"))
        assert [number in found for number in numbers] == [True] * 50
        assert "There are more." not in found
        numbers += await opened(desk, "one more")
        found = answer(await ask(desk, "#list"))
        assert [number in found for number in numbers] == [True] * 49 + [False] * 2
        assert "There are more." in found


async def test_a_hostile_subject_stays_on_its_line(desk: Helpdesk) -> None:
    await desk.post(mail("=?utf-8?q?x=0Aevil_=E2=80=AEtxt=0D=0A=2E=0D=0A?= " + "y" * 500))
    found = answer(await ask(desk, "#list"))
    (line,) = [line for line in found.replace("\r", "").split("\n") if CUSTOMER in line]
    assert "\u202e" not in found
    assert len(line) < 200


# --- one ticket -------------------------------------------------------------------------------------------------------


async def test_the_next_one_is_his_and_is_sent_to_him(desk: Helpdesk) -> None:
    numbers = await opened(desk, "First", "Second")
    filed = await ask(desk, "#next")
    assert (filed.outcome, filed.number, sent_to(filed)) == ("done", numbers[0], [("to-agent", LEE)])
    briefing = to(filed, LEE, "to-agent")
    assert "It burns." in text_of(briefing)
    assert "It is yours now" in text_of(briefing)
    detail = await desk.ticket(numbers[0])
    assert (detail.ticket.assignee, detail.entries[-1].kind) == (LEE, EntryKind.EVENT)
    answered = await Colleague(desk).answer(briefing, "Switch it off.")
    assert sent_to(answered) == [("answer", CUSTOMER)]
    other = await ask(desk, "#下一个", sender=KIM)
    assert (other.number, (await desk.ticket(numbers[1])).ticket.assignee) == (numbers[1], KIM)
    none = await ask(desk, "#next")
    assert (none.outcome, "No ticket waits that nobody has." in answer(none)) == ("done", True)


async def test_what_waits_for_the_customer_is_not_next(desk: Helpdesk) -> None:
    (number,) = await opened(desk, "First")
    told: OutgoingMail = next(m for m in await desk.outgoing() if m.recipients[0].address == LEE)
    await Colleague(desk).answer(told, "#waiting")
    assert (await desk.ticket(number)).ticket.status is Status.WAITING
    assert "No ticket waits" in answer(await ask(desk, "#next"))


async def test_the_same_mail_delivered_again_takes_no_second_one(desk: Helpdesk) -> None:
    numbers = await opened(desk, "First", "Second")
    for outcome in ("done", "repeat"):
        filed = await ask(desk, "#next", message_id="<once@corp.example>")
        assert (filed.outcome, filed.number) == (outcome, numbers[0])
    assert (await desk.ticket(numbers[1])).ticket.assignee == ""


async def test_two_at_once_get_two(desk: Helpdesk) -> None:
    numbers = await opened(desk, "First", "Second")
    for sender in (LEE, KIM):
        await desk.accept(mail("", "#next", sender=sender), sender=sender)
    await desk.work()
    assert sorted([(await desk.ticket(n)).ticket.assignee for n in numbers]) == [KIM, LEE]


@pytest.mark.parametrize("written", ["{}", "[#{}]", "#{}"])
async def test_a_ticket_by_its_number(desk: Helpdesk, written: str) -> None:
    number, _ = await opened(desk, "First", "Second")
    filed = await ask(desk, f"#show {written.format(number)}")
    assert (filed.outcome, sent_to(filed)) == ("done", [("to-agent", LEE)])
    assert "It burns." in text_of(to(filed, LEE, "to-agent"))
    assert (await desk.ticket(number)).ticket.assignee == ""


async def test_a_ticket_of_another_desk_is_as_one_that_is_not_there(desk: Helpdesk) -> None:
    (theirs,) = await opened(desk, "Secret", rcpt="sales@help.example")
    said = [answer(await ask(desk, f"#show {number}")) for number in (theirs, theirs.replace("0001", "0009"))]
    assert said[0].replace(theirs, "N") == said[1].replace(theirs.replace("0001", "0009"), "N")
    assert f"None of your desks has a ticket {theirs}." in said[0]


async def test_a_quiet_desk_answers_who_asks(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=[{**DESKS[0], "notify": False}], agent=AGENTS) as desk:
        (number,) = await opened(desk, "First")
        assert sent_to(await ask(desk, f"#show {number}")) == [("to-agent", LEE)]
        assert sent_to(await ask(desk, "#next")) == [("to-agent", LEE)]


# --- who may, and what is not understood ------------------------------------------------------------------------------


@pytest.mark.parametrize("evidence", [Evidence.DMARC_SPF, Evidence.DOMAIN, Evidence.NONE, Evidence.TEMPERROR])
async def test_without_proof_it_is_held_and_the_agent_is_asked(desk: Helpdesk, evidence: Evidence) -> None:
    (number,) = await opened(desk, "First")
    held = await ask(desk, "#next", evidence=evidence)
    assert (held.outcome, sent_to(held)) == ("held", [("receipt", LEE)])
    assert number not in answer(held)
    assert (await desk.ticket(number)).ticket.assignee == ""
    confirmed = await Colleague(desk).answer(to(held, LEE, "receipt"), "", evidence=evidence)
    assert confirmed.outcome == "confirmed"
    await desk.work()
    done = await desk.look(held.mail.id)
    assert (done.outcome, (await desk.ticket(number)).ticket.assignee) == ("done", LEE)


async def test_asking_has_an_end(desk: Helpdesk) -> None:
    asked = [len((await ask(desk, "#list", evidence=Evidence.NONE)).sent) for _ in range(8)]
    assert asked == [1] * 5 + [0] * 3


@pytest.mark.parametrize("evidence", [Evidence.FAIL, Evidence.AMBIGUOUS])
async def test_a_forged_agent_learns_nothing_and_nobody_is_asked(desk: Helpdesk, evidence: Evidence) -> None:
    await opened(desk, "First")
    held = await ask(desk, "#list", evidence=evidence)
    assert (held.outcome, sent_to(held)) == ("held", [("alert", KIM), ("alert", LEE)])
    assert alerts_alone(held)
    assert not any("First" in text_of(m) for m in held.sent)


@pytest.mark.parametrize(("who", "rcpt"), [(CUSTOMER, DESK), (SAL, DESK), ("gone@corp.example", DESK), (LEE, "sales@help.example")])
async def test_of_everybody_else_it_is_a_mail_like_any_other(desk: Helpdesk, who: str, rcpt: str) -> None:
    await opened(desk, "First")
    filed = await ask(desk, "#list", sender=who, rcpt=rcpt)
    assert (filed.outcome, "receipt" in filed.purposes) == ("new", False)
    assert not any("First" in text_of(m) for m in filed.sent if m.recipients[0].address == who)


async def test_an_automatic_mail_asks_for_nothing(desk: Helpdesk) -> None:
    await opened(desk, "First")
    made = mail("", "#next", sender=LEE, headers=("Auto-Submitted: auto-replied",))
    filed = await desk.post(made, sender=LEE)
    assert (filed.outcome, LEE in [m.recipients[0].address for m in filed.sent if m.purpose != "to-agent"]) == ("new", False)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("#lsit", "Did you mean #list?"),
        ("#close", "it is about a ticket"),
        ("# Heading\n\nand a long text", "there is no such command"),
        ("#list\n#next", "stands alone"),
        ("#show", "say the number of a ticket behind it"),
        ("#find", "say some words behind it"),
    ],
)
async def test_what_is_not_understood_opens_no_ticket_and_comes_back(desk: Helpdesk, body: str, said: str) -> None:
    filed = await ask(desk, body)
    assert (filed.outcome, sent_to(filed), await counts(desk)) == ("refused", [("receipt", LEE)], 0)
    assert said in answer(filed)
    assert body.splitlines()[-1] in answer(filed)


async def test_without_a_command_at_its_top_it_opens_a_ticket(desk: Helpdesk) -> None:
    for body in ("My own printer burns.", "Please see below.\n\n#list"):
        assert (await ask(desk, body)).outcome == "new"
    assert await counts(desk) == 2


async def test_help_says_what_may_be_asked_here(desk: Helpdesk) -> None:
    said = answer(await ask(desk, "#help"))
    assert "#next: Take what is due first of the tickets that nobody has, else what waits longest" in said
    assert "#assign: " not in said
    assert "In an answer to a mail about a ticket: #note #reply #take" in said


async def test_an_answer_to_a_list_may_ask_again(desk: Helpdesk) -> None:
    numbers = await opened(desk, "First", "Second")
    listed = await ask(desk, "#list")
    again = await Colleague(desk).answer(to(listed, LEE, "receipt"), "#next")
    assert (again.outcome, again.number) == ("done", numbers[0])
