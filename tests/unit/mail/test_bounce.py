from __future__ import annotations

import pytest

from smtpgate.mail import bounce, bouncetext
from smtpgate.model import BounceReason, BounceRecipient

FINAL = "Final-Recipient: rfc822; z@y.example\nAction: failed"
OURS = frozenset(("support@example.org",))


def status(*blocks: str) -> bytes:
    return "\n\n".join(("Reporting-MTA: dns; mx.example", *blocks)).encode() + b"\n"


def test_several_recipients() -> None:
    found = bounce.from_status(
        status(
            "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550\n 5.1.1 no such user",
            "Final-Recipient: rfc822;c@D.example\nAction: Delayed\nStatus: 4.4.1 (no answer)",
        )
    )
    assert found == (
        BounceRecipient("a@b.example", "failed", "5.1.1", "550 5.1.1 no such user", True, BounceReason.UNKNOWN),
        BounceRecipient("c@d.example", "delayed", "4.4.1", "", False, BounceReason.NETWORK),
    )


def test_crlf_and_blank_lines_between() -> None:
    data = status("Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.0.0", "", "").replace(b"\n", b"\r\n")
    assert [r.address for r in bounce.from_status(data)] == ["a@b.example"]


@pytest.mark.parametrize(
    ("action", "code", "diagnostic", "permanent"),
    [
        ("failed", "5.1.1", "", True),
        ("failed", "4.4.7", "", False),
        ("failed", "", "smtp; 450 busy", False),
        ("failed", "", "smtp; 550 gone", True),
        ("failed", "", "", True),
        ("delayed", "5.0.0", "", False),
        ("delivered", "2.0.0", "", False),
        ("nonsense", "5.1.1", "", True),
    ],
)
def test_permanent(action: str, code: str, diagnostic: str, permanent: bool) -> None:
    block = f"Final-Recipient: rfc822; a@b.example\nAction: {action}\nStatus: {code}\nDiagnostic-Code: {diagnostic}"
    (found,) = bounce.from_status(status(block))
    assert found.permanent is permanent


def test_the_original_recipient_is_the_one_we_wrote_to() -> None:
    (found,) = bounce.from_status(status("Original-Recipient: rfc822; a@b.example\n" + FINAL))
    assert found.address == "a@b.example"
    (found,) = bounce.from_status(status("Original-Recipient: rfc822;\n" + FINAL))
    assert found.address == "z@y.example"


def test_rfc_6533_and_xtext_addresses() -> None:
    (found,) = bounce.from_status(status("Final-Recipient: utf-8; \\x{738B}@b.example\nAction: failed"))
    assert found.address == "王@b.example"
    (found,) = bounce.from_status(status("Final-Recipient: utf-8; \\x{FFFFFF}@b.example\nAction: failed"))
    assert "\\x" not in found.address
    (found,) = bounce.from_status(status("Original-Recipient: rfc822; a+2Bb+40c.example\nAction: failed"))
    assert found.address == "a+b@c.example"


def test_hostile_reports_are_bounded() -> None:
    many = status(*(f"Final-Recipient: rfc822; a{i}@b.example\nAction: failed" for i in range(500)))
    assert len(bounce.from_status(many)) == 100
    (found,) = bounce.from_status(status(FINAL + "\nDiagnostic-Code: smtp; " + "x" * 9000))
    assert len(found.diagnostic) <= 1000
    for data in (b"", b"\n\n\n", b"junk", b"junk\n\njunk\n\n", b"\0\xff" * 100, b":" * 100):
        assert bounce.from_status(data) == ()


def failed(text: str, **known: object) -> list[str]:
    return [r.address for r in bounce.from_text(text, ours=OURS, **known)[0]]  # type: ignore[arg-type]


def test_words_of_mail_systems() -> None:
    why = "The address wasn't found. 550 5.1.10 support@example.org"
    text = f"Delivery has failed to these recipients or groups:\n\nJohn (john@x.example)\n{why}"
    (found,), notice = bounce.from_text(text, ours=OURS)
    assert found == BounceRecipient("john@x.example", "failed", "5.1.10", found.diagnostic, True, BounceReason.UNKNOWN)
    assert why in found.diagnostic
    assert notice.introduced
    assert failed("您发送给 x@y.example 的邮件无法送达") == ["x@y.example"]


def test_ordinary_text_names_nobody_for_sure() -> None:
    assert not bounce.from_text("please write to me at a@b.example", ours=OURS)[1].introduced
    assert bounce.from_text("", ours=OURS)[0] == ()
    assert bounce.from_text("ask a@b.example\nor c@d.example", ours=OURS)[0] == ()


def test_addresses_of_the_copy_below_are_not_failed_ones() -> None:
    text = "This is the qmail-send program\n\n<a@b.example>:\nno mailbox\n\n"
    text += "--- Below this line is a copy of the message.\n\nTo: z@y.example"
    assert failed(text) == ["a@b.example"]


def test_mailboxes_without_a_domain_are_those_of_the_system_that_wrote() -> None:
    text = "Your mail to the following recipients could not be delivered:\n\tkitty\n\ttom"
    assert failed(text, domain="b.example") == ["kitty@b.example", "tom@b.example"]
    assert failed(text) == []


def test_a_read_receipt_within_names_no_recipient() -> None:
    fields = b"Final-Recipient: rfc822; a@b.example\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    assert bounce.from_raw(fields) == ()
    assert [r.address for r in bounce.from_raw(b"x\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\n")] == [
        "a@b.example"
    ]


def test_a_notice_that_names_nobody_is_about_the_one_whom_the_original_was_to() -> None:
    assert [r.address for r in bounce.from_original(b"x\n\nSubject: y\nTo: Kim\n <a@b.example>\n\nz")] == ["a@b.example"]
    assert bounce.from_original(b"x\n\nTo: a@b.example, c@d.example\n\nz") == ()
    assert bounce.from_original(b"x\n\nTo: a@b.example\nCc: c@d.example\n\nz") == ()
    assert bounce.from_original(b"x") == ()


def test_message_id_in_text() -> None:
    assert bounce.id_in_text("x\n> Message-Id: <a@b>\n") == "<a@b>"
    assert bounce.id_in_text("no id") is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("551 is a deactivated mailbox", BounceReason.UNKNOWN),
        ("550 No mail box available for this user", BounceReason.UNKNOWN),
        ("550 is not an active address at this host", BounceReason.UNKNOWN),
        ("452 Mailbox size limit exceeded", BounceReason.FULL),
        ("550 The mailbox has exceeded its disk space limit", BounceReason.FULL),
        ("550 Benutzer hat zuviele Mails auf dem Server", BounceReason.FULL),
        ("552 message size exceeds limit", BounceReason.TOO_BIG),
        ("550 5.7.1 Rejected - bulk email", BounceReason.SPAM),
        ("550 Relaying denied", BounceReason.POLICY),
        ("550 You may not relay", BounceReason.POLICY),
    ],
)
def test_the_reason_in_one_word(words: str, reason: BounceReason) -> None:
    found = bounce.from_status(status(f"{FINAL}\nDiagnostic-Code: smtp; {words}"))
    assert [recipient.reason for recipient in found] == [reason]


def test_a_mailbox_without_its_domain_counts_before_the_address_of_whom_the_notice_is_to() -> None:
    notice = (
        "Sorry support@example.org. Your mail to the following recipients could not be delivered because they are not"
        " accepting mail with attachments:\n\tsomebody\n"
    )
    found = bouncetext.read(notice, "Mail Delivery Problem", ours=OURS, domain="post.example")
    assert [name for name, _ in found.recipients] == ["somebody@post.example"]
    notice = "Your mail could not be delivered:\n\n<support@example.org>: user unknown\n"
    alone = bouncetext.read(notice, "x", ours=OURS, domain="post.example")
    assert [name for name, _ in alone.recipients] == ["support@example.org"]
