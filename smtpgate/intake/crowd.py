"""All clients together: who may still come in, what one place may do in a minute, and whether there is stress.

Owns the counters. Never fails: each asks first and hears why not. Stress begins when connections or memory are nearly
used up; then newcomers get shorter terms (Pace), and what is left is kept for those who are known best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from smtpgate.config import Config
from smtpgate.intake.budget import Account, Budget
from smtpgate.intake.standing import Standing, prefix, site
from smtpgate.limitsettings import Limits, Stress

log = structlog.get_logger(__name__)

_MINUTE = 60.0
_PREFIX_FACTOR = 5  # a /48 may do what five addresses may
_OWN_ERRORS = 1000
_ROOM = 50_000  # places counted in a minute, about 8 MB; more of them are not counted one by one


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient we are with one connection."""

    greeting_wait: float
    command_timeout: float
    session: float | None
    data_timeout: float
    data_rate_after: float
    tls_handshake: float
    errors: int
    errors_slow: int | None
    junk_commands: int


def calm(limits: Limits) -> Pace:
    return Pace(
        limits.greeting_wait,
        limits.command_timeout,
        limits.session,
        limits.data_timeout,
        limits.data_rate_after,
        limits.tls_handshake,
        limits.errors,
        limits.errors_slow,
        limits.junk_commands,
    )


def pressed(limits: Limits, stress: Stress) -> Pace:
    """Under stress; never more patient than without."""
    return Pace(
        max(limits.greeting_wait, stress.greeting_wait),
        min(limits.command_timeout, stress.command_timeout),
        min(limits.session, stress.session),
        min(limits.data_timeout, stress.data_timeout),
        min(limits.data_rate_after, stress.data_rate_after),
        min(limits.tls_handshake, stress.tls_handshake),
        min(limits.errors, stress.errors),
        limits.errors_slow,
        min(limits.junk_commands, stress.junk_commands),
    )


def own(limits: Limits) -> Pace:
    """For servers of ours, which keep a connection and pass on the faults of others: to cut them off delays all mail.
    Only one that has gone mad is."""
    return Pace(
        0.0,
        limits.command_timeout,
        None,
        limits.data_timeout,
        limits.data_rate_after,
        limits.tls_handshake,
        max(limits.errors, _OWN_ERRORS),
        None,
        limits.junk_commands,
    )


class Rates:
    """How often something happened in the running minute, by place."""

    def __init__(self, now: Callable[[], float], room: int = _ROOM) -> None:
        self._now = now
        self._room = room
        self._minute = -1
        self._count: dict[str, int] = {}

    def take(self, key: str, limit: int) -> bool:
        """Once more; False when that is too often. What is refused counts too."""
        return self.count(key) <= limit

    def count(self, key: str) -> int:
        """Once more; how often that makes."""
        minute = int(self._now() // _MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._count.clear()
        count = self._count.get(key, 0) + 1
        if count > 1 or len(self._count) < self._room:
            self._count[key] = count
        return count


class Crowd:
    """Open connections, and what comes in a minute."""

    def __init__(self, config: Config, now: Callable[[], float], on_stress: Callable[[], None] = lambda: None) -> None:
        self.budget = Budget(config.limits.memory_in_flight)
        self.rates = Rates(now)
        self.open = 0
        self.stressed = False
        self._on_stress = on_stress
        self._count: dict[str, int] = {}  # by site and by prefix, which never look alike
        self.renew(config)

    def renew(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._limits, self._stress = config.limits, config.stress
        self.budget.limit = config.limits.memory_in_flight
        self._share = {
            Standing.UNKNOWN: self._stress.unknown,
            Standing.UNPROVED: self._stress.unproved,
            Standing.KNOWN: self._stress.known,
            Standing.AGENT: 100,
            Standing.OWN: 100,
        }
        self._paces = (calm(self._limits), pressed(self._limits, self._stress), own(self._limits))

    def pace(self, standing: Standing) -> Pace:
        if standing is Standing.OWN:
            return self._paces[2]
        return self._paces[self.stressed and standing < Standing.AGENT]

    def enter(self, peer: str, standing: Standing) -> str:
        """One connection more from there; else why not, and then nothing changes but the rate."""
        if standing is not Standing.OWN and (why := self._too_many(peer, standing)):
            return why
        if self.open >= self._part(self._limits.connections, standing):
            return "too busy"
        for key in self._keys(peer):
            self._count[key] = self._count.get(key, 0) + 1
        self.open += 1
        self.weigh()
        return ""

    def leave(self, peer: str) -> None:
        for key in self._keys(peer):
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]
        self.open -= 1
        self.weigh()

    def may_mail(self, peer: str, standing: Standing) -> bool:
        """One mail more from there in this minute."""
        return standing is Standing.OWN or self._in_rate("mail ", peer, self._limits.mail_rate)

    def may_mail_domain(self, domain: str) -> bool:
        """One mail more in this minute of a domain that is proved."""
        return self.rates.take("domain " + domain, self._limits.mail_rate_domain)

    def account(self, peer: str, standing: Standing) -> Account:
        """The memory for one mail from there."""
        if standing is Standing.OWN:
            return self.budget.account()
        ceiling = self._part(self._limits.memory_in_flight, standing)
        return self.budget.account(site(peer), share=self._limits.memory_per_address, ceiling=ceiling)

    def weigh(self) -> None:
        """See whether there is stress."""
        used = max(self.open / self._limits.connections, self.budget.used / self._limits.memory_in_flight) * 100
        if not self.stressed and used >= self._stress.begin:
            self.stressed = True
            log.warning("stress begins", connections=self.open, memory=self.budget.used)
            self._on_stress()
        elif self.stressed and used <= self._stress.end:
            self.stressed = False
            log.warning("stress ends", connections=self.open, memory=self.budget.used)

    def _too_many(self, peer: str, standing: Standing) -> str:
        relaxed = standing is Standing.AGENT or not self.stressed
        limits, stress = self._limits, self._stress
        rate = limits.connection_rate if relaxed else min(stress.connection_rate, limits.connection_rate)
        if not self._in_rate("", peer, rate):
            return "too many connections in a minute"
        most = limits.connections_per_address
        if not relaxed:
            most = min(most, stress.connections_per_address)
        if self._count.get(site(peer), 0) >= most or self._count.get(prefix(peer), 0) >= limits.connections_per_prefix:
            return "too many connections"
        return ""

    def _in_rate(self, what: str, peer: str, limit: int) -> bool:
        wide = prefix(peer)
        return not (wide and not self.rates.take(what + wide, _PREFIX_FACTOR * limit)) and self.rates.take(what + site(peer), limit)

    def _part(self, whole: int, standing: Standing) -> int:
        return -(-whole * self._share[standing] // 100)

    @staticmethod
    def _keys(peer: str) -> tuple[str, ...]:
        if not peer:
            return ()
        return (site(peer), prefix(peer)) if ":" in peer else (peer,)
