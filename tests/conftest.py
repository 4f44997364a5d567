"""For every test: no network beyond this machine, and logging as it was before."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tests.support import order, postgres, room, zygote

# Without bytecode each run, each worker and each process of a test compiles everything anew, and pytest rewrites every test.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

room.use()

# Thousands of tests and all modules are built and stay: looking for garbage among them is a third of the time of collecting.
gc.disable()

# A busy machine is no fault of the code, and a build server should say the same twice.
settings.register_profile("ours", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("ours")

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)

_connect, _sendto = socket.socket.connect, socket.socket.sendto


def _local(address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else "127.0.0.1"  # else: a path in the file system
    if not (host.startswith("127.") or host in ("::1", "localhost", "")):
        raise AssertionError(f"a test wants to talk to {host}")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    _local(address)
    _connect(self, address)


def _guarded_sendto(self: socket.socket, data: Any, *args: Any) -> int:
    _local(args[-1])
    return _sendto(self, data, *args)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order.put(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> order.Scheduling | None:
    return order.Scheduling(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)  # when its fixtures are done
def pytest_runtest_teardown() -> None:
    """A pool of parsers makes its process, here the one that runs all tests, the parent of whatever its children leave behind:
    for this test. Nobody would wait for what gateways of later ones leave, and it would look as if it went on."""
    with suppress(OSError, AttributeError):  # no Linux
        ctypes.CDLL(None).prctl(_SUBREAPER, ctypes.c_ulong(0))


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", _guarded_connect)
    patch.setattr(socket.socket, "sendto", _guarded_sendto)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def session_database() -> Iterator[str]:
    """The URL of the PostgreSQL database of this session, as the last test left it."""
    with postgres.databases() as url:
        yield url


@pytest.fixture
async def database(session_database: str) -> str:
    """The URL of a PostgreSQL database without rows."""
    await postgres.emptied(session_database)
    return session_database


@pytest.fixture
def forked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Parsers and doors that the test's own process starts are forks of it, which have loaded what half a second goes for.
    A test that is marked `real` starts them by their command."""
    with nullcontext() if request.node.get_closest_marker("real") else zygote.forking():
        yield


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands set up logging for their process, which is that of the next test too."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()
