"""Three gateways on one PostgreSQL in trouble, in its short form; and the namespaces that the long form cuts with."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.fault.nodes import WAYS, run
from tests.support import postgres
from tests.support.cut import Namespace

if postgres.missing():
    pytest.skip(postgres.missing(), allow_module_level=True)


@pytest.mark.timeout(300)
async def test_whatever_breaks_nothing_is_lost_and_nothing_is_doubled(tmp_path: Path) -> None:
    """Stopped, and cut off, for longer than a lease of filing. The clients rest, because what counts is what breaks."""
    outcome = await run(tmp_path, rounds=list(WAYS), seed=20261126, clients=4, stall=1.2, namespaces=False, rest=0.4, pause=0.2)
    print(outcome)
    assert outcome.report.problems == []
    assert outcome.done == dict.fromkeys(WAYS, 1)
    figures = outcome.report.figures
    assert figures["mails with a 250"] > 20
    assert figures["answers"] > 0
    assert figures["acknowledgements"] == figures["tickets"]


def test_a_namespace_has_a_cable_that_can_be_pulled() -> None:
    why = Namespace.missing()
    if why:
        pytest.skip(why)
    there = Namespace()
    try:
        with closing(socket.create_server((there.database, 0))) as server:
            script = f"exec 3<>/dev/tcp/{there.database}/{server.getsockname()[1]}; echo one >&3; read -u 3; echo two >&3"
            with subprocess.Popen([*there.prefix, "bash", "-c", script]):
                connection, _ = server.accept()
                with connection:
                    assert connection.recv(100) == b"one\n"
                    there.cut()
                    connection.sendall(b"go on\n")
                    connection.settimeout(0.3)
                    with pytest.raises(TimeoutError):
                        connection.recv(100)
                    there.mend()
                    connection.settimeout(10)
                    assert connection.recv(100) == b"two\n"
    finally:
        there.remove()
