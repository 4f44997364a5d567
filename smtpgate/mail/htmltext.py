"""The writer behind html.to_text: takes start tags, end tags and text in order, and lays out plain text.

Keeps no tree, only counters and small bounded stacks, so any nesting costs the same. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

_SKIPPED = frozenset({
    "head", "script", "style", "title", "template", "object", "iframe", "noembed", "noframes", "xmp", "select", "datalist",
    "audio", "video", "svg", "math",
})  # fmt: skip
_PARAGRAPH = frozenset({
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote",
})  # fmt: skip
_BLOCK = frozenset({
    "address", "article", "aside", "body", "caption", "center", "dd", "details", "div", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "header", "html", "hr", "li", "main", "nav", "section", "summary", "tbody", "tfoot", "thead",
    "tr",
})  # fmt: skip
_CELL = frozenset(("td", "th"))
_NOT_NESTED = frozenset(("p", "li", "td", "th", "tr", "dd", "dt", "option"))  # the next one closes it
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_HIDDEN = re.compile(
    r"(?:^|;)(?:display:none|visibility:hidden|mso-hide:all|font-size:0(?:px|pt|em|%)?(?:;|!|$)|opacity:0(?:;|!|$))"
)
_TIGHT = re.compile(r"(?:^|;)margin(?:-top|-bottom)?:0")
_INDENT = re.compile(r"margin:00040px")  # Gmail's "indent more", which is no quote
_SPACE = re.compile(r"[ \t\r\n\f]+")
_DEEPEST = 8  # quote marks and list indents that are shown
_LONGEST_LINK = 1000

# How a line tells trim.py what the HTML said of it, when marks are asked for: noncharacters (never for interchange,
# Unicode 23.7) before its text. unmarked() takes them off again.
QUOTED = "\ufdd0"  # within a container of quoted mail
ATTRIBUTION = "\ufdd1"  # "somebody wrote:"
HEADER = "\ufdd2"  # the header of a quoted mail begins with this line
SIGNATURE = "\ufdd3"  # within the sender's signature
_MARKS = dict.fromkeys(map(ord, QUOTED + ATTRIBUTION + HEADER + SIGNATURE))

# What clients write into class, id and style of these containers; one group for each mark.
_TOLD = re.compile(
    r"(yahoo_quoted|isReplyContent)"
    r"|(gmail_attr|moz-cite-prefix)"
    r"|(divRplyFwdMsg|appendonsend|stopSpelling|zwchr|reference-message|OLK_SRC_BODY|border-top: ?solid #(?:E1E1E1|B5C4DF))"
    r"|(gmail_signature|moz-signature|protonmail_signature_block|outlook-mobile-signature|[\"']x?_?Signature[\"' >]|pcmac-signature"
    r"|spnEditorSign|FoxMailSign)",
    re.IGNORECASE,
)
_KEYS = (
    "yahoo_quoted", "isReplyContent", "gmail_attr", "moz-cite-prefix", "divRplyFwdMsg", "appendonsend", "stopSpelling", "zwchr",
    "reference-message", "OLK_SRC_BODY", "#E1E1E1", "#B5C4DF", "#e1e1e1", "#b5c4df", "ignature", "spnEditorSign", "FoxMailSign",
)  # fmt: skip
_TELLING = frozenset(("div", "blockquote", "hr", "span", "table"))


def tells(source: str) -> bool:
    """Is there anything in this HTML that marks would be made of?"""
    return any(key in source for key in _KEYS)


def unmarked(text: str) -> str:
    """The text without the marks of lines."""
    return text if text.isascii() else text.translate(_MARKS)


class Writer:
    def __init__(self, pictures: Mapping[str, str]) -> None:
        self._pictures = pictures
        self._lines: list[str] = []
        self._line: list[str] = []
        self._filled = False  # the line has something to see
        self._space = False  # a blank is due before the next word
        self._tight = False  # the open paragraph has no margins
        self._depth = 0  # quotes around the last line
        self._gap = False  # an empty line is due before the next text
        self._quotes: list[bool] = []  # one for each open blockquote: is it a quote (or an indent)?
        self._lists: list[int] = []  # the next number, 0 for bullets
        self._bullet = ""
        self._pre = 0
        self._cell = False  # a cell ended: a separator is due before the next one
        self._hidden = ""  # name of the element whose content is skipped
        self._hidden_depth = 0
        self._link = ""
        self._link_text: list[str] = []
        self._mark = ""  # of the container that is open,
        self._mark_name = ""  # the element that it is,
        self._mark_depth = 0  # and how many of that name are open since
        self._header = False  # the header of a quoted mail begins with the next line

    # --- input ---

    def tell(self, name: str, attributes: str) -> None:
        """Before start(): what the attributes of a tag, as they stand in the source, say about quotes."""
        if self._mark and name == self._mark_name:
            self._mark_depth += 1
        if name not in _TELLING or "=" not in attributes or (match := _TOLD.search(attributes)) is None:
            return
        if match[3]:
            self._end_line()
            self._header = True
        elif not self._mark and name not in _VOID:
            self._end_line()
            self._mark = QUOTED if match[1] else ATTRIBUTION if match[2] else SIGNATURE
            self._mark_name, self._mark_depth = name, 1

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._hidden:
            if name != self._hidden:
                return
            if name in _NOT_NESTED:
                self._hidden = ""
            else:
                self._hidden_depth += 1
                return
        style = "".join(attributes.get("style", "").lower().split())
        if name in _SKIPPED or (name not in _VOID and ("hidden" in attributes or _HIDDEN.search(style))):
            self._hidden, self._hidden_depth = name, 1
            return
        if name == "br":
            self._break()
        elif name == "hr":
            self._end_line()
            self._emit("_" * 32)
            self._end_line()
        elif name == "img":
            self._picture(attributes)
        elif name == "a":
            self._close_link()
            self._link = attributes.get("href", "").strip()
        elif name in _CELL:
            self._cell = self._cell or self._filled
        elif name in _PARAGRAPH:
            self._tight = name == "p" and (attributes.get("class", "").startswith("Mso") or _TIGHT.search(style) is not None)
            self._block(gap=not self._tight)
            self._open(name, attributes, style)
        elif name in _BLOCK:
            self._block(gap=False)
            if name == "li":
                self._item()

    def end(self, name: str) -> None:
        if self._hidden:
            if name == self._hidden:
                self._hidden_depth -= 1
                if self._hidden_depth == 0:
                    self._hidden = ""
            elif name in ("body", "html", "head"):
                self._hidden = ""
            return
        if name == "a":
            self._close_link()
        elif name in _PARAGRAPH:
            self._block(gap=name != "p" or not self._tight)
            if name in ("ul", "ol") and self._lists:
                self._lists.pop()
            elif name == "blockquote" and self._quotes:
                self._quotes.pop()
            elif name == "pre" and self._pre:
                self._pre -= 1
        elif name in _BLOCK:
            self._block(gap=False)
        if self._mark and name == self._mark_name:
            self._mark_depth -= 1
            if self._mark_depth == 0:
                self._end_line()
                self._mark = ""

    def text(self, text: str) -> None:
        if self._hidden:
            return
        if self._pre:
            for i, piece in enumerate(text.split("\n")):
                if i:
                    self._break()
                self._emit(piece, collapse=False)
            return
        words = _SPACE.sub(" ", text)
        if words[:1] == " ":
            self._space = True
        if stripped := words.strip(" "):
            self._emit(stripped)
            self._space = words[-1] == " "

    def finish(self) -> str:
        self._close_link()
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    # --- layout ---

    def _picture(self, attributes: dict[str, str]) -> None:
        """The mail's own pictures by name; of others what they say instead of themselves, emoji as they are."""
        source = attributes.get("src", "").strip().lower()
        if name := self._pictures.get(unquote(source.removeprefix("cid:"))) or self._pictures.get(source):
            self._emit(f"[picture: {name}]")
            return
        alt = " ".join(attributes.get("alt", "").split())[:200]
        if not alt or {attributes.get("width", "")[:3], attributes.get("height", "")[:3]} & {"0", "1", "0px", "1px"}:
            return
        bare = (len(alt) <= 12 and not any(c.isalnum() for c in alt)) or (alt[0] == "[" and alt[-1] == "]")
        self._emit(alt if bare else f"[{alt}]", collapse=not bare)

    def _open(self, name: str, attributes: dict[str, str], style: str) -> None:
        if name in ("ul", "ol"):
            start = attributes.get("start", "1")
            self._lists.append((int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1) if name == "ol" else 0)
        elif name == "blockquote":
            self._quotes.append(_INDENT.search(style) is None)
        elif name == "pre":
            self._pre += 1

    def _item(self) -> None:
        indent = "  " * min(max(len(self._lists) - 1, 0), _DEEPEST)
        if self._lists and self._lists[-1]:
            self._bullet = f"{indent}{self._lists[-1]}. "
            self._lists[-1] += 1
        else:
            self._bullet = f"{indent}- "

    def _emit(self, text: str, *, collapse: bool = True) -> None:
        if not text:
            return
        if not self._filled:
            if self._gap and self._lines and self._lines[-1].strip("> "):
                self._lines.append(self._prefix(self._depth).rstrip())
            self._gap = False
            if self._bullet:
                self._line.append(self._bullet)
                self._bullet = ""
            elif self._lists:
                self._line.append("  " * min(len(self._lists), _DEEPEST))
        elif self._cell:
            self._line.append(" | ")
        elif self._space and collapse:
            self._line.append(" ")
        self._space = self._cell = False
        self._filled = True
        self._line.append(text)
        if self._link:
            self._link_text.append(text)

    def _prefix(self, depth: int = _DEEPEST) -> str:
        return "".join("> " if quote else "  " for quote in self._quotes[: min(depth, _DEEPEST)])

    def _break(self) -> None:
        """A line end that the sender meant: on an empty line it makes an empty line."""
        if self._filled:
            self._end_line()
        elif not self._lines or self._lines[-1].strip("> ") or self._pre:
            self._lines.append(self._prefix().rstrip())
            self._gap = False

    def _block(self, *, gap: bool) -> None:
        self._end_line()
        self._gap = self._gap or gap

    def _end_line(self) -> None:
        if self._filled:
            self._depth = len(self._quotes)
            self._lines.append((self._line_mark() + self._prefix() + "".join(self._line)).rstrip())
        self._line.clear()
        self._filled = self._space = self._cell = False

    def _line_mark(self) -> str:
        if self._header and self._line[0][:5] != "_____":
            self._header = False
            return HEADER
        return self._mark

    def _close_link(self) -> None:
        """After a link's text its target, unless the text says it already."""
        link, shown = self._link, "".join(self._link_text).strip()
        self._link = ""
        self._link_text.clear()
        if not link.lower().startswith(("http://", "https://", "mailto:", "tel:")) or not shown:
            return
        target = link[7:] if link.lower().startswith("mailto:") else link[4:] if link.lower().startswith("tel:") else link
        if _bare(target) != _bare(shown) and not any(c.isspace() for c in target):
            self._space = True
            self._emit(f"<{target[:_LONGEST_LINK]}>")


def _bare(link: str) -> str:
    return link.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
