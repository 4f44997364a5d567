"""One connection under the dialogue: what asyncio calls, the timer, the command loop, and the ways to end.

Built on aiosmtpd's protocol class, of which the protocol, stream reader and writer stay. Its command loop, timer and
handling of EOF and errors are replaced, because they cost memory without bound, tell errors to the client and cancel
work that is under way. Content of a mail never enters the stream reader. Whatever fails here of our own is answered 451
with an opaque id.
"""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog
from aiosmtpd.smtp import SMTP

from smtpgate.config import Config
from smtpgate.intake import command
from smtpgate.intake.accept import Acceptor, failure
from smtpgate.intake.budget import Budget, Patience
from smtpgate.intake.data import DataReader

log = structlog.get_logger(__name__)

_BUFFER = 32 * 1024  # of the stream reader: commands only
_TOGETHER = 4096  # octets of replies that may wait for each other
_LINGER = 5.0  # seconds that a client gets to take our last words


class Host(Protocol):
    """What a connection needs of the door."""

    budget: Budget
    acceptor: Acceptor
    tls: ssl.SSLContext | None

    def room(self) -> bool:
        """Is there space on the disk for another mail?"""

    def begin(self, work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        """Run in a task that outlives the connection."""

    def gone(self, connection: Connection) -> None:
        """Its task has ended."""


class Connection(SMTP, ABC):
    """The protocol object of one connection, which the door has counted already. Session says what the commands do."""

    service = "ESMTP"  # what the greeting says we speak

    def __init__(self, host: Host, config: Config, peer: str, loop: asyncio.AbstractEventLoop) -> None:
        self.command_size_limits = {}  # the library's is one dict for all connections
        self.line_length_limit = max(_BUFFER, config.limits.command_line + 2)  # sizes the stream reader, no more
        super().__init__(None, hostname=config.server.name, enable_SMTPUTF8=True, loop=loop)  # no hooks: Session has the commands
        self.peer = peer
        self.id = host.acceptor.new_mail_id()  # of the connection, for the log
        self._host = host
        self._limits = config.limits
        self._patience = Patience(loop, self._ring)
        self._began = loop.time()
        self._content: DataReader | None = None  # set from 354 to the end of data
        self._content_end: asyncio.Future[bool] = loop.create_future()
        self._got = self._read = 0  # octets that came for the stream reader, and that were read from it
        self._lines = 0  # whole lines that wait in it
        self._unsaid = bytearray()  # replies that go out together
        self._deaf = False  # what comes is thrown away
        self._handshaking = False
        self._busy = False  # from 354 to the reply after the data
        self._closing = False
        self._stopping = False
        self._linger: asyncio.TimerHandle | None = None
        self._plain: asyncio.StreamWriter | None = None
        self._helo = ""
        self._secured: str | None = None  # TLS version and cipher
        self._mails = self._errors = 0
        self._mail_ids: list[str] = []  # of the newest ones
        self._ended = "client left"

    @property
    def receiving(self) -> bool:
        """Between 354 and the reply after the data."""
        return self._busy

    @abstractmethod
    async def obey(self, taken: command.Command) -> str:
        """Do one command and return the reply, "" when it has been said."""

    @abstractmethod
    async def misunderstood(self, reply: str) -> str:
        """What came is no command of ours."""

    # --- what asyncio and aiosmtpd call -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # starts _handle_client
        assert self._handler_coroutine is not None
        self._handler_coroutine.add_done_callback(self._task_ended)

    def connection_lost(self, error: Exception | None) -> None:
        asyncio.StreamReaderProtocol.connection_lost(self, error)  # not aiosmtpd's, which expects its own timer
        self._patience.stop()
        if self._linger is not None:
            self._linger.cancel()
        self._closing = True
        self.transport = None
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._content is not None:
            self._patience.heard()
            rest = self._content.feed(data)
            if rest is None and not self._content.hopeless:
                return
            self._end_content(complete=rest is not None)
            data = rest or b""
        if data:
            self._got += len(data)
            self._lines += data.count(b"\n")
            super().data_received(data)

    def eof_received(self) -> bool | None:
        # not aiosmtpd's, which cancels the session: a client that has sent all may close its half
        if self._content is not None:
            self._end_content(complete=False)
        open_for_replies = asyncio.StreamReaderProtocol.eof_received(self)
        return open_for_replies and self._secured is None  # TLS has no half-closed connections

    def _reset_timeout(self, duration: float | None = None) -> None:
        self._patience.wait(duration or self._limits.command_timeout)

    async def handle_exception(self, error: Exception) -> str:
        error_id = self._host.acceptor.new_mail_id()
        log.error("session failed", mail=error_id, peer=self.peer, exc_info=error)
        return failure(error_id)

    def secure(self, transport: asyncio.Transport) -> None:
        """From here on everything is said through TLS."""
        self._plain = self._writer  # kept: a writer that is collected closes its transport
        self._writer = asyncio.StreamWriter(transport, self, self._reader, self.loop)
        self.transport = transport

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        structlog.contextvars.bind_contextvars(connection=self.id)  # of this task and of those that it begins
        try:
            await self.say(f"220 {self.hostname} {self.service}")
            while not self._closing:
                self._patience.wait(self._limits.command_timeout)
                await self._one_command()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            self.close(self._ended)

    async def _one_command(self) -> None:
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            await self.say("500 5.5.2 Command line too long")
            self.close("endless command line")
            return
        self._read += len(line)
        self._lines -= 1
        too_long = len(line) > self._limits.command_line
        taken = "500 5.5.2 Command line too long" if too_long else command.command(line)
        try:
            reply = await (self.misunderstood(taken) if isinstance(taken, str) else self.obey(taken))
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as error:
            reply = await self.handle_exception(error)
        if reply:
            await self.say(reply)

    async def say(self, reply: str) -> None:
        """One reply, counted if it refuses something; too many of those end the connection."""
        if self._closing:
            return
        self._errors += reply.startswith("5")
        await self.push(reply)
        if self._errors >= self._limits.errors:
            self.hang_up(f"421 4.7.0 {self.hostname} too many errors", "too many errors")

    async def push(self, status: str | bytes) -> None:
        """Send a reply; with those to further commands that have come already (RFC 2920 §3.2), so nobody waits for it."""
        self._unsaid += status.encode("utf-8") if isinstance(status, str) else status
        self._unsaid += b"\r\n"
        if not self._lines or len(self._unsaid) > _TOGETHER:
            self._flush()
            await self._writer.drain()

    def _flush(self) -> None:
        if self._unsaid:
            self._writer.write(bytes(self._unsaid))
            self._unsaid.clear()

    def _end_content(self, *, complete: bool) -> None:
        self._content = None
        if not self._content_end.done():
            self._content_end.set_result(complete)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("connection failed", connection=self.id, peer=self.peer, exc_info=error)
        log.info(
            "connection ended",
            connection=self.id,
            peer=self.peer,
            helo=self._helo,
            tls=self._secured,
            mails=self._mails,
            mail=self._mail_ids,
            errors=self._errors,
            seconds=round(self.loop.time() - self._began, 3),
            why=self._ended,
        )
        self._host.gone(self)

    # --- ways to end --------------------------------------------------------------------------------------------------

    def _ring(self) -> None:
        if self._handshaking:
            self.cut("TLS handshake timeout")
        else:
            self.hang_up(f"421 4.4.2 {self.hostname} timeout, closing", "timeout")

    def shut(self) -> None:
        """The door closes: a mail whose DATA has begun may finish, everything else ends here."""
        self._stopping = True
        if not self._busy:
            self.stop_now()

    def stop_now(self) -> None:
        """The door is closed: whatever has not finished ends here."""
        if self._handshaking:
            self.cut("shutdown")
        else:
            self.hang_up(f"421 4.3.2 {self.hostname} shutting down", "shutdown")

    def hang_up(self, reply: str, why: str) -> None:
        """Say a last word and close, whatever is going on."""
        if not self._closing and self.transport is not None:
            self._unsaid += reply.encode("ascii") + b"\r\n"
            self.close(why)
            if self._handler_coroutine is not None:
                self._handler_coroutine.cancel()

    def close(self, why: str) -> None:
        """Close when what was said is sent, but do not wait for long."""
        if not self._closing and self.transport is not None:
            self._ended = why
            self._closing = True
            self._patience.stop()
            self._flush()
            self._writer.close()
            self._linger = self.loop.call_later(_LINGER, self._writer.transport.abort)

    def cut(self, why: str) -> None:
        """Close without a word."""
        self._ended = why
        self._closing = True
        self._patience.stop()
        self._writer.transport.abort()
