from __future__ import annotations

import pytest

from smtpgate.mail import header, kind
from smtpgate.model import BounceRecipient, BounceReport, Kind


def of(head: str = "", mail_from: str | None = "a@b.example", **facts: object) -> Kind:
    fields, _ = header.split(head.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n")
    facts.setdefault("author", "a@b.example")
    found, reason = kind.kind_of(fields, kind.Facts(**facts), mail_from)  # type: ignore[arg-type]
    assert reason
    return found


def report(action: str) -> BounceReport:
    return BounceReport((BounceRecipient("x@y.example", action, "5.1.1", "", action == "failed"),), None)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("Subject: x", Kind.HUMAN),
        ("Auto-Submitted: no", Kind.HUMAN),
        ("Auto-Submitted: auto-replied", Kind.AUTO_REPLY),
        ("Auto-Submitted: auto-replied (vacation)", Kind.AUTO_REPLY),
        ("auto-submitted: Auto-Replied; owner-email=x", Kind.AUTO_REPLY),
        ("Auto-Submitted: auto-generated", Kind.SYSTEM),
        ("Auto-Submitted: auto-notified", Kind.SYSTEM),
        ("Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\nIn-Reply-To: <x@y>", Kind.AUTO_REPLY),
        ("Precedence: bulk", Kind.LIST),
        ("PRECEDENCE: Junk", Kind.LIST),
        ("Precedence: list", Kind.LIST),
        ("Precedence: auto_reply", Kind.AUTO_REPLY),
        ("Precedence: first-class", Kind.HUMAN),
        ("X-Autoreply: yes", Kind.AUTO_REPLY),
        ("X-Autoreply: no", Kind.HUMAN),
        ("X-Autorespond: x", Kind.AUTO_REPLY),
        ("X-Autoresponse: x", Kind.AUTO_REPLY),
        ("X-AutoReply-From: x@y", Kind.AUTO_REPLY),
        ("X-Mail-Autoreply: x", Kind.AUTO_REPLY),
        ("Delivered-To: autoresponder", Kind.AUTO_REPLY),
        ("List-Id: <x.y>", Kind.LIST),
        ("List-Unsubscribe: <mailto:x>", Kind.LIST),
        ("Mailing-List: x", Kind.LIST),
        ("X-Cron-Env: <A=b>", Kind.SYSTEM),
        ("X-Loop: x", Kind.SYSTEM),
        ("X-FC-MachineGenerated: true", Kind.SYSTEM),
        ("X-Auto-Response-Suppress: All", Kind.HUMAN),
        ("X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply", Kind.HUMAN),
        ("X-Auto-Response-Suppress: DR, RN", Kind.HUMAN),
        ("X-Auto-Response-Suppress: All\nX-Mailer: Microsoft Outlook 16.0", Kind.HUMAN),
        ("X-Auto-Response-Suppress: OOF\nUser-Agent: Mozilla Thunderbird", Kind.HUMAN),
    ],
)
def test_by_fields(head: str, expected: Kind) -> None:
    assert of(head) is expected


def test_answer_unwanted_tells_about_the_field_alone() -> None:
    fields, _ = header.split(b"X-Auto-Response-Suppress: DR, OOF\r\nX-Mailer: Microsoft Outlook\r\n\r\n")
    assert kind.answer_unwanted(fields)
    assert not kind.answer_unwanted(header.split(b"X-Auto-Response-Suppress: DR\r\n\r\n")[0])


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Automatic reply: x", Kind.AUTO_REPLY),
        ("Out of Office: x", Kind.AUTO_REPLY),
        ("Out of office until Monday", Kind.AUTO_REPLY),
        ("自动回复: x", Kind.AUTO_REPLY),
        ("自动回复：x", Kind.AUTO_REPLY),
        ("自动回复", Kind.AUTO_REPLY),
        ("[自动回复] x", Kind.AUTO_REPLY),
        ("自动答复: x", Kind.AUTO_REPLY),
        ("Abwesenheitsnotiz: x", Kind.AUTO_REPLY),
        ("Réponse automatique : x", Kind.AUTO_REPLY),
        ("自動応答: x", Kind.AUTO_REPLY),
        ("부재중: x", Kind.AUTO_REPLY),
        ("AUTO: Mei Lin is out of the office. (returning 05/01/2030)", Kind.AUTO_REPLY),
        ("AUTO: Uwe Kern ist außer Haus (Rückkehr am 05.01.2030)", Kind.AUTO_REPLY),
        ("AUTO: radiateur à changer", Kind.HUMAN),
        ("自动回复功能坏了", Kind.HUMAN),
        ("Re: Automatic reply: x", Kind.HUMAN),
        ("How do I set an automatic reply?", Kind.HUMAN),
        ("系统退信", Kind.HUMAN),
        ("Undelivered Mail Returned to Sender", Kind.HUMAN),
    ],
)
def test_by_subject(subject: str, expected: Kind) -> None:
    assert of(subject=subject) is expected


@pytest.mark.parametrize(
    ("author", "subject", "expected"),
    [
        ("postmaster@qq.example", "系统退信", Kind.BOUNCE),
        ("MAILER-DAEMON@x.example", "failure notice", Kind.BOUNCE),
        ("postmaster@x.example", "Your account", Kind.SYSTEM),
        ("noreply@x.example", "Your code", Kind.SYSTEM),
        ("no-reply+123@x.example", "Your code", Kind.SYSTEM),
        ("shop-noreply@x.example", "Your code", Kind.SYSTEM),
        ("root@x.example", "x", Kind.SYSTEM),
        ("nagios@x.example", "PROBLEM", Kind.SYSTEM),
        ("robert@x.example", "x", Kind.HUMAN),
        ("rooted@x.example", "x", Kind.HUMAN),
        ("", "x", Kind.HUMAN),
    ],
)
def test_by_author(author: str, subject: str, expected: Kind) -> None:
    assert of(author=author, subject=subject) is expected


def test_null_sender_is_never_a_human() -> None:
    assert of(mail_from=None) is Kind.SYSTEM
    assert of(mail_from=None, calendar=True) is Kind.SYSTEM
    assert of(mail_from=None, subject="Undeliverable: x") is Kind.BOUNCE
    assert of("Auto-Submitted: auto-replied", mail_from=None) is Kind.AUTO_REPLY


def test_unknown_sender_is_read_from_return_path() -> None:
    assert of("Return-Path: <>", mail_from="") is Kind.SYSTEM
    assert of("Return-Path: <a@b.example>", mail_from="") is Kind.HUMAN
    assert of("Subject: x", mail_from="") is Kind.HUMAN
    assert of("Return-Path: <>", mail_from="a@b.example") is Kind.HUMAN  # forged: the envelope is known


@pytest.mark.parametrize("sender", ["owner-list@x.example", "list-request@x.example", "list-bounces@x.example"])
def test_list_senders(sender: str) -> None:
    assert of(mail_from=sender) is Kind.LIST


def test_reports() -> None:
    top = "multipart/report"
    assert of(content_type=top, bounce=report("failed"), status=True) is Kind.BOUNCE
    assert of(content_type=top, bounce=report("delayed"), status=True) is Kind.DELAYED
    assert of(content_type=top, bounce=report("delivered"), status=True) is Kind.RECEIPT
    assert of(content_type=top, report_type="delivery-status") is Kind.BOUNCE
    assert of(content_type=top, receipt=True) is Kind.RECEIPT
    assert of(content_type=top, report_type="disposition-notification") is Kind.RECEIPT
    assert of(content_type=top, feedback=True) is Kind.FEEDBACK
    assert of(content_type=top) is Kind.SYSTEM


def test_invitation_is_from_a_human() -> None:
    assert of(calendar=True) is Kind.CALENDAR
    assert not Kind.CALENDAR.machine


def test_bounce_in_words_needs_a_mail_system() -> None:
    assert of(author="postmaster@x.example", bounce=report("failed")) is Kind.BOUNCE
    assert of("X-Failed-Recipients: x@y.example", bounce=report("failed")) is Kind.BOUNCE
    assert of(bounce=report("failed")) is Kind.HUMAN
