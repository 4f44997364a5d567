"""An agent opens a ticket in a customer's name: #new writes to the customer, #fwd brings what the customer wrote to him."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest

from smtpgate.model import EntryKind, Evidence, Role, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

BOB, BOSS, SAL = "bob@other.example", "boss@other.example", "sal@corp.example"
FORWARD = f"""---------- Forwarded message ---------
From: Bob Miller <{BOB}>
Date: Fri, Jan 2, 2026 at 9:58 AM
Subject: Re: Scanner
To: Lee <{LEE}>


It is slow.

--
Bob
"""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def write(
    desk: Helpdesk, body: str, subject: str = "Your scanner", *, sender: str = LEE, rcpt: str = DESK, **how: Any
) -> Filed:
    headers = how.pop("headers", ())
    made = mail(
        subject, body, sender=f"Lee <{sender}>", to=rcpt, message_id=how.pop("message_id", "<a@corp.example>"), headers=headers
    )
    return await desk.post(made, sender=sender, rcpts=(rcpt,), **how)


def receipt(filed: Filed, agent: str = LEE) -> str:
    return text_of(to(filed, agent, "receipt"))


# --- #new -------------------------------------------------------------------------------------------------------------


async def test_a_ticket_in_the_customers_name_and_the_text_to_him(desk: Helpdesk) -> None:
    filed = await write(desk, f"#new Bob Miller <{BOB}>\nYour scanner is ready.\n\n-- \nLee, 555-1234")
    assert (filed.outcome, sent_to(filed)) == ("answer", [("answer", BOB), ("receipt", LEE)])
    letter = to(filed, BOB, "answer")
    seen = read(letter)
    assert (str(seen["From"]), seen["Subject"]) == (f'"Lee (support)" <{DESK}>', f"[#{filed.number}] Your scanner")
    assert (str(seen["To"]), seen["In-Reply-To"], seen["Auto-Submitted"]) == (f"Bob Miller <{BOB}>", None, None)
    assert "Your scanner is ready." in text_of(letter)
    whole = letter.data.decode("ascii").replace("=\r\n", "")
    for secret in (LEE, "corp.example", "#new", "555-1234", "<a@"):
        assert secret not in whole, secret
    assert letter.recipients[0].next_at == desk.clock.now() + 60
    ticket = (await desk.ticket(filed.number)).ticket
    assert [(p.address, p.name, p.role) for p in ticket.participants] == [(BOB, "Bob Miller", Role.CUSTOMER)]
    assert (ticket.assignee, ticket.status, ticket.unverified) == (LEE, Status.PROGRESS, False)
    assert f"Ticket {filed.number} is open in the name of {BOB}." in receipt(filed)
    assert f"Your answer leaves for {BOB} in 60 seconds." in receipt(filed)
    answer = await desk.post(
        mail("Re: scanner", "Thanks, when?", sender=BOB), sender=BOB, rcpts=(str(seen["Reply-To"].addresses[0].addr_spec),)
    )
    assert (answer.outcome, answer.number, sent_to(answer)) == ("joined", filed.number, [("to-agent", LEE)])


async def test_more_may_be_said_of_it(desk: Helpdesk) -> None:
    body = f"#新建 {BOB}<mailto:{BOB}>\n#抄送 {BOSS}\n#priority high\n#tag scanner\n#assign kim\n#waiting\n您好，扫描仪修好了。"
    filed = await write(desk, body)
    assert sent_to(filed) == [("answer", BOB), ("answer", BOSS), ("receipt", LEE), ("to-agent", KIM)]
    ticket = (await desk.ticket(filed.number)).ticket
    assert (ticket.assignee, ticket.status, ticket.tags, ticket.priority.value, ticket.language) == (
        KIM, Status.WAITING, ("scanner",), "high", "zh",
    )  # fmt: skip
    assert "扫描仪修好了" in text_of(to(filed, KIM, "to-agent"))


async def test_files_and_formatting_go_along(desk: Helpdesk) -> None:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = LEE, DESK, "Offer", "<f@corp.example>"
    made.set_content(f"#new {BOB}\nSee the file.\n")
    made.add_attachment(b"%PDF-1.4 offer", "application", "pdf", filename="offer.pdf")
    filed = await desk.post(made.as_bytes(policy=email.policy.SMTP), sender=LEE)
    assert [p.get_filename() for p in read(to(filed, BOB, "answer")).walk() if p.get_filename()] == ["offer.pdf"]


async def test_undo_takes_it_back(desk: Helpdesk) -> None:
    filed = await write(desk, f"#new {BOB}\nNonsense.")
    undone = await Colleague(desk).answer(to(filed, LEE, "receipt"), "#undo")
    assert undone.outcome == "done"
    desk.clock.advance(61)
    due = await desk.store.claim_deliveries(worker="w", now=desk.clock.now(), limit=50, next_at=lambda _: desk.clock.now() + 60)
    assert BOB not in [d.address for d in due]


IMPOSSIBLE = [
    (f"#new {DESK}\nx", "s", "is a desk or an agent of ours"),
    ("#new support+x@help.example\nx", "s", "is a desk or an agent of ours"),
    (f"#new {SAL.upper()}\nx", "s", "is a desk or an agent of ours"),
    ("#new a@-\nx", "s", "is no address that mail can be sent to"),
    ("#new bob\nx", "s", "it takes one address"),
    ("#new a@x.example b@x.example\nx", "s", "it takes one address"),
    ("#new\nx", "s", "say one address behind it"),
    (f"#new {BOB}", "s", "there is no text that belongs to it"),
    (f"#new {BOB}\nx", "", "has no subject"),
    (f"#new {BOB}\n#new {CUSTOMER}\nx", "s", "each stands once at most"),
    (f"#new {BOB}\n#fwd\nx", "s", "stands alone"),
    (f"#new {BOB}\n#list\nx", "s", "stands alone"),
    (f"#new {BOB}\n#note x\ny", "s", "it is about a ticket"),
    (f"#new {BOB}\n#cc {BOB}\nx", "s", "is the customer and gets every answer already"),
    (f"#new {BOB}\n#assign nobody\nx", "s", "nobody is no agent of this desk"),
    (f"#new {BOB}\n#bogus\nx", "s", "there is no such command"),
]


async def test_what_cannot_be_opened_opens_nothing(desk: Helpdesk) -> None:
    for body, subject, said in IMPOSSIBLE:
        filed = await write(desk, body, subject)
        assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)]), body
        assert said in receipt(filed), body
    assert await desk.tickets() == []


async def test_a_letter_that_cannot_be_built_opens_nothing(desk: Helpdesk) -> None:
    filed = await write(desk, f"#new {BOB}\n" + "x" * 70_000)
    assert (filed.outcome, sent_to(filed), await desk.tickets()) == ("refused", [("receipt", LEE)], [])


@pytest.mark.parametrize("body", [f"#new {BOB}\nSend me your password.", f"#fwd\n\n{FORWARD}"])
async def test_without_full_proof_it_is_held_until_the_agent_vouches(desk: Helpdesk, body: str) -> None:
    for evidence in (Evidence.DMARC_SPF, Evidence.DOMAIN, Evidence.TEMPERROR, Evidence.NONE):
        held = await write(desk, body, evidence=evidence)
        assert (held.outcome, sent_to(held), await desk.tickets()) == ("held", [("receipt", LEE)], [])
    confirmed = await Colleague(desk).answer(to(held, LEE, "receipt"), "", evidence=evidence)
    assert confirmed.outcome == "confirmed"
    await desk.work()
    assert BOB in [m.recipients[0].address for m in (await desk.look(held.mail.id)).sent]


@pytest.mark.parametrize(
    "how", [{"evidence": Evidence.FAIL}, {"evidence": Evidence.AMBIGUOUS}, {"sender": CUSTOMER}, {"sender": SAL}]
)
async def test_nobody_else_opens_one(desk: Helpdesk, how: dict[str, Any]) -> None:
    for body in (f"#new {BOB}\nSend me your password.", f"#fwd\n\n{FORWARD}"):
        filed = await write(desk, body, message_id=None, **how)
        assert BOB not in [m.recipients[0].address for m in filed.sent]
        assert not any(p.address == BOB for t in await desk.tickets() for p in t.participants)


async def test_delivered_twice_it_is_opened_once(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    for i in range(2):
        filed = await write(desk, f"#new {BOB}\nReady.", f"[#{first.number}] Scanner")
        assert (filed.outcome, len(await desk.tickets())) == (("answer", "repeat")[i], 2)
    assert filed.sent == ()
    again = await write(desk, f"#new {BOB}\nReady.", f"[#{first.number}] Scanner", message_id="<b@corp.example>")
    assert (again.outcome, sent_to(again)) == ("repeat", [("receipt", LEE)])
    assert "You wrote exactly this before" in receipt(again)


async def test_who_has_tickets_already_is_named(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    filed = await write(desk, f"#new {CUSTOMER}\nReady.")
    assert f"This person has another ticket: {first.number} (received) Printer on fire" in receipt(filed)


async def test_an_answer_to_a_mail_about_a_ticket_opens_none(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    for body in (f"#new {BOB}\nx", "#fwd"):
        filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), body)
        assert (filed.outcome, "it is not about this ticket" in receipt(filed)) == ("refused", True)


# --- #fwd -------------------------------------------------------------------------------------------------------------


async def test_a_forwarded_mail_is_the_customers_ticket(desk: Helpdesk) -> None:
    filed = await write(
        desk, f"#fwd\nHe is angry.\n\n{FORWARD}", "Fwd: Re: Scanner", headers=("In-Reply-To: <bobs@other.example>",)
    )
    assert sent_to(filed) == [("receipt", LEE), ("received", BOB), ("to-agent", KIM)]
    detail = await desk.ticket(filed.number)
    assert (detail.ticket.subject, detail.ticket.assignee, detail.ticket.status) == ("Scanner", "", Status.RECEIVED)
    assert [(p.address, p.name, p.role) for p in detail.ticket.participants] == [(BOB, "Bob Miller", Role.CUSTOMER)]
    first, note = [e for e in detail.entries if e.kind is not EntryKind.EVENT]
    assert (first.kind, first.author, first.text, first.evidence) == (EntryKind.CUSTOMER, BOB, "It is slow.", "")
    assert first.marks == (f"forwarded by {LEE}", "written Fri, Jan 2, 2026 at 9:58 AM")
    assert (note.kind, note.author, note.text) == (EntryKind.NOTE, LEE, "He is angry.")
    letter = to(filed, BOB, "received")
    assert read(letter)["In-Reply-To"] == "<bobs@other.example>"
    for secret in ("angry", LEE, "corp.example"):
        assert secret not in letter.data.decode().replace("=\r\n", "")
    told = text_of(to(filed, KIM, "to-agent"))
    assert "He is angry." in told
    assert f"由 {LEE} 转发" in told
    later = await desk.post(
        mail("Re: Scanner", "Any news? It is slower.", sender=BOB, headers=("References: <bobs@other.example>",)), sender=BOB
    )
    assert (later.outcome, later.number) == ("joined", filed.number)


async def test_the_words_above_are_his_answer_with_reply(desk: Helpdesk) -> None:
    filed = await write(desk, f"#代开\n#reply\nWe look at it.\n\n{FORWARD}", headers=("In-Reply-To: <bobs@other.example>",))
    assert (filed.outcome, sent_to(filed)) == ("answer", [("answer", BOB), ("receipt", LEE)])
    letter = to(filed, BOB, "answer")
    assert (read(letter)["In-Reply-To"], "We look at it." in text_of(letter)) == ("<bobs@other.example>", True)
    assert (await desk.ticket(filed.number)).ticket.assignee == LEE


def as_file(*mails: bytes, body: str = "#fwd") -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = LEE, DESK, "Fwd", "<f@corp.example>"
    made.set_content(body + "\n")
    for raw in mails:
        made.add_attachment(email.message_from_bytes(raw, policy=email.policy.default))
    return made.as_bytes(policy=email.policy.SMTP)


async def test_forwarded_as_a_file(desk: Helpdesk) -> None:
    theirs = mail("Scanner", "It is slow.", sender=f"Bob <{BOB}>", message_id="<bobs@other.example>")
    filed = await desk.post(as_file(theirs), sender=LEE)
    assert sent_to(filed) == [("receipt", LEE), ("received", BOB), ("to-agent", KIM)]
    (entry,) = [e for e in (await desk.ticket(filed.number)).entries if e.kind is EntryKind.CUSTOMER]
    assert (entry.text, entry.message_id) == ("It is slow.", "<bobs@other.example>")
    assert "2026-01-02T10:00:00+00:00" in entry.marks[1]


async def test_a_machine_is_not_acknowledged(desk: Helpdesk) -> None:
    shop = mail("Order", "Thanks.", sender=f"Shop <{BOB}>", headers=("Auto-Submitted: auto-generated",))
    filed = await desk.post(as_file(shop), sender=LEE)
    assert (sent_to(filed), "The customer gets no mail about it." in receipt(filed)) == (
        [("receipt", LEE), ("to-agent", KIM)],
        True,
    )
    inline = await write(desk, f"#fwd\n\n{FORWARD.replace(BOB, 'no-reply@shop.example')}", "Fwd: Order")
    assert sent_to(inline) == [("receipt", LEE), ("to-agent", KIM)]


UNCLEAR = [
    ("#fwd", "no forwarded mail below"),
    (f"#fwd {BOB}", "no forwarded mail below"),
    ("#fwd\n\n" + FORWARD.replace(f" <{BOB}>", ""), "does not say whose it is"),
    ("#fwd\n\n" + FORWARD.replace(f"<{BOB}>", f"<{BOB}>, {BOSS}"), "names several people"),
    ("#fwd\n\n" + FORWARD.replace(BOB, KIM), "is a desk or an agent of ours"),
    ("#fwd\n\n" + FORWARD.replace(BOB, DESK), "is a desk or an agent of ours"),
    (f"#fwd {KIM}\n\n{FORWARD}", "is a desk or an agent of ours"),
    ("#fwd\n#reply\n\n" + FORWARD, "there is no text that belongs to it"),
    ("#fwd\n#list\n\n" + FORWARD, "stands alone"),
    (f"#fwd\n\nOn Fri, 2 Jan 2026 at 10:00, Bob <{BOB}> wrote:\n> It is slow.", "does not say whose it is"),
]


async def test_nobody_is_guessed(desk: Helpdesk) -> None:
    for body, said in UNCLEAR:
        filed = await write(desk, body, "Fwd: Scanner")
        assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)]), body
        assert said in receipt(filed), body
    assert await desk.tickets() == []


async def test_several_files_are_nobodys(desk: Helpdesk) -> None:
    theirs = [mail("Scanner", f"It is slow {i}.", sender=f"Bob <{who}>") for i, who in enumerate((BOB, BOSS))]
    filed = await desk.post(as_file(*theirs), sender=LEE)
    assert (filed.outcome, "several mails" in receipt(filed)) == ("refused", True)
    named = await desk.post(as_file(*theirs, body=f"#fwd {BOSS}"), sender=LEE)
    assert ("received", BOSS) in sent_to(named)


@pytest.mark.parametrize("missing", [f" <{BOB}>", f"From: Bob Miller <{BOB}>\n"])
async def test_the_agent_may_say_whose_it_is(desk: Helpdesk, missing: str) -> None:
    filed = await write(desk, f"#fwd {BOB}\n\n{FORWARD.replace(missing, '', 1)}", "Fwd: Scanner")
    assert ("received", BOB) in sent_to(filed)
    (entry,) = [e for e in (await desk.ticket(filed.number)).entries if e.kind is EntryKind.CUSTOMER]
    assert "It is slow." in entry.text


async def test_without_the_marker_a_forward_is_the_agents_own(desk: Helpdesk) -> None:
    filed = await write(desk, f"See below.\n\n{FORWARD}", "Fwd: Scanner")
    ticket = (await desk.ticket(filed.number)).ticket
    assert [p.address for p in ticket.participants if p.role is Role.CUSTOMER] == [LEE]
    assert BOB not in [m.recipients[0].address for m in filed.sent]


async def test_our_mail_to_an_agent_is_nobodys_mail(desk: Helpdesk) -> None:
    told = to(await desk.post(mail()), LEE, "to-agent")
    body = FORWARD.replace("It is slow.", text_of(told))
    filed = await write(desk, f"#fwd {BOB}\n\n{body}", "Fwd: Scanner")
    assert (filed.outcome, "holds a signed address of ours" in receipt(filed)) == ("refused", True)


async def test_the_caps_of_acknowledgements_hold(desk: Helpdesk) -> None:
    sent = []
    for i in range(12):
        filed = await write(desk, f"#fwd\n\n{FORWARD.replace('slow', f'slow {i}')}", f"Fwd: {i}", message_id=f"<{i}@corp.example>")
        assert filed.outcome == "done"
        sent.append(("received", BOB) in sent_to(filed))
    assert sent == [True] * desk.config.limits.acknowledgements_per_day + [False] * (
        12 - desk.config.limits.acknowledgements_per_day
    )


async def test_a_colleague_who_is_given_it_hears_once(desk: Helpdesk) -> None:
    filed = await write(desk, f"#fwd\n#assign kim\nHe is angry.\n\n{FORWARD}", "Fwd: Scanner")
    assert sent_to(filed) == [("receipt", LEE), ("received", BOB), ("to-agent", KIM)]
    told = text_of(to(filed, KIM, "to-agent"))
    assert "He is angry." in told
    assert "It is slow." in told


async def test_a_canned_answer_is_text_enough(desk: Helpdesk) -> None:
    canned = (Path(__file__).parents[2] / "templates" / "canned" / "details.en.txt").read_text("utf-8").splitlines()[-1]
    for body in (f"#new Bob <{BOB}>\n#tag x\n#template details", f"#fwd\n#template details\n\n{FORWARD}"):
        filed = await write(desk, body, "Scanner", message_id=None)
        assert (filed.outcome, ("answer", BOB) in sent_to(filed), ("received", BOB) in sent_to(filed)) == ("answer", True, False)
        assert canned in text_of(to(filed, BOB, "answer"))
    unknown = await write(desk, f"#new {BOB}\n#template nonsense", "Scanner", message_id=None)
    assert (unknown.outcome, "There is no canned answer" in receipt(unknown), len(await desk.tickets())) == ("refused", True, 2)
    unclear = await write(desk, f"#fwd\n#template details\nMine.\n\n{FORWARD}", "Scanner", message_id=None)
    assert unclear.outcome == "refused"


async def test_the_files_of_what_was_brought_do_not_go_back(desk: Helpdesk) -> None:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = LEE, DESK, "Fwd: Scanner", "<g@corp.example>"
    made.set_content(f"#fwd\n#reply\nWe look at it.\n\n{FORWARD}")
    made.add_attachment(b"%PDF-1.4 his", "application", "pdf", filename="his.pdf")
    filed = await desk.post(made.as_bytes(policy=email.policy.SMTP), sender=LEE)
    assert [p.get_filename() for p in read(to(filed, BOB, "answer")).walk() if p.get_filename()] == []
    files = {e.kind: [a.filename for a in e.attachments] for e in (await desk.ticket(filed.number)).entries}
    assert (files[EntryKind.CUSTOMER], files[EntryKind.REPLY]) == (["his.pdf"], [])
    theirs = mail("Scanner", f"To {LEE}: it is slow.", sender=f"Bob <{BOB}>", message_id="<b2@other.example>")
    attached = await desk.post(as_file(theirs, body="#fwd\n#reply\nWe look at it."), sender=LEE)
    assert (attached.outcome, sent_to(attached)) == ("answer", [("answer", BOB), ("receipt", LEE)])


async def test_a_new_mail_that_passes_on_another_one_is_not_sent_by_mistake(desk: Helpdesk) -> None:
    body = f"See below.\n\n{FORWARD}"
    filed = await write(desk, f"#new {BOSS}\n{body}", "Fwd: Scanner")
    assert (filed.outcome, "passes on another mail" in receipt(filed), await desk.tickets()) == ("refused", True, [])
    meant = await write(desk, f"#new {BOSS}\n#reply\n{body}", "Fwd: Scanner")
    assert "It is slow." in text_of(to(meant, BOSS, "answer"))


# --- what a forwarded mail says of itself -----------------------------------------------------------------------------


def passed_on(subject: str = "Scanner", who: str = f"Bob Miller <{BOB}>", body: str = "It is slow.") -> str:
    return (
        f"#fwd\n\n---------- Forwarded message ---------\nFrom: {who}\nDate: Fri, Jan 2, 2026 at 9:58 AM\nSubject: {subject}\n"
        + (f"To: Lee <{LEE}>\n\n\n{body}\n")
    )


@pytest.mark.parametrize(
    ("above", "within", "shown"),
    [
        ("Fwd: Scanner", "Scanner", "Scanner"),
        ("Fwd: Scanner", "转发：回复：打印机", "打印机"),
        ("Bob's scanner", "", "Bob's scanner"),
        ("Bob's scanner", "Re:", "Bob's scanner"),
    ],
)
async def test_the_subject_is_the_customers_or_else_the_agents(desk: Helpdesk, above: str, within: str, shown: str) -> None:
    filed = await write(desk, passed_on(within), above)
    assert (await desk.ticket(filed.number)).ticket.subject == shown


async def test_a_known_customer_is_written_to_as_he_wished_and_in_the_language_of_before(desk: Helpdesk) -> None:
    first = await desk.post(mail("打印机坏了", "您好，打印机坏了，请尽快帮忙处理一下，谢谢！", sender=BOB), sender=BOB)
    known = await write(desk, f"#new {BOB}\n12345", "12345", message_id="<b@corp.example>")
    assert (await desk.ticket(known.number)).ticket.language == "zh"
    await desk.post(
        mail("Re: it", "write in English"), sender=BOB, rcpts=(desk.reply_address((await desk.ticket(first.number)).ticket, BOB),)
    )
    wished = await write(desk, f"#new {BOB}\nNoch eine Frage", "Frage", message_id="<c@corp.example>")
    assert (await desk.ticket(wished.number)).ticket.language == "en"


async def test_what_another_desk_has_already_hinders_nobody_here(desk: Helpdesk) -> None:
    sales = DESKS[1]["address"]
    raw = mail("Scanner", "It is slow.", sender=f"Bob Miller <{BOB}>", to=sales, message_id="<his@other.example>")
    known = await desk.post(raw, sender=BOB, rcpts=(sales,))
    forward = MIMEMultipart()
    forward["From"], forward["To"], forward["Subject"] = f"Lee <{LEE}>", DESK, "Fwd: Scanner"
    forward["Message-ID"] = "<f@corp.example>"
    forward.attach(MIMEText("#fwd\n"))
    forward.attach(MIMEMessage(email.message_from_bytes(raw)))
    filed = await desk.post(forward.as_bytes().replace(b"\n", b"\r\n"), sender=LEE, rcpts=(DESK,))
    assert (filed.outcome, filed.number != known.number) == ("done", True)
