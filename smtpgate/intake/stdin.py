"""The door for one mail from standard input: the checks of the dialogue, then the same acceptor and COMMIT 1.

The reply is what an SMTP client would have heard, so that its first digit says what to do. Whoever can write into the
store is a relay of ours (model.LOCAL); the client whose mail it is may be told. Never raises but for cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smtpgate.config import Config
from smtpgate.intake.accept import Acceptor
from smtpgate.intake.data import police
from smtpgate.mail import address as mail_address
from smtpgate.model import LOCAL, Envelope

PROTOCOL = "local"


@dataclass(frozen=True, slots=True)
class Client:
    """Whom the mail comes from. mail_from None is the null sender; ip and helo are "" when unknown."""

    mail_from: str | None = None
    ip: str = ""
    helo: str = ""


async def take(
    content: bytes, client: Client, rcpts: Sequence[str], *, config: Config, acceptor: Acceptor, room: Callable[[], bool]
) -> str:
    """The reply to one mail with any line ends: 250 with its id, or the refusal for the mail or a recipient."""
    limits = config.limits
    if not rcpts:
        return "550 5.1.1 No recipient is ours"
    if len(rcpts) > limits.recipients:
        return "550 5.5.3 Too many recipients"
    for address in (*([client.mail_from] if client.mail_from else ()), *rcpts):
        if reason := _fault(address):
            return f"550 5.1.{3 if address in rcpts else 7} Bad address syntax: {reason}"
    found = [acceptor.recipient(address) for address in rcpts]
    for one in found:
        if one.refusal:
            return one.refusal
    data = police(content, "normalize") or b""
    if len(data) > limits.message_size:
        return "552 5.3.4 Mail is larger than the limit"
    if max(map(len, data.split(b"\r\n"))) > limits.line:
        return "550 5.6.0 Mail has a line longer than the limit"
    if not room():
        return "452 4.3.1 Insufficient system storage, try again later"
    envelope = Envelope(
        mail_id=acceptor.new_mail_id(),
        mail_from=client.mail_from,
        rcpts=tuple(dict.fromkeys(rcpts)),
        peer=client.ip,
        helo=client.helo,
        received_at=acceptor.clock.now(),
        protocol=PROTOCOL,
        smtputf8=not all(a.isascii() for a in (client.mail_from or "", *rcpts)),
        relay=LOCAL,
    )
    return await acceptor.accept(envelope, data, exempt=all(one.exempt for one in found))


def _fault(address: str) -> str | None:
    """Why this is no address for an envelope. "postmaster" may stand alone (RFC 5321 §4.5.1)."""
    return None if address.lower() == "postmaster" else mail_address.envelope_ok(address, smtputf8=True)
