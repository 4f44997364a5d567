"""What a person wishes of our mail: another language, fewer notices. It lasts, for all tickets; nobody else's word counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.actions import set_status
from smtpgate.model import Evidence, Status
from tests.filing.test_agent import LEE, Colleague, read, sent_to, text_of, to
from tests.filing.test_words import BOB, DESKS, NEVER, PROVED, WITH_TOKEN, say, set_to
from tests.support.helpdesk import CUSTOMER, Filed, Helpdesk, helpdesk, mail

TAIWAN = "您好，印表機壞了，請幫忙處理，謝謝。"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS) as desk:
        yield desk


async def language_of(desk: Helpdesk, filed: Filed) -> str:
    return (await desk.ticket(filed.number)).ticket.language


# --- the language that a customer writes ------------------------------------------------------------------------------


WRITTEN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (TAIWAN, (), "zh-Hant"),
    ("您好，打印机坏了，请帮忙处理，谢谢。", (), "zh"),
    ("你好，多久能好？", ("Content-Language: zh-TW",), "zh-Hant"),
    ("你好，多久能好？", ("Content-Language: zh-Hant-HK",), "zh-Hant"),
    ("你好，多久能好？", ("Accept-Language: en-US, zh-HK;q=0.8, zh-CN",), "zh-Hant"),
    ("你好，多久能好？", ("Accept-Language: zh-CN, zh-TW",), "zh"),
    ("你好，多久能好？", (), "zh"),
    ("The printer is on fire.", ("Accept-Language: zh-TW",), "en"),
)


async def test_the_language_of_a_new_ticket(desk: Helpdesk) -> None:
    for i, (body, headers, language) in enumerate(WRITTEN):
        raw = mail("Re", body, sender=f"p{i}@x.example", headers=headers)
        assert await language_of(desk, await desk.post(raw, sender=f"p{i}@x.example")) == language, (body, headers)


async def test_big5_is_traditional(desk: Helpdesk) -> None:
    raw = mail("x", "").replace(b"utf-8", b"big5") + "你好，多久能好？".encode("big5") + b"\r\n"
    assert await language_of(desk, await desk.post(raw)) == "zh-Hant"


async def test_chinese_that_may_be_either_is_written_as_before(desk: Helpdesk) -> None:
    await desk.post(mail("印表機", TAIWAN))
    desk.clock.advance(86_400)
    assert await language_of(desk, await desk.post(mail("x", "你好，多久能好？"))) == "zh-Hant"


async def test_who_writes_traditional_is_answered_so(desk: Helpdesk) -> None:
    filed = await desk.post(mail("印表機", TAIWAN))
    letter = to(filed, CUSTOMER, "received")
    assert "案件編號：" in text_of(letter)
    assert read(letter)["Content-Language"] == "zh-Hant"


# --- another language -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "language", "said"),
    [
        ("請用繁體中文", "zh-Hant", "我們自動寄出的郵件都使用繁體中文"),
        ("繁體", "zh-Hant", "我們自動寄出的郵件都使用繁體中文"),
        ("请用简体中文", "zh", "我们自动发出的邮件都用简体中文"),
        ("write in English", "en", "From now on our automatic mail to you is in English"),
        ("语言 英文", "en", "From now on our automatic mail to you is in English"),
        ("English, please?", "en", "From now on our automatic mail to you is in English"),
    ],
)
async def test_a_wish_is_answered_in_that_language_and_lasts(desk: Helpdesk, word: str, language: str, said: str) -> None:
    start = mail("Printer", "It burns.") if language != "en" else mail("印表機", TAIWAN)
    first, other, over = await desk.post(start), await desk.post(mail("Fax", "It is slow.")), await desk.post(mail("Long over"))
    await set_to(desk, over, Status.CLOSED)
    before = await language_of(desk, over)
    answer = await say(desk, first, word)
    assert sent_to(answer) == [("language", CUSTOMER), ("to-agent", LEE)]
    letter = to(answer, CUSTOMER, "language")
    assert said in text_of(letter)
    assert read(letter)["Auto-Submitted"] == "auto-replied"
    assert [await language_of(desk, one) for one in (first, other, over)] == [language, language, before]
    assert (await desk.ticket(first.number)).ticket.status is Status.RECEIVED
    desk.clock.advance(86_400)
    assert await language_of(desk, await desk.post(mail("Neu", "Guten Tag, der Drucker ist kaputt."))) == language
    assert await language_of(desk, await desk.post(mail("Bob", "It burns.", sender=BOB), sender=BOB)) == "en"


async def test_agents_are_told_which_language_is_wanted(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    briefing = text_of(to(await say(desk, first, "請用繁體中文"), LEE, "to-agent"))
    assert "The customer wants another language" in briefing
    assert "We write to the customer in: Traditional Chinese" in briefing


@pytest.mark.parametrize("command", ["#language zh-Hant", "#语言 繁體", "#language zh-TW"])
async def test_what_an_agent_says_later_holds(desk: Helpdesk, command: str) -> None:
    first = await desk.post(mail())
    await say(desk, first, "请用简体中文")
    done = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"{command}\n\n您好，請重新開機。")
    assert await language_of(desk, first) == "zh-Hant"
    answer = to(done, CUSTOMER, "answer")
    assert read(answer)["Content-Language"] == "zh-Hant"
    assert "也可以只回覆一個詞：進度" in text_of(answer)


# --- fewer notices ----------------------------------------------------------------------------------------------------


async def told(desk: Helpdesk, first: Filed, status: Status, message: str = "") -> list[str]:
    before = {sent.id for sent in await desk.outgoing()}
    assert first.number is not None
    await set_status(desk.pipeline, desk.store, number=first.number, status=status, note="", message=message, author=LEE)
    return [sent.purpose for sent in await desk.outgoing() if sent.id not in before]


async def test_fewer_notices_leave_the_number_the_answers_and_the_result(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    answer = await say(desk, first, "fewer notices")
    assert sent_to(answer) == [("fewer", CUSTOMER)]
    assert "reply with the words: all notices" in text_of(answer.sent[0]).replace("\r\n", " ")
    assert await told(desk, first, Status.PROGRESS) == []
    assert await told(desk, first, Status.WAITING) == ["waiting"]
    assert await told(desk, first, Status.PROGRESS, "A word of an agent") == ["progress"]
    assert await told(desk, first, Status.RESOLVED) == ["resolved"]
    assert sent_to(await say(desk, first, "It still burns.")) == [("to-agent", LEE)]  # reopened
    assert await told(desk, first, Status.CLOSED) == ["closed"]
    desk.clock.advance(86_400)
    later = await desk.post(mail("Fax"))
    assert sent_to(later) == [("received", CUSTOMER), ("to-agent", LEE)]
    assert "all notices" in text_of(to(later, CUSTOMER, "received"))
    assert "The customer wants: fewer notices" in text_of(to(later, LEE, "to-agent"))
    assert sent_to(await desk.post(mail("Fax", message_id="<again@customer.example>"))) == []  # repeat


async def test_all_notices_again(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await say(desk, first, "少发通知")
    assert sent_to(await say(desk, first, "恢复通知")) == [("all", CUSTOMER)]
    assert await told(desk, first, Status.PROGRESS) == ["progress"]


async def test_one_wish_leaves_the_other(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    for word in ("fewer notices", "請用繁體中文"):
        await say(desk, first, word)
    later = (await desk.ticket((await desk.post(mail("Fax"))).number)).ticket
    assert later.customer is not None
    assert (later.language, later.customer.fewer) == ("zh-Hant", True)


async def test_an_agent_hears_that_a_state_is_not_told(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    await say(desk, first, "fewer notices")
    done = await Colleague(desk).answer(to(first, LEE, "to-agent"), "#progress")
    assert sent_to(done) == [("receipt", LEE)]
    assert "fewer notices are wanted" in text_of(to(done, LEE, "receipt"))


async def test_links_are_for_the_customer_alone(desk: Helpdesk) -> None:
    first = await desk.post(mail(headers=(f"Cc: <{BOB}>",)))
    done = await Colleague(desk).answer(to(first, LEE, "to-agent"), f"#cc {BOB}\n\nPlease restart it.")
    letters = {address: text_of(to(done, address, "answer")) for address in (CUSTOMER, BOB)}
    assert ["fewer notices" in text for text in letters.values()] == [True, False]


# --- whose word counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("evidence", [*PROVED, *WITH_TOKEN, *NEVER])
async def test_only_of_who_is_proved(desk: Helpdesk, evidence: Evidence) -> None:
    first = await desk.post(mail())
    for word in ("請用繁體中文", "fewer notices"):
        await say(desk, first, word, evidence=evidence)
    ticket = (await desk.ticket(first.number)).ticket
    assert ticket.customer is not None
    counts = evidence in (*PROVED, Evidence.DMARC_SPF, Evidence.DOMAIN)
    assert (ticket.language == "zh-Hant", ticket.customer.fewer) == (counts, counts)


async def test_not_of_somebody_else(desk: Helpdesk) -> None:
    first = await desk.post(mail(headers=(f"Cc: <{BOB}>",)))
    for person in (BOB, "eve@evil.example"):
        await say(desk, first, "fewer notices", person=person, given_to=CUSTOMER)
        await say(desk, first, "請用繁體中文", person=person, given_to=CUSTOMER)
    ticket = (await desk.ticket(first.number)).ticket
    assert (ticket.language, [p.fewer for p in ticket.participants]) == ("en", [False, False])
