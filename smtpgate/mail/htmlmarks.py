"""What HTML tells of quotes: the marks by which the reader of HTML hands it on to mail/trim.py, and where clients write it.

Pure and linear; never raises. A mark is never part of what is shown or kept: `unmarked` takes them off.
"""

from __future__ import annotations

import re

from smtpgate import patterns

# How a line tells trim.py what the HTML said of it, when marks are asked for: noncharacters (never for interchange,
# Unicode 23.7) before its text. unmarked() takes them off again.
QUOTED = "\ufdd0"  # within a container of quoted mail
ATTRIBUTION = "\ufdd1"  # "somebody wrote:"
HEADER = "\ufdd2"  # the header of a quoted mail begins with this line
SIGNATURE = "\ufdd3"  # within the sender's signature
_MARKS = QUOTED + ATTRIBUTION + HEADER + SIGNATURE

# What clients write into class, id and style of these containers; one group for each mark.
TOLD = re.compile(
    r"(yahoo_quoted|isReplyContent|messageReplySection)"
    r"|(gmail_attr|moz-cite-prefix)"
    r"|(divRplyFwdMsg|appendonsend|stopSpelling|zwchr|reference-message|OLK_SRC_BODY|border-top: ?solid #(?:E1E1E1|B5C4DF))"
    r"|(gmail_signature|moz-signature|protonmail_signature_block|outlook-mobile-signature|[\"']x?_?Signature[\"' >]|pcmac-signature"
    r"|messageSignatureSection|ydp[0-9a-z]{4,16}signature|bloop_sign|mb_sig|spnEditorSign|FoxMailSign)",
    re.IGNORECASE,
)
_KEYS = patterns.words((
    "yahoo_quoted", "isReplyContent", "gmail_attr", "moz-cite-prefix", "divRplyFwdMsg", "appendonsend", "stopSpelling", "zwchr",
    "messageReplySection", "reference-message", "OLK_SRC_BODY", "#E1E1E1", "#B5C4DF", "#e1e1e1", "#b5c4df", "ignature",
    "spnEditorSign", "FoxMailSign", "bloop_sign", "mb_sig",
))  # fmt: skip
TELLING = frozenset(("div", "blockquote", "hr", "span", "table"))


def tells(source: str) -> bool:
    """Is there anything in this HTML that marks would be made of?"""
    return _KEYS.within(source.encode("utf-8", "replace"))


def unmarked(text: str) -> str:
    """The text without the marks of lines."""
    for mark in _MARKS if not text.isascii() else "":
        text = text.replace(mark, "")
    return text
