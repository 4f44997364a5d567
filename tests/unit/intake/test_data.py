"""The reader of DATA: equal to a simple reference however the octets are cut, bounded, linear; line ends policed."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.intake.budget import Budget
from smtpgate.intake.data import DataReader, Fault, police

BIG = 1 << 40
PIECES = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"a", b"\0", b".\r\n", b"bc"]), max_size=30)


def reference(stream: bytes) -> tuple[bytes, bytes] | None:
    """RFC 5321 §4.5.2, line by line: (content, what follows)."""
    content, rest = b"", stream
    while True:
        line, end, rest = rest.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return content, rest
        content += line.removeprefix(b".") + end


def read(chunks: list[bytes], *, size: int = BIG, line: int = BIG, budget: int = BIG) -> tuple[DataReader, bytes | None]:
    reader = DataReader(Budget(budget).account(), size=size, line=line)
    for i, chunk in enumerate(chunks):
        rest = reader.feed(chunk)
        if rest is not None:
            return reader, rest + b"".join(chunks[i + 1 :])
    return reader, None


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    at = sorted({p % (len(stream) + 1) for p in places} | {0, len(stream)})
    return [stream[a:b] for a, b in itertools.pairwise(at)]


@given(PIECES, st.lists(st.integers(0, 1000), max_size=12))
def test_equals_the_reference_however_it_is_cut(pieces: list[bytes], places: list[int]) -> None:
    stream = b"".join(pieces)
    reader, rest = read(cut(stream, places))
    expected = reference(stream)
    if expected is None:
        assert rest is None
    else:
        assert rest == expected[1]
        assert reader.take() == expected[0]


@given(PIECES, st.integers(0, 60), st.integers(0, 20), st.lists(st.integers(0, 1000), max_size=12))
def test_limits_are_exact_however_it_is_cut(pieces: list[bytes], size: int, line: int, places: list[int]) -> None:
    stream = b"".join([*pieces, b"\r\n.\r\n"])
    expected = reference(stream)
    assert expected is not None
    ended = stream[: len(stream) - len(expected[1])]
    long_line = any(len(part) > line + 1 for part in ended.split(b"\n"))
    reader, rest = read(cut(stream, places), size=size, line=line)
    assert rest == expected[1]
    if len(expected[0]) <= size and not long_line:
        assert reader.fault is None
        assert reader.take() == expected[0]
    else:
        assert reader.fault in (Fault.TOO_LARGE, Fault.LONG_LINE)
        assert (reader.fault is Fault.TOO_LARGE) <= (len(expected[0]) > size)
        assert (reader.fault is Fault.LONG_LINE) <= long_line


def test_end_split_at_every_octet() -> None:
    stream = b".\r\n..\r\nx\r\n.\r\nNOOP\r\n"
    for first in range(len(stream)):
        for second in range(first, len(stream)):
            reader, rest = read([stream[:first], stream[first:second], stream[second:]])
            assert rest == b"..\r\nx\r\n.\r\nNOOP\r\n"
            assert reader.take() == b""


def test_budget_is_shared_and_given_back() -> None:
    budget = Budget(100)
    one, two = (DataReader(budget.account(), size=BIG, line=BIG) for _ in range(2))
    assert one.feed(b"x" * 60) is None
    assert two.feed(b"x" * 60) is None
    assert (one.fault, two.fault) == (None, Fault.NO_MEMORY)
    assert budget.used == 60
    one.release()
    one.release()
    assert budget.used == 0


@pytest.mark.parametrize(
    ("chunk", "times"),
    [(b"x" * 65536, 4096), (b"\r\n" * 32768, 80), (b"\r\n.." * 16384, 120), (b"\r" * 65536, 80), (b".\n" * 32768, 80)],
    ids=["endless line", "empty lines", "dots", "bare CR", "bare LF"],
)
def test_memory_and_time_are_bounded(chunk: bytes, times: int) -> None:
    reader = DataReader(Budget(BIG).account(), size=4 * 1024**2, line=1024**2)
    tracemalloc.start()
    try:
        for _ in range(times):
            reader.feed(chunk)
        assert tracemalloc.get_traced_memory()[1] < 12 * 1024**2
    finally:
        tracemalloc.stop()
    assert reader.fault is not None
    assert reader.hopeless == (times * len(chunk) > 16 * 1024**2)


def test_cost_is_linear_in_lines_that_defeat_the_jump() -> None:
    """A line end right behind each full window makes the line check look at everything, but only once or twice."""
    line = 1000
    unit = b"\n" + b"x" * line + b"\r"

    def seconds(count: int) -> float:
        stream = unit * count
        reader = DataReader(Budget(BIG).account(), size=BIG, line=line)
        began = time.process_time()
        for at in range(0, len(stream), 65536):
            reader.feed(stream[at : at + 65536])
        assert reader.fault is None
        return time.process_time() - began

    seconds(100)
    assert seconds(16000) < 40 * max(seconds(2000), 0.002)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n", b".", b"\0"]), max_size=40))
def test_policing_leaves_no_bare_line_end(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    clean = police(data, "normalize")
    assert clean is not None
    assert clean.replace(b"\r\n", b"").count(b"\r") == clean.replace(b"\r\n", b"").count(b"\n") == 0
    assert clean.replace(b"\r\n", b"") == data.replace(b"\r", b"").replace(b"\n", b"")
    assert police(clean, "normalize") == clean == police(clean, "reject")
    assert police(data, "reject") == (data if clean == data else None)


@pytest.mark.parametrize(
    ("data", "clean"),
    [(b"a\nb", b"a\r\nb"), (b"a\rb", b"a\r\nb"), (b"a\r\r\nb", b"a\r\n\r\nb"), (b"\n\r", b"\r\n\r\n"), (b"\r\n", b"\r\n")],
)
def test_line_ends(data: bytes, clean: bytes) -> None:
    assert police(data, "normalize") == clean
