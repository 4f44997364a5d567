"""What a letter to a customer says: its data, and how strange text is made harmless before any of it is used.

Pure functions. Text from outside is only ever a value; ComposeError is raised where cutting a value would change what
somebody meant to say (an agent's message, an address), everything else is cleaned and cut in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote
from zoneinfo import ZoneInfo

from smtpgate.bulletin import Matter
from smtpgate.clock import base32, id_text
from smtpgate.colors import on_dark
from smtpgate.desksettings import Desk, Texts
from smtpgate.errors import GatewayError
from smtpgate.languages import LANGUAGES, TAGS, Language, colon, is_chinese
from smtpgate.mail import safe
from smtpgate.mail.customerwords import Asked, offered
from smtpgate.mail.folding import fold_text
from smtpgate.mail.privacywords import BUTTONS, COUNTS, TEXTS, TITLES, Occasion
from smtpgate.mail.statuswords import LAST, MATTER, NEXT, STATE
from smtpgate.model import Address, Entry, OtherTicket, Status
from smtpgate.records import record

LONGEST_SUBJECT = 200  # characters of the customer's subject that go back
LONGEST_NAME = 80
LONGEST_MESSAGE = 65536
_LINKED = 150  # characters of a subject in a link: some clients take no longer ones

_UNITS: dict[Language, tuple[str, str, str]] = {
    "en": (" min", " h", " d"),
    "zh": (" 分钟", " 小时", " 天"),
    "zh-Hant": (" 分鐘", " 小時", " 天"),
}
_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]


class ComposeError(GatewayError):
    """This letter cannot be built as it is meant. str() is the reason, fit for the admin."""


class Purpose(StrEnum):
    """Why we write. Each has its templates: <language>/<purpose>.txt and .html."""

    RECEIVED = "received"
    REPEAT = "repeat"
    PROGRESS = "progress"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"  # an agent has made one ticket of two
    UNMERGED = "unmerged"  # and has taken that back
    HANDED = "handed"  # an agent has put somebody else in this customer's place
    SPLIT = "split"  # an agent has taken one of the customer's mails out into a ticket of its own
    REMIND = "remind"  # of what was not answered, or was believed to be solved
    BULLETIN = "bulletin"  # to everybody whom something concerns
    STATUS = "status"  # the customer asked how it stands
    LANGUAGE = "language"  # he asked for another language: this one
    FEWER = "fewer"  # he asked for fewer notices
    ALL = "all"  # and wants all of them again
    PRIVACY = "privacy"  # about what he asked about his own data
    NOTICE = "notice"  # to a sender that nothing vouches for: no text of theirs, no name

    @property
    def replies(self) -> bool:
        """Answers a mail at once by itself (RFC 3834 §5.1 auto-replied); the others follow from a change of the ticket."""
        return self in _AT_ONCE

    @property
    def offers_words(self) -> bool:
        """Names the words by which the customer may steer the ticket, with a link for each."""
        return self not in (Purpose.CLOSED, Purpose.PRIVACY, Purpose.NOTICE, Purpose.HANDED)

    @property
    def offers_wishes(self) -> bool:
        """The same of the words for our mail itself."""
        return self not in (Purpose.PRIVACY, Purpose.NOTICE, Purpose.HANDED)


_AT_ONCE = frozenset(
    (Purpose.RECEIVED, Purpose.REPEAT, Purpose.STATUS, Purpose.LANGUAGE, Purpose.FEWER, Purpose.ALL, Purpose.NOTICE)
)


@record(frozen=True, slots=True)
class Standing:
    """How a ticket stands. last: the newest of what its customer has seen; others: the customer's further open tickets."""

    status: Status
    last: Entry | None = None
    others: tuple[OtherTicket, ...] = ()


@record(frozen=True, slots=True)
class Ending:
    """How a ticket ended, or will. by: "customer" who said that it is solved, "time" after so many days of silence, "" for an
    agent. closes_at: when it ends by itself; waiting: for the customer's answer."""

    by: str = ""
    days: int = 0
    closes_at: float | None = None
    waiting: bool = False


@record(frozen=True, slots=True)
class Letter:
    """One mail to one customer. Values may be as they came from outside: compose cleans them.

    message is an agent's own words in plain text, "" for none. standing belongs to STATUS alone. subject is the ticket's; it is
    shown only with show_subject. reply_to is the signed address (None: the desk's own). date is in seconds since 1970. fewer: the
    customer wants fewer notices.
    """

    purpose: Purpose
    language: Language
    desk: Desk
    ticket_number: str
    to: Address
    message_id: str
    date: float
    subject: str = ""
    show_subject: bool = False
    message: str = ""
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    reply_to: str | None = None
    standing: Standing | None = None
    promise: str = ""  # until when an answer comes, as we say it
    matter: Matter | None = None  # of BULLETIN alone
    other: str = ""  # the number of the ticket that was merged into this one, that it was taken out of, or that it goes on from
    fewer: bool = False
    ending: Ending | None = None
    copies: bool = False  # of HANDED: he gets copies of our answers from now on
    personal: Personal | None = None  # of PRIVACY alone


@record(frozen=True, slots=True)
class Personal:
    """What a person is told of his own data. until: a moment that it names; counts: of "tickets", "received", "sent"; record: of
    what was done."""

    occasion: Occasion
    until: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    record: str = ""


def new_message_id(ticket_id: int, domain: str, rand: bytes) -> str:
    """A Message-ID of ours, with its angle brackets. rand: at least 10 random octets, so that nobody guesses it."""
    if len(rand) < 10:
        raise ValueError("a Message-ID needs at least 10 random octets")
    return f"<{id_text(ticket_id)}.{base32(rand)}@{domain}>"


# --- cleaning ---------------------------------------------------------------------------------------------------------

_TAG = re.compile(r"[\[【［] ?[#＃] ?[0-9A-Za-z０-９Ａ-Ｚａ-ｚ._/－-]{1,60} ?[\]】］]")


def one_line(text: str, limit: int) -> str:
    """A value for one line: no control, break, direction mark or lone surrogate; one … at the end when it was cut."""
    line = safe.line(text, limit + 1)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def many_lines(text: str) -> str:
    """Text of several lines with \\n between them, otherwise cleaned like one_line. Raises ComposeError when too long."""
    if len(text) > LONGEST_MESSAGE:
        raise ComposeError(f"the message is longer than {LONGEST_MESSAGE} characters")
    return "\n".join(line.rstrip() for line in safe.block(text).expandtabs(4).split("\n")).strip("\n")


def shown_subject(subject: str, number: str) -> str:
    """The customer's subject without any ticket tag, "" when nothing else is left: ours is put in front of it."""
    text = one_line(subject, LONGEST_SUBJECT)
    text = _TAG.sub(" ", text)
    if number.casefold() in text.casefold():  # seldom, and each new number is a new expression to compile
        text = re.sub(r"[\[【［]?#?" + re.escape(number) + r"[\]】］]?", " ", text, flags=re.IGNORECASE)
    return " ".join(text.split())


def greeting_name(name: str) -> str:
    """The name to greet with, "" when it is none that a person would be called by."""
    text = one_line(name, LONGEST_NAME)
    odd = any(c in text for c in '@/\\<>[]{}|,;:"=') or "www." in text.lower() or "…" in text
    return text if not odd and len(text) <= 40 and any(c.isalpha() for c in text) else ""


def desk_name(desk: Desk, language: Language) -> str:
    """The desk's name in a language, in another one when that is all there is, else its short name."""
    return one_line(named(desk.display_name, language) or desk.name, LONGEST_NAME)


def named(names: Texts, language: Language) -> str:
    """In a language, in another one when that is all there is; "" without any."""
    other: Language = "zh" if language == "en" else "en"
    return names.of(language) or names.of(other)


def date_text(moment: float, desk: Desk, language: Language, zone: str = "") -> str:
    """The moment in that zone, else the desk's, as people write it."""
    local = datetime.fromtimestamp(moment, ZoneInfo(zone or desk.timezone))
    if is_chinese(language):
        return f"{local.year}年{local.month}月{local.day}日 {local.hour:02}:{local.minute:02}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local.hour:02}:{local.minute:02}"


def offset_text(moment: float, desk: Desk, language: Language) -> str:
    """The desk's zone then, by its offset, to stand behind a moment: whoever reads it may live in another one."""
    local = datetime.fromtimestamp(moment, ZoneInfo(desk.timezone))
    minutes = int((local.utcoffset() or local - local).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    offset = "UTC" + ("" if not minutes else f"{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else ""))
    return f"（{offset}）" if is_chinese(language) else f" ({offset})"


def age_text(seconds: float, language: Language) -> str:
    """How long ago, in the unit that tells."""
    minutes = max(0, int(seconds // 60))
    minute, hour, day = _UNITS[language]
    if minutes < 60:
        return f"{minutes}{minute}"
    return f"{minutes // 60}{hour}" if minutes < 48 * 60 else f"{minutes // 1440}{day}"


OF_DESK = ("desk", "address", "lang", "color", "darkcolor")  # what of_desk gives


def of_desk(desk: Desk, language: Language) -> dict[str, str]:
    """What every page of the desk's mail may use."""
    return {
        "desk": desk_name(desk, language),
        "address": desk.address,
        "lang": TAGS[language],
        "color": desk.color,
        "darkcolor": on_dark(desk.color),
    }


def variables(letter: Letter) -> dict[str, str]:
    """What templates may use; templates/README.md documents each. All clean, none escaped yet."""
    desk, language = letter.desk, letter.language
    theirs = letter.purpose is not Purpose.NOTICE
    subject = shown_subject(letter.subject, letter.ticket_number) if theirs and letter.show_subject else ""
    return {
        "number": letter.ticket_number,
        "subject": subject,
        "name": greeting_name(letter.to.name) if theirs else "",
        "message": many_lines(letter.message) if theirs else "",
        "date": date_text(letter.date, desk, language),
        "other": letter.other,
        "copies": "yes" if letter.copies else "",
        "promise": letter.promise,
        "folded": fold_text(letter.promise),
        "matter": MATTER[language][letter.matter] if letter.matter else "",
        **of_desk(desk, language),
        **_standing(letter),
        **_ending(letter),
        **_links(letter, subject),
        **_personal(letter, subject),
    }


def _personal(letter: Letter, subject: str) -> dict[str, str]:
    found, language = letter.personal, letter.language
    if found is None:
        return dict.fromkeys(("title", "confirmlink", "button"), "")
    word = found.occasion.answered
    decision = {"confirm": Asked.CONFIRM, "cancel": Asked.CANCEL}.get(word)
    comma = "，" if is_chinese(language) else ", "
    until = ""
    if found.until is not None:
        until = date_text(found.until, letter.desk, language) + offset_text(found.until, letter.desk, language)
    text = TEXTS[language][found.occasion].format(
        word=offered(decision, language) if decision else "",
        until=until,
        counts=comma.join(_count(language, name, count) for name, count in found.counts.items()),
        record=found.record,
    )
    address = letter.reply_to or letter.desk.address
    body = "&body=" + quote(offered(decision, language)) if decision else ""
    return {
        "title": TITLES[language][found.occasion],
        "message": text,
        "folded": fold_text(text),
        "confirmlink": mailto(address, letter.ticket_number, subject) + body if decision else "",
        "button": BUTTONS[language][word] if word else "",
    }


def _count(language: Language, name: str, count: int) -> str:
    words = COUNTS[language]
    return (words.get(f"{name}-one", words[name]) if count == 1 else words[name]).format(n=count)


def _standing(letter: Letter) -> dict[str, str]:
    found, language = letter.standing, letter.language
    if found is None:
        return dict.fromkeys(("state", "last", "next", "others"), "")
    last = found.last
    line = "{}（{}）" if is_chinese(language) else "{} ({})"
    shown = ((other, shown_subject(other.subject, other.number)) for other in found.others)
    lines = (
        line.format(o.number, STATE[language][o.status]) + (colon(language) + subject if subject else "") for o, subject in shown
    )
    return {
        "state": STATE[language][found.status],
        "last": LAST[language][last.kind].format(when=date_text(last.created_at, letter.desk, language)) if last else "",
        "next": NEXT[language][found.status],
        "others": "\n".join(lines),
    }


def _ending(letter: Letter) -> dict[str, str]:
    """Each is empty or says something, so that templates need only ask whether it is there."""
    found = letter.ending or Ending()
    return {
        "confirmed": "yes" if found.by == "customer" else "",
        "days": str(max(1, found.days)) if found.by == "time" else "",
        "closes": "" if found.closes_at is None else date_text(found.closes_at, letter.desk, letter.language),
        "unanswered": "yes" if found.waiting else "",
    }


_WORDS = {"asklink": Asked.STATUS, "solvedlink": Asked.SOLVED, "unsolvedlink": Asked.UNSOLVED}
_WISHES = {
    "enlink": Asked.ENGLISH,
    "zhlink": Asked.SIMPLIFIED,
    "hantlink": Asked.TRADITIONAL,
    "fewerlink": Asked.FEWER,
    "alllink": Asked.ALL,
}
_BODIES: dict[Language, dict[str, str]] = {
    language: {name: "&body=" + quote(offered(asked, language)) for name, asked in (*_WORDS.items(), *_WISHES.items())}
    for language in LANGUAGES
}
_OWN: dict[Language, str] = {"en": "enlink", "zh": "zhlink", "zh-Hant": "hantlink"}  # nobody asks for what he has


def links(language: Language, address: str, number: str, subject: str, *, words: bool, wishes: bool, fewer: bool) -> dict[str, str]:
    """What a tap and "send" does: a reply of one word to the customer's signed address. words: those that steer the ticket;
    wishes: those about our mail to this person. "" for what is not offered."""
    base, bodies = mailto(address, number, subject), _BODIES[language]
    left_out = {_OWN[language], "fewerlink" if fewer else "alllink"}
    return {
        **{name: base + bodies[name] if words else "" for name in _WORDS},
        **{name: base + bodies[name] if wishes and name not in left_out else "" for name in _WISHES},
    }


def _links(letter: Letter, subject: str) -> dict[str, str]:
    purpose, address = letter.purpose, letter.reply_to or letter.desk.address
    offers = {"words": purpose.offers_words, "wishes": purpose.offers_wishes}
    return links(letter.language, address, letter.ticket_number, subject, fewer=letter.fewer, **offers)


def mailto(address: str, number: str, subject: str) -> str:
    """A link that answers a mail about a ticket (RFC 6068). subject: as it is shown, without the number."""
    return f"mailto:{quote(address, safe='@+')}?subject={quote(f'Re: [#{number}] {subject}'.rstrip()[:_LINKED])}"
