"""Notices that name several recipients, each with a reason of its own."""

from __future__ import annotations

import pytest

from tests.evaluation.kinds import read

HEAD = "From: MAILER-DAEMON@far.example\nTo: support@help.example\nReturn-Path: <>\nSubject: {subject}\n\n"
# (subject, text, (address, reason) of each)
NOTICES: list[tuple[str, str, list[tuple[str, str]]]] = [("failure notice","Hi. This is the qmail-send program at far.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<a@x.example>:\nSorry, no mailbox. (#5.1.1)\n\n<b@y.example>:\nUser over quota. (#5.2.2)\n\n--- Below this line is a copy of the message.\n\nTo: a@x.example, b@y.example\n",[("a@x.example","mailbox-unknown"),("b@y.example","full")]),
("Undelivered Mail Returned to Sender","This is the mail system at host mx.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n<a@x.example>: host mx[1.2.3.4] said: 550 5.7.1 Service unavailable; blocked using\n    zen.spamhaus.org (in reply to RCPT TO command)\n\n<b@y.example>: Host or domain name not found. Name service error for\n    name=y.example type=A: Host not found\n\n<c@z.example> (expanded from <list@help.example>): unknown user: \"c\"\n",[("a@x.example","spam"),("b@y.example","host-unknown"),("c@z.example","mailbox-unknown")]),
("Mail delivery failed: returning message to sender","This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  a@x.example\n    host mx.x.example [1.2.3.4]\n    SMTP error from remote mail server after RCPT TO:<a@x.example>:\n    550 No such user\n  b@y.example\n    retry timeout exceeded\n",[("a@x.example","mailbox-unknown"),("b@y.example","expired")]),
("Undeliverable: x","Delivery has failed to these recipients or groups:\n\nKim (a@x.example)\nThe email address you entered couldn't be found.\n\nLi Wei <b@y.example>\nThis message is too large for this recipient. 550 5.2.3\n\nDiagnostic information for administrators:\n\nGenerating server: far.example\n\na@x.example\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nb@y.example\n#550 5.2.3 RESOLVER.RST.RecipSizeLimit ##\n",[("a@x.example","mailbox-unknown"),("b@y.example","too-big")]),
("系统退信","您的邮件无法送达以下收件人：\n\na@x.example, b@y.example\n\n退信原因：550 user unknown\n",[("a@x.example","mailbox-unknown"),("b@y.example","mailbox-unknown")]),
("Delivery Notification: Delivery has failed","Your message cannot be delivered to the following recipients:\n\n  Recipient address: a@x.example\n  Reason: Rejection greeting returned by server.\n  Diagnostic code: smtp;550 5.1.1 unknown\n\n  Recipient address: b@y.example\n  Reason: quota exceeded\n",[("a@x.example","mailbox-unknown"),("b@y.example","full")]),
("Returned mail: see transcript for details","   ----- The following addresses had permanent fatal errors -----\n<a@x.example>\n    (reason: 550 5.1.1 User unknown)\nb@y.example\n    (reason: 552 5.2.2 over quota)\n\n   ----- Transcript of session follows -----\n... while talking to mx.x.example.:\n>>> RCPT To:<a@x.example>\n<<< 550 5.1.1 User unknown\n550 5.1.1 <a@x.example>... User unknown\n",[("a@x.example","mailbox-unknown"),("b@y.example","full")]),
("Undelivered Mail Returned to Sender","<a@x.example>: Command died with status 1: \"/usr/bin/procmail\". Your message was not delivered.\nContact postmaster@far.example or call helpdesk@far.example for questions.\n",[("a@x.example","other")]),
("Delivery Status Notification (Failure)","This is an automatically generated Delivery Status Notification.\n\nDelivery to the following recipients failed.\n\n       a@x.example\n       b@y.example\n",[("a@x.example","other"),("b@y.example","other")]),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "text", "expected"), NOTICES, ids=[subject for subject, _, _ in NOTICES])
def test_each_with_its_reason(subject: str, text: str, expected: list[tuple[str, str]]) -> None:
    found = read(HEAD.replace("{subject}", subject) + text).bounce
    assert found is not None
    assert [(r.address, r.reason.value) for r in found.recipients] == expected


def test_the_writer_himself_counts_if_nobody_else_is_named() -> None:
    text = "I'm afraid I wasn't able to deliver your message to the following addresses.\n\n<support@help.example>:\nno mailbox\n"
    found = read(HEAD.replace("{subject}", "failure notice") + text).bounce
    assert found is not None
    assert [r.address for r in found.recipients] == ["support@help.example"]
