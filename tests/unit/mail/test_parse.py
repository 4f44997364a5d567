from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import dates, digest, header, params, parse, structure
from smtpgate.model import Kind, ParsedMail
from tests.support.doubling import assert_linear

LIMITS = Limits()
HEAD = b"From: a@b.example\r\nSubject: x\r\nDate: Fri, 2 Jan 2026 15:04:05 +0800\r\n"


def read(raw: bytes, mail_from: str | None = "a@b.example", limits: Limits = LIMITS) -> ParsedMail:
    return parse.parse(raw, mail_from=mail_from, limits=limits)


def nested(depth: int, size: int = 0) -> bytes:
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(depth))
    return HEAD + parts + b"\r\n" + (b"x" * 76 + b"\r\n") * (size // 78)


def mixed(*parts: bytes, kind: bytes = b"mixed") -> bytes:
    body = b"".join(b"--B\r\n" + p + b"\r\n" for p in parts)
    return HEAD + b"Content-Type: multipart/" + kind + b'; boundary="B"\r\n\r\n' + body + b"--B--\r\n"


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nthe text"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>the <b>html</b></p>"


# --- limits: threats F6 and C8 ----------------------------------------------------------------------------------------


def test_25_mib_nested_20_deep_is_read_at_once() -> None:
    raw = nested(20, 25 * 1024**2)
    start = time.process_time()
    assert not read(raw).opaque
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("depth", [21, 100, 1000, 20_000])
def test_too_deep(depth: int) -> None:
    with pytest.raises(ParseFailed, match=r"nested|octets"):
        read(nested(depth))


def test_as_deep_as_allowed() -> None:
    assert "x" * 76 in read(nested(20, 1024)).text


def test_nested_messages_count_as_depth() -> None:
    raw = HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 40 + b"Subject: inner\r\n\r\nx"
    with pytest.raises(ParseFailed, match="nested"):
        read(raw)
    both = b""
    for i in range(15):
        both += b'Content-Type: multipart/mixed; boundary="c%d"\r\n\r\n--c%d\r\nContent-Type: message/rfc822\r\n\r\n' % (i, i)
    with pytest.raises(ParseFailed, match="nested"):
        read(HEAD + both + b"\r\nx")


def test_too_many_parts() -> None:
    assert len(read(mixed(*[TEXT] * 499)).text) > 0
    with pytest.raises(ParseFailed, match="500 parts"):
        read(mixed(*[TEXT] * 501))


def test_header_beyond_its_limits() -> None:
    with pytest.raises(ParseFailed, match="header"):
        read(b"X: y\r\n" * 1001 + HEAD + b"\r\nx")
    with pytest.raises(ParseFailed, match="header"):
        read(b"X: " + b"y" * 140_000 + b"\r\n" + HEAD + b"\r\nx")


def test_long_field_is_cut_and_noted() -> None:
    mail = read(HEAD + b"References: " + b"<a@b>\r\n " * 4000 + b"\r\n\r\nx")
    assert mail.references == ("<a@b>",)
    assert any("cut" in d for d in mail.defects)


def test_long_content_field_is_opaque() -> None:
    with pytest.raises(ParseFailed, match="Content"):
        read(HEAD + b"Content-Type: text/plain;" + b'";' * 10_000 + b"\r\n\r\nx")
    with pytest.raises(ParseFailed, match="Content"):
        read(mixed(b"Content-Type: text/plain;" + b'";' * 10_000 + b"\r\n\r\nx"))


def test_text_is_cut_at_its_limit() -> None:
    limits = Limits(text_kept="2KiB")  # type: ignore[arg-type]  # units are text in the file
    for kind in (b"plain", b"html"):
        mail = read(HEAD + b"Content-Type: text/" + kind + b"\r\n\r\n" + b"word " * 10_000, limits=limits)
        assert 0 < len(mail.text) <= 2048
        assert any("cut" in d for d in mail.defects)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nested 5 deep": lambda n: nested(5, n * 40),
    "boundaries": lambda n: HEAD + b'Content-Type: multipart/mixed; boundary="B"\r\n\r\n' + b"--C\r\n" * n,
    "dashes": lambda n: HEAD + b'Content-Type: multipart/mixed; boundary="B"\r\n\r\n' + b"\n--" * n,
    "ended boundaries": lambda n: HEAD + b'Content-Type: multipart/mixed; boundary="B"\r\n\r\n' + b"--B--\r\n" * n,
    "quoted text": lambda n: HEAD + b"\r\n" + b"> x\r\n" * n,
    "attributions": lambda n: HEAD + b"\r\n" + b"On 1 wrote:\r\nx\r\n" * n,
    "soft line breaks": lambda n: HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"x \r\n" * n,
    "open quoted-printable": lambda n: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * n,
    "base64 of junk": lambda n: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!a" * n,
    "uuencode": lambda n: HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n" + b"#a\r\n" * n,
    "html": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<b></i>" * n,
    "unknown charset": lambda n: HEAD + b"Content-Type: text/plain; charset=x\r\n\r\n" + b"\xe9\x80 " * n,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling_c8(make: Callable[[int], bytes]) -> None:
    assert_linear(make, read, 4000)


PARAMETERS: dict[str, Callable[[int], bytes]] = {
    "quotes": lambda n: b"text/plain;" + b'";' * n,
    "names": lambda n: b"text/plain;" + b"a=b;" * n,
    "pieces": lambda n: b"text/plain;" + b"".join(b"name*%d*=%%41;" % i for i in range(n)),
    "backslashes": lambda n: b'text/plain; name="' + b"\\" * n,
    "equals": lambda n: b"text/plain;" + b"=" * n,
}


@pytest.mark.parametrize("make", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_doubling_of_parameters(make: Callable[[int], bytes]) -> None:
    assert_linear(make, params.parse, 1000)
    assert_linear(lambda n: HEAD + b"Content-Type: " + make(n)[:16_000] + b"\r\n\r\nx", read, 500)


def test_shape_costs_little() -> None:
    raw = mixed(*[b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"A" * 76 + b"\r\n"] * 400)
    fields, at = header.split(raw)
    start = time.process_time()
    assert len(structure.tree(raw, fields, at, LIMITS)[0].children) == 400
    assert time.process_time() - start < 0.5


# --- what is read -----------------------------------------------------------------------------------------------------


def test_alternatives_are_read_once() -> None:
    mail = read(mixed(TEXT, HTML, kind=b"alternative"))
    assert mail.text == "the text"
    assert mail.html == "<p>the <b>html</b></p>"


def test_blank_text_part_gives_way_to_html() -> None:
    assert read(mixed(b"Content-Type: text/plain\r\n\r\n \r\n", HTML, kind=b"alternative")).text == "the html"


def test_stub_text_part_gives_way_to_html() -> None:
    stub = "Content-Type: text/plain; charset=utf-8\r\n\r\n您的邮件客户端不支持HTML".encode()
    assert read(mixed(stub, HTML, kind=b"alternative")).text == "the html"


def test_several_texts_are_joined_and_attached_texts_are_not() -> None:
    attached = b"Content-Type: text/plain; name=log.txt\r\nContent-Disposition: attachment; filename=log.txt\r\n\r\nsecret log"
    mail = read(mixed(TEXT, attached, b"Content-Type: text/plain\r\n\r\nfooter"))
    assert mail.text == "the text\n\nfooter"
    assert [a.filename for a in mail.attachments] == ["log.txt"]


def test_named_text_is_the_body_when_there_is_no_other() -> None:
    mail = read(mixed(b"Content-Type: text/plain; name=body.txt\r\n\r\nonly this"))
    assert mail.text == "only this"
    assert [a.filename for a in mail.attachments] == ["body.txt"]


def test_size_and_hash_are_of_the_decoded_bytes() -> None:
    data = bytes(range(256)) * 10
    part = b"Content-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(
        data
    )
    (found,) = read(mixed(TEXT, part)).attachments
    assert (found.size, found.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_undecodable_parts_are_no_failure() -> None:
    for encoding in (b"base64", b"quoted-printable", b"x-uuencode", b"binary", b"nonsense"):
        mail = read(HEAD + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n\xff=Z\r\nbegin\r\n====")
        assert not mail.opaque


def test_multipart_without_boundary_is_text() -> None:
    mail = read(HEAD + b"Content-Type: multipart/mixed\r\n\r\nhello")
    assert mail.text == "hello"
    assert "a multipart without its boundary, read as text" in mail.defects


def test_doubled_fields_are_defects_and_all_from_are_shown() -> None:
    mail = read(b"From: c@d.example\r\nSubject: first\r\n" + HEAD + b"\r\nx")
    assert [a.address for a in mail.from_] == ["c@d.example", "a@b.example"]
    assert {"more than one from field", "more than one subject field"} <= set(mail.defects)
    assert mail.subject == "first"


# Threat F9: what we print and store holds no line ends, whatever was encoded.
def test_subject_and_names_are_one_line() -> None:
    mail = read(b"From: =?utf-8?q?a=0D=0ABcc:_x=40y?= <a@b.example>\r\nSubject: =?utf-8?q?a=0D=0ABcc:_x=40y=00=E2=80=AE?=\r\n\r\nx")
    assert mail.subject == "a Bcc: x@y"
    assert mail.from_[0].name == "a Bcc: x@y"


# Threat C12: a field name is only ever data.
@pytest.mark.parametrize(
    "name", [b"__class__", b"__proto__", b"defects", b"message", b"headers-json", b"constructor", b"mail", b"self"]
)
def test_hostile_field_names(name: bytes) -> None:
    mail = read(name + b": x\r\n" + HEAD + b"Content-" + name + b": y\r\n\r\nhello")
    assert mail.text == "hello"
    assert mail.subject == "x"


# Threat C4.
@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("../../etc/cron.d/x", "x"),
        ("..\\..\\x.doc", "x.doc"),
        ("C:\\a\\b.doc", "b.doc"),
        ("/etc/passwd", "passwd"),
        ("\u200b.htaccess", "htaccess"),
        ("..", ""),
        (".", ""),
        ("/", ""),
        ("", ""),
        ("a/", ""),
        ("a\0b.txt", "ab.txt"),
        ("a\r\nb.txt", "a b.txt"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("a\u2028b", "a b"),
        ("con:aux|x?*.txt", "con_aux_x__.txt"),
        ("=?utf-8?B?Li4vLi4v5LiJLmRvYw==?=", "三.doc"),
        ("=?utf-8?Q?=2E=2E=2Fx?=", "x"),
        ("a\uff0fb", "a_b"),
        ("x" * 500 + ".pdf", "x" * 146 + ".pdf"),
        ("x" * 500, "x" * 150),
        (". . .x. . ", "x"),
        ("\ud800.txt", "\ufffd.txt"),
        ("报告（1月）.pdf", "报告（1月）.pdf"),
    ],
)
def test_safe_names(raw: str, name: str) -> None:
    assert params.safe_name(raw) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"attachment; filename=plain.txt", "plain.txt"),
        (b'attachment; filename="two words.txt"', "two words.txt"),
        (b"attachment; filename=two words.txt", "two words.txt"),
        (b'attachment; filename="a;b.txt"; size=5', "a;b.txt"),
        (b"attachment; filename*=UTF-8''%E4%BD%A0.txt", "你.txt"),
        (b"attachment; filename*=gb2312'zh'%C4%E3.txt", "你.txt"),
        (b"attachment; filename*0*=UTF-8''%E4%BD; filename*1*=%A0; filename*2=.txt", "你.txt"),
        (b"attachment; filename*1=b.txt; filename*0=a", "ab.txt"),
        (b"attachment; filename=old.txt; filename*=UTF-8''new.txt", "new.txt"),
        ("attachment; filename=你.txt".encode(), "你.txt"),
        ("attachment; filename=报告文件.txt".encode("gbk"), "报告文件.txt"),
        (b'attachment; filename="=?gb2312?B?xOM=?=.txt"', "你.txt"),
        (b"attachment; filename*=x'%zz", "x'%zz"),
        (b"attachment; filename*99999999999=x", ""),
        (b"attachment", ""),
        (b"", ""),
    ],
)
def test_names_of_clients(value: bytes, name: str) -> None:
    assert params.filename(params.parse(value)[1], {}) == name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Fri, 2 Jan 2026 15:04:05 +0800 (CST)", "2026-01-02T15:04:05+08:00"),
        ("2 Jan 2026 15:04:05 GMT", "2026-01-02T15:04:05+00:00"),
        ("Fri, 2 Jan 2026 15:04:05 -0000", "2026-01-02T15:04:05+00:00"),
        ("2 Jan 26 15:04 +0800", "2026-01-02T15:04:00+08:00"),
        ("Fri, 2 Jan 2026 15:04:05 +9999", "2026-01-02T15:04:05+00:00"),
        ("Fri, 32 Jan 2026 15:04:05 +0800", None),
        ("yesterday", None),
        ("", None),
        ("9" * 5000, None),
        (", ,", None),
    ],
)
def test_date(value: str, expected: str | None) -> None:
    assert dates.read(value).text == expected


# --- the digest -------------------------------------------------------------------------------------------------------


def test_digest_is_equal_for_the_same_mail_sent_again() -> None:
    part = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD"
    first = mixed(TEXT, part)
    again = first.replace(b'"B"', b'"other"').replace(b"--B", b"--other").replace(b"15:04:05", b"16:00:00")
    again = b"Message-ID: <new@x>\r\n" + again.replace(b"the text", b"the  text\r\n").replace(b"Subject: x", b"Subject: RE: X")
    assert read(first).digest == read(again).digest
    assert read(first).digest != read(mixed(TEXT)).digest
    assert read(first).digest != read(first.replace(b"the text", b"the test")).digest
    assert read(first).digest != read(first.replace(b"Subject: x", b"Subject: y")).digest


@pytest.mark.parametrize(
    "subject",
    [
        "订单 问题",
        "Re: 订单 问题",
        "回复：订单问题",
        "答复: Re[2]: 订单问题",
        "[#20260102-EML-0042] 订单问题",
        "RE：【#20260102-EML-0042】订单问题",
    ],
)
def test_normal_subject(subject: str) -> None:
    assert digest.normal_subject(subject) == "订单问题"


def test_html_counts_where_there_is_no_text() -> None:
    one, other = HEAD + b"Content-Type: text/html\r\n\r\n<p>one</p>", HEAD + b"Content-Type: text/html\r\n\r\n<p>other</p>"
    assert read(one).digest != read(other).digest
    assert read(one).digest == read(one.replace(b"<p>", b"<div>")).digest


# --- opaque -----------------------------------------------------------------------------------------------------------


def test_opaque_tells_what_the_header_says() -> None:
    raw = b"Message-ID: <m@x>\r\nReferences: <a@x> <b@x>\r\n" + nested(1000)
    mail = parse.opaque(raw, mail_from="a@b.example", limits=LIMITS, reason="too deep")
    assert mail.opaque
    assert (mail.subject, mail.message_id, mail.references) == ("x", "<m@x>", ("<a@x>", "<b@x>"))
    assert mail.from_[0].address == "a@b.example"
    assert mail.text == ""
    assert (mail.attachments[0].content_type, mail.attachments[0].size) == ("message/rfc822", len(raw))
    assert mail.attachments[0].sha256 == hashlib.sha256(raw).hexdigest()
    assert "not read: too deep" in mail.defects
    assert mail.kind is Kind.HUMAN


def test_opaque_machine_mail_is_machine_mail() -> None:
    assert parse.opaque(HEAD + b"\r\n", mail_from=None, limits=LIMITS, reason="x").kind is Kind.SYSTEM
    raw = HEAD + b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\n"
    assert parse.opaque(raw, mail_from=None, limits=LIMITS, reason="x").kind is Kind.BOUNCE


def test_result_is_plain_json() -> None:
    mail = read(mixed(TEXT, HTML))
    assert json.loads(TypeAdapter(ParsedMail).dump_json(mail))["text"]


def test_many_html_parts_cost_no_more_than_a_few() -> None:
    """490 parts of 40 KB each once took 22 s of CPU and made the mail an opaque ticket."""
    part = b"--b\r\nContent-Type: text/html\r\n\r\n" + b"<p>x" * 8000 + b"\r\n"
    mail = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 200 + b"--b--\r\n"
    limits = Limits.model_validate({"text_kept": "64KiB"})
    found = parse.parse(mail, mail_from="a@b.example", limits=limits)
    assert any("was cut" in d for d in found.defects)
    assert 0 < len(found.text) <= limits.text_kept
    assert found.text.count("x") < 4 * limits.text_kept / 3


def test_a_file_in_a_multipart_without_its_end_is_read() -> None:
    """mail-parser, which only names the defect, raised on it, and the whole mail was filed unread."""
    raw = (
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nhello\r\n--B\r\n"
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\n%PDF-1.4 x\r\n"
    )
    mail = parse.parse(raw, mail_from="a@b.example", limits=Limits())
    assert mail.text == "hello"
    assert [a.filename for a in mail.attachments] == ["a.pdf"]
    assert structure.NOT_CLOSED in mail.defects


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("MAILER-DAEMON (Mail Delivery System)", ("Mail Delivery System", "MAILER-DAEMON")),
        ("Mail Delivery Subsystem <MAILER-DAEMON>", ("Mail Delivery Subsystem", "MAILER-DAEMON")),
        ("root", ("", "root")),
        ("Jane Doe", None),
        ("", None),
        ("a, b", None),
        ("=?utf-8?q?a=40b?=", None),
    ],
)
def test_a_sender_without_a_domain_is_shown(value: str, found: tuple[str, str] | None) -> None:
    mail = parse.parse(f"From: {value}\r\n\r\nx".encode(), mail_from="a@b.example", limits=Limits())
    assert [(a.name, a.address) for a in mail.from_] == ([found] if found else [])


def test_words_before_a_quoted_multipart_are_the_text() -> None:
    raw = (
        b"From: MAILER-DAEMON@a.example\r\nSubject: failure notice\r\n\r\nHi. I was not able to deliver your message.\r\n\r\n"
        b"<x@b.example>:\r\nno mailbox here\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nFrom: y@c.example\r\n"
        b"Content-Type: multipart/alternative; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nplain\r\n--B--\r\n"
    )
    assert parse.parse(raw, mail_from=None, limits=Limits()).text.startswith("Hi. I was not able to deliver your message.")


def test_lines_that_end_with_a_carriage_return_alone() -> None:
    mail = read(b"From: Kim <kim@firm.example>\rSubject: order\r\rFirst line\rsecond line\r")
    assert (mail.from_[0].address, mail.subject, mail.text) == ("kim@firm.example", "order", "First line\nsecond line")
