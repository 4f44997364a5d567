"""Mails that nobody meant to write: golden mails, broken by a seeded hand. The same seed gives the same octets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

_MESSAGES = Path(__file__).resolve().parents[1] / "messages"
_PIECES = [
    *(b'"', b"<", b">", b"(", b")", b"@", b":", b",", b";", b"=?", b"?=", b"--", b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n"),
    *(b"boundary=", b"=?utf-8?b?", b"=?gb2312?Q?", b"=?iso-2022-jp?B?GyRC//8=?=", b"\x1b$B", b"\xff\xfe", b"\xe2\x80\xae"),
    *(b"\xed\xa0\x80", b"{{7*7}}"),
    *(b"a" * 5000, b"<" * 3000, b'"' * 3000, b"(" * 3000, b"<div>" * 2000),
    *(b"charset=utf-7", b"charset=idna", b"multipart/mixed", b"message/rfc822", b"text/html"),
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n",
    b"From: a@b.example\r\n",
    b"From: =?utf-8?q?a=40evil.example=3e?=@good.example\r\n",
    b"To: " + b"x@y.example, " * 800 + b"\r\n",
    b"References: " + b"<a@b.example> " * 2000 + b"\r\n",
    b"Message-ID: <" + b"x" * 2000 + b"@y.example>\r\n",
    b"Auto-Submitted: auto-replied\r\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AA; b=AA\r\n",
    b"Return-Path: <>\r\n",
    b"Return-Path: <\xe7\x94\xa8@x.example>\r\n",
    b"Date: Thu, 99 Foo 99999 99:99:99 +9999\r\n",
    b"Content-Transfer-Encoding: uuencode\r\n",
    b"begin 644 x\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''%ff; filename*1=../../x\r\n",
]  # fmt: skip


def mutated(seed: int, count: int) -> Iterator[bytes]:
    draw = random.Random(seed)
    golden = [path.read_bytes() for path in sorted(_MESSAGES.glob("*/in.eml"))]
    assert golden
    for _ in range(count):
        mail = bytearray(draw.choice(golden))
        for _ in range(draw.choice([1, 1, 2, 3, 5, 10, 30])):
            _spoil(mail, golden, draw)
        yield bytes(mail)


def _spoil(mail: bytearray, golden: list[bytes], draw: random.Random) -> None:
    at = draw.randrange(min(len(mail), draw.choice([1500, len(mail)])) + 1)  # half of them in the header
    match draw.randrange(7):
        case 0:
            mail[at:at] = draw.choice(_PIECES)
        case 1:
            start = mail.rfind(b"\n", 0, at) + 1
            mail[start:start] = draw.choice(_PIECES)
        case 2:
            del mail[at : at + draw.randrange(1, 200)]
        case 3:
            mail[at:at] = mail[at : at + draw.randrange(1, 400)] * draw.choice([1, 2, 20])
        case 4:
            other = draw.choice(golden)
            start = draw.randrange(len(other))
            mail[at:at] = other[start : start + draw.randrange(1, 2000)]
        case 5:
            mail[at:at] = draw.randbytes(draw.randrange(1, 50))
        case _:
            mail[:] = draw.choice((mail.replace(b"\r\n", b"\n"), mail[: max(at, 1)], mail))
