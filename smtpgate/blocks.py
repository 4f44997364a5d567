"""Senders whose mail is held, and whose mailbox an address is of. Pure; never fails."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

HELD = "blocked: "  # begins the reason of a mail that is held for it


@dataclass(frozen=True, slots=True)
class Block:
    """who: a mailbox as mailbox_key writes it, @domain, or a hash (`hashed`). desk: "" for all. by: who blocked it, and why."""

    who: str
    desk: str
    at: float
    by: str = ""
    reason: str = ""


def mailbox_key(address: str) -> str:
    """Whose inbox it is, for caps: without case, quotes and sub-address, which a forger could vary without end."""
    local, at, domain = address.rpartition("@")
    local = local.strip('"')
    plus = local.find("+", 1)
    return f"{local[:plus] if plus > 0 else local}{at}{domain}".casefold()


def keys(address: str) -> tuple[str, str]:
    """What a block of this person may be of: the mailbox, the domain."""
    mailbox = mailbox_key(address)
    return mailbox, "@" + mailbox.rpartition("@")[2]


def hashed(mailbox: str) -> str:
    """In the place of a mailbox whose person was erased: who knows the address finds the block, nobody finds the address in it."""
    return "sha256:" + hashlib.sha256(mailbox.encode("utf-8", "surrogatepass")).hexdigest()


def names(address: str) -> tuple[str, str, str]:
    """All that a block of this person may stand under."""
    mailbox, domain = keys(address)
    return mailbox, domain, hashed(mailbox)
