"""Octets that came and are commands, until each of them is done.

Owns no I/O. Bounded by whoever adds: `crowded` says when nothing more should be read. Looks at each octet once.
"""

from __future__ import annotations


class TooLong(Exception):
    """A line, whole or not, is longer than there is room."""


class Inbox:
    """room: octets of the longest line; twice as many, and the reading should stop."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._octets = bytearray()
        self._looked = 0  # octets in which there is no line end
        self._crowded = False

    def __len__(self) -> int:
        return len(self._octets)

    @property
    def crowded(self) -> bool:
        """From twice as much as there is room for until there is room again."""
        self._crowded = len(self._octets) > (self._room if self._crowded else 2 * self._room)
        return self._crowded

    def add(self, data: bytes) -> None:
        self._octets += data

    def line(self) -> bytes:
        """Take the next line, with its line end; empty when there is no whole one. Raises TooLong."""
        end = self._octets.find(b"\n", self._looked) + 1
        if (end or len(self._octets)) > self._room:
            raise TooLong
        self._looked = 0 if end else len(self._octets)
        line = bytes(self._octets[:end])
        del self._octets[:end]
        return line

    def clear(self) -> None:
        self._octets.clear()
        self._looked = 0
