"""One connection under the dialogue: what asyncio calls, the timer, the commands that have come, and the ways to end.

Built on aiosmtpd's protocol class. Its task, stream reader, command loop, timer and handling of EOF and errors are replaced,
because they cost a task switch for each command and memory without bound, tell errors to the client and cancel work that
is under way. Commands are done as they come in; one that must wait (for DNS, the greylist, a handshake) holds up those
behind it. Content of a mail never enters the buffer of commands. Whatever fails here of our own is answered 451 with an
opaque id.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Coroutine
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP

from smtpgate import metrics
from smtpgate.config import Config
from smtpgate.intake import command
from smtpgate.intake.accept import failure
from smtpgate.intake.budget import Patience, Timer
from smtpgate.intake.crowd import Pace
from smtpgate.intake.data import DataReader
from smtpgate.intake.host import Host
from smtpgate.intake.inbox import Inbox, TooLong
from smtpgate.intake.quiet import NO_HOOKS, Quiet
from smtpgate.intake.standing import Standing

log = structlog.get_logger(__name__)

_REMEMBERED = 50  # mails that the line about the end of a connection names
_BUFFER = 32 * 1024  # octets of commands that may wait
_TOGETHER = 4096  # octets of replies that may wait for each other
_IN_A_ROW = 20  # commands of one client that nobody else is served between
_LINGER = 5.0  # seconds that a client gets to take our last words

Reply = str | Coroutine[Any, Any, str]  # of a command: at once, or when it has been waited for; "" when it was said


class Connection(Quiet, SMTP, ABC):
    """The protocol object of one connection, which the door has counted already. Session says what the commands do."""

    service = "ESMTP"  # what the greeting says we speak

    def __init__(self, host: Host, config: Config, peer: str, standing: Standing, loop: asyncio.AbstractEventLoop) -> None:
        self.command_size_limits = {}  # the library's is one dict for all connections
        super().__init__(NO_HOOKS, hostname=config.server.name, enable_SMTPUTF8=True, loop=loop)
        self.peer = peer
        self.id = host.acceptor.new_mail_id()  # of the connection, for the log
        self.standing = standing
        self._host = host
        self._limits = config.limits
        self._context = contextvars.copy_context()  # for the log
        self._context.run(structlog.contextvars.bind_contextvars, connection=self.id)
        self._wire: asyncio.Transport
        self._patience = Patience(loop, self._ring)
        self._began = loop.time()
        self._greeting: asyncio.TimerHandle | None = None  # set until the client may talk
        self._inbox = Inbox(max(_BUFFER, self._limits.command_line + 2))
        self._held: asyncio.Task[str] | asyncio.Handle | None = None  # what the next command waits for
        self._unsaid = bytearray()  # replies that go out together
        self._content: DataReader | None = None  # set from 354 to the end of data
        self._content_began = self._content_total = 0.0  # when 354 was said, and when the mail must be here
        self._rate = Timer(loop, self._check_rate)
        self._full = False  # nothing more is read until the inbox is emptier
        self._blocked = False  # the client does not take our replies
        self._handshaking = False
        self._busy = False  # from 354 to the reply after the data
        self._all_heard = False  # the client has closed its half
        self._closing = False
        self._stopping = False
        self._gone = False
        self._linger: asyncio.TimerHandle | None = None
        self._helo = ""
        self._secured: str | None = None  # TLS version and cipher
        self._mails = self._errors = 0
        self._mail_ids: deque[str] = deque(maxlen=_REMEMBERED)  # of the newest ones
        self._ended = "client left"

    @property
    def receiving(self) -> bool:
        """Between 354 and the reply after the data."""
        return self._busy

    @abstractmethod
    def obey(self, taken: command.Command) -> Reply:
        """Do one command."""

    def answered(self, line: bytes) -> Reply | None:
        """A line that answers what we asked for; None: it is a command."""
        return None

    @abstractmethod
    def misunderstood(self, reply: str) -> str:
        """What came is no command of ours."""

    @abstractmethod
    def received(self, content: DataReader, *, complete: bool) -> None:
        """The data has ended, or never will. Leads to mail_done, or to the end of the connection."""

    # --- what asyncio calls -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = self._wire = transport
        wait = self.pace.greeting_wait
        if wait:  # programs that send spam often do not wait for the greeting (RFC 5321 §3.1 has clients wait)
            self._greeting = self._context.run(self.loop.call_later, wait, self._greet)
        else:
            self._context.run(self._greet)

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self.transport = None
        self._patience.stop()
        if self._linger is not None:
            self._linger.cancel()
        self._end()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._content is not None:
            self._patience.heard()
            rest = self._content.feed(data)
            if rest is not None or self._content.hopeless:
                self._inbox.add(rest or b"")
                self._context.run(self._end_content, complete=rest is not None)
        elif self._greeting is not None:
            self._last_words(f"554 5.5.1 {self.hostname} wait for the greeting before you talk", "talked before the greeting")
        else:
            self._inbox.add(data)
            self._context.run(self._work)

    def eof_received(self) -> bool | None:
        """A client that has sent all may close its half. TLS has no half-closed connections."""
        if self._closing:  # TLS says so from within our own close, when the client has gone already
            return False
        self._all_heard = True
        if self._content is not None:
            self._context.run(self._end_content, complete=False)
        elif self._greeting is None:
            self._context.run(self._work)
        return self._secured is None

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._context.run(self.loop.call_soon, self._work)

    # --- commands -----------------------------------------------------------------------------------------------------

    def _greet(self) -> None:
        self._greeting = None
        metrics.took(metrics.GREET, self.loop.time() - self._began)
        self._put(f"220 {self.hostname} {self.service}")
        self._wait_for_command()
        self._work()

    def _work(self) -> None:
        """Do the commands that have come, until one must be waited for or it is the turn of others."""
        done = 0
        while not (self._closing or self._busy or self._blocked) and self._held is None:
            if done == _IN_A_ROW and self._inbox:
                self._held = self.loop.call_soon(self._go_on)
                break
            try:
                line = self._inbox.line()
            except TooLong:
                self._last_words("500 5.5.2 Command line too long", "endless command line")
                break
            if not line:
                break
            self._do(line)
            done += 1
            if len(self._unsaid) > _TOGETHER:
                self._flush()
        if self._closing:
            return
        self._flush()
        if not self._busy and self._held is None:
            if done:
                self._wait_for_command()
            if self._all_heard and not self._blocked:
                self.close(self._ended)
                return
        self._throttle()

    def _go_on(self) -> None:
        self._held = None
        self._wait_for_command()
        self._work()

    def _throttle(self) -> None:
        """Who sends far ahead of what we can do waits."""
        if self._inbox.crowded is not self._full:
            self._full = not self._full
            (self._wire.pause_reading if self._full else self._wire.resume_reading)()

    def _do(self, line: bytes) -> None:
        try:
            reply = self.answered(line)
            if reply is None:
                too_long = len(line) > self._limits.command_line
                taken = "500 5.5.2 Command line too long" if too_long else command.command(line)
                reply = self.misunderstood(taken) if isinstance(taken, str) else self.obey(taken)
        except Exception as error:
            reply = self._failed(error)
        if isinstance(reply, str):
            self.say(reply)
        else:
            self._held = self.loop.create_task(reply)
            self._held.add_done_callback(self._waited)

    def _waited(self, task: asyncio.Task[str]) -> None:
        """A command that had to wait is done."""
        self._held = None
        error = None if task.cancelled() else task.exception()
        if self._closing or task.cancelled():
            self._end()
            return
        self._wait_for_command()
        self.say(self._failed(error) if error is not None else task.result())
        self._work()

    def _failed(self, error: BaseException) -> str:
        error_id = self._host.acceptor.new_mail_id()
        log.error("session failed", mail=error_id, peer=self.peer, exc_info=error)
        return failure(error_id)

    @property
    def pace(self) -> Pace:
        return self._host.pace(self.standing)

    def _wait_for_command(self) -> None:
        """A command must be complete in its time, and the session end in its own."""
        if self._closing:
            return
        pace = self.pace
        left = None if pace.session is None else max(0.0, self._began + pace.session - self.loop.time())
        self._patience.wait(pace.command_timeout, left)

    def hasten(self) -> None:
        """Stress has begun: what this connection waits for must come sooner now."""
        if self._closing or self._handshaking or self._greeting is not None:
            return
        if self._content is not None:
            self._patience.wait(self.pace.data_timeout, self._content_total - self.loop.time())
            self._check_rate()
        elif not self._busy:
            self._wait_for_command()

    # --- replies ------------------------------------------------------------------------------------------------------

    def say(self, reply: str) -> None:
        """One reply, counted if it refuses something; too many of those end the connection. "" says nothing."""
        if self._closing or not reply:
            return
        if reply.startswith(("5", "452 4.5.3")):  # recipients beyond the limit too, which else could come for ever
            self._errors += 1
            slow = self.pace.errors_slow
            if slow is not None and self._errors > slow:
                self._held = self.loop.call_later(self._limits.error_delay, self._say_late, reply)
                return
        self._say_now(reply)

    def _say_late(self, reply: str) -> None:
        self._held = None
        self._say_now(reply)
        self._go_on()

    def _say_now(self, reply: str) -> None:
        self._put(reply)
        if self._errors and self._errors >= self.pace.errors:
            self.hang_up(f"421 4.7.0 {self.hostname} too many errors", "too many errors")

    def _put(self, reply: str) -> None:
        """Goes out with the replies to further commands that have come already (RFC 2920 §3.2)."""
        self._unsaid += reply.encode("utf-8")
        self._unsaid += b"\r\n"

    def _flush(self) -> None:
        if self._unsaid:
            self._wire.write(bytes(self._unsaid))
            self._unsaid.clear()

    # --- the content of a mail ----------------------------------------------------------------------------------------

    def receive(self, content: DataReader) -> None:
        """From the reply to this command on, what comes is a mail."""
        self._content, self._busy = content, True
        self._content_began = self.loop.time()
        self._content_total = self._content_began + self._limits.data_total
        pace = self.pace
        self._patience.wait(pace.data_timeout, self._limits.data_total)
        self._rate.at(self._content_began + pace.data_rate_after)

    def mail_done(self, reply: str) -> None:
        """What became of it."""
        self._busy = False
        if self._stopping and not self._closing:
            self._put(reply)
            self.stop_now()
        if not self._closing:
            self._wait_for_command()
            self.say(reply)
            self._work()

    def _end_content(self, *, complete: bool) -> None:
        content, self._content = self._content, None
        self._rate.at(math.inf)
        assert content is not None
        if not complete:
            content.release()
        self.received(content, complete=complete)

    def _check_rate(self) -> None:
        """Cut off who sends so slowly that he only holds a place (slow loris)."""
        if self._content is None:
            return
        wait = self.pace.data_rate_after
        elapsed = self.loop.time() - self._content_began
        if elapsed >= wait and self._content.seen < self._limits.data_rate * elapsed:
            self.hang_up(f"421 4.4.2 {self.hostname} too slow, closing", "too slow")
            return
        self._rate.at(self.loop.time() + max(wait - elapsed, wait / 8))

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
        if not self._closing:
            self._put(reply)
            self.close(why)

    def _last_words(self, reply: str, why: str) -> None:
        """The same for a fault of the client, which is counted."""
        self._errors += 1
        self.hang_up(reply, why)

    def close(self, why: str) -> None:
        """Close when what was said is sent, but do not wait for long."""
        if not self._closing:
            self._ended = why
            self._closing = True
            self._flush()
            self._wire.close()
            self._linger = self.loop.call_later(_LINGER, self._wire.abort)
            self._end()

    def cut(self, why: str) -> None:
        """Close without a word."""
        self._ended = why
        self._closing = True
        self._wire.abort()
        self._end()

    def _end(self) -> None:
        """The connection is closed or lost: nothing more is waited for, and what has begun to wait is given up."""
        self._patience.stop()
        self._rate.stop()
        if self._greeting is not None:
            self._greeting.cancel()
        if self._content is not None:
            self._content.release()
            self._content = None
        self._inbox.clear()
        if self._held is not None:
            self._held.cancel()
            if isinstance(self._held, asyncio.Task):
                return  # comes back here when it has ended
            self._held = None
        if not self._gone:
            self._gone = True
            self._tell_end()
            self._host.gone(self)

    def _tell_end(self) -> None:
        log.info(
            "connection ended",
            connection=self.id,
            peer=self.peer,
            helo=self._helo,
            tls=self._secured,
            mails=self._mails,
            mail=list(self._mail_ids),
            errors=self._errors,
            seconds=round(self.loop.time() - self._began, 3),
            why=self._ended,
        )
