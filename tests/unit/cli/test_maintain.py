"""`smtpgate maintain` on real store files: what goes and what stays, and that it never stands in the way of a writer."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from smtpgate.store import upkeep
from smtpgate.store.upkeep import KEEP_ACKNOWLEDGEMENTS, KEEP_FINGERPRINTS
from tests.unit.cli.conftest import Shop
from tests.unit.cli.test_upkeep import path, sound

__all__ = ["sound"]
NOW = 1_800_000_000.0
PRUNED = ("acknowledgement", "fingerprint")


def fill(shop: Shop, *, old: int, young: int = 2) -> None:
    """Rows on both sides of each limit."""
    with closing(sqlite3.connect(path(shop))) as connection, connection:
        connection.execute("DELETE FROM fingerprint")
        mail = connection.execute("SELECT id FROM incoming LIMIT 1").fetchone()[0]
        ticket = connection.execute("SELECT id FROM ticket LIMIT 1").fetchone()[0]
        for n in range(old + young):
            at = NOW - KEEP_ACKNOWLEDGEMENTS + (60 if n >= old else -60)
            row = (f"c{n}@customer.example", at, int(at // 60), "received")
            connection.execute("INSERT INTO acknowledgement (address, at, minute, purpose) VALUES (?, ?, ?, ?)", row)
            counted = "INSERT INTO acknowledged (minute, sent) VALUES (?, 1) ON CONFLICT (minute) DO UPDATE SET sent = sent + 1"
            connection.execute(counted, row[2:3])
            at = NOW - KEEP_FINGERPRINTS + (60 if n >= old else -60)
            print_ = (f"{n * 7919 % 104729:064x}", ticket, mail, at)
            connection.execute(
                "INSERT INTO fingerprint (key, ticket_id, mail_id, first_at, strong, told) VALUES (?, ?, ?, ?, 1, 0)", print_
            )


def rest_of(shop: Shop) -> dict[str, list[object]]:
    with closing(sqlite3.connect(path(shop))) as connection:
        names = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = [name for name in names if name not in (*PRUNED, "acknowledged") and not name.startswith("sqlite")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in kept}


def left(shop: Shop) -> list[int]:
    with closing(sqlite3.connect(path(shop))) as connection:
        return [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in PRUNED]


def test_what_is_old_goes_and_all_else_stays(sound: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtpgate.clock.SystemClock.now", lambda _: NOW)
    fill(sound, old=3)
    before = rest_of(sound)
    said = sound.good("maintain")
    assert "3 counts of old acknowledgements removed" in said
    assert "3 fingerprints of old mail removed" in said
    assert "all sound" in said
    assert left(sound) == [2, 2]
    assert rest_of(sound) == before
    rows = [json.loads(line) for line in sound.good("maintain", "--json").splitlines()]
    assert [row["step"] for row in rows] == ["acknowledgements", "fingerprints", "files", "statistics", "log", "room", "check"]
    assert not any(row["wrong"] for row in rows)
    assert rows[0]["text"].startswith("0 ")
    assert sound.good("verify") == "all is well\n"


def test_no_table_is_counted_row_by_row_for_the_planner(sound: Shop) -> None:
    """Of one without an index over all of it SQLite would: seven seconds for two million mails, in which nobody writes."""
    sound.good("maintain")
    with closing(sqlite3.connect(path(sound))) as connection:
        counted = connection.execute("SELECT tbl, idx FROM sqlite_stat1").fetchall()
    assert {"ticket_status", "incoming_state"} <= {idx for _, idx in counted}
    assert [tbl for tbl, idx in counted if idx is None] == []


def test_a_writer_gets_in_between_all_bites(sound: Shop) -> None:
    fill(sound, old=900)
    rests: list[float] = []
    with closing(sqlite3.connect(path(sound), timeout=0, isolation_level=None)) as writer:

        def sleep(seconds: float) -> None:
            rests.append(seconds)
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('write probe', '1')")
            writer.execute("COMMIT")

        done = list(upkeep.maintain(path(sound), NOW, seconds=60.0, sleep=sleep))
    assert len(rests) > 2 * 900 / 400
    assert min(rests) >= 0.01
    assert all(4 * one.longest <= max(rests) * 1.01 for one in done)
    assert left(sound) == [2, 2]


def test_bites_shrink_when_they_take_long(sound: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sound, old=300)
    ticks = iter(range(10**6))
    monkeypatch.setattr(upkeep.time, "monotonic", lambda: float(next(ticks)))  # each look at the clock is a second later
    rests: list[float] = []
    list(upkeep.maintain(path(sound), NOW, seconds=10**6, sleep=rests.append))
    assert len(rests) > 2 * 280 / upkeep._BITES[0]
    assert left(sound) == [2, 2]


def test_it_stops_in_time_and_goes_on_next_time(sound: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sound, old=600)
    now = [0.0]
    with monkeypatch.context() as patch:
        patch.setattr(upkeep.time, "monotonic", lambda: now[0])
        done = list(upkeep.maintain(path(sound), NOW, seconds=5.0, sleep=lambda _: now.append(now.pop() + 10.0)))  # the first rest
    assert "more next time" in done[0].text
    assert "more next time" in done[1].text
    assert not any(one.wrong for one in done)
    assert left(sound)[0] < 602, "something was done"
    assert left(sound)[1] > 2
    list(upkeep.maintain(path(sound), NOW, seconds=60.0, sleep=lambda _: None))
    assert left(sound) == [2, 2]


def test_the_log_stays_short(sound: Shop) -> None:
    with closing(sqlite3.connect(path(sound))) as keeps_it_open:
        keeps_it_open.execute("SELECT count(*) FROM meta").fetchone()
        fill(sound, old=4000)
        list(upkeep.maintain(path(sound), NOW, seconds=60.0, sleep=lambda _: None))
        assert path(sound).with_name("smtpgate.db-wal").stat().st_size < 8 * 1024**2


def test_a_damaged_file_needs_a_person(sound: Shop) -> None:
    with closing(sqlite3.connect(path(sound))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message_ref'").fetchone()[0]
    with path(sound).open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\x0d\x00\x00\xff\xff" + b"\x77" * 200)
    result = sound.run("maintain")
    assert result.exit_code == 1
    assert "check:            the file is damaged" in result.stdout
    assert result.stderr == "smtpgate: the store needs you: see docs/operations.md, store-damaged\n"


def test_no_store_is_one_line(sound: Shop) -> None:
    path(sound).rename(path(sound).with_name("away"))
    code, said = sound.bad("maintain")
    assert code == 1
    assert said.startswith("smtpgate: there is no store at")


def test_files_that_root_makes_belong_to_the_directory_s_owner(tmp_path: Path) -> None:
    import os

    from smtpgate.store.sqlite_file import new_file

    if os.geteuid() != 0:
        pytest.skip("only root can make files for others")
    os.chown(tmp_path, 12345, 23456)
    os.close(new_file(tmp_path / "made"))
    found = (tmp_path / "made").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 23456, 0o600)
