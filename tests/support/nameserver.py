"""A name server on 127.0.0.1 that answers as a test says, over UDP and TCP, and counts what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Reply = dns.rcode.Rcode | list[str] | None
"""An error, records as zone file lines ("example.org. 60 IN A 192.0.2.1"; none: no data), or no reply at all."""


class NameServer:
    def __init__(self, answer: Callable[[str, str], Reply], *, truncate: bool = False, ttl: int = 60, port: int = 0) -> None:
        self.asked: list[tuple[str, str]] = []
        self.address = ""
        self._answer = answer
        self._truncate = truncate
        self._ttl = ttl
        self._port = port

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._stream, "127.0.0.1", self._port)
        port = self._tcp.sockets[0].getsockname()[1]
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=("127.0.0.1", port))
        self.address = f"127.0.0.1:{port}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._udp.close()
        self._tcp.close()
        await self._tcp.wait_closed()

    def reply(self, wire: bytes, *, udp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype.name
        self.asked.append((name, kind))
        answer = self._answer(name, kind)
        if answer is None:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if udp and self._truncate:
            response.flags |= dns.flags.TC
        elif isinstance(answer, list):
            for line in answer:
                owner, ttl, rdclass, rdtype, data = line.split(None, 4)
                response.answer.append(dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, data))
        else:
            response.set_rcode(answer)
        if not response.answer:
            soa = f"ns.example. root.example. 1 1 1 1 {self._ttl}"
            response.authority = [dns.rrset.from_text("example.", self._ttl, "IN", "SOA", soa)]
        return response.to_wire(max_size=65535)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        wire = self.reply(await reader.readexactly(size), udp=False)
        if wire is not None:
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        wire = self._server.reply(data, udp=True)
        if wire is not None:
            self._transport.sendto(wire, addr)
