from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from smtpgate.limitsettings import Limits
from smtpgate.mail import parse, smime
from tests.support.doubling import assert_linear

ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\nPlease cancel order 12.\r\n"
OID = bytes.fromhex("06092a864886f70d0107")
MIXED = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee the list\r\n--b\r\n"
    b'Content-Type: text/csv; name="list.csv"\r\nContent-Disposition: attachment\r\n\r\na;b\r\n--b--\r\n'
)


def signed(entity: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kim")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(entity).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def mail(data: bytes, kind: bytes = b"application/pkcs7-mime; smime-type=signed-data; name=smime.p7m") -> bytes:
    head = b"From: kim@firm.example\r\nSubject: order\r\nContent-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + base64.encodebytes(data).replace(b"\n", b"\r\n")


def value(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x84]) + size.to_bytes(4, "big")
    return bytes([tag]) + length + content


def loose(tag: int, content: bytes) -> bytes:
    """A value of indefinite length, as programs write that do not know the length yet."""
    return bytes([tag]) + b"\x80" + content + b"\0\0"


def in_pieces(entity: bytes, size: int = 20) -> bytes:
    pieces = b"".join(value(0x04, entity[i : i + size]) for i in range(0, len(entity), size))
    content = loose(0x30, OID + b"\x01" + loose(0xA0, loose(0x24, pieces)))
    rest = value(0x02, b"\x01") + loose(0x31, value(0x30, value(0x05, b"")))
    return loose(0x30, OID + b"\x02" + loose(0xA0, loose(0x30, rest + content + value(0x31, b""))))


def test_what_was_signed_is_read_and_the_file_stays() -> None:
    data = signed(MIXED)
    found = parse.parse(mail(data), mail_from="", limits=Limits())
    assert found.text == "see the list"
    assert [(a.filename, a.size) for a in found.attachments] == [("smime.p7m", len(data)), ("list.csv", 3)]
    assert any("not checked" in defect for defect in found.defects)


@pytest.mark.parametrize("kind", [b"application/x-pkcs7-mime", b'application/octet-stream; name="smime.p7m"'])
def test_under_other_labels(kind: bytes) -> None:
    assert parse.parse(mail(signed(ENTITY), kind), mail_from="", limits=Limits()).text == "Please cancel order 12."


def test_lengths_that_are_not_said_and_content_in_pieces() -> None:
    assert smime.signed_content(in_pieces(ENTITY)) == ENTITY


def test_one_within_another_is_opened_three_times_at_most() -> None:
    entity = ENTITY
    for _ in range(3):
        entity = mail(in_pieces(entity, 10_000))
    assert parse.parse(entity, mail_from="", limits=Limits()).text == "Please cancel order 12."
    deeper = parse.parse(mail(in_pieces(entity, 10_000)), mail_from="", limits=Limits())
    assert deeper.text == ""
    assert len(deeper.attachments) == 4


def test_what_is_broken_gives_nothing_and_raises_nothing() -> None:
    for data in (signed(ENTITY), in_pieces(ENTITY)):
        whole = smime.signed_content(data)
        for cut in range(0, len(data), 3):
            assert smime.signed_content(data[:cut]) in (None, whole)
            smime.signed_content(data[:cut] + b"\x80\xff" + data[cut:])
    for data in (b"", b"\x30", b"\x30\x80", b"MIIB", bytes([0x24, 0x80]) * 9, value(0x30, OID + b"\x03")):
        assert smime.signed_content(data) is None


def test_doubling_c9() -> None:
    assert_linear(lambda n: in_pieces(b"x" * n, 3), smime.signed_content, 30_000)
    assert_linear(lambda n: in_pieces(b"x")[:60] + b"\x24\x80" * n, smime.signed_content, 30_000)
    deep = value(0x02, b"\x01") + b"\x31\x80"
    assert_linear(lambda n: loose(0x30, OID + b"\x02" + loose(0xA0, loose(0x30, deep * n))), smime.signed_content, 10_000)
