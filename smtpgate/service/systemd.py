"""systemd's two protocols: notices over $NOTIFY_SOCKET (sd_notify) and sockets that it passes (sd_listen_fds).

Without systemd both do nothing. A notice that cannot be sent is lost: systemd then does what its unit says.
passed_sockets raises UsageError for sockets that the gateway cannot use.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Collection

import structlog

from smtpgate.errors import UsageError

log = structlog.get_logger(__name__)

_FIRST = 3  # the first passed descriptor: SD_LISTEN_FDS_START


def notify(*lines: str) -> None:
    """Tell systemd, in one datagram: READY=1, STATUS=…, WATCHDOG=1."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address[0] == "@":  # a name in the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)  # a notice must not hold the loop
            out.sendto("\n".join(lines).encode(), address)
    except OSError as error:
        log.warning("systemd could not be told", lines=lines, error=str(error))


def watchdog_seconds() -> float | None:
    """How long systemd waits for a sign of life before it kills us. None: it does not watch us."""
    value, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not value.isdecimal() or int(value) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(value) / 1_000_000


def passed_sockets(known: Collection[str]) -> dict[str, list[socket.socket]]:
    """The sockets that systemd listens on for us, by FileDescriptorName. Empty: none were passed, or not to us.

    One without a name is the first of `known`. May be called once; children inherit neither sockets nor variables.
    """
    count, pid = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    names = os.environ.pop("LISTEN_FDNAMES", "")
    if not count.isdecimal() or int(count) == 0 or pid != str(os.getpid()):
        return {}
    labels = names.split(":") if names else [next(iter(known))] * int(count)
    if len(labels) != int(count):
        raise UsageError(f"$LISTEN_FDS says {count} sockets and $LISTEN_FDNAMES names {len(labels)}")
    found: dict[str, list[socket.socket]] = {}
    for number, name in enumerate(labels, start=_FIRST):
        found.setdefault(name, []).append(_listener(number, name, known))
    return found


def _listener(number: int, name: str, known: Collection[str]) -> socket.socket:
    what = f"the socket {name!r} passed as descriptor {number}"
    if name not in known:
        raise UsageError(f"{what} is not one of ours; FileDescriptorName must be {' or '.join(known)}")
    try:
        fcntl.fcntl(number, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        found = socket.socket(fileno=number)
    except OSError as error:
        raise UsageError(f"{what} cannot be used: {error.strerror}") from None
    stream = found.type == socket.SOCK_STREAM and found.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
    if not stream or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.detach()
        raise UsageError(f"{what} does not listen for connections; the socket unit needs ListenStream= and Accept=no")
    found.setblocking(False)
    return found
