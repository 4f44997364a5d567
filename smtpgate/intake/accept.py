"""From a finished DATA to COMMIT 1 and the reply that says so; and who is a recipient of ours.

Acceptor.accept never raises, save when it is cancelled: our own failures become 451 with an opaque id, told to the log
with their traceback and to nobody else. 250 is returned only after store.accept has returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from smtpgate import metrics
from smtpgate.clock import Clock, id_text, new_id
from smtpgate.config import Config
from smtpgate.errors import StoreAway, StoreError, StoreFull
from smtpgate.intake import submitted
from smtpgate.intake.data import police
from smtpgate.intake.standing import PROVED
from smtpgate.intake.trace import stripped, trace
from smtpgate.mail import address as mail_address
from smtpgate.mail import header
from smtpgate.mail.token import TokenKind, Tokens
from smtpgate.model import Envelope, Verdict
from smtpgate.records import record
from smtpgate.rules import policy
from smtpgate.store.api import Accepted, IntakeStore

log = structlog.get_logger(__name__)

Judge = Callable[[Envelope, bytes, header.Header], Awaitable[Verdict]]  # what the door has read of a header is not read again

_LARGE = 1024**2  # octets; such a mail is copied several times on its way into the store, so few go there at once
_FEW = 2
_OUTCOMES = {"2": "accepted", "4": "deferred", "5": "refused"}
ROLES = ("postmaster", "abuse")  # RFC 5321 §4.5.1, RFC 2142


@dataclass(slots=True)
class Transaction:
    """One mail between MAIL and the end of DATA. mail_from None is the null sender."""

    mail_from: str | None
    smtputf8: bool
    rcpts: list[str] = field(default_factory=list)
    accepted: int = 0  # RCPT commands that were answered 250, repeats of a recipient too
    mail_id: str = ""  # chosen at MAIL, so that the log's lines about refused recipients have it
    exempt: bool = True  # every recipient so far is a role address or a signed return path


@record(frozen=True, slots=True)
class Recipient:
    """What becomes of one RCPT: the refusal ("" if it is ours), whether the policy passes it by, and whether it is an
    address that we signed."""

    refusal: str = ""
    exempt: bool = False
    signed: bool = False


_OURS = Recipient()


def recipient(address: str, config: Config, tokens: Tokens, now: float) -> Recipient:
    """May this address be written to through us? No relaying: only desks and role addresses of our domains."""
    local, at, _ = address.rpartition("@")
    if not at:
        return Recipient(exempt=True)  # only a bare "postmaster" comes this far (RFC 5321 §4.5.1)
    domain = mail_address.domain(address)
    if domain not in config.domains and domain != config.server.name:
        return Recipient("550 5.7.1 Relaying denied")
    if local.lower() in ROLES:
        return Recipient(exempt=True)
    desk_local = mail_address.split_sub(address)[0]
    if config.desk_of(f"{local}@{domain}") is None and config.desk_of(f"{desk_local}@{domain}") is None:
        return Recipient("550 5.1.1 No such user here")
    token = tokens.read(address, now)
    return Recipient(exempt=token is not None and token.kind is TokenKind.BOUNCE, signed=token is not None)


class Acceptor:
    """Takes finished mail. One for all sessions."""

    def __init__(
        self,
        config: Config,
        *,
        store: IntakeStore,
        judge: Judge,
        tokens: Tokens,
        clock: Clock,
        on_accept: Callable[[Envelope, Verdict], None],
        may_mail_domain: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.config = config
        self.clock = clock
        self.tokens = tokens
        self._store = store
        self._judge = judge
        self._on_accept = on_accept
        self._may_mail_domain = may_mail_domain
        self._few = asyncio.Semaphore(_FEW)
        own = (address for desk in config.desk for address in (desk.address, *desk.aliases))
        self._desks = frozenset(address for address in own if recipient(address, config, tokens, 0.0) == _OURS)

    def recipient(self, address: str) -> Recipient:
        return _OURS if address in self._desks else recipient(address, self.config, self.tokens, self.clock.now())

    async def accept(self, envelope: Envelope, data: bytes, *, exempt: bool) -> str:
        """The reply to the end of DATA. Cancelled before the commit has begun, it leaves nothing behind."""
        structlog.contextvars.bind_contextvars(mail=envelope.mail_id)  # of this task, for what authentication logs
        began = self.clock.monotonic()
        notes: dict[str, object] = {}
        try:
            reply = await self._accept(envelope, data, exempt, notes)
        except StoreFull:
            log.exception("store is full", mail=envelope.mail_id)
            reply = "452 4.3.1 Insufficient system storage, try again later"
        except StoreAway as error:  # for as long as it lasts, one line for each mail
            log.warning("the database is away", mail=envelope.mail_id, error=str(error))
            reply = failure(envelope.mail_id)
        except StoreError:
            log.exception("store failed", mail=envelope.mail_id)
            reply = failure(envelope.mail_id)
        except Exception:
            log.exception("accepting failed", mail=envelope.mail_id)
            reply = failure(envelope.mail_id)
        metrics.took(metrics.ACCEPT, self.clock.monotonic() - began, envelope.mail_id)
        metrics.MAILS.inc(_OUTCOMES[reply[0]])
        if reply[0] == "2":
            metrics.OCTETS.inc(by=len(data))
        log.info(
            "mail accepted" if reply.startswith("2") else "mail refused",
            mail=envelope.mail_id,
            peer=envelope.peer,
            **({"relay": envelope.relay} if envelope.relay else {}),
            **({"login": envelope.login} if envelope.login else {}),
            helo=envelope.helo,
            protocol=envelope.protocol,
            tls=envelope.tls,
            sender=envelope.mail_from or "<>",
            rcpts=envelope.rcpts,
            size=len(data),
            **notes,
            seconds=round(self.clock.monotonic() - began, 3),
            reply=reply,
        )
        return reply

    async def _accept(self, envelope: Envelope, data: bytes, exempt: bool, notes: dict[str, object]) -> str:
        limits, server = self.config.limits, self.config.server
        raw = police(data, server.bare_newline)
        if raw is None:
            return "550 5.6.0 Bare CR or LF in the mail: lines end with CR LF"
        head = header.split(raw, limit=limits.header_section, fields=limits.header_fields)
        fields = head[0]
        if len(header.named(fields, "received")) > limits.hops:
            return "554 5.4.6 Too many hops: the mail is in a loop"  # RFC 5321 §6.3
        if envelope.login and (refused := submitted.refusal(fields, envelope.login)):
            return refused
        began = self.clock.monotonic()
        verdict = await self._judge(envelope, raw, head)  # sees the mail whole: what is taken out below may be signed
        metrics.took(metrics.VERDICT, self.clock.monotonic() - began, envelope.mail_id)
        metrics.VERDICTS.inc(verdict.evidence.value)
        notes |= {
            "evidence": verdict.evidence.value,
            "spf": verdict.spf.result,
            "dkim": [f"{one.result}:{one.domain}" for one in verdict.dkim],
            "dmarc": verdict.dmarc.result,
        }
        decision, why = policy.at_the_door(verdict, self.config.policy, exempt=exempt)
        if why:
            notes["why"] = why
        if decision is policy.Door.REFUSE:
            return "550 5.7.1 Refused: the mail fails DMARC and its domain asks to refuse such mail"
        if decision is policy.Door.DEFER:
            return "451 4.4.3 The sender cannot be checked at the moment, try again later"
        domain = verdict.author.rpartition("@")[2].lower()
        if verdict.evidence in PROVED and not exempt and not self._may_mail_domain(domain):
            notes["why"] = f"more than limits.mail_rate_domain mails in this minute from {domain}"
            return "451 4.7.1 Too much mail from this domain in a minute, try again later"
        if len(raw) > _LARGE:
            async with self._few:
                await self._commit(envelope, verdict, raw, fields, notes)
        else:
            await self._commit(envelope, verdict, raw, fields, notes)
        self._on_accept(envelope, verdict)
        return f"250 2.0.0 {envelope.mail_id} accepted"

    async def _commit(
        self, envelope: Envelope, verdict: Verdict, raw: bytes, fields: tuple[header.Field, ...], notes: dict[str, object]
    ) -> None:
        if envelope.login:
            message_id = f"<{envelope.mail_id}.submitted@{self.config.server.name}>"
            raw = submitted.finished(raw, fields, now=envelope.received_at, message_id=message_id)
            fields, _ = header.split(raw, limit=self.config.limits.header_section, fields=self.config.limits.header_fields)
        raw, removed = stripped(raw, fields, self.config.server.name)
        if removed:
            notes["removed"] = removed
        ids = header.message_ids(header.first(fields, "message-id") or "")
        mail = Accepted(envelope, trace(envelope, verdict, self.config.server.name), raw, verdict, ids[0] if ids else None)
        began = self.clock.monotonic()
        await self._store.accept(mail)  # COMMIT 1: from here the mail is ours
        metrics.took(metrics.COMMIT, self.clock.monotonic() - began, envelope.mail_id)

    def new_mail_id(self) -> str:
        return id_text(new_id(self.clock))


def failure(error_id: str) -> str:
    """The reply to a failure of ours: temporary, and nothing about it but where to look in the log."""
    return f"451 4.3.0 Internal error, try again later (id {error_id})"
