"""Is this the line over a quote that says who wrote it: "On Fri, 2 Jan 2026 at 15:04, somebody wrote:"? In any language.

Told by an address, a date, a time and the verb, in any order, and by where they stand; less is asked when a quote with
marks follows. Pure, linear, never raises.
"""

from __future__ import annotations

import re

from smtpgate.mail import quotewords as words

BLANKS = " \t\r\xa0\u3000\u200e\u200f\u200b\ufeff"
_LONGEST = 400  # characters
_WRAPPED = 4  # lines

DATE = re.compile(r"(?:19|20)[0-9]{2}|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2}|[๐-๙]{4}|[٠-٩]{4}")
TIME = re.compile(r"[0-9]{1,2}[:.h時时시点點][0-9]{2}|[0-9]{1,2} ?[ap]\.?m\b", re.IGNORECASE)
_BRACKETED = re.compile(r"[<(\[（＜][^<>()\[\]\s]{1,200}@[^<>()\[\]\s]{1,200}[>)\]）＞]")
VERB = re.compile(
    r"(?<!\w)(?:" + "|".join(re.escape(w) for w in sorted(words.WROTE, key=len, reverse=True)) + r")(?!\w)|"
    + "|".join(re.escape(w) for w in words.WROTE_CJK)
)  # fmt: skip


def start_of(lines: list[str], letters: list[str], i: int) -> int:
    """The line where the attribution that ends on line i begins, -1 if it is none."""
    quoted = _quote_below(letters, i)
    joined = ""
    found = -1
    for j in range(i, max(i - _WRAPPED, -1), -1):
        line = lines[j].strip(BLANKS)
        if j < i and (letters[j] not in "tca" or _ends_sentence(line)):
            break
        joined = f"{line} {joined}" if joined else line
        if len(joined) > _LONGEST:
            break
        if is_attribution(joined, quoted):
            if found < 0:
                found = j
            if _begins(line):
                return j
    if found > 0 and letters[found - 1] == "t" and _cut_before(lines[found - 1].strip(BLANKS), lines[found].lstrip(BLANKS)):
        return found - 1
    return found


def _cut_before(above: str, line: str) -> bool:
    """Was the line wrapped within an address, or between a name and its address?"""
    return above.endswith(("<", "(", "[")) or (line[:1] == "<" and len(above) < 60 and above[-1] not in ".!?。！？,:;)")


def _begins(line: str) -> bool:
    low = line.lower().lstrip("-*_ \"'«„“<>\u202a\u202b\u202e\u2067")
    return (low[:1].isdigit() or low.startswith(words.BEGINS)) and any(c.isdigit() for c in low)


def _ends_sentence(line: str) -> bool:
    if line[-1:] in "!?。！？…":
        return True
    word = line.rpartition(" ")[2]
    return line.endswith(".") and len(word) > 4 and not word[:1].isdigit()


def _quote_below(letters: list[str], i: int) -> bool:
    """Is what follows, after two blank lines at most, a quote with marks?"""
    for letter in letters[i + 1 : i + 4]:
        if letter != "b":
            return letter == "q"
    return False


def is_attribution(text: str, quoted: bool) -> bool:
    """Does this say who wrote what follows? quoted: a quote does follow, so less is asked of the line."""
    low = text.lower()
    date = DATE.search(text) is not None
    time = TIME.search(text) is not None
    verb = None
    for verb in VERB.finditer(low):  # noqa: B007  # the last one counts
        pass
    if _own_words(low) or (verb is not None and _own_subject(low, verb)):
        return False
    end = low.rstrip("-*_>›»\"' ")
    address = _BRACKETED.search(text) is not None or ("@" in text and "mailto:" in low)
    if address:
        if date and (verb is not None or (time and _begins(text)) or quoted):
            return True
        if verb is not None and (quoted or time or _at_end(verb, end)):
            return True
        return quoted and end.endswith((":", "：")) and len(text) < 200
    if verb is None:
        return False
    if date and time and (quoted or _begins(text) or _at_end(verb, end)):
        return True
    if quoted and (date or time) and (_begins(text) or _at_end(verb, end)):
        return True
    return (quoted and _at_end(verb, end) and "@" in text) or (quoted and _names_only(text, verb, end))


def _at_end(verb: re.Match[str], end: str) -> bool:
    return len(end.rstrip(":： ")) - verb.end() <= 1


def _own_words(low: str) -> bool:
    """Does it begin as only a letter does?"""
    first = low.split(None, 1)[0].strip(",") if low.strip() else ""
    return first in words.OWN_BEGINNINGS and not low.startswith(("in message", "in article", "in a message"))


def _own_subject(low: str, verb: re.Match[str]) -> bool:
    """Is the one who wrote "I" or "she"? No client says so of anybody."""
    before = low[: verb.start()].rpartition(" ")[0].rpartition(" ")[2] if low[: verb.start()].endswith(" ") else ""
    after = low[verb.end() :].split(None, 1)[:1]
    return before in words.OWN_SUBJECTS or bool(after and after[0].strip(",:") in words.OWN_SUBJECTS)


def _names_only(text: str, verb: re.Match[str], end: str) -> bool:
    """`Jane Doe wrote:`, but not `this is what Jane wrote:`."""
    before = text[: verb.start()].split()
    if not _at_end(verb, end) or len(before) > 6:
        return False
    if not before or text[: verb.start()].strip().lower() in ("you", "sie", "vous", "usted"):
        return True
    return all(not w[0].isalpha() or not w[0].islower() for w in before)
