"""Whom a customer brings along, and who else writes: colleagues by the desk's rule, strangers on a ticket of their own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.links import LinkKind
from smtpgate.mail.freemail import colleague, public
from smtpgate.mail.token import TokenKind
from smtpgate.model import EntryKind, Evidence, Role
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, html_of, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

LI, CHEN, BOB = "li@customer.example", "chen@eu.customer.example", "bob@other.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=[{**DESKS[0], "colleagues_join": True}, DESKS[1]], agent=AGENTS) as desk:
        yield desk


async def roles(desk: Helpdesk, filed: Filed) -> dict[str, Role]:
    return {p.address: p.role for p in (await desk.ticket(filed.number)).ticket.participants}


@pytest.mark.parametrize(
    ("customer", "other", "same"),
    [
        ("a@x.example", "b@x.example", True), ("a@x.example", "b@X.Example", True), ("a@x.example", "b@eu.x.example", True),
        ("a@eu.x.example", "b@x.example", False), ("a@x.example", "b@ax.example", False),
        ("a@x.example", "b@x.example.evil.example", False),
        ("a@qq.com", "b@qq.com", False), ("a@163.com", "b@163.com", False), ("a@gmail.com", "b@gmail.com", False),
        ("a@vip.qq.com", "b@vip.qq.com", False), ("a@OUTLOOK.com", "b@outlook.com", False), ("", "", False), ("a", "b", False),
    ],
)  # fmt: skip
def test_who_is_in_one_organisation(customer: str, other: str, same: bool) -> None:
    assert colleague(customer, other) is same
    assert not public("x.example")


async def test_colleagues_join_by_themselves_and_get_what_comes_after(desk: Helpdesk) -> None:
    first = await desk.post(mail(headers=(f"Cc: {LI}, {CHEN}, {BOB}, {KIM}",)))
    assert sent_to(first) == [("received", CUSTOMER), ("to-agent", KIM), ("to-agent", LEE)]
    assert await roles(desk, first) == {CUSTOMER: Role.CUSTOMER, LI: Role.JOINED, CHEN: Role.JOINED, BOB: Role.CC, KIM: Role.CC}
    told = to(first, LEE, "to-agent")
    text = text_of(told)
    assert f"Copies of our answers go to: {LI}, {CHEN}" in text
    assert f"In Cc of the customer's mail, gets nothing from us: {BOB}" in text
    links = re.findall(r'href="(mailto:[^"]+)"[^>]*>([^<]+)<', html_of(told))
    (link,) = [href for href, label in links if label == f"Copies to {BOB}"]
    assert link.endswith(f"body=%23cc%20%2B{BOB.replace('@', '%40')}%0D%0A")
    answered = await Colleague(desk).answer(told, "Switch it off.")
    assert sent_to(answered) == [("answer", CHEN), ("answer", CUSTOMER), ("answer", LI)] or len(answered.sent) == 3
    tapped = await Colleague(desk).answer(told, f"#cc +{BOB}")
    assert (tapped.outcome, (await roles(desk, first))[BOB]) == ("done", Role.JOINED)


async def test_who_is_brought_later_joins_later_and_whom_an_agent_took_off_stays_off(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    ticket = (await desk.ticket(first.number)).ticket
    again = await desk.post(mail("Re: it", "Li takes over.", headers=(f"Cc: {LI}",)), rcpts=(desk.reply_address(ticket),))
    assert (await roles(desk, first))[LI] is Role.JOINED
    told = to(again, LEE, "to-agent")
    assert f"Copies of our answers go to: {LI}" in text_of(told)
    await Colleague(desk).answer(told, f"#cc -{LI}")
    assert LI not in await roles(desk, first)
    await desk.post(mail("Re: it", "Li still does.", headers=(f"Cc: {LI}",)), rcpts=(desk.reply_address(ticket),))
    assert (await roles(desk, first))[LI] is Role.CC
    by_li = mail("Re: it", "And Chen.", sender=LI, headers=(f"Cc: {CHEN}",))  # who is in copy brings nobody in
    await desk.post(by_li, sender=LI, rcpts=(desk.reply_address(ticket),))
    assert (await roles(desk, first))[CHEN] is Role.CC


@pytest.mark.parametrize("notify", [True, False])
async def test_whom_an_agent_took_off_stays_off_however_long_ago_and_however_he_is_spelled(tmp_path: Path, *, notify: bool) -> None:
    quiet = {**DESKS[0], "colleagues_join": True, "notify": notify}
    async with helpdesk(tmp_path, desk=[quiet, {**DESKS[1], "notify": False}], agent=AGENTS) as desk:
        first = await desk.post(mail(headers=(f"Cc: {LI}",)))
        ticket = (await desk.ticket(first.number)).ticket
        where = desk.pipeline.tokens.reply_address(DESK, ticket.id, LEE, desk.clock.now(), TokenKind.ACTION)
        await desk.post(mail("x", f"#cc -{LI}", sender=LEE, to=where), sender=LEE, rcpts=(where,))
        assert LI not in await roles(desk, first)
        for i in range(13):  # more than an agent is shown of a ticket
            await desk.post(mail("Re: it", f"More {i}."), rcpts=(desk.reply_address(ticket),))
        for spelled in (LI.replace("li", "Li"), LI):
            await desk.post(mail("Re: it", f"{spelled} again.", headers=(f"Cc: {spelled}",)), rcpts=(desk.reply_address(ticket),))
            assert (await roles(desk, first))[spelled] is Role.CC


async def test_nobody_joins_without_the_customers_proof(desk: Helpdesk) -> None:
    for i, evidence in enumerate((Evidence.DMARC_SPF, Evidence.DOMAIN, Evidence.NONE, Evidence.TEMPERROR)):
        filed = await desk.post(mail(f"x{i}", headers=(f"Cc: {LI}",)), evidence=evidence)
        assert Role.JOINED not in (await roles(desk, filed)).values(), evidence
    public = mail("x", sender="a@qq.com", headers=("Cc: b@qq.com",))
    assert Role.JOINED not in (await roles(desk, await desk.post(public, sender="a@qq.com"))).values()


async def test_so_many_join_and_no_more(desk: Helpdesk) -> None:
    people = ", ".join(f"p{i}@customer.example" for i in range(14))
    filed = await desk.post(mail(headers=(f"Cc: {people}",)))
    assert list((await roles(desk, filed)).values()).count(Role.JOINED) == 10


async def test_a_desk_without_the_rule_lists_them(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        filed = await desk.post(mail(headers=(f"Cc: {LI}",)))
        assert (await roles(desk, filed))[LI] is Role.CC


# --- strangers --------------------------------------------------------------------------------------------------------


async def test_a_stranger_who_was_let_read_along_has_a_ticket_of_his_own(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    ticket = (await desk.ticket(first.number)).ticket
    received = to(first, CUSTOMER, "received")
    reply = mail(
        f"Re: {read(received)['Subject']}", "I am Bob.", sender=f"Bob <{BOB}>", headers=(f"References: {received.message_id}",)
    )
    for rcpt in (DESK, desk.reply_address(ticket)):  # he was in Bcc of the customer's answer, or was forwarded our mail
        filed = await desk.post(reply, sender=BOB, rcpts=(rcpt,))
        reply = reply.replace(b"I am Bob", b"I am still Bob").replace(b"Message-ID: <", b"Message-ID: <x")
    assert (filed.outcome, filed.number != first.number, ("received", BOB) in sent_to(filed)) == ("new", True, True)
    new = (await desk.ticket(filed.number)).ticket
    assert [(p.address, p.role) for p in new.participants] == [(BOB, Role.CUSTOMER)]
    assert [(link.kind, link.number) for link in new.links] == [(LinkKind.BESIDE, first.number)]
    assert f"{first.number}, somebody else's, about the same" in text_of(to(filed, LEE, "to-agent"))
    for letter in filed.sent:
        if letter.recipients[0].address == BOB:
            assert str(first.number) not in letter.data.decode()
            assert CUSTOMER not in letter.data.decode()
    old = await desk.ticket(first.number)
    assert [p.address for p in old.ticket.participants] == [CUSTOMER]
    assert [e.kind for e in old.entries if BOB in e.text] == [EntryKind.EVENT] * 2
    assert not any("I am Bob" in e.text for e in old.entries)


async def test_a_colleague_of_the_customers_is_shown_in_the_ticket(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    received = to(first, CUSTOMER, "received")
    filed = await desk.post(mail("Re: it", "It was me.", sender=LI, headers=(f"References: {received.message_id}",)), sender=LI)
    detail = await desk.ticket(first.number)
    assert (filed.outcome, detail.entries[-1].kind) == ("joined", EntryKind.THIRD_PARTY)
    assert [p.address for p in detail.ticket.participants] == [CUSTOMER]
    assert LI not in [m.recipients[0].address for m in filed.sent]


async def test_reply_to_identifies_nobody_and_the_customer_never_changes_by_mail(desk: Helpdesk) -> None:
    first = await desk.post(mail(headers=(f"Reply-To: {BOB}", f"Sender: {BOB}")))
    assert [m.recipients[0].address for m in first.sent if m.purpose == "received"] == [CUSTOMER]
    assert await roles(desk, first) == {CUSTOMER: Role.CUSTOMER}
    ticket = (await desk.ticket(first.number)).ticket
    for sender, headers in (
        (BOB, (f"Reply-To: {CUSTOMER}",)),
        (LI, (f"Reply-To: {CUSTOMER}", f"Cc: {CUSTOMER}")),
        (CUSTOMER, (f"Reply-To: {BOB}",)),
    ):
        said = mail(f"Re: [#{first.number}]", f"I am {sender}.", sender=sender, headers=headers)
        await desk.post(said, sender=sender, rcpts=(desk.reply_address(ticket),))
        people = await roles(desk, first)
        assert [a for a, role in people.items() if role is Role.CUSTOMER] == [CUSTOMER], sender
        assert BOB not in people
    told = to(first, LEE, "to-agent")
    assert [m.recipients[0].address for m in (await Colleague(desk).answer(told, "Off.")).sent] == [CUSTOMER]


async def test_a_mail_that_is_forwarded_to_the_desk_is_linked_with_the_ticket_that_it_names(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    body = f"#fwd\n\n---------- Forwarded message ---------\nFrom: Bob <{BOB}>\nDate: 2 Jan 2026\nSubject: Re: x\n\nMine too."
    filed = await desk.post(mail(f"Fwd: Re: [#{first.number}] x", body, sender=LEE), sender=LEE)
    assert [(link.kind, link.number) for link in (await desk.ticket(filed.number)).ticket.links] == [
        (LinkKind.BESIDE, first.number)
    ]
    assert f"It is linked with {first.number}" in text_of(to(filed, LEE, "receipt"))
