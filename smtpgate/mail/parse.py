"""A raw mail to a ParsedMail: the one place where a mail is read whole.

mail/structure.py finds the MIME tree, because the standard parser goes line by line; where the tree is broken, mail-parser
says what is wrong with it. Every field, charset, name and address is read by our own modules, because mail-parser garbles
GBK in gb2312, takes the first of two From and keeps paths in file names. Raises ParseFailed, and nothing else, when a
mail is beyond its limits or cannot be read; `opaque` then gives what can be said of it all the same. Runs in a killable
process (mail/worker.py).
"""

from __future__ import annotations

import hashlib
import logging
from email import errors
from email.message import Message

import mailparser

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import body, calendar, digest, header, html, judge, kind, language, params, passedon, structure, thanks, trim
from smtpgate.mail.content import Content
from smtpgate.mail.head import Head
from smtpgate.mail.header import Field
from smtpgate.model import Attachment, Kind, Original, ParsedMail

logging.getLogger("mailparser").setLevel(logging.CRITICAL)  # it warns of every type of attachment
_HINT = 8192  # octets of the body in which the charset of a raw 8-bit header is looked for
_MOST_DEFECTS = 50
_MAY_QUOTE = 100  # characters of a text from which it may hold what it answers
_ITS_OWN = frozenset(("CharsetDecodeDefect", "MimeHeaderDefect"))  # about mail-parser's own reading, which is not used
_DEFECTS = {
    structure.NO_BOUNDARY: errors.NoBoundaryInMultipartDefect,
    structure.NOT_STARTED: errors.StartBoundaryNotFoundDefect,
    structure.NOT_CLOSED: errors.CloseBoundaryNotFoundDefect,
}


def parse(raw: bytes, *, mail_from: str | None, limits: Limits, html: bool = True) -> ParsedMail:
    """Read a mail. mail_from: the envelope's; None is the null sender, "" means not known. Raises ParseFailed.

    html=False: for filing, which shows it to nobody; making it safe costs as much as reading it. html=True, which an agent's mail
    is read with, looks for mails that it passes on as well, when it begins as a command does.
    """
    if b"\n" not in raw:  # a file from an old Macintosh; by SMTP no such mail comes in
        raw = raw.replace(b"\r", b"\r\n")
    fields, at = header.split(raw, limit=limits.header_section, fields=limits.header_fields)
    try:
        return _read(raw, fields, at, mail_from, limits, show=html)
    except ParseFailed:
        raise
    except RecursionError:
        raise ParseFailed("its parts are nested too deep") from None
    except MemoryError as error:
        raise ParseFailed("reading it takes too much memory") from error
    except Exception as error:  # the MIME parsers raise many things on hostile mail: a ticket with the raw mail is the answer
        raise ParseFailed(f"the MIME parser fails on it ({type(error).__name__})") from error


def _read(raw: bytes, fields: tuple[Field, ...], at: int, mail_from: str | None, limits: Limits, *, show: bool) -> ParsedMail:
    tree, broken = structure.tree(raw, fields, at, limits)
    defects = _named(tree, broken) if broken else []
    content = body.collect(tree, limits=limits)
    head = Head(fields, limits, raw[at : at + _HINT])
    text = content.text()[: limits.text_kept].strip("\n")
    source = content.html()
    shown: str | None = None
    if source is not None:
        source = source[: limits.text_kept]
        shown, defect = html.sanitise(source) if show else (None, html.defect(source))
        defects.extend([defect] if defect else [])
    answers = bool(head.ids("in-reply-to") or head.ids("references")) or trim.is_answer(head.subject)
    said = trim.split(text, subject=head.subject, answers=answers)
    marked, text = text, trim.unmarked(text)
    own = said.own()
    reply = own or text.strip()
    if not reply and content.meeting is not None:
        text = reply = calendar.alone(content.meeting)
    may_quote = answers and len(text) >= _MAY_QUOTE and (said.tail >= 0 or "q" not in said.roles)
    plain = may_quote and text == marked  # then the roles are those of the text as it is kept
    report, found, why = judge.judge(_judged(raw, head, content, text, reply), mail_from)
    hints = _hints(fields)
    spoken = language.of(reply, head.subject, hints)
    files = any(not a.inline for a in content.attachments)
    defects.extend([*head.defects, *content.defects])
    return ParsedMail(
        message_id=head.message_id,
        in_reply_to=head.ids("in-reply-to"),
        references=head.ids("references"),
        date=head.date,
        from_=head.addresses("from"),
        sender=head.addresses("sender"),
        reply_to=head.addresses("reply-to"),
        to=head.addresses("to"),
        cc=head.addresses("cc"),
        subject=head.subject,
        language=spoken,
        script=language.script(f"{reply}\n{head.subject}", (*hints, _accepts(fields))) if spoken == "zh" else "",
        text=text,
        reply=reply,
        nothing_new=not own and bool(text.strip()),
        context=context if own and "q" in said.roles and (context := said.in_context()) != reply else "",
        may_quote=may_quote,
        roles=said.roles if plain else "",
        tail=said.tail if plain else -1,
        html=shown,
        attachments=tuple(content.attachments),
        defects=tuple(dict.fromkeys(defects))[:_MOST_DEFECTS],
        kind=found,
        kind_reason=why,
        thanks=found is Kind.HUMAN and thanks.only_thanks(reply, attachments=files),
        silence=kind.answer_unwanted(fields),
        bounce=report,
        meeting=content.meeting,
        digest=digest.of(head.subject, reply, (a.sha256 for a in content.attachments)),
        originals=_passed_on(tree, marked, content, head, limits) if show and passedon.begins(marked) else (),
    )


def _passed_on(tree: structure.Part, text: str, content: Content, head: Head, limits: Limits) -> tuple[Original, ...]:
    def read(raw: bytes) -> ParsedMail:
        try:
            return parse(raw, mail_from="", limits=limits, html=False)
        except ParseFailed as error:
            return opaque(raw, mail_from="", limits=limits, reason=str(error))

    # Thunderbird names it apart; the others answer it, as it were
    own = next((a.address.lower() for a in head.addresses("from")), "")
    named = (*head.ids("x-forwarded-message-id"), *head.ids("in-reply-to"), *head.ids("references")[-1:])
    return passedon.originals(tree, text, tuple(content.attachments), next(iter(named), None), own, read)


def opaque(raw: bytes, *, mail_from: str | None, limits: Limits, reason: str) -> ParsedMail:
    """What can be said of a mail that could not be read: its header, and the whole mail as one attachment. Never raises."""
    fields, at = header.split(raw, limit=limits.header_section, fields=limits.header_fields)
    head = Head(fields, limits, raw[at : at + _HINT])
    _, found, why = judge.judge(_judged(raw, head, Content(), "", ""), mail_from)
    sha256 = hashlib.sha256(raw).hexdigest()
    return ParsedMail(
        message_id=head.message_id,
        in_reply_to=head.ids("in-reply-to"),
        references=head.ids("references"),
        date=head.date,
        from_=head.addresses("from"),
        sender=head.addresses("sender"),
        reply_to=head.addresses("reply-to"),
        to=head.addresses("to"),
        cc=head.addresses("cc"),
        subject=head.subject,
        language=language.of("", head.subject),
        attachments=(Attachment("mail.eml", "message/rfc822", len(raw), sha256),),
        defects=(f"not read: {reason}", *head.defects),
        kind=found,
        kind_reason=why,
        digest=digest.of(head.subject, "", [sha256]),
        opaque=True,
    )


def _named(tree: structure.Part, broken: list[str]) -> list[str]:
    """The defects of a tree as mail-parser names them. It gets the fields of the parts and none of their content."""
    shells: dict[int, Message] = {}
    for part in tree.walk():
        shell = shells[id(part)] = Message()
        for f in part.fields:
            if f.name.startswith("content-") and f.name != "content-transfer-encoding":
                shell[f.name] = header.unfolded(f).encode("ascii", "replace").decode()
        shell.set_payload("")
        shell.epilogue = ""
    for part in tree.walk():
        if part.children:
            shells[id(part)].set_payload([shells[id(c)] for c in part.children])
    shells[id(tree)].defects = [_DEFECTS[name]() for name in broken if name in _DEFECTS]
    try:
        found = mailparser.MailParser(shells[id(tree)]).defects_categories
    except Exception:  # it trips over odd boundaries and encodings, and it only names what we know: no reason to lose a mail
        return broken
    return sorted(str(c) for c in found if c not in _ITS_OWN) + [b for b in broken if b not in _DEFECTS]


def _hints(fields: tuple[Field, ...]) -> tuple[str, ...]:
    """What the header tells of the language, if the text does not."""
    charset = params.content_type(fields)[1].get("charset", "")
    return tuple(hint for hint in (charset, header.first(fields, "content-language") or "") if hint)


def _accepts(fields: tuple[Field, ...]) -> str:
    """The languages that the writer's program is set to. Not what this mail is in, but which Chinese he reads."""
    return header.first(fields, "accept-language") or ""


def _judged(raw: bytes, head: Head, content: Content, text: str, reply: str) -> judge.Read:
    """What there is to tell the kind of mail by."""
    author = head.addresses("from")
    return judge.Read(
        fields=head.fields,
        author=author[0] if author else None,
        people=(*author, *head.addresses("to"), *head.addresses("cc")),
        subject=head.subject,
        raw=raw,
        text=text,
        reply=reply,
        status=tuple(content.status),
        original_id=content.original_id,
        receipt=content.receipt,
        feedback=content.feedback,
        calendar=content.calendar,
        packed=content.packed,
    )
