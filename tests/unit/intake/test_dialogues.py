"""Every script in tests/dialogues against a real server process, one for each file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from tests.support import dialogue
from tests.support.dialogue import Client, Dialogue
from tests.support.server import ROOT, ServerProcess


def _to_lmtp(case: Dialogue) -> tuple[tuple[int, str], ...]:
    """The same with one recipient over LMTP."""
    return tuple((number, line.replace("C: EHLO", "C: LHLO")) for number, line in case.steps)


ZONE = {
    "7.2.0.192.bl.example.org": {"A": ["127.0.0.2"]},
    "8.2.0.192.bl.example.org": {"A": ["127.0.0.4"]},
    "8.2.0.192.good.example.org": {"A": ["127.0.0.2"]},
    "9.2.0.192.rude.example.org": {"A": ["127.255.255.254"]},
    "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example.org": {"A": ["127.0.0.2"]},
}
FILES = sorted((ROOT / "tests" / "dialogues").glob("*.dialogue"))
CASES = [d for file in FILES for d in dialogue.read(file)[1]]
SMUGGLING = [replace(d, steps=_to_lmtp(d)) for d in CASES if d.file.startswith("smuggling")]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServerProcess]]:
    running: dict[str, ServerProcess] = {}
    yield running
    for server in running.values():
        server.__exit__()


def start(name: str, directory: Path) -> ServerProcess:
    changes, _ = dialogue.read(ROOT / "tests" / "dialogues" / f"{name}.dialogue")
    if name.startswith("submission"):
        listen = "listen_tls" if name == "submissions" else "listen"
        changes["submission"] = {**changes["submission"], listen: ["127.0.0.1:0"]}
    if name.startswith(("starttls", "submission")):
        directory.mkdir(parents=True, exist_ok=True)
        issued = trustme.CA().issue_cert("mx.support.example")
        issued.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
        issued.private_key_pem.write_to_path(str(directory / "key.pem"))
        changes["server"] = {"tls_certificate": str(directory / "cert.pem"), "tls_key": str(directory / "key.pem")}
    changes["server"] = {**changes.get("server", {}), "lmtp": ["127.0.0.1:0"]}
    if "zone_file" in changes.get("dns", {}):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "zone.json").write_text(json.dumps(ZONE))
    return ServerProcess(directory, changes).__enter__()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_dialogue(case: Dialogue, servers: dict[str, ServerProcess], tmp_path_factory: pytest.TempPathFactory) -> None:
    if case.file not in servers:
        servers[case.file] = start(case.file, tmp_path_factory.mktemp(case.file) / "server")
    server = servers[case.file]
    ports = {"lmtp": server.lmtp, "submission": server.submission, "submissions": server.submissions}
    dialogue.run(case, ports.get(case.file.partition("-")[0], server.port), server.mails)


@pytest.mark.parametrize("case", SMUGGLING, ids=str)
def test_smuggling_over_lmtp(case: Dialogue, servers: dict[str, ServerProcess], tmp_path_factory: pytest.TempPathFactory) -> None:
    assert any("LHLO" in line for _, line in case.steps) or case.file == "smuggling-reject", case
    if case.file not in servers:
        servers[case.file] = start(case.file, tmp_path_factory.mktemp(case.file) / "server")
    server = servers[case.file]
    dialogue.run(case, server.lmtp, server.mails)


def test_smuggling_forms_are_many_enough() -> None:
    assert len([c for c in CASES if c.file == "smuggling"]) >= 24


def test_sigterm_finishes_what_was_told_354_and_leaves_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server") as server, Client(server.port) as sending, Client(server.port) as idle:
        for client in (sending, idle):
            client.reply()
            client.ask("EHLO client.example")
        for command in ("MAIL FROM:<slow@client.example>", "RCPT TO:<help@support.example>", "DATA"):
            sending.ask(command)
        sending.send(b"Subject: x\r\n")
        server.terminate()
        assert idle.reply().startswith("421 4.3.2 ")
        assert idle.closed()
        sending.send(b"\r\nhello\r\n.\r\n")
        assert sending.reply().startswith("250 2.0.0 ")
        assert sending.reply().startswith("421 4.3.2 ")
        assert server.wait() == {"tasks": 0, "connections": 0, "bytes": 0}
        assert [mail.raw for mail in server.mails()] == [b"Subject: x\r\n\r\nhello\r\n"]


def test_the_log_has_the_traceback_of_our_failure_and_never_the_content(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server") as server, Client(server.port) as client:
        client.reply()
        for command in ("EHLO c.example", "MAIL FROM:<boom@client.example>", "RCPT TO:<help@support.example>", "DATA"):
            client.ask(command)
        reply = client.ask("Subject: x\r\n\r\nprivate words\r\n.")
        client.ask("QUIT")
        server.terminate()
        server.wait()
        log = server.log.read_text()
    error_id = reply.rpartition("(id ")[2].rstrip(")")
    assert error_id in log
    assert "Traceback" in log
    assert "secret /var/lib" in log
    assert "private words" not in log
