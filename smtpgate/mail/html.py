"""HTML of mail: to readable text, and to HTML that is safe to show (threat C3).

Both linear. The text converter is our own scanner, because the standard html.parser is quadratic on open comments and
declarations; the sanitiser is nh3, kept from what it is quadratic in by a count of nesting. Never raises on any str.
"""

from __future__ import annotations

import html as stdlib_html
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

import nh3

from smtpgate.mail import safe
from smtpgate.mail.htmlmarks import tells, unmarked
from smtpgate.mail.htmlstyle import suspicious
from smtpgate.mail.htmltext import Writer
from smtpgate.mail.htmltokens import SELF_CLOSING, VOID, tokens, unescape

_DEEP = 500  # nh3 costs the square of the nesting; beyond this a mail is shown as text
_LONG_TAG = 32 * 1024  # nor does it like a tag of thousands of attributes
_NOT_COUNTED = VOID | SELF_CLOSING

# Tags that change nothing about the text, as long as nothing is hidden or marked.
_NAMES = ("span", "b", "i", "u", "font", "strong", "em", "small", "big", "sub", "sup", "s", "tt", "code", "o:p")
_PLAIN = frozenset(slash + name for name in _NAMES for slash in ("", "/"))


def to_text(source: str, pictures: Mapping[str, str] | None = None, *, marks: bool = False) -> str:
    """What a reader would see: blocks as lines, links with their targets, quotes with >, lists, tables; no hidden text.

    pictures: the names of the mail's own pictures by content id and location, lower case.
    marks: each line of which the HTML says that it is quoted, or a signature, begins with a mark (htmlmarks.unmarked).
    """
    writer = Writer(pictures or {})
    marks = marks and tells(source)
    if marks:
        source = unmarked(source)
    for name, rest in tokens(source):
        if not name:
            writer.text(unescape(rest) if "&" in rest else rest)
        elif name in _PLAIN and not writer.busy and not (rest and suspicious(rest)) and not (marks and name == "span"):
            continue
        elif name[0] == "/":
            writer.end(name[1:])
        else:
            if marks:
                writer.tell(name, rest)
            writer.start(name, rest)
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
_NEGATIVE = re.compile(r"-\s*\d")
_INVISIBLE = re.compile(r"(?:font-size|line-height)\s*:\s*[01](?:\.0*)?(?:px|pt|%)?\s*(?:;|!|$)")


def _bad_style(value: str) -> bool:
    """Does it load something, run something, move over other things, or hide words?"""
    style = value.lower()
    return (
        "url" in style
        or "expression" in style
        or "image-set" in style
        or "@" in style
        or "\\" in style
        or "/*" in style
        or ("margin" in style and "-" in style and any(map(_negative_margin, style.split(";"))))
        or ("size" in style and _INVISIBLE.search(style) is not None)
    )


_OFTEN = 400  # characters; a mail writes styles of this size again and again
_known_style = lru_cache(maxsize=512)(_bad_style)


def _negative_margin(declaration: str) -> bool:
    at = declaration.find("margin")
    return at >= 0 and _NEGATIVE.search(declaration, at) is not None


def _filter(tag: str, name: str, value: str) -> str | None:
    if name == "style":
        return None if (_known_style(value) if len(value) < _OFTEN else _bad_style(value)) else value
    if name == "src":
        return value if value[:4].lower() == "cid:" else None  # nothing is loaded from outside
    if name == "href":
        return value if value.lower().startswith(("http:", "https:", "mailto:", "tel:")) else None
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

    Pictures keep only cid: addresses; a link whose text does not say where it leads is followed by its host. HTML nested
    beyond 500, or with monstrous tags, is shown as its text.
    """
    source = _scrubbed(source)
    if reason := _monstrous(source):
        return f"<pre>{stdlib_html.escape(to_text(source))}</pre>", reason
    return _with_targets(_CLEANER.clean(source)), ""


def defect(source: str) -> str:
    """The defect that `sanitise` would tell, without its work."""
    return _monstrous(_scrubbed(source))


def _scrubbed(source: str) -> str:
    return safe.scrub(source).replace("\0", "")


_LINK = re.compile(r'<a((?: [a-z-]+="[^"]*+")*+)>|</a>')
_HREF = re.compile(r' href="([^"]*)"')
_SIMPLE = re.compile(r' href="https?://([a-z0-9][a-z0-9.-]{0,90})(?=[/?#"])')  # the host of a link, with nothing odd before it
_TAGS_OF_TEXT = re.compile(r"<[^>]*>")


def _with_targets(clean: str) -> str:
    """Clean HTML with the host behind each link that hides it. Knows how nh3 writes, and nothing else."""
    if "<a " not in clean:
        return clean
    out: list[str] = []
    done, target, begun = 0, "", 0
    for match in _LINK.finditer(clean):
        if match[1] is not None:
            target, begun = _target(match[1]), match.end()
        elif target:
            shown = clean[begun : match.start()]
            if target not in (_TAGS_OF_TEXT.sub("", shown) if "<" in shown else shown).lower():
                out.append(f"{clean[done : match.end()]} <small>[{stdlib_html.escape(target)}]</small>")
                done = match.end()
            target = ""
    return "".join((*out, clean[done:]))


def _target(attributes: str) -> str:
    """Where the link with these attributes leads, "" for nowhere."""
    if (simple := _SIMPLE.search(attributes)) is not None:
        return simple[1].removeprefix("www.")
    href = _HREF.search(attributes)
    return _host(stdlib_html.unescape(href[1])) if href else ""


def _host(link: str) -> str:
    """Where a link leads, short: the host, the address, the number; lower case."""
    scheme, _, rest = link.strip().lower().partition(":")
    if scheme in ("mailto", "tel"):
        return safe.line(rest.partition("?")[0], 100)
    host = rest.lstrip("/\\").replace("\\", "/").partition("/")[0].partition("?")[0].partition("#")[0]
    return safe.line(host.rpartition("@")[2].removeprefix("www."), 100)


_OPENED = re.compile(r"<([a-zA-Z][a-zA-Z0-9]{0,20})")
_ANY_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]{0,20})")


def _monstrous(source: str) -> str:
    """Why nh3 must not see this. Counts open tags by name, so that end tags of others do not hide nesting."""
    if len(source) > _LONG_TAG and any(len(p) > _LONG_TAG and ">" not in p[:_LONG_TAG] for p in source.split("<")[1:]):
        return "html has a monstrous tag, shown as text"
    if sum(times for name, times in Counter(_OPENED.findall(source)).items() if name.lower() not in _NOT_COUNTED) <= _DEEP:
        return ""
    open_tags: dict[str, int] = {}
    depth = 0
    for tag in _ANY_TAG.findall(source):
        name = tag.lower()
        if name[0] == "/":
            if open_tags.get(name[1:], 0) > 0:
                open_tags[name[1:]] -= 1
                depth -= 1
        elif name not in _NOT_COUNTED:
            open_tags[name] = open_tags.get(name, 0) + 1
            depth += 1
            if depth > _DEEP:
                return "html is nested too deep, shown as text"
    return ""
