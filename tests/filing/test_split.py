"""#split of what lies far back, and `smtpgate ticket split`: which mail is meant, and from where on none is."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpgate import actions
from smtpgate.errors import UsageError
from smtpgate.model import EntryKind, OutgoingMail, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, read, text_of, to
from tests.filing.test_merge import begin, customers_answer, receipt, say
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk, mail

MANY = 16  # mails after the first, more than are kept in sight


async def long_talk(desk: Helpdesk) -> tuple[Filed, list[Filed]]:
    first = await begin(desk, "Printer on fire")
    return first, [await customers_answer(desk, to(first, CUSTOMER, "received"), f"part {i}") for i in range(MANY)]


async def words_of(desk: Helpdesk, number: str | None) -> list[str]:
    return [e.text for e in (await desk.ticket(number)).entries if e.kind is EntryKind.CUSTOMER]


async def test_a_mail_of_any_age_is_split_off(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        first, others = await long_talk(desk)
        await say(desk, first, "#tag red blue")
        answered = await say(desk, others[2], "#split Early one")
        assert await words_of(desk, answered.decision["tickets"][0]) == ["part 2"]
        assert (await desk.ticket(answered.decision["tickets"][0])).ticket.tags == ("red", "blue")
        opening = await say(desk, first, "#split")
        assert await words_of(desk, opening.decision["tickets"][0]) == ["It burns."]
        counted = await say(desk, others[-1], f"#split {MANY - 1}")
        assert await words_of(desk, counted.decision["tickets"][0]) == ["part 0"]
        beyond = await say(desk, others[-1], f"#split {MANY}")
        assert beyond.outcome == "refused"
        assert await words_of(desk, first.number) == [f"part {i}" for i in range(MANY) if i not in (0, 2)]
        gone = await say(desk, others[2], "#split Once more")  # what he answers is about the new ticket now
        assert "does not tell which mail" in receipt(gone)
        assert await desk.store.verify(desk.clock.now()) == []


@pytest.mark.parametrize(("reach", "splits"), [(12, False), (60, True)])
async def test_a_number_counts_as_far_as_it_may(tmp_path: Path, reach: int, splits: bool) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, tickets={"split_reach": reach}) as desk:
        first, others = await long_talk(desk)
        near = await say(desk, others[-1], "#split 3")
        assert await words_of(desk, near.decision["tickets"][0]) == [f"part {MANY - 3}"]
        far = await say(desk, others[-1], f"#split {MANY - 1}")
        assert far.outcome == ("done" if splits else "refused")
        if not splits:
            assert "among the newest 12 things" in receipt(far)
            assert (await say(desk, first, "#split")).decision["tickets"], "the one that is answered has no limit"


async def at_the_line(desk: Helpdesk, number: str | None, **how: object) -> tuple[str, str, list[OutgoingMail]]:
    before = {m.message_id for m in await desk.outgoing()}
    given = {"which": None, "mail_id": "", "subject": "", "author": "root@desk.example", "quiet": False, **how}
    new, said = await actions.split(desk.pipeline, desk.store, number=str(number), **given)  # type: ignore[arg-type]
    return new, said, [m for m in await desk.outgoing() if m.message_id not in before]


async def test_an_admin_splits_by_the_same_rules(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        first = await begin(desk, "Printer on fire")
        with pytest.raises(UsageError, match="only mail of the customer"):
            await at_the_line(desk, first.number, which=1)
        second = await customers_answer(desk, to(first, CUSTOMER, "received"), "The fax is dead too.")
        third = await customers_answer(desk, to(first, CUSTOMER, "received"), "And the phone.")
        new, said, sent = await at_the_line(desk, first.number, which=2, subject="Dead fax")
        assert f"is {new} now; split mail queued for {CUSTOMER}" in said
        assert sorted((m.purpose, m.recipients[0].address) for m in sent) == [
            ("split", CUSTOMER),
            ("to-agent", KIM),
            ("to-agent", LEE),
        ]
        detail, old = await desk.ticket(new), await desk.ticket(first.number)
        assert (detail.ticket.subject, detail.ticket.status) == ("Dead fax", Status.RECEIVED)
        assert await words_of(desk, new) == ["The fax is dead too."]
        assert [(e.author, e.text) for e in old.entries if e.kind is EntryKind.EVENT][-1] == (
            "root@desk.example",
            f"mail of {CUSTOMER} split off: {new}",
        )
        letter = next(m for m in sent if m.purpose == "split")
        assert (read(letter)["Subject"], read(letter)["In-Reply-To"]) == (f"[#{new}] Dead fax", second.mail.message_id)
        assert (await customers_answer(desk, letter, "about the fax")).number == new
        briefing = next(m for m in sent if (m.purpose, m.recipients[0].address) == ("to-agent", LEE))
        assert f"{first.number}, which it was split off from" in text_of(briefing)
        quiet, said, sent = await at_the_line(desk, first.number, mail_id=third.mail.id, quiet=True)
        assert (sent, said.endswith("no mail was sent")) == ([], True)
        assert await words_of(desk, quiet) == ["And the phone."]
        for how in ({"which": 7}, {"mail_id": "20260101T000000-1"}, {"mail_id": second.mail.id}):
            with pytest.raises(UsageError, match="only mail"):
                await at_the_line(desk, first.number, **how)
        await customers_answer(desk, to(first, CUSTOMER, "received"), "One more.")
        for how, why in (({"which": 7}, "not so many"), ({"mail_id": second.mail.id}, "with this id")):
            with pytest.raises(UsageError, match=why):
                await at_the_line(desk, first.number, **how)
        with pytest.raises(UsageError, match="there is no ticket"):
            await at_the_line(desk, "20200101-EML-0001", which=1)
        assert await desk.store.verify(desk.clock.now()) == []


async def test_an_answer_about_another_ticket_splits_nothing_by_chance(tmp_path: Path) -> None:
    """The mail of ours that is answered was about what is a ticket of its own since; the number in the address is the old one."""
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        first = await begin(desk, "Printer on fire")
        second = await customers_answer(desk, to(first, CUSTOMER, "received"), "The fax is dead too.")
        await customers_answer(desk, to(first, CUSTOMER, "received"), "Third.")
        told = to(second, LEE, "to-agent")
        await say(desk, second, "#split")
        raw = mail("Re: x", "#split", sender=LEE, headers=(f"In-Reply-To: {read(told)['Message-ID']}",))
        address = str(read(to(first, LEE, "to-agent"))["Reply-To"].addresses[0].addr_spec)
        crossed = await desk.post(raw, sender=LEE, rcpts=(address,))
        assert crossed.outcome == "refused"
        assert "does not tell which mail" in receipt(crossed)
        assert len(await words_of(desk, first.number)) == 2
