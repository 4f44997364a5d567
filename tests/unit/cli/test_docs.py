"""The commands of the pages for admins, run on a store with something of everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smtpgate.model import DeliveryState
from tests.architecture.test_docs import PLACEHOLDERS, ROOT, typed
from tests.unit.cli.conftest import Shop

PAGES = ("troubleshooting.md", "on-an-mx.md", "operations.md", "dns.md")
ELSEWHERE = {"reload", "restore", "serve", "man"}  # want a gateway, or none: they have tests of their own
NEEDS_PERSON = {"status", "dns-records", "verify", "notice"}


def test_the_commands_of_the_admins_pages_do_what_the_pages_say(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.directory)
    Path("zone.json").write_text("{}")
    config = shop.directory / "smtpgate.toml"
    config.write_text(config.read_text() + '[dns]\nzone_file = "zone.json"\n')
    ran = 0
    for words in (words for page in PAGES for words in typed(ROOT / "docs" / page)):
        if words[0] in ELSEWHERE or (len(words) == 1 and words[0] in ("mail", "hold", "poison", "queue", "ticket")):
            continue
        if words[:2] in (["queue", "resume"], ["explain"], ["log"], ["inject"], ["poison", "replay"]) and len(words) < 3:
            continue  # named without what it is about
        ids = [i for i, word in enumerate(words) if word == PLACEHOLDERS["ID"]]
        if not ids and words[-1] in (
            "show",
            "release",
            "drop",
            "retry",
            "file",
            "hold",
            "explain",
            "log",
            "inject",
            "--opaque",
            "import",
        ):
            continue
        for i in ids:
            words[i] = _id(shop, words)
        result = shop.run(*words)
        wanted = (0, 1) if words[0] in NEEDS_PERSON else (0,)
        assert result.exit_code in wanted, (words, result.output)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        ran += 1
    assert ran > 40


def _id(shop: Shop, words: list[str]) -> str:
    """One that is there in the state that the command takes."""
    kind = {"hold": "held", "poison": "poison"}.get(words[0])
    if kind is not None:
        return str(_first(shop, kind))
    if words[0] == "queue":
        if words[1] == "release":
            return shop.recipients[DeliveryState.HELD]
        return shop.recipients[DeliveryState.FAILED if words[1] == "retry" else DeliveryState.DELIVERED]
    return shop.recipients[DeliveryState.DELIVERED] if words[0] in ("log", "explain") else shop.held[0]


def _first(shop: Shop, state: str) -> str:
    """The newest of that state; what an earlier command moved away is put back by hand."""
    lines = shop.run("mail", "list", "--state", state, "--json").stdout.splitlines()
    rows: list[Any] = [json.loads(line) for line in lines]
    assert rows, f"no {state} mail is left for the page's commands"
    return str(rows[0]["id"])


def test_exit_codes_are_in_the_table() -> None:
    from smtpgate.cli import common, inject

    table = (ROOT / "docs/operations.md").read_text().partition("## Exit codes")[2].partition("## What")[0]
    for code in (0, common.FAILED, common.WRONG, common.STORE_FAILED, 130):
        assert f"| {code} |" in table
    for code in (inject.USAGE, inject.DATA, inject.NO_USER, inject.TRY_AGAIN):
        assert str(code) in table
