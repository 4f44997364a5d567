"""The header that a load balancer puts before a connection: PROXY protocol, versions 1 and 2.

Pure. Only named balancers are read; even so the header is bounded and taken whole or not at all. Raises BadHeader.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from smtpgate.intake.budget import peer_address

_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_LONGEST_V1 = 107  # with its line end, by the protocol's own count
_LONGEST_V2 = 4096  # addresses and the TLVs that some balancers add


class BadHeader(ValueError):
    """What came is no PROXY header that we could go by."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """The client's address, None when the balancer speaks for itself (a health check); and what followed the header."""

    client: str | None
    rest: bytes


def header(data: bytes) -> Proxied | None:
    """What the connection began with; None while the header is not complete. Raises BadHeader."""
    if data.startswith(b"PROXY "):
        return _version_1(data)
    if data.startswith(_V2):
        return _version_2(data)
    if b"PROXY ".startswith(data) or _V2.startswith(data):
        return None
    raise BadHeader("the connection does not begin with a PROXY header")


def _version_1(data: bytes) -> Proxied | None:
    line, end, rest = data[:_LONGEST_V1].partition(b"\r\n")
    if not end:
        if len(data) >= _LONGEST_V1:
            raise BadHeader("the PROXY line is too long")
        return None
    words = line.split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return Proxied(None, rest + data[_LONGEST_V1:])
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise BadHeader("the PROXY line has another form")
    try:
        addresses = [ipaddress.ip_address(word.decode("ascii")) for word in words[2:4]]
    except ValueError:
        raise BadHeader("the PROXY line has no two addresses") from None
    if {address.version for address in addresses} != {4 if words[1] == b"TCP4" else 6}:
        raise BadHeader("the PROXY line has addresses of another family")
    if not all(word.isdigit() and len(word) <= 5 and int(word) < 65536 for word in words[4:]):
        raise BadHeader("the PROXY line has no two ports")
    return Proxied(peer_address(str(addresses[0])), rest + data[_LONGEST_V1:])


def _version_2(data: bytes) -> Proxied | None:
    if len(data) < 16:
        return None
    length = int.from_bytes(data[14:16], "big")
    if length > _LONGEST_V2:
        raise BadHeader("the PROXY header is too long")
    if len(data) < 16 + length:
        return None
    body, rest = data[16 : 16 + length], data[16 + length :]
    command, family = data[12], data[13]
    if command not in (0x20, 0x21):  # version 2; LOCAL, PROXY
        raise BadHeader("the PROXY header has another version or command")
    if command == 0x20 or family == 0x00:
        return Proxied(None, rest)
    size = {0x11: 4, 0x21: 16}.get(family)  # TCP over IPv4 and IPv6
    if size is None or length < 2 * size + 4:
        raise BadHeader("the PROXY header is not about a TCP connection")
    return Proxied(peer_address(str(ipaddress.ip_address(body[:size]))), rest)
