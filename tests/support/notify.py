"""A notify socket as systemd has it: what the gateway told, in order."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotifySocket:
    def __init__(self, address: str) -> None:
        self.address = address  # as in $NOTIFY_SOCKET
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)
        self.notices: list[list[str]] = []

    def read(self) -> list[list[str]]:
        """Everything that was told so far, a list of lines for each datagram."""
        while True:
            try:
                self.notices.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return self.notices

    def count(self, line: str) -> int:
        return sum(line in notice for notice in self.read())

    def lines(self) -> list[str]:
        return [line for notice in self.read() for line in notice]

    def close(self) -> None:
        self._socket.close()


@contextmanager
def notify_socket(directory: Path) -> Iterator[NotifySocket]:
    """A short name is needed: Unix socket addresses have 108 octets."""
    made = NotifySocket(str(directory / "notify"))
    try:
        yield made
    finally:
        made.close()
