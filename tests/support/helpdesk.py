"""A help desk without a door: accepted mail with a given verdict goes through the real store, parser and handlers.

`Helpdesk.post(...)` is one mail from acceptance to COMMIT 2; what it returns is the stored row and what filing decided.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtpgate.app import build_pipeline
from smtpgate.clock import id_text, new_id
from smtpgate.config import Config
from smtpgate.errors import ParseFailed
from smtpgate.filing import Filing, _Leased
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail.parse import parse
from smtpgate.mail.parserchild import Unread
from smtpgate.model import (
    ArcResult,
    DeliveryState,
    DmarcResult,
    Envelope,
    Evidence,
    MailState,
    OutgoingMail,
    ParsedMail,
    SpfResult,
    Ticket,
    Verdict,
)
from smtpgate.store.api import Accepted, Incoming
from smtpgate.store.shown import TicketDetail
from smtpgate.store.sqlite import SqliteStore
from tests.support.clock import ManualClock

START = 1_767_348_000.0  # 2026-01-02 10:00:00 UTC
CUSTOMER = "alice@customer.example"
DESK = "support@help.example"

CONFIG: dict[str, Any] = {
    "server": {"name": "mx.help.example"},
    "desk": [
        {"name": "support", "address": DESK, "aliases": ["help@help.example"], "agents": ["agent@corp.example"], "notify": False},
        {"name": "sales", "address": "sales@help.example", "channel": "SAL", "notify": False},
    ],
}


def make_config(**sections: Any) -> Config:
    return Config.model_validate({**CONFIG, **sections})


class InProcessParser:
    """The parser without its process: handlers do not care where a mail was read."""

    def __init__(self, config: Config) -> None:
        self._limits = config.limits
        self.processes = 2

    async def parse(self, raw: bytes, mail_from: str | None, *, html: bool = False) -> ParsedMail:
        return parse(raw, mail_from=mail_from, limits=self._limits, html=html)

    async def parse_together(self, mails: Sequence[Unread]) -> list[ParsedMail | ParseFailed]:
        found: list[ParsedMail | ParseFailed] = []
        for mail in mails:
            try:
                found.append(await self.parse(mail.raw, mail.mail_from, html=mail.html))
            except ParseFailed as error:
                found.append(error)
        return found


@dataclass(frozen=True)
class Filed:
    mail: Incoming
    decision: dict[str, Any]
    sent: tuple[OutgoingMail, ...]

    @property
    def outcome(self) -> str:
        return str(self.decision.get("outcome", ""))

    @property
    def number(self) -> str | None:
        return self.decision.get("ticket")

    @property
    def purposes(self) -> list[str]:
        return [m.purpose for m in self.sent]


@dataclass(repr=False)  # asyncio.run asks for it (CPython 3.11), and the configuration's is long
class Helpdesk:
    config: Config
    store: SqliteStore
    clock: ManualClock
    pipeline: Pipeline
    filing: Filing

    async def accept(
        self,
        raw: bytes,
        *,
        sender: str = CUSTOMER,
        mail_from: str | None = "",
        rcpts: Sequence[str] = (DESK,),
        evidence: Evidence = Evidence.DMARC_DKIM,
        dmarc_policy: str = "reject",
    ) -> str:
        """COMMIT 1 only. mail_from "" means the same as sender."""
        mail_id = id_text(new_id(self.clock))
        envelope = Envelope(
            mail_id=mail_id,
            mail_from=sender if mail_from == "" else mail_from,
            rcpts=tuple(rcpts),
            peer="192.0.2.1",
            helo="mail.customer.example",
            received_at=self.clock.now(),
        )
        policy = dmarc_policy if evidence is Evidence.FAIL else "none"
        author = "" if evidence is Evidence.AMBIGUOUS else sender
        verdict = Verdict(
            evidence, author, SpfResult("none"), (), DmarcResult("none", policy), ArcResult(), reasons=("given by the test",)
        )
        message_id = next(
            (line[11:].strip().decode() for line in raw.split(b"\r\n") if line.lower().startswith(b"message-id:")), None
        )
        await self.store.accept(Accepted(envelope, b"Return-Path: <x@y>\r\n", raw, verdict, message_id))
        return mail_id

    async def work(self) -> None:
        """File everything that may be filed now."""
        while True:
            mails = await self.store.claim(worker="test", now=self.clock.now(), lease=60, limit=10)
            if not mails:
                return
            for mail in mails:
                await self.take(mail)

    async def take(self, *mails: Incoming) -> None:
        """File these claimed mails, all at once."""
        for mail in mails:
            self.filing._octets += len(mail.raw)
            self.filing._waiting.append(_Leased(mail, math.inf))
        while self.filing._waiting or self.filing._under_way:
            while self.filing._waiting and self.filing._may_begin():
                self.filing._begin()
            await asyncio.wait(self.filing._under_way)

    async def look(self, mail_id: str) -> Filed:
        mail = await self.store.mail(mail_id)
        assert mail is not None
        decision = json.loads(mail.decision) if mail.decision else {}
        ids = [letter["message_id"] for letter in decision.get("send", [])]
        return Filed(mail, decision, tuple(m for m in await self.outgoing() if m.message_id in ids))

    async def outgoing(self) -> list[OutgoingMail]:
        """All mail of ours, oldest first."""
        rows = await self.store.queue(states=list(DeliveryState), ticket_number=None, limit=1000)
        details = [await self.store.outgoing(i) for i in sorted({row.outgoing_id for row in rows})]
        return [d.mail for d in details if d is not None]

    async def post(self, raw: bytes, **kwargs: Any) -> Filed:
        mail_id = await self.accept(raw, **kwargs)
        await self.work()
        return await self.look(mail_id)

    async def ticket(self, number: str | None) -> TicketDetail:
        assert number is not None
        detail = await self.store.ticket(number)
        assert detail is not None
        return detail

    async def tickets(self) -> list[Ticket]:
        return list(await self.store.tickets(desk=None, statuses=(), sender=None, limit=1000))

    async def release(self, mail_id: str) -> Filed:
        assert await self.store.settle_mail(mail_id, expect=(MailState.HELD,), to=MailState.ACCEPTED, reason="released")
        await self.work()
        return await self.look(mail_id)

    def reply_address(self, number_of: Ticket, person: str = CUSTOMER) -> str:
        return self.pipeline.tokens.reply_address(DESK, number_of.id, person, self.clock.now())


@asynccontextmanager
async def helpdesk(tmp_path: Path, **sections: Any) -> AsyncIterator[Helpdesk]:
    config = make_config(store={"path": tmp_path / "desk.db"}, **sections)
    clock = ManualClock(START)
    store = await SqliteStore.open(config.store.path)
    try:
        pipeline = await build_pipeline(config, store, clock)
        parser: Any = InProcessParser(config)
        filing = Filing(config, store, parser, pipeline, clock, "test", lambda: None)
        yield Helpdesk(config, store, clock, pipeline, filing)
    finally:
        await store.close()


def mail(
    subject: str = "Printer on fire",
    body: str = "It burns.",
    *,
    sender: str = f"Alice <{CUSTOMER}>",
    to: str = DESK,
    message_id: str | None = "",
    headers: Sequence[str] = (),
) -> bytes:
    """An ordinary mail. message_id "" makes a new one for each content."""
    if message_id == "":
        message_id = f"<{abs(hash((subject, body, sender))):x}@customer.example>"
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Fri, 02 Jan 2026 10:00:00 +0000"]
    if message_id:
        lines.append(f"Message-ID: {message_id}")
    lines += [*headers, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body.replace("\n", "\r\n") + "\r\n").encode()
