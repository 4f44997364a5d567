"""Sockets to listen on. A Unix socket is made for one group, a dead one replaced, a live one left alone. Raises OSError."""

from __future__ import annotations

import errno
import grp
import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smtpgate.config import Server


@dataclass(slots=True)
class Listeners:
    """Bound sockets, by what is spoken there, and the names of those of the Unix sockets that we made."""

    smtp: list[socket.socket] = field(default_factory=list)
    lmtp: list[socket.socket] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)

    @classmethod
    def bind(cls, server: Server, smtp: Sequence[socket.socket] = (), lmtp: Sequence[socket.socket] = ()) -> Listeners:
        """Those that were passed, else those of server.listen and server.lmtp. Raises OSError; then none is left."""
        made = cls(list(smtp), list(lmtp))
        try:
            if not smtp:
                made.smtp += map(inet_socket, server.listen)
            for place in () if lmtp else server.lmtp:
                if place.startswith("/"):
                    made.lmtp.append(unix_socket(Path(place), server.lmtp_group))
                    made.paths.append(Path(place))
                else:
                    made.lmtp.append(inet_socket(place))
        except BaseException:
            made.withdraw()
            made.close()
            raise
        return made

    def withdraw(self) -> None:
        """Take the names of our Unix sockets away. Safe to call twice."""
        for path in self.paths:
            path.unlink(missing_ok=True)
        self.paths.clear()

    def close(self) -> None:
        """Our copies; another process that has them goes on listening."""
        for listening in (*self.smtp, *self.lmtp):
            listening.close()


def addresses(listening: Sequence[socket.socket]) -> tuple[tuple[str, int], ...]:
    """Host and port of those that have one."""
    return tuple(one.getsockname()[:2] for one in listening if not is_unix(one))


def inet_socket(address: str) -> socket.socket:
    """A bound socket for "192.0.2.1:25" or "[::1]:25"; one for IPv6 takes no IPv4."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host.strip("[]"), int(port)))
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, address) from None
    return listening


def unix_socket(path: Path, group: str | None) -> socket.socket:
    """A bound socket with mode 0660. OSError when another process listens there or something else has the name."""
    _make_way(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        os.fchmod(listening.fileno(), 0o600)  # nobody else gets in before the group is set
        listening.bind(str(path))
        if group is not None:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        path.chmod(0o660)
    except KeyError:
        listening.close()
        path.unlink(missing_ok=True)
        raise OSError(errno.EINVAL, f"there is no group {group!r}", str(path)) from None
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, str(path)) from None
    return listening


def is_unix(transport_socket: socket.socket | None) -> bool:
    return transport_socket is not None and transport_socket.family == socket.AF_UNIX


def _make_way(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is something that is no socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:  # its process has died
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:  # its queue is full: somebody lives there
            pass
    raise OSError(errno.EADDRINUSE, "another process listens there", str(path))
