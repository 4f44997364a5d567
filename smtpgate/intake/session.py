"""The SMTP dialogue: what each command does in each state (RFC 5321 §4.1.4).

Every method returns the reply; Connection says it. An accept that has begun runs in a task of its own: the client may
vanish, the mail does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import structlog
from aiosmtpd.smtp import Session as Facts

from smtpgate.auth.verdict import within
from smtpgate.config import Config
from smtpgate.intake import command, forwarded
from smtpgate.intake.accept import Recipient, Transaction
from smtpgate.intake.connection import Connection, Host
from smtpgate.intake.data import DataReader, Fault
from smtpgate.intake.forwarded import Client
from smtpgate.intake.standing import Standing
from smtpgate.intake.trace import protocol
from smtpgate.model import LOCAL, Envelope

log = structlog.get_logger(__name__)

_IDLE_VERBS = frozenset({"EHLO", "HELO", "LHLO", "NOOP", "RSET", "VRFY", "HELP", "XFORWARD", "XCLIENT"})
_OF_FORWARDERS = frozenset({"XFORWARD", "XCLIENT"})
_NOT_OFFERED = frozenset({"EXPN", "BDAT", "AUTH", "ETRN", "TURN", "SEND", "SOML", "SAML"})
_REMEMBERED = 50  # mails that the line about the end of a connection names
_BROWSER = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"})
_FAULTS = {
    Fault.TOO_LARGE: "552 5.3.4 Mail is larger than the limit",  # RFC 1870 §6.3
    Fault.LONG_LINE: "500 5.6.0 Mail has a line longer than the limit",
    Fault.NO_MEMORY: "452 4.3.1 Too much mail at once, try again later",
}


class Session(Connection):
    """The state of one dialogue: who greeted us, and the mail that is being sent."""

    hello = "EHLO"
    no_recipients = "554 5.5.1 No valid recipients"

    def __init__(self, host: Host, config: Config, peer: str, standing: Standing, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(host, config, peer, standing, loop)
        self._mail: Transaction | None = None
        self._extended = False
        self._xforward: Client | None = None  # for the next mail
        self._xclient: Client | None = None  # for the rest of the connection
        self._idle = 0
        self._listed: str | None = None  # the refusal that block lists ask for, "" for none, None before they were asked
        self._refused_data = False
        self._forwarders = config.server.forwarders
        self._forwards = not peer or within(peer, self._forwarders)

    async def obey(self, taken: command.Command) -> str:
        verb = taken.verb
        if self._offers(verb):
            if verb in _IDLE_VERBS:
                self._idle += 1
                if self._idle > self.pace.junk_commands:
                    self.hang_up(f"421 4.7.0 {self.hostname} too many commands without mail", "too many commands without mail")
                    return ""
            self._refused_data = False
            return await self.commands[verb](self, taken.arg)
        if verb in _BROWSER:  # a browser made to speak to us: nothing that it says is a command
            self.hang_up("421 4.7.0 This is an SMTP server", "not SMTP")
            return ""
        offered = verb not in _NOT_OFFERED and verb != "STARTTLS"
        return await self.misunderstood(f"{'500 5.5.1 Command not recognised' if offered else '502 5.5.1 Command not implemented'}")

    def _offers(self, verb: str) -> bool:
        if verb == "STARTTLS":
            return self._host.tls is not None
        return verb in self.commands and (verb not in _OF_FORWARDERS or self._forwards)

    async def misunderstood(self, reply: str) -> str:
        """After a refused DATA it is content of a client that did not wait, which must not run as commands."""
        if self._refused_data:
            await self.say(reply)
            self.close("content after refused DATA")
            return ""
        return reply

    # --- greeting -----------------------------------------------------------------------------------------------------

    async def _helo_command(self, arg: bytes) -> str:
        return f"250 {self.hostname}" if self._greeted(arg, extended=False) else "501 5.5.4 Syntax: HELO hostname"

    async def _ehlo(self, arg: bytes) -> str:
        if not self._greeted(arg, extended=True):
            return f"501 5.5.4 Syntax: {self.hello} hostname"
        lines = [self.hostname, "PIPELINING", f"SIZE {self._limits.message_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self._host.tls is not None and self._secured is None:
            lines.append("STARTTLS")
        if self._forwards:
            lines += ["XFORWARD " + " ".join(forwarded.XFORWARD), "XCLIENT " + " ".join(forwarded.XCLIENT)]
        return "".join(f"250-{line}\r\n" for line in lines) + "250 HELP"

    def _greeted(self, arg: bytes, *, extended: bool) -> bool:
        name = command.helo_name(arg)
        if name is None:
            return False
        self._forget()  # RFC 5321 §4.1.4: as after RSET
        self._helo, self._extended = name, extended
        return True

    async def _starttls(self, arg: bytes) -> str:
        """RFC 3207: whatever was sent or said before the handshake is forgotten (§4.2)."""
        if arg:
            return "501 5.5.4 Syntax: STARTTLS"
        if self._secured is not None or self._host.tls is None:
            return "503 5.5.1 TLS is already active"
        self._deaf = True
        if self._got > self._read:
            log.warning("commands injected before the TLS handshake", peer=self.peer)
            await self._reader.readexactly(self._got - self._read)
        self._got = self._read = self._lines = 0
        await self.say("220 2.0.0 Ready to start TLS")
        if self._closing:
            return ""
        self._deaf, self._handshaking = False, True  # from here to the TLS layer's start nothing waits
        patience = self.pace.tls_handshake
        self._patience.wait(patience)
        plain = self._writer.transport
        try:
            transport = await self.loop.start_tls(plain, self, self._host.tls, server_side=True, ssl_handshake_timeout=patience)
        except (OSError, ssl.SSLError) as error:
            self.cut(f"TLS handshake failed: {type(error).__name__}")
            return ""
        finally:
            self._handshaking = False
        if transport is None:  # lost in the last moment of the handshake; the type hints do not know
            self.cut("connection lost during the TLS handshake")
            return ""
        self.secure(transport)
        cipher = self._writer.get_extra_info("cipher")
        self._secured = f"{cipher[1]} {cipher[0]}" if cipher else "TLS"
        self._forget()
        self._helo, self._extended = "", False
        self.session = Facts(self.loop)
        return ""

    # --- one mail -----------------------------------------------------------------------------------------------------

    async def _mail_from(self, arg: bytes) -> str:
        if not self._helo:
            return f"503 5.5.1 Send {self.hello} first"
        if self._mail is not None:
            return "503 5.5.1 Nested MAIL command"
        taken = command.mail_from(arg, extended=self._extended)
        if isinstance(taken, str):
            return taken
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

    async def _rcpt_to(self, arg: bytes) -> str:
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
            found = self._host.acceptor.recipient(address)
            if not found.refusal and not found.exempt and (refusal := await self._screened(mail, address, proved=found.signed)):
                found = Recipient(refusal)
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

    async def _screened(self, mail: Transaction, recipient: str, *, proved: bool) -> str:
        """The refusal of block lists and greylist. Whoever has a signed address of ours was written to, and does not wait."""
        if self._xforward is not None:  # taken by a relay already: refusing now would make it send a bounce
            return ""
        client, screen = self._client_address(), self._host.screen
        if self.standing is Standing.OWN:
            return ""
        if self._listed is None:
            self._listed = await screen.listed(client)
        return self._listed or ("" if proved else await screen.wait(client, self.standing, mail.mail_from, recipient))

    async def _data(self, arg: bytes) -> str:
        mail = self._mail
        if self._got > self._read:  # DATA is the last of a group (RFC 2920 §3.1); what follows may be content
            await self.say("554 5.5.0 Synchronisation error: wait for the reply to DATA")
            self.close("did not wait for the reply to DATA")
            return ""
        if arg or mail is None or not mail.rcpts:
            self._refused_data = True
            if arg:
                return "501 5.5.4 Syntax: DATA"
            return "503 5.5.1 Send MAIL first" if mail is None else self.no_recipients
        self._mail, self._busy = None, True
        try:
            reply = await self._content_of(mail)
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as error:
            reply = self.after_data(await self.handle_exception(error), mail)
        self._busy, self._xforward = False, None
        if self._stopping and not self._closing:
            await self.say(reply)
            self.stop_now()
            return ""
        return reply

    async def _content_of(self, mail: Transaction) -> str:
        """Read one mail and hand it over; what to say then, "" when the connection is closed or lost."""
        account = self._host.account(self._client_address(), self.standing)
        content = DataReader(account, size=self._limits.message_size, line=self._limits.line)
        with contextlib.ExitStack() as memory:
            memory.callback(content.release)
            if not await self._receive(content, mail):
                return ""
            if content.fault is None:
                reply = await self._accept(mail, content, memory)
            else:
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
        return self.after_data(reply, mail)

    def after_data(self, reply: str, mail: Transaction) -> str:
        """What the client hears of a mail after its data."""
        return reply

    async def _receive(self, content: DataReader, mail: Transaction) -> bool:
        """Read one mail. False: it never came to its end, and the connection is closed or lost."""
        self._content, self._content_end = content, self.loop.create_future()
        self._content_began = self.loop.time()
        self._content_total = self._content_began + self._limits.data_total
        try:
            self._patience.wait(self.pace.data_timeout, self._limits.data_total)
            self._watch_rate(content)
            await self.say("354 End data with <CR><LF>.<CR><LF>")
            complete = await self._content_end
        finally:
            self._end_content(complete=False)
        if complete:
            return True
        if content.hopeless:
            self.hang_up(self.after_data(_FAULTS[content.fault or Fault.TOO_LARGE], mail), "went on far beyond the size limit")
        else:
            self.close("client left within the data")
        return False

    async def _accept(self, mail: Transaction, content: DataReader, memory: contextlib.ExitStack) -> str:
        """Hand the mail over in a task that nothing which happens to this connection can cancel."""
        self._patience.stop()
        acceptor = self._host.acceptor
        seen, relay = self._client()
        envelope = Envelope(
            mail_id=mail.mail_id,
            mail_from=mail.mail_from,
            rcpts=tuple(mail.rcpts),
            peer=seen.address,
            helo=seen.helo or self._helo,
            received_at=acceptor.clock.now(),
            protocol=protocol(self.service, extended=self._extended, tls=self._secured is not None, smtputf8=mail.smtputf8),
            tls=self._secured,
            smtputf8=mail.smtputf8,
            relay=relay,
        )
        task = self._host.begin(acceptor.accept(envelope, content.take(), exempt=mail.exempt))
        held = memory.pop_all()  # the task has the memory now
        task.add_done_callback(lambda _: held.close())
        reply = await asyncio.shield(task)
        self._wait_for_command()
        if reply.startswith("2"):
            self._mails += 1
            self._mail_ids = [*self._mail_ids[1 - _REMEMBERED :], mail.mail_id]
            self._idle = 0
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

    async def _xforward_command(self, arg: bytes) -> str:
        if self._mail is not None:
            return "503 5.5.1 A mail is being sent"
        taken = forwarded.client(arg, forwarded.XFORWARD, self._xforward or Client())
        if isinstance(taken, str):
            return taken
        self._xforward = taken
        return "250 2.0.0 Ok"

    async def _xclient_command(self, arg: bytes) -> str:
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

    async def _rset(self, arg: bytes) -> str:
        if arg:
            return "501 5.5.4 Syntax: RSET"
        self._forget()
        return "250 2.0.0 Reset"

    async def _noop(self, arg: bytes) -> str:
        return "250 2.0.0 Ok"

    async def _vrfy(self, arg: bytes) -> str:
        return "252 2.5.0 Send mail and see" if arg else "501 5.5.4 Syntax: VRFY address"  # never tells (RFC 5321 §3.5.3)

    async def _help(self, arg: bytes) -> str:
        return "214 2.0.0 Commands: " + " ".join(sorted(filter(self._offers, self.commands)))

    async def _quit(self, arg: bytes) -> str:
        if arg:
            return "501 5.5.4 Syntax: QUIT"
        await self.say("221 2.0.0 Bye")
        self.close("QUIT")
        return ""

    # One table for all sessions; _offers says which of them this one has.
    commands: ClassVar[dict[str, Callable[[Any, bytes], Awaitable[str]]]] = {
        "HELO": _helo_command, "EHLO": _ehlo, "STARTTLS": _starttls, "MAIL": _mail_from, "RCPT": _rcpt_to, "DATA": _data,
        "RSET": _rset, "NOOP": _noop, "VRFY": _vrfy, "HELP": _help, "QUIT": _quit,
        "XFORWARD": _xforward_command, "XCLIENT": _xclient_command,
    }  # fmt: skip
