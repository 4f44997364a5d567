"""Words of a customer: each of the table is read in every dress, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given as prop
from hypothesis import strategies as st

from smtpgate.languages import LANGUAGES
from smtpgate.mail.customerwords import DECISIONS, WORDS, Asked, decided, offered, read
from tests.support.doubling import assert_linear

ALL = [(word, asked) for asked, languages in WORDS.items() for words in languages.values() for word in words]


@pytest.mark.parametrize(("word", "asked"), ALL)
def test_every_word_is_read_in_every_dress(word: str, asked: Asked) -> None:
    for dressed in (
        word,
        word.upper(),
        f" {word}.\n",
        f"\n\n{word}！",
        f"“{word}”",
        f"#{word}",
        f"* {word} *",
        f"{word}～",
        f"\ufeff{word}\u200b",
    ):
        assert read(dressed) is asked, dressed
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)  # as a Chinese keyboard writes Latin
    assert read(wide) is asked


def test_what_our_mail_offers_is_read_as_it_is_meant() -> None:
    for language in LANGUAGES:
        assert [read(offered(asked, language)) for asked in WORDS] == list(WORDS)
        assert [decided(offered(asked, language)) for asked in DECISIONS] == list(DECISIONS)
        assert [read(offered(asked, language)) for asked in DECISIONS] == [None, None]  # customers answer so to anything


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "...", "done", "ok", "yes", "解决", "解決", "thanks", "谢谢",
        "solved, thanks", "Hello, solved", "solved\nbut the fax is not", "not\nsolved", "solved\n\nsolved", "> solved",
        "solved?", "已解决？", "Is it closed?", "not solved?", "solved 1", "solved ❌", "s\u0336olved", "solved 👎",
        "please close the window", "状态不对", "关闭电源", "status 500", "status: 500", "solved " + "." * 100,
    ],
)  # fmt: skip
def test_anything_else_is_an_answer_like_any_other(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("below", "who", "signs"),
    [
        ("Al", "Al Smith", True), ("also the fax", "Al Smith", False), ("will you fix it", "Will Hay", False),
        ("Smith, Alice", "Alice Smith", True), ("张伟", "张伟", True), ("Alice | Example", "Alice Smith", True),
        ("alice@x.example", "Alice alice@x.example", True), ("Alice", "", False), ("", "", True), ("-- ", "", False),
    ],
)  # fmt: skip
def test_only_its_sender_signs_it(below: str, who: str, *, signs: bool) -> None:
    assert (read(f"solved\n\n{below}", who) is Asked.SOLVED) is signs
    assert (read(f"solved\n{below}", who) is Asked.SOLVED) is (not below)


def test_status_may_be_a_question() -> None:
    assert read("Status?") is read("进度？") is read("How is it going?") is Asked.STATUS


@prop(st.text(max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    found = read(text)
    assert found is None or len(text.strip()) <= 80


def test_it_is_linear() -> None:
    assert_linear(lambda n: "solved " * n, read, 200_000)
    assert_linear(lambda n: "\n" * n + "solved", read, 200_000)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("请用繁體中文", Asked.TRADITIONAL),
        ("請用简体中文", Asked.SIMPLIFIED),
        ("關闭", Asked.SOLVED),
        ("請用中文", Asked.TRADITIONAL),
    ],
)
def test_the_scripts_may_be_mixed(said: str, expected: Asked) -> None:
    assert read(said) is expected
