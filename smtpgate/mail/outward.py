"""What of an agent's mail goes out to a customer: the newly written part of its HTML, and its files.

Proof instead of trust: the HTML is cut where its letters are those of the new text, and given only when they are exactly
those; else there is none, and the plain text is sent. What a client adds by itself and tells of its user does not go along.
Pure and linear. `chosen`, `carried` and `harmless` raise ParseFailed with the reason when the files cannot go out as they are.
"""

from __future__ import annotations

import html as stdlib_html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import charset, header, html, safe, structure, transfer, trim, wire
from smtpgate.mail.htmltokens import VOID
from smtpgate.mail.structure import MESSAGES
from smtpgate.mail.token import TokenKind
from smtpgate.model import Attachment

# As nh3 writes it: < and > of texts are escaped, those within the quotes of an attribute are not.
_TOKEN = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:[^>"]|"[^"]*")*+)>|([^<]+)')
_LINK = re.compile(r"<(?:https?|mailto|tel|cid):[^<>\s]*>|\[(?:picture|image|cid)(?::[^\]\n]{0,200})?\]", re.IGNORECASE)
_PICTURE = re.compile(r'(<img\b[^>]*? src=")cid:([^"]*)(")', re.IGNORECASE)
# What clients say of a word or picture beside what is shown: where a link was before, what a machine sees in a picture.
_ASIDE = re.compile(r' (?:title|alt|lang)="[^"]*"')
_TARGET = re.compile(r"(</a>) <small>\[[^\]<]*\]</small>")  # what html.sanitise puts behind a link for its reader here
_ITEM = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]", re.MULTILINE)
_NO_LETTER = re.compile(r"[\W_]+")
# A signed address of ours stands in every mail to an agent: what holds one quotes such a mail, whatever the client made of it.
_SIGNED = re.compile(rf"(?:\+|%2[bB])\s?[{''.join(TokenKind)}][a-z2-7]{{20}}")
_OF_AGENTS = "".join(kind for kind in TokenKind if kind not in (TokenKind.REPLY, TokenKind.BOUNCE))
_SIGNED_IN_FILE = re.compile(rf"(?:\+|%2[bB])[{_OF_AGENTS}][a-z2-7]{{42}}(?:@|%40)".encode())
# Certificates, signatures and keys of the sender: his client adds them to every mail.
_SIGNATURES = frozenset(
    ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature", "application/pgp-keys")
)
_SIGNED_MAIL = "smime.p7m"  # the whole mail once more (RFC 8551 §3.2.1), with all that it quotes
_CONTAINERS = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime", "application/ms-tnef", "application/vnd.ms-tnef"))
_CONTAINER_NAMES = (".p7m", "winmail.dat")
_OF_CLIENTS = ("message/", "text/calendar", "text/vcard", "text/x-vcard", "text/directory")  # name the user of the client


def quotes_us(text: str) -> bool:
    """Does a text, or HTML, hold a signed address of ours?"""
    return _SIGNED.search(text) is not None


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()


def new_html(clean: str, reply: str) -> str | None:
    """The beginning of sanitised HTML that says what `reply` says and nothing more; None when there is no such beginning.

    An answer between quoted lines, or one whose client wrote HTML and text differently, has none. The numbers of a list
    stand in the text alone.
    """
    said = _LINK.sub(" ", reply)
    clean = _TARGET.sub(r"\1", clean)
    for text in dict.fromkeys((said, _ITEM.sub("", said))):
        found = _beginning(clean, _letters(text))
        if found is not None:
            return found
    return None


def _beginning(clean: str, wanted: str) -> str | None:
    if not wanted:
        return None
    out: list[str] = []
    open_tags: list[str] = []
    at = 0
    for match in _TOKEN.finditer(clean):
        close, name, _, text = match.groups()
        if text is None:
            if at == len(wanted):
                break
            if close:
                if name in open_tags:
                    while (last := open_tags.pop()) != name:
                        out.append(f"</{last}>")
                else:
                    continue
            elif name not in VOID:
                open_tags.append(name)
            out.append(_ASIDE.sub("", match[0]))
            continue
        kept = _matching(stdlib_html.unescape(text), wanted, at)
        if kept is None:
            return None
        shown, at = kept
        out.append(stdlib_html.escape(shown, quote=False))
        if len(shown) < len(stdlib_html.unescape(text)):
            break
    if at != len(wanted):
        return None
    return "".join((*out, *(f"</{name}>" for name in reversed(open_tags))))


def _matching(text: str, wanted: str, at: int) -> tuple[str, int] | None:
    """As much of this text as goes on with what is wanted from `at`; None when it says something else."""
    said = _letters(text)
    if wanted.startswith(said, at):
        return text, at + len(said)
    rest = wanted[at:]
    if not said.startswith(rest):
        return None
    seen = 0
    for i, char in enumerate(text):
        if seen == len(rest):
            return text[:i], at + seen
        seen += len(_letters(char))
    return None


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """A file with its octets. name is safe to print and no path."""

    name: str
    content_type: str
    data: bytes = field(repr=False)
    content_id: str | None = None


def chosen(files: Iterable[Attachment], shown: frozenset[str]) -> tuple[Attachment, ...]:
    """Those that the sender meant to send. shown: content ids of the pictures in his new words."""
    found = []
    for file in files:
        name = file.filename.lower()
        if file.inline and (file.content_id or "").lower() not in shown:
            continue
        if file.content_type in _SIGNATURES or name.endswith(".p7s") or name == _SIGNED_MAIL:
            continue
        if file.content_type in _CONTAINERS or name.endswith(_CONTAINER_NAMES):
            raise ParseFailed(f"{file.filename} holds a whole mail, or what your client packed; attach the file itself")
        found.append(file)
    return tuple(found)


def harmless(files: Iterable[Carried], own: str, desk: str) -> None:
    """No file is a mail of ours to an agent, or something of his client that names his own address; and none is a piece of
    his own mail that quotes ours: mail servers make files of what stands below a picture. desk: its address."""
    for file in files:
        said = file.data.replace(b"\0", b"") if b"\0" in file.data else file.data  # Outlook writes two octets for a letter
        if _SIGNED_IN_FILE.search(said):
            raise ParseFailed(f"{file.name} holds a signed address of ours: it is, or quotes, our mail to an agent")
        if file.content_type.startswith(_OF_CLIENTS) and own.lower().encode() in said.lower():
            raise ParseFailed(f"{file.name} names your own address, {own}")
        if file.content_type.startswith("text/") and desk.lower().encode() in said.lower() and _quotes(file):
            raise ParseFailed(f"{file.name} is a piece of a mail that quotes one of {desk}")


def _quotes(file: Carried) -> bool:
    text, _ = charset.decode(file.data, None)
    if file.content_type == "text/html":
        text = html.to_text(text)
    return "q" in trim.split(text).roles


def carried(raw: bytes, wanted: Iterable[Attachment], limits: Limits) -> tuple[Carried, ...]:
    """The octets of these files of a mail, each once, in its order."""
    missing = {file.sha256: file for file in wanted}
    if not missing:
        return ()
    fields, body = header.split(raw, limit=limits.header_section, fields=limits.header_fields)
    tree, _ = structure.tree(raw, fields, body, limits)
    found = tuple(_found(tree, missing))
    if missing:  # within the text, a winmail.dat or a signed mail
        names = ", ".join(file.filename for file in missing.values())
        raise ParseFailed(f"{names} cannot be taken out of what your client packed it in; attach it in the usual way")
    return found


def _found(tree: structure.Part, missing: dict[str, Attachment]) -> Iterator[Carried]:
    for part in tree.walk():
        if part.children and part.kind not in MESSAGES:
            continue
        data, _ = transfer.decode(part.body, part.encoding, text=part.kind.startswith("text/"))
        file = missing.pop(sha256(data).hexdigest(), None)
        if file is not None:
            yield Carried(safe.line(file.filename, 200) or "file", file.content_type, data, file.content_id)


def pictures(clean: str) -> frozenset[str]:
    """The content ids, lower case, that HTML shows."""
    return frozenset(stdlib_html.unescape(match[2]).lower() for match in _PICTURE.finditer(clean))


def named(files: Iterable[Attachment], text: str) -> frozenset[str]:
    """The content ids, lower case, of the pictures whose place a text shows: without HTML they go along as files."""
    return frozenset(f.content_id.lower() for f in files if f.content_id and f"[picture: {f.filename}]" in text)


def renamed(clean: str, names: dict[str, str]) -> str:
    """HTML whose pictures have the content ids of `names` (by the old one in lower case); a picture that is not among them
    is left out."""

    def new(match: re.Match[str]) -> str:
        name = names.get(stdlib_html.unescape(match[2]).lower())
        return f"{match[1]}cid:{name}{match[3]}" if name else f"{match[1]}{match[3]}"

    return _PICTURE.sub(new, clean)


def attached(file: Carried, *, inline: bool = False) -> bytes:
    """The part of a mail that carries it."""
    kind = file.content_type if wire.MEDIA_TYPE.fullmatch(file.content_type) else "application/octet-stream"
    if kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"  # a mail within a mail may not be in base64 (RFC 2046 §5.2.1)
    name, filename = wire.file_name(file.name)
    head = [
        f"Content-Type: {kind}{name}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {'inline' if inline else 'attachment'}{filename}",
    ]
    if inline and file.content_id:
        head.append(f"Content-ID: <{file.content_id}>")
    return "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + wire.base64_lines(file.data)
