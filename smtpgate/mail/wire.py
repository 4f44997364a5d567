"""Clean text to the octets of a new mail: addresses, encoded words, folding, bodies; and the proof that nothing slipped in.

Everything made here is 7-bit with lines of at most 76 octets where that can be (RFC 5322 §2.1.1), except for an address
with a non-ASCII local part (RFC 6532 §3.2). Pure. Raises ComposeError for an address that fits no strict grammar and
for octets whose header is not exactly the intended one.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import lru_cache
from hashlib import sha256

from smtpgate.mail import address as mail_address
from smtpgate.mail import addrspec, header, safe
from smtpgate.mail.letters import ComposeError
from smtpgate.records import record

LINE = 76
_WORD_OCTETS = 45  # of UTF-8 in one encoded word: 60 base64 characters, 72 with its frame (RFC 2047 §2: at most 75)
_LONGEST_REFERENCES = 1500
_KEPT = 1500  # characters of a line that is kept as it was quoted

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_LOCAL = re.compile(rf'{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*"')
_LITERAL = re.compile(r"\[[0-9A-Fa-f.:IPv]{1,50}\]")  # RFC 5321 §4.1.3
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_PLAIN_TEXT = re.compile(r"[ -~]*")
_HEAD = re.compile(rb"(?:[!-9;-~]+: [^\r\n\0]*\r\n(?:[ \t]+[^ \t\r\n\0][^\r\n\0]*\r\n)*)+\r\n")  # RFC 5322 §2.2, and nothing else
_FIELD_NAME = re.compile(rb"^[!-9;-~]+", re.MULTILINE)
_OURS = re.compile(rb' multipart/alternative;\r\n boundary="(=_[0-9a-f]{32})"')
_TEXT_PART = re.compile(
    rb"Content-Type: text/(plain|html); charset=utf-8\r\nContent-Transfer-Encoding: (quoted-printable|base64)\r\n\r\n"
)

MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # of RFC 2231 attribute-char

Fields = Sequence[tuple[str, str]]  # names, and values that are folded already


# --- addresses --------------------------------------------------------------------------------------------------------


def checked_address(address: str) -> str:
    """The address with its domain in A-labels. Raises ComposeError unless it is one addr-spec and nothing else.

    A local part with dots where RFC 5322 allows none (a..b@) is quoted, as it must be.
    """
    local, _, domain = address.rpartition("@")
    if "." in local and not _LOCAL.fullmatch(local) and addrspec.LOCAL.fullmatch(local):
        local = f'"{local}"'
    if len(address) > 320 or not _LOCAL.fullmatch(local) or safe.hidden(local):
        raise ComposeError(f"{address[:320]!r} is not an address that mail can be sent to")
    ascii_domain = domain if _LITERAL.fullmatch(domain) else mail_address.to_ascii(domain)
    if not ascii_domain:
        raise ComposeError(f"{address[:320]!r} has no domain that mail can be sent to")
    return f"{local}@{ascii_domain}"


def mailbox(name: str, address: str) -> str:
    """`"Name" <address>` or the bare address; a line for each piece when it is long. Both are clean already."""
    if not name:
        return address
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    plain = name.isascii() and "=?" not in name and len(quoted) <= 60
    phrase = quoted if plain else encoded_words(name)
    joint = " " if plain and len(quoted) + len(address) <= 60 else "\r\n "
    return f"{phrase}{joint}<{address}>"


# --- header values ----------------------------------------------------------------------------------------------------


def encoded_words(text: str) -> str:
    """RFC 2047 words, one to a line; no character is cut in two (§5)."""
    words: list[str] = []
    start = size = 0
    for i, char in enumerate(text):
        octets = len(char.encode("utf-8"))
        if size + octets > _WORD_OCTETS:
            words.append(text[start:i])
            start, size = i, 0
        size += octets
    words.append(text[start:])
    return "\r\n ".join(f"=?utf-8?b?{binascii.b2a_base64(w.encode('utf-8'), newline=False).decode('ascii')}?=" for w in words)


def subject(tag: str, text: str) -> str:
    """The value of a Subject: the tag in plain ASCII, so that everybody finds it, then the text. "" for no tag."""
    if not text:
        return tag
    words = text.split(" ")
    if _PLAIN_TEXT.fullmatch(text) and "=?" not in text and max(map(len, words)) <= 60:
        return folded([tag, *words] if tag else words, len("Subject: "))
    return f"{tag}\r\n {encoded_words(text)}" if tag else encoded_words(text)


def folded(words: Iterable[str], used: int) -> str:
    """Words with single spaces, folded before a line grows beyond 76. used: what stands on the first line already."""
    out: list[str] = []
    for word in words:
        if out and used + 1 + len(word) > LINE:
            out.append("\r\n ")
            used = 1
        elif out:
            out.append(" ")
            used += 1
        out.append(word)
        used += len(word)
    return "".join(out)


def message_id(text: str | None) -> str | None:
    """The id, None unless it can stand in a header of ours as it is."""
    return text if text is not None and _MESSAGE_ID.fullmatch(text) else None


def references(ids: Iterable[str], parent: str | None) -> str:
    """The value of References: the first id and as many of the newest as fit, the parent last; "" for none."""
    chain = [i for i in dict.fromkeys(ids) if message_id(i) and i != parent]
    if parent:
        chain.append(parent)
    if not chain:
        return ""
    room = _LONGEST_REFERENCES - len(chain[0])
    newest: list[str] = []
    for i in reversed(chain[1:]):
        room -= len(i) + 1
        if room < 0:
            break
        newest.append(i)
    return folded([chain[0], *reversed(newest)], len("References: "))


# --- bodies -----------------------------------------------------------------------------------------------------------


def text_body(text: str) -> tuple[str, bytes]:
    """Content-Transfer-Encoding and octets of a text with \\n line ends: quoted-printable while most of it is ASCII."""
    if is_legible(len(text), octets(text)):
        return "quoted-printable", quoted_printable(text)
    return "base64", base64_lines(text.replace("\n", "\r\n").encode("utf-8"))


def octets(text: str) -> int:
    """Of it in UTF-8, with two for each line end."""
    return (len(text) if text.isascii() else len(text.encode("utf-8"))) + text.count("\n")


def is_legible(characters: int, octets: int) -> bool:
    """Few of its characters take more than one octet."""
    return 6 * (octets - characters) <= octets


def quoted_printable(text: str) -> bytes:
    """Line by line, and short ones that were quoted lately are at hand: most lines of a page are those of its template."""
    lines = text.split("\n")
    return b"".join([_kept_line(line) if len(line) <= _KEPT else _quoted_line(line) for line in lines])[:-2]


def quoted_value(text: str) -> bytes:
    """The same of what is different in each mail, so that keeping it would only push out what is at hand."""
    return binascii.b2a_qp(text.replace("\n", "\r\n").encode("utf-8") + b"\r\n")[:-2]


def _quoted_line(line: str) -> bytes:
    return binascii.b2a_qp(line.encode("utf-8") + b"\r\n")


_kept_line = lru_cache(512)(_quoted_line)


def base64_lines(octets: bytes) -> bytes:
    text = binascii.b2a_base64(octets, newline=False)
    return b"\r\n".join(text[i : i + LINE] for i in range(0, len(text), LINE)) + b"\r\n"


def text_part(subtype: str, text: str) -> bytes:
    encoding, body = text_body(text)
    return _part_header(subtype, encoding) + body


def quoted_part(subtype: str, body: bytes) -> bytes:
    """A part whose text is in quoted-printable already."""
    return _part_header(subtype, "quoted-printable") + body


def _part_header(subtype: str, encoding: str) -> bytes:
    return f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()


@record(frozen=True, slots=True)
class Multipart:
    """Parts, each with its header, ending in CRLF. unique: what the boundary is made from, such as the Message-ID."""

    subtype: str
    unique: str
    parts: Sequence[bytes]

    def finish(self) -> tuple[str, bytes]:
        """The value of Content-Type and the body. "=_" stands in no base64 and no quoted-printable, so no part of ours
        can hold the boundary; a mail attached as it is cannot know it."""
        boundary = "=_" + sha256(self.unique.encode()).hexdigest()[:32]
        line = f"--{boundary}".encode()
        body = b"".join(line + b"\r\n" + part + b"\r\n" for part in self.parts) + line + b"--\r\n"
        return f'multipart/{self.subtype};\r\n boundary="{boundary}"', body


def nested(content: Multipart) -> bytes:
    """A multipart as a part of another one."""
    content_type, body = content.finish()
    return f"Content-Type: {content_type}\r\n\r\n".encode("ascii") + body


def file_name(name: str) -> tuple[str, str]:
    """The parameters of Content-Type and of Content-Disposition that name a file, each with its ; before it.

    What is not plain stands as RFC 2231 wants it in the one, and as an encoded word, which it forbids and old clients read, in
    the other.
    """
    if re.fullmatch(r"[ !#-.0-\[\]-~]{1,60}", name):
        return f';\r\n name="{name}"', f';\r\n filename="{name}"'
    words = encoded_words(name).replace("\r\n ", " ")
    octets = "".join(chr(o) if chr(o) in _UNRESERVED else f"%{o:02X}" for o in name.encode("utf-8", "replace"))
    pieces, begin = _cut(octets, 60), "utf-8''"
    if len(pieces) == 1:
        return f';\r\n name="{words}"', f";\r\n filename*={begin}{octets}"
    several = "".join(f";\r\n filename*{i}*={'' if i else begin}{piece}" for i, piece in enumerate(pieces))
    return f';\r\n name="{words}"', several


def _cut(octets: str, size: int) -> list[str]:
    """In pieces that end between two %XX."""
    pieces = []
    while octets:
        end = min(size, len(octets))
        end -= next((back for back in (1, 2) if end < len(octets) and octets[end - back] == "%"), 0)
        pieces.append(octets[:end])
        octets = octets[end:]
    return pieces


def read_back(data: bytes) -> list[tuple[str, str]] | None:
    """Subtype and text of each part of a mail that `assemble` made of texts alone; None for any other mail."""
    fields, start = header.split(data)
    whole = _OURS.fullmatch(next((f.value for f in fields if f.name == "content-type"), b""))
    if whole is None:
        return None
    line = b"--" + whole[1]
    pieces = data[start:].split(line + b"\r\n")
    if pieces[0] or not pieces[-1].endswith(line + b"--\r\n"):
        return None
    pieces[-1] = pieces[-1][: -len(line) - 4]
    found = []
    for piece in pieces[1:]:
        part = _TEXT_PART.match(piece)
        if part is None:
            return None
        body = piece[part.end() : -2]
        decoded = binascii.a2b_qp(body) if part[2] == b"quoted-printable" else binascii.a2b_base64(body)
        found.append((part[1].decode("ascii"), decoded.decode("utf-8", "replace")))
    return found


# --- the whole --------------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Composed:
    """A mail that is finished but for its signature, which is made when it leaves, with the key then in force
    (delivery). smtputf8 and eightbit: what the next hop must be able to carry."""

    data: bytes = field(repr=False)
    message_id: str
    smtputf8: bool
    eightbit: bool


def automatic(how: str) -> list[tuple[str, str]]:
    """Asks other machines for silence (RFC 3834 §5). No Precedence: bulk, which only moves our mail to the spam folder."""
    return [("Auto-Submitted", how), ("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply")]  # not All: bounces must come


def assemble(fields: Fields, content: Multipart) -> bytes:
    """Header and body as one mail. Raises ComposeError when the octets do not carry exactly these fields (CVE-2024-6923)."""
    content_type, body = content.finish()
    fields = [*fields, ("MIME-Version", "1.0"), ("Content-Type", content_type)]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8") + b"\r\n"
    if not _HEAD.fullmatch(head) or _FIELD_NAME.findall(head) != [name.encode() for name, _ in fields]:
        raise ComposeError("the header of the mail is not the intended one")
    data = head + body
    if not data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r"):
        raise ComposeError("the mail has a line end that does not belong there")
    return data


def finished(data: bytes, message_id: str, to: str) -> Composed:
    """With what its transport needs: an address of non-ASCII characters needs SMTPUTF8 (RFC 6531 §3.2)."""
    return Composed(data, message_id, smtputf8=not to.isascii(), eightbit=not data.isascii())
