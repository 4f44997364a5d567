"""What the customer last wrote stands below an agent's answer: his own words, bounded, and to nobody but him."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.mail.quoting import quote
from smtpgate.mail.trim import reply_part
from smtpgate.model import Entry, EntryKind, Evidence
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, begin, html_of, text_of, to
from tests.support.helpdesk import CUSTOMER, Helpdesk, helpdesk, mail

LI = "li@customer.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        yield desk


async def test_his_last_words_are_quoted_and_marked(desk: Helpdesk) -> None:
    first = await desk.post(mail(body="It burns.\n\n  <b>Very</b> much.\n\n-- \nAlice, 555-1234"))
    answered = await Colleague(desk).answer(to(first, LEE, "to-agent"), "Switch it off.")
    letter = to(answered, CUSTOMER, "answer")
    text = text_of(letter).replace("\r", "")
    assert text.endswith(f"\nOn 2 January 2026, 10:00, {CUSTOMER} wrote:\n> It burns.\n>\n>   <b>Very</b> much.\n")
    assert text.index("Switch it off.") < text.index("> It burns.")
    html = html_of(letter)
    assert '<blockquote type="cite"' in html
    assert "&lt;b&gt;Very&lt;/b&gt; much." in html
    assert "555-1234" not in letter.data.decode()
    quoted = "".join(f"> {line}\n" for line in text.splitlines())
    assert reply_part(f"Done.\n\nOn Sat, 3 Jan 2026, Support <support@help.example> wrote:\n{quoted}") == "Done."


async def test_only_the_newest_and_only_his_own(desk: Helpdesk) -> None:
    first = await begin(desk)
    told, ticket = to(first, LEE, "to-agent"), (await desk.ticket(first.number)).ticket
    where = desk.reply_address(ticket)
    await Colleague(desk).answer(told, f"#cc {LI}")
    body = f"Now it smokes.\n\nOn Fri, 2 Jan 2026, Support wrote:\n> an old line\n> write to {where}\n"
    await desk.post(mail("Re: it", body), rcpts=(where,))
    await desk.post(mail("Re: it", "Li says: evacuate.", sender=LI), sender=LI, rcpts=(desk.reply_address(ticket, LI),))
    await desk.post(
        mail("Re: it", "A colleague's word.", sender="boss@customer.example"), sender="boss@customer.example", rcpts=(where,)
    )
    await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "#note\nHe is a bore.")
    desk.clock.advance(60)
    answered = await Colleague(desk).answer(told, "Leave it.")
    his, hers = text_of(to(answered, CUSTOMER, "answer")), text_of(to(answered, LI, "answer"))
    assert "> Now it smokes." in his
    for other in ("It burns", "Li says", "colleague's word", "bore", "an old line", where):
        assert other not in his, other
    assert "smokes" not in hers  # gets what comes after
    assert "wrote:" not in hers


@pytest.mark.parametrize("evidence", [Evidence.NONE, Evidence.TEMPERROR])
async def test_words_that_nobody_vouches_for_do_not_go_out(desk: Helpdesk, evidence: Evidence) -> None:
    first = await desk.post(mail(body="Buy at http://evil.example"), evidence=evidence)
    answered = await Colleague(desk).answer(to(first, LEE, "to-agent"), "What do you mean?")
    assert "evil.example" not in to(answered, CUSTOMER, "answer").data.decode()


async def test_a_desk_may_leave_it_out(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=[{**DESKS[0], "quote": False}], agent=AGENTS) as desk:
        answered = await Colleague(desk).answer(to(await begin(desk), LEE, "to-agent"), "Switch it off.")
        assert "It burns" not in text_of(to(answered, CUSTOMER, "answer"))


async def test_in_chinese(desk: Helpdesk) -> None:
    first = await desk.post(mail("打印机", "打印机着火了，请尽快处理。"))
    answered = await Colleague(desk).answer(to(first, LEE, "to-agent"), "请先关机。")
    said = f"在 2026年1月2日 10:00，{CUSTOMER} 写道：\n> 打印机着火了，请尽快处理。"
    assert said in text_of(to(answered, CUSTOMER, "answer")).replace("\r", "")


async def test_what_an_agent_brought_is_quoted_with_its_own_date(desk: Helpdesk) -> None:
    theirs = "-----Original Message-----\nFrom: Bob <bob@other.example>\nSent: 1 January 2026 09:00\nSubject: x\n\nSlow."
    body = f"#fwd\n#reply\nWe look at it.\n\n{theirs}"
    filed = await desk.post(mail("Fwd: x", body, sender=LEE), sender=LEE)
    said = "On 1 January 2026 09:00, bob@other.example wrote:\n> Slow."
    assert said in text_of(to(filed, "bob@other.example", "answer")).replace("\r", "")


def an_entry(text: str) -> Entry:
    return Entry(1, 1, EntryKind.CUSTOMER, CUSTOMER, 1_767_348_000.0, text)


@pytest.mark.parametrize("length", [75, 1500, 20_000])
def test_it_is_bounded(desk: Helpdesk, length: int) -> None:
    support = desk.config.desk[0].model_copy(update={"quote_length": length})
    lines = length // 75
    for text in ("x" * 30_000, "line\n" * 400, "y" * length + "\n\nz", "a\u202eb\r\n\x00\x1b[31mc" * 5000):
        found = quote(an_entry(text), support, "en")
        assert found is not None
        assert len(found.text) <= length + 10
        assert found.text.count("\n") <= lines + 1
        assert found.text.endswith("[…]")
        assert "\u202e" not in found.text
    for text in ("x" * length, "\n".join("word" for _ in range(lines))):
        whole = quote(an_entry(text), support, "en")
        assert whole is not None
        assert whole.text == text
    assert quote(an_entry("support+r" + "a" * 40 + "@help.example says"), support, "en") is None
    assert quote(an_entry("> only\n> quoted"), support, "en") is None
    assert quote(an_entry(""), support, "en") is None
