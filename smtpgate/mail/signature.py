"""Where the sender's own words end: signatures, "sent from my phone", legal footers and list footers stand below them.

Each rule is a safe one: a name under "Best regards" stays, because it is the person's word; what goes is set off by
"-- ", or is clearly made of telephone numbers and addresses, or begins as only lawyers begin. Pure, linear, never raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from smtpgate import patterns
from smtpgate.mail import signwords as words

_DELIMITED = 15  # lines after "-- "
_FOOTER = 13  # lines of a mailing list's footer
_CONTACT = 15  # lines after "Best regards"
_LEGAL_LINES = 60
_LONGEST_LEGAL = 4000  # characters that are looked through for such words
_LONGEST_PHONE = 90
_STRAY = "*_-=~|#/<>()[]“”\"' \t\xa0\u3000\u200e\u200f"
_NUMBER = re.compile(r"(?:\+|00|\(0|\b0|\b[0-9])[0-9() /.–-]{6,18}[0-9]")
_LABEL = re.compile(r"(?:^|[ |,;/])([^\W\d_][\w-]{0,16})\.?\s?[.:：|]", re.UNICODE)
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>]{3,200}|<?[\w.+-]{1,64}@[\w-]{1,60}\.[\w.-]{1,60}>?", re.IGNORECASE)
_LIST = re.compile(
    r"mailing list|listinfo|google groups|groups\.io links|(?:^|\n)(?:to unsubscribe|unsubscribe:)"
    r"|[+-](?:unsubscribe|leave|request|signoff)[\w+.-]{0,60}@"
)
_BOX = frozenset("-=_*+~#/|.:;<>^·・＊＋＝－―‐─━═〜～*◆◇■□●○★☆▼▲▽△※∞♪ 　")  # of which lines around signatures are drawn
_LINK_ALONE = re.compile(r"<?https?://[^\s<>]{3,300}>?")


class Beginnings:
    """Does a line begin with one of many? Looked up by the first two characters, so that a line costs the same for any number."""

    def __init__(self, beginnings: Sequence[str]) -> None:
        table: dict[str, list[str]] = {}
        for text in beginnings:
            table.setdefault(text[:2], []).append(text)
        self._table = {key: tuple(values) for key, values in table.items()}

    def of(self, low: str) -> bool:
        found = self._table.get(low[:2])
        return found is not None and low.startswith(found)


_PHONE = Beginnings(words.PHONE)
_UNSURE = Beginnings(words.PHONE_UNSURE)
_LEGAL = Beginnings(words.DISCLAIMER_BEGINS)
_SURE = Beginnings(words.DISCLAIMER_SURE)
_SPEAKS = patterns.words(words.DISCLAIMER_WORDS)
_JAPANESE_SENT = ("から送信", "から送信されたメール", "에서 보냄", "に送信", "を入手", "传送", "傳送")


def own_end(lines: list[str], letters: list[str], start: int, stop: int) -> int:
    """The end of the sender's own words in lines[start:stop]; start when there are none."""
    delimited = legal = False
    while True:
        while stop > start and (
            letters[stop - 1] in "bxs" or (letters[stop - 1] == "r" and _stands_alone(letters, start, stop - 1))
        ):
            stop -= 1
        if stop == start:
            return start
        if is_phone(lines[stop - 1]) or letters[stop - 1] == "S":
            stop -= 1
            continue
        if stop - start > 1 and _LINK_ALONE.fullmatch(lines[stop - 1].strip()) and is_phone(lines[stop - 2]):
            stop -= 2
            continue
        found = _framed(lines, start, stop)
        if found == stop:
            found = _boxed(lines, start, stop)
        if found == stop:
            found = _legal(lines, start, stop)
            legal = legal or found != stop
        if found == stop and legal and lines[stop - 1].strip() in ("---", "***"):
            found = stop - 1
        if found == stop and legal:
            found = _card(lines, letters, start, stop)
        if found == stop:
            found = _list_footer(lines, letters, start, stop)
        if found == stop:
            found = _addresses_of_a_list(lines, start, stop)
        if found == stop and not delimited:
            found = _delimited(lines, letters, start, stop)
            # The sender's own may stand above that of a list, or above one that lost its blank.
            delimited = found != stop and lines[found].rstrip("\r").endswith(" ") and not _of_a_list(lines[found:stop])
        if found == stop:
            return _contact(lines, start, stop)
        stop = found


def _stands_alone(letters: list[str], start: int, i: int) -> bool:
    """A ruled line below a blank one; right below words it may be their underline."""
    return i == start or letters[i - 1] in "br"


def is_phone(line: str) -> bool:
    """Is this "Sent from my phone" in any language?"""
    low = line.strip(_STRAY).lower().rstrip(".。!")
    if not low or len(low) > _LONGEST_PHONE + (100 if "://" in low else 0):
        return False
    if _UNSURE.of(low):
        bare = low.partition("://")[0]
        return len(bare) <= 60 and any(device in low for device in words.DEVICES) and not low.endswith(("?", "？"))
    if _PHONE.of(low):
        return True
    if low.endswith(_JAPANESE_SENT) and len(low) <= 40:
        return any(device in low for device in words.DEVICES)
    return ("outlook" in low and "aka.ms/" in low) or _advertises(low)


def _advertises(low: str) -> bool:
    """A virus scanner, in any language ("Virus-free. www.avast.com", and the anchor below it), or the host of a list."""
    scanner = "www.avast.com" in low and len(low.partition("://")[0]) < 60
    return scanner or low.startswith(("dab4fad8-2dd7-40bb", "your use of yahoo! groups is subject to"))


def _framed(lines: list[str], start: int, stop: int) -> int:
    """NetEase Mail Master draws a frame of "|" around the name and the address."""
    if lines[stop - 1].strip() != "|":
        return stop
    for i in range(stop - 2, max(start, stop - 16) - 1, -1):
        if lines[i].strip() == "| |":
            return i
    return stop


def _boxed(lines: list[str], start: int, stop: int) -> int:
    """A business card below a drawn line, or between two, as people in Japan and China sign: addresses, a telephone number
    and nothing that reads like a letter."""
    last = stop - 1 if _is_drawn(lines[stop - 1]) else stop
    for i in range(last - 1, max(start, last - _CONTACT), -1):
        line = lines[i].strip()
        if _is_drawn(line):
            block = [line.strip() for line in lines[i + 1 : last] if line.strip()]
            addresses = sum("@" in line for line in block)
            linked = any(_LINK.search(line) for line in block)
            if not linked or addresses > 2 or not any(map(_is_labelled, block)):
                return stop
            upper = next((j for j in range(i - 1, max(start, i - 4), -1) if not _plain(lines[j])), start)
            top = upper if _is_drawn(lines[upper]) else i  # a card in two compartments
            told = any(line.strip() for line in lines[start:top]) and not _introduces(lines, start, top)
            return top if told else stop
        if len(line) > 100 or line.count(" ") > 12 or (is_sentence(line) and not _LINK.search(line)):
            return stop
    return stop


def _plain(line: str) -> bool:
    """Words that may stand in a card: no drawn line, and no blank one."""
    return bool(line.strip()) and not _is_drawn(line) and not is_sentence(line.strip())


def _introduces(lines: list[str], start: int, i: int) -> bool:
    """Does what stands above end with a colon, so that the card is what the letter is about?"""
    above = next((lines[j].rstrip() for j in range(i - 1, start - 1, -1) if lines[j].strip()), "")
    return above.endswith((":", "："))


def _is_drawn(line: str) -> bool:
    s = line.strip()
    return len(s) >= 8 and len(set(s)) < 6 and _BOX.issuperset(s)


def _delimited(lines: list[str], letters: list[str], start: int, stop: int) -> int:
    """Where the last "-- " stands that only a signature follows. The blank at its end is often lost on the way."""
    for i in range(stop - 2, max(start, stop - 2 - _DELIMITED), -1):
        if letters[i] == "s":
            strict = lines[i].rstrip("\r").endswith(" ")
            return i if strict or _is_signature(lines[i + 1 : stop]) else stop
    if letters[start] == "s" and stop - start <= _DELIMITED + 1:
        return start
    return stop


def _is_signature(block: list[str]) -> bool:
    """Short lines, or lines with an address or a link; nothing that reads like a sentence or a question."""
    if any(_LINK.search(line) or "unsubscribe" in line for line in block):
        return True
    filled = [line.strip() for line in block if line.strip()]
    return 0 < len(filled) <= 8 and not any(is_sentence(line) for line in filled)


def is_sentence(line: str) -> bool:
    """Does it read like one, rather than like a line of an address?"""
    return len(line) > 78 or line[-1:] in "?？" or (line[-1:] in ".!。！:" and (line.count(" ") > 5 or len(line) > 60))


def _list_footer(lines: list[str], letters: list[str], start: int, stop: int) -> int:
    """A ruled line, and below it the name and the address of a mailing list; with the advertisement right above it."""
    for i in range(stop - 2, max(start - 1, stop - _FOOTER), -1):
        if _is_rule(lines[i]) and i > start:
            block = lines[i + 1 : stop]
            if _of_a_list(block) and any(_LINK.search(line) for line in block):
                return _advertisement(lines, letters, start, i)
            if any(line.strip() for line in block):
                return stop
    return stop


def _is_rule(line: str) -> bool:
    """A line, straight or fancy: ______, -=-=-=-, --~--~--, ######."""
    s = line.strip()
    return len(s) >= 15 and not s.strip("_-=~#*—")


def _of_a_list(block: list[str]) -> bool:
    low = "\n".join(line.strip() for line in block).lower()
    return _LIST.search(low) is not None or ("permalink:" in low and "delivery options:" in low)


def _addresses_of_a_list(lines: list[str], start: int, stop: int) -> int:
    """A last paragraph that only says where to subscribe, where to unsubscribe, and the like."""
    first = stop
    while first > start and lines[first - 1].strip() and stop - first < _FOOTER:
        first -= 1
    block = lines[first:stop]
    if "\nunsubscribe:" not in "\n".join(block).lower():
        return stop
    links = sum(_LINK.search(line) is not None for line in block)
    return first if links > 2 and links * 2 > len(block) else stop


def _advertisement(lines: list[str], letters: list[str], start: int, stop: int) -> int:
    """Some lines with a link between a ruled line and the footer of the list, and no blank one."""
    for i in range(stop - 1, max(start - 1, stop - 9), -1):
        if letters[i] == "r" and len(lines[i].strip()) >= 60:
            return i if any(_LINK.search(line) for line in lines[i + 1 : stop]) else stop
        if letters[i] == "b":
            return stop
    return stop


def _legal(lines: list[str], start: int, stop: int) -> int:
    """Where the legal footer begins that reaches the end. Its paragraphs all speak of such matters."""
    found = bottom = stop
    for i in range(stop - 1, max(start, stop - _LEGAL_LINES) - 1, -1):
        line = lines[i].strip(_STRAY)
        if not line:
            if bottom < stop and bottom != found and not _legal_words(lines[i + 1 : bottom], 1):
                break
            bottom = min(bottom, i)
            continue
        low = line[:60].lower()
        if not line[0].islower() and _LEGAL.of(low):
            below = lines[i : found if found < stop else stop]
            if (_SURE.of(low) and len(line) < 60) or _legal_words(below, 3) or (_SURE.of(low) and _legal_words(below, 1)):
                found = bottom = i
                continue
    return found if found == stop or _legal_to_the_end(lines, found, stop) else stop


def _legal_to_the_end(lines: list[str], found: int, stop: int) -> bool:
    """Most of what stands below speaks of it too: no letter goes on below a footer."""
    paragraphs = "\n".join(line.strip() for line in lines[found:stop]).split("\n\n")
    return all(len(p) < 80 or _legal_words([p], 1) for p in paragraphs)


def _legal_words(lines: list[str], least: int) -> bool:
    low = " ".join(lines)[:_LONGEST_LEGAL].lower()
    if not _SPEAKS.within(low.encode("utf-8", "replace")):
        return False
    count = 0
    for word in words.DISCLAIMER_WORDS:
        if word in low:
            count += 1
            if count >= least:
                return True
    return False


def _contact(lines: list[str], start: int, stop: int) -> int:
    """Below a closing and a name: two lines at least with numbers and addresses, and nothing that reads like a letter."""
    for i in range(stop - 3, max(start, stop - 1 - _CONTACT), -1):
        if lines[i].strip(" \t\xa0,.!，。！;").lower() not in words.CLOSINGS:
            continue
        below = [j for j in range(i + 1, stop) if lines[j].strip()]
        if len(below) < 4 or len(lines[below[0]].strip()) > 50:
            return stop
        block = [lines[j].strip() for j in below[1:]]
        if any(is_sentence(line) and not _LINK.search(line) for line in block) or sum(map(_is_contact, block)) < 2:
            return stop
        if not any(_is_number(line) for line in block):
            return stop  # such as the tags of those who reviewed a patch
        return below[0] + 1
    return stop


def _card(lines: list[str], letters: list[str], start: int, stop: int) -> int:
    """A business card between ruled lines, right above a legal footer."""
    if letters[stop - 1] != "r":
        return stop
    found = stop
    for i in range(stop - 2, max(start, stop - _CONTACT) - 1, -1):
        line = lines[i].strip()
        if letters[i] == "r":
            found = i
        elif is_sentence(line) and not _LINK.search(line):
            break
    block = [line for line in lines[found + 1 : stop - 1] if line.strip()]
    return found if sum(map(_is_contact, block)) > 1 and any(map(_is_number, block)) else stop


def _is_contact(line: str) -> bool:
    if _LINK.search(line):
        return True
    return _is_number(line)


def _is_number(line: str) -> bool:
    """A telephone number, by its label or because it stands alone."""
    return bool(_NUMBER.search(line)) and (len(line) < 40 or _is_labelled(line))


def _is_labelled(line: str) -> bool:
    label = _LABEL.search(line)
    return label is not None and label[1].lower() in words.CONTACT_LABELS and _NUMBER.search(line) is not None
