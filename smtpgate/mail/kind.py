"""What kind of mail it is: a person's, or one of the machines' (RFC 3834, threats L1, T7).

An ordered table of rules over header fields, what the MIME tree holds and, where a subject or sender raises suspicion,
the words; the first that answers decides and says why. Pure, never raises. A mail that no rule knows is a human's.
The words themselves are in kindwords.py.

X-Auto-Response-Suppress never makes a mail automatic by itself: Exchange sites set it on every mail of their staff.
`answer_unwanted` tells about the field itself, since whoever sets it asks for no automatic answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from smtpgate import patterns
from smtpgate.mail import address, declaredwords, header, kindwords
from smtpgate.mail.header import Field
from smtpgate.model import BounceReport, Kind
from smtpgate.records import record

_BRACKETS = "[【(（「『<《*# \t"
_SHORT = 70  # characters of a line that says little else
_JOINTS = str.maketrans("", "", "-._")
_QUOTES = frozenset("?？\"“”«»「」‘’'")
_SAID = 400  # characters of the beginning and of the end of a text in which it may say what it is


@record(frozen=True, slots=True)
class Facts:
    """What is known of the content. author: the first From address, "" for none; subject decoded."""

    content_type: str = "text/plain"
    report_type: str = ""
    author: str = ""
    name: str = ""  # the display name with it
    subject: str = ""
    text: str = ""
    reply: str = ""  # what is new in it
    bounce: BounceReport | None = None
    introduced: bool = False  # its text begins as a notice of failure does
    receipt: bool = False  # has a message/disposition-notification
    feedback: bool = False  # has a message/feedback-report
    calendar: bool = False  # text/calendar is the mail or one of its alternatives
    status: bool = False  # has a message/delivery-status that names recipients
    packed: bool = False  # has a winmail.dat: a form of Outlook's


@record(frozen=True, slots=True)
class _Clues:
    fields: tuple[Field, ...]
    facts: Facts
    mail_from: str | None  # None: null sender, "": not known
    named: dict[str, tuple[Field, ...]]
    values: dict[str, str] = field(default_factory=dict)  # what was asked for

    def value(self, name: str) -> str:
        """The first one of this field, lower case and cut; "" without one."""
        found = self.named.get(name)
        if found is None:
            return ""
        if name not in self.values:
            self.values[name] = header.unfolded(Field(name, found[0].value[:500], b"")).lower()
        return self.values[name]

    @property
    def client(self) -> bool:
        """It names a program that people write mail with."""
        agent = self.value("user-agent") + " " + self.value("x-mailer")
        return agent != " " and any(name in agent for name in kindwords.CLIENTS)

    @property
    def person(self) -> bool:
        """Something shows that a person wrote it, whoever the account belongs to."""
        return self.mail_from is not None and (self.client or bool(self.value("in-reply-to")))


def kind_of(fields: tuple[Field, ...], facts: Facts, mail_from: str | None) -> tuple[Kind, str]:
    """The kind, and the reason in a few words. mail_from: None is the null sender; "" means that it is not known."""
    if mail_from == "" and null_path(fields):
        mail_from = None
    clues = _Clues(fields, facts, mail_from, header.by_name(fields))
    for rule in _RULES:
        found = rule(clues)
        if found is not None:
            return found
    return Kind.HUMAN, "nothing says that a machine wrote it"


def null_path(fields: tuple[Field, ...]) -> bool:
    return (header.first(fields, "return-path") or "x").replace(" ", "") in ("<>", "<mailer-daemon>")


def nobody(fields: tuple[Field, ...]) -> bool:
    """From names no address at all (`Postmaster <>`): no person's program writes that."""
    return "<>" in (header.first(fields, "from") or "").replace(" ", "")


def answer_unwanted(fields: tuple[Field, ...]) -> bool:
    """Does X-Auto-Response-Suppress ask for no automatic answer? True also for some mail that people wrote."""
    value = header.first(fields, "x-auto-response-suppress") or ""
    return bool({w.strip() for w in value.lower().split(",")} & {"all", "autoreply", "oof"})


# --- words ------------------------------------------------------------------------------------------------------------


def daemon(author: str, name: str = "") -> bool:
    """Is this the address, or the name, of a mail system?"""
    local = author.partition("@")[0].lower()
    if local.startswith(kindwords.DAEMONS) or local.startswith(kindwords.POSTS):
        return True
    return bool(name) and name.lower().strip("\"' ").startswith(kindwords.DAEMON_NAMES)


def unread(author: str) -> bool:
    """Does the address say that nobody reads what is sent to it?"""
    return daemon(author) or _robot(address.split_sub(author)[0].lower())


def answers(subject: str) -> bool:
    """Does the subject begin as that of an answer, or of a mail passed on?"""
    return subject.lower().lstrip(_BRACKETS).startswith(kindwords.REPLY_MARKS)


def bounce_subject(subject: str) -> bool:
    return subject.lower().lstrip(_BRACKETS).startswith(kindwords.BOUNCE_SUBJECTS)


def away_subject(subject: str) -> bool:
    """An automatic answer names itself at the front of its subject, and then comes an end, a mark or a time: people write
    the words too."""
    low = " ".join(subject.lower().lstrip(_BRACKETS).split())
    if low.startswith(("auto: ", "auto : ")) and low.rstrip(".").endswith(")") and any(c.isdigit() for c in low[low.rfind("(") :]):
        return True  # Notes, in each language: "AUTO: Somebody is out of the office. (returning 05/01/2010)"
    if low.endswith(kindwords.AWAY_ENDS):
        return True
    if not low.startswith(kindwords.AWAY_SUBJECTS):
        return False
    if low.startswith(kindwords.AWAY_LOOSE):
        return True
    found = max((s for s in kindwords.AWAY_SUBJECTS if low.startswith(s)), key=len)
    rest = low[len(found) :].lstrip(" ")
    if rest == "":
        return not _weak(found)
    if rest[0] in ":：]】)）":
        return True
    return not _weak(found) and (
        rest[0] in "-–—(（[【!！.。,，;；~～<《\"'*_|/" or (found.isascii() and rest.startswith(kindwords.UNTIL))
    )


def of_absence(text: str) -> bool:
    """Does it begin as an absence note does? People write so too: no proof without another sign."""
    low = text[:300].lower()
    return any(words in low for words in kindwords.AWAY_TEXT)


def _named_away(facts: Facts) -> bool:
    """Notes: "Jane Doe/DE/Firm is out of the office.", in the name of the sender."""
    low = facts.subject.lower()
    found = next((phrase for phrase in kindwords.IS_AWAY if phrase in low), "") if len(low) < 120 else ""
    before = low.partition(found)[0].strip() if found else ""
    name = facts.name.lower().strip("\"' ").split()
    return bool(before and name) and before.startswith((name[0], name[-1])) and len(before.split()) < 6


def _weak(phrase: str) -> bool:
    """One word that is also an everyday one: 外出, absence, отпуск."""
    if phrase.startswith(("auto", "自动", "自動", "자동")):
        return False
    return " " not in phrase and (len(phrase) <= 4 if phrase[0] > "\u2e80" else len(phrase) <= 10)


_DECLARED = declaredwords.ANYWHERE + declaredwords.FIRST
_DECLARES = patterns.words(_DECLARED)


def declared(text: str) -> str:
    """The phrase with which the beginning of a text says that a machine sends it; "" for none. It begins a line, or is most
    of a short one: who quotes such a phrase within what he says is a person."""
    low = text[:_SAID].lower()
    together = " ".join(low.split())
    if not _DECLARES.within(together.encode("utf-8", "replace")):
        return ""
    for line in low.split("\n"):
        said = " ".join(line.strip(" \t*-=_#~()（）【】[]").split()).removeprefix("note: ")
        if said.startswith(_DECLARED):
            return next(phrase for phrase in _DECLARED if said.startswith(phrase))
        if len(said) <= _SHORT and not _QUOTES & set(said):
            found = next((phrase for phrase in declaredwords.ANYWHERE if phrase in said), "")
            if found:
                return found
    return ""


# --- rules ------------------------------------------------------------------------------------------------------------

_Answer = tuple[Kind, str] | None


def _challenge(c: _Clues) -> _Answer:
    if any(name in c.named for name in kindwords.CHALLENGE_FIELDS):
        return Kind.AUTO_REPLY, "it asks its reader to prove that he is a person"
    if c.facts.status or not (c.mail_from is None or c.value("auto-submitted") or c.facts.introduced or c.value("precedence")):
        return None
    low = " ".join(c.facts.text[:2000].lower().split())
    hint = c.value("auto-submitted") or c.mail_from is None or answers(c.facts.subject) or "confirm" in c.facts.subject.lower()
    if "delivery-status" in c.facts.report_type or not hint or c.client:
        return None
    if any(phrase in low for phrase in kindwords.CHALLENGES):
        return Kind.AUTO_REPLY, "it asks its reader to prove that he is a person"
    return None


def _report(c: _Clues) -> _Answer:
    facts = c.facts
    if facts.status and facts.bounce is not None and (facts.content_type == "multipart/report" or _from_system(c) or _returned(c)):
        return _by_action(facts.bounce)
    if facts.content_type == "multipart/report" and facts.bounce is not None and facts.bounce.recipients and facts.introduced:
        return _by_action(facts.bounce)
    if facts.receipt or facts.report_type == "disposition-notification":
        return Kind.RECEIPT, "it is a disposition notification (RFC 8098)"
    if facts.feedback or facts.report_type == "feedback-report":
        return Kind.FEEDBACK, "it is a feedback report (RFC 5965)"
    if facts.subject.lower().lstrip().startswith(kindwords.COMPLAINT) and facts.subject.rstrip()[-1:].isdigit():
        return Kind.FEEDBACK, "its subject is that of a complaint about an address, with the mail attached"
    if facts.report_type in ("delivery-status", "global-delivery-status"):
        return _by_action(facts.bounce) if facts.bounce else (Kind.BOUNCE, "it is a delivery report that names no recipient")
    if facts.content_type == "multipart/report" and not (facts.bounce and facts.bounce.recipients):
        return Kind.SYSTEM, "it is a report of another type"
    return None


def _by_action(report: BounceReport) -> tuple[Kind, str]:
    actions = {r.action for r in report.recipients}
    if "failed" in actions:
        return Kind.BOUNCE, "it is a delivery report: failed"
    if "delayed" in actions:
        return Kind.DELAYED, "it is a delivery report: delayed"
    if actions & {"delivered", "relayed", "expanded"}:
        return Kind.RECEIPT, "it is a delivery report: delivered"
    return Kind.BOUNCE, "it is a delivery report that names no recipient"


def _from_system(c: _Clues) -> bool:
    return daemon(c.facts.author, c.facts.name) or c.mail_from is None or "x-failed-recipients" in c.named or nobody(c.fields)


def _returned(c: _Clues) -> bool:
    return bounce_subject(c.facts.subject)


def _bounced(c: _Clues) -> _Answer:
    """Delivery failures without a report, as qmail, Exim and the Chinese providers send them."""
    facts = c.facts
    named = facts.bounce is not None and bool(facts.bounce.recipients)
    system = _from_system(c)
    if away_subject(facts.subject):
        return None
    if "x-failed-recipients" in c.named and facts.bounce is not None:
        return _by_action(facts.bounce)[0], "its header names the recipients that failed"
    if system and named and not answers(facts.subject) and (facts.introduced or _returned(c) or daemon(facts.author, facts.name)):
        assert facts.bounce is not None
        return _by_action(facts.bounce)[0], "a mail system reports a delivery failure in its text"
    if named and facts.introduced and _returned(c):
        assert facts.bounce is not None
        return _by_action(facts.bounce)[0], "its subject and its text are those of a bounce"
    if system and _returned(c) and not c.client:
        return Kind.BOUNCE, "a mail system wrote it and its subject is that of a bounce"
    return None


def _read(c: _Clues) -> _Answer:
    """Read receipts of Outlook, whose form is in a winmail.dat or only in words."""
    low = c.facts.subject.lower().lstrip(_BRACKETS)
    if not low.startswith(kindwords.READ_SUBJECTS):
        return None
    text = c.facts.text[:1500].lower()
    if any(phrase in text for phrase in kindwords.READ_TEXT) or ((c.facts.packed or c.mail_from is None) and not text.strip()):
        return Kind.RECEIPT, "its subject and its text are those of a read receipt"
    return None


def _calendar(c: _Clues) -> _Answer:
    if c.mail_from is not None and (c.facts.calendar or c.value("content-class").strip() == "urn:content-classes:calendarmessage"):
        return Kind.CALENDAR, "its content is an invitation or the answer to one (text/calendar)"
    return None


def _auto_submitted(c: _Clues) -> _Answer:
    value = c.value("auto-submitted").partition(";")[0].partition("(")[0].strip()
    if value in ("", "no"):
        return None
    if value.startswith("auto-replied") or (value.startswith("auto-generated") and _replies(c)):
        return Kind.AUTO_REPLY, f"Auto-Submitted: {value[:40]}"
    return Kind.SYSTEM, f"Auto-Submitted: {value[:40]}"


def _replies(c: _Clues) -> bool:
    return away_subject(c.facts.subject) or (bool(c.value("in-reply-to")) and "all" in c.value("x-auto-response-suppress"))


def _auto_reply_fields(c: _Clues) -> _Answer:
    for name in kindwords.AUTO_REPLY_FIELDS:
        if name in c.named and c.value(name).strip() not in ("no", "false", "0"):
            return Kind.AUTO_REPLY, f"it has {name}"
    for name in ("precedence", "x-precedence"):
        if c.value(name).strip().replace("-", "_") in ("auto_reply", "autoreply", "auto_replied"):
            return Kind.AUTO_REPLY, f"{name}: {c.value(name)[:40]}"
    if "autoresponder" in c.value("delivered-to"):
        return Kind.AUTO_REPLY, "Delivered-To: autoresponder"
    if c.value("message-id").strip().startswith(kindwords.AUTO_IDS):
        return Kind.AUTO_REPLY, "its Message-ID is that of a program that answers"
    mailer = c.value("x-mailer") or c.value("user-agent")
    if mailer and any(name in mailer for name in kindwords.AUTO_MAILERS):
        return Kind.AUTO_REPLY, f"X-Mailer: {mailer[:40]}"
    if away_subject(c.facts.subject) or _named_away(c.facts):
        return Kind.AUTO_REPLY, "its subject is that of an automatic reply"
    return None


def _list(c: _Clues) -> _Answer:
    for name in kindwords.LIST_FIELDS:
        if name in c.named:
            return Kind.LIST, f"it has {name}"
    for name in ("precedence", "x-precedence"):
        if c.value(name).strip() in ("list", "bulk", "junk"):
            return Kind.LIST, f"{name}: {c.value(name)[:40]}"
    sender = (c.mail_from or "").partition("@")[0].lower()
    if sender.startswith("owner-") or sender.endswith(("-request", "-owner", "-bounces")):
        return Kind.LIST, "its envelope sender is that of a mailing list"
    return None


def _says_so(c: _Clues) -> _Answer:
    """The text itself says that it is automatic. Not of mail that is passed on: its words are somebody else's."""
    facts = c.facts
    if facts.subject.lower().lstrip(_BRACKETS).startswith(kindwords.FORWARD_MARKS):
        return None
    phrase = declared(facts.reply)
    if not phrase and not c.person and not answers(facts.subject):
        phrase = declared(facts.reply[-_SAID:])
    if phrase and not c.client:
        reply = bool(c.value("in-reply-to")) or any(
            w in phrase for w in ("repl", "respon", "回复", "回覆", "返信", "antwort", "répon", "respuesta")
        )
        return (Kind.AUTO_REPLY if reply else Kind.SYSTEM), "its text says that it is automatic"
    unwanted = answer_unwanted(c.fields) and c.value("in-reply-to") and not c.client and "?" not in facts.reply
    if unwanted and len(facts.reply) < 1500 and of_absence(facts.reply):
        return Kind.AUTO_REPLY, "it speaks of an absence and asks for no answer"
    return None


def _machine(c: _Clues) -> _Answer:
    for name in kindwords.MACHINE_FIELDS:
        if name in c.named:
            return Kind.SYSTEM, f"it has {name}"
    author = c.facts.author
    if daemon(author, c.facts.name) and not (c.person and author.partition("@")[0].lower().startswith(kindwords.POSTS)):
        return Kind.SYSTEM, "a mail system wrote it"
    local = address.split_sub(author)[0].lower() if author else ""
    if _robot(local) or (local in kindwords.MACHINE_ACCOUNTS and not c.person):
        return Kind.SYSTEM, f"nobody reads what is sent to {local[:30]}@"
    if _watcher(c):
        return Kind.SYSTEM, "its subject is that of a program that watches machines"
    if c.mail_from is None:
        return Kind.SYSTEM, "its envelope sender is null and it is no report"
    return None


def _watcher(c: _Clues) -> bool:
    low = c.facts.subject.lower()
    if c.person or not low.startswith(kindwords.WATCHERS):
        return False
    return low[:4].isascii() or not any(word in c.facts.text[:2000] for word in kindwords.ASKS)


def _robot(local: str) -> bool:
    bare = local.translate(_JOINTS)
    return local in kindwords.ROBOTS or local.startswith("mailer-") or any(words in bare for words in kindwords.NO_REPLY)


_RULES: tuple[Callable[[_Clues], _Answer], ...] = (
    _challenge,
    _report,
    _bounced,
    _read,
    _calendar,
    _auto_submitted,
    _auto_reply_fields,
    _list,
    _says_so,
    _machine,
)
