"""SIGHUP and `smtpgate reload`: what changes while sessions go on, what is refused, and what needs a restart."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import zygote
from tests.support.gateway import DESK, ROOT, Gateway, letter, merged, settings, wait_for, write_toml
from tests.support.notify import notify_socket

KEY = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


def make(directory: Path, **sections: Any) -> Gateway:
    return Gateway.make(directory, **sections)


def change(gateway: Gateway, **sections: Any) -> None:
    write_toml(gateway.config, merged(settings(gateway.directory, gateway.port), sections))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Gateway]:
    with make(tmp_path).running() as gateway:
        yield gateway


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    made = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        [*KEY, "-subj", f"/CN={name}", "-out", str(made[0]), "-keyout", str(made[1])],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return made


def shown(client: smtplib.SMTP) -> bytes:
    """The certificate that the gateway shows to this client."""
    client.starttls(context=ssl._create_unverified_context())
    assert isinstance(client.sock, ssl.SSLSocket)
    return client.sock.getpeercert(binary_form=True) or b""


def sendable(client: smtplib.SMTP, subject: str) -> None:
    assert not client.send_message(letter(subject, f"Text of {subject}"), "alice@customer.example", [DESK])


def test_a_changed_certificate_and_an_open_session(tmp_path: Path) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    used = tmp_path / "used.pem", tmp_path / "used.key"
    for old, place in zip(first, used, strict=True):
        shutil.copy(old, place)
    server = {"tls_certificate": used[0], "tls_key": used[1]}
    with make(tmp_path / "gateway", server=server).running() as gateway:
        secured, plain = gateway.smtp(), gateway.smtp()
        der = [ssl.PEM_cert_to_DER_cert(pem.read_text()) for pem, _ in (first, second)]
        assert shown(secured) == der[0]
        plain.ehlo()
        for new, place in zip(second, used, strict=True):
            shutil.copy(new, place)
        assert gateway.cli("reload") == "reloaded\n"
        with gateway.smtp() as client:
            assert shown(client) == der[1]
            sendable(client, "after")
        sendable(secured, "within")
        assert shown(plain) == der[0], "a session keeps to what it began with"
        sendable(plain, "plain")
        secured.quit()
        plain.quit()


def test_a_new_desk_for_new_sessions(running: Gateway) -> None:
    old = running.smtp()
    old.ehlo()
    desks = [*settings(running.directory, running.port)["desk"], {"name": "sales", "address": "sales@desk.example"}]
    change(running, desk=desks)
    assert running.cli("reload") == "reloaded\n"
    old.mail("alice@customer.example")
    assert old.rcpt("sales@desk.example")[0] == 550
    running.send(letter("Buy", "I want to buy it.", to="sales@desk.example"), to="sales@desk.example")
    running.mails_to("alice@customer.example")
    old.quit()


def test_new_filings_and_new_deliveries(running: Gateway) -> None:
    running.send(letter("One", "The first."))
    running.mails_to("alice@customer.example")
    elsewhere = running.directory / "elsewhere"
    change(running, tickets={"number_pattern": "NEW-{date}-{serial:04}"}, delivery={"maildir": elsewhere})
    assert running.cli("reload") == "reloaded\n"
    running.send(letter("Two", "The second.", sender="Bob <bob@customer.example>"), sender="bob@customer.example")
    running.settle()
    (mail,) = (elsewhere / "new").iterdir()
    assert b"NEW-" in mail.read_bytes()
    assert len(running.mails()) == 1


def test_limits_of_connections_and_of_parsing(running: Gateway) -> None:
    running.send(letter("One", "The first."))
    running.settle()
    change(running, limits={"connections": 1, "mime_parts": 10})
    assert running.cli("reload") == "reloaded\n"
    with running.smtp() as held:
        with pytest.raises(smtplib.SMTPConnectError, match="421"):
            running.smtp()
        sendable(held, "Two")
    running.settle()
    assert running.count("SELECT count(*) FROM incoming WHERE state = 'filed'") == 2


def test_a_bad_configuration_is_refused_and_the_old_stays(running: Gateway) -> None:
    change(running, server={"listenn": ["127.0.0.1:1"]}, limits={"errors": 0})
    told = said(running, "check-config", 2)
    refused = said(running, "reload", 1)
    assert len(told) == 2
    assert refused == [*told, "refused: the old configuration stays in force"]
    running.send(letter())


def test_a_bad_certificate_is_refused_by_the_gateway(running: Gateway, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    change(running, server={"tls_certificate": bad, "tls_key": bad}, limits={"errors": 1})
    refused = said(running, "reload", 1)
    assert refused == [*said(running, "check-config", 2), "refused: the old configuration stays in force"]
    assert "the new configuration is refused" in running.log()
    with running.smtp() as client:
        assert client.docmd("NOTHING")[0] == client.docmd("NOTHING")[0] == 500, "errors = 1 is not in force"
    running.send(letter())


def test_a_bad_template_is_refused(running: Gateway, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    name = next((ROOT / "templates").rglob("*.txt*")).relative_to(ROOT / "templates")
    (tmp_path / "templates" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "templates" / name).write_text("{{ no end")
    change(running, templates={"directory": tmp_path / "templates"})
    assert name.name in said(running, "reload", 1)[0]
    running.send(letter())
    running.mails_to("alice@customer.example")


def test_settings_that_need_a_restart_are_named(running: Gateway) -> None:
    change(running, server={"listen": ["127.0.0.1:1"]}, parser={"processes": 7}, dns={"timeout": "1s"})
    lines = running.cli("reload").splitlines()
    assert [line.partition(" needs a restart")[0] for line in lines] == [
        "server.listen",
        "dns.timeout",
        "parser.processes",
        "reloaded",
    ]
    running.send(letter())


def test_sighup_reloads_and_mail_goes_on(running: Gateway) -> None:
    """Reloads in quick succession while mail comes, at least four and 30 mails: everything is filed and answered once."""
    assert running.process is not None
    done = threading.Event()
    pid = running.process.pid

    def hang_up() -> None:
        while not done.wait(0.1):
            os.kill(pid, signal.SIGHUP)

    thread = threading.Thread(target=hang_up)
    thread.start()
    sent = 0
    while sent < 30 or (running.log().count("configuration reloaded") <= 3 and sent < 1000):
        sender = f"c{sent}@customer.example"
        running.send(letter(f"Case {sent}", f"Number {sent} is broken.", sender=f"<{sender}>"), sender=sender)
        sent += 1
    done.set()
    thread.join()
    running.settle()
    assert running.log().count("configuration reloaded") > 3
    assert len(running.mails()) == sent


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with notify_socket(tmp_path) as told:
        monkeypatch.setenv("NOTIFY_SOCKET", told.address)
        with make(tmp_path / "gateway").running() as gateway:
            gateway.cli("reload")
            lines = wait_for(lambda: told.count("READY=1") == 2 and told.lines(), why="READY=1 again")
            at = lines.index("RELOADING=1")
            assert lines[at + 1].removeprefix("MONOTONIC_USEC=").isdigit()
            assert "READY=1" in lines[at:]


def test_no_gateway_runs(tmp_path: Path) -> None:
    gateway = make(tmp_path)
    assert said(gateway, "reload", 1) == [f"smtpgate: no gateway runs on {gateway.store}"]
    gateway.start()
    gateway.stop()
    assert said(gateway, "reload", 1) == [f"smtpgate: no gateway runs on {gateway.store}"]


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    gateway = make(tmp_path)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "smtpgate", "--config", str(gateway.config), "serve"])
    wait_for(lambda: greets(gateway.port))
    os.close(terminal)
    wait_for(lambda: os.waitpid(pid, os.WNOHANG) == (pid, 0), why="an end with exit code 0")


def greets(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return connection.recv(4) == b"220 "
    return False


def said(gateway: Gateway, command: str, code: int) -> list[str]:
    """What a command that fails wrote to standard error."""
    done = zygote.run([*gateway.argv, "--config", str(gateway.config), command])
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr.splitlines()
