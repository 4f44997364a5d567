"""Delivery reports: whom a mail did not reach, why, and which mail it was (RFC 3464, RFC 6533).

Reports for programs are read here, wherever they stand; notices in words by bouncetext. Never raises; bounded. What it
returns is a claim by whoever sent the mail: the signed return path says which mail it is.
"""

from __future__ import annotations

import re

from smtpgate.mail import address, bouncetext, header, safe
from smtpgate.mail.bouncereason import reason
from smtpgate.model import BounceRecipient, BounceReport

_MOST = 100  # recipients of one report
_TEXT = 256 * 1024  # characters of a text in which a Message-ID is looked for
_BLOCK = 65536  # octets of one block of fields
_ACTIONS = frozenset(("failed", "delayed", "delivered", "relayed", "expanded"))
_RANK = {"failed": 0, "delayed": 1, "expanded": 2, "relayed": 3, "delivered": 4}
_RAW = 1024 * 1024  # octets of a mail in which the fields of a report are looked for
# A block of fields, one of which names a recipient.
_FIELDS = re.compile(
    rb"^(?:Final|Original)-Recipient:.*\n(?:[A-Za-z][A-Za-z-]{1,60}:.*\n|[ \t].*\n){0,40}", re.IGNORECASE | re.MULTILINE
)
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")  # RFC 6533 §3: utf-8-addr-xtext
_XTEXT = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461 §4


# --- reports for programs ---------------------------------------------------------------------------------------------


def from_status(data: bytes) -> tuple[BounceRecipient, ...]:
    """The recipients of a message/delivery-status or message/global-delivery-status, from its decoded bytes."""
    found: list[BounceRecipient] = []
    pos = 0
    while pos < len(data) and len(found) < _MOST:
        fields, body = header.split(data[pos : pos + _BLOCK])
        recipient = _recipient(fields)
        if recipient is not None:
            found.append(recipient)
        if body <= 0:  # a block that does not begin with a field
            blank = data.find(b"\n\n", pos)
            body = blank + 2 - pos if blank >= 0 else len(data)
        pos += body
    return together(found)


def from_raw(raw: bytes) -> tuple[BounceRecipient, ...]:
    """The same from anywhere in a mail whose structure is not that of a report: wrapped once more, or its types lost."""
    found: list[BounceRecipient] = []
    for match in _FIELDS.finditer(raw[:_RAW]):
        if b"\ndisposition:" not in match[0].lower():  # a read receipt names its reader by the same field
            found.extend(from_status(match[0]))
        if len(found) >= _MOST:
            break
    return together(found)


def together(found: list[BounceRecipient]) -> tuple[BounceRecipient, ...]:
    """Each address once, with the worst that is said of it."""
    kept: dict[str, BounceRecipient] = {}
    for one in found:
        key = address.key(one.address).lower()
        if key not in kept or _RANK.get(one.action, 0) < _RANK.get(kept[key].action, 0):
            kept[key] = one
    return tuple(kept.values())


def _recipient(fields: tuple[header.Field, ...]) -> BounceRecipient | None:
    """One per-recipient block. The original recipient is the address that we wrote to; the final one may be another's."""
    names = ("original-recipient", "final-recipient", "x-actual-recipient")
    named = [_address(value) for n in names if (value := header.first(fields, n))]
    usable = next((a for a in named if "@" in a), next((a for a in named if a), ""))
    if not usable:
        return None
    action = (header.first(fields, "action") or "").strip().lower().partition(" ")[0].strip(";,.")
    status = bouncetext.STATUS.search(header.first(fields, "status") or "")
    diagnostic = header.first(fields, "diagnostic-code") or header.first(fields, "x-display-name") or ""
    kind, semicolon, words = diagnostic.partition(";")
    diagnostic = safe.line(words if semicolon and len(kind) <= 20 else diagnostic)
    return made(usable, action if action in _ACTIONS else "failed", status[1] if status else "", diagnostic)


def made(addr: str, action: str, status: str, diagnostic: str, words: str = "") -> BounceRecipient:
    """Permanent: it failed and no 4xx code says that only the time ran out. words: more that may give the reason."""
    own = bouncetext.STATUS.search(diagnostic)
    if own and (not status or status.endswith(".0.0")):  # what the far side said is more than the near side made of it
        status = own[1]
    code = bouncetext.CODE.search(diagnostic)
    temporary = status.startswith("4") or (not status.startswith("5") and code is not None and code[1][0] == "4")
    why = reason(status, diagnostic or words)
    return BounceRecipient(addr, action, status, diagnostic, action == "failed" and not temporary, why)


def _address(value: str) -> str:
    """`rfc822;a@b` or `utf-8;…`: the address, unescaped, its domain in A-labels; safe to print."""
    kind, semicolon, rest = value.partition(";")
    text = (rest if semicolon else kind).strip()
    if kind.strip().lower() == "utf-8":
        text = _HEX.sub(lambda m: chr(n) if (n := int(m[1], 16)) < 0x110000 else "\ufffd", text)
    elif "+" in text and "@" not in text:
        text = _XTEXT.sub(lambda m: chr(int(m[1], 16)), text)
    found = address.parse_list(text, limit=1)[0]
    return found[0].address if found else safe.line(text, 254)


_TO = re.compile(rb"^To:(.*\n(?:[ \t].*\n){0,20})", re.IGNORECASE | re.MULTILINE)

_CC = re.compile(rb"^B?cc:", re.IGNORECASE | re.MULTILINE)


def _block(body: bytes, pos: int) -> bytes:
    """The header fields around this offset."""
    begin = max(body.rfind(blank, 0, pos) for blank in (b"\n\n", b"\n\r\n"))
    ends = [end for blank in (b"\n\n", b"\n\r\n") if (end := body.find(blank, pos)) >= 0]
    return body[max(0, begin) : min(ends, default=len(body))]


def from_original(body: bytes) -> tuple[BounceRecipient, ...]:
    """Whom the mail that came back was to, for a notice that names nobody. Only if it was to one person: of several it
    is not known which one failed."""
    match = _TO.search(body[:_RAW])
    if match is None or _CC.search(_block(body, match.start())):
        return ()
    people = address.parse_list(header.unfolded(header.Field("to", match[1], b"")), limit=2)[0]
    return (made(people[0].address, "failed", "", ""),) if len(people) == 1 and "@" in people[0].address else ()


# --- notices in words -------------------------------------------------------------------------------------------------


def from_text(
    text: str, *, ours: frozenset[str] = frozenset(), subject: str = "", failed: tuple[str, ...] = (), domain: str = ""
) -> tuple[tuple[BounceRecipient, ...], bouncetext.Notice]:
    """The recipients that a notice names in words, and the notice."""
    notice = bouncetext.read(text, subject, ours=ours, failed=failed, domain=domain)
    found = []
    for name, said in notice.recipients:
        status = bouncetext.STATUS.search(said) or bouncetext.STATUS.search(notice.words)
        parsed = address.parse_list(name, limit=1)[0]
        person = parsed[0].address if parsed else name
        found.append(made(person, "delayed" if notice.delayed else "failed", status[1] if status else "", said, notice.words))
    return together(found), notice


_ID = r"(<[^<>\s]{1,900}>)"
_ID_LINE = re.compile(
    rf"^[>\s|]{{0,8}}(?:original[ -])?message[- ]?(?:id|号|編號|ID)\s{{0,3}}[:：]\s{{0,5}}{_ID}", re.IGNORECASE | re.MULTILINE
)
_ID_FIELD = re.compile(rf"^(?:original-message-id|x-original-message-id):\s{{0,5}}{_ID}", re.IGNORECASE | re.MULTILINE)


def id_in_text(text: str) -> str | None:
    """The Message-ID of the mail that came back, as the text of a bounce quotes it."""
    match = _ID_FIELD.search(text[:_TEXT]) or _ID_LINE.search(text[:_TEXT])
    return match[1] if match else None


def report(recipients: tuple[BounceRecipient, ...], original: str | None) -> BounceReport | None:
    return BounceReport(recipients, original) if recipients or original else None
