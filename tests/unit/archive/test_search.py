"""What lies under a path, and what of it is mail."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from smtpgate.archive.search import Found, search
from smtpgate.errors import ArchiveError

NOW = 1_790_000_000.0
MAIL = b"From: a@b.example\nSubject: %s\nMessage-ID: <%s@b.example>\n\ntext\n"
LINE = b"From a@b.example Fri Jan  2 10:00:00 2026\n"


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def mail(name: str) -> bytes:
    return MAIL % (name.encode(), name.encode())


def subjects(found: Found) -> list[str]:
    read = [box.read(i) for box in found.boxes for i in range(len(box.times))]
    found.close()
    return sorted(one.partition(b"Subject: ")[2].split()[0].decode() for one in read)


def look(*paths: Path) -> Found:
    return search(paths, now=NOW, step=lambda _: None)


def test_a_folder_with_everything(tmp_path: Path) -> None:
    put(tmp_path / "a.eml", mail("eml"))
    put(tmp_path / "b" / "c" / "d.EML", mail("deep"))
    put(tmp_path / "b" / "17", mail("no-name"))
    put(tmp_path / "b" / "m.msg", mail("msg"))
    put(tmp_path / "9.emlx", b"%-10d\n" % len(mail("apple")) + mail("apple") + b"<?xml ?>\n<plist/>\n")
    put(tmp_path / "packed.eml.gz", gzip.compress(mail("packed")))
    put(tmp_path / "in.mbox", LINE + mail("mbox1") + b"\n" + LINE + mail("mbox2"))
    put(tmp_path / "2026-January.txt.gz", gzip.compress(LINE + mail("pipermail")))
    put(tmp_path / "README", b"Read me\n")
    put(tmp_path / "expect.json", b"{}")
    found = look(tmp_path)
    assert subjects(found) == ["apple", "deep", "eml", "mbox1", "mbox2", "msg", "no-name", "packed", "pipermail"]
    assert sorted(Path(one.source).name for one in found.ignored) == ["README", "expect.json"]
    assert found.unreadable == []


def test_a_maildir_with_folders(tmp_path: Path) -> None:
    for folder in ("", ".Sent", ".Sent.2025", "nested/deeper"):
        for part in ("cur", "new", "tmp"):
            (tmp_path / folder / part).mkdir(parents=True)
    put(tmp_path / "cur" / "1767348000.M1P1.host:2,S", mail("seen"))
    put(tmp_path / "new" / "1767348001.M2P1.host", mail("new"))
    put(tmp_path / "tmp" / "1767348002.M3P1.host", mail("unfinished"))
    put(tmp_path / ".Sent" / "cur" / "1.host:2,RS", mail("sent"))
    put(tmp_path / ".Sent.2025" / "cur" / "2.host:2,", LINE + mail("with-line"))
    put(tmp_path / "nested" / "deeper" / "new" / "3.host", mail("nested"))
    put(tmp_path / "dovecot-uidlist", b"3 V1\n")
    os.utime(tmp_path / "cur" / "1767348000.M1P1.host:2,S", (1_700_000_000, 1_700_000_000))
    found = look(tmp_path)
    files = found.boxes[0]
    times = {files.source(i).rpartition("/")[2]: files.times[i] for i in range(len(files.times))}
    assert times["1767348000.M1P1.host:2,S"] == 1_700_000_000
    assert subjects(found) == ["nested", "new", "seen", "sent", "with-line"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.eml", b"", "empty"),
        ("a.eml", b"\n \n", "empty"),
        ("a.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, "save the mail as .eml"),
        ("a.mbox", b"no mail\n", "no line begins one"),
        ("a.gz", b"\x1f\x8bnonsense", "cannot be unpacked"),
        ("gone", None, "No such file"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        put(tmp_path / name, content)
    found = look(tmp_path / name)
    found.close()
    assert [reason in one.reason for one in found.unreadable] == [True]
    assert found.unreadable[0].source == str(tmp_path / name)


def test_a_packed_mail_that_is_cut_off_is_told_when_it_is_read(tmp_path: Path) -> None:
    put(tmp_path / "a.eml.gz", gzip.compress(mail("x"))[:-9])
    with pytest.raises(ArchiveError, match="ends in the middle"):
        look(tmp_path).boxes[0].read(0)


def test_a_mail_without_a_header_is_taken_where_only_mails_are(tmp_path: Path) -> None:
    put(tmp_path / "broken.eml", b"only text\nSubject: x\n")
    put(tmp_path / "cur" / "x", b"only text\nSubject: y\n")
    (tmp_path / "new").mkdir()
    assert subjects(look(tmp_path)) == ["x", "y"]


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    put(tmp_path / "a.eml", mail("a"))
    (tmp_path / "link.eml").symlink_to(tmp_path / "a.eml")
    assert subjects(look(tmp_path, tmp_path, tmp_path / "a.eml")) == ["a"]


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    found = look(tmp_path, Path("/dev/zero"))
    assert subjects(found) == []
    assert [one.source for one in found.unreadable] == ["/dev/zero"]


def test_a_saved_mail_that_is_only_called_mbox_is_one_mail(tmp_path: Path) -> None:
    put(tmp_path / "saved.mbox", mail("saved"))
    put(tmp_path / "bare.txt", b"From \n" + mail("bare"))
    put(tmp_path / "letter.txt", b"From the beginning:\nit was broken.\n")
    put(tmp_path / "packed.mbox.gz", gzip.compress(mail("packed")))
    put(tmp_path / "cut.mbox", mail("cut") + LINE + mail("whole"))  # an mbox that lost its first line stays one
    found = look(tmp_path)
    assert subjects(found) == ["bare", "packed", "saved", "whole"]
    assert [one.source for one in found.unreadable] == [str(tmp_path / "cut.mbox")]
