"""Questions and answers between two processes of ours, over a pair of sockets. Knows nothing of what they are about.

A frame is a head (kind, number, octets) and a pickle. Either side may ask; many questions may be open at once, and each
answer bears the number of its question. What goes out within one turn of the loop goes out together. A frame that is
larger than agreed, cannot be read or names a class that this side does not expect ends the link: then, and when the other
process is gone, every open question and each further one raises LinkLost.

A question whose handler raises raises the same at the asker's, if it is one of RAISED, else LinkFault. Memory is bounded
by whoever asks: nobody here holds anybody back.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import pickle
import socket
import struct
from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import IntEnum
from typing import Any

import structlog

from smtpgate.errors import GatewayError, StoreAway, StoreError, StoreFatal, StoreFull, StoreMisuse

log = structlog.get_logger(__name__)

RAISED: tuple[type[Exception], ...] = (StoreFull, StoreAway, StoreFatal, StoreMisuse, StoreError, OSError)
HEAD = struct.Struct("!BII")
LARGEST = 2**31  # octets of a frame, where the owner sets no other bound
_ROOM = 256 * 1024  # what is read at once; a larger frame gets a buffer of its own
_UNHEARD = 1024**2  # octets that the other side has not taken, above which nothing is told to it
_TOGETHER = 64 * 1024  # octets up to which frames are joined for one system call

Handler = Callable[..., Awaitable[Any]]


class LinkLost(GatewayError):
    """The other process is gone, or what it says cannot be understood."""


class LinkFault(GatewayError):
    """The other process failed in a way of which its own log tells more."""


class _Kind(IntEnum):
    ASK = 0
    TELL = 1  # a question that wants no answer
    ANSWER = 2
    FAULT = 3


class Link(asyncio.BufferedProtocol):
    """One end. handlers answer the other one's questions by name.

    classes: the only ones that a frame from the other side may hold; None trusts it with any. on_lost is called once.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        classes: Collection[type] | None = None,
        largest: int = LARGEST,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._handlers = handlers
        self._classes = None if classes is None else {(c.__module__, c.__qualname__): c for c in classes}
        self._largest = largest
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._out: list[bytes] = []
        self._room = bytearray(_ROOM)
        self._into, self._have = self._room, 0  # where octets go, and how many have come
        self._view = memoryview(self._room)

    async def over(self, channel: socket.socket) -> None:
        """Begin to speak over this socket, which the link owns from now on."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=channel)

    @property
    def lost(self) -> bool:
        return self._transport is None

    def expect(self, largest: int) -> None:
        """Frames of up to so many octets from now on. Those that are on their way were agreed before: never fewer."""
        self._largest = max(self._largest, largest)

    async def ask(self, name: str, *args: Any) -> Any:
        """The other side's answer. Raises LinkLost, LinkFault or one of RAISED."""
        if self._transport is None:
            raise LinkLost("the other process is gone")
        number = next(self._numbers) & 0xFFFFFFFF
        answer = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            self._send(_Kind.ASK, number, (name, args))
            return await answer
        finally:
            self._open.pop(number, None)

    def tell(self, name: str, *args: Any) -> None:
        """Ask without wanting an answer; to nobody when the link is lost, or when the other side has not listened for long."""
        if self._transport is not None and self._transport.get_write_buffer_size() < _UNHEARD:
            self._send(_Kind.TELL, 0, (name, args))

    def close(self) -> None:
        """End the link when what was said is sent; nobody is told that it is lost. Safe to call twice."""
        self._on_lost = lambda: None
        if self._transport is not None:
            self._flush()
            self._transport.close()

    # --- out ----------------------------------------------------------------------------------------------------------

    def _send(self, kind: _Kind, number: int, what: Any) -> None:
        body = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out += (HEAD.pack(kind, number, len(body)), body)

    def _flush(self) -> None:
        frames, self._out = self._out, []
        if self._transport is None or not frames:
            return
        if sum(map(len, frames)) <= _TOGETHER:
            self._transport.write(b"".join(frames))
        else:
            for frame in frames:
                self._transport.write(frame)

    # --- in -----------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._have :]

    def buffer_updated(self, nbytes: int) -> None:
        self._have += nbytes
        try:
            self._read()
        except Exception as error:  # whatever makes it unreadable: nothing that follows can be believed
            log.error("what another process of ours says cannot be understood", error=f"{type(error).__name__}: {error}")
            self._end()

    def _read(self) -> None:
        start = 0
        while self._have - start >= HEAD.size:
            kind, number, octets = HEAD.unpack_from(self._into, start)
            end = start + HEAD.size + octets
            if octets > self._largest:
                raise ValueError(f"a frame of {octets} octets")
            if end > self._have:
                break
            self._take(_Kind(kind), number, self._load(self._view[start + HEAD.size : end]))
            if self._transport is None:
                return
            start = end
        self._keep(start)

    def _keep(self, start: int) -> None:
        """Make room for the rest of a frame that begins at start."""
        left = self._have - start
        whole = HEAD.size + HEAD.unpack_from(self._into, start)[2] if left >= HEAD.size else 0
        if not start and whole <= len(self._into):
            return
        rest = bytes(self._view[start : self._have])
        self._into = bytearray(whole) if whole > _ROOM else self._room
        self._view = memoryview(self._into)
        self._view[:left] = rest
        self._have = left

    def _load(self, body: memoryview) -> Any:
        if self._classes is None:
            return pickle.loads(body)  # noqa: S301 -- from a process of ours that hears nobody else
        return _Unpickler(body, self._classes).load()

    def _take(self, kind: _Kind, number: int, what: Any) -> None:
        if kind in (_Kind.ASK, _Kind.TELL):
            name, args = what
            task = asyncio.get_running_loop().create_task(self._serve(number, self._handlers[name], args))
            self._work.add(task)
            task.add_done_callback(self._work.discard)
            return
        answer = self._open.get(number)
        if answer is None or answer.done():  # its asker was cancelled
            return
        if kind is _Kind.ANSWER:
            answer.set_result(what)
        else:
            answer.set_exception(_raised(*what))

    async def _serve(self, number: int, handler: Handler, args: tuple[Any, ...]) -> None:
        """number 0: nobody waits for the answer."""
        kind, what = _Kind.ANSWER, None
        try:
            what = await handler(*args)
        except Exception as error:
            kind, what = _Kind.FAULT, _fault(error)
            if not what[0] or not number:
                log.exception("a question of another process of ours failed")
        if number and self._transport is not None:
            self._send(kind, number, what)

    # --- the end ------------------------------------------------------------------------------------------------------

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.abort()
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(LinkLost("the other process is gone"))
        self._on_lost()


class _Unpickler(pickle.Unpickler):
    """Makes only what it was told of: a process that hostile mail has taken over must not run code in this one."""

    def __init__(self, body: memoryview, classes: Mapping[tuple[str, str], type]) -> None:
        super().__init__(io.BytesIO(body))
        self._classes = classes

    def find_class(self, module: str, name: str) -> Any:
        found = self._classes.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is not expected here")
        return found


def _fault(error: Exception) -> tuple[str, str]:
    kind = next((kind for kind in RAISED if isinstance(error, kind)), None)
    return (kind.__name__, str(error)) if kind is not None else ("", type(error).__name__)


def _raised(kind: str, text: str) -> Exception:
    found = next((known for known in RAISED if known.__name__ == kind), None)
    return found(text) if found is not None else LinkFault(f"the other process failed ({text}); see the log")
