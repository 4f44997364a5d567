"""The door: listening sockets on the one loop, what connections may cost together, start and stop.

Owns the sessions and the tasks that accept mail. start() raises OSError when an address cannot be bound and
ssl.SSLError for a bad certificate; stop() leaves no task and no socket behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.intake.accept import Acceptor, Judge
from smtpgate.intake.budget import Budget, Connections, peer_address
from smtpgate.intake.connection import Connection
from smtpgate.intake.lmtp import LmtpSession
from smtpgate.intake.session import Session
from smtpgate.intake.sockets import is_unix, remove, unix_socket
from smtpgate.mail.token import Tokens
from smtpgate.store.api import Store

log = structlog.get_logger(__name__)

_BACKLOG = 1024


class Door:
    """Takes mail from the network. free_space tells the octets free on the disk of the store."""

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        judge: Judge,
        tokens: Tokens,
        clock: Clock,
        on_accept: Callable[[], None],
        free_space: Callable[[], int],
    ) -> None:
        self.config = config
        self._make_acceptor = partial(Acceptor, store=store, clock=clock, on_accept=on_accept)
        self.acceptor = self._make_acceptor(config, judge=judge, tokens=tokens)
        self.budget = Budget(config.limits.memory_in_flight)
        self.tls: ssl.SSLContext | None = None
        self._free_space = free_space
        self._connections = Connections(config.limits.connections, config.limits.connections_per_address)
        self._servers: list[asyncio.Server] = []
        self._lmtp: list[asyncio.Server] = []
        self._unix_paths: list[Path] = []
        self._sessions: dict[Connection, asyncio.Event] = {}
        self._work: set[asyncio.Task[str]] = set()
        self._stopping = False

    @property
    def connections(self) -> int:
        return self._connections.open

    @property
    def bytes_in_flight(self) -> int:
        return self.budget.used

    def doing(self) -> dict[str, Any]:
        """For `status`: who is connected, and how many are sending a mail."""
        peers = Counter(session.peer for session in self._sessions)
        return {
            "open": self.connections,
            "limit": self._connections.limit,
            "receiving": sum(session.receiving for session in self._sessions),
            "octets": self.bytes_in_flight,
            "most_from": [{"peer": peer, "open": count} for peer, count in peers.most_common(5)],
        }

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each listening socket."""
        return tuple(s.getsockname()[:2] for server in self._servers for s in server.sockets)

    @property
    def lmtp_addresses(self) -> tuple[tuple[str, int], ...]:
        """The same for LMTP over TCP."""
        return tuple(s.getsockname()[:2] for server in self._lmtp for s in server.sockets if not is_unix(s))

    async def start(self, passed: Sequence[socket.socket] = (), passed_lmtp: Sequence[socket.socket] = ()) -> None:
        """Listen on the passed sockets, else on server.listen and server.lmtp."""
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's: would print what clients say
        self.tls = _tls(self.config)
        loop = asyncio.get_running_loop()
        try:
            for ready in passed:
                self._servers.append(await loop.create_server(lambda: _Gate(self), sock=ready, backlog=_BACKLOG))
            for listen in () if passed else self.config.server.listen:
                host, _, port = listen.rpartition(":")
                server = await loop.create_server(lambda: _Gate(self), host.strip("[]"), int(port), backlog=_BACKLOG)
                self._servers.append(server)
            for ready in passed_lmtp:
                self._lmtp.append(await loop.create_server(lambda: _Gate(self, LmtpSession), sock=ready, backlog=_BACKLOG))
            for place in () if passed_lmtp else self.config.server.lmtp:
                self._lmtp.append(await self._listen_lmtp(place))
        except BaseException:
            await self.stop(0)
            raise
        lmtp = [str(s.getsockname()) for server in self._lmtp for s in server.sockets]
        log.info("listening", addresses=[f"{h}:{p}" for h, p in self.addresses], lmtp=lmtp, tls=self.tls is not None)

    async def _listen_lmtp(self, place: str) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if place.startswith("/"):
            listening = unix_socket(Path(place), self.config.server.lmtp_group)
            self._unix_paths.append(Path(place))
            return await loop.create_unix_server(lambda: _Gate(self, LmtpSession), sock=listening, backlog=_BACKLOG)
        host, _, port = place.rpartition(":")
        return await loop.create_server(lambda: _Gate(self, LmtpSession), host.strip("[]"), int(port), backlog=_BACKLOG)

    def renew(self, config: Config, *, judge: Judge, tokens: Tokens) -> None:
        """New sessions go by this; those that are open go on as they began. Raises as start(); nothing has changed then."""
        tls = _tls(config)
        self.config, self.tls = config, tls
        self.acceptor = self._make_acceptor(config, judge=judge, tokens=tokens)
        self.budget.limit = config.limits.memory_in_flight
        self._connections.limit = config.limits.connections
        self._connections.per_address = config.limits.connections_per_address

    async def stop(self, grace: float) -> None:
        """Accept no more, let mail whose DATA has begun finish within `grace` seconds, answer 421 4.3.2 to the rest."""
        self._stopping = True
        for path in self._unix_paths:
            remove(path)
        self._unix_paths.clear()
        for server in (*self._servers, *self._lmtp):
            server.close()
        for session in list(self._sessions):
            session.shut()
        await self._wait(grace)
        for session in list(self._sessions):
            session.stop_now()
        for task in self._work:
            task.cancel()
        await self._wait(None)
        for server in (*self._servers, *self._lmtp):
            await server.wait_closed()
        self._servers.clear()
        self._lmtp.clear()

    async def _wait(self, seconds: float | None) -> None:
        """Until no session and no work is left, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._sessions or self._work:
                    for ended in list(self._sessions.values()):
                        await ended.wait()
                    if self._work:
                        await asyncio.wait(self._work)

    # --- what sessions ask --------------------------------------------------------------------------------------------

    def room(self) -> bool:
        return self._free_space() >= self.config.limits.free_space

    def begin(self, work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def gone(self, connection: Connection) -> None:
        self._connections.leave(connection.peer)
        self._sessions.pop(connection).set()

    def admit(self, transport: asyncio.Transport, kind: type[Session] = Session) -> None:
        """Give a new connection its session, or refuse it at little cost."""
        name = transport.get_extra_info("peername")
        local = is_unix(transport.get_extra_info("socket"))
        if not name and not local:  # has left again
            transport.abort()
            return
        peer = "" if local else peer_address(name[0])
        if self._stopping or not self._connections.enter(peer):
            log.info("connection refused", peer=peer, open=self.connections)
            why = "4.3.2 shutting down" if self._stopping else "4.7.0 too many connections"
            transport.write(f"421 {why}, try again later\r\n".encode("ascii"))
            transport.close()
            return
        try:
            terms = _Terms(self, self.budget, self.acceptor, self.tls)
            session = kind(terms, self.config, peer, asyncio.get_running_loop())
        except BaseException:
            self._connections.leave(peer)
            transport.abort()
            raise
        self._sessions[session] = asyncio.Event()
        transport.set_protocol(session)
        session.connection_made(transport)


@dataclass(slots=True)
class _Terms:
    """The door as it was when a session began; the session keeps to that (connection.Host)."""

    door: Door
    budget: Budget
    acceptor: Acceptor
    tls: ssl.SSLContext | None

    def room(self) -> bool:
        return self.door.room()

    def begin(self, work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        return self.door.begin(work)

    def gone(self, connection: Connection) -> None:
        self.door.gone(connection)


class _Gate(asyncio.Protocol):
    """Stands where a connection comes in, until the door has decided."""

    def __init__(self, door: Door, kind: type[Session] = Session) -> None:
        self._door = door
        self._kind = kind

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._door.admit(transport, self._kind)


def _tls(config: Config) -> ssl.SSLContext | None:
    if config.server.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    context.load_cert_chain(config.server.tls_certificate, config.server.tls_key)
    return context
