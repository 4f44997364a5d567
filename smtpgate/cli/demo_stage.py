"""What `smtpgate demo` plays on: a real gateway in a directory of its own, a sink, and people who write to it."""

from __future__ import annotations

import asyncio
import json
import smtplib
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.text import Text

from smtpgate import configfile
from smtpgate.actions import set_status
from smtpgate.app import Gateway, build_pipeline
from smtpgate.auth.sign import DkimSigner, public_record
from smtpgate.clock import SystemClock, utc
from smtpgate.config import Config
from smtpgate.deliverysettings import DkimKey
from smtpgate.intake.sink import Sink
from smtpgate.mail import header
from smtpgate.model import MailState, Status

DOMAINS = ("customer.example", "other.example", "corp.example")
PATIENCE = 10.0  # seconds for anything to arrive
DESK = "support@help.example"
SETTINGS = """\
[server]
processes = "one"
name = "mx.help.example"
listen = ["127.0.0.1:0"]
[store]
path = "demo.db"
[dns]
zone_file = "zone.json"
[delivery]
mode = "smarthost"
poll = "200ms"
[delivery.smarthost]
host = "127.0.0.1"
port = {port}
tls = "none"
[log]
level = "error"
[[desk]]
name = "support"
address = "{desk}"
display_name = {{ zh = "示例客服", en = "Example Support" }}
{more}
[[dkim]]
domain = "help.example"
selector = "demo"
key_file = "dkim.pem"
"""


@dataclass
class Stage:
    """The gateway, its sink, and what the two customers do."""

    gateway: Gateway
    sink: Sink
    signer: DkimSigner
    config: Config
    console: Console
    step: int = 0
    seen: list[EmailMessage] = field(default_factory=list)  # mails of ours that were looked at

    def say(self, text: str) -> None:
        self.step += 1
        self.console.print()
        self.console.print(Text(f"{self.step}. {text}", style="bold"))

    def show(self, title: str, lines: dict[str, str]) -> None:
        self.console.print(Text(f"   {title}", style="green"))
        for name, value in lines.items():
            self.console.print(Text(f"     {name}: {value}" if name else f"     {value}"))

    def show_text(self, line: str) -> None:
        self.console.print(Text(f"       {line}", style="dim"))

    async def next_mail(self) -> bytes:
        """The next mail that leaves the gateway."""
        return await asyncio.wait_for(self.sink.mails.get(), PATIENCE)

    async def send(
        self,
        sender: str,
        subject: str,
        text: str,
        ident: str,
        *,
        to: str = DESK,
        reply_to_id: str = "",
        signed: bool = True,
        helo: str = "mail.customer.example",
    ) -> str:
        """One mail through a real SMTP session; returns its text."""
        address = sender.rpartition("<")[2].strip("> ")
        domain = address.rpartition("@")[2]
        lines = [
            f"From: {sender}",
            f"To: {to}",
            f"Subject: {subject}",
            f"Date: {format_datetime(utc(SystemClock().now()))}",
            f"Message-ID: <{ident}@{domain}>",
            *([f"In-Reply-To: {reply_to_id}"] if reply_to_id else []),
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 8bit",
        ]
        data = ("\r\n".join(lines) + f"\r\n\r\n{text}\r\n").encode()
        if signed:
            data = self.signer.sign(data, domain, SystemClock().now())
        host, port = self.gateway.door.addresses[0]

        def talk() -> str:
            with smtplib.SMTP(host, port, local_hostname=helo, timeout=PATIENCE) as client:
                client.ehlo()
                client.mail(address, ["SMTPUTF8", "BODY=8BITMIME"])
                client.rcpt(to)
                code, reply = client.data(data)
                return f"{code} {reply.decode()}"

        self.show("the mail client", {"From": sender, "Subject": subject, "the gateway said": await asyncio.to_thread(talk)})
        return text

    async def receive(self, title: str) -> dict[str, str]:
        """The next mail that leaves the gateway."""
        raw = await self.next_mail()
        fields, _ = header.split(raw)
        found = {f.name: header.decode_words(header.unfolded(f)) for f in fields}
        shown = ("From", "To", "Subject", "Reply-To", "In-Reply-To", "Auto-Submitted", "Content-Language")
        lines = {name: found[name.lower()] for name in shown if name.lower() in found}
        signature = found.get("dkim-signature", "")
        lines["DKIM-Signature"] = textwrap.shorten(signature, 60, placeholder=" …")
        self.show(title, lines)
        return found

    async def filed(self, count: int) -> None:
        async def enough() -> bool:
            return (await self.gateway.store.counts()).get("mail.filed", 0) >= count

        await _until(enough)
        tickets = await self.gateway.store.tickets(desk=None, statuses=(), sender=None, limit=10)
        self.show("threaded", {"tickets in all": str(len(tickets)), "number": tickets[0].number})

    async def held(self) -> str:
        async def something() -> bool:
            return bool(await self.gateway.store.mails(MailState.HELD, limit=1))

        await _until(something)
        return (await self.gateway.store.mails(MailState.HELD, limit=1))[0].reason

    async def resolve(self, message: str) -> None:
        tickets = await self.gateway.store.tickets(desk=None, statuses=(), sender="li.lei@customer.example", limit=1)
        pipeline = await build_pipeline(self.config, self.gateway.store, SystemClock())
        said = await set_status(
            pipeline,
            self.gateway.store,
            number=tickets[0].number,
            status=Status.RESOLVED,
            note="",
            message=message,
            author="admin",
        )
        self.gateway.delivery.wake()
        self.show("the command said", {"": said})

    async def summary(self) -> None:
        async def nothing_waits() -> bool:
            return not (await self.gateway.store.counts()).get("delivery.queued", 0)

        await _until(nothing_waits)
        self.console.print()
        self.console.print(Text("What is in the store now", style="bold"))
        for name, count in sorted((await self.gateway.store.counts()).items()):
            if count:
                self.console.print(Text(f"     {name}: {count}"))


async def _until(seen: Callable[[], Awaitable[bool]]) -> None:
    """Look at the store from outside, as a person would, until it shows what is waited for."""
    async with asyncio.timeout(PATIENCE):
        while not await seen():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def stage_in(directory: Path, console: Console, more: str = "", step: int = 0) -> AsyncIterator[Stage]:
    """more: settings of the desk and what follows it. step: of the conversation so far."""
    sink = Sink()
    port = await sink.start()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "dkim.pem").write_bytes(pem)
    keys = [_customer_key(domain, directory, pem) for domain in DOMAINS]
    (directory / "zone.json").write_text(json.dumps(_zone(public_record(keys[0]))), encoding="utf-8")
    (directory / "demo.toml").write_text(SETTINGS.format(port=port, desk=DESK, more=more), encoding="utf-8")
    config = configfile.load(directory / "demo.toml")
    gateway = Gateway(config)
    try:
        await gateway.start()
        yield Stage(gateway, sink, DkimSigner(keys), config, console, step)
    finally:
        await gateway.stop()
        await sink.stop()


def _customer_key(domain: str, directory: Path, pem: bytes) -> DkimKey:
    key = DkimKey(domain=domain, selector="demo", key_file=directory / "dkim.pem")
    key._pem = pem
    return key


def _zone(record: str) -> dict[str, dict[str, list[str]]]:
    zone: dict[str, dict[str, list[str]]] = {"example": {}}
    for domain in DOMAINS:
        zone[domain] = {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"], "MX": [f"10 mail.{domain}"]}
        zone[f"_dmarc.{domain}"] = {"TXT": ["v=DMARC1; p=reject"]}
        zone[f"demo._domainkey.{domain}"] = {"TXT": [record]}
    return zone
