"""A mail that an agent's client sends through us: is it the agent's own, and what it still lacks (RFC 6409 §6, §8).

Pure. What is refused comes back as the whole reply.
"""

from __future__ import annotations

from email.utils import format_datetime

from smtpgate.auth.message import doubled
from smtpgate.clock import utc
from smtpgate.mail import address, header, safe
from smtpgate.mail.header import Field

_BLIND = ("bcc", "resent-bcc")


def refusal(fields: tuple[Field, ...], agent: str) -> str:
    """Why a mail is not this agent's; "" when it is. Only his own From, and nothing that names somebody else beside it."""
    by_name: dict[str, list[Field]] = {}
    for one in fields:
        by_name.setdefault(one.name, []).append(one)
    author, why = address.author(fields)
    if not author:
        return f"550 5.6.0 The mail must have one From with one address: {safe.line(why, 200)}"
    if "" in by_name:
        return "550 5.6.0 The mail has lines among its header fields that are none"
    if author.lower() != agent.lower():
        return f"553 5.7.1 From must be {agent}, the address that you have logged in with; choose that identity and send again"
    if twice := doubled(by_name):
        return f"550 5.6.0 The mail has more than one {', '.join(twice)}"
    senders = address.parse_list(header.first(fields, "sender") or "", limit=10)[0]
    if "sender" in by_name and [one.address.lower() for one in senders] != [agent.lower()]:
        return f"553 5.7.1 Sender must be {agent} or missing"
    if any(name.startswith("resent-") for name in by_name):
        return "550 5.7.1 A redirected mail (Resent- fields) is not taken here; forward it instead"
    return ""


def finished(raw: bytes, fields: tuple[Field, ...], *, now: float, message_id: str) -> bytes:
    """Without Bcc, which was for the client to take out, and with the Date and Message-ID that it left to us (§8.2, §8.3)."""
    head = sum(len(one.raw) for one in fields)
    kept = b"".join(one.raw for one in fields if one.name not in _BLIND)
    there = {one.name for one in fields}
    added = []
    if "date" not in there:
        added.append(f"Date: {format_datetime(utc(int(now)))}\r\n")
    if "message-id" not in there:
        added.append(f"Message-ID: {message_id}\r\n")
    if not added and len(kept) == head:
        return raw
    return "".join(added).encode("ascii") + kept + raw[head:]
