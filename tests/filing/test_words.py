"""A customer's reply of one word: asks how it stands, closes, opens again; only the ticket's own customer's, never a machine's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smtpgate.actions import set_status
from smtpgate.model import EntryKind, Evidence, Status
from tests.filing.test_agent import LEE, html_of, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

BOB = "bob@customer.example"
DESKS = [
    {"name": "support", "address": DESK, "agents": [LEE]},
    {"name": "sales", "address": "sales@help.example", "channel": "SAL", "agents": ["sal@corp.example"]},
]
PROVED = (Evidence.TRUSTED, Evidence.DMARC_DKIM)
WITH_TOKEN = (Evidence.DMARC_SPF, Evidence.DOMAIN, Evidence.NONE, Evidence.TEMPERROR)
NEVER = (Evidence.FAIL, Evidence.AMBIGUOUS)
_IDS = itertools.count()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS) as desk:
        yield desk


async def say(desk: Helpdesk, first: Filed, word: str, *, person: str = CUSTOMER, signed: bool = True, **how: Any) -> Filed:
    """A mail with nothing but a word, as the link in our mail makes one: no reference, the subject kept."""
    ticket = (await desk.ticket(first.number)).ticket
    where = desk.reply_address(ticket, how.pop("given_to", person)) if signed else DESK
    headers = how.pop("headers", ())
    raw = mail(
        f"Re: [#{first.number}] Printer on fire",
        word,
        sender=f"{how.pop('name', '')} <{person}>",
        to=where,
        message_id=how.pop("message_id", f"<{next(_IDS)}@customer.example>"),
        headers=headers,
    )
    return await desk.post(raw, sender=person, rcpts=(where,), **how)


async def set_to(desk: Helpdesk, first: Filed, status: Status) -> None:
    assert first.number is not None
    await set_status(desk.pipeline, desk.store, number=first.number, status=status, note="", message="", author=LEE)


async def status_of(desk: Helpdesk, first: Filed) -> Status:
    return (await desk.ticket(first.number)).ticket.status


# --- it is solved -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "before"),
    [("solved", Status.RECEIVED), ("Close!", Status.WAITING), ("已解决", Status.RESOLVED), ("已解決。", Status.RESOLVED)],
)
async def test_solved_closes(desk: Helpdesk, word: str, before: Status) -> None:
    first = await desk.post(mail())
    if before is not Status.RECEIVED:
        await set_to(desk, first, before)
    said = await say(desk, first, word)
    detail = await desk.ticket(first.number)
    assert detail.ticket.status is Status.CLOSED
    assert sent_to(said) == [("closed", CUSTOMER), ("to-agent", LEE)]
    assert "The customer says that it is solved: closed" in text_of(to(said, LEE, "to-agent"))
    customer, event = detail.entries[-2:]
    assert (customer.kind, customer.text, customer.marks) == (EntryKind.CUSTOMER, word, ("solved",))
    assert (event.kind, event.author, event.text.startswith(f"{before.value} -> closed")) == (EntryKind.EVENT, CUSTOMER, True)


async def test_what_is_closed_stays_closed_and_nobody_is_disturbed(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await set_to(desk, first, Status.CLOSED)
    said = await say(desk, first, "solved")
    assert (await status_of(desk, first), said.sent) == (Status.CLOSED, ())


async def test_a_question_whether_it_is_solved_closes_nothing(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    said = await say(desk, first, "solved?")
    assert await status_of(desk, first) is Status.RECEIVED
    assert sent_to(said) == [("to-agent", LEE)]


async def test_with_a_file_it_is_an_answer(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await set_to(desk, first, Status.RESOLVED)
    ticket = (await desk.ticket(first.number)).ticket
    where = desk.reply_address(ticket)
    raw = (
        f"From: <{CUSTOMER}>\r\nTo: {where}\r\nSubject: Re: x\r\nMessage-ID: <file@customer.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsolved\r\n--b\r\n'
        'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\n%PDF-1.4\r\n--b--\r\n'
    ).encode()
    said = await desk.post(raw, rcpts=(where,))
    assert (await status_of(desk, first), sorted(said.purposes)) == (Status.PROGRESS, ["reopened", "to-agent"])


# --- it is not solved -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "before"), [("not solved", Status.RESOLVED), ("未解决", Status.CLOSED), ("還沒解決", Status.RESOLVED)]
)
async def test_not_solved_reopens(desk: Helpdesk, word: str, before: Status) -> None:
    first = await desk.post(mail())
    await set_to(desk, first, before)
    said = await say(desk, first, word)
    assert await status_of(desk, first) is Status.PROGRESS
    assert sent_to(said) == [("reopened", CUSTOMER), ("to-agent", LEE)]
    assert "open again" in text_of(to(said, LEE, "to-agent"))


async def test_not_solved_again_is_no_repeat(desk: Helpdesk) -> None:
    """Within the window in which the same words are the same mail, but after we believed once more that it is solved."""
    first = await desk.post(mail())
    for _ in range(2):
        await set_to(desk, first, Status.RESOLVED)
        said = await say(desk, first, "not solved")
        assert (said.outcome, await status_of(desk, first)) == ("joined", Status.PROGRESS)
        desk.clock.advance(120)


async def test_the_same_mail_delivered_twice_is_one(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    for outcome, sent in (("joined", ["closed", "to-agent"]), ("repeat", [])):
        said = await say(desk, first, "solved", message_id="<once@customer.example>")
        assert (said.outcome, sorted(said.purposes)) == (outcome, sent)


# --- how is it going --------------------------------------------------------------------------------------------------


async def test_status_is_answered_and_changes_nothing(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    desk.clock.advance(3600)
    other = await desk.post(mail("Fax is <slow>"))
    gone = await desk.post(mail("Long over"))
    await set_to(desk, gone, Status.CLOSED)
    forged = await desk.post(mail("Buy at evil.example"), evidence=Evidence.NONE)
    await set_to(desk, first, Status.WAITING)
    desk.clock.advance(3600)
    said = await say(desk, first, "status?")
    assert sent_to(said) == [("status", CUSTOMER)]
    assert await status_of(desk, first) is Status.WAITING
    letter = to(said, CUSTOMER, "status")
    text = text_of(letter).replace("\r\n", "\n")
    assert f"    {first.number}\n" in text
    assert "State:    waiting for your answer" in text
    assert "Last:     2 January 2026, 11:00: we wrote how it stands" in text
    assert "We cannot go on without your answer" in text
    assert f"{other.number} (received): Fax is <slow>" in text
    assert f"{forged.number} (received)\n" in text
    assert f"{gone.number}" not in text
    assert "evil.example" not in text
    assert "Fax is &lt;slow&gt;" in html_of(letter)
    seen = read(letter)
    assert (seen["Auto-Submitted"], seen["Subject"]) == ("auto-replied", f"[#{first.number}] Printer on fire")


async def test_status_shows_nothing_of_the_inside(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    assert first.number is not None
    await set_status(
        desk.pipeline, desk.store, number=first.number, status=Status.PROGRESS, note="CANARY", message="Soon.", author=LEE
    )
    letter = to(await say(desk, first, "状态"), CUSTOMER, "status").data.decode().replace("=\r\n", "")
    for inside in ("CANARY", LEE, "corp.example"):
        assert inside not in letter


async def test_status_does_not_open_a_closed_ticket_again(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await set_to(desk, first, Status.CLOSED)
    said = await say(desk, first, "進度")
    assert (await status_of(desk, first), said.purposes) == (Status.CLOSED, ["status"])
    assert "A reply opens it again." in text_of(said.sent[0])


async def test_the_last_that_happened_is_not_the_question(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    desk.clock.advance(86_400 * 2)
    for _ in range(2):
        said = await say(desk, first, "status")
        assert "Last:     2 January 2026, 10:00: a message reached us" in text_of(said.sent[0])


async def test_a_chinese_ticket_is_answered_in_chinese(desk: Helpdesk) -> None:
    first = await desk.post(mail("打印机坏了", "您好，打印机坏了，请帮忙看看，谢谢。"))
    text = text_of(to(await say(desk, first, "status"), CUSTOMER, "status"))
    assert "状态：已接收" in text
    assert "最近：2026年1月2日 10:00 收到来信" in text


async def test_it_counts_against_the_caps_and_then_an_agent_is_told(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, limits={"acknowledgements_per_day": 3}) as desk:
        first = await desk.post(mail())
        purposes = [sorted((await say(desk, first, "status")).purposes) for _ in range(3)]
        assert purposes == [["status"], ["status"], ["to-agent"]]
        detail = await desk.ticket(first.number)
        assert detail.entries[-1].text.startswith("No status mail was sent: 3 acknowledgements")
        assert (await say(desk, first, "solved")).purposes == ["to-agent"]
        assert await status_of(desk, first) is Status.CLOSED


async def test_on_a_quiet_desk_it_is_answered_too(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        first = await desk.post(mail())
        assert (await say(desk, first, "status")).purposes == ["status"]


# --- whose word counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("evidence", [*PROVED, *WITH_TOKEN, *NEVER])
@pytest.mark.parametrize("signed", [True, False])
async def test_by_the_table_of_rights(desk: Helpdesk, evidence: Evidence, *, signed: bool) -> None:
    first = await desk.post(mail())
    await set_to(desk, first, Status.RESOLVED)
    said = await say(desk, first, "solved", evidence=evidence, signed=signed)
    counts = evidence in PROVED or (signed and evidence in WITH_TOKEN)
    if counts:
        assert await status_of(desk, first) is Status.CLOSED
    elif evidence is Evidence.DMARC_SPF:  # it joins, marked weak: an ordinary answer
        assert await status_of(desk, first) is Status.PROGRESS
    else:
        assert (said.outcome, await status_of(desk, first)) == ("held", Status.RESOLVED)


@pytest.mark.parametrize("evidence", [*PROVED, *WITH_TOKEN])
async def test_status_goes_only_to_whom_we_may_answer(desk: Helpdesk, evidence: Evidence) -> None:
    first = await desk.post(mail())
    said = await say(desk, first, "status", evidence=evidence)
    told = evidence not in (Evidence.NONE, Evidence.TEMPERROR)
    assert sent_to(said) == ([("status", CUSTOMER)] if told else [("to-agent", LEE)])


async def test_a_word_of_somebody_in_copy_is_an_answer(desk: Helpdesk) -> None:
    first = await desk.post(mail(headers=(f"Cc: <{BOB}>",)))
    for word in ("solved", "status"):
        said = await say(desk, first, word, person=BOB)
        assert sent_to(said) == [("to-agent", LEE)]
    assert await status_of(desk, first) is Status.RECEIVED


async def test_a_strangers_word_on_a_signed_address_changes_nothing(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await set_to(desk, first, Status.RESOLVED)
    for word in ("solved", "not solved", "status"):
        said = await say(desk, first, word, person="eve@evil.example", given_to=CUSTOMER)
        assert CUSTOMER not in [address for _, address in sent_to(said)]
        to_eve = [m for m in said.sent if m.recipients[0].address == "eve@evil.example"]
        assert {m.purpose for m in to_eve} <= {"received"}  # of a ticket of her own, which says nothing of this one
        assert (said.number != first.number, str(first.number) in "".join(m.data.decode() for m in to_eve)) == (True, False)
    assert await status_of(desk, first) is Status.RESOLVED


async def test_a_signed_address_of_another_ticket_does_not_vouch(desk: Helpdesk) -> None:
    first, other = await desk.post(mail()), await desk.post(mail("Another"))
    ticket = (await desk.ticket(other.number)).ticket
    raw = mail(f"Re: [#{first.number}]", "solved", to=desk.reply_address(ticket))
    await desk.post(raw, rcpts=(desk.reply_address(ticket),), evidence=Evidence.DOMAIN)
    assert await status_of(desk, first) is Status.RECEIVED
    assert await status_of(desk, other) is Status.CLOSED  # by the address alone, whatever the subject claims


@pytest.mark.parametrize(
    "machine", [{"headers": ("Auto-Submitted: auto-replied",)}, {"mail_from": None}, {"headers": ("X-Autoreply: yes",)}]
)
async def test_never_for_a_machine(desk: Helpdesk, machine: dict[str, Any]) -> None:
    first = await desk.post(mail())
    await set_to(desk, first, Status.RESOLVED)
    for word in ("solved", "not solved", "status"):
        said = await say(desk, first, word, **machine)
        assert (said.outcome, said.sent, await status_of(desk, first)) == ("noted", (), Status.RESOLVED)


async def test_who_wants_no_automatic_answer_is_answered_by_a_person(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    said = await say(desk, first, "status", headers=("X-Auto-Response-Suppress: All",))
    assert sent_to(said) == [("to-agent", LEE)]


# --- as clients write it ----------------------------------------------------------------------------------------------


async def test_signatures_and_quotes_of_clients_do_not_matter(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    for body in (
        "solved\n\nSent from my iPhone",
        "solved\n\n-- \nAlice Smith\nExample Corp",
        "solved\n\nOn Fri, 2 Jan 2026 at 10:05, Support wrote:\n> We have your message\n> Kind regards",
        "Solved.\n\n发自我的iPhone",
        "solved\n\nBest regards\nAlice Smith",
        "solved\n\nAlice Smith\nHead of IT\nExample Corp\n+44 20 7946 0000",
        "solved\n\nThanks,",
        f"已解决\n\n________________________________\n{CUSTOMER}",
        "solved\n\nMit freundlichen Grüßen\n\nAlice",
    ):
        await set_to(desk, first, Status.RESOLVED)
        await say(desk, first, body, name="Alice Smith")
        assert await status_of(desk, first) is Status.CLOSED, body


async def test_more_than_a_signature_is_an_answer(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    for body in (
        "solved\n\nBut the fax is broken",
        "solved\n\nBest regards\nAlice Smith\n\nPS: the fax is broken",
        "solved\n\nThanks\nPlease look at the fax",
        "solved\nAlice Smith",
        "solved\n\nBob Miller\nExample Corp",
        "solved\n\nAlice will want the fax fixed",
        "solved\n\n________________________________\nbob@customer.example",
        "solved\n\nAlice Smith\nCan you look at the fax?",
    ):
        said = await say(desk, first, body, name="Alice Smith")
        assert (sent_to(said), await status_of(desk, first)) == ([("to-agent", LEE)], Status.RECEIVED), body


async def test_a_word_in_a_new_mail_opens_a_ticket_like_any_other(desk: Helpdesk) -> None:
    said = await desk.post(mail("Hello", "status"))
    assert (said.outcome, "received" in said.purposes) == ("new", True)


async def test_a_word_without_a_name_is_answered_by_the_name_that_the_ticket_knows(desk: Helpdesk) -> None:
    first = await desk.post(mail("Printer on fire", sender=f"Alice Hall <{CUSTOMER}>"))
    letter = to(await say(desk, first, "status"), CUSTOMER, "status")
    assert text_of(letter).startswith("Hello Alice Hall,")
    assert str(read(letter)["To"]) == f"Alice Hall <{CUSTOMER}>"
