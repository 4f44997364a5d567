"""Every script in tests/dialogues against a real server process, one for each file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support import dialogue
from tests.support.dialogue import Dialogue
from tests.support.server import ROOT, ServerProcess

FILES = sorted((ROOT / "tests" / "dialogues").glob("*.dialogue"))
CASES = [d for file in FILES for d in dialogue.read(file)[1]]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServerProcess]]:
    running: dict[str, ServerProcess] = {}
    yield running
    for server in running.values():
        server.__exit__()


def start(name: str, directory: Path) -> ServerProcess:
    changes, _ = dialogue.read(ROOT / "tests" / "dialogues" / f"{name}.dialogue")
    if name == "starttls":
        directory.mkdir(parents=True, exist_ok=True)
        issued = trustme.CA().issue_cert("mx.support.example")
        issued.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
        issued.private_key_pem.write_to_path(str(directory / "key.pem"))
        changes = {"server": {"tls_certificate": str(directory / "cert.pem"), "tls_key": str(directory / "key.pem")}}
    return ServerProcess(directory, changes).__enter__()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_dialogue(case: Dialogue, servers: dict[str, ServerProcess], tmp_path_factory: pytest.TempPathFactory) -> None:
    if case.file not in servers:
        servers[case.file] = start(case.file, tmp_path_factory.mktemp(case.file) / "server")
    server = servers[case.file]
    dialogue.run(case, server.port, server.mails)


def test_smuggling_forms_are_many_enough() -> None:
    assert len([c for c in CASES if c.file == "smuggling"]) >= 24
