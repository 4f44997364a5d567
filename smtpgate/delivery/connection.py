"""One SMTP connection to one address of one host: greeting, EHLO, TLS, AUTH, and commands over it.

Commands are written by us, octet for octet, never by aiosmtplib's helpers: they parse addresses again and may send
another one. Fails with Unusable (this host not now: try the next), Misconfigured (the admin must mend it) or Lost
(the connection died; `content_sent` tells on which side of the final dot). aiosmtplib opens the session, up to AUTH; from
then on commands go in groups, and `replies` hears their answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from dataclasses import dataclass
from typing import cast

import aiosmtplib
from pydantic import SecretBytes

from smtpgate.delivery.outcome import clean
from smtpgate.delivery.replies import Broken, Replies
from smtpgate.delivery.route import Misconfigured, Tls
from smtpgate.deliverysettings import DeliverySettings

_CHUNK = 64 * 1024
_QUIT_TIMEOUT = 2.0  # an answer to QUIT is of no use to us
_NEEDS_AUTH = (530, 534, 535, 538)  # RFC 4954 §6


class Unusable(Exception):
    """The host does not take mail from us now. code is its reply, 0 without one."""

    def __init__(self, code: int, reason: str, remote: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remote = remote


class TlsFailed(Unusable):
    """The handshake failed on a connection that may do without TLS."""


class Lost(Exception):
    """The connection is gone, or nobody answered in time, or the peer is out of step. str() says which."""


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: SecretBytes


class TlsContexts:
    """The two kinds of TLS that we speak, each made once: loading the system's authorities is slow."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._ca_file = settings.smarthost.ca_file
        self._verified: ssl.SSLContext | None = None
        self._any: ssl.SSLContext | None = None

    def get(self, tls: Tls) -> ssl.SSLContext:
        """Raises Misconfigured when ca_file cannot be used."""
        if tls in ("starttls", "tls"):
            if self._verified is None:
                try:
                    self._verified = ssl.create_default_context(cafile=str(self._ca_file) if self._ca_file else None)
                except OSError as error:
                    raise Misconfigured(f"delivery.smarthost.ca_file cannot be used: {error}") from None
            return self._verified
        if self._any is None:
            # RFC 7435: any certificate is better than clear text, as nobody promised more.
            self._any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._any.check_hostname = False
            self._any.verify_mode = ssl.CERT_NONE
        return self._any


def wire(data: bytes) -> tuple[bytes, int]:
    """A mail as DATA sends it, without the final dot, and its size (RFC 1870 §4: before dots are doubled).

    Lines end with CRLF, bare CR and LF included; leading dots are doubled (RFC 5321 §4.5.2).
    """
    lines, pairs = data, data.count(b"\r\n")
    if data.count(b"\n") != pairs or data.count(b"\r") != pairs:
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    return (b"." + stuffed if stuffed.startswith(b".") else stuffed), len(lines)


class Connection:
    """An open session. Made by `connect`; used by one attempt at a time."""

    def __init__(self, client: aiosmtplib.SMTP, destination: str, remote: str, settings: DeliverySettings) -> None:
        self.destination = destination
        self.remote = remote
        self.tls = ""
        self.mails = 0  # transactions begun
        self.idle_since = 0.0
        self.content_sent = False  # the final dot of the current mail has left us
        self.spoiled = False  # a transaction has begun that was not ended: the next commands begin with RSET
        self._client = client
        self._replies: Replies | None = None  # from the end of `begin` on
        self._settings = settings

    @property
    def alive(self) -> bool:
        return self._client.is_connected and self._replies is not None and not self._replies.broken

    @property
    def extensions(self) -> dict[str, str]:
        """What EHLO offered: lower-case keywords with their parameters. Hostile text."""
        return self._client.esmtp_extensions

    def send(self, *commands: bytes) -> None:
        """Send commands, together, each with its own reply to `hear`. Raises Lost; ValueError, unsent, for one that is more
        than a line."""
        if any(b"\r" in line or b"\n" in line or b"\0" in line for line in commands):
            raise ValueError("a command holds a control character")
        replies = self._in_step()
        try:
            replies.send(b"".join([line + b"\r\n" for line in commands]), len(commands))
        except Broken as error:
            self.abort()
            raise Lost(f"{error} before {commands[0][:4].decode('ascii', 'replace')}") from None

    async def hear(self, after: str, timeout: float | None = None) -> tuple[int, str]:
        """The reply to the first command that has none yet. Raises Lost."""
        assert self._replies is not None
        try:
            code, text = await self._replies.next(timeout or self._settings.command_timeout)
        except (Broken, TimeoutError) as error:
            self.abort()
            raise Lost(f"{_reason(error)} after {after}") from None
        return code, clean(text)

    async def content(self, stuffed: bytes) -> tuple[int, str]:
        """After 354: send the mail and the final dot, hear the reply. Raises Lost; see `content_sent`."""
        replies = self._in_step()
        try:
            body = stuffed
            if len(stuffed) > _CHUNK:
                async with asyncio.timeout(self._settings.data_timeout):
                    body = await _most_of(stuffed, replies)
            self._in_step()  # who answers before the end has not understood
            self.content_sent = True
            replies.send(body + b".\r\n", 1)
        except (Broken, TimeoutError) as error:
            self.abort()
            raise Lost(f"{_reason(error)} {'after the final dot' if self.content_sent else 'within DATA'}") from None
        return await self.hear("the final dot", self._settings.data_timeout)

    async def close(self) -> None:
        """Say QUIT, wait a moment for the answer, close."""
        with contextlib.suppress(Lost):
            self.send(b"QUIT")
            await self.hear("QUIT", _QUIT_TIMEOUT)
        self.abort()

    def abort(self) -> None:
        """Close at once, without a word."""
        transport = self._client.transport
        if transport is not None:
            cast(asyncio.WriteTransport, transport).abort()
        self._client.close()

    def _in_step(self) -> Replies:
        """A reply that nobody asked for would be taken for the answer to the next command."""
        replies = self._replies
        if replies is None:
            raise Lost("connection lost")
        if replies.broken or replies.waiting:
            self.abort()
            raise Lost(replies.broken or "out of step")
        return replies

    # --- the beginning of a session -----------------------------------------------------------------------------------

    async def begin(self, tls: Tls, context: ssl.SSLContext | None, credentials: Credentials | None) -> None:
        """From the greeting to a session that takes mail. Raises Unusable, TlsFailed or Misconfigured."""
        secure = tls == "tls"
        await self._hello()
        if tls in ("starttls", "opportunistic") and context is not None:
            secure = await self._starttls(context, required=tls == "starttls")
        if secure:
            self._note_cipher()
        if credentials is not None:
            if not secure or tls == "opportunistic":
                raise Misconfigured("delivery.smarthost.user is set, and its password never goes over an unverified connection")
            await self._login(credentials)
        if not self._client.is_connected:
            raise Unusable(0, "connection lost after EHLO", self.remote)
        self._replies = Replies(cast(asyncio.Transport, self._client.transport))

    async def _hello(self) -> None:
        try:
            try:
                await self._client.ehlo()
            except aiosmtplib.SMTPHeloError as error:
                if not 500 <= error.code <= 599 or not self._client.is_connected:
                    raise
                await self._client.helo()  # RFC 5321 §3.2: a server without extensions
        except aiosmtplib.SMTPResponseException as error:
            raise Unusable(error.code, clean(f"EHLO refused: {error.message}"), self.remote) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unusable(0, f"{_reason(error)} after EHLO", self.remote) from None

    async def _starttls(self, context: ssl.SSLContext, *, required: bool) -> bool:
        if not self._client.supports_extension("starttls"):
            if required:
                raise Misconfigured(f"{self.remote} does not offer STARTTLS, which delivery.smarthost.tls asks for")
            return False
        try:
            await self._client.starttls(tls_context=context, timeout=self._settings.connect_timeout)
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(f"the certificate of {self.remote} was not verified: {error.verify_message}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise TlsFailed(error.code, clean(f"STARTTLS refused: {error.message}"), self.remote) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TlsFailed(0, f"TLS handshake failed: {_reason(error)}", self.remote) from None
        await self._hello()  # RFC 3207 §4.2: what was learned before is forgotten
        return True

    async def _login(self, credentials: Credentials) -> None:
        offered = [m for m in ("plain", "login", "cram-md5") if m in self._client.supported_auth_methods]
        if not offered:
            raise Misconfigured(f"{self.remote} offers no way of AUTH that we know")
        method = {"plain": self._client.auth_plain, "login": self._client.auth_login, "cram-md5": self._client.auth_crammd5}
        try:
            await method[offered[0]](
                credentials.user.encode(), credentials.password.get_secret_value(), timeout=self._settings.command_timeout
            )
        except aiosmtplib.SMTPResponseException as error:
            if 500 <= error.code <= 599:
                raise Misconfigured(f"{self.remote} refused user and password: {error.code} {clean(error.message)}") from None
            raise Unusable(error.code, clean(f"AUTH: {error.message}"), self.remote) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unusable(0, f"{_reason(error)} after AUTH", self.remote) from None

    def _note_cipher(self) -> None:
        with contextlib.suppress(aiosmtplib.SMTPException):
            cipher = self._client.get_transport_info("cipher")
            self.tls = f"{cipher[1]} {cipher[0]}" if cipher else "TLS"


async def _most_of(stuffed: bytes, replies: Replies) -> bytes:
    """Send a large mail as the peer takes it, so that we know that the dot has not left yet. Returns the rest of it."""
    body = memoryview(stuffed)
    while len(body) > _CHUNK:
        replies.send(bytes(body[:_CHUNK]), 0)
        body = body[_CHUNK:]
        await replies.room()
    return bytes(body)


def needs_admin(code: int) -> bool:
    """A smarthost's reply to MAIL that speaks of missing or wrong credentials, not of this mail."""
    return code in _NEEDS_AUTH


async def connect(
    destination: str,
    host: str,
    ip: str,
    port: int,
    *,
    tls: Tls,
    contexts: TlsContexts,
    credentials: Credentials | None,
    helo: str,
    settings: DeliverySettings,
) -> Connection:
    """A session with one address. Raises Unusable, TlsFailed or Misconfigured; nothing stays open then."""
    remote = f"{host}[{ip}]:{port}"
    context = None if tls == "none" else contexts.get(tls)
    sock = await _open_socket(ip, port, remote, settings.connect_timeout)
    client = aiosmtplib.SMTP(
        hostname=host,
        sock=sock,
        local_hostname=helo,
        timeout=settings.command_timeout,
        use_tls=tls == "tls",
        start_tls=False,
        tls_context=context,
    )
    connection = Connection(client, destination, remote, settings)
    try:
        await _greeting(client, remote, settings.connect_timeout)
        await connection.begin(tls, context, credentials)
    except BaseException:
        connection.abort()
        raise
    return connection


async def _open_socket(ip: str, port: int, remote: str, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(sock, (ip, port))
    except TimeoutError:
        sock.close()
        raise Unusable(0, "no connection in time", remote) from None
    except OSError as error:
        sock.close()
        raise Unusable(0, f"no connection: {os.strerror(error.errno) if error.errno else error}", remote) from None
    except BaseException:
        sock.close()
        raise
    return sock


async def _greeting(client: aiosmtplib.SMTP, remote: str, timeout: float) -> None:
    try:
        await client.connect(timeout=timeout)
    except aiosmtplib.SMTPResponseException as error:
        raise Unusable(error.code, clean(f"greeting: {error.message}"), remote) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        cause = error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Misconfigured(f"the certificate of {remote} was not verified: {cause.verify_message}") from None
        if isinstance(cause, ssl.SSLError):
            raise Unusable(0, f"TLS handshake failed: {_reason(cause)}", remote) from None
        raise Unusable(0, f"{_reason(error)} before the greeting", remote) from None


def _reason(error: BaseException) -> str:
    """In a few words, without what the library says about itself."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, Broken):
        return clean(str(error))
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS error").lower().replace("_", " ")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"malformed reply: {clean(error.message)[:200]}"
    return "connection lost"
