"""mbox: what is written by the rules is read back, and nothing that is read makes it fail."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.archive.mbox import Mbox
from smtpgate.archive.search import search
from smtpgate.errors import ArchiveError

LINE = b"From alice@a.example Fri Jan  2 10:00:00 2026\n"
WORDS = st.sampled_from(
    [b"From ", b">From ", b">>From ", LINE, b"From: x\n", b"\n", b"\n\n", b"text", b" ", b"\r\n"],
)
BODY = st.lists(st.one_of(WORDS, st.binary(max_size=8)), max_size=12).map(b"".join)


def read(content: bytes) -> list[bytes]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.mbox"
        path.write_bytes(content)
        box = Mbox(path)
        box.scan(1_790_000_000.0, lambda _: None)
        mails = [box.read(i) for i in range(len(box.times))]
        box.close()
        return mails


@settings(max_examples=60, deadline=None)
@given(st.lists(BODY, min_size=1, max_size=5))
def test_mboxrd_gives_back_what_was_written(bodies: list[bytes]) -> None:
    mails = [b"Subject: %d\n\n" % i + body.replace(b"\r", b"").rstrip(b"\n") + b"\n" for i, body in enumerate(bodies)]
    written = b""
    for mail in mails:
        lines = mail.split(b"\n")
        written += LINE + b"\n".join(b">" + one if one.lstrip(b">").startswith(b"From ") else one for one in lines) + b"\n"
    assert read(written) == mails


@settings(max_examples=60, deadline=None)
@given(BODY, st.binary(max_size=30))
def test_anything_may_lie_in_an_archive(body: bytes, begin: bytes) -> None:
    with TemporaryDirectory() as directory:
        for name in ("a.eml", "b.mbox", "c", "d.gz", "e.emlx"):
            (Path(directory) / name).write_bytes(begin + body)
        found = search([Path(directory)], now=1_790_000_000.0, step=lambda _: None)
        for box in found.boxes:
            assert all(315_532_800 <= at <= 1_790_000_000 for at in box.times)
            for i in range(len(box.times)):
                with suppress(ArchiveError):  # an .emlx that says it has no octets: the import counts it and goes on
                    box.read(i)
        found.close()
