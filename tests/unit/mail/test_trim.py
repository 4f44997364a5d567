from __future__ import annotations

from collections.abc import Callable

import pytest

from smtpgate.mail import html, trim
from smtpgate.mail.trim import reply_part, split
from tests.support.doubling import assert_linear

OLD = "\n\nold text\nmore old text"
QUOTE = "\n> old text\n> more old text\n"

ATTRIBUTIONS = [
    "On Fri, Jan 2, 2026 at 3:04 PM Support <s@e.example> wrote:",
    "On Fri, Jan 2, 2026 at 3:04 PM A Very Long Name Indeed <\nsupport@e.example> wrote:",
    'At 2026-01-02 15:04:05, "客服" <s@e.example> wrote:',
    "在 2026年1月2日，下午3:04，客服 <s@e.example> 写道：",
    "在2026-01-02 15:04:05，客服 写道:",
    "客服 <s@e.example> 于2026年1月2日周五 15:04写道：",
    "於 2026年1月2日 15:04 客服 <s@e.example> 寫道：",
    "Am 02.01.2026 um 15:04 schrieb Support Team <s@e.example>:",
    "Le ven. 2 janv. 2026 à 15:04, Support <s@e.example> a écrit :",
    "El vie, 2 ene 2026 a las 15:04, Support (<s@e.example>) escribió:",
    "2026年1月2日(金) 15:04 サポート <s@e.example>:",
    "2026년 1월 2일 (금) 오후 3:04, 고객지원 <s@e.example>님이 작성:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_attribution_and_quote_go(attribution: str) -> None:
    assert reply_part(f"my answer\n\n{attribution}\n{QUOTE}") == "my answer"


BLOCKS = [
    "From: S <s@e.example>\nSent: Friday, January 2, 2026 3:04 PM\nTo: Me <m@e.example>\nSubject: RE: x",
    "*From:* S <s@e.example>\n*Sent:* Friday\n*To:* Me\n*Subject:* x",
    "-----Original Message-----\nFrom: S\nSent: Friday\nTo: Me\nSubject: x",
    "________________________________\nFrom: S <s@e.example>\nSent: Friday\nTo: Me\nSubject: x",
    "发件人: 客服 <s@e.example>\n发送时间: 2026年1月2日 15:04\n收件人: 我\n主题: 答复: x",
    "发件人： 客服\n发送时间： 2026-01-02 15:04\n收件人： 我\n抄送： 他\n主题： x",
    '------------------ 原始邮件 ------------------\n发件人: "客服" <s@e.example>;\n发送时间: 2026年1月2日\n主题: x',
    '------------------ Original ------------------\nFrom: "x" <s@e.example>;\nDate: Fri\nSubject: x',
    "-----原始邮件-----\n发件人: s@e.example\n发送时间: 2026-01-02",
    "-----邮件原件-----",
    "---- 回复的原邮件 ----\n| 发件人 | 客服<s@e.example> |",
    "寄件者: s@e.example\n寄件日期: 2026年1月2日\n收件者: 我\n主旨: x",
    "Von: S <s@e.example>\nGesendet: Freitag\nAn: Mich\nBetreff: x",
    "De : S <s@e.example>\nEnvoyé : vendredi\nÀ : moi\nObjet : x",
    "De: S <s@e.example>\nEnviado: viernes\nPara: mí\nAsunto: x",
    "差出人: S <s@e.example>\n送信日時: 2026年1月2日\n宛先: 私\n件名: x",
    "보낸 사람: S <s@e.example>\n보낸 날짜: 2026년\n받는 사람: 나\n제목: x",
    "##- Please write above this line -##",
]


@pytest.mark.parametrize("block", BLOCKS)
def test_header_block_and_what_follows_go(block: str) -> None:
    assert reply_part(f"my answer\n\n{block}{OLD}") == "my answer"


@pytest.mark.parametrize("line", ["发自我的iPhone", "发自我的 iPhone", "Sent from my iPhone", "Get Outlook for iOS",
"获取 Outlook for Android",
                                  "Von meinem iPhone gesendet", "Envoyé de mon iPhone", "iPhoneから送信",
                                  "从我的小米手机发送"])  # fmt: skip
def test_phone_signature_goes(line: str) -> None:
    assert reply_part(f"my answer\n\n{line}\n") == "my answer"
    assert reply_part(f"my answer\n\n{line}\n\nOn 1 Jan 2026, S <s@e.example> wrote:\n{QUOTE}") == "my answer"


def test_signature_below_dashes_goes() -> None:
    assert reply_part("my answer\n\n-- \nJohn\nAcme") == "my answer"
    assert reply_part("my answer\n\nOn 1 Jan S <s@e.example> wrote:\n> old\n\n-- \nJohn\n") == "my answer"


def test_answers_between_quotes_are_never_lost() -> None:
    text = "Hi\n\nOn 1 Jan S <s@e.example> wrote:\n> first?\nfirst answer\n> second?\nsecond answer\n> the tail\n> goes"
    found = reply_part(text)
    assert "first answer" in found
    assert "second answer" in found
    assert ">" not in found
    context = split(text).in_context()
    assert "> first?\nfirst answer" in context
    assert "goes" not in context


def test_answer_below_the_quote_is_never_lost() -> None:
    assert "my answer" in reply_part("On 1 Jan 2026 S <s@e.example> wrote:\n> old\n> old\n\nmy answer\n")
    assert "my answer" in reply_part("> old\n\nmy answer")


def test_forwarded_mail_stays() -> None:
    for line in (
        "---------- Forwarded message ---------", "-------- 转发邮件信息 --------", "Begin forwarded message:",
        "Započni proslijeđenu poruku:", "--------- メッセージを転送 ---------",
    ):  # fmt: skip
        assert "the content" in reply_part(
            f"please see\n\n{line}\nFrom: A <a@b.example>\nDate: x\nSubject: y\nTo: z\n\nthe content"
        )


@pytest.mark.parametrize(
    "text",
    [
        "From: my side all is fine\nTo: be honest, I wonder",
        "主题：我的订单\n内容：还没有到",
        "发自内心的感谢\n谢谢",
        "通过这件事我明白了",
        "he wrote: nothing",
        "The sign says:\nno entry\n-----\nwhat now?",
        "a\n--\n" + "long part\n" * 20,
        "> only a quote",
        "时间：昨天\n地点：北京\n联系人：张三",
    ],
)
def test_ordinary_text_stays_whole(text: str) -> None:
    assert reply_part(text) == text.strip()


def test_nothing_left_means_the_whole() -> None:
    text = "On 1 Jan 2026 S <s@e.example> wrote:\n> old"
    assert reply_part(text) == text


def test_beyond_the_limits_the_text_stays_whole() -> None:
    text = "x\n\nOn 1 Jan S <s@e.example> wrote:\n" + "> old\n" * 11_000
    assert reply_part(text) == text.strip()


HOSTILE: dict[str, Callable[[int], str]] = {
    "line feeds": lambda n: "\n" * n,
    "begins": lambda n: "On 1\n" * n,
    "ends": lambda n: "wrote:\n" * n,
    "attributions": lambda n: "On 1 wrote:\n" * n,
    "header lines": lambda n: "From: x\n" * n,
    "wrapped header lines": lambda n: "From: x\ny\n" * n,
    "spaced header lines": lambda n: "From: x\n\n" * n,
    "quotes": lambda n: "> x\nb\n" * n,
    "dividers": lambda n: "x\n-----Original Message-----\n" * n,
    "quoted attributions": lambda n: "x\nOn 1 wrote:\n>q\n" * n,
    "rules": lambda n: "------\n" * n,
    "signatures": lambda n: "x\n--\n" * n,
    "dashes": lambda n: "-" * n,
    "colons": lambda n: ":" * n,
    "blanks": lambda n: " " * n + "x",
    "attributions glued to words": lambda n: "a On Monday b wrote:\n> q\n" * n,
    "glued again and again": lambda n: "a On Monday " * n + "wrote:\n> q",
    "forwards in quotes": lambda n: "> Begin forwarded message:\n" * n,
    "moments": lambda n: "x\n>>> a 1/2/2026 >>>\nb\n" * n,
    "headers with gaps": lambda n: "Date: 1\n\nFrom: a@b.example\nTo: x\nSubject: y\n\n" * n,
    "labels": lambda n: "x\nFrom: a@b 2026\nTo: x\nSubject: y\n" + "[Ann] z\n" * n,
    "legal": lambda n: "x\n\nThis email and any virus\n\n" * n,
    "long legal": lambda n: "x\n" + "\n".join("Disclaimer " + "y" * n for _ in range(50)),
    "ends of wrapped lines": lambda n: ("> " + "word " * 14 + "\nthat goes on\n") * n,
    "phones": lambda n: "x\n" + "Sent from my phone\n" * n,
    "frames": lambda n: "| |\nx\n|\n" * n,
    "fences": lambda n: "```\n> x\n" * n,
    "brackets": lambda n: "<a@b> " * 60 + ":\n" + ("<a@b> " * 60 + ":\n") * (n // 50),
    "marks": lambda n: "\ufdd0x\n\ufdd2y: a@b\n\ufdd3z\n" * n,
    "schrieb": lambda n: "schrieb " * n,
    "cards": lambda n: "x\n" + ("-" * 20 + "\nTel: 0123 456 789\nk@e.example\n") * n,
    "tables of Notes": lambda n: "x\n1/2/2026\nTo\ncc\nSubject\ny\n" * n,
    "labels of Notes": lambda n: "Subject\n" * n,
    "frames of Notes": lambda n: "|--\n|\n" * n,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling_c9(make: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trim, "_LONGEST", 10**9)
    monkeypatch.setattr(trim, "_MOST_LINES", 10**9)
    assert_linear(make, reply_part, 1500)


HEADER = (
    "<b>From:</b> S &lt;s@e.example&gt;<br><b>Sent:</b> Friday, January 2, 2026 3:04 PM<br><b>To:</b> M<br><b>Subject:</b> RE: x"
)
CONTAINERS = {  # what is new, and the HTML around it
    "a reply section": (
        "mine",
        '<div>mine</div><div name="messageReplySection">On Jan 2, 2026, 15:04 +0100, S &lt;s@e.example&gt;, wrote:<br>'
        '<blockquote type="cite">old</blockquote></div>',
    ),
    "answers between": (
        "a1\n\na2",
        '<div class="gmail_quote"><div class="gmail_attr">S at some time:<br></div><blockquote>q1</blockquote>'
        "<div>a1</div><blockquote>q2</blockquote><div>a2</div></div>",
    ),
    "a signature": (
        "mine",
        '<div>mine</div><div id="Signature"><div>Jane<br>ACME</div></div><div id="appendonsend"></div><hr>'
        f'<div id="divRplyFwdMsg">{HEADER}</div><div>old</div>',
    ),
    "a signature section": (
        "mine",
        '<div name="messageBodySection">mine</div><div name="messageSignatureSection"><br>Jane</div>'
        '<div name="messageReplySection">On Jan 2, 2026, 15:04 +0100, S &lt;s@e.example&gt;, wrote:<br>old</div>',
    ),
    "a signature with a prefix of its own for each mail": (
        "mine",
        '<div class="ydp12ab34cdyahoo-style-wrap">mine</div><div class="ydp12ab34cdsignature">Jane</div>'
        '<div id="ydp12ab34cdyahoo_quoted_1">old</div>',
    ),
    "an answer in the signature": (
        "mine",
        f'<div id="Signature">mine</div><hr><div id="divRplyFwdMsg">{HEADER}</div><div>old</div>',
    ),
    "a header in no known language": (
        "mine",
        '<p>mine</p><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>Χ1:</b> S &lt;s@e.example&gt;'
        "<br><b>Χ2:</b> 2026</p></div><p>old</p>",
    ),
    "an indent": (
        "mine\n\n  indented",
        '<div>mine</div><blockquote style="margin:0 0 0 40px;border:none">indented</blockquote>',
    ),
    "a divider": ("mine", f'<div>mine</div><hr id="zwchr"><div>{HEADER}</div><div>old</div>'),
}


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ("it works", "it works On Wed, Apr 4, 2012 at 3:59 PM, s@e.example wrote:\n> old"),
        ("thanks\nsee you", "thanks\nsee you--- On 4 April 2012, S <s@e.example> wrote:\n\nold"),
        ("thanks\nSee what Lee On Monday\nwrote: yes", "thanks\nSee what Lee On Monday\nwrote: yes"),
        ("ok\n\nnew", "ok\n\n> S said. On Monday he wrote:\n> old\n\nnew"),
    ],
)
def test_an_attribution_on_the_line_of_a_word_of_ones_own(own: str, text: str) -> None:
    assert reply_part(text) == own


@pytest.mark.parametrize(("own", "source"), CONTAINERS.values(), ids=CONTAINERS.keys())
def test_what_html_says_of_its_parts(own: str, source: str) -> None:
    text = html.to_text(source, marks=True)
    assert reply_part(text) == own
    assert trim.unmarked(text) == html.to_text(source)


def test_marks_come_from_nobody_else() -> None:
    assert trim.unmarked(html.to_text('<div class="gmail_attr">x</div>\ufdd0y', marks=True)) == "x\ny"


@pytest.mark.parametrize("blank", ["\u2003", "\x0b", "\x1c", "\x85", "\u2028"])
def test_a_line_of_odd_blanks_below_a_quote_breaks_nothing(blank: str) -> None:
    wide = "> " + "word " * 14
    assert split(f"{wide}\n{blank}\n{wide}\n{blank}\n>{blank}\nthat goes on\n{wide}\n\nmine").own().endswith("mine")
