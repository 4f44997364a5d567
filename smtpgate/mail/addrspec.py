"""One address: how it is compared and taken apart, and what may be one at all (RFC 5321 §4.1.2, RFC 6531).

Pure and linear; nothing here raises. For callers, mail.address is the door to all of this.
"""

from __future__ import annotations

import functools
import ipaddress
import re

from smtpgate.mail import safe

ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]+")  # RFC 5322 §3.2.3, RFC 6532 §3.2
# A dot-atom, and dots where RFC 5322 has none: carriers in Japan have given out such addresses (a..b@, a.@), and every
# reader sees the same domain behind them, which is all that DMARC asks for.
LOCAL = re.compile(r"\.*[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff][A-Za-z0-9!#$%&'*+/=?^_`{|}~\-.\x80-\U0010ffff]*")
QUOTED_LOCAL = re.compile(r'"[A-Za-z0-9!#$%&\'*+/=?^_`{|}~\-. \x80-\U0010ffff]+"')  # simple: nothing that needs escaping
_LONGEST = 253  # characters of a domain
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")


def domain(address: str) -> str:
    """What stands after the last @, folded: lower case, A-labels. "" without one."""
    after = address.rpartition("@")[2] if "@" in address else ""
    return to_ascii(after) or after.lower()


def key(address: str) -> str:
    """How two addresses are compared: the domain without case, the local part exactly (RFC 5321 §2.4)."""
    local, at, _ = address.rpartition("@")
    return f"{local}@{domain(address)}" if at else address


def split_sub(address: str) -> tuple[str, str | None, str]:
    """(local part, what follows its first + or None, domain). A + at the very front is no sub-address."""
    local, at, dom = address.rpartition("@")
    if not at:
        local, dom = address, ""
    plus = local.find("+", 1)
    return (local, None, dom) if plus < 0 else (local[:plus], local[plus + 1 :], dom)


def canonical(local: str) -> str:
    """A local part without quotes that say nothing: "a.b" is a.b, and "a..b" is how strict servers send to a..b."""
    inner = local[1:-1]
    return inner if len(local) > 2 and local[0] == local[-1] == '"' and LOCAL.fullmatch(inner) else local


def to_ascii(name: str) -> str:
    """A domain in lower-case A-labels, "" if it is none. A-labels are checked to decode to what may be a label."""
    return _known(name) if len(name) <= _LONGEST else _to_ascii(name)


def _to_ascii(name: str) -> str:
    lowered = name.lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered if 0 < len(lowered) <= _LONGEST and all(_label(x) for x in lowered.split(".")) else ""
    import idna  # loads large tables: only for the few names that need it

    try:
        encoded = idna.encode(name, uts46=True, std3_rules=False).decode("ascii")
        for label in encoded.split("."):
            if label.startswith("xn--"):
                idna.ulabel(label)
    except (idna.IDNAError, UnicodeError, ValueError, IndexError):
        return ""
    return encoded if len(encoded) <= _LONGEST and all(_label(x) for x in encoded.split(".")) else ""


_known = functools.lru_cache(1024)(_to_ascii)  # a mail names few domains many times, and most mail comes from few


def _label(label: str) -> bool:
    return len(label) <= 63 and _LABEL.fullmatch(label) is not None


def local_reason(address: str) -> str:
    """What is wrong with an address up to and including its @."""
    local, at, dom = address.rpartition("@")
    if not at or not local or not dom:
        return "is not local@domain"
    if "@" in local:
        return "has more than one @"
    if "=?" in local:
        return "holds an encoded word"
    if not address.isprintable() and (safe.hidden(address) or any(c.isspace() for c in address.replace(" ", ""))):
        return "holds an invisible character"
    if LOCAL.fullmatch(local) is None and QUOTED_LOCAL.fullmatch(local) is None:
        return "has a local part that is neither a dot-atom nor a simple quoted string"
    if len(local.encode()) > 64:
        return "has a local part of more than 64 octets"
    if len(address.encode()) > 254:  # RFC 5321 §4.5.3.1.3: 256 with the angle brackets
        return "is longer than 254 octets"
    return ""


def literal(text: str) -> bool:
    """RFC 5321 §4.1.3: [192.0.2.1] or [IPv6:2001:db8::1]."""
    if text[:1] != "[" or text[-1:] != "]":
        return False
    inner = text[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            return "%" not in inner and ipaddress.IPv6Address(inner[5:]) is not None
        return ipaddress.IPv4Address(inner) is not None
    except ValueError:
        return False
