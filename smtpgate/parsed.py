"""What a mail says, as types: who and what its reader found in it. Plain frozen data, known to all others by way of `model`.

No I/O, no behaviour beyond small properties; what is in model's first lines holds here too.
"""

from __future__ import annotations

from enum import StrEnum

from smtpgate.records import record


@record(frozen=True, slots=True)
class Address:
    """One mailbox: the display name (decoded, safe to print) and the addr-spec (domain in lower-case A-labels)."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class Kind(StrEnum):
    HUMAN = "human"
    AUTO_REPLY = "auto-reply"
    BOUNCE = "bounce"
    DELAYED = "delayed"
    RECEIPT = "receipt"
    LIST = "list"
    FEEDBACK = "feedback"
    CALENDAR = "calendar"
    SYSTEM = "system"

    @property
    def machine(self) -> bool:
        """No human wrote it to us: never answered automatically (RFC 3834 §2). An invitation comes from a human."""
        return self not in (Kind.HUMAN, Kind.CALENDAR)


@record(frozen=True, slots=True)
class Detail:
    """One thing that a mail is about, as a named pattern found it: order, domain, version, …"""

    name: str
    value: str  # safe to print
    where: str  # subject, text (newly written), quoted (only in the rest of the text)


@record(frozen=True, slots=True)
class Attachment:
    """What is known of a file in a mail; its bytes stay in the raw mail. filename is safe to print, never a path."""

    filename: str
    content_type: str  # what it is by its content where the label says nothing or something else, else the label
    size: int
    sha256: str
    inline: bool = False
    content_id: str | None = None
    label: str = ""  # the type that its sender gave, where that is another
    seen: bool = False  # a picture of this sender that came before: a logo, a signature (set at filing)


@record(frozen=True, slots=True)
class Meeting:
    """What an invitation, a cancellation or an answer is about (RFC 5545). Times are ISO 8601: with offset; without, when the
    calendar named no zone; as dates for whole days, the last one included."""

    method: str  # REQUEST REPLY CANCEL COUNTER PUBLISH … (RFC 5546 §1.4)
    summary: str = ""
    starts: str = ""
    ends: str = ""
    location: str = ""
    organizer: str = ""  # Name <address>
    attendees: tuple[str, ...] = ()
    answer: str = ""  # of a REPLY: ACCEPTED DECLINED TENTATIVE DELEGATED
    repeats: str = ""  # RRULE, or Outlook's words for it
    note: str = ""  # the description


class BounceReason(StrEnum):
    """Why a mail did not arrive, in one word."""

    UNKNOWN = "mailbox-unknown"  # or disabled
    FULL = "full"
    POLICY = "policy"
    SPAM = "spam"
    TOO_BIG = "too-big"
    HOST = "host-unknown"  # the domain does not exist or takes no mail
    NETWORK = "network"
    EXPIRED = "expired"  # tried for as long as the queue keeps it
    OTHER = "other"


@record(frozen=True, slots=True)
class BounceRecipient:
    address: str
    action: str  # failed delayed delivered relayed expanded (RFC 3464 §2.3.3)
    status: str  # RFC 3463, "" if none was given
    diagnostic: str
    permanent: bool
    reason: BounceReason = BounceReason.OTHER


@record(frozen=True, slots=True)
class BounceReport:
    recipients: tuple[BounceRecipient, ...]
    original_message_id: str | None


@record(frozen=True, slots=True)
class Original:
    """A mail that another one passes on, as it says of itself. people: whom its From names, where that can be read."""

    people: tuple[Address, ...] = ()
    above: str = ""  # what who passes it on wrote himself
    text: str = ""  # what its author newly wrote
    subject: str = ""
    date: str = ""  # as it stands there
    message_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    machine: bool = False  # no person wrote it


@record(frozen=True, slots=True)
class ParsedMail:
    """A mail as it reads. text is all readable text; reply is what the sender newly wrote.

    html is sanitised, None if there is none or nobody asked for it.
    """

    message_id: str | None = None  # with its angle brackets, as in all id fields
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    date: str | None = None  # ISO 8601 with offset
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    language: str = ""  # BCP 47 primary tag (zh, en, ja, …), "" when there is too little text
    script: str = ""  # Hans or Hant, for Chinese that tells
    text: str = ""
    reply: str = ""
    nothing_new: bool = False  # all of the text is quoted or a signature; reply is then the whole text
    context: str = ""  # the reply with the quoted lines that it answers, where it stands between them; "" where it does not
    may_quote: bool = False  # a text that may hold, without any mark, what it answers: an original, or all of it a quote
    roles: str = ""  # then, of each line of the text, as mail.trim has it; "" where what marks it is not in the text
    tail: int = -1  # the same
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[str, ...] = ()
    kind: Kind = Kind.HUMAN
    kind_reason: str = ""
    thanks: bool = False  # a person's, and nothing but thanks
    silence: bool = False  # its sender asks that no machine answers it (X-Auto-Response-Suppress)
    bounce: BounceReport | None = None
    meeting: Meeting | None = None
    digest: str = ""  # over normalised subject, text and attachments: equal for a repeat (mail/parse.py)
    opaque: bool = False  # could not be read: the raw mail is all there is
    originals: tuple[Original, ...] = ()  # of a mail that begins with a command: the mails that it passes on
