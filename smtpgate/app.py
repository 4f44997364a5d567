"""The composition root: the only place where the parts meet. Start and stop order, signals, exit codes.

Start: store, keys and templates, parser processes, filing, delivery, and last the door, so that nothing is accepted
before it can be worked on. Stop is the reverse. A store that fails for good ends the process with exit code 74
(EX_IOERR), because what was said to be safe may not be: recovery is the next start's.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from smtpgate.auth.dns import DnsResolver, Resolver, make_resolver
from smtpgate.auth.sign import DkimSigner
from smtpgate.auth.verdict import judge
from smtpgate.clock import Clock, SystemClock
from smtpgate.config import Config
from smtpgate.delivery.runner import Runner
from smtpgate.errors import ConfigError, Problem, StoreError
from smtpgate.filing import Filing
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.handlers.post import Post
from smtpgate.intake.server import Door
from smtpgate.mail.compose import Templates
from smtpgate.mail.token import Tokens
from smtpgate.mail.worker import ParserPool
from smtpgate.model import Envelope, Verdict
from smtpgate.numbers import NumberPattern
from smtpgate.service import systemd
from smtpgate.service.watchdog import Watchdog
from smtpgate.store.api import Store
from smtpgate.store.sqlite import SqliteStore

log = structlog.get_logger(__name__)

EXIT_STORE = 74  # EX_IOERR of sysexits.h
_GIVE_BACK = 2.0  # seconds after the grace for storing what has come of it
SOCKETS = ("smtp",)  # names of sockets that systemd may pass


async def build_pipeline(config: Config, store: Store, clock: Clock) -> Pipeline:
    """The handlers with their keys, templates and number patterns; a new key or pattern is remembered in the store."""
    patterns = await store.number_patterns(config.tickets.number_pattern)
    keys = config.token_keys or (await store.token_key(secrets.token_bytes(32)),)
    return make_pipeline(config, patterns, keys, clock)


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
    templates = Templates(config.templates.directory)
    faults = templates.check()
    if faults:
        where = str(config.templates.directory)
        raise ConfigError([Problem(where, None, "templates.directory", fault, "correct the template") for fault in faults])
    post = Post(config, templates, DkimSigner(config.dkim), tokens, clock)
    return Pipeline(config, post, tokens, tuple(NumberPattern.compile(p) for p in patterns), clock)


@dataclass(slots=True)
class Gateway:
    """A running gateway. Clock and resolver come from outside in tests; passed are listening sockets by name."""

    config: Config
    clock: Clock = field(default_factory=SystemClock)
    resolver: Resolver | None = None
    passed: Mapping[str, Sequence[socket.socket]] = field(default_factory=dict)
    store: SqliteStore = field(init=False)
    door: Door = field(init=False)
    filing: Filing = field(init=False)
    runner: Runner = field(init=False)
    failed: str = field(init=False, default="")  # why the store failed for good
    _parser: ParserPool = field(init=False)
    _resolver: Resolver = field(init=False)
    _lock: int = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _ended: asyncio.Event = field(init=False)
    _watchdog: Watchdog | None = field(init=False, default=None)
    _watching: asyncio.Task[None] | None = field(init=False, default=None)

    async def start(self) -> None:
        """Raises StoreError when the store cannot be used or another gateway has it, OSError when a port is taken."""
        config, clock = self.config, self.clock
        self._ended = asyncio.Event()
        config.store.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(config.store.path)
        node = socket.gethostname()
        worker = f"{node}:{os.getpid()}:{secrets.token_hex(4)}"
        if not config.store.path.exists():
            log.info("there is no store: a new, empty one is made", path=str(config.store.path))  # a disk that is missing?
        self.store = await SqliteStore.open(config.store.path, on_fatal=lambda error: self._fatal(str(error)))
        ended = await self.store.release_leases(f"{node}:")  # the lock says that no other life of this node is at work
        if ended:
            log.info("leases of an earlier run ended", count=ended)
        await self.store.probe(clock.now())
        resolver = self._resolver = self.resolver or make_resolver(config.dns, clock)
        pipeline = await build_pipeline(config, self.store, clock)

        async def verify(envelope: Envelope, raw: bytes) -> Verdict:
            return await judge(envelope=envelope, raw=raw, config=config, resolver=resolver, clock=clock)

        self._parser = ParserPool(config.limits, processes=config.parser.processes)
        await self._parser.start()
        self.runner = Runner(self.store, config, resolver, clock, worker)
        self.filing = Filing(config, self.store, self._parser, pipeline, clock, worker, self.runner.wake)
        self.door = Door(
            config,
            store=self.store,
            judge=verify,
            tokens=pipeline.tokens,
            clock=clock,
            on_accept=self.filing.wake,
            free_space=lambda: shutil.disk_usage(config.store.path.parent).free,
        )
        self._run(self.filing.run, "filing")
        self._run(self.runner.run, "delivery")
        await self.door.start(self.passed.get("smtp", ()))
        self._watch()
        log.info("ready", listen=[f"{host}:{port}" for host, port in self.door.addresses], store=str(config.store.path))
        systemd.notify("READY=1", "STATUS=running")

    async def stop(self) -> None:
        """Finish what was promised, give the rest back, close the store. Safe after a failed start."""
        systemd.notify("STOPPING=1", "STATUS=finishing what was promised")
        if self._watchdog is not None:
            self._watchdog.stopping = True
        grace = self.config.server.shutdown_grace
        until = self.clock.monotonic() + grace
        work = [asyncio.create_task(self.runner.stop(grace))] if hasattr(self, "runner") else []  # while the door drains
        if hasattr(self, "door"):
            await self.door.stop(grace)
        if hasattr(self, "filing"):
            self.filing.stop()
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
        if hasattr(self, "store"):
            await self.store.close()
        if hasattr(self, "_lock"):
            os.close(self._lock)
        if self._watching is not None:
            self._watching.cancel()
        log.info("stopped")

    async def wait(self) -> None:
        """Until `end` is called or the store fails for good."""
        await self._ended.wait()

    def end(self) -> None:
        self._ended.set()

    def _fatal(self, reason: str) -> None:
        log.critical("the store failed for good, ending", error=reason)
        self.failed = reason
        self._ended.set()

    def _watch(self) -> None:
        """Give signs of life if systemd wants them."""
        seconds = systemd.watchdog_seconds()
        if seconds is None:
            return
        self._watchdog = Watchdog(self.clock, seconds / 3, lambda: self.store.probe(self.clock.now()), self._beats)
        self._watching = asyncio.create_task(self._watchdog.run(), name="watchdog")

    def _beats(self) -> dict[str, tuple[float, float]]:
        return {
            "filing": (self.filing.beat, self.config.filing.poll),
            "delivery": (self.runner.beat, self.config.delivery.poll),
        }

    def _run(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        task = asyncio.create_task(work(), name=name)
        task.add_done_callback(self._loop_ended)
        self._tasks.append(task)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        """A loop that ends by an exception takes the process with it: a gateway that only accepts is a trap."""
        if not task.cancelled() and task.exception() is not None:
            log.critical("a loop ended", loop=task.get_name(), exc_info=task.exception())
            self.failed = f"the {task.get_name()} loop ended: {task.exception()}"
            self._ended.set()


def _lock(path: Path) -> int:
    """One gateway for one SQLite file: a second one would take the first one's leases."""
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreError(f"{path} is in use by another gateway") from None
    return handle


async def serve(config: Config, *, ready: Callable[[Gateway], None] = lambda _: None) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP, also while it starts; the exit code."""
    gateway = Gateway(config, passed=systemd.passed_sockets(SOCKETS))
    loop = asyncio.get_running_loop()
    starting = loop.create_task(gateway.start(), name="start")

    def end() -> None:
        if not starting.cancel():  # it has started
            gateway.end()

    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, end)
        await asyncio.wait((starting,))
        if not starting.cancelled():
            starting.result()
            ready(gateway)
            await gateway.wait()
    finally:
        starting.cancel()
        await gateway.stop()
    return EXIT_STORE if gateway.failed else 0
