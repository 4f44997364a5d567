"""One parser process as the pool (mail/worker.py) sees it: a child that is forked from the one that has loaded everything
(parserfork.py), or whatever answers at parser.socket.

It is handed mails and answers them in turn. `start` raises ParserUnavailable; `answer` raises Died when it ended on a mail,
which says whether the mail may be to blame.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import structlog

from smtpgate.errors import ParseFailed, ParserUnavailable
from smtpgate.limitsettings import Limits
from smtpgate.mail.parserfork import ForkServer
from smtpgate.mail.parserprocess import ANSWER, LIMITS, MAIL, READY, REQUEST
from smtpgate.model import ParsedMail

log = structlog.get_logger(__name__)

_START = 60.0  # seconds for a parser process to load its modules
_ANSWER_ROOM, _ANSWER_TIMES = 16 * 1024**2, 8  # octets of an answer, and for each of the mail: one taken over by a mail may lie


class Unread(NamedTuple):
    """A mail to be read; see mail/parse.py for mail_from and html."""

    raw: bytes
    mail_from: str | None
    html: bool = False


class Died(Exception):
    """The process ended in the middle of a mail. again: maybe for no fault of this mail."""

    def __init__(self, cause: str, *, again: bool) -> None:
        super().__init__(cause)
        self.again = again


class Child(ABC):
    """One parser process as the pool sees it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.served = 0
        self.idle_since = 0.0  # when its last mail was done (of the loop's clock)
        self._given: deque[int] = deque()  # octets of the mails that it reads
        self._since = 0.0  # when it got them
        self.lives_on = True
        self.pid: int | None = None  # unknown for those of systemd
        self._source: asyncio.StreamReader | None = None
        self._sink: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Raises ParserUnavailable."""
        try:
            self._source, self._sink = await self._open()
        except OSError as error:
            raise ParserUnavailable(f"{self._what()}: {error.strerror or error}") from error
        about = self.limits.model_dump_json().encode()
        try:
            async with asyncio.timeout(_START):
                self._sink.write(LIMITS.pack(len(about)) + about)
                await self._sink.drain()
                said = await self._source.readexactly(len(READY))
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            raise ParserUnavailable(f"{self._what()} does not start; what it wrote is in the log") from error
        if said != READY:
            raise ParserUnavailable(f"{self._what()}: what answers there is no parser of ours")

    def give(self, mails: Sequence[Unread]) -> None:
        """Mails to read one after the other; `answer` tells of each in turn."""
        assert self._sink is not None
        frames: list[bytes] = []
        for i, mail in enumerate(mails):
            about = json.dumps((mail.mail_from, mail.html, i + 1 < len(mails))).encode()
            frames += (REQUEST.pack(len(about), len(mail.raw)), about, mail.raw)
        self._given.extend(len(mail.raw) for mail in mails)
        self._since = asyncio.get_running_loop().time()
        self._sink.writelines(frames)  # one system call, unless it is much

    async def answer(self) -> ParsedMail | ParseFailed:
        """The next of the mails as read, or the reason why not. Raises Died."""
        assert self._source is not None
        try:
            last, size, reason = ANSWER.unpack(await self._source.readexactly(ANSWER.size))
            if size + reason > _ANSWER_ROOM + _ANSWER_TIMES * self._given[0]:
                raise Died(f"the parser answered {size + reason} octets on it", again=False)
            data = await self._source.readexactly(size + reason)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._death(asyncio.get_running_loop().time() - self._since) from None
        self._given.popleft()
        self.served += 1
        self.lives_on = not last
        try:
            return ParseFailed(data.decode()) if reason else MAIL.validate_json(data)
        except ValueError:  # ours cannot: a mail has taken it over
            raise Died("the parser answered what is no mail on it", again=False) from None

    @property
    def reading(self) -> int | None:
        """Octets of the mails in hand."""
        return sum(self._given) if self._given else None

    def alive(self) -> bool:
        """False when it is known to have ended."""
        return self._source is not None and not self._source.at_eof()

    @abstractmethod
    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]: ...

    @abstractmethod
    def _what(self) -> str: ...

    @abstractmethod
    async def _death(self, seconds: float) -> Died: ...

    @abstractmethod
    def kill(self) -> None: ...

    @abstractmethod
    async def end(self) -> None:
        """Kill it and leave nothing behind."""


class Forked(Child):
    """A child process of ours."""

    def __init__(self, limits: Limits, server: ForkServer) -> None:
        super().__init__(limits)
        self._server = server
        self._errors: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._status: int | None = None  # once it has been waited for, its number may be another process's

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        errors = os.fdopen(read, "rb", buffering=0)
        try:
            self.pid = await self._server.fork(theirs, write)
        except BaseException:
            ours.close()
            errors.close()
            raise
        finally:
            theirs.close()
            os.close(write)
        self._errors = asyncio.create_task(_hear(errors, self.pid))
        return await asyncio.open_unix_connection(sock=ours)

    def _what(self) -> str:
        return "a parser process"

    async def _death(self, seconds: float) -> Died:
        code = await self._ended()
        if code == -signal.SIGXCPU:
            return Died(f"reading it took more than {self.limits.parse_cpu:g} s of CPU", again=False)
        if code < 0:
            return Died(f"the parser died of signal {-code} on it", again=code in (-signal.SIGKILL, -signal.SIGTERM))
        return Died(f"the parser ended with status {code} on it", again=False)

    async def _ended(self) -> int:
        """How it ended, once it has."""
        self._ending = self._ending or asyncio.create_task(self._wait())
        await asyncio.shield(self._ending)
        return os.waitstatus_to_exitcode(self._status or 0)

    async def _wait(self) -> None:
        assert self.pid is not None
        try:
            await asyncio.to_thread(os.waitid, os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # leaves its number to it,
            self._status = os.waitpid(self.pid, os.WNOHANG)[1]  # noqa: ASYNC222 -- until the loop that kills by it knows
        except ChildProcessError:  # not ours, where the kernel does not give us orphans
            self._status = signal.SIGKILL  # maybe

    def kill(self) -> None:
        if self.pid is not None and self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        self.kill()
        if self._sink is not None:
            self._sink.close()
        if self.pid is not None:
            await self._ended()
        if self._errors is not None:
            await self._errors  # what it still wrote is logged


class Connected(Child):
    """A connection; the process behind it is systemd's, and ends when the connection or one of its limits does."""

    def __init__(self, limits: Limits, path: Path) -> None:
        super().__init__(limits)
        self._path = path

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._path)

    def _what(self) -> str:
        return f"the parser at {self._path} (parser.socket)"

    async def _death(self, seconds: float) -> Died:
        """Nobody tells us the reason. One that lived for shorter than its CPU limit cannot have used it up."""
        if seconds < self.limits.parse_cpu:
            return Died("the parser ended on it", again=True)
        return Died(f"the parser ended on it after {seconds:.0f} s; it may use {self.limits.parse_cpu:g} s of CPU", again=False)

    def kill(self) -> None:
        if self._sink is not None:
            self._sink.transport.abort()

    async def end(self) -> None:
        self.kill()
        if self._sink is not None:
            with contextlib.suppress(OSError):
                await self._sink.wait_closed()


async def _hear(errors: FileIO, pid: int) -> None:
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), errors)
    try:
        await _log_lines(stream, pid)
    finally:
        transport.close()


async def _log_lines(stream: asyncio.StreamReader, pid: int) -> None:
    """What a child writes to stderr goes to our log, cut, and never fills its pipe."""
    while data := await stream.read(4096):
        log.warning("parser process wrote", pid=pid, octets=len(data), text=_without_content(data.decode("utf-8", "replace")))


def _without_content(text: str) -> str:
    """Of what a child says: where it was, and the names of exceptions. Their words may be a customer's."""
    kept = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith(('File "', "Traceback (", "Fatal Python error:")):
            kept.append(line)
        elif re.fullmatch(r"[A-Za-z_.]{1,80}", name := line.partition(":")[0]):
            kept.append(name)
    return " | ".join(kept)
