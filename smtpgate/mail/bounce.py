"""Delivery reports: whom a mail did not reach, and which mail it was (RFC 3464, RFC 6533).

Standard reports by our own reader; the wordings of mail systems that send none by a table, then flufl.bounce. Never
raises; bounded. What it returns is a claim by whoever sent the mail: the signed return path says which mail it is.
"""

from __future__ import annotations

import email
import logging
import re
from email.message import Message

from smtpgate.mail import address, header, safe
from smtpgate.model import BounceRecipient, BounceReport

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)  # it writes a traceback for each detector that fails
_MOST = 100  # recipients of one report
_TEXT = 64 * 1024  # of a bounce without a report
_ACTIONS = frozenset(("failed", "delayed", "delivered", "relayed", "expanded"))
_STATUS = re.compile(r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_CODE = re.compile(r"(?<![0-9.])([45][0-9]{2})(?![0-9.])")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")  # RFC 6533 §3: utf-8-addr-xtext
_XTEXT = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461 §4


# --- standard reports -------------------------------------------------------------------------------------------------


def from_status(data: bytes) -> tuple[BounceRecipient, ...]:
    """The recipients of a message/delivery-status or message/global-delivery-status, from its decoded bytes."""
    found: list[BounceRecipient] = []
    pos = 0
    while pos < len(data) and len(found) < _MOST:
        fields, body = header.split(data[pos : pos + 65536])
        recipient = _recipient(fields)
        if recipient is not None:
            found.append(recipient)
        if body <= 0:  # a block that does not begin with a field
            blank = data.find(b"\n\n", pos)
            body = blank + 2 - pos if blank >= 0 else len(data)
        pos += body
    return tuple(found)


def _recipient(fields: tuple[header.Field, ...]) -> BounceRecipient | None:
    """One per-recipient block. The original recipient is the address that we wrote to; the final one may be another's."""
    named = [_address(value) for n in ("original-recipient", "final-recipient") if (value := header.first(fields, n))]
    usable = next((a for a in named if "@" in a), next((a for a in named if a), ""))
    if not usable:
        return None
    action = (header.first(fields, "action") or "").strip().lower().partition(" ")[0]
    status = _STATUS.search(header.first(fields, "status") or "")
    diagnostic = header.first(fields, "diagnostic-code") or ""
    kind, semicolon, words = diagnostic.partition(";")
    diagnostic = safe.line(words if semicolon and len(kind) <= 20 else diagnostic)
    return _made(usable, action if action in _ACTIONS else "failed", status[1] if status else "", diagnostic)


def _made(addr: str, action: str, status: str, diagnostic: str) -> BounceRecipient:
    """Permanent: it failed and no 4xx code says that only the time ran out."""
    code = _CODE.search(diagnostic)
    temporary = status.startswith("4") or (not status.startswith("5") and code is not None and code[1][0] == "4")
    return BounceRecipient(addr, action, status, diagnostic, action == "failed" and not temporary)


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


# --- bounces in words -------------------------------------------------------------------------------------------------

# What mail systems say before they name the address; compared in lower case, blanks folded.
_INTRODUCTIONS = (
    "this is the qmail-send program", "i wasn't able to deliver your message to the following addresses",
    "i'm afraid i wasn't able to deliver", "could not be delivered to one or more of its recipients",
    "the following address(es) failed", "delivery has failed to these recipients",
    "delivery has failed to the following recipient",
    "couldn't be delivered", "could not be delivered to one or more recipients", "wasn't delivered to",
    "your message to the following recipients cannot be delivered", "the following recipient(s) cannot be reached",
    "delivery to the following recipient failed", "the following recipients could not be reached", "permanent fatal errors",
    "您的邮件被退回", "邮件被退回来了", "无法发送到", "无法送达", "未能送达", "未能传递到以下收件人",
    "传递到以下收件人或组时失败", "退信原因",
    "投递失败", "收件人邮件地址", "無法傳遞", "无法投递", "以下收件人", "邮件投递",
)  # fmt: skip
_ORIGINAL = (
    "below this line is a copy of the message", "this is a copy of the message", "original message headers",
    "original message follows",
    "原始邮件标题", "原始邮件头", "原始邮件内容", "----- original message", "reporting-mta:",
    "diagnostic information for administrators",
    "用于管理员的诊断信息",
)  # fmt: skip
_DELAYED = ("warning message", "has been delayed", "will be retried", "仍在尝试", "延迟", "not yet been delivered")
_REASONS = ("退信原因", "失败原因", "原因：", "reason:", "remote server returned", "远程服务器返回", "错误代码", "smtp error")


def from_text(text: str, *, ours: frozenset[str]) -> tuple[BounceRecipient, ...]:
    """The recipients that a bounce without a report names in words. `ours`: addresses that cannot be the failed ones."""
    lines = text[:_TEXT].split("\n")
    folded = [" ".join(line.lower().split()) for line in lines]
    start = next((i for i, line in enumerate(folded) if any(p in line for p in _INTRODUCTIONS)), -1)
    if start < 0:
        return ()
    action = "delayed" if any(p in line for line in folded[: start + 3] for p in _DELAYED) else "failed"
    found: dict[str, str] = {}
    reason = ""
    for line, low in zip(lines[start : start + 60], folded[start : start + 60], strict=True):
        if any(p in low for p in _ORIGINAL):
            break
        if not reason and (_STATUS.search(low) or (_CODE.search(low) and found) or any(p in low for p in _REASONS)):
            reason = safe.line(line, 500)
        for match in _ADDRESS.findall(line[:2000]):
            key = address.key(match.strip(".'"))
            if (
                key not in ours
                and not key.startswith(("postmaster@", "mailer-daemon@"))
                and len(found) < _MOST
                and not _quoted(line, match)
            ):
                found.setdefault(key, match.strip(".'"))
    status = _STATUS.search(reason)
    return tuple(_made(key, action, status[1] if status else "", reason) for key in found)


def _quoted(line: str, match: str) -> bool:
    """Addresses within a diagnostic are often the far side's own."""
    return bool(_CODE.search(line)) and not line.strip().startswith(("<", match))


def from_flufl(raw: bytes) -> tuple[BounceRecipient, ...]:
    """Last resort: flufl.bounce. It raises on some senders, so whatever it raises means that it found nothing."""
    from flufl.bounce import all_failures

    try:
        message: Message = email.message_from_bytes(raw[: 4 * _TEXT])
        temporary, permanent = all_failures(message)
    except Exception:
        return ()
    found: list[BounceRecipient] = []
    for action, group in (("failed", permanent), ("delayed", temporary)):
        for item in sorted(group)[:_MOST]:
            text = item.decode("ascii", "replace") if isinstance(item, bytes) else str(item)
            found.extend(_made(a.address, action, "", "") for a in address.parse_list(text, limit=1)[0])
    return tuple(found)


_ID_LINE = re.compile(r"^[> \t]{0,8}message-id:[ \t]*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)


def id_in_text(text: str) -> str | None:
    """The Message-ID of a mail that is quoted in the text of a bounce."""
    match = _ID_LINE.search(text[: 4 * _TEXT])
    return match[1] if match else None


def report(recipients: tuple[BounceRecipient, ...], original: str | None) -> BounceReport | None:
    return BounceReport(recipients, original) if recipients or original else None
