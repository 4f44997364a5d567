"""The door's process: the doors on sockets that the main process bound, the store behind a link to it.

Born as a copy of the main process before that has threads or a loop (`fork`), or by itself (`python -m`) when one is
to be replaced. Either way it is handed its sockets and its terms over the link. It ends when it is told to, and at once when
the main process dies: the sockets must be free for the next one. Signals of a terminal or a service manager are for the
main process alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import gc
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import structlog

from smtpgate import log as logs
from smtpgate.auth.dns import Resolver, make_resolver
from smtpgate.clock import SystemClock
from smtpgate.errors import StoreAway
from smtpgate.intake.server import Door
from smtpgate.model import Evidence
from smtpgate.processes import doors, words
from smtpgate.processes.link import Handler, Link, LinkFault, LinkLost
from smtpgate.processes.words import Terms
from smtpgate.service.files import make_room
from smtpgate.store.api import Accepted

log = structlog.get_logger(__name__)

SOCKETS = struct.Struct("!HH")  # how many of SMTP and of LMTP come with it
_MOST_SOCKETS = 253  # that the kernel passes in one message
_BUG = 70  # EX_SOFTWARE of sysexits.h
_DEATH_SIGNAL, _NAME = 1, 15  # of prctl(2)


@dataclass(frozen=True, slots=True)
class Born:
    """A door's process that waits for its sockets."""

    pid: int
    channel: socket.socket


def fork() -> Born:
    """A copy of this process, which must have no threads and no loop yet: what both only read they share in memory."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    gc.freeze()  # what is there stays: no need to look at it again, which would unshare it
    pid = os.fork()
    if pid:
        theirs.close()
        return Born(pid, ours)
    try:
        _close_all_but(theirs.fileno())
        run(theirs, parent)
    except BaseException:  # nothing of what the main process was about to do may happen here
        log.exception("the door's process failed")
        os._exit(_BUG)


def spawn() -> Born:
    """A new process, for a main process that has threads already. Raises OSError."""
    ours, theirs = socket.socketpair()
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    argv = [sys.executable, "-P", "-m", __name__, str(os.getpid())]
    with theirs:
        pid = os.posix_spawn(
            sys.executable,
            argv,
            {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1"},
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
        )
    return Born(pid, ours)


def run(channel: socket.socket, parent: int) -> NoReturn:
    """Be the door's process until it is told to end."""
    _die_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    faulthandler.enable()  # of one that hangs, the log has where
    passed = _receive(channel)
    if passed is not None:
        asyncio.run(_Process(*passed).run(channel))
    os._exit(0)  # at once: a thread may still pack a mail that nobody waits for


def pass_sockets(channel: socket.socket, smtp: Sequence[socket.socket], lmtp: Sequence[socket.socket]) -> None:
    """Hand them to the process at the other end. Raises OSError."""
    count = len(smtp) + len(lmtp)
    if count > _MOST_SOCKETS:
        raise OSError(f"{count} addresses to listen on; {_MOST_SOCKETS} is all that can be passed to the door's process")
    socket.send_fds(channel, [SOCKETS.pack(len(smtp), len(lmtp))], [one.fileno() for one in (*smtp, *lmtp)])


def _receive(channel: socket.socket) -> tuple[list[socket.socket], list[socket.socket]] | None:
    """The sockets for SMTP and for LMTP; None when the main process ended before."""
    head, handles, _, _ = socket.recv_fds(channel, SOCKETS.size, _MOST_SOCKETS)
    if len(head) < SOCKETS.size:
        return None
    smtp, _ = SOCKETS.unpack(head)
    sockets = [socket.socket(fileno=handle) for handle in handles]
    for one in sockets:
        one.setblocking(False)
        one.set_inheritable(False)
    return sockets[:smtp], sockets[smtp:]


class RemoteStore:
    """store.api.IntakeStore in the main process. Raises StoreAway when that is gone."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def accept(self, mail: Accepted) -> None:
        await self._ask(words.ACCEPT, mail)

    async def greylist(self, key: str, *, now: float, delay: float, window: float, remember: float) -> float:
        return float(await self._ask(words.GREYLIST, key, now, delay, window, remember))

    async def clients(self, limit: int) -> Sequence[tuple[str, Evidence, str]]:
        found: Sequence[tuple[str, Evidence, str]] = await self._ask(words.CLIENTS, limit)
        return found

    async def _ask(self, name: str, *args: Any) -> Any:
        try:
            return await self._link.ask(name, *args)
        except (LinkLost, LinkFault) as error:
            raise StoreAway(f"the gateway's main process: {error}") from error


@dataclass(slots=True)
class _Process:
    """The loop's side of it. smtp, lmtp: sockets to listen on."""

    smtp: list[socket.socket]
    lmtp: list[socket.socket]
    _clock: SystemClock = field(default_factory=SystemClock)
    _resolver: Resolver | None = None
    _door: Door | None = None
    _link: Link = field(init=False)
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, channel: socket.socket) -> None:
        handlers: dict[str, Handler] = {words.BEGIN: self._begin, words.RENEW: self._renew, words.STOP: self._stop}
        self._link = Link(handlers, on_lost=_orphaned)
        await self._link.over(channel)
        await self._told.wait()
        self._link.close()

    async def _begin(self, terms: Terms) -> None:
        """Raises OSError when it cannot listen."""
        config = terms.config
        logs.configure(config.log)
        logs.use_key(terms.log_key)
        make_room(config.limits.connections)
        self._resolver = make_resolver(config.dns, self._clock)
        self._door = doors.make_door(terms, RemoteStore(self._link), self._resolver, self._clock, on_accept=lambda: None)
        await self._door.start(self.smtp, self.lmtp)
        self._pulse()

    async def _renew(self, terms: Terms) -> None:
        """Raises OSError; nothing has changed then."""
        assert self._door is not None
        assert self._resolver is not None
        doors.renew(self._door, terms, self._resolver, self._clock)

    async def _stop(self, grace: float) -> None:
        if self._door is not None:
            await self._door.stop(grace)
        asyncio.get_running_loop().call_soon(self._told.set)  # after the answer

    def _pulse(self) -> None:
        """Say that the loop turns, and what it does."""
        if self._door is not None:
            self._link.tell(words.PULSE, self._door.doing())
        asyncio.get_running_loop().call_later(words.PULSE_EVERY, self._pulse)


def _orphaned() -> None:
    log.critical("the gateway's main process is gone: no mail can be stored, ending")
    os._exit(1)


def _die_with(parent: int) -> None:
    """However it dies. Without Linux the end of the link is all that tells."""
    with contextlib.suppress(OSError, AttributeError):
        prctl = ctypes.CDLL(None).prctl
        prctl(_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))
        prctl(_NAME, b"smtpgate-door")
    if os.getppid() != parent:  # dead already
        os._exit(1)


def _close_all_but(kept: int) -> None:
    """Nothing that the main process holds open stays open here: its terminal's three and the link are enough."""
    for handle in map(int, os.listdir("/dev/fd")):
        if handle > 2 and handle != kept:
            with contextlib.suppress(OSError):
                os.close(handle)


if __name__ == "__main__":
    run(socket.socket(fileno=os.dup(0)), int(sys.argv[1]))
