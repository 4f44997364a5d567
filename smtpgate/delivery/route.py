"""Which hosts to try for a destination, in which order: the smarthost, or the MX hosts of a domain (RFC 5321 §5.1).

A destination is what limits, pauses and pooled connections are counted by: "HOST:PORT" of the smarthost, "maildir", or
the recipient's domain. DNS comes in as a Resolver and never raises; what it means for the mail is a NoRoute. Only a
smarthost that cannot exist raises, as Misconfigured: the admin has to mend it, and no attempt should be counted.
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass
from typing import Literal

from smtpgate.auth.dns import DnsStatus, Resolver, canonical
from smtpgate.deliverysettings import DeliverySettings
from smtpgate.model import DeliveryState

MAILDIR = "maildir"
MOST_HOSTS = 10  # MX hosts looked at; a domain with more of them is not helped by trying them all
_SMTP = 25

Tls = Literal["starttls", "tls", "opportunistic", "none"]


class Misconfigured(Exception):
    """Only the admin can mend this. str() says what; the destination is paused."""


@dataclass(frozen=True, slots=True)
class Route:
    """Hosts in the order of trying: names, or IP addresses as text."""

    destination: str
    hosts: tuple[str, ...]
    port: int
    tls: Tls
    smarthost: bool = False


@dataclass(frozen=True, slots=True)
class NoRoute:
    """There is no way to go: FAILED for good, or QUEUED when nothing is known. reply begins with the RFC 3463 code."""

    state: DeliveryState
    code: int
    reply: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """The IP addresses of a host, IPv4 first. temporary: there may be others that DNS could not tell now."""

    ips: tuple[str, ...]
    temporary: bool
    reason: str = ""


def destination_of(address: str, settings: DeliverySettings) -> str:
    """The destination that a recipient's mail goes to."""
    if settings.mode == "maildir":
        return MAILDIR
    if settings.mode == "smarthost":
        return f"{settings.smarthost.host}:{settings.smarthost.port}"
    domain = address.rpartition("@")[2].lower()
    return canonical(domain) or domain


async def find_route(
    destination: str, settings: DeliverySettings, *, own_name: str, resolver: Resolver, rng: random.Random
) -> Route | NoRoute:
    """Where to connect to for a destination of mode smarthost or mx. Raises Misconfigured without a smarthost."""
    if settings.mode == "smarthost":
        host = settings.smarthost.host
        if host is None:
            raise Misconfigured("delivery.mode is smarthost and delivery.smarthost.host is not set")
        return Route(destination, (host,), settings.smarthost.port, settings.smarthost.tls, smarthost=True)
    if destination.startswith("["):
        return _literal_route(destination, settings.mx_port)
    return await _mx_route(destination, settings.mx_port, own_name=own_name.lower(), resolver=resolver, rng=rng)


async def _mx_route(domain: str, port: int, *, own_name: str, resolver: Resolver, rng: random.Random) -> Route | NoRoute:
    answer = await resolver.query(domain, "MX")
    if answer.status is DnsStatus.TEMPERROR:
        return NoRoute(DeliveryState.QUEUED, 0, f"4.4.3 DNS did not say where mail for {domain} goes: {answer.reason}")
    if answer.status is DnsStatus.NXDOMAIN:
        return NoRoute(DeliveryState.FAILED, 550, f"5.1.2 the domain {domain} does not exist")
    if answer.status is DnsStatus.NODATA or not answer.records:
        hosts: tuple[str, ...] = (domain,)  # RFC 5321 §5.1: the implicit MX
        ours = domain == own_name
    elif all(host == "." for _, host in answer.records):
        return NoRoute(DeliveryState.FAILED, 556, f"5.1.10 the domain {domain} takes no mail (null MX)")  # RFC 7505 §4.2
    else:
        hosts, ours = mx_order([r for r in answer.records if r[1] != "."], own_name, rng)
    if ours and (not hosts or hosts == (own_name,)):
        return NoRoute(DeliveryState.FAILED, 554, f"5.4.6 mail for {domain} loops back to myself")
    return Route(domain, hosts, port, "opportunistic")


def mx_order(records: list[tuple[int, str]], own_name: str, rng: random.Random) -> tuple[tuple[str, ...], bool]:
    """Hosts by preference, in random order within one; and whether we are among them.

    RFC 5321 §5.1: hosts that are no better than ourselves are left out, or mail would go in circles.
    """
    own = min((preference for preference, host in records if host == own_name), default=None)
    useful = [r for r in records if own is None or r[0] < own]
    rng.shuffle(useful)
    useful.sort(key=lambda r: r[0])
    return tuple(dict.fromkeys(host for _, host in useful))[:MOST_HOSTS], own is not None


def _literal_route(literal: str, port: int) -> Route | NoRoute:
    """RFC 5321 §4.1.3. A loopback or other special address is never somebody else's mail server."""
    text = literal.strip("[]")
    try:
        ip = ipaddress.ip_address(text[5:] if text.lower().startswith("ipv6:") else text)
    except ValueError:
        return NoRoute(DeliveryState.FAILED, 550, f"5.1.2 {literal} is not an address literal")
    if not usable(str(ip), port):
        return NoRoute(DeliveryState.FAILED, 554, f"5.4.6 mail for {literal} loops back to myself")
    return Route(literal, (str(ip),), port, "opportunistic")


def usable(ip: str, port: int) -> bool:
    """False for addresses that lead back to this machine or to nobody. Labs use another port and may use loopback."""
    address = ipaddress.ip_address(ip)
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return not (address.is_unspecified or address.is_multicast or (address.is_loopback and port == _SMTP))


async def addresses_of(host: str, resolver: Resolver) -> Addresses:
    """The addresses of one host. "localhost" is never asked for in DNS (RFC 6761 §6.3)."""
    try:
        return Addresses((str(ipaddress.ip_address(host)),), temporary=False)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return Addresses(("127.0.0.1", "::1"), temporary=False)
    four, six = await resolver.query(host, "A"), await resolver.query(host, "AAAA")
    ips = tuple(str(ip) for answer in (four, six) for ip in answer.records)
    reason = next((answer.reason for answer in (four, six) if answer.temporary), four.reason)
    return Addresses(ips, four.temporary or six.temporary, "" if ips else reason)
