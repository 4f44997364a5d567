"""#customer: another person in a customer's place. What the new one never hears, what the one before may no more, the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate import erasure
from smtpgate.blocks import Block
from smtpgate.model import DeliveryState, EntryKind, Evidence, OutgoingMail, Role, Status
from smtpgate.store.api import Changes
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, read, sent_to, text_of, to
from tests.filing.test_merge import begin, customers_answer, receipt, say
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

BOB, CARL, FRIEND = "bob@other.example", "carl@third.example", "friend@fourth.example"
SECRET = "Zanzibar"  # stands in all that is said before


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def started(desk: Helpdesk) -> tuple[Filed, Filed]:
    """A ticket of Alice's with everything in it, and what Lee sent her last."""
    first = await begin(desk, f"{SECRET} printer", f"{SECRET} burns.")
    await say(desk, first, f"#note\n{SECRET} inside")
    answered = await say(desk, first, f"{SECRET}? Switch it off.")
    await customers_answer(desk, to(answered, CUSTOMER, "answer"), f"{SECRET} is off.")
    desk.clock.advance(600)
    return first, answered


async def role_of(desk: Helpdesk, first: Filed) -> dict[str, Role]:
    return {p.address: p.role for p in (await desk.ticket(first.number)).ticket.participants}


def nothing_of_before(letter: OutgoingMail, first: Filed) -> bool:
    """Neither words nor subject, and no name of a mail that he never had."""
    seen = read(letter)
    whole = letter.data.decode("ascii").replace("=\r\n", "")
    ids = f"{seen['References'] or ''} {seen['In-Reply-To'] or ''}"
    return (
        not any(word in whole for word in (SECRET, CUSTOMER, "alice", "Alice", str(first.mail.message_id))) and "alice" not in ids
    )


async def test_the_new_one_gets_the_agents_words_and_nothing_that_was_said_before(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    filed = await say(desk, first, f"#customer Bob <{BOB}>\n#reply\nWill you take this over?")
    assert filed.outcome == "answer"
    assert sent_to(filed) == [("answer", BOB), ("handed", CUSTOMER), ("receipt", LEE)]
    letter = to(filed, BOB, "answer")
    assert nothing_of_before(letter, first)
    assert (read(letter)["Subject"], read(letter)["References"]) == (f"[#{first.number}]", None)
    assert "Will you take this over?" in text_of(letter)
    token = desk.pipeline.tokens.read(str(read(letter)["Reply-To"].addresses[0].addr_spec), desk.clock.now())
    assert token is not None
    assert (token.person_matches(BOB), token.person_matches(CUSTOMER)) == (True, False)
    assert f"{BOB} is the customer from now on" in receipt(filed)
    assert f"{CUSTOMER} is told in 60 seconds" in receipt(filed)
    assert await role_of(desk, first) == {BOB: Role.CUSTOMER}
    assert await desk.store.check() == []
    his = await customers_answer(desk, letter, "Gladly.", who=BOB)
    assert (his.outcome, his.number) == ("joined", first.number)
    more = await say(desk, his, "Good.")
    assert nothing_of_before(to(more, BOB, "answer"), first)
    assert read(to(more, BOB, "answer"))["References"].split() == [letter.message_id, his.mail.message_id]
    assert "> Gladly." in text_of(to(more, BOB, "answer"))


async def test_without_reply_the_text_stays_inside_and_nobody_writes_to_him(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    filed = await say(desk, first, f"#客户 {BOB}\nHis assistant wrote it.")
    assert filed.outcome == "note"
    assert ("handed", CUSTOMER) in sent_to(filed)
    assert not [m for m in filed.sent if m.recipients[0].address == BOB]
    assert await role_of(desk, first) == {BOB: Role.CUSTOMER}


async def test_every_mail_to_him_is_of_what_came_after(desk: Helpdesk) -> None:
    """States, the word status, reminders and the end of it."""
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    waiting = await say(desk, first, "#waiting")
    letter = to(waiting, BOB, "waiting")
    assert nothing_of_before(letter, first)
    asked = await customers_answer(desk, letter, "status", who=BOB)
    assert nothing_of_before(to(asked, BOB, "status"), first)
    solved = await say(desk, first, "#resolved\nIt is done.")
    assert nothing_of_before(to(solved, BOB, "answer"), first)
    again = await customers_answer(desk, to(solved, BOB, "answer"), "not solved", who=BOB)
    assert nothing_of_before(to(again, BOB, "reopened"), first)
    other = await desk.post(mail("Another matter", sender=BOB), sender=BOB)
    listed = await customers_answer(desk, to(other, BOB, "received"), "status", who=BOB)
    assert first.number in text_of(to(listed, BOB, "status"))
    assert nothing_of_before(to(listed, BOB, "status"), first)


async def test_what_nobody_had_said_to_him_is_not_what_happened_last(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    asked = await desk.post(mail(f"[#{first.number}]", "status", sender=BOB), sender=BOB)
    text = text_of(to(asked, BOB, "status"))
    assert f"{first.number}" in text
    assert not any(word in text for word in ("10:00", "10:10", "We wrote", "You wrote", "answered"))
    assert nothing_of_before(to(asked, BOB, "status"), first)


async def test_the_one_before_is_told_once_and_then_is_a_stranger(desk: Helpdesk) -> None:
    first, answered = await started(desk)
    filed = await say(desk, first, f"#customer {BOB}")
    letter = to(filed, CUSTOMER, "handed")
    text = " ".join(text_of(letter).split())
    assert f"Somebody else is our contact for the request {first.number} from now on" in text
    assert "You get no more mail about it" in text
    assert BOB not in text
    assert read(letter)["Subject"] == f"[#{first.number}] {SECRET} printer"
    assert read(letter)["In-Reply-To"]
    assert letter.recipients[0].next_at == desk.clock.now() - 5 + 60
    for old in (letter, to(answered, CUSTOMER, "answer")):
        reply = await customers_answer(desk, old, f"But I know more. {old.message_id}")
        assert (reply.outcome, reply.number != first.number) == ("new", True)
        (link,) = (await desk.ticket(reply.number)).ticket.links
        assert link.number == first.number
        desk.clock.advance(3600)
    claims = await desk.post(mail(f"Re: [#{first.number}] printer", "By its number."))
    assert (claims.outcome, claims.number != first.number) == ("new", True)
    weak = await desk.post(
        mail("Re: x", "Without proof."),
        rcpts=(desk.reply_address((await desk.ticket(first.number)).ticket),),
        evidence=Evidence.NONE,
    )
    assert weak.outcome == "held"
    detail = await desk.ticket(first.number)
    assert not [e for e in detail.entries if e.author == CUSTOMER and e.created_at > desk.clock.now() - 7200]
    word = await customers_answer(desk, letter, "solved")
    assert word.number != first.number
    assert (await desk.ticket(first.number)).ticket.status is Status.PROGRESS


async def test_what_he_wrote_before_written_again_is_his_own_matter(desk: Helpdesk) -> None:
    again = mail("Lamp", "It is dark.", message_id="<1@x.example>")
    lamp = await desk.post(again)
    desk.clock.advance(60)
    await say(desk, lamp, f"#customer {BOB}")
    same = await desk.post(again)
    assert (same.outcome, same.number) == ("repeat", lamp.number)  # the very mail, delivered twice
    once_more = await desk.post(mail("Lamp", "It is dark.", message_id="<2@x.example>"))
    assert (once_more.outcome, once_more.number != lamp.number) == ("new", True)


async def test_a_colleague_of_the_new_one_is_shown_in_the_ticket_and_gets_nothing(desk: Helpdesk) -> None:
    first, answered = await started(desk)
    await say(desk, first, "#customer bob@customer.example")
    reply = await customers_answer(desk, to(answered, CUSTOMER, "answer"), "One more thing.")
    assert reply.number == first.number
    assert (await desk.ticket(first.number)).entries[-1].kind is EntryKind.THIRD_PARTY
    assert not [m for m in reply.sent if m.recipients[0].address == CUSTOMER]


async def test_he_may_stay_in_copy(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    filed = await say(desk, first, f"#cc +{CUSTOMER.upper()}\n#customer {BOB}\n#reply\nHello both.")
    assert sent_to(filed) == [("answer", CUSTOMER), ("answer", BOB), ("handed", CUSTOMER), ("receipt", LEE)]
    assert "You get a copy of each of our answers" in text_of(to(filed, CUSTOMER, "handed"))
    roles = await role_of(desk, first)
    assert roles[BOB] is Role.CUSTOMER
    assert [role for who, role in roles.items() if who.lower() == CUSTOMER] == [Role.JOINED]
    assert nothing_of_before(to(filed, BOB, "answer"), first)
    reply = await customers_answer(desk, to(filed, CUSTOMER, "answer"), "Fine with me.")
    assert (reply.outcome, reply.number) == ("joined", first.number)
    more = await say(desk, first, "Thank you.")
    assert "Fine with me" not in text_of(to(more, BOB, "answer"))


async def test_who_took_part_with_him_takes_part_no_longer(desk: Helpdesk) -> None:
    first = await desk.post(mail(f"{SECRET}", headers=(f"Cc: {CARL}",)))
    desk.clock.advance(600)
    shared = await say(desk, first, f"#cc {FRIEND}\nHello.")
    filed = await say(desk, first, f"#customer {BOB}\n#reply\nOnly you.")
    assert f"{CARL}, {FRIEND} took part before" in receipt(filed)
    assert sent_to(filed) == [("answer", BOB), ("handed", CUSTOMER), ("receipt", LEE)]
    assert await role_of(desk, first) == {BOB: Role.CUSTOMER}
    reply = await customers_answer(desk, to(shared, FRIEND, "answer"), "And me?", who=FRIEND)
    assert reply.number != first.number


async def test_whom_an_agent_let_take_part_may_become_the_customer_and_knows_the_subject(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    await say(desk, first, f"#cc {BOB}\nHello both.")
    filed = await say(desk, first, f"#customer {BOB.upper()}\n#reply\nNow you.")
    letter = to(filed, BOB, "answer")
    assert read(letter)["Subject"] == f"[#{first.number}] Printer"
    assert await role_of(desk, first) == {BOB: Role.CUSTOMER}
    assert CUSTOMER not in letter.data.decode()


_REFUSED = (
    (f"#customer {CUSTOMER}", f"{CUSTOMER} is the customer already."),
    (f"#customer {CUSTOMER.upper()}", f"{CUSTOMER} is the customer already."),
    (f"#customer {DESK}", "is a desk or an agent of ours"),
    ("#customer support+x@help.example", "is a desk or an agent of ours"),
    (f"#customer {LEE}", "is a desk or an agent of ours"),
    (f"#customer {KIM.upper()}", "is a desk or an agent of ours"),
    ("#customer sal@corp.example", "is a desk or an agent of ours"),
    ("#customer a@-", "is no address that mail can be sent to"),
    ("#customer bob", "it takes one address"),
    ("#customer", "say one address"),
    (f"#customer {BOB} {CARL}", "it takes one address"),
    (f"#customer {BOB}\n#spam", "do not go together"),
    (f"#customer {BOB}\n#block", "do not go together"),
    (f"#customer {BOB}\n#customer {CARL}", "do not go together"),
    (f"#customer {BOB}\n#cc -{BOB}", "is the customer: answers go there always"),
    (f"#customer {BOB}\n#reply", "there is no text"),
    ("#customer blocked@evil.example", "is held (blocked)"),
)


async def test_what_cannot_be_is_not_done_at_all(desk: Helpdesk) -> None:
    block = Block("@evil.example", "support", desk.clock.now(), "", "")
    await desk.store.change(ticket_number=None, query=None, decide=lambda *_: Changes(blocked=(block,)))
    first = await begin(desk, "Printer")
    for line, said in _REFUSED:
        filed = await say(desk, first, f"{line}\n#tag x")
        assert (line, filed.outcome, sent_to(filed)) == (line, "refused", [("receipt", LEE)])
        assert said in receipt(filed), line
    detail = await desk.ticket(first.number)
    assert (detail.ticket.tags, [p.address for p in detail.ticket.participants]) == ((), [CUSTOMER])


async def test_a_number_alone_does_not_change_whose_ticket_it_is(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    fresh = await desk.post(mail(f"[#{first.number}]", f"#customer {BOB}", sender=LEE), sender=LEE)
    assert (fresh.outcome, sent_to(fresh)) == ("held", [("receipt", LEE)])
    assert await role_of(desk, first) == {CUSTOMER: Role.CUSTOMER}
    yes = await Colleague(desk).answer(to(fresh, LEE, "receipt"), "")
    assert yes.outcome == "confirmed"
    assert await role_of(desk, first) == {BOB: Role.CUSTOMER}


async def test_a_ticket_of_spam_and_one_of_nobodys(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    await say(desk, first, "#spam")
    assert "closed as spam" in receipt(await say(desk, first, f"#customer {BOB}"))
    machine = await desk.post(
        mail("Alert", "Disk.", headers=("Auto-Submitted: auto-generated",), sender="cron@box.example"), sender="cron@box.example"
    )
    assert (await role_of(desk, machine)) == {}
    desk.clock.advance(600)
    shown = await desk.post(mail("x", f"#show {machine.number}", sender=LEE), sender=LEE)
    filed = await say(desk, shown, f"#customer {BOB}\n#reply\nYour disk is full.")
    assert sent_to(filed) == [("answer", BOB), ("receipt", LEE)]
    assert read(to(filed, BOB, "answer"))["Subject"] == f"[#{machine.number}]"
    assert await role_of(desk, machine) == {BOB: Role.CUSTOMER}


async def test_nobody_is_told_at_an_address_that_nobody_vouches_for(desk: Helpdesk) -> None:
    first = await desk.post(mail(), evidence=Evidence.NONE)
    desk.clock.advance(600)
    filed = await say(desk, first, f"#customer {BOB}")
    assert sent_to(filed) == [("receipt", LEE)]
    assert f"{CUSTOMER}, who was it, is not told" in receipt(filed)


async def test_who_never_heard_of_the_ticket_does_not_hear_that_he_lost_it(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    filed = await say(desk, first, f"#customer {CARL}\n#reply\nHello.")
    assert sent_to(filed) == [("answer", CARL), ("receipt", LEE)]


async def test_what_waited_for_him_waits_no_longer_and_the_language_is_the_new_ones(desk: Helpdesk) -> None:
    await desk.post(mail("打印机", "打印机坏了，请尽快处理，谢谢。", sender=BOB), sender=BOB)
    first = await begin(desk, "Printer")
    await say(desk, first, "#waiting")
    filed = await say(desk, first, f"#customer {BOB}")
    assert "The ticket is in progress" in receipt(filed)
    assert "Mail to this customer is in Simplified Chinese" in receipt(filed)
    ticket = (await desk.ticket(first.number)).ticket
    assert (ticket.status, ticket.language) == (Status.PROGRESS, "zh")
    asked = await say(desk, first, "#等待")
    assert "您好" in text_of(to(asked, BOB, "waiting"))
    closed = await begin(desk, "Lamp")
    await say(desk, closed, "#closed")
    moved = await say(desk, closed, f"#customer {CARL}\n#language en")
    assert (await desk.ticket(moved.number)).ticket.status is Status.CLOSED


async def test_an_answer_that_still_waits_goes_to_the_one_it_was_written_to_and_the_receipt_says_so(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    answered = await say(desk, first, "Switch it off.")
    filed = await say(desk, first, f"#customer {BOB}")
    assert f"An answer that was written before still leaves for {CUSTOMER}" in receipt(filed)
    queued = await desk.store.queue(states=[DeliveryState.QUEUED], ticket_number=first.number, limit=50)
    assert (CUSTOMER, "answer") in [(row.address, row.purpose) for row in queued]
    assert answered.outcome == "answer"
    undone = await say(desk, first, "#undo")
    assert f"{CUSTOMER} is the customer again." in receipt(undone)  # the newest of Lee's own


# --- back again -------------------------------------------------------------------------------------------------------


async def test_undo_takes_back_all_of_it_before_it_left(desk: Helpdesk) -> None:
    first = await desk.post(mail(f"{SECRET}", headers=(f"Cc: {CARL}",)))
    desk.clock.advance(600)
    await say(desk, first, f"#cc {FRIEND}\nHello.")
    before = await role_of(desk, first)
    filed = await say(desk, first, f"#customer {BOB}\n#waiting\n#reply\nWill you?")
    undone = await say(desk, first, "#undo")
    assert sent_to(undone) == [("receipt", LEE)]
    assert f"{CUSTOMER} is the customer again." in receipt(undone)
    assert await role_of(desk, first) == before
    ticket = (await desk.ticket(first.number)).ticket
    assert ticket.status is Status.PROGRESS
    assert ticket.customer is not None
    assert ticket.customer.subject
    states = {
        m.message_id: [r.state for r in d.recipients] for m in filed.sent if (d := await desk.store.outgoing(m.id)) is not None
    }
    for purpose, who in (("answer", BOB), ("handed", CUSTOMER)):
        assert states[to(filed, who, purpose).message_id] == [DeliveryState.DROPPED]
    more = await say(desk, first, "Where were we?")
    letter = to(more, CUSTOMER, "answer")
    assert read(letter)["Subject"] == f"[#{first.number}] {SECRET}"
    assert first.mail.message_id in read(letter)["References"]  # as if nothing had been
    assert "Will you?" not in text_of(letter)


async def test_undo_of_the_change_alone(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    undone = await say(desk, first, "#undo")
    assert f"{CUSTOMER} is the customer again." in receipt(undone)
    assert "Your answer was taken back" not in receipt(undone)
    assert await role_of(desk, first) == {CUSTOMER: Role.CUSTOMER}


async def test_who_has_been_told_stays_out_until_an_agent_says_so(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    filed = await say(desk, first, f"#customer {BOB}\n#reply\nWill you?")
    letter = to(filed, CUSTOMER, "handed")
    now = desk.clock.now() + 58
    claimed = await desk.store.claim_deliveries(worker="w", now=now, limit=99, next_at=lambda _: now + 300, skip=("other.example",))
    assert letter.id in [d.outgoing_id for d in claimed]
    undone = await say(desk, first, "#undo")
    assert f"{CUSTOMER} has been told already: {BOB} stays the customer" in receipt(undone)
    assert await role_of(desk, first) == {BOB: Role.CUSTOMER}
    back = await say(desk, first, f"#customer {CUSTOMER}\n#reply\nIt is yours again.")
    assert sent_to(back) == [("answer", CUSTOMER), ("receipt", LEE)]  # Bob never heard of it
    letter = to(back, CUSTOMER, "answer")
    assert read(letter)["Subject"] == f"[#{first.number}] {SECRET} printer"
    assert first.mail.message_id in read(letter)["References"]
    assert await desk.store.check() == []


async def test_only_his_own_is_taken_back(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    refused = await say(desk, first, "#undo", KIM)
    assert (refused.outcome, await role_of(desk, first)) == ("refused", {BOB: Role.CUSTOMER})


async def test_what_a_colleague_has_changed_since_stays(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}\n#reply\nWill you?")
    await say(desk, first, f"#customer {CARL}", KIM)
    undone = await say(desk, first, "#undo")
    assert "Your answer was taken back" in receipt(undone)
    assert await role_of(desk, first) == {CARL: Role.CUSTOMER}


async def test_nobody_who_was_erased_meanwhile_comes_back(desk: Helpdesk) -> None:
    first = await desk.post(mail(), evidence=Evidence.NONE)  # nobody vouches for her, so she is not told
    await say(desk, first, f"#customer {BOB}\n#waiting\n#reply\nWill you?")
    await erasure.erase(desk.pipeline, desk.store, CUSTOMER, by="root")
    undone = await say(desk, first, "#undo")
    assert "the customer again" not in receipt(undone)
    assert await role_of(desk, first) == {BOB: Role.CUSTOMER}


# --- colleagues -------------------------------------------------------------------------------------------------------


async def test_a_colleague_who_does_not_know_yet_is_asked_before_his_words_go_to_somebody_else(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    desk.clock.advance(600)
    filed = await say(desk, first, "Dear Alice, your password is x.", KIM)
    assert (filed.outcome, sent_to(filed)) == ("held", [("receipt", KIM)])
    assert BOB in receipt(filed, KIM)
    yes = await Colleague(desk, KIM).answer(to(filed, KIM, "receipt"), "")
    assert yes.outcome == "confirmed"
    sent = [m for m in await desk.outgoing() if m.purpose == "answer" and m.recipients[0].address == BOB]
    assert len(sent) == 1
    mine = await say(desk, first, "But I know.")  # Lee named him
    assert sent_to(mine) == [("answer", BOB)] or mine.outcome == "held"


async def test_who_has_the_ticket_hears_of_it(desk: Helpdesk) -> None:
    first = await begin(desk, "Printer")
    await say(desk, first, "#take", KIM)
    filed = await say(desk, first, f"#customer {BOB}")
    letter = to(filed, KIM, "to-agent")
    assert "本工单更换了客户" in text_of(letter)
    assert BOB in text_of(letter)
    answered = await Colleague(desk, KIM).answer(letter, "您好。")
    assert ("answer", BOB) in sent_to(answered)


# --- tickets that are one ---------------------------------------------------------------------------------------------


async def test_what_was_said_before_stays_so_in_a_merged_ticket(desk: Helpdesk) -> None:
    first, answered = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    his = await desk.post(mail("Lamp", "It is dark.", sender=BOB), sender=BOB)
    desk.clock.advance(600)
    merged = await say(desk, first, f"#merge {his.number}")
    assert merged.outcome == "done"
    filed = await say(desk, his, "Hello.")
    letter = to(filed, BOB, "answer")
    assert nothing_of_before(letter, first)
    assert read(letter)["Subject"] == f"[#{his.number}] Lamp"
    assert his.mail.message_id in read(letter)["References"]
    reply = await customers_answer(desk, to(answered, CUSTOMER, "answer"), "And I?")
    assert reply.number not in (first.number, his.number)


async def test_a_ticket_that_another_one_was_merged_into(desk: Helpdesk) -> None:
    a, b = await begin(desk, f"{SECRET} one"), await begin(desk, f"{SECRET} two", "It smells.")
    await say(desk, b, f"#merge {a.number}")
    filed = await say(desk, b, f"#customer {BOB}\n#reply\nHello.")
    assert filed.number == a.number
    assert nothing_of_before(to(filed, BOB, "answer"), a)
    for old in (a, b):
        reply = await customers_answer(desk, to(old, CUSTOMER, "received"), f"About {old.number}")
        assert (reply.outcome, reply.number not in (a.number, b.number)) == ("new", True)


async def test_what_another_one_wrote_is_not_split_off_for_him(desk: Helpdesk) -> None:
    first, _ = await started(desk)
    await say(desk, first, f"#customer {BOB}")
    refused = await say(desk, first, "#split 1")
    assert refused.outcome == "refused"
    filed = await say(desk, first, "#reply\nHello.")
    a = await customers_answer(desk, to(filed, BOB, "answer"), "First matter.", who=BOB)
    await customers_answer(desk, to(filed, BOB, "answer"), "Second matter.", who=BOB)
    done = await say(desk, a, "#split 1")
    letter = to(done, BOB, "split")
    assert nothing_of_before(letter, first)
    assert read(letter)["Subject"].startswith("[#")
