"""Reading mail in processes that can be killed (threats F6, C8): the pool. What runs in them is parserprocess.py.

A parser process reads one mail at a time, under limits of CPU, memory and open files that the kernel holds; the pool
holds the wall clock. It is a child of ours, forked from one that has loaded everything (parserfork.py), or, with
parser.socket, whatever answers there: systemd starts one process for each connection, with no network and no files of
ours. There are as many as mail needs: one is started when a mail waits and none is free, and ended when it has had
nothing to read for a while. One that died, hung or was left in the middle of a frame is given up. ParserPool.parse raises
ParseFailed when a mail could not be read within its limits, ParserUnavailable when there is no parser to read it, and
RuntimeError when the pool is stopped.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import structlog

from smtpgate.errors import ParseFailed, ParserUnavailable
from smtpgate.limitsettings import Limits
from smtpgate.mail.parserchild import Child, Connected, Died, Forked, Unread
from smtpgate.mail.parserfork import ForkServer, Running
from smtpgate.model import ParsedMail

log = structlog.get_logger(__name__)

_PATIENCE = 20.0  # seconds that a mail waits while none can be started
_GROUP_WALL = 2.0  # seconds for mails that are read together; if they are not done by then, each is read alone
_SERVED = 1000  # mails before a process is replaced, so that no leak of a library adds up


class ParserPool:
    """`processes` of them at most, each reading one mail at a time; callers wait for a free one in turn."""

    def __init__(
        self,
        limits: Limits,
        *,
        processes: int = 1,
        idle: float = 60.0,
        socket: Path | None = None,
        forking: Running | None = None,
    ) -> None:
        """idle: seconds without a mail, after which one ends. forking: what they are forked from, if it has been made ahead."""
        self.limits = limits  # may be replaced: a process that has others is given up before its next mail
        self.processes = processes
        self._patience = idle
        self._socket = socket
        self._server = ForkServer(forking)
        self._missing = False  # the last one could not be started
        self._idle: asyncio.LifoQueue[Child | None] = asyncio.LifoQueue()  # the last one is warm; None: the pool is stopped
        self._children: set[Child] = set()
        self._waiting = self._starting = 0  # callers, and processes that are to come
        self._look: asyncio.TimerHandle | None = None  # whether one has been idle for too long
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def start(self) -> None:
        """Start one and wait until it is ready, the others when they are wanted. Raises ParserUnavailable if it cannot be."""
        if self._socket is not None:
            await self._server.stop()  # there is nothing to fork
        try:
            await self._add()
        except BaseException:
            await self.stop()
            raise

    async def parse(self, raw: bytes, mail_from: str | None, *, html: bool = False) -> ParsedMail:
        """Read one mail; see mail/parse.py for mail_from and html. Cancelling it costs only the process."""
        found = await self._alone(Unread(raw, mail_from, html))
        if isinstance(found, ParseFailed):
            raise found
        return found

    async def parse_together(self, mails: Sequence[Unread]) -> list[ParsedMail | ParseFailed]:
        """Read some mails, best small ones, one after the other in one process that stays warm. What became of each."""
        found = await self._together(mails) if len(mails) > 1 else []
        return found + await asyncio.gather(*map(self._alone, mails[len(found) :]))

    async def _together(self, mails: Sequence[Unread]) -> list[ParsedMail | ParseFailed]:
        """As far as it goes: one that dies or stops does not say on which of them, so each of the rest is read alone then."""
        found: list[ParsedMail | ParseFailed] = []
        child = await self._next_child()
        good = False
        try:
            async with asyncio.timeout(min(_GROUP_WALL, self.limits.parse_wall)):
                child.give(mails)
                while len(found) < len(mails) and child.lives_on:
                    found.append(await child.answer())
            good = child.lives_on and child.served < _SERVED
        except (TimeoutError, Died):
            pass
        finally:
            self._back(child, good=good)
        return found

    async def _alone(self, mail: Unread) -> ParsedMail | ParseFailed:
        try:
            return await self._once(mail)
        except Died as death:
            if not death.again:
                return ParseFailed(str(death))
        try:  # somebody ended it from outside, maybe for no fault of this mail: once more
            return await self._once(mail)
        except Died as death:
            return ParseFailed(str(death))

    @property
    def forking(self) -> int | None:
        """The process that ours are forked from."""
        return self._server.pid

    def doing(self) -> list[dict[str, int | None]]:
        """For `status`: each process, how many mails it has read, and how large the one is that it reads."""
        return [{"pid": c.pid, "served": c.served, "octets": c.reading} for c in self._children]

    async def stop(self) -> None:
        """End all. Callers that are still waiting get RuntimeError: nothing is known of their mail."""
        self._stopped = True
        self._idle.put_nowait(None)
        if self._look is not None:
            self._look.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in tuple(self._children)))
        self._children.clear()
        await self._server.stop()

    async def _once(self, mail: Unread) -> ParsedMail | ParseFailed:
        child = await self._next_child()
        good = False
        try:
            async with asyncio.timeout(self.limits.parse_wall):
                child.give([mail])
                answer = await child.answer()
            good = child.lives_on and child.served < _SERVED
        except TimeoutError:
            return ParseFailed(f"reading it took longer than {self.limits.parse_wall:g} s")
        finally:
            self._back(child, good=good)
        return answer

    def _back(self, child: Child, *, good: bool) -> None:
        """good: it is fit for another mail."""
        if good:
            self._rest(child)
        else:
            self._give_up(child)

    async def _next_child(self) -> Child:
        while (child := await self._free()) is not None:
            if child.limits == self.limits and child.alive():
                return child
            self._give_up(child)
        self._idle.put_nowait(None)  # for the next one who waits
        raise RuntimeError("the parser pool is stopped")

    async def _free(self) -> Child | None:
        if not self._idle.empty():
            return self._idle.get_nowait()
        self._waiting += 1
        try:
            self._grow()
            while True:
                try:
                    async with asyncio.timeout(_PATIENCE):
                        return await self._idle.get()
                except TimeoutError:
                    if self._missing:
                        raise ParserUnavailable("no parser process can be started; see the log") from None
        finally:
            self._waiting -= 1

    # --- how many there are -------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """Start another one, if a caller waits for whom none comes and there may be more."""
        if self._starting < self._waiting and len(self._children) + self._starting < self.processes and not self._stopped:
            self._starting += 1
            self._run(self._started())

    async def _started(self) -> None:
        try:
            for wait in itertools.chain((0.0, 0.5, 1.0, 2.0, 5.0, 10.0), itertools.repeat(30.0)):
                await asyncio.sleep(wait)
                try:
                    await self._add()
                except ParserUnavailable as error:
                    self._missing = True
                    log.error("a parser process cannot be started, mail waits", error=str(error))
                else:
                    self._missing = False
                    return
        finally:
            self._starting -= 1

    async def _add(self) -> None:
        child = Forked(self.limits, self._server) if self._socket is None else Connected(self.limits, self._socket)
        try:
            await child.start()
        except BaseException:
            await child.end()
            raise
        self._children.add(child)
        self._rest(child)

    def _rest(self, child: Child) -> None:
        """It waits for a mail."""
        child.idle_since = asyncio.get_running_loop().time()
        self._idle.put_nowait(child)
        if self._look is None and not self._stopped:
            self._look_at(child.idle_since + self._patience)

    def _look_at(self, moment: float) -> None:
        self._look = asyncio.get_running_loop().call_at(moment, self._end_idle)

    def _end_idle(self) -> None:
        """Give up those that have waited for long enough."""
        self._look = None
        now = asyncio.get_running_loop().time()
        waiting = [self._idle.get_nowait() for _ in range(self._idle.qsize())]  # the latest first
        for child in reversed(waiting):
            if child is not None and child.idle_since + self._patience <= now:
                self._give_up(child)
                continue
            self._idle.put_nowait(child)
            if child is not None and self._look is None:
                self._look_at(child.idle_since + self._patience)

    def _give_up(self, child: Child) -> None:
        child.kill()
        if not self._stopped:
            self._run(self._ended(child))

    async def _ended(self, child: Child) -> None:
        try:
            await child.end()
        finally:
            self._children.discard(child)
            self._grow()  # in its place

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
