"""Commands that wait: whole lines, whatever pieces they come in; bounded."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.intake.inbox import Inbox, TooLong


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_lines_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    inbox, lines = Inbox(1000), []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        inbox.add(data[start:end])
        while line := inbox.line():
            lines.append(line)
    assert b"".join(lines) + bytes(inbox._octets) == data
    assert all(line.index(b"\n") == len(line) - 1 for line in lines)
    assert b"\n" not in inbox._octets


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_beyond_the_room(end: bytes) -> None:
    inbox = Inbox(10)
    inbox.add(b"x" * (10 - len(end)) + end)
    assert inbox.line() == (b"x" * 9 + b"\n" if end else b"")
    inbox.clear()
    inbox.add(b"x" * (11 - len(end)) + end)
    with pytest.raises(TooLong):
        inbox.line()


def test_crowded_from_twice_the_room_until_there_is_room() -> None:
    inbox = Inbox(10)
    inbox.add(b"123456789\n" * 2)
    assert not inbox.crowded
    inbox.add(b"\n")
    assert inbox.crowded
    inbox.line()
    assert inbox.crowded
    inbox.line()
    assert not inbox.crowded
    inbox.add(b"123456789\n")
    assert not inbox.crowded
