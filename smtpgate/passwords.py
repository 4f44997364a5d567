"""Passwords of agents as Argon2id hashes (RFC 9106) in the PHC string form: made, compared, looked at. No I/O.

Slow and large on purpose, a fifth of a second and 64 MiB for each: callers do it in threads, few at once. Not by OpenSSL (the
cryptography package): with more than one lane two comparisons at once wait for each other's threads for ever. Never fails on
any password; what is no hash of ours is told by `fault`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from base64 import b64decode, b64encode

MEMORY, PASSES, LANES = 64 * 1024, 3, 4  # KiB, and so on: what RFC 9106 §4 recommends second
LONGEST = 1024  # octets of a password
SHORTEST = 8  # characters of a new one
_SALT, _HASH = 16, 32  # octets
_LEAST_MEMORY, _MOST_MEMORY = 8 * 1024, 256 * 1024  # KiB, of a hash made elsewhere
_MOST_PASSES, _MOST_LANES = 20, 16
_FORM = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]{0,2}),p=([1-9][0-9]{0,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)


def octets(password: str) -> bytes | None:
    """As it is hashed: whoever types ü on another keyboard types the same. None for what can be no password."""
    found = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return found if found and len(found) <= LONGEST and b"\0" not in found else None


def hashed(password: str) -> str:
    """Raises ValueError for what can be no password."""
    from argon2.low_level import Type, hash_secret

    secret = octets(password)
    if secret is None:
        raise ValueError(f"a password has 1 to {LONGEST} octets and no NUL")
    return hash_secret(secret, os.urandom(_SALT), PASSES, MEMORY, LANES, _HASH, Type.ID).decode("ascii")


def matches(password: str, known: str) -> bool:
    """Takes as long for a wrong password as for the right one. known: a hash without fault."""
    from argon2.exceptions import VerifyMismatchError
    from argon2.low_level import Type, verify_secret

    secret = octets(password)
    try:
        verify_secret(known.encode("ascii"), secret or b"\0", Type.ID)
    except VerifyMismatchError:
        return False
    return secret is not None


def decoy(like: str = "") -> str:
    """A hash that no password has, and that takes as long to compare as `like`."""
    found = _FORM.fullmatch(like)
    memory, passes, lanes = found.groups() if found else (str(MEMORY), str(PASSES), str(LANES))
    return f"$argon2id$v=19$m={memory},t={passes},p={lanes}${_text(os.urandom(_SALT))}${_text(os.urandom(_HASH))}"


def fault(known: str) -> str:
    """What is wrong with it as a hash; "" when nothing is."""
    found = _FORM.fullmatch(known)
    if found is None:
        return "is no Argon2id hash"
    if not all(map(_canonical, known.split("$")[-2:])):
        return "is an Argon2id hash of which a part is missing or was changed"
    memory, passes, lanes = map(int, found.groups())
    if not _LEAST_MEMORY <= memory <= _MOST_MEMORY or passes > _MOST_PASSES or lanes > _MOST_LANES:
        return (
            f"asks for m={memory}, t={passes}, p={lanes}; m may be {_LEAST_MEMORY} to {_MOST_MEMORY} (KiB), t at most"
            f" {_MOST_PASSES}, p at most {_MOST_LANES}"
        )
    return ""


def _canonical(text: str) -> bool:
    """Is it base64 as it is written of whole octets? What is cut off or mistyped hardly ever is, and cannot be compared with."""
    try:
        return _text(b64decode(text + "=" * (-len(text) % 4), validate=True)) == text
    except ValueError:
        return False


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii").rstrip("=")
