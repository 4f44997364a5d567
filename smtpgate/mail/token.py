"""Signed addresses of ours: `support+<kind><payload><mac>@example.com`, in reply addresses and return paths.

    kind     1 letter   r reply, n note, a action, c confirm, h decide about a held mail, p a person's data,
                        b bounce
    payload  10 octets  id (8: ticket, for c and h held mail, for p what was asked,
                        for b recipient), expiry (2: last day it is believed since 1970)
    mac      10 octets  HMAC-SHA256 over kind, payload and desk address
    person   r 4; n, a, c, h and p 6; b 0 octets: HMAC-SHA256 over all of the above and mail.address.key of the person

The octets stand in lower-case base32 without padding; case does not matter on reading, relays change it. An agent's
address counts only with its person, 128 bits together. There is no room for a key number: each key is tried, they are
few. A desk of up to 20 octets before the @ fits into a local part of 64 (RFC 5321 §4.5.3.1.1); for a longer one that
does not fit the plain desk address is given, and Message-IDs alone carry the thread. Reading never raises.
"""

from __future__ import annotations

import hmac
import math
from base64 import b32decode
from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum

from smtpgate.clock import base32
from smtpgate.mail import address as mail_address
from smtpgate.records import record

_LONGEST_LOCAL = 64
_DAY = 86400
_PAYLOAD = 10
_MAC = 10


class TokenKind(StrEnum):
    REPLY = "r"
    NOTE = "n"
    ACTION = "a"
    CONFIRM = "c"
    HELD = "h"
    PERSON = "p"
    BOUNCE = "b"


_PERSON = dict.fromkeys(TokenKind, 6) | {TokenKind.REPLY: 4, TokenKind.BOUNCE: 0}
_TEXT = {kind: math.ceil((_PAYLOAD + _MAC + size) * 8 / 5) for kind, size in _PERSON.items()}  # base32 characters


@record(frozen=True, slots=True)
class Token:
    """A signed address that we made and still believe. id is a ticket, a held mail for kinds c and h, what was
    asked for kind p, or a recipient for kind b."""

    kind: TokenKind
    id: int
    desk_address: str  # lower case
    _key: bytes = field(repr=False)
    _signed: bytes = field(repr=False)
    _person: bytes = field(repr=False)

    def person_matches(self, address: str) -> bool:
        """Was it made for this person? Never for kind b, which is nobody's."""
        tag = _person_tag(self._key, self._signed, self.kind, address)
        return bool(self._person) and hmac.compare_digest(tag, self._person)


class Tokens:
    """Makes and reads signed addresses. keys are newest first; the first one signs, all are believed. lifetime in seconds."""

    def __init__(self, keys: Sequence[bytes], lifetime: float) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("a key of signed addresses has at least 32 octets")
        self._keys = tuple(keys)
        self._lifetime = lifetime

    def reply_address(self, desk_address: str, ticket_id: int, person: str, now: float, kind: TokenKind = TokenKind.REPLY) -> str:
        """Where this person's answer about the ticket goes."""
        return self._make(kind, desk_address, ticket_id, person, now)

    def bounce_address(self, desk_address: str, recipient_id: int, now: float) -> str:
        """The return path for one recipient of one mail."""
        return self._make(TokenKind.BOUNCE, desk_address, recipient_id, "", now)

    def read(self, address: str, now: float) -> Token | None:
        """The token in an address; None when there is none, it is not ours, or its time is over."""
        taken = _taken(address)
        if taken is None:
            return None
        desk_address, kind, octets = taken
        payload, mac, person = octets[:_PAYLOAD], octets[_PAYLOAD : _PAYLOAD + _MAC], octets[_PAYLOAD + _MAC :]
        signed = _signed(kind, payload, desk_address)
        key = next((k for k in self._keys if hmac.compare_digest(_mac(k, signed)[:_MAC], mac)), None)
        if key is None or now >= (int.from_bytes(payload[8:], "big") + 1) * _DAY:
            return None
        return Token(kind, int.from_bytes(payload[:8], "big"), desk_address, key, signed, person)

    def _make(self, kind: TokenKind, desk_address: str, number: int, person: str, now: float) -> str:
        local, _, domain = desk_address.lower().rpartition("@")
        if len(local) + 2 + _TEXT[kind] > _LONGEST_LOCAL:
            return desk_address
        last_day = min(int((now + self._lifetime) // _DAY), 0xFFFF)
        payload = number.to_bytes(8, "big") + last_day.to_bytes(2, "big")
        key = self._keys[0]
        signed = _signed(kind, payload, f"{local}@{domain}")
        octets = payload + _mac(key, signed)[:_MAC] + _person_tag(key, signed, kind, person)
        return f"{local}+{kind.value}{base32(octets)}@{domain}"


def shape(address: str) -> TokenKind | None:
    """What kind of signed address it looks like, whoever made it and when. Proves nothing: only for being careful."""
    taken = _taken(address)
    return taken[1] if taken is not None else None


def _taken(address: str) -> tuple[str, TokenKind, bytes] | None:
    """The desk's address in lower case, the kind and the octets."""
    local, _, domain = address.rpartition("@")
    desk_local, plus, text = local.rpartition("+")
    if not plus or not desk_local or len(address) > 320 or not address.isascii():
        return None
    unpacked = _unpack(text.lower())
    return None if unpacked is None else (f"{desk_local}@{domain}".lower(), *unpacked)


def _signed(kind: TokenKind, payload: bytes, desk_address: str) -> bytes:
    """What a MAC covers. Unambiguous: the kind fixes the length of all but the last piece."""
    return b"smtpgate address 1\0" + kind.value.encode() + payload + desk_address.encode()


def _person_tag(key: bytes, signed: bytes, kind: TokenKind, person: str) -> bytes:
    if not _PERSON[kind]:
        return b""
    who = mail_address.key(person).encode("utf-8", "surrogatepass")
    return _mac(key, b"smtpgate person 1\0" + signed + b"\0" + who)[: _PERSON[kind]]


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _unpack(text: str) -> tuple[TokenKind, bytes] | None:
    """Kind and octets, if text is written exactly as we write it: else one token would have several spellings."""
    try:
        kind = TokenKind(text[:1])
        octets = b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    except ValueError:
        return None
    return (kind, octets) if len(text) == 1 + _TEXT[kind] and base32(octets) == text[1:] else None
