"""Files that may be .gz, unpacked in pieces. A file that ends too early still gives all that was in it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from smtpgate.errors import ArchiveError

GZIP = b"\x1f\x8b"
_READ = 64 * 1024
_PIECE = 1024**2
_GZIP_FORMAT = 31  # zlib's wbits for RFC 1952


def unpacked(path: Path) -> Iterator[bytes]:
    """Every member of a .gz, one after the other. Raises ArchiveError after the last octet that could be had, and OSError."""
    with path.open("rb") as file:
        unpacker = zlib.decompressobj(_GZIP_FORMAT)
        begun = False
        while chunk := file.read(_READ):
            while chunk:
                if unpacker.eof:
                    if not chunk.startswith(GZIP):
                        return  # padding, as gzip itself allows
                    unpacker = zlib.decompressobj(_GZIP_FORMAT)
                try:
                    yield unpacker.decompress(chunk, _PIECE)
                except zlib.error as error:
                    raise ArchiveError(f"it cannot be unpacked: {error}") from error
                begun = True
                chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        while not unpacker.eof and (rest := unpacker.decompress(unpacker.unconsumed_tail, _PIECE)):
            yield rest
        if begun and not unpacker.eof:
            raise ArchiveError("it cannot be unpacked: the file ends in the middle")


def beginning(path: Path, most: int, *, packed: bool) -> bytes:
    """The first octets, unpacked; fewer when the file is cut off. Raises ArchiveError when there are none at all, and OSError."""
    if not packed:
        with path.open("rb") as file:
            return file.read(most)
    data = bytearray()
    try:
        for piece in unpacked(path):
            data += piece
            if len(data) >= most:
                break
    except ArchiveError:
        if not data:
            raise
    return bytes(data[:most])


def whole(path: Path, most: int, *, packed: bool) -> bytes:
    """All of it, or more than `most` octets of it. Raises ArchiveError when a .gz is cut off, and OSError."""
    if not packed:
        return beginning(path, most + 1, packed=False)
    data = bytearray()
    for piece in unpacked(path):
        data += piece
        if len(data) > most:
            break
    return bytes(data)
