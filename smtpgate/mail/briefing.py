"""Mail to agents: what happened in a ticket, with everything that is needed to answer it; and receipts of what was done.

Pure. Every value is cleaned here, whoever wrote it. Raises ComposeError when a mail cannot be what it is meant to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from smtpgate import spent
from smtpgate.desksettings import Agent, Desk
from smtpgate.languages import Language, colon, comma, written_in
from smtpgate.mail import duewords, letters, markwords, safe, wire
from smtpgate.mail.agentwords import EVIDENCE, LANGUAGES, LINKED, PRIORITY, SAID, STATUS, WORDS
from smtpgate.mail.compose import Templates
from smtpgate.mail.customerwords import Asked
from smtpgate.mail.folding import fold
from smtpgate.mail.letters import ComposeError
from smtpgate.mail.wire import Composed
from smtpgate.model import Entry, EntryKind, OtherTicket, Priority, Role, Ticket

_TEXT = 20_000  # characters of the new text that are shown; the whole is in the ticket
_EARLIER = 4000  # of each earlier entry
_VALUE = 500
_LET_JOIN = 3  # people in copy with a link of their own
_TOLD = {"closed": (Asked.SOLVED,), "language": (Asked.ENGLISH, Asked.SIMPLIFIED, Asked.TRADITIONAL)}
_LINKS = 10  # the newest ones that are shown


@dataclass(frozen=True, slots=True)
class Briefing:
    """What one agent is told of one ticket. what: new, answer, reopened, closed, language, third-party, note,
    assigned, handed, moved, shown, lost, late, due-soon, overdue.

    entry is what is new; earlier what was said before, the newest first. answer_to and note_to are this agent's signed
    addresses. references are the Message-IDs of the thread that this agent sees.
    """

    what: str
    desk: Desk
    ticket: Ticket
    agent: Agent
    entry: Entry
    message_id: str
    date: float
    answer_to: str
    note_to: str
    references: tuple[str, ...] = ()
    earlier: tuple[Entry, ...] = ()
    others: tuple[OtherTicket, ...] = ()
    back: float | None = None  # when the one who has the ticket is back from leave
    left_out: int = 0  # mails to this agent that a cap kept back since the last one


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an agent's mail, which was about a ticket or about none. lines: what was done, or why nothing was; text:
    his own, when it comes back."""

    title: str
    desk: Desk
    ticket: Ticket | None
    agent: Agent
    message_id: str
    date: float
    answer_to: str
    lines: tuple[str, ...]
    text: str = ""
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()


def compose_briefing(briefing: Briefing, templates: Templates) -> Composed:
    """The finished mail to one agent."""
    desk, ticket, agent = briefing.desk, briefing.ticket, briefing.agent
    language = agent.language
    words = WORDS[language]
    parent = briefing.references[-1] if briefing.references else None
    inside = briefing.entry.kind is EntryKind.NOTE  # a reply to what stays inside stays inside
    values = {
        **common(desk, ticket, language, briefing.date),
        "headline": words[briefing.what],
        "who": words["delivery"] if _returned(briefing) else _who(briefing.entry.author, ticket),
        "evidence": "" if _returned(briefing) else _evidence(briefing.entry, language),
        "text": _text(briefing.entry.text, _TEXT),
        "facts": _facts(briefing, language),
        "earlier": [_said(entry, desk, language) for entry in briefing.earlier],
        "links": _links(briefing, words),
        "answer_to": briefing.answer_to,
        "note_to": briefing.note_to,
        "inside": inside,
    }
    return finish(
        f"{language}/to-agent", values, desk, ticket, agent, briefing.message_id, briefing.date,
        briefing.note_to if inside else briefing.answer_to, parent, briefing.references, templates,
    )  # fmt: skip


def compose_receipt(receipt: Receipt, templates: Templates) -> Composed:
    """The finished mail to one agent."""
    desk, ticket, agent = receipt.desk, receipt.ticket, receipt.agent
    values = {
        **common(desk, ticket, agent.language, receipt.date),
        **({} if ticket else {"subject": receipt.title}),
        "headline": receipt.title,
        "lines": (lines := [safe.line(line, 1000) for line in receipt.lines]),
        "folded": [fold(line) for line in lines],
        "text": _text(receipt.text, _TEXT),
    }
    return finish(
        f"{agent.language}/receipt", values, desk, ticket, agent, receipt.message_id, receipt.date, receipt.answer_to,
        receipt.in_reply_to, receipt.references, templates,
    )  # fmt: skip


def common(desk: Desk, ticket: Ticket | None, language: Language, moment: float) -> dict[str, Any]:
    """What every page for agents may use."""
    return {
        "number": ticket.number if ticket else "",
        "subject": letters.shown_subject(ticket.subject, ticket.number) if ticket else "",
        "date": letters.date_text(moment, desk, language),
        **letters.of_desk(desk, language),
    }


def finish(
    stem: str,
    values: dict[str, Any],
    desk: Desk,
    ticket: Ticket | None,
    agent: Agent,
    message_id: str,
    date: float,
    reply_to: str,
    in_reply_to: str | None,
    references: tuple[str, ...],
    templates: Templates,
) -> Composed:
    """The mail around a page."""
    page = templates.page(stem, values)
    name = letters.desk_name(desk, agent.language)
    to, own_id = wire.checked_address(agent.address), wire.message_id(message_id)
    if own_id is None:
        raise ComposeError(f"{message_id!r} is not a Message-ID")
    parent = wire.message_id(in_reply_to)
    chain = wire.references(references, parent)
    fields = [
        ("From", wire.mailbox(name, desk.address)),
        ("To", to),
        ("Reply-To", wire.mailbox(name, wire.checked_address(reply_to))),
        ("Subject", wire.subject(f"[#{ticket.number}]" if ticket else "", values["subject"])),  # the same in the whole thread
        ("Date", format_datetime(datetime.fromtimestamp(date, ZoneInfo(desk.timezone)))),
        ("Message-ID", own_id),
        *([("In-Reply-To", parent)] if parent else []),
        *([("References", chain)] if chain else []),
        *wire.automatic("auto-generated"),
        ("Content-Language", values["lang"]),
    ]
    parts = [wire.text_part("plain", page.text), wire.text_part("html", page.html)]
    data = wire.assemble(fields, wire.Multipart("alternative", own_id, parts))
    return wire.finished(data, own_id, to)


def _text(text: str, limit: int) -> str:
    clean = "\n".join(line.rstrip() for line in safe.block(text[: limit + 1]).expandtabs(4).split("\n")).strip("\n")
    return clean if len(text) <= limit else clean[:limit].rstrip() + "\n[…]"


def _returned(briefing: Briefing) -> bool:
    """A report about a mail of ours: the signed return path vouches for it, and who sent it says nothing."""
    return briefing.what in ("lost", "late")


def _marks(briefing: Briefing) -> tuple[str, ...]:
    """Without what the headline says already."""
    told = _TOLD.get(briefing.what, ())
    return tuple(one for one in briefing.entry.marks if one not in told)


def _who(author: str, ticket: Ticket) -> str:
    """The address, which is what was checked; and a name that can be no other address, when the ticket knows one."""
    address = safe.line(author, _VALUE) or "-"
    named = next((p.name for p in ticket.participants if p.address.lower() == author.lower()), "")
    name = letters.greeting_name(named)
    return f"{name} <{address}>" if name else address


def _evidence(entry: Entry, language: Language) -> str:
    return next((words for known, words in EVIDENCE[language].items() if known.value == entry.evidence and entry.mail_id), "")


def _facts(briefing: Briefing, language: Language) -> list[tuple[str, str]]:
    """Label, with its colon, and value of what is worth knowing, the usual left out."""
    ticket, words = briefing.ticket, WORDS[language]
    facts = [
        (words["left-out"], words["left-out-many"].format(count=briefing.left_out) if briefing.left_out else ""),
        (words["status"], STATUS[language][ticket.status]),
        (duewords.WORDS[language]["due"], _due(briefing)),
        (words["priority"], "" if ticket.priority is Priority.NORMAL else PRIORITY[language][ticket.priority]),
        (words["assignee"], ticket.assignee or words["nobody"]),
        (words["away"], _away(briefing, words)),
        (words["snoozed"], _when(briefing, ticket.snoozed_until)),
        (words["worked"], spent.of(language)(ticket.worked) if ticket.worked else ""),
        (words["customer-now"], ticket.customer.address if ticket.customer is not None and ticket.customer.since else ""),
        (words["tags"], ", ".join(ticket.tags)),
        (words["joined"], ", ".join(p.address for p in ticket.joined)),
        (words["copied"], ", ".join(p.address for p in ticket.participants if p.role is Role.CC)),
        *((markwords.found(detail.name, language), detail.value) for detail in briefing.entry.details if detail.where != "quoted"),
        (words["written-in"], "" if ticket.language == language else LANGUAGES[language][written_in(ticket.language)]),
        (words["wishes"], words["fewer"] if ticket.customer is not None and ticket.customer.fewer else ""),
        (words["files"], "" if _returned(briefing) else ", ".join(a.filename for a in briefing.entry.attachments if not a.seen)),
        (words["marks"], comma(language).join(markwords.mark(one, language) for one in _marks(briefing))),
        *((words["linked"], LINKED[language][link.kind].format(number=link.number)) for link in ticket.links[-_LINKS:]),
        *((words["others"], f"{o.number} ({STATUS[language][o.status]}) {o.subject}") for o in briefing.others),
    ]
    return [(safe.line(name, 60) + colon(language), safe.line(value, _VALUE)) for name, value in facts if value]


def _due(briefing: Briefing) -> str:
    desk, agent = briefing.desk, briefing.agent
    return duewords.due_text(briefing.ticket.clock, desk, agent.language, briefing.date, agent.timezone or "")


def late_title(ticket: Ticket, language: Language) -> str:
    """Of the mail to a manager."""
    subject = letters.shown_subject(ticket.subject, ticket.number)
    return f"{WORDS[language]['overdue']}{colon(language)}{ticket.number} {subject}".strip()


def late_lines(ticket: Ticket, desk: Desk, manager: Agent, now: float) -> tuple[str, ...]:
    """What is late, and who has it."""
    language = manager.language
    words = WORDS[language]
    facts = (
        (duewords.WORDS[language]["due"], duewords.due_text(ticket.clock, desk, language, now, manager.timezone or "")),
        (words["status"], STATUS[language][ticket.status]),
        (words["priority"], PRIORITY[language][ticket.priority]),
        (words["assignee"], ticket.assignee or words["nobody"]),
        (words["customer"], ticket.customer.address if ticket.customer else "-"),
    )
    return tuple(f"{name}{colon(language)}{value}" for name, value in facts)


_LISTED = 20  # tickets that one mail about alarms names


def alarms_summed(tickets: Sequence[tuple[Ticket, Desk]], agent: Agent, now: float, lists_at: str) -> tuple[str, tuple[str, ...]]:
    """Title and lines about what somebody has not heard of in time, each with its desk. lists_at: where he may ask for lists, ""
    for nowhere."""
    language = agent.language
    words, between = duewords.SUMMED[language], colon(language)
    late = sum(1 for one, _ in tickets if one.clock is not None and one.clock.due_at is not None and one.clock.due_at <= now)
    parts = [(words["late"], late), (words["soon"], len(tickets) - late)]
    lines = [
        f"{one.number} {letters.shown_subject(letters.one_line(one.subject, 60), one.number)}".rstrip()
        + between
        + duewords.due_text(one.clock, desk, language, now, agent.timezone or "")
        for one, desk in tickets[:_LISTED]
    ]
    more = (words["more"].format(count=len(tickets) - _LISTED),) if len(tickets) > _LISTED else ()
    asks = (words["list"].format(address=lists_at),) if lists_at else ()
    said = comma(language).join(part.format(count=count) for part, count in parts if count)
    return words["title"].format(parts=said), (words["why"], *lines, *more, *asks)


def _when(briefing: Briefing, moment: float | None) -> str:
    return (
        "" if moment is None else letters.date_text(moment, briefing.desk, briefing.agent.language, briefing.agent.timezone or "")
    )


def _away(briefing: Briefing, words: dict[str, str]) -> str:
    """Why the others of the desk hear of what one of them has."""
    who, when = briefing.ticket.assignee, _when(briefing, briefing.back)
    return words["away-until"].format(who=who, when=when) if when else ""


def _said(entry: Entry, desk: Desk, language: Language) -> dict[str, str]:
    return {
        "kind": SAID[language][entry.kind],
        "who": safe.line(entry.author, _VALUE),
        "when": letters.date_text(entry.created_at, desk, language),
        "text": _text(markwords.event(entry.text, language) if entry.kind is EntryKind.EVENT else entry.text, _EARLIER),
    }


def _links(briefing: Briefing, words: dict[str, str]) -> list[tuple[str, str]]:
    """Label and mailto link of what a tap and "send" does."""
    ticket = briefing.ticket
    subject = letters.shown_subject(ticket.subject, ticket.number)
    wanted = [("resolve", "#resolved"), ("wait", "#waiting"), ("close", "#closed")]
    if len(briefing.desk.agents) > 1:
        wanted.append(("assign", "#assign "))  # the name is the agent's to write
    if briefing.what != "shown":
        wanted.append(("show", "#show"))
    wanted += [("spam", "#spam"), ("help", "#help")]
    if ticket.assignee.lower() != briefing.agent.address.lower():
        wanted.insert(0, ("take", "#take"))
    answer, note = (letters.mailto(to, ticket.number, subject) for to in (briefing.answer_to, briefing.note_to))
    links = [
        (words[name], f"{answer}&body={quote(command)}{'' if command.endswith(' ') else '%0D%0A'}") for name, command in wanted
    ]
    if briefing.entry.kind is EntryKind.NOTE:
        links.insert(0, (words["write"], answer))
    links.insert(1, (words["add-note"], note))
    for person in [p.address for p in ticket.participants if p.role is Role.CC][:_LET_JOIN]:
        links.insert(-1, (words["let-join"].format(who=safe.line(person, 60)), f"{answer}&body={quote(f'#cc +{person}')}%0D%0A"))
    return links
