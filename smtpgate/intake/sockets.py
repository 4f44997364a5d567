"""Sockets to listen on. A Unix socket is made for one group, a dead one replaced, a live one left alone. Raises OSError."""

from __future__ import annotations

import errno
import grp
import os
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from smtpgate.config import Config

NAMES = ("smtp", "lmtp", "submission", "submissions")  # of the doors; systemd may pass sockets under them


@dataclass(slots=True)
class Listeners:
    """Bound sockets, by what is spoken there (NAMES), and the names of those of the Unix sockets that we made."""

    of: dict[str, list[socket.socket]] = field(default_factory=lambda: {name: [] for name in NAMES})
    paths: list[Path] = field(default_factory=list)

    @classmethod
    def bind(cls, config: Config, passed: Mapping[str, Sequence[socket.socket]]) -> Listeners:
        """Those that were passed, else those of the configuration. Raises OSError; then none is left."""
        server, submission = config.server, config.submission
        wanted = {
            "smtp": server.listen,
            "lmtp": server.lmtp,
            "submission": submission.listen,
            "submissions": submission.listen_tls,
        }
        made = cls({name: list(passed.get(name, ())) for name in NAMES})
        try:
            for name, ready in made.of.items():
                for place in () if ready else wanted[name]:
                    if place.startswith("/"):
                        ready.append(unix_socket(Path(place), server.lmtp_group))
                        made.paths.append(Path(place))
                    else:
                        ready.append(inet_socket(place))
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
        for listening in chain.from_iterable(self.of.values()):
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
