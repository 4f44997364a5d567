"""The content of one mail as it comes in after 354, and the policing of its line ends.

Owns no I/O: DataReader is fed the octets that arrive and says where the mail ends. Only CRLF "." CRLF ends it
(RFC 5321 §4.1.1.4). Memory is bounded at every moment: what breaks a limit is no longer kept, but read on to its end,
so that the client hears the right reply; only a client that goes on far beyond is cut off. Never raises.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Literal

from smtpgate.intake.budget import Account

# Expressions that begin with a rare octet are found two and three times as fast as by find() and count().
_END = re.compile(rb"\r\n\.\r\n")
_DOT = re.compile(rb"\r\n\.")
_BARE_CR = re.compile(rb"\r(?!\n)")
_PATIENCE = 4  # times the size limit that are read without being kept, before the connection is closed


class Fault(Enum):
    """Why a mail is not kept."""

    TOO_LARGE = "too large"
    LONG_LINE = "line too long"
    NO_MEMORY = "no memory"


class DataReader:
    """Collects one mail. Everything it keeps is counted against the account, until release().

    `size` is what RFC 1870 counts: without the dots of transparency and without the final dot.
    `line` is the longest line in octets, its line end not counted.
    """

    def __init__(self, account: Account, *, size: int, line: int) -> None:
        self._account = account
        self._limit = size
        self._line = line
        self._kept = bytearray()
        self._dots = 0  # dots that transparency added (RFC 5321 §4.5.2), and the final one
        self._line_start = 0
        self._tail = b"\r\n"  # the last octets seen; the line end of the DATA command counts
        self.seen = 0
        self.fault: Fault | None = None

    @property
    def hopeless(self) -> bool:
        """So far beyond the limit that reading to the end is not worth it."""
        return self.seen > _PATIENCE * self._limit

    def feed(self, data: bytes) -> bytes | None:
        """Take what came in. None while the mail goes on; at its end, the octets that follow it."""
        window = self._tail + data
        match = _END.search(window)
        if match is None:
            self._keep(data)
            self._tail = window[-4:]
            return None
        end = match.end() - len(self._tail)
        self._keep(data[:end])
        if self.fault is None and len(self._kept) - 2 - self._dots > self._limit:  # CRLF and the dot already counted
            self._drop(Fault.TOO_LARGE)
        return data[end:]

    def take(self) -> bytes:
        """The finished mail, dots of transparency removed. Only after feed() has found the end, and without a fault."""
        content = bytes(memoryview(self._kept)[:-3])
        self._kept = bytearray()
        if content.startswith(b"."):
            content = content[1:]
        return content.replace(b"\r\n.", b"\r\n") if self._dots > 1 else content

    def release(self) -> None:
        """Forget everything and give the memory back. Safe to call twice."""
        self._kept = bytearray()
        self._account.give()

    def _keep(self, data: bytes) -> None:
        self.seen += len(data)
        if self.fault is not None:
            return
        if not self._account.take(len(data)):
            self._drop(Fault.NO_MEMORY)
            return
        old = len(self._kept)
        self._kept += data
        dot = _DOT.search(self._kept, max(0, old - 2))  # as a rule there is but one, at the end
        self._dots += (self._kept.count(b"\r\n.", dot.start()) if dot else 0) + (old == 0 and data.startswith(b"."))
        if len(self._kept) - self._dots > self._limit + 4:  # at the end exactly; here up to a half-seen end of data
            self._drop(Fault.TOO_LARGE)
        elif self._line_too_long():
            self._drop(Fault.LONG_LINE)

    def _line_too_long(self) -> bool:
        """Looks at each stretch once: jumps to the last line end within reach, as long as there is one."""
        reach = self._line + 2
        while len(self._kept) - self._line_start >= reach:
            at = self._kept.rfind(b"\n", self._line_start, self._line_start + reach)
            if at < 0:
                return True
            self._line_start = at + 1
        return False

    def _drop(self, fault: Fault) -> None:
        self.fault = fault
        self.release()


def police(data: bytes, bare_newline: Literal["normalize", "reject"]) -> bytes | None:
    """The mail with CRLF as its only line end. None: it has a bare CR or LF and those are to be refused.

    The one place where line ends are judged (RFC 5321 §2.3.8). CR CR LF is a bare CR and a CRLF: two line ends.
    """
    if _BARE_CR.search(data) is None and data.count(b"\r") == data.count(b"\n"):
        return data
    return None if bare_newline == "reject" else data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
