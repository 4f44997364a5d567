"""Sample values with which every template is tried at a start: between them they take every way through each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from smtpgate.bulletin import Matter
from smtpgate.desksettings import Desk
from smtpgate.languages import LANGUAGES, Language
from smtpgate.mail import letters
from smtpgate.mail.letters import Ending, Letter, Personal, Purpose, Standing
from smtpgate.mail.privacywords import Occasion
from smtpgate.model import Address, Entry, EntryKind, OtherTicket, Status

PAGES = ("answer",)  # mails that are made of more than a letter's values
AGENTS_PAGES = ("to-agent", "receipt", "digest", "held")  # those that agents get
_OCCASIONS = {purpose: tuple(Occasion) if purpose is Purpose.PRIVACY else () for purpose in Purpose}
_PROMISES: dict[Language, str] = {
    "en": "You get an answer from one of us by Wednesday, 30 September 2026, 14:00 (UTC+8) at the latest.",
    "zh": "我们的同事最迟在 2026年9月30日（星期三） 14:00（UTC+8）之前给您答复。",
    "zh-Hant": "我們的同仁最遲會在 2026年9月30日（星期三） 14:00（UTC+8）之前答覆您。",
}


def of_letters() -> Iterator[Letter]:
    """Letters that between them take every way through a template."""
    desk = Desk(name="sample", address="support@example.com")
    full = Letter(
        purpose=Purpose.RECEIVED,
        language="en",
        desk=desk,
        ticket_number="20260102-EML-0042",
        to=Address("Zoë <b>", "zoe@example.org"),
        message_id="<sample@example.com>",
        date=1767312000.0,
        subject='Printer & "scanner" <offline> {{ 7 * 7 }} 打印机',
        show_subject=True,
        message="First line & <b>more</b>\n\n  第二行 {{ config }}",
        other="20260102-EML-0041",
        standing=Standing(
            Status.WAITING,
            Entry(1, 1, EntryKind.REPLY, "", 1767312000.0, "x"),
            (OtherTicket(2, "20260102-EML-0043", Status.RECEIVED, "Fax & <b>"),),
        ),
        ending=Ending("customer"),
        copies=True,
    )
    for language in LANGUAGES:
        for purpose in Purpose:
            letter = replace(full, language=language, purpose=purpose)
            yield replace(letter, matter=Matter.OUTAGE, promise=_PROMISES[language])
            yield replace(letter, ending=Ending("time", 7))
            yield from (replace(letter, personal=Personal(one, 1767312000.0, {"sent": 2}, "x")) for one in _OCCASIONS[purpose])
            yield replace(letter, ending=Ending(closes_at=1767312000.0, waiting=True))
            bare = replace(
                letter, subject="", show_subject=False, message="", standing=None, to=Address("", "zoe@example.org"), copies=False
            )
            yield replace(bare, ending=None)


_QUOTE = ("quoteby", "quote", "quotemarked")


def of_pages() -> Iterator[tuple[str, dict[str, Any]]]:
    """The same for pages."""
    common = {"number": "20260102-EML-0042", "date": "2 January 2026, 09:00"}
    desk = Desk(name="sample", address="support@example.com")
    rich: dict[str, dict[str, Any]] = {
        "answer": {
            "text": "First\n\nSecond <b>",
            "formatted": Markup("<p>First</p>"),
            "person": "Lee",
            "state": "resolved",
            "merged": "20260102-EML-0041",
            **dict(
                zip(
                    _QUOTE,
                    ("On 2 January 2026, a@example.org wrote:", "First <line>\n  2nd", "> First <line>\n>   2nd"),
                    strict=True,
                )
            ),
            **letters.links("en", desk.address, common["number"], "", words=True, wishes=True, fewer=True),
        },
        "to-agent": {
            "headline": "New ticket",
            "who": "zoe@example.org",
            "evidence": "proved",
            "text": "It <burns>\n\n  here",
            "facts": [("State: ", "received"), ("order: ", "A-1")],
            "earlier": [{"kind": "customer", "who": "zoe@example.org", "when": "today", "text": "Before\nthat"}],
            "links": [("Take it", "mailto:support@example.com?subject=x&body=y")],
            "answer_to": "support+a@example.com",
            "note_to": "support+n@example.com",
            "inside": False,
        },
        "receipt": {"headline": "Done", "lines": ["one", "two"], "folded": ["one", "two"], "text": "mine"},
        "digest": {
            "headline": "What waits",
            "lists": [
                {
                    "title": "Yours (30)",
                    "lines": [
                        {
                            "number": "20260102-EML-0042",
                            "facts": "received · 3 d",
                            "subject": "Fax & <b>",
                            "who": "zoe@example.org",
                            "links": [("Show", "mailto:support@example.com?subject=x&body=y")],
                        }
                    ],
                    "more": "and 29 more",
                }
            ],
        },
        "held": {"headline": "Held", "items": [_held_sample("Buy <b>"), _held_sample("")], "more": True},
    }
    empty: dict[str, dict[str, Any]] = {
        "answer": {
            **{"text": "x", "formatted": Markup("<p>x</p>"), "person": "", "state": "", "merged": ""},
            **dict.fromkeys(_QUOTE, ""),
            **letters.links("en", desk.address, common["number"], "", words=False, wishes=False, fewer=False),
        },
        "to-agent": {**rich["to-agent"], "evidence": "", "text": "", "facts": [], "earlier": [], "links": [], "inside": True},
        "receipt": {"headline": "Done", "lines": [], "folded": [], "text": ""},
        "digest": {"headline": "x", "lists": [{"title": "x", "lines": [], "more": ""}]},
        "held": {"headline": "Held", "items": [_held_sample("")], "more": False},
    }
    for language in LANGUAGES:
        shared = {**common, **letters.of_desk(desk, language)}
        for stem in (*PAGES, *AGENTS_PAGES):
            yield f"{language}/{stem}", {**shared, "subject": "Printer <offline>", **rich[stem]}
            yield f"{language}/{stem}", {**shared, "subject": "", **empty[stem]}


def _held_sample(text: str) -> dict[str, str]:
    """With a text a mail of which all is known, without one of which little is."""
    some = (
        {"subject": "Invoice", "number": "20260102-EML-0042", "text": text}
        if text
        else dict.fromkeys(("subject", "number", "text"), "")
    )
    fixed = {"author": "zoe@example[.]org", "why": "not proved", "evidence": "FORGED", "when": "today"}
    return {**some, **fixed, "decide_at": "support+h@example.com", "release": "mailto:a", "discard": "mailto:b"}
