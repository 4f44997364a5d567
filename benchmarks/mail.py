"""What reading one mail costs: from its bytes to parsed, classified and trimmed, in CPU time of this process.

    make bench ARGS=mail        some seconds

The mails are made here, in the shapes that most mail has; each figure is the best of several runs.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from smtpgate.limitsettings import Limits
from smtpgate.mail import parse

MIB = 1024 * 1024
_HEAD = (
    "Received: from mx.example.net (mx.example.net [192.0.2.7])\r\n\tby mx.help.example with ESMTPS id 4f9a\r\n"
    "\tfor <support@help.example>; Fri, 02 Jan 2026 10:00:02 +0000\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=s1;\r\n\th=from:to:subject; bh=x; b="
    + "A"
    * 300
    + "\r\n"
    "From: Alice Example <alice@example.net>\r\nTo: Help Desk <support@help.example>\r\n"
    "Subject: Re: [#20260102-EML-0042] Printer does not print\r\nDate: Fri, 2 Jan 2026 10:00:00 +0000\r\n"
    "Message-ID: <m2@example.net>\r\nIn-Reply-To: <m1@help.example>\r\nReferences: <m0@example.net> <m1@help.example>\r\n"
    "X-Mailer: Example Mail 16.0\r\nMIME-Version: 1.0\r\n"
)
_WORDS = (
    "the", "printer", "in", "room", "five", "does", "not", "print", "since", "monday", "and", "says", "paper", "jam", "although",
    "there", "is", "none", "please", "help", "us",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    name: str
    raw: bytes
    goal: float  # seconds


def cases() -> list[Case]:
    return [
        Case("4 KB reply, plain text", plain(4096), 0.001),
        Case("4 KB reply, plain and HTML", alternative(4096), 0.001),
        Case("5 KB Chinese reply in GBK", chinese(), 0.001),
        Case("30 KB HTML", rich(30 * 1024), 0.003),
        Case("20 MB attachment", attachment(20 * MIB), 0.3),
    ]


def plain(size: int) -> bytes:
    quoted = "\r\n\r\nOn Thu, 1 Jan 2026 at 09:00, Help Desk <support@help.example> wrote:\r\n" + "".join(
        f"> {line}\r\n" for line in _lines(size // 4, 1)
    )
    text = "\r\n".join(_lines(size - len(_HEAD) - len(quoted) - 100, 2))
    return (_HEAD + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text + quoted).encode()


def alternative(size: int) -> bytes:
    lines = _lines((size - len(_HEAD)) // 3, 3)
    page = "<html><body>" + "".join(f"<p>{line}</p>\r\n" for line in lines) + "</body></html>"
    return (
        _HEAD + 'Content-Type: multipart/alternative; boundary="b1"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
        + "\r\n".join(lines) + "\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page + "\r\n--b1--\r\n"
    ).encode()  # fmt: skip


def chinese() -> bytes:
    text = "打印机在五号房间不能打印，屏幕显示卡纸，但是没有卡纸，请尽快帮我们处理，谢谢。\r\n" * 45
    quote = "\r\n-------- 原始邮件 --------\r\n发件人: 客服 <support@help.example>\r\n主题: 打印机\r\n\r\n您好\r\n"
    head = _HEAD + "Content-Type: text/plain; charset=gb2312\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return head.encode() + (text + quote).encode("gbk")


def rich(size: int) -> bytes:
    """As Outlook writes it: a span for every run of words, its style in each."""
    style = "font-size:11.0pt;font-family:&quot;Calibri&quot;,sans-serif;color:#1F497D"
    link = '<a href="https://shop.example/item?id=12&amp;x=3">order 12</a>'
    start = f'<p class="MsoNormal" style="margin-bottom:8.0pt"><span lang="EN-US" style="{style}">'
    paragraphs = [f"{start}{line} {link}.<o:p></o:p></span></p>\r\n" for line in _lines(size, 4)]
    page = "<html><head><style>p.MsoNormal{margin:0}</style></head><body>"
    for paragraph in paragraphs:
        if len(page) > size:
            break
        page += paragraph
    return (_HEAD + "Content-Type: text/html; charset=utf-8\r\n\r\n" + page + "</body></html>\r\n").encode()


def attachment(size: int) -> bytes:
    head = _HEAD + 'Content-Type: multipart/mixed; boundary="b1"\r\n\r\n--b1\r\n\r\nsee attached\r\n--b1\r\n'
    part = 'Content-Type: application/zip; name="log.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    data = base64.encodebytes(random.Random(5).randbytes(size)).replace(b"\n", b"\r\n")
    return (head + part).encode() + data + b"--b1--\r\n"


def _lines(size: int, seed: int) -> list[str]:
    """Lines of words, of about this many octets in sum."""
    choice = random.Random(seed)
    return [" ".join(choice.choices(_WORDS, k=12)).capitalize() + "." for _ in range(max(size // 72, 1))]


def cost(run: Callable[[], object], *, least: float = 0.5) -> float:
    """CPU seconds of one run, the best of as many as fit into `least` seconds, at least three."""
    best, spent, runs = float("inf"), 0.0, 0
    while runs < 3 or spent < least:
        began = time.process_time()
        run()
        took = time.process_time() - began
        best, spent, runs = min(best, took), spent + took, runs + 1
    return best


def main() -> int:
    """Print the table; 0 even where a goal is missed, because others may use the machine."""
    limits = Limits.model_validate({"message_size": "40MiB"})
    print("| one mail, from bytes to parsed, classified and trimmed | octets | CPU ms | goal ms |")
    print("|---|---|---|---|")
    for case in cases():
        took = cost(lambda raw=case.raw: parse.parse(raw, mail_from="alice@example.net", limits=limits))  # type: ignore[misc]
        print(f"| {case.name} | {len(case.raw)} | {took * 1000:.2f} | {case.goal * 1000:g} |", flush=True)
    print()
    return 0
