"""Stores for the contract tests. Another driver joins by a name in DRIVERS and a way to open it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from smtpgate.store.sqlite import SqliteStore

DRIVERS = ["sqlite"]
OpenStore = Callable[[], Awaitable[SqliteStore]]


@pytest.fixture(params=DRIVERS)
async def open_store(tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens the same database as often as asked, each time as another process would."""
    opened: list[SqliteStore] = []

    async def opening() -> SqliteStore:
        opened.append(await SqliteStore.open(tmp_path / "private" / "store.db"))
        return opened[-1]

    yield opening
    for store in opened:
        await store.close()
    assert not [thread for thread in threading.enumerate() if "store-writer" in thread.name]


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[SqliteStore]:
    """One store, which must be in order when the test is done."""
    opened = await open_store()
    yield opened
    assert await opened.check() == []
