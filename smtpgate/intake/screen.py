"""Clients that are not let in at RCPT: those on block lists, and for a while those of whom nothing is known.

Both are off until the configuration asks for them. A list that does not answer names nobody, and a store that fails
makes nobody wait: neither loses mail. Never raises.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, field

import structlog

from smtpgate.auth.dns import Answer, Lookups, Resolver
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.errors import StoreError
from smtpgate.intake.standing import Standing
from smtpgate.limitsettings import Blocklist
from smtpgate.store.api import IntakeStore

log = structlog.get_logger(__name__)

_REFUSES_US = ipaddress.ip_network("127.255.255.0/24")  # by convention: the list does not answer this resolver


@dataclass(slots=True)
class Screen:
    """One for all sessions of a configuration. warned: lists whose refusal to answer us is in the log already."""

    config: Config
    resolver: Resolver
    store: IntakeStore
    clock: Clock
    warned: set[str] = field(default_factory=set)

    @property
    def active(self) -> bool:
        """Is there anything to ask?"""
        return bool(self.config.blocklist) or self.config.greylist.enabled

    async def listed(self, client: str) -> str:
        """The refusal for a client that is on too many lists, else ""."""
        lists = self.config.blocklist
        if not lists or not client:
            return ""
        lookups = Lookups(self.resolver, self.clock, deadline=self.config.dns.timeout, limit=len(lists))
        named: list[Blocklist] = []
        for asked in lists:
            answer = await lookups.query(question(client, asked.zone), "A")
            if self._names(asked, answer):
                named.append(asked)
        score = sum(entry.weight for entry in named)
        if named:
            log.info("client is on lists", peer=client, lists=[entry.zone for entry in named], score=score)
        if score < self.config.policy.blocklist_score:
            return ""
        zones = ", ".join(entry.zone for entry in named if entry.weight > 0)
        return f"550 5.7.1 Refused: {client} is on the list {zones}"[:500]

    async def wait(self, client: str, standing: Standing, sender: str | None, recipient: str) -> str:
        """The reply to a first try, else ""."""
        greylist = self.config.greylist
        if not greylist.enabled or not client or standing >= Standing.KNOWN:
            return ""
        try:
            seconds = await self.store.greylist(
                greylist_key(client, sender, recipient),
                now=self.clock.now(),
                delay=greylist.delay,
                window=greylist.window,
                remember=greylist.remember,
            )
        except StoreError:
            log.warning("the greylist cannot be asked; nobody waits", exc_info=True)
            return ""
        return f"451 4.7.1 Greylisted: try again in {max(1, round(seconds))} seconds" if seconds > 0 else ""

    def _names(self, entry: Blocklist, answer: Answer) -> bool:
        addresses = [ipaddress.ip_address(record) for record in answer.records]
        if any(address in _REFUSES_US for address in addresses):
            if entry.zone not in self.warned:
                self.warned.add(entry.zone)
                log.warning("a block list refuses to answer this resolver; it names nobody", list=entry.zone)
            return False
        networks = [ipaddress.ip_network(network) for network in entry.answers]
        return any(address in network for address in addresses for network in networks)


def question(client: str, zone: str) -> str:
    """The name to ask for (RFC 5782 §2.1, §2.4)."""
    address = ipaddress.ip_address(client)
    if isinstance(address, ipaddress.IPv4Address):
        return ".".join(reversed(str(address).split("."))) + "." + zone
    return ".".join(reversed(address.exploded.replace(":", ""))) + "." + zone


def greylist_key(client: str, sender: str | None, recipient: str) -> str:
    """Large senders try again from a neighbour: an IPv4 /24 or IPv6 /64 is one client."""
    network = ipaddress.ip_network((client, 64 if ":" in client else 24), strict=False)
    text = f"{network}\0{(sender or '').lower()}\0{recipient.lower()}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
