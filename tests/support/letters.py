"""Letters and keys for tests of outgoing mail."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from smtpgate.deliverysettings import DkimKey
from smtpgate.desksettings import Desk, Texts
from smtpgate.mail.compose import Templates
from smtpgate.mail.letters import Letter, Purpose
from smtpgate.model import Address

DESK = Desk(
    name="support",
    address="support@example.com",
    display_name=Texts(zh="示例科技客服中心", en="Example Support"),
    timezone="Asia/Shanghai",
)
NUMBER = "20260102-EML-0042"
LETTER = Letter(
    purpose=Purpose.RECEIVED,
    language="en",
    desk=DESK,
    ticket_number=NUMBER,
    to=Address("Maria Schmidt", "maria@example.org"),
    message_id="<abc.def@example.com>",
    date=1767312000.0,
    subject="Printer is on fire",
    show_subject=True,
    in_reply_to="<m2@example.org>",
    references=("<m1@example.org>",),
    reply_to="support+rabc@example.com",
)
HEADER = [
    "from",
    "to",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "auto-submitted",
    "x-auto-response-suppress",
    "content-language",
    "mime-version",
    "content-type",
]


def letter(**changes: Any) -> Letter:
    return replace(LETTER, **changes)


@cache
def templates() -> Templates:
    return Templates(None)


@cache
def dkim_key(kind: str, domain: str = "example.com", bits: int = 2048) -> DkimKey:
    """A fresh key with selector `kind`: rsa or ed25519."""
    private = generate_private_key(65537, bits) if kind == "rsa" else Ed25519PrivateKey.generate()
    key = DkimKey(domain=domain, selector=kind, key_file=Path("unused"))
    key._pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key
