"""What must stay though it looks like a quote, and what is a quote though it looks like none.

From what users of trimmers report and from the habits of clients; all texts are made up. In trim_shapes.txt:
@own: the sender's words, which stay when a quote stands below · @text and @new: a mail, and what is new in it ·
@whole: nothing is cut (with a subject; or of a mail that answers none).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from smtpgate.mail.trim import split

QUOTE = "\n\nOn Fri, Jan 2, 2026 at 3:04 PM Support <s@e.example> wrote:\n> old text\n> more old\n"


def shapes() -> list[tuple[str, str]]:
    """(heading, lines below it)"""
    found: list[tuple[str, list[str]]] = []
    for line in Path(__file__).with_name("trim_shapes.txt").read_text().split("\n"):
        if line[:1] == "@" and line.split()[0] in ("@own", "@text", "@new", "@whole"):
            found.append((line, []))
        elif found:
            found[-1][1].append(line)
    return [(heading, "\n".join(lines).strip("\n")) for heading, lines in found]


SHAPES = shapes()
PAIRS = [(one[1], two[1]) for one, two in itertools.pairwise(SHAPES) if one[0] == "@text"]


@pytest.mark.parametrize("own", [text for heading, text in SHAPES if heading == "@own"])
def test_own_words_stay(own: str) -> None:
    assert split(own + QUOTE).own().split() == own.split()


@pytest.mark.parametrize(("text", "new"), PAIRS)
def test_only_what_is_new_stays(text: str, new: str) -> None:
    assert split(text).own().split() == new.split()


@pytest.mark.parametrize(("heading", "text"), [shape for shape in SHAPES if shape[0].startswith("@whole")])
def test_nothing_is_cut(heading: str, text: str) -> None:
    said = split(text, subject=heading.partition(" subject ")[2], answers="no answer" not in heading)
    assert (said.own() or text).split() == text.split()


def test_there_are_many() -> None:
    assert len(SHAPES) > 150


def test_vs_is_an_answer_in_finnish_and_a_forward_in_danish() -> None:
    danish = "se her\n\nFra: S <s@e.example>\nSendt: 2. januar 2026 15:04\nTil: M\nEmne: x\n\nold"
    finnish = "kiitos\n\nLähettäjä: S <s@e.example>\nLähetetty: 2. tammikuuta 2026 15:04\nVastaanottaja: M\nAihe: x\n\nold"
    assert split(danish, subject="VS: x").own() == danish
    assert split(finnish, subject="VS: x").own() == "kiitos"
