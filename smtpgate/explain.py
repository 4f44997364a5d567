"""What the gateway would make of any mail, changing nothing: verdict, kind, text, ladder, and what would be sent.

Uses the very functions of intake and filing. Raises UsageError for options that make no sense; a file that cannot be
explained becomes an `error` line and the rest go on.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smtpgate.auth.dns import Resolver
from smtpgate.auth.verdict import judge
from smtpgate.clock import Clock, id_text, new_id
from smtpgate.config import Config
from smtpgate.errors import ParseFailed, UsageError
from smtpgate.handlers import answer
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.intake.accept import recipient
from smtpgate.intake.data import police
from smtpgate.mail import header
from smtpgate.mail.address import author, parse_list
from smtpgate.mail.parse import opaque, parse
from smtpgate.model import Address, Attachment, Envelope, MailState, Meeting, OutgoingMail, ParsedMail, Verdict
from smtpgate.oldmail import named_desks
from smtpgate.rules.policy import Door, at_the_door
from smtpgate.store.api import Changes, Facts, Incoming, Store


@dataclass(frozen=True, slots=True)
class Options:
    """What the envelope would have said. None: as well as it can be told from the mail itself."""

    ip: str = ""
    helo: str = ""
    mail_from: str | None = None
    rcpts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explainer:
    """store None: there is none yet, so nothing has come before."""

    config: Config
    pipeline: Pipeline
    resolver: Resolver
    clock: Clock
    store: Store | None

    async def explain(self, path: Path, options: Options) -> dict[str, Any]:
        """One JSON-ready object. Raises OSError, StoreError and whatever a broken file provokes."""
        content = self._content(path)
        raw = police(content, "normalize") or b""
        envelope, sender = self._envelope(raw, options)
        limits = self.config.limits
        head = header.split(raw, limit=limits.header_section, fields=limits.header_fields)  # as the door does
        verdict = await judge(envelope=envelope, raw=raw, config=self.config, resolver=self.resolver, clock=self.clock, head=head)
        parsed = self._parse(raw, sender)
        mail = Incoming(
            id=envelope.mail_id,
            state=MailState.ACCEPTED,
            envelope=envelope,
            verdict=verdict,
            received_at=envelope.received_at,
            size=len(raw),
            sha256="",
            message_id=parsed.message_id,
            raw=raw,
        )
        tokens, now = self.pipeline.tokens, self.clock.now()
        exempt = all(recipient(r, self.config, tokens, now).exempt for r in envelope.rcpts)
        door, why = at_the_door(verdict, self.config.policy, exempt=exempt)
        changes: Changes | None = None
        if door is Door.ACCEPT:
            ready = self.pipeline.prepare(mail, parsed, self.clock.now())
            facts = await self.store.facts(ready.query) if self.store else Facts()
            changes = self.pipeline.decide(ready, facts)
            parsed = answer.refined(parsed, facts)
        return {
            "file": str(path),
            "message": message_json(self._as_it_lies(content, parsed, sender)),
            "auth": auth_json(verdict),
            "kind": parsed.kind.value,
            "kind_reason": parsed.kind_reason,
            "bounce": bounce_json(parsed),
            "details": [{"name": d.name, "value": d.value, "where": d.where} for d in self.pipeline.details(parsed)],
            "decision": decision_json(door, why, changes),
        }

    def _content(self, path: Path) -> bytes:
        """Read with a bound: the path may name a device or a pipe."""
        most = self.config.limits.message_size
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise UsageError(f"larger than limits.message_size ({most} octets): the door answers 552")
        return content

    def _envelope(self, raw: bytes, options: Options) -> tuple[Envelope, str | None]:
        """The envelope, and its sender for the reader: None is the null sender, "" means that nothing tells."""
        fields, _ = header.split(raw)
        mail_from = options.mail_from
        return_path = header.first(fields, "return-path")
        if mail_from is None:
            mail_from = return_path.strip("<> ") if return_path is not None else _sender(fields)
        rcpts = options.rcpts or named_desks(fields, self.config) or (self.config.desk[0].address,)
        now = self.clock.now()
        mail_from = mail_from.strip("<>")
        null = options.mail_from is not None or return_path is not None
        envelope = Envelope(
            mail_id=id_text(new_id(self.clock)),
            mail_from=mail_from or None,
            rcpts=rcpts,
            peer=options.ip,
            helo=options.helo,
            received_at=now,
        )
        return envelope, mail_from or (None if null else "")

    def _as_it_lies(self, content: bytes, parsed: ParsedMail, sender: str | None) -> ParsedMail:
        """Size and hash of text files in a mail that somebody stored with LF: as other tools tell them of that file. Over SMTP
        its lines would end with CRLF."""
        if b"\r" in content or not parsed.attachments or parsed.opaque:
            return parsed
        stored = self._parse(content, sender)
        return parsed if stored.opaque else replace(parsed, attachments=stored.attachments)

    def _parse(self, raw: bytes, sender: str | None) -> ParsedMail:
        try:
            with _time_limit(self.config.limits.parse_wall):
                return parse(raw, mail_from=sender, limits=self.config.limits)
        except ParseFailed as error:
            return opaque(raw, mail_from=sender, limits=self.config.limits, reason=str(error))


def _sender(fields: tuple[header.Field, ...]) -> str:
    """Who most likely stood in MAIL FROM: the author, else the first one whom From names."""
    found = parse_list(header.first(fields, "from") or "", limit=1)[0]
    return author(fields)[0] or (found[0].address if found else "")


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """The worker's limit, without a worker: one process at full speed. Main thread only, as signals are."""

    def ring(*_: object) -> None:
        raise ParseFailed(f"reading took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again and again: a library may swallow what is raised
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _people(addresses: tuple[Address, ...]) -> list[dict[str, str]]:
    return [{"name": a.name, "address": a.address} for a in addresses]


def _attachment(a: Attachment) -> dict[str, Any]:
    return {
        "filename": a.filename,
        "content_type": a.content_type,
        "size": a.size,
        "sha256": a.sha256,
        "inline": a.inline,
        "content_id": a.content_id,
        "label": a.label,
    }


def _meeting(meeting: Meeting | None) -> dict[str, Any] | None:
    return {name: getattr(meeting, name) for name in Meeting.__slots__} if meeting else None


def message_json(parsed: ParsedMail) -> dict[str, Any]:
    return {
        "message_id": parsed.message_id,
        "in_reply_to": list(parsed.in_reply_to),
        "references": list(parsed.references),
        "date": parsed.date,
        "from": _people(parsed.from_),
        "sender": _people(parsed.sender),
        "reply_to": _people(parsed.reply_to),
        "to": _people(parsed.to),
        "cc": _people(parsed.cc),
        "subject": parsed.subject,
        "language": parsed.language,
        "script": parsed.script,
        "thanks": parsed.thanks,
        "text": parsed.text,
        "reply": parsed.reply,
        "context": parsed.context,
        "html": parsed.html,
        "attachments": [_attachment(a) for a in parsed.attachments],
        "meeting": _meeting(parsed.meeting),
        "defects": list(parsed.defects),
        "opaque": parsed.opaque,
    }


def auth_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "spf": {"result": verdict.spf.result, "domain": verdict.spf.domain, "reason": verdict.spf.reason},
        "dkim": [{"result": d.result, "domain": d.domain, "selector": d.selector, "reason": d.reason} for d in verdict.dkim],
        "dmarc": {
            "result": verdict.dmarc.result,
            "policy": verdict.dmarc.policy,
            "domain": verdict.dmarc.domain,
            "reason": verdict.dmarc.reason,
            "aligned": verdict.dmarc.aligned,
        },
        "arc": {"result": verdict.arc.result, "reason": verdict.arc.reason, "sealer": verdict.arc.sealer},
        "verdict": verdict.evidence.value,
        "author": verdict.author,
        "reasons": list(verdict.reasons),
    }


def bounce_json(parsed: ParsedMail) -> dict[str, Any] | None:
    if parsed.bounce is None:
        return None
    return {
        "recipients": [
            {
                "address": r.address,
                "action": r.action,
                "status": r.status,
                "diagnostic": r.diagnostic,
                "permanent": r.permanent,
                "reason": r.reason.value,
            }
            for r in parsed.bounce.recipients
        ],
        "original_message_id": parsed.bounce.original_message_id,
    }


def decision_json(door: Door, why: str, changes: Changes | None) -> dict[str, Any]:
    if changes is None:
        return {"door": door.value, "reason": why, "outcome": "refused" if door is Door.REFUSE else "deferred"}
    if changes.postpone_until is not None:
        return {"door": door.value, "outcome": "postponed", "reason": "waits for the mail that it answers"}
    decision: dict[str, Any] = json.loads(changes.decision)
    return {"door": door.value, "reason": changes.reason, **decision, "send": [_letter(m) for m in changes.outgoing]}


def _letter(mail: OutgoingMail) -> dict[str, Any]:
    fields, _ = header.split(mail.data)
    return {
        "purpose": mail.purpose,
        "to": [r.address for r in mail.recipients],
        "subject": header.decode_words(header.first(fields, "subject") or ""),
        "message_id": mail.message_id,
    }
