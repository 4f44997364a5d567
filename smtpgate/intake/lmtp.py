"""LMTP (RFC 2033): the dialogue with a mail server of our own, which keeps the queue.

As SMTP, but for the greeting, and after the data one reply for each recipient that was accepted, in their order and
whatever became of the mail. One mail is one commit for all its recipients, so all of them hear the same.
"""

from __future__ import annotations

from typing import ClassVar

from smtpgate.intake.accept import Transaction
from smtpgate.intake.session import Session


class LmtpSession(Session):
    """peer is "" on a Unix socket."""

    service = "LMTP"
    hello = "LHLO"
    no_recipients = "503 5.5.1 No valid recipients"  # RFC 2033 §4.2

    commands: ClassVar = {  # RFC 2033 §4.1: HELO and EHLO are answered 500
        "LHLO": Session.commands["EHLO"],
        **{verb: command for verb, command in Session.commands.items() if verb not in ("HELO", "EHLO")},
    }

    def after_data(self, reply: str, mail: Transaction) -> str:
        return "\r\n".join([reply] * mail.accepted)
