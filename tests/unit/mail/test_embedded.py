from __future__ import annotations

import binascii
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.limitsettings import Limits
from smtpgate.mail import embedded, parse
from tests.support.doubling import assert_linear

DATA = bytes(range(256)) * 3


def uu(data: bytes, name: bytes = b"a.bin", end: bytes = b"`\nend\n", strip: bool = False) -> bytes:
    lines = [binascii.b2a_uu(data[i : i + 45]) for i in range(0, len(data), 45)]
    lines = [line.rstrip() + b"\n" for line in lines] if strip else lines
    return b"begin 644 " + name + b"\n" + b"".join(lines) + end


def yenc_lines(data: bytes, length: int = 128) -> bytes:
    out = bytearray()
    column = 0
    for byte in data:
        value = (byte + 42) & 255
        if value in (0, 10, 13, 61) or (column == 0 and value in (9, 32, 46)):
            out += b"="
            value = (value + 64) & 255
        out.append(value)
        column += 1
        if column >= length:
            out += b"\r\n"
            column = 0
    return bytes(out.rstrip(b"\r\n")) + b"\r\n"


def yenc(data: bytes, name: bytes = b"a b.bin") -> bytes:
    head = b"=ybegin line=128 size=%d name=%s\r\n" % (len(data), name)
    return head + yenc_lines(data) + b"=yend size=%d crc32=%08x\r\n" % (len(data), zlib.crc32(data))


def test_uuencoded_files_are_taken_out() -> None:
    text, files = embedded.extract(b"before\n" + uu(DATA) + b"between\n" + uu(b"", b"empty") + uu(b"cat", b"c d.txt") + b"after\n")
    assert text == b"before\nbetween\nafter\n"
    assert [(f.name, f.data, f.whole) for f in files] == [(b"a.bin", DATA, True), (b"empty", b"", True), (b"c d.txt", b"cat", True)]


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.replace(b"\n", b"\r\n"),
        lambda b: b.replace(b"`", b" "),
        lambda b: b.replace(b"\n", b"\n\n"),
        lambda b: b.replace(b"`\nend", b"END"),
        lambda b: b.replace(b"begin 644", b"begin 0644"),
    ],
    ids=["crlf", "blanks", "doubled line ends", "no last line", "long mode"],
)
def test_uuencode_as_programs_write_it(change: Callable[[bytes], bytes]) -> None:
    text, files = embedded.extract(b"x\n" + change(uu(DATA)) + b"y\n")
    assert [f.data for f in files] == [DATA]
    assert text.replace(b"\n", b"").strip() == b"xy"


def test_uuencode_whose_blanks_were_stripped_or_end_is_missing() -> None:
    assert embedded.extract(uu(DATA, strip=True).replace(b"`", b" "))[1][0].data == DATA
    _, (cut,) = embedded.extract(uu(DATA)[:400])
    assert DATA.startswith(cut.data)
    assert (cut.whole, len(cut.data) > 200) == (False, True)


def test_posix_base64() -> None:
    body = b"begin-base64 644 x.bin\n" + binascii.b2a_base64(DATA[:57]) + binascii.b2a_base64(DATA[57:100]) + b"====\n"
    assert embedded.extract(b"t\n" + body) == (b"t\n", [embedded.File(b"x.bin", DATA[:100], True)])


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 is how such files start\nand then text follows that is none\n",
        b"begin 644 x\n",
        b"I begin 644 x\n#0V%T\n`\nend\n",
        b"beginning\n",
        b"> begin 644 x\n> #0V%T\n> end\n",
        b"=ybegin is a mark\n",
        b"=ybegin line=x size=y name=z\n",
    ],
)
def test_words_are_no_files(text: bytes) -> None:
    assert embedded.extract(text) == (text, [])


def test_yenc() -> None:
    text, (file,) = embedded.extract(b"hello\r\n" + yenc(DATA) + b"bye\r\n")
    assert (text, file.name, file.data, file.whole) == (b"hello\r\nbye\r\n", b"a b.bin", DATA, True)
    _, (cut,) = embedded.extract(yenc(DATA)[:300])
    assert DATA.startswith(cut.data)
    assert not cut.whole


def test_yenc_in_parts_in_any_order() -> None:
    def part(number: int, begin: int, end: int) -> bytes:
        head = b"=ybegin part=%d total=2 line=128 size=%d name=p.bin\r\n" % (number, len(DATA))
        head += b"=ypart begin=%d end=%d\r\n" % (begin + 1, end)
        return head + yenc_lines(DATA[begin:end]) + b"=yend size=%d part=%d\r\n" % (end - begin, number)

    _, files = embedded.extract(part(2, 400, len(DATA)) + part(1, 0, 400))
    assert [(f.name, f.data, f.whole) for f in files] == [(b"p.bin", DATA, True)]
    assert embedded.extract(part(2, 400, len(DATA)))[1][0].whole is False


def test_in_a_mail() -> None:
    head = b"From: a@b.example\r\nContent-Type: text/plain; charset=gb2312\r\n\r\nhello\r\n"
    raw = head + uu(b"%PDF-1.4", "报告.pdf".encode("gbk"))
    found = parse.parse(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), mail_from="", limits=Limits())
    assert found.text == "hello"
    assert [(a.filename, a.size, a.content_type) for a in found.attachments] == [("报告.pdf", 8, "application/pdf")]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400), noise=st.lists(st.sampled_from([b"text\n", b"begin\n", b"end\n", b"=yend\n"]), max_size=3))
def test_round_trip(data: bytes, noise: list[bytes]) -> None:
    around = b"".join(noise)
    for encoded in (uu(data), yenc(data).replace(b"\r\n", b"\n")):
        if data or encoded.startswith(b"begin"):
            text, files = embedded.extract(around + encoded + around)
            assert [f.data for f in files] == [data]
            assert text == around + around


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([b"begin 644 x", b"=ybegin line=1 size=1 name=x", b"\n", b"=", b"M", b"end", b"=yend", b"`", b"\xff"]))
)
def test_takes_anything(pieces: list[bytes]) -> None:
    embedded.extract(b"".join(pieces))


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "begins": lambda n: b"begin 644 x\n" * n,
    "blank lines": lambda n: b"begin 644 x\n#0V%T\n" + b"\n" * n,
    "yenc begins": lambda n: b"=ybegin line=1 size=1 name=x\n" * n,
    "yenc body": lambda n: b"=ybegin line=1 size=1 name=x\n" + b"=a\n" * n,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling(make: Callable[[int], bytes]) -> None:
    assert_linear(make, embedded.extract, 5000)
