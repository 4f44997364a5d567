"""How well kinds of mail are told apart, and bounced recipients found: over shapes of clients and mail systems.

    python -m tests.evaluation.kinds        every variant, each miss and each mistake by name

The suite runs the same with fewer variants (test_kinds.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from smtpgate.limitsettings import Limits
from smtpgate.mail import parse
from smtpgate.model import Kind, ParsedMail
from tests.evaluation import bounces, people

US = "support@help.example"
ID = "<1.2@help.example>"
PEOPLE = (
    "kitty@far.example",
    "li.wei88@mail.far.example",
    "o'neil_x@sub-domain.example",
    "13800138000@far.example",
    "info@xn--fsq.example",
)
WORDS = {"plain": "utf-8", "gb": "gb18030"}


@dataclass(slots=True)
class Score:
    machines: int = 0
    found: int = 0
    humans: int = 0
    misjudged: int = 0
    bounces: int = 0
    exact: int = 0
    reasons: int = 0
    actions: int = 0
    ids: int = 0
    with_id: int = 0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> str:
        return (
            f"automatic mail found {self.found} of {self.machines}; humans misjudged {self.misjudged} of {self.humans}; "
            f"bounces: recipients exact {self.exact} of {self.bounces}, reason {self.reasons}, action {self.actions}, "
            f"original id {self.ids} of {self.with_id}"
        )


def read(raw: str, charset: str = "utf-8") -> ParsedMail:
    return parse.parse(raw.replace("\n", "\r\n").encode(charset, "replace"), mail_from="", limits=Limits())


def bounce_mail(shape: bounces.Bounce, to: str, *, html: bool = False, charset: str = "utf-8") -> str:
    def filled(text: str) -> str:
        return text.replace("{to}", to).replace("{us}", US).replace("{id}", ID)

    head = [f"From: {shape.sender}", f"To: {US}", f"Subject: {shape.subject}", "Date: Fri, 2 Jan 2026 15:04:05 +0800"]
    head += [filled(shape.headers)] if shape.headers else []
    head += ["Return-Path: <>"] if shape.null else []
    text, kind = filled(shape.text), f"text/plain; charset={charset}"
    if html:
        lines = (line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in text.split("\n"))
        text, kind = "<html><body>" + "<br>\n".join(lines) + "</body></html>", f"text/html; charset={charset}"
    if not shape.report:
        return "\n".join(head) + f"\nMIME-Version: 1.0\nContent-Type: {kind}\n\n{text}\n"
    parts = (
        f"Content-Type: {kind}\n\n{text}\n",
        f"Content-Type: message/delivery-status\n\n{filled(shape.report)}",
        f"Content-Type: message/rfc822\n\n{filled(bounces.COPY)}\n",
    )
    top = "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=bb"
    return "\n".join(head) + f"\n{top}\n\n" + "".join(f"--bb\n{part}\n" for part in parts) + "--bb--\n"


def score_bounces(score: Score, *, every: int) -> None:
    charsets = {True: ("utf-8", "gb18030"), False: ("utf-8",)}
    n = 0
    for shape, to, html in itertools.product(bounces.BOUNCES, PEOPLE, (False, True)):
        for charset in charsets[
            not shape.report and shape.text.isascii() is False and shape.name[-2:] not in ("ko", "uk", "vi", "tr")
        ]:
            n += 1
            if n % every:
                continue
            if html and "dsn-without" in shape.name:
                continue
            mail = read(bounce_mail(shape, to, html=html, charset=charset), charset)
            got = [r.address for r in mail.bounce.recipients] if mail.bounce else []
            wanted = Kind.DELAYED if shape.action == "delayed" else Kind.BOUNCE
            score.machines += 1
            score.found += mail.kind.machine
            score.bounces += 1
            score.exact += got == [to]
            score.actions += mail.kind is wanted
            if mail.bounce and got == [to]:
                score.reasons += mail.bounce.recipients[0].reason is shape.reason
                if mail.bounce.recipients[0].reason is not shape.reason:
                    score.wrong.append(
                        f"reason {shape.name}: {mail.bounce.recipients[0].reason} {mail.bounce.recipients[0].diagnostic[:90]}"
                    )
            if "{id}" in shape.text or shape.report:
                score.with_id += 1
                score.ids += mail.bounce is not None and mail.bounce.original_message_id == ID
            if got != [to] or mail.kind is not wanted:
                score.wrong.append(f"bounce {shape.name} {to} html={html} {charset}: {mail.kind} {got}")


def automatic() -> Iterator[tuple[str, str]]:
    for language, subject, text in people.AWAY:
        for original in ("Re: [20260102-EML-0001] Hilfe", "工单"):
            yield (
                f"away {language} {subject}",
                f"From: kim@far.example\nTo: {US}\nSubject: {subject.replace('{s}', original)}\n\n{text}\n",
            )
    for fields in people.AUTOMATIC:
        yield (
            f"field {fields}",
            f"From: kim@far.example\nTo: {US}\nSubject: Re: ticket\n{fields}\n\nThank you, I will read it later.\n",
        )
    for sender, subject, text, fields in people.MACHINES:
        yield (
            f"machine {subject}",
            f"From: {sender}\nTo: {US}\nSubject: {subject}\n" + (fields + "\n" if fields else "") + f"\n{text}\n",
        )


def human() -> Iterator[tuple[str, str]]:
    for subject, text, fields in people.HUMANS:
        head = "" if "From:" in fields else "From: Kim <kim@far.example>\n"
        for path in ("", "Return-Path: <kim@far.example>\n"):
            yield subject, f"{head}To: {US}\nSubject: {subject}\n{path}" + (fields + "\n" if fields else "") + f"\n{text}\n"


def evaluate(*, every: int = 1) -> Score:
    """every: only each n-th bounce."""
    score = Score()
    score_bounces(score, every=every)
    for name, raw in automatic():
        mail = read(raw)
        score.machines += 1
        score.found += mail.kind.machine
        if not mail.kind.machine:
            score.wrong.append(f"missed {name}")
    for name, raw in human():
        mail = read(raw)
        score.humans += 1
        score.misjudged += mail.kind.machine
        if mail.kind.machine:
            score.wrong.append(f"misjudged {name}: {mail.kind} {mail.kind_reason}")
    return score


if __name__ == "__main__":
    done = evaluate()
    print("\n".join(done.wrong))
    print(done.lines())
