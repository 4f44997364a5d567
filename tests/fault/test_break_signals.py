"""A stop that comes at a bad moment: while the gateway starts, with work that is stuck, and twice."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpgate import app, serving
from smtpgate.config import Config
from smtpgate.configfile import load
from smtpgate.errors import StoreError
from smtpgate.processes import making
from smtpgate.store.sqlite import SqliteStore
from tests.support.gateway import Gateway, alive, children, letter, wait_for

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
        assert await serving.serve(settings) == 0
    with pytest.raises(StoreError, match="closed"):
        await opened[0].counts()


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("number", SIGNALS)
async def test_a_stop_of_a_running_gateway(settings: Config, number: signal.Signals) -> None:
    async with asyncio.timeout(20):
        assert await serving.serve(settings, ready=lambda _: os.kill(os.getpid(), number)) == 0


# --- a stop ends in time, whatever it waits for ------------------------------------------------------------------------

GRACE = 1.0
BOUND = GRACE + 2 + 12  # the grace, storing what has come of it, and a slow machine


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def smarthost(port: int) -> dict[str, object]:
    return {"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": port, "tls": "none"}}


def stopped(gateway: Gateway, within: float = BOUND) -> None:
    began = time.monotonic()
    assert gateway.stop(within + 10) == 0, gateway.log()[-2000:]
    assert time.monotonic() - began < within


def test_a_stop_with_a_stuck_delivery(tmp_path: Path, silent: int) -> None:
    gateway = Gateway.make(tmp_path, server={"shutdown_grace": f"{GRACE:g}s"}, delivery=smarthost(silent)).start()
    gateway.send(letter())
    wait_for(lambda: gateway.count("SELECT count(*) FROM recipient WHERE attempts = 1"), why="an attempt under way")
    stopped(gateway)
    assert gateway.count("SELECT count(*) FROM recipient WHERE state = 'queued' AND attempts = 0") == 1, "given back, uncounted"


def test_a_stop_with_a_stuck_parser(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path, server={"shutdown_grace": f"{GRACE:g}s"}, parser={"processes": 1}).start()
    assert gateway.process is not None
    (parser,) = gateway.parsers()
    os.kill(parser, signal.SIGSTOP)
    gateway.send(letter())
    stopped(gateway)
    assert gateway.count("SELECT count(*) FROM incoming WHERE state = 'accepted' AND tries = 0") == 1
    with gateway.running():
        gateway.mails_to("alice@customer.example")


@pytest.mark.usefixtures("forked")
async def test_a_stop_with_a_stuck_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judging = asyncio.Event()

    async def stuck(**_: object) -> None:
        judging.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(making, "judge", stuck)
    made = Gateway.make(tmp_path, server={"shutdown_grace": f"{GRACE:g}s"})
    gateway = app.Gateway(load(made.config))
    await gateway.start()
    client = asyncio.create_task(asyncio.to_thread(made.send, letter()))
    await judging.wait()
    began = time.monotonic()
    await gateway.stop()
    assert time.monotonic() - began < BOUND
    with pytest.raises((smtplib.SMTPException, OSError)) as told:
        await client
    assert "421" in str(told.value)
    assert made.count("SELECT count(*) FROM incoming") == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_at_once(number: signal.Signals, tmp_path: Path, silent: int) -> None:
    real = number is signal.SIGINT  # Python's own way with it
    gateway = Gateway.make(tmp_path, real=real, server={"shutdown_grace": "60s"}, delivery=smarthost(silent)).start()
    gateway.send(letter())
    wait_for(lambda: gateway.count("SELECT count(*) FROM recipient WHERE attempts = 1"), why="an attempt under way")
    process = gateway.process
    assert process is not None
    helpers = children(process.pid)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(number)
    assert process.wait(15) == -number
    gateway.process = None
    assert "told to stop again, ending at once" in gateway.log()
    assert f"signal={number.name}" in gateway.log().replace("'", "")
    wait_for(lambda: not [pid for pid in helpers if alive(pid)], why="the parsers end by themselves")
