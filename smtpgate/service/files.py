"""How many files the process may open: enough for its connections, or the admin hears of it."""

from __future__ import annotations

import resource

import structlog

log = structlog.get_logger(__name__)

_BESIDES = 256  # the store, parsers, deliveries, logs


def make_room(connections: int) -> None:
    """Raise the soft limit of open files as far as is needed and allowed. Never fails."""
    wanted = connections + _BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        log.warning(
            "the system allows fewer open files than limits.connections needs", allowed=allowed, wanted=wanted, mend="LimitNOFILE="
        )
