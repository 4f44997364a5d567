"""The load: signed mail made beforehand, sent over raw sockets that are used again, one command after the other.

Every mail differs in sender, subject, text and Message-ID, so that each is a ticket of its own, or a second mail of the
same customer that refers to his first. It carries a valid DKIM signature (rsa-sha256, 2048 bits); `zone` is the DNS that
makes SPF, DKIM and DMARC pass. Nothing is pipelined.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DESK = "support@desk.example"
DOMAIN = "customer.example"
_WORDS = ("the printer in room four does not print any more", "since somebody moved it to the other wall", "last week")


@dataclass(frozen=True)
class Mail:
    sender: str
    wire: bytes  # dots doubled, with the final dot


def zone(key: RSAPrivateKey) -> dict[str, Any]:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        DOMAIN: {"TXT": ["v=spf1 ip4:127.0.0.0/8 -all"], "MX": [f"10 mx.{DOMAIN}"]},
        f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=reject"]},
        f"s1._domainkey.{DOMAIN}": {"TXT": [f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"]},
    }


def make_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def make_mails(count: int, size: int, key: RSAPrivateKey, run: str) -> list[Mail]:
    return [_mail(number, size, key, run) for number in range(count)]


def make_conversations(count: int, size: int, key: RSAPrivateKey, run: str) -> tuple[list[Mail], list[Mail]]:
    """What is sent before anything is measured, half of count; then count mails, every other one an answer to one of those."""
    half = count // 2
    first = [_mail(number, size, key, f"{run}first") for number in range(half)]
    new = [_mail(half + number, size, key, f"{run}new") for number in range(count - half)]
    answers = [_mail(number, size, key, f"{run}answer", answers=f"{run}first") for number in range(half)]
    mixed = [mail for pair in zip(new, answers, strict=False) for mail in pair]
    return first, mixed + new[half:]


def _mail(number: int, size: int, key: RSAPrivateKey, run: str, answers: str = "") -> Mail:
    """answers: the run whose mail of the same number, and so of the same customer, it refers to."""
    sender = f"customer{number}@{DOMAIN}"
    parent = f"<{answers}.{number}@{DOMAIN}>"
    header = (
        f"From: Customer {number} <{sender}>\r\nTo: Support <{DESK}>\r\n"
        f"Subject: {'Re: ' if answers else ''}Question {answers or run}/{number} about the printer\r\n"
        f"Date: Fri, 20 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{run}.{number}@{DOMAIN}>\r\nMIME-Version: 1.0\r\n"
        "User-Agent: Mozilla Thunderbird\r\n"
    )
    if answers:
        header += f"In-Reply-To: {parent}\r\nReferences: {parent}\r\n"
    body = _plain(number, run, size - len(header)) if size < 10_000 else _alternative(number, run, size - len(header))
    header += body[0]
    signature = _sign(header, body[1], key)
    wire = (signature + header + "\r\n" + body[1]).encode("ascii")
    return Mail(sender, wire.replace(b"\r\n.", b"\r\n..") + b".\r\n")


def text(number: int, run: str, size: int) -> str:
    """Plain lines, about so many octets of them."""
    lines = [f"Hello, this is mail {number} of run {run}."]
    while sum(map(len, lines)) + 2 * len(lines) < size:
        at = len(lines) % len(_WORDS)
        lines.append(" ".join((_WORDS[at:] + _WORDS[:at])[:2]))
    return "\r\n".join(lines) + "\r\n"


def _plain(number: int, run: str, size: int) -> tuple[str, str]:
    return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n", text(number, run, size - 800)


def _alternative(number: int, run: str, size: int) -> tuple[str, str]:
    """As a mail client writes it: the text, and the same as HTML three times its size."""
    plain = text(number, run, size // 4)
    rows = "".join(
        f'<p class="MsoNormal" style="margin:0cm"><span lang="EN-US" style="font-size:11pt">{line}<o:p></o:p></span></p>\r\n'
        for line in plain.splitlines()
    )
    html = "<html>\r\n<head><style>p { margin: 0 }</style></head>\r\n<body>\r\n" + rows[: size * 3 // 4 - 1000]
    html = html[: html.rindex("\r\n") + 2] + "</body>\r\n</html>\r\n"
    part = '--b1\r\nContent-Type: text/{}; charset="utf-8"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{}\r\n'
    return (
        'Content-Type: multipart/alternative; boundary="b1"\r\n',
        part.format("plain", plain) + part.format("html", html) + "--b1--\r\n",
    )


def _sign(header: str, body: str, key: RSAPrivateKey) -> str:
    """simple/simple: what is signed is what is written."""
    names = ("From", "To", "Subject", "Date", "Message-ID")
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    field_ = f"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d={DOMAIN}; s=s1;\r\n h={':'.join(names)}; bh={digest};\r\n b="
    lines = {line.partition(":")[0]: line for line in header.split("\r\n")}
    data = "".join(lines[name] + "\r\n" for name in names) + field_
    value = base64.b64encode(key.sign(data.encode(), PKCS1v15(), SHA256())).decode()
    return field_ + value + "\r\n"


# --- sending ----------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    accepted: int = 0
    seconds: float = 0.0  # from the first connection to the last 250
    waits: list[float] = field(default_factory=list)  # from the final dot to the 250


class Refused(Exception):
    """The server said something else than it should: a figure made from it would be a lie."""


async def send(
    port: int, mails: list[Mail], connections: int, seconds: float, *, reconnect: bool = False, rate: float = 0.0
) -> Outcome:
    """Send until the mails or the time are used up. Raises Refused unless every reply was the expected one.

    reconnect: a connection for each mail. rate: mails a second, evenly, if the server keeps up; 0 for as many as it takes.
    """
    outcome, began = Outcome(), time.monotonic()
    queue = enumerate(mails)
    await asyncio.gather(*(_sender(port, queue, began, seconds, outcome, reconnect, rate) for _ in range(connections)))
    outcome.seconds = time.monotonic() - began
    return outcome


async def _sender(
    port: int, queue: Iterator[tuple[int, Mail]], began: float, seconds: float, outcome: Outcome, reconnect: bool, rate: float
) -> None:
    end = began + seconds
    connection: Connection | None = None
    while time.monotonic() < end and (numbered := next(queue, None)):
        if rate:
            await asyncio.sleep(began + numbered[0] / rate - time.monotonic())
        if connection is None:
            connection = await Connection.open(port)
        outcome.waits.append(await connection.mail(numbered[1]))
        outcome.accepted += 1
        if reconnect:
            await connection.quit()
            connection = None
    if connection is not None:
        await connection.quit()


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        self = cls(*await asyncio.open_connection("127.0.0.1", port))
        await self._reply(b"220")
        await self._say(b"EHLO client.example\r\n", b"250")
        return self

    async def _reply(self, expected: bytes) -> None:
        while True:
            line = await self._reader.readuntil(b"\r\n")
            if line[:3] != expected:
                raise Refused(line.decode(errors="replace").strip())
            if line[3:4] == b" ":
                return

    async def _say(self, line: bytes, expected: bytes) -> None:
        self._writer.write(line)
        await self._reply(expected)

    async def mail(self, mail: Mail) -> float:
        """Seconds from the final dot to the 250."""
        await self._say(b"MAIL FROM:<%s>\r\n" % mail.sender.encode(), b"250")
        await self._say(b"RCPT TO:<%s>\r\n" % DESK.encode(), b"250")
        await self._say(b"DATA\r\n", b"354")
        dot = time.monotonic()
        await self._say(mail.wire, b"250")
        return time.monotonic() - dot

    async def quit(self) -> None:
        await self._say(b"QUIT\r\n", b"221")
        self._writer.close()
