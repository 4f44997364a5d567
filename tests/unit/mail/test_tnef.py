from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.limitsettings import Limits
from smtpgate.mail import parse, rtf, tnef
from smtpgate.model import ParsedMail
from tests.support import tnef as write
from tests.support.doubling import assert_linear

DICTIONARY = rtf._DICTIONARY
HTML_RTF = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset134 SimSun;}}"
    rb"{\*\htmltag19 <html>}{\*\htmltag50 <body>}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 "
    rb"Hello {\*\htmltag84 <b>}\htmlrtf {\b\htmlrtf0 bold{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0 "
    rb"\htmlrtf\f1\htmlrtf0 \'c4\'e3\'ba\'c3\htmlrtf\f0\htmlrtf0 {\*\htmltag84 &nbsp;}\htmlrtf \'a0\htmlrtf0 \u20320?!"
    rb"{\*\mhtmltag84 <hidden>}{\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0 {\*\htmltag58 </body>}{\*\htmltag27 </html>}}"
)
PLAIN_RTF = (
    rb"{\rtf1\ansi\ansicpg1251\deff0{\fonttbl{\f0 Arial;}}{\*\generator x;}"
    rb"\pard\f0 \'cf\'f0\'e8\'e2\'e5\'f2\par line\tab 2\par}"
)


def mail(container: bytes, text: str = "", name: str = "winmail.dat", kind: str = "application/ms-tnef") -> ParsedMail:
    raw = (
        b"From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode() + b"\r\n--B\r\n"
        b"Content-Type: " + kind.encode() + b"; name=" + name.encode() + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(container) + b"\r\n--B--\r\n"
    )  # fmt: skip
    return parse.parse(raw, mail_from="a@b.example", limits=Limits())


# --- rich text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [PLAIN_RTF, HTML_RTF, b"", b"a" * 5000, HTML_RTF * 30])
def test_unpack(source: bytes) -> None:
    assert rtf.unpack(write.packed_rtf(source, DICTIONARY), 10**6) == source
    assert rtf.unpack(write.stored_rtf(source), 10**6) == source
    assert rtf.unpack(write.packed_rtf(source, DICTIONARY), 10) == source[:10]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_unpack_and_read_take_anything(data: bytes, cut: int) -> None:
    packed = write.packed_rtf(data, DICTIONARY)
    assert rtf.unpack(packed, 10**6) == data
    rtf.unpack(packed[:cut], 10**6)
    rtf.unpack(packed[:16] + data, 10**6)
    rtf.read(b"{\\rtf1" + data)


def test_html_within_rich_text() -> None:
    kind, text = rtf.read(HTML_RTF)
    assert kind == "html"
    assert text == "<html><body><p>Hello <b>bold</b>你好&nbsp;你!</p></body></html>"


def test_plain_rich_text() -> None:
    assert rtf.read(PLAIN_RTF) == ("text", "Привет\nline\t2\n")
    assert rtf.read(rb"{\rtf1\fromtext a\par b {\pict 0102}\u-10179?\u-8704? \{x\}\~y}")[1] == "a\nb \U0001f600 {x}\xa0y"
    assert rtf.read(b"no rtf") == ("", "")
    assert rtf.read(rb"{\rtf1\ansicpg936 a{~b}{~\{VP~\}}\ansicpg1200 {\'2d\'4e}{c\'00}")[1] == "a~b中中c"


RTF: dict[str, Callable[[int], bytes]] = {
    "groups": lambda n: b"{\\rtf1" + b"{" * n,
    "text in groups": lambda n: b"{\\rtf1" + b"r}" * n,
    "closed": lambda n: b"{\\rtf1" + b"{}" * n,
    "fonts": lambda n: b"{\\rtf1{\\fonttbl" + b"".join(b"{\\f%d\\fcharset134 x;}" % i for i in range(n)) + b"}",
    "switches": lambda n: b"{\\rtf1" + b"\\f1\\'c4" * n,
    "words": lambda n: b"{\\rtf1" + b"\\a" * n,
    "unicode": lambda n: b"{\\rtf1" + b"\\u1?" * n,
}


@pytest.mark.parametrize("make", RTF.values(), ids=RTF.keys())
def test_doubling_of_rich_text(make: Callable[[int], bytes]) -> None:
    assert_linear(make, rtf.read, 2000)
    assert_linear(lambda n: write.stored_rtf(make(n)), lambda d: rtf.unpack(d, 10**8), 2000)


# --- the container ----------------------------------------------------------------------------------------------------


def test_files_have_their_long_names() -> None:
    pdf = b"%PDF-1.4 content"
    container = write.winmail(
        write.code_page(936),
        write.file(b"QUARTE~1.PDF", pdf, write.text(0x3707, "季度 报告.pdf"), write.text(0x370E, "application/pdf")),
        write.file("短名.txt".encode("gbk"), b"plain"),
        write.file(b"X~1.DOC", b"", write.narrow(0x3707, "合同.doc".encode("gbk")), write.binary(0x3701, b"doc")),
    )
    found = mail(container, "see attached")
    assert [(a.filename, a.sha256) for a in found.attachments] == [
        ("季度 报告.pdf", hashlib.sha256(pdf).hexdigest()),
        ("短名.txt", hashlib.sha256(b"plain").hexdigest()),
        ("合同.doc", hashlib.sha256(b"doc").hexdigest()),
    ]
    assert found.attachments[0].content_type == "application/pdf"
    assert found.text == "see attached"


def test_names_in_it_are_as_safe_as_others() -> None:
    container = write.winmail(write.file(b"x", b"1", write.text(0x3707, "..\\..\\a\u202egnp.exe\0")))
    assert [a.filename for a in mail(container).attachments] == ["agnp.exe"]


@pytest.mark.parametrize("packed", [write.stored_rtf, lambda r: write.packed_rtf(r, DICTIONARY)], ids=["stored", "packed"])
def test_body_is_read_where_the_mail_has_none(packed: Callable[[bytes], bytes]) -> None:
    found = mail(write.winmail(write.properties(write.binary(0x1009, packed(HTML_RTF)))))
    assert found.text == "Hello bold你好 你!"
    assert "<b>bold</b>" in (found.html or "")
    assert mail(write.winmail(write.properties(write.binary(0x1009, packed(PLAIN_RTF))))).text == "Привет\nline\t2"


def test_own_text_is_preferred_when_it_says_the_same() -> None:
    same = write.winmail(write.properties(write.text(0x1000, "Hello  world, this is it.\r\n")))
    assert mail(same, "Hello world,\nthis is it.").text == "Hello world,\nthis is it."
    more = write.winmail(write.properties(write.text(0x1000, "Hello world. And much more of it that matters to us all here.")))
    assert mail(more, "Hello world.").text.startswith("Hello world. And much more")
    other = write.winmail(write.body(b"Something else entirely"))
    assert mail(other, "Hello world.").text == "Hello world.\n\nSomething else entirely"


def test_html_property_and_named_ones_before_it() -> None:
    container = write.winmail(
        write.properties(
            write.named_by_text("Keywords", 0x1F, "x\0".encode("utf-16-le")),
            write.named(write.APPOINTMENT, 0x8215, 0x0B, b"\0\0\0\0"),
            write.prop(0x0E06, 0x40, b"\0" * 8),
            write.long(0x3FDE, 28592),
            write.binary(0x1013, b"<p>za\xbf\xf3\xb3\xe6</p>\0"),
        )
    )
    assert mail(container).text == "zażółć"


def test_picture_of_its_html_is_inline() -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"x" * 50
    container = write.winmail(
        write.properties(write.binary(0x1013, b'<p>before <img src="cid:pic@1"> after</p>')),
        write.file(b"image001.png", png, write.text(0x3712, "pic@1"), write.text(0x370E, "image/png")),
    )
    found = mail(container)
    assert found.attachments[0].inline
    assert found.text == "before [picture: image001.png] after"


def test_meeting() -> None:
    container = write.winmail(
        write.message_class("IPM.Microsoft Schedule.MtgReq"),
        write.properties(
            write.text(0x0037, "Quarterly review"),
            write.text(0x0C1A, "Jane Doe"),
            write.named(write.APPOINTMENT, 0x820D, 0x40, write.when(datetime(2026, 3, 2, 9, tzinfo=UTC))),
            write.named(write.APPOINTMENT, 0x820E, 0x40, write.when(datetime(2026, 3, 2, 10, 30, tzinfo=UTC))),
            write.named(write.APPOINTMENT, 0x8208, 0x1F, "Room 5\0".encode("utf-16-le")),
        ),
    )
    found = mail(container).meeting
    assert found is not None
    assert (found.method, found.summary, found.location, found.organizer) == ("REQUEST", "Quarterly review", "Room 5", "Jane Doe")
    assert (found.starts, found.ends) == ("2026-03-02T09:00+00:00", "2026-03-02T10:30+00:00")
    no = mail(write.winmail(write.message_class("IPM.Schedule.Meeting.Resp.Neg"))).meeting
    assert no is not None
    assert (no.method, no.answer) == ("REPLY", "DECLINED")


def test_mail_within() -> None:
    inner = write.winmail(write.properties(write.text(0x0037, "inner")), write.file(b"deep.txt", b"deep"))
    found = mail(write.winmail(write.file(b"inner", b"", write.embedded(inner))), "text")
    assert [a.filename for a in found.attachments] == ["deep.txt", "winmail.dat"]


def test_a_broken_one_is_kept_with_what_could_be_read() -> None:
    whole = write.winmail(write.file(b"a.txt", b"first"), write.file(b"b.txt", b"second" * 100))
    found = mail(whole[:-200], "text")
    assert [a.filename for a in found.attachments] == ["a.txt", "b.txt", "winmail.dat"]
    assert [a.filename for a in mail(b"no container", "text").attachments] == ["winmail.dat"]


def test_found_under_another_label() -> None:
    container = write.winmail(write.file(b"a.txt", b"first"))
    assert [a.filename for a in mail(container, "x", "noname", "application/octet-stream").attachments] == ["a.txt"]
    assert [a.filename for a in mail(container + b"\r\n\r\n", "x").attachments] == ["a.txt"]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_takes_anything(data: st.DataObject) -> None:
    parts = [
        write.message_class("IPM.Appointment"),
        write.file(b"a", b"b", write.text(0x3707, "n"), write.long(0x3705, 5)),
        write.properties(write.binary(0x1009, write.packed_rtf(PLAIN_RTF, DICTIONARY)), write.text(0x1000, "x")),
    ]
    raw = bytearray(write.winmail(*data.draw(st.permutations(parts))))
    for at, value in data.draw(st.lists(st.tuples(st.integers(4, len(raw) - 1), st.integers(0, 255)), max_size=8)):
        raw[at] = value
    tnef.read(bytes(raw[: data.draw(st.integers(0, len(raw)))]), 10_000)


def test_doubling() -> None:
    assert_linear(lambda n: write.winmail(*[write.file(b"a", b"b")] * n), lambda d: tnef.read(d, 1000), 1000)
    many = lambda n: write.winmail(write.properties(*[write.text(0x1000, "x")] * n))  # noqa: E731
    assert_linear(many, lambda d: tnef.read(d, 1000), 1000)
