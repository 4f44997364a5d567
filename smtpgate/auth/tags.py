"""Lists of tags, `v=1; a=rsa-sha256; …` (RFC 6376 §3.2), as in signatures and records of keys. Pure and linear."""

from __future__ import annotations


class MalformedTags(ValueError):
    """It is no list of tags, or has one of them twice."""


def read(text: bytes) -> dict[bytes, bytes]:
    """The values by name, without the blanks around them. Raises MalformedTags."""
    found: dict[bytes, bytes] = {}
    specs = text.strip().split(b";")
    if not specs[-1]:  # the list may end in a semicolon
        specs.pop()
    for spec in specs:
        name, equals, value = spec.partition(b"=")
        name = name.strip()
        if not equals or not name[:1].isalpha() or name in found:
            raise MalformedTags
        found[name] = value.strip()
    return found
