"""Addresses: a lenient reader for lists that are shown, and strict ones for the two places that are trusted.

parse_list reads what people's clients write; author decides who speaks and takes nothing that two parsers could read
in two ways (threats A1, A2); envelope_ok guards MAIL and RCPT. One scanner, linear and bounded; nothing here raises.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from smtpgate.mail import header, safe
from smtpgate.mail.header import Field
from smtpgate.model import Address

_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]+")  # RFC 5322 §3.2.3, RFC 6532 §3.2
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]+)*")
_QUOTED_LOCAL = re.compile(r'"[A-Za-z0-9!#$%&\'*+/=?^_`{|}~\-. \x80-\U0010ffff]+"')  # simple: nothing that needs escaping
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_WORD = re.compile(r"=\?[^?\s]{1,70}\?[bBqQ]\?[^?\s]*\?=")
_NAME_LIMIT = 200


# --- comparing and taking apart ---------------------------------------------------------------------------------------


def domain(address: str) -> str:
    """What stands after the last @, folded: lower case, A-labels. "" without one."""
    after = address.rpartition("@")[2] if "@" in address else ""
    return to_ascii(after) or after.lower()


def key(address: str) -> str:
    """How two addresses are compared: the domain without case, the local part exactly (RFC 5321 §2.4)."""
    local, at, _ = address.rpartition("@")
    return f"{local}@{domain(address)}" if at else address


def split_sub(address: str) -> tuple[str, str | None, str]:
    """(local part, what follows its first + or None, domain). A + at the very front is no sub-address."""
    local, at, dom = address.rpartition("@")
    if not at:
        local, dom = address, ""
    plus = local.find("+", 1)
    return (local, None, dom) if plus < 0 else (local[:plus], local[plus + 1 :], dom)


def to_ascii(name: str) -> str:
    """A domain in lower-case A-labels, "" if it is none. A-labels are checked to decode to what may be a label."""
    lowered = name.lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered if 0 < len(lowered) <= 253 and all(_label(x) for x in lowered.split(".")) else ""
    import idna  # loads large tables: only for the few names that need it

    try:
        encoded = idna.encode(name, uts46=True, std3_rules=False).decode("ascii")
        for label in encoded.split("."):
            if label.startswith("xn--"):
                idna.ulabel(label)
    except (idna.IDNAError, UnicodeError, ValueError, IndexError):
        return ""
    return encoded if len(encoded) <= 253 and all(_label(x) for x in encoded.split(".")) else ""


def _label(label: str) -> bool:
    return len(label) <= 63 and _LABEL.fullmatch(label) is not None


# --- strict -----------------------------------------------------------------------------------------------------------


def author(fields: Iterable[Field]) -> tuple[str, str]:
    """(the one author's address, "") or ("", why there is none that every parser would agree on).

    Exactly one From field with exactly one mailbox: `addr-spec` or `phrase <addr-spec>`, with simple comments around
    but not inside the addr-spec, no group, no control characters; the addr-spec plain as in `_spec`, its domain a host
    name.
    """
    found: Field | None = None
    junk = False
    for f in fields:
        if f.name == header.TRUNCATED:
            return "", "the header section is longer than is read"
        if f.name == "from":
            if found is not None:
                return "", "more than one From field"
            if junk:
                return "", "the From field comes after a line that is no header field"
            found = f
        elif not f.name and not f.raw.startswith((b"From ", b">From ")):
            junk = True
    if found is None:
        return "", "no From field"
    if len(found.value) > header.FIELD_LIMIT:
        return "", "the From field is too long"
    value = re.sub(rb"\r?\n(?=[ \t])", b"", found.value)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = _ascii_address(value)  # old clients write names in raw GBK
    if any((c < " " and c != "\t") or "\x7f" <= c <= "\x9f" for c in text):
        return "", "the From field holds a control character"
    return _mailbox(text.strip(" \t"))


def _ascii_address(value: bytes) -> str:
    """Undecodable 8-bit bytes stand for themselves as U+00A0, which names may hold and addresses may not."""
    return re.sub(rb"[\x80-\xff]", b"\xa0", value).decode("latin-1")


def _mailbox(text: str) -> tuple[str, str]:
    marks, reason = _marks(text)
    if reason:
        return "", reason
    kinds = "".join(text[i] for i in marks)
    if "<" in kinds or ">" in kinds:
        if kinds.count("<") != 1 or kinds.count(">") != 1 or kinds.find("<") > kinds.find(">"):
            return "", "the From field has no single <address>"
        opened, closed = marks[kinds.find("<")], marks[kinds.find(">")]
        tail = text[closed + 1 :].strip(" \t")
        if tail and not (tail[0] == "(" and tail[-1] == ")" and kinds.endswith(">()")):
            return "", "the From field goes on after its <address>"
        phrase, spec = text[:opened].strip(" \t"), text[opened + 1 : closed]
        if kinds[: kinds.find("<")].replace("()", "") and phrase != spec:  # John Smith (Sales) needs no quotes
            return "", "the name in the From field holds a character that must be quoted"
        return _spec(spec)
    if kinds.endswith("()") and kinds.count("(") == 1 and text.endswith(")"):
        text = text[: marks[kinds.find("(")]].rstrip(" \t")
    return _spec(text)


def _marks(text: str) -> tuple[list[int], str]:
    """Where the special characters stand that are not in quotes; comments count as their two brackets only if simple."""
    found: list[int] = []
    quoted = escaped = comment = False
    for i, c in enumerate(text):
        if escaped:
            escaped = False
        elif quoted or comment:
            escaped = c == "\\"
            if quoted and c == '"':
                quoted = False
            elif comment and c in '()<>@"\\':
                if c != ")":
                    return [], "the From field has a comment that parsers read differently"
                comment = False
                found.append(i)
        elif c == '"':
            quoted = True
        elif c in "<>@,;:()[]\\":
            comment = c == "("
            found.append(i)
    if quoted or comment:
        return [], "the From field has a quote or comment without an end"
    return found, ""


def _spec(spec: str) -> tuple[str, str]:
    """The addr-spec of an author, its domain in A-labels; or why it is refused."""
    reason = _local_reason(spec)
    if reason:
        return "", f"the address in the From field {reason}"
    local, _, dom = spec.rpartition("@")
    encoded = to_ascii(dom)
    if not encoded or "_" in encoded or encoded.rpartition(".")[2].isdigit():
        return "", "the address in the From field has no valid domain"
    if not dom.isascii() and not _is_own_form(dom, encoded):
        return "", "the domain in the From field has two readings"
    return f"{local}@{encoded}", ""


def _is_own_form(dom: str, encoded: str) -> bool:
    """Is the name what its A-labels decode to? Full-width and compatibility forms are not, and parsers differ on them."""
    import idna

    try:
        return idna.decode(encoded) == dom.lower()
    except (idna.IDNAError, UnicodeError):
        return False


def _local_reason(address: str) -> str:
    """What is wrong with an address up to and including its @."""
    local, at, dom = address.rpartition("@")
    if not at or not local or not dom:
        return "is not local@domain"
    if "@" in local:
        return "has more than one @"
    if "=?" in local:
        return "holds an encoded word"
    if safe.hidden(address) or any(c.isspace() for c in address.replace(" ", "")):
        return "holds an invisible character"
    if _LOCAL.fullmatch(local) is None and _QUOTED_LOCAL.fullmatch(local) is None:
        return "has a local part that is neither a dot-atom nor a simple quoted string"
    if len(local.encode()) > 64:
        return "has a local part of more than 64 octets"
    if len(address.encode()) > 254:  # RFC 5321 §4.5.3.1.3: 256 with the angle brackets
        return "is longer than 254 octets"
    return ""


def envelope_ok(address: str, *, smtputf8: bool) -> str:
    """Why an address may not stand in MAIL or RCPT, "" if it may. `postmaster` without a domain is the caller's case.

    RFC 5321 §4.1.2 without quoted pairs and source routes; a domain may be an address literal. 8-bit characters need
    SMTPUTF8 (RFC 6531 §3.3).
    """
    if safe.hidden(address):
        return "holds an invisible or undecodable character"
    if not address.isascii() and not smtputf8:
        return "holds 8-bit characters without SMTPUTF8"
    if address.startswith("@") or ":@" in address:
        return "has a source route"
    reason = _local_reason(address)
    if reason:
        return reason
    dom = address.rpartition("@")[2]
    if dom.startswith("["):
        return "" if _literal(dom) else "has no valid address literal"
    return "" if to_ascii(dom) else "has no valid domain"


def _literal(text: str) -> bool:
    """RFC 5321 §4.1.3: [192.0.2.1] or [IPv6:2001:db8::1]."""
    if not text.endswith("]"):
        return False
    inner = text[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            return "%" not in inner and ipaddress.IPv6Address(inner[5:]) is not None
        return ipaddress.IPv4Address(inner) is not None
    except ValueError:
        return False


# --- lenient ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Mailbox:
    """What has been read of one mailbox so far."""

    words: list[str] = field(default_factory=list)  # the phrase, or an address without brackets, piece by piece
    angles: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    at: bool = False  # an address without brackets has begun


def parse_list(text: str, *, limit: int = 500) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """All mailboxes in an unfolded address field, as far as they can be read, and what was wrong with the rest.

    Reads groups, comments, quoted names, addresses without brackets, ; between addresses. Encoded words are decoded
    in names only. Names are safe to print. What has no usable address is left out with a defect.
    """
    found: list[Address] = []
    defects: dict[str, None] = {}
    for box in _boxes(text[: header.FIELD_LIMIT * 4]):
        if len(found) >= limit:
            defects[f"more than {limit} addresses"] = None
            break
        _take(box, found, defects)
    return tuple(found[:limit]), tuple(defects)[:20]


def _boxes(text: str) -> Iterable[_Mailbox]:
    box = _Mailbox()
    last_round, last_angle = text.rfind(")"), text.rfind(">")  # what is never closed is no comment, bracket or quote
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
            yield box
            box = _Mailbox()
            i += 1
        elif c == ":" and not box.at:
            box.words.clear()  # a group's name, "mailto:"
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
    if box.angles:
        if len(box.angles) > 1:
            defects["several <addresses> in one mailbox"] = None
        name = _name(phrase) or (_name(box.comments[0]) if box.comments else "")
        for i, angle in enumerate(box.angles):
            _add(found, defects, name if i == 0 else "", angle.rpartition(":")[2] if angle.startswith("@") else angle)
        return
    if not phrase:
        return
    before, spec = _bare(phrase)
    if not spec:
        defects["a name without an address"] = None
        return
    _add(found, defects, _name(before) or (_name(box.comments[0]) if box.comments else ""), spec)


def _bare(phrase: str) -> tuple[str, str]:
    """(name, address) of a mailbox without angle brackets; blanks around the @ are taken out."""
    at = phrase.rfind("@")
    if at < 0:
        return phrase, ""
    left, right = phrase[:at].rstrip(), phrase[at + 1 :].lstrip()
    if left.endswith('"') and (start := left.find('"')) < len(left) - 1:
        before, local = left[:start], left[start:]
    else:
        cut = max(left.rfind(" "), left.rfind("\t"))
        before, local = left[: cut + 1], left[cut + 1 :].rpartition("<")[2]
    host, _, rest = right.partition(" ")
    return f"{before} {rest}".strip(), f"{local}@{host}"


def _add(found: list[Address], defects: dict[str, None], name: str, spec: str) -> None:
    spec = "".join(spec.split()) if '"' not in spec else spec.strip()
    local, at, dom = spec.rpartition("@")
    if local.startswith('"') and local.endswith('"') and _LOCAL.fullmatch(local[1:-1]):
        local = local[1:-1]
    if not at:
        defects["an address without @" if spec else "an empty address"] = None
    elif _lenient_bad(f"{local}@x"):
        defects[f"an unusable address: {safe.line(spec, 80)}"] = None
    elif encoded := dom.lower() if _literal(dom) else to_ascii(dom.rstrip(".")):
        found.append(Address(name, f"{local}@{encoded}"))
    else:
        defects[f"an unusable domain: {safe.line(dom, 80)}"] = None


def _lenient_bad(address: str) -> bool:
    """Dots where they may not stand are real (carriers in Japan hand them out); anything else must be strict."""
    if "=?" in address or safe.hidden(address) or len(address.encode("utf-8", "replace")) > 256:
        return True
    return _ATOM.fullmatch(address[:-2].replace(".", "")) is None and _local_reason(address) != ""


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
