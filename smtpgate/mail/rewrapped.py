"""Ends of quoted lines that lost their mark: a mail program wrapped the quote once more, and what did not fit stands bare.

> the quoted line was as long as it may be, and with one more mark it was too
long for it

A customer's own short line may stand at the same place, so length alone proves nothing. What does: the first word would not
have fitted on the line above, when the longest quoted line shows how long they may be; the sentence above is not finished;
and the mail has several such lines, or the sentence goes on in the marked line below. Pure, linear, never raises.
"""

from __future__ import annotations

_NARROWEST, _WIDEST = 60, 82  # columns at which mail programs wrap, with a mark or two
_LONGEST = 60  # characters of such an end
_FINISHED = ".!?:。！？：…"
_MARKS = ">＞| \t\r"
_STARTS = "([{<'\"“‘*&,.;!?)]}/-+"  # what a piece of a line may begin with, besides a letter in lower case
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
    widths = _widths(lines, letters)
    over = [i for i in between if _overflows(lines, i, widths[_depth(lines[i - 1])])]
    found = [i for i in over if not _finished(lines[i - 1], lines[i].strip())]
    inner = [i for i in found if letters[i + 1 : i + 2] == ["q"]]
    if len(inner) > 1 and sum(_goes_on(lines[i]) for i in inner) * 2 >= len(inner):
        last = [i for i in found if letters[i + 1 : i + 2] in (["b"], []) and _goes_on(lines[i])]
        begun = [i for i in over if letters[i + 1 : i + 2] == ["q"] and _begins_what_goes_on(lines, i)]
        return sorted({*inner, *last, *begun})
    return [i for i in inner if _closes(lines, i) or (_goes_on(lines[i]) and _goes_on(_bare(lines[i + 1])))]


def _widths(lines: list[str], letters: list[str]) -> dict[int, int]:
    """For each number of marks the longest line that could have been wrapped; 0 if mail programs do not wrap there."""
    widths: dict[int, int] = {}
    for line, letter in zip(lines, letters, strict=True):
        if letter == "q":
            depth, length = _depth(line), len(line.rstrip()) if " " in _bare(line) else 0
            widths[depth] = max(widths.get(depth, 0), length)
    return {depth: width if _NARROWEST <= width <= _WIDEST else 0 for depth, width in widths.items()}


def _depth(line: str) -> int:
    return line[: len(line) - len(line.lstrip(_MARKS))].count(">")


def _bare(line: str) -> str:
    return line.strip(_MARKS)


def _overflows(lines: list[str], i: int, width: int) -> bool:
    """Would its first word have been too much for the line above?"""
    above, s = lines[i - 1].rstrip(), lines[i].strip()
    if not s or not width or not _bare(above) or len(s) > _LONGEST or s.strip(".,!;").lower() in _SAID:
        return False
    return len(above) + 1 + len(s.split()[0]) > width


def _finished(above: str, s: str) -> bool:
    """Is the sentence above finished, so that what stands below may be an answer to it?"""
    last = _bare(above)[-1]
    return last in _FINISHED or (last in ";," and not (s[0].islower() or "@" in s))


def _begins_what_goes_on(lines: list[str], i: int) -> bool:
    """The first words of a sentence that goes on in the marked line below."""
    return lines[i].rstrip()[-1] not in _FINISHED and _bare(lines[i + 1])[:1].islower()


def _goes_on(text: str) -> bool:
    """Does it read like the middle of a sentence?"""
    return text[:1].islower() or text[:1] in _STARTS


def _closes(lines: list[str], i: int) -> bool:
    """Does it close a bracket that the line above opened?"""
    above, s = _bare(lines[i - 1]), lines[i]
    return any(above.count(a) > above.count(b) and s.count(b) > s.count(a) for a, b in ("()", "[]", "<>", "（）"))


__all__ = ["ends"]
