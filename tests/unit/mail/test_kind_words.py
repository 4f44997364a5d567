"""What machines say of themselves, and in what subjects they answer, in many languages; and people who say nearly the same."""

from __future__ import annotations

import pytest

from smtpgate.mail import kind
from smtpgate.model import Kind

DECLARED = (
    "This is an automatic acknowledgement of your message.", "This mailbox is not monitored.",
    "Replies to this message are not read.",
    "This e-mail was sent automatically.", "Automatically generated message, please do not answer.",
    "Note: This e-mail is automatically generated.", "This message was sent from a notification-only address.",
    "Bitte nicht auf diese E-Mail antworten.", "Diese E-Mail wurde maschinell erstellt.", "Automatisch generierte E-Mail",
    "Cet e-mail a été envoyé automatiquement.", "Veuillez ne pas répondre à ce message.", "Este es un correo automático.",
    "No responda a este mensaje.", "Este e-mail foi gerado automaticamente.", "Não responda este e-mail.",
    "Questa email è stata generata automaticamente.", "Non rispondere a questa e-mail.", "Deze e-mail is automatisch verzonden.",
    "Gelieve niet te antwoorden op deze mail.", "Ta wiadomość została wysłana automatycznie.", "Это письмо отправлено роботом.",
    "Данное письмо создано автоматически, отвечать на него не нужно.", "※このメールは送信専用アドレスから送信しています。",
    "本メールはシステムより自動送信しております。", "这是一封系统邮件", "此郵件由系統寄出", "Det går inte att svara på detta mejl.",
    "Denne e-mail er sendt automatisk.", "Du kan ikke svare på denne e-posten.", "Tähän viestiin ei voi vastata.",
    "Na tento e-mail prosím neodpovídejte.", "Na túto správu neodpovedajte.", "Bu e-posta otomatik olarak gönderilmiştir.",
    "Kérjük, ne válaszoljon erre az e-mailre.", "Acesta este un mesaj automat.", "Παρακαλούμε μην απαντήσετε σε αυτό το μήνυμα.",
    "זוהי הודעה אוטומטית.", "هذه رسالة تلقائية", "Email ini dikirim secara otomatis.", "Xin đừng trả lời thư này.",
    "กรุณาอย่าตอบกลับอีเมลนี้", "Ovo je automatska poruka.", "Моля, не отговаряйте на това писмо.",
)  # fmt: skip
SAID_BY_PEOPLE = (
    "I received an automatically generated email about my order, but the number in it is wrong.",
    "We want an auto-generated message after each sale",
    "Ich habe eine automatisch generierte E-Mail bekommen",
    "J'ai reçu un message généré automatiquement hier",
    "Recibí un mensaje generado automáticamente",
    "系统自动生成的密码不能登录",
    "メールが自動で配信されません",
    "고객에게 회신이 불가합니다",
    "Can customers see that this is an automated reply, and why does it say 'do not reply to this email'?",
)
AUTOMATIC = (
    "Autosvar Ordre 12", "부재중 자동응답: 주문", "Automātiska atbilde: x", "Resposta automàtica: x", "Sjálfvirkt svar: x",
    "Order 12 [Auto-Reply]", "订单 12（自动回复）", "AUTO : Léa Roy est absente (retour 12/01/2026)", "OOO Re: Order 12",
    "Urlaubsbenachrichtigung", "Afwezigheidsbericht: x", "Нет на рабочем месте: x", "Відсутність: x", "Ofis dışındayım",
    "Nous avons bien reçu votre message", "Ihre Anfrage ist eingegangen", "お問い合わせありがとうございます",
)  # fmt: skip
WRITTEN_BY_PEOPLE = (
    "Vacation: how do I enter it", "Urlaub: Antrag fehlt", "We have received your invoice 12, but not the goods", "Auto: Reifen",
    "Thank you for your email", "Away game tickets", "Nous avons bien reçu votre colis cassé", "Peter is out of the office",
)  # fmt: skip


@pytest.mark.parametrize("line", DECLARED)
def test_a_machine_says_what_it_is(line: str) -> None:
    assert kind.declared(f"Dear customer,\n\n{line}\n\nOrder 12")


@pytest.mark.parametrize("line", SAID_BY_PEOPLE)
def test_people_speak_of_machines(line: str) -> None:
    assert not kind.declared(f"Hello,\n\n{line}\n\nKim")


@pytest.mark.parametrize("subject", AUTOMATIC)
def test_subject_of_an_automatic_answer(subject: str) -> None:
    assert kind.away_subject(subject)


@pytest.mark.parametrize("subject", WRITTEN_BY_PEOPLE)
def test_subject_of_a_person(subject: str) -> None:
    assert not kind.away_subject(subject)


@pytest.mark.parametrize(
    ("name", "subject", "expected"),
    [
        ("Kim Lee", "Kim Lee/DE/Firm is out of the office.", Kind.AUTO_REPLY),
        ("Lee, Kim", "Kim Lee ist außer Haus.", Kind.AUTO_REPLY),
        ("Kim Lee", "Peter is out of the office, who answers", Kind.HUMAN),
        ("Kim Lee", "Is Kim Lee out of the office", Kind.HUMAN),
        ("", "is out of the office", Kind.HUMAN),
    ],
)
def test_absence_in_the_name_of_the_sender(name: str, subject: str, expected: Kind) -> None:
    assert kind.kind_of((), kind.Facts(author="kim@firm.example", name=name, subject=subject), "kim@firm.example")[0] is expected


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("nao-responda@x.example", Kind.SYSTEM),
        ("ne_pas_repondre@x.example", Kind.SYSTEM),
        ("shop.no_reply.de@x.example", Kind.SYSTEM),
        ("svar-ej@x.example", Kind.SYSTEM),
        ("ole.svarik@x.example", Kind.HUMAN),
        ("reply@x.example", Kind.HUMAN),
    ],
)
def test_addresses_that_nobody_reads(author: str, expected: Kind) -> None:
    assert kind.kind_of((), kind.Facts(author=author, subject="Order 12"), author)[0] is expected


def test_a_complaint_that_is_of_no_report_type() -> None:
    def of(subject: str) -> Kind:
        return kind.kind_of((), kind.Facts(content_type="multipart/mixed", author="a@b.example", subject=subject), "a@b.example")[0]

    assert of(" complaint about message from 192.0.2.7") is Kind.FEEDBACK
    assert of("Complaint about message from your colleague") is Kind.HUMAN
