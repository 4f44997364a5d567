"""Where a connection comes in: it finds out whose it is, from the socket or from a load balancer's PROXY header.

Owns a connection until then. What is no such header ends the connection without a word; so does silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from smtpgate.intake import proxy
from smtpgate.intake.budget import peer_address
from smtpgate.intake.sockets import is_unix

log = structlog.get_logger(__name__)

Admit = Callable[[asyncio.Transport, str, bytes], None]


class Gate(asyncio.Protocol):
    """admit takes the connection over with the client's address ("" on a Unix socket) and what it has said already."""

    def __init__(self, admit: Admit, is_balancer: Callable[[str], bool], patience: float) -> None:
        self._admit = admit
        self._is_balancer = is_balancer
        self._patience = patience
        self._transport: asyncio.Transport | None = None
        self._balancer = ""
        self._said = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        name = transport.get_extra_info("peername")
        if is_unix(transport.get_extra_info("socket")):
            self._admit(transport, "", b"")
        elif not name:  # has left again
            transport.abort()
        elif self._is_balancer(peer := peer_address(name[0])):
            self._transport, self._balancer = transport, peer
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._end, "no PROXY header in time")
        else:
            self._admit(transport, peer, b"")

    def data_received(self, data: bytes) -> None:
        self._said += data
        try:
            found = proxy.header(self._said)
        except proxy.BadHeader as error:
            self._end(str(error))
            return
        if found is not None and self._transport is not None:
            self._stop_timer()
            self._admit(self._transport, self._balancer if found.client is None else found.client, found.rest)

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_timer()

    def _end(self, why: str) -> None:
        self._stop_timer()
        log.warning("connection of a load balancer closed", peer=self._balancer, why=why)
        if self._transport is not None:
            self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
