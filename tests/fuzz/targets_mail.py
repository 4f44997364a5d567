"""Whole mails, their structure and their fields."""

from __future__ import annotations

import base64
import binascii
import email.utils
import quopri
import unicodedata
from typing import Any

from pydantic import TypeAdapter

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import address, addrspec, body, charset, dates, embedded, header, iso2022, params, parse, structure, transfer
from smtpgate.model import Kind, ParsedMail
from tests.fuzz import seeds
from tests.fuzz.target import Target

LIMITS = Limits()
_ADAPTER: TypeAdapter[ParsedMail] = TypeAdapter(ParsedMail)
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SENDERS = (None, "", "a@b.example")

MIME = (
    b"Content-Type: ", b"Content-Transfer-Encoding: ", b"Content-Disposition: ", b"Content-ID: ", b"multipart/mixed", b"boundary=",
    b"multipart/alternative; boundary=B", b"multipart/related; boundary=B", b"multipart/report; report-type=delivery-status",
    b"multipart/digest", b"multipart/signed", b"message/rfc822", b"message/partial", b"message/delivery-status", b"text/html",
    b"text/plain", b"text/calendar; method=REQUEST", b"text/rfc822-headers", b"application/ms-tnef", b"format=flowed; delsp=yes",
    b"charset=utf-7", b"charset=utf-16", b"charset=gb2312", b"charset=iso-2022-jp", b"base64", b"quoted-printable", b"x-uuencode",
    b"filename*0*=utf-8''%e4", b"name=\"", b"\r\n\r\n", b"\r\n", b"--B\r\n", b"--B--\r\n", b"--", b"; ", b"begin 644 x\n",
    b"=ybegin line=128 size=3 name=x\r\n", b"=yend size=3\r\n", b"`\nend\n",
)  # fmt: skip
FIELDS = (
    b"From: ", b"To: ", b"Cc: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ", b"In-Reply-To: ", b"Reply-To: ",
    b"Sender: ", b"Return-Path: <>\r\n", b"Received: ", b"Auto-Submitted: auto-replied\r\n", b"List-Id: <x.y>\r\n",
    b"X-Failed-Recipients: ", b"Precedence: bulk\r\n", b"<a@b.example>", b"mailer-daemon@x.example", b"=?utf-8?B?", b"=?gbk?Q?=C4",
    b"?=", b"Re: ", b"Final-Recipient: rfc822; a@b.example\r\n", b"Action: failed\r\n", b"Status: 5.1.1\r\n",
)  # fmt: skip
ADDRESSES = (
    b"a@b.example", b"<a@b.example>", b"<", b">", b'"', b"(", b")", b"@", b",", b";", b":", b"\\", b"[192.0.2.1]", b".", b"group:",
    b"=?utf-8?q?a=40x?=", b"=?utf-8?b?YUBi?=", b" at ", b"mailto:", b"&lt;", "，；：＜＞＠".encode(), "张三".encode(), b"xn--bcher-kva",
    "bücher.example".encode(), "\u200b".encode(), "。".encode(), b"'", b"[mailto:a@b.example]", b"undisclosed-recipients:;",
)  # fmt: skip
WORDS = (
    b"=?utf-8?B?", b"=?gb2312?Q?", b"=?iso-2022-jp?B?GyRC", b"=?big5?b?", b"=?utf-7?Q?+AAA-", b"?=", b"=?", b"=C4=E3", b"5L2g", b"_",
    b"=?utf-8*en?q?", b" ", b"\t", b"%E4%BD%A0", b"*0*=", b"*1=", b"*=", b"''", b"gbk'zh'", b'"', b"\\", b"; name=", b"../", b"C:\\",
    "\u202e".encode(), "\xc3\xa9".encode(), b"=?x?q?=?=",
)  # fmt: skip


def clean_line(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _BIDI for c in text)


def _mail(data: bytes) -> Any:
    """Nothing but limits stops the reader, and what comes out can be stored and printed."""
    mail_from = _SENDERS[len(data) % 3]
    try:
        mail = parse.parse(data, mail_from=mail_from, limits=LIMITS)
    except ParseFailed as failure:
        cause = failure.__cause__ or failure.__context__  # parse() turns every exception into this one
        if cause is not None and not isinstance(cause, ParseFailed):
            raise cause from None
        mail = parse.opaque(data, mail_from=mail_from, limits=LIMITS, reason=str(failure))
    assert _ADAPTER.validate_json(_ADAPTER.dump_json(mail)) == mail
    assert clean_line(mail.subject)
    for a in (*mail.from_, *mail.to, *mail.cc, *mail.reply_to, *mail.sender):
        assert clean_line(a.name)
        assert clean_line(a.address)
    for file in mail.attachments:
        _safe(file.filename)
        assert file.filename
    if mail_from is None:
        assert mail.kind is not Kind.HUMAN
    return mail


def _safe(name: str) -> None:
    assert clean_line(name)
    assert not set(name) & set('/\\<>:"|?*')
    assert not name.startswith(".")
    assert len(name) <= 200


def _structure(data: bytes) -> Any:
    """Parts lie within the mail and within each other, and within the limits."""
    fields, at = header.split(data)
    try:
        tree, broken = structure.tree(data, fields, at, LIMITS)
    except ParseFailed as failure:
        return str(failure)
    seen = list(tree.walk())
    for part in seen:
        assert 0 <= part.start <= part.end <= len(part.raw)
        if part.raw is tree.raw:
            assert all(part.start <= c.start <= c.end <= part.end for c in part.children if c.raw is part.raw and c.body)
    content = body.collect(tree, limits=LIMITS)
    content.text().encode()
    (content.html() or "").encode()
    return [(p.kind, p.start, p.end, p.depth) for p in seen], broken, content.defects, content.text()


def _header(data: bytes) -> Any:
    """The fields are a prefix of the mail, whatever the limits are; message ids are ids."""
    limit, most = (data[0] * 16, data[1]) if len(data) > 1 else (1000, 10)
    for found, at in (header.split(data), header.split(data, limit=limit, fields=most), header.split(data, part=True)):
        joined = b"".join(f.raw for f in found)
        assert data.startswith(joined)
        assert data[len(joined) : at] in (b"", b"\n", b"\r\n")
        for f in found:
            assert f.value in f.raw
            text = header.unfolded(f)
            assert "\n" not in text
            text.encode()
            for one in header.message_ids(text):
                assert one.startswith("<")
                assert one.endswith(">")
    assert len([f for f in header.split(data, limit=limit, fields=most)[0] if f.name != header.TRUNCATED]) <= most
    return header.split(data)


def _unquoted(a: str) -> str:
    local, _, domain = a.rpartition("@")
    return f"{addrspec.canonical(local)}@{domain}"


def _addresses(data: bytes) -> Any:
    """The author that DMARC goes by is the one that every reader of the list sees, or there is none."""
    fields, _ = header.split(b"From: " + data.replace(b"\r", b"").replace(b"\n", b" ") + b"\r\n\r\n")
    text = header.unfolded(fields[0])
    listed = address.parse_list(text)[0]
    for a in listed:
        assert clean_line(a.name + a.address)
        assert [b.address for b in address.parse_list(f"<{a.address}>")[0]] == [a.address]
        address.envelope_ok(a.address, smtputf8=False)
    found, reason = address.author(fields)
    assert bool(found) != bool(reason)
    if found:
        assert address.envelope_ok(found, smtputf8=True) == ""
        assert [a.address for a in listed] == [found]
        theirs = [a for _, a in email.utils.getaddresses([text]) if a]
        assert [address.key(_unquoted(a)) for a in theirs] == [found]
    for f in (address.key, address.domain, address.split_sub, address.local_name):
        f(text)
    return listed, found


def _words(data: bytes) -> Any:
    """Encoded words and parameters; the name of a file is only a name."""
    text = header.unfolded(header.Field("", data, b""))
    decoded = header.decode_words(text)
    decoded.encode("utf-8", "surrogatepass")
    main, values = params.parse(data)
    name = params.filename(values, values)
    for one in (name, params.safe_name(text)):
        if one:
            _safe(one)
    again = params.safe_name(name)
    _safe(again)
    # cleaned once is clean; only what reads like something encoded, UTF-8 taken for Latin-1 among it, is read once more
    assert again == name or "=?" in name or "%" in name or not name.isascii()
    return decoded, main, values, name


_LABELS = (None, *sorted(charset.LABELS))


def _charset(data: bytes) -> Any:
    """Any octets under any label are text that can be stored; the label's own strict reading is right where there is one."""
    label = _LABELS[data[0] % len(_LABELS)] if data else None
    rest = data[1:]
    text, defect = charset.decode(rest, label)
    text.encode()
    charset.guess(rest)[0].encode()
    iso2022.decode(rest).encode("utf-8", "surrogatepass")
    if label is None and rest.isascii() and not set(rest) & {0x1B, 0x0E, 0x0F, 0x7E, 0x2B, 0}:
        assert text == rest.decode("ascii")
    return text, defect


def _dates(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    found = dates.read(text)
    assert (found.text is None) <= bool(found.defect)
    if found.text is not None:
        assert dates.read(found.text).text == found.text
    return found


_ENCODINGS = ("base64", "quoted-printable", "x-uuencode", "7bit", "nonsense")


def _transfer(data: bytes) -> Any:
    """What is well formed is what the standard library makes of it."""
    found = [transfer.decode(data, encoding, text=text) for encoding in _ENCODINGS for text in (True, False)]
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    assert transfer.decode(encoded, "base64") == (data, "")
    assert transfer.decode(encoded, "base64", text=True) == (data, "")
    unix = data.replace(b"\r", b"")  # quopri is at odds with itself about CR
    assert transfer.decode(quopri.encodestring(unix), "quoted-printable")[0] == unix
    lines = [binascii.b2a_uu(data[i : i + 45]) for i in range(0, len(data), 45)]
    assert transfer.decode(b"begin 644 x\n" + b"".join(lines) + b"`\nend\n", "x-uuencode")[0] == data
    text, files = embedded.extract(data)
    assert len(text) <= len(data)
    return found, text, files


TARGETS = (
    Target("mail", _mail, seeds.mails, (*MIME, *FIELDS)),
    Target("structure", _structure, seeds.mails, MIME),
    Target("header", _header, lambda: [m[:4000] for m in seeds.mails()], FIELDS),
    Target("addresses", _addresses, lambda: seeds.values("from", "to", "cc", "reply-to", "sender"), ADDRESSES),
    Target(
        "words", _words, lambda: seeds.values("subject", "from", "content-type", "content-disposition"), WORDS
    ),
    Target(
        "charset",
        _charset,
        lambda: [bytes([i % 256]) + b for i, b in enumerate(seeds.bodies(lambda p: p.kind.startswith("text/")))],
        (b"\x1b$B", b"\x1b(B", b"\x1b$)C", b"\x1b$)A", b"\x1bN", b"\x1b.A", b"\x0e", b"\x0f", b"~{", b"~}", b"\xc4\xe3", b"\xa4\xa4",
         b"\x81\x30\x81\x30", b"\xed\xa0\x80", b"\xf0\x9f", b"\xff\xfe", b"+AAA-", b"\xef\xbb\xbf", b"\x8f\xa2\xc3"),
    ),
    Target(
        "dates",
        _dates,
        lambda: seeds.values("date", "received", "resent-date"),
        (b"Mon, ", b"1 Jan 2026", b"2026-01-02T03:04:05Z", b"12:34:56", b" +0800", b" -2400", b"GMT", b"(CST)", b"AM", "上午".encode(),
         "2026年1月2日".encode(), b"1/2/26", b"0000", b"99", b"T", b"Z", b"EST", b"Feb 30", b".5"),
    ),
    Target(
        "transfer",
        _transfer,
        lambda: seeds.bodies(lambda p: True, decoded=False),
        (b"begin 644 x\n", b"`\nend\n", b"=ybegin part=1 total=2 line=128 size=3 name=x\r\n", b"=ypart begin=1 end=3\r\n",
         b"=yend size=3 crc32=00000000\r\n", b"begin-base64 644 x\n", b"====\n", b"=\r\n", b"=C4", b"= \n", b"QUJD\r\n", b"M" + b"!" * 60),
    ),
)  # fmt: skip
