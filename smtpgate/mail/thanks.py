"""Is a mail nothing but thanks? Then it need not wake anybody: a resolved ticket stays resolved.

A mail is thanks only if every word of it is: words of thanks, the polite words around them, and a few names. One word
that wants something, a question mark, a number, a link, and it is not. Pure, bounded, never fails. What matters is never
to take a request for thanks; thanks that are not recognised only open a ticket once more.
"""

from __future__ import annotations

import re

from smtpgate.mail.thankswords import AROUND, BUTS, EAST_AROUND, EAST_BUTS, EAST_THANKS, NO_THANKS, PHRASES, SURNAMES, THANKS

_LONGEST = 400  # characters of what is new in it
_WORDS = 40
_NAMES = 4  # words that may be names: they begin with a capital letter
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_EAST = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_MORE = re.compile(r"[?？;؟]|\d{3}|://|@|[^\s@]\.[a-z]{2,}/", re.IGNORECASE)
# Names stand right after the thanks, alone on a line that is not the first, or before what polite people add to them.
_EAST_NAMES = re.compile(
    rf"(?<=谢谢|感谢|多谢|辛苦|謝謝|感謝|多謝)[你您]?[{SURNAMES}][\u4e00-\u9fff]{{0,3}}(?=[\s,，。.!！~～]|$)"
    rf"|(?<=\n)[ \u3000]{{0,4}}[{SURNAMES}][\u4e00-\u9fff]{{1,2}}[ \u3000]{{0,4}}(?=\n|$)"
    r"|[\u4e00-\u9fff\uac00-\ud7a3]{1,4}(?:様|さま|さん|님|씨)"
)
_EAST_PHRASES = sorted((*EAST_THANKS, *EAST_AROUND), key=len, reverse=True)


def only_thanks(reply: str, *, attachments: bool = False) -> bool:
    """reply: what is new in the mail, without signature as far as that is known. attachments: files hang on it."""
    text = reply.strip()
    if not text or len(text) > _LONGEST or attachments or _MORE.search(text):
        return False
    east = len(_EAST.findall(text))
    words = _WORD.findall(text)
    if east >= 2 and east >= len(words):
        return _eastern(text)
    return _western(words, text)


def _western(words: list[str], text: str) -> bool:
    if len(words) > _WORDS:
        return False
    lowered = [word.lower().replace("’", "'") for word in words]
    low = text.lower()
    if any(word in BUTS for word in lowered) or any(p in low for p in NO_THANKS):
        return False
    if not (any(w in THANKS for w in lowered) or any(p in low for p in PHRASES)):
        return False
    strange = [original for original, word in zip(words, lowered, strict=True) if word not in AROUND and word not in THANKS]
    return len(strange) <= _NAMES and all(word[0].isupper() for word in strange) and _known(lowered) * 2 >= len(words)


def _known(words: list[str]) -> int:
    return sum(word in AROUND or word in THANKS for word in words)


def _eastern(text: str) -> bool:
    low = _EAST_NAMES.sub(" ", text.lower())
    if any(word in low for word in EAST_BUTS) or not any(word in low for word in EAST_THANKS):
        return False
    for phrase in _EAST_PHRASES:
        if phrase in low:
            low = low.replace(phrase, " ")
    left = _WORD.findall(low)
    return not _EAST.search(low) and sum(word not in AROUND and word not in THANKS for word in left) <= 2
