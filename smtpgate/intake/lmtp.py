"""LMTP (RFC 2033): the dialogue with a mail server of our own, which keeps the queue.

As SMTP, but for the greeting, and after the data one reply for each recipient that was accepted, in their order and
whatever became of the mail. One mail is one commit for all its recipients, so all of them hear the same.
"""

from __future__ import annotations

import asyncio

from smtpgate.config import Config
from smtpgate.intake.accept import Transaction
from smtpgate.intake.connection import Host
from smtpgate.intake.session import Session
from smtpgate.intake.standing import Standing


class LmtpSession(Session):
    """peer is "" on a Unix socket."""

    service = "LMTP"
    hello = "LHLO"
    no_recipients = "503 5.5.1 No valid recipients"  # RFC 2033 §4.2

    def __init__(self, host: Host, config: Config, peer: str, standing: Standing, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(host, config, peer, standing, loop)
        self._commands["LHLO"] = self._ehlo
        del self._commands["EHLO"], self._commands["HELO"]  # RFC 2033 §4.1: answered 500

    def after_data(self, reply: str, mail: Transaction) -> str:
        return "\r\n".join([reply] * mail.accepted)
