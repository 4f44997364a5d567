"""What a winmail.dat adds to a mail: its text where the mail itself does not say it, its files, its meeting.

Over mail/tnef.py, which reads the container. Never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from smtpgate.mail import html, params, safe, tnef
from smtpgate.mail.content import Block
from smtpgate.model import Meeting

_KINDS = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
_WORD = re.compile(r"\w+")
_SAME = 0.8  # of its words are in the mail's own text: it says the same
_COMPARED = 50_000  # characters
_METHODS = {"request": "REQUEST", "canceled": "CANCEL", "resp.pos": "REPLY", "resp.neg": "REPLY", "resp.tent": "REPLY"}
_ANSWERS = {"resp.pos": "ACCEPTED", "resp.neg": "DECLINED", "resp.tent": "TENTATIVE"}


@dataclass(slots=True)
class File:
    name: str
    kind: str
    data: bytes
    inline: bool = False
    content_id: str | None = None


@dataclass(slots=True)
class Opened:
    """whole: nothing is lost when the container itself is not kept."""

    block: Block | None = None
    files: list[File] = field(default_factory=list)
    meeting: Meeting | None = None
    whole: bool = True


def is_one(kind: str, data: bytes) -> bool:
    return data.startswith(tnef.SIGNATURE) and (kind in _KINDS or kind.startswith("application/"))


def open_one(data: bytes, limit: int) -> Opened | None:
    """None when it cannot be read. limit: octets that its text may unpack to."""
    mail = tnef.read(data, limit)
    if mail is None:
        return None
    opened = Opened(whole=mail.whole)
    _fill(opened, mail)
    if mail.html or mail.text.strip():
        opened.block = Block(plain=mail.text or None, html=mail.html or None)
    if mail.meeting is not None:
        opened.meeting = _meeting(mail, mail.meeting)
    return opened


def _fill(opened: Opened, mail: tnef.Winmail) -> None:
    for file in mail.files:
        if file.mail is not None:  # it has no bytes of its own that a mail program could open: the container stays
            opened.whole = False
            _fill(opened, file.mail)
            continue
        kind = file.mime if "/" in file.mime else "application/octet-stream"
        inline = file.content_id is not None and bool(mail.html) and file.content_id.lower() in mail.html.lower()
        opened.files.append(File(params.safe_name(file.name), kind, file.data, inline, file.content_id))


def _meeting(mail: tnef.Winmail, found: tnef.Meeting) -> Meeting:
    starts, ends = found.starts, found.ends
    if found.all_day and starts is not None and ends is not None:  # midnight to midnight of a zone that is not told
        first = (starts + timedelta(hours=12)).date()
        last = max(first, (ends - timedelta(hours=12)).date())
        begins, finishes = first.isoformat(), last.isoformat()
    else:
        begins, finishes = (t.isoformat(timespec="minutes") if t else "" for t in (starts, ends))
    return Meeting(
        method=_METHODS.get(found.kind, "PUBLISH"),
        summary=mail.subject,
        starts=begins,
        ends=finishes,
        location=found.location,
        organizer=mail.sender,
        answer=_ANSWERS.get(found.kind, ""),
        repeats=found.repeats,
    )


def with_text(blocks: list[Block], packed: list[Block]) -> list[Block]:
    """The mail's own text, and what its containers say beyond it."""
    found = list(blocks)
    for block in packed:
        said = _words(block.plain or html.to_text((block.html or "")[:_COMPARED]))
        own = {w for b in found for w in _words(b.plain or html.to_text((b.html or "")[:_COMPARED]))}
        if said and len(said & own) >= _SAME * len(said):
            if block.html and len(found) == 1 and not found[0].html:
                found = [Block(plain=found[0].plain, html=block.html)]
        elif own and own <= said:
            found = [block]
        elif said:
            found.append(block)
    return found


def _words(text: str) -> set[str]:
    """Words; of scripts that write none, pairs of characters."""
    words: set[str] = set()
    for word in _WORD.findall(safe.block(text[:_COMPARED]).casefold()):
        if word.isascii():
            words.add(word)
        else:
            words.update(word[i : i + 2] for i in range(max(len(word) - 1, 1)))
    return words
