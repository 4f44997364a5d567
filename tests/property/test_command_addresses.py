"""The quick way for ordinary addresses takes nothing that the whole grammar refuses, and reads nothing otherwise."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from smtpgate.intake import command
from smtpgate.mail import address

PIECES = st.sampled_from(
    [
        "a",
        "Z",
        "9",
        ".",
        "..",
        "-",
        "_",
        "+",
        "=",
        "@",
        "xn--",
        "XN--a",
        "b.c",
        "d-e",
        "[",
        "]",
        "?",
        "=?",
        '"',
        " ",
        "\0",
        "é",
        "x" * 60,
    ]
)


@given(st.lists(PIECES, max_size=9).map("".join))
@example("a@b..c")
@example("a@b.-c")
@example("a@b-.c")
@example("a@b.")
@example("a@-b")
@example("a@xn--b")
@example("x" * 65 + "@b")
@example("a@" + "b" * 64)
def test_ordinary_addresses(text: str) -> None:
    taken = command.mail_from(f"FROM:<{text}>".encode(), extended=True)
    if isinstance(taken, command.MailFrom) and taken.address is not None:
        assert taken.address == text
        assert not address._envelope_reason(text, smtputf8=False)
    elif ">" not in text and " " not in text and text:
        assert address._envelope_reason(text, smtputf8=False)
