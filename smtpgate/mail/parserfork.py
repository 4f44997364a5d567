"""The process that parsers are forked from: it has loaded what they need, once for all of them, and what none of them may have
it has not: no configuration, no secret, no file, no socket but the pool's.

The gateway forks it before it reads its configuration (`ahead`), so that they share all code in memory; a pool that was given
none, or whose own has died, starts one by its command. For each parser come a connection and a place for its standard error;
the answer is its number. A parser is a child of the pool's process, as if that had forked it, where the kernel can do that
(Linux); elsewhere nobody learns how one ended. `fork` raises OSError when there is none to be had.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from smtpgate import ownprocess
from smtpgate.model import ParsedMail

_NUMBER = struct.Struct("!i")  # of the parser; below 0: why there is none (errno)
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "VIRTUAL_ENV", "TZ", "TMPDIR")
_PATIENCE = 60.0  # seconds for it to load its modules and fork


@dataclass(frozen=True, slots=True)
class Running:
    """The process behind the pool's end of the channel. end waits for its death."""

    pid: int
    channel: socket.socket
    end: Callable[[], object]


def ahead() -> Running:
    """A copy of this process, which must have no threads and no loop yet, and should know nothing that a mail must not learn."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    gc.freeze()  # what is there stays: no need to look at it again, which would unshare it
    pid = os.fork()
    if pid:
        theirs.close()
        return Running(pid, ours, lambda: os.waitpid(pid, 0))
    try:
        ownprocess.die_with(parent)
        ownprocess.close_all_but(theirs.fileno())
        ownprocess.forget_environment(_KEPT_ENVIRONMENT)
        if not sys.flags.safe_path:
            del sys.path[0]  # where the command lies, or where it was called: nothing is loaded from there, nor may be read
        serve(theirs)
    finally:  # nothing of what the gateway was about to do may happen here
        traceback.print_exc()
        os._exit(1)


def _started() -> Running:
    """By its command, for whoever has threads or secrets already. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {k: v for k, v in os.environ.items() if k in _KEPT_ENVIRONMENT}
    with theirs:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", __name__],  # -P: no module out of the working directory
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env={**environment, "PYTHONPATH": ownprocess.module_path(), "PYTHONUTF8": "1"},
        )
    return Running(process.pid, ours, process.wait)


class ForkServer:
    """The pool's end."""

    def __init__(self, running: Running | None = None) -> None:
        self._running = running
        self._turn = asyncio.Lock()
        self._stopped = False

    @property
    def pid(self) -> int | None:
        return None if self._running is None else self._running.pid

    async def fork(self, connection: socket.socket, errors: int) -> int:
        """A parser with these for its input and output and for its standard error; its number. Raises OSError."""
        async with self._turn:
            ownprocess.adopt()
            answer = await self._asked(connection, errors) if self._running is not None else b""
            if not answer:  # there is none, or it has died since: another one, at once
                answer = await self._asked(connection, errors)
        if not answer:
            raise OSError("what they are forked from does not start, hangs or has ended")
        number = int(_NUMBER.unpack(answer)[0])
        if number < 0:
            raise OSError(-number, os.strerror(-number))
        return number

    async def _asked(self, connection: socket.socket, errors: int) -> bytes:
        """What it answers; nothing: it is no more."""
        if self._stopped:
            raise OSError("the process that parsers are forked from is stopped")
        if self._running is None:
            self._running = _started()
        answer = b""
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    answer = await self._ask(self._running.channel, connection, errors)
        finally:
            if not answer:  # dead, hung, or out of step: what it says next would be for somebody else
                await self._drop()
        return answer

    @staticmethod
    async def _ask(channel: socket.socket, connection: socket.socket, errors: int) -> bytes:
        channel.setblocking(False)
        socket.send_fds(channel, [b"+"], [connection.fileno(), errors])
        return await asyncio.get_running_loop().sock_recv(channel, _NUMBER.size)

    async def stop(self) -> None:
        """End it and leave nothing of it. Safe to call twice."""
        self._stopped = True
        if self._running is not None:
            with contextlib.suppress(OSError):
                self._running.channel.shutdown(socket.SHUT_RDWR)  # whoever waits for its answer hears of it
        async with self._turn:
            await self._drop()

    async def _drop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.channel.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGKILL)  # nobody has waited for it yet, so its number is no other's
            await asyncio.shield(asyncio.to_thread(running.end))


# --- in that process --------------------------------------------------------------------------------------------------


def main() -> None:
    serve(socket.socket(fileno=os.dup(0)))


def serve(channel: socket.socket) -> NoReturn:
    """Fork parsers until the pool closes its end."""
    ownprocess.name("smtpg-forking")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # of the terminal or the service manager: for the gateway alone
    parse: Callable[..., ParsedMail] | None = None
    with contextlib.suppress(ConnectionError):  # the pool is gone
        while handles := socket.recv_fds(channel, 1, 2)[1]:
            parse = parse or _loaded()  # not before one is wanted: with parser.socket none is
            told = _fork(parse, handles)
            for handle in handles:
                os.close(handle)
            channel.send(_NUMBER.pack(told))
    os._exit(0)


def _loaded() -> Callable[..., ParsedMail]:
    from smtpgate.mail import parserprocess

    return parserprocess.loaded()


def _fork(parse: Callable[..., ParsedMail], handles: list[int]) -> int:
    """The parser's number, or what went wrong. Forked twice: the one between ends at once, which makes the second a child of the
    pool's process."""
    read, write = os.pipe()
    try:
        between = _child(lambda: os.write(write, _NUMBER.pack(_child(lambda: _be_a_parser(parse, handles)))))
        if between < 0:
            return between
        os.waitpid(between, 0)
        return int(_NUMBER.unpack(os.read(read, _NUMBER.size))[0])  # it is there already, if there is any
    finally:
        os.close(read)
        os.close(write)


def _child(work: Callable[[], object]) -> int:
    """Its number, or what went wrong (errno below 0). It ends after its work, without a step of what we were about to do."""
    try:
        pid = os.fork()
    except OSError as error:
        return -(error.errno or errno.EAGAIN)
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _be_a_parser(parse: Callable[..., ParsedMail], handles: list[int]) -> None:
    from smtpgate.mail import parserprocess

    connection, errors = handles
    for handle, place in ((connection, 0), (connection, 1), (errors, 2)):
        os.dup2(handle, place)
    ownprocess.close_all_but()
    ownprocess.name("smtpg-parser")
    parserprocess.work(parse)


if __name__ == "__main__":
    main()
