"""The short way through quotelines gives the letter of the long one."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.mail import quotelines, quotewords
from smtpgate.mail.attribution import BLANKS

MESSAGES = Path(__file__).parents[2] / "messages"
WORDS = [*quotewords.MARKERS, *quotewords.CITES, *quotewords.ORIGINAL, *quotewords.FORWARD, *quotewords.FIELDS]


def agree(line: str) -> bool:
    """Whether the short way was taken; it must not differ."""
    s = line.strip(BLANKS)
    if not s or not quotelines._ordinary(s):
        return False
    assert quotelines._looked_at(s, line) == "t", line
    return True


def test_lines_of_real_mail() -> None:
    lines = [line for path in sorted(MESSAGES.rglob("*.eml")) for line in path.read_text("utf-8", "replace").splitlines()]
    assert len(lines) > 1000
    assert sum(map(agree, lines)) > 50


def test_words_that_rules_are_about() -> None:
    for word in WORDS:
        for line in (word, word.upper(), word.capitalize(), f"{word} x", f"x {word}", f"{word}.", f"--- {word}"):
            agree(line)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*'abRPOoXz请ö9 .,:：|>-_*()@[]<"', *WORDS[:40]]), max_size=12).map("".join))
def test_any_line(line: str) -> None:
    agree(line)
