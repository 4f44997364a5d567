"""A session without a network: octets go in by feed(), what it says is kept."""

from __future__ import annotations

import asyncio

from smtpgate.intake.session import Session
from tests.unit.intake.door import Running


class Wire(asyncio.Transport):
    """A transport without a network: what the server says is kept."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1234)})
        self.said = b""
        self.closing = False
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += bytes(data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.lost)

    abort = close

    def lost(self) -> None:
        self.closing = True
        assert isinstance(self.protocol, Session)
        self.protocol.connection_lost(None)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def feed(self, data: bytes) -> None:
        assert isinstance(self.protocol, Session)
        if not self.closing:
            self.protocol.data_received(data)


async def settle() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def connect(up: Running, kind: type[Session] = Session) -> Wire:
    wire = Wire()
    up.door._gate(kind).connection_made(wire)
    await settle()
    return wire
