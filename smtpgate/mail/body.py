"""The parts of a mail: which are its text, which its files, and what they tell of its kind.

Walks the tree of mail/structure.py, whose limits bound the recursion. Charsets, names and types are read by our own
modules; text with files in it, winmail.dat, invitations and forwarded mails are opened. Raises ParseFailed beyond limits.
"""

from __future__ import annotations

import hashlib
import re

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import calendar, charset, embedded, flowed, header, params, safe, smime, sniff, structure, transfer, winmail
from smtpgate.mail.content import Block, Content, one_of
from smtpgate.mail.files import Files
from smtpgate.mail.header import Field
from smtpgate.mail.structure import MESSAGES, Part

_STATUS_TYPES = frozenset(("message/delivery-status", "message/global-delivery-status"))
_MESSAGE_TYPES = MESSAGES | {"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
_RICH = frozenset(("text/x-amp-html", "text/watch-html"))  # a third way to say what plain and HTML say
_TEXT = frozenset(("text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown"))
_CALENDAR = frozenset(("text/calendar", "application/ics", "text/x-vcalendar"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_-]{2,30})", re.IGNORECASE)
_TEXTS = 4  # times the text that is kept of one part are read of all parts: converting HTML costs a second for 2 MiB
_ENVELOPES = 3  # signed parts that are opened
_FORWARDS = 5  # forwarded mails that are read, when there is nothing else to read
_USUAL = "multi-part message in mime format"  # what stands before the first part, for readers of 1992
_ARMOUR = {
    "-----BEGIN PGP MESSAGE-----": "the text is encrypted (PGP)",
    "-----BEGIN PGP SIGNED MESSAGE-----": "the text is signed (PGP)",
}


def collect(tree: Part, *, limits: Limits) -> Content:
    """Read a whole mail."""
    reader = _Reader(limits)
    content = reader.content
    content.blocks = reader.walk(tree, alone=True)
    if not content.blocks and reader.spare_text is not None:
        content.blocks = [reader.spare_text]
        reader.files.is_text(reader.spare_digest)
    if reader.packed:
        content.blocks = winmail.with_text(content.blocks, reader.packed)
    if not any(b.says for b in content.blocks) and tree.kind != "multipart/report":
        content.blocks = reader.last_resort(tree) or content.blocks
    content.attachments = reader.files.finish()
    content.bind_pictures()
    for armour, defect in _ARMOUR.items():
        if any(b.plain and b.plain.lstrip().startswith(armour) for b in content.blocks):
            content.defects.append(defect)
    return content


class _Reader:
    def __init__(self, limits: Limits) -> None:
        self.content = Content()
        self.files = Files(2 * limits.message_size)
        self.spare_text: Block | None = None  # a text part with a file name: the body if there is no other
        self.spare_digest = ""  # of its file
        self.packed: list[Block] = []  # what winmail.dat says
        self._limits = limits
        self._forwards: list[Part] = []
        self._envelopes = 0
        self._kept = limits.text_kept
        self._left = _TEXTS * limits.text_kept

    def walk(self, part: Part, *, alone: bool = False) -> list[Block]:
        """The readable blocks below this part; everything else goes to the attachments. alone: the mail's own part, or
        an alternative to it."""
        if part.kind in MESSAGES:
            self._message(part)
            return []
        if not part.children:
            return self._leaf(part, alone=alone)
        if part.kind == "multipart/alternative":
            return one_of([[b for b in self.walk(c, alone=True) if not b.picture or len(c.children) > 1] for c in part.children])
        found: list[Block] = []
        for child in part.children:
            blocks = self.walk(child)
            found.extend(b for b in blocks if not b.picture or part.kind == "multipart/mixed" or child.children)
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
        if kind in _TEXT and not (kind == "text/plain" and b"\0" in data[:4096] and sniff.by_content(data)):
            if disposition != "attachment":
                block = self._text(data, kind, values)
                if not name or (alone and part.depth):  # one form of the text, whatever it is called
                    return [block]
                self._spare(block, data)
            elif part.depth == 0:  # all that the mail is, called an attachment
                self._spare(self._text(data, kind, values), data)
        if winmail.is_one(kind, data):
            self.content.packed = True
            if self._unpack(data):
                return []
        content_id, location = _content_id(fields), header.first(fields, "content-location") or ""
        inline = disposition == "inline" and (kind.startswith("image/") or content_id is not None)
        file = self.files.add(name, kind, data, inline=inline, content_id=content_id)
        if kind in smime.KINDS or (name or "").lower().endswith(".p7m"):
            return self._signed(data, alone=alone)
        if not file.content_type.startswith("image/"):
            return []
        for key in (content_id, location, location.rpartition("/")[2]):
            if key:
                self.content.pictures.setdefault(key.lower(), file.filename)
        return [Block(picture=file.filename)] if inline else []

    def _text(self, data: bytes, kind: str, values: dict[str, str]) -> Block:
        label: str | None = values.get("charset")
        if kind == "text/html" and charset.family(label) in (None, "ascii"):
            meta = _META.search(data[:2048])
            label = meta[1].decode("ascii") if meta and charset.family(meta[1].decode("ascii")) else label
        if kind == "text/plain":
            data, found = embedded.extract(data)
            for file in found:
                self._embedded(file, label)
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

    def _spare(self, block: Block, data: bytes) -> None:
        if self.spare_text is None:
            self.spare_text, self.spare_digest = block, hashlib.sha256(data).hexdigest()

    def _embedded(self, file: embedded.File, label: str | None) -> None:
        """A file that stood in the text."""
        name = params.safe_name(charset.decode(file.name, label)[0])
        added = self.files.add(name, "application/octet-stream", file.data)
        if not file.whole:
            self.content.defects.append(f"the end of {added.filename} is missing")

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
        elif kind in _CALENDAR:
            if kind == "text/calendar" and disposition != "attachment" and (alone or "method" in values):
                self.content.calendar = True
            if self.content.meeting is None:
                text = charset.decode(data[: self._kept], values.get("charset", "utf-8"))[0]
                self.content.meeting = calendar.read(text, values.get("method", ""))

    def _message(self, part: Part) -> None:
        """A mail within the mail: an attachment, its own parts stay closed."""
        data = self._decoded(part)  # an encoding is forbidden for messages (RFC 2046 §5.2.1), and used
        self._note(part.kind, {}, data, "", alone=False)
        self._forwards.append(part)
        details = params.parse(next((f.value for f in part.fields if f.name == "content-disposition"), b""))[1]
        name = params.filename(details, part.values)
        if not name:
            subject = header.decode_words(header.first(header.split(data)[0], "subject") or "")
            name = f"{stem}.eml" if (stem := params.safe_name(subject.replace("/", "_").replace("\\", "_"))) else ""
        self.files.add(name, part.kind, data)

    def _signed(self, data: bytes, *, alone: bool) -> list[Block]:
        """What was signed within an S/MIME file that is kept all the same, read as if it stood in its place."""
        self._envelopes += 1
        content = smime.signed_content(data) if self._envelopes <= _ENVELOPES else None
        inner = self._tree_of(content) if content is not None else None
        if inner is None:
            return []
        self.content.defects.append("the text is signed (S/MIME), the signature was not checked")
        return self.walk(inner, alone=alone)

    def _unpack(self, data: bytes) -> bool:
        """Take out what winmail.dat holds. False when it must be kept too, because something in it could not be read."""
        opened = winmail.open_one(data, 4 * self._kept)
        if opened is None:
            return False
        for file in opened.files:
            added = self.files.add(file.name, file.kind, file.data, inline=file.inline, content_id=file.content_id)
            if file.content_id and added.content_type.startswith("image/"):
                self.content.pictures.setdefault(file.content_id.lower(), added.filename)
        self.packed.extend([opened.block] if opened.block else [])
        self.content.meeting = self.content.meeting or opened.meeting
        return opened.whole

    def last_resort(self, tree: Part) -> list[Block]:
        """A mail with nothing to read: the mails that it forwards, else the words around its parts."""
        found: list[Block] = []
        for part in self._forwards[:_FORWARDS]:
            found.extend(self._forwarded(part))
        if not found and tree.children and tree.kind.startswith("multipart/"):
            before, _, _ = (b"\n" + tree.raw[tree.start : min(tree.end, tree.start + self._kept)]).partition(b"\n--")
            if _USUAL not in (text := charset.decode(before, None)[0]).lower() and text.strip():
                found.append(Block(plain=safe.block(text)))
        return found

    def _forwarded(self, part: Part) -> list[Block]:
        """The text of a mail within the mail, under the fields that say whose it is."""
        inner = part.children[0] if part.children else self._decoded_tree(part)
        if inner is None:
            return []
        reader = _Reader(self._limits)
        reader._left = self._left
        try:
            blocks = [b for b in reader.walk(inner, alone=True) if not b.picture]
        except ParseFailed:
            return []
        self._left = reader._left
        blocks = winmail.with_text(blocks, reader.packed)
        for key, name in reader.content.pictures.items():
            self.content.pictures.setdefault(key, name)
        if not any(b.says for b in blocks):
            return []
        names = ("from", "date", "subject", "to")
        values = ((n.capitalize(), header.first(inner.fields, n)) for n in names)
        lines = [f"{name}: {safe.line(header.decode_words(value), 500)}" for name, value in values if value]
        return [Block(plain="\n".join(["---------- Forwarded message ----------", *lines])), *blocks]

    def _decoded_tree(self, part: Part) -> Part | None:
        return self._tree_of(self._decoded(part))

    def _tree_of(self, data: bytes) -> Part | None:
        try:
            fields, at = header.split(data, limit=self._limits.header_section, fields=self._limits.header_fields)
            return structure.tree(data, fields, at, self._limits)[0]
        except ParseFailed:
            return None

    def _decoded(self, part: Part) -> bytes:
        text = part.kind.startswith("text/")
        if not text and part.encoding == "base64" and (whole := transfer.flawless(part.raw, part.start, part.end)) is not None:
            return whole
        data, defect = transfer.decode(part.body, part.encoding, text=text)
        if defect:
            self.content.defects.append(defect)
        return data


def _content_id(fields: tuple[Field, ...]) -> str | None:
    value = header.first(fields, "content-id")
    return (safe.line(value, 300).strip("<> ") or None) if value else None
