"""Who may log in at the submission listener: passwords compared, apart and few at once, and those who guess turned away.

Owns the counts of wrong passwords, bounded in memory; they outlive a reload. An agent is one who is listed at a desk now. What
is answered, and when, does not depend on whether there is such an agent. Never fails but for a bug.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import structlog

from smtpgate import metrics, passwords
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.intake.guesses import Shared
from smtpgate.intake.standing import prefix, site
from smtpgate.store.api import IntakeStore

log = structlog.get_logger(__name__)

_ROOM = 20_000  # names and places whose failures are counted; the one longest without is forgotten first
_KNOWN = 5_000  # places from which an agent has logged in
_PREFIX_FACTOR = 5  # a /48 may fail as often as five addresses
_LONGEST_NAME = 320  # characters of a name that are told to the log


class Login(Enum):
    """What came of it."""

    YES = "yes"
    WRONG = "wrong"
    BARRED = "barred"  # this place has guessed too often
    LATER = "later"  # this name was guessed too often, or too many wait


@dataclass(frozen=True, slots=True)
class Answer:
    login: Login
    agent: str = ""  # the address as the desks spell it, for YES


class Failures:
    """How often something failed within a time, by name."""

    def __init__(self, now: Callable[[], float], room: int = _ROOM) -> None:
        self._now, self._room = now, room
        self._times: OrderedDict[str, list[float]] = OrderedDict()

    def count(self, key: str, window: float) -> int:
        since = self._now() - window
        return sum(at > since for at in self._times.get(key, ()))

    def add(self, key: str, most: int) -> None:
        """most: more of them need not be told apart."""
        self._times[key] = [*self._times.get(key, ()), self._now()][-most:]
        self._times.move_to_end(key)
        if len(self._times) > self._room:
            self._times.popitem(last=False)

    def take_back(self, key: str) -> None:
        """The last one was none."""
        times = self._times.get(key, [])
        del times[-1:]
        if not times:
            self._times.pop(key, None)


class Logins:
    def __init__(self, config: Config, clock: Clock, store: IntakeStore | None = None) -> None:
        """store: by which other processes hear of wrong passwords; None: each counts for itself."""
        self._clock = clock
        self._shared = Shared(store, clock)
        self._failures = Failures(clock.monotonic)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()  # agent and place
        self._under_way: set[asyncio.Task[bool]] = set()
        self.renew(config)

    def renew(self, config: Config) -> None:
        """From now on only agents of this configuration log in, with its passwords."""
        self._config, self._settings = config, config.submission
        self._hashes = config.password_hashes
        self._decoy = passwords.decoy(next(iter(self._hashes.values()), ""))
        self._at_once = asyncio.Semaphore(self._settings.checks)

    def agent(self, name: str) -> str:
        """Who this is, compared without case; "" for nobody who may send here."""
        address = self._config.agent_address(name)
        return address if address.lower() in self._hashes else ""

    async def check(self, name: str, password: str, peer: str) -> Answer:
        """A wrong one is told of after submission.failure_delay. Cancelled, the comparison goes on and counts."""
        settings, began = self._settings, self._clock.monotonic()
        address = self.agent(name)
        user = name.lower()[:_LONGEST_NAME]
        await self._shared.known(settings.failures_shared, settings.failure_window)
        why = self._turned_away(user, address, peer)
        if why is not None:
            metrics.LOGINS.inc(why.value)
            log.warning("login not looked at", peer=peer, user=name[:_LONGEST_NAME], why=why.value)
            return Answer(why)
        keys = self._keys(user, peer)
        for key in keys:  # before it is known: those who try many at once are counted as well
            self._failures.add(key, max(settings.failures_per_address * _PREFIX_FACTOR, settings.failures_per_user))
        task = asyncio.get_running_loop().create_task(self._compare(password, self._hashes.get(address.lower(), self._decoy)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            right = await asyncio.shield(task) and bool(address)
        except asyncio.CancelledError:
            self._shared.failed(keys, settings.failures_shared, settings.failure_window)
            raise
        if right and self.agent(name) == address:  # a reload may have taken him out meanwhile
            for key in keys:
                self._failures.take_back(key)
            self._remember(address, peer)
            metrics.LOGINS.inc(Login.YES.value)
            return Answer(Login.YES, address)
        self._shared.failed(keys, settings.failures_shared, settings.failure_window)
        metrics.LOGINS.inc(Login.WRONG.value)
        log.warning("login failed", peer=peer, user=name[:_LONGEST_NAME])
        await self._clock.sleep(max(0.0, began + settings.failure_delay - self._clock.monotonic()))
        return Answer(Login.WRONG)

    async def stop(self) -> None:
        """Nothing is left under way but what a thread ends by itself."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._shared.stop(self._settings.failure_window)

    async def _compare(self, password: str, known: str) -> bool:
        async with self._at_once:
            return await asyncio.to_thread(passwords.matches, password, known)

    def _turned_away(self, user: str, address: str, peer: str) -> Login | None:
        settings = self._settings
        place, around = site(peer), prefix(peer)
        if (address, place) in self._known:  # else who guesses could keep an agent out, and one wrong client a whole office
            often = self._count(f"user {user} from {place}") >= settings.failures_per_address
            return Login.BARRED if often else self._no_room()
        if self._count(f"from {place}") >= settings.failures_per_address:
            return Login.BARRED
        if around and self._count(f"from {around}") >= settings.failures_per_address * _PREFIX_FACTOR:
            return Login.BARRED
        if self._count(f"user {user}") >= settings.failures_per_user:
            return Login.LATER
        return self._no_room()

    def _count(self, name: str) -> int:
        """By this process and by all others."""
        window = self._settings.failure_window
        return self._failures.count(name, window) + self._shared.count(name, window)

    def _no_room(self) -> Login | None:
        return Login.LATER if len(self._under_way) >= self._settings.waiting + self._settings.checks else None

    def _keys(self, user: str, peer: str) -> tuple[str, ...]:
        around = prefix(peer)
        place = site(peer)
        return (f"user {user}", f"from {place}", f"user {user} from {place}", *((f"from {around}",) if around else ()))

    def _remember(self, address: str, peer: str) -> None:
        self._known[address, site(peer)] = None
        self._known.move_to_end((address, site(peer)))
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
