"""The mail to an agent about mail that is held: who seems to have written, why it is held, a look at it that harms nobody, and
links that release or drop it.

Pure. Nothing of a held mail is a link here, and none of its files comes along. Raises ComposeError as briefing does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from smtpgate.desksettings import Agent, Desk
from smtpgate.languages import Language
from smtpgate.mail import letters, safe
from smtpgate.mail.agentwords import EVIDENCE
from smtpgate.mail.briefing import common, finish
from smtpgate.mail.compose import Templates
from smtpgate.mail.wire import Composed
from smtpgate.model import Ticket

_TEXT, _LINES = 800, 15  # characters and lines of a held mail that are shown
_SUBJECT = 120
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "one": "A mail is held for you to decide",
        "many": "{count} mails are held for you to decide",
        "more": "More than {count} mails are held for you to decide",
        "subject": "Held mail",
        "join": "it would join a ticket, and nothing proves that it is from somebody there.",
        "unproved": "nothing proves that it is from who it says.",
        "agents-address": "it came to an address that an agent was given, from somebody else.",
        "other": "the gateway could not tell what it may do.",
        "release": "Release",
        "discard": "Drop",
    },
    "zh": {
        "one": "有一封邮件已暂扣，请您决定",
        "many": "有 {count} 封邮件已暂扣，请您决定",
        "more": "有超过 {count} 封邮件已暂扣，请您决定",
        "subject": "暂扣的邮件",
        "join": "它要归入一张工单，但无法证实它出自该工单的参与者。",
        "unproved": "无法证实它出自所称的发件人。",
        "agents-address": "它发到了只给某位客服的地址，却出自他人。",
        "other": "网关无法判断它可以做什么。",
        "release": "放行",
        "discard": "丢弃",
    },
    "zh-Hant": {
        "one": "有一封郵件已暫扣，請您決定",
        "many": "有 {count} 封郵件已暫扣，請您決定",
        "more": "有超過 {count} 封郵件已暫扣，請您決定",
        "subject": "暫扣的郵件",
        "join": "它要歸入一張工單，但無法證實它出自該工單的參與者。",
        "unproved": "無法證實它出自所稱的寄件人。",
        "agents-address": "它寄到了只給某位客服人員的地址，卻出自他人。",
        "other": "閘道無法判斷它可以做什麼。",
        "release": "放行",
        "discard": "丟棄",
    },
}


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One held mail. decide_at: the address that this agent was given for it; text: its words, "" where they are not shown."""

    author: str
    subject: str
    why: str
    evidence: str
    number: str
    at: float
    decide_at: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class HeldNotice:
    """more: there are held mails that are not among the items."""

    desk: Desk
    agent: Agent
    ticket: Ticket | None
    items: tuple[HeldItem, ...]
    more: bool
    message_id: str
    date: float
    references: tuple[str, ...] = ()


def compose_held(notice: HeldNotice, templates: Templates) -> Composed:
    """The finished mail to one agent. A reply to it goes to the desk: a decision has the address of one mail."""
    desk, agent, ticket = notice.desk, notice.agent, notice.ticket
    language: Language = agent.language
    words = WORDS[language]
    count = len(notice.items)
    headline = "more" if notice.more else "one" if count == 1 else "many"
    values = {
        **common(desk, ticket, language, notice.date),
        **({} if ticket else {"subject": words["subject"]}),
        "headline": words[headline].format(count=count),
        "items": [_item(item, desk, language) for item in notice.items],
        "more": notice.more,
    }
    reply_to = notice.items[0].decide_at if count == 1 else desk.address
    parent = notice.references[-1] if notice.references else None
    return finish(
        f"{language}/held",
        values,
        desk,
        ticket,
        agent,
        notice.message_id,
        notice.date,
        reply_to,
        parent,
        notice.references,
        templates,
    )


def _item(item: HeldItem, desk: Desk, language: Language) -> dict[str, Any]:
    words = WORDS[language]
    subject = f"{words['subject']}: {safe.line(item.subject, _SUBJECT)}"
    link = f"mailto:{quote(item.decide_at, safe='@+')}?subject={quote(subject)}&body="
    return {
        "author": safe.inert(safe.line(item.author, 320)) or "-",
        "subject": safe.inert(safe.line(item.subject, 200)),
        "why": words.get(item.why, words["other"]),
        "evidence": next((text for known, text in EVIDENCE[language].items() if known.value == item.evidence), ""),
        "number": safe.line(item.number, 60),
        "when": letters.date_text(item.at, desk, language),
        "text": _shown(item.text),
        "decide_at": item.decide_at,
        "release": link + quote("#release") + "%0D%0A",
        "discard": link + quote("#discard") + "%0D%0A",
    }


def _shown(text: str) -> str:
    lines = [line.rstrip() for line in safe.block(text[:_TEXT]).expandtabs(4).split("\n")]
    shown = "\n".join(lines[:_LINES]).strip("\n")
    return safe.inert(shown) + ("\n[…]" if len(text) > _TEXT or len(lines) > _LINES else "")
