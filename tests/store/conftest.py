"""Stores for the contract tests. Another driver joins by a name in DRIVERS and a way to open it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from smtpgate.store.sqlite import SqliteStore
from smtpgate.store.verbs import VerbStore
from tests.support import postgres

DRIVERS = ["sqlite", "postgres"]
OpenStore = Callable[[], Awaitable[VerbStore]]


@pytest.fixture(params=DRIVERS)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens the same database as often as asked, each time as another process would."""
    opened: list[VerbStore] = []
    if request.param == "postgres":
        url: str = request.getfixturevalue("session_database")
        await postgres.emptied(url)

    async def opening() -> VerbStore:
        if request.param == "sqlite":
            opened.append(await SqliteStore.open(tmp_path / "private" / "store.db"))
        else:
            from smtpgate.store.postgres import PostgresStore
            from smtpgate.store.postgres_link import Server

            opened.append(await PostgresStore.open(Server(url)))
        return opened[-1]

    yield opening
    for store in opened:
        await store.close()
    assert not [thread for thread in threading.enumerate() if "store-writer" in thread.name]
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("store")]


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[VerbStore]:
    """One store, which must be in order when the test is done."""
    opened = await open_store()
    yield opened
    assert await opened.check() == []
