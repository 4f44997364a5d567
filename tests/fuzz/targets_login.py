"""What a client says to the submission listener, under TLS: AUTH in any order and form, and mail after it."""

from __future__ import annotations

import itertools
import random
from base64 import b64encode
from typing import Any

from smtpgate import passwords
from smtpgate.intake.submission import SubmissionSession
from smtpgate.mail import address, header
from tests.fuzz.target import Target, wait
from tests.fuzz.targets_wire import REPLY, played
from tests.unit.intake.door import Running, running

_LEE, _PASSWORD = "lee@corp.example", "secret"
_CONFIG = {
    "desk": [{"name": "help", "address": "help@support.example", "agents": [_LEE]}],
    "agent": [{"address": _LEE, "password_hash": passwords.decoy()}],
    "submission": {"failure_delay": "0s", "failures": 99, "failures_per_address": 10**9, "failures_per_user": 10**9},
    "limits": {"connection_rate": 10**9, "mail_rate": 10**9, "errors": 10**6, "errors_slow": 10**6, "junk_commands": 10**6},
}


async def _compare(password: str, known: str) -> bool:
    """At no cost: what the real one costs is not the question here."""
    return password == _PASSWORD


_open: list[Any] = []


def _running() -> Running:
    """One door for all executions; it ends with the process."""
    if not _open:
        manager = running(_CONFIG)
        _open.extend((manager, wait(manager.__aenter__())))
        _open[1].door.logins._compare = _compare
    up: Running = _open[1]
    return up


def _login(data: bytes) -> Any:
    """The first octet says how the rest is cut. Every reply has its form; nothing is stored before 235, and then only the agent's
    own mail, without Bcc; nothing is left behind."""
    if not data:
        return None
    up = _running()
    draw = random.Random(data[0])
    up.store.accepted.clear()

    said = wait(played(up, SubmissionSession, data[1:], draw, secured=True)).decode("utf-8")
    replies = REPLY.findall(said)
    assert "".join(replies) == said
    assert "451" not in {reply[:3] for reply in replies}, "a failure of ours"
    first = next((i for i, reply in enumerate(replies) if reply.startswith("235")), len(replies))
    stored = [i for i, (before, reply) in enumerate(itertools.pairwise(replies)) if before[:3] == "354" and reply[:3] == "250"]
    assert not stored or min(stored) > first
    assert not up.store.accepted or first < len(replies)
    for mail in up.store.accepted:
        fields, _ = header.split(mail.raw)
        assert (address.author(fields)[0].lower(), mail.envelope.login) == (_LEE, _LEE)
        assert not {"bcc", "resent-bcc", "resent-from", "resent-sender"} & {field.name for field in fields}
        assert {"date", "message-id"} <= {field.name for field in fields}
    return [reply[:9] for reply in replies if not reply.startswith("250 2.0.0")]


def _coded(*parts: str) -> bytes:
    return b64encode("\0".join(parts).encode()) + b"\r\n"


_IN = b"AUTH PLAIN " + _coded("", _LEE, _PASSWORD)
_MAIL = (
    b"MAIL FROM:<lee@corp.example>\r\nRCPT TO:<help@support.example>\r\nDATA\r\nFrom: Lee <lee@corp.example>\r\nBcc: a@b.example\r\n"
    b"Subject: x\r\n\r\nhello\r\n.\r\n"
)
_WORDS = (
    _IN, _MAIL, b"EHLO c\r\n", b"HELO c\r\n", b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", b"AUTH LOGIN ", b"AUTH PLAIN =\r\n", b"*\r\n", b"=\r\n",
    _coded("", _LEE, _PASSWORD), _coded(_LEE), _coded(_PASSWORD), _coded("", "nobody@corp.example", "x"), _coded("a", "b", "c"), b"!!\r\n",
    b"RSET\r\n", b"STARTTLS\r\n", b"XCLIENT ADDR=192.0.2.1\r\n", b" AUTH=<>", b" AUTH=", b"From: kim@corp.example\r\n", b"From: lee@corp.example\r\n",
    b"Sender: ", b"Resent-From: ", b"resent-bcc: x\r\n", b"bCC : y\r\n", b"\r\n.\r\n", b"\r\n", b"\n", b"\0", b"\xef\xbb\xbf", b"Date: x\r\n", b"<>", b"QUIT\r\n",
)  # fmt: skip

TARGETS = (
    Target(
        "login",
        _login,
        lambda: [bytes([i]) + b"EHLO c\r\n" + _IN + rest + _MAIL + b"QUIT\r\n" for i in range(8) for rest in (b"", b"RSET\r\n")],
        _WORDS,
        alone=False,
        large=False,
    ),
)
