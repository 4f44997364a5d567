"""What attributes and styles of HTML mean for its text: hidden, tight, indented, kept blanks; where links lead. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

_HIDDEN = re.compile(  # in a style without blanks, lower case
    r"(?:^|;)(?:display:none|visibility:hidden|opacity:0(?:\.0+)?(?:;|!|$)"
    r"|(?:max-)?height:0(?:px)?(?:;.*)?;overflow:hidden|overflow:hidden;(?:.*;)?(?:max-)?height:0(?:px)?(?:;|!|$))"
)
_TINY = re.compile(r"(?:^|;)font-size:(?:0(?:\.0+)?(?:px|pt|em|rem|%)?|1px)(?:;|!|$)")
# Newsletters set these to nothing against gaps, and give a size to what is within; with a faded colour they hide words.
_FRAMES = frozenset(("article", "body", "center", "div", "main", "section", "table", "tbody", "td", "th", "tr"))
_FADED = re.compile(r"(?:^|;)color:(?:#fff(?:fff)?|white|transparent)(?:;|!|$)")
_ONLY_OUTLOOK = "mso-hide:all"  # on a link it makes room for Outlook's own button, elsewhere it hides a preheader
_TIGHT = re.compile(r"margin(?:-top|-bottom)?:\s?0|class=[\"']?Mso")
_KEPT = re.compile(r"(?:^|;)white-space:(?:pre|break-spaces)")
_INDENT = re.compile(r"margin:00040px")  # Gmail's "indent more", which is no quote


def suspicious(rest: str) -> bool:
    """Might these attributes hide the element, or keep its blanks? Quick; the style itself is read after it."""
    return _known(rest) if len(rest) < _OFTEN else _suspicious(rest)


def _suspicious(rest: str) -> bool:
    low = rest.lower()
    return (  # written out: any() over a list costs ten times as much, and this runs for every tag
        "hid" in low
        or "display" in low
        or "visib" in low
        or "opacity" in low
        or "height:0" in low
        or "height: 0" in low
        or "white-space" in low
        or "size:0" in low
        or "size: 0" in low
        or "size:1px" in low
        or "size: 1px" in low
    )


_OFTEN = 400  # characters; a mail writes attributes of this size again and again
_known = lru_cache(maxsize=512)(_suspicious)


def squeezed(found: dict[str, str]) -> str:
    """The style among these attributes, lower case and without blanks, as the functions below want it."""
    return "".join(found.get("style", "").lower().split())


def hidden(name: str, found: dict[str, str], style: str) -> bool:
    """Is an element with these attributes not shown?"""
    if "hidden" in found or _HIDDEN.search(style) is not None or (_ONLY_OUTLOOK in style and name != "a"):
        return True
    return _TINY.search(style) is not None and (name not in _FRAMES or _FADED.search(style) is not None)


def keeps_blanks(style: str) -> bool:
    return _KEPT.search(style) is not None


def tight(rest: str) -> bool:
    """Has a paragraph with these attributes no empty line around it?"""
    return _TIGHT.search(rest) is not None


def indents(style: str) -> bool:
    return _INDENT.search(style) is not None


def unwrapped(link: str) -> str:
    """Where a link leads that Outlook's protection has wrapped."""
    if ".safelinks.protection.outlook.com/" not in link[:100].lower():
        return link
    try:
        return parse_qs(urlsplit(link).query, max_num_fields=20).get("url", [link])[0]
    except ValueError:
        return link


def bare(link: str) -> str:
    return link.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
