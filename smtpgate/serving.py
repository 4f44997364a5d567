"""A gateway as a process: it runs until it is told to stop, and takes in another configuration when asked.

Signals, exit codes, reloads. SIGTERM and SIGINT stop it, SIGHUP reloads; what a reload raises is told to who asked and to the log.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping

import structlog

from smtpgate.app import EXIT_STORE, SOCKETS, Gateway
from smtpgate.config import Config
from smtpgate.errors import ConfigError, StoreError
from smtpgate.mail import parserfork
from smtpgate.processes import child
from smtpgate.service import reload as reloading
from smtpgate.service import systemd

log = structlog.get_logger(__name__)


async def serve(
    config: Config,
    *,
    load: Callable[[], Config] | None = None,
    ready: Callable[[Gateway], None] = lambda _: None,
    born: Mapping[str, child.Born] | None = None,
    forking: parserfork.Running | None = None,
) -> int:
    """Run until SIGTERM or SIGINT, also while it starts; the exit code. A second one ends at once.

    SIGHUP reloads what `load` gives, once started; when it comes because the terminal was closed, it ends.
    """
    gateway = Gateway(config, passed=systemd.passed_sockets(SOCKETS), born=born or {}, forking=forking)
    loop = asyncio.get_running_loop()
    starting = loop.create_task(gateway.start(), name="start")
    asked, had_terminal = asyncio.Event(), _has_terminal()
    told = 0

    def end(number: int) -> None:
        nonlocal told
        told += 1
        if told > 1:
            log.warning("told to stop again, ending at once; what was accepted is safe", signal=signal.Signals(number).name)
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if not starting.cancel():  # it has started
            gateway.end()

    def hang_up() -> None:
        if had_terminal and not _has_terminal():
            end(signal.SIGHUP)
        else:
            asked.set()

    reloads = None
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, number)
        loop.add_signal_handler(signal.SIGHUP, hang_up)
        await asyncio.wait((starting,))
        if not starting.cancelled():
            starting.result()
            reloads = loop.create_task(_reloads(gateway, asked, load or (lambda: config)), name="reload")
            ready(gateway)
            await gateway.wait()
    finally:
        starting.cancel()
        if reloads is not None:
            reloads.cancel()
            await asyncio.gather(reloads, return_exceptions=True)
        await gateway.stop()
    return EXIT_STORE if gateway.failed else 0


async def _reloads(gateway: Gateway, asked: asyncio.Event, load: Callable[[], Config]) -> None:
    """Each time it is asked for: take in the configuration, or refuse it and say so."""
    while await asked.wait():
        asked.clear()
        began = gateway.clock.monotonic()
        systemd.notify("RELOADING=1", f"MONOTONIC_USEC={int(began * 1_000_000)}", "STATUS=reloading")
        problems: list[str] = []
        restart: list[str] = []
        warnings: list[str] = []
        try:
            restart = await gateway.reload(await asyncio.to_thread(load))
            warnings = await gateway.strays()
        except ConfigError as error:
            problems = [str(problem) for problem in error.problems]
        except (StoreError, OSError) as error:
            problems = [str(error)]
        except Exception:  # a bug of ours must not stop a gateway that runs
            log.exception("reload failed")
            problems = ["internal error; see the log"]
        gateway.refused(problems)
        if problems:
            log.error("the new configuration is refused, the old one stays in force", problems=problems)
        else:
            log.info("configuration reloaded", needs_restart=restart)
        systemd.notify("READY=1", "STATUS=running" + (f"; last reload refused: {problems[0]}" if problems else ""))
        try:
            reloading.write(gateway.config.store.path, reloading.Result(began, problems, restart, warnings))
        except OSError as error:
            log.warning("the result of the reload could not be written", error=str(error))


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
