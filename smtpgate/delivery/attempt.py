"""One attempt: one mail to its recipients at one destination, over one connection; and what every reply means.

`unsendable` says what can be said before connecting, `transact` does the SMTP transaction and fills in one Outcome for
each recipient. Whatever happens to the connection is an Outcome too: before the final dot the mail is simply still
queued, after it nobody knows. Raises only Stale (try a fresh connection at once) and Misconfigured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smtpgate.config import Config
from smtpgate.delivery.connection import Connection, Lost, needs_admin, wire
from smtpgate.delivery.outcome import Outcome, of_reply
from smtpgate.delivery.route import Misconfigured
from smtpgate.mail.address import envelope_ok
from smtpgate.model import Delivery, DeliveryState

Outcomes = dict[int, Outcome]  # by recipient id

_CLOSING = 421
_INSIDE = frozenset({"to-agent", "receipt", "digest", "held", "alert"})  # OutgoingMail.purpose of mail for agents
_GO_AHEAD = 354


class Stale(Exception):
    """A kept connection was gone before the first reply: nothing was said yet, a fresh one may do."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may get mail that is for agents, and who alerts alone (managers need not be agents); in lower case."""

    agents: frozenset[str]
    alerted: frozenset[str]

    def may_have(self, delivery: Delivery) -> bool:
        address = delivery.address.lower()
        if delivery.purpose not in _INSIDE or address in self.agents:
            return True
        return delivery.purpose == "alert" and address in self.alerted


def readers(config: Config) -> Readers:
    people = {agent for desk in config.desk for agent in desk.agents} | {config.server.postmaster or ""}
    managers = {manager for desk in config.desk if desk.targets is not None for manager in desk.targets.managers}
    return Readers(frozenset(map(str.lower, people)), frozenset(map(str.lower, managers)))


def unsendable(delivery: Delivery, people: Readers) -> Outcome | None:
    """The failure of an address that may not stand in an SMTP command, or None (RFC 3463 §3.2); and of a mail for agents
    (`readers`) that has waited until this one was removed."""
    if not people.may_have(delivery):
        return Outcome(DeliveryState.FAILED, 0, "5.7.1 this is no agent's address any more")
    reason = envelope_ok(delivery.address, smtputf8=delivery.smtputf8)
    if reason:
        return Outcome(DeliveryState.FAILED, 553, f"5.1.3 the recipient's address {reason}")
    if delivery.return_path is not None:
        reason = envelope_ok(delivery.return_path, smtputf8=delivery.smtputf8)
        if reason:
            return Outcome(DeliveryState.FAILED, 553, f"5.1.7 the return path {reason}")
    return None


def unfit(mail: Delivery, size: int, extensions: dict[str, str]) -> Outcome | None:
    """Why this server cannot take this mail, told by what EHLO offered, or None."""
    if mail.smtputf8 and "smtputf8" not in extensions:
        return Outcome(DeliveryState.FAILED, 550, "5.6.7 the server does not offer SMTPUTF8, which this mail needs")
    if _eightbit(mail) and "8bitmime" not in extensions:
        return Outcome(DeliveryState.FAILED, 554, "5.6.3 the server does not offer 8BITMIME, which this mail needs")
    limit = _size_limit(extensions)
    if limit and size > limit:
        return Outcome(DeliveryState.FAILED, 552, f"5.3.4 the mail has {size} octets, the server takes at most {limit}")
    return None


def fill(outcomes: Outcomes, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
    """The same outcome for all who have none yet."""
    for delivery in deliveries:
        outcomes.setdefault(delivery.recipient_id, outcome)


async def transact(
    connection: Connection,
    deliveries: Sequence[Delivery],
    data: bytes,
    outcomes: Outcomes,
    *,
    smarthost: bool,
    patience: float | None = None,
) -> None:
    """One mail transaction. All deliveries are of one mail with one return path and have passed `unsendable`.

    data: the mail as it leaves, signed. patience: seconds to wait for the first reply, of a connection that may be gone.
    """
    reused = connection.mails > 0
    connection.mails += 1
    connection.content_sent = False
    mail = deliveries[0]
    stuffed, size = wire(data)
    obstacle = unfit(mail, size, connection.extensions)
    if obstacle is not None:
        fill(outcomes, deliveries, _at(connection, obstacle))
        return
    commands = _Commands(connection, mail, size, deliveries)
    try:
        code, text = await commands.begin(patience)
    except Lost as error:
        if reused:
            raise Stale(str(error)) from None
        fill(outcomes, deliveries, _refusal(connection, 0, str(error)))
        return
    if reused and code == _CLOSING:
        connection.abort()
        raise Stale(text)
    if not _ok(code) and smarthost and needs_admin(code):
        raise Misconfigured(f"{connection.remote} wants other credentials: {code} {text}")
    try:
        if _ok(code):
            await _rest(connection, commands, deliveries, stuffed, outcomes)
        else:
            fill(outcomes, deliveries, _refusal(connection, code, text))
            if code == _CLOSING:
                connection.abort()
            await commands.end()
    except Lost as error:
        state = DeliveryState.UNCERTAIN if connection.content_sent else DeliveryState.QUEUED
        fill(outcomes, deliveries, _at(connection, Outcome(state, 0, str(error))))


class _Commands:
    """The commands of one transaction up to DATA: together where the server takes that (RFC 2920), else one by one.

    RSET goes first when the last transaction on this connection was not ended.
    """

    def __init__(self, connection: Connection, mail: Delivery, size: int, deliveries: Sequence[Delivery]) -> None:
        self._connection = connection
        self._together = "pipelining" in connection.extensions
        self._lines = [_mail_from(connection, mail, size)]
        self._lines += [b"RCPT TO:<%b>" % delivery.address.encode("utf-8") for delivery in deliveries]
        self._lines.append(b"DATA")
        self._heard = 0

    async def begin(self, patience: float | None) -> tuple[int, str]:
        """The reply to MAIL. Raises Lost."""
        connection, reset = self._connection, [b"RSET"] if self._connection.spoiled else []
        connection.spoiled = True
        connection.send(*reset, *(self._lines if self._together else [] if reset else self._lines[:1]))
        if reset:
            code, text = await connection.hear("RSET", patience)
            if code != 250:
                connection.abort()
                raise Lost(f"RSET: {code} {text}")
            if not self._together:
                connection.send(self._lines[0])
        self._heard = 1
        return await connection.hear("MAIL", patience)

    async def next(self) -> tuple[int, str]:
        """The reply to the next command. Raises Lost."""
        line = self._lines[self._heard]
        if not self._together:
            self._connection.send(line)
        self._heard += 1
        return await self._connection.hear(line[:4].decode("ascii"))

    async def end(self) -> None:
        """Nothing will be sent: hear what else was asked. Raises Lost."""
        if not self._together or not self._connection.alive:
            return
        code = 0
        while self._heard < len(self._lines):
            code, _ = await self.next()
            if code == _CLOSING:
                self._connection.abort()
                return
        await self.withdraw(code)

    async def withdraw(self, code: int) -> None:
        """After the reply to a DATA that no recipient was accepted for. RFC 2920 §3.1: a server may say 354 all the same,
        and is sent nothing but the final dot."""
        if code == _GO_AHEAD:
            self._connection.send(b".")
            code, _ = await self._connection.hear("a mail without recipients", None)
        if not 400 <= code <= 599:
            self._connection.abort()  # out of step: it cannot have taken a mail


def _mail_from(connection: Connection, mail: Delivery, size: int) -> bytes:
    words = [b"MAIL FROM:<%b>" % (mail.return_path or "").encode("utf-8")]
    if "size" in connection.extensions:
        words.append(b"SIZE=%d" % size)  # RFC 1870 §6
    if _eightbit(mail):
        words.append(b"BODY=8BITMIME")  # RFC 6152 §2
    if mail.smtputf8:
        words.append(b"SMTPUTF8")  # RFC 6531 §3.4
    return b" ".join(words)


async def _rest(
    connection: Connection, commands: _Commands, deliveries: Sequence[Delivery], stuffed: bytes, outcomes: Outcomes
) -> None:
    """From RCPT to the reply after the final dot. Raises Lost."""
    accepted: list[Delivery] = []
    for delivery in deliveries:
        code, text = await commands.next()
        if _ok(code):
            accepted.append(delivery)
        elif code == 552 and accepted:
            # RFC 5321 §4.5.3.1.10: old servers mean "too many recipients", which is for now only
            fill(outcomes, [delivery], _at(connection, Outcome(DeliveryState.QUEUED, code, text)))
        else:
            fill(outcomes, [delivery], _refusal(connection, code, text))
        if code == _CLOSING or not (_ok(code) or 400 <= code <= 599):
            connection.abort()
            raise Lost(f"connection closed: {code} {text}")
    if not accepted:
        await commands.end()
        return
    code, text = await commands.next()
    if code != _GO_AHEAD:
        fill(outcomes, accepted, _refusal(connection, code, text))
        if code == _CLOSING:
            connection.abort()
        return
    code, text = await connection.content(stuffed)
    connection.spoiled = False
    if 200 <= code <= 299 or 400 <= code <= 599:
        fill(outcomes, accepted, of_reply(code, text, connection.remote, connection.tls))
        if code == _CLOSING:
            connection.abort()
    else:
        connection.abort()
        fill(outcomes, accepted, _at(connection, Outcome(DeliveryState.UNCERTAIN, max(code, 0), text)))


def _refusal(connection: Connection, code: int, text: str) -> Outcome:
    """A reply that is not the one hoped for. It never means delivered; out of place, it ends the connection."""
    if not 400 <= code <= 599:
        connection.abort()
        return _at(connection, Outcome(DeliveryState.QUEUED, max(code, 0), text))
    return of_reply(code, text, connection.remote, connection.tls)


def _at(connection: Connection, outcome: Outcome) -> Outcome:
    return Outcome(outcome.state, outcome.code, outcome.reply, connection.remote, connection.tls)


def _ok(code: int) -> bool:
    return 200 <= code <= 299


def _eightbit(mail: Delivery) -> bool:
    return mail.eightbit or not mail.data.isascii()


def _size_limit(extensions: dict[str, str]) -> int:
    """RFC 1870 §4: 0 or nothing is no limit."""
    word = extensions.get("size", "").strip()
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 18 else 0
