r"""SMTP dialogues as small text scripts, run over a real socket.

A file `*.dialogue` begins with an optional line `CONFIG {json}` (sections changed for its server) and holds dialogues,
each under a line `== name`:

    C: text           send it with CRLF               C*50: text      fifty times, all at once
    C-RAW: text       send it as it is; \r \n \0 \t \\ \xNN stand for octets
    S: 250 2.1.0      expect one reply, all its lines; its last line begins so
    S: /regex/        expect one reply in which this is found (lines joined by \n)
    S*50: 250         fifty replies
    TLS               the client's side of the handshake; the certificate is not checked
    CONNECT           a new connection, the old one stays open
    CLOSE             close the connection at once
    SHUT              close the sending half
    CLOSED            expect that the server closes, with nothing more said
    MAILS 1           so many mails have been stored since the dialogue began
    RAW text          the raw of the newest mail is exactly this (escapes as above)
    # comment
"""

from __future__ import annotations

import codecs
import json
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtpgate.store.api import Incoming

_STEP = re.compile(r"(C-RAW|C|S)(?:\*(\d+))?: ?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Dialogue:
    file: str
    name: str
    steps: tuple[tuple[int, str], ...]  # line number, line

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def read(path: Path) -> tuple[dict[str, Any], list[Dialogue]]:
    """The configuration changes and the dialogues of one file."""
    changes: dict[str, Any] = {}
    found: list[tuple[str, list[tuple[int, str]]]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("CONFIG "):
            changes = json.loads(line[7:])
        elif line.startswith("== "):
            found.append((line[3:].strip(), []))
        elif line.strip() and not line.startswith("#"):
            found[-1][1].append((number, line))
    return changes, [Dialogue(path.stem, name, tuple(steps)) for name, steps in found]


def octets(text: str) -> bytes:
    return codecs.escape_decode(text.encode("utf-8"))[0]


class Client:
    """One connection that reads whole replies."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self._use(socket.create_connection(("127.0.0.1", port), timeout=timeout))

    @classmethod
    def on(cls, connected: socket.socket) -> Client:
        """Over a connection that is there already."""
        client = cls.__new__(cls)
        client._use(connected)
        return client

    def _use(self, connected: socket.socket) -> None:
        self.socket = connected
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        while b"\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def reply(self) -> str:
        """All lines of one reply, joined by \\n; "" when the server closed."""
        lines: list[str] = []
        while True:
            line = self.line()
            if not line:
                return ""
            assert line.endswith(b"\r\n"), line
            lines.append(line[:-2].decode("utf-8"))
            if lines[-1][3:4] != "-":
                return "\n".join(lines)

    def ask(self, command: str) -> str:
        self.send(command.encode("utf-8") + b"\r\n")
        return self.reply()

    def start_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def closed(self) -> bool:
        """The server closed and said no more."""
        try:
            return self._buffer == b"" and self.socket.recv(1) == b""
        except (ConnectionResetError, ssl.SSLError):
            return True

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def run(dialogue: Dialogue, port: int, mails: Callable[[], list[Incoming]]) -> None:
    """Play it. Raises AssertionError with the line that failed."""
    before = len(mails()) if any(line.startswith("MAILS") for _, line in dialogue.steps) else 0
    clients = [Client(port)]
    try:
        for number, line in dialogue.steps:
            try:
                _step(line, clients, port, mails, before)
            except (AssertionError, OSError) as error:
                raise AssertionError(
                    f"{dialogue.file}:{number} ({dialogue.name}): {line}\n{type(error).__name__}: {error}"
                ) from error
    finally:
        for client in clients:
            client.close()


def _step(line: str, clients: list[Client], port: int, mails: Callable[[], list[Incoming]], before: int) -> None:
    client = clients[-1]
    match = _STEP.fullmatch(line)
    if match is not None:
        kind, times, text = match[1], int(match[2] or 1), match[3]
        if kind == "S":
            for _ in range(times):
                _expect(client.reply(), text)
        else:
            client.send((octets(text) if kind == "C-RAW" else text.encode("utf-8") + b"\r\n") * times)
        return
    word, _, rest = line.partition(" ")
    match word:
        case "TLS":
            client.start_tls()
        case "CONNECT":
            clients.append(Client(port))
        case "CLOSE":
            client.close()
        case "SHUT":
            client.socket.shutdown(socket.SHUT_WR)
        case "CLOSED":
            assert client.closed(), "the server goes on"
        case "MAILS":
            found = len(mails()) - before
            assert found == int(rest), f"{found} mails stored"
        case "RAW":
            raw = mails()[-1].raw
            assert raw == octets(rest), raw
        case _:
            raise ValueError(f"unknown step {word!r}")


def _expect(reply: str, wanted: str) -> None:
    if wanted.startswith("/") and wanted.endswith("/"):
        assert re.search(wanted[1:-1], reply), f"heard {reply!r}"
    else:
        assert reply, "the server closed"
        assert reply.rpartition("\n")[2].startswith(wanted), f"heard {reply!r}"
    # RFC 2034 §4: every reply but the greeting and that to EHLO and HELO, which begin with our name, has its class
    if reply[:1] in "245" and not reply[4:].startswith("mx."):
        assert re.match(rf"{reply[0]}\d\d {reply[0]}\.\d+\.\d+ ", reply), f"no enhanced code in {reply!r}"
