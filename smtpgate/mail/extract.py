"""What a mail is about: numbers, versions, domains, log lines that named patterns find in its subject and text.

The patterns are the built-in ones of mail/topics.py and the admin's ([[extract]]). What the writer newly wrote is read
first; only a name that found nothing there is looked for in the rest of the text. Bounded in text, in finds and in the
length of a value, linear by the engine (patterns.py). Pure, never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from smtpgate.mail import safe
from smtpgate.mail.topics import BUILT_IN
from smtpgate.model import Detail, ParsedMail
from smtpgate.patterns import Pattern, any_of
from smtpgate.ticketsettings import Extract, Extraction

_VALUE = 200  # characters of a value; of a log line as well
_CHUNK = 24  # patterns that are asked about at once
_SAME = 5  # values of one name
_OPEN, _CLOSE = "[【［〔「", "]】］〕」"
_PREFIX = re.compile(
    r"(?:(?:re|fw|fwd|aw|wg|sv|tr|rv|回复|答复|转发|回覆|轉寄|返信|転送|회신|전달)\s?[:：]\s{0,3}){1,6}", re.IGNORECASE
)
_DOMAIN = re.compile(
    r"((?:(?:[a-z0-9][a-z0-9-]{0,62}|[\u0080-\u2fff\u3040-\u9fff]{1,62})\.){1,6}"
    r"(?:[a-z]{2,24}|xn--[a-z0-9-]{2,50}|中国|中國|公司|网络|рф|한국))(?![a-z0-9.@-])",
    re.IGNORECASE,
)
_GLUE = " \t+＋:：,，、-–—|/·　"


class Extractor:
    """The patterns of a configuration, compiled. Raises ValueError for a pattern that the configuration would refuse."""

    def __init__(self, patterns: Iterable[Extract], settings: Extraction) -> None:
        own = list(patterns)
        replaced = {one.name for one in own}
        built = [] if not settings.built_in else [one for one in BUILT_IN if one[0] not in replaced]
        rows = [(one.name, one.where, one.pattern) for one in own if one.pattern] + built
        compiled = [(name, where, Pattern(pattern)) for name, where, pattern in rows]
        chunks = [tuple(compiled[i : i + _CHUNK]) for i in range(0, len(compiled), _CHUNK)]
        self._chunks = tuple((any_of(one[2] for one in chunk), chunk) for chunk in chunks)
        self._settings = settings

    def details(self, mail: ParsedMail) -> tuple[Detail, ...]:
        """What the mail is about; for people's mail and machines' alike."""
        search = _Search(self._settings.finds)
        subject = mail.subject.encode("utf-8", "replace")
        for name, value in topic(mail.subject):
            search.add(name, value, "subject")
        search.run(self._promising(subject), subject, "subject")
        reply = self._cut(mail.reply)
        search.run(self._promising(reply), reply, "text")
        if mail.text != mail.reply:
            found = {detail.name for detail in search.details}
            text = self._cut(mail.text)
            search.run([one for one in self._promising(text) if one[0] not in found], text, "quoted")
        return tuple(search.details)

    def _promising(self, text: bytes) -> list[tuple[str, str, Pattern]]:
        """The patterns that may find something, by one question for some of them together: most find nothing."""
        return [one for together, chunk in self._chunks if together.within(text) for one in chunk]

    def _cut(self, text: str) -> bytes:
        return text[: self._settings.text].encode("utf-8", "replace")


class _Search:
    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[str, set[str]] = {}
        self._owner: dict[str, str] = {}  # a value is of the first name that finds it
        self.details: list[Detail] = []

    def run(self, patterns: Iterable[tuple[str, str, Pattern]], text: bytes, where: str) -> None:
        if not text:
            return
        taken: list[tuple[int, int]] = []
        area = "subject" if where == "subject" else "text"
        for name, wanted, pattern in patterns:
            if wanted not in (area, "both"):
                continue
            for count, (start, end, value) in enumerate(pattern.find(text)):
                if count >= 2 * _SAME or len(self.details) >= self._most:
                    break
                if any(start < other_end and other_start < end for other_start, other_end in taken):
                    continue
                if self.add(name, value, where):
                    taken.append((start, end))

    def add(self, name: str, value: str, where: str) -> bool:
        """Keep a value; False when there is no more room for it. A value that is there already needs none."""
        value = safe.line(value.strip(" \t.,;:-"), _VALUE)
        seen = self._seen.setdefault(name, set())
        owner = self._owner.setdefault(value.casefold(), name)
        if not value or owner != name or value.casefold() in seen:
            return bool(value)
        if any(value.casefold() in longer and value.casefold() != longer for longer in self._owner):
            return True  # the beginning of an order's number is no error's
        if len(seen) >= _SAME or len(self.details) >= self._most:
            return False
        seen.add(value.casefold())
        self.details.append(Detail(name, value, where))
        return True


def topic(subject: str) -> tuple[tuple[str, str], ...]:
    """The parts of a subject `[type]domain + description`, () when it is none: (type, …), (domain, …), (description, …)."""
    rest = subject[:400].lstrip(_GLUE)
    if match := _PREFIX.match(rest):
        rest = rest[match.end() :]
    while rest[:1] and rest[0] in _OPEN:
        end = min((i for mark in _CLOSE if (i := rest.find(mark, 1, 45)) > 0), default=-1)
        if end < 0:
            return ()
        kind, rest = rest[1:end].strip(), rest[end + 1 :].lstrip(_GLUE)
        if match := _PREFIX.match(rest):
            rest = rest[match.end() :]
        if not kind or kind.lstrip("#＃ ")[:1].isdigit() or kind[0] in "#＃":
            continue  # our own number, or somebody's
        domain = _DOMAIN.match(rest)
        if domain is None:
            return ()
        said = rest[domain.end() :].lstrip(_GLUE).strip()
        return tuple(
            (name, value) for name, value in (("type", kind), ("domain", domain[1].lower()), ("description", said)) if value
        )
    return ()
