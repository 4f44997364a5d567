"""The header that Lotus Notes puts over a mail that it quotes: a table made of blanks or of dashes, with no colons.

The sender and the date stand on the left or on top, "To", "cc" and "Subject" at the right or alone on their lines, each with
its value below. Only the three labels in their order make one. Pure, linear, never raises.
"""

from __future__ import annotations

from smtpgate.mail import quotewords as words
from smtpgate.mail.attribution import BLANKS, DATE

_SUBJECT = (
    "Subject", "Thema", "Betreff", "Objet", "Asunto", "Assunto", "Oggetto", "Onderwerp", "Ämne", "Emne", "Temat", "Тема", "件名",
    "主题", "主旨", "제목",
)  # fmt: skip
_ENDS = frozenset((*BLANKS, *(name[-1] for name in _SUBJECT)))
_STARTS = frozenset(name[0] for name in _SUBJECT)
_CELL = tuple(f"{name} | " for name in _SUBJECT)  # as a table of HTML reads
_TABLE = 14  # lines from "To" to "Subject" at most
_ABOVE = 6  # lines of the sender and the date over "To"
_FRAME = 25  # lines of the older form, which is drawn with dashes


def mark(lines: list[str], letters: list[str]) -> None:
    """Give the lines of such headers the letter h."""
    done = 0
    for i, line in enumerate(lines):
        if i < done:
            continue
        if line.startswith("|--") and letters[i] in "qtr":
            stop = _framed(lines, i)
            start = i
        elif letters[i] == "t" and _may_be_subject(line) and _label(line) == "subject":
            start, stop = _columns(lines, letters, i, done)
        else:
            continue
        if stop > start:
            letters[start:stop] = ["h" if lines[j].strip(BLANKS) else "b" for j in range(start, stop)]
            done = stop


def _may_be_subject(line: str) -> bool:
    if line[-1:] not in _ENDS and line[:1] not in _STARTS:  # most lines
        return False
    return line.rstrip(BLANKS).endswith(_SUBJECT) or line.startswith(_CELL)


def _label(line: str) -> str:
    """What a label means that stands alone on its line, in the first cell, or at the end after a wide gap."""
    s = line.strip(BLANKS)
    s = s.partition(" | ")[0] if " | " in s else s.rpartition("        ")[2].strip(BLANKS)
    return words.FIELDS.get(s.lower(), "") if 0 < len(s) < 12 else ""


def _columns(lines: list[str], letters: list[str], subject: int, done: int) -> tuple[int, int]:
    """Where the table begins whose Subject is on this line, and where it ends: (0, 0) if there is none."""
    to = copies = -1
    for j in range(subject - 1, max(subject - _TABLE, done - 1), -1):
        meaning = _label(lines[j])
        if meaning == "cc":
            copies = j
        elif meaning == "to" and copies > j:
            to = j
            break
    if to < 0:
        return 0, 0
    start = to
    seen = DATE.search(" ".join(lines[to:subject])) is not None
    for j in range(to - 1, max(to - _ABOVE, done) - 1, -1):
        if letters[j] == "b":
            if seen and not lines[start][:1].isspace():  # the table without columns: over it there is the sender at most
                name = lines[j - 1] if j else ""
                start = j - 1 if "@" in name and len(name) < 100 and DATE.search(lines[start]) is not None else start
                break
            continue
        if letters[j] not in "tca" or (seen and not lines[j][:4].isspace() and lines[start][:4].isspace()):
            break
        start = j
        seen = seen or DATE.search(lines[j]) is not None
    if lines[subject].startswith(_CELL):
        return (start, subject + 1) if seen else (0, 0)
    value = next((j for j in range(subject + 1, min(subject + 4, len(lines))) if letters[j] != "b"), subject)
    return (start, value + 1) if seen else (0, 0)


def _framed(lines: list[str], start: int) -> int:
    """Where the frame of dashes ends that begins here, 0 if it is none."""
    for j in range(start + 1, min(start + _FRAME, len(lines))):
        s = lines[j].strip(BLANKS)
        if s.startswith(">--") and s.endswith("--|") and any("Subject:" in line or "To:" in line for line in lines[start:j]):
            return j + 1
        if s and s[0] not in "|>":
            return 0
    return 0
