from __future__ import annotations

import binascii

import pytest

from smtpgate.mail import transfer
from tests.support.doubling import assert_linear

TEXT = b"The quick brown fox jumps over the lazy dog, again and again, until it is tired of that.\r\n"
LINES = binascii.b2a_base64(TEXT * 3, newline=False)
WRAPPED = b"".join(LINES[i : i + 76] + b"\r\n" for i in range(0, len(LINES), 76))
UU = b"begin 644 a.txt\n" + b"".join(binascii.b2a_uu(TEXT[i : i + 45]) for i in range(0, len(TEXT), 45)) + b"`\nend\n"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("BASE64", "base64"), ('"base64"', "base64"), ("base64;", "base64"), ("base64 (standard)", "base64"), ("B64", "base64"),
        ("Quoted-Printable", "qp"), ("quoted-printable; charset=utf-8", "qp"), ("quoted_printable", "qp"), ("QP", "qp"),
        ("x-uuencode", "uu"), ("8bits", ""), ("7-bit", ""), ("", ""), ("utf-8", None), ("x-spam", None),
    ],
)  # fmt: skip
def test_names(value: str, found: str | None) -> None:
    assert transfer.name(value) == found


@pytest.mark.parametrize(
    ("data", "decoded", "fine"),
    [
        (WRAPPED, TEXT * 3, True),
        (LINES, TEXT * 3, True),
        (binascii.b2a_base64(TEXT[:41]).rstrip(b"=\n"), TEXT[:41], False),
        (b"aGVsbG8=\r\nd29ybGQ=\r\n", b"helloworld", False),  # two pieces, each with its padding
        (b"aGVsbG8gd29ybGQ", b"hello world", False),
        (b"aGVsbG8!gd29y*bGQ=", b"hello world", False),
        (LINES + b"\r\n*** cut here by the gateway after 20 kbytes ***\r\n", TEXT * 3, False),
        (LINES + b"\n=zH6Q\n", TEXT * 3, False),  # the checksum of OpenPGP's armour
        (WRAPPED.replace(b"\r\n", b"!\r\n", 1), TEXT * 3, False),
        (b"a", b"", False),
        (b"", b"", True),
    ],
)
def test_base64(data: bytes, decoded: bytes, fine: bool) -> None:
    found, defect = transfer.decode(data, "base64")
    assert found == decoded
    assert (defect == "") is fine
    assert transfer.flawless(b"=!" + data + b"!=", 2, 2 + len(data)) == (decoded if fine else None)


def test_words_behind_base64_are_kept() -> None:
    footer = b"_______________\r\nusers mailing list\r\nusers@lists.example"
    for encoded in (WRAPPED, binascii.b2a_base64(TEXT + b"12")):
        found, defect = transfer.decode(encoded + footer + b"\r\n", "base64", text=True)
        assert found.endswith(b"\r\n" + footer)
        assert found.startswith(TEXT)
        assert defect


def test_the_checksum_of_openpgp_is_nobodys_words() -> None:
    found, _ = transfer.decode(WRAPPED + b"=zH6Q\r\n", "base64", text=True)
    assert found == TEXT * 3


def test_text_that_only_says_that_it_is_base64() -> None:
    found, defect = transfer.decode(b"Hello,\r\nplease call me back.\r\n", "base64", text=True)
    assert found == b"Hello,\r\nplease call me back.\r\n"
    assert defect


@pytest.mark.parametrize(
    ("data", "decoded"),
    [
        (b"a=3Db=\r\nc =\r\n", b"a=bc "),
        (b"soft=  \r\nbreak", b"softbreak"),
        (b"=e4=bd=a0", "你".encode()),
        (b"=ZZ 100% = x=", b"=ZZ 100% = x"),
    ],
)
def test_quoted_printable(data: bytes, decoded: bytes) -> None:
    assert transfer.decode(data, "quoted-printable") == (decoded, "")


def test_uuencode() -> None:
    assert transfer.decode(b"some words\n\n" + UU, "x-uuencode") == (TEXT, "")
    assert transfer.decode(UU.replace(b"end\n", b""), "uuencode") == (TEXT, "uuencode without its end")
    assert transfer.decode(b"no such thing", "x-uuencode")[0] == b"no such thing"


def test_doubling() -> None:
    for piece in (b"QUJD\r\n", b"QQ==\r\n", b"Q=", b"a b\n", b"= ", b"=\t\r\n", b"begin 644 x\n"):
        for encoding in ("base64", "quoted-printable", "x-uuencode"):
            assert_linear(lambda n, piece=piece: piece * n, lambda d, e=encoding: transfer.decode(d, e, text=True), 50_000)
