"""Signed mail and the DNS zone that goes with it.

    raw, zone = signed_mail(raw, "example.org")           one DKIM signature on top, and its key record
    resolver = ZoneResolver(merged(zone, {...}))          DNS that knows it

Signs with cryptography, not with dkimpy, so that the verifier is tested against something else. Keys are made once for
each process.
"""

from __future__ import annotations

import base64
import hashlib
import random
import time
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy

Zone = dict[str, Any]

SIGNED = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references")


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def rsa_pem(bits: int = 2048) -> bytes:
    """The RSA key as PKCS#1 PEM."""
    return rsa_key(bits).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def key_record(kind: str = "rsa", *, bits: int = 2048, extra: str = "") -> str:
    """The TXT record of a key. extra: further tags, such as "t=y; "."""
    if kind == "ed25519":
        public = ed25519_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        public = _weak_public(bits) if bits < 1024 else _public(bits)
    return f"v=DKIM1; k={kind}; {extra}p={base64.b64encode(public).decode()}"


def merged(*zones: Zone) -> Zone:
    """One zone out of several; types of one name come together."""
    result: Zone = {}
    for zone in zones:
        for name, types in zone.items():
            result[name] = {**result.get(name, {}), **types} if isinstance(types, dict) else types
    return result


def mail(
    *,
    sender: str = "ann@example.org",
    to: str = "help@desk.example",
    subject: str = "Printer",
    body: str = "It jams.\r\n",
    extra: str = "",
) -> bytes:
    """A plain mail. extra: further header fields, each with CRLF, put on top."""
    return (
        f"{extra}From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
        f"Message-ID: <1@example.org>\r\n\r\n{body}"
    ).encode()


def signed_mail(
    raw: bytes,
    domain: str,
    selector: str = "s1",
    *,
    kind: str = "rsa",
    bits: int = 2048,
    algorithm: str | None = None,
    names: tuple[str, ...] | None = None,
    canon: bytes = b"relaxed/relaxed",
    at: float | None = None,
    tags: str = "",
    length: int | None = None,
    key_extra: str = "",
) -> tuple[bytes, Zone]:
    """The mail with one signature on top, and the zone with its key.

    names: what to sign (present fields only; default SIGNED, and From once more); tags: further ones, such as "x=1; ".
    """
    header, _, body = raw.partition(b"\r\n\r\n")
    fields = _fields(header)
    policy = CanonicalizationPolicy.from_c_value(canon)
    digest = hashlib.sha1 if algorithm == "rsa-sha1" else hashlib.sha256
    canonical_body = policy.canonicalize_body(body)
    if length is not None:
        canonical_body = canonical_body[:length]
        tags += f"l={length}; "
    if names is None:
        present = {name.lower() for name, _ in fields}
        names = (*(n for n in SIGNED if n.encode() in present), "from")
    value = (
        f" v=1; a={algorithm or kind + '-sha256'}; c={canon.decode()}; d={domain}; s={selector};\r\n"
        f" t={int(at if at is not None else time.time())}; {tags}h={':'.join(names)};\r\n"
        f" bh={base64.b64encode(digest(canonical_body).digest()).decode()};\r\n b="
    ).encode()
    signed = _select(policy.canonicalize_headers(fields), names)
    own = policy.canonicalize_headers([(b"DKIM-Signature", value + b"\r\n")])[0]
    data = b"".join(n + b":" + v for n, v in signed) + own[0] + b":" + own[1].rstrip()
    return b"DKIM-Signature:" + value + base64.b64encode(_sign(data, kind, bits, algorithm)) + b"\r\n" + raw, {
        f"{selector}._domainkey.{domain}": {"TXT": [key_record(kind, bits=bits, extra=key_extra)]}
    }


def _sign(data: bytes, kind: str, bits: int, algorithm: str | None) -> bytes:
    if kind == "ed25519":
        return ed25519_key().sign(hashlib.sha256(data).digest())
    if bits < 1024:
        return _weak_sign(data, bits)
    return rsa_key(bits).sign(data, padding.PKCS1v15(), SHA1() if algorithm == "rsa-sha1" else SHA256())


def _public(bits: int) -> bytes:
    return rsa_key(bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# --- RSA keys that cryptography refuses to make -----------------------------------------------------------------------


@cache
def _weak_primes(bits: int) -> tuple[int, int]:
    dice = random.Random(bits)

    def prime(size: int) -> int:
        while True:
            n = dice.getrandbits(size) | 3 << (size - 2) | 1
            if pow(2, n - 1, n) == pow(3, n - 1, n) == 1 and n % 65537 != 1:
                return n

    return prime(bits // 2), prime(bits - bits // 2)


def _weak_public(bits: int) -> bytes:
    p, q = _weak_primes(bits)
    return rsa_public_der(p * q, 65537)


def _weak_sign(data: bytes, bits: int) -> bytes:
    p, q = _weak_primes(bits)
    size = (bits + 7) // 8
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    block = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
    return pow(int.from_bytes(block, "big"), pow(65537, -1, (p - 1) * (q - 1)), p * q).to_bytes(size, "big")


def rsa_public_der(n: int, e: int) -> bytes:
    """An RSAPublicKey in DER, whatever the numbers."""

    def der(tag: int, body: bytes) -> bytes:
        length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
        return bytes([tag]) + length + body

    return der(0x30, b"".join(der(2, b"\0" + x.to_bytes((x.bit_length() + 7) // 8, "big")) for x in (n, e)))


def _fields(header: bytes) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + line + b"\r\n")
        elif line:
            name, _, value = line.partition(b":")
            fields.append((name, value + b"\r\n"))
    return fields


def _select(fields: list[tuple[bytes, bytes]], names: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    """RFC 6376 §5.4.2: each name takes the lowest field that is not taken yet."""
    left = list(fields)
    chosen = []
    for name in names:
        for index in range(len(left) - 1, -1, -1):
            if left[index][0].strip().lower() == name.encode():
                chosen.append(left.pop(index))
                break
    return chosen
