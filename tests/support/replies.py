"""Replies in the shapes of real clients, with what is new in each known: client x language x place of the answer x depth.

`python -m tests.support.replies` prints the rates; tests/unit/mail/test_trim_rates.py runs a part of them in the suite.
All texts are made up here; the shapes are those that the clients write.
"""

from __future__ import annotations

import html as stdlib_html
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smtpgate.mail import html, safe, trim

NAME, ADDRESS = "Support Team", "support@desk.example"


@dataclass(frozen=True)
class Language:
    own: tuple[str, ...]  # paragraphs of an answer
    theirs: tuple[str, ...]  # paragraphs of the mail that is answered
    attributions: tuple[str, ...]
    fields: tuple[str, str, str, str]  # from, sent, to, subject
    date: str
    original: str
    phone: tuple[str, ...]
    closing: str


def _language(text: str) -> Language:
    """One language from its lines: `key value`, keys may repeat."""
    found: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        key, _, value = line.strip().partition(" ")
        found.setdefault(key, []).append(value)
    a, b, c, d = found["fields"][0].split("|")
    return Language(
        tuple(found["own"]), tuple(found["theirs"]), tuple(found["at"]), (a, b, c, d), found["date"][0],
        found.get("original", ["Original Message"])[0], tuple(found["phone"]), found["bye"][0],
    )  # fmt: skip


def _languages() -> dict[str, Language]:
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).with_suffix(".txt")).read_text().splitlines():
        if line[:1] == "[":
            found[line.strip("[]")] = current = []
        elif line.strip() and line[0] != "#":
            current.append(line)
    return {name: _language("\n".join(lines)) for name, lines in found.items()}


LANGUAGES = _languages()


@dataclass(frozen=True)
class Sample:
    name: str  # language/client/place/depth/ending
    text: str  # as the parser hands it on
    own: str


# --- clients ----------------------------------------------------------------------------------------------------------


def _marked(text: str) -> str:
    return "\n".join(f"> {line}" if line and line[0] != ">" else f">{line}" for line in text.split("\n"))


def _filled(at: str) -> str:
    return at.format(n=NAME, a=ADDRESS)


def _wrapped(at: str, width: int = 76) -> str:
    """As Gmail wraps the line."""
    return "\n".join(textwrap.wrap(at, width, break_long_words=False, break_on_hyphens=False))


def _block(language: Language, style: str) -> str:
    names = language.fields
    values = (f"{NAME} <{ADDRESS}>", language.date, "Jane Doe <jane@customer.example>", "RE: [#20260102-EML-0042] printer")
    if style == "bold":
        return "\n".join(f"*{name}:* {value}" for name, value in zip(names, values, strict=True))
    if style == "wide":
        return "\n".join(f"{name}： {value}" for name, value in zip(names, values, strict=True))
    if style == "spaced":
        return "\n\n".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
    if style == "cells":
        return "\n".join(f"| {name} | {value} |" for name, value in zip(names, values, strict=True))
    return "\n".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))


def _older(language: Language, depth: int, intro: str) -> str:
    text = "\n\n".join(language.theirs)
    for _ in range(depth - 1):
        text = f"{text}\n\n{intro}\n{_marked(text)}"
    return text


def marked_replies(language: Language, depth: int) -> Iterator[tuple[str, str, str]]:
    """(client, attribution, quote with marks)."""
    for i, at in enumerate(language.attributions):
        intro = _filled(at)
        quote = _marked(_older(language, depth, intro))
        yield f"at{i}", intro, quote
        yield f"at{i}-spaced", f"{intro}\n", quote
        if len(intro) > 60:
            yield f"at{i}-wrapped", _wrapped(intro, 60), quote


def unmarked_replies(language: Language, depth: int) -> Iterator[tuple[str, str]]:
    """(client, everything below the answer)."""
    names = language.fields
    below = _older(language, depth, _filled(language.attributions[0]))
    rule = "________________________________\n"
    dashes = f"-----{language.original}-----\n"
    yield "outlook", f"{_block(language, '')}\n\n{below}"
    yield "outlook-rule", f"{rule}{_block(language, '')}\n\n{below}"
    yield "outlook-bold", f"{_block(language, 'bold')}\n\n{below}"
    yield "outlook-dashes", f"{dashes}{_block(language, '')}\n\n{below}"
    yield "outlook-spaced", f"{_block(language, 'spaced')}\n\n{below}"
    yield "dashes-only", f"{dashes}\n{below}"
    yield "foxmail", f" \n{_block(language, 'wide')}\n{below}"
    yield "qq", f"------------------ {language.original} ------------------\n{_block(language, '')}\n\n{below}"
    if not names[0].isascii():
        yield "master", f"---- {language.original} ----\n{_block(language, 'cells')}\n{below}"
    for i, at in enumerate(language.attributions):
        intro = _filled(at)
        if ADDRESS in intro and "2026" in intro and intro[0] != "*":  # the others come from clients that do set marks
            yield f"yahoo{i}", f"{intro}\n\n{below}"


def _endings(language: Language) -> Iterator[tuple[str, str, str]]:
    """(name, what stands below the answer, the part of it that is the sender's own)."""
    bye = f"\n\n{language.closing}\nJane Doe"
    yield "bare", "", ""
    yield "closing", bye, bye
    for i, phone in enumerate(language.phone):
        yield f"phone{i}", f"\n\n{phone}", ""
    yield "dashes", f"{bye}\n\n-- \nJane Doe\nCustomer Ltd.\nTel. +1 555 0100", bye


def _places(language: Language, intro: str, quote: str) -> Iterator[tuple[str, str, str]]:
    """(place, the whole text, own words): above, below, and between the quoted lines."""
    own = "\n\n".join(language.own)
    yield "top", f"{own}\n\n{intro}\n{quote}", own
    yield "bottom", f"{intro}\n{quote}\n\n{own}", own
    yield "both", f"{language.own[0]}\n\n{intro}\n{quote}\n\n{own}", f"{language.own[0]}\n\n{own}"
    pieces = quote.split("\n>\n") if "\n>\n" in quote else quote.split("\n")
    answers = (*language.own, *language.own)
    woven = [f"{piece}\n\n{answers[i]}\n" for i, piece in enumerate(pieces[: len(answers)])]
    yield "inline", f"{intro}\n" + "\n".join([*woven, *pieces[len(answers) :]]), "\n\n".join(answers[: len(pieces)])


def text_samples() -> Iterator[Sample]:
    for code, language in LANGUAGES.items():
        own = "\n\n".join(language.own)
        for depth in (1, 3):
            for client, intro, quote in marked_replies(language, depth):
                for place, text, words in _places(language, intro, quote):
                    yield Sample(f"{code}/{client}/{place}/{depth}/bare", text, words)
            for client, below in unmarked_replies(language, depth):
                for ending, tail, kept in _endings(language):
                    yield Sample(f"{code}/{client}/top/{depth}/{ending}", f"{own}{tail}\n\n{below}", own + kept)
        for ending, tail, kept in _endings(language):
            intro, quote = _filled(language.attributions[0]), _marked("\n\n".join(language.theirs))
            yield Sample(f"{code}/gmail/top/1/{ending}", f"{own}{tail}\n\n{intro}\n{quote}", own + kept)
            yield Sample(f"{code}/gmail/bottom/1/{ending}", f"{intro}\n{quote}\n\n{own}{tail}\n", own + kept)
            yield Sample(f"{code}/none/none/0/{ending}", f"{own}{tail}\n", own + kept)


# --- the same as HTML -------------------------------------------------------------------------------------------------


def _paragraphs(lines: tuple[str, ...], tag: str) -> str:
    return "".join(f"<{tag}>{stdlib_html.escape(line)}</{tag.split()[0]}>" for line in lines)


SHELLS = {
    "gmail": """<div dir="ltr">{own}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{intro}<br></div>
<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid">{theirs}</blockquote></div>""",
    "apple": """<html><body>{own}<br><div><blockquote type="cite"><div>{intro}</div><br><div>{theirs}</div></blockquote></div>""",
    "thunderbird": """<p>{own}</p><div class="moz-cite-prefix">{intro}<br></div>
<blockquote type="cite" cite="mid:1@x">{theirs}</blockquote>""",
    "outlook": """<div class="WordSection1">{own}<p class=MsoNormal>&nbsp;</p>
<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><p class=MsoNormal>{block}</p></div>
{theirs}</div>""",
    "owa": """<div dir="ltr">{own}</div><div id="appendonsend"></div><hr style="width:98%"><div id="divRplyFwdMsg" dir="ltr">
<font>{block}</font><div>&nbsp;</div></div><div>{theirs}</div>""",
    "outlook-mobile": """<div>{own}</div><div id="ms-outlook-mobile-signature"><div></div>Jane Doe, Customer Ltd.</div>
<div id="mail-editor-reference-message-container"><div><div style="border-top:solid #B5C4DF 1.0pt">{block}</div>
<div>{theirs}</div></div></div>""",
    "yahoo": """<div class="ydp1">{own}</div>
<div id="yahoo_quoted_1" class="yahoo_quoted"><div>{intro}</div><div>{theirs}</div></div>""",
    "netease": """<div>{own}</div><br><pre>{intro}</pre>
<blockquote id="isReplyContent" style="PADDING-LEFT:1ex">{theirs}</blockquote>""",
    "qq": """<div>{own}</div><div><br></div><div style="font-size: 12px;padding:2px 0">------------------&nbsp;{original}
&nbsp;------------------</div><div style="font-size: 12px;background:#efefef">{block}</div><div>{theirs}</div>""",
}


def html_samples() -> Iterator[Sample]:
    for code, language in LANGUAGES.items():
        values = (f"{NAME} <{ADDRESS}>", language.date, "jane@customer.example", "RE: x")
        fields = zip(language.fields, map(stdlib_html.escape, values), strict=True)
        block = "<br>".join(f"<b>{name}:</b> {value}" for name, value in fields)
        for client, shell in SHELLS.items():
            source = shell.format(
                own=_paragraphs(language.own, "p class=MsoNormal" if client == "outlook" else "div"),
                theirs=_paragraphs(language.theirs, "p"),
                intro=stdlib_html.escape(_filled(language.attributions[0])),
                block=block.replace("<br>", "</div><div>") if client == "qq" else block,
                original=language.original,
            )
            yield Sample(f"{code}/{client}/html/1/bare", html.to_text(source, marks=True), "\n\n".join(language.own))


# --- the measure ------------------------------------------------------------------------------------------------------


def lost(own: str, reply: str) -> bool:
    """Is a word of the own ones missing (in order)?"""
    rest = iter(reply.split())
    return not all(word in rest for word in own.split())


def samples() -> Iterator[Sample]:
    for sample in (*text_samples(), *html_samples()):
        yield Sample(sample.name, safe.block(sample.text), safe.block(sample.own))


def judge(sample: Sample) -> str:
    """clean · left (something of the quote or of the signature) · lost (a word of the sender's)"""
    reply = trim.reply_part(sample.text, answers=True)
    if lost(sample.own, reply):
        return "lost"
    return "clean" if reply.split() == sample.own.split() else "left"


def main(show: int = 20) -> None:
    counts: Counter[str] = Counter()
    for sample in samples():
        verdict = judge(sample)
        counts[verdict] += 1
        if verdict != "clean" and show > 0:
            show -= 1
            print(f"--- {verdict}: {sample.name}\n{sample.text}\n=== read as\n{trim.reply_part(sample.text)}\n")
    total = sum(counts.values())
    rates = {verdict: f"{counts[verdict] / total:.2%}" for verdict in ("clean", "left", "lost")}
    print(f"{total} replies: {rates['clean']} clean, {rates['left']} with something left, {rates['lost']} lose a word")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
