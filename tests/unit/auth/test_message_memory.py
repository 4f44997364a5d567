"""A mail of nothing but blanks or line ends costs the door no more memory than its own size or two."""

from __future__ import annotations

import tracemalloc

import pytest

from smtpgate.auth.message import LinearRelaxed, Message
from smtpgate.mail import header

SIZE = 4 * 1024**2


def peak(work: object, data: bytes) -> int:
    assert callable(work)
    tracemalloc.start()
    try:
        work(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("piece", [b"\r\n", b"\n", b" \r\n", b"\t`", b"  ", b"a\t\r\n"])
def test_memory_is_bounded(piece: bytes) -> None:
    """Found by fuzzing: 16 MiB of line ends took 1.7 GiB in the header's reader, 16 MiB of tabs 1.4 GiB in the body's."""
    data = piece * (SIZE // len(piece))
    assert peak(header.split, data) < 3 * SIZE
    assert peak(Message.read, data) < 5 * SIZE  # bare line ends become two octets each
    assert peak(LinearRelaxed.canonicalize_body, data) < 9 * SIZE
