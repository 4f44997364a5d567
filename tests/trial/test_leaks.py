"""The short forms of sequences.py, guesses.py, timing.py and canaries.py."""

from __future__ import annotations

import pytest

from smtpgate.handlers import doing
from smtpgate.mail import answers, outward
from tests.trial import canaries, guesses, sequences, timing


def test_no_note_leaves_the_house_whatever_comes_in_which_order() -> None:
    told = sequences.run(150, seed=5)
    assert told["sequences"] == 150
    assert min(told[what] for what in ("note", "held", "answer", "words of agents to others")) > 0  # they met what they look for


def test_a_leak_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measure itself: where plain answers were notes, it cries out."""
    monkeypatch.setattr(sequences, "_INSIDE", ("{}",))
    with pytest.raises(sequences.Leak, match="which stays inside"):
        sequences.run(2000, seed=5)


def test_nothing_of_before_reaches_a_new_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, texts in sequences.ABOUT_CUSTOMERS.items():
        monkeypatch.setattr(sequences, name, texts)
    assert sequences.run(60, seed=7)["another customer"] > 0
    for what, where, name in (("the name of mail", doing, "is_his"), ("the subject of before", answers, "_may_read_subject")):
        with monkeypatch.context() as broken:
            broken.setattr(where, name, lambda *_: True)
            with pytest.raises(sequences.Leak, match=what):  # the measure itself
                sequences.run(2000, seed=21)


def test_no_guess_of_a_number_joins_or_learns_anything() -> None:
    told = guesses.run(120, seed=5)
    assert told["answers"] > 40
    assert told["subject: new"] > 0


def test_nothing_of_an_agents_mail_goes_along_but_what_he_means() -> None:
    told = canaries.run(60, seed=5)
    assert told["answers"] == 60
    assert told["words that must not come through"] > 1000


def test_a_word_that_comes_through_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outward, "_ASIDE", outward._TARGET)  # attributes of HTML, as they were
    with pytest.raises(AssertionError, match="attribute"):
        canaries.run(60, seed=5)


def test_guesses_at_the_clock_are_answered_alike_and_compared_rightly() -> None:
    spent, sent = timing.filing(3, seed=5)
    assert {kind: len(values) for kind, values in spent.items()} == dict.fromkeys(timing.KINDS, 3)
    assert sent == {kind: {"received"} for kind in timing.KINDS}
    assert (timing.longer([2.0, 3.0], [1.0]), timing.longer([1.0], [1.0]), timing.longer([1.0, 3.0], [2.0])) == (1.0, 0.5, 0.5)
