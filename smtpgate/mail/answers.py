"""An agent's answer as the customer gets it: a new mail of the desk, made of the agent's new words and files alone.

Nothing of the agent's own mail is copied: no field, no signed address, no quoted notification, no name of his machine.
Pure. Raises ComposeError when it cannot be what it is meant to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from smtpgate.desksettings import Agent, Desk
from smtpgate.languages import Language
from smtpgate.mail import letters, outward, quoting, wire
from smtpgate.mail.compose import Templates
from smtpgate.mail.letters import ComposeError
from smtpgate.mail.outward import Carried, attached
from smtpgate.mail.wire import Composed
from smtpgate.model import Address, Entry, Ticket

_NO_QUOTE = {"quoteby": "", "quote": "", "quotemarked": ""}


@dataclass(frozen=True, slots=True)
class Answer:
    """text is the agent's new text; html the same as sanitised HTML, None without any."""

    desk: Desk
    ticket: Ticket
    agent: Agent
    to: Address
    language: Language
    message_id: str
    date: float
    reply_to: str
    text: str
    html: str | None = None
    files: tuple[Carried, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    state: str = ""  # waiting, resolved or closed, when the answer comes with it
    merged: str = ""  # a number of his that leads to this ticket from now on
    quoted: Entry | None = None  # the customer's mail that is quoted below


def compose_answer(answer: Answer, templates: Templates) -> Composed:
    """The finished mail to the customer."""
    desk, ticket, language = answer.desk, answer.ticket, answer.language
    own_id, parent = wire.message_id(answer.message_id), wire.message_id(answer.in_reply_to)
    if own_id is None:
        raise ComposeError(f"{answer.message_id!r} is not a Message-ID")
    text = letters.many_lines(answer.text)
    formatted, pictures = _pictures(answer, own_id)
    person = letters.greeting_name(letters.named(answer.agent.name, language))
    values = {
        "number": ticket.number,
        "subject": (subject := letters.shown_subject(ticket.subject, ticket.number) if _may_read_subject(answer) else ""),
        "text": text,
        "formatted": Markup(formatted) if formatted is not None else _paragraphs(text),  # noqa: S704  # sanitised by mail.html
        "person": person,
        "state": answer.state,
        "merged": answer.merged,
        **letters.of_desk(desk, language),
        **_links(answer, subject),
    }
    team = str(values["desk"])
    quote = quoting.quote(answer.quoted, desk, language) if answer.quoted is not None else None
    values |= {"quoteby": quote.by, "quote": quote.text, "quotemarked": quote.marked} if quote else _NO_QUOTE
    page = templates.page(f"{language}/answer", values)
    sender = f"{person} ({team})" if person else team
    to = wire.checked_address(answer.to.address)
    fields = [
        ("From", wire.mailbox(sender, desk.address)),
        ("To", wire.mailbox(letters.one_line(answer.to.name, 80), to)),
        ("Reply-To", wire.mailbox(team, wire.checked_address(answer.reply_to))),
        ("Subject", wire.subject(f"[#{ticket.number}]", subject)),
        ("Date", format_datetime(datetime.fromtimestamp(answer.date, ZoneInfo(desk.timezone)))),
        ("Message-ID", own_id),
        *([("In-Reply-To", parent)] if parent else []),
        *([("References", chain)] if (chain := wire.references(answer.references, parent)) else []),
        ("Content-Language", str(values["lang"])),
    ]
    data = wire.assemble(fields, _content(page.text, page.html, pictures, _others(answer, pictures), own_id))
    return wire.finished(data, own_id, to)


def _links(answer: Answer, subject: str) -> dict[str, str]:
    """For the customer alone: nobody else's words count."""
    customer, his = answer.ticket.customer, _is_customers(answer)
    return letters.links(
        answer.language,
        answer.reply_to,
        answer.ticket.number,
        subject,
        words=his and answer.state != "closed",
        wishes=his,
        fewer=customer is not None and customer.fewer,
    )


def _is_customers(answer: Answer) -> bool:
    customer = answer.ticket.customer
    return customer is not None and customer.address == answer.to.address


def _may_read_subject(answer: Answer) -> bool:
    customer = answer.ticket.customer
    return customer is None or customer.subject or not _is_customers(answer)


def _pictures(answer: Answer, own_id: str) -> tuple[str | None, tuple[Carried, ...]]:
    """The HTML with content ids of ours, and the pictures that it shows."""
    if answer.html is None:
        return None, ()
    shown = outward.pictures(answer.html)
    names: dict[str, str] = {}
    found: list[Carried] = []
    for file in answer.files:
        old = (file.content_id or "").lower()
        if old in shown and old not in names:
            names[old] = f"{len(names) + 1}.{own_id.strip('<>')}"
            found.append(Carried(file.name, file.content_type, file.data, names[old]))
    return outward.renamed(answer.html, names), tuple(found)


def _others(answer: Answer, pictures: Sequence[Carried]) -> tuple[Carried, ...]:
    shown = {id(picture.data) for picture in pictures}
    return tuple(Carried(file.name, file.content_type, file.data) for file in answer.files if id(file.data) not in shown)


def _paragraphs(text: str) -> Markup:
    """Plain text as HTML: an empty line makes a paragraph."""
    made = []
    for block in text.split("\n\n"):
        lines = [str(escape(line)).replace("  ", "\u00a0 ") for line in block.strip("\n").split("\n")]
        if block.strip():
            made.append("<p>" + "<br>\n".join(lines) + "</p>")
    return Markup("\n".join(made))  # noqa: S704  # every piece is escaped above


def _content(text: str, page: str, pictures: Sequence[Carried], files: Sequence[Carried], own_id: str) -> wire.Multipart:
    both = wire.Multipart("alternative", f"{own_id} alternative", [wire.text_part("plain", text), wire.text_part("html", page)])
    if pictures:
        both = wire.Multipart("related", f"{own_id} related", [wire.nested(both), *(attached(p, inline=True) for p in pictures)])
    if files:
        both = wire.Multipart("mixed", f"{own_id} mixed", [wire.nested(both), *(attached(f) for f in files)])
    return both
