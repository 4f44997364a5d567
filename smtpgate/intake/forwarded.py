"""What a mail server or proxy of our own says of the true client: XFORWARD and XCLIENT, Postfix's extensions.

Pure. Only the dialogue with a named forwarder comes here; even so every value is bounded and checked, and a command with
one bad value changes nothing. What is wrong comes back as the whole reply to give.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from smtpgate.intake.budget import peer_address
from smtpgate.intake.command import helo_name

XFORWARD = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "SOURCE")
XCLIENT = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")

_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})+")  # RFC 3461 §4
_CODED = re.compile(rb"\+([0-9A-Fa-f]{2})")
_UNKNOWN = (b"[UNAVAILABLE]", b"[TEMPUNAVAIL]")


@dataclass(frozen=True, slots=True)
class Client:
    """The client that the forwarder speaks of; "" is unknown."""

    address: str = ""
    helo: str = ""


def client(arg: bytes, names: tuple[str, ...], known: Client) -> Client | str:
    """`known` with what the command says, or the refusal. `names` are the attributes that the command may have."""
    words = arg.split()
    if not words:
        return "501 5.5.4 Syntax: attribute=value ..."
    for word in words:
        key, equals, value = word.partition(b"=")
        name = key.decode("ascii", "replace").upper()
        if not equals or name not in names:
            return "501 5.5.4 Attribute not recognised"
        text = _value(name, value)
        if text is None:
            return f"501 5.5.4 Bad value for {name}"
        if name == "ADDR":
            known = replace(known, address=text)
        elif name == "HELO":
            known = replace(known, helo=text)
    return known


def _value(name: str, coded: bytes) -> str | None:
    """What the attribute says, "" for unknown, None for a value that it cannot have."""
    if coded.upper() in _UNKNOWN:
        return ""
    if not _XTEXT.fullmatch(coded):
        return None
    text = helo_name(_CODED.sub(lambda found: bytes([int(found[1], 16)]), coded))  # printable, bounded
    if text is None:
        return None
    match name:
        case "ADDR" | "DESTADDR":
            return _address(text)
        case "PORT" | "DESTPORT":
            return text if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536 else None
        case "PROTO":
            return text if text.isascii() and text.isalnum() and len(text) <= 64 else None
        case "SOURCE":
            return text if text.upper() in ("LOCAL", "REMOTE") else None
    return text


def _address(text: str) -> str | None:
    """An IPv4 address, or an IPv6 address with or without its prefix."""
    bare = text[5:] if text[:5].upper() == "IPV6:" else text
    try:
        return peer_address(bare)
    except ValueError:
        return None
