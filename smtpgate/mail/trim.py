"""What the sender newly wrote: the reply without quoted mail, signature and footers (issue: "reply").

quotelines gives each line a letter; a few rules over the letters say what role each line plays; signature.py finds where
the own words end. Only a view: the text stays whole. Never raises, linear (threat C9), and when in doubt a line stays.
To teach it a new mail client, add its words to quotewords or signwords and a folder to tests/messages.
"""

from __future__ import annotations

import re

from smtpgate.mail import quotelines, signature
from smtpgate.mail import quotewords as words
from smtpgate.mail.htmlmarks import unmarked
from smtpgate.records import record

_LONGEST = 256 * 1024  # characters and
_MOST_LINES = 10_000  # lines that are looked at; longer text is returned whole
_CUE = 800  # characters that may stand above when "see my answers below" is believed
_LONGEST_CUE = 160  # of a line that says so
_RULE = re.compile(r"[ \t]{0,4}(?:-{3}|\*{3}|\* \* \*)\s*")
_LONGEST_CONTEXT = 12  # lines of a quoted passage that are shown with the answer to it


@record(frozen=True, slots=True)
class Split:
    """A text by lines, and for each line its role: o own · b blank · q quoted, with all that introduces it · s signature.

    tail: where an original without quote marks begins, which reaches to the end; -1 if there is none.
    """

    lines: tuple[str, ...]
    roles: str
    tail: int = -1

    def own(self) -> str:
        """The sender's own words; "" when there are none."""
        return _joined(self.lines, [role in "ob" for role in self.roles])

    def in_context(self) -> str:
        """The own words with the quoted lines that they answer, where answers stand between them; else the own words."""
        if "q" not in self.roles:
            return self.own()
        shown = [role in "ob" for role in self.roles]
        spots = _passages(self.roles)
        if len(spots) < 2 and not (spots and "o" in self.roles[: spots[0][0]]):
            return self.own()
        for start, stop in spots:
            for i in range(max(start, stop - _LONGEST_CONTEXT), stop):
                shown[i] = True
        return _joined(self.lines, shown)


def _passages(roles: str) -> list[tuple[int, int]]:
    """Each run of quoted lines that own words follow."""
    found = []
    start = -1
    for i, role in enumerate(roles):
        if role == "q":
            start = i if start < 0 else start
            stop = i + 1
        elif role == "o" and start >= 0:
            found.append((start, stop))
            start = -1
        elif role == "s":
            start = -1
    return found


def _joined(lines: tuple[str, ...], shown: list[bool]) -> str:
    """The lines that are shown; one blank line where something was left out."""
    if all(shown):
        return "\n".join([line.rstrip() for line in lines]).strip("\n").strip()
    out: list[str] = []
    gap = False
    for line, keep in zip(lines, shown, strict=True):
        if not keep:
            gap = True
            continue
        if gap and out and out[-1]:
            out.append("")
        if not gap or line.strip():
            out.append(line.rstrip())
            gap = False
    return "\n".join(out).strip("\n").strip()


def reply_part(text: str, *, subject: str = "", answers: bool = True) -> str:
    """The newly written part of a readable text; the whole text (stripped) when nothing is left or it is too long.

    subject: of the mail, which tells a forward. answers: it answers a mail; else "> " may be the sender's own mark.
    """
    return split(text, subject=subject, answers=answers).own() or unmarked(text).strip()


def split(text: str, *, subject: str = "", answers: bool = True) -> Split:
    """The role of each line. Text beyond the limits is one's own altogether."""
    if len(text) > _LONGEST or text.count("\n") >= _MOST_LINES:
        lines = unmarked(text).split("\n")
        return Split(tuple(lines), "".join("o" if line.strip() else "b" for line in lines))
    lines = _lines(text)
    letters = quotelines.letters_of(lines)
    forward = is_forward(subject) and not (_prefix(subject) == "vs" and "lähettäjä" in text.lower())  # Danish; Finnish "answer"
    roles, tail = _roles(lines, letters, forward=forward, answers=answers)
    _signatures(lines, letters, roles)
    return Split(tuple(lines), "".join(roles), tail)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return quotelines.unglued(lines) if "wrote:" in text else lines


def split_before(text: str, roles: str, tail: int, *, subject: str) -> Split:
    """As split makes it of an answer, of which these are roles and tail; without them, or where they cannot be, made anew."""
    lines = _lines(text) if roles else []
    if len(lines) != len(roles) or not roles or tail >= len(roles):
        return split(text, subject=subject)
    return Split(tuple(lines), roles, tail)


def _prefix(subject: str) -> str:
    head, colon, _ = subject[:40].replace("：", ":").partition(":")
    return words.fold(head.strip("[]【】()0123456789 ")) if colon else ""


def is_forward(subject: str) -> bool:
    """Does the first prefix of the subject say that the mail is a forward?"""
    return _prefix(subject) in words.FORWARD_PREFIXES


def passes_on(text: str) -> bool:
    """Does a line of it say that a mail is passed on below?"""
    return len(text) <= _LONGEST and "f" in quotelines.letters_of(text.split("\n")[:_MOST_LINES])


def is_answer(subject: str) -> bool:
    """Does the first prefix of the subject say that the mail is an answer?"""
    return _prefix(subject) in words.ANSWER_PREFIXES


# --- roles ------------------------------------------------------------------------------------------------------------


def _roles(lines: list[str], letters: list[str], *, forward: bool, answers: bool) -> tuple[list[str], int]:
    roles = ["b" if x == "b" else "o" for x in letters]
    if quotelines.PLAIN.issuperset(letters):
        return roles, -1
    marks_count = answers or "a" in letters
    if marks_count and _prompts(lines, letters):
        marks_count = False
    above = False  # own words have been seen
    i = 0
    while i < len(letters):
        letter = letters[i]
        if letter == "f":
            return roles, -1  # shown to us on purpose
        if letter == "m" and above:
            return _tail(lines, roles, letters, i)
        if letter == "q" and marks_count:
            roles[i] = "q"
        elif letter in "adh":
            stop = _group(letters, i)
            if _unmarked_original(letters, i, stop):
                if not above and "S" in letters[:i]:  # written where the program keeps the signature
                    letters[:i] = ["t" if x == "S" else x for x in letters[:i]]
                    above = True
                if above and (forward or _answered_within(lines, roles, i, stop)):
                    return roles, -1
                if above:
                    return _tail(lines, roles, letters, i)
            elif stop < len(letters) or above:
                roles[i:stop] = ["b" if x == "b" else "q" for x in letters[i:stop]]
                if letter != "a" and (ruled := _ruled_above(lines, letters, i)) >= 0:
                    roles[ruled] = "q"
            i = stop
            continue
        elif letter == "t" and not above:
            above = not signature.is_phone(lines[i])
        i += 1
    return roles, -1


def _tail(lines: list[str], roles: list[str], letters: list[str], i: int) -> tuple[list[str], int]:
    """From here to the end it is the original, with the ruled line over it (in Markdown, three dashes)."""
    ruled = _ruled_above(lines, letters, i)
    if ruled >= 0 and letters[ruled] != "r":
        i = ruled
    while i > 0 and (letters[i - 1] == "b" or (letters[i - 1] == "r" and (letters[i] != "b" or letters[i - 2 : i - 1] != ["t"]))):
        i -= 1
    roles[i:] = ["q"] * (len(roles) - i)
    return roles, i


def _ruled_above(lines: list[str], letters: list[str], i: int) -> int:
    """The ruled line, or the three dashes of Markdown, that stand right over the line i; -1 if none do."""
    above = next((j for j in range(i - 1, max(i - 3, -1), -1) if letters[j] != "b"), -1)
    return above if above >= 0 and (letters[above] == "r" or _RULE.fullmatch(lines[above])) else -1


def _group(letters: list[str], i: int) -> int:
    """The end of the attribution, divider or header block (or of several, one right below the other) at i."""
    stop = i
    while stop < len(letters) and letters[stop] in "adhbr":
        stop += 1
    while stop > i + 1 and letters[stop - 1] in "br":
        stop -= 1
    return stop


def _unmarked_original(letters: list[str], i: int, stop: int) -> bool:
    """Does text without quote marks follow? Below an attribution that a marked quote follows later, it is an answer."""
    below = next((j for j in range(stop, len(letters)) if letters[j] not in "br"), -1)
    if below < 0 or letters[below] == "q":
        return False
    if "a" not in letters[i:stop] or "h" in letters[i:stop]:
        return True
    later = next((letters[j] for j in range(below, len(letters)) if letters[j] in "qadhf"), "")
    return later != "q"


def _answered_within(lines: list[str], roles: list[str], i: int, stop: int) -> bool:
    """Does the sender say, or show by "[name]" before each, that answers stand in the original below?"""
    top = [line for line, role in zip(lines[:i], roles, strict=False) if role == "o"]
    if sum(map(len, top)) < _CUE and any(len(line) < _LONGEST_CUE and _points_below(line.lower()) for line in top):
        return True
    labels: dict[str, int] = {}
    for line in lines[stop:]:
        if line[:1] == "[" and 1 < (end := line.find("]", 0, 30)) < len(line) - 2 and line[end + 1] in " :：":
            label = line[1:end]
            if label.replace(" ", "").replace(".", "").isalpha():
                labels[label] = labels.get(label, 0) + 1
    return any(count > 1 for count in labels.values())


def _points_below(low: str) -> bool:
    place = any(word in low for word in words.PLACES)
    if place and any(word in low for word in words.ANSWERS):
        return True
    if place and not words.COLOUR_WORDS.isdisjoint(word.strip(".,:;!()") for word in low.split()):
        return True
    return any(word in low for word in words.COLOURS) and (place or any(word in low for word in words.ANSWERS))


def _prompts(lines: list[str], letters: list[str]) -> bool:
    """Only ">>> " of Python's prompt, and nobody is quoted."""
    if "a" in letters or "d" in letters:
        return False
    marked = [lines[i].lstrip() for i, x in enumerate(letters) if x == "q"]
    return bool(marked) and all(line.startswith(">>> ") and not line.startswith(">>> >") for line in marked)


def _signatures(lines: list[str], letters: list[str], roles: list[str]) -> None:
    """Take signatures off the end of each run of own lines, unless nothing would be left of the whole mail."""
    before = roles.copy()
    _armour(lines, letters, roles)
    i = 0
    while i < len(roles):
        if roles[i] not in "ob":
            i += 1
            continue
        stop = i
        while stop < len(roles) and roles[stop] in "ob":
            stop += 1
        if "f" in letters[i:stop]:
            return
        end = signature.own_end(lines, letters, i, stop)
        roles[end:stop] = ["s" if role == "o" else "b" for role in roles[end:stop]]
        i = stop
    if "o" not in roles:
        roles[:] = before


def _armour(lines: list[str], letters: list[str], roles: list[str]) -> None:
    """The frame of a clear-signed OpenPGP mail: its header, and the signature below."""
    if "x" not in letters:
        return
    for i, letter in enumerate(letters):
        if letter != "x":
            continue
        low = lines[i].lower()
        stop = i + 1
        if "signed message" in low:
            while stop < len(lines) and lines[stop].startswith(("Hash:", "Charset:", "Comment:", "NotDashEscaped:")):
                stop += 1
        elif "begin pgp signature" in low:
            while stop < len(lines) and letters[stop] != "x":
                stop += 1
        elif "end pgp signature" not in low:
            continue
        roles[i:stop] = ["s"] * (stop - i)


__all__ = ["Split", "is_forward", "reply_part", "split", "unmarked"]
