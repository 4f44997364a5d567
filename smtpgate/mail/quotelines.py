"""What each line of a mail looks like: one letter for each, from the tables of quotewords.py. The first half of trim.py.

One pass, then two that join lines: attributions that were wrapped, and blocks of header lines. Pure, linear, never
raises. No expression here has a repeat within a repeat (threat C9).
"""

from __future__ import annotations

import re

from smtpgate.mail import attribution, headerblock, notesblock, rewrapped
from smtpgate.mail import quotewords as words
from smtpgate.mail.attribution import BLANKS, DATE, VERB
from smtpgate.mail.headerblock import field
from smtpgate.mail.htmlmarks import ATTRIBUTION, HEADER, QUOTED, SIGNATURE

# Letters: q quoted · a attribution · d divider of an original · f divider of a forward · h header line of a quoted mail
#          m our own "write above" line · s signature delimiter · S signature by its HTML · x armour of a signed mail
#          r a ruled line · o scissors, below which the sender's own patch follows · b blank · t text
#          and while they are joined: c may end an attribution · A, H so says the HTML · D words between dashes

PLAIN = frozenset("tb")
_TO_BE_JOINED = frozenset("AcD")
_MARKS = QUOTED + ATTRIBUTION + HEADER + SIGNATURE
_DASHES = "-_=*—－–─━‐‑~#"
_DASHES_AND_BLANKS = _DASHES + BLANKS
_LONG_LINE = 500  # nothing beyond this is an attribution or a header line

_RULED = "RPOo请請"  # letters with which lines begin that _worded has rules for

_ON_A_DAY = re.compile(r"(?<=[ .!?-])On (?=(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Ju[nl]|Aug|Sep|Oct|Nov|Dec|[0-9]))")
_INITIALS = re.compile(r"[A-Za-z]{1,4}>(?= |$)")


def unglued(lines: list[str]) -> list[str]:
    """An attribution that a client put onto the last line of what was written, on a line of its own."""
    out: list[str] = []
    for i, line in enumerate(lines):
        at = _glued(lines, i) if line.rstrip().endswith("wrote:") else 0
        out += [line[:at].rstrip("- "), line[at:]] if at else [line]
    return out


def _glued(lines: list[str], i: int) -> int:
    """Where the attribution begins; 0 when it stands alone, or nothing says that it is one."""
    line = lines[i]
    spots = [m.start() for m in _ON_A_DAY.finditer(line)] if len(line) <= _LONG_LINE and not line.startswith((">", *_MARKS)) else []
    at = spots[-1] if spots else 0
    if not any(x.isalnum() for x in line[:at]):
        return 0
    following = next((x for x in lines[i + 1 : i + 3] if x.strip()), "")
    return at if line[:at].rstrip().endswith("--") or following.lstrip().startswith((">", QUOTED)) else 0


def letters_of(lines: list[str]) -> list[str]:
    """The letter of each line. Marks that the HTML reader set are taken off the lines, in place."""
    letters: list[str] = []
    marked = False
    for i, line in enumerate(lines):
        if line and line[0] in _MARKS:
            mark, lines[i] = line[0], line.lstrip(_MARKS)
            letters.append(_marked(mark, lines[i]))
            marked = True
        else:
            letters.append(_letter(line))
    if not _TO_BE_JOINED.isdisjoint(letters):
        _join_attributions(lines, letters)
    if "h" in letters or "H" in letters:
        headerblock.join(lines, letters)
    notesblock.mark(lines, letters)
    if PLAIN.issuperset(letters):
        return letters  # nothing that follows is about it
    _bare_dividers(lines, letters)
    _forward_in_quote(lines, letters)
    if marked:
        letters = ["h" if x == "H" else x for x in letters]
    _mend_quotes(lines, letters)
    return letters


def _marked(mark: str, line: str) -> str:
    letter = _letter(line)
    if letter == "b":
        return "b"
    if mark == QUOTED:
        return letter if letter in "fdh" else "q"
    if mark == ATTRIBUTION:
        return letter if letter in "fdq" else "A"
    if mark == HEADER:
        return letter if letter in "fdqr" else "H"
    return letter if letter in "qfdh" else "S"


def _letter(line: str) -> str:
    """What one line looks like on its own."""
    s = line.strip(BLANKS)
    if not s:
        return "b"
    return "t" if _ordinary(s) else _looked_at(s, line)


def _ordinary(s: str) -> bool:
    """A line that no rule of `_looked_at` is about, which most are: its ends, and no colon."""
    first, last = s[0], s[-1]
    return (
        first.isalpha() and first not in _RULED and (last.isalnum() or last in ".,!?") and not (":" in s or "|" in s or "：" in s)
    )


def _looked_at(s: str, line: str) -> str:
    first, last = s[0], s[-1]
    if first in ">＞":
        if s.startswith(">>> ") and s.endswith(" >>>") and DATE.search(s):
            return "a"  # GroupWise, over unmarked text
        return "t" if s.endswith("<<<") else "q"  # >>> click here <<<
    if len(s) > _LONG_LINE:
        return "t"
    if first in _DASHES or (first == "|" and s.startswith("|>")):
        return "q" if first == "|" else _dashed(s, line)
    if last in ":：" or (last in "-*_>›»\"'" and _may_end(s)):
        if last in ":：" and fold_name(s[:-1]) in words.FORWARD:
            return "f"
        return "h" if field(s) else "c"
    return _worded(s)


def _worded(s: str) -> str:
    if field(s):
        return "h"
    if s[0] in "—R请請P" and s.lower().startswith(words.MARKERS):
        return "m"
    if (s[-1] == "-" or s[-1] in _DASHES) and fold_name(s.strip(_DASHES_AND_BLANKS)) in words.ORIGINAL:
        return "d"
    if s[0] in "[Oo" and fold_name(s.strip("[]")).startswith(words.PROCESSED):
        return "d"
    if (s[0].isdigit() and "@" in s and s[-1] == ">") or (s[-1] == ")" and s.lower().startswith(words.CITES)):
        return "c"
    return "t"


def _dashed(s: str, line: str) -> str:
    """A line that begins with a dash or the like."""
    bare = s.strip(_DASHES_AND_BLANKS)
    if not bare:
        if s in ("--", "- --"):
            return "s"
        return "r" if len(s) >= 5 and not s.strip("_-—－–─━‐‑ ") else "t"
    low = s.lower()
    if low.startswith(words.MARKERS) or (s[0] in "#-—=*_" and len(s) < 120 and any(above in low for above in words.ABOVE)):
        return "m"
    if low.startswith("-----begin pgp") or low.startswith("-----end pgp"):
        return "x"
    folded = words.fold(bare).rstrip(":：")
    if s[0] in "-_=*—－–─━‐‑" and folded in words.ORIGINAL:
        return "d"
    if folded in words.FORWARD or (s.startswith("--") and folded.startswith(("forwardedby", "转发的邮件", "转发邮件"))):
        return "f"
    if s[0] in "*_" and field(s):
        return "h"
    if s.startswith("--") and s.endswith("--"):
        if "8<" in bare or ">8" in bare:
            return "o"
        return "a" if VERB.search(low) and (DATE.search(s) or "@" in s) else "D"
    if s[-1] in ":：-" and s.startswith("--") and VERB.search(low) and (DATE.search(s) or "@" in s):
        return "a"  # --- On Fri, ..., somebody wrote:
    return "c" if s[-1] in ":：" and s[0] in "*-" else "t"


def fold_name(text: str) -> str:
    return words.fold(text.strip(_DASHES_AND_BLANKS)) if len(text) < 80 else ""


def _may_end(s: str) -> bool:
    """Such as `wrote:*`, `wrote: -`, `wrote ----`, or `<s@e.example>` behind a date."""
    if s.endswith("----") and VERB.search(s.lower(), max(0, len(s) - 20)):
        return True
    return s.rstrip("-*_>›»\"' ")[-1:] in (":", "：") or (s[-1] == ">" and s[0].isdigit() and "@" in s)


def _join_attributions(lines: list[str], letters: list[str]) -> None:
    for i, letter in enumerate(letters):
        if letter == "A":
            letters[i] = "a"
        elif letter == "c":
            start = attribution.start_of(lines, letters, i)
            letters[i] = "t"
            if start >= 0:
                letters[start : i + 1] = "a" * (i + 1 - start)
        elif letter == "D":  # words between dashes: a divider when a header block follows; "---- Jane Doe wrote ----"
            after = [x for x in letters[i + 1 : i + 5] if x != "b"][:2]
            says = "q" in after and attribution.is_attribution(lines[i].strip(_DASHES_AND_BLANKS), quoted=True) > 1
            letters[i] = "a" if says else "d" if "h" in after else "t"


def _bare_dividers(lines: list[str], letters: list[str]) -> None:
    """ "Original Message" without dashes, as BlackBerry puts it over its header block."""
    for i, letter in enumerate(letters):
        if letter == "h" and i and letters[i - 1] != "h":
            above = next((j for j in range(i - 1, max(i - 6, -1), -1) if letters[j] != "b"), -1)
            if above >= 0 and letters[above] == "t" and fold_name(lines[above]) in words.ORIGINAL:
                letters[above] = "d"


def _forward_in_quote(lines: list[str], letters: list[str]) -> None:
    """Apple's "Begin forwarded message:" stands within the quote, as its first line."""
    first = next((i for i, letter in enumerate(letters) if letter in "qadh"), -1)
    if first >= 0 and letters[first] == "q" and fold_name(lines[first].lstrip(">＞" + BLANKS).rstrip(":： ")) in words.FORWARD:
        letters[first] = "f"


# --- quote marks ------------------------------------------------------------------------------------------------------


def _mend_quotes(lines: list[str], letters: list[str]) -> None:
    """Marks that are none (code fences, mbox's ">From "), and lines of a quote that lost theirs when they were wrapped."""
    if "q" not in letters:
        _odd_marks(lines, letters)
        return
    fence = -1
    for i, letter in enumerate(letters):
        if letter in "ta" and lines[i].lstrip().startswith("```"):
            if fence >= 0:
                for j in range(fence, i):
                    letters[j] = "t" if letters[j] in "qhdars" else letters[j]
                fence = -1
            else:
                fence = i
        elif letter == "q" and lines[i].startswith(">From ") and _alone(letters, i):
            letters[i] = "t"
    for i in rewrapped.ends(lines, letters):
        letters[i] = "q"


def _alone(letters: list[str], i: int) -> bool:
    return (i == 0 or letters[i - 1] not in "qa") and (i + 1 == len(letters) or letters[i + 1] != "q")


def _odd_marks(lines: list[str], letters: list[str]) -> None:
    """Quotes marked with "| ", ": ", "JD> " or an indent, right below an attribution."""
    looked = 0
    for i, letter in enumerate(letters):
        if letter != "a" or (i + 1 < len(letters) and letters[i + 1] == "a"):
            continue
        looked += 1
        if looked > 3:
            return
        at = next((j for j in range(i + 1, min(i + 4, len(letters))) if letters[j] != "b"), -1)
        if at < 0 or letters[at] not in "tc":
            continue
        initials = _INITIALS.match(lines[at].lstrip())
        mark = initials.group() if initials else lines[at][:2] if lines[at][:2] in ("| ", ": ", "} ", "% ", "# ", "|\t") else ""
        if lines[at][:1] == "\t":
            mark = "\t"
        if not mark:
            continue
        run = [j for j in range(at, len(lines)) if letters[j] != "b" and lines[j].startswith(mark)]
        if len(run) > 1 or initials:
            for j in run:
                letters[j] = "q"
