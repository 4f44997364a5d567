"""What the desk makes of mail, and what the admin gives it: details, numbers, tokens, letters, archives, configuration, log."""

from __future__ import annotations

import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from smtpgate import configfile, logaddresses, oldmail
from smtpgate.archive.search import search
from smtpgate.config import Config
from smtpgate.errors import ArchiveError, ConfigError
from smtpgate.handlers import subject
from smtpgate.languages import LANGUAGES
from smtpgate.mail import header, wire
from smtpgate.mail.compose import compose
from smtpgate.mail.extract import Extractor, topic
from smtpgate.mail.letters import Purpose
from smtpgate.mail.token import TokenKind, Tokens
from smtpgate.model import Address, ParsedMail
from smtpgate.numbers import NumberPattern, find
from smtpgate.ticketsettings import Extraction
from tests.fuzz import seeds
from tests.fuzz.target import Target
from tests.fuzz.targets_mail import clean_line
from tests.support.letters import HEADER, NUMBER, letter, templates
from tests.support.server import make_config

_NOW = 1_790_000_000.0
_PATTERNS = tuple(map(NumberPattern.compile, ("{date}-{channel}-{serial:04}", "T{serial:06}", "{date}.{serial}")))


@cache
def _extractor() -> Extractor:
    return Extractor((), Extraction())


def _details(data: bytes) -> Any:
    """What a mail is about: each value stands in the mail, and is one line."""
    text = data.decode("utf-8", "replace")
    head, _, rest = text.partition("\n")
    found = _extractor().details(ParsedMail(subject=head, text=text, reply=rest))
    assert len(found) <= 30
    for one in found:
        assert clean_line(one.value)
        assert len(one.value) <= 210
    return found, topic(head)


def _numbers(data: bytes) -> Any:
    """A number that is found can be made; a subject's prefixes come off once and for all."""
    text = data.decode("utf-8", "replace").replace("\n", " ")
    found = find(text, _PATTERNS)
    for number in found:
        assert find(f"[#{number}]", _PATTERNS) == (number,)
    bare = subject._bare(text)
    subject.key("desk", text)
    assert subject.same(text, text)
    subject.quoted_in(ParsedMail(subject=text, text=text, reply=text[: len(text) // 2]), {1: [text], 2: [text[::-1]]})
    return found, bare


_KEYS = (b"a key that only the tests know....", b"an older key that is still believed")


_MADE = {(TokenKind(kind), 7 if kind == "b" else 42, "help@desk.example") for kind in "rnab"}


def _token(data: bytes) -> Any:
    """Nothing but our own addresses is a token, whatever is changed in one."""
    tokens = Tokens(_KEYS, 86400.0)
    text = data[:65536].decode("utf-8", "replace")
    ours = {
        one.reply_address("help@desk.example", 42, "a@b.example", _NOW, kind).partition("@")[0][:-1]
        for one in (tokens, Tokens(_KEYS[1:], 86400.0))
        for kind in (TokenKind.REPLY, TokenKind.NOTE, TokenKind.ACTION)
    }
    read = tokens.read(text, _NOW)
    if read is not None:
        assert (read.kind, read.id, read.desk_address) in _MADE, "a forged token"
        assert not read.person_matches(text)
        if read.person_matches("a@b.example"):
            assert text.lower().partition("@")[0][:-1] in ours, "a forged person"
    for mode in ("full", "domain", "hash"):
        shown = logaddresses.Shown(mode, b"key")  # type: ignore[arg-type]
        said = shown.text(text)
        assert read is None or text.partition("@")[0][-20:] not in said, "a signature in the log"
        shown.without(text, frozenset(logaddresses.locals_of(text)))
    return read


def _letter(data: bytes) -> Any:
    """Whatever a customer calls himself and his mail, the header of our answer is the one that we mean."""
    text = data.decode("utf-8", "surrogateescape")
    name, _, rest = text.partition("\n")
    subject_line, _, message = rest.partition("\n")
    made = letter(
        purpose=list(Purpose)[len(data) % len(Purpose)],
        language=LANGUAGES[len(data) % len(LANGUAGES)],
        subject=subject_line,
        message=message[:1000],
        to=Address(name, "maria@example.org"),
        references=(name, "<m1@example.org>", subject_line),
        in_reply_to=name,
    )
    found = compose(made, templates()).data
    fields, _ = header.split(found)
    names = [f.name for f in fields]
    assert names in (HEADER, [n for n in HEADER if n != "in-reply-to"]), names
    line = header.decode_words(header.first(fields, "subject") or "")
    assert line.startswith(f"[#{NUMBER}]")
    assert find(line, _PATTERNS)[:1] == (NUMBER,)
    assert clean_line(line)
    assert found.isascii()
    assert max(map(len, found.split(b"\r\n"))) <= 998
    assert found.count(b"\r") == found.count(b"\n") == found.count(b"\r\n")
    wire.mailbox("", "a@b.example")
    return found


@cache
def _config() -> Config:
    return make_config()


def _archive(data: bytes) -> Any:
    """One content under every name that an archive has: mails or reasons come out, at times that can be."""
    found_all: list[Any] = []
    config = _config()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "m" / "cur").mkdir(parents=True)
        (directory / "m" / "new").mkdir()
        for file in ("a.eml", "b.mbox", "c", "d.gz", "e.emlx", "m/cur/1:2,S", "m/new/2"):
            (directory / file).write_bytes(data)
        found = search([directory], now=_NOW, step=lambda _: None)
        try:
            for box in found.boxes:
                assert all(315_532_800 <= at <= _NOW for at in box.times)
                for i in range(len(box.times)):
                    try:
                        content = box.read(i)
                    except ArchiveError as error:
                        found_all.append(str(error))
                        continue
                    old = oldmail.prepare(
                        content,
                        source=box.source(i).removeprefix(name),
                        place=box.place(i).removeprefix(name),
                        arrived=box.times[i],
                        mail_id="01",
                        config=config,
                        tokens=Tokens(_KEYS, 86400.0),
                        desk=config.desk[0],
                        lists_are_machines=bool(len(data) % 2),
                    )
                    old.accepted.envelope.rcpts[0].encode()
                    (old.mail_from or "").encode()
                    found_all.append(old)
            found_all += [(u.source.removeprefix(name), u.reason) for u in (*found.unreadable, *found.ignored)]
        finally:
            found.close()
    return [one for one in found_all if not isinstance(one, oldmail.Old)], len(found_all)


def _toml(data: bytes) -> Any:
    """A configuration is taken, or refused with a file, a key and a mend for each fault; never with a traceback."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    try:
        config = configfile.parse(text, name="x.toml", base=Path("/nonexistent"), read_files=False)
    except ConfigError as error:
        lines = text.count("\n") + 1
        for problem in error.problems:
            assert problem.message
            assert problem.mend
            assert problem.key
            assert problem.line is None or 1 <= problem.line <= lines
            str(problem).encode("utf-8", "backslashreplace")
        return [str(p) for p in error.problems]
    assert tomllib.loads(text)
    return config.server.name


def _toml_seeds() -> list[bytes]:
    root = Path(__file__).resolve().parents[2]
    files = [root / "config.example.toml", *sorted((root / "tests" / "badconfig").glob("*.toml"))]
    return [path.read_bytes() for path in files]


_SETTINGS = (
    b"[server]\n", b"[[desk]]\n", b"[limits]\n", b"[desk.display_name]\n", b"[[extract]]\n", b"[a.b.c]\n", b"name = ", b"address = ", b"listen = ",
    b'"x"', b"'x'", b'"""', b"'''", b"[", b"]", b"{", b"}", b"=", b".", b",", b"#", b"\n", b"1979-05-27T07:32:00Z", b"1e999", b"nan", b"0x1F",
    b"true", b"\\u0000", b"\\", b"99999999999999999999999", b'"25MiB"', b'"10s"', b'pattern = "(a+)+$"', b'"a@b.example"', b"aliases = [", b"-inf",
    b'timezone = "../../etc"', b'timezone = "Asia/Shanghai"', b'number = "{date}"',
)  # fmt: skip
_DETAILS = (
    b"Order #12345", "订单号：20260102001".encode(), b"INV-2026-001", b"v1.2.3", b"error 0x80070005", b"+86 138 0013 8000", b"[bug]example.com + ",
    b"2026-01-02 03:04:05 ERROR x", b"SN: ABC123", b"RMA 7", b"[", b"]", "【".encode(), "】".encode(), b"Re: ", b"example.com", b"\n", b"-", b"0",
)  # fmt: skip
_SUBJECTS = (
    b"20260102-EML-0042", b"[#", b"]", b"#", b"T000042", b"Re: ", "回复：".encode(), b"Fwd: ", b"AW: ", "转发: ".encode(), b"[list] ", b" ", b"-", b"20261301.1",
    "－".encode(), "０".encode(), "【".encode(), "\u200b".encode(), b"Re[2]: ", b"(fwd)", b"EML",
)  # fmt: skip

TARGETS = (
    Target("details", _details, lambda: [b"Re: [bug]example.com order 12345\n" + b for b in seeds.bodies(lambda p: p.kind == "text/plain")], _DETAILS),
    Target("numbers", _numbers, lambda: seeds.values("subject"), _SUBJECTS),
    Target(
        "token",
        _token,
        lambda: [Tokens(_KEYS, 86400.0).bounce_address("help@desk.example", 7, _NOW).encode(), Tokens(_KEYS[1:], 86400.0).reply_address("help@desk.example", 42, "a@b.example", _NOW).encode(), b"x@y.example, help+raaaa@desk.example"],
        (b"help+", b"@desk.example", b"r", b"b", b"a" * 32, b"+", b"@", b'"', b"=", b" ", "é".encode(), b"7" * 40),
    ),
    Target(
        "letter",
        _letter,
        lambda: [b"Maria\nPrinter\nburns", *[b"\n".join((v, v, v)) for v in seeds.values("subject", "from")]],
        (b"\r\nBcc: v@x\r\n", b"\r", b"\n", "\x85".encode(), "\u2028".encode(), b"\x00", "\u202e".encode(), b"=?utf-8?q?=0D=0ABcc:_x?=", b"?=", b"{{", b"}}", b"{%", b"<b>", b"&", b'"', b"\\",
         b"[#20260102-EML-0042]", b"20260101-EML-0001", b"[#", "中文".encode(), "😀".encode(), "\u0301".encode(), b"a" * 80, b"<x@y.example>", b"\xff", b"--=_", b".\r\n"),
        alone=False,  # templates are read when they are first wanted
    ),
    Target(
        "archive",
        _archive,
        lambda: [b"From x@y.example Fri Jan  2 03:04:05 2026\n" + m.replace(b"\r\n", b"\n") + b"\n" for m in seeds.mails()[:80]] + list(seeds.mails()[:40]) + [b"17\nFrom: a@b.example\nSubject: x\n\nx<?xml version"],
        (b"From ", b"\nFrom x@y.example Fri Jan  2 03:04:05 2026\n", b">From ", b"\n\n", b"Content-Length: 10\n", b"Date: ", b"Received: x; Fri, 2 Jan 2026 03:04:05 +0800\n", b"\x1f\x8b\x08\x00", b"\xd0\xcf\x11\xe0", b"12\n", b"Return-Path: <>\n", b"List-Id: <x>\n", b"To: help@support.example\n", b"99999 ", b"\xef\xbb\xbf"),
        alone=False,
    ),
    Target("toml", _toml, _toml_seeds, _SETTINGS, large=False),  # the admin's own file
)  # fmt: skip
