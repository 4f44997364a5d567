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

from smtpgate.mail import html, trim
from smtpgate.mail.trim import Split

_LONGEST = 64 * 1024  # characters of all parents together
_MOST_LINES = 2000  # lines that are compared
_TELLING = 12  # characters without blanks and punctuation from which a line says whose it is
_UNMARKED = 60  # characters of known lines in a row that are a quote though nothing marks them
_LINK = re.compile(r"<(?:https?|mailto|tel):[^<>\s]{0,1000}>")


def texts_of(letter: bytes) -> tuple[str, ...]:
    """What a mail of our own says, in each of its forms: clients quote one or the other."""
    found = []
    for part in email.message_from_bytes(letter).walk():
        payload = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(payload, bytes):
            text = payload.decode("utf-8", "replace")
            found.append(html.to_text(text) if part.get_content_subtype() == "html" else text)
    return tuple(found)


def refined(text: str, reply: str, said: Split, parents: Iterable[str]) -> Split | None:
    """A better view of a text than `said`, whose own words are `reply`; None when the parents say nothing new."""
    if len(said.lines) > _MOST_LINES or said.own() != reply:
        return None
    known = _folded("".join(parents)[:_LONGEST])
    if len(known) < _TELLING:
        return None
    folded = [_folded(_LINK.sub("", line)) for line in text.split("\n")]
    whose = [_whose(line, known) for line in folded]
    roles = list(said.roles)
    _find_answers(said, whose, roles)
    _leave_out(folded, whose, roles)
    if "o" not in roles or "".join(roles) == said.roles:
        return None
    return replace(said, roles="".join(roles))


def _folded(text: str) -> str:
    """Letters and figures alone: no wrapping, marks or case that a client may have changed."""
    return "".join(filter(str.isalnum, text.casefold()))


def _whose(line: str, known: str) -> str:
    """k known · n new · ? too short to tell"""
    if len(line) >= _TELLING:
        return "k" if line in known else "n"
    return "?" if not line or line in known else "n"


def _find_answers(said: Split, whose: list[str], roles: list[str]) -> None:
    """New lines between known ones, below the header of an original without marks, as far as the parent reaches."""
    if said.tail < 0:
        return
    first = next((i for i in range(said.tail, len(whose)) if whose[i] == "k"), -1)
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


def _stands_apart(lines: tuple[str, ...], i: int, last: int) -> bool:
    """Below the last known line only what follows a blank line is an answer; right below it is rather its end."""
    return any(not line.strip() for line in lines[last + 1 : i])


def _leave_out(folded: list[str], whose: list[str], roles: list[str]) -> None:
    """Own lines that are known, two or more in a row and long enough: a quote that nothing marks."""
    i = 0
    while i < len(roles):
        stop = i
        while stop < len(roles) and roles[stop] in "ob" and whose[stop] in "k?":
            stop += 1
        run = [j for j in range(i, stop) if whose[j] == "k"]
        if len(run) > 1 and sum(len(folded[j]) for j in run) >= _UNMARKED:
            roles[run[0] : run[-1] + 1] = ["b" if x == "b" else "q" for x in roles[run[0] : run[-1] + 1]]
        i = max(stop, i + 1)
