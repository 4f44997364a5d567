"""Ten thousand hostile letters: the header is always the intended one, the number is always found, the mail reads back."""

from __future__ import annotations

import email
import email.message
import random
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.mail import header, wire
from smtpgate.mail.address import author
from smtpgate.mail.compose import LANGUAGES, compose
from smtpgate.mail.letters import Purpose
from smtpgate.model import Address
from smtpgate.numbers import NumberPattern, find
from tests.support.letters import HEADER, NUMBER, letter, templates

PATTERNS = (NumberPattern.compile("{date}-{channel}-{serial:04}"),)
PIECES = [
    "\r\nBcc: v@x\r\n", "\r", "\n", "\n\n", "\x85", "\u2028", "\u2029", "\x0b", "\x00", "\ud800", "\udc00", "\u202e", "\ufeff",
    "\u200b", "=?utf-8?q?=0D=0ABcc:_x?=", "?=", "=?", "{{", "}}", "{%", "%}", "<b>", "&", '"', "\\", "[#20260102-EML-0042]",
    "[#20260101-EML-0001]", "20260102-EML-0042", "】", "[", "#", "-", "1", "中文", "é", "😀", "\u0301", " ", "\t", "a" * 80,
    "Subject: ", "--=_", ".", "From ",
]  # fmt: skip

CLEAN = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"])


def hostile(rng: random.Random) -> str:
    return "".join(rng.choice(PIECES) if rng.random() < 0.7 else chr(rng.randrange(0x110000)) for _ in range(rng.randrange(12)))


@pytest.mark.timeout(110)
def test_ten_thousand_hostile_letters_keep_their_header() -> None:
    rng = random.Random(20260102)
    purposes = list(Purpose)
    for n in range(10_000):
        subject, name, message = hostile(rng), hostile(rng), hostile(rng)
        made = letter(
            purpose=purposes[n % len(purposes)],
            language=LANGUAGES[n // len(purposes) % 2],
            subject=subject,
            message=message,
            to=Address(name, "maria@example.org"),
            references=(hostile(rng), "<m1@example.org>"),
        )
        data = compose(made, templates()).data
        fields, _ = header.split(data)
        assert [f.name for f in fields] == HEADER, (subject, name)
        line = header.decode_words(header.first(fields, "subject") or "")
        assert find(line, PATTERNS)[0] == NUMBER, (subject, line)
        assert line.startswith(f"[#{NUMBER}]")
        assert line.count("[#") == 1 or not find(line.removeprefix(f"[#{NUMBER}]"), PATTERNS), (subject, line)
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line)


@settings(max_examples=300)
@given(st.text(), st.text(), st.text(max_size=2000), st.sampled_from(list(Purpose)), st.sampled_from(LANGUAGES))
def test_any_letter_reads_back(subject: str, name: str, message: str, purpose: Purpose, language: Any) -> None:
    made = letter(purpose=purpose, language=language, subject=subject, message=message, to=Address(name, "maria@example.org"))
    data = compose(made, templates()).data
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 78
    read = email.message_from_bytes(data)
    parts = read.get_payload()
    assert isinstance(parts, list)
    rendered = templates().render(made)
    wanted = [rendered.text, rendered.html]
    octets = [part.get_payload(decode=True) for part in parts if isinstance(part, email.message.Message)]
    assert [o.decode().replace("\r\n", "\n") for o in octets if isinstance(o, bytes)] == wanted


@settings(max_examples=500)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n") | st.sampled_from(" =.é\t")))
def test_any_text_survives_its_encoding(text: str) -> None:
    part = wire.text_part("plain", text)
    assert part.isascii()
    assert max(map(len, part.split(b"\r\n"))) <= 76
    octets = email.message_from_bytes(part).get_payload(decode=True)
    assert isinstance(octets, bytes)
    assert octets.decode().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")


@settings(max_examples=300)
@given(
    st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"]) | st.just(" ")).map(
        lambda t: " ".join(t.split())
    )
)
def test_any_subject_reads_back(text: str) -> None:
    value = wire.subject("[#X-1]", text)
    assert header.decode_words(value.replace("\r\n", "")) == f"[#X-1] {text}".rstrip()
    assert all(len(line) <= 76 for line in ("Subject: " + value).split("\r\n"))


@settings(max_examples=1000)
@given(st.text(st.sampled_from('abcZ09.-_+"\\ <>,;:()=?!é中\u0301\u200b\x7f@'), max_size=12))
def test_whom_the_border_takes_as_author_can_be_written_to(local: str) -> None:
    """Else a mail that was accepted could never be filed, because its acknowledgement cannot be built."""
    fields, _ = header.split(f"From: {local}@example.org\r\n\r\n".encode())
    found, _ = author(fields)
    if found:
        written = wire.checked_address(found)
        # a dot at an end or two together, as Japanese phones have them, must stand between quotes (RFC 5321 §4.1.2)
        assert written == found or written == f'"{found.rpartition("@")[0]}"@example.org'
