"""The last rung, for history alone: an answer that names no mail is found by its subject and by the words that it quotes.

A subject alone tells nothing: people write "Question" every week. So the answer must also quote a line of its own that was
written in exactly one of the latest tickets with that subject. Pure, linear, never raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from smtpgate.mail import digest
from smtpgate.model import ParsedMail

_TELLING = 24  # characters of a line, blanks not counted, that two people do not write by chance
_LINES = 2000  # of a mail that are compared
_TAGS, _TAG = 4, 40  # tags of lists before a subject, characters of one
_MARKS = ">|: \t\u00a0"


def alone(parsed: ParsedMail) -> bool:
    """It calls itself an answer and names no mail."""
    if parsed.in_reply_to or parsed.references or parsed.kind.machine:
        return False
    bare, answers = _bare(parsed.subject)
    return answers and bare != ""


def same(one: str, other: str) -> bool:
    """Prefixes of answers and tags of lists aside."""
    return _bare(one)[0] == _bare(other)[0]


def key(desk: str, subject: str) -> str:
    return hashlib.sha256(f"{desk}\0{_bare(subject)[0]}".encode("utf-8", "surrogatepass")).hexdigest()


def quoted_in(parsed: ParsedMail, talks: Mapping[int, Sequence[str]]) -> int | None:
    """The one ticket in which something was written that this mail quotes."""
    own = set(_telling(parsed.reply))
    marked = "\n".join(line for line in parsed.text.split("\n", _LINES)[:_LINES] if line.lstrip().startswith(">"))
    quoted = {line for line in _telling(parsed.text) if line not in own}.union(_telling(marked))
    found = [ticket for ticket, texts in talks.items() if any(not quoted.isdisjoint(_telling(text)) for text in texts)]
    return found[0] if len(found) == 1 else None


def _telling(text: str) -> list[str]:
    lines = ("".join(line.lstrip(_MARKS).split()) for line in text.split("\n", _LINES)[:_LINES])
    return [line for line in lines if len(line) >= _TELLING]


def _bare(subject: str) -> tuple[str, bool]:
    """Without prefixes, and without the tag of a list before or between them; and whether there was any prefix."""
    answers = False
    text = subject
    for _ in range(_TAGS):
        normal = digest.normal_subject(text)
        answers = answers or normal != digest.normal_subject("x" + text)[1:]
        tag, end, rest = normal.partition("]")
        if not (normal.startswith("[") and end and rest and len(tag) <= _TAG):
            break
        text = rest
    return normal, answers
