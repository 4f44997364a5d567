"""A stop that comes at a bad moment: while the gateway starts, and twice."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from smtpgate import app
from smtpgate.config import Config
from smtpgate.configfile import load
from smtpgate.errors import StoreError
from smtpgate.store.sqlite import SqliteStore
from tests.support.gateway import Gateway

SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return load(Gateway.make(tmp_path).config)


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_stop_while_starting_stops_what_had_started(
    settings: Config, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[SqliteStore] = []

    async def late(_: object, store: SqliteStore, *__: object) -> None:
        opened.append(store)
        os.kill(os.getpid(), number)
        await asyncio.sleep(30)

    monkeypatch.setattr(app, "build_pipeline", late)
    async with asyncio.timeout(20):
        assert await app.serve(settings) == 0
    with pytest.raises(StoreError, match="closed"):
        await opened[0].counts()


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_stop_of_a_running_gateway(settings: Config, number: signal.Signals) -> None:
    async with asyncio.timeout(20):
        assert await app.serve(settings, ready=lambda _: os.kill(os.getpid(), number)) == 0
