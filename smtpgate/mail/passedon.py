"""The mails that somebody passes on within his own: attached, or below the header that his client copies over a forward.

Only what the mail says of itself: whose it is stays a claim of who passes it on. Read in the parser's process, of mails that
begin with a command alone. Pure, linear; never raises on what it is given.
"""

from __future__ import annotations

import html as stdlib_html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from smtpgate.mail import header, kind, mailboxes, quotelines, safe, structure, transfer, trim
from smtpgate.mail.attribution import BLANKS
from smtpgate.mail.headerblock import field
from smtpgate.mail.htmlmarks import unmarked
from smtpgate.model import Address, Attachment, Original, ParsedMail

_MOST = 3  # attached mails that are looked at: two are one too many already
_LONGEST = 256 * 1024  # characters of a text in which a forward is looked for
_DIVIDERS = "dfr"
_VALUE = 1000
_TWICE = re.compile(r"(?<=[^\s<])<mailto:[^<>\s]*>", re.IGNORECASE)  # Outlook's a@b<mailto:a@b>


def begins(text: str) -> bool:
    """May the mail ask for something at its top? All others are nobody's to look into."""
    return unmarked(text[:200]).lstrip("\ufeff\u200b\u2060 \t\r\n").startswith(("#", "＃"))


def originals(
    tree: structure.Part, text: str, files: tuple[Attachment, ...], named: str | None, own: str, read: Callable[[bytes], ParsedMail]
) -> tuple[Original, ...]:
    """Of a mail with this readable text (still marked), these files, and this tree. named: the Message-ID of the mail that it
    passes on or answers, as its header says; own: whose mail it is; read: reads one attached mail, whole."""
    found = inline(text, files, own)
    return (replace(found, message_id=named),) if found is not None else tuple(_attached(tree, text, read))


# --- as a file --------------------------------------------------------------------------------------------------------


def _attached(tree: structure.Part, text: str, read: Callable[[bytes], ParsedMail]) -> Iterator[Original]:
    above = unmarked(text).strip()
    for part in _outermost(tree)[:_MOST]:
        data, _ = transfer.decode(part.body, part.encoding, text=False)
        inner = read(data)
        yield Original(
            people=_once(inner.from_),
            above=above,
            text=inner.reply or inner.text,
            subject=inner.subject,
            date=inner.date or "",
            message_id=inner.message_id,
            attachments=inner.attachments,
            machine=inner.kind.machine,
        )


def _outermost(tree: structure.Part) -> list[structure.Part]:
    """The attached mails, not those within them."""
    found: list[structure.Part] = []
    todo = [tree]
    while todo:
        part = todo.pop()
        if part.kind in structure.MESSAGES:
            found.append(part)
        else:
            todo.extend(reversed(part.children))
    return found


# --- in the text ------------------------------------------------------------------------------------------------------


def inline(text: str, files: tuple[Attachment, ...] = (), own: str = "") -> Original | None:
    """The mail below the first header, dividing line or quote of a text; None when nothing of the kind is in it. own: the address
    of who passes it on, in lower case."""
    if len(text) > _LONGEST:
        return None
    lines = text.split("\n")
    letters = quotelines.letters_of(lines)
    start = next((i for i, letter in enumerate(letters) if letter in "adfhq"), -1)
    if start < 0:
        return None
    above = lines[:start]
    while above and (letters[len(above) - 1] in "br" or above[-1].strip(" <>").lower() == own):  # Foxmail signs with the address
        above.pop()
    below, letters = lines[start:], letters[start:]
    at = next((i for i, letter in enumerate(letters) if letter not in _DIVIDERS + "b"), len(letters))
    if letters[at : at + 1] == ["q"]:  # Apple quotes the header too
        below = [_unquoted(line) for line in below[at:]]
        letters = quotelines.letters_of(below)
        at = next((i for i, letter in enumerate(letters) if letter not in _DIVIDERS + "b"), len(letters))
    elif letters[at : at + 1] == ["a"]:
        while letters[at : at + 1] == ["a"]:
            at += 1
        below, letters, at = [_unquoted(line) for line in below[at:]], [], 0
    fields, stop = _fields(below, letters, at)
    said = "\n".join(below[stop:]).strip()
    subject = safe.line(next(iter(fields.get("subject", ())), ""), 500)
    people = _once(tuple(person for value in fields.get("from", ()) for person in _people(value)))
    return Original(
        people=people,
        above=trim.reply_part("\n".join(above)),
        text=trim.reply_part(said, subject=subject, answers=trim.is_answer(subject)),
        subject=subject,
        date=safe.line(next(iter(fields.get("date", ())), ""), 60),
        attachments=files,
        machine=any(kind.unread(person.address) for person in people),
    )


def _fields(lines: list[str], letters: list[str], at: int) -> tuple[dict[str, list[str]], int]:
    """The values of the header that begins there, by what their names mean, and where the text below it begins."""
    fields: dict[str, list[str]] = {}
    last: list[str] | None = None
    i = stop = at
    while i < len(letters) and (letters[i] == "h" or (letters[i] == "b" and "h" in letters[i + 1 : i + 3])):
        line = lines[i].strip(BLANKS)
        if letters[i] == "h":
            meaning = field(line)
            if meaning:
                last = fields.setdefault(meaning, [])
                last.append(_value(line))
            elif last:
                last[-1] = f"{last[-1]} {line}"[:_VALUE]
            stop = i + 1
        i += 1
    return fields, stop


def _value(line: str) -> str:
    """What stands behind the name, whatever separates them: a colon, or the columns of a table."""
    rest = re.split("[:：|]", line.lstrip("|"), maxsplit=1)[-1]
    return rest.replace("&nbsp;", " ").strip(BLANKS + "|")[:_VALUE]


def _people(value: str) -> tuple[Address, ...]:
    """Markup that clients leave around a name or an address is none of it."""
    clean = _TWICE.sub("", stdlib_html.unescape(value)).replace("*", "").replace("[mailto:", "<").rstrip("; ")
    clean = clean.replace("]", ">") if "<" in clean and ">" not in clean else clean
    return mailboxes.parse_list(header.decode_words(clean))[0]


def _unquoted(line: str) -> str:
    bare = line.lstrip(BLANKS)
    return bare[1:].removeprefix(" ") if bare.startswith((">", "＞")) else line


def _once(people: tuple[Address, ...]) -> tuple[Address, ...]:
    """Each address once: Outlook writes it twice."""
    found: dict[str, Address] = {}
    for person in people:
        found.setdefault(person.address.lower(), person)
    return tuple(found.values())
