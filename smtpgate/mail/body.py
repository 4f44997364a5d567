"""What the parts of a mail hold: readable text, HTML, attachments, and the facts of reports and invitations.

Walks the MIME tree of mail/structure.py. Charsets, names and types are read by our own modules. The tree is within its
limits, so recursion is bounded.
"""

from __future__ import annotations

import hashlib
import html as stdlib_html
import re
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import unquote

from smtpgate.mail import charset, flowed, header, html, params, safe
from smtpgate.mail.header import Field
from smtpgate.mail.structure import MESSAGES, Part
from smtpgate.model import Attachment

_STATUS_TYPES = frozenset(("message/delivery-status", "message/global-delivery-status"))
_MESSAGE_TYPES = frozenset(
    ("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
)
_RICH = frozenset(("text/x-amp-html", "text/watch-html"))  # a third way to say what plain and HTML say
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_-]{2,30})", re.IGNORECASE)
_CID = re.compile(r"cid:([^\"'\s>)]{1,300})", re.IGNORECASE)
_TEXTS = 4  # times the text that is kept of one part are read of all parts: converting HTML costs a second for 2 MiB
_STUB = ("html", "不支持", "your browser", "浏览器")  # what a text part says that only tells to read the other one


@dataclass(slots=True)
class Block:
    """One piece of readable content, in its two forms as far as they are there."""

    plain: str | None = None
    html: str | None = None


@dataclass(slots=True)
class Content:
    blocks: list[Block] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    status: list[bytes] = field(default_factory=list)  # delivery-status parts, decoded
    original_id: str | None = None  # Message-ID of the first mail within
    receipt: bool = False
    feedback: bool = False
    calendar: bool = False

    def text(self) -> str:
        """All blocks as text, the plain form first, HTML where there is no other, with its marks (htmltext.unmarked)."""
        return "\n\n".join(t for t in (_readable(b) for b in self.blocks) if t.strip())

    def html(self) -> str | None:
        """All blocks as unsafe HTML, None when there is no HTML in the mail."""
        if not any(b.html for b in self.blocks):
            return None
        return "\n".join(b.html or f"<pre>{stdlib_html.escape(b.plain or '')}</pre>" for b in self.blocks)


def _readable(block: Block) -> str:
    plain = block.plain or ""
    if block.html and (not plain.strip() or (len(plain) < 400 and any(w in plain.lower() for w in _STUB))):
        return html.to_text(block.html, marks=True) or plain
    return plain


def collect(tree: Part, *, text_kept: int) -> Content:
    """Read a whole mail. text_kept: octets that are read of one text part; of all, some times that."""
    reader = _Reader(text_kept)
    reader.content.blocks = reader.walk(tree, alone=True)
    if not reader.content.blocks and reader.named_text is not None:
        reader.content.blocks = [reader.named_text]
    _mark_inline(reader.content)
    return reader.content


def _mark_inline(content: Content) -> None:
    """A picture that the HTML shows is inline, whatever its disposition says."""
    shown = {unquote(m).lower() for b in content.blocks if b.html for m in _CID.findall(b.html)}
    for i, a in enumerate(content.attachments):
        if a.content_id and not a.inline and a.content_id.lower() in shown:
            content.attachments[i] = Attachment(a.filename, a.content_type, a.size, a.sha256, True, a.content_id)


class _Reader:
    def __init__(self, text_kept: int) -> None:
        self.content = Content()
        self.named_text: Block | None = None  # a text part with a file name: the body if there is no other
        self._kept = text_kept
        self._left = _TEXTS * text_kept

    def walk(self, part: Part, *, alone: bool = False) -> list[Block]:
        """The readable blocks below this part; everything else goes to the attachments. alone: the mail's own part, or
        an alternative to it."""
        if part.kind in MESSAGES:
            self._message(part)
            return []
        if not part.children:
            return self._leaf(part, alone=alone)
        if part.kind == "multipart/alternative":
            return _one_of([self.walk(c, alone=True) for c in part.children])
        found: list[Block] = []
        for child in part.children:
            found.extend(self.walk(child))
        return found

    def _leaf(self, part: Part, *, alone: bool) -> list[Block]:
        kind, values, fields = part.kind, part.values, part.fields
        disposition, details = params.parse(next((f.value for f in fields if f.name == "content-disposition"), b""))
        name = params.filename(details, values)
        if kind.startswith("multipart/"):  # announced, but no boundary in it: all there is, is its text
            self.content.defects.append("a multipart without its boundary, read as text")
            kind = "text/plain"
        data = self._decoded(part)
        self._note(kind, values, data, disposition, alone=alone)
        if kind in _RICH and not name:
            return []
        if kind in ("text/plain", "text/html", "text/enriched", "text/richtext") and disposition != "attachment":
            block = self._text(data, kind, values)
            if not name:
                return [block]
            self.named_text = self.named_text or block
        content_id = _content_id(fields)
        inline = disposition == "inline" and (kind.startswith("image/") or content_id is not None)
        self._attach(name, kind, data, inline=inline, content_id=content_id)
        return []

    def _text(self, data: bytes, kind: str, values: dict[str, str]) -> Block:
        label: str | None = values.get("charset")
        if kind == "text/html" and charset.family(label) in (None, "ascii"):
            meta = _META.search(data[:2048])
            label = meta[1].decode("ascii") if meta and charset.family(meta[1].decode("ascii")) else label
        if len(data) > (most := min(self._kept, self._left)):
            data = data[:most]
            self.content.defects.append(f"a text longer than {most} octets was cut")
        self._left -= len(data)
        text, defect = charset.decode(data, label)
        if defect:
            self.content.defects.append(defect)
        if kind in ("text/html", "text/enriched", "text/richtext"):
            return Block(html=text)
        text = safe.block(text)
        if values.get("format", "").lower() == "flowed":
            text = flowed.unflow(text, delsp=values.get("delsp", "").lower() == "yes")
        return Block(plain=text)

    def _note(self, kind: str, values: dict[str, str], data: bytes, disposition: str, *, alone: bool) -> None:
        """Facts that tell what kind of mail it is."""
        if kind in _STATUS_TYPES:
            self.content.status.append(data)
        elif kind in _MESSAGE_TYPES and self.content.original_id is None:
            ids = header.message_ids(header.first(header.split(data)[0], "message-id") or "")
            self.content.original_id = ids[0] if ids else None
        elif kind in ("message/disposition-notification", "message/global-disposition-notification"):
            self.content.receipt = True
        elif kind == "message/feedback-report":
            self.content.feedback = True
        elif kind == "text/calendar" and disposition != "attachment" and (alone or "method" in values):
            self.content.calendar = True

    def _message(self, part: Part) -> None:
        """A mail within the mail: an attachment, its own parts stay closed."""
        data = self._decoded(part)  # an encoding is forbidden for messages (RFC 2046 §5.2.1), and used
        self._note(part.kind, {}, data, "", alone=False)
        details = params.parse(next((f.value for f in part.fields if f.name == "content-disposition"), b""))[1]
        name = params.filename(details, part.values)
        if not name:
            subject = header.decode_words(header.first(header.split(data)[0], "subject") or "")
            name = f"{stem}.eml" if (stem := params.safe_name(subject.replace("/", "_").replace("\\", "_"))) else ""
        self._attach(name, part.kind, data, inline=False, content_id=None)

    def _attach(self, name: str, kind: str, data: bytes, *, inline: bool, content_id: str | None) -> None:
        name = name or params.made_up_name(kind, len(self.content.attachments) + 1)
        digest = hashlib.sha256(data).hexdigest()
        self.content.attachments.append(Attachment(name, kind, len(data), digest, inline, content_id))

    def _decoded(self, part: Part) -> bytes:
        encoding = part.encoding
        if encoding in ("", "7bit", "8bit", "binary"):
            return part.body
        shell = Message()
        shell["Content-Transfer-Encoding"] = encoding
        shell.set_payload(part.body.decode("ascii", "surrogateescape").lstrip("\r\n"))
        payload = shell.get_payload(decode=True)
        if isinstance(payload, bytes):
            return payload
        self.content.defects.append("a part that cannot be decoded")
        return b""


def _one_of(choices: list[list[Block]]) -> list[Block]:
    """multipart/alternative: the plain form of one child, the HTML form of another, as one block."""
    plain = [b for blocks in choices if not any(b.html for b in blocks) for b in blocks]
    rich = [b for blocks in choices if any(b.html for b in blocks) for b in blocks]
    joined = "\n\n".join(b.plain for b in plain if b.plain)
    if len(rich) > 1 or (rich and rich[0].plain):
        return [Block(plain=joined or None, html=Content(blocks=rich).html())]
    if rich or plain:
        return [Block(plain=joined or None, html=rich[0].html if rich else None)]
    return []


def _content_id(fields: tuple[Field, ...]) -> str | None:
    value = header.first(fields, "content-id")
    return (safe.line(value, 300).strip("<> ") or None) if value else None
