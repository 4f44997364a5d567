"""Agents by mail: they are told, their answers reach the customer, notes stay inside, commands work or say why not."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from smtpgate.mail.token import TokenKind
from smtpgate.model import EntryKind, Evidence, OutgoingMail, Priority, Status
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

LEE, KIM = "lee@corp.example", "kim@corp.example"
DESKS = [
    {"name": "support", "address": DESK, "agents": [LEE, KIM]},
    {"name": "sales", "address": "sales@help.example", "channel": "SAL", "agents": ["sal@corp.example"]},
]
AGENTS = [{"address": LEE, "name": {"en": "Lee", "zh": "小李"}}, {"address": KIM, "language": "zh"}]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


def read(letter: OutgoingMail) -> EmailMessage:
    return email.message_from_bytes(letter.data, policy=email.policy.default)


def text_of(letter: OutgoingMail) -> str:
    """With the lines of receipts as they were before they were folded."""
    body = read(letter).get_body(("plain",))
    assert body is not None
    text = str(body.get_content())
    return text if letter.purpose == "digest" else re.sub(r"(?<=[ -~])\r?\n  (?=\S)", " ", text)


def html_of(letter: OutgoingMail) -> str:
    body = read(letter).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def to(filed: Filed, address: str, purpose: str) -> OutgoingMail:
    (found,) = [m for m in filed.sent if m.recipients[0].address == address and m.purpose == purpose]
    return found


def sent_to(filed: Filed) -> list[tuple[str, str]]:
    return sorted((m.purpose, m.recipients[0].address) for m in filed.sent)


def alerts_alone(filed: Filed) -> bool:
    """Nothing of it can be answered so that something is done, and none of its text is there."""
    answers = [str(read(m)["Reply-To"].addresses[0].addr_spec) for m in filed.sent]
    return answers == [DESK] * len(answers) and not any("password" in text_of(m) for m in filed.sent)


async def note_address(desk: Helpdesk, first: Filed) -> str:
    ticket = (await desk.ticket(first.number)).ticket
    return desk.pipeline.tokens.reply_address(DESK, ticket.id, LEE, desk.clock.now(), TokenKind.NOTE)


async def begin(desk: Helpdesk, **how: Any) -> Filed:
    return await desk.post(mail(), **how)


class Colleague:
    """An agent at his mail client: answers what he was sent, as clients do."""

    def __init__(self, desk: Helpdesk, address: str = LEE) -> None:
        self.desk, self.address = desk, address

    async def answer(self, letter: OutgoingMail, body: str, *, to: str = "", headers: tuple[str, ...] = (), **how: Any) -> Filed:
        """to: another address than its Reply-To."""
        seen = read(letter)
        where = to or str(seen["Reply-To"].addresses[0].addr_spec)
        quoted = "".join(f"> {line}\n" for line in text_of(letter).splitlines())
        whole = f"{body}\n\nOn Fri, 2 Jan 2026 at 10:05, Support <{DESK}> wrote:\n{quoted}"
        ids = f"{seen['References'] or ''} {seen['Message-ID']}".strip()
        threads = (f"In-Reply-To: {seen['Message-ID']}", f"References: {ids}", *headers)
        raw = mail(f"Re: {seen['Subject']}", whole, sender=f"Lee <{self.address}>", to=where, headers=threads)
        return await self.desk.post(raw, sender=self.address, rcpts=(how.pop("rcpt", where),), **how)


async def test_all_agents_of_the_desk_hear_of_a_new_ticket(desk: Helpdesk) -> None:
    first = await begin(desk)
    assert sent_to(first) == [("received", CUSTOMER), ("to-agent", KIM), ("to-agent", LEE)]
    letter = to(first, LEE, "to-agent")
    text = text_of(letter)
    assert f"From: Alice <{CUSTOMER}>" in text
    assert "sender proved by the domain's signature" in text
    assert "It burns." in text
    assert read(letter)["Subject"] == f"[#{first.number}] Printer on fire"
    assert "新工单" in text_of(to(first, KIM, "to-agent"))
    assert read(letter)["Auto-Submitted"] == "auto-generated"


async def test_who_wrote_is_shown_by_address_and_verdict_and_not_by_name(desk: Helpdesk) -> None:
    forged = await begin(desk, evidence=Evidence.NONE)
    assert "sender NOT proved" in text_of(to(forged, LEE, "to-agent"))


async def test_links_do_one_thing_each(desk: Helpdesk) -> None:
    letter = to(await begin(desk), LEE, "to-agent")
    links = re.findall(r'href="mailto:([^"?]+)\?subject=[^"]*?(?:&amp;body=([^"]*))?"', html_of(letter))
    commands = {body.replace("%23", "#").removesuffix("%0D%0A") for _, body in links if body}
    assert {"#take", "#resolved", "#waiting", "#closed", "#assign%20", "#show", "#spam", "#help"} == commands
    for address, body in links:
        token = desk.pipeline.tokens.read(address, desk.clock.now())
        assert token is not None
        assert token.kind is (TokenKind.ACTION if body else TokenKind.NOTE)
        assert token.person_matches(LEE)
        assert not token.person_matches(KIM)


async def test_an_answer_reaches_the_customer_with_nothing_of_the_inside(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    filed = await Colleague(desk).answer(told, "Please switch it off.\n\nLee")
    assert filed.outcome == "answer"
    assert sent_to(filed) == [("answer", CUSTOMER)]
    letter = to(filed, CUSTOMER, "answer")
    seen = read(letter)
    assert str(seen["From"]) == f'"Lee (support)" <{DESK}>'
    assert seen["Subject"] == f"[#{first.number}] Printer on fire"
    assert seen["Auto-Submitted"] is None
    assert seen["In-Reply-To"] == to(first, CUSTOMER, "received").message_id or seen["In-Reply-To"]
    assert "Please switch it off." in text_of(letter)
    whole = letter.data.decode("ascii", "replace")
    inside = str(read(told)["Reply-To"].addresses[0].addr_spec)
    for secret in (inside, LEE, "corp.example", "On Fri, 2 Jan 2026 at 10:05, Support", "proved by", told.message_id):
        assert secret not in whole.replace("=\r\n", ""), secret
    detail = await desk.ticket(first.number)
    assert detail.entries[-1].kind is EntryKind.REPLY
    assert (detail.ticket.status, detail.ticket.assignee) == (Status.PROGRESS, LEE)


async def test_the_customers_next_mail_goes_to_the_one_who_answered(desk: Helpdesk) -> None:
    first = await begin(desk)
    answered = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Which one?")
    letter = read(to(answered, CUSTOMER, "answer"))
    again = await desk.post(
        mail(f"Re: {letter['Subject']}", "The left one.", headers=(f"In-Reply-To: {letter['Message-ID']}",)),
        rcpts=(str(letter["Reply-To"].addresses[0].addr_spec),),
    )
    assert sent_to(again) == [("to-agent", LEE)]
    text = text_of(to(again, LEE, "to-agent"))
    assert "The customer answered" in text
    assert "Which one?" in text  # what was said before


async def test_an_answer_waits_until_it_can_no_longer_be_taken_back(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Nonsense")
    assert to(filed, CUSTOMER, "answer").recipients[0].next_at == desk.clock.now() + 60
    undone = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#undo")
    assert "taken back" in text_of(to(undone, LEE, "receipt"))
    rows = await desk.store.queue(states=[], ticket_number=first.number, limit=10) or ()
    assert [r.state.value for r in rows if r.purpose == "answer"] in ([], ["dropped"])
    desk.clock.advance(61)
    due = await desk.store.claim_deliveries(worker="w", now=desk.clock.now(), limit=50, next_at=lambda _: desk.clock.now() + 60)
    assert "Nonsense" not in "".join(d.data.decode() for d in due)
    (entry,) = [e for e in (await desk.ticket(first.number)).entries if "Nonsense" in e.text]
    assert (entry.kind, entry.marks) == (EntryKind.NOTE, ("taken back",))


async def test_what_has_left_is_not_taken_back_and_nobody_takes_back_anothers(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "Off it goes")
    kim = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "#撤销")
    assert (kim.outcome, LEE in text_of(to(kim, KIM, "receipt"))) == ("refused", True)
    desk.clock.advance(61)
    await desk.store.claim_deliveries(worker="w", now=desk.clock.now(), limit=50, next_at=lambda _: desk.clock.now() + 60)
    late = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#undo")
    assert (late.outcome, "has left already" in text_of(to(late, LEE, "receipt"))) == ("refused", True)


async def test_a_note_stays_inside_and_the_colleague_who_has_the_ticket_hears(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    note_to = desk.pipeline.tokens.reply_address(
        DESK, (await desk.ticket(first.number)).ticket.id, LEE, desk.clock.now(), TokenKind.NOTE
    )
    by_address = await Colleague(desk).answer(told, "He is angry.", to=note_to)
    by_word = await Colleague(desk).answer(told, "#备注\nHe called twice.")
    for filed in (by_address, by_word):
        assert filed.outcome == "note"
        assert sent_to(filed) == [("to-agent", KIM)]
    assert [e.kind for e in (await desk.ticket(first.number)).entries if "angry" in e.text or "twice" in e.text] == [
        EntryKind.NOTE
    ] * 2


@pytest.mark.parametrize("evidence", [Evidence.DMARC_SPF, Evidence.DOMAIN, Evidence.NONE, Evidence.TEMPERROR])
async def test_without_proof_it_is_held_until_the_agent_vouches(desk: Helpdesk, evidence: Evidence) -> None:
    first = await begin(desk)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Send me your password.", evidence=evidence)
    assert held.outcome == "held"
    assert sent_to(held) == [("receipt", LEE)]  # to the address of the configuration, and nothing to the customer
    ask = to(held, LEE, "receipt")
    assert "Send me your password." in text_of(ask)
    confirmed = await Colleague(desk).answer(ask, "", evidence=evidence)
    assert (confirmed.outcome, confirmed.sent) == ("confirmed", ())
    await desk.work()
    filed = await desk.look(held.mail.id)
    assert (filed.outcome, sent_to(filed)) == ("answer", [("answer", CUSTOMER)])


@pytest.mark.parametrize("how", [{"evidence": Evidence.FAIL}, {"evidence": Evidence.AMBIGUOUS}])
async def test_a_forged_agent_gets_nothing_and_nobody_is_asked(desk: Helpdesk, how: dict[str, Any]) -> None:
    first = await begin(desk)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Send me your password.", **how)
    assert (held.outcome, sent_to(held)) == ("held", [("alert", KIM), ("alert", LEE)])
    assert alerts_alone(held)


async def test_without_the_signed_address_it_is_held_too(desk: Helpdesk) -> None:
    first = await begin(desk)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "It is out of paper.", to=DESK)
    assert (held.outcome, sent_to(held)) == ("held", [("receipt", LEE)])


async def test_a_colleagues_signed_address_is_no_proof(desk: Helpdesk) -> None:
    first = await begin(desk)
    kims = str(read(to(first, KIM, "to-agent"))["Reply-To"].addresses[0].addr_spec)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "It is out of paper.", to=kims)
    assert held.outcome == "held"


async def test_nobody_else_gets_in_by_an_agents_address(desk: Helpdesk) -> None:
    """A customer to whom it was forwarded, an agent of another desk, one who was removed."""
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    for who in (CUSTOMER, "sal@corp.example", "gone@corp.example"):
        held = await Colleague(desk, who).answer(told, "Send me your password.")
        assert (held.outcome, {address for _, address in sent_to(held)} <= {LEE, KIM}) == ("held", True), who
        assert {purpose for purpose, _ in sent_to(held)} <= {"held"}, who


@pytest.mark.parametrize("reply", ["confirm", "auto"])
async def test_only_the_agent_himself_confirms(desk: Helpdesk, reply: str) -> None:
    first = await begin(desk)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "x", evidence=Evidence.NONE)
    ask = to(held, LEE, "receipt")
    if reply == "auto":
        filed = await Colleague(desk).answer(ask, "I am away.", headers=("Auto-Submitted: auto-replied",))
    else:
        filed = await Colleague(desk, KIM).answer(ask, "yes")
    assert filed.outcome in ("held", "noted")
    await desk.work()
    assert (await desk.look(held.mail.id)).outcome == "held"


async def test_asking_has_an_end(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    asked = [len((await Colleague(desk).answer(told, f"try {i}", evidence=Evidence.NONE)).sent) for i in range(8)]
    assert asked == [1] * 5 + [0] * 3


async def test_commands(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    filed = await Colleague(desk).answer(told, "#take\n#priority high\n#tag printer fire\n#waiting")
    assert filed.outcome == "done"
    assert sent_to(filed) == [("receipt", LEE), ("waiting", CUSTOMER)]
    ticket = (await desk.ticket(first.number)).ticket
    assert (ticket.assignee, ticket.priority, ticket.tags, ticket.status) == (
        LEE, Priority.HIGH, ("printer", "fire"), Status.WAITING,
    )  # fmt: skip
    receipt = text_of(to(filed, LEE, "receipt"))
    for line in (
        "The ticket is yours.",
        "Priority: high.",
        "Tags: printer, fire.",
        "State: waiting for the customer (was received).",
    ):
        assert line in receipt


@pytest.mark.parametrize(
    ("receipts", "sent"), [("needed", [("answer", CUSTOMER)]), ("all", [("answer", CUSTOMER), ("receipt", LEE)])]
)
async def test_a_plain_answer_has_a_receipt_only_for_who_wants_all(
    tmp_path: Path, receipts: str, sent: list[tuple[str, str]]
) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=[{"address": LEE, "receipts": receipts}]) as desk:
        filed = await Colleague(desk).answer(to(await begin(desk), LEE, "to-agent"), "Try another cable.")
        assert sent_to(filed) == sent
        if receipts == "all":
            assert f"Your answer leaves for {CUSTOMER} in 60 seconds" in text_of(to(filed, LEE, "receipt"))


async def test_a_state_with_a_text_is_one_mail_to_the_customer(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#解决\nNew cable, works again.")
    assert sent_to(filed) == [("answer", CUSTOMER), ("receipt", LEE)]
    text = text_of(to(filed, CUSTOMER, "answer"))
    assert "New cable, works again." in text
    assert "We believe that this is solved" in text
    assert "that opens it again.\n\nLee\n" in text.replace("\r", "")
    assert (await desk.ticket(first.number)).ticket.status is Status.RESOLVED


async def test_assigning_tells_the_one_who_has_it_now_and_the_text_stays_inside(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#assign kim\nPlease look, he is a big customer.")
    assert sorted(set(sent_to(filed))) == [("receipt", LEE), ("to-agent", KIM)]
    assert CUSTOMER not in [m.recipients[0].address for m in filed.sent]
    assert (await desk.ticket(first.number)).ticket.assignee == KIM
    assert "Please look, he is a big customer." in text_of(to(filed, KIM, "to-agent"))


async def test_who_is_given_a_ticket_without_a_word_reads_what_the_customer_last_wrote(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = text_of(to(await Colleague(desk).answer(to(first, LEE, "to-agent"), "#tag red\n#assign kim"), KIM, "to-agent"))
    assert f"发件人：Alice <{CUSTOMER}>\r\n发件人已由其域名签名证实\r\n\r\nIt burns.\r\n" in told


async def test_a_state_beside_a_note_is_told_to_the_customer_without_the_note(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved\n#note\nHe was wrong.")
    assert ("resolved", CUSTOMER) in sent_to(filed)
    assert "wrong" not in text_of(to(filed, CUSTOMER, "resolved"))


async def test_a_reply_to_a_note_stays_inside(desk: Helpdesk) -> None:
    first = await begin(desk)
    noted = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#note\nHe is angry.")
    answered = await Colleague(desk, KIM).answer(to(noted, KIM, "to-agent"), "I would be, too.")
    assert answered.outcome == "note"
    assert CUSTOMER not in [m.recipients[0].address for m in answered.sent]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("#clsoe\nDone!", "Did you mean #close?"),
        ("#assign nobody", "nobody is no agent of this desk. Its agents: lee@corp.example, kim@corp.example."),
        ("#priority sometimes", "low, normal, high or urgent"),
        ("#status received", "progress, waiting, resolved or closed"),
        ("Hello,\n#close", "commands stand at the top"),
        ("#take\n#bogus", "#bogus: there is no such command."),
        ("", "no new text"),
    ],
)
async def test_what_cannot_be_done_is_not_done_at_all_and_says_why(desk: Helpdesk, body: str, said: str) -> None:
    first = await begin(desk)
    before = await desk.ticket(first.number)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), body)
    assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)])
    assert said in text_of(to(filed, LEE, "receipt"))
    after = await desk.ticket(first.number)
    assert (after.ticket, after.entries) == (before.ticket, before.entries)


async def test_help_is_made_of_the_table_in_the_agents_language(desk: Helpdesk) -> None:
    first = await begin(desk)
    english = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#help")
    chinese = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "#帮助")
    assert "#assign: Give the ticket to another agent of the desk." in text_of(to(english, LEE, "receipt"))
    assert "#转交 (#assign)" in text_of(to(chinese, KIM, "receipt"))


async def test_an_agent_who_reads_traditional_chinese(tmp_path: Path) -> None:
    """Names of either script do the same; what comes back is in his."""
    async with helpdesk(tmp_path, desk=DESKS, agent=[{"address": LEE, "language": "zh-Hant"}]) as desk:
        briefing = to(await begin(desk), LEE, "to-agent")
        assert read(briefing)["Content-Language"] == "zh-Hant"
        assert "狀態：已收件" in text_of(briefing)
        assert "寫內部備註" in html_of(briefing)
        wrong = text_of(to(await Colleague(desk).answer(briefing, "#結束"), LEE, "receipt"))
        assert "#結束：沒有這個指令。" in wrong
        assert "您是想寫 #結案 嗎？" in wrong
        assert "#轉交 (#assign)：" in text_of(to(await Colleague(desk).answer(briefing, "#說明"), LEE, "receipt"))
        done = text_of(to(await Colleague(desk).answer(briefing, "#優先順序：緊急\n#標籤 印表機\n#備註 他又來電"), LEE, "receipt"))
        assert "優先順序：緊急。" in done
        assert "標籤：印表機。" in done


async def test_when_a_colleague_was_faster_the_answer_is_held_and_shown_both(desk: Helpdesk) -> None:
    first = await begin(desk)
    desk.clock.advance(5)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "Switch it off.")
    desk.clock.advance(5)
    held = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "Switch it on.")
    assert (held.outcome, sent_to(held)) == ("held", [("receipt", KIM)])
    text = text_of(to(held, KIM, "receipt"))
    assert "Switch it off." in text
    assert "Switch it on." in text
    await Colleague(desk, KIM).answer(to(held, KIM, "receipt"), "")
    await desk.work()
    assert (await desk.look(held.mail.id)).outcome == "answer"


async def test_who_vouches_for_his_answer_is_still_asked_when_a_colleague_was_faster(desk: Helpdesk) -> None:
    """Each answer that came meanwhile is shown once, whoever lets the mail through."""
    first = await begin(desk)
    held = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "Switch it on.", evidence=Evidence.NONE)
    desk.clock.advance(5)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "Switch it off.")
    desk.clock.advance(5)
    await Colleague(desk, KIM).answer(to(held, KIM, "receipt"), "")
    await desk.work()
    again = await desk.look(held.mail.id)
    assert (again.outcome, sent_to(again)) == ("held", [("receipt", KIM)])
    assert "Switch it off." in text_of(to(again, KIM, "receipt"))
    desk.clock.advance(5)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "Or leave it.")
    once_more = await desk.release(held.mail.id)
    assert (once_more.outcome, "Or leave it." in text_of(to(once_more, KIM, "receipt"))) == ("held", True)
    await Colleague(desk, KIM).answer(to(once_more, KIM, "receipt"), "")
    await desk.work()
    assert (await desk.look(held.mail.id)).outcome == "answer"


async def test_an_answer_that_the_customer_has_already_is_a_note(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    filed = await Colleague(desk).answer(told, "Out of paper.", headers=(f"Cc: {CUSTOMER}",))
    assert filed.outcome == "note"
    assert CUSTOMER not in [m.recipients[0].address for m in filed.sent]
    assert "has it from you already" in text_of(to(filed, LEE, "receipt"))


async def test_the_same_answer_again_is_sent_once(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    await Colleague(desk).answer(told, "Out of paper.")
    again = await Colleague(desk).answer(told, "Out of paper.")
    assert (again.outcome, again.sent) == ("repeat", ())


async def test_an_agents_absence_note_is_no_answer(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "I am away.", headers=("Auto-Submitted: auto-replied",))
    assert (filed.outcome, filed.sent) == ("noted", ())


async def test_files_and_formatting_go_along(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    seen = read(told)
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = LEE, str(seen["Reply-To"]), f"Re: {seen['Subject']}"
    answer["Message-ID"], answer["In-Reply-To"] = "<a1@corp.example>", seen["Message-ID"]
    answer.set_content(f"Do this:\n\n1. off\n2. on\n\nOn Friday Support wrote:\n> {text_of(told).splitlines()[0]}\n")
    answer.add_alternative(
        f"<div>Do <b>this</b>:<br><img src='cid:pic@corp.example'><ol><li>off</li><li>on</li></ol></div><br>"
        f"<div class='gmail_quote'>On Friday Support wrote:<blockquote type='cite'>{html_of(told)}</blockquote></div>",
        subtype="html",
    )
    html = answer.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(b"\x89PNG\r\n\x1a\nxx", "image", "png", cid="<pic@corp.example>", filename="shot.png")
    answer.add_attachment(b"%PDF-1.4 steps", maintype="application", subtype="pdf", filename="步骤.pdf")
    where = str(seen["Reply-To"].addresses[0].addr_spec)
    filed = await desk.post(answer.as_bytes(policy=email.policy.SMTP), sender=LEE, rcpts=(where,))
    letter = to(filed, CUSTOMER, "answer")
    assert "<b>this</b>" in html_of(letter)
    assert "On Friday Support wrote" not in html_of(letter)
    assert html_of(letter).count("wrote") == 1  # ours, over what the customer wrote
    files = {part.get_filename(): part.get_content() for part in read(letter).walk() if part.get_filename()}
    assert files == {"shot.png": b"\x89PNG\r\n\x1a\nxx", "步骤.pdf": b"%PDF-1.4 steps"}
    (cid,) = re.findall(r'src="cid:([^"]+)"', html_of(letter))
    assert "corp.example" not in cid
    assert f"<{cid}>" in letter.data.decode("ascii", "replace")


async def test_a_desk_that_wants_no_mail_gets_none(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=[{**DESKS[0], "notify": False}]) as desk:
        assert sent_to(await begin(desk)) == [("received", CUSTOMER)]


@pytest.mark.parametrize("how", ["marked", "unmarked", "above"])
async def test_what_quotes_our_mail_never_leaves(desk: Helpdesk, how: str) -> None:
    """Whatever a client makes of the quoted notification: it holds a signed address, and so it is seen."""
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    note_to = desk.pipeline.tokens.reply_address(
        DESK, (await desk.ticket(first.number)).ticket.id, LEE, desk.clock.now(), TokenKind.NOTE
    )
    assert note_to in text_of(told)
    lines = text_of(told).splitlines()
    quoted = {"marked": [f"| {line}" for line in lines], "unmarked": lines, "above": [*lines, "", "All done."]}[how]
    raw = mail(
        f"Re: {read(told)['Subject']}", "\n".join(["Done.", "", *quoted]), sender=LEE, headers=(f"In-Reply-To: {told.message_id}",)
    )
    where = str(read(told)["Reply-To"].addresses[0].addr_spec)
    filed = await desk.post(raw, sender=LEE, rcpts=(where,))
    for letter in filed.sent:
        if letter.recipients[0].address == CUSTOMER:
            assert note_to not in letter.data.decode().replace("=\r\n", "")
            assert "Commands stand" not in text_of(letter)


async def test_show_sends_what_was_said(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#show")
    assert sent_to(filed) == [("to-agent", LEE)]
    assert "It burns." in text_of(to(filed, LEE, "to-agent"))


async def test_an_answer_that_comes_back_opens_the_ticket_again_and_its_agent_hears(desk: Helpdesk) -> None:
    first = await begin(desk)
    answered = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved\nNew fuser.")
    returned = to(answered, CUSTOMER, "answer").recipients[0].return_path
    assert returned is not None
    report = mail(
        "Undelivered Mail Returned to Sender",
        "The mail could not be delivered.\n<alice@customer.example>: 550 5.1.1 user unknown",
        sender="MAILER-DAEMON@isp.example",
        headers=("Auto-Submitted: auto-replied",),
    )
    lost = await desk.post(report, sender="MAILER-DAEMON@isp.example", mail_from=None, rcpts=(returned,))
    assert (lost.outcome, sent_to(lost)) == ("bounce", [("to-agent", LEE)])
    assert "did NOT arrive" in text_of(to(lost, LEE, "to-agent"))
    assert (await desk.ticket(first.number)).ticket.status is Status.PROGRESS


async def test_our_mail_to_an_agent_that_comes_back_is_told_to_nobody(desk: Helpdesk) -> None:
    first = await begin(desk)
    returned = to(first, LEE, "to-agent").recipients[0].return_path
    assert returned is not None
    report = mail("Undelivered", f"<{LEE}>: 550 5.1.1 user unknown", sender="MAILER-DAEMON@isp.example")
    lost = await desk.post(report, sender="MAILER-DAEMON@isp.example", mail_from=None, rcpts=(returned,))
    assert (lost.outcome, lost.sent) == ("bounce", ())


async def test_nobody_is_bothered_with_thanks(desk: Helpdesk) -> None:
    first = await begin(desk)
    solved = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved\nNew fuser.")
    letter = to(solved, CUSTOMER, "answer")
    where = str(read(letter)["Reply-To"].addresses[0].addr_spec)
    thanks = await desk.post(mail(f"Re: {read(letter)['Subject']}", "Thank you very much!"), rcpts=(where,))
    assert (thanks.outcome, thanks.sent) == ("joined", ())


async def test_who_had_the_ticket_hears_that_a_colleague_has_it_now(desk: Helpdesk) -> None:
    first = await begin(desk)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take")
    taken = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "#take")
    assert sent_to(taken) == [("receipt", KIM), ("to-agent", LEE)]
    text = text_of(to(taken, LEE, "to-agent"))
    assert "A colleague has it now" in text
    assert f"Assigned to: {KIM}" in text


@pytest.mark.parametrize("days", [1, 200])
async def test_a_note_stays_inside_however_old_its_address_and_whoever_vouches_for_it(desk: Helpdesk, days: int) -> None:
    """An address for notes whose time is over proves nothing; the mail is held, and its agent confirms that it is his."""
    first = await begin(desk)
    told, where = to(first, LEE, "to-agent"), await note_address(desk, first)
    desk.clock.advance(days * 86_400)
    filed = await Colleague(desk).answer(
        told, "He never pays.", to=where, evidence=Evidence.NONE if days == 1 else Evidence.DMARC_DKIM
    )
    assert filed.outcome == "held"
    desk.clock.advance(200 * 86_400)
    released = await desk.release(filed.mail.id)
    assert released.outcome == "note"
    assert CUSTOMER not in [address for _, address in sent_to(released)]
    assert (await desk.ticket(first.number)).entries[-1].kind is EntryKind.NOTE


async def test_who_works_for_both_desks_of_a_ticket_is_told_once(tmp_path: Path) -> None:
    both = [DESKS[0], {**DESKS[1], "agents": [LEE, "sal@corp.example"]}]
    async with helpdesk(tmp_path, desk=both, agent=AGENTS) as desk:
        first = await desk.post(mail(), rcpts=(DESK, "sales@help.example"))
        assert sent_to(first).count(("to-agent", LEE)) == 1
        await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take")
        again = await desk.post(mail("Re: it", "More."), rcpts=(desk.reply_address((await desk.ticket(first.number)).ticket),))
        assert sent_to(again) == [("to-agent", LEE)]
