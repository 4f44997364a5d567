"""Open connections, kept for the next mail to the same destination, and hosts that are known to be down.

Idle connections are kept for idle_timeout and closed after mails_per_connection. Never more than `connections` are open:
the oldest idle one goes first. A host that did not take us is left alone for half a minute, so that a batch of mails
does not wait for the same timeout one by one. Raises NoConnection when no host of a route can be used, or Misconfigured.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import structlog

from smtpgate.auth.dns import Resolver
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.delivery.connection import Connection, Credentials, TlsContexts, TlsFailed, Unusable, connect
from smtpgate.delivery.route import Misconfigured, Route, Tls, addresses_of, usable
from smtpgate.model import DeliveryState

log = structlog.get_logger(__name__)

DEAD_FOR = 30.0  # seconds, at most, for which a host that failed is not tried again
MOST_TRIES = 5  # addresses tried in one attempt
_FRESH = 1.0  # seconds for which a connection is surely still there
_TAKES_NO_MAIL = 521  # RFC 7504


class NoConnection(Exception):
    """No host of the route takes mail from us. state says whether that is for now (QUEUED) or for good (FAILED)."""

    def __init__(self, state: DeliveryState, code: int, reason: str, remote: str) -> None:
        super().__init__(reason)
        self.state = state
        self.code = code
        self.reason = reason
        self.remote = remote


@dataclass(slots=True)
class _Failures:
    """What the hosts of one route said, while they are tried."""

    last: Unusable | None = None
    tries: int = 0
    all_refuse_mail: bool = True
    temporary: bool = False  # DNS could not tell everything
    loops: bool = False
    dns_reason: str = ""

    def add(self, error: Unusable) -> None:
        self.last = error
        self.all_refuse_mail = self.all_refuse_mail and error.code == _TAKES_NO_MAIL


class Pool:
    def __init__(self, config: Config, resolver: Resolver, clock: Clock) -> None:
        self._settings = config.delivery
        # Over before any mail's own next attempt, which would else burn without having tried.
        self._dead_for = min(DEAD_FOR, min(config.delivery.retry) / 2)
        self._helo = config.server.name
        self._resolver = resolver
        self._clock = clock
        self._contexts = TlsContexts(config.delivery)
        self._credentials: Credentials | None = None
        user, password = config.delivery.smarthost.user, config.smarthost_password
        if config.delivery.mode == "smarthost" and user and password is not None:
            self._credentials = Credentials(user, password)
        self._idle: dict[str, list[Connection]] = {}
        self._busy: set[Connection] = set()
        self._opening: Counter[str] = Counter()
        self._closing: set[asyncio.Task[None]] = set()
        self._dead: dict[tuple[str, int], tuple[float, Unusable]] = {}
        self._no_tls: dict[tuple[str, int], float] = {}  # offers TLS and cannot do it: clear text for a while

    # --- counting -----------------------------------------------------------------------------------------------------

    def busy(self, destination: str) -> int:
        """Connections to a destination that are in use or being opened now."""
        return self._opening[destination] + sum(1 for c in self._busy if c.destination == destination)

    @property
    def open(self) -> int:
        return len(self._busy) + self._opening.total() + sum(map(len, self._idle.values()))

    # --- taking and giving back ---------------------------------------------------------------------------------------

    def reuse(self, destination: str) -> Connection | None:
        """A connection that is open, as far as we know, or None. Nobody is asked: the next mail's commands do that."""
        idle = self._idle.get(destination, [])
        while idle:
            connection = idle.pop()
            if connection.alive:
                self._busy.add(connection)
                return connection
            self.discard(connection)
        return None

    def patience(self, connection: Connection) -> float | None:
        """Seconds to wait for a kept connection's first reply: one that was used a moment ago is still there."""
        fresh = self._clock.monotonic() - connection.idle_since < _FRESH
        return None if fresh else self._settings.connect_timeout

    async def open_route(self, route: Route) -> Connection:
        """A new connection to the first host of the route that takes us. Raises NoConnection or Misconfigured."""
        self._opening[route.destination] += 1
        try:
            self._make_room()
            connection = await self._first_of(route)
            self._busy.add(connection)
            return connection
        finally:
            self._opening[route.destination] -= 1
            self._opening += Counter()  # forgets destinations with none

    def give_back(self, connection: Connection) -> None:
        """After an attempt. Kept for the next mail when it is fit for that, else closed."""
        self._busy.discard(connection)
        if not connection.alive:
            return
        connection.idle_since = self._clock.monotonic()
        if connection.mails >= self._settings.mails_per_connection or self._settings.idle_timeout == 0:
            self._close(connection)
        else:
            self._idle.setdefault(connection.destination, []).append(connection)

    def discard(self, connection: Connection) -> None:
        """Close at once, without a word: the session is in no known state."""
        self._busy.discard(connection)
        connection.abort()

    def reap(self) -> float | None:
        """Close what has been idle for too long and forget old failures. Returns seconds until the next one, or None."""
        now = self._clock.monotonic()
        for destination in list(self._idle):
            old = [c for c in self._idle[destination] if now - c.idle_since >= self._settings.idle_timeout or not c.alive]
            for connection in old:
                self._idle[destination].remove(connection)
                self._close(connection)
            if not self._idle[destination]:
                del self._idle[destination]
        self._dead = {key: dead for key, dead in self._dead.items() if dead[0] > now}
        self._no_tls = {key: until for key, until in self._no_tls.items() if until > now}
        idle = [c.idle_since for kept in self._idle.values() for c in kept]
        return min(idle) + self._settings.idle_timeout - now if idle else None

    async def close(self) -> None:
        """Close everything; idle connections with QUIT."""
        for kept in self._idle.values():
            for connection in kept:
                self._close(connection)
        self._idle.clear()
        for connection in list(self._busy):
            self.discard(connection)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _close(self, connection: Connection) -> None:
        task = asyncio.create_task(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _make_room(self) -> None:
        while self.open > self._settings.connections and self._idle:
            destination, kept = min(self._idle.items(), key=lambda item: item[1][0].idle_since if item[1] else 0.0)
            if kept:
                self._close(kept.pop(0))
            if not kept:
                del self._idle[destination]

    # --- opening ------------------------------------------------------------------------------------------------------

    async def _first_of(self, route: Route) -> Connection:
        failures = _Failures()
        for host in route.hosts:
            found = await addresses_of(host, self._resolver)
            failures.temporary = failures.temporary or found.temporary
            failures.dns_reason = found.reason or failures.dns_reason
            for ip in found.ips:
                if not usable(ip, route.port):
                    failures.loops = True
                    continue
                if failures.tries >= MOST_TRIES:
                    break
                connection = await self._try(route, host, ip, failures)
                if connection is not None:
                    return connection
        raise self._none(route, failures)

    async def _try(self, route: Route, host: str, ip: str, failures: _Failures) -> Connection | None:
        key = (ip, route.port)
        now = self._clock.monotonic()
        dead = self._dead.get(key)
        if dead is not None and dead[0] > now:
            failures.add(dead[1])
            return None
        failures.tries += 1
        try:
            return await self._connect(route, host, ip)
        except Unusable as error:
            self._dead[key] = (self._clock.monotonic() + self._dead_for, error)
            failures.add(error)
            log.info("host unusable", host=error.remote, code=error.code, reason=error.reason)
            return None

    async def _connect(self, route: Route, host: str, ip: str) -> Connection:
        tls = route.tls
        key = (ip, route.port)
        if tls == "opportunistic" and self._no_tls.get(key, 0.0) > self._clock.monotonic():
            tls = "none"
        try:
            return await self._dial(route, host, ip, tls)
        except TlsFailed as error:
            if tls != "opportunistic":
                raise
            log.info("TLS failed, trying in clear", host=error.remote, reason=error.reason)
            self._no_tls[key] = self._clock.monotonic() + self._dead_for
            return await self._dial(route, host, ip, "none")

    async def _dial(self, route: Route, host: str, ip: str, tls: Tls) -> Connection:
        return await connect(
            route.destination,
            host,
            ip,
            route.port,
            tls=tls,
            contexts=self._contexts,
            credentials=self._credentials if route.smarthost else None,
            helo=self._helo,
            settings=self._settings,
        )

    def _none(self, route: Route, failures: _Failures) -> NoConnection | Misconfigured:
        last = failures.last
        if last is not None:
            refused = failures.all_refuse_mail and not failures.temporary
            state = DeliveryState.FAILED if refused and not route.smarthost else DeliveryState.QUEUED
            return NoConnection(state, last.code, last.reason, last.remote)
        hosts = ", ".join(route.hosts[:3])
        if failures.temporary:
            return NoConnection(DeliveryState.QUEUED, 0, f"4.4.3 no address of {hosts}: {failures.dns_reason}", "")
        if failures.loops:
            return NoConnection(DeliveryState.FAILED, 554, f"5.4.6 mail for {route.destination} loops back to myself", "")
        if route.smarthost:
            return Misconfigured(f"DNS knows no address of the smarthost {hosts}: {failures.dns_reason}")
        return NoConnection(DeliveryState.FAILED, 550, f"5.4.4 no mail host of {route.destination} has an address", "")
