"""Clients that keep us waiting: silent or one octet at a time in every state, half closed, and gone at every octet.

`wait_all` opens all of them at once and waits until the door has ended each, by the limits of the configuration.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.support.dialogue import Client
from tests.support.gateway import DESK
from tests.trial.door import TO_DATA, TO_RCPT, Place, Target, tally

LIMITS = {"command_timeout": "1s", "data_timeout": "1s", "data_total": "2s", "tls_handshake": "1s"}
_EVERY = 0.3  # seconds between two octets of a client that drips
_LINGER = 5.0  # what a client that takes nothing gets on top: the door keeps its last words for so long
_SLACK = 2.0  # for a busy machine


@dataclass(frozen=True)
class State:
    """Where a client stops: it says these commands, then `tail` at once, then `drip` octet by octet for ever."""

    name: str
    commands: tuple[str, ...] | None = ()  # None: it does not even wait for the greeting
    tail: bytes = b""
    drip: bytes = b""
    limit: str = "command_timeout"
    word: str = "421 4.4.2"  # what it hears at the end, "" for nothing
    tls: str = ""  # "hello": its ClientHello is the drip; "done": the handshake is over
    deaf: bool = False  # it takes no replies


STATES = (
    State("connected, says nothing", None),
    State("inside the first command", None, b"EHL", b"O" * 999),
    State("after EHLO"),
    State("inside a command line", (), b"MAIL FROM:<", b"a" * 999),
    State("after STARTTLS, before the handshake", ("STARTTLS",), limit="tls_handshake", word=""),
    State("inside the handshake", ("STARTTLS",), limit="tls_handshake", word="", tls="hello"),
    State("after the handshake", ("STARTTLS",), tls="done"),
    State("after MAIL", TO_RCPT[:1]),
    State("after RCPT", TO_RCPT),
    State("in DATA, silent", TO_DATA, b"Subject: x\r\n", limit="data_timeout"),
    State("in DATA, one octet at a time", TO_DATA, b"Subject: x", b"x" * 999, limit="data_total"),
    State("at the end of data, without the dot", TO_DATA, b"Subject: x\r\n\r\ntext\r\n", limit="data_timeout"),
    State("after the dot, without its line end", TO_DATA, b"Subject: x\r\n\r\ntext\r\n.", limit="data_timeout"),
    State("after the reply", (*TO_DATA, "Subject: x\r\n\r\nslow\r\n.")),
)
DEAF = (State("takes no replies", TO_RCPT[:1], f"{TO_RCPT[1]}\r\n".encode() * 20_000, word="", deaf=True),)


@dataclass
class Wait:
    """How it ended: what the door said last, and after how many seconds."""

    place: str
    state: State
    said: str
    seconds: float
    allowed: float

    def __str__(self) -> str:
        return f"{self.place}, {self.state.name}: ended after {self.seconds:.1f} s (at most {self.allowed:.1f} s): {self.said!r}"

    @property
    def good(self) -> bool:
        return self.seconds <= self.allowed and self.said.startswith(self.state.word)


def wait_all(target: Target, states: tuple[State, ...] = STATES) -> list[Wait]:
    """Every state at every door, all at the same time."""
    cases = [(place, state) for place in target.places for state in states]
    before = target.sockets()
    with ThreadPoolExecutor(len(cases)) as pool:
        waits = list(pool.map(lambda case: _wait(target, *case), cases))
    target.calm(before)
    return waits


def _wait(target: Target, place: Place, state: State) -> Wait:
    allowed = getattr(target.limits, state.limit) + _SLACK + (_LINGER if state.deaf or state.tls == "done" else 0)
    client = Client.on(place.connect()) if state.commands is None else place.talk(*state.commands)
    with client:
        if state.tls == "done":
            client.start_tls()
        drip = _client_hello() if state.tls == "hello" else state.drip
        client.socket.settimeout(_EVERY)
        began = time.monotonic()
        _send(client.socket, state.tail)
        if state.deaf:
            time.sleep(allowed - _SLACK)
            return Wait(place.name, state, "", time.monotonic() - began if _gone(client.socket) else math.inf, allowed)
        said, seconds = _listen(client.socket, drip, began, allowed * 3)
    return Wait(place.name, state, said, seconds, allowed)


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the door has closed
        connection.sendall(data)


def _listen(connection: socket.socket, drip: bytes, began: float, most: float) -> tuple[str, float]:
    """Until the door closes: the last line that it said, and when."""
    said: Counter[str] = Counter()
    rest, last, at = b"", "", 0
    while time.monotonic() - began < most:
        try:
            data = connection.recv(65536)
            if not data:
                break
            before = set(said)
            rest = tally(rest + data, said)
            last = next(iter(set(said) - before), last)
        except TimeoutError:
            _send(connection, drip[at : at + 1])
            at += 1
        except OSError:
            break
    return last, time.monotonic() - began


def _gone(connection: socket.socket) -> bool:
    """Take all that the door had sent before. False: it goes on."""
    connection.settimeout(1.0)
    try:
        while connection.recv(2**20):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def _client_hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()[:-1]  # it never becomes whole


# --- leaving at every octet -------------------------------------------------------------------------------------------


@dataclass
class Left:
    """Dialogues that were broken off, and how many of them had heard the 250 to their mail."""

    dialogues: int = 0
    answered: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.dialogues} dialogues broken off in {self.seconds:.1f} s, {self.answered} mails had their 250 by then"


def leave_at_every_octet(target: Target, place: Place, how: str) -> Left:
    """A dialogue with one mail, broken off after each octet by "reset", or by "half-close" and then reading on.

    Raises AssertionError when a mail is there without its final dot, is not there although it got its 250, or is there twice.
    """
    began, left, sockets = time.monotonic(), Left(), target.sockets()
    whole, answered = set(), set()
    known = Counter(_stored(target))
    for cut in range(0, len(b"".join(_dialogue(place, "<000>"))) + 1):
        message_id = f"<{cut:03}>"
        parts = _dialogue(place, message_id)
        if cut >= len(b"".join(parts[:-1])):
            whole.add(message_id)
        if _break_off(place, parts, cut, how):
            answered.add(message_id)
        left.dialogues += 1
    target.calm(sockets)
    stored = Counter(_stored(target)) - known
    assert set(stored) <= whole, f"stored without a final dot: {set(stored) - whole}"
    assert answered <= set(stored), f"LOST: 250 was said, {answered - set(stored)}"
    assert all(count == 1 for count in stored.values()), f"stored twice: {stored}"
    left.answered, left.seconds = len(answered), time.monotonic() - began
    return left


def _stored(target: Target) -> list[str]:
    return [str(row["message_id"]) for row in target.gateway.rows("SELECT message_id FROM incoming")]


def _dialogue(place: Place, message_id: str) -> list[bytes]:
    """What the client says, in the parts after which it waits for a reply."""
    mail = f"From: Alice <alice@customer.example>\r\nTo: {DESK}\r\nSubject: cut\r\nMessage-ID: {message_id}\r\n\r\ncut\r\n.\r\n"
    commands = (f"{place.hello} client.example", *TO_DATA)
    return [*(f"{command}\r\n".encode() for command in commands), mail.encode(), b"QUIT\r\n"]


def _break_off(place: Place, parts: list[bytes], cut: int, how: str) -> bool:
    """Say so many octets, then leave. True when the mail had its 250."""
    answered = False
    with Client.on(place.connect(timeout=10.0)) as client:
        client.reply()
        for part in parts:
            client.send(part[:cut])
            if len(part) > cut:
                break
            cut -= len(part)
            reply = client.reply()
            answered = answered or " accepted" in reply
        if how == "half-close":
            client.socket.shutdown(socket.SHUT_WR)
            while reply := client.reply():  # until the door closes too; a door that does not runs into the timeout
                answered = answered or " accepted" in reply
        else:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return answered
