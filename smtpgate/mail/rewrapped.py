"""Ends of quoted lines that lost their mark: a mail program wrapped the quote once more, and what did not fit stands bare.

> the quoted line was as long as it may be, and with one more mark it was too
long for it

A customer's own short line may stand at the same place, so length alone proves nothing. What does: the first word would not
have fitted on the line above, when the longest quoted line shows how long they may be; the sentence above is not finished;
and the mail has several such lines, or the sentence goes on in the marked line below. Pure, linear, never raises.
"""

from __future__ import annotations

_NARROWEST, _WIDEST = 64, 82  # columns at which mail programs wrap, with a mark or two
_LONGEST = 60  # characters of such an end
_FINISHED = ".!?:。！？：…"
_STARTS = "([{<'\"“‘*&,.;)]}/-+"  # what a piece of a line may begin with, besides a letter in lower case
# Alone on a line, these answer what stands above.
_SAID = frozenset((
    "yes", "no", "ok", "okay", "done", "sure", "right", "fine", "true", "false", "none", "yep", "nope", "agreed", "correct",
    "ja", "nein", "nee", "oui", "non", "si", "sí", "sim", "não", "nej", "nei", "kyllä", "ei", "tak", "nie", "ano", "да", "нет",
    "так", "ні", "evet", "hayır", "thanks",
))  # fmt: skip


def ends(lines: list[str], letters: list[str]) -> list[int]:
    """The lines that belong to the quoted line above them."""
    between = [i for i in range(1, len(letters)) if letters[i] == "t" and letters[i - 1] == "q"]
    if not between:
        return []
    width = _width(lines, letters)
    if not _NARROWEST <= width <= _WIDEST:
        return []
    found = [i for i in between if _overflows(lines, i, width)]
    inner = [i for i in found if letters[i + 1 : i + 2] == ["q"]]
    if len(inner) > 1 and sum(_goes_on(lines[i]) for i in inner) * 2 >= len(inner):
        return [i for i in found if letters[i + 1 : i + 2] in (["q"], ["b"], []) and (i in inner or _goes_on(lines[i]))]
    return [i for i in inner if _closes(lines, i) or (_goes_on(lines[i]) and _goes_on(_bare(lines[i + 1])))]


def _width(lines: list[str], letters: list[str]) -> int:
    """The longest quoted line that could have been wrapped."""
    return max((len(line.rstrip()) for line, x in zip(lines, letters, strict=True) if x == "q" and " " in _bare(line)), default=0)


def _bare(line: str) -> str:
    return line.strip(">＞| \t\r")


def _overflows(lines: list[str], i: int, width: int) -> bool:
    above, s = lines[i - 1].rstrip(), lines[i].strip()
    said = _bare(above)
    if not said or len(s) > _LONGEST or s.strip(".,!;").lower() in _SAID:
        return False
    if said[-1] in _FINISHED or (said[-1] in ";," and not (s[0].islower() or "@" in s)):
        return False
    return len(above) + 1 + len(s.split()[0]) > width


def _goes_on(text: str) -> bool:
    """Does it read like the middle of a sentence?"""
    return text[:1].islower() or text[:1] in _STARTS


def _closes(lines: list[str], i: int) -> bool:
    """Does it close a bracket that the line above opened?"""
    above, s = _bare(lines[i - 1]), lines[i]
    return any(above.count(a) > above.count(b) and s.count(b) > s.count(a) for a, b in ("()", "[]", "<>", "（）"))


__all__ = ["ends"]
