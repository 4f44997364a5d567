"""The mail that is answered, as evidence of what is quoted: its lines are known, so what is not among them is new.

Two things follow that the mail alone cannot tell. An answer that stands within an original without quote marks (below an
Outlook header) is found again; and lines of the original that nothing marks or introduces are left out of the view.
Pure, never raises; when in doubt the view of trim.py stays as it is.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterable
from dataclasses import replace
from html import unescape

from smtpgate.mail import headerblock, html, trim, wire
from smtpgate.mail.attribution import BLANKS
from smtpgate.mail.trim import Split

_LONGEST = 64 * 1024  # characters of all parents together
_HEAD_LINES = 20  # of an original that its header takes at most
_MOST_LINES = 2000  # lines that are compared
_TELLING = 12  # characters without blanks and punctuation from which a line says whose it is
_UNMARKED = 50  # such characters that a parent must have to be looked for without any mark,
_MOST_OF_IT = 0.6  # and how much of it must be there
_HEAD = re.compile(r"<head>.*</head>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_LOWER = bytes(range(128)).lower() + bytes(range(128, 256))
_OTHERS = bytes(code for code in range(128) if not chr(code).isalnum())
_WITHIN_A_LINE = _OTHERS.replace(b"\n", b"")
_LINK = re.compile(r"<(?:https?|mailto|tel):[^<>\s]{0,1000}>")


def texts_of(letter: bytes) -> tuple[str, ...]:
    """What a mail of our own says, in each of its forms: clients quote one or the other."""
    return tuple(html.to_text(text) if subtype == "html" else text for subtype, text in _parts(letter))


def may_be_quoted(text: str, letters: Iterable[bytes], texts: Iterable[str]) -> bool:
    """Does any line that says whose it is stand in one of our letters or in one of these texts? A cheap question before
    all of them are read: most answers quote with marks, or not at all."""
    known = [_folded(one) for one in texts]
    for letter in letters:
        parts = wire.read_back(letter)
        if parts is None:
            return True
        known += (_folded(_words(said) if subtype == "html" else said) for subtype, said in parts)
    lines = [line for line in _folded_lines(text) if len(line) >= _TELLING]
    return any(line in one for one in known for line in lines)


def _parts(letter: bytes) -> Iterable[tuple[str, str]]:
    """Subtype and text of each text part; of a mail that we did not make in today's form too."""
    parts = wire.read_back(letter)
    if parts is not None:
        return parts
    walked = [(part, part.get_payload(decode=True)) for part in email.message_from_bytes(letter).walk()]
    return [
        (part.get_content_subtype(), payload.decode("utf-8", "replace"))
        for part, payload in walked
        if part.get_content_maintype() == "text" and isinstance(payload, bytes)
    ]


def _words(source: str) -> str:
    """All words of HTML that we made: our own templates, and what stands in them was escaped."""
    return unescape(_TAG.sub("", _HEAD.sub("", source, count=1)))


def refined(text: str, reply: str, said: Split, parents: Iterable[str]) -> Split | None:
    """A better view of a text than `said`, whose own words are `reply`; None when the parents say nothing new."""
    if len(said.lines) > _MOST_LINES or said.own() != reply:
        return None
    each = [_folded(parent[:_LONGEST]) for parent in parents]
    known = "\n".join(each)[:_LONGEST]
    if len(known) < _TELLING:
        return None
    folded = _folded_lines(text)
    whose = [_whose(line, known) for line in folded]
    roles = list(said.roles)
    _find_answers(said, whose, roles)
    _leave_out(folded, whose, roles, [len(one) for one in each])
    if "o" not in roles or "".join(roles) == said.roles:
        return None
    return replace(said, roles="".join(roles))


def _folded(text: str) -> str:
    """Letters and figures alone: no wrapping, marks or case that a client may have changed."""
    if text.isascii():  # the same at a twentieth of the cost
        return text.encode("ascii").translate(_LOWER, _OTHERS).decode("ascii")
    return "".join(filter(str.isalnum, text.casefold()))


def _folded_lines(text: str) -> list[str]:
    """The same of each line, without links."""
    text = _LINK.sub("", text)
    if text.isascii():
        return text.encode("ascii").translate(_LOWER, _WITHIN_A_LINE).decode("ascii").split("\n")
    return [_folded(line) for line in text.split("\n")]


def _whose(line: str, known: str) -> str:
    """k known · n new · ? too short to tell"""
    if len(line) >= _TELLING:
        return "k" if line in known else "n"
    return "?" if not line or line in known else "n"


def _find_answers(said: Split, whose: list[str], roles: list[str]) -> None:
    """New lines between known ones, below the header of an original without marks, as far as the parent reaches."""
    if said.tail < 0:
        return
    first = next((i for i in range(_below_head(said.lines, said.tail), len(whose)) if whose[i] == "k"), -1)
    if first < 0:
        return
    stop = len(whose)
    nested = trim.split("\n".join(("x", *said.lines[first:]))).tail  # an older mail, which the parent quoted
    if nested > 0:
        stop = min(stop, first + nested - 1)
    last = max(i for i in range(first, stop) if whose[i] == "k") if "k" in whose[first:stop] else first
    count = {letter: whose[first:stop].count(letter) for letter in "kn"}
    if count["k"] < 2 or count["k"] < count["n"]:
        return  # most of it is not what we sent: another mail, or a client that changed it
    for i in range(first, stop):
        if whose[i] == "n" and (i < last or _stands_apart(said.lines, i, last)):
            roles[i] = "o"


def _below_head(lines: tuple[str, ...], tail: int) -> int:
    """The first line below the header that a client has set over the original, if there is one: a name or an address in it may be
    known, and what stands between is no answer."""
    below = tail
    for i in range(tail, min(tail + _HEAD_LINES, len(lines))):
        line = lines[i].strip(BLANKS)
        if headerblock.field(line):
            below = i + 1
        elif line and below > tail and not (lines[i - 1].strip(BLANKS) and _soon(lines, i)):
            break
    return below


def _soon(lines: tuple[str, ...], i: int) -> bool:
    """It is the rest of a long value: the next field follows."""
    return any(headerblock.field(line.strip(BLANKS)) for line in lines[i + 1 : i + 3])


def _stands_apart(lines: tuple[str, ...], i: int, last: int) -> bool:
    """Below the last known line only what follows a blank line is an answer; right below it is rather its end."""
    return any(not line.strip() for line in lines[last + 1 : i])


def _leave_out(folded: list[str], whose: list[str], roles: list[str], parents: list[int]) -> None:
    """Most of a parent, at the very top or the very end among own lines: a quote that nothing marks. Two lines at least.

    Known lines elsewhere stay: whoever sends a text again with changes means all of it.
    """
    ends = [range(len(roles)), range(len(roles) - 1, -1, -1)]
    for order in ends:
        run: list[int] = []
        for i in order:
            if roles[i] not in "ob":
                if run or roles[i] == "q":
                    break
                continue
            if whose[i] == "n":
                break
            run.append(i)
        known = sum(len(folded[j]) for j in run)
        if sum(whose[j] == "k" for j in run) > 1 and any(known >= _MOST_OF_IT * size for size in parents if size >= _UNMARKED):
            for j in run:
                roles[j] = "b" if roles[j] == "b" else "q"
