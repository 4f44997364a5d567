"""HTML of mail: to readable text, and to HTML that is safe to show (threat C3).

Both linear. The text converter is our own scanner, because the standard html.parser is quadratic on open comments and
declarations; the sanitiser is nh3, kept from what it is quadratic in by a count of nesting. Never raises on any str.
"""

from __future__ import annotations

import html as stdlib_html
import re
from collections.abc import Iterator, Mapping

import nh3

from smtpgate.mail import safe
from smtpgate.mail.htmltext import Writer, tells, unmarked

_DEEP = 500  # nh3 costs the square of the nesting; beyond this a mail is shown as text
_LONG_TAG = 32 * 1024  # nor does it like a tag of thousands of attributes
_MOST_ATTRIBUTES = 200

_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_SELF_CLOSING = frozenset({  # an unclosed one does not nest
    "p", "li", "td", "th", "tr", "dd", "dt", "option", "thead", "tbody", "tfoot", "colgroup",
})  # fmt: skip
_NOT_COUNTED = _VOID | _SELF_CLOSING
_RAW = frozenset({  # no tags within
    "script", "style", "title", "textarea", "xmp", "noembed", "noframes", "iframe",
})  # fmt: skip
_NAME = re.compile(r"/?[a-zA-Z][a-zA-Z0-9:-]{0,40}")
_HUGE_REFERENCE = re.compile(r"&#[0-9]{8,}")
_ATTRIBUTE = re.compile(r"""([a-zA-Z_:][a-zA-Z0-9_:.-]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")

Token = tuple[str, str]  # ("", text) · (name, attributes) for a start tag · ("/name", "") for an end tag


def tokens(source: str) -> Iterator[Token]:
    """Tags and text in order, comments and declarations left out. One pass; what is no tag is text."""
    pos = 0
    lower = source.lower() if len(source.lower()) == len(source) else source
    while (start := source.find("<", pos)) >= 0:
        if start > pos:
            yield "", source[pos:start]
        if source.startswith("<!--", start):
            end = source.find("-->", start + 2)
            pos = end + 3 if end >= 0 else _after_close(source, start)
            continue
        match = _NAME.match(source, start + 1)
        if match is None:
            if source[start + 1 : start + 2] in ("!", "?", "/"):
                pos = _after_close(source, start)
            else:
                yield "", "<"
                pos = start + 1
            continue
        name = match.group().lower()
        end = _tag_end(source, match.end())
        pos = min(end + 1, len(source))
        yield name, "" if name[0] == "/" else source[match.end() : end]
        if name in _RAW and source[end - 1 : end] != "/":
            close = lower.find(f"</{name}", pos)
            close = len(source) if close < 0 else close
            if name == "textarea":
                yield "", source[pos:close]
            pos = close
    if pos < len(source):
        yield "", source[pos:]


def _after_close(source: str, start: int) -> int:
    end = source.find(">", start)
    return end + 1 if end >= 0 else len(source)


def _tag_end(source: str, pos: int) -> int:
    """Where the > of this tag stands; quotes may hold others. Looks at 16 of them at most, so it stays linear."""
    first = end = source.find(">", pos)
    start = pos
    quote = ""
    for _ in range(16):
        if end < 0:
            break
        for c in _QUOTES.findall(source, start, end):
            quote = c if not quote else "" if c == quote else quote
        if not quote:
            return end
        start, end = end + 1, source.find(">", end + 1)
    return first if first >= 0 else len(source)


_QUOTES = re.compile("[\"']")


def attributes(text: str) -> dict[str, str]:
    """The attributes of a start tag, names in lower case, values unescaped. Bounded; the first of a name counts."""
    found: dict[str, str] = {}
    for i, match in enumerate(_ATTRIBUTE.finditer(text[:8192])):
        if i >= _MOST_ATTRIBUTES:
            break
        found.setdefault(match[1].lower(), unescape(match[2] or match[3] or match[4] or ""))
    return found


def unescape(text: str) -> str:
    """Character references to characters. Python's own raises on numbers of thousands of digits."""
    if "&" not in text:
        return text
    return stdlib_html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))


_READ = frozenset(("a", "img", "ol", "p", "blockquote"))
_STYLED = re.compile("style|hidden", re.IGNORECASE)


def to_text(source: str, pictures: Mapping[str, str] | None = None, *, marks: bool = False) -> str:
    """What a reader would see: blocks as lines, links with their targets, quotes with >, lists, tables; no hidden text.

    pictures: the names of the mail's own pictures by content id and location, lower case.
    marks: each line of which the HTML says that it is quoted, or a signature, begins with a mark (htmltext.unmarked).
    """
    writer = Writer(pictures or {})
    marks = marks and tells(source)
    if marks:
        source = unmarked(source)
    for name, rest in tokens(source):
        if not name:
            writer.text(unescape(rest))
        elif name[0] == "/":
            writer.end(name[1:])
        else:
            if marks:
                writer.tell(name, rest)
            writer.start(name, attributes(rest) if name in _READ or _STYLED.search(rest) else {})
    return safe.block(writer.finish())


# --- safe HTML --------------------------------------------------------------------------------------------------------

_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "bdi", "big", "blockquote", "br", "caption", "center", "cite", "code",
    "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark", "nav", "ol", "p",
    "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"align", "dir", "lang", "style", "title", "valign"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "blockquote": {"type"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "li": {"value"},
    "table": {"border", "cellpadding", "cellspacing", "width", "bgcolor"},
    "td": {"colspan", "rowspan", "width", "height", "bgcolor", "nowrap"},
    "th": {"colspan", "rowspan", "width", "height", "bgcolor", "nowrap"},
    "tr": {"bgcolor"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
}
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-right",
    "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "font", "font-family", "font-size",
    "font-style", "font-variant", "font-weight", "line-height", "list-style-type", "margin", "margin-bottom", "margin-left",
    "margin-right", "margin-top", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align",
    "text-decoration", "text-indent", "text-transform", "vertical-align", "white-space", "word-break", "word-wrap",
}  # fmt: skip
_NO_CONTENT = {"script", "style", "title", "template", "object", "iframe", "noembed", "noframes", "xmp", "math", "svg"}
_BAD_STYLE = re.compile(r"url\s*\(|expression|image-set|@import|\\|/\*|margin[a-z-]*\s*:[^;]*-\s*\d", re.IGNORECASE)


def _filter(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if value[:4].lower() == "cid:" else None  # nothing is loaded from outside
    if name == "href":
        return value if value.lower().startswith(("http:", "https:", "mailto:", "tel:")) else None
    if name == "style":
        return None if _BAD_STYLE.search(value) else value
    return value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_NO_CONTENT,
    attributes=_ATTRIBUTES,
    attribute_filter=_filter,
    strip_comments=True,
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    filter_style_properties=_STYLES,
)


def sanitise(source: str) -> tuple[str, str]:
    """HTML that loads nothing, runs nothing and stays where it is put; and a defect ("" if none).

    Pictures keep only cid: addresses. HTML nested beyond 500, or with monstrous tags, is shown as its text.
    """
    source = safe.scrub(source).replace("\0", "")
    if reason := _monstrous(source):
        return f"<pre>{stdlib_html.escape(to_text(source))}</pre>", reason
    return _CLEANER.clean(source), ""


_ANY_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")


def _monstrous(source: str) -> str:
    """Why nh3 must not see this. Counts open tags by name, so that end tags of others do not hide nesting."""
    if len(source) > _LONG_TAG and any(len(p) > _LONG_TAG and ">" not in p[:_LONG_TAG] for p in source.split("<")[1:]):
        return "html has a monstrous tag, shown as text"
    tags = _ANY_TAG.findall(source)
    if len(tags) <= _DEEP:
        return ""
    open_tags: dict[str, int] = {}
    depth = 0
    for slash, name in tags:
        key = name.lower()
        if slash:
            if open_tags.get(key, 0) > 0:
                open_tags[key] -= 1
                depth -= 1
        elif key not in _NOT_COUNTED:
            open_tags[key] = open_tags.get(key, 0) + 1
            depth += 1
            if depth > _DEEP:
                return "html is nested too deep, shown as text"
    return ""
