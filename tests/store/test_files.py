"""Contract: large raw mail in files, old mail in the cold store; and what is left behind by a crash."""

from __future__ import annotations

import asyncio
import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtpgate.errors import StoreError, StoreFull
from smtpgate.store import filework, incoming, rawfiles
from smtpgate.store.api import Incoming
from smtpgate.store.filework import SAFE_AGE, Report
from smtpgate.store.rawfiles import HOME, RawFiles
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_query, accepted
from tests.support.store_steps import accept_one, claim_all

LARGE = 70_000
DENSE = os.urandom(LARGE)  # as an attachment: it does not pack
PROSE = b"Subject: x\r\n\r\n" + b"again and again " * 6000
_DAY = 86400.0


@pytest.fixture
async def filing(store: VerbStore, tmp_path: Path) -> VerbStore:
    """A store with a directory for files, and a cold one."""
    return with_files(store, tmp_path)


def with_files(store: VerbStore, tmp_path: Path) -> VerbStore:
    (tmp_path / "cold").mkdir(exist_ok=True)
    store.files = RawFiles(tmp_path / "files", tmp_path / "cold", larger=LARGE)
    return store


async def the_mail(store: VerbStore, mail_id: str) -> Incoming:
    found = await store.mail(mail_id)
    assert found is not None
    return found


def files_in(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


async def work(store: VerbStore, begin: Callable[[Report], filework.Work], stop: int = 10**6) -> Report:
    """As maintenance does it; stop: bites after which the process dies."""
    report, answer = Report(), None
    going = begin(report)
    try:
        while stop:
            bite = going.send(answer)
            answer = await (store._write(bite.make) if bite.rows else store._read(bite.make))
            stop -= 1
    except StopIteration:
        pass
    return report


async def collect(store: VerbStore, now: float) -> Report:
    return await work(store, lambda report: filework.collect(store.files, now, report))


async def cool(store: VerbStore, before: float = NOW + 9 * _DAY, stop: int = 10**6, most: int = 3) -> Report:
    return await work(store, lambda report: filework.cool(store.files, before, report, lambda: most), stop)


def aged(directory: Path, age: float = SAFE_AGE) -> float:
    """All files so old; the time that it is then."""
    now = 2_000_000_000.0
    for path in files_in(directory):
        os.utime(path, (now - age, now - age))
    return now


class TestLarge:
    @pytest.mark.parametrize("raw", [DENSE, PROSE], ids=["dense", "prose"])
    async def test_it_is_in_a_file_of_its_hash_and_read_from_there(self, filing: VerbStore, tmp_path: Path, raw: bytes) -> None:
        mail_id = await accept_one(filing, raw=raw)
        (path,) = files_in(tmp_path / "files")
        held = path.read_bytes()
        assert path.name == hashlib.sha256(held).hexdigest()
        assert path.parent.name == path.name[:2]
        assert (held == raw) or zlib.decompress(held) == raw
        assert (raw is PROSE) == (len(held) < len(raw))
        assert path.stat().st_mode & 0o777 == 0o600
        assert {d.stat().st_mode & 0o777 for d in (path.parent, path.parent.parent)} == {0o700}
        assert (await the_mail(filing, mail_id)).raw == raw
        assert [one.raw for one in await filing.claim(worker="w", now=NOW, lease=9, limit=9)] == [raw]
        assert await filing.verify(NOW) == []

    async def test_what_is_smaller_is_in_the_table(self, filing: VerbStore, tmp_path: Path) -> None:
        mail_id = await accept_one(filing, raw=DENSE[:-1])
        assert files_in(tmp_path / "files") == []
        assert (await the_mail(filing, mail_id)).raw == DENSE[:-1]

    async def test_without_a_directory_all_is_in_the_database(self, store: VerbStore, tmp_path: Path) -> None:
        store.files = RawFiles(None, larger=LARGE)
        mail_id = await accept_one(store, raw=DENSE)
        assert (await the_mail(store, mail_id)).raw == DENSE
        assert files_in(tmp_path / "files") == []

    async def test_the_same_content_is_one_file(self, filing: VerbStore, tmp_path: Path) -> None:
        ids = await asyncio.gather(*(accept_one(filing, raw=DENSE) for _ in range(5)))
        assert len(files_in(tmp_path / "files")) == 1
        assert {(await the_mail(filing, one)).raw for one in ids} == {DENSE}

    async def test_a_second_copy_mends_a_damaged_file(self, filing: VerbStore, tmp_path: Path) -> None:
        first = await accept_one(filing, raw=DENSE)
        (path,) = files_in(tmp_path / "files")
        path.write_bytes(b"damaged")
        await accept_one(filing, raw=DENSE)
        assert (await the_mail(filing, first)).raw == DENSE

    async def test_a_full_disk_is_told_and_nothing_stays(
        self, filing: VerbStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(rawfiles.os, "write", full)
        with pytest.raises(StoreFull, match="No space left"):
            await accept_one(filing, raw=DENSE)
        monkeypatch.undo()
        assert files_in(tmp_path / "files") == []
        assert await filing.mails(None, limit=9) == ()

    async def test_a_directory_that_cannot_be_synced_leaves_no_file_to_rely_on(
        self, filing: VerbStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await accept_one(filing, raw=DENSE[::-1])
        sync = rawfiles._sync

        def failing(directory: Path) -> None:
            if directory.parent.name == "files":
                raise OSError(5, "Input/output error")
            sync(directory)

        before = files_in(tmp_path / "files")
        monkeypatch.setattr(rawfiles, "_sync", failing)
        with pytest.raises(StoreError, match="Input/output error"):
            await accept_one(filing, raw=DENSE)
        assert files_in(tmp_path / "files") == before


class TestLost:
    async def test_a_missing_file_is_said_and_nothing_else_suffers(self, filing: VerbStore, tmp_path: Path) -> None:
        lost = await accept_one(filing, raw=DENSE)
        other = await accept_one(filing, raw=PROSE)
        fine = await accept_one(filing)
        path = tmp_path / "files" / (name := hashlib.sha256(DENSE).hexdigest())[:2] / name
        path.unlink()
        claimed = {mail.id: mail for mail in await filing.claim(worker="w", now=NOW, lease=9, limit=9)}
        fault = claimed[lost].fault
        assert fault is not None
        assert (str(fault), fault.lasting) == (f"its file {path} is missing", True)
        assert claimed[lost].raw == b""
        assert claimed[other].raw == PROSE
        assert claimed[fine].fault is None
        (finding,) = await filing.verify(NOW)
        assert finding.text == f"mail {lost}: its file {path} is missing"
        assert "backup" in finding.mend

    async def test_wrong_bytes_are_never_taken_for_the_mail(self, filing: VerbStore, tmp_path: Path) -> None:
        ids = [await accept_one(filing, raw=raw) for raw in (DENSE, PROSE)]
        for path in files_in(tmp_path / "files"):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        for mail_id in ids:
            mail = await the_mail(filing, mail_id)
            assert mail.raw == b""
            assert mail.fault is not None
            assert mail.fault.lasting
        assert len(await filing.verify(NOW)) == 2

    async def test_a_disk_that_is_away_may_come_back(self, filing: VerbStore, tmp_path: Path) -> None:
        mail_id = await accept_one(filing, raw=DENSE)
        (tmp_path / "files").rename(tmp_path / "away")
        (tmp_path / "files").mkdir()
        mail = await the_mail(filing, mail_id)
        assert mail.fault is not None
        assert not mail.fault.lasting
        filing.files.home = None
        mail = await the_mail(filing, mail_id)
        assert mail.fault is not None
        assert "store.files names no directory" in str(mail.fault)


def test_a_file_that_is_collected_while_it_is_looked_at_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RawFiles(tmp_path / "files", larger=LARGE)
    name = files.put(PROSE)
    path = files.path(name, HOME)
    assert path is not None

    def collected(place: Path) -> None:
        monkeypatch.undo()
        place.unlink()
        raise FileNotFoundError(place)

    monkeypatch.setattr("smtpgate.store.rawfiles.os.utime", collected)
    assert files.put(PROSE) == name
    assert path.read_bytes() == PROSE


class TestCollect:
    async def test_only_what_is_old_and_named_by_nobody_goes(self, filing: VerbStore, tmp_path: Path) -> None:
        kept = await accept_one(filing, raw=DENSE)
        orphan = filing.files.put(PROSE)  # the process died before its row was committed
        unfinished = tmp_path / "files" / "ab" / ".abc.tmp"
        unfinished.parent.mkdir(exist_ok=True)
        unfinished.write_bytes(b"half")
        now = aged(tmp_path / "files", SAFE_AGE - 1)
        assert (await collect(filing, now)).count == 0
        assert len(files_in(tmp_path / "files")) == 3
        (finding, other) = await filing.verify(now + 1)
        assert orphan in finding.text + other.text
        assert "maintain removes it" in finding.mend
        filing.files.spared = frozenset({orphan})
        assert (await collect(filing, now + 1)).count == 1
        filing.files.spared = frozenset()
        report = await collect(filing, now + 1)
        assert (report.count, report.octets, report.finished) == (1, len(PROSE), True)
        assert (await the_mail(filing, kept)).raw == DENSE
        assert await filing.verify(now + 1) == []

    async def test_who_takes_it_up_again_meanwhile_writes_it_again(
        self, filing: VerbStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put, puts = RawFiles.put, 0

        def taken_away(files: RawFiles, data: bytes, place: str = HOME) -> str:
            nonlocal puts
            name = put(files, data, place)
            puts += 1
            if puts == 1:
                files_in(tmp_path / "files")[0].unlink()  # what the collector does between the file and its row
            return name

        monkeypatch.setattr(RawFiles, "put", taken_away)
        mail_id = await accept_one(filing, raw=DENSE)
        assert puts == 2
        assert (await the_mail(filing, mail_id)).raw == DENSE

    async def test_it_is_given_up_when_it_goes_each_time(self, filing: VerbStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(filing, "_present", lambda *_: False)
        with pytest.raises(incoming.FileGone):
            await accept_one(filing, raw=DENSE)

    async def test_collecting_and_accepting_at_once(self, open_store: OpenStore, tmp_path: Path) -> None:
        """Whoever is first: no row ever names a file that is not there."""
        one, two = [with_files(await open_store(), tmp_path) for _ in range(2)]
        for round_ in range(12):
            raw = bytes([round_]) + DENSE
            one.files.put(raw)
            now = aged(tmp_path / "files")
            collecting = asyncio.create_task(collect(two, now))
            await asyncio.sleep(0.0007 * (round_ % 6))
            mail_id = await accept_one(one, raw=raw)
            await collecting
            assert (await the_mail(two, mail_id)).raw == raw


class TestCold:
    async def fill(self, store: VerbStore) -> dict[str, bytes]:
        """Small and large ones of three months, and some that are young."""
        raws = [b"one\r\n", DENSE, b"two " * 999, PROSE, os.urandom(3000), b"three\r\n"]
        found = {}
        for number, raw in enumerate(raws):
            found[await accept_one(store, raw=raw, at=NOW + number * 9 * _DAY)] = raw
        found[await accept_one(store, raw=DENSE[::-1], at=NOW + 99 * _DAY)] = DENSE[::-1]
        found[await accept_one(store, raw=b"young", at=NOW + 99 * _DAY)] = b"young"
        return found

    async def check(self, store: VerbStore, mails: dict[str, bytes]) -> None:
        for mail_id, raw in mails.items():
            assert (await the_mail(store, mail_id)).raw == raw
        assert await store.verify(NOW) == []

    async def test_old_mail_moves_and_is_found(self, filing: VerbStore, tmp_path: Path) -> None:
        mails = await self.fill(filing)
        report = await cool(filing, NOW + 90 * _DAY)
        assert (report.count, report.wrong, report.finished) == (6, [], True)
        assert len({path.parent.parent.name for path in files_in(tmp_path / "cold")}) == 3  # a directory for each month
        assert len(files_in(tmp_path / "files")) == 1
        await self.check(filing, mails)
        assert {one.raw for one in await filing.claim(worker="w", now=NOW * 2, lease=9, limit=9)} == set(mails.values())
        assert (await cool(filing, NOW + 90 * _DAY)).count == 0
        assert (await cool(filing, NOW + 100 * _DAY)).count == 2
        await self.check(filing, mails)
        now = aged(tmp_path)
        assert (await collect(filing, now)).count == 0

    async def test_a_crash_at_any_point_loses_nothing(self, filing: VerbStore, tmp_path: Path) -> None:
        mails = await self.fill(filing)
        for stop in range(1, 14):
            await cool(filing, NOW + 90 * _DAY, stop=stop % 5, most=1)
            await self.check(filing, mails)
        assert (await cool(filing, NOW + 90 * _DAY)).finished
        await collect(filing, aged(tmp_path))
        await self.check(filing, mails)

    async def test_a_mail_that_is_just_being_read_moves(self, filing: VerbStore, monkeypatch: pytest.MonkeyPatch) -> None:
        mail_id = await accept_one(filing, raw=DENSE)
        await claim_all(filing)
        read = filing._read

        async def moving(make: Any) -> Any:
            found = await read(make)
            monkeypatch.undo()
            await cool(filing)
            return found

        monkeypatch.setattr(filing, "_read", moving)
        assert (await the_mail(filing, mail_id)).raw == DENSE

    async def test_a_file_stays_while_a_young_mail_has_it(self, filing: VerbStore, tmp_path: Path) -> None:
        ids = [await accept_one(filing, raw=DENSE, at=at) for at in (NOW, NOW + 5 * _DAY)]
        assert (await cool(filing, NOW + _DAY)).count == 0
        assert (await cool(filing, NOW + 9 * _DAY)).count == 1
        again = await accept_one(filing, raw=DENSE, at=NOW + 20 * _DAY)  # what came again is not written twice
        await self.check(filing, dict.fromkeys([*ids, again], DENSE))
        assert (await collect(filing, aged(tmp_path))).count == 1  # the copy that the last one brought
        await self.check(filing, dict.fromkeys([*ids, again], DENSE))

    async def test_what_the_cold_store_has_lost_comes_back_with_the_next_copy(self, filing: VerbStore, tmp_path: Path) -> None:
        mail_id = await accept_one(filing, raw=DENSE)
        await cool(filing)
        files_in(tmp_path / "cold")[0].unlink()
        assert (await the_mail(filing, mail_id)).fault is not None
        await accept_one(filing, raw=DENSE)
        await self.check(filing, {mail_id: DENSE})

    async def test_a_cold_store_that_is_not_there(self, filing: VerbStore, tmp_path: Path) -> None:
        mails = await self.fill(filing)
        (tmp_path / "cold").rmdir()
        report = await cool(filing)
        assert "is not there" in report.wrong[0]
        await self.check(filing, mails)

    async def test_a_damaged_mail_stays_and_is_said(self, filing: VerbStore, tmp_path: Path) -> None:
        await accept_one(filing, raw=DENSE)
        fine = await accept_one(filing, raw=b"fine")
        files_in(tmp_path / "files")[0].write_bytes(b"damaged")
        report = await cool(filing)
        assert "cannot be moved" in report.wrong[0]
        assert report.count == 1
        assert (await the_mail(filing, fine)).raw == b"fine"


async def test_what_is_imported_goes_the_same_way(filing: VerbStore, tmp_path: Path) -> None:
    from smtpgate.model import MailState
    from smtpgate.store.api import Changes, OldMail

    mails = [accepted(raw=raw) for raw in (DENSE, b"small", PROSE)]
    done = Changes(state=MailState.FILED, decision="{}")
    old = [OldMail(m, f"box:{i}", f"k{i}", a_query(m.envelope.mail_id), lambda _: done) for i, m in enumerate(mails)]
    await filing.file_imported(old)
    assert len(files_in(tmp_path / "files")) == 2
    assert [(await the_mail(filing, m.envelope.mail_id)).raw for m in mails] == [m.raw for m in mails]
