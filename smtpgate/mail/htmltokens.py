"""HTML of mail as a row of tags and texts. Our own scanner, because the standard html.parser is quadratic on open comments and
declarations. One pass, no tree; what is no tag is text. Never raises on any str.
"""

from __future__ import annotations

import html as stdlib_html
import re
from collections.abc import Iterator
from html.entities import html5

RAW = frozenset({  # no tags within
    "script", "style", "title", "textarea", "xmp", "noembed", "noframes", "iframe",
})  # fmt: skip
VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
SELF_CLOSING = frozenset({  # an unclosed one does not nest
    "p", "li", "td", "th", "tr", "dd", "dt", "option", "thead", "tbody", "tfoot", "colgroup",
})  # fmt: skip
_MOST_ATTRIBUTES = 200
_LONGEST = 8192  # characters of a tag in which attributes are looked for
# Text, and a tag with nothing strange in it; possessive, and no < even in quotes, so that no attempt looks beyond the next tag.
_STEP = re.compile(r"""([^<]*+)<(/?[a-zA-Z][a-zA-Z0-9:-]{0,40}+)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>""")
_NAME = re.compile(r"/?[a-zA-Z][a-zA-Z0-9:-]{0,40}")
_LONE = re.compile(r"(?:<(?![a-zA-Z/!?])[^<]*+)++")  # text with a < in it, up to what may be a tag
_HUGE_REFERENCE = re.compile(r"&#[0-9]{8,}")
_REFERENCE = re.compile(r"&(#[xX]?[0-9a-fA-F]{1,8}|[a-zA-Z][a-zA-Z0-9]{1,31})(?:(;)|(?![a-zA-Z0-9]))(=?)")
_ATTRIBUTE = re.compile(r"""([a-zA-Z_:][a-zA-Z0-9_:.-]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_QUOTES = re.compile(r"""(=[ \t\r\n\f]*+)?+(["'])""")

Token = tuple[str, str]  # ("", text) · (name, attributes) for a start tag · ("/name", "") for an end tag


def tokens(source: str) -> Iterator[Token]:
    """Tags and text in order, comments and declarations left out."""
    pos = 0
    lower = ""
    comments = source.rfind("-->")  # behind it none ends: not to be looked for again and again
    find, step = source.find, _STEP.match
    while True:
        if (match := step(source, pos)) is not None:
            text, name, rest = match.groups()
            if text:
                yield "", text
            name, pos = name.lower(), match.end()
        elif (start := find("<", pos)) < 0:
            break
        else:
            if start > pos:
                yield "", source[pos:start]
            found = _odd(source, start, comments)
            if len(found) == 1:
                pos = found[0]
                continue
            name, rest, pos = found
        yield name, rest
        if name in RAW and rest[-1:] != "/":
            lower = lower or (source.lower() if len(source.lower()) == len(source) else source)
            close = lower.find(f"</{name}", pos)
            close = len(source) if close < 0 else close
            if name == "textarea":
                yield "", source[pos:close]
            pos = close
    if pos < len(source):
        yield "", source[pos:]


def _odd(source: str, start: int, comments: int) -> tuple[int] | tuple[str, str, int]:
    """What begins at this < and is no simple tag: (name, rest, end) of a tag or a text, (end,) of what is left out.

    comments: where the last comment ends, -1 without any.
    """
    if source.startswith("<!--", start):
        return (source.find("-->", start + 2) + 3 if start + 2 <= comments else _after_close(source, start),)
    match = _NAME.match(source, start + 1)
    if match is None:
        if source[start + 1 : start + 2] in ("!", "?", "/"):
            return (_after_close(source, start),)
        lone = _LONE.match(source, start)
        return ("", lone[0], lone.end()) if lone is not None else ("", "<", start + 1)
    name = match.group().lower()
    end = _tag_end(source, match.end())
    return name, "" if name[0] == "/" else source[match.end() : end], min(end + 1, len(source))


def _after_close(source: str, start: int) -> int:
    end = source.find(">", start)
    return end + 1 if end >= 0 else len(source)


def _tag_end(source: str, pos: int) -> int:
    """Where the > of this tag stands; quotes behind a = may hold others. Looks at 16 of them at most, so it stays linear."""
    first = end = source.find(">", pos)
    start = pos
    quote = ""
    for _ in range(16):
        if end < 0:
            break
        for equals, c in _QUOTES.findall(source, start, end):
            quote = (c if equals else "") if not quote else "" if c == quote else quote
        if not quote:
            return end
        start, end = end + 1, source.find(">", end + 1)
    return first if first >= 0 else len(source)


def attributes(text: str) -> dict[str, str]:
    """The attributes of a start tag, names in lower case, values unescaped. Bounded; the first of a name counts."""
    found: dict[str, str] = {}
    for i, match in enumerate(_ATTRIBUTE.finditer(text[:_LONGEST])):
        if i >= _MOST_ATTRIBUTES:
            break
        value = match[2] or match[3] or match[4] or ""
        found.setdefault(match[1].lower(), _REFERENCE.sub(_referred, value) if "&" in value else value)
    return found


def attribute(text: str, name: str) -> str:
    """One attribute of a start tag, "" without it; as attributes(), and sooner."""
    if text.startswith(f' {name}="') and 0 < (end := text.find('"', len(name) + 3)) < _LONGEST:
        value = text[len(name) + 3 : end]
        return _REFERENCE.sub(_referred, value) if "&" in value else value
    for i, match in enumerate(_ATTRIBUTE.finditer(text[:_LONGEST])):
        if i >= _MOST_ATTRIBUTES:
            break
        if match[1].lower() == name:
            value = match[2] or match[3] or match[4] or ""
            return _REFERENCE.sub(_referred, value) if "&" in value else value
    return ""


def _referred(match: re.Match[str]) -> str:
    """In an attribute a reference without its semicolon counts only whole and not before "=": ?a=1&copy=2 is no (c)."""
    name, semicolon, equals = match.groups()
    if name == "amp" and semicolon:
        return "&" + equals
    if not semicolon and (equals or (name[0] != "#" and name not in html5)):
        return match[0]
    return stdlib_html.unescape(f"&{name};") + equals


def unescape(text: str) -> str:
    """Character references to characters. Python's own raises on numbers of thousands of digits."""
    if "&" not in text:
        return text
    return stdlib_html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))
