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
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from smtpgate import metrics
from smtpgate.auth.dns import Resolver
from smtpgate.auth.verdict import within
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.intake.accept import Acceptor, Judge
from smtpgate.intake.budget import Account
from smtpgate.intake.connection import Connection
from smtpgate.intake.crowd import Crowd, Pace
from smtpgate.intake.gate import Gate
from smtpgate.intake.lmtp import LmtpSession
from smtpgate.intake.logins import Logins
from smtpgate.intake.screen import Screen
from smtpgate.intake.session import Session
from smtpgate.intake.sockets import Listeners, addresses
from smtpgate.intake.standing import Acquaintances, Standing, site
from smtpgate.intake.submission import SubmissionSession, SubmissionTlsSession
from smtpgate.mail.token import Tokens
from smtpgate.model import Envelope, Evidence, Verdict
from smtpgate.store.api import IntakeStore

log = structlog.get_logger(__name__)

_BACKLOG = 1024  # connections that wait in the kernel
_AT_ONCE = 8  # of them taken before others are served again
_TLS_BUFFER = 8 * 1024  # octets for each connection; asyncio's 256 KiB would be most of what an idle one costs
_ROOM_KNOWN = 0.05  # seconds for which the disk is not asked again after it had room
_LOGGED = 1000  # refused places named in the log in a minute
_SPOKEN: dict[str, type[Session]] = {
    "smtp": Session,
    "lmtp": LmtpSession,
    "submission": SubmissionSession,
    "submissions": SubmissionTlsSession,
}
_REMEMBERED = 2000  # mails from which a start learns who is known


class Door:
    """Takes mail from the network. disk tells the octets free on the disk of the store, and its size."""

    def __init__(
        self,
        config: Config,
        *,
        store: IntakeStore,
        judge: Judge,
        tokens: Tokens,
        clock: Clock,
        resolver: Resolver,
        disk: Callable[[], tuple[int, int]],
    ) -> None:
        self.config = config
        self.crowd = Crowd(config, clock.monotonic, self._hasten)
        self._known = Acquaintances(config)
        self.logins = Logins(config, clock, store)
        self._store, self._disk = store, disk
        self._make_acceptor = partial(
            Acceptor, store=store, clock=clock, on_accept=self._accepted, may_mail_domain=self.crowd.may_mail_domain
        )
        self._make_screen = partial(Screen, resolver=resolver, store=store, clock=clock)
        self.acceptor = self._make_acceptor(config, judge=judge, tokens=tokens)
        self.screen = self._make_screen(config)
        self.tls: ssl.SSLContext | None = None
        self._refused: set[str] = set()  # places whose refusal is in the log already, in this minute
        self._refused_minute = -1
        self._clock = clock
        self._listeners = Listeners()
        self._room_until = 0.0
        self._servers: list[asyncio.Server] = []
        self._sessions: dict[Connection, asyncio.Event] = {}
        self._work: set[asyncio.Task[str]] = set()
        self._stopping = False

    @property
    def connections(self) -> int:
        return self.crowd.open

    @property
    def bytes_in_flight(self) -> int:
        return self.crowd.budget.used

    def doing(self) -> dict[str, Any]:
        """For `status`: who is connected, and how many are sending a mail."""
        peers = Counter(session.peer for session in self._sessions)
        return {
            "open": self.connections,
            "limit": self.config.limits.connections,
            "stress": self.crowd.stressed,
            "receiving": sum(session.receiving for session in self._sessions),
            "octets": self.bytes_in_flight,
            "most_from": [{"peer": peer, "open": count} for peer, count in peers.most_common(5)],
        }

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each listening socket."""
        return self.addresses_of("smtp")

    def addresses_of(self, name: str) -> tuple[tuple[str, int], ...]:
        """The same for another of sockets.NAMES, over TCP."""
        return addresses(self._listeners.of[name])

    async def start(self, passed: Mapping[str, Sequence[socket.socket]] | None = None) -> None:
        """Listen on the passed sockets, else where the configuration says."""
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's: would print what clients say
        self.tls = _tls(self.config)
        for client in reversed(await self._store.clients(_REMEMBERED)):
            self._known.learn(*client)
        self._listeners = Listeners.bind(self.config, passed or {})
        try:
            if self.tls is None and (self._listeners.of["submission"] or self._listeners.of["submissions"]):
                raise OSError("there is no certificate (server.tls_certificate), so nobody can log in at the submission sockets")
            for name, sockets in self._listeners.of.items():
                for ready in sockets:
                    self._servers.append(await self._serve(ready, _SPOKEN[name]))
        except BaseException:
            await self.stop(0)
            raise
        others = {
            name: [str(s.getsockname()) for s in found] for name, found in self._listeners.of.items() if name != "smtp" and found
        }
        log.info("listening", addresses=[f"{h}:{p}" for h, p in self.addresses], **others, tls=self.tls is not None)

    async def _serve(self, listening: socket.socket, kind: type[Session]) -> asyncio.Server:
        """asyncio takes as many connections in one turn of its loop as the backlog says, and serves nobody meanwhile. So it
        hears of few, while the kernel keeps many waiting."""
        server = await asyncio.get_running_loop().create_server(partial(self._gate, kind), sock=listening, backlog=_AT_ONCE)
        listening.listen(_BACKLOG)
        return server

    def renew(self, config: Config, *, judge: Judge, tokens: Tokens) -> None:
        """New sessions go by this; those that are open go on as they began. Raises as start(); nothing has changed then."""
        tls = _tls(config)
        self.config, self.tls = config, tls
        self.acceptor = self._make_acceptor(config, judge=judge, tokens=tokens)
        self.screen = self._make_screen(config)
        self.crowd.renew(config)
        self._known.renew(config)
        self.logins.renew(config)

    async def stop(self, grace: float) -> None:
        """Accept no more, let mail whose DATA has begun finish within `grace` seconds, answer 421 4.3.2 to the rest."""
        self._stopping = True
        self._listeners.withdraw()
        for server in self._servers:
            server.close()
        self._listeners.close()
        for session in list(self._sessions):
            session.shut()
        await self._wait(grace)
        for session in list(self._sessions):
            session.stop_now()
        for task in self._work:
            task.cancel()
        await self._wait(None)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        await self.logins.stop()

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
        now = self._clock.monotonic()
        if now < self._room_until:
            return True
        free, size = self._disk()
        if free < self.config.limits.least_free(size):
            return False
        self._room_until = now + _ROOM_KNOWN
        return True

    def standing(self, peer: str) -> Standing:
        return self._known.standing(peer)

    def begin(self, work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def gone(self, connection: Connection) -> None:
        self.crowd.leave(connection.peer)
        self._sessions.pop(connection).set()

    def _accepted(self, envelope: Envelope, verdict: Verdict) -> None:
        evidence = Evidence.DMARC_DKIM if envelope.login else verdict.evidence  # an agent's own place
        self._known.learn(envelope.peer, evidence, verdict.author)

    def _hasten(self) -> None:
        for session in list(self._sessions):
            session.hasten()

    # --- who comes in -------------------------------------------------------------------------------------------------

    def _gate(self, kind: type[Session] = Session) -> Gate:
        # with TLS from the first octet nothing else may come first: a balancer passes the connection on as it is
        balanced = self._is_balancer if kind is not SubmissionTlsSession else lambda _: False
        return Gate(partial(self.admit, kind), balanced, self.config.limits.proxy_header)

    def _is_balancer(self, peer: str) -> bool:
        return within(peer, self.config.server.proxy_protocol)

    def admit(self, kind: type[Session], transport: asyncio.Transport, peer: str, data: bytes) -> None:
        """Give a new connection its session, or refuse it at little cost. data is what it has said already."""
        standing = Standing.OWN if kind is LmtpSession else self._known.standing(peer)
        why = "shutting down" if self._stopping else self.crowd.enter(peer, standing)
        if why:
            metrics.CONNECTIONS.inc("refused")
            self._log_refusal(peer, why)
            code = "4.3.2" if self._stopping else "4.7.0"
            transport.write(f"421 {code} {why}, try again later\r\n".encode("ascii"))
            transport.close()
            return
        try:
            terms = _Terms(self, self.acceptor, self.screen, self.logins, self.tls)
            session = kind(terms, self.config, peer, standing, asyncio.get_running_loop())
        except BaseException:
            self.crowd.leave(peer)
            transport.abort()
            raise
        metrics.CONNECTIONS.inc("served")
        self._sessions[session] = asyncio.Event()
        transport.set_protocol(session)
        session.connection_made(transport)
        if data:
            session.data_received(data)

    def _log_refusal(self, peer: str, why: str) -> None:
        """Once a minute for each place: a flood must not fill the log as well."""
        minute = int(self._clock.monotonic() // 60)
        if minute != self._refused_minute:
            self._refused_minute = minute
            self._refused.clear()
        place = site(peer)
        if place not in self._refused and len(self._refused) < _LOGGED:
            self._refused.add(place)
            log.info("connection refused", peer=peer, open=self.connections, why=why, more="not logged in this minute")


@dataclass(slots=True)
class _Terms:
    """The door as it was when a session began; the session keeps to that (host.Host)."""

    door: Door
    acceptor: Acceptor
    screen: Screen
    logins: Logins
    tls: ssl.SSLContext | None

    def room(self) -> bool:
        return self.door.room()

    def standing(self, peer: str) -> Standing:
        return self.door.standing(peer)

    def pace(self, standing: Standing) -> Pace:
        return self.door.crowd.pace(standing)

    def may_mail(self, peer: str, standing: Standing) -> bool:
        return self.door.crowd.may_mail(peer, standing)

    def account(self, peer: str, standing: Standing) -> Account:
        return self.door.crowd.account(peer, standing)

    def begin(self, work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        return self.door.begin(work)

    def gone(self, connection: Connection) -> None:
        self.door.gone(connection)


sslproto.SSLProtocol.max_size = _TLS_BUFFER


def _tls(config: Config) -> ssl.SSLContext | None:
    if config.server.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    context.load_cert_chain(config.server.tls_certificate, config.server.tls_key)
    return context
