"""Command lines taken apart: verb, argument, path and parameters (RFC 5321 §4.1).

Pure and linear. What is wrong comes back as the whole reply to give, so that the session only says it.
"""

from __future__ import annotations

from smtpgate.mail import address as mail_address
from smtpgate.records import record

_LONGEST_HELO = 255  # RFC 5321 §4.5.3.1.2


@record(frozen=True, slots=True)
class Command:
    verb: str  # upper case
    arg: bytes  # without blanks around it


@record(frozen=True, slots=True)
class MailFrom:
    """MAIL. address is None for the null sender (RFC 5321 §4.5.5): the one place where <> becomes None."""

    address: str | None
    size: int | None  # RFC 1870
    smtputf8: bool  # RFC 6531


def command(line: bytes) -> Command | str:
    """From a line with its line end. Only CRLF ends a line (RFC 5321 §2.3.8)."""
    text = line.removesuffix(b"\r\n")
    if len(text) == len(line) or b"\r" in text or b"\0" in text:
        return "500 5.5.2 Syntax error: a command is one line that ends with CR LF"
    verb, _, arg = text.partition(b" ")
    if not verb.isalpha():
        return "500 5.5.2 Syntax error: no command"
    return Command(verb.decode("ascii").upper(), arg.strip(b" \t"))


def helo_name(arg: bytes) -> str | None:
    """What the client calls itself. Lenient, since honest clients send odd names; None without a usable one."""
    try:
        name = arg.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return name if name and len(name) <= _LONGEST_HELO and name.isprintable() else None


def mail_from(arg: bytes, *, extended: bool, login: bool = False) -> MailFrom | str:
    """The argument of MAIL, or the refusal. login: AUTH= may stand there, and says nothing (RFC 4954 §5)."""
    taken = _path(arg, b"FROM:")
    if taken is None:
        return "501 5.5.4 Syntax: MAIL FROM:<address>"
    path, words = taken
    size: int | None = None
    smtputf8 = False
    seen: set[bytes] = set()
    for word in words:
        key, equals, value = word.partition(b"=")
        key = key.upper()
        if key in seen:
            return "501 5.5.4 Parameter given twice"
        seen.add(key)
        if not extended:
            return "555 5.5.4 Parameters need EHLO"
        if key == b"SIZE" and value.isdigit() and len(value) <= 20:  # RFC 1870 §3
            size = int(value)
        elif key == b"BODY" and value.upper() in (b"7BIT", b"8BITMIME"):  # RFC 6152 §2
            pass
        elif key == b"SMTPUTF8" and not equals:  # RFC 6531 §3.4
            smtputf8 = True
        elif key == b"AUTH" and login and value:
            pass
        elif key in (b"SIZE", b"BODY", b"SMTPUTF8"):
            return "501 5.5.4 Parameter has a wrong value"
        else:
            return "555 5.5.4 Parameter not recognised"
    if not path:
        return MailFrom(None, size, smtputf8)
    address = _address(path, smtputf8=smtputf8, syntax="501 5.1.7 Bad sender address syntax")
    return MailFrom(address[0], size, smtputf8) if isinstance(address, tuple) else address


def rcpt_to(arg: bytes, *, smtputf8: bool) -> tuple[str] | str:
    """The argument of RCPT as (address,), or the refusal. "postmaster" may stand alone (RFC 5321 §4.5.1)."""
    taken = _path(arg, b"TO:")
    if taken is None:
        return "501 5.5.4 Syntax: RCPT TO:<address>"
    path, words = taken
    if words:
        return "555 5.5.4 Parameter not recognised"
    if path.lower() == b"postmaster":
        return (path.decode("ascii"),)
    return _address(path, smtputf8=smtputf8, syntax="501 5.1.3 Bad recipient address syntax")


def _path(arg: bytes, keyword: bytes) -> tuple[bytes, list[bytes]] | None:
    """What stands between < and >, and the words after it. A bare address is taken too, as many devices send it."""
    if arg[: len(keyword)].upper() != keyword:
        return None
    rest = arg[len(keyword) :].strip(b" \t")
    if not rest.startswith(b"<"):
        words = rest.split()
        return (words[0], words[1:]) if words and b">" not in words[0] else None
    quoted = False
    at = 1 if b'"' in rest else max(rest.find(b">"), 1)  # without quotes the first > is the end
    while at < len(rest):
        octet = rest[at : at + 1]
        if octet == b"\\" and quoted:
            at += 1
        elif octet == b'"':
            quoted = not quoted
        elif octet == b">" and not quoted:
            after = rest[at + 1 :]
            return (rest[1:at], after.split()) if not after or after[:1] in (b" ", b"\t") else None
        at += 1
    return None


def _address(path: bytes, *, smtputf8: bool, syntax: str) -> tuple[str] | str:
    try:
        address = path.decode("utf-8")
    except UnicodeDecodeError:  # never let a lone surrogate in: the store could not keep it
        return f"{syntax}: not UTF-8"
    if not smtputf8 and not address.isascii():
        return "553 5.6.7 Address needs SMTPUTF8"  # RFC 6531 §3.5
    reason = mail_address.envelope_ok(address, smtputf8=smtputf8)
    return f"{syntax}: {reason}" if reason else (address,)
