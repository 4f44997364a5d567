"""What the log shows of addresses: whole, the domain alone, or a pseudonym that stays the same. Pure and linear.

Signed addresses of ours lose their signature in every mode: whoever reads a log must not be able to write into a ticket.
Never fails on any text.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["full", "domain", "hash"]

_ENDS = frozenset(' \t\r\n<>()[]{},;:"\\@')  # what no unquoted local part of a mail seen in practice has
_SIGNED = 32  # characters of base32 after the kind that only a signed address of ours has (mail.token)
_BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_SHORTEST = 3  # characters of a local part that is also hidden where it stands alone
_MOST = 50  # local parts of one line that are looked for


@dataclass(frozen=True, slots=True)
class Shown:
    """How addresses are shown. key: for the pseudonyms; who has it can tell whether a pseudonym is a given address."""

    mode: Mode = "full"
    key: bytes = field(default=b"", repr=False)

    def text(self, text: str) -> str:
        """The text with every address in it as it may be shown."""
        if "@" not in text or (self.mode == "full" and "+" not in text):  # of whole addresses only signed ones are changed
            return text
        parts, done = [], 0
        for start, at, end in _addresses(text):
            parts += [text[done:start], self.address(text[start:at], text[at + 1 : end])]
            done = end
        return "".join([*parts, text[done:]])

    def address(self, local: str, domain: str) -> str:
        if self.mode == "domain":
            return f"…@{domain}"
        if self.mode == "hash":
            return f"{pseudonym(self.key, local, domain)}@{domain}"
        return f"{_unsigned(local)}@{domain}"

    def without(self, text: str, locals_: frozenset[str]) -> str:
        """The text without these local parts where they stand as words of their own ("550 user alice unknown")."""
        if self.mode == "full" or not locals_:
            return text
        words = "|".join(re.escape(local) for local in sorted(locals_, key=len, reverse=True)[:_MOST])
        return re.sub(rf"(?<![\w~])(?:{words})(?!\w)", "…", text, flags=re.IGNORECASE)


def pseudonym(key: bytes, local: str, domain: str) -> str:
    """The same for the same mailbox, whatever case it is written in."""
    digest = hmac.digest(key, f"{local}@{domain}".lower().encode("utf-8", "surrogatepass"), "sha256")
    return "~" + b32encode(digest[:5]).decode("ascii").lower()


def locals_of(text: str) -> Iterator[str]:
    """The local parts of the addresses in a text, and what stands before a sub-address; not the shortest ones."""
    for start, at, _ in _addresses(text):
        local = text[start:at].strip('"')
        yield from {part for part in (local, local.partition("+")[0]) if len(part) >= _SHORTEST}


def _unsigned(local: str) -> str:
    head, plus, tail = local.rpartition("+")
    signed = len(tail) > _SIGNED and _BASE32.issuperset(tail.lower())
    return f"{head}{plus}{tail[:5]}…" if signed else local


def _addresses(text: str) -> Iterator[tuple[int, int, int]]:
    """Where each address begins, has its @, and ends. Every character is looked at a few times at most."""
    done, at = 0, text.find("@")
    while at >= 0:
        start = at
        if at > done and text[at - 1] == '"':
            start = max(text.rfind('"', done, at - 1), done)
        else:
            while start > done and text[start - 1] not in _ENDS and text[start - 1].isprintable():
                start -= 1
        end = at + 1
        while end < len(text) and (text[end].isalnum() or text[end] in ".-_"):
            end += 1
        if start < at:
            yield start, at, end
        done = end
        at = text.find("@", end)
