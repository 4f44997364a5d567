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
from smtpgate.intake.budget import Account, Patience
from smtpgate.intake.crowd import Pace
from smtpgate.intake.data import DataReader
from smtpgate.intake.screen import Screen
from smtpgate.intake.standing import Standing

log = structlog.get_logger(__name__)

_BUFFER = 32 * 1024  # of the stream reader: commands only
_TOGETHER = 4096  # octets of replies that may wait for each other
_IN_A_ROW = 20  # commands of one client that nobody else is served between
_LINGER = 5.0  # seconds that a client gets to take our last words


class Host(Protocol):
    """What a connection needs of the door."""

    acceptor: Acceptor
    screen: Screen
    tls: ssl.SSLContext | None

    def room(self) -> bool:
        """Is there space on the disk for another mail?"""

    def standing(self, peer: str) -> Standing:
        """How well a client is known."""

    def pace(self, standing: Standing) -> Pace:
        """How patient we are with one, as things are now."""

    def may_mail(self, peer: str, standing: Standing) -> bool:
        """May it send one mail more in this minute?"""

    def account(self, peer: str, standing: Standing) -> Account:
        """Memory for one mail of it."""

    def begin(self, work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        """Run in a task that outlives the connection."""

    def gone(self, connection: Connection) -> None:
        """Its task has ended."""


class Connection(SMTP, ABC):
    """The protocol object of one connection, which the door has counted already. Session says what the commands do."""

    service = "ESMTP"  # what the greeting says we speak

    def __init__(self, host: Host, config: Config, peer: str, standing: Standing, loop: asyncio.AbstractEventLoop) -> None:
        self.command_size_limits = {}  # the library's is one dict for all connections
        self.line_length_limit = max(_BUFFER, config.limits.command_line + 2)  # sizes the stream reader, no more
        super().__init__(None, hostname=config.server.name, enable_SMTPUTF8=True, loop=loop)  # no hooks: Session has the commands
        self._smtp_methods = self._auth_methods = {}  # the library's own commands, which are not used: 2 KB for each connection
        self.peer = peer
        self.id = host.acceptor.new_mail_id()  # of the connection, for the log
        self.standing = standing
        self._host = host
        self._limits = config.limits
        self._patience = Patience(loop, self._ring)
        self._began = loop.time()
        self._content: DataReader | None = None  # set from 354 to the end of data
        self._content_end: asyncio.Future[bool] = loop.create_future()
        self._content_began = self._content_total = 0.0  # when 354 was said, and when the mail must be here
        self._rate_check: asyncio.TimerHandle | None = None
        self._early: asyncio.Event | None = None  # set when the client talks before the greeting
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
        for timer in (self._linger, self._rate_check):
            if timer is not None:
                timer.cancel()
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
            if self._early is not None:
                self._early.set()
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
        self._patience.wait(duration or self.pace.command_timeout)

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
            if await self._early_talker():
                await self.say(f"554 5.5.1 {self.hostname} wait for the greeting before you talk")
                self.close("talked before the greeting")
                return
            await self.say(f"220 {self.hostname} {self.service}")
            count = 0
            while not self._closing:
                self._wait_for_command()
                await self._one_command()
                count += 1
                if count % _IN_A_ROW == 0:  # those that have come already are read without waiting: let others in between
                    await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            self.close(self._ended)

    @property
    def pace(self) -> Pace:
        return self._host.pace(self.standing)

    async def _early_talker(self) -> bool:
        """Programs that send spam often do not wait for the greeting (RFC 5321 §3.1 has clients wait)."""
        wait = self.pace.greeting_wait
        if not wait:
            return False
        self._early = asyncio.Event()
        try:
            async with asyncio.timeout(wait):
                await self._early.wait()
        except TimeoutError:
            return False
        finally:
            self._early = None
        return True

    def _wait_for_command(self) -> None:
        """A command must be complete in its time, and the session end in its own."""
        pace = self.pace
        self._patience.wait(pace.command_timeout, self._left(pace.session))

    def _left(self, session: float | None) -> float | None:
        return None if session is None else max(0.0, self._began + session - self.loop.time())

    def hasten(self) -> None:
        """Stress has begun: what this connection waits for must come sooner now."""
        if self._closing or self._handshaking:
            return
        if self._content is not None:
            self._patience.wait(self.pace.data_timeout, self._content_total - self.loop.time())
            self._watch_rate(self._content)
        elif not self._busy:
            self._wait_for_command()

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
        pace = self.pace
        if reply.startswith(("5", "452 4.5.3")):  # recipients beyond the limit too, which else could come for ever
            self._errors += 1
            if pace.errors_slow is not None and self._errors > pace.errors_slow:
                await asyncio.sleep(self._limits.error_delay)
        await self.push(reply)
        if self._errors >= pace.errors:
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

    def _watch_rate(self, content: DataReader) -> None:
        """Cut off who sends so slowly that he only holds a place (slow loris)."""
        if self._rate_check is not None:
            self._rate_check.cancel()
        if self._content is not content:
            return
        wait = self.pace.data_rate_after
        elapsed = self.loop.time() - self._content_began
        if elapsed >= wait and content.seen < self._limits.data_rate * elapsed:
            self.hang_up(f"421 4.4.2 {self.hostname} too slow, closing", "too slow")
            return
        self._rate_check = self.loop.call_later(max(wait - elapsed, wait / 8), self._watch_rate, content)

    def _end_content(self, *, complete: bool) -> None:
        self._content = None
        if self._rate_check is not None:
            self._rate_check.cancel()
            self._rate_check = None
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
