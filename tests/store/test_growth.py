"""The benchmark of grown stores at its smallest: what it fills is a sound store, and it measures what it says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import growth
from smtpgate.store.sqlite import SqliteStore


async def test_a_filled_store_is_sound_and_files_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "_MAILS", 20)
    monkeypatch.setattr(growth, "_ASKED", 1)
    monkeypatch.setattr(growth, "_TURNS", 1)
    monkeypatch.setattr(growth, "_OPEN", 50)
    path, now = tmp_path / "60" / "store.db", time.time()
    growth.build(path, 60, now)
    found = (await growth.measure([growth.Filled(path, 60, now)], seed=1))[60]
    assert 0 < found["filing"] < 10**6
    assert found["lists and polls"] > 0
    store = await SqliteStore.open(path)
    try:
        assert await store.check() == []
        counts = await store.counts()
        assert counts["mail.filed"] == 99  # 120 and 20 new ones without 40 that are held and one that was dropped
        assert counts["ticket.open"] + counts["ticket.resolved"] + counts["ticket.closed"] == 70  # half were replies
    finally:
        await store.close()
