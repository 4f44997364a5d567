"""Our own letters quoted back: without them in hand, and with them as evidence."""

from __future__ import annotations

import email
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.mail import parent, trim, wire
from smtpgate.mail.compose import compose
from smtpgate.mail.letters import Purpose
from tests.support import replies
from tests.support.doubling import assert_linear
from tests.support.letters import letter, templates

OWN = "I tried it: no change.\n\nPlease call me on Monday."
MESSAGE = "Which version of the program do you use?\n\nOn which system does it run at your place?"
HEADER = "From: Support <support@example.com>\nSent: Friday, January 2, 2026 3:04 PM\nTo: Maria\nSubject: RE: x\n\n"


def texts(purpose: Purpose, language: Literal["zh", "en"], message: str = MESSAGE) -> tuple[str, ...]:
    written = letter(purpose=purpose, language=language, message=message)
    return parent.texts_of(compose(written, templates()).data)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_our_letters_are_recognised_in_every_shape(purpose: Purpose, language: Literal["zh", "en"]) -> None:
    names = replies.LANGUAGES[language]
    for text in texts(purpose, language):
        quoted = replace(names, theirs=(text,))
        for client, intro, quote in replies.marked_replies(quoted, 1):
            assert trim.reply_part(f"{OWN}\n\n{intro}\n{quote}") == OWN, client
            assert trim.reply_part(f"{intro}\n{quote}\n\n{OWN}") == OWN, client
        for client, below in replies.unmarked_replies(quoted, 1):
            assert trim.reply_part(f"{OWN}\n\n{below}") == OWN, client


def refined(text: str, parents: tuple[str, ...]) -> str:
    said = trim.split(text)
    found = parent.refined(text, said.own(), said, parents)
    return (found or said).own()


@pytest.mark.parametrize("form", [0, 1], ids=["text", "html"])
def test_answers_within_an_original_without_marks_are_found(form: int) -> None:
    sent = texts(Purpose.WAITING, "en")
    below = sent[form].replace("program do you use?", "program do you use?\nVersion three of it.").replace(
        "at your place?", "at your place?\n\nOn Linux, as I said."
    )  # fmt: skip
    text = f"Hello,\n\n{HEADER}{below}"
    assert trim.reply_part(text) == "Hello,"
    assert refined(text, sent) == "Hello,\n\nVersion three of it.\n\nOn Linux, as I said."


def test_an_answer_below_everything_is_found() -> None:
    sent = texts(Purpose.WAITING, "en")
    assert refined(f"Hello,\n\n{HEADER}{sent[0]}\n\nNothing of this helps.", sent) == "Hello,\n\nNothing of this helps."


@pytest.mark.parametrize("gap", ["", "\n"], ids=["as it is", "with blank lines"])
@pytest.mark.parametrize("to", ["lee@corp.example", "lee@corp.example; kim@corp.example;\n sal@corp.example; li@corp.example"])
def test_no_line_of_the_header_over_an_original_is_an_answer(to: str, gap: str) -> None:
    """An address in it stands in the original too."""
    ours = f"It burns since this morning.\n\nState: in progress\nAssigned to: {to}\nTags: red\n\n{MESSAGE}"
    head = (f"From: Support <support@example.com>\n{gap}Sent: Friday, January 2, 2026 3:04 PM\n{gap}"
            f"To: {to}\n{gap}Subject: [#1] Printer\n\n")  # fmt: skip
    below = ours.replace("morning.", "morning.\n\nSince when?")
    text = f"{OWN}\n\n{head}{below}"
    assert refined(text, (ours,)) == f"{OWN}\n\nSince when?"


def test_a_quote_that_nothing_marks_is_left_out() -> None:
    sent = texts(Purpose.WAITING, "en")
    assert refined(f"{sent[0]}\n\nMine is below it all.", sent) == "Mine is below it all."
    assert refined(f"Mine is above.\n\n{sent[1]}", sent) == "Mine is above."


def test_wrapped_again_it_is_still_known() -> None:
    sent = "A long line of ours that the client of the customer wraps anew, wherever it likes to wrap it, and marks with nothing."
    assert refined(f"Mine.\n\n{sent[:50]}\n{sent[50:90]}\n{sent[90:]}", (sent,)) == "Mine."


@pytest.mark.parametrize(
    "text",
    [
        "Yes.\n\nNo.",
        "Which version of the program do you use?",  # one line alone may be one's own
        f"Hello,\n\n{HEADER}quite another mail\nof other words\nand more of them",
        "",
    ],
)
def test_else_the_view_stays(text: str) -> None:
    assert refined(text, texts(Purpose.WAITING, "en")) == trim.split(text).own()


def test_a_text_sent_again_with_changes_stays_whole() -> None:
    lines = [f"line number {i} of a long list that we sent to the customer" for i in range(20)]
    again = [*lines[:5], "with something new", *lines[6:12], "and again", *lines[13:]]
    assert refined("\n".join(again), ("\n".join(lines),)) == "\n".join(again)


def test_older_mail_below_the_parent_is_no_answer() -> None:
    sent = texts(Purpose.WAITING, "en")
    text = f"Hello,\n\n{HEADER}{sent[0]}\n\n{HEADER}words of an older mail\n\nand more of it"
    assert refined(text, sent) == "Hello,"


@settings(max_examples=200, deadline=None)
@given(st.text("ab>: \n", max_size=200), st.lists(st.text("ab>: \n", max_size=100), max_size=3))
def test_never_raises_and_words_stay_in_order(text: str, parents: list[str]) -> None:
    assert not replies.lost(refined(text, tuple(parents)), text)


def test_linear() -> None:
    line = "a line that the parent does not have, of usual length\n"
    assert_linear(lambda n: line * n, lambda text: refined(text, (line.replace("not", "") * 100,)), 500)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_our_own_letter_is_read_back_as_any_parser_reads_it(language: Literal["zh", "en"]) -> None:
    data = compose(letter(purpose=Purpose.WAITING, language=language, message=MESSAGE), templates()).data
    parts = [part for part in email.message_from_bytes(data).walk() if not part.is_multipart()]
    assert wire.read_back(data) == [(p.get_content_subtype(), p.get_payload(decode=True).decode()) for p in parts]  # type: ignore[union-attr]
    assert wire.read_back(data.replace(b"multipart/alternative", b"multipart/mixed")) is None
    assert wire.read_back(data[:-20]) is None


@pytest.mark.parametrize("form", [0, 1], ids=["text", "html"])
def test_a_letter_is_only_read_whole_when_a_line_of_it_is_there(form: int) -> None:
    data = compose(letter(purpose=Purpose.WAITING, language="en", message=MESSAGE), templates()).data
    line = next(one for one in parent.texts_of(data)[form].split("\n") if "system does it run" in one)
    assert parent.may_be_quoted(f"Hello,\n> {line.upper()}", [data], [])
    assert parent.may_be_quoted(f"Hello,\n{line}", [], [f"so {line}"])
    assert not parent.may_be_quoted("Hello, the printer is broken since Monday.\nok\n\nsystem", [data], ["ok"])
    assert parent.may_be_quoted("Hello, whatever it is", [b"Subject: not made by us\r\n\r\nsomething"], [])
