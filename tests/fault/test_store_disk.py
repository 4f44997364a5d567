"""A full disk, a failing disk, a damaged file, a file that somebody else holds."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpgate.errors import StoreError, StoreFatal, StoreFull
from smtpgate.store import sqlite_file
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import NOW
from tests.support.store_steps import accept_one

ROOT = Path(__file__).parents[2]


async def fill(store: SqliteStore) -> list[str]:
    """Accept until there is no room; the ids of those that were acknowledged."""
    ids: list[str] = []
    try:
        while len(ids) < 1000:
            ids.append(await accept_one(store, raw=os.urandom(50_000)))
    except StoreFull:
        return ids
    raise AssertionError("it never filled up")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


class TestFull:
    async def test_a_full_disk_refuses_and_recovers(self, small_disk: Path) -> None:
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(1_500_000))
        fatal: list[StoreFatal] = []
        store = await SqliteStore.open(small_disk / "store.db", on_fatal=fatal.append)
        try:
            ids = await fill(store)
            assert len(ids) > 5
            for _ in range(3):
                with pytest.raises(StoreFull):
                    await accept_one(store, raw=os.urandom(50_000))
            assert {mail.id for mail in await store.mails(None, limit=1000)} == set(ids)
            ballast.unlink()
            ids.append(await accept_one(store, raw=os.urandom(50_000)))
            assert await store.check() == []
            assert {mail.id for mail in await store.mails(None, limit=1000)} == set(ids)
            assert fatal == []
        finally:
            await store.close()

    async def test_a_full_database_refuses_and_recovers(self, tmp_path: Path) -> None:
        store = await SqliteStore.open(tmp_path / "store.db")
        assert store._writer is not None
        connection = store._writer._connection
        connection.execute("PRAGMA max_page_count = 600")
        try:
            ids = await fill(store)
            results = await asyncio.gather(*(accept_one(store, raw=os.urandom(50_000)) for _ in range(20)), return_exceptions=True)
            assert all(isinstance(result, StoreFull) for result in results)
            connection.execute("PRAGMA max_page_count = 60000")
            ids.append(await accept_one(store))
            assert {mail.id for mail in await store.mails(None, limit=1000)} == set(ids)
            assert await store.check() == []
        finally:
            await store.close()


def replace_log(path: Path) -> None:
    """Put something under SQLite's open files of the log that takes writes and cannot be synced."""
    null = os.open("/dev/null", os.O_RDWR)
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target == f"{path}-wal":
            os.dup2(null, int(name))
            found += 1
    os.close(null)
    assert found


class TestFailedSync:
    async def test_it_ends_everything(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        told: list[str] = []
        ended = asyncio.Event()

        def on_fatal(_error: StoreFatal) -> None:
            told.append("fatal")
            ended.set()

        store = await SqliteStore.open(path, on_fatal=on_fatal)
        try:
            kept = await accept_one(store)
            replace_log(path)

            async def one() -> None:
                try:
                    await accept_one(store)
                finally:
                    told.append("caller")

            results = await asyncio.gather(*(one() for _ in range(10)), return_exceptions=True)
            assert all(isinstance(result, StoreFatal) for result in results)
            async with asyncio.timeout(5):
                await ended.wait()
            assert sorted(told) == ["caller"] * 10 + ["fatal"]
            for verb in (accept_one(store), store.counts(), store.next_due(), store.token_key(b"x"), store.mail(kept)):
                with pytest.raises(StoreFatal):
                    await verb
            assert told.count("fatal") == 1
        finally:
            await store.close()
        again = await SqliteStore.open(path)
        try:
            assert [mail.id for mail in await again.mails(None, limit=10)] == [kept]
            assert await again.check() == []
        finally:
            await again.close()

    @pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
    @pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
    async def test_a_process_ends_and_its_acknowledgements_hold(self, tmp_path: Path, call: str) -> None:
        """The kernel says EIO once. A second commit would succeed, over a hole: it must never be tried."""
        path = tmp_path / "store.db"
        await (await SqliteStore.open(path)).close()
        inject = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(tmp_path / "trace")]
        inject += ["-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when=40"]
        done = subprocess.run(
            [*inject, sys.executable, "-m", "tests.support.store_child", str(path), "1"],
            cwd=ROOT,
            capture_output=True,
            timeout=60,
            check=False,
        )
        if b"ptrace" in done.stderr.lower() and not done.stdout:
            pytest.skip("strace may not trace here")
        words = [line.split() for line in done.stdout.decode().splitlines()]
        assert done.returncode == 74, done.stderr[-2000:]
        assert words.count(["fatal"]) == 1
        acknowledged = {word[1] for word in words if word[0] == "accepted"}
        assert acknowledged
        store = await SqliteStore.open(path)
        try:
            assert acknowledged <= {mail.id for mail in await store.mails(None, limit=100_000)}
            assert await store.check() == []
        finally:
            await store.close()


async def test_a_damaged_file_ends_everything(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    ids = await asyncio.gather(*(accept_one(store, raw=os.urandom(20_000)) for _ in range(100)))
    await store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 200)
        file.write(os.urandom(size - 4096 * 200))
    fatal: list[StoreFatal] = []
    store = await SqliteStore.open(path, on_fatal=fatal.append)
    try:
        with pytest.raises(StoreFatal):
            await asyncio.gather(*(store.mail(mail_id) for mail_id in ids))
        await asyncio.sleep(0)
        assert len(fatal) == 1
        with pytest.raises(StoreFatal):
            await accept_one(store)
    finally:
        await store.close()


class TestHeldBySomebodyElse:
    async def test_every_waiting_verb_is_told_after_one_timeout(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 1.0)
        path = tmp_path / "store.db"
        fatal: list[StoreFatal] = []
        store = await SqliteStore.open(path, on_fatal=fatal.append)
        holder = sqlite3.connect(path, isolation_level=None)
        try:
            holder.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            results = await asyncio.gather(*(accept_one(store) for _ in range(500)), return_exceptions=True)
            assert {type(result) for result in results} == {StoreError}
            assert time.monotonic() - began < 7.0  # eight batches that wait one after the other would take eight
            assert (await store.counts())["mail.accepted"] == 0  # readers are not held up
            holder.execute("ROLLBACK")
            await accept_one(store)
            assert len(await store.claim(worker="w", now=NOW, lease=1.0, limit=9)) == 1
            assert fatal == []
        finally:
            holder.close()
            await store.close()
