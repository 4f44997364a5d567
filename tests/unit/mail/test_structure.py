"""The tree of well-made mails is the one of mail-parser (threat: two readers of one mail); of broken ones what was meant."""

from __future__ import annotations

import base64
import email
import time
from collections.abc import Callable
from pathlib import Path

import mailparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import header, structure
from tests.support.doubling import assert_linear

MESSAGES = sorted((Path(__file__).resolve().parents[2] / "messages").glob("*/in.eml"))
LIMITS = Limits()
REPORTS = frozenset(  # the standard library makes a message of each block of these
    ("message/delivery-status", "message/global-delivery-status", "message/disposition-notification", "message/feedback-report")
)
HEAD = b"From: a@b.example\r\nSubject: x\r\n"


def tree(raw: bytes) -> tuple[structure.Part, list[str]]:
    fields, at = header.split(raw)
    return structure.tree(raw, fields, at, LIMITS)


def leaves(raw: bytes) -> list[tuple[str, bytes]]:
    return [(p.kind, p.body) for p in tree(raw)[0].walk() if not p.children]


def multi(*parts: bytes, boundary: bytes = b"B", kind: bytes = b"mixed", end: bytes = b"--B--\r\n") -> bytes:
    top = HEAD + b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n'
    return top + b"".join(b"--" + boundary.strip() + b"\r\n" + p + b"\r\n" for p in parts) + end


def text(words: bytes) -> bytes:
    return b"Content-Type: text/plain\r\n\r\n" + words


# --- the same as mail-parser ------------------------------------------------------------------------------------------


def same_as_mail_parser(raw: bytes) -> None:
    ours = list(tree(raw)[0].walk())
    theirs = []
    todo = [mailparser.parse_from_bytes(raw).message]
    while todo:
        part = todo.pop(0)
        theirs.append(part)
        if part.is_multipart() and part.get_content_type() not in REPORTS:
            todo[:0] = part.get_payload()
    assert [p.kind for p in ours] == [m.get_content_type() for m in theirs]
    for part, message in zip(ours, theirs, strict=True):
        if not part.children and part.kind not in REPORTS:
            payload = message.get_payload(decode=True)
            shell = email.message_from_bytes(b"Content-Transfer-Encoding: " + part.encoding.encode() + b"\n\n" + part.body)
            assert payload == shell.get_payload(decode=True)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda p: p.parent.name)
def test_golden_mails_have_the_tree_of_mail_parser(path: Path) -> None:
    raw = path.read_bytes()
    if not tree(raw)[1]:
        same_as_mail_parser(raw)


BODY = st.lists(st.sampled_from([b"word", b"--", b"--x", b"", b"-- B", b"From me", b">", b"--B1x", b" --B0"]), max_size=5).map(
    b"\r\n".join
)
LEAF = st.tuples(st.sampled_from([b"text/plain", b"text/html; charset=utf-8", b"application/pdf; name=x.pdf"]), BODY)


@st.composite
def mails(draw: st.DrawFn, depth: int = 0) -> bytes:
    if depth == 3 or draw(st.integers(0, 2)) == 0:
        kind, body = draw(LEAF)
        return b"Content-Type: " + kind + b"\r\n\r\n" + body
    if draw(st.integers(0, 4)) == 0:
        return b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n" + draw(mails(depth + 1))
    name = b"B%d" % draw(st.integers(depth * 100, depth * 100 + 99))
    parts = [b"--" + name + draw(st.sampled_from([b"", b"  ", b"\t"])) + b"\r\n" + draw(mails(depth + 1)) + b"\r\n"
             for _ in range(draw(st.integers(1, 3)))]  # fmt: skip
    around = draw(st.sampled_from([b"", b"This is a multi-part message in MIME format.\r\n"]))
    kind = draw(st.sampled_from([b"mixed", b"alternative", b"related", b"signed", b"x-unknown", b"form-data"]))
    return (
        b"Content-Type: multipart/" + kind + b"; boundary=" + name + b"\r\n\r\n" + around + b"".join(parts)
        + b"--" + name + b"--\r\n" + around
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(raw=mails())
def test_made_mails_have_the_tree_of_mail_parser(raw: bytes) -> None:
    same_as_mail_parser(raw)
    assert tree(raw)[1] == []


# --- what is broken ---------------------------------------------------------------------------------------------------


def test_missing_terminators() -> None:
    inner = b'Content-Type: multipart/alternative; boundary="I"\r\n\r\n--I\r\n' + text(b"one") + b"\r\n"
    raw = multi(inner, text(b"two"), end=b"")
    assert leaves(raw) == [("text/plain", b"one\r\n"), ("text/plain", b"two\r\n")]
    assert tree(raw)[1] == [structure.NOT_CLOSED]


def test_boundary_that_begins_another() -> None:
    inner = b'Content-Type: multipart/alternative; boundary="B1"\r\n\r\n--B1\r\n' + text(b"one") + b"\r\n--B1--"
    assert leaves(multi(inner, text(b"two"))) == [("text/plain", b"one"), ("text/plain", b"two")]


@pytest.mark.parametrize("told", [b'"B ";', b"'B'", b"B;", b'"B', b' "B" (x)', b'"B" x', b"=B", b'"wrong"', b""])
def test_boundary_told_oddly(told: bytes) -> None:
    raw = multi(text(b"one"), text(b"two"))
    raw = raw.replace(b'boundary="B"', b"boundary=" + told)
    assert leaves(raw) == [("text/plain", b"one"), ("text/plain", b"two")]


def test_no_content_type_but_parts() -> None:
    raw = multi(text(b"one"), text(b"two")).replace(b'Content-Type: multipart/mixed; boundary="B"\r\n', b"")
    assert leaves(raw) == [("text/plain", b"one"), ("text/plain", b"two")]


def test_words_that_look_like_a_boundary_stay_text() -> None:
    raw = HEAD + b"\r\n--B\r\nContent with me\r\n"
    assert leaves(raw) == [("text/plain", b"--B\r\nContent with me\r\n")]


def test_long_boundary() -> None:
    name = b"b" * 200
    assert len(leaves(multi(text(b"one"), text(b"two"), boundary=name, end=b""))) == 2
    with pytest.raises(ParseFailed, match="boundary"):
        tree(multi(text(b"one"), boundary=b"b" * 201))


def test_same_boundary_within() -> None:
    inner = b'Content-Type: multipart/alternative; boundary="B"\r\n\r\n--B\r\n' + text(b"one") + b"\r\n--B--"
    root, defects = tree(multi(inner, text(b"two")))
    assert [c.kind for c in root.children] == ["multipart/alternative", "text/plain"]
    assert defects == []
    forward = b"Content-Type: message/rfc822\r\n\r\n" + multi(text(b"in"), text(b"in"))
    assert [c.kind for c in tree(multi(forward, text(b"out")))[0].children] == ["message/rfc822", "text/plain"]


def test_parts_after_the_end() -> None:
    raw = multi(text(b"one")) + b"--B\r\n" + text(b"two") + b"\r\n--B--\r\n"
    assert leaves(raw) == [("text/plain", b"one"), ("text/plain", b"two")]
    assert structure.REOPENED in tree(raw)[1]
    assert len(leaves(multi(text(b"one")) + b"--B\r\nno field")) == 1


def test_multipart_encoded_as_a_whole() -> None:
    raw = multi(text(b"one"), text(b"two"))
    top, _, body = raw.partition(b"\r\n\r\n")
    whole = top + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(body)
    assert leaves(whole) == [("text/plain", b"one"), ("text/plain", b"two")]
    assert len(leaves(top + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body)) == 2


def test_header_that_ends_with_the_next_boundary() -> None:
    raw = multi(b"Content-Type: text/html", text(b"two"))
    assert [k for k, _ in leaves(raw)] == ["text/html", "text/plain"]


def test_part_without_header_and_digest() -> None:
    assert leaves(multi(b"\r\nplain")) == [("text/plain", b"plain")]
    root, _ = tree(multi(b"\r\nSubject: a\r\n\r\none", kind=b"digest"))
    assert [p.kind for p in root.walk()] == ["multipart/digest", "message/rfc822", "text/plain"]


def test_empty_line_before_the_header_of_a_forward() -> None:
    root, _ = tree(HEAD + b"Content-Type: message/rfc822\r\n\r\n\r\nSubject: in\r\n\r\nx")
    assert header.first(root.children[0].fields, "subject") == "in"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"text/html charset=utf-8", "text/html"),
        (b'"text/html"; charset=utf-8', "text/html"),
        (b"text/html,", "text/html"),
        (b"multipart/mixed boundary=B", "multipart/mixed"),
        (b"text", "text/plain"),
        (b"/html", "text/plain"),
        (b"text/plain; charset=utf-8", "text/plain"),
        (b"", "text/plain"),
        (b"\xff\0;;;=", "text/plain"),
    ],
)
def test_content_type_garbage(value: bytes, kind: str) -> None:
    assert structure.content_type((header.Field("content-type", value, b""),))[0] == kind


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(
            [b"--B", b"--B--", b"--C", b"--C--", b"\r\n", b"\n", b"\r\n\r\n", b"Content-Type: multipart/mixed; boundary=B",
             b"Content-Type: multipart/mixed; boundary=C", b"Content-Type: message/rfc822", b"Content-Type: text/html",
             b"Content-Type: multipart/mixed", b"Content-Transfer-Encoding: base64", b" ", b"x", b"\xff", b"Subject: x"]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_parts_lie_within_each_other(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    try:
        root, _ = tree(raw)
    except ParseFailed:
        return
    for part in root.walk():
        assert 0 <= part.start <= part.end <= len(part.raw)
        for child in part.children:
            assert child.raw is not part.raw or part.start <= child.start <= child.end <= part.end


# --- cost -------------------------------------------------------------------------------------------------------------


def nest(n: int, depth: int = 18) -> bytes:
    top = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(depth))
    return HEAD + top + b"\r\n" + b"--x" * (n // 3)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "deep": nest,
    "dashes": lambda n: multi(b"\n--" * n),
    "wrong boundaries": lambda n: multi(*[b'Content-Type: multipart/mixed; boundary="no"\r\n\r\n' + b"--x\r\n" * (n // 400)] * 400),
    "no boundary": lambda n: HEAD + b"Content-Type: multipart/mixed\r\n\r\n" + b"--x\r\n" * n,
    "unannounced within unannounced": lambda n: HEAD
    + b"".join(b"Content-Type: multipart/mixed\r\n\r\n--b%d\r\n" % i for i in range(19)) + b"\r\n" + b"--x\r\n" * n,
    "headers without end": lambda n: multi(*[b"Content-Type: text/plain\r\n" + b"X: y\r\n" * (n // 400)] * 400),
}  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling_c8(make: Callable[[int], bytes]) -> None:
    assert_linear(make, tree, 20_000)


def test_25_mib_nested_20_deep() -> None:
    raw = nest(25 * 1024**2)
    start = time.process_time()
    tree(raw)
    assert time.process_time() - start < 1.0
