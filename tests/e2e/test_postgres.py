"""Gateways on a PostgreSQL database: one machine's worth of commands, two nodes that behave as one, a database that restarts."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from smtpgate import __version__
from smtpgate.store import schema
from tests.support import postgres, zygote
from tests.support.gateway import ROOT, Gateway, letter, wait_for
from tests.support.store_steps import accept_one

if postgres.missing():
    pytest.skip(postgres.missing(), allow_module_level=True)

from smtpgate.store.postgres import PostgresStore
from smtpgate.store.postgres_link import Server


def status(gateway: Gateway) -> dict[str, Any]:
    """Whatever its exit code is: another node's files are not here."""
    done = zygote.run([*gateway.argv, "--config", str(gateway.config), "status", "--json"])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


WAITING = """SELECT 1 FROM incoming WHERE state = 'accepted'
    UNION ALL SELECT 1 FROM recipient WHERE state IN ('queued', 'uncertain')"""


def settle(url: str) -> None:
    wait_for(lambda: not asyncio.run(postgres.execute(url, WAITING)), why="mail is still waiting")


def a_node(directory: Path, database: str, node: str) -> Gateway:
    return Gateway.make(directory, store={"url": database, "node": node}, filing={"poll": "5s"}, parser={"processes": 1})


def test_two_nodes_behave_as_one(tmp_path: Path, database: str) -> None:
    one, two = a_node(tmp_path / "one", database, "mx1"), a_node(tmp_path / "two", database, "mx2")
    letters = [letter(f"Window {i}", f"The window on floor {i} does not close any more.") for i in range(4)]
    with one.running(), two.running():
        for i, mail in enumerate(letters):
            (one, two)[i % 2].send(mail)
        two.send(letters[0])  # the client did not hear the 250 of the other node
        settle(database)
        tickets = two.cli_list("ticket", "list")
        assert sorted(ticket["number"][-4:] for ticket in tickets) == ["0001", "0002", "0003", "0004"]
        assert len(one.mails() + two.mails()) == 4
        number = tickets[-1]["number"]
        assert "repeat" in one.cli("log", number)
        assert two.cli("verify") == "all is well\n"
        seen = status(two)
        assert seen["store"]["path"] == database
        assert seen["store"]["size"] > 1_000_000
        assert seen["running"]
        third = a_node(tmp_path / "three", database, "mx1")
        third.spawn()
        assert third.process is not None
        assert third.process.wait(30) == 1
        assert "under the name 'mx1'" in third.log()
        assert "pg_dump" in one.cli("backup", str(tmp_path / "copy"), code=1)
    assert not any("secret" in node.log() for node in (one, two))
    copied = tmp_path / "copy.db"
    assert "all the same on both sides" in one.cli("store", "copy", database, str(copied))
    alone = Gateway.make(tmp_path / "alone", store={"path": str(copied)})
    assert [ticket["number"] for ticket in alone.cli_list("ticket", "list")] == [ticket["number"] for ticket in tickets]


def a_version(directory: Path, version: str, step: str) -> list[str]:
    """The words that start another version: this one with one more migration."""
    tree = directory / version
    for part in ("smtpgate", "templates"):
        shutil.copytree(ROOT / part, tree / part)  # with its bytecode
    init = tree / "smtpgate" / "__init__.py"
    init.write_text(re.sub('__version__ = ".*"', f'__version__ = "{version}"', init.read_text()))
    steps = tree / "smtpgate" / "store" / "sql" / "migrations"
    (steps / f"{len(schema.migrations()) + 1:04}_later.sql").write_text(step)
    start = f"import sys; sys.path.insert(0, {str(tree)!r}); from smtpgate.__main__ import main; main()"
    return [sys.executable, "-c", start]


def nodes(url: str) -> dict[str, str]:
    """Each gateway that has given a sign, and its version."""
    return dict(asyncio.run(postgres.execute(url, "SELECT name, version FROM node")))  # type: ignore[arg-type]


def test_two_versions_side_by_side(tmp_path: Path) -> None:
    """A new version that only adds to the schema is brought in node by node."""
    with postgres.a_server() as server:
        url = server.url()
        one, two = a_node(tmp_path / "one", url, "mx1"), a_node(tmp_path / "two", url, "mx2")
        two.argv = a_version(tmp_path, "98.0", "ALTER TABLE pause ADD COLUMN later TEXT;\n")
        with one.running():
            one.send(letter("Before", "The lamp in the hall is broken."))
            with two.running():
                two.send(letter("Beside", "The lamp in the cellar is broken."))
                one.send(letter("Beside", "The lamp in the attic is broken."))
                settle(url)
                wait_for(lambda: nodes(url) == {"mx1": __version__, "mx2": "98.0"}, why="both nodes have given a sign")
                assert one.stop() == 0
                assert nodes(url) == {"mx2": "98.0"}  # mx1 has said goodbye
                one.start()  # the old version, on the new schema
                one.send(letter("After", "The lamp on the roof is broken."))
                settle(url)
            assert len(one.cli_list("ticket", "list")) == 4
            assert one.cli("verify") == "all is well\n"


def test_lost_notifications_cost_time_and_nothing_else(tmp_path: Path, database: str) -> None:
    """Mail that nobody was told of (a node died after its commit) is found by looking."""
    node = Gateway.make(tmp_path, store={"url": database, "node": "mx1"}, filing={"poll": "200ms"})

    async def accepting() -> str:
        store = await PostgresStore.open(Server(database))  # it has not joined, so it tells nobody
        try:
            return await accept_one(store)
        finally:
            await store.close()

    with node.running():
        mail_id = asyncio.run(accepting())
        wait_for(lambda: node.cli_show("mail", "show", mail_id)["state"] == "filed", why="it is found")


def test_a_client_does_not_notice_that_the_database_restarts(tmp_path: Path) -> None:
    with postgres.a_server() as server:
        gateway = a_node(tmp_path / "gateway", server.url(), "mx1")
        with gateway.running():
            gateway.send(letter("Before", "The door on the first floor is stuck."))
            settle(server.url())
            server.stop(signal.SIGKILL)
            back = threading.Thread(target=lambda: (time.sleep(0.5), server.start()))
            back.start()
            gateway.send(letter("Meanwhile", "The lift on the second floor makes a noise."))
            back.join()
            settle(server.url())
            assert len(gateway.mails()) == 2
