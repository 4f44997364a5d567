"""What a mail holds once its parts are read: blocks of text in their places, files, and facts. Pure data and layout."""

from __future__ import annotations

import html as stdlib_html
import re
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from smtpgate.mail import html
from smtpgate.model import Attachment, Meeting

_SOURCE = re.compile(r"(?:cid:|src\s{0,5}=\s{0,5}[\"']?)(?:cid:)?([^\"'\s>)]{1,300})", re.IGNORECASE)
_MARKER = re.compile(r"\[(?:cid|image|inline image|图片): ?([^\]\r\n]{1,200})\]", re.IGNORECASE)
_STUB = ("html", "不支持", "your browser", "浏览器")  # what a text part says that only tells to read the other one
_OBJECT = "\ufffc"  # what Apple's clients write where a picture stands
_SHORT = 400


@dataclass(slots=True)
class Block:
    """One piece of readable content, in its two forms as far as they are there. picture: its name, in its place."""

    plain: str | None = None
    html: str | None = None
    picture: str = ""

    @property
    def says(self) -> bool:
        """Is there anything to read?"""
        return bool((self.plain or "").strip() or (self.html or "").strip())


@dataclass(slots=True)
class Content:
    blocks: list[Block] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)  # content id or location, lower case: file name
    defects: list[str] = field(default_factory=list)
    status: list[bytes] = field(default_factory=list)  # delivery-status parts, decoded
    original_id: str | None = None  # Message-ID of the first mail within
    receipt: bool = False
    feedback: bool = False
    calendar: bool = False
    packed: bool = False  # a winmail.dat was in it
    meeting: Meeting | None = None

    def text(self) -> str:
        """All blocks as text, the plain form first, HTML where there is no other, with its marks (htmlmarks.unmarked)."""
        blocks = self.blocks
        while blocks and blocks[-1].picture:  # a picture after all text needs no place
            blocks = blocks[:-1]
        if not any(not b.picture for b in blocks):
            return ""
        return "\n\n".join(t for t in (self.readable(b) for b in blocks) if t.strip())

    def readable(self, block: Block) -> str:
        """One block as text."""
        if block.picture:
            return f"[picture: {block.picture}]"
        plain = block.plain or ""
        stub = len(plain) < _SHORT and any(w in plain.lower() for w in _STUB)
        if block.html and (stub or not plain.strip(" \t\r\n\xa0\u200b\ufeff")):
            return html.to_text(block.html, self.pictures, marks=True) or plain
        return self._placed(plain)

    def _placed(self, plain: str) -> str:
        """Outlook's and Apple's marks for pictures, by the names of the files."""
        if "[" in plain and self.pictures:
            names = self.pictures
            plain = _MARKER.sub(lambda m: f"[picture: {name}]" if (name := names.get(m[1].strip().lower())) else m[0], plain)
        if _OBJECT in plain:
            images = [a.filename for a in self.attachments if a.content_type.startswith("image/")]
            pieces = plain.split(_OBJECT)
            if len(pieces) - 1 <= len(images):
                marks = (f"[picture: {name}]" for name in images)
                plain = pieces[0] + "".join(next(marks) + p for p in pieces[1:])
            else:
                plain = "".join(pieces)
        return plain

    def html(self) -> str | None:
        """All blocks as unsafe HTML, None when there is no HTML in the mail."""
        if not any(b.html for b in self.blocks):
            return None
        return "\n".join(self._rich(b) for b in self.blocks)

    def _rich(self, block: Block) -> str:
        if block.picture:
            file = next((a for a in self.attachments if a.filename == block.picture and a.content_id), None)
            name = stdlib_html.escape(block.picture)
            return f'<img src="cid:{stdlib_html.escape(file.content_id or "")}" alt="{name}">' if file else f"<p>[{name}]</p>"
        return block.html or f"<pre>{stdlib_html.escape(block.plain or '')}</pre>"

    def bind_pictures(self) -> None:
        """A picture that the HTML shows is inline, whatever its disposition says."""
        if not any(a.content_type.startswith("image/") or a.content_id for a in self.attachments):
            return
        shown = {unquote(m).lower() for b in self.blocks if b.html for m in _SOURCE.findall(b.html)}
        for i, a in enumerate(self.attachments):
            if a.content_id and not a.inline and a.content_id.lower() in shown:
                self.attachments[i] = replace(a, inline=True)
            elif not a.inline and a.content_type.startswith("image/"):
                places = [key for key, name in self.pictures.items() if name == a.filename and key in shown]
                self.attachments[i] = replace(a, inline=True) if places else a


def one_of(choices: list[list[Block]]) -> list[Block]:
    """multipart/alternative: the plain form of one child, the HTML form of another, as one block."""
    plain = [b for blocks in choices if not any(b.html for b in blocks) for b in blocks]
    rich = [b for blocks in choices if any(b.html for b in blocks) for b in blocks]
    joined = "\n\n".join(b.plain for b in plain if b.plain)
    if len(rich) > 1 or (rich and rich[0].plain):
        return [Block(plain=joined or None, html=Content(blocks=rich).html())]
    if rich or plain:
        return [Block(plain=joined or None, html=rich[0].html if rich else None)]
    return []
