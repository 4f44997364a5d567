"""Is this the line over a quote that says who wrote it: "On Fri, 2 Jan 2026 at 15:04, somebody wrote:"? In any language.

Told by an address, a date, a time and the verb, in any order, and by where they stand; less is asked when a quote with
marks follows. Pure, linear, never raises.
"""

from __future__ import annotations

import re

from smtpgate.mail import quotewords as words

_TURNS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # what clients set around names in Hebrew and Arabic
BLANKS = " \t\r\xa0\u3000\u200b\ufeff" + _TURNS
_NO_TURNS = str.maketrans("", "", _TURNS)
_LONGEST = 400  # characters
_WRAPPED = 4  # lines

DATE = re.compile(r"(?:19|20)[0-9]{2}|25[67][0-9]|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2}|[๐-๙]{4}|[٠-٩]{4}|[۰-۹]{4}|[०-९]{4}")
TIME = re.compile(r"\d{1,2}[:.h時时시点點]\d{2}|[0-9]{1,2} ?[ap]\.?m\b", re.IGNORECASE)
_BRACKETED = re.compile(r"[<(\[（＜][^<>()\[\]\s]{1,200}@[^<>()\[\]\s]{1,200}[>)\]）＞]")
_BY = re.compile(r" (?:by|von|par|por|da|от|由) [^\s@<>]{1,64}@[^\s@<>]{1,200}[:：]$")  # Tuta, below the date and the time
_BARE = re.compile(r" [^\s@<>]{1,64}@[^\s@<>]{1,200}[:：]$")
VERB = re.compile(
    r"(?<!\w)(?:" + "|".join(re.escape(w) for w in sorted(words.WROTE, key=len, reverse=True)) + r")(?!\w)|"
    + "|".join(re.escape(w) for w in words.WROTE_CJK)
)  # fmt: skip


def start_of(lines: list[str], letters: list[str], i: int) -> int:
    """The line where the attribution that ends on line i begins, -1 if it is none."""
    quoted = _quote_below(letters, i)
    joined = ""
    found, best = -1, 0
    for j in range(i, max(i - _WRAPPED, -1), -1):
        line = lines[j].strip(BLANKS)
        if letters[j] == "b" and joined[:1] == "<":
            continue  # every line end was doubled: no attribution begins with the address after a blank line
        if j < i and (letters[j] not in "tca" or _ends_sentence(line)):
            break
        joined = f"{line}{'' if line[-1:] == '<' else ' '}{joined}" if joined else line
        if len(joined) > _LONGEST:
            break
        strength = is_attribution(joined, quoted)
        if strength > best:
            found, best = j, strength
        if strength > 1 and _begins(line):
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


def is_attribution(text: str, quoted: bool) -> int:
    """Does this say who wrote what follows? 0 no, 1 a part of it may, 2 yes.

    quoted: a quote does follow, so less is asked of the line.
    """
    text = text if text.isascii() else text.translate(_NO_TURNS)
    low = text.lower()
    date, time = DATE.search(text) is not None, TIME.search(text) is not None
    verb = None
    for verb in VERB.finditer(low):  # noqa: B007  # the last one counts
        pass
    if _own_words(low) or (verb is not None and _own_subject(low, verb)):
        return 0
    end = low.rstrip("-*_>›»\"' ")
    if _BRACKETED.search(text) is not None or ("@" in text and "mailto:" in low):
        if verb is None:
            colon = end.endswith((":", "："))
            return (
                2
                if (date and time and (quoted or (colon and _begins(text)))) or (quoted and low.startswith(words.CITES))
                else int(quoted and ((date and text[:1].isdigit() and len(text) < 120) or _names_alone(_BRACKETED.sub(" ", text))))
            )
        return 2 if date or time or _at_end(verb, end) or (quoted and _words_after(verb, end) < 5) else 0
    if verb is None:
        if date and time and (by := _BY.search(end)) and _moment_alone(end[: by.start()]):
            return 2
        if quoted and (low.startswith(words.CITES) or (date and time and _BARE.search(end) and len(text) < 120)):
            return 2
        return int(quoted and date and time and _names_alone(text))
    before = text[: verb.start()]
    if verb.group() in words.SAID and not (date and time and (_begins(text) or _names_alone(before))):
        return 0
    named = _names_alone(before) or ("@" in before and " " not in before.strip())
    framed = _at_end(verb, end) or (_words_after(verb, end) < 10 and (_begins(text) or named))
    if framed and ((date and time) or (quoted and (date or time or "@" in text))):
        return 2
    return 2 if quoted and _at_end(verb, end) and (_names_alone(before) or before.strip().lower() in words.YOU) else 0


def _at_end(verb: re.Match[str], end: str) -> bool:
    return len(end.rstrip(":： ")) - verb.end() <= 1


def _words_after(verb: re.Match[str], end: str) -> int:
    return len(end[verb.end() :].split())


def _own_words(low: str) -> bool:
    """Does it begin as only a letter does?"""
    first = low.split(None, 1)[0].strip(",") if low.strip() else ""
    return first in words.OWN_BEGINNINGS and not low.startswith(("in message", "in article", "in a message", "in data "))


def _own_subject(low: str, verb: re.Match[str]) -> bool:
    """Is the one who wrote "I" or "she"? No client says so of anybody."""
    before = low[: verb.start()].rpartition(" ")[0].rpartition(" ")[2] if low[: verb.start()].endswith(" ") else ""
    after = low[verb.end() :].split(None, 1)[:1]
    return before in words.OWN_SUBJECTS or bool(after and after[0].strip(",:") in words.OWN_SUBJECTS)


def _moment_alone(text: str) -> bool:
    figures = [any(c.isdigit() for c in word) for word in text.split()]
    return len(figures) < 7 and figures.count(False) < 3


def _names_alone(text: str) -> bool:
    """Nothing but the name of a person, with a date perhaps: `Jane Doe`, `* J. Doe [120505 10:00]:`, no sentence."""
    bare = [word.strip("*+.,:;'\"()[]«»„“”=") for word in text.split()]
    return len(bare) < 8 and all(
        not word
        or not any(c.isalpha() for c in word)
        or (word.replace("-", "").replace("'", "").isalpha() and not word[0].islower())
        for word in bare
    )
