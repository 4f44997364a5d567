"""Killed in the middle of commits: everything that was acknowledged is there, whole, and nothing is half there."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from smtpgate.model import MailState
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_child import raw_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
async def test_acknowledged_means_stored(tmp_path: Path, kills: int) -> None:
    path = tmp_path / "store.db"
    accepted: dict[str, int] = {}
    filed: set[str] = set()
    for kill in range(kills):
        lines = random.Random(kill).randrange(50, 800)
        for word, mail_id, *rest in run_and_kill(path, kill * 1_000_000, lines):
            if word == "accepted":
                accepted[mail_id] = int(rest[0])
            else:
                filed.add(mail_id)
    assert len(accepted) > kills * 20
    assert filed
    print(f"{kills} kills, {len(accepted)} acknowledged, {len(filed)} filed")
    store = await SqliteStore.open(path)
    try:
        assert await store.check() == []
        for mail_id, seed in accepted.items():
            mail = await store.mail(mail_id)
            assert mail is not None, f"{mail_id} was acknowledged and is lost"
            assert mail.raw == raw_of(seed)
            if mail_id in filed:
                assert mail.state is MailState.FILED
            if mail.state is MailState.FILED:
                detail = await store.ticket(f"N-{mail_id}")
                assert detail is not None
                assert [entry.mail_id for entry in detail.entries] == [mail_id]
        counts = await store.counts()
        assert counts["ticket.open"] == counts["mail.filed"]
    finally:
        await store.close()


def run_and_kill(path: Path, first_seed: int, lines: int) -> list[list[str]]:
    """What a child acknowledged before it was killed, shortly after its so-many-th word."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.store_child", str(path), str(first_seed)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        heard = [child.stdout.readline() for _ in range(lines)]
    finally:
        child.kill()
    heard += child.stdout.read().splitlines(keepends=True)
    child.stdout.close()
    assert child.wait() == -9
    return [line.decode().split() for line in heard if line.endswith(b"\n")]
