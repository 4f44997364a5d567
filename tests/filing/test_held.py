"""Held mail reaches the agents whom it concerns, bounded, and they decide about it by mail; a forged agent is an alert."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smtpgate.clock import id_number
from smtpgate.mail.token import TokenKind
from smtpgate.model import Attempt, DeliveryState, Evidence, MailState, OutgoingMail
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, begin, html_of, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

POSTMASTER = "root@corp.example"
HOUR = 3600.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def forged(desk: Helpdesk, subject: str = "Invoice", body: str = "Pay now.", **how: Any) -> Filed:
    return await desk.post(mail(subject, body, **how.pop("mail", {})), **{"evidence": Evidence.FAIL, **how})


async def joining(desk: Helpdesk, number: str | None, body: str = "My new address: http://evil.example/a.exe", **how: Any) -> Filed:
    return await forged(desk, f"Re: [#{number}]", body, **how)


def link(letter: OutgoingMail, command: str, which: int = 0) -> str:
    """The address to which a tap on the link below one of the mails sends this command."""
    return [a for a, body in re.findall(r'href="mailto:([^"?]+)\?[^"]*body=%23([a-z]+)', html_of(letter)) if body == command][which]


async def decides(desk: Helpdesk, where: str, command: str, who: str = LEE, **how: Any) -> Filed:
    return await desk.post(mail("Held mail", command, sender=who, to=where), sender=who, rcpts=(where,), **how)


async def waiting(desk: Helpdesk, agent: str = LEE) -> list[OutgoingMail]:
    """Mails about held ones that have not left."""
    rows = await desk.store.queue(states=[DeliveryState.QUEUED], ticket_number=None, limit=999)
    mine = [row.outgoing_id for row in rows if row.address == agent and row.purpose == "held"]
    return [detail.mail for i in mine if (detail := await desk.store.outgoing(i)) is not None]


# --- who is told ------------------------------------------------------------------------------------------------------


async def test_of_a_mail_for_a_ticket_its_agents_hear_at_once(desk: Helpdesk) -> None:
    first = await begin(desk)
    held = await joining(desk, first.number)
    assert (held.outcome, sent_to(held)) == ("held", [("held", KIM), ("held", LEE)])
    letter = to(held, LEE, "held")
    text = text_of(letter)
    for part in ("alice@customer[.]example", "FORGED", "it would join a ticket", "My new address: http[:]//evil[.]example/a[.]exe"):
        assert part in text, part
    assert read(letter)["Subject"] == f"[#{first.number}] Printer on fire"
    assert "无法证实" in text_of(to(held, KIM, "held"))
    assert letter.recipients[0].next_at == desk.clock.now()
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take")
    assert sent_to(await joining(desk, first.number, "again")) == [("held", LEE)]


async def test_no_link_of_theirs_is_one_and_none_of_their_files_comes(desk: Helpdesk) -> None:
    first = await begin(desk)
    body = (
        "<a href='http://evil.example'>x</a> www.evil.example evil@evil.example\njavascript:alert(1) ftp://1.2.3.4/x\n" + "y" * 5000
    )
    letter = to(await joining(desk, first.number, body), LEE, "held")
    for text in (text_of(letter), html_of(letter)):
        assert "evil.example" not in text
        assert "ftp://" not in text
        assert len(text) < 9000
    assert {url.partition(":")[0] for url in re.findall(r'href="([^"]+)"', html_of(letter))} <= {"mailto"}
    assert [part.get_content_type() for part in read(letter).walk() if not part.is_multipart()] == ["text/plain", "text/html"]


async def test_other_held_mail_is_told_together_an_hour_after_the_first(desk: Helpdesk) -> None:
    await forged(desk, "Invoice 1", "a")
    (letter,) = await waiting(desk)
    assert letter.recipients[0].next_at == desk.clock.now() + HOUR
    desk.clock.advance(600)
    await forged(desk, "Invoice 2", "b")
    (letter,) = await waiting(desk)
    assert letter.recipients[0].next_at == desk.clock.now() + HOUR - 600
    text = text_of(letter)
    assert "2 mails are held" in text
    assert text.index("Invoice 2") < text.index("Invoice 1")
    assert link(letter, "release", 0) != link(letter, "release", 1)
    desk.clock.advance(HOUR)
    now = desk.clock.now()
    taken = await desk.store.claim_deliveries(worker="w", now=now, limit=99, next_at=lambda _: now + 60)
    assert sorted(d.address for d in taken if d.purpose == "held") == [KIM, LEE]
    delivered = [Attempt(d.recipient_id, now, DeliveryState.DELIVERED, now, 250, "ok", "there") for d in taken]
    await desk.store.record_attempts(delivered)
    await forged(desk, "Invoice 3", "c")
    (letter,) = await waiting(desk)
    assert ("Invoice 3" in text_of(letter), "Invoice 1" in text_of(letter)) == (True, False)


async def test_what_was_told_at_once_is_not_told_again(desk: Helpdesk) -> None:
    first = await begin(desk)
    await forged(desk, "Invoice 1", "a")
    await joining(desk, first.number)
    await forged(desk, "Invoice 2", "b")
    letters = [m for m in await waiting(desk) if m.recipients[0].next_at > desk.clock.now()]
    assert [("Invoice 1" in text_of(m), "Printer" in text_of(m), "2 mails" in text_of(m)) for m in letters] == [(True, False, True)]


async def test_what_was_decided_meanwhile_is_not_listed(desk: Helpdesk) -> None:
    first = await forged(desk, "Invoice 1", "a")
    await desk.store.settle_mail(first.mail.id, expect=[MailState.HELD], to=MailState.DROPPED, reason="x")
    await forged(desk, "Invoice 2", "b")
    (letter,) = await waiting(desk)
    assert ("Invoice 1" in text_of(letter), "A mail is held" in text_of(letter)) == (False, True)


async def test_a_wave_at_one_desk_takes_nothing_from_the_list_of_another(tmp_path: Path) -> None:
    desks = [DESKS[0], {**DESKS[1], "agents": [LEE]}]
    async with helpdesk(tmp_path, desk=desks, agent=AGENTS) as desk:
        await forged(desk, "Invoice 1", "a", rcpts=("sales@help.example",))
        for i in range(70):
            await forged(desk, f"Buy {i}", f"now {i}")
        await forged(desk, "Invoice 2", "b", rcpts=("sales@help.example",))
        (sales,) = [m for m in await waiting(desk) if "sales" in str(read(m)["From"])]
        assert [f"Invoice {i}" in text_of(sales) for i in (1, 2)] == [True, True]
        assert "Buy" not in text_of(sales)


async def test_a_wave_of_spam_is_one_mail_to_each_and_a_bounded_effort(desk: Helpdesk) -> None:
    for i in range(40):
        await forged(desk, f"Buy {i}", f"now {i}")
    (letter,) = await waiting(desk)
    assert text_of(letter).count("#release to") == 20
    assert "More than 20 mails are held" in text_of(letter)
    assert "And more" in text_of(letter)
    rows = await desk.store.queue(states=list(DeliveryState), ticket_number=None, limit=999)
    assert len([row for row in rows if row.address == LEE and row.purpose == "held"]) == 21


@pytest.mark.parametrize("most", [1, 3])
async def test_so_many_at_once_in_an_hour_then_together(tmp_path: Path, most: int) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, limits={"hold_notices_per_hour": most}) as desk:
        first = await begin(desk)
        times = []
        for i in range(most + 2):
            filed = await joining(desk, first.number, f"try {i}")
            times += [m.recipients[0].next_at - desk.clock.now() for m in filed.sent if m.recipients[0].address == LEE]
        assert times == [0.0] * most + [HOUR] * 2
        desk.clock.advance(HOUR + 1)
        assert to(await joining(desk, first.number, "later"), LEE, "held").recipients[0].next_at == desk.clock.now()


async def test_a_desk_that_wants_each_at_once_and_one_that_wants_none(tmp_path: Path) -> None:
    for name, settings, told in (("a", {"hold_digest": "0s"}, True), ("b", {"notify": False}, False)):
        (tmp_path / name).mkdir()
        async with helpdesk(tmp_path / name, desk=[{**DESKS[0], **settings}], agent=AGENTS) as desk:
            held = await forged(desk)
            assert [m.recipients[0].next_at == desk.clock.now() for m in held.sent] == [True, True] * told


@pytest.mark.parametrize("how", ["auto", "null", "ours"])
async def test_of_machines_mail_nobody_hears_or_it_would_go_round(desk: Helpdesk, how: str) -> None:
    headers = ("Auto-Submitted: auto-generated",) if how == "auto" else ()
    sender = DESK if how == "ours" else CUSTOMER
    raw = mail("Held mail", "x", sender=sender, headers=headers)
    held = await desk.post(raw, sender=sender, mail_from=None if how == "null" else "", evidence=Evidence.FAIL)
    assert (held.outcome, held.sent) == ("held", ())


# --- deciding ---------------------------------------------------------------------------------------------------------


async def test_a_tap_releases_it_and_it_joins_the_ticket(desk: Helpdesk) -> None:
    first = await begin(desk)
    held = await joining(desk, first.number)
    done = await decides(desk, link(to(held, LEE, "held"), "release"), "#release\r\n")
    assert (done.outcome, sent_to(done)) == ("done", [("receipt", LEE)])
    await desk.work()
    assert (await desk.look(held.mail.id)).outcome == "joined"
    late = await decides(desk, link(to(held, LEE, "held"), "discard"), "#discard")
    assert (late.outcome, "somebody has decided" in text_of(to(late, LEE, "receipt"))) == ("refused", True)


async def test_agents_of_a_desk_that_shares_the_ticket_decide_like_the_others_and_are_told_within_the_same_bounds(
    tmp_path: Path,
) -> None:
    sal, both = DESKS[1]["agents"][0], (DESK, DESKS[1]["address"])
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, limits={"hold_notices_per_hour": 3}) as desk:
        first = await desk.post(mail(), rcpts=both)
        letters = [to(await joining(desk, first.number, f"again {i}"), sal, "held") for i in range(6)]
        assert [len(re.findall("#release|%23release", html_of(letter))) for letter in letters] == [1, 1, 1, 1, 2, 3]
        assert len(await waiting(desk, sal)) == 4  # each of three, and the rest together
        done = await decides(desk, link(letters[0], "release"), "#release", sal)
        assert (done.outcome, sent_to(done)) == ("done", [("receipt", sal)])


async def test_a_tap_drops_it_and_nobody_outside_is_told(desk: Helpdesk) -> None:
    held = await forged(desk)
    (letter,) = await waiting(desk)
    done = await decides(desk, link(letter, "discard"), "#discard")
    assert (done.outcome, sent_to(done)) == ("done", [("receipt", LEE)])
    found = await desk.store.mail(held.mail.id)
    assert found is not None
    assert (found.state, found.reason) == (MailState.DROPPED, "dropped by an agent")


async def test_a_word_that_is_none_does_nothing(desk: Helpdesk) -> None:
    held = await forged(desk)
    (letter,) = await waiting(desk)
    assert link(letter, "release") == link(letter, "discard")
    for body, said in (("#relaese", "Did you mean #release?"), ("Yes please", "#release or #discard"), ("#take", "ticket")):
        filed = await decides(desk, link(letter, "release"), body)
        assert (filed.outcome, said in text_of(to(filed, LEE, "receipt"))) == ("refused", True), body
    assert (await desk.look(held.mail.id)).outcome == "held"


@pytest.mark.parametrize("evidence", [Evidence.NONE, Evidence.DMARC_SPF, Evidence.DOMAIN])
async def test_without_proof_the_agent_is_asked_first(desk: Helpdesk, evidence: Evidence) -> None:
    held = await forged(desk)
    (letter,) = await waiting(desk)
    asked = await decides(desk, link(letter, "release"), "#release", evidence=evidence)
    assert (asked.outcome, sent_to(asked)) == ("held", [("receipt", LEE)])
    assert (await desk.look(held.mail.id)).outcome == "held"
    await Colleague(desk).answer(to(asked, LEE, "receipt"), "yes", evidence=evidence)
    await desk.work()
    await desk.work()
    assert (await desk.look(held.mail.id)).outcome == "new"


async def test_only_the_agent_who_was_given_the_address_and_only_while_he_is_one(desk: Helpdesk) -> None:
    held = await forged(desk)
    (letter,) = await waiting(desk)
    where = link(letter, "release")
    for who in (KIM, CUSTOMER, "sal@corp.example", "gone@corp.example"):
        assert (await decides(desk, where, "#release", who)).outcome == "held", who
    auto = await desk.post(mail("x", "#release", sender=LEE, headers=("Auto-Submitted: auto-replied",)), sender=LEE, rcpts=(where,))
    assert auto.outcome == "noted"
    assert (await decides(desk, where, "#release", evidence=Evidence.FAIL)).outcome == "held"
    assert (await desk.look(held.mail.id)).outcome == "held"


async def test_an_address_for_a_mail_that_is_not_there_or_never_was_held_decides_nothing(desk: Helpdesk) -> None:
    first = await begin(desk)
    for number in (12345, id_number(first.mail.id)):
        where = desk.pipeline.tokens.reply_address(DESK, number, LEE, desk.clock.now(), TokenKind.HELD)
        assert (await decides(desk, where, "#discard")).outcome in ("held", "refused")
    assert (await desk.look(first.mail.id)).mail.state is MailState.FILED


@pytest.mark.parametrize("to_state", [MailState.DROPPED, MailState.ACCEPTED])
async def test_who_vouches_for_a_mail_that_was_dropped_hears_that_nothing_came_of_it(desk: Helpdesk, to_state: MailState) -> None:
    first = await begin(desk)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Switch it off.", evidence=Evidence.DMARC_SPF)
    assert held.outcome == "held"
    await desk.store.settle_mail(held.mail.id, expect=(MailState.HELD,), to=to_state, reason="by an admin")
    await desk.work()
    vouched = await Colleague(desk).answer(to(held, LEE, "receipt"), "It is mine.", evidence=Evidence.DMARC_SPF)
    assert vouched.outcome == "noted"
    if to_state is MailState.DROPPED:
        assert "somebody has decided about it already" in text_of(to(vouched, LEE, "receipt"))
    else:
        assert vouched.sent == ()  # it was filed: what came of it he has heard
        assert (await desk.look(held.mail.id)).outcome == "answer"


async def test_an_answer_to_an_earlier_question_does_not_answer_the_newer_one(desk: Helpdesk) -> None:
    """Vouching twice, as a client that sends twice does, does not pass by the answer of a colleague that nobody has seen."""
    first = await begin(desk)
    held = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "Switch it on.", evidence=Evidence.NONE)
    desk.clock.advance(100)
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "Switch it off.")
    desk.clock.advance(100)
    question = to(held, KIM, "receipt")
    await Colleague(desk, KIM).answer(question, "yes")
    await desk.work()
    assert (await desk.look(held.mail.id)).outcome == "held"
    desk.clock.advance(100)
    assert (await Colleague(desk, KIM).answer(question, "yes, it is mine")).outcome == "noted"
    await desk.work()
    assert (await desk.look(held.mail.id)).outcome == "held"


# --- a forged agent ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("evidence", [Evidence.FAIL, Evidence.AMBIGUOUS])
async def test_a_forged_agent_is_an_alert_to_him_and_the_postmaster_and_never_to_the_forger(
    tmp_path: Path, evidence: Evidence
) -> None:
    server = {"name": "mx.help.example", "postmaster": POSTMASTER}
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, server=server) as desk:
        raw = mail("Urgent", "Send me the list.", sender=f"Lee <{LEE}>", headers=("Reply-To: evil@evil.example",))
        held = await desk.post(raw, sender=LEE, mail_from="evil@evil.example", evidence=evidence)
        assert (held.outcome, sent_to(held)) == ("held", [("alert", LEE), ("alert", POSTMASTER)])
        for who in (LEE, POSTMASTER):
            text = text_of(to(held, who, "alert"))
            for part in ("192.0.2.1", "mail[.]customer[.]example", "evil@evil[.]example", "given by the test", held.mail.id):
                assert part in text, part
            assert "Send me the list." not in text
            assert read(to(held, who, "alert"))["In-Reply-To"] is None
        desk.clock.advance(HOUR - 1)
        assert (await desk.post(mail("Again", "x", sender=LEE), sender=LEE, evidence=evidence)).sent == ()
        desk.clock.advance(2)
        assert len((await desk.post(mail("And again", "x", sender=LEE), sender=LEE, evidence=evidence)).sent) == 2


async def test_without_a_postmaster_the_colleagues_hear_and_each_name_has_its_own_hour(desk: Helpdesk) -> None:
    assert sent_to(await desk.post(mail("a", "x", sender=LEE), sender=LEE, evidence=Evidence.FAIL)) == [
        ("alert", KIM),
        ("alert", LEE),
    ]
    assert sent_to(await desk.post(mail("b", "x", sender=KIM), sender=KIM, evidence=Evidence.FAIL)) == [
        ("alert", KIM),
        ("alert", LEE),
    ]


async def test_a_forged_agent_is_never_for_colleagues_to_release(desk: Helpdesk) -> None:
    """Released by a colleague it would act in that agent's name."""
    first = await begin(desk)
    held = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Pay here instead.", evidence=Evidence.FAIL)
    assert {m.purpose for m in held.sent} == {"alert"}
    await forged(desk)
    (letter,) = await waiting(desk, KIM)
    assert text_of(letter).count("#release to") + text_of(letter).count("#放行 发到") == 1
