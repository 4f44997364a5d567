"""The readers of text and headers on anything: they never raise, give text that can be stored, and agree with themselves.

What hypothesis and mutated mails have found once stands in FOUND and is tried each time.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smtpgate.limitsettings import Limits
from smtpgate.mail import address, charset, dates, head, header, iso2022, transfer

FAST = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LABELS = st.none() | st.text(max_size=12) | st.sampled_from(sorted(charset.LABELS))
PIECES = [
    b"=?utf-8?B?", b"=?gb2312?Q?", b"=? utf-8 ?q? ", b"?=", b"=C4", b"5L2g", b"\x1b$B", b"\x1b(B", b"\x1b$)C",
    b"\x1b$)A", b"\x1bN", b"\x1b.A", b"\x0e", b"\x0f", b"~{", b"~}", b"$B", b"(B", b"\xc4\xe3", b"\xa4\xa4",
    b"\x81\x30\x81\x30", b"\xed\xa0\x80", b"\xf0\x9f", b"\xff\xfe", b"\0", b"+AAA-", b"<", b">", b'"', b"\\", b"(",
    b")", b"@", b",", b";", b":", b"a@b.example", b" at ", b"&lt;", b"mailto:", b"x", b" ", b"\t", b"=", b"==",
    b"\r\n", b"begin 644 x\n", b"QUJD", b"Jan", b"2026", b"12:34", b"+0800", b"GMT", b"%E4", b"\xc3\xa9", b"From: ",
    b"Subject: ", b"Date: ", b"\xef\xbb\xbf",
]  # fmt: skip
BYTES = st.binary(max_size=60) | st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=25).map(b"".join)
TEXT = st.text(max_size=60) | BYTES.map(lambda b: b.decode("utf-8", "replace"))
FOUND = [
    b"\x1b$B!\x7f\x1b(B", b"\x1b$B\xff", b"=?utf-8?q?=?=", b"=?a?q?=?b?q?=?=", b'"\\', b"(\\", b"<@:>",
    b"=?utf-16?b?AA==?=", b"\x1b$)A\x0e!", b"=?utf-8?q?=3D=3Futf-8=3Fq=3F=0D=0A=3F=3D?=", b"Jan 1 2:3", b"=",
    b"begin 644 \n!", b"\xfe\xff\xd8", b"+2AA-", b"\x8f", b"\x81",
]  # fmt: skip


def _charset(data: bytes, label: str | None, hint: str | None) -> None:
    text, _ = charset.decode(data, label, hint)
    text.encode()
    charset.guess(data, hint)[0].encode()
    iso2022.decode(data).encode("utf-8", "surrogatepass")


def _words_and_dates(text: str) -> None:
    header.decode_words(text).encode("utf-8", "surrogatepass")
    found = dates.read(text)
    assert (found.text is None) <= bool(found.defect)
    if found.text is not None:
        assert dates.read(found.text).text == found.text  # ISO 8601 is read as what it says


def _addresses(text: str) -> None:
    for a in address.parse_list(text)[0]:
        assert [b.address for b in address.parse_list(f"<{a.address}>")[0]] == [a.address]
    address.local_name(text)


@pytest.mark.parametrize("data", FOUND)
def test_what_was_found_once(data: bytes) -> None:
    for label in (None, *charset.LABELS):
        _charset(data, label, label)
    _words_and_dates(data.decode("latin-1"))
    _addresses(data.decode("latin-1"))
    for encoding in ("base64", "quoted-printable", "x-uuencode"):
        transfer.decode(data, encoding, text=True)


@FAST
@given(data=BYTES, label=LABELS, hint=LABELS)
def test_charset(data: bytes, label: str | None, hint: str | None) -> None:
    _charset(data, label, hint)


@FAST
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn")), max_size=40), cut=st.integers(1, 60))
def test_words_of_utf_8_come_back_however_they_are_cut(text: str, cut: int) -> None:
    """As octets, so that characters are cut in two; and as base64, so that octets are."""
    import base64

    if header.decode_words(text) != text or text != text.strip():
        return
    data = text.encode()
    pieces = [data[i : i + cut] for i in range(0, len(data), cut)]
    as_octets = " ".join(f"=?utf-8?B?{base64.b64encode(p).decode()}?=" for p in pieces)
    assert header.decode_words(as_octets) == text
    encoded = base64.b64encode(data).decode().rstrip("=")
    as_base64 = "\t".join(f"=?UTF-8?b?{encoded[i : i + cut]}?=" for i in range(0, len(encoded), cut))
    assert header.decode_words(as_base64) == text


@FAST
@given(text=TEXT)
def test_words_and_dates(text: str) -> None:
    _words_and_dates(text)


@FAST
@given(text=TEXT)
@example('"a@b" <c@d.example>')
def test_shown_addresses_read_as_themselves(text: str) -> None:
    _addresses(text)


@FAST
@given(data=BYTES, encoding=st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit", "nonsense"]), text=st.booleans())
def test_transfer(data: bytes, encoding: str, text: bool) -> None:
    transfer.decode(data, encoding, text=text)


@FAST
@given(data=BYTES, text=BYTES)
def test_head(data: bytes, text: bytes) -> None:
    fields, _ = header.split(b"Subject: " + data + b"\nFrom: " + data + b"\nDate: " + data + b"\n\n")
    found = head.Head(fields, Limits(), text)
    found.subject.encode()
    author, _ = address.author(fields)
    if author:
        assert [a.address for a in found.addresses("from")] == [author]
