"""Whatever bytes come, reading them raises nothing but ParseFailed, and what comes out is safe to store and print."""

from __future__ import annotations

import email.utils
import re
import unicodedata

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import address, addrspec, bounce, charset, dates, header, html, kind, language, params, parse, trim
from smtpgate.model import Kind, ParsedMail

LIMITS = Limits()
ADAPTER: TypeAdapter[ParsedMail] = TypeAdapter(ParsedMail)
FAST = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Pieces of mail, so that the examples reach deeper than noise would.
PIECES = [
    b"From: ", b"Subject: ", b"To: ", b"Date: ", b"Message-ID: ", b"References: ", b"Auto-Submitted: ", b"Return-Path: <>",
    b"Content-Type: ", b"Content-Transfer-Encoding: ", b"Content-Disposition: ", b"Content-ID: ", b"MIME-Version: 1.0",
    b"multipart/mixed; boundary=B", b"multipart/alternative; boundary=\"B\"",
    b"multipart/report; report-type=delivery-status; boundary=B",
    b"message/rfc822", b"message/delivery-status", b"text/html; charset=", b"text/plain; format=flowed; charset=",
    b"text/calendar; method=X",
    b"gb2312", b"utf-7", b"utf-16", b"iso-2022-jp", b"idna", b"base64", b"quoted-printable", b"x-uuencode",
    b"attachment; filename*=",
    b"\r\n", b"\r\n\r\n", b"\n", b"\n\n", b"\r", b" ", b"\t", b";", b"--B\r\n", b"--B--\r\n", b"--", b"=?utf-8?B?", b"?=",
    b"=?gbk?Q?=C4",
    b"<a@b.example>", b"a@b", b"@", b"<", b">", b'"', b"(", b")", b"\\", b",", b":", b"\0", b"\xff\xfe", b"\xc4\xe3\xba\xc3",
    b"\x1b$B",
    b"<p>", b"<div hidden>", b"</div>", b"<!--", b"<script>", b"&#x110000;", b"> ", b"On 1 Jan x@y wrote:\n", b"-- \n", b"=\n",
    b"=ZZ",
    b"Final-Recipient: rfc822; ", b"Action: failed", b"Status: 5.1.1", b"mailer-daemon@x.example", b"Mail delivery failed",
    b"+AAA-", b"2 Jan 2026",
]  # fmt: skip
MAIL = st.one_of(
    st.binary(max_size=400),
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=60).map(b"".join),
)
TEXT = st.text(max_size=300) | MAIL.map(lambda b: b.decode("latin-1")) | MAIL.map(lambda b: b.decode("utf-8", "surrogateescape"))


def clean_line(text: str) -> bool:
    return not any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        for c in text
    )


@FAST
@given(raw=MAIL, mail_from=st.sampled_from([None, "", "a@b.example"]))
def test_parse_raises_only_parse_failed(raw: bytes, mail_from: str | None) -> None:
    try:
        mail = parse.parse(raw, mail_from=mail_from, limits=LIMITS)
    except ParseFailed as failure:
        mail = parse.opaque(raw, mail_from=mail_from, limits=LIMITS, reason=str(failure))
        assert not any(d == "not read: " for d in mail.defects)
    assert ADAPTER.validate_json(ADAPTER.dump_json(mail)) == mail
    assert clean_line(mail.subject)
    for a in (*mail.from_, *mail.to, *mail.cc, *mail.reply_to, *mail.sender):
        assert clean_line(a.name)
        assert clean_line(a.address)
        assert a.address.count("@") >= 1 or a in mail.from_
    for file in mail.attachments:
        assert file.filename
        assert clean_line(file.filename)
        assert not set(file.filename) & set('/\\<>:"|?*')
        assert not file.filename.startswith(".")
    if mail_from is None:
        assert mail.kind is not Kind.HUMAN


@FAST
@given(raw=MAIL)
def test_opaque_never_raises(raw: bytes) -> None:
    assert parse.opaque(raw, mail_from=None, limits=LIMITS, reason="x").opaque


@FAST
@given(raw=MAIL, limit=st.integers(0, 400), fields=st.integers(0, 20))
def test_split_round_trip(raw: bytes, limit: int, fields: int) -> None:
    found, at = header.split(raw, limit=limit, fields=fields)
    joined = b"".join(f.raw for f in found)
    assert raw.startswith(joined)
    assert raw[len(joined) : at] in (b"", b"\n", b"\r\n")
    assert len([f for f in found if f.name != header.TRUNCATED]) <= max(fields, 0)
    for f in found:
        assert f.value in f.raw
        assert header.unfolded(f).encode().count(b"\n") == 0


@FAST
@given(
    st.lists(
        st.tuples(st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True), st.text("abc <>@=?é\t", max_size=30)), min_size=1
    )
)
def test_split_finds_what_was_written(pairs: list[tuple[str, str]]) -> None:
    raw = "".join(f"{n}: {v}\r\n" for n, v in pairs).encode() + b"\r\nbody"
    found, at = header.split(raw)
    assert [f.name for f in found] == [n.lower() for n, _ in pairs]
    assert [f.value for f in found] == [f" {v}".encode() for _, v in pairs]
    assert raw[at:] == b"body"


FROM_PIECES = [
    "a@b.example", "<a@b.example>", "c@d.example", "<", ">", '"', "(", ")", "@", ",", ";", ":", " ", "\\", "[x]", "[192.0.2.1]",
    ".", "..",
    "=?utf-8?q?a=40x?=", "=?utf-8?b?YUBi?=", "x", "Jane Doe", "张三", '"Doe, Jane" ', "é", "xn--bcher-kva", "bücher.example",
    "\u200b", "\0", "\t", "group:",
]  # fmt: skip
FROM = st.one_of(MAIL, st.lists(st.sampled_from(FROM_PIECES), max_size=7).map(lambda p: "".join(p).encode()))


def _unquoted(a: str) -> str:
    local, _, domain = a.rpartition("@")
    return f"{addrspec.canonical(local)}@{domain}"


@FAST
@given(value=FROM)
def test_author_never_raises_and_no_other_parser_disagrees(value: bytes) -> None:
    fields, _ = header.split(b"From: " + value.replace(b"\r", b"").replace(b"\n", b" ") + b"\r\n\r\n")
    found, reason = address.author(fields)
    assert bool(found) != bool(reason)
    if found:
        assert address.envelope_ok(found, smtputf8=True) == ""
        theirs = [a for _, a in email.utils.getaddresses([value.decode("utf-8", "replace").replace("\n", " ").strip()]) if a]
        assert [address.key(_unquoted(a)) for a in theirs] == [found]
        assert [a.address for a in address.parse_list(header.unfolded(fields[0]))[0]] == [found]


def _apart(text: str) -> list[str]:
    """Its words, where an attribution that hangs on one ("thanks--On Friday ...") is a word of its own."""
    return re.sub(r"(?<=[.!?-])(?=On )", " ", text).replace("-", " ").split()


@FAST
@given(text=TEXT)
@example(text="0--On 0wrote:")
def test_readers_of_text_never_raise(text: str) -> None:
    for a in address.parse_list(text)[0]:
        assert clean_line(a.name + a.address)
    address.key(text)
    address.domain(text)
    address.split_sub(text)
    address.envelope_ok(text, smtputf8=False)
    header.decode_words(text)
    header.message_ids(text)
    html.to_text(text).encode()
    clean, _ = html.sanitise(text)
    assert "<script" not in clean.lower()
    for answers in (True, False):
        said = trim.split(text, subject=text, answers=answers)
        assert len(said.roles) == len(said.lines)
        words = iter(_apart(trim.unmarked(text)))
        assert all(word in words for word in _apart(trim.reply_part(text, answers=answers)))
        words = iter(said.in_context().split())
        assert all(word in words for word in said.own().split())
    language.of(text, text)
    dates.read(text)
    bounce.from_text(text, ours=frozenset())
    kind.away_subject(text)


@FAST
@given(data=MAIL, label=st.none() | st.text(max_size=20) | st.sampled_from(sorted(charset.LABELS)))
def test_charset_never_raises(data: bytes, label: str | None) -> None:
    charset.decode(data, label)[0].encode()


@FAST
@given(value=MAIL)
def test_params_never_raise(value: bytes) -> None:
    _, values = params.parse(value)
    params.filename(values, values)


@FAST
@given(
    own=st.lists(st.text("abcdef 你好.,", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=8),
    quoted=st.lists(st.text("abc 你好", max_size=20), min_size=1, max_size=5),
    data=st.data(),
)
def test_no_answer_between_quotes_is_lost(own: list[str], quoted: list[str], data: st.DataObject) -> None:
    lines = ["On 1 Jan 2026, S <s@e.example> wrote:"]
    for line in own:
        lines += [f"> {q}" for q in data.draw(st.sampled_from([quoted, quoted[:1]]))]
        lines.append(line)
    reply = trim.reply_part("\n".join(lines))
    for line in own:
        assert line.strip() in reply
