"""What the sender newly wrote: the reply without the quoted mail and the signature (issue: "reply").

One pass gives each line a letter from the tables below, then a few rules cut over the letters. Linear, no regex with
nested repeats (threat C9). Never raises, and never loses an answer written between or below quoted lines: when in
doubt the text stays whole. To teach it a new mail client, add its words to a table and a folder to tests/messages.
"""

from __future__ import annotations

import re

from smtpgate.mail import quotewords as words

_LONGEST = 256 * 1024  # characters and
_MOST_LINES = 10_000  # lines that are looked at; longer text is returned whole
_LONG_LINE = 500  # nothing beyond this is an attribution or a header line

# Letters: q quoted · a attribution · d divider of an original · f divider of a forward · h header line of a quoted mail
#          m our own "write above" line · s signature delimiter · p sent from a phone · r a ruled line · b blank · t text

_FIELD = re.compile(r"[*_ \t>|]{0,4}([^:：*]{1,20}?)[*_ ]{0,4}[:：]")
_SCHRIEB = re.compile(r"\bschrieb .{1,150}:$")  # German has the name after the verb
_ATTRIBUTED = re.compile(r"[0-9]|@")
_LONGEST_SIGNATURE = 12  # lines after "-- "
_DASHES = "-_=*—－–─━~ \t\xa0\u3000"


def reply_part(text: str, html: str | None = None) -> str:
    """The newly written part of a readable text; the whole text (stripped) when nothing else is left of it.

    html is read instead when there is no text at all; it is the raw HTML of the mail.
    """
    if not text.strip() and html:
        from smtpgate.mail import html as reader

        text = reader.to_text(html)
    whole = text.strip()
    if len(text) > _LONGEST:
        return whole
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        return whole
    letters = [_letter(line) for line in lines]
    _join(lines, letters)
    end = _without_signature(lines, letters, len(lines))  # it may stand below a quote
    end = _cut(lines[:end], letters[:end])
    end = _without_signature(lines, letters, end)
    kept = "\n".join(line.rstrip() for line in lines[:end]).strip("\n")
    return kept.strip() or whole


def _letter(line: str) -> str:
    """What one line looks like on its own."""
    stripped = line.strip(" \t\r\xa0\u3000")
    if not stripped:
        return "b"
    if stripped[0] in ">＞" or stripped.startswith("|>"):
        return "q"
    if line.rstrip("\r\n\t ") == "--":
        return "s"
    if len(stripped) > _LONG_LINE:
        return "t"
    low = stripped.lower()
    if low.startswith(words.MARKERS) or (low[0] in "#-—=" and low.strip(_DASHES + "#") in words.MARKERS):
        return "m"
    bare = stripped.strip(_DASHES)
    if not bare:
        return "r" if len(stripped) >= 5 else "t"
    if stripped[0] in _DASHES or stripped[-1] in _DASHES or stripped[-1] in ":：":
        folded = "".join(bare.split()).lower()
        if folded in words.ORIGINAL and (stripped[0] in _DASHES):
            return "d"
        if folded in words.FORWARD:
            return "f"
    if low.endswith(words.WROTE) or _SCHRIEB.search(low) or (low.endswith((">:", ">：")) and "@" in low and low[0].isdigit()):
        return "a"
    if _is_phone(low):
        return "p"
    match = _FIELD.match(stripped)
    if match is not None and _meaning(match[1]):
        return "h"
    return "t"


def _is_phone(low: str) -> bool:
    if len(low) > 60 or not low.startswith(words.PHONE):
        return False
    if not low.startswith(words.COMMON_BEGINNINGS):
        return True
    return (
        low.startswith("发自我的")
        or low.endswith(words.PHONE_ENDS)
        or any(w in low for w in ("iphone", "ipad", "手机", "邮箱", "mail", "outlook"))
    )


def _meaning(name: str) -> str:
    return words.FIELDS.get(name.strip(" *_\xa0\u3000>|").lower(), "")


def _join(lines: list[str], letters: list[str]) -> None:
    """What lines mean together: attributions over several lines, blocks of header lines."""
    for i, letter in enumerate(letters):
        if letter == "a":
            start = _attribution_start(lines, letters, i)
            if start < 0:
                letters[i] = "t"
            for j in range(max(start, 0), i) if start >= 0 else ():
                letters[j] = "a"
    i = 0
    while i < len(letters):
        if letters[i] != "h":
            i += 1
            continue
        stop, meanings = _header_block(lines, letters, i)
        led = i > 0 and letters[_before(letters, i)] in ("d", "r", "f")
        if len(meanings) < (2 if led else 3) or "from" not in meanings:
            for j in range(i, stop):
                letters[j] = "t" if letters[j] == "h" else letters[j]
        i = stop


def _attribution_start(lines: list[str], letters: list[str], i: int) -> int:
    """The line where the attribution that ends on line i begins, -1 if it is none: it has a date or an address."""
    joined = lines[i].strip()
    if joined.lower().startswith(words.BEGINS) and _ATTRIBUTED.search(joined):
        return i
    found = i if _ATTRIBUTED.search(joined) else -1
    for j in range(i - 1, max(i - 4, -1), -1):
        if letters[j] not in ("t", "h", "p"):
            break
        joined = lines[j].strip() + " " + joined
        if len(joined) > _LONG_LINE:
            break
        if lines[j].strip().lower().startswith(words.BEGINS) and _ATTRIBUTED.search(joined):
            return j
    return found


def _header_block(lines: list[str], letters: list[str], start: int) -> tuple[int, set[str]]:
    """Where the run of header lines ends (values may be wrapped once each), and the meanings in it."""
    meanings: set[str] = set()
    i = start
    wrapped = 0
    while i < len(letters) and i < start + 30:
        if letters[i] == "h":
            match = _FIELD.match(lines[i].strip(" \t\r\xa0\u3000"))
            meanings.add(_meaning(match[1]) if match else "")
            wrapped = 0
        elif letters[i] == "t" and wrapped < 2 and any(x == "h" for x in letters[i + 1 : i + 3]):
            wrapped += 1
        elif letters[i] == "b" and i + 1 < len(letters) and letters[i + 1] == "h":
            pass  # some clients put an empty line between all of them
        else:
            break
        i += 1
    return i, meanings - {"", "other"}


def _before(letters: list[str], i: int) -> int:
    """The last line before i that is not blank; i itself if there is none."""
    for j in range(i - 1, max(i - 6, -1), -1):
        if letters[j] != "b":
            return j
    return i


def _cut(lines: list[str], letters: list[str]) -> int:
    """How many lines from the top are the sender's own, answers between quotes included."""
    text_above = False
    last_quote = -1
    i = 0
    while i < len(letters):
        letter = letters[i]
        if letter == "m":
            return _back(letters, i) if text_above else len(lines)
        if letter in ("d", "h") and text_above and not _forwarded(letters, i):
            if letter == "d" or _begins_block(letters, i):
                return _trailing(letters, _back(letters, i))
        elif letter == "a" and text_above and not _quote_follows(letters, i):
            if not _more_quotes(letters, i):
                return _trailing(letters, _back(letters, i))
        elif letter == "q":
            last_quote = i
        elif letter == "f":
            return len(lines)
        if letter == "t":
            text_above = True
        i += 1
    return _trailing(letters, len(lines)) if last_quote >= 0 else len(lines)


def _begins_block(letters: list[str], i: int) -> bool:
    return i == 0 or letters[i - 1] != "h"


def _forwarded(letters: list[str], i: int) -> bool:
    before = _before(letters, i)
    return before != i and letters[before] == "f"


def _quote_follows(letters: list[str], i: int) -> bool:
    return any(x == "q" for x in letters[i + 1 : i + 5])


def _more_quotes(letters: list[str], i: int) -> bool:
    """Is this attribution one of several lines of its own, or answered in between further down?"""
    return any(x == "a" for x in letters[i + 1 : i + 4]) and any(x == "q" for x in letters[i + 1 : i + 8])


def _back(letters: list[str], i: int) -> int:
    """Over blank and ruled lines that stand right above line i."""
    while i > 0 and letters[i - 1] in ("b", "r"):
        i -= 1
    return i


def _trailing(letters: list[str], end: int) -> int:
    """Without the quote at the very end and its attribution. Signature lines after it do not count as text."""
    tail = end
    while tail > 0 and letters[tail - 1] in ("b", "p", "r"):
        tail -= 1
    i = tail
    while i > 0 and letters[i - 1] in ("q", "b"):
        i -= 1
    if "q" not in letters[i:tail]:
        return end
    while i > 0 and letters[i - 1] in ("a", "b", "d", "h"):
        i -= 1
    if not any(x == "t" for x in letters[:i]):
        return end  # nothing but the quote: the text stays whole
    return i


def _without_signature(lines: list[str], letters: list[str], end: int) -> int:
    """Cut at the last "-- " that only a short block follows, and drop "sent from my phone" at the end."""
    for i in range(end - 1, max(end - 2 - _LONGEST_SIGNATURE, -1), -1):
        if letters[i] == "q":
            break
        if letters[i] == "s" and any(x == "t" for x in letters[:i]):
            end = i
            break
    while end > 0 and letters[end - 1] in ("b", "p", "r"):
        end -= 1
    if not any(letters[i] in ("t", "q", "h") for i in range(end)):
        return len(lines)
    return end
