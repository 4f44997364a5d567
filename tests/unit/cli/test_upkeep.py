"""`smtpgate verify`, `backup` and `restore` on real store files."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smtpgate.errors import StoreError
from smtpgate.model import DeliveryState
from smtpgate.store import copies
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import NOW, a_recipient, a_ticket, accepted, an_outgoing
from tests.support.store_steps import open_ticket
from tests.unit.cli.conftest import CONFIG, Shop


@pytest.fixture
def sound(tmp_path: Path) -> Shop:
    """A store with one ticket, one mail that waits to be sent, and one accepted mail."""
    (tmp_path / "smtpgate.toml").write_text(CONFIG)
    made = Shop(tmp_path)

    async def fill(store: SqliteStore) -> None:
        ticket = a_ticket(number="20261121-EML-0001")
        await store.number_patterns("{date}-{channel}-{serial:04}")
        mail = an_outgoing(
            a_recipient(),
            ticket_id=ticket.id,
            message_id="<m@desk.example>",
            data=b"Message-ID:\r\n <m@desk.example>\r\n\r\nhi\r\n",
        )
        await open_ticket(store, ticket, mail, decision='{"ticket": "20261121-EML-0001"}')
        await store.accept(accepted(raw=b"Subject: big\r\n\r\n" + b"again and again " * 9000))

    made.store(fill)
    return made


def path(shop: Shop) -> Path:
    return shop.directory / "var" / "smtpgate.db"


def sql(shop: Shop, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path(shop))) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement, values)


def counts(shop: Shop) -> dict[str, int]:
    found: dict[str, int] = shop.store(lambda store: store.counts())
    return found


# --- verify -----------------------------------------------------------------------------------------------------------


def test_a_sound_store(sound: Shop) -> None:
    assert sound.good("verify") == "all is well\n"
    assert sound.rows("verify") == []


@pytest.mark.parametrize(
    ("statement", "said", "mend"),
    [
        ("UPDATE incoming_raw SET body = x'00' WHERE packing = 0", "not those that were accepted", "restore"),
        ("UPDATE incoming_raw SET body = x'00' WHERE packing = 1", "cannot be unpacked", "restore"),
        ("UPDATE incoming SET size = 1 WHERE state = 'accepted'", "not those that were accepted", "restore"),
        ("DELETE FROM incoming_raw WHERE seq = 2", "mail without its raw bytes", "report"),
        ("UPDATE outgoing_raw SET packing = 0, data = x'41'", "does not carry its Message-ID", "restore"),
        ("DELETE FROM entry", "which has no entry of it", "report"),
        ("UPDATE incoming SET leased_by = 'gone:1:x', leased_until = 5 WHERE state = 'accepted'", "long over", "restart"),
        ("INSERT INTO serial VALUES ('20261121', 'EML', 0)", "stands at 0", "nothing to do"),
        ("UPDATE recipient SET due_at = NULL", "state and due time do not fit", "report"),
        ("UPDATE recipient SET outgoing_id = 1", "refers to a row of outgoing that is not there", "report"),
    ],
)
def test_each_fault_is_found_with_what_to_do(sound: Shop, statement: str, said: str, mend: str) -> None:
    sql(sound, statement)
    result = sound.run("verify")
    assert result.exit_code == 1
    assert said in result.stdout
    assert mend in result.stdout
    assert sound.run("verify", "--json").exit_code == 1


def test_all_pages_are_looked_at(sound: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtpgate.store.verify._PAGE", 1)
    sql(sound, "UPDATE incoming SET sha256 = ''")
    assert sound.run("verify").stdout.count("not those that were accepted") == 2


# --- backup -----------------------------------------------------------------------------------------------------------


def test_a_backup_is_whole_private_and_one_file(sound: Shop, tmp_path: Path) -> None:
    target = tmp_path / "b" / "mail.db"
    target.parent.mkdir()
    assert sound.good("backup", str(target)).startswith(f"{target}: ")
    assert target.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in target.parent.iterdir()] == ["mail.db"]
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT count(*) FROM incoming").fetchone() == (2,)


def test_older_copies_are_kept_up_to_a_number(sound: Shop, tmp_path: Path) -> None:
    target = tmp_path / "b" / "mail.db"
    target.parent.mkdir()
    for _ in range(4):
        sound.good("backup", str(target), "--keep", "2")
    assert sorted(p.name for p in target.parent.iterdir()) == ["mail.db", "mail.db.1", "mail.db.2"]


def test_a_backup_that_fails_leaves_the_last_one_alone(sound: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "mail.db"
    target.write_bytes(b"the last one")

    def damaged(_: Path) -> None:
        raise StoreError("the copy is damaged: x")

    monkeypatch.setattr(copies, "_look_at", damaged)
    assert sound.bad("backup", str(target), "--keep", "1") == (1, "smtpgate: the copy is damaged: x")
    assert target.read_bytes() == b"the last one"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_the_store_is_not_its_own_backup(sound: Shop) -> None:
    assert sound.bad("backup", str(path(sound)))[0] == 1
    assert counts(sound)["mail.accepted"] == 1


async def test_a_backup_ends_while_mail_comes_in_without_pause(tmp_path: Path) -> None:
    """A copy that began again with each commit would never end."""
    store = await SqliteStore.open(tmp_path / "store.db")
    ended = threading.Event()
    before, during = 400, 0
    try:
        for _ in range(before):
            await store.accept(accepted(raw=b"Subject: x\r\n\r\n" + b"\xff\x00" * 3000))

        async def go_on() -> None:
            nonlocal during
            while not ended.is_set():
                await store.accept(accepted())
                during += 1

        writing = asyncio.create_task(go_on())
        try:
            await asyncio.wait_for(asyncio.to_thread(copies.backup, tmp_path / "store.db", tmp_path / "copy.db"), 20)
        finally:
            ended.set()
            await writing
        with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
            copied = connection.execute("SELECT count(*) FROM incoming").fetchone()[0]
            assert connection.execute("SELECT count(*) FROM incoming_raw").fetchone()[0] == copied
        assert before <= copied < before + during
    finally:
        await store.close()


# --- restore ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(sound: Shop, tmp_path: Path) -> Path:
    target = tmp_path / "mail.backup"
    sound.good("backup", str(target))
    return target


def test_a_restored_store_is_sound_and_sends_nothing_by_itself(sound: Shop, saved: Path) -> None:
    shutil.rmtree(path(sound).parent)
    assert "1 outgoing recipient held" in sound.good("restore", str(saved))
    assert path(sound).stat().st_mode & 0o777 == 0o600
    assert sound.good("verify") == "all is well\n"
    assert (counts(sound)["delivery.held"], counts(sound)["delivery.queued"], counts(sound)["mail.accepted"]) == (1, 0, 1)

    async def claim(store: SqliteStore) -> Any:
        return await store.claim_deliveries(worker="w", now=NOW * 2, limit=9, next_at=lambda _: NOW * 3)

    assert sound.store(claim) == ()
    assert sound.good("queue", "release", "--all") == "1 recipient released\n"
    assert [d.state for d in sound.store(claim)] == [DeliveryState.QUEUED]


def test_a_store_that_is_there_is_replaced_only_by_force_and_kept(sound: Shop, saved: Path) -> None:
    async def more(store: SqliteStore) -> None:
        await store.accept(accepted())

    sound.store(more)
    code, said = sound.bad("restore", str(saved))
    assert (code, "--force" in said) == (1, True)
    assert counts(sound)["mail.accepted"] == 2
    for number in (1, 2):
        sound.good("restore", str(saved), "--force")
        assert counts(sound)["mail.accepted"] == 1
        kept = [p for p in path(sound).parent.iterdir() if ".before-restore" in p.name]
        assert len(kept) == number
    with closing(sqlite3.connect(path(sound).with_name("smtpgate.db.before-restore"))) as connection:
        assert connection.execute("SELECT count(*) FROM incoming").fetchone() == (3,)


def test_the_log_of_a_lost_store_is_not_taken_for_the_restored_ones(sound: Shop, saved: Path) -> None:
    path(sound).unlink()
    for ending in ("-wal", "-shm"):
        path(sound).with_name(path(sound).name + ending).write_bytes(b"left behind")
    sound.good("restore", str(saved))
    assert sound.good("verify") == "all is well\n"


def test_no_restore_below_a_running_gateway(sound: Shop, saved: Path) -> None:
    with path(sound).with_name("smtpgate.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = sound.bad("restore", str(saved), "--force")
    assert (code, "a gateway runs on" in said) == (1, True)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8192])


def _other(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (a)")


def _fault(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE incoming SET sha256 = ''")


@pytest.mark.parametrize("spoil", [_cut, _other, _fault, lambda file: file.write_bytes(b"no database"), lambda file: file.unlink()])
def test_a_bad_backup_is_refused_and_nothing_changes(sound: Shop, saved: Path, spoil: Callable[[Path], None]) -> None:
    spoil(saved)
    shutil.move(path(sound), path(sound).with_name("elsewhere"))
    before = sorted(p.name for p in path(sound).parent.iterdir() if not p.name.endswith(".lock"))
    result = sound.run("restore", str(saved))
    assert result.exit_code in (1, 74)
    assert "Traceback" not in result.output
    assert sorted(p.name for p in path(sound).parent.iterdir() if not p.name.endswith(".lock")) == before


def test_findings_may_be_taken_by_force(sound: Shop, saved: Path) -> None:
    _fault(saved)
    path(sound).unlink()
    result = sound.run("restore", str(saved), "--force")
    assert result.exit_code == 0
    assert "not those that were accepted" in result.stdout
