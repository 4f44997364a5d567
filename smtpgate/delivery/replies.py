"""The replies of an open session, in the order of the commands that they answer (RFC 5321 §4.2, RFC 2920 §3.1).

Takes the connection over from aiosmtplib once that has opened it: the library hears one reply at a time, and a group of
commands has several on the way. Owns what came and was not asked for yet. Bounded: what was not asked for, what is too long
or is no reply ends the session. `next` raises Broken, after all replies that came before the break.
"""

from __future__ import annotations

import asyncio
from collections import deque

_LONGEST_LINE = 8192  # octets; RFC 5321 §4.5.3.1.5 allows 512
_LONGEST_REPLY = 32 * 1024


class Broken(Exception):
    """Nothing more can be heard. str() says why."""


class Replies(asyncio.Protocol):
    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._text = bytearray()  # of a reply that goes on
        self._ready: deque[tuple[int, str]] = deque()
        self._owed = 0  # replies that are still to come
        self._heard: asyncio.Future[None] | None = None
        self._until = 0.0  # of the loop's time: how long who waits has patience
        self._timer: asyncio.TimerHandle | None = None  # goes off then or earlier, and is set anew: most replies come long before
        self._room: asyncio.Future[None] | None = None  # set while the peer takes nothing more
        self.broken = ""
        transport.set_protocol(self)

    @property
    def waiting(self) -> int:
        """Replies asked for and not taken."""
        return self._owed + len(self._ready)

    def send(self, data: bytes, replies: int) -> None:
        """Write; so many replies will come for it. Raises Broken."""
        if self.broken:
            raise Broken(self.broken)
        self._owed += replies
        self._transport.write(data)

    async def room(self) -> None:
        """Until what was written has mostly left us. Raises Broken."""
        if self._room is not None:
            await self._room
        if self.broken:
            raise Broken(self.broken)

    async def next(self, timeout: float) -> tuple[int, str]:
        """Code and text of the next reply, its lines parted by newlines. Raises Broken, and TimeoutError."""
        if not self._ready:
            if self.broken:
                raise Broken(self.broken)
            self._heard = self._loop.create_future()
            self._until = self._loop.time() + timeout
            if self._timer is None or self._timer.when() > self._until:
                self._set_timer()
            try:
                await self._heard
            finally:
                self._heard = None
            if not self._ready:
                raise Broken(self.broken)
        return self._ready.popleft()

    # --- what asyncio calls -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.broken:
            return
        self._came += data
        start = 0
        while not self.broken and (end := self._came.find(b"\n", start) + 1):
            self._line(bytes(self._came[start:end]))
            start = end
        del self._came[:start]
        if len(self._came) > _LONGEST_LINE:
            self._break("malformed reply: a line without end")
        self._wake()

    def eof_received(self) -> bool:
        self._break("connection lost")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._break("connection lost")

    def pause_writing(self) -> None:
        self._room = self._room or self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _line(self, line: bytes) -> None:
        if not self._owed:
            self._break("the peer sent a reply that nobody asked for")
        elif len(line) > _LONGEST_LINE or len(self._text) > _LONGEST_REPLY:
            self._break("malformed reply: too long")
        elif not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b"\r", b"\n"):
            self._break(f"malformed reply: {line[:200].decode('utf-8', 'replace').strip()}")
        else:
            self._text += line[4:].strip(b" \t\r\n")
            if line[3:4] == b"-":
                self._text += b"\n"
                return
            self._ready.append((int(line[:3]), self._text.decode("utf-8", "replace")))
            self._text.clear()
            self._owed -= 1

    def _break(self, why: str) -> None:
        self.broken = self.broken or why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.resume_writing()
        self._wake()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._late)

    def _late(self) -> None:
        self._timer = None
        if self._heard is None or self._heard.done():
            return
        if self._loop.time() < self._until:
            self._set_timer()
        else:
            self._heard.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._heard is not None and not self._heard.done() and (self._ready or self.broken):
            self._heard.set_result(None)
