"""`smtpgate verify`, `backup` and `restore` on real store files."""

from __future__ import annotations

import asyncio
import fcntl
import os
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
from smtpgate.store.api import MessageRef
from smtpgate.store.check import FAULTS
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
        refs = (MessageRef("<m@desk.example>", ticket.id, True), MessageRef("<x@example.org>", ticket.id, False))
        await open_ticket(store, ticket, mail, decision='{"ticket": "20261121-EML-0001"}', message_refs=refs)
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
        ("UPDATE incoming SET decision = '' WHERE state = 'filed'", "filed mail without a decision", "report"),
        ("UPDATE incoming SET state = 'held' WHERE state = 'accepted'", "held or poison mail without a reason", "report"),
        ("UPDATE incoming SET state = 'dropped' WHERE state = 'filed'", "entry of a mail that is not filed", "report"),
        ("UPDATE incoming SET state = 'lost' WHERE state = 'accepted'", "mail in unknown state: lost", "report"),
        ("UPDATE incoming SET leased_by = 'x' WHERE state = 'filed'", "settled mail that is still leased", "report"),
        ("UPDATE incoming SET rcpts = 'x' WHERE state = 'accepted'", "what is known about it cannot be read", "restore"),
        ("UPDATE incoming SET verdict = '{}' WHERE state = 'accepted'", "what is known about it cannot be read", "restore"),
        ("UPDATE incoming SET decision = '{' WHERE state = 'filed'", "what is known about it cannot be read", "restore"),
        ("UPDATE incoming SET released = 7 WHERE state = 'accepted'", "incoming.released 7", "report"),
        ("DELETE FROM participant", "ticket without a customer that is not marked unverified", "report"),
        ("UPDATE participant SET role = 'king'", "participant in unknown state: king", "report"),
        ("UPDATE participant SET address_key = 'x@y'", "participant whose key is not that of the address", "report"),
        ("UPDATE ticket SET status = 'odd'", "ticket in unknown state: odd", "report"),
        ("UPDATE ticket SET desk = ''", "ticket without a number or desk", "report"),
        ("UPDATE ticket SET number = 'T/1'", "ticket T/1: its number fits no pattern", "tickets.number_pattern"),
        ("INSERT INTO serial VALUES ('20261122', 'EML', 0)", "counter of ticket numbers below one", "report"),
        ("INSERT INTO meta VALUES ('number pattern x', '9')", "of earlier tickets is none", "report"),
        ("UPDATE entry SET kind = 'x'", "entry in unknown state: x", "report"),
        ("UPDATE entry SET repeat_of = 5", "entry that repeats none of its ticket's", "report"),
        ("UPDATE entry SET marks = '['", "its marks cannot be read", "restore"),
        ("UPDATE entry SET attachments = ''", "its attachments cannot be read", "restore"),
        ("UPDATE entry SET ticket_id = 5", "of entry refers to a row of ticket", "report"),
        ("UPDATE participant SET ticket_id = 5", "of participant refers to a row of ticket", "report"),
        ("UPDATE message_ref SET ticket_id = 5", "of message_ref refers to a row of ticket", "report"),
        ("UPDATE fingerprint SET mail_id = 'x'", "of fingerprint refers to a row of incoming", "report"),
        ("UPDATE outgoing SET ticket_id = 5", "of outgoing refers to a row of ticket", "report"),
        ("UPDATE outgoing SET cause = 'x'", "of outgoing refers to a row of incoming", "report"),
        ("UPDATE outgoing_raw SET id = 5", "outgoing mail without its bytes", "report"),
        ("UPDATE outgoing_raw SET id = 5", "of outgoing_raw refers to a row of outgoing", "report"),
        ("UPDATE incoming_raw SET seq = 9 WHERE seq = 2", "of incoming_raw refers to a row of incoming", "report"),
        ("INSERT INTO attempt VALUES (1, 5, 0, 'failed', 0, 550, '', '', '')", "of attempt refers to a row of recipient", "report"),
        (
            "INSERT INTO attempt SELECT 1, id, 0, 'odd', 0, 550, '', '', '' FROM recipient",
            "attempt in unknown state: odd",
            "report",
        ),
        ("INSERT INTO attempt SELECT 1, id, 0, 'failed', 0, 99, '', '', '' FROM recipient", "a reply code that SMTP", "report"),
        ("INSERT INTO attempt SELECT 1, id, 0, 'failed', 0, 0, '', '', '' FROM recipient", "tried less often than", "report"),
        ("DELETE FROM message_ref WHERE ours", "does not find its ticket by Message-ID", "report"),
        ("DELETE FROM recipient", "outgoing mail without a recipient", "report"),
        ("UPDATE outgoing SET ticket_id = NULL, entry_id = (SELECT id FROM entry)", "and its entry on two tickets", "report"),
        (
            "INSERT INTO recipient SELECT 5, outgoing_id, position, address, domain, return_path, state, 0, 0, 0, NULL, 0, 0, ''"
            " FROM recipient",
            "two recipients in one place",
            "report",
        ),
        ("UPDATE recipient SET state = 'delivered', due_at = NULL", "delivered recipient without an attempt", "report"),
        (
            "UPDATE recipient SET state = 'failed', due_at = NULL, claimed_by = 'x'",
            "settled recipient that is still claimed",
            "report",
        ),
        ("UPDATE recipient SET state = 'odd', due_at = NULL", "recipient in unknown state: odd", "report"),
        ("INSERT INTO acknowledgement VALUES (1, 'a', 6000, 7, 'received')", "a minute that is not its own", "report"),
        ("INSERT INTO pause VALUES ('x', 1, '')", "pause without a reason", "report"),
    ],
)
def test_each_fault_is_found_with_what_to_do(sound: Shop, statement: str, said: str, mend: str) -> None:
    sql(sound, statement)
    result = sound.run("verify")
    assert result.exit_code == 1
    assert said in result.stdout
    assert mend in result.stdout
    assert sound.run("verify", "--json").exit_code == 1


@pytest.mark.parametrize("ending", ["", ".reload", ".lock", ".live"])
def test_files_that_others_may_use(sound: Shop, ending: str) -> None:
    file = path(sound).with_name(path(sound).name + ending)
    file.touch(0o600)
    file.chmod(0o600)
    assert sound.run("verify").exit_code == 0
    file.chmod(0o640)
    result = sound.run("verify")
    assert result.exit_code == 1
    assert f"chmod 0600 {file}" in result.stdout


def test_a_directory_that_others_may_write_to(sound: Shop) -> None:
    path(sound).parent.chmod(0o775)
    assert f"chmod go-w {path(sound).parent}" in sound.run("verify").stdout


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_a_file_of_another_user(sound: Shop) -> None:
    lock = path(sound).with_name(path(sound).name + ".lock")
    lock.touch(0o600)
    os.chown(lock, 12345, -1)
    assert "belongs to user 12345, the store to user 0" in sound.run("verify").stdout


def test_a_backup_is_looked_through_where_it_lies(sound: Shop, tmp_path: Path) -> None:
    target = tmp_path / "b" / "mail.db"
    target.parent.mkdir(0o700)
    sound.good("backup", str(target))
    sql(sound, "UPDATE incoming SET sha256 = ''")
    assert sound.good("verify", str(target)) == "all is well\n"
    assert [p.name for p in target.parent.iterdir()] == ["mail.db"]
    target.chmod(0o644)
    assert f"chmod 0600 {target}" in sound.run("verify", str(target)).stdout
    assert "there is no backup at" in sound.bad("verify", str(target) + "x")[1]


def test_every_invariant_is_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "internals.md").read_text()
    for fault, _ in FAULTS:
        assert fault in text, fault


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


# --- files of large and old mail --------------------------------------------------------------------------------------

BIG = os.urandom(300_000)


@pytest.fixture
def large(sound: Shop) -> tuple[Shop, Path]:
    """The sound store with a large mail more, and its file."""

    async def more(store: SqliteStore) -> None:
        await store.accept(accepted("aaaaaaaaaaaaa", raw=b"Subject: large\r\n\r\n" + BIG))

    sound.store(more)
    (file,) = (p for p in files_of(path(sound)).rglob("*") if p.is_file())
    return sound, file


def files_of(store: Path) -> Path:
    return store.with_name(store.name + ".files")


def test_a_missing_or_wrong_file_is_reported(large: tuple[Shop, Path]) -> None:
    shop, file = large
    assert shop.good("verify") == "all is well\n"
    assert shop.run("mail", "show", "aaaaaaaaaaaaa", "--raw").stdout_bytes.endswith(BIG)
    kept = file.read_bytes()
    for damage, said in ((b"wrong" + kept[5:], "are not those that were accepted"), (kept[:-1], "is too short"), (None, "missing")):
        file.unlink() if damage is None else file.write_bytes(damage)
        result = shop.run("verify")
        assert (result.exit_code, said in result.stdout, str(file) in result.stdout) == (1, True, True)
        assert "defects" in shop.good("mail", "show", "aaaaaaaaaaaaa")
        assert str(file) in shop.bad("mail", "show", "aaaaaaaaaaaaa", "--raw")[1]


def test_files_that_others_may_read(large: tuple[Shop, Path]) -> None:
    shop, _ = large
    files_of(path(shop)).chmod(0o755)
    assert f"chmod 0700 {files_of(path(shop))}" in shop.run("verify").stdout


def test_a_file_that_no_mail_is_in(large: tuple[Shop, Path]) -> None:
    shop, file = large
    orphan = file.with_name(file.name[:2] + "0" * 62)
    orphan.write_bytes(b"left by a crash")
    assert shop.good("verify") == "all is well\n"  # it may be of a mail that is just coming in
    os.utime(orphan, (1, 1))
    os.utime(file, (1, 1))
    assert f"no mail is in the file {orphan}" in shop.run("verify").stdout
    assert "1 files that nothing names removed, 15 bytes" in shop.good("maintain")
    assert (orphan.exists(), file.exists()) == (False, True)
    assert shop.good("verify") == "all is well\n"


def test_a_backup_has_the_files_each_once_and_gives_them_back(large: tuple[Shop, Path], tmp_path: Path) -> None:
    shop, file = large
    target = tmp_path / "b" / "mail.db"
    target.parent.mkdir(0o700)
    for _ in range(3):
        shop.good("backup", str(target), "--keep", "1")
    saved = [p for p in files_of(target).rglob("*") if p.is_file()]
    assert [p.name for p in saved] == [file.name]
    for copy in ("", ".1"):
        assert shop.good("verify", str(target) + copy) == "all is well\n"
    shutil.rmtree(path(shop).parent)
    shop.good("restore", str(target) + ".1")
    assert file.stat().st_mode & 0o777 == 0o600
    assert shop.good("verify") == "all is well\n"
    saved[0].write_bytes(b"damaged")
    assert "is too short" in shop.run("verify", str(target)).stdout
    shop.good("backup", str(target))
    assert shop.good("verify", str(target)) == "all is well\n"
    saved[0].write_bytes(b"damaged")
    shutil.rmtree(path(shop).parent)
    result = shop.run("restore", str(target))
    assert (result.exit_code, "is not restored: 1 finding" in result.stderr, "is missing" in result.stdout) == (1, True, True)
    assert not path(shop).exists()
    assert "restored" in shop.good("restore", str(target), "--force")


def test_a_backup_of_a_store_without_one_of_its_files_is_none(large: tuple[Shop, Path], tmp_path: Path) -> None:
    shop, file = large
    file.write_bytes(b"other")
    assert "holds other bytes" in shop.bad("backup", str(tmp_path / "b.db"))[1]
    file.unlink()
    assert "is missing: smtpgate verify" in shop.bad("backup", str(tmp_path / "b.db"))[1]
    assert not (tmp_path / "b.db").exists()


def test_the_files_of_a_store_before_a_restore_stay(large: tuple[Shop, Path], tmp_path: Path) -> None:
    shop, file = large
    sql(shop, "UPDATE incoming_raw SET file = NULL")  # as a backup from before the large mail
    sql(shop, "DELETE FROM raw_file")
    shop.good("backup", str(tmp_path / "early.db"))
    sql(shop, "INSERT INTO raw_file VALUES (?, 1, '')", file.name)
    shop.good("restore", str(tmp_path / "early.db"), "--force")
    os.utime(file, (1, 1))
    assert "0 files" in shop.good("maintain")
    assert file.exists()
    path(shop).with_name("smtpgate.db.before-restore").write_bytes(b"unreadable")
    assert shop.run("maintain").exit_code == 1
    assert file.exists()
    path(shop).with_name("smtpgate.db.before-restore").unlink()
    assert "1 files" in shop.good("maintain")
    assert not file.exists()


def test_old_mail_in_the_cold_store_is_found_backed_up_and_restored(large: tuple[Shop, Path], tmp_path: Path) -> None:
    shop, file = large
    cold = tmp_path / "cold"
    config = tmp_path / "smtpgate.toml"
    config.write_text(config.read_text() + f'[store]\ncold = "{cold}"\ncold_after = "1d"\n')
    result = shop.run("maintain")
    assert (result.exit_code, "mount it, or make the directory" in result.stdout) == (1, True)
    cold.mkdir(0o700)
    assert "3 mails moved to the cold store" in shop.good("maintain")
    assert not file.exists()
    assert len([p for p in cold.rglob("*") if p.is_file()]) == 2
    assert shop.good("verify") == "all is well\n"
    assert shop.run("mail", "show", "aaaaaaaaaaaaa", "--raw").stdout_bytes.endswith(BIG)
    target = tmp_path / "mail.db"
    shop.good("backup", str(target))
    assert shop.good("verify", str(target)) == "all is well\n"
    shutil.rmtree(cold)
    shutil.rmtree(path(shop).parent)
    cold.mkdir(0o700)
    shop.good("restore", str(target))
    assert shop.good("verify") == "all is well\n"
    assert "mails moved to the cold store" in shop.good("maintain")  # once more
    assert [p for p in cold.rglob("*") if p.is_file()]
    assert shop.good("verify") == "all is well\n"
