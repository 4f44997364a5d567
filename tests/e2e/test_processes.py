"""The door in a process of its own: killed, frozen, orphaned, told to stop; and what else goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from smtpgate import app
from smtpgate.configfile import load
from smtpgate.processes import keeper
from tests.support.gateway import DESK, Gateway, free_port, letter, wait_for
from tests.support.notify import notify_socket

ZONE = {"customer.example": {"TXT": ["v=spf1 ip4:127.0.0.0/8 -all"]}, "_dmarc.customer.example": {"TXT": ["v=DMARC1; p=reject"]}}


def another_door(gateway: Gateway, than: int | None) -> int:
    return wait_for(
        lambda: (pid := gateway.helper("door")) not in (None, than) and gateway.greets() and pid, why=gateway.log()[-2000:]
    )


def passes(gateway: Gateway, subject: str) -> bool:
    with suppress(smtplib.SMTPRecipientsRefused):
        gateway.send(letter(subject, f"Text of {subject}"))
        return True
    return False


def test_a_dead_door_is_replaced_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    greylist = {"enabled": True, "delay": "1s"}
    with notify_socket(tmp_path) as told:
        monkeypatch.setenv("NOTIFY_SOCKET", told.address)
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        made = Gateway.make(tmp_path / "gateway", zone=ZONE, server={"trusted_networks": []}, greylist=greylist)
        with made.running() as gateway:
            assert gateway.process is not None
            first, main, parsers = gateway.helper("door"), gateway.process.pid, gateway.parsers()
            assert first is not None
            assert not passes(gateway, "Before"), "the door asks the store's greylist"
            wait_for(lambda: passes(gateway, "Before"))
            with gateway.smtp() as client:
                client.ehlo()
                os.kill(first, signal.SIGKILL)
                assert client.sock is not None
                with suppress(ConnectionResetError):
                    assert client.sock.recv(1) == b""
            second = another_door(gateway, first)
            before = told.count("WATCHDOG=1")
            gateway.send(
                letter("After", sender="bob@customer.example"), sender="bob@customer.example"
            )  # a known client waits no more
            gateway.settle()
            assert (gateway.process.pid, gateway.parsers()) == (main, parsers)
            assert 'why="it died of SIGKILL"' in gateway.log()
            assert gateway.count("SELECT count(*) FROM ticket") == 2
            shown = wait_for(lambda: (seen := gateway.cli_show("status")["gateway"])["processes"][1]["pid"] == second and seen)
            names = [one["name"] for one in shown["processes"]]
            assert names[:4] == ["gateway", "door", "delivery", "forking"]
            assert names[4:] == ["parser"] * len(parsers)
            assert all(one["memory"] > 2**20 for one in shown["processes"])
            wait_for(lambda: told.count("WATCHDOG=1") > before)
        assert told.count("READY=1") == told.count("STOPPING=1") == 1
        assert not [line for line in told.lines() if line.startswith("STATUS=no progress")]


def test_dead_delivery_is_replaced_and_what_it_had_goes_out(tmp_path: Path) -> None:
    port = free_port()
    smarthost = {"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": port, "tls": "none"}}
    made = Gateway.make(tmp_path, delivery=smarthost, parser={"processes": 1})
    with made.running() as gateway, socket.create_server(("127.0.0.1", port)) as sink:
        gateway.send(letter())
        taken, _ = sink.accept()  # delivery waits for a greeting that does not come
        first, door = gateway.helper("delivery"), gateway.helper("door")
        claims = "SELECT count(*) FROM recipient WHERE claimed_by LIKE '%/1.'"
        assert first is not None
        assert gateway.count(claims) == 1
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: gateway.count(claims) == 0, why="its claims are ended")
        with taken:
            assert taken.recv(100) == b""
        again, _ = sink.accept()
        with again:
            again.sendall(b"554 5.3.2 enough of that\r\n")
            wait_for(lambda: gateway.count("SELECT count(*) FROM attempt WHERE code = 554") == 1, why=gateway.log()[-2000:])
        assert gateway.helper("delivery") not in (None, first)
        assert gateway.helper("door") == door
        assert "claims of a delivery process that died ended" in gateway.log()


def test_signals_are_for_the_gateway_and_the_door_never_outlives_it(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path).start()
    door = gateway.helper("door")
    assert door is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(door, number)
    gateway.send(letter())
    assert gateway.helper("door") == door
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        assert client.recv(4) == b"220 "
        gateway.kill()
        with suppress(ConnectionResetError):
            while client.recv(1000):
                pass
    wait_for(lambda: not gateway.left_behind(), why="a process is left behind")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.port))
    gateway.start()
    assert gateway.process is not None
    os.killpg(gateway.process.pid, signal.SIGINT)  # Ctrl-C
    assert gateway.process.wait(20) == 0, gateway.log()[-3000:]
    assert "a process of the gateway ended" not in gateway.log()
    gateway.process = None


def test_a_stop_lets_the_door_finish_its_mail(tmp_path: Path, both_shapes: str) -> None:
    gateway = Gateway.make(tmp_path).start()
    assert (gateway.helper("door") is not None) is (both_shapes == "several")
    process, gateway.process = gateway.process, None
    assert process is not None
    with gateway.smtp() as sending, gateway.smtp() as idle:
        idle.ehlo()
        sending.ehlo()
        sending.mail("alice@customer.example")
        sending.rcpt(DESK)
        assert sending.docmd("DATA")[0] == 354
        sending.send(b"From: alice@customer.example\r\nTo: support@desk.example\r\nSubject: Late\r\n\r\n")
        process.send_signal(signal.SIGTERM)
        assert idle.getreply()[0] == 421
        with pytest.raises(OSError):  # nobody listens any more
            wait_for(lambda: socket.create_connection(("127.0.0.1", gateway.port), timeout=5).close(), seconds=5)
        sending.send(b"and finished\r\n.\r\n")
        assert sending.getreply()[0] == 250
        assert sending.getreply()[0] == 421
    assert process.wait(20) == 0, gateway.log()[-3000:]
    assert gateway.count("SELECT count(*) FROM incoming") == 1
    assert "a process of the gateway ended" not in gateway.log()


async def test_a_hung_door_is_killed_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: the first door is not born ahead, so it is started as a replacement is."""
    monkeypatch.setattr(keeper, "SILENT", 2.0)
    monkeypatch.setattr(keeper, "_AFTER_ABORT", 0.1)
    made = Gateway.make(tmp_path, parser={"processes": 1})
    gateway = app.Gateway(load(made.config))
    await gateway.start()
    try:
        first = gateway.door.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        async with asyncio.timeout(60):
            while gateway.door.pid == first:
                await asyncio.sleep(0.05)
            monkeypatch.setattr(keeper, "SILENT", 15.0)  # a slow machine starts the next one in its own time
            while gateway.door.pid is None:
                await asyncio.sleep(0.05)
        await asyncio.to_thread(made.send, letter())
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
    finally:
        async with asyncio.timeout(30):
            await gateway.stop()
    assert made.count("SELECT count(*) FROM incoming") == 1
