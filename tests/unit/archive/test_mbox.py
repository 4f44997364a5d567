"""mbox files of every family, and where a mail begins."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from smtpgate.archive.mbox import Mbox, PackedMbox, is_mbox
from smtpgate.errors import ArchiveError
from tests.support.doubling import assert_linear

NOW = 1_790_000_000.0
LINE = b"From alice@a.example Fri Jan  2 10:00:00 2026\n"


def mail(subject: bytes, body: bytes = b"text\n", extra: bytes = b"") -> bytes:
    return b"From: alice@a.example\n" + extra + b"Subject: " + subject + b"\n\n" + body


def read(path: Path, content: bytes) -> tuple[list[bytes], Mbox]:
    path.write_bytes(content)
    box = Mbox(path)
    box.scan(NOW, lambda _: None)
    try:
        return [box.read(i) for i in range(len(box.times))], box
    finally:
        box.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.mbox"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("blank", [b"\n", b""], ids=["blank line", "no blank line"])
def test_mails_come_out_as_they_went_in(path: Path, end: bytes, blank: bytes) -> None:
    content = blank.join(LINE + mail(b"%d" % i) for i in range(3)).replace(b"\n", end)
    mails, box = read(path, content)
    assert mails == [mail(b"%d" % i).replace(b"\n", end) for i in range(3)]
    assert [box.source(i) for i in range(3)] == [f"{path}#{i + 1}" for i in range(3)]


@pytest.mark.parametrize(
    "line",
    [
        b"From alice@a.example Fri Jan  2 10:00:00 2026",
        b"From alice at a.example  Fri Jan  2 10:00:00 2026",
        b"From alice Fri Jan  2 10:00 CET 2026 remote from host",
        b"From - Fri Jan 02 10:00:00 2026",
        b"From alice@a.example",
        b"From -",
        b"From MAILER-DAEMON",
        b"From ???@??? Fri Jan 02 10:00:00 2026",
        b"From alice@a.example 2026-01-02T10:00:00Z",
        b"From Alice <alice@a.example>  Fri Jan  2 10:00:00 2026",
        b"From 1842@xxx Fri Jan 02 10:00:00 +0000 2026",
        b"From 1842@xxx Fri, 2 Jan 2026 10:00:00 +0100",
    ],
)
def test_lines_that_begin_a_mail(path: Path, line: bytes) -> None:
    mails, _ = read(path, LINE + mail(b"1") + b"\n" + line + b"\n" + mail(b"2"))
    assert mails == [mail(b"1"), mail(b"2")]


@pytest.mark.parametrize(
    "body",
    [
        b"see\n\nFrom what I know it burns.\nYes.\n",
        b"\nFrom the manual:\nNote: no water\n",
        b"\nFrom Monday 10:00 to 11:00 we are closed.\nSorry\n",
        b"\nFrom alice@a.example we hear nothing\nX: y\n",
        b"\nFrom 10:00 on, in 2026:\nNote: closed\n",
        b"\nFrom alice@a.example\nno field here\n",
        b"\nFrom alice@a.example Fri Jan  2 10:00:00 2026\nthis quotes only that line\n",
        b"\n From alice@a.example Fri Jan  2 10:00:00 2026\nFrom: x\n",
    ],
)
def test_lines_that_do_not(path: Path, body: bytes) -> None:
    mails, _ = read(path, LINE + mail(b"1", body) + b"\n" + LINE + mail(b"2"))
    assert mails == [mail(b"1", body), mail(b"2")]


def test_one_bracket_is_taken_off(path: Path) -> None:
    mails, _ = read(path, LINE + mail(b"1", b">From me\n>>From you\n> From him\n"))
    assert mails == [mail(b"1", b"From me\n>From you\n> From him\n")]


def test_a_content_length_that_leads_to_the_next_mail_is_believed(path: Path) -> None:
    body = b"I forward:\n\n" + LINE + mail(b"inner") + b">From stays\n"
    first = mail(b"1", body, b"Content-Length: %d\n" % len(body))
    mails, _ = read(path, LINE + first + b"\n" + LINE + mail(b"2"))
    assert mails == [first, mail(b"2")]


@pytest.mark.parametrize("length", [0, 3, 9, 10_000, 999_999_999_999])
def test_one_that_leads_elsewhere_is_not(path: Path, length: int) -> None:
    first = mail(b"1", b"0123456789\n", b"Content-Length: %d\n" % length)
    mails, _ = read(path, LINE + first + b"\n" + LINE + mail(b"2"))
    assert mails == [first, mail(b"2")]


@pytest.mark.parametrize("cut", range(1, 160, 7))
def test_a_file_that_is_cut_off_loses_no_mail_before(path: Path, cut: int) -> None:
    content = LINE + mail(b"1") + b"\n" + LINE + mail(b"2", b"some more text\n" * 5)
    mails, _ = read(path, content[:-cut])
    left = len(content) - cut - len(LINE)
    assert mails[0].startswith(mail(b"1")[: max(left, 0)].rstrip())


def test_what_is_before_the_first_mail_is_reported(path: Path) -> None:
    mails, box = read(path, b"some words\n\n" + LINE + mail(b"1"))
    assert mails == [mail(b"1")]
    assert "12 octets before the first mail" in box.unreadable[0].reason
    assert "no mail in it" in read(path, b"nothing here\n")[1].unreadable[0].reason
    assert read(path, b"")[1].unreadable == []


def test_separators_at_every_place_of_a_piece(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smtpgate.archive import mbox

    content = b"".join(LINE + mail(b"%d" % i, b"x" * i + b"\n") + b"\n" for i in range(40))
    for piece in (64, 97, 128, 1000):
        monkeypatch.setattr(mbox, "_PIECE", piece)
        assert read(path, content)[0] == [mail(b"%d" % i, b"x" * i + b"\n") for i in range(40)]


def test_a_gz_is_the_same_and_a_broken_one_gives_what_it_can(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(LINE + mail(b"%d" % i, b"%d words\n" % i * 500) + b"\n" for i in range(50)))
    for content, whole in ((packed, True), (packed[:-200], False)):
        path = tmp_path / "b.gz"
        path.write_bytes(content)
        box = PackedMbox(path)
        box.scan(NOW, lambda _: None)
        assert box.read(0) == mail(b"0", b"0 words\n" * 500)
        assert len(box.times) == 50 if whole else len(box.times) > 30
        assert bool(box.unreadable) is not whole
        box.close()


def test_a_file_that_changes_meanwhile_is_an_error(path: Path) -> None:
    path.write_bytes(LINE + mail(b"1") + b"\n" + LINE + mail(b"2"))
    box = Mbox(path)
    box.scan(NOW, lambda _: None)
    path.write_bytes(b"other\n")
    with pytest.raises(ArchiveError, match="changed"):
        box.read(1)
    box.close()


def test_what_begins_an_mbox() -> None:
    assert is_mbox(b"\n" + LINE + mail(b"1"))
    assert not is_mbox(mail(b"1"))
    assert not is_mbox(b"From here on\nall: is lost")
    assert not is_mbox(b"From: a@b\n\n")


def test_time_is_linear(path: Path) -> None:
    for unit in (b"\nFrom ", b"\nFrom a@b\nX: y\n", LINE + mail(b"x") + b"\n", b"\nFrom " + b"x" * 300):

        def make(n: int, unit: bytes = unit) -> bytes:
            return LINE + mail(b"1") + unit * (n // len(unit))

        assert_linear(make, lambda content: read(path, content), 25_000)
