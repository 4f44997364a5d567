"""What breaks below and inside us: the disk is full, the store is locked, a parser dies, our own code fails."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from smtpgate.handlers import pipeline
from smtpgate.handlers.case import Case, Work
from tests.support.desk import desk
from tests.support.gateway import DESK, Gateway, letter, wait_for


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    directory.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "smtpgate-test", str(directory)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def offer(gateway: Gateway, number: int, size: int) -> int:
    """Send one mail; the code of the last reply, whatever it is."""
    data = letter(f"Big {number}", os.urandom(size // 2).hex(), message_id=f"<{number}@customer.example>").as_bytes()
    with gateway.smtp() as client:
        client.ehlo()
        for code, _ in (client.mail("alice@customer.example"), client.rcpt(DESK)):
            if code != 250:
                return code
        return client.data(data)[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_452_or_451_loses_nothing_and_heals_by_itself(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path / "gateway", limits={"free_space": "0B"})
    with small_disk(gateway.store.parent, "16m"), gateway.running():
        accepted, codes = [], []
        for number in range(60):
            codes.append(offer(gateway, number, 400_000))
            if codes[-1] == 250:
                accepted.append(f"<{number}@customer.example>")
            elif codes.count(codes[-1]) >= 5:
                break
        assert set(codes) - {250} <= {451, 452}, codes
        assert {451, 452} & set(codes), "the disk never became full"
        assert len(accepted) >= 3
        assert "No space" not in str(codes)
        subprocess.run(["mount", "-o", "remount,size=256m", str(gateway.store.parent)], check=True)
        wait_for(lambda: offer(gateway, 1000, 1000) == 250, seconds=15, why="it takes mail again")
        gateway.settle(30)
        kept = [row["message_id"] for row in gateway.rows("SELECT message_id FROM incoming WHERE state = 'filed'")]
        assert sorted(kept) == sorted([*accepted, "<1000@customer.example>"])
        assert gateway.count("SELECT count(*) FROM ticket") == len(kept)
        assert len(gateway.mails()) == len(kept)
        assert gateway.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_before_the_disk_is_full_mail_is_refused_at_mail(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path / "gateway", limits={"free_space": "75MiB"})
    with small_disk(gateway.store.parent, "32m"), gateway.running():
        with gateway.smtp() as client:
            client.ehlo()
            code, text = client.mail("alice@customer.example")
        assert (code, text[:5]) == (452, b"4.3.1")
        subprocess.run(["mount", "-o", "remount,size=256m", str(gateway.store.parent)], check=True)
        assert offer(gateway, 1, 1000) == 250


def test_a_store_locked_by_somebody_else_delays_or_answers_451_and_then_all_goes_on(tmp_path: Path) -> None:
    with Gateway.make(tmp_path).running() as gateway:
        assert offer(gateway, 0, 1000) == 250
        gateway.settle()
        codes: list[int] = []
        with closing(sqlite3.connect(gateway.store, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            thread = threading.Thread(target=lambda: codes.append(offer(gateway, 1, 1000)))
            thread.start()
            thread.join(3)
            began = time.monotonic()
            other.execute("ROLLBACK")
        thread.join(60)
        assert codes[0] in (250, 451), codes
        assert time.monotonic() - began < 30
        wait_for(lambda: offer(gateway, 2, 1000) == 250)
        gateway.settle()
        accepted = 2 + codes.count(250)
        assert gateway.count("SELECT count(*) FROM incoming WHERE state = 'filed'") == accepted
        assert gateway.count("SELECT count(*) FROM ticket") == accepted


def test_killed_parsers_cost_no_mail(tmp_path: Path) -> None:
    """Every parser dies again and again while mail comes in."""
    with Gateway.make(tmp_path).running() as gateway:
        assert offer(gateway, 0, 1000) == 250
        gateway.settle()
        assert gateway.parsers(), "there is no parser process"
        ended, killed = threading.Event(), []

        def killer() -> None:
            while not ended.wait(0.15):
                for pid in gateway.parsers():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)

        thread = threading.Thread(target=killer)
        thread.start()
        codes: list[int] = []
        try:
            while len(codes) < 40 or (len(killed) < 5 and len(codes) < 2000):
                codes.append(offer(gateway, len(codes) + 1, 2000))
        finally:
            ended.set()
            thread.join()
        assert set(codes) == {250}
        assert len(killed) >= 5
        gateway.settle(30)
        assert gateway.count("SELECT count(*) FROM incoming WHERE state = 'filed'") == len(codes) + 1
        assert gateway.count("SELECT count(*) FROM ticket") == len(codes) + 1
        assert offer(gateway, 5000, 1000) == 250
        gateway.settle()
        assert [e["text"] for e in gateway.rows("SELECT text FROM entry WHERE kind = 'customer' ORDER BY seq DESC LIMIT 1")] != [""]


async def test_mail_on_which_our_code_fails_is_poison_after_three_tries_and_can_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def handle(case: Case, work: Work) -> None:
        if case.parsed.subject == "Poison":
            tried.append(case.mail.id)
            raise RuntimeError("a bug of ours")

    def poisoned() -> bool:
        return it.files.count("SELECT count(*) FROM incoming WHERE state = 'poison'") == 1

    async with desk(tmp_path) as it:
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "HANDLERS", (SimpleNamespace(NAME="bug", handle=handle), *pipeline.HANDLERS))
            await it.send(letter("Poison", "This one breaks us."))
            await it.send(letter("Harmless", "This one does not."))
            await it.until(poisoned, why="it is poison", tick=5.0)
            assert it.files.count("SELECT tries FROM incoming WHERE state = 'poison'") == 3
            assert 3 <= len(tried) <= 6  # before each alone it may have been tried with others, which is not held against it
        assert it.files.count("SELECT count(*) FROM ticket") == 1  # the rest flowed
        (row,) = await asyncio.to_thread(it.files.cli_list, "poison", "list")
        assert row["id"] == tried[0]
        assert "a bug of ours" in row["reason"]
        assert it.files.count("SELECT count(*) FROM outgoing") == 1  # nobody is mailed about it
        await asyncio.to_thread(it.files.cli, "poison", "replay", row["id"])
        await it.until(lambda: it.files.count("SELECT count(*) FROM ticket") == 2, why="it is filed", tick=0.5)
        assert it.files.count("SELECT count(*) FROM incoming WHERE state = 'filed'") == 2


def test_a_failure_of_ours_says_451_and_nothing_about_itself(tmp_path: Path) -> None:
    """The table is gone: as bad as it gets without the file being damaged."""
    with Gateway.make(tmp_path).running() as gateway:
        with closing(sqlite3.connect(gateway.store, timeout=10)) as other:
            other.execute("ALTER TABLE incoming_raw RENAME TO gone")
        with gateway.smtp() as client:
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail("alice@customer.example", DESK, letter().as_bytes())
            assert refused.value.smtp_code == 451
            assert b"incoming" not in refused.value.smtp_error
            assert b"sqlite" not in refused.value.smtp_error.lower()
            with closing(sqlite3.connect(gateway.store, timeout=10)) as other:
                other.execute("ALTER TABLE gone RENAME TO incoming_raw")
            client.sendmail("alice@customer.example", DESK, letter().as_bytes())
        gateway.settle()
        assert gateway.count("SELECT count(*) FROM incoming") == 1
