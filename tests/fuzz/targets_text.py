"""Rich formats inside a mail, and what is made of its text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from smtpgate.mail import (
    bounce,
    bouncetext,
    calendar,
    content,
    digest,
    flowed,
    header,
    html,
    judge,
    kind,
    language,
    parent,
    rtf,
    thanks,
    tnef,
    trim,
    winmail,
)  # fmt: skip
from smtpgate.model import Address
from tests.fuzz import seeds
from tests.fuzz.target import Target
from tests.support import tnef as writer

_LIMIT = 256 * 1024

# --- formats ----------------------------------------------------------------------------------------------------------


def _tnef(data: bytes) -> Any:
    for one in (data, tnef.SIGNATURE + data):
        opened = winmail.open_one(one, _LIMIT)
        if opened is not None:
            for file in opened.files:
                assert not set(file.name) & set('/\\<>:"|?*\0')
            if opened.block:
                (opened.block.plain or "").encode()
                (opened.block.html or "").encode()
            if opened.meeting:
                calendar.describe(opened.meeting).encode()
    return opened


def _tnef_seeds() -> list[bytes]:
    html_ = writer.binary(0x1013, b"<p>hello</p>")
    packed = writer.binary(
        0x1009, writer.packed_rtf(b"{\\rtf1\\ansi hello \\par}", rtf.DICTIONARY if hasattr(rtf, "DICTIONARY") else b"")
    )
    return [
        *seeds.bodies(lambda p: p.kind.endswith("tnef")),
        writer.winmail(writer.message_class("IPM.Note"), writer.body(b"hello"), writer.file(b"a.txt", b"data")),
        writer.winmail(writer.code_page(936), writer.properties(html_, packed, writer.text(0x37, "subject"))),
        writer.winmail(writer.file(b"", b"", writer.embedded(writer.winmail(writer.body(b"inner"))))),
        writer.winmail(
            writer.message_class("IPM.Microsoft Schedule.MtgReq"),
            writer.properties(
                writer.named(writer.APPOINTMENT, 0x820D, 0x40, b"\0" * 8), writer.named_by_text("x", 0x1F, b"a\0\0\0")
            ),
        ),
    ]


def _rtf(data: bytes) -> Any:
    """Unpacking stays within its limit; both forms give text that can be stored."""
    unpacked = rtf.unpack(data, _LIMIT)
    assert len(unpacked) <= _LIMIT
    found = [rtf.read(one) for one in (data, b"{\\rtf1" + data, unpacked)]
    for _, text in found:
        text.encode()
    return unpacked, found


def _calendar(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    for one in (text, f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{text}\nEND:VEVENT\n"):
        found = calendar.read(one, "REQUEST")
        if found is not None:
            for said in ("zh", "en"):
                calendar.describe(found, language=said).encode()
            calendar.with_meeting(one, found, None, "en", "UTC").encode()
    return found


# --- HTML -------------------------------------------------------------------------------------------------------------

_NEVER = frozenset(
    ("script", "style", "iframe", "object", "embed", "link", "meta", "base", "form", "input", "svg", "math", "video", "audio", "source",
     "frame", "frameset", "applet", "template", "noscript", "title", "button", "textarea", "select")
)  # fmt: skip
_LOADS = frozenset(
    ("srcset", "background", "poster", "data", "action", "formaction", "xlink:href", "lowsrc", "dynsrc", "ping", "longdesc")
)


_ESCAPE = re.compile(r"\\([0-9a-f]{1,6}) ?")


class _Inspector(HTMLParser):
    """Asserts that nothing in it runs or loads."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in _NEVER, tag
        for name, value in attrs:
            said = (value or "").strip().lower()
            assert not name.startswith("on"), name
            assert name not in _LOADS, name
            if name == "src":
                assert said.startswith("cid:"), value
            elif name == "href":
                assert said.startswith(("http:", "https:", "mailto:", "tel:")), value
            elif name == "style":
                plain = _ESCAPE.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), said)  # nh3 writes 8e as 8\\65
                assert not any(word in plain for word in ("url(", "expression(", "@import", "position:", "\\")), value
            else:
                assert name not in ("id", "class"), name

    handle_startendtag = handle_starttag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:50]}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"a processing instruction: {data[:50]}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl[:50]}")


def _html(data: bytes) -> Any:
    """What is shown of a mail runs nothing and loads nothing, also when it is read and cleaned again."""
    source = data.decode("utf-8", "replace")
    text, marked = html.to_text(source), html.to_text(source, {"a": "picture"}, marks=True)
    text.encode()
    marked.encode()
    clean, defect = html.sanitise(source)
    clean.encode()
    if len(source) > 65536:  # what follows costs more than what is tried
        return text, clean, defect
    again, _ = html.sanitise(clean)
    for one in (clean, again):
        inspector = _Inspector(convert_charrefs=True)
        inspector.feed(one)
        inspector.close()
    if not defect:
        once = html._CLEANER.clean(html._CLEANER.clean(source))  # a paragraph within a paragraph parts at the second reading
        assert html._CLEANER.clean(once) == once, "cleaning again changes it"
    return text, clean, defect


# --- text -------------------------------------------------------------------------------------------------------------


def _subsequence(part: str, whole: str) -> bool:
    words = iter(whole.split())
    return all(word in words for word in part.split())


def _trim(data: bytes) -> Any:
    """No word is made up: what is shown as new is a subsequence of the text, with its parent as well as without."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    unmarked = trim.unmarked(text)
    found = []
    for answers in (True, False)[: 2 if len(text) < 65536 else 1]:
        said = trim.split(text, subject=text[:80], answers=answers)
        assert len(said.roles) == len(said.lines)
        assert _subsequence(trim.reply_part(text, answers=answers), unmarked)
        assert _subsequence(said.own(), said.in_context())
        better = parent.refined(unmarked, said.own(), said, [text[: len(text) // 2], "a parent\nthat says something else\n"])
        if better is not None:
            assert len(better.roles) == len(better.lines)
            assert _subsequence(better.own(), unmarked)
        found.append((said, better))
    flowed.unflow(text, delsp=len(text) % 2 == 0)
    return found


def _parent(data: bytes) -> Any:
    """A mail of our own is read back for its text; it comes from our store, but old ones were made by others."""
    texts = parent.texts_of(data)
    for text in texts:
        text.encode("utf-8", "surrogatepass")
    return texts


def _kinds(data: bytes) -> Any:
    """Reports, notices, answers of machines: whatever they say, one kind comes out, and its recipients are addresses."""
    fields, at = header.split(data)
    text = data[at:].decode("utf-8", "replace")
    subject = header.decode_words(header.first(fields, "subject") or "")
    found = []
    for mail_from in (None, "", "a@b.example")[: 3 if len(data) < 65536 else 1]:
        read = judge.Read(
            fields=fields,
            author=Address("MAILER-DAEMON", "mailer-daemon@x.example") if len(data) % 2 else None,
            people=(Address("", "help@desk.example"),),
            subject=subject,
            raw=data,
            text=text,
            reply=text[:1000],
            status=(data[at:],),
        )
        found.append(judge.judge(read, mail_from))
    for one in (*bounce.from_raw(data), *bounce.from_status(data[at:]), *bounce.from_text(text[:65536], ours=frozenset())[0]):
        assert one.address
        assert one.address.isprintable()
        assert "\n" not in one.diagnostic
    bouncetext.read(text[:65536], subject, ours=frozenset(), domain="x.example")
    bounce.id_in_text(text)
    for f in (kind.away_subject, kind.bounce_subject, kind.declared, digest.normal_subject, digest.numbers, thanks.only_thanks):
        f(text[:2000])
        f(subject)
    return found


def _language(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    spoken = language.of(text, text[:100], ("gb2312", "zh-CN"))
    assert spoken == "" or spoken.isalpha()
    return spoken, language.script(text), thanks.only_thanks(text), content.Block(plain=text).says


TAGS = (
    b"<p>", b"<div>", b"</div>", b"<br>", b"<table><tr><td>", b"<script>", b"</script>", b"<style>", b"</style>", b"<!--", b"-->",
    b"<![CDATA[", b"<!--[if mso]>", b"<![endif]-->", b"<svg>", b"<math>", b"<mglyph>", b"<noscript>", b"<template>", b"<img src=x onerror=",
    b"javascript:", b" style=\"", b"url(", b"expression(", b"&#x110000;", b"&#0;", b"&lt;", b"&nbsp", b"<a href=\"", b"<blockquote type=cite>",
    b"<base href=", b"<iframe src=", b"<o:p>", b"<select>", b"<plaintext>", b"<xmp>", b"<title>", b"cid:", b"data:text/html,", b"\">", b"'",
    b" on", b"<div class=gmail_quote>", b"<pre>", b"<ol start=", b"display:none", b"<form>", b"<textarea>", b"<td", b" background=",
)  # fmt: skip
QUOTES = (
    b"> ", b">", b"\n", b"On 1 Jan 2026, X <x@y.example> wrote:\n", "在 2026-01-02 写道：\n".encode(), b"-----Original Message-----\n",
    b"From: X <x@y.example>\nSent: Monday\nTo: Y\nSubject: Z\n", b"-- \n", b"________________________________\n", b"Sent from my iPhone\n",
    "发自我的iPhone\n".encode(), b"Begin forwarded message:\n", b"---------- Forwarded message ---------\n", "------------------ 原始邮件 ------------------\n".encode(),
    b"Le lun. 1 janv. 2026, X a \xc3\xa9crit :\n", b"Am 01.01.2026 schrieb X:\n", b"-----BEGIN PGP SIGNED MESSAGE-----\n", b"\n\n", b"* ", b"| ",
    b"Hello,\n", b"Regards,\nX\n", b"CONFIDENTIAL: this mail\n", "返信\n".encode(), "差出人: X\n".encode(),
)  # fmt: skip
NOTICES = (
    b"Final-Recipient: rfc822; a@b.example\n", b"Original-Recipient: rfc822;a@b.example\n", b"Action: failed\n", b"Action: delayed\n",
    b"Status: 5.1.1\n", b"Diagnostic-Code: smtp; 550 5.1.1 no\n", b"<a@b.example>:\n", b"Your message could not be delivered\n",
    b"Subject: Undelivered Mail Returned to Sender\n", b"Subject: Out of office\n", b"Subject: Automatic reply: x\n", b"Auto-Submitted: ",
    b"This is the mail system at host\n", "退信\n".encode(), b"The following addresses had permanent fatal errors\n", b"Return-Path: <>\n",
    b"X-Failed-Recipients: a@b.example\n", b"Content-Type: multipart/report; report-type=delivery-status\n", b"550 ", b"a@b.example", b"\n\n",
    b"Reporting-MTA: dns; x\n", b"Message-ID: <a@b>\n", b"Feedback-Type: abuse\n", b"List-Id: <x>\n", b"Precedence: bulk\n",
)  # fmt: skip


def _texts() -> list[bytes]:
    return seeds.bodies(lambda p: p.kind == "text/plain")


TARGETS = (
    Target("tnef", _tnef, _tnef_seeds, (b"\x78\x9f\x3e\x22", b"\x01\x03\x90\x06\x00", b"\x02\x05\x90\x06\x00", b"\x1f\x00", b"\x02\x01", b"\x0d\x00", b"LZFu", b"\x0f\x80\x06\x00", b"\x10\x80\x01\x00", b"\xff\xff\xff\x7f", b"\x01\x00\x00\x00")),
    Target(
        "rtf",
        _rtf,
        lambda: [b"{\\rtf1\\ansi\\ansicpg936\\fromhtml1 {\\*\\htmltag64 <p>}hello\\'c4\\'e3\\u20320?\\par}", writer.stored_rtf(b"{\\rtf1 x}"), writer.packed_rtf(b"{\\rtf1\\ansi hello hello hello}", b"{\\rtf1\\ansi")],
        (b"{", b"}", b"\\", b"\\'c4", b"\\u20320?", b"\\u-1?", b"\\uc99", b"\\bin9", b"\\*", b"\\fromhtml1", b"{\\*\\htmltag64 ", b"\\htmlrtf", b"\\htmlrtf0", b"\\fonttbl", b"\\f0\\fcharset134", b"\\par", b"\\ansicpg65001", b"\\pntext", b"\\ansicpg99999999999", b"LZFu", b"MELA"),
    ),
    Target(
        "calendar",
        _calendar,
        lambda: [*seeds.bodies(lambda p: p.kind == "text/calendar"), _ICS],
        (b"BEGIN:VEVENT\n", b"END:VEVENT\n", b"BEGIN:VTIMEZONE\n", b"BEGIN:STANDARD\n", b"BEGIN:DAYLIGHT\n", b"DTSTART;TZID=X:", b"20260102T030405Z", b"RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", b"DURATION:PT", b"-P99999W", b"TZOFFSETTO:+0100\n", b"TZOFFSETTO:+9999\n", b"TZID:X\n", b"ATTENDEE;CN=\"x\":mailto:a@b\n", b"\\n", b"99991231T235959", b"00010101T000000", b"VALUE=DATE:", b"UNTIL=", b"\r\n ", b"INTERVAL=0", b"COUNT=", b"BYDAY=99MO"),
    ),
    Target("html", _html, lambda: seeds.bodies(lambda p: p.kind == "text/html"), TAGS),
    Target("trim", _trim, _texts, QUOTES),
    Target("parent", _parent, seeds.mails, TAGS[:12]),
    Target("kinds", _kinds, seeds.mails, NOTICES),
    Target("language", _language, _texts, ("谢谢".encode(), "ありがとう".encode(), b"thanks", "спасибо".encode(), b"danke", b"merci", "감사".encode(), "ขอบคุณ".encode(), b"!", b" the ", b" und ", b"\n", b"http://x ")),
)  # fmt: skip
_ICS = (
    b"BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\n"
    b"TZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\n"
    b"TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\nBEGIN:VEVENT\n"
    b"DTSTART;TZID=X:20260102T030405\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20261231T000000Z\nSUMMARY:a\\, b\n"
    b'ORGANIZER;CN="O, X":mailto:o@x.example\nATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x.example\nEND:VEVENT\nEND:VCALENDAR\n'
)
