"""#merge and #split by an agent's mail: what moves, what is refused, who hears what, and where old names lead."""

from __future__ import annotations

import os
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.links import LinkKind
from smtpgate.mail.agentwords import LINKED
from smtpgate.mail.token import TokenKind
from smtpgate.model import EntryKind, Evidence, OutgoingMail, Role, Status
from smtpgate.store.api import Changes, TicketUpdate
from smtpgate.store.statement import one
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, read, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

BOB = "bob@customer.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def begin(desk: Helpdesk, subject: str, body: str = "It burns.", *, who: str = CUSTOMER, rcpt: str = DESK) -> Filed:
    filed = await desk.post(mail(subject, body, sender=f"Alice <{who}>", to=rcpt), sender=who, rcpts=(rcpt,))
    assert filed.outcome == "new", filed.decision
    desk.clock.advance(600)
    return filed


async def say(desk: Helpdesk, about: Filed, body: str, agent: str = LEE) -> Filed:
    filed = await Colleague(desk, agent).answer(to(about, agent, "to-agent"), body)
    desk.clock.advance(5)
    return filed


async def customers_answer(desk: Helpdesk, letter: OutgoingMail, body: str, *, who: str = CUSTOMER, signed: bool = True) -> Filed:
    seen = read(letter)
    where = str(seen["Reply-To"].addresses[0].addr_spec) if signed else DESK
    headers = (f"In-Reply-To: {seen['Message-ID']}", f"References: {seen['Message-ID']}") if signed else ()
    raw = mail(f"Re: {seen['Subject']}", body, sender=who, to=where, headers=headers)
    desk.clock.advance(60)
    return await desk.post(raw, sender=who, rcpts=(where,))


async def inside(desk: Helpdesk, filed: Filed) -> tuple[object, ...]:
    detail = await desk.ticket(filed.number)
    return detail.ticket, detail.entries


def receipt(filed: Filed, agent: str = LEE) -> str:
    return " ".join(text_of(to(filed, agent, "receipt")).split())


def test_each_kind_of_link_has_its_words() -> None:
    for words in LINKED.values():
        assert [kind for kind in LinkKind if "{number}" not in words.get(kind, "")] == []


# --- merge ------------------------------------------------------------------------------------------------------------


async def test_one_ticket_becomes_part_of_the_other(desk: Helpdesk) -> None:
    a, b = await begin(desk, "Printer on fire"), await begin(desk, "Smoke in the office", "It smells.")
    filed = await say(desk, b, f"#merge {a.number}\nthe same matter")
    assert filed.outcome == "note"
    assert sorted(sent_to(filed)) == [("merged", CUSTOMER), ("receipt", LEE), ("to-agent", KIM)]
    assert f"{b.number} is part of {a.number} now." in receipt(filed)
    assert "#undo takes it back" in receipt(filed)
    detail = await desk.ticket(b.number)
    assert detail.ticket.number == a.number
    assert [e.text for e in detail.entries if e.kind is EntryKind.CUSTOMER] == ["It burns.", "It smells."]
    assert [e.marks for e in detail.entries if e.text == "It smells."] == [(f"was #{b.number}",)]
    assert [(link.kind, link.number) for link in detail.ticket.links] == [(LinkKind.HOLDS, b.number)]
    letter = to(filed, CUSTOMER, "merged")
    assert read(letter)["Subject"] == f"[#{a.number}] Smoke in the office"
    assert read(letter)["In-Reply-To"] == b.mail.message_id
    assert f"Your request {b.number} is part of {a.number} now" in " ".join(text_of(letter).split())
    assert "the same matter" not in text_of(letter)
    assert await desk.store.check() == []


async def test_all_old_names_lead_to_the_one_that_is_left(desk: Helpdesk) -> None:
    a, b, c = [await begin(desk, subject, f"about {subject}") for subject in ("One", "Two", "Three")]
    await say(desk, a, f"#合并 {b.number}")
    await say(desk, b, f"#merge [#{c.number}]")
    tickets = {t.number: t for t in await desk.tickets()}
    assert {t.status for n, t in tickets.items() if n != c.number} == {Status.CLOSED}
    for old in (a, b):
        for signed in (True, False):  # by the signed address and Message-ID; by the number alone
            filed = await customers_answer(desk, to(old, CUSTOMER, "received"), f"more {old.number} {signed}", signed=signed)
            assert (filed.outcome, filed.number) == ("joined", c.number)
            assert ("to-agent", LEE) in sent_to(filed)
    by_own_id = mail("Re: something else", "mine", headers=(f"References: {a.mail.message_id}",))
    assert (await desk.post(by_own_id)).number == c.number
    word = await customers_answer(desk, to(a, CUSTOMER, "received"), "status")
    assert c.number in text_of(to(word, CUSTOMER, "status"))
    assert a.number not in text_of(to(word, CUSTOMER, "status"))
    answered = await say(desk, a, "Here is what to do.")
    assert (answered.outcome, answered.number) == ("answer", c.number)
    assert read(to(answered, CUSTOMER, "answer"))["Subject"] == f"[#{c.number}] Three"
    shown = await desk.post(mail("", f"#show {a.number}", sender=LEE), sender=LEE)
    assert shown.number == c.number
    again = await desk.post(mail("One", "about One"))  # the very same mail once more
    assert (again.outcome, again.number) == ("repeat", c.number)
    assert await desk.store.check() == []


async def test_what_the_customer_hears_with_an_answer_he_hears_once(desk: Helpdesk) -> None:
    a, b = await begin(desk, "One"), await begin(desk, "Two", "again")
    filed = await say(desk, b, f"#merge {a.number}\n#reply\nSwitch it off.")
    assert sent_to(filed) == [("answer", CUSTOMER), ("receipt", LEE)]
    assert f"Your request {b.number} is part of {a.number} now" in text_of(to(filed, CUSTOMER, "answer"))
    assert (await desk.ticket(a.number)).ticket.assignee == LEE


async def test_an_open_one_opens_the_closed_one_again(desk: Helpdesk) -> None:
    a, b = await begin(desk, "One"), await begin(desk, "Two", "again")
    await say(desk, a, "#closed")
    filed = await say(desk, b, f"#merge {a.number}")
    assert "is open again" in receipt(filed)
    assert "reopened" not in filed.purposes
    assert (await desk.ticket(a.number)).ticket.status is Status.PROGRESS


async def test_two_customers_only_when_the_one_takes_part_already(desk: Helpdesk) -> None:
    a, b = await begin(desk, "One"), await begin(desk, "Bob's secret", "of Bob", who=BOB)
    before = [await inside(desk, f) for f in (a, b)]
    filed = await say(desk, b, f"#merge {a.number}")
    assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)])
    assert f"#cc {BOB}" in receipt(filed)
    assert [await inside(desk, f) for f in (a, b)] == before
    await say(desk, a, f"#cc {BOB}")
    filed = await say(desk, b, f"#merge {a.number}\n ")
    assert sorted(sent_to(filed)) == [("merged", BOB), ("receipt", LEE)]
    letter = to(filed, BOB, "merged")
    assert "One" not in str(read(letter)["Subject"])
    assert CUSTOMER not in letter.data.decode()
    joined = await customers_answer(desk, letter, "and more", who=BOB)
    assert (joined.outcome, joined.number) == ("joined", a.number)


async def test_a_colleague_who_joined_by_the_desks_rule_needs_an_agents_word(tmp_path: Path) -> None:
    desks = [{**DESKS[0], "colleagues_join": True}]
    async with helpdesk(tmp_path, desk=desks, agent=AGENTS) as desk:
        b = await begin(desk, "Bob's", "of Bob", who=BOB)
        raw = mail("One", "with Bob in copy", headers=(f"Cc: {BOB}",))
        a = await desk.post(raw)
        people = {p.address: p.role for p in (await desk.ticket(a.number)).ticket.participants}
        assert people[BOB] is Role.JOINED
        refused = await say(desk, b, f"#merge {a.number}")
        assert f"#cc {BOB}" in receipt(refused)
        await say(desk, a, f"#cc {BOB}")
        assert (await say(desk, b, f"#merge {a.number}\n#note\nBoth know")).outcome == "note"


async def test_copies_of_one_are_none_of_the_other(desk: Helpdesk) -> None:
    a, b = await begin(desk, "One"), await begin(desk, "Two", "again")
    await say(desk, b, f"#cc {BOB}")
    filed = await say(desk, b, f"#merge {a.number}")
    assert BOB in receipt(filed)
    people = {p.address: p.role for p in (await desk.ticket(a.number)).ticket.participants}
    assert people == {CUSTOMER: Role.CUSTOMER, BOB: Role.CC}
    assert ("answer", BOB) not in sent_to(await say(desk, a, "an answer"))


IMPOSSIBLE = (
    ("#merge 20200101-EML-0001", "None of your desks has a ticket"),
    ("#merge SALES", "None of your desks has a ticket"),
    ("#merge SELF", "is this ticket"),
    ("#merge", "the number of a ticket"),
    ("#merge SPAM", "closed as spam"),
    ("#merge OTHER\n#closed", "do not go together"),
    ("#merge OTHER\n#take", "do not go together"),
    ("#split\n#merge OTHER", "do not go together"),
    ("#split", "only mail of the customer"),
    ("#split 7", "only mail of the customer"),
)


async def test_what_is_impossible_changes_nothing(desk: Helpdesk) -> None:
    own, other, spam = [await begin(desk, subject, f"about {subject}") for subject in ("Own", "Other", "Spam")]
    sales = await begin(desk, "Buy", rcpt="sales@help.example")
    await say(desk, spam, "#spam")
    before = [await inside(desk, f) for f in (own, other, spam, sales)]
    named = {"SALES": sales, "SELF": own, "SPAM": spam, "OTHER": other}
    for line, said in IMPOSSIBLE:
        body = re.sub("|".join(named), lambda match: str(named[match[0]].number), line)
        filed = await say(desk, own, body)
        assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)]), body
        assert said in receipt(filed)
    assert [await inside(desk, f) for f in (own, other, spam, sales)] == before


async def test_without_both_proofs_nothing_is_merged_or_split(desk: Helpdesk) -> None:
    a, b = await begin(desk, "One"), await begin(desk, "Two", "again")
    told = to(b, LEE, "to-agent")
    for body in (f"#merge {a.number}", "#split"):
        weak = await Colleague(desk).answer(told, body, evidence=Evidence.DMARC_SPF)
        assert weak.outcome == "held"
        plain = await Colleague(desk).answer(told, f"{body}\n", to=DESK)
        assert plain.outcome == "held"
        other = await Colleague(desk, KIM).answer(told, f"{body}\n\n")
        assert other.outcome == "held"
    assert len({t.number for t in await desk.tickets()}) == 2
    assert (await desk.ticket(b.number)).ticket.number == b.number


async def test_a_confirmed_command_knows_what_a_proved_one_does(desk: Helpdesk) -> None:
    a, b = await begin(desk, "One"), await begin(desk, "Two", "again")
    await customers_answer(desk, to(b, CUSTOMER, "received"), "more")
    for body in (f"#merge {a.number}", "#split 1", "#block"):
        held = await Colleague(desk).answer(to(b, LEE, "to-agent"), body, to=DESK)
        assert held.outcome == "held"
        done = await desk.release(held.mail.id)
        assert done.outcome == "done", done.decision
        if body != "#block":
            b = await begin(desk, f"Next after {body[:6]}", body[:6])
            await customers_answer(desk, to(b, CUSTOMER, "received"), f"more {body}")


# --- split ------------------------------------------------------------------------------------------------------------


async def test_the_mail_that_is_answered_becomes_a_ticket(desk: Helpdesk) -> None:
    a = await begin(desk, "Printer on fire")
    second = await customers_answer(desk, to(a, CUSTOMER, "received"), "The fax is dead too.")
    await customers_answer(desk, to(a, CUSTOMER, "received"), "Still burning.")
    filed = await say(desk, second, "#split Dead fax\nfor Kim to see")
    assert filed.outcome == "note"
    (number,) = filed.decision["tickets"]
    new, old = await desk.ticket(number), await desk.ticket(a.number)
    assert (new.ticket.subject, new.ticket.status) == ("Dead fax", Status.RECEIVED)
    assert [(e.kind.value, e.text) for e in new.entries if e.kind is not EntryKind.EVENT] == [
        ("customer", "The fax is dead too."),
        ("status", "(split mail)"),
    ]
    assert [e.text for e in old.entries if e.kind is EntryKind.CUSTOMER] == ["It burns.", "Still burning."]
    assert [e.text for e in old.entries if e.kind is EntryKind.NOTE] == ["for Kim to see"]
    assert [link.number for link in new.ticket.links] == [a.number]
    assert [link.number for link in old.ticket.links] == [number]
    assert sorted(sent_to(filed)) == sorted(
        [("receipt", LEE), ("split", CUSTOMER), ("to-agent", KIM), ("to-agent", KIM), ("to-agent", LEE)]
    )
    letter = to(filed, CUSTOMER, "split")
    assert read(letter)["Subject"] == f"[#{number}] Dead fax"
    assert read(letter)["In-Reply-To"] == second.mail.message_id
    assert "for Kim" not in letter.data.decode()
    assert (await customers_answer(desk, letter, "about the fax")).number == number
    assert (await customers_answer(desk, to(a, CUSTOMER, "received"), "about the fire")).number == a.number
    assert (await customers_answer(desk, to(a, CUSTOMER, "received"), "about the fire again", signed=False)).number == a.number
    own = mail("Re: x", "to my own mail", headers=(f"In-Reply-To: {second.mail.message_id}",))
    assert (await desk.post(own)).number == number
    told = to(filed, LEE, "to-agent")
    assert f"{a.number}, which it was split off from" in text_of(told)
    answered = await Colleague(desk).answer(told, "Which fax?")
    assert (answered.outcome, answered.number) == ("answer", number)
    assert await desk.store.check() == []
    back = await Colleague(desk).answer(told, f"#merge {a.number}")
    assert back.outcome == "done"
    assert (await desk.ticket(number)).ticket.number == a.number
    assert await desk.store.check() == []


async def test_which_mail_is_split_off(desk: Helpdesk) -> None:
    a = await begin(desk, "Printer on fire")
    for body in ("second", "third"):
        await customers_answer(desk, to(a, CUSTOMER, "received"), body)
    note = await say(desk, a, "#note between ourselves")
    refused = await say(desk, a, "#split 9")
    assert "does not tell which mail" in receipt(refused)
    one = await Colleague(desk, KIM).answer(to(note, KIM, "to-agent"), "#拆分 2 另一件事")
    (number,) = one.decision["tickets"]
    assert [e.text for e in (await desk.ticket(number)).entries if e.kind is EntryKind.CUSTOMER] == ["second"]
    assert (await desk.ticket(number)).ticket.subject == "另一件事"
    first = await say(desk, a, "#split")  # in answer to the first notification: the first mail
    (number,) = first.decision["tickets"]
    assert [e.text for e in (await desk.ticket(number)).entries if e.kind is EntryKind.CUSTOMER] == ["It burns."]
    last = await say(desk, a, "#split 1")
    assert "only mail" in receipt(last)


async def test_a_split_takes_the_number_of_its_own_desk(desk: Helpdesk) -> None:
    a = await begin(desk, "Printer on fire")
    await customers_answer(desk, to(a, CUSTOMER, "received"), "second")
    for subject in ("x", "y"):
        await begin(desk, subject, subject, rcpt="sales@help.example")
    moved = await say(desk, a, "#move sales")
    told = to(moved, "sal@corp.example", "to-agent")
    filed = await Colleague(desk, "sal@corp.example").answer(told, "#split")
    assert filed.decision["tickets"][0].endswith("SAL-0003")
    assert (await begin(desk, "z", "z", rcpt="sales@help.example")).number == filed.decision["tickets"][0][:-1] + "4"


# --- at random --------------------------------------------------------------------------------------------------------


async def test_random_merges_and_splits(desk: Helpdesk) -> None:
    """Nothing that was said is lost, no note and nothing of another one's ticket reaches a customer, every signed address leads.

    SMTPGATE_TURNS=500 makes it long."""
    rng = random.Random(60)
    people = (CUSTOMER, BOB)
    firsts = [await begin(desk, f"{who[0]}{i}", f"word-{who}-{i}", who=who) for i in range(2) for who in people]
    seen = {f"word-{who}-{i}": who for i in range(2) for who in people}
    owner = {str(f.number): who for f, who in zip(firsts, people * 2, strict=True)}
    sent: list[OutgoingMail] = []
    for turn in range(int(os.environ.get("SMTPGATE_TURNS", "8"))):
        about, who_else = rng.choice(firsts), rng.choice(firsts)
        body = rng.choice((f"#merge {who_else.number}\nNOTE-{turn}", f"#split\nNOTE-{turn}", f"#split 2\nNOTE-{turn}", "write"))
        if body == "write":
            who = owner[str(about.number)]
            filed = await customers_answer(desk, to(about, who, "received"), f"word-{who}-turn{turn}", who=who)
            assert filed.outcome == "joined", filed.decision
            seen[f"word-{who}-turn{turn}"] = who
        else:
            filed = await say(desk, about, body)
            assert filed.outcome in ("note", "refused"), filed.decision
        sent += filed.sent
        for number in filed.decision["tickets"]:
            owner[number] = next(p.address for p in (await desk.ticket(number)).ticket.participants if p.role is Role.CUSTOMER)
    assert await desk.store.verify(desk.clock.now()) == []
    tickets = await desk.tickets()
    found: dict[str, str] = {}
    for ticket in tickets:
        detail = await desk.ticket(ticket.number)
        assert detail.ticket.customer is not None
        assert detail.ticket.customer.address == owner[ticket.number]
        found |= {e.text: detail.ticket.customer.address for e in detail.entries if e.kind is EntryKind.CUSTOMER}
        address = desk.reply_address(ticket, owner[ticket.number])
        raw = mail("x", f"at the end {ticket.number}", sender=owner[ticket.number], to=address)
        filed = await desk.post(raw, sender=owner[ticket.number], rcpts=(address,))
        assert (filed.outcome, filed.number) == ("joined", detail.ticket.number)
        signed = desk.pipeline.tokens.reply_address(DESK, ticket.id, LEE, desk.clock.now(), TokenKind.NOTE)
        noted = await desk.post(mail("x", f"note {ticket.number}", sender=LEE, to=signed), sender=LEE, rcpts=(signed,))
        assert (noted.outcome, noted.number) == ("note", detail.ticket.number)
    assert {text: found.get(text) for text in seen} == seen
    for letter in sent:
        address = letter.recipients[0].address
        if address in people:
            text = letter.data.decode("ascii", "replace")
            other = BOB if address == CUSTOMER else CUSTOMER
            assert "NOTE-" not in text
            assert other not in text
            assert all(number not in text for number, who in owner.items() if who == other)


async def test_what_an_older_version_wrote_to_a_merged_ticket_is_put_right_by_the_next_mail(desk: Helpdesk) -> None:
    """While nodes are upgraded: a program of before merging finds the number, and knows of no link."""
    a, b = await begin(desk, "One"), await begin(desk, "Two", "again")
    old = (await desk.ticket(b.number)).ticket
    await say(desk, b, f"#merge {a.number}")
    await say(desk, a, "#closed")
    stray = await begin(desk, "Filed by an older one", "to the merged ticket")
    of_stray = (await desk.ticket(stray.number)).ticket.id
    for statement in (
        "UPDATE entry SET ticket_id = $1 WHERE ticket_id = $2",
        "UPDATE outgoing SET ticket_id = $1 WHERE ticket_id = $2",
    ):
        await desk.store._write(lambda sql=statement: one(sql, old.id, of_stray))
    await desk.store.change(
        ticket_number=None,
        query=None,
        decide=lambda *_: Changes(updates=(TicketUpdate(old.id, status=Status.PROGRESS, assignee=KIM),)),
    )
    faults = await desk.store.check()
    assert any("still has what was said in it" in fault for fault in faults)
    filed = await customers_answer(desk, to(b, CUSTOMER, "received"), "more")
    assert (filed.outcome, filed.number) == ("joined", a.number)
    detail = await desk.ticket(a.number)
    assert {e.text: e.marks for e in detail.entries}["to the merged ticket"] == (f"was #{b.number}",)
    assert detail.ticket.status is Status.PROGRESS
    assert {t.number: t.status for t in await desk.tickets()}[str(b.number)] is Status.CLOSED
    left = [fault for fault in await desk.store.check() if "ticket without an entry" not in fault]  # the test has robbed one
    assert left == []
