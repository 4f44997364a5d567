"""The dialogue with an agent's mail client that sends through us (RFC 6409): AUTH, and then mail to desks alone.

Nothing but greeting and TLS is done before the agent has logged in, and AUTH is known under TLS alone. Neither a name nor a
password is ever said back. Mail that is not the agent's own is refused after its data (intake.submitted).
"""

from __future__ import annotations

import asyncio
import binascii
import ssl
from base64 import b64decode
from collections.abc import Callable
from typing import Any, ClassVar

import structlog

from smtpgate.config import Config
from smtpgate.intake.accept import Recipient, Transaction
from smtpgate.intake.connection import Reply
from smtpgate.intake.data import DataReader
from smtpgate.intake.host import Host
from smtpgate.intake.logins import Login
from smtpgate.intake.session import Session
from smtpgate.intake.standing import Standing

log = structlog.get_logger(__name__)

_OUTSIDE = (
    "550 5.7.1 Mail goes from here to our desks and their reply addresses alone; send other mail through your own mail server"
)
_NO_LONGER = "550 5.7.1 You are no agent here any more"
_USER, _PASSWORD = "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"  # "Username:", "Password:": what clients of AUTH LOGIN wait for


class SubmissionSession(Session):
    """login: the agent, "" before."""

    def __init__(self, host: Host, config: Config, peer: str, standing: Standing, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(host, config, peer, standing, loop)
        self._forwards = False  # nobody speaks for another client here
        self._failures = config.submission.failures
        self._wrong = 0
        self._awaits: Callable[[bytes], Reply] | None = None  # for the client's answer to a 334

    def extensions(self) -> list[str]:
        more = ["AUTH PLAIN LOGIN"] if self._secured is not None and not self.login else []
        return [*super().extensions(), *more]

    # --- AUTH (RFC 4954) ----------------------------------------------------------------------------------------------

    def answered(self, line: bytes) -> Reply | None:
        take, self._awaits = self._awaits, None
        if take is None:
            return None
        said = line.removesuffix(b"\r\n")
        if len(line) > self._limits.command_line:
            return "500 5.5.6 Line of the authentication is too long"
        return "501 5.7.0 Authentication given up" if said == b"*" else take(said)

    def _auth(self, arg: bytes) -> Reply:
        if self._secured is None:
            return "538 5.7.11 Passwords are taken under TLS alone: send STARTTLS first"
        if not self._extended:
            return "503 5.5.1 Send EHLO first"
        if self.login or self._mail is not None:
            return "503 5.5.1 Not now: you have logged in, or a mail is being sent"
        mechanism, _, initial = arg.partition(b" ")
        first, prompt = {b"PLAIN": (self._plain, "334 "), b"LOGIN": (self._user, _USER)}.get(mechanism.upper(), (None, ""))
        if first is None:
            return "504 5.5.4 Mechanism not offered; PLAIN and LOGIN are"
        if initial:
            return first(b"" if initial == b"=" else initial)
        self._awaits = first
        return prompt

    def _plain(self, said: bytes) -> Reply:
        """RFC 4616: on whose behalf, name, password."""
        parts = (_decoded(said) or "").split("\0")
        if len(parts) != 3:
            return "501 5.5.2 Syntax: base64 of NUL, name, NUL, password"
        behalf, name, password = parts
        if behalf and behalf.lower() != name.lower():
            return "535 5.7.8 Logging in on behalf of another is not offered"
        return self._check(name, password)

    def _user(self, said: bytes) -> Reply:
        name = _decoded(said)
        if name is None:
            return "501 5.5.2 Not base64"

        def password(said: bytes) -> Reply:
            found = _decoded(said)
            return "501 5.5.2 Not base64" if found is None else self._check(name, found)

        self._awaits = password
        return _PASSWORD

    async def _check(self, name: str, password: str) -> str:
        answer = await self._host.logins.check(name, password, self.peer)
        match answer.login:
            case Login.YES:
                self.login = answer.agent
                self.standing = max(self.standing, Standing.AGENT)
                log.info("logged in", peer=self.peer, helo=self._helo, user=self.login)
                return "235 2.7.0 Welcome"
            case Login.BARRED:
                self.hang_up(f"421 4.7.0 {self.hostname} too many wrong passwords from your address, try again later", "barred")
                return ""
            case Login.LATER:
                return "454 4.7.0 Logins are not looked at just now, try again later"
        self._wrong += 1
        if self._wrong >= self._failures:
            self.hang_up(f"421 4.7.0 {self.hostname} name or password is wrong, too often", "too many wrong passwords")
            return ""
        return "535 5.7.8 Name or password is wrong"

    # --- one mail -----------------------------------------------------------------------------------------------------

    def sender_refusal(self, address: str | None) -> str:
        if not self._in_force():
            return _NO_LONGER
        if address is not None and address.lower() != self.login.lower():
            return f"553 5.7.1 You have logged in as {self.login}, so only that address may send; choose that identity"
        return ""

    def _mail_from(self, arg: bytes) -> str:
        if self._helo and not self.login:
            how = "Send STARTTLS, then AUTH" if self._secured is None else "Log in first (AUTH)"
            return f"530 5.7.0 {how}"  # RFC 4954 §6
        return super()._mail_from(arg)

    def recipient(self, address: str) -> Recipient:
        found = super().recipient(address)
        return Recipient(_OUTSIDE) if found.refusal.startswith("550 5.7.1") else found

    def _to_be_screened(self) -> bool:
        return False

    def _accept(self, mail: Transaction, content: DataReader) -> None:
        if self._in_force():
            super()._accept(mail, content)
        else:
            content.release()
            self._mail_ended(mail, _NO_LONGER)

    def _in_force(self) -> bool:
        """Whoever is removed from the desks is out, however long he has been connected."""
        return bool(self.login) and self._host.logins.agent(self.login) == self.login

    commands: ClassVar[dict[str, Callable[[Any, bytes], Reply]]] = {
        **{verb: command for verb, command in Session.commands.items() if verb not in ("XFORWARD", "XCLIENT", "MAIL")},
        "MAIL": _mail_from,
        "AUTH": _auth,
    }


class SubmissionTlsSession(SubmissionSession):
    """With TLS from the first octet (RFC 8314 §3.3)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = self._wire = transport
        context = self._host.tls
        if context is None:
            self.cut("there is no certificate")
            return
        transport.pause_reading()  # until the TLS layer is there: what comes first is its
        self._handshaking = True
        self._held = self._context.run(self.loop.create_task, self._begin(context))
        self._held.add_done_callback(self._waited)

    async def _begin(self, context: ssl.SSLContext) -> str:
        if await self._secure(context):
            self._greet()
        return ""


def _decoded(said: bytes) -> str | None:
    """None for what is no base64 of UTF-8."""
    try:
        return b64decode(said, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
