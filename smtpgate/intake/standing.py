"""How well a client is known: what decides who is served when there is too little for all.

Pure memory, bounded; the client longest unseen is forgotten first. Never fails.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from enum import IntEnum

from smtpgate.auth.verdict import within
from smtpgate.config import Config
from smtpgate.model import Evidence

_ROOM = 20_000  # sites; about 3 MB
PROVED = (Evidence.DMARC_DKIM, Evidence.DMARC_SPF, Evidence.DOMAIN)


class Standing(IntEnum):
    """The lowest is shed first."""

    UNKNOWN = 0  # no mail of it was accepted
    UNPROVED = 1  # accepted, but never authenticated
    KNOWN = 2  # authenticated mail of it was accepted
    AGENT = 3  # and an agent's domain wrote it
    OWN = 4  # LMTP, and servers that the configuration names


def site(peer: str) -> str:
    """What counts as one place: an IPv4 address, an IPv6 /64."""
    return _network(peer, 64) if ":" in peer else peer


def prefix(peer: str) -> str:
    """The IPv6 /48 around it, "" for IPv4."""
    return _network(peer, 48) if ":" in peer else ""


def _network(peer: str, bits: int) -> str:
    return str(ipaddress.ip_network((peer, bits), strict=False))


class Acquaintances:
    """The sites that mail was accepted from."""

    def __init__(self, config: Config, room: int = _ROOM) -> None:
        self._room = room
        self._sites: OrderedDict[str, Standing] = OrderedDict()
        self.renew(config)

    def renew(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._own = (*config.server.trusted_networks, *config.server.forwarders, *config.auth.trusted_relays)
        self._agents = {agent.rpartition("@")[2] for desk in config.desk for agent in desk.agents}

    def standing(self, peer: str) -> Standing:
        """Of a client; "" is one that uses a Unix socket."""
        if not peer or within(peer, self._own):
            return Standing.OWN
        return self._sites.get(site(peer), Standing.UNKNOWN)

    def learn(self, peer: str, evidence: Evidence, author: str) -> None:
        """Mail with such a verdict was accepted from there. Nobody loses what he had."""
        if not peer:
            return
        found = Standing.UNPROVED
        if evidence in PROVED:
            by_agent = evidence is Evidence.DMARC_DKIM and author.rpartition("@")[2].lower() in self._agents
            found = Standing.AGENT if by_agent else Standing.KNOWN
        key = site(peer)
        self._sites[key] = max(found, self._sites.get(key, found))
        self._sites.move_to_end(key)
        if len(self._sites) > self._room:
            self._sites.popitem(last=False)
