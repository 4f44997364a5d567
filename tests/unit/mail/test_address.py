from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.mail import address, header
from smtpgate.model import Address
from tests.support.doubling import assert_linear


def author(value: str | bytes, extra: bytes = b"") -> tuple[str, str]:
    data = value if isinstance(value, bytes) else value.encode()
    return address.author(header.split(b"Subject: x\r\nFrom: " + data + b"\r\n" + extra + b"\r\nbody")[0])


_PIECES = st.sampled_from(
    ["a", "Bo", "b.example", "@", "<", ">", " ", "\t", ".", "..", "-", "_", "'", '"', "(", ")", ",", "xn--a", "1", "é", "x" * 65]
)


@settings(max_examples=200)
@given(st.lists(_PIECES, max_size=10).map("".join))
def test_a_plain_author_is_found_as_any_other(value: str) -> None:
    field = header.Field("from", value.encode(), b"")
    assert address.author([field]) == address._mailbox(value.strip(" \t"))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@b.example", "a@b.example"),
        ("<a@b.example>", "a@b.example"),
        ("张三 <a@b.example>", "a@b.example"),
        ("=?utf-8?B?5byg5LiJ?= <A.b+c@B.Example>", "A.b+c@b.example"),
        ('"Doe, Jane (x) <y@z>" <a@b.example>', "a@b.example"),
        ('"=?utf-8?B?5byg5LiJ?=" "=?utf-8?Q?=E4=B8?=" <a@b.example>', "a@b.example"),
        ("John Q. Public <a@b.example>", "a@b.example"),
        ("a@b.example (Cron Daemon)", "a@b.example"),
        ("John Smith (Sales) <a@b.example>", "a@b.example"),
        ("<a@b.example> (Sales)", "a@b.example"),
        ("John <a@b.example>\r\n (Sales dept)", "a@b.example"),
        ("a@b.example <a@b.example>", "a@b.example"),
        ('"a b"@c.example', '"a b"@c.example'),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@xn--80ak6aa92e.example", "a@xn--80ak6aa92e.example"),
        ("王五@example.com", "王五@example.com"),
        ("folded\r\n <a@b.example>", "a@b.example"),
        (b"\xd5\xc5\xc8\xfd <a@b.example>", "a@b.example"),
        ("root@localhost", "root@localhost"),
        ("a..b@docomo.example", "a..b@docomo.example"),  # carriers in Japan gave these out
        (".a@ezweb.example", ".a@ezweb.example"),
        ("x <a.@b.example>", "a.@b.example"),
        ('"a..b"@docomo.example', "a..b@docomo.example"),
    ],
)
def test_author_found(value: str | bytes, found: str) -> None:
    assert author(value) == (found, "")


# Threats A1 and A2: whatever two parsers could read differently is nobody's mail.
@pytest.mark.parametrize(
    "value",
    [
        "",
        "nobody",
        '"x <a@b.example>"@c.example',
        "a@b@c.example",
        "a@[x]@y.example",
        "a@[192.0.2.1]",
        "；：＜＞@b.example",
        "＜a＠x.example＞@b.example",
        "{a@b.example",
        "a@b.example, c@d.example",
        "x <a@b.example>, y <c@d.example>",
        "x <a@b.example> <c@d.example>",
        "<a@b.example>x",
        "<a@b.example> (comment) c@d.example",
        "<a@b.example> (c) <d@e.example>",
        "<a@b.example> c@d.example (comment)",
        "(c@d.example) <a@b.example>",
        "John (x, y <a@b.example>",
        "group: a@b.example;",
        "undisclosed-recipients:;",
        "c@d.example <a@b.example>",
        "(x (y)) a@b.example",
        "(c@d.example) a@b.example",
        "a(comment)@b.example",
        "a@(comment)b.example",
        "a@b.example (c <d@e.example>)",
        "<@x.example:a@b.example>",
        "=?utf-8?q?a=40evil.example=3e?=@good.example",
        "=?utf-8?q?a?= =?utf-8?q?b?=@good.example",
        "a @b.example",
        "a@ b.example",
        "a b@c.example",
        "a@b.example.",
        "a@.b.example",
        "a@b..example",
        "a@-b.example",
        "a@b_c.example",
        "a@1.2.3.4",
        '"a\\"b"@c.example',
        '"a@b"@c.example',
        '""@c.example',
        "a\0@b.example",
        "a\x01@b.example",
        "a\u200b@b.example",
        "a\u202eb@c.example",
        "a\u00ad@b.example",
        "a\u00a0b@c.example",
        "a@b\u3002example",
        "a@ｂ.example",
        "a@xn--zzzzzz99999.example",
        "a@xn--a.example",
        "x <a@b.example",
        '"x <a@b.example>',
        "x a@b.example>",
        "a\rb@c.example",
        "a" * 65 + "@b.example",
        "a@" + "b" * 64 + ".example",
        "a@" + ".".join(["b" * 60] * 5),
        b"x <a\xd5\xc5@b.example>",
        b"\x1b$B <a@b.example>",
        "=?utf-8?Q?Foo,_Bar?= <a@b.example>",
        '=??B?"?=<c@d.example>"""""<a@b.example>',
    ],
)
def test_author_refused(value: str | bytes) -> None:
    found, reason = author(value)
    assert found == ""
    assert reason


def test_second_from_field_is_refused_wherever_it_stands() -> None:
    assert author("a@b.example", b"From: c@d.example\r\n")[0] == ""
    assert author("a@b.example", b"FROM : a@b.example\r\n")[0] == ""
    assert author("a@b.example", b"junk\r\nfrom: c@d.example\r\n")[0] == ""


def test_from_after_junk_is_refused_and_mbox_line_is_no_junk() -> None:
    assert address.author(header.split(b"A: b\njunk\nFrom: a@b.example\n\n")[0])[0] == ""
    assert address.author(header.split(b"From x y\nFrom: a@b.example\n\n")[0])[0] == "a@b.example"


def test_from_that_may_hide_beyond_the_limits_is_refused() -> None:
    raw = b"From: a@b.example\r\n" + b"X: y\r\n" * 2000 + b"From: evil@example.com\r\n\r\n"
    assert address.author(header.split(raw)[0])[0] == ""


def test_no_from() -> None:
    assert address.author(header.split(b"Sender: a@b.example\r\n\r\n")[0]) == ("", "no From field")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"张三" <z@qq.example>, l@163.example (李四)', [("张三", "z@qq.example"), ("李四", "l@163.example")]),
        ("a@b.example; c@d.example", [("", "a@b.example"), ("", "c@d.example")]),
        ("undisclosed-recipients:;", []),
        ('Group: a@b.example, "x, y" <c@d.example>;', [("", "a@b.example"), ("x, y", "c@d.example")]),
        ("Foo Bar foo@x.example", [("Foo Bar", "foo@x.example")]),
        ("Foo <a@b.example", [("Foo", "a@b.example")]),
        ('"Foo <a@b.example>, c@d.example', [("Foo", "a@b.example"), ("", "c@d.example")]),
        ("<@r,@s:a@b.example>", [("", "a@b.example")]),
        ("mailto:a@b.example", [("", "a@b.example")]),
        ("a @ b.example", [("", "a@b.example")]),
        ("foo@bar.example <foo@bar.example>", [("foo@bar.example", "foo@bar.example")]),
        ("'A B' <a@b.example>", [("A B", "a@b.example")]),
        ("<<a@b.example>>", [("", "a@b.example")]),
        ('"a\\"b" <a@b.example>', [('a"b', "a@b.example")]),
        ('"a.b"@c.example', [("", "a.b@c.example")]),
        ('"a b"@c.example', [("", '"a b"@c.example')]),
        ("a..b@docomo.example", [("", "a..b@docomo.example")]),
        ("x <A@例え.EXAMPLE>", [("x", "A@xn--r8jz45g.example")]),
        ("=?utf-8?Q?Foo,_Bar?= <a@b.example>", [("Foo, Bar", "a@b.example")]),
        ('"=?gb2312?B?1cXI/Q==?=" <z@q.example>', [("张三", "z@q.example")]),
        ("=?utf-8?Q?a=0D=0ABcc:_x=40y?= <a@b.example>", [("a Bcc: x@y", "a@b.example")]),
        ("=?utf-8?Q?=E2=80=AEgpj?= <a@b.example>", [("gpj", "a@b.example")]),
        ("=?utf-8?q?a=40evil.example=3e?=@good.example", []),
        ("a@b@c.example", []),
        ("a\u200b@b.example", []),
        ("name only", []),
        (",,;, <>", []),
    ],
)
def test_parse_list(text: str, found: list[tuple[str, str]]) -> None:
    assert address.parse_list(text)[0] == tuple(Address(name, addr) for name, addr in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Smith, John <j@x.example>, Bob <b@x.example>", [("Smith, John", "j@x.example"), ("Bob", "b@x.example")]),
        ("Shop, Inc. <i@z.example>", [("Shop, Inc.", "i@z.example")]),
        ("Round: A Center <w@h.example>", [("Round: A Center", "w@h.example")]),
        ("Friends: a@b.example, c@d.example;, e@f.example", [("", "a@b.example"), ("", "c@d.example"), ("", "e@f.example")]),
        ("name <a@b.example", [("name", "a@b.example")]),
        ("<a@b.example> Name", [("Name", "a@b.example")]),
        ("<<a@b.example>>", [("", "a@b.example")]),
        ("<mailto:a@b.example>", [("", "a@b.example")]),
        ("a@b.example <mailto:a@b.example>", [("a@b.example", "a@b.example")]),
        ("'John' <'a@b.example'>", [("John", "a@b.example")]),
        ('"a@b.example"', [("", "a@b.example")]),
        ("a@b.example c@d.example", [("", "a@b.example"), ("", "c@d.example")]),
        ("John [a@b.example]", [("John", "a@b.example")]),
        ("John &lt;a@b.example&gt;", [("John", "a@b.example")]),
        ("user at lists.example (Full Name)", [("Full Name", "user@lists.example")]),
        ("Full Name <user at lists.example>", [("Full Name", "user@lists.example")]),
        ("张三＜a＠b．example＞", [("张三", "a@b.example")]),
        ("Bar＠Tokyo <a@b.example>", [("Bar＠Tokyo", "a@b.example")]),
        ("a@b.example (x (y) z)", [("x (y) z", "a@b.example")]),
        ("a@b.example (Jane \\(X\\))", [("Jane (X)", "a@b.example")]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.example(his host)>", [("Pete", "pete@silly.example")]),
        ("<@a.example,@b.example:user@x.example>", [("", "user@x.example")]),
        ("a@b.example; c@d.example; E <e@f.example>", [("", "a@b.example"), ("", "c@d.example"), ("E", "e@f.example")]),
        ("=?utf-8?Q?Foo, Bar?= <a@b.example>", [("Foo, Bar", "a@b.example")]),
        ('"=?utf-8?B?5byg5LiJ?=" <a@b.example>', [("张三", "a@b.example")]),
        ("=?utf-8?B?YUBiLmV4YW1wbGU=?=", []),
        ('"John" Doe" <a@b.example>', [("John Doe", "a@b.example")]),
        ("a@b.example <>", [("", "a@b.example")]),
        ("a@b..example", [("", "a@b..example")]),
        ("Joe <joe@x.example>, at home", [("Joe", "joe@x.example")]),
    ],
)
def test_what_clients_and_archives_write(text: str, found: list[tuple[str, str]]) -> None:
    assert address.parse_list(text)[0] == tuple(Address(name, addr) for name, addr in found)


def test_parse_list_says_what_was_left_out() -> None:
    assert address.parse_list("name only, a@b@c.example, d@e.example")[1] != ()
    assert address.parse_list("d@e.example")[1] == ()


def test_parse_list_is_bounded() -> None:
    found, defects = address.parse_list(", ".join(f"a{i}@b.example" for i in range(600)), limit=500)
    assert len(found) == 500
    assert defects == ("more than 500 addresses",)


def test_key_folds_the_domain_and_keeps_the_local_part() -> None:
    assert address.key("A.b@ExAmple.ORG") == "A.b@example.org"
    assert address.key("x@BÜCHER.example") == address.key("x@xn--bcher-kva.example")
    assert address.key("x") == "x"
    assert address.domain("x@EXAMPLE.org") == "example.org"
    assert address.domain("x") == ""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a+b@c.example", ("a", "b", "c.example")),
        ("a+b+c@d.example", ("a", "b+c", "d.example")),
        ("a+@d.example", ("a", "", "d.example")),
        ("+a@d.example", ("+a", None, "d.example")),
        ("a@d.example", ("a", None, "d.example")),
        ("postmaster", ("postmaster", None, "")),
    ],
)
def test_split_sub(text: str, parts: tuple[str, str | None, str]) -> None:
    assert address.split_sub(text) == parts


@pytest.mark.parametrize(
    ("text", "plain", "utf8"),
    [
        ("a@b.example", True, True),
        ("a+b=c@b.example", True, True),
        ("a@[192.0.2.1]", True, True),
        ("a@[IPv6:2001:db8::1]", True, True),
        ('"a b"@c.example', True, True),
        ("a@b_c.example", True, True),
        ("a" * 64 + "@b.example", True, True),
        ("王五@例え.example", False, True),
        ("a" * 65 + "@b.example", False, False),
        ("王" * 22 + "@b.example", False, False),
        ("a@" + ".".join(["b" * 62] * 4) + ".example", False, False),
        ("a@[300.0.2.1]", False, False),
        ("a@[]", False, False),
        ("a@x192.0.2.1]", False, False),
        ("a@\x01192.0.2.1]", False, False),
        ("@r,@s:a@b.example", False, False),
        ("=?utf-8?q?a=40b?=@x.example", False, False),
        ('"c\r\nRCPT TO:<evil@x>"@d.example', False, False),
        ('"a>b"@c.example', False, False),
        ('"a\\"b"@c.example', False, False),
        ("a b@c.example", False, False),
        ("a@b c.example", False, False),
        ("a\0@b.example", False, False),
        ("a\udcff@b.example", False, False),
        ("a\u202e@b.example", False, False),
        ("a@b@c.example", False, False),
        ("<a@b.example>", False, False),
        ("a", False, False),
        ("", False, False),
        ("@", False, False),
    ],
)
def test_envelope_ok(text: str, plain: bool, utf8: bool) -> None:
    assert (address.envelope_ok(text, smtputf8=False) == "") is plain
    assert (address.envelope_ok(text, smtputf8=True) == "") is utf8


HOSTILE: dict[str, Callable[[int], str]] = {
    "quotes": lambda n: '"' * n,
    "escaped quotes": lambda n: '"\\' * n,
    "open comments": lambda n: "(" * n,
    "comments with one end": lambda n: "(" * n + ")",
    "comments": lambda n: "()" * n,
    "brackets": lambda n: "<" * n,
    "brackets with one end": lambda n: "<" * n + ">",
    "words then colons": lambda n: "=x" * n + "@" + ":" * n,
    "encoded words": lambda n: "=?a?b?" * n,
    "quotes and encoded words": lambda n: '"=?' * n + "?=",
    "at signs": lambda n: "a@" * n,
    "commas": lambda n: "," * n,
    "backslashes": lambda n: "\\" * n,
    "blanks": lambda n: " " * n,
    "dots": lambda n: "." * n + "@x",
    "names with commas": lambda n: "a," * n + "b <c@d>",
    "spelled out": lambda n: "a at b.c " * n,
    "spelled out behind a long word": lambda n: "a" * n + " at x",
    "spelled out in brackets": lambda n: "<" + "a" * n + " at x",
    "entities": lambda n: "&lt;" * n,
    "colons": lambda n: "a:" * n,
    "blanks between addresses": lambda n: "a@b " * n,
    "spelled blanks": lambda n: "a at " + " " * n,
    "labels": lambda n: "a@" + "b." * n,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling_f5(make: Callable[[int], str]) -> None:
    """Threat F5: email.policy.default took 249 s for 160,000 quotes."""
    assert_linear(make, address.parse_list, 4000)
    assert_linear(make, lambda text: address.author([header.Field("from", text.encode()[:16000], b"")]), 2000)


def test_160000_quotes_cost_nothing() -> None:
    raw = b"From: " + b'"' * 160_000 + b"\r\n\r\n"
    fields, _ = header.split(raw)
    assert address.author(fields)[0] == ""
    assert address.parse_list(header.unfolded(fields[0]))[0] == ()
