"""Ids of one moment."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

from smtpgate.clock import FixedClock, base32, id_number, id_text, new_id


def test_no_id_is_given_twice_however_many_are_made_in_one_millisecond() -> None:
    """22 random bits alone would repeat one of 20,000 about 48 times."""
    clock = FixedClock(1_795_000_000.0)
    with ThreadPoolExecutor(4) as pool:
        made = [number for part in pool.map(lambda _: [new_id(clock) for _ in range(5000)], range(4)) for number in part]
    assert len(set(made)) == len(made) == 20_000


def test_octets_are_written_as_the_standard_library_writes_them() -> None:
    for size in range(70):
        octets = hashlib.sha256(bytes([size])).digest()[:size] + bytes(max(0, size - 32))
        assert base32(octets) == base64.b32encode(octets).decode().rstrip("=").lower()


def test_ids_sort_by_time_and_come_back_from_their_text() -> None:
    first, second = new_id(FixedClock(1_795_000_000.000)), new_id(FixedClock(1_795_000_000.002))
    assert first < second < 2**63
    assert id_number(id_text(first)) == first
