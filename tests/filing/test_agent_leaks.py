"""What must not go along with an agent's answer, and who is an agent however his client writes his address."""

from __future__ import annotations

import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from smtpgate.errors import ParseFailed
from smtpgate.mail import outward
from smtpgate.mail.token import TokenKind
from smtpgate.model import EntryKind, Evidence, OutgoingMail, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, begin, html_of, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail
from tests.unit.mail.test_smime import signed


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


def an_answer(told: OutgoingMail, text: str = "Please switch it off.") -> EmailMessage:
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = LEE, str(read(told)["Reply-To"]), f"Re: {read(told)['Subject']}"
    answer["Message-ID"], answer["In-Reply-To"] = "<a1@corp.example>", read(told)["Message-ID"]
    answer.set_content(text)
    return answer


async def send(desk: Helpdesk, told: OutgoingMail, answer: EmailMessage) -> Filed:
    where = str(read(told)["Reply-To"].addresses[0].addr_spec)
    desk.clock.advance(60)  # nobody who quotes nothing answers at once
    return await desk.post(answer.as_bytes(policy=email.policy.SMTP), sender=LEE, rcpts=(where,))


async def test_the_signature_of_his_client_names_him_and_stays_here(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    answer = an_answer(told)
    answer.add_attachment(f"a certificate of {LEE}".encode(), "application", "pkcs7-signature", filename="smime.p7s")
    answer.add_attachment(b"-----BEGIN PGP PUBLIC KEY BLOCK-----", "application", "pgp-keys", filename="0x1234.asc")
    answer.add_attachment(b"%PDF-1.4 steps", "application", "pdf", filename="steps.pdf")
    filed = await send(desk, told, answer)
    assert filed.outcome == "answer"
    names = [part.get_filename() for part in read(to(filed, CUSTOMER, "answer")).walk() if part.get_filename()]
    assert names == ["steps.pdf"]


@pytest.mark.parametrize("how", ["message", "octets", "outlook", "winmail", "invitation", "uuencode"])
async def test_a_file_with_the_inside_in_it_is_not_sent_and_he_hears_why(desk: Helpdesk, how: str) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    answer = an_answer(told)
    if how == "message":
        answer.add_attachment(email.message_from_bytes(told.data, policy=email.policy.default))
    elif how == "octets":
        answer.add_attachment(told.data, "application", "octet-stream", filename="mail.eml")
    elif how == "outlook":
        wide = b"\xd0\xcf\x11\xe0" + told.data.decode("ascii", "replace").encode("utf-16-le")
        answer.add_attachment(wide, "application", "vnd.ms-outlook", filename="mail.msg")
    elif how == "winmail":
        answer.add_attachment(b"what nobody can open", "application", "ms-tnef", filename="winmail.dat")
    elif how == "invitation":
        event = f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nORGANIZER:mailto:{LEE.upper()}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        answer.add_attachment(event.encode(), "text", "calendar", filename="meet.ics")
    else:
        answer.set_content("Here:\n\nbegin 644 steps.txt\n#0V%T\n`\nend\n")
    filed = await send(desk, told, answer)
    assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)])
    assert "could not be built" in text_of(to(filed, LEE, "receipt"))


async def test_a_link_copied_out_of_our_mail_is_not_sent(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    address = str(read(told)["Reply-To"].addresses[0].addr_spec)
    for written in (address, address.replace("+", "%2B")):
        answer = an_answer(told, "See here\n")
        answer.add_alternative(f'<p>See <a href="mailto:{written}?subject=x">here</a></p>', subtype="html")
        filed = await send(desk, told, answer)
        assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)])


async def test_base64_in_his_text_is_no_signed_address(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    key = "p=MIIBIjANBgkq+bAbCdEfGhIjKlMnOpQrStUvWxYz+RaQWERTYUIOPASDFGHJKLZ"
    filed = await send(desk, told, an_answer(told, f"Publish this:\n\n{key}\n"))
    assert filed.outcome == "answer"
    assert key in html_of(to(filed, CUSTOMER, "answer"))


async def test_a_text_that_has_a_name_is_no_file(desk: Helpdesk) -> None:
    """Some clients name the forms of their text: with one of them the whole quote went along, as a file."""
    told = to(await begin(desk), LEE, "to-agent")
    quoted = "".join(f"> {line}\n" for line in text_of(told).splitlines())
    answer = an_answer(told, f"Please switch it off.\n\nOn Friday, Support <{DESK}> wrote:\n{quoted}")
    answer.set_param("name", "body.txt")
    alone = await send(desk, told, answer)
    answer = an_answer(told, f"Please switch it on.\n\nOn Friday, Support <{DESK}> wrote:\n{quoted}")
    answer.add_alternative(f"<p>Please switch it on.</p><blockquote>{html_of(told)}</blockquote>", subtype="html")
    answer.replace_header("Message-ID", "<a2@corp.example>")
    for part in answer.iter_parts():
        assert isinstance(part, EmailMessage)
        part.set_param("name", "body")
    both = await send(desk, told, answer)
    for filed in (alone, both):
        assert filed.outcome == "answer"
        letter = to(filed, CUSTOMER, "answer")
        assert [part.get_filename() for part in read(letter).walk() if part.get_filename()] == []
        assert "Assigned" not in text_of(letter)


async def test_what_a_server_makes_of_the_rest_of_his_mail_is_not_sent(desk: Helpdesk) -> None:
    """Below a picture the text goes on in ATT00001.txt, and there is the quote."""
    told = to(await begin(desk), LEE, "to-agent")
    rest = f"On 2 Jan 2026, at 10:05, Support <{DESK}> wrote:\n\n> State: received\n> Assigned to: nobody\n"
    for kind, text in (
        ("plain", rest),
        ("html", f"<div>On 2 Jan, Support &lt;{DESK}&gt; wrote:</div><blockquote>State: new</blockquote>"),
    ):
        answer = an_answer(told)
        answer.add_attachment(b"\x89PNG\r\n\x1a\n1", "image", "png", filename="photo.png")
        answer.add_attachment(text.encode(), "text", kind, filename="ATT00001.txt")
        filed = await send(desk, told, answer)
        assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)])
        assert "a piece of a mail that quotes one of" in text_of(to(filed, LEE, "receipt"))
    answer = an_answer(told)
    answer.add_attachment(f"server = mx\nuser = {DESK}\n".encode(), "text", "plain", filename="settings.txt")
    assert (await send(desk, told, answer)).outcome == "answer"


async def test_what_his_client_says_beside_a_word_stays_here(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    answer = an_answer(told, "Please switch it off.\n")
    rich = '<p lang="EN-US" title="was: https://intranet/x">Please <b title="Lee Doe">switch</b> it off.</p>'
    answer.add_alternative(rich, subtype="html")
    filed = await send(desk, told, answer)
    page = html_of(to(filed, CUSTOMER, "answer"))
    assert "<b>switch</b>" in page
    assert "intranet" not in page
    assert "Doe" not in page


@pytest.mark.parametrize("spelled", ["Lee@corp.example", "LEE@CORP.EXAMPLE"])
async def test_an_agent_is_one_however_his_address_is_written(desk: Helpdesk, spelled: str) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    filed = await Colleague(desk, spelled).answer(told, "Please switch it off.")
    assert (filed.outcome, sent_to(filed)) == ("answer", [("answer", CUSTOMER)])
    ticket = await desk.ticket(first.number)
    assert (ticket.ticket.assignee, ticket.ticket.status) == (LEE, Status.PROGRESS)
    undone = await Colleague(desk, spelled).answer(told, "#undo")
    assert undone.outcome == "done"
    held = await Colleague(desk, spelled).answer(told, "Once more.", evidence=Evidence.NONE)
    confirmed = await Colleague(desk, spelled).answer(to(held, LEE, "receipt"), "")
    assert confirmed.outcome == "confirmed"


async def test_the_configuration_may_write_him_in_several_ways(tmp_path: Path) -> None:
    desks = [{**DESKS[0], "agents": ["Lee@Corp.Example", KIM]}, {**DESKS[1], "agents": [LEE]}]
    async with helpdesk(tmp_path, desk=desks, agent=[{"address": LEE.upper(), "name": {"en": "Lee"}}]) as desk:
        first = await begin(desk)
        told = to(first, "Lee@corp.example", "to-agent")
        assigned = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "#assign LEE@corp.example")
        assert assigned.outcome == "done"
        held = await Colleague(desk).answer(told, "Held.", evidence=Evidence.NONE)
        confirmed = await Colleague(desk).answer(to(held, "Lee@corp.example", "receipt"), "")
        assert confirmed.outcome == "confirmed"
        by_number = await desk.post(mail(f"[#{first.number}] x", "#note by the number", sender=LEE), sender=LEE)
        assert (by_number.outcome, by_number.number) == ("note", first.number)
        filed = await Colleague(desk).answer(told, "Please switch it off.")
        assert (filed.outcome, read(to(filed, CUSTOMER, "answer"))["From"].addresses[0].display_name) == ("answer", "Lee (support)")


async def test_a_signed_address_leads_to_what_was_said_however_many_other_tickets_are_named(desk: Helpdesk) -> None:
    tickets = [await desk.post(_about(i)) for i in range(6)]
    told = to(tickets[-1], LEE, "to-agent")
    desk.clock.advance(5)
    await Colleague(desk, KIM).answer(to(tickets[-1], KIM, "to-agent"), "Switch it on.")
    others = " ".join(letter.message_id for filed in tickets[:-1] for letter in filed.sent if letter.purpose == "to-agent")
    address = desk.pipeline.tokens.reply_address(
        DESK, (await desk.ticket(tickets[-1].number)).ticket.id, LEE, desk.clock.now(), TokenKind.ACTION
    )
    answer = an_answer(told, "Switch it off.")
    answer["References"] = others
    held = await desk.post(answer.as_bytes(policy=email.policy.SMTP), sender=LEE, rcpts=(address,))
    assert held.outcome == "held"  # Kim was faster


def _about(i: int) -> bytes:
    return mail(f"Printer {i}", f"Number {i} burns.")


@pytest.mark.parametrize("text", ["[cid:pic@corp.example]", "#waiting\nSee [cid:pic@corp.example]"])
async def test_a_picture_goes_along_where_the_formatting_does_not(desk: Helpdesk, text: str) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    answer = an_answer(told, f"{text}\n\nOn Friday Support wrote:\n> [cid:old@corp.example]\n")
    shown = text.replace("[", "<img src='").replace("]", "'>")
    quoted = "<blockquote><img src='cid:old@corp.example'></blockquote>"
    answer.add_alternative(f"<p>{shown}</p>{quoted}", subtype="html")
    html = answer.get_payload(1)
    assert isinstance(html, EmailMessage)
    for name in ("pic", "old"):
        html.add_related(b"\x89PNG\r\n\x1a\n" + name.encode(), "image", "png", cid=f"<{name}@corp.example>", filename=f"{name}.png")
    filed = await send(desk, told, answer)
    assert filed.outcome == "answer"
    assert [part.get_filename() for part in read(to(filed, CUSTOMER, "answer")).walk() if part.get_filename()] == ["pic.png"]


async def test_who_writes_the_same_again_hears_that_it_was_not_done(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    await send(desk, told, an_answer(told))
    await send(desk, told, an_answer(told, "#undo"))
    again = an_answer(told)
    assert (await send(desk, told, again)).sent == ()  # the same mail, delivered twice
    again.replace_header("Message-ID", "<a2@corp.example>")
    filed = await send(desk, told, again)
    assert (filed.outcome, sent_to(filed)) == ("repeat", [("receipt", LEE)])
    assert "You wrote exactly this before" in text_of(to(filed, LEE, "receipt"))


async def test_of_a_mail_within_its_signature_only_the_new_words_go_out(desk: Helpdesk) -> None:
    told = to(await begin(desk), LEE, "to-agent")
    quoted = "".join(f"> {line}\n" for line in text_of(told).splitlines())
    inner = an_answer(told, f"Please switch it off.\n\nOn Friday Support wrote:\n{quoted}")
    entity = inner.as_bytes(policy=email.policy.SMTP).partition(b"Content-Type:")
    outer = an_answer(told)
    outer.set_content(signed(entity[1] + entity[2]), "application", "pkcs7-mime", filename="smime.p7m", cte="base64")
    filed = await send(desk, told, outer)
    assert filed.outcome == "answer"
    letter = to(filed, CUSTOMER, "answer")
    assert "Please switch it off." in text_of(letter)
    assert "#assign" not in text_of(letter)
    assert [part.get_filename() for part in read(letter).walk() if part.get_filename()] == []


@pytest.mark.parametrize(
    ("who", "kind"),
    [(CUSTOMER, EntryKind.CUSTOMER), ("gone@corp.example", EntryKind.THIRD_PARTY), ("sal@corp.example", EntryKind.NOTE)],
)
async def test_what_came_to_an_agents_address_is_released_like_any_other_mail(desk: Helpdesk, who: str, kind: EntryKind) -> None:
    first = await begin(desk)
    held = await Colleague(desk, who).answer(to(first, LEE, "to-agent"), "It burns again.")
    assert held.outcome == "held"
    filed = await desk.release(held.mail.id)
    assert (filed.outcome, filed.number) == ("joined", first.number)
    ticket = await desk.ticket(first.number)
    assert (ticket.entries[-1].kind, ticket.entries[-1].text) == (kind, "It burns again.")
    assert [p.address for p in ticket.ticket.participants] == [CUSTOMER]
    assert [m for m in filed.sent if m.purpose == "answer"] == []


@pytest.mark.parametrize("text", ["Please switch it off.", "#resolved", "#note he is nice"])
async def test_an_answer_to_one_ticket_at_the_address_of_another_waits_for_his_word(desk: Helpdesk, text: str) -> None:
    """His client completed the address: nothing may go to the other customer before he has seen which one that is."""
    meant = await begin(desk)
    other = await desk.post(mail("Scanner", "Slow.", sender="Bob <bob@other.example>"), sender="bob@other.example")
    told, where = to(meant, LEE, "to-agent"), str(read(to(other, LEE, "to-agent"))["Reply-To"].addresses[0].addr_spec)
    held = await Colleague(desk).answer(told, text, to=where)
    assert (held.outcome, sent_to(held)) == ("held", [("receipt", LEE)])
    asked = text_of(to(held, LEE, "receipt"))
    assert str(meant.number) in asked
    assert f"the address for {other.number}" in asked
    assert (await Colleague(desk).answer(to(held, LEE, "receipt"), "")).outcome == "confirmed"
    assert (await desk.ticket(other.number)).entries[-1].author == LEE
    assert (await desk.ticket(meant.number)).entries[-1].author == CUSTOMER


@pytest.mark.parametrize("kind", TokenKind)
def test_every_kind_of_signed_address_is_known_where_it_must_not_leave(desk: Helpdesk, kind: TokenKind) -> None:
    tokens, now = desk.pipeline.tokens, desk.clock.now()
    address = tokens.bounce_address(DESK, 7, now) if kind is TokenKind.BOUNCE else tokens.reply_address(DESK, 7, LEE, now, kind)
    assert outward.quotes_us(f"write to <{address}> now")
    file = outward.Carried("mail.txt", "application/octet-stream", f"write to <{address}>".encode())
    if kind not in (TokenKind.REPLY, TokenKind.BOUNCE):  # which customers know
        with pytest.raises(ParseFailed):
            outward.harmless([file], LEE, DESK)
