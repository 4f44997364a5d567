"""A sample of every mail of ours, as it would be sent: for the admin who looks at his templates, and for screenshots of them.

Pure but for the templates. Raises ComposeError with file and line, as any mail does that a template of the admin spoils.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smtpgate.bulletin import Matter
from smtpgate.desksettings import Agent, Desk
from smtpgate.languages import Language
from smtpgate.listing import Daily, Some, Waiting
from smtpgate.mail import duewords
from smtpgate.mail.answers import Answer, compose_answer
from smtpgate.mail.briefing import Briefing, Receipt, compose_briefing, compose_receipt
from smtpgate.mail.compose import STEMS, Templates, compose
from smtpgate.mail.daily import Digest, compose_digest
from smtpgate.mail.heldmail import HeldItem, HeldNotice, compose_held
from smtpgate.mail.letters import Ending, Letter, Personal, Purpose, Standing
from smtpgate.mail.privacywords import Occasion
from smtpgate.mail.wire import Composed
from smtpgate.model import (
    Address,
    Entry,
    EntryKind,
    Evidence,
    OtherTicket,
    Participant,
    Priority,
    Role,
    Status,
    Ticket,
)
from smtpgate.parsed import Attachment, Detail
from smtpgate.target import Target, TargetClock

NAMES = STEMS
_NUMBER, _OTHER = "20260102-EML-0042", "20260102-EML-0043"
_NOW = 1_767_312_000.0  # 2 January 2026
_CUSTOMER = "wang@customer.example"
_TOKEN = "m4cq2vd7k3x5p8ra9ewt6ynz0h1b2cfgj"  # noqa: S105  # as long as a signed address's, and nothing anybody made


@dataclass(frozen=True, slots=True)
class _Words:
    person: str
    subject: str
    other: str
    wrote: str
    done: str
    asks: str
    result: str
    farewell: str
    outage: str


_WORDS: dict[Language, _Words] = {
    "en": _Words(
        "Maria Wang",
        "The printer on the second floor does not print",
        "Invoice of December",
        "Hello,\n\nsince this morning the printer on the second floor prints nothing. The display says “offline”, order number"
        " SO-2026-0815.\n\nCould somebody have a look?\n\nMaria",
        "We are on our way to the second floor and will have a look at the printer ourselves.",
        "Which model is it? The label is on the back.\nIs the small lamp beside the network cable on?",
        "The printer had lost its address. We have given it a fixed one and printed a test page.",
        "All is well, then. Have a good day.",
        "All printers on the second floor are out of order until about 3 p.m. Please use those on the first floor meanwhile.",
    ),
    "zh": _Words(
        "王小明",
        "二楼的打印机打印不了",
        "十二月的发票",
        "你好：\n\n二楼的打印机从今天早上开始打印不了，屏幕上显示“脱机”，订单号 SO-2026-0815。"
        "\n\n麻烦安排人看一下，谢谢！\n\n王小明",
        "同事已经前往二楼，现场查看打印机。",
        "请问打印机是什么型号？标签在机身背面。\n网线旁边的小灯亮不亮？",
        "打印机丢失了网络地址，我们已为它设置固定地址，并打印了测试页。",
        "既然一切正常，我们就关闭工单了。祝您工作顺利。",
        "二楼所有打印机故障，预计下午三点左右恢复，在此期间请使用一楼的打印机。",
    ),
    "zh-Hant": _Words(
        "王小明",
        "二樓的印表機無法列印",
        "十二月的發票",
        "您好：\n\n二樓的印表機從今天早上開始無法列印，螢幕顯示「離線」，訂單編號 SO-2026-0815。"
        "\n\n麻煩派人看一下，謝謝！\n\n王小明",
        "同仁已經前往二樓，現場查看印表機。",
        "請問印表機是什麼型號？標籤在機身背面。\n網路線旁邊的小燈有亮嗎？",
        "印表機遺失了網路位址，我們已為它設定固定位址，並列印了測試頁。",
        "既然一切正常，我們就結案了。祝您順心。",
        "二樓所有印表機故障，預計下午三點左右恢復，這段期間請使用一樓的印表機。",
    ),
}


_DONE: dict[Language, tuple[str, ...]] = {
    "en": (
        "Done",
        "State: waiting for the customer (was in progress).",
        "Your answer leaves for {to} in 60 seconds. #undo takes it back until then.",
    ),
    "zh": ("已完成", "状态：等待客户回复（原为：处理中）。", "您的答复将在 60 秒后发给 {to}；在此之前可用 #撤销 收回。"),
    "zh-Hant": ("已完成", "狀態：等待客戶回覆（原為：處理中）。", "您的答覆將在 60 秒後寄給 {to}；在此之前可用 #撤銷 收回。"),
}


def sample(name: str, language: Language, desk: Desk, agent: Agent, templates: Templates) -> Composed:
    """The mail of this name (NAMES) in this language. Raises ComposeError."""
    if name == "answer":
        return compose_answer(_answer(language, desk, agent), templates)
    agent = agent.model_copy(update={"language": language})
    if name == "to-agent":
        return compose_briefing(_briefing(language, desk, agent), templates)
    if name == "digest":
        return compose_digest(_digest(language, desk, agent), templates)
    if name == "held":
        return compose_held(_held(language, desk, agent), templates)
    if name == "receipt":
        return compose_receipt(_receipt(language, desk, agent), templates)
    return compose(_letter(Purpose(name), language, desk), templates)


def _signed(desk: Desk, kind: str) -> str:
    local, _, domain = desk.address.rpartition("@")
    return f"{local}+{kind}{_TOKEN}@{domain}"


def _letter(purpose: Purpose, language: Language, desk: Desk) -> Letter:
    words = _WORDS[language]
    message = {
        Purpose.PROGRESS: words.done,
        Purpose.WAITING: words.asks,
        Purpose.RESOLVED: words.result,
        Purpose.CLOSED: words.farewell,
        Purpose.BULLETIN: words.outage,
    }
    return Letter(
        purpose=purpose,
        language=language,
        desk=desk,
        ticket_number=_NUMBER,
        to=Address(words.person, _CUSTOMER),
        message_id=f"<sample@{desk.domain}>",
        date=_NOW,
        subject=words.subject,
        show_subject=True,
        message=message.get(purpose, ""),
        reply_to=_signed(desk, "p" if purpose is Purpose.PRIVACY else "r"),
        standing=_standing(words) if purpose is Purpose.STATUS else None,
        promise=duewords.promise(_NOW + 5 * 3600, desk, language, _NOW) if purpose is Purpose.RECEIVED else "",
        matter=Matter.OUTAGE if purpose is Purpose.BULLETIN else None,
        ending=Ending(closes_at=_NOW + 7 * 86_400) if purpose is Purpose.REMIND else None,
        fewer=purpose is Purpose.FEWER,
        other=_OTHER if purpose in (Purpose.MERGED, Purpose.UNMERGED, Purpose.SPLIT) else "",
        personal=Personal(Occasion.ASK_ERASE, _NOW + 2 * 86_400) if purpose is Purpose.PRIVACY else None,
    )


def _standing(words: _Words) -> Standing:
    others = (OtherTicket(2, _OTHER, Status.RECEIVED, words.other), OtherTicket(3, "20251230-EML-0007", Status.WAITING, ""))
    return Standing(Status.WAITING, _entry(EntryKind.REPLY, "", words.asks), others)


def _entry(kind: EntryKind, author: str, text: str, **more: object) -> Entry:
    return Entry(1, 1, kind, author, _NOW - 3600, text, **more)  # type: ignore[arg-type]


def _ticket(language: Language, desk: Desk) -> Ticket:
    words = _WORDS[language]
    return Ticket(
        id=1,
        number=_NUMBER,
        desk=desk.name,
        status=Status.PROGRESS,
        subject=words.subject,
        language=language,
        created_at=_NOW,
        updated_at=_NOW,
        participants=(
            Participant(_CUSTOMER, words.person, Role.CUSTOMER),
            Participant("chen@customer.example", "", Role.CC),
        ),
        priority=Priority.HIGH,
        tags=("printer", "floor-2"),
        clock=TargetClock(1, desk.name, due_at=_NOW + 6 * 3600, due=Target.NEXT),
    )


def _answer(language: Language, desk: Desk, agent: Agent) -> Answer:
    words = _WORDS[language]
    return Answer(
        desk=desk,
        ticket=_ticket(language, desk),
        agent=agent,
        to=Address(words.person, _CUSTOMER),
        language=language,
        message_id=f"<sample@{desk.domain}>",
        date=_NOW,
        reply_to=_signed(desk, "r"),
        text=f"{words.done}\n\n{words.asks}",
        state="waiting",
        quoted=_entry(EntryKind.CUSTOMER, _CUSTOMER, words.wrote),
    )


def _briefing(language: Language, desk: Desk, agent: Agent) -> Briefing:
    words = _WORDS[language]
    picture = Attachment("display.jpg", "image/jpeg", 48_213, "0" * 64)
    details = (Detail("order", "SO-2026-0815", "reply"),)
    proved = {"mail_id": "sample", "evidence": Evidence.DMARC_DKIM.value}
    entry = _entry(EntryKind.CUSTOMER, _CUSTOMER, words.wrote, attachments=(picture,), details=details, **proved)
    return Briefing(
        what="answer",
        desk=desk,
        ticket=_ticket(language, desk),
        agent=agent,
        entry=entry,
        message_id=f"<sample@{desk.domain}>",
        date=_NOW,
        answer_to=_signed(desk, "a"),
        note_to=_signed(desk, "n"),
        earlier=(_entry(EntryKind.REPLY, agent.address, words.asks), _entry(EntryKind.CUSTOMER, _CUSTOMER, words.wrote)),
        others=_standing(words).others,
    )


def _digest(language: Language, desk: Desk, agent: Agent) -> Digest:
    words, ticket = _WORDS[language], _ticket(language, desk)
    ticket = replace(ticket, created_at=_NOW - 3 * 86_400)
    other = replace(ticket, id=2, number=_OTHER, subject=words.other, status=Status.RECEIVED, clock=None)
    late = replace(ticket, number="20260101-EML-0003", clock=TargetClock(1, desk.name, due_at=_NOW - 5400, due=Target.FIRST))
    return Digest(
        desk=desk,
        agent=agent,
        daily=Daily(
            overdue=Some((Waiting(late),), 1),
            today=Some((Waiting(replace(ticket, assignee=agent.address)),), 1),
            mine=Some((Waiting(replace(ticket, clock=None, assignee=agent.address), since=_NOW - 7200),), 1),
            unassigned=Some((Waiting(other, since=_NOW - 86_400),), 12),
            back=Some((Waiting(replace(other, number="20251230-EML-0007"), back_at=_NOW + 7200),), 1),
        ),
        message_id=f"<sample@{desk.domain}>",
        date=_NOW,
        answer_to=lambda _: _signed(desk, "a"),
    )


def _held(language: Language, desk: Desk, agent: Agent) -> HeldNotice:
    words, ticket = _WORDS[language], _ticket(language, desk)
    unproved = HeldItem(
        _CUSTOMER, words.subject, "join", Evidence.NONE.value, ticket.number, _NOW - 600, _signed(desk, "d"), words.wrote
    )
    forged = replace(unproved, subject=words.other, why="unproved", evidence=Evidence.FAIL.value, number="", text="")
    return HeldNotice(desk, agent, None, (unproved, forged), False, f"<sample@{desk.domain}>", _NOW)


def _receipt(language: Language, desk: Desk, agent: Agent) -> Receipt:
    title, *lines = _DONE[language]
    return Receipt(
        title=title,
        desk=desk,
        ticket=_ticket(language, desk),
        agent=agent,
        message_id=f"<sample@{desk.domain}>",
        date=_NOW,
        answer_to=_signed(desk, "a"),
        lines=tuple(line.format(to=_CUSTOMER) for line in lines),
        text=_WORDS[language].asks,
    )
