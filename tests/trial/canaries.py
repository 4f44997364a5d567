"""A word in every field of an agent's mail and in every fact of the inside: none reaches the customer but in its place.

    python -m tests.trial.canaries [--count 10000] [--seed 1]

The places are the agent's new words, the targets of links and the places of pictures among them, and the names and octets of the
files that he attached. Everything else has words that must not come through: each header field, names and comments of people,
boundaries, what stands before and behind the parts, their names, descriptions and ids, comments and attributes of HTML, remote
pictures; and the inside, which the quoted notification holds: notes, tags, colleagues, signed addresses, other tickets, what was
said with the customer of before, in whose place an agent put this one.
`count` is how many answers were sent on; what was refused is counted apart, and may not reach anybody.
"""

from __future__ import annotations

import base64
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.header import decode_header
from typing import cast
from urllib.parse import unquote_to_bytes

from smtpgate.model import OutgoingMail
from tests.support.helpdesk import CUSTOMER, DESK, mail
from tests.support.instant import Instant
from tests.trial import counted
from tests.trial.sequences import DESKS, FRIEND, KIM, LEE, Letter

AGENTS = [{"address": LEE, "name": {"en": "Lee"}}, {"address": KIM, "name": {"en": "Kim"}}]
_WORD = re.compile(rb"zq(?:no|yes|inside)\d+x")
_ENCODED = re.compile(rb"=\?[A-Za-z0-9-]+\?[BbQq]\?[^?\s]*\?=")
_BASE64 = re.compile(rb"Content-Transfer-Encoding: base64\r\n(?:[^\r\n]+\r\n)*\r\n([A-Za-z0-9+/=\r\n]+)")
_INSIDE = (LEE, KIM, "corp.example", ".agents@", "#resolved", "sender proved")  # besides the words
OLD, _BEFORE = "wang@old.example", b"zqbefore1x"  # the customer of before; a word of his subject
_PICTURE = b"\x89PNG\r\n\x1a\n"

_NAMES = """
X-Mailer User-Agent X-Originating-IP Organization X-Face Face Comments Keywords Thread-Topic Thread-Index Sender Reply-To
Return-Path Disposition-Notification-To Return-Receipt-To Errors-To X-Priority Importance X-MSMail-Priority X-MimeOLE
Autocrypt OpenPGP X-MS-Exchange-Organization-AuthSource X-MS-Has-Attach X-MS-TNEF-Correlator X-Sender X-Report-Abuse
X-Spam-Status X-Virus-Scanned X-Google-Smtp-Source X-Gm-Message-State X-Received X-Forwarded-To Delivered-To X-Original-To
Envelope-To Resent-From Resent-To Resent-Message-ID Authentication-Results ARC-Seal ARC-Message-Signature DKIM-Signature
DomainKey-Signature Received-SPF Accept-Language Content-Language X-QQ-mid X-QQ-SSF X-QQ-STYLE X-HAS-ATTACH
X-Apple-Mail-Remote-Attachments X-Universally-Unique-Identifier X-Uniform-Type-Identifier Archived-At Supersedes Expires
Reply-By Sensitivity X-Smtpgate-Ticket X-Smtpgate-Note __proto__ Subject-Extra Bcc Cc Mail-Followup-To X-Confirm-Reading-To
Feedback-ID X-Envelope-From Original-Recipient
"""
_FIELDS = tuple(_NAMES.split())


@dataclass
class Words:
    """Makes words. allowed: those that may come through."""

    serial: int = 0
    where: dict[bytes, str] = field(default_factory=dict)
    allowed: set[bytes] = field(default_factory=set)
    needed: set[bytes] = field(default_factory=set)

    def no(self, where: str) -> str:
        self.serial += 1
        word = f"zqno{self.serial}x"
        self.where[word.encode()] = where
        return word

    def yes(self, where: str, *, must: bool = False) -> str:
        self.serial += 1
        word = f"zqyes{self.serial}x"
        self.where[word.encode()] = where
        self.allowed.add(word.encode())
        if must:
            self.needed.add(word.encode())
        return word


def _fields(rng: random.Random, w: Words) -> list[str]:
    lines = []
    for name in rng.sample(_FIELDS, rng.randrange(10, 40)):
        value = w.no(name)
        if name in ("Sender", "Reply-To", "Cc", "Bcc", "Resent-From", "Resent-To", "Errors-To", "Mail-Followup-To", "Return-Path"):
            value = f'"{value}" <{w.no(name)}@corp.example>'
        lines.append(f"{name}: {value}" + (f"\r\n\t({w.no(name)})" if rng.random() < 0.2 else ""))
    for _ in range(rng.randrange(4)):
        host = w.no("Received")
        lines.append(
            f"Received: from {host}.corp.example ({w.no('Received')} [10.1.2.3])\r\n\tby {w.no('Received')} with ESMTP; today"
        )
    rng.shuffle(lines)
    return lines


def _quoted_text(rng: random.Random, told: Letter, w: Words) -> str:
    """The notification below, as clients put it there, with the words of whoever forwards and answers it."""
    text = told.text()
    marked = "".join(f"> {line}\n" for line in text.splitlines())
    who = w.no("line over a quote")
    sent, subject = "Friday, January 2, 2026 10:05 AM", told.field("Subject")
    return rng.choice(
        (
            f"On Fri, 2 Jan 2026 at 10:05, {who} <{DESK}> wrote:\n\n{marked}",
            f"Am 02.01.26 um 10:05 schrieb {who}:\n{marked}",
            f"-----Original Message-----\nFrom: {who} <{DESK}>\nSent: {sent}\nTo: {LEE}\nSubject: {subject}\n\n{text}",
            f"________________________________\nFrom: {who} <{DESK}>\nSent: {sent}\nTo: Lee\nSubject: {subject}\n\n{text}",
            f"发件人: {who} <{DESK}>\n发送时间: 2026年1月2日 10:05\n收件人: {LEE}\n主题: {subject}\n\n{text}",
            f"------------------ Original ------------------\nFrom: \"{who}\" <{DESK}>;\nDate: Fri, Jan 2, 2026\nTo: <{LEE}>;\n"
            f"Subject: {subject}\n\n{text}",
            f"在 2026-01-02 10:05:00，\"{who}\" <{DESK}> 写道：\n\n{marked}",
        )
    )  # fmt: skip


def _quoted_html(rng: random.Random, told: Letter, w: Words) -> str:
    page = told.html()
    body = page[page.find("<body") :].partition(">")[2].partition("</body>")[0]
    who = w.no("line over a quote in HTML")
    head = f"<b>From:</b> {who} &lt;{DESK}&gt;<br><b>Sent:</b> Friday<br><b>To:</b> {LEE}<br><b>Subject:</b> x<br>"
    return rng.choice(
        (
            f'<div class="gmail_quote"><div class="gmail_attr">On Fri, {who} &lt;{DESK}&gt; wrote:<br></div>'
            f'<blockquote class="gmail_quote">{body}</blockquote></div>',
            f'<blockquote type="cite"><div>On 2 Jan 2026, {who} &lt;{DESK}&gt; wrote:</div><div>{body}</div></blockquote>',
            f'<hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg"><font>{head}</font></div><div>{body}</div>',
            f'<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal">{head}</p></div>{body}',
            f'<div><includetail><div>------------------&nbsp;Original&nbsp;------------------</div><div>{head}</div>{body}</includetail></div>',
            f'<div class="moz-cite-prefix">Am 02.01.26 schrieb {who}:<br></div>'
            f'<blockquote type="cite" cite="mid:{w.no("cite")}">{body}</blockquote>',
        )
    )  # fmt: skip


def _html(rng: random.Random, words: list[str], quote: str, w: Words, pictures: list[str]) -> str:
    """The same words as the text, with everything else that clients put into HTML."""
    out = []
    for word in words:
        tag = rng.choice(("p", "div", "b", "span"))
        attributes = " ".join(
            f'{name}="{w.no("attribute " + name)}"'
            for name in rng.sample(
                ("id", "class", "data-x", "title", "lang", "name", "onclick", "data-outlook-trace"), rng.randrange(4)
            )
        )
        out.append(
            f"<{tag} {attributes} style=\"font-family:'{w.no('style')}';background:url(https://t.example/{w.no('url')})\">{word}</{tag}>"
        )
        out.append(f"<!-- {w.no('comment')} --><!--[if gte mso 9]><xml>{w.no('conditional comment')}</xml><![endif]-->")
    if rng.random() < 0.3:
        out.append(f'<img src="https://track.example/{w.no("tracker")}.gif" width="1" height="1" alt="">')
    drawn = [
        f'<img src="cid:{name}" alt="{w.no("alt")}" title="{w.no("title of a picture")}" id="{w.no("id")}">' for name in pictures
    ]
    out[len(out) // 2 : len(out) // 2] = drawn  # among his words
    head = f'<meta name="Generator" content="{w.no("meta")}"><title>{w.no("title")}</title><style>.{w.no("style")} {{}}</style>'
    return f"<html><head>{head}</head><body class='{w.no('class')}'>{''.join(out)}{quote}</body></html>"


def _part(kind: str, data: bytes, w: Words, *fields: str, encoding: str = "base64") -> bytes:
    own = [*fields, f"Content-Description: {w.no('Content-Description')}", f"X-Part: {w.no('field of a part')}"]
    if encoding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    head = "\r\n".join((f"Content-Type: {kind}", f"Content-Transfer-Encoding: {encoding}", *own))
    return head.encode() + b"\r\n\r\n" + data


def _multipart(kind: str, parts: list[bytes], w: Words, boundary: str) -> tuple[str, bytes]:
    preamble, epilogue = w.no("preamble"), w.no("epilogue")
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    whole = f"{preamble}\r\n".encode() + body + f"--{boundary}--\r\n{epilogue}\r\n".encode()
    return f'multipart/{kind}; boundary="{boundary}"; x-param="{w.no("parameter")}"', whole


def answer(rng: random.Random, told: Letter, w: Words, serial: int) -> bytes:
    """One mail of an agent, with words in all of it."""
    words = [w.yes("his text", must=True) for _ in range(rng.randrange(1, 4))]
    text = "\r\n\r\n".join(words)
    quoted = rng.random() < 0.8
    below = "\r\n\r\n" + _quoted_text(rng, told, w).replace("\n", "\r\n") if quoted else ""
    utf8 = "text/plain; charset=utf-8"
    plain = _part(f'{utf8}; name="{w.no("name of the text")}"', (text + below).encode(), w, encoding=rng.choice(("8bit", "base64")))
    kind, content = "", plain
    shape = rng.choice(("plain", "alternative", "alternative", "related", "html"))
    pictures = [f"{w.no('content id')}@corp.example" for _ in range(rng.randrange(1, 3))] if shape == "related" else []
    if shape != "plain":
        quote = _quoted_html(rng, told, w) if quoted else ""
        page = _part("text/html; charset=utf-8", _html(rng, words, quote, w, pictures).encode(), w)
        if shape == "html":
            kind, content = "", page
        else:
            kind, content = _multipart("alternative", [plain, page], w, w.no("boundary"))
    if pictures:
        drawn = [
            _part(f'image/png; name="{w.no("name")}.png"', _PICTURE + w.yes("picture").encode(), w, f"Content-ID: <{name}>",
                  f'Content-Disposition: inline; filename="{w.yes("name of a picture")}.png"; read-date="{w.no("date of a file")}"')
            for name in pictures
        ]  # fmt: skip
        inner = f"Content-Type: {kind}\r\n\r\n".encode() + content if kind else content
        kind, content = _multipart("related", [inner, *drawn], w, w.no("boundary"))
    if rng.random() < 0.4:
        files = []
        for _ in range(rng.randrange(1, 3)):
            name = rng.choice(("{}.pdf", "图纸-{}.pdf", "../../etc/{}", "{}\u202egpj.exe", "{} (1).docx")).format(
                w.yes("name of a file", must=True)
            )
            octets = b"%PDF-1.4 " + w.yes("file", must=True).encode()
            disposition = (
                f'attachment; filename="=?utf-8?b?{base64.b64encode(name.encode()).decode()}?="; modification-date="{w.no("date")}"'
            )
            files.append(
                _part(f'application/pdf; x-unix-mode={w.no("mode")}', octets, w, f"Content-Disposition: {disposition}",
                      f"X-Attachment-Id: {w.no('id of a file')}", f"Content-Location: file:///C:/Users/{w.no('path')}/a.pdf")
            )  # fmt: skip
        if rng.random() < 0.3:
            files.append(
                _part(
                    "application/pkcs7-signature",
                    w.no("certificate").encode(),
                    w,
                    'Content-Disposition: attachment; filename="smime.p7s"',
                )
            )
        inner = f"Content-Type: {kind}\r\n\r\n".encode() + content if kind else content
        kind, content = _multipart("mixed", [inner, *files], w, w.no("boundary"))
    top = [
        f'From: "{w.no("name in From")} Lee" <{LEE}>',
        f'To: "{w.no("name in To")}" <{told.answer_to}>',
        f"Subject: Re: {told.field('Subject')} {w.no('Subject')}",
        f"Date: Fri, 02 Jan 2026 10:00:00 +0000 ({w.no('comment in Date')})",
        f"Message-ID: <{w.no('Message-ID')}.{serial}@corp.example>",
        f"In-Reply-To: {told.mail.message_id}",
        f"References: <{w.no('References')}@corp.example> {told.mail.message_id}",
        f"MIME-Version: 1.0 ({w.no('comment in MIME-Version')})",
        *_fields(rng, w),
    ]
    head = "\r\n".join(top) + "\r\n" + (f"Content-Type: {kind}\r\n\r\n" if kind else "")
    return head.encode() + content


_decoded = cast(Callable[[str], Iterable[tuple[bytes | str, str | None]]], decode_header)


def _all(data: bytes) -> bytes:
    """Everything that a finished mail says, whatever its encoding."""
    whole = [data, data.replace(b"=\r\n", b""), unquote_to_bytes(data)]
    whole += [base64.b64decode(part) for part in _BASE64.findall(data)]
    for encoded in _ENCODED.findall(data):
        whole += [text.encode() if isinstance(text, str) else text for text, _ in _decoded(encoded.decode())]
    return b"\n".join(whole)


def _leaks(data: bytes, w: Words, secrets: set[bytes]) -> list[str]:
    said = _all(data)
    found = set(_WORD.findall(said))
    wrong = [f"{word.decode()} ({w.where.get(word, 'the inside')})" for word in found if word not in w.allowed]
    wrong += [f"missing: {w.where[word]}" for word in w.needed if word not in found]
    return wrong + [secret.decode() for secret in secrets if secret in said]


class Scene:
    """A ticket with everything inside that a ticket can have; `told` is what its agent sees of it."""

    def __init__(self) -> None:
        self.desk = Instant(desk=DESKS, agent=AGENTS, limits={"notifications_per_hour": 10_000})
        self._post(mail("zqinside1x lamp", "Other matter.", sender=f"Alice <{CUSTOMER}>"), CUSTOMER)
        subject = f"Printer {_BEFORE.decode()}"
        first = self._post(
            mail(subject, "zqinside7x burns.", sender=f"zqinside8x <{OLD}>", message_id="<zqinside9x@old.example>"), OLD
        )
        letter = next(Letter(LEE, m) for m in first if m.recipients[0].address == LEE)
        texts = (
            "#tag zqinside3x red",
            "#priority urgent\nzqinside4x hurry",
            "#assign kim\nzqinside5x yours",
            "#take\nzqinside6x mine again",
            "#reply\nzqinside10x is it?",
            "#note\nzqinside2x he is rude",
            f"#customer {CUSTOMER}\n#cc {FRIEND}\n#reply\nIs it yours?",
        )
        for text in texts:
            headers = (f"In-Reply-To: {letter.mail.message_id}",)
            sent = self._post(mail("Re: Printer", text, sender=LEE, headers=headers), LEE, letter.answer_to)
        his = next(Letter(CUSTOMER, m) for m in sent if m.recipients[0].address == CUSTOMER)
        headers = (f"In-Reply-To: {his.mail.message_id}",)
        answered = self._post(mail("Re: Printer", "It burns.", headers=headers), CUSTOMER, his.answer_to)
        letter = next(Letter(LEE, m) for m in answered if m.recipients[0].address == LEE)
        sent = self._post(mail("Re: Printer", "#show", sender=LEE), LEE, letter.answer_to)
        self.told = next(Letter(LEE, m) for m in sent if m.purpose == "to-agent")
        assert all(word in self.told.mail.data.replace(b"=\r\n", b"") for word in (_BEFORE, b"zqinside2x", b"zqinside10x"))
        secrets = {OLD, self.told.answer_to, self.told.note_to(), self.told.answer_to.partition("@")[0][-30:]}
        self.secrets = {s.encode() for s in (*secrets, *_INSIDE)}

    def _post(self, raw: bytes, sender: str, to: str = DESK) -> tuple[OutgoingMail, ...]:
        self.desk.clock.advance(100)
        return self.desk.post(raw, sender=sender, rcpts=(to,))[0].sent


def run(count: int, seed: int) -> Counter[str]:
    """Raises AssertionError for the first word that is where it must not be."""
    rng, told, scene = random.Random(seed), Counter[str](), Scene()
    while told["answers"] < count:
        w, serial = Words(), told["mails"]
        raw = answer(rng, scene.told, w, serial)
        scene.desk.mark()
        (done,) = scene.desk.post(raw, sender=LEE, rcpts=(scene.told.answer_to,))
        told["mails"] += 1
        told[done.outcome if done.outcome != "answer" else "answers"] += 1
        for sent in done.sent:
            to = sent.recipients[0].address
            if to in (LEE, KIM):
                continue
            assert to in (CUSTOMER, FRIEND), f"seed {seed}, mail {serial}: to {to}"
            told[f"to {to}"] += 1
            wrong = _leaks(sent.data, w, scene.secrets | ({_BEFORE} if to == CUSTOMER else set()))
            assert not wrong, f"seed {seed}, mail {serial}, to {to}: {wrong}"
            told["words that must not come through"] += len(w.where) - len(w.allowed)
        scene.desk.back()
        scene.desk.forget()
    scene.desk.close()
    return told


if __name__ == "__main__":
    sys.exit(counted.main(__doc__, run, 10_000))
