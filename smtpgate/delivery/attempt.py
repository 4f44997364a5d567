"""One attempt: one mail to its recipients at one destination, over one connection; and what every reply means.

`unsendable` says what can be said before connecting, `transact` does the SMTP transaction and fills in one Outcome for
each recipient. Whatever happens to the connection is an Outcome too: before the final dot the mail is simply still
queued, after it nobody knows. Raises only Stale (try a fresh connection at once) and Misconfigured.
"""

from __future__ import annotations

from collections.abc import Sequence

from smtpgate.delivery.connection import Connection, Lost, needs_admin, wire
from smtpgate.delivery.outcome import Outcome, of_reply
from smtpgate.delivery.route import Misconfigured
from smtpgate.mail.address import envelope_ok
from smtpgate.model import Delivery, DeliveryState

Outcomes = dict[int, Outcome]  # by recipient id


class Stale(Exception):
    """A kept connection was gone before the first reply: nothing was said yet, a fresh one may do."""


def unsendable(delivery: Delivery) -> Outcome | None:
    """The failure of an address that may not stand in an SMTP command, or None (RFC 3463 §3.2)."""
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


async def transact(connection: Connection, deliveries: Sequence[Delivery], outcomes: Outcomes, *, smarthost: bool) -> None:
    """One mail transaction. All deliveries are of one mail with one return path and have passed `unsendable`."""
    reused = connection.mails > 0
    connection.mails += 1
    connection.content_sent = False
    mail = deliveries[0]
    stuffed, size = wire(mail.data)
    obstacle = unfit(mail, size, connection.extensions)
    if obstacle is not None:
        fill(outcomes, deliveries, _at(connection, obstacle))
        return
    code, text = await _mail_from(connection, mail, size, reused=reused)
    if not _ok(code):
        if smarthost and needs_admin(code):
            raise Misconfigured(f"{connection.remote} wants other credentials: {code} {text}")
        fill(outcomes, deliveries, _refusal(connection, code, text))
        await _reset(connection)
        return
    try:
        await _rest(connection, deliveries, stuffed, outcomes)
    except Lost as error:
        state = DeliveryState.UNCERTAIN if connection.content_sent else DeliveryState.QUEUED
        fill(outcomes, deliveries, _at(connection, Outcome(state, 0, str(error))))


async def _mail_from(connection: Connection, mail: Delivery, size: int, *, reused: bool) -> tuple[int, str]:
    words = [b"MAIL", b"FROM:<" + (mail.return_path or "").encode("utf-8") + b">"]
    if "size" in connection.extensions:
        words.append(b"SIZE=%d" % size)  # RFC 1870 §6
    if _eightbit(mail):
        words.append(b"BODY=8BITMIME")  # RFC 6152 §2
    if mail.smtputf8:
        words.append(b"SMTPUTF8")  # RFC 6531 §3.4
    try:
        code, text = await connection.command(*words)
    except Lost as error:
        if reused:
            raise Stale(str(error)) from None
        return 0, str(error)
    if reused and code == 421:
        raise Stale(text)
    return code, text


async def _rest(connection: Connection, deliveries: Sequence[Delivery], stuffed: bytes, outcomes: Outcomes) -> None:
    """From RCPT to the reply after the final dot. Raises Lost."""
    accepted: list[Delivery] = []
    for delivery in deliveries:
        code, text = await connection.command(b"RCPT", b"TO:<" + delivery.address.encode("utf-8") + b">")
        if _ok(code):
            accepted.append(delivery)
        elif code == 552 and accepted:
            # RFC 5321 §4.5.3.1.10: old servers mean "too many recipients", which is for now only
            fill(outcomes, [delivery], _at(connection, Outcome(DeliveryState.QUEUED, code, text)))
        else:
            fill(outcomes, [delivery], _refusal(connection, code, text))
        if not connection.alive:
            raise Lost(f"connection closed: {code} {text}")
    if not accepted:
        await _reset(connection)
        return
    code, text = await connection.command(b"DATA")
    if code != 354:
        fill(outcomes, accepted, _refusal(connection, code, text))
        await _reset(connection)
        return
    code, text = await connection.content(stuffed)
    if 200 <= code <= 299 or 400 <= code <= 599:
        fill(outcomes, accepted, of_reply(code, text, connection.remote, connection.tls))
        if code == 421:
            connection.abort()
    else:
        connection.abort()
        fill(outcomes, accepted, _at(connection, Outcome(DeliveryState.UNCERTAIN, max(code, 0), text)))


async def _reset(connection: Connection) -> None:
    """Forget the transaction, so that the connection can serve the next mail; else close it."""
    if not connection.alive:
        return
    try:
        code, _ = await connection.command(b"RSET")
    except Lost:
        return
    if code != 250:
        connection.abort()


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
