from __future__ import annotations

from collections.abc import Callable

import pytest

from smtpgate.mail import header
from tests.support.doubling import assert_linear


def names(raw: bytes, **limits: int) -> list[str]:
    return [f.name for f in header.split(raw, **limits)[0]]


@pytest.mark.parametrize(
    ("raw", "found", "body"),
    [
        (b"Subject: x\r\nFrom: y\r\n\r\nbody", ["subject", "from"], b"body"),
        (b"Subject: x\nFrom: y\n\nbody\n\nmore", ["subject", "from"], b"body\n\nmore"),
        (b"Subject: x\r\n folded\r\n\tagain\r\nA: b\r\n\r\n", ["subject", "a"], b""),
        (b"From a@b Fri Jan  2 15:04:05 2026\nSubject: x\n\nbody", ["", "subject"], b"body"),
        (b"Subject : blank before the colon\n\nb", ["subject"], b"b"),
        (b"Subject: no empty line\nHello there\nbye\n", ["subject"], b"Hello there\nbye\n"),
        (b"A: 1\njunk line\nFrom: hidden@example.com\n\nb", ["a", "", "from"], b"b"),
        (b"no header at all\nsecond line", [], b"no header at all\nsecond line"),
        (b"\r\nonly a body", [], b"only a body"),
        (b"", [], b""),
        (b"A: 1", ["a"], b""),
        (b" begins with a blank\nA: 1\n\nb", ["", "a"], b"b"),
    ],
)
def test_split(raw: bytes, found: list[str], body: bytes) -> None:
    fields, at = header.split(raw)
    assert [f.name for f in fields] == found
    assert raw[at:] == body
    assert raw.startswith(b"".join(f.raw for f in fields))


def test_value_is_raw_and_unfolded_is_one_line() -> None:
    (field,), _ = header.split(b"Subject: a\r\n b\r\n\t c\r\n\r\n")
    assert field.value == b" a\r\n b\r\n\t c"
    assert field.raw == b"Subject: a\r\n b\r\n\t c\r\n"
    assert header.unfolded(field) == "a b\t c"


@pytest.mark.parametrize("limit", [{"limit": 100}, {"fields": 10}])
def test_what_lies_beyond_the_limits_is_one_pseudo_field(limit: dict[str, int]) -> None:
    raw = b"".join(b"X-%d: y\r\n" % i for i in range(200)) + b"From: late@example.com\r\n\r\nbody"
    fields, at = header.split(raw, **limit)
    assert fields[-1].name == header.TRUNCATED
    assert b"late@example.com" in fields[-1].raw
    assert "from" not in names(raw, **limit)
    assert raw[at:] == b"body"
    assert b"".join(f.raw for f in fields) == raw[: at - 2]


def test_no_real_field_can_have_the_name_of_the_pseudo_field() -> None:
    assert names(header.TRUNCATED.encode() + b": x\r\nA: b\r\n\r\n").count(header.TRUNCATED) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        ("中文".encode(), "中文"),
        ("中文主题测试".encode("gbk"), "中文主题测试"),
        ("café".encode("latin-1"), "café"),
        (b"a\0b", "ab"),
        (b"a\rb", "ab"),
    ],
)
def test_unfolded_reads_raw_8bit(value: bytes, text: str) -> None:
    assert header.unfolded(header.Field("subject", value, b"")) == text


def test_unfolded_is_cut() -> None:
    assert len(header.unfolded(header.Field("x", b"a" * 100_000, b""))) == header.FIELD_LIMIT


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("<a@b>", ("<a@b>",)),
        ("<a@b> <c@d>\t<a@b>", ("<a@b>", "<c@d>")),
        ("<long\t id@b>", ("<longid@b>",)),
        ("a@b c@d", ("<a@b>", "<c@d>")),
        ("<<a@b>>", ("<a@b>",)),
        ("(comment) <a@b> <unclosed@x", ("<a@b>",)),
        ("<no-at-sign>", ("<no-at-sign>",)),
        ("<>", ()),
        ("< >", ()),
        ("", ()),
        ("words only", ()),
        ("<a\u200b@b>", ()),
    ],
)
def test_message_ids(text: str, ids: tuple[str, ...]) -> None:
    assert header.message_ids(text) == ids


def test_of_too_many_ids_the_nearest_ancestors_stay() -> None:
    found = header.message_ids(" ".join(f"<{i}@x>" for i in range(1000)), limit=10)
    assert found[-1] == "<999@x>"
    assert len(found) == 10


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("=?utf-8?B?5L2g5aW9?=", "你好"),
        ("=?UTF-8*zh?b?5L2g5aW9?= x", "你好 x"),
        ("=?utf-8?B?5L2g?= \t=?utf-8?B?5aW9?=", "你好"),
        ("=?utf-8?B?5L2g5a?= =?utf-8?B?W95ZWK?=", "你好啊"),  # base64 cut
        ("=?utf-8?B?5L2g5Q==?= =?utf-8?B?pb0=?=", "你好"),  # character cut
        ("=?UTF-8?B?5qyn6Q?= =?UTF-8?B?mLM=?=", "欧阳"),  # character cut and padding lost
        ("=?gb2312?Q?=C4=E3=BA=C3?=", "你好"),
        ("=?gb2312?Q?=86=B4?=", "喆"[:0] + b"\x86\xb4".decode("gb18030")),
        ("=?utf-8?Q?a b_c?=d", "a b cd"),
        ("=?utf-8?B?5L2g5aW9", "你好"),  # end lost
        ("=?gb2312?Q?=C4=E3=BA=C3", "你好"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?utf-8?Q?=E4=BD=A0?= =?gbk?Q?=C4=E3?=", "你你"),
        ("=?nonsense?Q?abc?=", "abc"),
        ("=?utf-8?Q?=ZZ?=", "=ZZ"),
        ("=?utf-8?B?****?=", "****"),
        ("=? ISO-2022-JP? B? GyRCRnxLXBsoQg==?=\t=? ISO-2022-JP? B? GyRCRnxLXBsoQg==?=", "日本日本"),
        ("=?utf-8?B?5L2g5aW9?==?utf-8?B?5L2g?=", "你好你"),
        ("=?utf-8?Q?What?=20now?= x", "What? now x"),
        ("=?utf-8?Q?Really??=", "Really?"),
        ("=?utf-8?B?5L2g =?utf-8?B?5aW9?=", "你好"),  # end lost before the next word
        ("=??Q?a=E4=BD=A0?=", "a你"),
        ("Re: =?utf-8?Q?=3D=3Fgb2312=3FB=3FxOO6ww=3D=3D=3F=3D?=", "Re: 你好"),  # a word within a word
        ("=?utf-8?B?Hello World!?=", "Hello World!"),
        ("=?gb2312?B?xA==?= =?GBK?B?47rD?=", "你好"),  # cut between two names of one charset
        ("=?iso-8859-1?Q?=C4=E3=BA=C3=A3=AC=D0=BB=D0=BB?=", "你好，谢谢"),
        ("=?us-ascii?Q?caf=E9?=", "café"),
        ("=?utf-8?Q?=C3=83=C2=A9t=C3=83=C2=A9?=", "été"),  # encoded twice
        ("=?utf-8?Q?=C3=83=C2=A9?=", "Ã©"),  # may be what was meant
        ("%E4%BD%A0%E5%A5%BD", "你好"),
        ("http://x.example/%E4%BD%A0%E5%A5%BD", "http://x.example/%E4%BD%A0%E5%A5%BD"),
        ("50%25 off", "50%25 off"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("a =? b ?= c", "a =? b ?= c"),
        ("=?=?utf-8?Q?x?=", "=?x"),
        ("no words", "no words"),
    ],
)
def test_decode_words(text: str, decoded: str) -> None:
    assert header.decode_words(text) == decoded


HOSTILE: dict[str, Callable[[int], str]] = {
    "openings": lambda n: "=?" * n,
    "open words": lambda n: "=?a?q?" * n,
    "open words without end": lambda n: "=?a?q?x" * n,
    "words": lambda n: "=?a?q?x?= " * n,
    "open words with an end": lambda n: "=?a?q?" * n + "?=",
    "open words with ends": lambda n: "=?a?q?" * n + "?=20" * n,
    "percents": lambda n: "%e4" * n,
    "doubled": lambda n: "\xc3\xa9" * n,
    "base64 cut": lambda n: "=?utf-8?b?x?= " * n,
    "endings": lambda n: "?=" * n,
    "one long word": lambda n: "=?utf-8?q?" + "=41" * n + "?=",
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling_decode_words(make: Callable[[int], str]) -> None:
    assert_linear(make, header.decode_words, 4000)


HEADERS: dict[str, Callable[[int], bytes]] = {
    "fields": lambda n: b"a: b\n" * n,
    "folds": lambda n: b"a: b\n" + b" c\n" * n,
    "junk": lambda n: b"a: b\n" + b"junk\n" * n,
    "mbox lines": lambda n: b">From x\n" * n,
    "line feeds in folds": lambda n: b"a:\n \n" * n,
    "colons": lambda n: b":" * n + b"\n",
    "one name": lambda n: b"a" * n + b"\n",
}


@pytest.mark.parametrize("make", HEADERS.values(), ids=HEADERS.keys())
def test_doubling_split(make: Callable[[int], bytes]) -> None:
    assert_linear(make, lambda raw: header.split(raw, limit=10**9, fields=10**9), 8000)


def test_doubling_message_ids() -> None:
    assert_linear(lambda n: "<" * n + ">" * n, header.message_ids, 8000)
    assert_linear(lambda n: "<a@b" * n, header.message_ids, 8000)


@pytest.mark.parametrize(
    ("raw", "found", "body"),
    [
        (b"\xef\xbb\xbfSubject: x\nFrom: a@b.example\n\nbody", ["", "subject", "from"], b"body"),
        (b"\r\n\r\nSubject: x\r\nFrom: a@b.example\r\n\r\nbody", ["", "subject", "from"], b"body"),
        (b"+OK 512 octets\nReceived: x\nSubject: y\n\nbody", ["", "received", "subject"], b"body"),
        (b"\nNote: the body\n\nx", [], b"Note: the body\n\nx"),
        (b"Subject: x\nHello there,\nNote: no field\n\nmore", ["subject"], b"Hello there,\nNote: no field\n\nmore"),
        (b"Subject: x\n  \nHi,\nplease note: this\n\nmore", ["subject"], b"Hi,\nplease note: this\n\nmore"),
        (b"Subject: x\njunk\nFrom: a@b.example\n\nmore", ["subject", "", "from"], b"more"),
        (b"Subject: a\n \n b\n\nbody", ["subject"], b"body"),
    ],
)
def test_shapes_of_broken_headers(raw: bytes, found: list[str], body: bytes) -> None:
    fields, at = header.split(raw)
    assert [f.name for f in fields] == found
    assert raw[at:] == body
    assert raw.startswith(b"".join(f.raw for f in fields))


def test_a_part_that_begins_with_an_empty_line_has_no_header() -> None:
    raw = b"\r\nFrom: a forwarded mail\r\nSubject: as text\r\n\r\nbody"
    assert header.split(raw, part=True) == ((), 2)


def test_the_charset_of_the_text_reads_raw_header_fields() -> None:
    field = header.Field("subject", " ТЕСТ".encode("koi8_r"), b"")
    assert header.unfolded(field, "koi8-r") == "ТЕСТ"
