"""The daily digest to one agent: what waits, in lists that are cut and say so. Pure; raises ComposeError as a briefing does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from smtpgate.desksettings import Agent, Desk
from smtpgate.languages import colon, comma
from smtpgate.listing import Daily, Some, Waiting
from smtpgate.mail import briefing, duewords, letters, safe
from smtpgate.mail.agentwords import STATUS
from smtpgate.mail.compose import Templates
from smtpgate.mail.wire import Composed

_SUBJECT = 80  # characters of a ticket's
_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "headline": "What waits for you",
        "overdue": "Overdue",
        "today": "Due today",
        "mine": "Yours",
        "unassigned": "Nobody has them",
        "back": "Snoozed, back today",
        "more": "and {count} more",
        "waits": "waiting for us for {age}",
        "back-at": "back at {when}",
        "take": "Take it",
        "show": "Show",
    },
    "zh": {
        "headline": "等待您处理的工单",
        "overdue": "已逾期",
        "today": "今天到期",
        "mine": "由您负责",
        "unassigned": "无人负责",
        "back": "暂缓后今天恢复",
        "more": "还有 {count} 张",
        "waits": "已等待我们 {age}",
        "back-at": "{when} 恢复",
        "take": "我来处理",
        "show": "查看",
    },
    "zh-Hant": {
        "headline": "等待您處理的工單",
        "overdue": "已逾期",
        "today": "今天到期",
        "mine": "由您負責",
        "unassigned": "無人負責",
        "back": "暫緩後今天恢復",
        "more": "還有 {count} 張",
        "waits": "已等待我們 {age}",
        "back-at": "{when} 恢復",
        "take": "我來處理",
        "show": "查看",
    },
}


@dataclass(frozen=True, slots=True)
class Digest:
    """answer_to: the agent's signed address for a ticket, which makes the links."""

    desk: Desk
    agent: Agent
    daily: Daily
    message_id: str
    date: float
    answer_to: Callable[[int], str]


def compose_digest(digest: Digest, templates: Templates) -> Composed:
    language = digest.agent.language
    words = _WORDS[language]
    lists = [(name, some) for name, some in _lists(digest.daily) if some.all]
    values = {
        **briefing.common(digest.desk, None, language, digest.date),
        "date": letters.date_text(digest.date, digest.desk, language, digest.agent.timezone or ""),
        "subject": colon(language).join(
            (words["headline"], comma(language).join(f"{words[name]} {some.all}" for name, some in lists))
        ),
        "headline": words["headline"],
        "lists": [_list(digest, name, some) for name, some in lists],
    }
    return briefing.finish(
        f"{language}/digest", values, digest.desk, None, digest.agent, digest.message_id, digest.date, digest.desk.address,
        None, (), templates,
    )  # fmt: skip


def _lists(daily: Daily) -> tuple[tuple[str, Some], ...]:
    return (
        ("overdue", daily.overdue),
        ("today", daily.today),
        ("mine", daily.mine),
        ("unassigned", daily.unassigned),
        ("back", daily.back),
    )


def _list(digest: Digest, name: str, some: Some) -> dict[str, Any]:
    words = _WORDS[digest.agent.language]
    more = some.all - len(some.first)
    return {
        "title": f"{words[name]} ({some.all})",
        "lines": [_line(digest, name, one) for one in some.first],
        "more": words["more"].format(count=more) if more > 0 else "",
    }


def _line(digest: Digest, name: str, one: Waiting) -> dict[str, Any]:
    ticket, language = one.ticket, digest.agent.language
    words = _WORDS[language]
    subject = letters.shown_subject(letters.one_line(ticket.subject, _SUBJECT), ticket.number)
    due = duewords.short_text(ticket.clock, digest.desk, language, digest.date, digest.agent.timezone or "")
    facts = [*filter(None, (due,)), STATUS[language][ticket.status], letters.age_text(digest.date - ticket.created_at, language)]
    if one.since is not None:
        facts.append(words["waits"].format(age=letters.age_text(digest.date - one.since, language)))
    if one.back_at is not None:
        zone = digest.agent.timezone or ""
        facts.append(words["back-at"].format(when=letters.date_text(one.back_at, digest.desk, language, zone)))
    base = letters.mailto(digest.answer_to(ticket.id), ticket.number, subject)
    return {
        "number": ticket.number,
        "facts": " · ".join(facts),
        "subject": subject or "-",
        "who": safe.line(ticket.customer.address, 200) if ticket.customer else "-",
        "links": [
            (words[link], f"{base}&body={quote(f'#{link}')}%0D%0A")
            for link in (("take", "show") if name != "back" and not ticket.assignee else ("show",))
        ],
    }
