"""The composition root: the only place where the parts meet. Start and stop order.

Start: store, keys and templates, parser processes, filing, delivery, and last the door, so that nothing is accepted
before it can be worked on. Stop is the reverse. A store that fails for good ends the process with exit code 74
(EX_IOERR), because what was said to be safe may not be: recovery is the next start's.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog

from smtpgate import __version__, metrics
from smtpgate import log as logs
from smtpgate.auth.dns import DnsResolver, Resolver, make_resolver
from smtpgate.clock import Clock, SystemClock
from smtpgate.config import Config
from smtpgate.desks import logged_strays
from smtpgate.due import Leave, Member
from smtpgate.errors import ConfigError, Problem
from smtpgate.filing import Filing, Intake
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.handlers.post import Post
from smtpgate.intake.sockets import NAMES
from smtpgate.later import POLL, Later
from smtpgate.mail import parserfork
from smtpgate.mail.compose import Templates
from smtpgate.mail.extract import Extractor
from smtpgate.mail.token import Tokens
from smtpgate.mail.worker import ParserPool
from smtpgate.numbers import NumberPattern
from smtpgate.processes import child
from smtpgate.processes.apart import DeliveryApart, DoorApart
from smtpgate.processes.cores import several
from smtpgate.processes.inside import DeliveryInside, DoorInside
from smtpgate.processes.words import PULSE_EVERY, Terms
from smtpgate.requested import Requested
from smtpgate.service import live, systemd
from smtpgate.service import reload as reloading
from smtpgate.service.files import make_room
from smtpgate.service.watchdog import Watchdog
from smtpgate.store.api import Store
from smtpgate.store.opening import missing, node_name, open_store, place
from smtpgate.store.seen import Node
from smtpgate.store.verbs import MAIL, OUTGOING, VerbStore

if TYPE_CHECKING:  # its library is an extra
    from smtpgate.watching.traces import Traces
    from smtpgate.watching.watch import Watch

log = structlog.get_logger(__name__)

EXIT_STORE = 74  # EX_IOERR of sysexits.h
_GIVE_BACK = 2.0  # seconds after the grace for storing what has come of it
SOCKETS = NAMES  # of sockets that systemd may pass


@cache
def built_in_templates() -> Templates:
    """Those that come with the program, one for each process. Our tests try them: a start only looks whether all are there."""
    return Templates()


def check_templates(config: Config) -> Templates:
    """Raises ConfigError for templates that do not render."""
    if config.templates.directory is None:
        templates = built_in_templates()
        faults = templates.missing()
    else:
        templates = Templates(config.templates.directory)
        faults = templates.check()
    if faults:
        where = str(config.templates.directory)
        raise ConfigError([Problem(where, None, "templates.directory", fault, "correct the template") for fault in faults])
    return templates


async def build_pipeline(config: Config, store: Store, clock: Clock) -> Pipeline:
    """The handlers with their keys, templates and number patterns; a new key or pattern is remembered in the store."""
    patterns = await store.number_patterns(config.tickets.number_pattern)
    keys = config.token_keys or (await store.token_key(secrets.token_bytes(32)),)
    pipeline = make_pipeline(config, patterns, keys, clock)
    pipeline.leaves.update(leaves_of(await store.members()))
    return pipeline


def leaves_of(members: Mapping[str, Member]) -> dict[str, Leave]:
    return {agent: member.leave for agent, member in members.items() if member.leave is not None}


async def remembered(config: Config, store: Store) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """Number patterns and token keys for somebody who only looks: nothing is changed."""
    known = await store.known_number_patterns()
    current = config.tickets.number_pattern
    patterns = (current, *(p for p in known if p != current))
    kept = await store.known_token_key()
    return patterns, config.token_keys or (kept or secrets.token_bytes(32),)


def make_pipeline(config: Config, patterns: Sequence[str], keys: Sequence[bytes], clock: Clock) -> Pipeline:
    """Raises ConfigError for templates that do not render."""
    tokens = Tokens(keys, config.secrets.token_lifetime)
    post = Post(config, check_templates(config), tokens, clock)
    return Pipeline(
        config, post, tokens, tuple(NumberPattern.compile(p) for p in patterns), clock, Extractor(config.extract, config.extraction)
    )


@dataclass(slots=True)
class Gateway:
    """A running gateway. Clock and resolver come from outside in tests; passed are listening sockets by name; born are
    processes that were made ahead, by what they are for (fork_ahead), forking is the one that parsers are forked from."""

    config: Config
    clock: Clock = field(default_factory=SystemClock)
    resolver: Resolver | None = None
    passed: Mapping[str, Sequence[socket.socket]] = field(default_factory=dict)
    born: Mapping[str, child.Born] = field(default_factory=dict)
    forking: parserfork.Running | None = None
    store: VerbStore = field(init=False)
    door: DoorInside | DoorApart = field(init=False)
    filing: Filing = field(init=False)
    later: Later = field(init=False)
    delivery: DeliveryInside | DeliveryApart = field(init=False)
    failed: str = field(init=False, default="")  # why the store failed for good
    _parser: ParserPool = field(init=False)
    _resolver: Resolver = field(init=False)
    _lock: int = field(init=False)
    _worker: str = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _ended: asyncio.Event = field(init=False)
    _watchdog: Watchdog | None = field(init=False, default=None)
    _watching: asyncio.Task[None] | None = field(init=False, default=None)
    _watch_http: Watch | None = field(init=False, default=None)
    _traces: Traces | None = field(init=False, default=None)
    _pulse: asyncio.Task[None] | None = field(init=False, default=None)
    _signs: asyncio.Task[None] | None = field(init=False, default=None)
    _started: float = field(init=False, default=0.0)
    _certificate_until: float | None = field(init=False, default=None)
    _weights: live.Weights = field(init=False, default_factory=live.Weights)
    _refused: list[str] = field(init=False, default_factory=list)  # why the last reload was

    async def start(self) -> None:
        """Raises StoreError when the store cannot be used or another gateway has it, OSError when a port is taken."""
        config, clock = self.config, self.clock
        self._ended = asyncio.Event()
        config.store.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # with a database too, for our lock
        self._lock = reloading.lock(config.store.path)
        make_room(config.limits.connections + config.delivery.connections)
        await self._let_watch()
        node = node_name(config.store)
        self._worker = f"{node}:{os.getpid()}:{secrets.token_hex(4)}"
        if missing(config.store):
            log.info("there is no store: a new, empty one is made", path=str(config.store.path))  # a disk that is missing?
        self.store = await open_store(config.store, on_fatal=lambda error: self._fatal(str(error)))
        await self.store.join(node, {MAIL: self._incoming, OUTGOING: self._outgoing})
        ended = await self.store.release_leases(f"{node}:")  # no other life of this node is at work, here or elsewhere
        if ended:
            log.info("leases of an earlier run ended", count=ended)
        await self.store.probe(clock.now())
        self._resolver = self.resolver or make_resolver(config.dns, clock)
        pipeline = await build_pipeline(config, self.store, clock)
        terms = await self._terms(config)
        logs.use_key(terms.log_key)
        parsers = config.parser
        self._parser = ParserPool(
            config.limits, processes=parsers.processes, idle=parsers.idle, socket=parsers.socket, forking=self.forking
        )
        await self._parser.start()
        self.filing = Filing(config, self.store, self._parser, pipeline, clock, self._worker, self._outgoing)
        intake, store, worker = Intake(self.filing), self.store, self._worker
        if self.resolver is None and several(config.server.processes):  # a resolver of a test stays in this process
            self.door = DoorApart(terms, intake, clock, worker, self.born.get(child.DOOR))
            self.delivery = DeliveryApart(terms, store, clock, worker, self.born.get(child.DELIVERY))
        else:
            self.door = DoorInside(terms, intake, clock, self._resolver)
            self.delivery = DeliveryInside(terms, store, clock, worker, self._resolver, self._broken)
        self._run(self.filing.run, "filing")
        requested = Requested(self.store, pipeline, clock, self._outgoing)
        self.later = Later(config, self.store, pipeline, clock, self._outgoing, requested)
        self._run(self.later.run, "later")
        await self.delivery.start()
        await self.door.start(self.passed)
        self._watch()
        self._started, self._certificate_until = clock.now(), live.certificate_until(config.server.tls_certificate)
        if config.store.url is not None:
            signs = live.Signs(lambda: self.store.sign(self._sign(node)), lambda: self.store.goodbye(node), clock)
            self._signs = asyncio.create_task(signs.run(), name="signs")
        self._pulse = asyncio.create_task(live.Pulse(config.store.path, self.doing, clock).run(), name="pulse")
        if self._watch_http is not None:
            self._watch_http.started = True
        await self.strays()
        log.info("ready", listen=[f"{host}:{port}" for host, port in self.door.addresses], store=place(config.store), node=node)
        systemd.notify("READY=1", "STATUS=running")

    async def reload(self, wanted: Config) -> list[str]:
        """Go on with another configuration. Returns the changed settings that need a restart.

        Sessions, filings and deliveries under way end as they began. Raises ConfigError, StoreError or OSError; then
        nothing has changed.
        """
        config, waiting = reloading.settle(self.config, wanted)
        check_templates(config)  # before a new number pattern is remembered
        pipeline = await build_pipeline(config, self.store, self.clock)
        terms = await self._terms(config)
        await self.door.renew(terms)
        await self.delivery.renew(terms)
        self._parser.limits = config.limits
        self.filing.config, self.filing.pipeline = config, pipeline
        self.later.config, self.later.pipeline = config, pipeline
        if self.later.requested is not None:
            self.later.requested.pipeline = pipeline
        self._certificate_until = live.certificate_until(config.server.tls_certificate)
        self.config = config
        return waiting

    async def strays(self) -> list[str]:
        """Tickets of desks that the configuration does not have, for whoever has reloaded it; the log has them too."""
        return await logged_strays(self.store, self.config)

    def refused(self, problems: list[str]) -> None:
        """What was wrong with the configuration that was last to be taken in; nothing when it was."""
        self._refused = problems

    def _incoming(self) -> None:
        if hasattr(self, "filing"):  # another node may have news before we have started
            self.filing.wake()

    def _outgoing(self) -> None:
        if hasattr(self, "delivery"):
            self.delivery.wake()

    async def _terms(self, config: Config) -> Terms:
        _, keys = await remembered(config, self.store)
        return Terms(config, keys, logs.address_key(keys[0]))

    async def stop(self) -> None:
        """Finish what was promised, give the rest back, close the store. Safe after a failed start."""
        systemd.notify("STOPPING=1", "STATUS=finishing what was promised")
        if self._watch_http is not None:
            self._watch_http.stopping = True
        if self._watchdog is not None:
            self._watchdog.stopping = True
        grace = self.config.server.shutdown_grace
        until = self.clock.monotonic() + grace
        work = [asyncio.create_task(self.delivery.stop(grace))] if hasattr(self, "delivery") else []  # while the door drains
        if hasattr(self, "door"):
            await self.door.stop(grace)
        if hasattr(self, "filing"):
            self.filing.stop()
        if hasattr(self, "later"):
            self.later.stop()
        work += self._tasks
        if work:
            _, late = await asyncio.wait(work, timeout=max(0.0, until - self.clock.monotonic()) + _GIVE_BACK)
            for task in late:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        if hasattr(self, "_parser"):
            await self._parser.stop()
        if hasattr(self, "_resolver") and isinstance(self._resolver, DnsResolver):
            await self._resolver.close()
        if self._signs is not None:
            self._signs.cancel()
            await asyncio.gather(self._signs, return_exceptions=True)
        if self._watch_http is not None:
            await self._watch_http.stop()
        if self._traces is not None:
            await asyncio.to_thread(self._traces.stop)
        if hasattr(self, "store"):
            await self.store.close()
        if hasattr(self, "_lock"):
            os.close(self._lock)
        for task in filter(None, (self._watching, self._pulse)):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        log.info("stopped")

    async def wait(self) -> None:
        """Until `end` is called or the store fails for good."""
        await self._ended.wait()

    def end(self) -> None:
        self._ended.set()

    def _fatal(self, reason: str) -> None:
        log.critical("the store failed for good, ending", error=reason)
        self._broken(reason)

    async def _let_watch(self) -> None:
        """From now on, and while it starts: whoever looks is told that it is not ready. Raises OSError when a port is taken."""
        if self.config.watch.listen:
            from smtpgate.watching.watch import OfGateway, Watch

            self._watch_http = Watch(self.config.watch.listen, OfGateway(self), self.clock)
            await self._watch_http.start()
        if self.config.watch.traces:
            from smtpgate.watching.traces import Traces

            self._traces = Traces(self.config.watch, node_name(self.config.store), "gateway")

    def _watch(self) -> None:
        """Give signs of life if systemd wants them."""
        seconds = systemd.watchdog_seconds()
        if seconds is None:
            return
        self._watchdog = Watchdog(self.clock, seconds / 3, lambda: self.store.probe(self.clock.now()), self._beats)
        self._watching = asyncio.create_task(self._watchdog.run(), name="watchdog")

    def counted(self) -> metrics.Snapshot:
        """By all processes that count."""
        others = (self.door, self.delivery) if self._whole() else ()
        return metrics.total(metrics.snapshot(), *(other.counted() for other in others))

    def _whole(self) -> bool:
        """Is every part there, whether it has begun or not?"""
        return hasattr(self, "door") and hasattr(self, "delivery")

    def turns(self) -> dict[str, tuple[float, float]]:
        """Of each loop, how long ago it came round, and how often it does by itself."""
        now = self.clock.monotonic()
        beats = self._beats() if self._whole() else {}
        return {name: (now - beat, pace) for name, (beat, pace) in beats.items() if beat}

    def _beats(self) -> dict[str, tuple[float, float]]:
        return {
            "filing": (self.filing.beat, self.config.filing.poll),
            "what is due": (self.later.beat, POLL),
            "delivery": (self.delivery.beat, self.config.delivery.poll),
            "the door": (self.door.beat, PULSE_EVERY),
        }

    def doing(self) -> live.Facts:
        """What goes on just now; nothing before there is a door. Times: seconds since 1970, or seconds where the name says so."""
        if not self._whole():
            return {}
        now = self.clock.monotonic()
        return {
            "pid": os.getpid(),
            "version": __version__,
            "worker": self._worker,
            "started_at": self._started,
            "processes": self._processes(),
            "sessions": self.door.doing(),
            "parsers": self._parser.doing(),
            "filing": self.filing.doing(now),
            "delivery": self.delivery.doing(),
            "certificate_until": self._certificate_until,
            "reload_refused": self._refused,
        }

    def _processes(self) -> list[live.Facts]:
        """Each that is ours, and its memory."""
        pids = [
            ("gateway", os.getpid()),
            ("door", self.door.pid),
            ("delivery", self.delivery.pid),
            ("forking", self._parser.forking),
            *(("parser", p["pid"]) for p in self._parser.doing()),
        ]
        there = [(name, pid) for name, pid in pids if pid is not None]
        weights = self._weights.of([pid for _, pid in there])
        return [{"name": name, "pid": pid, "memory": weight} for (name, pid), weight in zip(there, weights, strict=True)]

    def _sign(self, name: str) -> Node:
        """What the other nodes may know of us."""
        now = self.clock.monotonic()
        doing: dict[str, Any] = {
            "sessions": self.door.doing().get("open", 0),
            "filing": self.filing.doing(now)["in_hand"],
            "delivery": self.delivery.doing().get("in_hand", 0),
            "memory": live.memory(os.getpid()),
        }
        return Node(name, __version__, self._started, self.clock.now(), doing)

    def _run(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        task = asyncio.create_task(work(), name=name)
        task.add_done_callback(self._loop_ended)
        self._tasks.append(task)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        """A loop that ends by an exception takes the process with it: a gateway that only accepts is a trap."""
        self._tasks.remove(task)
        if not task.cancelled() and task.exception() is not None:
            log.critical("a loop ended", loop=task.get_name(), exc_info=task.exception())
            self._broken(f"the {task.get_name()} loop ended: {task.exception()}")

    def _broken(self, reason: str) -> None:
        self.failed = reason
        if self._watch_http is not None:
            self._watch_http.failed = reason
        self._ended.set()


def fork_ahead(config: Config) -> dict[str, child.Born]:
    """The processes besides this one: to be made before there is a loop or a thread, as they are copies of it."""
    return {role: child.fork(role, config) for role in (child.DOOR, child.DELIVERY)} if several(config.server.processes) else {}
