"""The SMTP dialogue: what each command does in each state (RFC 5321 §4.1.4).

Every method returns the reply, or a coroutine that does where DNS, the store or a handshake must be waited for; Connection
says it. An accept that has begun runs in a task of its own: the client may vanish, the mail does not.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import structlog

from smtpgate.auth.verdict import within
from smtpgate.config import Config
from smtpgate.intake import command, forwarded
from smtpgate.intake.accept import Recipient, Transaction
from smtpgate.intake.connection import Connection, Reply
from smtpgate.intake.data import DataReader, Fault
from smtpgate.intake.forwarded import Client
from smtpgate.intake.host import Host
from smtpgate.intake.standing import Standing
from smtpgate.intake.trace import protocol
from smtpgate.model import LOCAL, Envelope

log = structlog.get_logger(__name__)

_IDLE_VERBS = frozenset({"EHLO", "HELO", "LHLO", "NOOP", "RSET", "VRFY", "HELP", "XFORWARD", "XCLIENT"})
_OF_FORWARDERS = frozenset({"XFORWARD", "XCLIENT"})
_NOT_OFFERED = frozenset({"EXPN", "BDAT", "AUTH", "ETRN", "TURN", "SEND", "SOML", "SAML"})
_BROWSER = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"})
_FAULTS = {
    Fault.TOO_LARGE: "552 5.3.4 Mail is larger than the limit",  # RFC 1870 §6.3
    Fault.LONG_LINE: "500 5.6.0 Mail has a line longer than the limit",
    Fault.NO_MEMORY: "452 4.3.1 Too much mail at once, try again later",
}


class Session(Connection):
    """The state of one dialogue: who greeted us, and the mail that is being sent."""

    hello = "EHLO"
    login = ""  # the agent who has logged in, where that can be done (intake.submission)
    no_recipients = "554 5.5.1 No valid recipients"

    def __init__(self, host: Host, config: Config, peer: str, standing: Standing, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(host, config, peer, standing, loop)
        self._mail: Transaction | None = None
        self._sent: Transaction | None = None  # the mail whose data comes, or is being accepted
        self._extended = False
        self._xforward: Client | None = None  # for the next mail
        self._xclient: Client | None = None  # for the rest of the connection
        self._idle = 0
        self._listed: str | None = None  # the refusal that block lists ask for, "" for none, None before they were asked
        self._refused_data = False
        self._forwarders = config.server.forwarders
        self._forwards = not peer or within(peer, self._forwarders)

    def obey(self, taken: command.Command) -> Reply:
        verb = taken.verb
        if self._offers(verb):
            if verb in _IDLE_VERBS:
                self._idle += 1
                if self._idle > self.pace.junk_commands:
                    self.hang_up(f"421 4.7.0 {self.hostname} too many commands without mail", "too many commands without mail")
                    return ""
            self._refused_data = False
            return self.commands[verb](self, taken.arg)
        if verb in _BROWSER:  # a browser made to speak to us: nothing that it says is a command
            self.hang_up("421 4.7.0 This is an SMTP server", "not SMTP")
            return ""
        offered = verb not in _NOT_OFFERED and verb != "STARTTLS"
        return self.misunderstood("500 5.5.1 Command not recognised" if offered else "502 5.5.1 Command not implemented")

    def _offers(self, verb: str) -> bool:
        if verb == "STARTTLS":
            return self._host.tls is not None
        return verb in self.commands and (verb not in _OF_FORWARDERS or self._forwards)

    def misunderstood(self, reply: str) -> str:
        """After a refused DATA it is content of a client that did not wait, which must not run as commands."""
        if self._refused_data:
            self._last_words(reply, "content after refused DATA")
            return ""
        return reply

    # --- greeting -----------------------------------------------------------------------------------------------------

    def _helo_command(self, arg: bytes) -> str:
        return f"250 {self.hostname}" if self._greeted(arg, extended=False) else "501 5.5.4 Syntax: HELO hostname"

    def _ehlo(self, arg: bytes) -> str:
        if not self._greeted(arg, extended=True):
            return f"501 5.5.4 Syntax: {self.hello} hostname"
        return "".join(f"250-{line}\r\n" for line in (self.hostname, *self.extensions())) + "250 HELP"

    def extensions(self) -> list[str]:
        lines = ["PIPELINING", f"SIZE {self._limits.message_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self._host.tls is not None and self._secured is None:
            lines.append("STARTTLS")
        if self._forwards:
            lines += ["XFORWARD " + " ".join(forwarded.XFORWARD), "XCLIENT " + " ".join(forwarded.XCLIENT)]
        return lines

    def _greeted(self, arg: bytes, *, extended: bool) -> bool:
        name = command.helo_name(arg)
        if name is None:
            return False
        self._forget()  # RFC 5321 §4.1.4: as after RSET
        self._helo, self._extended = name, extended
        return True

    def _starttls(self, arg: bytes) -> Reply:
        if arg:
            return "501 5.5.4 Syntax: STARTTLS"
        if self._secured is not None or self._host.tls is None:
            return "503 5.5.1 TLS is already active"
        return self._handshake(self._host.tls)

    async def _handshake(self, context: ssl.SSLContext) -> str:
        """RFC 3207: whatever was sent or said before the handshake is forgotten (§4.2)."""
        if self._inbox:
            log.warning("commands injected before the TLS handshake", peer=self.peer)
            self._inbox.clear()
        self._put("220 2.0.0 Ready to start TLS")
        self._flush()
        if await self._secure(context):
            self._forget()
            self._helo, self._extended = "", False
        return ""

    async def _secure(self, context: ssl.SSLContext) -> bool:
        """The handshake. False when there is nobody any more to go on with."""
        self._handshaking = True  # from here to the TLS layer's start nothing waits
        patience = self.pace.tls_handshake
        self._patience.wait(patience)
        try:
            transport = await self.loop.start_tls(self._wire, self, context, server_side=True, ssl_handshake_timeout=patience)
        except (OSError, ssl.SSLError) as error:
            self.cut(f"TLS handshake failed: {type(error).__name__}")
            return False
        finally:
            self._handshaking = False
        if transport is None:  # lost in the last moment of the handshake; the type hints do not know
            self.cut("connection lost during the TLS handshake")
            return False
        self.transport = self._wire = transport
        cipher = transport.get_extra_info("cipher")
        self._secured = f"{cipher[1]} {cipher[0]}" if cipher else "TLS"
        return True

    # --- one mail -----------------------------------------------------------------------------------------------------

    def _mail_from(self, arg: bytes) -> str:
        if not self._helo:
            return f"503 5.5.1 Send {self.hello} first"
        if self._mail is not None:
            return "503 5.5.1 Nested MAIL command"
        taken = command.mail_from(arg, extended=self._extended, login=bool(self.login))
        if isinstance(taken, str):
            return taken
        if refused := self.sender_refusal(taken.address):
            return refused
        if taken.size is not None and taken.size > self._limits.message_size:
            return _FAULTS[Fault.TOO_LARGE]
        client = self._client_address()
        if taken.size is not None and taken.size > self._host.account(client, self.standing).free:
            return _FAULTS[Fault.NO_MEMORY]
        if not self._host.room():
            return "452 4.3.1 Insufficient system storage, try again later"
        if not self._host.may_mail(client, self.standing):
            log.info("too many mails in a minute", peer=client, helo=self._helo)
            return "450 4.7.1 Too many mails in a minute, try again later"
        self._mail = Transaction(taken.address, taken.smtputf8, mail_id=self._host.acceptor.new_mail_id())
        return "250 2.1.0 Sender ok"

    def sender_refusal(self, address: str | None) -> str:
        """Why this sender may not send here; "" when he may."""
        return ""

    def recipient(self, address: str) -> Recipient:
        return self._host.acceptor.recipient(address)

    def _rcpt_to(self, arg: bytes) -> Reply:
        mail = self._mail
        if mail is None:
            return "503 5.5.1 Send MAIL first"
        taken = command.rcpt_to(arg, smtputf8=mail.smtputf8)
        address = "" if isinstance(taken, str) else taken[0]
        if isinstance(taken, str):
            found = Recipient(taken)
        elif mail.accepted >= self._limits.recipients:
            found = Recipient("452 4.5.3 Too many recipients")  # RFC 5321 §4.5.3.1.10
        else:
            found = self.recipient(address)
            if not found.refusal and not found.exempt and self._host.screen.active and self._to_be_screened():
                return self._screened(mail, address, found)
        return self._recipient(mail, address, found)

    def _recipient(self, mail: Transaction, address: str, found: Recipient) -> str:
        if found.refusal:
            log.info(
                "recipient refused",
                mail=mail.mail_id,
                peer=self.peer,
                helo=self._helo,
                sender=mail.mail_from or "<>",
                rcpt=address,
                reply=found.refusal,
            )
            return found.refusal
        mail.accepted += 1
        if address not in mail.rcpts:
            mail.rcpts.append(address)
            mail.exempt = mail.exempt and found.exempt
        return "250 2.1.5 Recipient ok"

    def _to_be_screened(self) -> bool:
        """A relay has taken what it tells about with XFORWARD: refusing now would make it send a bounce."""
        return self._xforward is None and self.standing is not Standing.OWN

    async def _screened(self, mail: Transaction, address: str, found: Recipient) -> str:
        """Block lists and greylist. Whoever has a signed address of ours was written to, and does not wait."""
        client, screen = self._client_address(), self._host.screen
        if self._listed is None:
            self._listed = await screen.listed(client)
        refusal = self._listed
        if not refusal and not found.signed:
            refusal = await screen.wait(client, self.standing, mail.mail_from, address)
        return self._recipient(mail, address, Recipient(refusal) if refusal else found)

    def _data(self, arg: bytes) -> str:
        mail = self._mail
        if self._inbox:  # DATA is the last of a group (RFC 2920 §3.1); what follows may be content
            self._last_words("554 5.5.0 Synchronisation error: wait for the reply to DATA", "did not wait for the reply to DATA")
            return ""
        if arg or mail is None or not mail.rcpts:
            self._refused_data = True
            if arg:
                return "501 5.5.4 Syntax: DATA"
            return "503 5.5.1 Send MAIL first" if mail is None else self.no_recipients
        account = self._host.account(self._client_address(), self.standing)
        self._mail, self._sent = None, mail
        self.receive(DataReader(account, size=self._limits.message_size, line=self._limits.line))
        return "354 End data with <CR><LF>.<CR><LF>"

    def received(self, content: DataReader, *, complete: bool) -> None:
        mail = self._sent
        assert mail is not None
        if not complete:
            if content.hopeless:
                self.hang_up(self.after_data(_FAULTS[content.fault or Fault.TOO_LARGE], mail), "went on far beyond the size limit")
            else:
                self.close("client left within the data")
        elif content.fault is not None:
            reply = _FAULTS[content.fault]
            log.info(
                "mail refused",
                mail=mail.mail_id,
                peer=self.peer,
                helo=self._helo,
                sender=mail.mail_from or "<>",
                rcpts=mail.rcpts,
                size=content.seen,
                reply=reply,
            )
            self._mail_ended(mail, reply)
        else:
            self._patience.pause()
            try:
                self._accept(mail, content)
            except Exception as error:
                content.release()
                self._mail_ended(mail, self._failed(error))

    def _accept(self, mail: Transaction, content: DataReader) -> None:
        """Hand the mail over in a task that nothing which happens to this connection can cancel."""
        acceptor = self._host.acceptor
        seen, relay = self._client()
        envelope = Envelope(
            mail_id=mail.mail_id,
            mail_from=mail.mail_from,
            rcpts=tuple(mail.rcpts),
            peer=seen.address,
            helo=seen.helo or self._helo,
            received_at=acceptor.clock.now(),
            protocol=protocol(
                self.service,
                extended=self._extended,
                tls=self._secured is not None,
                smtputf8=mail.smtputf8,
                login=bool(self.login),
            ),
            tls=self._secured,
            smtputf8=mail.smtputf8,
            relay=relay,
            login=self.login,
        )
        task = self._host.begin(acceptor.accept(envelope, content.take(), exempt=mail.exempt))
        task.add_done_callback(partial(self._accepted, mail, content))

    def _accepted(self, mail: Transaction, content: DataReader, task: asyncio.Task[str]) -> None:
        """The task has ended, whatever has become of the connection meanwhile."""
        content.release()
        error = None if task.cancelled() else task.exception()
        if self._closing:
            return
        if task.cancelled():
            self.close(self._ended)
            return
        reply = self._failed(error) if error is not None else task.result()
        if reply.startswith("2"):
            self._mails += 1
            self._mail_ids.append(mail.mail_id)
            self._idle = 0
        self._mail_ended(mail, reply)

    def _mail_ended(self, mail: Transaction, reply: str) -> None:
        self._sent = self._xforward = None
        self.mail_done(self.after_data(reply, mail))

    def after_data(self, reply: str, mail: Transaction) -> str:
        """What the client hears of a mail after its data."""
        return reply

    # --- on behalf of another client ----------------------------------------------------------------------------------

    def _client(self) -> tuple[Client, str]:
        """Whom the mail comes from, and the relay that says so ("" when it is the client itself).

        XFORWARD is the word of a relay that took the mail itself. XCLIENT is that of a proxy, which passes through what
        its client says: nobody's Authentication-Results are believed for that.
        """
        here = self._xclient or Client(self.peer)
        if self._xforward is not None:
            return self._xforward, here.address or LOCAL
        return here, "" if here.address or self._xclient else LOCAL

    def _client_address(self) -> str:
        """Whose limits count: the client that connected, or the one that a proxy named."""
        return (self._xclient or Client(self.peer)).address

    def _xforward_command(self, arg: bytes) -> str:
        if self._mail is not None:
            return "503 5.5.1 A mail is being sent"
        taken = forwarded.client(arg, forwarded.XFORWARD, self._xforward or Client())
        if isinstance(taken, str):
            return taken
        self._xforward = taken
        return "250 2.0.0 Ok"

    def _xclient_command(self, arg: bytes) -> str:
        """The session begins again, as if that client had connected, and with no more rights than that client has.

        A proxy then passes on whatever its client says, which must not name yet another one.
        """
        if self._mail is not None:
            return "503 5.5.1 A mail is being sent"
        taken = forwarded.client(arg, forwarded.XCLIENT, self._xclient or Client(self.peer))
        if isinstance(taken, str):
            return taken
        log.info("client told by a proxy", peer=self.peer, client=taken.address, helo=taken.helo)
        self._xclient = taken
        self.standing = self._host.standing(taken.address) if taken.address else Standing.UNKNOWN
        self._listed = None
        if not within(taken.address, self._forwarders):
            self._forwards = False
        self._forget()
        self._helo, self._extended = "", False
        return f"220 {self.hostname} {self.service}"

    def _forget(self) -> None:
        self._mail = self._xforward = None

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _rset(self, arg: bytes) -> str:
        if arg:
            return "501 5.5.4 Syntax: RSET"
        self._forget()
        return "250 2.0.0 Reset"

    def _noop(self, arg: bytes) -> str:
        return "250 2.0.0 Ok"

    def _vrfy(self, arg: bytes) -> str:
        return "252 2.5.0 Send mail and see" if arg else "501 5.5.4 Syntax: VRFY address"  # never tells (RFC 5321 §3.5.3)

    def _help(self, arg: bytes) -> str:
        return "214 2.0.0 Commands: " + " ".join(sorted(filter(self._offers, self.commands)))

    def _quit(self, arg: bytes) -> str:
        if arg:
            return "501 5.5.4 Syntax: QUIT"
        self.hang_up("221 2.0.0 Bye", "QUIT")
        return ""

    # One table for all sessions; _offers says which of them this one has.
    commands: ClassVar[dict[str, Callable[[Any, bytes], Reply]]] = {
        "HELO": _helo_command, "EHLO": _ehlo, "STARTTLS": _starttls, "MAIL": _mail_from, "RCPT": _rcpt_to, "DATA": _data,
        "RSET": _rset, "NOOP": _noop, "VRFY": _vrfy, "HELP": _help, "QUIT": _quit,
        "XFORWARD": _xforward_command, "XCLIENT": _xclient_command,
    }  # fmt: skip
