"""One desk with three doors, all in memory: a mail goes through the real dialogue, the real checks and the real filing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from smtpgate.auth import verdict
from smtpgate.auth.dns import ZoneResolver
from smtpgate.config import Config
from smtpgate.intake.lmtp import LmtpSession
from smtpgate.intake.server import Door
from smtpgate.intake.session import Session
from smtpgate.mail.header import Header
from smtpgate.mail.token import TokenKind, Tokens
from smtpgate.model import Envelope, Verdict
from smtpgate.store.api import Accepted, IntakeStore
from tests.matrix.cases import FRONT, SEALER, Person, Sent
from tests.support.helpdesk import CUSTOMER, DESK, mail, make_config
from tests.support.instant import Done, Instant
from tests.unit.intake.wire import Wire

LEE, KIM, GONE = "lee@corp.example", "kim@corp.example", "gone@corp.example"
BOB, EVE = "bob@other.example", "eve@stranger.example"
_TRUST: dict[str, dict[str, Any]] = {
    "MX": {},
    "LMTP-AR": {"trusted_authserv_id": FRONT},
    "LMTP": {},
}


class _Kept:
    """The store as a door sees it."""

    def __init__(self) -> None:
        self.mails: list[Accepted] = []

    async def accept(self, mail: Accepted) -> None:
        self.mails.append(mail)


def _config(*agents: str, **auth: Any) -> Config:
    desk = [{"name": "support", "address": DESK, "agents": list(agents)}]
    return make_config(desk=desk, auth={"arc_sealers": [SEALER], **auth})


@dataclass
class Outcome:
    """reply: the door's last word. done: what filing made of it."""

    reply: str
    done: list[Done]
    verdict: Verdict | None = None


@dataclass
class Desk:
    """Alice's ticket with an answer to come, Bob's beside it, and one agent who was removed since."""

    instant: Instant = field(init=False)
    people: dict[str, Person] = field(init=False)

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.instant = Instant(desk=[{"name": "support", "address": DESK, "agents": [LEE, KIM, GONE]}])
        (first,) = self.instant.post(mail(), sender=CUSTOMER)
        (other,) = self.instant.post(mail("Scanner", "Slow.", sender=f"Bob <{BOB}>"), sender=BOB)
        self.number, self.other = str(first.number), str(other.number)
        self.instant.pipeline = self.instant.with_config(_config(LEE, KIM))
        self.configs = {door: _config(LEE, KIM, **_TRUST[door]) for door in _TRUST}
        told = {m.recipients[0].address: m for m in first.sent}
        ours, theirs = self.instant.ticket_of(self.number), self.instant.ticket_of(self.other)
        tokens, now = self.instant.pipeline.tokens, self.instant.clock.now()

        def tokens_of(person: str, kind: TokenKind, colleague: str) -> dict[str, str]:
            old = Tokens((b"k" * 32,), 1.0)
            return {
                "own": tokens.reply_address(DESK, ours.id, person, now, kind),
                "colleague": tokens.reply_address(DESK, ours.id, colleague, now, TokenKind.ACTION),
                "other": tokens.reply_address(DESK, theirs.id, person if kind is TokenKind.ACTION else BOB, now, kind),
                "expired": old.reply_address(DESK, ours.id, person, now - 90 * 86_400, kind),
                "legacy": DESK.replace("@", f"+fs_reply-{self.number}-0123456789abcdef@"),
            }

        def person(role: str, address: str, kind: TokenKind, body: str, *, answers: str = "", headers: str = "") -> Person:
            known = tokens_of(address, kind, KIM if address == LEE else LEE)
            to = known["own"] if kind is TokenKind.ACTION else DESK
            subject = f"Re: [#{self.number}] Printer on fire" if answers else "Lamp"
            fields = f"In-Reply-To: {answers}\r\n" if answers else ""
            return Person(role, address, to, subject, body, fields + headers, known)

        answered, received = told[LEE].message_id, told[CUSTOMER].message_id
        words = "Send me your password."
        self.instant.clock.advance(600.0)  # what comes at once may be an automatic answer, whichever cell is the first
        self.people = {
            "agent": person("agent", LEE, TokenKind.ACTION, words, answers=answered),
            "ex-agent": person("ex-agent", GONE, TokenKind.ACTION, words, answers=told[GONE].message_id),
            "participant": person("participant", CUSTOMER, TokenKind.REPLY, "It burns again.", answers=received),
            "outsider": person("outsider", EVE, TokenKind.REPLY, "The lamp is dark."),
            "machine": person(
                "machine", CUSTOMER, TokenKind.REPLY, "I am away.", answers=received, headers="Auto-Submitted: auto-replied\r\n"
            ),
        }

    def close(self) -> None:
        self.instant.close()
        self.loop.close()

    def send(self, door: str, sent: Sent, person: Person) -> Outcome:
        """One mail through this door; the desk is as before afterwards."""
        self.instant.clock.advance(1.0)
        self.instant.mark()
        try:
            return self.loop.run_until_complete(self._send(door, sent, person))
        finally:
            self.instant.back()

    async def _send(self, door: str, sent: Sent, person: Person) -> Outcome:
        to = person.tokens[sent.token] if sent.token else person.to
        if sent.before:
            self.instant.post(sent.before, sender=person.address, rcpts=(to,))
        kept = _Kept()
        front = f"Authentication-Results: {sent.front}\r\n".encode() if door == "LMTP-AR" else b""
        said = await self._talk(door, kept, sent, to, front + sent.raw)
        reply = said.rstrip(b"\r\n").rpartition(b"\r\n")[2].decode()
        if not kept.mails:
            return Outcome(reply, [])
        (mail,) = kept.mails
        return Outcome(reply, self.instant.take(mail), mail.verdict)

    async def _talk(self, name: str, kept: _Kept, sent: Sent, to: str, raw: bytes) -> bytes:
        """What the door said. Each mail finds a door that has seen nobody yet, so that no rate plays a part."""
        config, clock, resolver = self.configs[name], self.instant.clock, ZoneResolver(sent.zone)

        async def judge(envelope: Envelope, data: bytes, head: Header) -> Verdict:
            return await verdict.judge(envelope=envelope, raw=data, config=config, resolver=resolver, clock=clock, head=head)

        door = Door(
            config,
            store=cast(IntakeStore, kept),
            judge=judge,
            tokens=self.instant.pipeline.tokens,
            clock=clock,
            resolver=resolver,
            disk=lambda: (1 << 40, 1 << 40),
        )
        wire = Wire()
        kind: type[Session] = Session if name == "MX" else LmtpSession
        door.admit(kind, wire, sent.peer if name == "MX" else "", b"")
        await _turns()
        hello = f"{kind.hello} mail.example\r\nMAIL FROM:<{sent.mail_from or ''}>\r\nRCPT TO:<{to}>\r\nDATA\r\n"
        wire.feed(hello.encode())
        await _turns()
        if not wire.said.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n"):
            raise AssertionError(wire.said)
        before = len(wire.said)
        wire.feed(raw.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        while len(wire.said) == before:
            await _turns()
        said = wire.said[before:]
        wire.close()
        await _turns()
        return said


async def _turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


def letter(outcome: Outcome, person: Person) -> str:
    """The letter of the table for what became of it. Raises AssertionError for what no letter stands for: above all for mail to
    anybody outside but what the letter says."""
    if not outcome.done:
        assert outcome.reply[0] in "45", outcome.reply
        return "X"
    (done,) = outcome.done
    sent = {(m.purpose, m.recipients[0].address) for m in done.sent}
    outside = {(purpose, to) for purpose, to in sent if to not in (LEE, KIM)}
    entries = done.changes.entries
    marks = {mark for entry in entries for mark in entry.marks}
    kinds = {entry.kind.value for entry in entries}
    if done.outcome == "answer":
        assert outside == {("answer", CUSTOMER)}, outside
        return "S"
    if done.outcome == "held":
        assert not outside, outside
        assert not entries
        return "A" if ("receipt", LEE) in sent else "H"
    if done.outcome == "new":
        author = done.changes.tickets[0].ticket.customer  # of a look-alike domain, it may be
        assert author is None or author.address in (person.address, outcome.verdict.author if outcome.verdict else ""), author
        assert outside <= {(purpose, author.address if author else "") for purpose in ("received", "notice")}, outside
        return "N" if "received" in {purpose for purpose, _ in outside} else "n" if outside else "o"
    assert not outside, outside
    if done.outcome == "noted":
        return "M"
    if done.outcome == "repeat":
        return "R"
    if kinds == {"note"}:
        return "i"
    if kinds == {"third-party"}:
        return "t"
    assert done.outcome == "joined", done.outcome
    assert "customer" in kinds, kinds
    return "w" if "weak" in marks else "u" if "unverified" in marks else "J"
