"""Our reader of tag lists reads what dkimpy's reads, and refuses the signatures that dkimpy refuses."""

from __future__ import annotations

import dkim as dkimpy
from dkim.util import InvalidTagValueList, parse_tag_value
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.auth import dkim, tags

_PIECES = st.sampled_from(
    [b"v", b"b", b"bh", b"1", b"=", b";", b" ", b"\r\n ", b"\t", b"_", b"\xc3\xa9", b"\x85", b"a-sha256", b"\x0b"]
)
_VALUES = st.sampled_from([
    b"", b"1", b"2", b"YWJj", b"YWJ=", b"YW==", b"YWJ", b"Y=Jj", b"=", b"====", b"YWJj\n", b"dns/txt", b"dns", b"a.example",
    b"A.Example", b"x.a.example", b"@a.example", b"u@a.example", b"u@x.A.example", b"xa.example", b"a(example", b"a\\b", b"12",
    b"\xc3\xa9.example",
])  # fmt: skip
_GOOD = {b"v": b"1", b"b": b"YWJj", b"bh": b"YWJj", b"d": b"a.example"}
_CHANGES = st.dictionaries(st.sampled_from([b"v", b"b", b"bh", b"d", b"i", b"i", b"q"]), _VALUES, max_size=3)


@settings(max_examples=150)
@given(st.lists(_PIECES, max_size=12).map(b"".join))
def test_tag_lists_are_read_as_dkimpy_reads_them(text: bytes) -> None:
    theirs: dict[bytes, bytes] | None
    ours: dict[bytes, bytes] | None
    try:
        theirs = parse_tag_value(text)
    except InvalidTagValueList:
        theirs = None
    try:
        ours = tags.read(text)
    except tags.MalformedTags:
        ours = None
    assert ours == theirs


@settings(max_examples=300)
@given(_CHANGES)
def test_signatures_that_dkimpy_refuses_are_refused(changes: dict[bytes, bytes]) -> None:
    """And no others, but for a bh= that is no base64: there dkimpy looks at b= twice."""
    found = {tag: b"".join(value.split()) for tag, value in (_GOOD | changes).items()}
    try:
        dkimpy.validate_signature_fields({**found, b"a": b"rsa-sha256", b"h": b"from", b"s": b"s"})
        theirs = True
    except (dkimpy.ValidationError, IndexError):
        theirs = False
    ours = dkim._well_formed(found)
    assert ours <= theirs
    assert ours == theirs or not dkim._BASE64.fullmatch(found[b"bh"]) or not found[b"d"].isascii()
