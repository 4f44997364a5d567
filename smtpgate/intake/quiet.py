"""Keeps aiosmtpd from searching: it asks each connection and its handler for every attribute they have, to find commands,
hooks and AUTH mechanisms. Ours have none of those. Never fails.
"""

from __future__ import annotations

from collections.abc import Iterable


class Quiet:
    """Tells dir() nothing."""

    def __dir__(self) -> Iterable[str]:
        return ()


NO_HOOKS = Quiet()
