"""A scripted SMTP server that collects what it gets: the far side of every delivery test.

    async with Sink() as sink:                                 # listens on 127.0.0.1, sink.port
        sink.script("RCPT", None, "450 4.2.1 later")           # first RCPT as usual, second one refused
        sink.script("DOT", DROP)                               # after the first mail: close without a word
        sink.always("MAIL", "421 4.3.2 going down")            # whatever is not scripted
        sink.rcpt["bob@b.example"] = "550 5.1.1 unknown"       # for one recipient
        …
        assert sink.mails[0].data == b"…"

Kinds of commands: CONNECT (the greeting), EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT (the final dot), NOOP, RSET,
QUIT; and CONTENT, between 354 and reading what follows. Counting runs over all connections. An action is a reply (lines
parted by newlines; all but the last get "250-"), or one of

    None        what a friendly server says
    DROP        close the connection, no reply
    STALL       never reply, until the client goes away
    RESET       close it hard (TCP reset)
    FREEZE      read no more and say nothing until the sink stops
    Raw(b"…")   these octets, whatever they are; Raw(b"…", repeat=n) for a flood

It is written by hand, checks little and lies when told to: `extensions` is what EHLO says, whatever is true.
With `tls` (a server SSLContext) it does STARTTLS, with implicit_tls it starts with TLS. With `users` it wants AUTH.
Nothing is left behind when the `async with` ends.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Raw:
    data: bytes
    repeat: int = 1


class _Word:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


DROP = _Word("DROP")
STALL = _Word("STALL")
RESET = _Word("RESET")
FREEZE = _Word("FREEZE")

Action = str | Raw | _Word | None

EXTENSIONS = ("PIPELINING", "SIZE 35882577", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")

_FRIENDLY = {
    "CONNECT": "220 sink.example ESMTP",
    "HELO": "250 sink.example",
    "STARTTLS": "220 2.0.0 go ahead",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go ahead",
    "DOT": "250 2.0.0 queued",
    "NOOP": "250 2.0.0 ok",
    "RSET": "250 2.0.0 ok",
    "AUTH": "235 2.7.0 ok",
    "QUIT": "221 2.0.0 bye",
}


@dataclass
class Mail:
    """One mail that got as far as the final dot. data is as the sender meant it, wire as it came (dots doubled)."""

    connection: int
    mail_from: str  # between the angle brackets
    mail_params: tuple[str, ...]
    rcpts: tuple[str, ...]  # the accepted ones
    data: bytes
    wire: bytes
    helo: str
    tls: bool
    user: str
    reply: str  # what the sink said to it, "" if nothing


class _Gone(Exception):
    """The script or the client ended the connection."""


@dataclass
class _Session:
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    helo: str = ""
    tls: bool = False
    user: str = ""
    mail_from: str | None = None
    mail_params: tuple[str, ...] = ()
    rcpts: list[str] = field(default_factory=list)

    def reset(self) -> None:
        self.mail_from, self.mail_params, self.rcpts = None, (), []


class Sink:
    def __init__(
        self,
        *,
        extensions: tuple[str, ...] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        users: dict[str, str] | None = None,
        auth_methods: tuple[str, ...] = ("PLAIN", "LOGIN"),
        host: str = "127.0.0.1",
        port: int = 0,
        keep: bool = True,
        pause: float = 0.0,
    ) -> None:
        """keep=False counts mails without keeping them (benchmarks). pause: seconds before the reply to the final dot."""
        self.extensions = extensions
        self.users = users
        self.auth_methods = auth_methods
        self.mails: list[Mail] = []
        self.count = 0  # mails answered with 2yz
        self.commands: list[tuple[int, bytes]] = []  # (connection, line without CRLF), AUTH lines included
        self.rcpt: dict[str, Action] = {}
        self.connections = 0  # ever made
        self.open = 0
        self.peak = 0
        self.host, self.port = host, port
        self._tls, self._implicit = tls, implicit_tls
        self._keep, self._pause = keep, pause
        self._scripts: dict[str, list[Action]] = {}
        self._always: dict[str, Action] = {}
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()

    # --- what tests say -----------------------------------------------------------------------------------------------

    def script(self, kind: str, *actions: Action) -> None:
        """The next commands of this kind are answered so, one after the other; after that as `always` says."""
        self._scripts.setdefault(kind, []).extend(actions)

    def always(self, kind: str, action: Action) -> None:
        """Commands of this kind that are not scripted are answered so; None: friendly again."""
        self._always[kind] = action

    async def wait_for(self, mails: int, timeout: float = 30.0) -> None:
        """Until so many mails were accepted."""
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: self.count >= mails)

    def said(self, verb: str) -> list[bytes]:
        """All command lines that begin with this verb."""
        return [line for _, line in self.commands if line.upper().startswith(verb.encode())]

    def counted(self) -> Counter[str]:
        """How often each verb came."""
        return Counter(line.split(b" ")[0].decode("ascii", "replace").upper() for _, line in self.commands)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. After `stop` the same port is taken again."""
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, ssl=self._tls if self._implicit else None, limit=2**20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._sessions):
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        self.connections += 1
        self.open += 1
        self.peak = max(self.peak, self.open)
        session = _Session(self.connections, reader, writer, tls=self._implicit)
        try:
            await self._converse(session)
        except (_Gone, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            session.writer.transport.abort()
        finally:
            self.open -= 1
            self._sessions.discard(task)
            session.writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await session.writer.wait_closed()

    # --- the dialogue -------------------------------------------------------------------------------------------------

    async def _converse(self, session: _Session) -> None:
        await self._answer(session, "CONNECT")
        while True:
            line = await self._line(session)
            verb = line.split(b" ")[0].decode("ascii", "replace").upper()
            match verb:
                case "EHLO" | "HELO":
                    session.helo = line[5:].decode("ascii", "replace")
                    await self._answer(session, verb, default=self._ehlo(session) if verb == "EHLO" else None)
                case "STARTTLS":
                    if (await self._answer(session, verb)).startswith("220"):
                        await self._start_tls(session)
                case "AUTH":
                    await self._auth(session, line)
                case "MAIL":
                    await self._mail(session, line)
                case "RCPT":
                    await self._rcpt(session, line)
                case "DATA":
                    default = None if session.rcpts else "503 5.5.1 no valid recipients"
                    if (await self._answer(session, verb, default=default)).startswith("354"):
                        await self._data(session)
                case "RSET":
                    session.reset()
                    await self._answer(session, verb)
                case "NOOP":
                    await self._answer(session, verb)
                case "QUIT":
                    await self._answer(session, verb)
                    return
                case _:
                    await self._send(session, "500 5.5.2 what?")

    def _ehlo(self, session: _Session) -> str:
        lines = ["sink.example", *self.extensions]
        if self._tls is not None and not session.tls and "STARTTLS" not in lines:
            lines.append("STARTTLS")
        if self.users is not None:
            lines.append("AUTH " + " ".join(self.auth_methods))
        return "250 " + "\n".join(lines)

    async def _start_tls(self, session: _Session) -> None:
        if self._tls is None:
            raise _Gone  # said 220 and cannot do it
        await session.writer.start_tls(self._tls)
        session.tls = True
        session.reset()

    async def _auth(self, session: _Session, line: bytes) -> None:
        words = line.decode("ascii").split(" ")
        user = password = ""
        if words[1].upper() == "PLAIN":
            given = words[2] if len(words) > 2 else await self._ask(session, "334 ")
            _, user, password = base64.b64decode(given).decode().split("\0")
        elif words[1].upper() == "LOGIN":
            given = words[2] if len(words) > 2 else await self._ask(session, "334 VXNlcm5hbWU6")
            user = base64.b64decode(given).decode()
            password = base64.b64decode(await self._ask(session, "334 UGFzc3dvcmQ6")).decode()
        right = self.users is not None and self.users.get(user) == password
        reply = await self._answer(session, "AUTH", default="235 2.7.0 ok" if right else "535 5.7.8 wrong user or password")
        if reply.startswith("235"):
            session.user = user

    async def _ask(self, session: _Session, challenge: str) -> str:
        await self._send(session, challenge)
        return (await self._line(session)).decode("ascii")

    async def _mail(self, session: _Session, line: bytes) -> None:
        path, _, params = line.partition(b":")[2].partition(b">")
        default = "530 5.7.0 authentication required" if self.users is not None and not session.user else None
        if (await self._answer(session, "MAIL", default=default)).startswith("2"):
            session.mail_from = path.lstrip(b" <").decode("utf-8")
            session.mail_params = tuple(params.decode("utf-8").split())

    async def _rcpt(self, session: _Session, line: bytes) -> None:
        address = line.partition(b":")[2].strip(b" ").removeprefix(b"<").partition(b">")[0].decode("utf-8")
        default = None if session.mail_from is not None else "503 5.5.1 MAIL first"
        special = self.rcpt.get(address)
        reply = await (self._act(session, special) if special is not None else self._answer(session, "RCPT", default=default))
        if reply.startswith("2"):
            session.rcpts.append(address)

    async def _data(self, session: _Session) -> None:
        await self._before_content(session)
        lines: list[bytes] = []
        while (line := await session.reader.readuntil(b"\n")) != b".\r\n":
            lines.append(line)
        wire = b"".join(lines)
        if self._pause:
            await asyncio.sleep(self._pause)
        mail = Mail(
            session.number,
            session.mail_from or "",
            session.mail_params,
            tuple(session.rcpts),
            _unstuff(wire) if self._keep else b"",
            wire if self._keep else b"",
            session.helo,
            session.tls,
            session.user,
            "",
        )
        if self._keep:
            self.mails.append(mail)
        session.reset()
        mail.reply = await self._answer(session, "DOT")
        if mail.reply.startswith("2"):
            self.count += 1
            async with self._arrived:
                self._arrived.notify_all()

    async def _before_content(self, session: _Session) -> None:
        scripted = self._scripts.get("CONTENT")
        action = scripted.pop(0) if scripted else None
        if action is not None:
            await self._act(session, action)

    # --- replies ------------------------------------------------------------------------------------------------------

    async def _line(self, session: _Session) -> bytes:
        line = (await session.reader.readuntil(b"\n")).rstrip(b"\r\n")
        if self._keep:
            self.commands.append((session.number, line))
        return line

    async def _answer(self, session: _Session, kind: str, *, default: str | None = None) -> str:
        """Do what the script says for this command. Returns the reply that was sent."""
        scripted = self._scripts.get(kind)
        action = scripted.pop(0) if scripted else self._always.get(kind)
        return await self._act(session, action if action is not None else default or _FRIENDLY.get(kind, ""))

    async def _act(self, session: _Session, action: Action) -> str:
        if isinstance(action, str):
            await self._send(session, action)
            return action
        if isinstance(action, Raw):
            for _ in range(action.repeat):
                session.writer.write(action.data)
                await session.writer.drain()
            return action.data.decode("utf-8", "replace")
        if action is STALL:
            while await session.reader.read(65536):
                pass
        if action is FREEZE:
            await asyncio.Event().wait()
        if action is RESET:
            session.writer.transport.abort()
        raise _Gone

    async def _send(self, session: _Session, reply: str) -> None:
        code, lines = reply[:3], reply[4:].split("\n")
        text = "".join(f"{code}-{line}\r\n" for line in lines[:-1]) + f"{code} {lines[-1]}\r\n"
        session.writer.write(text.encode("utf-8"))
        await session.writer.drain()


def _unstuff(wire: bytes) -> bytes:
    plain = wire.replace(b"\r\n..", b"\r\n.")
    return plain[1:] if plain.startswith(b"..") else plain
