"""An agent's answer in the shape of each client: his words reach the customer, commands work, nothing of the quote goes along."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage

import pytest

from smtpgate.model import EntryKind, OutgoingMail, Status
from tests.support.clients import CLIENTS, Client, Quoted
from tests.support.helpdesk import CUSTOMER, DESK, mail
from tests.support.instant import Done, Instant
from tests.trial.sequences import Letter

LEE, KIM = "lee@corp.example", "kim@corp.example"
DESKS = [{"name": "support", "address": DESK, "agents": [LEE, KIM], "quote": False}]  # so that all that is quoted is a leak
AGENTS = [{"address": LEE, "name": {"en": "Lee", "zh": "小李"}}]
_INSIDE = (
    "rude",
    "wrote:",
    "写道",
    "State",
    "Tags",
    "red",
    "proved",
    "#take",
    "iPhone",
    "Proton",
    "原始邮件",
    "Original",
    "shouts",
)
_OTHERS = ("Outlook", "again", LEE, KIM)


class Office:
    """A ticket with a note, a tag and two mails of the customer; `told` is what Lee has before him."""

    def __init__(self) -> None:
        self.desk = Instant(desk=DESKS, agent=AGENTS)
        (first,) = self.post(mail(), CUSTOMER)
        letter = self.to(first, LEE)
        self.post(mail("Re: Printer", "#note\nHe shouts, he is rude.", sender=KIM), KIM, self.to(first, KIM).answer_to)
        self.post(mail("Re: Printer", "#tag red\n#take", sender=LEE), LEE, letter.answer_to)
        self.number = first.number
        received = self.to(first, CUSTOMER)
        (again,) = self.post(
            mail("Re: Printer", "It burns again since this morning.", headers=(f"In-Reply-To: {received.mail.message_id}",)),
            CUSTOMER,
            received.answer_to,
        )
        self.told = self.to(again, LEE)
        page = self.told.html()
        body = page[page.find("<body") :].partition(">")[2].partition("</body>")[0]
        self.quoted = Quoted(self.told.field("Subject"), self.told.text(), body)
        assert "He shouts" in self.quoted.text

    def post(self, raw: bytes, sender: str, to: str = DESK) -> list[Done]:
        self.desk.clock.advance(10)
        return self.desk.post(raw, sender=sender, rcpts=(to,))

    @staticmethod
    def to(done: Done, address: str) -> Letter:
        (found,) = [m for m in done.sent if m.recipients[0].address == address]
        return Letter(address, found)

    def answer(self, client: Client, text: str, html: str = "", *, picture: bool = False) -> Done:
        """As this client sends it."""
        logo = '<img src="cid:logo@help.example">' if picture else ""
        quoted = replace(self.quoted, html=logo + self.quoted.html)
        plain, rich = client(text, html or text.replace("\n", "<br>"), quoted)
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = f"Lee <{LEE}>", self.told.answer_to, f"Re: {self.quoted.subject}"
        letter["Message-ID"], letter["In-Reply-To"] = "<answer@corp.example>", self.told.mail.message_id
        letter["References"] = f"{self.told.field('References')} {self.told.mail.message_id}"
        if plain is not None:
            letter.set_content(plain)
        if rich is not None and plain is not None:
            letter.add_alternative(rich, subtype="html")
        elif rich is not None:
            letter.set_content(rich, subtype="html")
        if picture:
            shown = letter.get_payload(1) if plain is not None else letter
            assert isinstance(shown, EmailMessage)
            shown.add_related(b"\x89PNG\r\n\x1a\nshown", "image", "png", cid="<image001.png@01DC7B.5A>", filename="image001.png")
            shown.add_related(b"\x89PNG\r\n\x1a\nlogo", "image", "png", cid="<logo@help.example>", filename="logo.png")
        (done,) = self.post(letter.as_bytes(policy=email.policy.SMTP), LEE, self.told.answer_to)
        return done


@pytest.fixture(scope="module")
def scene() -> Iterator[Office]:
    office = Office()
    yield office
    office.desk.close()


@pytest.fixture
def office(scene: Office) -> Iterator[Office]:
    scene.desk.mark()
    yield scene
    scene.desk.back()


def said(sent: OutgoingMail) -> tuple[str, str]:
    """Text and HTML of a mail, read as a client reads it."""
    read = email.message_from_bytes(sent.data, policy=email.policy.default)
    text, html = read.get_body(("plain",)), read.get_body(("html",))
    assert text is not None
    assert html is not None
    return str(text.get_content()).replace("\r\n", "\n"), str(html.get_content())


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_his_words_and_nothing_else(office: Office, client: Client) -> None:
    words = "Hello Alice,\n\nplease switch it off: we are coming at 14:00."
    done = office.answer(client, words)
    assert done.outcome == "answer"
    (sent,) = done.sent
    assert sent.recipients[0].address == CUSTOMER
    text, html = said(sent)
    assert text.partition("\n\nA reply of one word")[0] == f"{words}\n\nLee\nsupport"
    for inside in (*_INSIDE, *_OTHERS, office.told.answer_to, office.told.note_to()):
        assert inside not in text, inside
        assert inside not in html, inside
    assert "we are coming at 14:00." in html
    entry = office.desk.ticket(office.number).entries[-1]
    assert (entry.kind, entry.text, entry.author) == (EntryKind.REPLY, words, LEE)


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_a_command_and_a_note_stay_inside(office: Office, client: Client) -> None:
    done = office.answer(client, "#note\n#priority high\nShe paid twice.")
    assert done.outcome == "note"
    assert {m.recipients[0].address for m in done.sent} <= {LEE, KIM}
    ticket = office.desk.ticket(office.number)
    assert ticket.ticket.priority.value == "high"
    assert [e.text for e in ticket.entries if e.kind is EntryKind.NOTE][-1] == "She paid twice."


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_the_chinese_command_resolves_with_his_words(office: Office, client: Client) -> None:
    done = office.answer(client, "#解决\n已经更换了硒鼓。")
    assert done.outcome == "answer"
    (letter,) = [m for m in done.sent if m.recipients[0].address == CUSTOMER]
    assert "已经更换了硒鼓。" in said(letter)[0]
    assert office.desk.ticket(office.number).ticket.status is Status.RESOLVED


@pytest.mark.parametrize(
    "client", [c for name, c in CLIENTS.items() if "below" not in name and "plain" not in name and "without" not in name]
)
def test_formatting_and_pictures_of_his_go_along_and_ours_do_not(office: Office, client: Client) -> None:
    shown = '<img src="cid:image001.png@01DC7B.5A" alt="image001.png">'
    done = office.answer(
        client, "Press <b>this</b> one:".replace("<b>", "").replace("</b>", ""), f"Press <b>this</b>{shown} one:", picture=True
    )
    assert done.outcome == "answer"
    (sent,) = done.sent
    read = email.message_from_bytes(sent.data, policy=email.policy.default)
    pictures = [part.get_content() for part in read.walk() if part.get_content_maintype() == "image"]
    assert pictures == [b"\x89PNG\r\n\x1a\nshown"]
    assert "<b>this</b>" in said(sent)[1]


def test_a_name_in_one_language_serves_in_all() -> None:
    desk = Instant(desk=DESKS, agent=[{"address": LEE, "name": {"en": "Lee"}}])
    (first,) = desk.post(mail("打印机", "打印机坏了，请帮忙看一下。"), sender=CUSTOMER)
    told = Office.to(first, LEE)
    desk.clock.advance(60)
    (done,) = desk.post(
        mail("Re: 打印机", "请先断电。", sender=LEE, headers=(f"In-Reply-To: {told.mail.message_id}",)),
        sender=LEE,
        rcpts=(told.answer_to,),
    )
    assert Letter(CUSTOMER, done.sent[0]).field("From") == f'"Lee (support)" <{DESK}>'
    desk.close()
