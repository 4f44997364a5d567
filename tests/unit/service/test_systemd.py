"""Notices over both kinds of socket, and which passed sockets are taken."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpgate.errors import UsageError
from smtpgate.service import systemd
from tests.support.notify import NotifySocket, notify_socket


def test_a_notice_is_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with notify_socket(tmp_path) as told:
        monkeypatch.setenv("NOTIFY_SOCKET", told.address)
        systemd.notify("READY=1", "STATUS=running")
        assert told.read() == [["READY=1", "STATUS=running"]]


def test_a_notice_to_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    told = NotifySocket("@smtpgate-test-" + secrets.token_hex(8))
    monkeypatch.setenv("NOTIFY_SOCKET", told.address)
    systemd.notify("WATCHDOG=1")
    assert told.read() == [["WATCHDOG=1"]]
    told.close()


def test_a_notice_that_nobody_hears_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [("30000000", "", 30.0), ("30000000", "me", 30.0), ("30000000", "1", None), ("0", "", None), ("x", "", None)],
)
def test_the_watchdog_is_for_this_process(usec: str, pid: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "me" else pid)
    assert systemd.watchdog_seconds() == seconds


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A listening socket, and the environment that passes it."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        pass_(made, monkeypatch)
        yield made


def pass_(passed: socket.socket, monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    monkeypatch.setattr(systemd, "_FIRST", os.dup(passed.fileno()))
    env = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "smtp", **changes}
    for name, value in env.items():
        monkeypatch.setenv(name, value)


def test_a_passed_socket_is_taken_once_and_not_inherited(listener: socket.socket) -> None:
    found = systemd.passed_sockets(("smtp",))
    assert [s.getsockname() for s in found["smtp"]] == [listener.getsockname()]
    assert not found["smtp"][0].get_inheritable()
    assert not [name for name in os.environ if name.startswith("LISTEN_")]
    assert systemd.passed_sockets(("smtp",)) == {}
    found["smtp"][0].close()


def test_sockets_for_another_process_are_left_alone(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    assert systemd.passed_sockets(("smtp",)) == {}
    os.close(systemd._FIRST)


def test_without_names_it_is_the_first_known(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_FDNAMES")
    found = systemd.passed_sockets(("smtp", "lmtp"))
    assert list(found) == ["smtp"]
    found["smtp"][0].close()


@pytest.mark.parametrize(("names", "says"), [("http", "must be smtp"), ("smtp:smtp", "names 2")])
def test_names_that_do_not_fit(listener: socket.socket, names: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDNAMES", names)
    with pytest.raises(UsageError, match=says):
        systemd.passed_sockets(("smtp",))
    os.close(systemd._FIRST)


def test_a_socket_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as idle:
        for wrong in (datagrams, idle):
            pass_(wrong, monkeypatch)
            with pytest.raises(UsageError, match="does not listen"):
                systemd.passed_sockets(("smtp",))
            os.close(systemd._FIRST)


def test_a_descriptor_that_is_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr(systemd, "_FIRST", handle)
    for name, value in {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "smtp"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="cannot be used"):
        systemd.passed_sockets(("smtp",))
    os.close(handle)
