"""A process that works for the main one: how it is born, what it keeps of its parent, and its loop.

Born as a copy of the main process before that has threads or a loop (`fork`), or by itself (`python -m`) when one is to be
replaced. Either way it is handed its sockets and its terms over a link. It ends when it is told to, and at once when the main
process dies: sockets and leases must be free for the next one. Signals of a terminal or a service manager are for the main
process alone.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import socket
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from smtpgate import log as logs
from smtpgate import metrics, ownprocess
from smtpgate.clock import SystemClock
from smtpgate.config import Config
from smtpgate.errors import StoreAway
from smtpgate.intake.sockets import NAMES
from smtpgate.processes import words
from smtpgate.processes.link import Handler, Link, LinkFault, LinkLost
from smtpgate.processes.words import Terms
from smtpgate.store.opening import node_name

if TYPE_CHECKING:  # its library is an extra
    from smtpgate.watching.traces import Traces

log = structlog.get_logger(__name__)

DOOR, DELIVERY = "door", "delivery"  # the modules whose Process works there
SOCKETS = struct.Struct(f"!{len(NAMES)}H")  # how many for each of the doors come with it
Passed = Mapping[str, Sequence[socket.socket]]  # by NAMES
_MOST_SOCKETS = 253  # that the kernel passes in one message
_BUG = 70  # EX_SOFTWARE of sysexits.h
_OF_THE_SERVICE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


@dataclass(frozen=True, slots=True)
class Born:
    """A process that waits for its sockets. config: what it has got already, as a copy of its parent."""

    pid: int
    channel: socket.socket
    config: Config | None = None


def fork(role: str, config: Config) -> Born:
    """A copy of this process, which must have no threads and no loop yet: what both only read they share in memory."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    gc.freeze()  # what is there stays: no need to look at it again, which would unshare it
    pid = os.fork()
    if pid:
        theirs.close()
        return Born(pid, ours, config)
    try:
        ownprocess.close_all_but(theirs.fileno())
        run(role, theirs, parent, config)
    except BaseException:  # nothing of what the main process was about to do may happen here
        log.exception("a process of the gateway failed", process=role)
        os._exit(_BUG)


def spawn(role: str) -> Born:
    """A new process, for a main process that has threads already. Raises OSError."""
    ours, theirs = socket.socketpair()
    with theirs:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", __package__, role, str(os.getpid())],
            {**os.environ, "PYTHONPATH": ownprocess.module_path(), "PYTHONUTF8": "1"},
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
        )
    return Born(pid, ours)


def run(role: str, channel: socket.socket, parent: int, config: Config | None = None) -> NoReturn:
    """Be such a process until it is told to end. config: what it was born with."""
    ownprocess.die_with(parent)
    ownprocess.name(f"smtpg-{role}")
    metrics.forget()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for name in _OF_THE_SERVICE:
        os.environ.pop(name, None)
    faulthandler.enable()  # of one that hangs, the log has where
    passed = _receive(channel)
    if passed is not None:
        process: Process = import_module(f"smtpgate.processes.{role}").Process(passed)
        process.config = config
        asyncio.run(process.run(channel))
    os._exit(0)  # at once: a thread may still pack a mail that nobody waits for


def pass_sockets(channel: socket.socket, passed: Passed) -> None:
    """Hand them to the process at the other end. Raises OSError."""
    handles = [one.fileno() for name in NAMES for one in passed[name]]
    if len(handles) > _MOST_SOCKETS:
        raise OSError(f"{len(handles)} addresses to listen on; {_MOST_SOCKETS} is all that another process can be given")
    socket.send_fds(channel, [SOCKETS.pack(*(len(passed[name]) for name in NAMES))], handles)


def _receive(channel: socket.socket) -> dict[str, list[socket.socket]] | None:
    """The sockets of each door; None when the main process ended before."""
    head, handles, _, _ = socket.recv_fds(channel, SOCKETS.size, _MOST_SOCKETS)
    if len(head) < SOCKETS.size:
        return None
    sockets = [socket.socket(fileno=handle) for handle in handles]
    for one in sockets:
        one.setblocking(False)
        one.set_inheritable(False)
    rest = iter(sockets)
    return {name: list(islice(rest, count)) for name, count in zip(NAMES, SOCKETS.unpack(head), strict=True)}


class Process(ABC):
    """What runs in it. passed: sockets to listen on."""

    def __init__(self, passed: Passed) -> None:
        self.passed = passed
        self.config: Config | None = None  # what it was born with
        self.clock = SystemClock()
        self.link: Link
        self._told = asyncio.Event()
        self._due = 0.0  # when the next pulse is
        self._role = type(self).__module__.rpartition(".")[2]
        self._traces: Traces | None = None

    async def run(self, channel: socket.socket) -> None:
        handlers: dict[str, Handler] = {
            words.BEGIN: self._begin,
            words.RENEW: self.renew,
            words.STOP: self._stop,
            **self.handlers(),
        }
        self.link = Link(handlers, on_lost=_orphaned)
        await self.link.over(channel)
        await self._told.wait()
        self.link.close()

    def handlers(self) -> Mapping[str, Handler]:
        """Further questions of the main process."""
        return {}

    @abstractmethod
    async def begin(self, terms: Terms, name: str) -> None:
        """Start the work; name is that of this very process. Raises OSError when it cannot."""

    @abstractmethod
    async def renew(self, terms: Terms) -> None:
        """Go by these from now on. Raises OSError; nothing has changed then."""

    @abstractmethod
    async def stop(self, grace: float) -> None:
        """Finish what was promised within so many seconds, give the rest back."""

    @abstractmethod
    def doing(self) -> dict[str, Any]:
        """For the main process: for `status`, and what else it wants to know every second."""

    async def ask_store(self, name: str, *args: Any) -> Any:
        """A verb of the store in the main process. Raises StoreError; StoreAway when that process is gone."""
        try:
            return await self.link.ask(name, *args)
        except (LinkLost, LinkFault) as error:
            raise StoreAway(f"the gateway's main process: {error}") from error

    def fail(self, reason: str) -> None:
        """End at once; the log has the reason, and the main process starts another one."""
        os._exit(_BUG)

    async def _begin(self, config: Config | None, token_keys: tuple[bytes, ...], log_key: bytes, name: str) -> None:
        """config: None: that which it was born with, which costs neither time nor memory."""
        config, self.config = config or self.config, None
        assert config is not None
        terms = Terms(config, token_keys, log_key)
        logs.configure(terms.config.log)
        logs.use_key(terms.log_key)
        if terms.config.watch.traces:
            from smtpgate.watching.traces import Traces

            self._traces = Traces(terms.config.watch, node_name(terms.config.store), self._role)
        await self.begin(terms, name)
        self._pulse()

    async def _stop(self, grace: float) -> None:
        await self.stop(grace)
        if self._traces is not None:
            await asyncio.to_thread(self._traces.stop)
        asyncio.get_running_loop().call_soon(self._told.set)  # after the answer

    def _pulse(self) -> None:
        """Say that the loop turns, and what it does."""
        loop = asyncio.get_running_loop()
        if self._due:
            metrics.LAG.observe(max(0.0, loop.time() - self._due), self._role)
        self.link.tell(words.PULSE, self.doing(), metrics.snapshot())
        self._due = loop.time() + words.PULSE_EVERY
        loop.call_at(self._due, self._pulse)


def _orphaned() -> None:
    log.critical("the gateway's main process is gone, ending")
    os._exit(1)
