"""Our own lines on 80 columns."""

from __future__ import annotations

import pytest
from hypothesis import given as prop
from hypothesis import strategies as st

from smtpgate.mail.folding import WIDTH, columns, fold, fold_text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("short", "short"),
        ("one two three", "one two\n  three"),
        ("a-word-that-is-longer x", "a-word-that-is-longer\n  x"),
        ("工单现在由您负责。", "工单现在由\n  您负责。"),
        ("工单甲，现在由您", "工单甲，\n  现在由您"),
        ("工单现在由，您", "工单现在\n  由，您"),
        ("“工单，”现在由您", "“工单，”\n  现在由您"),
    ],
)
def test_lines(line: str, expected: str) -> None:
    assert fold(line, 10) == expected


@prop(st.lists(st.sampled_from(("a", "bb", " ", "工", "单，", "件。”", "（#")), max_size=200).map("".join))
def test_nothing_is_lost_and_no_line_begins_with_what_closes(line: str) -> None:
    folded = fold(line).split("\n")
    assert "".join("".join(folded).split()) == "".join(line.split())
    for one in folded[1:]:
        assert one.strip()[:1] not in "，。”" or columns(one) > WIDTH


@prop(st.lists(st.sampled_from(("a", "bb", " ", "\n", "工", "单，", "件。”", "（#")), max_size=200).map("".join))
def test_prose_keeps_its_paragraphs_and_nothing_is_set_in(text: str) -> None:
    folded = fold_text(text)
    assert "".join(folded.split()) == "".join(text.split())
    assert folded.count("\n\n") >= text.count("\n\n")
    assert [line for line in folded.split("\n") if line.startswith(" ") and line not in text.split("\n")] == [] or " " in text


def test_prose() -> None:
    assert fold("one two three", 10, "") == "one two\nthree"
    assert fold_text("a " * 50 + "\n\n" + "单" * 50).split("\n") == ["a " * 38 + "a", "a " * 10 + "a", "", "单" * 39, "单" * 11]
