"""The writer behind html.to_text: takes start tags, end tags and text in order, and lays out plain text.

Keeps no tree, only counters and small bounded stacks, so any nesting costs the same. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from smtpgate.mail import htmlstyle
from smtpgate.mail.htmlmarks import ATTRIBUTION, HEADER, QUOTED, SIGNATURE, TELLING, TOLD
from smtpgate.mail.htmltokens import VOID, attribute, attributes

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
# What cannot stand in a head, and so ends one that nobody closed.
_NO_HEAD = (_PARAGRAPH | _BLOCK | _CELL | {"a", "b", "big", "br", "em", "font", "i", "img", "span", "strong", "u"}) - {"html"}
_NOT_NESTED = frozenset(("p", "li", "td", "th", "tr", "dd", "dt", "option"))  # the next one closes it
_SPACE = re.compile(r"[ \t\r\n\f]+")
_BLANKS = " \t\r\n\f"
_WIDE = "\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"  # no blanks between these
_WIDE_BREAK = re.compile(f"([{_WIDE}])[ \\t\\r]*+\\n[ \\t\\r\\n]*+(?=[{_WIDE}])")
_FILLER = "\u034f\u200b\u200c\u00ad\u2007\ufeff"  # what newsletters fill the preview of a mail program with
_FILLERS = frozenset(_FILLER)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DEEPEST = 8  # quote marks and list indents that are shown
_LONGEST_LINK = 1000
_LONGEST_ROW = 400  # characters of a table row that is shown as one line


class Writer:
    def __init__(self, pictures: Mapping[str, str]) -> None:
        self._pictures = pictures
        self._lines: list[str] = []
        self._line: list[str] = []
        self._filled = False  # the line has something to see
        self._space = False  # a blank is due before the next word,
        self._soft = False  # which a line end stood for
        self._tight = False  # the open paragraph has no margins
        self._depth = 0  # quotes around the last line
        self._gap = False  # an empty line is due before the next text,
        self._list_gap = False  # also before a bullet
        self._quotes: list[bool] = []  # one for each open blockquote: is it a quote (or an indent)?
        self._lists: list[tuple[int, bool]] = []  # the next number, 0 for bullets; as letters?
        self._bullet = ""
        # Tables without an object for each: a hundred thousand of them would keep the garbage collector busy.
        self._rows: list[int] = []  # one for each open table: where its open row's cells begin in _cells, -1 for no open row
        self._cells: list[int] = []  # where the cells of open rows begin among the lines
        self._joined: list[bool] = []  # one for each open table: did the last row become one line?
        self._pre = 0
        self._kept = ""  # the element whose style keeps blanks, and how many of its name are open
        self._kept_depth = 0
        self._hidden = ""  # name of the element whose content is skipped
        self._hidden_depth = 0
        self._link = ""
        self._link_text: list[str] = []
        self._mark = ""  # of the container that is open,
        self._mark_name = ""  # the element that it is,
        self._mark_depth = 0  # and how many of that name are open since
        self._header = False  # the header of a quoted mail begins with the next line

    # --- input ---

    @property
    def busy(self) -> bool:
        """Must every tag be told, because one of them ends what is hidden, kept or marked?"""
        return bool(self._hidden or self._kept or self._mark)

    def tell(self, name: str, attributes: str) -> None:
        """Before start(): what the attributes of a tag, as they stand in the source, say about quotes."""
        if self._mark and name == self._mark_name:
            self._mark_depth += 1
        if name not in TELLING or "=" not in attributes or (match := TOLD.search(attributes)) is None:
            return
        if match[3]:
            self._end_line()
            self._header = True
        elif not self._mark and name not in VOID:
            self._end_line()
            self._mark = QUOTED if match[1] else ATTRIBUTION if match[2] else SIGNATURE
            self._mark_name, self._mark_depth = name, 1

    def start(self, name: str, rest: str) -> None:
        """A start tag and its attributes as they stand in the source."""
        if self._hidden:
            if (name in _NOT_NESTED and name == self._hidden) or (self._hidden == "head" and name in _NO_HEAD):
                self._hidden = ""
            elif name != self._hidden:
                return
            else:
                self._hidden_depth += 1
                return
        if name == self._kept:
            self._kept_depth += 1
        if name in _SKIPPED:
            self._hidden, self._hidden_depth = name, 1
            return
        if rest and htmlstyle.suspicious(rest) and self._styled(name, attributes(rest)):
            return
        if name == "br":
            self._break()
        elif name == "a":
            self._close_link()
            self._link = attribute(rest, "href").strip()
        elif name == "img":
            self._picture(attributes(rest))
        elif name in _CELL:
            self._start_cell()
        elif name in _PARAGRAPH:
            self._tight = name == "p" and htmlstyle.tight(rest)
            inner = name in ("ul", "ol") and bool(self._lists)
            self._block(gap=not self._tight and not inner)
            if name != "p":
                self._open(name, rest)
        elif name in _BLOCK:
            self._block(gap=False)
            if name == "li":
                self._item(rest)
            elif name == "tr":
                self._start_row()
            elif name == "hr":
                self._emit("_" * 32)
                self._end_line()

    def _styled(self, name: str, found: dict[str, str]) -> bool:
        """Look at the style of an element. Is it hidden?"""
        style = htmlstyle.squeezed(found)
        hidden = htmlstyle.hidden(name, found, style)
        if hidden and name not in VOID:
            self._hidden, self._hidden_depth = name, 1
        elif not hidden and not self._kept and name not in VOID and htmlstyle.keeps_blanks(style):
            self._kept, self._kept_depth = name, 1
        return hidden

    def end(self, name: str) -> None:
        if self._hidden:
            if name == self._hidden:
                self._hidden_depth -= 1
                if self._hidden_depth == 0:
                    self._hidden = ""
            elif name in ("body", "html", "head"):
                self._hidden = ""
            return
        if name == self._kept:
            self._kept_depth -= 1
            if self._kept_depth == 0:
                self._kept = ""
        if name == "a":
            self._close_link()
        elif name == "br":
            self._break()
        elif name in _PARAGRAPH:
            self._end_paragraph(name)
        elif name in _BLOCK:
            self._block(gap=False)
            if name == "tr":
                self._end_row()
        if self._mark and name == self._mark_name:
            self._mark_depth -= 1
            if self._mark_depth == 0:
                self._end_line()
                self._mark = ""

    def _end_paragraph(self, name: str) -> None:
        if name in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._block(gap=not self._lists)
            return
        if name == "table" and self._rows:
            self._end_row()
            self._rows.pop()
            self._joined.pop()
        self._block(gap=name != "p" or not self._tight)
        if name == "blockquote" and self._quotes:
            self._quotes.pop()
        elif name == "pre" and self._pre:
            self._pre -= 1

    def text(self, text: str) -> None:
        if self._hidden:
            return
        if self._pre or self._kept:
            for i, piece in enumerate(text.split("\n")):
                if i:
                    self._break()
                self._emit(piece.rstrip("\r"), collapse=False)
            return
        if not text.strip(_BLANKS):  # between two tags
            if text:
                self._soft = not self._space and "\n" in text
                self._space = True
            return
        if not text.isascii() and "\n" in text:
            text = _WIDE_BREAK.sub(r"\1", text)
        odd = "\n" in text or "  " in text or "\t" in text or "\r" in text or "\f" in text
        words = _SPACE.sub(" ", text) if odd else text
        if words[:1] == " ":
            self._soft = not self._space and "\n" in text[: len(text) - len(text.lstrip())]
            self._space = True
        if stripped := words.strip(" "):
            if stripped[-1] in _FILLER or stripped[-2:-1] in _FILLERS:
                stripped = stripped.rstrip(_FILLER + "\xa0 ")
            self._emit(stripped)
            self._space = words[-1] == " "
            self._soft = self._space and "\n" in text[len(text.rstrip()) :]

    def finish(self) -> str:
        self._close_link()
        self._end_line()
        return "\n".join(self._lines).replace("\xa0", " ").strip("\n")

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
        self._emit(alt if bare else f"[{alt}]")

    def _open(self, name: str, rest: str) -> None:
        if name in ("ul", "ol"):
            found = attributes(rest) if name == "ol" and rest else {}
            start = found.get("start", "1")
            first = (int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1) if name == "ol" else 0
            self._lists.append((first, found.get("type", "") in ("a", "A")))
            self._list_gap = self._gap
        elif name == "blockquote":
            style = htmlstyle.squeezed(attributes(rest)) if "margin" in rest else ""
            self._quotes.append(not htmlstyle.indents(style))
        elif name == "pre":
            self._pre += 1
        elif name == "table":
            self._rows.append(-1)
            self._joined.append(False)

    def _item(self, rest: str) -> None:
        indent = "  " * min(max(len(self._lists) - 1, 0), _DEEPEST)
        number, letters = self._lists[-1] if self._lists else (0, False)
        if not number:
            self._bullet = f"{indent}- "
            return
        value = attributes(rest).get("value", "") if "value" in rest else ""
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 6 else number
        self._bullet = f"{indent}{_LETTERS[number - 1] if letters and 0 < number <= 26 else number}. "
        self._lists[-1] = number + 1, letters

    # --- tables: a row whose cells hold a line each is one line ---

    def _start_row(self) -> None:
        self._end_row()
        if self._rows:
            self._rows[-1] = len(self._cells)

    def _start_cell(self) -> None:
        if not self._rows or self._rows[-1] < 0:
            self._block(gap=False)
            return
        self._end_line()
        self._cells.append(len(self._lines))

    def _end_row(self) -> None:
        if not self._rows or self._rows[-1] < 0:
            return
        self._end_line()
        cells = self._cells[self._rows[-1] :]
        del self._cells[self._rows[-1] :]
        self._rows[-1] = -1
        start = self._mark + self._prefix()
        found = self._row(cells, start)
        if len(found) > 1 and sum(map(len, found)) <= _LONGEST_ROW:
            gap = not self._joined[-1] and not self._lines[cells[0]].strip("> " + start)
            self._lines[cells[0] :] = ([start.rstrip()] if gap else []) + [start + " | ".join(found)]
            self._gap = False
            self._joined[-1] = True
        elif found or not cells or len(self._lines) > cells[0]:
            self._joined[-1] = False

    def _row(self, cells: list[int], start: str) -> list[str]:
        """The texts of cells that hold one line or none each, without what goes before each line; none if one holds more."""
        if len(cells) < 2 or len(self._lines) - cells[0] > 3 * len(cells):
            return []
        found: list[str] = []
        for first, last in zip(cells, [*cells[1:], len(self._lines)], strict=True):
            lines = [line for line in self._lines[first:last] if line.strip("> " + start)]
            if len(lines) > 1 or any(not line.startswith(start.rstrip()) for line in lines):
                return []
            found.extend(line[len(start) :].strip() for line in lines)
        return found

    # --- lines ---

    def _emit(self, text: str, *, collapse: bool = True) -> None:
        if not text:
            return
        if not self._filled:
            if self._gap and (not self._bullet or self._list_gap) and self._lines and self._lines[-1].strip("> "):
                self._lines.append(self._prefix(self._depth).rstrip())
            self._gap = self._list_gap = False
            if self._bullet:
                self._line.append(self._bullet)
                self._bullet = ""
            elif self._lists:
                self._line.append("  " * min(len(self._lists), _DEEPEST))
        elif self._space and collapse and not (self._soft and _wide(self._line[-1][-1]) and _wide(text[0])):
            self._line.append(" ")
        self._space = self._soft = False
        self._filled = True
        self._line.append(text)
        if self._link:
            self._link_text.append(text)

    def _prefix(self, depth: int = _DEEPEST) -> str:
        if not self._quotes:
            return ""
        return "".join("> " if quote else "  " for quote in self._quotes[: min(depth, _DEEPEST)])

    def _break(self) -> None:
        """A line end that the sender meant: on an empty line it makes an empty line."""
        if self._filled:
            self._end_line()
        elif not self._lines or self._lines[-1].strip("> ") or self._pre or self._kept:
            self._lines.append(self._prefix().rstrip())
            self._gap = False

    def _block(self, *, gap: bool) -> None:
        self._end_line()
        self._gap = self._gap or gap

    def _end_line(self) -> None:
        self._space = self._soft = False
        if not self._filled:
            return
        self._depth = len(self._quotes)
        line = "".join(self._line).rstrip()
        if self._quotes or self._mark or self._header:
            line = (self._line_mark() + self._prefix() + line).rstrip()
        self._lines.append(line)
        self._line.clear()
        self._filled = False

    def _line_mark(self) -> str:
        if self._header and self._line[0][:5] != "_____":
            self._header = False
            return HEADER
        return self._mark

    def _close_link(self) -> None:
        """After a link's text its target, unless the text says it already."""
        link = self._link
        if not link:
            return
        shown = "".join(self._link_text).strip()
        self._link = ""
        self._link_text.clear()
        scheme = link[:8].lower()
        if not shown or not scheme.startswith(("http://", "https://", "mailto:", "tel:")):
            return
        link = htmlstyle.unwrapped(link)
        scheme = link[:8].lower()
        target = link[7:] if scheme.startswith("mailto:") else link[4:] if scheme.startswith("tel:") else link
        if len(target.split()) == 1 and (" " in shown or htmlstyle.bare(target) != htmlstyle.bare(shown)):
            self._space = True
            self._emit(f"<{target[:_LONGEST_LINK]}>")


def _wide(char: str) -> bool:
    """Does a script like this write without blanks?"""
    return any(first <= char <= last for first, last in ("\u2e80\u30ff", "\u3400\u9fff", "\uf900\ufaff", "\uff00\uffef"))
