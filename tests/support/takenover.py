"""A parser process that a mail has taken over, as `python -m tests.support.takenover [ARGUMENT...] WHAT`: what it then does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from smtpgate.limitsettings import Limits
from smtpgate.mail import parse, parserprocess
from smtpgate.model import ParsedMail


def curious(raw: bytes, mail_from: str | None, limits: Limits, html: bool) -> ParsedMail:
    """Look at a file and a port; the subject says what came of each attempt."""
    return parse.parse(b"Subject: %s\r\n\r\n" % "; ".join(_attempts()).encode(), mail_from=None, limits=limits)


def _attempts() -> Iterator[str]:
    file, port = sys.argv[1:3]
    attempts: tuple[Callable[[], Any], ...] = (
        lambda: Path(file).read_text(),
        lambda: os.open(file, os.O_WRONLY | os.O_APPEND),
        lambda: os.listdir("/"),
        lambda: Path("/etc/passwd").read_text(),
        lambda: subprocess.run(["/bin/true"], check=False),
        lambda: socket.create_connection(("127.0.0.1", int(port)), 5),
        lambda: Path(parse.__file__).read_text(),
    )
    for what in attempts:
        try:
            what()
        except Exception as error:
            yield type(error).__name__
        else:
            yield "done"


def asleep(raw: bytes, mail_from: str | None, limits: Limits, html: bool) -> None:
    time.sleep(60)


def deadly(raw: bytes, mail_from: str | None, limits: Limits, html: bool) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def picky(raw: bytes, mail_from: str | None, limits: Limits, html: bool) -> ParsedMail:
    """Only some mails do it harm."""
    if b"deadly" in raw:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"sleepy" in raw:
        time.sleep(60)
    return parse.parse(raw, mail_from=mail_from, limits=limits)


def wordy(raw: bytes, mail_from: str | None, limits: Limits, html: bool) -> None:
    print(raw, file=sys.stderr)
    raise KeyError(raw)


def liar(raw: bytes, mail_from: str | None, limits: Limits, html: bool) -> None:
    """Answer with so many octets that are no mail."""
    parserprocess.MAIL = type("", (), {"dump_json": lambda self, _: b"x" * int(sys.argv[1])})()


def main() -> None:
    what = {does.__name__: does for does in (curious, asleep, deadly, picky, wordy, liar)}[sys.argv[-1]]
    parserprocess.loaded = lambda: what  # type: ignore[assignment]
    parserprocess.main()


if __name__ == "__main__":
    main()
