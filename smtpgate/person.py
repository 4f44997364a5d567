"""What is kept of one person, and the record of what became of it. Pure data; never fails.

Where a person was erased a pseudonym stands in the place of the address: a mailbox at a domain that can never exist (RFC 2606 §2).
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from smtpgate.blocks import mailbox_key
from smtpgate.records import record

ERASED = "(erased)"  # in the place of a text
DOMAIN = "erased.invalid"
_SIGN = "abcdefghijkmnpqrstuvwxyz23456789"
# Thai, Lao, Burmese, Khmer, and from the radicals of Chinese to the syllables of Korean, which adds its particles without a space.
_UNSPACED = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u2e80-\\ud7ff\\uf900-\\ufaff\\uff00-\\uffef\\U00020000-\\U0003ffff"


def new_pseudonym() -> str:
    """Made of nothing: nobody can find out whose it was."""
    return "person-" + "".join(secrets.choice(_SIGN) for _ in range(12)) + "@" + DOMAIN


def is_pseudonym(address: str) -> bool:
    return address.endswith("@" + DOMAIN)


def same(address: str | None, person: str) -> bool:
    """Case does not tell people apart here: nobody has two mailboxes that differ in it alone."""
    return address is not None and address.casefold() == person.casefold()


def redaction(person: str, pseudonym: str) -> Callable[[str], str]:
    """Puts the pseudonym in the place of the address, wherever it stands alone in a text: also between letters of a script that has
    no spaces, unless it begins with one itself."""
    escaped = {re.escape(person), re.escape(json.dumps(person)[1:-1])}  # as JSON may write it
    before, after = ("" if re.match(f"[{_UNSPACED}]", c) else _UNSPACED for c in (person[:1], person[-1:]))
    pattern = re.compile(
        rf"(?<![^\W{before}])(?<![^\W{before}][.+-])(?:{'|'.join(sorted(escaped))})(?![^\W{after}]|-|\.\w)", re.IGNORECASE
    )
    return lambda text: pattern.sub(pseudonym, text)


class What(StrEnum):
    """What was asked for, or done."""

    EXPORT = "export"
    ERASE = "erase"


class State(StrEnum):
    """How far it is."""

    ASKED = "asked"  # by mail; the person has not confirmed it yet
    CONFIRMED = "confirmed"  # by the person; an admin's turn, or that of the time that was promised
    RUNNING = "running"
    TELLING = "telling"  # done, but for the mail that says so
    DONE = "done"
    LAPSED = "lapsed"  # nobody confirmed it, or an admin said no


@record(frozen=True, slots=True)
class Request:
    """One thing that was asked for or done. address: "" once nothing of the person is left; by: who did it, "" for the person."""

    id: int
    what: What
    state: State
    address: str
    pseudonym: str
    by: str
    asked_at: float
    done_at: float | None = None
    at: float | None = None  # when something is next to happen by itself
    ticket_id: int | None = None  # where it was asked for
    desk: str = ""
    language: str = "en"
    counts: dict[str, int] = field(default_factory=dict)
    outgoing_id: int | None = None  # the mail that says that it is done


@dataclass(slots=True)
class Trail:
    """Where something of a person stands, by the keys of the store. Whatever is gone already is not in it.

    own: tickets whose customer is the person, with their numbers; shared: others' with something of theirs. mails: incoming ones
    that go, by seq; theirs: those of them that they wrote, "" for one that may be forged; returned: those that only something else
    of theirs leads to: our mail that came back, what agents wrote; mentions: others' that name them. begun: tickets that a mail of
    theirs began and that are not theirs, by its entry; topics: their subjects by their numbers.
    entries: what is said in tickets that goes, or names them. outgoing: mails of ours that go, of which `sent` are to them. busy:
    mails that are just being filed or delivered. known: mails of ours about these tickets, and entries of their own, that were
    there when they were looked at, gone or not; ended: numbers of tickets that were theirs a round ago.
    """

    person: str
    own: dict[int, str] = field(default_factory=dict)
    shared: dict[int, str] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)  # of their own
    mails: dict[int, str] = field(default_factory=dict)
    theirs: dict[int, str] = field(default_factory=dict)
    returned: set[int] = field(default_factory=set)
    mentions: dict[int, str] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    entries: dict[int, bool] = field(default_factory=dict)  # by id; True: its text goes
    elses: set[int] = field(default_factory=set)  # entries of their own tickets that were said with the customer before them
    outgoing: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    known: set[int] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)  # outgoing mails that have not left
    held: set[int] = field(default_factory=set)  # incoming mails that wait for a person
    busy: int = 0
    octets: int = 0
    others: int = 0  # mails of other people in these tickets, which stay
    wishes: int = 0
    blocks: int = 0
    since: float | None = None

    @property
    def mailbox(self) -> str:
        return mailbox_key(self.person)

    @property
    def nothing(self) -> bool:
        return not (
            self.own or self.shared or self.mails or self.mentions or self.entries or self.outgoing or self.wishes or self.blocks
        )

    def counts(self) -> Counter[str]:
        """How many of what, for people and for the record."""
        return Counter(
            {
                "tickets": len(self.own),
                "shared tickets": len(self.shared),
                "mails received": len(self.mails),
                "mails sent": len(self.outgoing),
                "unsent mails": len(self.waiting),
                "held mails": len(self.held),
                "entries": sum(self.entries.values()),
                "mentions": len(self.mentions) + len(self.entries) - sum(self.entries.values()),
                "wishes": self.wishes,
                "blocks": self.blocks,
            }
        )
