"""The mails that somebody passes on: whose they are, as each client's way of forwarding shows it."""

from __future__ import annotations

import pytest

from smtpgate.limitsettings import Limits
from smtpgate.mail import passedon
from smtpgate.mail.parse import parse
from smtpgate.model import Address

ALICE = Address("Alice Smith", "alice@customer.example")
OUTLOOK = (
    "From: Alice Smith <alice@customer.example>\nSent: Friday, January 2, 2026 10:00 AM\nTo: Lee\nSubject: Printer\n\nIt burns."
)
SHAPES = {
    "outlook": f"________________________________\n{OUTLOOK}",
    "outlook without a line": OUTLOOK,
    "outlook 2010": OUTLOOK.replace("<alice@customer.example>", "[mailto:alice@customer.example]"),
    "outlook as text": OUTLOOK.replace("<alice@", "<alice@customer.example<mailto:alice@").replace("example>\n", "example>>\n"),
    "gmail": "---------- Forwarded message ---------\nFrom: Alice Smith <alice@customer.example>\n"
    "Date: Fri, Jan 2, 2026 at 10:00 AM\nSubject: Printer\nTo: <lee@corp.example>\n\n\nIt burns.",
    "gmail with a bold name": "---------- Forwarded message ---------\nVon: *Alice Smith* <alice@customer.example>\n"
    "Date: Fr., 2. Jan. 2026 um 10:00 Uhr\nSubject: Printer\nTo: <lee@corp.example>\n\n\nIt burns.",
    "apple mail": "> Begin forwarded message:\n> \n> From: Alice Smith <alice@customer.example>\n> Subject: Printer\n"
    "> Date: 2 January 2026 at 10:00:00 GMT\n> To: lee@corp.example\n> \n> It burns.",
    "iphone": "Sent from my iPhone\n\nBegin forwarded message:\n\n> From: Alice Smith <alice@customer.example>\n"
    "> Date: January 2, 2026 at 10:00:00 GMT\n> To: lee@corp.example\n> Subject: Printer\n> \n> It burns.",
    "thunderbird": "-------- Forwarded Message --------\nSubject: \tPrinter\nDate: \tFri, 2 Jan 2026 10:00:00 +0000\n"
    "From: \tAlice Smith <alice@customer.example>\nTo: \tlee@corp.example\n\n\n\nIt burns.",
    "qq": '------------------&nbsp;原始邮件&nbsp;------------------\n发件人:      "Alice Smith"   <alice@customer.example>;\n'
    '发送时间: 2026年1月2日(星期五) 上午10:00\n收件人: "lee"<lee@corp.example>;\n主题: Printer\n\nIt burns.',
    "foxmail": " \n发件人： Alice Smith <alice@customer.example>\n发送时间： 2026-01-02 10:00\n"
    "收件人： lee\n主题： Printer\nIt burns.",
    "163": '-------- 转发邮件信息 --------\n发件人："Alice Smith" <alice@customer.example>\n发送日期：2026-01-02 10:00:00\n'
    '收件人："lee" <lee@corp.example>\n主题：Printer\nIt burns.',
    "163's app": "---- 转发的邮件 ----\n| 发件人 | Alice Smith<alice@customer.example> |\n| 日期 | 2026年01月02日 10:00 |\n"
    "| 收件人 | lee@corp.example |\n| 主题 | Printer |\nIt burns.",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whose_it_is_and_what_it_says(shape: str) -> None:
    found = passedon.inline(f"#fwd\nHe is angry.\n\n{SHAPES[shape]}")
    assert found is not None
    assert found.people == (ALICE,)
    assert (found.above, found.text, found.subject) == ("#fwd\nHe is angry.", "It burns.", "Printer")
    assert "2026" in found.date


@pytest.mark.parametrize(
    ("line", "people"),
    [
        ("From: Alice Smith", []),
        ("From: a@x.example, b@x.example", ["a@x.example", "b@x.example"]),
        ("From: a@x.example\nFrom: b@x.example", ["a@x.example", "b@x.example"]),
        ("From: Alice <a@x.example> <A@X.example>", ["a@x.example"]),
    ],
)
def test_nobody_and_several(line: str, people: list[str]) -> None:
    found = passedon.inline(
        f"#fwd\n\n-----Original Message-----\n{line}\nSent: 2 January 2026 10:00\nSubject: Printer\n\nIt burns."
    )
    assert found is not None
    assert [p.address for p in found.people] == people


def test_only_the_outermost_is_read() -> None:
    inner = OUTLOOK.replace("Alice Smith <alice@customer.example>", "Bob <bob@other.example>")
    found = passedon.inline(f"#fwd\n\n{OUTLOOK}\n\n{inner}")
    assert found is not None
    assert (found.people, found.text) == ((ALICE,), "It burns.")


def test_a_quote_names_nobody() -> None:
    found = passedon.inline("#fwd\n\nOn Fri, 2 Jan 2026 at 10:00, Alice <alice@customer.example> wrote:\n> It burns.")
    assert found is not None
    assert (found.people, found.text) == ((), "It burns.")
    assert passedon.inline("#fwd\nFrom here on it burns.") is None


def attached(count: int, above: str = "#fwd") -> bytes:
    one = "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: Alice Smith <alice@customer.example>\r\nSubject: Printer {}\r\n"
    one += "Message-ID: <{}@customer.example>\r\nDate: Fri, 2 Jan 2026 10:00:00 +0000\r\n\r\nIt burns.\r\n\r\n> quoted\r\n"
    mails = "".join(one.format(i, i) for i in range(count))
    head = "From: lee@corp.example\r\nSubject: FW: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return f"{head}--b\r\nContent-Type: text/plain\r\n\r\n{above}\r\n{mails}--b--\r\n".encode()


def test_as_an_attachment() -> None:
    (found,) = parse(attached(1), mail_from="", limits=Limits()).originals
    assert (found.people, found.subject, found.message_id) == ((ALICE,), "Printer 0", "<0@customer.example>")
    assert (found.above, found.date, found.machine) == ("#fwd", "2026-01-02T10:00:00+00:00", False)
    assert len(parse(attached(5), mail_from="", limits=Limits()).originals) == 3


def test_only_where_a_command_is() -> None:
    assert parse(attached(1, "See below."), mail_from="", limits=Limits()).originals == ()
    assert parse(attached(1), mail_from="", limits=Limits(), html=False).originals == ()
