"""Reading mail in processes that can be killed (threats F6, C8): the pool, and the child that it starts.

A child reads one mail at a time, under limits of CPU, memory and open files that the kernel holds; the pool holds the
wall clock. Frames go over the child's stdin and stdout: a length, then JSON (and the raw mail); nothing is pickled.
A child that died, hung or was left in the middle of a frame is killed and replaced. ParserPool.parse raises
ParseFailed when a mail could not be read within its limits, and RuntimeError when the pool is stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import os
import re
import resource
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import structlog
from pydantic import TypeAdapter

from smtpgate.config import Limits
from smtpgate.errors import ParseFailed
from smtpgate.model import ParsedMail

log = structlog.get_logger(__name__)

_REQUEST = struct.Struct("!II")  # octets of JSON, octets of mail
_ANSWER = struct.Struct("!?II")  # ends after this one?, octets of the result, octets of the reason
_START = 60.0  # seconds for a child to load its modules
_SERVED = 1000  # mails before a child is replaced, so that no leak of a library adds up
_FILES = 32  # open files of a child
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "VIRTUAL_ENV", "TZ", "TMPDIR")
_MAIL: TypeAdapter[ParsedMail] = TypeAdapter(ParsedMail)


class _Died(Exception):
    """The child ended in the middle of a mail. code is its return code, negative for a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ParserPool:
    """`processes` children, each reading one mail at a time; callers wait for a free one in turn."""

    def __init__(self, limits: Limits, *, processes: int = 1) -> None:
        self.limits = limits  # may be replaced: a child that has others is replaced before its next mail
        self._processes = processes
        self._idle: asyncio.Queue[_Child | None] = asyncio.Queue()  # None: the pool is stopped
        self._children: set[_Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def start(self) -> None:
        """Start all children and wait until they are ready. Raises RuntimeError if they cannot be started."""
        try:
            await asyncio.gather(*(self._add() for _ in range(self._processes)))
        except BaseException:
            await self.stop()
            raise

    async def parse(self, raw: bytes, mail_from: str | None) -> ParsedMail:
        """Read one mail; see mail/parse.py for mail_from. Raises ParseFailed. Cancelling it costs only the child."""
        try:
            return await self._once(raw, mail_from)
        except _Died as death:
            if death.code not in (-signal.SIGKILL, -signal.SIGTERM):
                raise ParseFailed(_cause(death.code, self.limits)) from None
        try:  # somebody killed it from outside, maybe for no fault of this mail: once more
            return await self._once(raw, mail_from)
        except _Died as death:
            raise ParseFailed(_cause(death.code, self.limits)) from None

    def doing(self) -> list[dict[str, int | None]]:
        """For `status`: each child, how many mails it has read, and how large the one is that it reads."""
        return [{"pid": c.pid, "served": c.served, "octets": c.reading} for c in self._children]

    async def stop(self) -> None:
        """End all children. Callers that are still waiting get RuntimeError: nothing is known of their mail."""
        self._stopped = True
        self._idle.put_nowait(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in tuple(self._children)))
        self._children.clear()

    async def _once(self, raw: bytes, mail_from: str | None) -> ParsedMail:
        child = await self._next_child()
        good = False
        try:
            async with asyncio.timeout(self.limits.parse_wall):
                answer = await child.ask(raw, mail_from)
            good = child.lives_on and child.served < _SERVED
        except TimeoutError:
            raise ParseFailed(f"reading it took longer than {self.limits.parse_wall:g} s") from None
        finally:
            if good:
                self._idle.put_nowait(child)
            else:
                child.kill()
                self._replace(child)
        if isinstance(answer, str):
            raise ParseFailed(answer)
        return answer

    async def _next_child(self) -> _Child:
        while (child := await self._idle.get()) is not None:
            if child.limits == self.limits:
                return child
            child.kill()
            self._replace(child)
        self._idle.put_nowait(None)  # for the next one who waits
        raise RuntimeError("the parser pool is stopped")

    def _replace(self, child: _Child) -> None:
        if not self._stopped:
            task = asyncio.create_task(self._replaced(child))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _replaced(self, child: _Child) -> None:
        await child.end()
        self._children.discard(child)
        for wait in itertools.chain((0.0, 0.5, 1.0, 2.0, 5.0, 10.0), itertools.repeat(30.0)):
            await asyncio.sleep(wait)
            try:
                await self._add()
            except (OSError, RuntimeError) as error:
                log.error("a parser process cannot be started, mail waits", error=str(error))
            else:
                return

    async def _add(self) -> None:
        child = _Child(self.limits)
        self._children.add(child)
        try:
            await child.start()
        except BaseException:
            await child.end()
            self._children.discard(child)
            raise
        self._idle.put_nowait(child)


def _cause(code: int, limits: Limits) -> str:
    if code == -signal.SIGXCPU:
        return f"reading it took more than {limits.parse_cpu:g} s of CPU"
    if code < 0:
        return f"the parser died of signal {-code} on it"
    return f"the parser ended with status {code} on it"


class _Child:
    """One child process as its parent sees it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._errors: asyncio.Task[None] | None = None
        self.served = 0
        self.reading: int | None = None  # octets of the mail in hand
        self.lives_on = True

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        root = str(Path(__file__).resolve().parent.parent.parent)
        environment = {k: v for k, v in os.environ.items() if k in _KEPT_ENVIRONMENT}
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "smtpgate.mail.worker",
            self.limits.model_dump_json(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**environment, "PYTHONPATH": path, "PYTHONUTF8": "1"},
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._errors = asyncio.create_task(_log_lines(self._process.stderr, self._process.pid))
        try:
            async with asyncio.timeout(_START):
                await self._process.stdout.readexactly(1)
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            raise RuntimeError("a parser process does not start; what it wrote is in the log") from error

    async def ask(self, raw: bytes, mail_from: str | None) -> ParsedMail | str:
        """The mail as read, or the reason why not. Raises _Died."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        about = json.dumps(mail_from).encode()
        self.reading = len(raw)
        try:
            process.stdin.write(_REQUEST.pack(len(about), len(raw)) + about)
            process.stdin.write(raw)
            await process.stdin.drain()
            last, size, reason = _ANSWER.unpack(await process.stdout.readexactly(_ANSWER.size))
            data = await process.stdout.readexactly(size + reason)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _Died(await process.wait()) from None
        self.reading = None
        self.served += 1
        self.lives_on = not last
        return data.decode() if reason else _MAIL.validate_json(data)

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> None:
        """Kill and reap. What it still wrote is logged."""
        self.kill()
        if self._process is not None:
            await self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self._errors is not None:
            await self._errors


async def _log_lines(stream: asyncio.StreamReader, pid: int) -> None:
    """What a child writes to stderr goes to our log, cut, and never fills its pipe."""
    while data := await stream.read(4096):
        log.warning("parser process wrote", pid=pid, octets=len(data), text=_without_content(data.decode("utf-8", "replace")))


def _without_content(text: str) -> str:
    """Of what a child says: where it was, and the names of exceptions. Their words may be a customer's."""
    kept = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith(('File "', "Traceback (", "Fatal Python error:")):
            kept.append(line)
        elif re.fullmatch(r"[A-Za-z_.]{1,80}", name := line.partition(":")[0]):
            kept.append(name)
    return " | ".join(kept)


# --- the child --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Read frames until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal and systemd send these to the whole group,
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # but only the parent decides when a mail is finished
    limits = Limits.model_construct(**json.loads(sys.argv[1]))  # validated by the parent; plain numbers by now
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not get into the frames
    parse = _loaded()
    _confine(limits)
    sink.write(b"+")
    sink.flush()
    while head := source.read(_REQUEST.size):
        about, size = _REQUEST.unpack(head)
        mail_from = json.loads(source.read(about))
        raw = source.read(size)
        _grant_cpu(limits)
        _answer(sink, *_parsed(parse, raw, mail_from, limits))


def _loaded() -> Callable[..., ParsedMail]:
    """mail.parse.parse, which the parent must not load; and all modules that are loaded late, before memory is limited."""
    import charset_normalizer  # noqa: F401
    import flufl.bounce  # noqa: F401
    import idna  # noqa: F401

    from smtpgate.mail import parse

    warm = b"From: x@xn--bcher-kva.example\r\nSubject: =?gbk?B?xOO6ww==?=\r\nContent-Type: text/html\r\n\r\n<p>\xe4\xe9\xff</p>\r\n"
    parse.parse(warm, mail_from="x@example.org", limits=Limits())
    return parse.parse


def _confine(limits: Limits) -> None:
    """No core files, few open files, and no more memory than now and parse_memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + limits.parse_memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _grant_cpu(limits: Limits) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + limits.parse_cpu)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _parsed(parse: Callable[..., ParsedMail], raw: bytes, mail_from: str | None, limits: Limits) -> tuple[bool, bytes, str]:
    """(end after this?, the result as JSON, or the reason why there is none)."""
    try:
        return False, _MAIL.dump_json(parse(raw, mail_from=mail_from, limits=limits)), ""
    except ParseFailed as error:
        return isinstance(error.__cause__, MemoryError), b"", str(error) or "it cannot be read"
    except MemoryError:
        return True, b"", "its text takes too much memory"


def _answer(sink: BinaryIO, last: bool, result: bytes, reason: str) -> None:
    words = reason.encode("utf-8", "replace")
    sink.write(_ANSWER.pack(last, len(result), len(words)))
    sink.write(result or words)
    sink.flush()


if __name__ == "__main__":
    main()
