"""Our linear canonicalisation says what dkimpy's quadratic one says."""

from __future__ import annotations

from unittest import mock

from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.auth import message
from smtpgate.auth.message import LinearRelaxed

_PIECES = [b" ", b"  ", b"\t", b"\r\n", b"\n", b"\r", b"a", b"b c", b"\0", b"\xff"]
_BODIES = st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join)


@settings(max_examples=2000, deadline=None)
@given(_BODIES, st.integers(0, 20))
def test_relaxed_body_equals_dkimpys(body: bytes, piece: int) -> None:
    with mock.patch.object(message, "_PIECE", piece):
        assert LinearRelaxed.canonicalize_body(body) == Relaxed.canonicalize_body(body)
