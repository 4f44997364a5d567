"""#template: the customer gets the text in his language, below the agent's own; whatever is wrong sends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.mail.compose import Templates
from smtpgate.model import EntryKind, Evidence
from tests.filing.test_agent import AGENTS, DESKS, LEE, Colleague, begin, note_address, sent_to, text_of, to
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

FILES = {
    "refund.en.txt": "Dear {{ name }},\nyour refund for {{ number }} ({{ subject }}) is on its way. {{ desk }}",
    "退款.zh.txt": "退款已经办理：{{ number }}",
    "empty.en.txt": " \n",
    "details.zh.txt": "",  # takes the one away that comes with the program
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    (tmp_path / "mine" / "canned").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / "mine" / "canned" / name).write_text(text, "utf-8")
    (tmp_path / "mine" / "secret.en.txt").write_text("secret")
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, templates={"directory": tmp_path / "mine"}) as desk:
        yield desk


def receipt(filed: Filed) -> str:
    return " ".join(text_of(to(filed, LEE, "receipt")).split())


async def test_the_text_goes_out_as_an_answer(desk: Helpdesk) -> None:
    first = await begin(desk)
    filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#template Refund")
    assert (filed.outcome, sent_to(filed)) == ("answer", [("answer", CUSTOMER)])
    text = text_of(to(filed, CUSTOMER, "answer")).replace("\r", "")
    assert text.startswith(f"Dear Alice,\nyour refund for {first.number} (Printer on fire) is on its way. support")
    entry = (await desk.ticket(first.number)).entries[-1]
    assert (entry.kind, entry.text.split(",")[0]) == (EntryKind.REPLY, "Dear Alice")
    own = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#resolved\n#template refund\n\nAs we said on the phone.")
    assert text_of(to(own, CUSTOMER, "answer")).startswith("As we said on the phone.\r\n\r\nDear Alice,")
    with_take = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#take\n#template refund")
    assert ("answer", CUSTOMER) in sent_to(with_take)


async def test_in_the_language_of_the_customer(desk: Helpdesk) -> None:
    first = await desk.post(mail("打印机坏了", "打印机从今天早上开始就不能用了，请帮忙看一下。"))
    told = to(first, LEE, "to-agent")
    filed = await Colleague(desk).answer(told, "#模板退款")
    assert text_of(to(filed, CUSTOMER, "answer")).startswith(f"退款已经办理：{first.number}")
    for name in ("refund", "details"):
        refused = await Colleague(desk).answer(told, f"#template {name}")
        assert (refused.outcome, sent_to(refused)) == ("refused", [("receipt", LEE)])
        assert "is not there in Simplified Chinese" in receipt(refused)
        assert "only in English" in receipt(refused)


async def test_a_name_never_leaves_the_directory(desk: Helpdesk) -> None:
    first = await begin(desk)
    for name in ("../secret", "/etc/passwd", "canned/refund", "secret", "refund.en.txt", ".", "empty"):
        filed = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#template {name}\n\nMy own words.")
        assert (filed.outcome, sent_to(filed)) == ("refused", [("receipt", LEE)]), name
        assert "There is no canned answer" in receipt(filed)
        assert "#template refund (English): Dear" in receipt(filed)
        assert "My own words." in receipt(filed)
        assert "secret" not in receipt(filed).replace(name, "")


async def test_the_nearest_and_the_list(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    assert "Did you mean #template refund?" in receipt(await Colleague(desk).answer(told, "#template refnd"))
    filed = await Colleague(desk).answer(told, "#模板")
    assert (filed.outcome, sent_to(filed)) == ("done", [("receipt", LEE)])
    assert "#template details (English, Traditional Chinese): thank you for your message." in receipt(filed)
    assert "#template 退款 (Simplified Chinese): 退款已经办理：" in receipt(filed)
    for body in ("#template\n\nHello", "#template\n#take"):
        refused = await Colleague(desk).answer(told, body)
        assert refused.outcome == "refused"
        assert "needs the name" in receipt(refused)


async def test_a_long_list_is_cut_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "many" / "canned").mkdir(parents=True)
    for i in range(101):
        (tmp_path / "many" / "canned" / f"n{i:03}.en.txt").write_text(f"Text {i}.", "utf-8")
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS, templates={"directory": tmp_path / "many"}) as desk:
        said = receipt(await Colleague(desk).answer(to(await begin(desk), LEE, "to-agent"), "#template"))
        assert said.count("#template n") == 99  # beside the one that comes with the program
        assert "more" in said.partition("n098")[2]


async def test_what_is_unclear_sends_nothing(desk: Helpdesk) -> None:
    first = await begin(desk)
    told = to(first, LEE, "to-agent")
    for body in (
        "#assign kim\n#template refund\n\nKim, please look at this.",
        "#template refund\n#note",
        "#template refund\n#spam",
    ):
        assert (await Colleague(desk).answer(told, body)).outcome == "refused"
    inside = await Colleague(desk).answer(told, "#template refund", to=await note_address(desk, first))
    assert "address for notes" in receipt(inside)
    plain = await Colleague(desk).answer(told, "#assign kim\n#reply\n#template refund\n\nDear Alice!")
    assert ("answer", CUSTOMER) in sent_to(plain)
    weak = await Colleague(desk).answer(told, "#template refund\n", evidence=Evidence.DMARC_SPF)
    assert weak.outcome == "held"
    assert (await Colleague(desk).answer(told, "#template", to=DESK)).outcome == "held"


async def test_a_colleagues_newer_answer_holds_a_canned_one_too(desk: Helpdesk) -> None:
    first = await begin(desk)
    desk.clock.advance(60)
    await Colleague(desk, "kim@corp.example").answer(to(first, "kim@corp.example", "to-agent"), "I have it.")
    assert (await Colleague(desk).answer(to(first, LEE, "to-agent"), "#template refund")).outcome == "held"


def test_files_that_cannot_be_used_are_named_with_their_line(tmp_path: Path) -> None:
    canned = tmp_path / "canned"
    canned.mkdir()
    (canned / "a.en.txt").write_text("fine {{ number }}")
    (canned / "b.en.txt").write_text("one\n{% if %}")
    (canned / "c.en.txt").write_text("{{ config }}")
    (canned / "d.en.txt").write_bytes(b"\xff")
    (canned / "e.en.txt").write_text("x" * 65_537)
    (canned / "f.txt").write_text("no language")
    (canned / "g.en.txt").write_text("{{ ''.__class__.__mro__ }}")
    (canned / "h.en.txt").write_text("{{ 'x' * 99999 }}")
    (canned / "i.en.txt").mkdir()
    problems = Templates(tmp_path).check()
    assert [Path(p.split(":")[0]).name for p in problems] == [f"{c}.en.txt" if c != "f" else "f.txt" for c in "bdefi" + "cgh"]
    assert "b.en.txt:2:" in problems[0]
    assert "'config' is undefined" in problems[5]
