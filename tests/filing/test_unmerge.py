"""#undo of a merge, and `smtpgate ticket unmerge`: what leads back, who hears, and when it is refused."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smtpgate import actions
from smtpgate.errors import UsageError
from smtpgate.mail.token import TokenKind
from smtpgate.model import DeliveryState, EntryKind, Evidence, Status
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, read, sent_to, text_of, to
from tests.filing.test_merge import BOB, begin, customers_answer, receipt, say
from tests.filing.test_targets import TARGETS
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail
from tests.support.store_data import an_attempt

DAY = 86_400.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def delivered(desk: Helpdesk) -> None:
    """All that waits has left."""
    later = desk.clock.now() + 3600
    taken = await desk.store.claim_deliveries(worker="w", now=later, limit=1000, next_at=lambda _: later)
    await desk.store.record_attempts([an_attempt(one.recipient_id) for one in taken])


async def shown(desk: Helpdesk, *, told: bool = False) -> dict[str, Any]:
    """What the store shows of each ticket, but for when it last changed, its history of events, and mail to agents. told: with
    what was written about merges."""
    found = {}
    for one in await desk.tickets():
        detail = await desk.ticket(one.number)
        about = lambda e: e.kind is EntryKind.EVENT or e.text in ("(merged mail)", "(unmerged mail)")  # noqa: E731
        found[one.number] = (
            replace(detail.ticket, updated_at=0.0),
            tuple(replace(e, text="") for e in detail.entries if told or not about(e)),
            tuple(s.recipient_id for s in detail.sent if s.purpose not in ("to-agent", "receipt", "merged", "unmerged")),
            detail.due,
        )
    return found


async def two(desk: Helpdesk) -> tuple[Filed, Filed]:
    a, b = await begin(desk, "Printer on fire"), await begin(desk, "Smoke in the office", "It smells.")
    await say(desk, b, "#tag smoke\n#take")
    return a, b


async def test_all_that_was_merged_leads_back(desk: Helpdesk) -> None:
    a, b = await two(desk)
    second = await customers_answer(desk, to(b, CUSTOMER, "received"), "still smoke")
    await delivered(desk)
    before = await shown(desk)
    merge = await say(desk, b, f"#merge {a.number}")
    assert "#undo takes it back" in receipt(merge)
    await delivered(desk)
    assert await shown(desk) != before
    undone = await say(desk, a, "#undo")
    assert undone.outcome == "done", undone.decision
    assert sorted(sent_to(undone)) == [("receipt", LEE), ("unmerged", CUSTOMER)]
    assert f"{b.number} is a ticket of its own again" in receipt(undone)
    assert await shown(desk) == before
    letter = to(undone, CUSTOMER, "unmerged")
    assert read(letter)["Subject"] == f"[#{b.number}] Smoke in the office"
    assert read(letter)["In-Reply-To"] == second.mail.message_id
    assert f"{b.number} is a request of its own again" in " ".join(text_of(letter).split())
    for about, ticket in ((to(b, CUSTOMER, "received"), b), (letter, b), (to(a, CUSTOMER, "received"), a)):
        for signed in (True, False):
            filed = await customers_answer(desk, about, f"more {about.purpose} {ticket.number} {signed}", signed=signed)
            assert (filed.outcome, filed.number) == ("joined", ticket.number)
    own = mail("Re: something", "mine", headers=(f"References: {second.mail.message_id}",))
    assert (await desk.post(own)).number == b.number
    assert [e.text for e in (await desk.ticket(b.number)).entries if e.kind is EntryKind.EVENT][-2:] == [
        f"merged into {a.number}",
        f"merge into {a.number} taken back",
    ]
    assert await desk.store.verify(desk.clock.now()) == []


async def test_who_has_not_been_told_of_the_merge_is_not_told_of_its_end(desk: Helpdesk) -> None:
    a, b = await two(desk)
    await delivered(desk)
    before = await shown(desk)
    merge = await say(desk, b, f"#merge {a.number}")
    undone = await say(desk, a, "#撤销")
    assert sent_to(undone) == [("receipt", LEE)]
    assert await shown(desk) == before
    (letter,) = [m for m in merge.sent if m.purpose == "merged"]
    detail = await desk.store.outgoing(letter.id)
    assert detail is not None
    assert [(r.state, r.last_reply) for r in detail.recipients] == [
        (DeliveryState.DROPPED, "taken back: the merge was undone"),
    ]
    assert [(e.kind, e.marks) for e in (await desk.ticket(a.number)).entries if e.text == "(merged mail)"] == [
        (EntryKind.NOTE, ("taken back",))
    ]


async def test_an_answer_that_was_sent_with_it_goes_with_it_or_stands_in_the_way(desk: Helpdesk) -> None:
    a, b = await two(desk)
    before = await shown(desk)
    await say(desk, b, f"#merge {a.number}\n#reply\nSwitch it off.")
    undone = await say(desk, a, "#undo")
    assert undone.outcome == "done", undone.decision
    assert "Your answer was taken back" in receipt(undone)
    after = await shown(desk)
    assert after[str(b.number)] == before[str(b.number)]
    assert replace(after[str(a.number)][0]) == before[str(a.number)][0]
    await say(desk, b, f"#merge {a.number}\n#reply\nSwitch it off, please.")
    await delivered(desk)
    late = await say(desk, a, "#撤销")
    assert (late.outcome, "the answer that was sent with it has left" in receipt(late)) == ("refused", True)
    assert "#split takes single mails" in receipt(late)


async def test_an_answer_that_waits_is_meant_before_the_merge(desk: Helpdesk) -> None:
    a, b = await two(desk)
    await say(desk, b, f"#merge {a.number}")
    await say(desk, a, "Switch it off.")
    undone = await say(desk, a, "#undo")
    assert "Your answer was taken back" in receipt(undone)
    assert (await desk.ticket(b.number)).ticket.number == a.number
    again = await say(desk, b, "#undo\n")
    assert again.outcome == "refused"
    assert "has left already" in receipt(again)
    assert "something else has happened in it since" in receipt(again)


HAPPENS = {
    "a mail": lambda desk, a, b: customers_answer(desk, to(b, CUSTOMER, "received"), "one more thing"),
    "a note": lambda desk, a, b: say(desk, a, "#note between us"),
    "a tag": lambda desk, a, b: say(desk, a, "#tag red"),
    "a snooze": lambda desk, a, b: say(desk, a, "#snooze 2d"),
    "a wish": lambda desk, a, b: customers_answer(desk, to(b, CUSTOMER, "received"), "请用中文"),
    "another merge": lambda desk, a, b: _third(desk, a),
    "a split": lambda desk, a, b: say(desk, a, "#split 1"),
}


async def _third(desk: Helpdesk, a: Filed) -> Filed:
    c = await begin(desk, "A third", "third")
    return await say(desk, c, f"#merge {a.number}")


@pytest.mark.parametrize("what", HAPPENS)
async def test_once_something_has_happened_it_is_refused(desk: Helpdesk, what: str) -> None:
    a, b = await two(desk)
    await say(desk, b, f"#merge {a.number}")
    await delivered(desk)
    done = await HAPPENS[what](desk, a, b)
    assert done.outcome in ("joined", "note", "done"), done.decision
    before = await shown(desk, told=True)
    with pytest.raises(UsageError, match=rf"something else has happened.*ticket split {a.number} takes|before"):
        await actions.unmerge(desk.pipeline, desk.store, number=str(b.number), author="", quiet=False)
    if what != "another merge":
        refused = await say(desk, a, "#undo")
        assert refused.outcome == "refused", refused.decision
        assert "#split takes single mails" in receipt(refused)
    assert await shown(desk, told=True) == before


@pytest.mark.parametrize(("within", "after", "may"), [("1h", 3500, True), ("1h", 3700, False), ("0s", 1, False)])
async def test_it_may_be_taken_back_for_so_long(tmp_path: Path, within: str, after: float, may: bool) -> None:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, tickets={"unmerge_within": within}) as desk:
        a, b = await two(desk)
        merge = await say(desk, b, f"#merge {a.number}")
        assert ("cannot be undone" in receipt(merge)) is (within == "0s")
        desk.clock.advance(after - 5)
        filed = await say(desk, a, "#undo")
        assert filed.outcome == ("done" if may else "refused"), filed.decision
        assert ("too long ago" in receipt(filed)) is (within != "0s" and not may)
        assert ("cannot be taken back any more" in receipt(filed)) is (within == "0s")
        assert ("#split takes single mails" in receipt(filed)) is not may


async def test_it_needs_what_the_merge_needed(desk: Helpdesk) -> None:
    a, b = await two(desk)
    await say(desk, b, f"#merge {a.number}")
    await delivered(desk)
    told = to(a, LEE, "to-agent")
    weak = await Colleague(desk).answer(told, "#undo", evidence=Evidence.DMARC_SPF)
    assert weak.outcome == "held"
    numbered = await Colleague(desk).answer(told, "#undo \n", to=DESK)  # proved to be his, and names the ticket only
    assert numbered.outcome == "held"
    elsewhere = await desk.post(mail("x", "#undo", sender="sal@corp.example", to=DESK), sender="sal@corp.example")
    assert elsewhere.outcome != "done"
    assert (await desk.ticket(b.number)).ticket.number == a.number
    released = await desk.release(numbered.mail.id)
    assert released.outcome == "done", released.decision
    assert (await desk.ticket(b.number)).ticket.number == b.number


async def test_people_states_and_agents_are_as_they_were(desk: Helpdesk) -> None:
    a, b = await two(desk)
    await say(desk, b, f"#cc {BOB}\n#assign kim")
    await say(desk, b, "#snooze 3d")
    await say(desk, a, "#closed")
    await delivered(desk)
    before = await shown(desk)
    await say(desk, b, f"#merge {a.number}")
    assert (await desk.ticket(a.number)).ticket.status is Status.PROGRESS
    await delivered(desk)
    undone = await say(desk, a, "#undo")
    assert await shown(desk) == before
    assert ("to-agent", KIM) in sent_to(undone), "whose ticket it is hears of it"
    assert ("answer", BOB) in sent_to(await say(desk, b, "an answer"))


async def test_at_the_command_line(desk: Helpdesk) -> None:
    a, b = await two(desk)
    await delivered(desk)

    async def unmerge(number: str | None, *, quiet: bool = False) -> str:
        return await actions.unmerge(desk.pipeline, desk.store, number=str(number), author="root@x.example", quiet=quiet)

    for number, why in ((b.number, "is part of no other"), ("20200101-EML-0001", "there is no ticket")):
        with pytest.raises(UsageError, match=why):
            await unmerge(number)
    before = await shown(desk)
    for quiet in (False, True):
        await actions.merge(desk.pipeline, desk.store, number=str(b.number), into=str(a.number), author="", quiet=False)
        await delivered(desk)
        said = await unmerge(b.number, quiet=quiet)
        assert said.endswith("no mail was sent" if quiet else f"unmerged mail queued for {CUSTOMER}")
        await delivered(desk)
        assert await shown(desk) == before
    c = await begin(desk, "A third", "third")
    for one in (b, c):
        await actions.merge(desk.pipeline, desk.store, number=str(one.number), into=str(a.number), author="", quiet=True)
        desk.clock.advance(5)
    with pytest.raises(UsageError, match=f"before {c.number} did"):
        await unmerge(b.number)
    with pytest.raises(UsageError, match="is part of no other"):
        await unmerge(a.number)
    assert (await unmerge(c.number)).endswith("no mail was sent")
    assert await desk.store.verify(desk.clock.now()) == []


@pytest.mark.parametrize("seed", range(3))
async def test_merge_then_undo_is_the_identity(desk: Helpdesk, seed: int) -> None:
    """On all that the store shows, after whatever happened before; and signed addresses of notes lead back as well."""
    rng = random.Random(seed)
    known = [await begin(desk, f"Subject {i}", f"body {i}") for i in range(3)]
    for turn in range(6):
        about = rng.choice(known)
        commands = ("#tag t{}", "#take", "#drop", "#waiting", "#note n{}", "#split 1", f"#merge {known[0].number}", "#snooze {}d")
        line = rng.choice(commands)
        if rng.random() < 0.4:
            await customers_answer(desk, to(about, CUSTOMER, "received"), f"mail {turn}")
        await say(desk, about, line.format(turn + 1))
    await delivered(desk)
    own = {f.number: (await desk.ticket(f.number)).ticket.number for f in known}
    left = [f for f in known if own[f.number] == f.number]
    if len(left) < 2:
        left.append(await begin(desk, "One more", "more"))
    old, new = rng.sample(left, 2)
    before = await shown(desk)
    address = desk.pipeline.tokens.reply_address(
        DESK, (await desk.ticket(old.number)).ticket.id, LEE, desk.clock.now(), TokenKind.NOTE
    )
    merge = await say(desk, old, f"#merge {new.number}")
    assert merge.outcome == "done", merge.decision
    if rng.random() < 0.5:
        await delivered(desk)
    undone = await say(desk, new, "#undo")
    assert undone.outcome == "done", undone.decision
    assert await shown(desk) == before
    noted = await desk.post(mail("x", "a note", sender=LEE, to=address), sender=LEE, rcpts=(address,))
    assert (noted.outcome, noted.number) == ("note", old.number)
    assert await desk.store.verify(desk.clock.now()) == []


async def test_until_when_it_is_due_is_as_it_was(tmp_path: Path) -> None:
    """The one that is left had taken over what ran out first."""
    desks = [{**DESKS[0], "targets": TARGETS}, *DESKS[1:]]
    async with helpdesk(tmp_path, desk=desks, agent=AGENTS) as desk:
        b, a = await begin(desk, "Smoke in the office", "It smells."), await begin(desk, "Printer on fire")
        await delivered(desk)
        before = await shown(desk)
        assert all(found[0].clock is not None for found in before.values())
        await say(desk, b, f"#merge {a.number}")
        assert await shown(desk) != before
        undone = await say(desk, a, "#undo")
        assert undone.outcome == "done", undone.decision
        assert await shown(desk) == before
