"""A small HTTP/1.1 server for machines that look now and then: GET and HEAD, one answer for each connection.

Everything is bounded: connections, the octets and the seconds of a request, the seconds of an answer. It reads no body and
keeps nothing. start() raises OSError when it cannot listen; afterwards nothing a client does raises.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

_CONNECTIONS = 16
_HEAD = 8 * 1024  # octets of a request
_ASK, _TAKE = 5.0, 10.0  # seconds for a request to come, and for its answer to go
_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """kind: the Content-Type."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"


Ask = Callable[[str, str], Awaitable[Answer]]  # path without its query, and the Accept field


@dataclass(slots=True)
class HttpServer:
    """listen: host:port, each an address."""

    listen: Sequence[str]
    ask: Ask
    _servers: list[asyncio.Server] = field(default_factory=list)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return tuple(one.getsockname()[:2] for server in self._servers for one in server.sockets)

    async def start(self) -> None:
        try:
            for place in self.listen:
                host, _, port = place.rpartition(":")
                self._servers.append(await asyncio.start_server(self._serve, host.strip("[]"), int(port), limit=_HEAD))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """At once: nobody is told anything that cannot be asked again."""
        for server in self._servers:
            server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _serve(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._serving) < _CONNECTIONS:  # else: closed without a word
                self._serving.add(task)
                async with asyncio.timeout(_ASK):
                    head = await source.readuntil(b"\r\n\r\n")
                await self._answer(head, sink)
        except asyncio.LimitOverrunError:
            with contextlib.suppress(OSError, TimeoutError):
                await _send(sink, Answer(431, b"too long\n"))
                sink.write_eof()
                async with asyncio.timeout(_ASK):  # closed with octets unread, the kernel would take the answer back
                    for _ in range(_HEAD // 1024):
                        if not await source.read(_HEAD):
                            break
        except (OSError, EOFError, TimeoutError):  # a client that went away or never asked
            pass
        except asyncio.CancelledError:  # stop(); asyncio would log it
            pass
        finally:
            self._serving.discard(task)
            sink.close()

    async def _answer(self, head: bytes, sink: asyncio.StreamWriter) -> None:
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
            await _send(sink, Answer(400, b"not HTTP/1.1\n"))
            return
        if words[0] not in ("GET", "HEAD"):
            await _send(sink, Answer(405, b"only GET\n"))
            return
        accept = next((line[7:].strip() for line in lines[1:] if line[:7].lower() == "accept:"), "")
        try:
            answer = await self.ask(words[1].partition("?")[0], accept)
        except Exception:  # a bug of ours: the gateway goes on
            log.exception("an HTTP request failed")
            answer = Answer(500, b"see the gateway's log\n")
        await _send(sink, answer, body=words[0] == "GET")


async def _send(sink: asyncio.StreamWriter, answer: Answer, *, body: bool = True) -> None:
    fields = (
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(["Allow: GET, HEAD"] if answer.status == 405 else []),
        "Connection: close",
    )
    sink.write("\r\n".join((*fields, "", "")).encode("latin-1") + (answer.body if body else b""))
    async with asyncio.timeout(_TAKE):
        await sink.drain()
