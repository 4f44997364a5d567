"""The parser process: reads one mail at a time, with its standard input and output for the only way in and out.

The pool (mail/worker.py) starts it on a pipe, or systemd on a connection (smtpgate-parser@.service). First come the
limits, then one frame for each mail: a length, then JSON (and the raw mail); nothing is pickled. Where the pool says that
the next mail follows at once, an answer may wait for the next one, but not for long. It ends when its input
ends, and of itself when a mail takes more CPU, wall clock or memory than the limits: nobody has to kill it. Before it
reads the first mail it gives up whatever it can (`_confine`): the mail that takes it over finds no files, no network
and no other process to start, as far as the kernel holds that.
"""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import signal
import stat
import struct
import sys
import sysconfig
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pydantic import TypeAdapter

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import landlock
from smtpgate.model import ParsedMail

LIMITS = struct.Struct("!I")  # octets of JSON
REQUEST = struct.Struct("!II")  # octets of JSON, octets of mail
ANSWER = struct.Struct("!?II")  # ends after this one?, octets of the result, octets of the reason
READY = b"+"
MAIL: TypeAdapter[ParsedMail] = TypeAdapter(ParsedMail)

_ROOM = 128 * 1024  # octets of answers that may wait
_FILES = 32  # open files: modules of rare charsets are still loaded
_TOGETHER = 0.02  # seconds that an answer waits for the next one, about
_LATER = 1.0  # seconds after parse_wall: the pool, which can say why, comes first


def main() -> None:
    """One of systemd's: on a socket, with a journal for its standard error."""
    work(None)


def work(parse: Callable[..., ParsedMail] | None) -> None:
    """Read frames until the pool closes the connection. parse: as `loaded` gives it; None: it is loaded here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal and systemd send these to the whole group,
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # but only the gateway decides when a mail is finished
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb", _ROOM)
    os.dup2(2, 1)  # a stray print must not get into the frames
    head = source.read(LIMITS.size)
    if len(head) < LIMITS.size:  # connected and gone
        return
    limits = Limits.model_construct(**json.loads(source.read(*LIMITS.unpack(head))))  # validated by the gateway
    if parse is None:
        parse = loaded()
        _be_silent()
    _confine(limits)
    try:
        sink.write(READY)
        sink.flush()
    except ConnectionError:  # it is stopped already, or was never needed
        return
    waiting = 0.0  # since when the first answer that has not left does (monotonic)
    while len(head := source.read(REQUEST.size)) == REQUEST.size:
        about, size = REQUEST.unpack(head)
        mail_from, html, *follows = json.loads(source.read(about))
        raw = source.read(size)
        if len(raw) < size:  # the gateway is gone
            return
        began = time.monotonic()
        if waiting and began - waiting > _TOGETHER:
            sink.flush()
            waiting = 0.0
        last = _grant(limits)
        again, result, reason = _parsed(parse, raw, mail_from, limits, html=html)
        _answer(sink, last or not again, result, reason)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not any(follows) or last or not again:
            sink.flush()
            waiting = 0.0
        else:
            waiting = waiting or began
        if last or not again:
            return


def loaded() -> Callable[..., ParsedMail]:
    """mail.parse.parse, which the gateway must not load; and what is loaded late, before memory and files are limited."""
    gc.disable()
    import idna  # noqa: F401

    from smtpgate.mail import parse

    warm = b"From: x@xn--bcher-kva.example\r\nSubject: =?gbk?B?xOO6ww==?=\r\nContent-Type: text/html\r\n\r\n<p>\xe4\xe9\xff</p>\r\n"
    parse.parse(warm, mail_from="x@example.org", limits=Limits())
    gc.freeze()  # none of this is garbage, ever: a collection does not look through it
    gc.enable()
    return parse.parse


def _be_silent() -> None:
    """What libraries print may be a customer's words. A pool that reads it cuts them out; a journal takes only where we died."""
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        return
    journal = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), 1)
    os.dup2(1, 2)

    def died(kind: type[BaseException], _: BaseException, where: TracebackType | None) -> None:
        places = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(traceback.extract_tb(where)))
        journal.write(f"{kind.__name__} at {places}\n")
        journal.flush()

    sys.excepthook = died


def _confine(limits: Limits) -> None:
    """For good. What a unit has set lower stays so."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _FILES)
    _lower(resource.RLIMIT_FSIZE, 0)  # writes no file
    _lower(resource.RLIMIT_NPROC, 0)  # starts no process; not held for root
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + limits.parse_memory)
    landlock.read_only(_libraries())


def _lower(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _libraries() -> set[Path]:
    """Where Python and its packages lie. A clone of the project is not all of it: its store may be below."""
    package = Path(__file__).resolve().parent.parent
    places = {package, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))}
    return places | {Path(place) for place in sys.path if Path(place).is_absolute() and Path(place) != package.parent}


def _grant(limits: Limits) -> bool:
    """CPU and wall clock for one mail; beyond them the kernel kills us. True: there will not be enough for another one."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    soft, hard = math.ceil(used + limits.parse_cpu), resource.getrlimit(resource.RLIMIT_CPU)[1]
    endless = hard == resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_CPU, (soft if endless else min(soft, hard), hard))
    signal.setitimer(signal.ITIMER_REAL, limits.parse_wall + _LATER)
    return not endless and soft + limits.parse_cpu + 1 > hard


def _parsed(
    parse: Callable[..., ParsedMail], raw: bytes, mail_from: str | None, limits: Limits, *, html: bool
) -> tuple[bool, bytes, str]:
    """(fit for another one?, the result as JSON, or the reason why there is none)."""
    try:
        return True, MAIL.dump_json(parse(raw, mail_from=mail_from, limits=limits, html=html)), ""
    except ParseFailed as error:
        return not isinstance(error.__cause__, MemoryError), b"", str(error) or "it cannot be read"
    except MemoryError:
        return False, b"", "its text takes too much memory"


def _answer(sink: BinaryIO, last: bool, result: bytes, reason: str) -> None:
    words = reason.encode("utf-8", "replace")
    sink.write(ANSWER.pack(last, len(result), len(words)))
    sink.write(result or words)


if __name__ == "__main__":
    main()
