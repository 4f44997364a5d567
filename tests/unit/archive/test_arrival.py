"""When an archived mail arrived."""

from __future__ import annotations

import pytest

from smtpgate.archive.arrival import EARLIEST, arrival, head_of, mail_like, moment

NOW = 1_790_000_000.0
DATE = b"Date: Fri, 2 Jan 2026 10:00:00 +0000\n"
AT = 1_767_348_000.0
OTHER = 1_600_000_000.0


@pytest.mark.parametrize(
    ("head", "at"),
    [
        (b"Received: by b; Fri, 2 Jan 2026 11:00:00 +0000\nReceived: by c; Fri, 2 Jan 2026 09:00:00 +0000\n" + DATE, AT + 3600),
        (b"received : from a\n\tby b;\n\tFri, 2 Jan 2026 11:00:00 +0100 (CET)\n" + DATE, AT),
        (b"Received: from a by b with no time\n" + DATE, AT),
        (b"Received: by b; Thu, 1 Jan 1970 00:00:00 +0000\n" + DATE, AT),
        (b"Received: by b; Fri, 2 Jan 2099 10:00:00 +0000\n" + DATE, AT),
        (DATE, AT),
        (b"Date: 2 Jan 26 10:00 UT\n", AT),
        (b"Date: Fri, 2 Jan 2026 18:00:00 +0800\n", AT),
        (b"Date: Fri, 2 Jan 2026 10:00:00 +9999\n", AT),
        (b"Date: yesterday\n", OTHER),
        (b"Date: Fri, 99 Foo 2026 10:00:00\n", OTHER),
        (b"Date: Fri, 2 Jan 99999999 10:00:00\n", OTHER),
        (b"Date: Fri, 2 Jan 2099 10:00:00 +0000\n", OTHER),
        (b"", OTHER),
        (b"X: a\n Date: Fri, 2 Jan 2026 10:00:00 +0000\n", OTHER),
    ],
)
def test_the_topmost_received_else_date_else_what_the_archive_says(head: bytes, at: float) -> None:
    assert arrival(head, OTHER, NOW) == at


def test_nonsense_everywhere_is_clamped() -> None:
    assert arrival(b"", 0.0, NOW) == EARLIEST
    assert arrival(b"", 9e12, NOW) == NOW
    assert arrival(b"Date: Tue, 22 Sep 2026 00:00:00 +0000\n", OTHER, NOW) == NOW  # tomorrow by a wrong zone: now


def test_the_time_in_a_from_line() -> None:
    assert moment(b"Fri Jan  2 10:00:00 2026") == AT


def test_what_looks_like_mail() -> None:
    assert mail_like(b"Subject: a\r\nFrom: b@c\r\n\r\nx")
    assert mail_like(b"\xef\xbb\xbfReceived: a\n b\nReturn-Path: <>\n\n")
    assert not mail_like(b"subject: yaml\nother: value\n")
    assert not mail_like(b"# title\n\nSubject: a\nFrom: b\n")
    assert not mail_like(b"{}")


def test_the_head_ends_at_the_first_empty_line() -> None:
    assert head_of(b"a: b\r\n\r\nDate: x\n\n") == b"a: b\r\n"
    assert head_of(b"a: b") == b"a: b"
