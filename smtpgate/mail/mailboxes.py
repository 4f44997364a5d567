"""Lists of addresses as people's clients write them (To, Cc, Reply-To, and From where it is only shown).

One bounded linear scanner. Reads groups, nested comments, quoted names, addresses without brackets, ; between addresses,
names with bare commas, dots and colons, brackets that stay open, full-width signs, `mailto:`, what archives make of an
@. Encoded words are decoded in names only, never in addresses (threat A2). Never raises; what has no usable address is
left out with a defect.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from smtpgate.mail import addrspec, header, safe
from smtpgate.model import Address

_WORD = re.compile(r"=\?[^?\s]{0,70}\?[bBqQ]\?[^?\s]*\?=")
_NAME_LIMIT = 200
_NAMELESS = 8  # pieces between commas that may belong to the name behind them
_WIDE = {"＠": "@", "＜": "<", "＞": ">"}
_SCHEME = re.compile(r"(?:mailto|smtp|e-?mail):\s*", re.IGNORECASE)
_PREFIX = re.compile(r"[\s,;]*(?:mailto|smtp|to|from|cc)\s*$", re.IGNORECASE)
_DOTTED = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_LOOSE_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(slots=True)
class _Mailbox:
    """What has been read of one mailbox so far."""

    words: list[str] = field(default_factory=list)  # the phrase, or an address without brackets, piece by piece
    angles: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    at: bool = False  # an address without brackets has begun
    end: str = ""  # the separator behind it


def parse_list(text: str, *, limit: int = 500) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """All mailboxes in an unfolded address field, as far as they can be read, and what was wrong with the rest.

    Names are safe to print.
    """
    found: list[Address] = []
    defects: dict[str, None] = {}
    before: list[str] = []  # pieces without an address: of a name with bare commas, if one follows that has brackets
    for box in _boxes(_unescaped(text[: header.FIELD_LIMIT * 4])):
        if len(found) >= limit:
            defects[f"more than {limit} addresses"] = None
            break
        if not box.angles and not box.at and not _unusual(box):
            if "".join(box.words).strip():
                before = [*before[-_NAMELESS:], "".join(box.words) + box.end]
                defects["a name without an address"] = None
            if box.end == ";":
                before = []
            continue
        if before and box.angles and "".join(box.words).strip() and "@" not in "".join(box.words):
            box.words = [*before, *box.words]
        before = []
        _take(box, found, defects)
    return tuple(found[:limit]), tuple(defects)[:20]


def local_name(text: str) -> Address | None:
    """A From without any domain, as programs write for their own machine: `MAILER-DAEMON (Mail Delivery System)`, `<root>`."""
    boxes = list(_boxes(text[: header.FIELD_LIMIT]))
    if len(boxes) != 1 or len(boxes[0].angles) > 1:
        return None
    box = boxes[0]
    phrase = "".join(box.words).strip()
    local = "".join(box.angles).strip() or phrase
    if addrspec.ATOM.fullmatch(local.replace(".", "")) is None or _bad(f"{local}@x"):
        return None
    return Address(_name(phrase if box.angles else box.comments[0] if box.comments else ""), local)


def _unescaped(text: str) -> str:
    """With the signs that stand for @, < and > where these are missing."""
    if "<" not in text and "&lt;" in text:
        text = html.unescape(text)
    for wide, plain in _WIDE.items():
        if wide in text and plain not in text:
            text = text.replace(wide, plain)
    return text


def _boxes(text: str) -> Iterable[_Mailbox]:
    box = _Mailbox()
    last_round, last_angle, last_group = text.rfind(")"), text.rfind(">"), text.rfind(";")  # what is never closed is none
    quotes = True
    i = 0
    while i < len(text):
        c = text[i]
        if c == '"' and quotes:
            end = _quote_end(text, i)
            quotes = end > 0
            box.words.append(text[i:end] if quotes else " ")
            i = max(end, i + 1)
        elif c == "(" and i < last_round:
            end = _comment_end(text, i)
            box.comments.append(text[i + 1 : end - 1])
            i = end
        elif c == "<" and i < last_angle:
            end = text.index(">", i)
            box.angles.append(text[i + 1 : end].rpartition("<")[2])
            i = end + 1
        elif c in ",;":
            box.end = c
            yield box
            box = _Mailbox()
            i += 1
        elif c == ":" and not box.at:
            if i < last_group or _PREFIX.match("".join(box.words[-3:])):
                box.words.clear()  # a group's name, "mailto:"
            else:
                box.words.append(c)
            i += 1
        elif c == "=" and (word := _WORD.match(text, i)) is not None:
            box.words.append(word.group())
            i = word.end()
        else:
            end = _run_end(text, i)
            box.words.append(text[i:end])
            box.at = box.at or "@" in box.words[-1]
            i = end
    yield box


_RUN = re.compile(r'[^"(<,;:=]+')


def _run_end(text: str, i: int) -> int:
    match = _RUN.match(text, i + 1)
    return match.end() if match else i + 1


def _quote_end(text: str, start: int) -> int:
    """Behind the closing quote, 0 without one."""
    i = start + 1
    while (i := text.find('"', i)) > 0:
        back = i
        while text[back - 1] == "\\":
            back -= 1
        if (i - back) % 2 == 0:
            return i + 1
        i += 1
    return 0


def _comment_end(text: str, start: int) -> int:
    """Behind the bracket that closes this comment; after the last one if it stays open. Comments nest."""
    depth = 0
    i = start
    while i < len(text):
        c = text[i]
        if c == "\\":
            i += 1
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return text.rfind(")") + 1


def _take(box: _Mailbox, found: list[Address], defects: dict[str, None]) -> None:
    """Add the addresses of one mailbox."""
    phrase = "".join(box.words).strip()
    comment = _ESCAPED.sub(r"\1", box.comments[0]) if box.comments else ""
    if box.angles and not (box.at and not any(box.angles)):  # `a@b <>`
        if len(box.angles) > 1:
            defects["several <addresses> in one mailbox"] = None
        name = _name(phrase) or _name(comment)
        for i, angle in enumerate(box.angles):
            _add(found, defects, name if i == 0 else "", angle.rpartition(":")[2] if angle.startswith("@") else angle)
        return
    for before, spec in _bare(phrase):
        _add(found, defects, _name(before) or _name(comment), spec)


def _bare(phrase: str) -> list[tuple[str, str]]:
    """(name, address) for each address of a mailbox without angle brackets; blanks around the @ are taken out."""
    at = phrase.rfind("@")
    if at < 0:
        spelled = _spelled(phrase)
        return [spelled] if spelled else []
    tokens = phrase.split()
    if '"' not in phrase and len(tokens) > 1 and all(0 < t.find("@") < len(t) - 1 for t in tokens):
        return [("", t) for t in tokens]  # only blanks between addresses
    if phrase[0] == phrase[-1] == '"' and phrase.count('"') == 2:
        phrase, at = phrase[1:-1], at - 1
    left, right = phrase[:at].rstrip(), phrase[at + 1 :].lstrip()
    if left.endswith('"') and (start := left.find('"')) < len(left) - 1:
        before, local = left[:start], left[start:]
    else:
        cut = max(left.rfind(" "), left.rfind("\t"))
        before, local = left[: cut + 1], left[cut + 1 :].rpartition("<")[2]
    host, _, rest = right.partition(" ")
    return [(f"{before} {rest}".strip(), f"{local}@{host}")]


def _unusual(box: _Mailbox) -> bool:
    """Is there an address without a bare @: `user at example.org`, `"a@b.example"`?"""
    phrase = "".join(box.words).strip()
    if " at " in phrase and _spelled(phrase):
        return True
    return len(box.words) == 1 and phrase.count("@") == 1 and " " not in phrase and phrase[0] == phrase[-1] == '"'


def _spelled(text: str) -> tuple[str, str] | None:
    """What goes before it, and the address, when a text ends in one as archives write them: `user at example.org`."""
    words = text.rsplit(None, 2)
    if len(words) < 3 or words[1] != "at" or _DOTTED.fullmatch(words[2]) is None:
        return None
    last = words[0].rsplit(None, 1)[-1]
    local = last[max(map(last.rfind, "<>()@")) + 1 :]
    return (words[0][: len(words[0]) - len(local)], f"{local}@{words[2]}") if local else None


def _add(found: list[Address], defects: dict[str, None], name: str, spec: str) -> None:
    local, at, dom = _tidy(spec).rpartition("@")
    local = addrspec.canonical(local)
    if not at:
        defects["an address without @" if spec else "an empty address"] = None
    elif _bad(f"{local}@x"):
        defects[f"an unusable address: {safe.line(spec, 80)}"] = None
    elif encoded := dom.lower() if addrspec.literal(dom) else addrspec.to_ascii(dom.rstrip(".")):
        found.append(Address(name, f"{local}@{encoded}"))
    elif _LOOSE_DOMAIN.fullmatch(dom := dom.lower().rstrip(".")):
        defects[f"an unusual domain: {safe.line(dom, 80)}"] = None
        found.append(Address(name, f"{local}@{dom}"))
    else:
        defects[f"an unusable domain: {safe.line(dom, 80)}"] = None


def _tidy(spec: str) -> str:
    """An address without what was put around it: blanks, quotes, brackets, `mailto:`, comments inside its brackets."""
    if "(" in spec and '"' not in spec:
        spec = _without_comments(spec)
    if "@" not in spec and (found := _spelled(spec)) is not None and not found[0]:
        spec = found[1]
    spec = "".join(spec.split()) if '"' not in spec else spec.strip()
    spec = _SCHEME.sub("", spec, count=1) if _SCHEME.match(spec) else spec
    if len(spec) > 2 and spec[0] == spec[-1] and spec[0] in "'\"":
        spec = spec[1:-1]
    if not spec.endswith("]") or spec.startswith("["):
        spec = spec.lstrip("[{").rstrip("]}")
    if "@" not in spec and "＠" in spec:
        spec = spec.replace("＠", "@")
    local, at, dom = spec.rpartition("@")
    return f"{local}@{dom.rstrip(',;:>').replace('．', '.').replace('。', '.')}" if at else spec


def _without_comments(spec: str) -> str:
    out: list[str] = []
    depth = 0
    for c in spec:
        depth += c == "("
        if not depth:
            out.append(c)
        depth -= c == ")" and depth > 0
    return "".join(out)


def _bad(address: str) -> bool:
    """Encoded words, invisible characters and what is too long are no address; anything else must be made of atoms."""
    if "=?" in address or safe.hidden(address) or len(address.encode("utf-8", "replace")) > 256:
        return True
    return addrspec.local_reason(address) != ""


def _name(phrase: str) -> str:
    """A display name from its raw phrase: quotes taken off, encoded words decoded, safe to print."""
    if '"' in phrase:
        phrase = _unquote(phrase)
    name = safe.line(header.decode_words(phrase.strip(" <>")), _NAME_LIMIT)
    if len(name) > 1 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1].strip()
    return name


def _unquote(phrase: str) -> str:
    out: list[str] = []
    escaped = False
    for c in phrase:
        if escaped or c not in '"\\':
            out.append(c)
            escaped = False
        else:
            escaped = c == "\\"
    return "".join(out)
