"""Seeing and mending on a running gateway: status, log, explain, backup and verify meanwhile, restore into another place."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.gateway import Gateway, letter


def test_a_gateway_is_watched_backed_up_and_restored_elsewhere(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    saved = tmp_path / "mail.backup"
    with Gateway.make(tmp_path / "here").running() as gateway:
        gateway.send(letter("Window", "The window on the second floor does not close any more."))
        gateway.mails_to("alice@customer.example")
        gateway.settle()
        (ticket,) = gateway.cli_list("ticket", "list")
        number = ticket["number"]
        assert json.loads(gateway.cli("status", "--json"))["rates"][0]["accepted"] == 1
        assert [event["what"] for event in gateway.cli_list("log", number)] == ["accepted", "filed", "entry", "queued", "attempt"]
        stored = gateway.cli_show("explain", number)["stored"]
        assert stored["mails"][0]["decision"]["ticket"] == number
        assert [a["state"] for a in stored["sent"][0]["recipients"][0]["attempts"]] == ["delivered"]
        assert gateway.cli("verify") == "all is well\n"
        gateway.cli("backup", str(saved))
        refused = gateway.cli("restore", str(saved), "--force", code=1)
        assert "all is well" not in refused
    other = Gateway.make(tmp_path / "there")
    other.cli("restore", str(saved))
    with other.running() as gateway:
        assert [row["number"] for row in gateway.cli_list("ticket", "list")] == [number]
        assert gateway.cli("verify") == "all is well\n"
        gateway.settle()
        assert gateway.mails() == []
