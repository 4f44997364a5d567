"""Lines of our own on a page of 80 columns, where a Chinese character takes two. Pure and linear; never fails."""

from __future__ import annotations

import re
import unicodedata

WIDTH = 78
_WIDE = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6"
_CLOSING = "，。、；：！？）」』】》〉”’"  # none of them begins a line
_SIGNS = "，。、；："
_PIECE = re.compile(rf"[{_WIDE}“‘][{_CLOSING}]*|[^\s{_WIDE}“‘]+[{_CLOSING}]*|\s+")


def columns(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fold(line: str, width: int = WIDTH, indent: str = "  ") -> str:
    """Broken at blanks and between Chinese characters, what goes on set in by `indent`. A longer word stays whole: it is an
    address, most likely."""
    if columns(line) <= width:
        return line
    lines, here, used = [], "", 0
    for piece in _PIECE.findall(line):
        if here.strip() and used + columns(piece.rstrip()) > width:
            kept, carried = _parted(here.rstrip(), width)
            lines.append(kept)
            here = indent + carried
            used = columns(here)
        if not (lines and here == indent and piece.isspace()):
            here, used = here + piece, used + columns(piece)
    return "\n".join((*lines, here.rstrip()))


def fold_text(text: str) -> str:
    """Prose of several lines, each folded, nothing set in."""
    return "\n".join(fold(line, indent="") for line in text.split("\n"))


def _parted(full: str, width: int) -> tuple[str, str]:
    """What stays of a full line, and what goes to the next one: Chinese is parted behind a sign, if one stands in the last half."""
    if full[-1:].isascii():
        return full, ""
    sign = max(map(full.rfind, _SIGNS)) + 1
    sign = len(full) - len(full[sign:].lstrip(_CLOSING))  # a quotation mark behind it goes with it
    return (full[:sign], full[sign:]) if 2 * columns(full[:sign]) > width else (full, "")
