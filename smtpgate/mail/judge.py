"""What a mail is, from all that was read of it: its kind, and the delivery report if it is one.

Gathers the evidence that mail/kind.py weighs. Looks into the words of a mail only where its header raises suspicion, so
that ordinary mail costs nothing. Pure, never raises.
"""

from __future__ import annotations

import re
from dataclasses import replace

from smtpgate.mail import address, bounce, bouncetext, header, kind, kindwords, params
from smtpgate.mail.bouncereason import reason
from smtpgate.mail.header import Field
from smtpgate.model import Address, BounceReason, BounceRecipient, BounceReport, Kind
from smtpgate.records import record

_FEEDBACK = re.compile(
    r"^feedback-type:\s{0,5}(?:abuse|fraud|virus|other|not-spam|opt-out|dkim|auth-failure)\b", re.IGNORECASE | re.MULTILINE
)
_HEAD = 256 * 1024  # octets of a mail in which its body begins
_TALK = 8000  # characters of a text in which the fields of a report without its type may stand


@record(frozen=True, slots=True)
class Read:
    """What was read of a mail so far. people: everybody in From, To and Cc; status: delivery-status parts, decoded."""

    fields: tuple[Field, ...]
    author: Address | None
    people: tuple[Address, ...]
    subject: str
    raw: bytes = b""
    text: str = ""
    reply: str = ""
    status: tuple[bytes, ...] = ()
    original_id: str | None = None
    receipt: bool = False
    feedback: bool = False
    calendar: bool = False
    packed: bool = False


def judge(mail: Read, mail_from: str | None) -> tuple[BounceReport | None, Kind, str]:
    """The delivery report if the mail is one, the kind of mail, and the reason for the kind. mail_from: see mail/parse.py."""
    top, values = params.content_type(mail.fields)
    report_type = values.get("report-type", "").lower()
    author = mail.author or Address("", "")
    null = mail_from is None or (mail_from == "" and kind.null_path(mail.fields))
    failed = _failed(mail.fields)
    returned = kind.bounce_subject(mail.subject)
    system = null or bool(failed) or kind.daemon(author.address, author.name) or kind.nobody(mail.fields)
    recipients: tuple[BounceRecipient, ...] = ()
    introduced = False
    if top == "multipart/report" or system or returned:
        recipients = bounce.together([r for data in mail.status for r in bounce.from_status(data)])
    named = bool(recipients)
    if not named and (system or returned or top == "multipart/report") and not mail.feedback and not _answer(mail, report_type):
        ours = frozenset(address.key(a.address) for a in mail.people)
        if system and not failed:
            recipients = bounce.from_raw(mail.raw)
            named = bool(recipients)
        domain = author.domain if kind.daemon(author.address, author.name) else ""
        said, notice = bounce.from_text(mail.text, ours=ours, subject=mail.subject, failed=failed, domain=domain)
        introduced = notice.introduced and (system or (notice.sure and not _asks(mail.text)))
        recipients = recipients or said
        if system and not introduced and not named and mail.raw:
            said, notice = _as_text(mail, ours)
            introduced = notice.introduced
            recipients = said if introduced else recipients or said
    if not recipients and system and returned and mail.raw and not kind.away_subject(mail.subject):
        recipients = bounce.from_original(mail.raw[header.split(mail.raw[:_HEAD])[1] :])
    recipients = tuple(
        r if r.reason is not BounceReason.OTHER else replace(r, reason=reason(r.status, mail.text)) for r in recipients
    )
    original = mail.original_id or bounce.id_in_text(mail.text) if recipients or system or returned else None
    report = bounce.report(recipients, original)
    facts = kind.Facts(
        content_type=top,
        report_type=report_type,
        author=author.address,
        name=author.name,
        subject=mail.subject,
        text=mail.text,
        reply=mail.reply,
        bounce=report,
        introduced=introduced,
        receipt=mail.receipt and top == "multipart/report" and not _refused(mail, introduced),
        feedback=mail.feedback or _speaks_as_feedback(mail.text[:_TALK]),
        calendar=mail.calendar,
        status=named,
        packed=mail.packed,
    )
    found, why = kind.kind_of(mail.fields, facts, mail_from)
    told = found in (Kind.BOUNCE, Kind.DELAYED) or (named and found is Kind.RECEIPT)
    return (report if told else None), found, why


def _speaks_as_feedback(text: str) -> bool:
    return "feedback-type:" in text.lower() and _FEEDBACK.search(text) is not None


def _as_text(mail: Read, ours: frozenset[str]) -> tuple[tuple[BounceRecipient, ...], bouncetext.Notice]:
    """From the whole body as it stands, for a notice whose MIME structure is broken or was lost on the way."""
    at = header.split(mail.raw[:_HEAD])[1]
    text = mail.raw[at : at + bouncetext.TEXT].decode("utf-8", "replace").replace("\r\n", "\n")
    return bounce.from_text(text, ours=ours, subject=mail.subject)


def _failed(fields: tuple[Field, ...]) -> tuple[str, ...]:
    """X-Failed-Recipients, as Exim and Gmail write it."""
    values = ", ".join(header.unfolded(f) for f in header.named(fields, "x-failed-recipients")[:10])
    return tuple(a.address for a in address.parse_list(values, limit=100)[0] if "@" in a.address) if values else ()


def _answer(mail: Read, report_type: str) -> bool:
    """A read receipt, or an absence note of a mail system: no notice of failure."""
    if report_type == "disposition-notification" or mail.receipt:
        return not _refused(mail, True)
    return kind.away_subject(mail.subject)


def _asks(text: str) -> bool:
    """Somebody asks for help: no notice does."""
    low = text[:_TALK].lower()
    return any(words in low for words in kindwords.HELP)


def _refused(mail: Read, introduced: bool) -> bool:
    """A receipt by which a mail server says that it threw the mail away (Sieve reject, RFC 5429)."""
    return introduced and mail.receipt and "reject" in f"{mail.subject}\n{mail.text[:500]}".lower()
