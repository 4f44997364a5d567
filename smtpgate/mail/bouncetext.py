"""Bounces in words: whom a mail system says it did not reach, when it sends no report that a program can read.

No mail system is recognised by name. A notice is read by its shape: it introduces itself, names addresses, gives a
reason, and ends where the returned mail begins. What names an address tells how surely it is the one that failed; only
the surest kind of evidence that the notice has is used. Pure, linear in a bounded text, never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from smtpgate.mail import address, safe
from smtpgate.mail.bouncewords import DELAY_SUBJECTS, DELAYS, GIVEN_UP, INTRODUCTIONS, LABELS, ORIGINALS, OTHER_FIELDS, TECHNICAL

TEXT = 64 * 1024  # characters that are read
_LINES = 400  # of a notice, from its introduction on
_LINE = 2000  # characters of a line
_MOST = 100  # recipients
_EARLY = 12  # lines with words within which a notice introduces itself, if nothing else says that it is one
ADDRESS = re.compile(
    r"(?<![A-Za-z0-9.!#$%&'*+/=?^_`{|}~-])[A-Za-z0-9!#$%&*+/=?^_`{|}~'][A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{0,127}"
    r"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}"
)
STATUS = re.compile(r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
CODE = re.compile(r"(?<![0-9.:-])([45][0-9]{2})(?![0-9.:])")
_RETURNED = re.compile(r"(?:received: from |received: by |return-path: ?<|>?from \S{1,200} (?:mon|tue|wed|thu|fri|sat|sun) )")
_BOUNDARY = re.compile(r"--[!-~]{8,70}$")
_BULLET = re.compile(
    r"^[\s>*•·●\-–=|\"'<（(\[]{0,20}(?:\d{1,2}[.)、]\s{0,3})?(?:smtp:|mailto:|rfc822;\s?)?[\s<\"'(\[*]{0,4}", re.IGNORECASE
)
_NAMED = re.compile(r"^[^@<(]{1,80}[<(（](?:mailto:)?\s{0,2}$")  # `Name <` or `Name (` right before the address, nothing else
_MAILBOX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,40}")
_COMMAS = re.compile(r"[\s,;、，；<>\"']{1,12}")
_DIALOGUE = re.compile(r"(?:>>>|<<<|rcpt to|[45]\d\d[ -]|[45]\.\d{1,3}\.\d{1,3}|said:|responded|replied|returned:|error:)")
_HELP = re.compile(
    r"(?:contact|write to|mail to|reply to|help|questions|report|forward|visit|http|www\.|联系|咨询|客服|支持|反馈|聯絡"
    r"|問い合わせ|문의)"
)
_SENDERS = (" from", "来自", "發自", "发件人", "寄件者", "sender", "mail from:", "from:", "expanded from:")
_SYSTEMS = ("postmaster@", "mailer-daemon@", "mailerdaemon@", "mail-daemon@", "abuse@", "mailadmin@", "noreply@", "no-reply@")


@dataclass(slots=True)
class Found:
    """One address that a notice names, and what the notice says of it."""

    address: str
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Notice:
    """introduced: the text begins as a notice of failure does. sure: it names its recipients as notices do, by fields
    or one a line, and not in passing."""

    recipients: tuple[tuple[str, str], ...] = ()  # address, what is said of it
    delayed: bool = False
    introduced: bool = False
    sure: bool = False
    words: str = ""  # of the whole notice, one line


def read(text: str, subject: str, *, ours: frozenset[str], failed: tuple[str, ...] = (), domain: str = "") -> Notice:
    """What a notice says. ours: keys of addresses that can hardly be the failed ones (the notice's own To, Cc, From).
    failed: addresses that the header of the mail names as failed (X-Failed-Recipients). domain: of the system that wrote
    it, for notices that name mailboxes without one."""
    lines = [" ".join(line.split()) for line in text[:TEXT].split("\n")]
    start, introduced = _start(lines)
    lines = _cut(lines, start)
    reader = _Reader(ours)
    reader.read(lines, start)
    if start < 0:
        reader.forget_the_rest()
    words = " ".join(line for line in lines[max(0, start) :] if line)[:4000]
    low = f"{subject}\n{words}".lower()
    late = any(word in subject.lower() for word in DELAY_SUBJECTS)
    delayed = (late or any(word in low for word in DELAYS)) and not any(word in low for word in GIVEN_UP)
    people = tuple((a, reader.said(a)) for a in failed) or reader.best() or reader.in_subject(subject)
    people = people or _bare(lines[max(0, start) :], domain) or reader.best(ours=True)
    return Notice(people, delayed, introduced, reader.sure or reader.names(subject), words)


def _start(lines: list[str]) -> tuple[int, bool]:
    """The line that introduces the notice, -1 for none; and whether it stands early enough to be no quotation."""
    seen = 0
    for i, line in enumerate(lines[:_LINES]):
        low = line.lower()
        seen += bool(line)
        if any(phrase in low for phrase in INTRODUCTIONS) or _status_field(low):
            return i, seen <= _EARLY and not low.startswith(">")
    return -1, False


def _status_field(low: str) -> bool:
    return low.startswith(("final-recipient:", "original-recipient:", "x-failed-recipients:", "reporting-mta:"))


def _cut(lines: list[str], start: int) -> list[str]:
    """The notice without the mail that came back below it."""
    for i, line in enumerate(lines[: max(start, 0) + _LINES]):
        low = line.lower()
        if i > max(start, 0) and (_RETURNED.match(low) or any(phrase in low for phrase in ORIGINALS)):
            return lines[:i]
        if i > max(start, 0) and low.startswith("content-type: message/rfc822"):
            return lines[:i]
    return lines[: max(start, 0) + _LINES]


class _Reader:
    """Sorts the addresses of a notice by what stands around them."""

    def __init__(self, ours: frozenset[str]) -> None:
        self._ours = ours
        # surest first: named by a field; leading a line; in a sentence of failure; in talk among machines; anywhere
        self._kinds: tuple[dict[str, Found], ...] = ({}, {}, {}, {}, {})
        self._open: list[Found] = []  # whom the next lines are about

    def read(self, lines: list[str], start: int) -> None:
        technical = False
        sentence = ""
        for i, line in enumerate(lines):
            low = line.lower()
            technical = technical or any(low.startswith(phrase) for phrase in TECHNICAL)
            if not line:
                sentence = ""
                continue
            sentence = f"{sentence} {low}"[-600:]
            if "@" in line and len(self._kinds[4]) < _MOST:
                self._line(line[:_LINE], low[:_LINE], sentence, begun=start <= i, technical=technical)
            elif self._open and i > start:
                for found in self._open:
                    if sum(map(len, found.words)) < 600:
                        found.words.append(line)

    def _line(self, line: str, low: str, sentence: str, *, begun: bool, technical: bool) -> None:
        label = _label(low)
        fresh: list[Found] = []
        last, rank = 0, None
        for match in ADDRESS.finditer(line):
            text = _bare_address(match[0])
            if match.end() < len(line) and line[match.end()] in "@":  # a@b@c
                continue
            before, after = line[: match.start()], line[match.end() :]
            if _inside_id(before, after, low):
                continue
            if rank is None or not _COMMAS.fullmatch(line, last, match.start()):  # the first one of a list speaks for all
                rank = self._rank(label, low, before, after, sentence, begun=begun, technical=technical)
            last = match.end()
            if rank is None:
                continue
            found = self._add(rank, text)
            if rank <= 2 or not self._open:
                fresh.append(found)
        if fresh:
            self._open = fresh
        for found in self._open:
            found.words.append(_without(line, found.address) if found in fresh else line)

    def _rank(self, label: str, low: str, before: str, after: str, sentence: str, *, begun: bool, technical: bool) -> int | None:
        if label == "other" or (before.rstrip(" <'\"").lower().endswith(_SENDERS) and "generated from" not in low):
            return None
        if label == "recipient" and len(before) <= len(low) and ":" in before.replace("：", ":"):
            return 0
        if low.startswith(("to:", "to :")):
            return 2 if begun else None
        leads = _BULLET.fullmatch(before) is not None or _NAMED.match(before) is not None
        if leads and begun and _ends_well(before, after):
            return 1
        if _HELP.search(low) and not any(phrase in low for phrase in INTRODUCTIONS):
            return 4 if begun and not technical else None
        if _DIALOGUE.search(before.lower()):
            return 3
        if begun and any(phrase in sentence for phrase in INTRODUCTIONS):
            return 2
        return 4

    def _add(self, rank: int, text: str) -> Found:
        key = address.key(text)
        found = next((kind[key] for kind in self._kinds if key in kind), None) or Found(text)
        self._kinds[rank].setdefault(key, found)
        if rank < 4:
            self._kinds[4].setdefault(key, found)
        return found

    @property
    def sure(self) -> bool:
        return any(key not in self._ours for kind in self._kinds[:2] for key in kind)

    def names(self, subject: str) -> bool:
        """Does the subject name an address that the text names too?"""
        return any(address.key(found) in self._kinds[4] for found in ADDRESS.findall(subject[:500]))

    def forget_the_rest(self) -> None:
        """Nothing introduces a failure: one address that stands anywhere may be it, of several none."""
        if len(self._kinds[4]) > 1:
            self._kinds[4].clear()

    def best(self, *, ours: bool = False) -> tuple[tuple[str, str], ...]:
        """The addresses of the surest kind that has any. ours: our own ones, which count only if there is no other."""
        for kind in self._kinds[:3] if ours else self._kinds:
            people = [
                f
                for key, f in kind.items()
                if not key.startswith(_SYSTEMS) and (key in self._ours) is ours and "." in key.rpartition("@")[2]
            ]
            if people:
                return tuple((f.address, safe.line(" ".join(f.words), 1000)) for f in people[:_MOST])
        return ()

    def in_subject(self, subject: str) -> tuple[tuple[str, str], ...]:
        people = [a.strip(".'") for a in ADDRESS.findall(subject[:500])]
        return tuple((a, safe.line(subject, 300)) for a in people if address.key(a) not in self._ours)[:5]

    def said(self, wanted: str) -> str:
        key = address.key(wanted)
        found = next((kind[key] for kind in self._kinds if key in kind), None)
        return safe.line(" ".join(found.words), 1000) if found else ""


def _bare_address(found: str) -> str:
    """Without what X.400 systems put before it (`dda:SMTP=a@b`)."""
    text = found.strip(".'`")
    return text[5:] if text[:5].lower() == "smtp=" else text


def _bare(lines: list[str], domain: str) -> tuple[tuple[str, str], ...]:
    """Mailboxes without a domain, each alone on a line below an introduction that ends in a colon."""
    if not domain or not lines or (not lines[0].endswith(":") and not (len(lines) > 1 and lines[1].endswith(":"))):
        return ()
    words = [line for line in lines[1:12] if line and not line.endswith(":")]
    first = next((i for i, word in enumerate(words) if not _MAILBOX.fullmatch(word)), len(words))
    return tuple((f"{word}@{domain}", "") for word in words[:first])


def _without(line: str, name: str) -> str:
    """What a line says besides naming its address."""
    rest = line.rpartition(name)[2] if _names_only(line, name) else line
    return rest.lstrip(">)）]'\":：;,. ")


def _names_only(line: str, name: str) -> bool:
    before = line.partition(name)[0]
    return _BULLET.fullmatch(before) is not None or _label(line.lower()) == "recipient"


def _label(low: str) -> str:
    """What field a line is: "recipient", "other" (somebody else's address), or "" for no field."""
    if OTHER_FIELDS.match(low):
        return "other"
    name = re.split(r"[:：]", low[:60], maxsplit=1)
    if len(name) == 2:
        said = name[0].strip(" *·•-<>\"'[]【】(")
        if said in LABELS or said.rstrip(")") in LABELS:
            return "recipient"
    return ""


def _inside_id(before: str, after: str, low: str) -> bool:
    """Message ids, queue ids and links look like addresses."""
    if low.startswith(("message-id", "message id", "references", "in-reply-to")) or "message-id:" in before.lower():
        return True
    return before.endswith(("//", "/", "=", "id ")) or after.startswith(("/", "?"))


def _ends_well(before: str, after: str) -> bool:
    """After an address that leads a line comes its end, or a mark that begins what is said of it."""
    rest = after.lstrip(">'\") ）]")
    if not rest or rest[0] in ":：,;.…(（-–—|\t*<[" or (before.strip() == "" and after.startswith(" ")):
        return True
    return _NAMED.match(before) is not None
