"""An SMTP server that only collects: where the demo's outgoing mail goes. On loopback, in memory, for minutes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(slots=True)
class Sink:
    """`mails` yields what came in, whole, in order."""

    mails: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    _server: asyncio.Server | None = None

    async def start(self) -> int:
        """The port it listens on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="sink.example", loop=loop), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        self.mails.put_nowait(content if isinstance(content, bytes) else str(content).encode())
        return "250 2.0.0 collected"
