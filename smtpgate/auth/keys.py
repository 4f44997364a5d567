"""Public keys of signers, from DNS (RFC 6376 §3.6, RFC 8301, RFC 8463), vetted before any arithmetic is done with them.

Never raises: a key that cannot be had or used is a KeyProblem that says why, and whether trying later could help.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from dkim.crypto import UnparsableKeyError, parse_public_key
from nacl.exceptions import BadSignatureError

from smtpgate.auth import tags as tag_list
from smtpgate.auth.dns import DnsStatus, Lookups

_RECORD = 4096  # octets; an RSA key of 8192 bits needs 1,400
_REMEMBERED = 512  # keys, most of them of senders who write again; 8 KB each at most
_LARGEST_MODULUS = 8192  # bits
_LARGEST_EXPONENT = 33  # bits; a hostile one makes each verification cost seconds


class RsaVerifier:
    """An RSA key with the interface of a PyNaCl key, checked by OpenSSL: 0.5 ms less than dkimpy's own arithmetic."""

    def __init__(self, modulus: int, exponent: int) -> None:
        """Raises ValueError for numbers that are no key."""
        self._key = RSAPublicNumbers(exponent, modulus).public_key()

    def verify(self, digest: bytes, signature: bytes) -> None:
        """digest: SHA-256. Raises BadSignatureError."""
        try:
            self._key.verify(signature, digest, PKCS1v15(), Prehashed(SHA256()))
        except InvalidSignature:
            raise BadSignatureError from None


@dataclass(frozen=True, slots=True)
class Key:
    """A usable key. kind is "rsa" or "ed25519"; testing and strict are the flags y and s of t= (RFC 6376 §3.6.1)."""

    kind: str
    bits: int
    material: Any
    record: bytes
    testing: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class KeyProblem:
    result: str  # temperror permerror
    reason: str


async def fetch_all(lookups: Lookups, signers: Sequence[tuple[str, str]]) -> list[Key | KeyProblem]:
    """The keys of these signers (domain, selector), asked for at one moment."""
    await lookups.ahead((_name(*signer), "TXT") for signer in signers)
    return [await fetch(lookups, *signer) for signer in signers]


def _name(domain: str, selector: str) -> str:
    return f"{selector}._domainkey.{domain}"


async def fetch(lookups: Lookups, domain: str, selector: str) -> Key | KeyProblem:
    """The key of one."""
    name = _name(domain, selector)
    answer = await lookups.query(name, "TXT")
    if answer.status is DnsStatus.TEMPERROR:
        return KeyProblem("temperror", f"the key could not be fetched: {answer.reason}")
    records = [record for record in (b"".join(strings) for strings in answer.records) if b"p" in record]
    if not records:
        return KeyProblem("permerror", f"there is no key at {name}")
    if len(records) > 1:
        return KeyProblem("permerror", f"there are several keys at {name}")  # RFC 6376 §3.6.2.2: undefined
    return parse(records[0])


def parse(record: bytes) -> Key | KeyProblem:
    """A key record, read and vetted."""
    if len(record) > _RECORD:
        return KeyProblem("permerror", "the key record is longer than 4 KiB")
    return _parsed(record)


@lru_cache(_REMEMBERED)
def _parsed(record: bytes) -> Key | KeyProblem:
    try:
        tags = tag_list.read(record)
    except tag_list.MalformedTags:
        return KeyProblem("permerror", "the key record cannot be read")
    if tags.get(b"v", b"DKIM1") != b"DKIM1":
        return KeyProblem("permerror", "the key record has an unknown version")
    if b"p" not in tags:
        return KeyProblem("permerror", "the key record has no key")
    if not tags[b"p"]:
        return KeyProblem("permerror", "the key was revoked")
    if b"h" in tags and b"sha256" not in _words(tags[b"h"]):
        return KeyProblem("permerror", "the key is not for sha256")
    if b"s" in tags and not {b"*", b"email"} & _words(tags[b"s"]):
        return KeyProblem("permerror", "the key is not for mail")
    flags = _words(tags.get(b"t", b""))
    return _material(tags, record, testing=b"y" in flags, strict=b"s" in flags)


def _material(tags: dict[bytes, bytes], record: bytes, *, testing: bool, strict: bool) -> Key | KeyProblem:
    kind = tags.get(b"k", b"rsa")
    try:
        if kind == b"rsa":
            numbers = parse_public_key(base64.b64decode(tags[b"p"]))
            modulus, exponent = numbers["modulus"], numbers["publicExponent"]
            if modulus.bit_length() > _LARGEST_MODULUS or exponent.bit_length() > _LARGEST_EXPONENT:
                return KeyProblem("permerror", "the RSA key is larger than we verify")
            return Key("rsa", modulus.bit_length(), RsaVerifier(modulus, exponent), record, testing, strict)
        if kind == b"ed25519":
            material, bits, _, _ = dkim.evaluate_pk(b"key", b"k=ed25519; p=" + tags[b"p"])
            return Key("ed25519", bits, material, record, testing, strict)
    except (dkim.DKIMException, UnparsableKeyError, binascii.Error, IndexError, ValueError, TypeError, KeyError):
        return KeyProblem("permerror", "the key cannot be read")
    except (AssertionError, RecursionError):  # dkimpy's reader of ASN.1 takes its word for granted
        return KeyProblem("permerror", "the key cannot be read")
    return KeyProblem("permerror", "the key is of an unknown kind")


def _words(value: bytes) -> set[bytes]:
    return {word.strip() for word in value.split(b":")}
