"""Clients that never stop: a line, a header section, commands, recipients, all without end and without waiting.

`flood` sends so many units as fast as the door takes them and connects again whenever the door closes, until all are sent
or the door lets it in no more. A door that neither reads, nor answers, nor closes for a while hangs: AssertionError.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.trial.door import MIB, TO_DATA, TO_RCPT, Answers, Cost, Place, Target, tally

_PATIENCE = 20.0  # seconds without anything from the door
_TURNED_AWAY = 20  # connections in a row that were refused: it has shut us out
_BLOCK = 64 * 1024


@dataclass
class Flood:
    """What it took, and what it did. sent counts what left this side; the door may have read less of it."""

    sent: int = 0
    connections: int = 0
    turned_away: int = 0
    seconds: float = 0.0
    said: Counter[str] = field(default_factory=Counter)
    cost: Cost = field(default_factory=Cost)

    def __str__(self) -> str:
        return (
            f"{self.sent:,} sent over {self.connections:,} connections in {self.seconds:.1f} s, peak {self.cost.peak:+,} KiB,"
            f" kept {self.cost.kept:+,} KiB; {Answers(self.said)}"
        )


@dataclass(frozen=True)
class Kind:
    """unit is sent `amount` times after the commands of `before`; `after` ends it. bound: KiB of memory at the peak."""

    name: str
    unit: bytes
    before: tuple[str, ...] = ()
    after: bytes = b""
    expect: tuple[str, ...] = ()  # one of these must be among the answers
    bound: Callable[[Target], int] = lambda _: 2048

    @property
    def content(self) -> bool:
        """It is one mail: what the door did not read of it is not sent again."""
        return "DATA" in self.before

    def amount(self, mebibytes: int, commands: int) -> int:
        """Content is counted in octets, everything else in commands."""
        return mebibytes * MIB // len(self.unit) if self.content or len(self.unit) == 1 else commands


def _content(target: Target) -> int:
    """A mail may fill its limit once; the list of its pieces and a copy of the last ones come on top."""
    return target.limits.message_size // 1024 * 5 // 4 + 2048


_SHUT = "421"
KINDS = (
    Kind("endless line in DATA", b"x", TO_DATA, b"\r\n.\r\n", ("500 5.6.0", _SHUT)),
    Kind("endless command line", b"x", (), b"\r\n", ("500 5.5.2", _SHUT)),
    Kind("endless headers", b"X-Field: a value like any other\r\n", TO_DATA, b"\r\nbody\r\n.\r\n", ("552 5.3.4", _SHUT), _content),
    Kind("endless body", b"a line like any other\r\n", TO_DATA, b"\r\n.\r\n", ("552 5.3.4", _SHUT), _content),
    Kind("NOOP", b"NOOP\r\n", (), b"", (_SHUT,)),
    Kind("VRFY", b"VRFY somebody\r\n", (), b"", (_SHUT,)),
    Kind("junk", b"XYZZY nothing happens\r\n", (), b"", (_SHUT,)),
    Kind("RSET", b"RSET\r\n", (), b"", (_SHUT,)),
    Kind("RSET after MAIL", b"RSET\r\n", TO_RCPT[:1], b"", (_SHUT,)),
    Kind("MAIL and RSET", b"MAIL FROM:<alice@customer.example>\r\nRSET\r\n", (), b"", (_SHUT,)),
    Kind("good recipients", f"{TO_RCPT[1]}\r\n".encode(), TO_RCPT[:1], b"", ("452 4.5.3", _SHUT)),
    Kind("bad recipients", b"RCPT TO:<nobody@desk.example>\r\n", TO_RCPT[:1], b"", (_SHUT,)),
    Kind("foreign recipients", b"RCPT TO:<victim@elsewhere.example>\r\n", TO_RCPT[:1], b"", (_SHUT,)),
    Kind(
        "pipelined transactions without DATA",
        f"{TO_RCPT[0]}\r\n{TO_RCPT[1]}\r\nRSET\r\nNOOP\r\n".encode(),
        (),
        b"",
        (_SHUT,),
    ),
    Kind("DATA without waiting", f"{TO_RCPT[0]}\r\n{TO_RCPT[1]}\r\nDATA\r\nhello\r\n.\r\n".encode(), (), b"", ("554 5.5.0",)),
    Kind("line ends", b"\r\n", (), b"", (_SHUT,)),
    Kind("zeros", b"\0" * 64, (), b"", ("500 5.5.2", _SHUT)),
)  # fmt: skip


def flood(target: Target, place: Place, kind: Kind, amount: int) -> Flood:
    """From a stranger's address that only this kind has, so that limits for an address count for this kind alone."""
    done, source = Flood(), f"127.0.66.{KINDS.index(kind) + 1}"
    began = time.monotonic()
    before = target.sockets()
    with target.memory() as cost:
        in_a_row = 0
        while done.sent < amount and in_a_row < _TURNED_AWAY and not (kind.content and done.connections):
            done.connections += 1
            if _one(place, kind, amount, source, done):
                in_a_row = 0
            else:
                done.turned_away += 1
                in_a_row += 1
        target.calm(before)
    done.cost, done.seconds = cost, time.monotonic() - began
    return done


def _one(place: Place, kind: Kind, amount: int, source: str, done: Flood) -> bool:
    """One connection until the door closes it or all is sent. False when it did not even let us begin."""
    try:
        client = place.talk(*kind.before, source=source)
    except (AssertionError, OSError) as error:
        done.said[f"at the beginning: {error}"[:100]] += 1
        return False
    with client:
        client.socket.setblocking(False)
        _pour(client.socket, kind, amount, done)
    return True


def _pour(connection: socket.socket, kind: Kind, amount: int, done: Flood) -> None:
    block = memoryview(kind.unit * max(1, _BLOCK // len(kind.unit)))
    left = (amount - done.sent) * len(kind.unit)
    at, rest, ended = 0, b"", False
    total = 0
    try:
        while True:
            want = [] if ended else [connection]
            readable, writable, _ = select.select([connection], want, [], _PATIENCE)
            assert readable or writable, f"the door hangs: {kind.name}, {total:,} octets"
            if readable:
                data = connection.recv(256 * 1024)
                if not data:
                    return
                rest = tally(rest + data, done.said)
            if writable and left:
                sent = connection.send(block[at : at + min(left, len(block) - at)])
                at, left, total = (at + sent) % len(block), left - sent, total + sent
            elif writable:
                connection.settimeout(_PATIENCE)
                connection.sendall(kind.after)
                connection.shutdown(socket.SHUT_WR)
                connection.setblocking(False)
                ended = True
    except TimeoutError:
        raise AssertionError(f"the door hangs at the end of {kind.name}") from None
    except OSError as error:  # closed in our face; its last words may have come before that
        done.said[f"closed ({type(error).__name__})"] += 1
        with contextlib.suppress(OSError):
            while data := connection.recv(256 * 1024):
                rest = tally(rest + data, done.said)
    finally:
        done.sent += total // len(kind.unit)


def check(target: Target, place: Place, kind: Kind, done: Flood) -> None:
    """Raises AssertionError when the door took it badly."""
    where = f"{kind.name}, {place.name}: {done}"
    assert done.cost.peak <= kind.bound(target), f"memory: {where}"
    wanted = (*kind.expect, "closed (") if _SHUT in kind.expect else kind.expect  # a reset may overtake the last words
    assert any(line.startswith(wanted) for line in done.said) or done.turned_away, f"not the answer: {where}"
    target.deliver(place, f"after {kind.name}")
