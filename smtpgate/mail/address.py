"""Addresses, for the two places that are trusted; and the door to what else there is about them.

author decides who speaks and takes nothing that two parsers could read in two ways (threats A1, A2); envelope_ok guards
MAIL and RCPT. What one address is: mail/addrspec.py; the lenient reader for lists that are shown: mail/mailboxes.py.
Linear and bounded; nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from smtpgate.mail import addrspec, header, mailboxes, safe
from smtpgate.mail.header import Field

domain = addrspec.domain
key = addrspec.key
split_sub = addrspec.split_sub
to_ascii = addrspec.to_ascii
parse_list = mailboxes.parse_list
local_name = mailboxes.local_name


# An address as nearly all are: letters, digits and a few marks. What matches is only what the whole grammar takes too.
_ORDINARY = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9_+=.-]{0,63}+@[A-Za-z0-9][A-Za-z0-9.-]{0,60}+")
# A From field of letters, digits and a few marks, as nearly all are: which address stands there nobody can doubt.
_SPEC = rb"([A-Za-z0-9@_+=.-]{1,300}+)"
_PLAIN_FROM = re.compile(rb"[ \t]{0,9}+(?:[A-Za-z0-9 '._-]{0,200}+<%b>|%b)[ \t]{0,9}+" % (_SPEC, _SPEC))
_ODD_DOMAIN = re.compile(r"\.\.|-\.|\.-|[.-]$|[Xx][Nn]--")
_MARKS = "<>@,;:()[]\\"  # special characters of a list of addresses, besides quotes (RFC 5322 §3.2.3)
_MARK = re.compile(f"[{re.escape(_MARKS)}]")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_BRACKETS = frozenset("＜＞＠")  # of full width, which a lenient reader takes for the narrow ones


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
    if plain := _PLAIN_FROM.fullmatch(found.value):  # _mailbox would find the same
        return _spec((plain[1] or plain[2]).decode("ascii"))
    if len(found.value) > header.FIELD_LIMIT:
        return "", "the From field is too long"
    value = _FOLD.sub(b"", found.value)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = _ascii_address(value)  # old clients write names in raw GBK
    if not text.isprintable() and any((c < " " and c != "\t") or "\x7f" <= c <= "\x9f" for c in text):
        return "", "the From field holds a control character"
    return _mailbox(text.strip(" \t"))


def _ascii_address(value: bytes) -> str:
    """Undecodable 8-bit bytes stand for themselves as U+00A0, which names may hold and addresses may not."""
    return re.sub(rb"[\x80-\xff]", b"\xa0", value).decode("latin-1")


def _mailbox(text: str) -> tuple[str, str]:
    marks, reason = _marks(text)
    if reason:
        return "", reason
    if '"' in text and _quote_in_encoded_word(text):
        return "", "the From field has a quote within an encoded word"
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


def _quote_in_encoded_word(text: str) -> bool:
    """RFC 2047 §5: there is none in a phrase. Who decodes words first sees other quotes, and other addresses, than who does not."""
    start = text.find("=?")
    while start >= 0 and (end := text.find("?=", start + 2)) >= 0:
        if '"' in text[start:end]:
            return True
        start = text.find("=?", end + 2)
    return False


def _marks(text: str) -> tuple[list[int], str]:
    """Where the special characters stand that are not in quotes; comments count as their two brackets only if simple."""
    if '"' not in text and "(" not in text:  # as nearly always
        return [mark.start() for mark in _MARK.finditer(text)], ""
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
        elif c in _MARKS:
            comment = c == "("
            found.append(i)
    if quoted or comment:
        return [], "the From field has a quote or comment without an end"
    return found, ""


def _spec(spec: str) -> tuple[str, str]:
    """The addr-spec of an author, its domain in A-labels; or why it is refused."""
    reason = addrspec.local_reason(spec)
    if reason:
        return "", f"the address in the From field {reason}"
    local, _, dom = spec.rpartition("@")
    if local.startswith("{") or not set(local).isdisjoint(_BRACKETS):
        return "", "the address in the From field has a bracket that parsers read differently"
    encoded = to_ascii(dom)
    if not encoded or "_" in encoded or encoded.rpartition(".")[2].isdigit():
        return "", "the address in the From field has no valid domain"
    if not dom.isascii() and not _is_own_form(dom, encoded):
        return "", "the domain in the From field has two readings"
    return f"{addrspec.canonical(local)}@{encoded}", ""


def _is_own_form(dom: str, encoded: str) -> bool:
    """Is the name what its A-labels decode to? Full-width and compatibility forms are not, and parsers differ on them."""
    import idna

    try:
        return idna.decode(encoded) == dom.lower()
    except (idna.IDNAError, UnicodeError):
        return False


def envelope_ok(address: str, *, smtputf8: bool) -> str:
    """Why an address may not stand in MAIL or RCPT, "" if it may. `postmaster` without a domain is the caller's case.

    RFC 5321 §4.1.2 without quoted pairs and source routes; a domain may be an address literal. 8-bit characters need
    SMTPUTF8 (RFC 6531 §3.3).
    """
    if _ORDINARY.fullmatch(address) and not _ODD_DOMAIN.search(address, address.index("@")):
        return ""
    return _envelope_reason(address, smtputf8=smtputf8)


def _envelope_reason(address: str, *, smtputf8: bool) -> str:
    """By the whole grammar."""
    if safe.hidden(address):
        return "holds an invisible or undecodable character"
    if not address.isascii() and not smtputf8:
        return "holds 8-bit characters without SMTPUTF8"
    if address.startswith("@") or ":@" in address:
        return "has a source route"
    reason = addrspec.local_reason(address)
    if reason:
        return reason
    dom = address.rpartition("@")[2]
    if dom.startswith("["):
        return "" if addrspec.literal(dom) else "has no valid address literal"
    return "" if to_ascii(dom) else "has no valid domain"
