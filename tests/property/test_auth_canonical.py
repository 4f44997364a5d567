"""Our linear canonicalisation says what dkimpy's quadratic one says, and signatures cover what dkimpy hashes."""

from __future__ import annotations

from unittest import mock

import dkim as dkimpy
import pytest
from dkim.canonicalization import CanonicalizationPolicy, Relaxed
from dkim.util import parse_tag_value
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.auth import dkim, message
from smtpgate.auth.message import LinearRelaxed, Message

_PIECES = [b" ", b"  ", b"\t", b"\r\n", b"\n", b"\r", b"a", b"b c", b"\0", b"\xff"]
_BODIES = st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join)


@settings(max_examples=2000, deadline=None)
@given(_BODIES, st.integers(0, 20))
def test_relaxed_body_equals_dkimpys(body: bytes, piece: int) -> None:
    with mock.patch.object(message, "_PIECE", piece):
        assert LinearRelaxed.canonicalize_body(body) == Relaxed.canonicalize_body(body)


_NAMES = st.sampled_from([b"From", b"from", b"To", b"SUBJECT", b"Subject", b"X-A", b"Received", b"DKIM-Signature"])
_VALUES = st.lists(
    st.sampled_from([b" ", b"  ", b"\t", b"\r\n ", b"\r\n\t", b"a", b"b c", b"=", b";", b"\xff", b"\xe4"]), max_size=9
)
_FIELDS = st.lists(st.tuples(_NAMES, _VALUES.map(b"".join)), max_size=12)
_COVERED = st.lists(
    st.sampled_from([b"from", b"to", b"subject", b"x-a", b"received", b"dkim-signature", b"none", b""]), max_size=10
)
_FOLDS = st.sampled_from([b"", b" ", b"\r\n ", b"\r\n\t", b"\t "])
_SIGNATURES = st.permutations([b"v=1", b"a=rsa-sha256", b"d=example.org", b"x=b=c", b"bh=abc=", b"b"]).flatmap(
    lambda tags: st.tuples(
        st.just(tags), st.lists(_FOLDS, min_size=8, max_size=8), st.sampled_from([b"abc=", b"a\r\n b c="]), st.booleans()
    )
)


def _hashed(mail: Message, canon: bytes, signature: tuple[bytes, bytes], names: list[bytes]) -> bytes:
    """What dkimpy feeds to its hash."""
    hashed: list[bytes] = []
    algorithm = CanonicalizationPolicy.from_c_value(canon).header_algorithm
    headers = algorithm.canonicalize_headers(mail.pairs)
    hasher = mock.Mock(update=hashed.append)
    dkimpy.hash_headers(hasher, algorithm, headers, [*names, b"from"], signature, {})
    return b"".join(hashed)


@settings(max_examples=300, deadline=None)
@given(_FIELDS, _COVERED, _SIGNATURES, st.sampled_from([b"simple", b"relaxed"]))
def test_a_signature_covers_what_dkimpy_hashes(
    fields: list[tuple[bytes, bytes]], names: list[bytes], made: tuple[list[bytes], list[bytes], bytes, bool], canon: bytes
) -> None:
    tags, folds, b, semicolon = made
    specs = [folds[i] + (b"b" + folds[6] + b"=" + folds[7] + b if tag == b"b" else tag) for i, tag in enumerate(tags)]
    own = b"DKIM-Signature:" + b" " + b";".join(specs) + b";" * semicolon + b"\r\n"
    mail = Message.read(own + b"".join(b"%b:%b\r\n" % field for field in fields) + b"\r\nbody")
    field = mail.fields[0]
    read = parse_tag_value(field.value) | {b"c": canon + b"/simple"}
    expected = _hashed(mail, canon, (b"DKIM-Signature", field.value + b"\r\n"), names)
    assert dkim.covered(mail, read, field, tuple(names)) == expected


@pytest.mark.parametrize(("value", "canonical"), [(b" b=abc ; s=x", b" b=; s=x"), (b" s=x; b=abc; ", b" s=x; b=; ")])
def test_where_dkimpy_strays_rfc_6376_rules(value: bytes, canonical: bytes) -> None:
    """§3.5: all blanks around the value of b= go with it. §3.4.1: simple changes nothing else."""
    mail = Message.read(b"DKIM-Signature:" + value + b"\r\n\r\n")
    assert dkim.covered(mail, {}, mail.fields[0], ()) == b"DKIM-Signature:" + canonical
