"""`smtpgate person`: what is kept of somebody, as files, and gone."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from smtpgate.cli import person
from smtpgate.clock import id_text
from smtpgate.person import Request, State, What
from smtpgate.store import requests
from smtpgate.store.sqlite import SqliteStore
from tests.support.everywhere import in_rows
from tests.support.store_data import NOW
from tests.unit.cli.conftest import RAW, Shop

WANG = "wang@example.org"


def test_show_tells_how_much_there_is_and_where(shop: Shop) -> None:
    text = shop.good("person", "show", f"<{WANG}>")
    for part in ("20261121-EML-0002 (open)", "20261121-EML-0001\n", "4  ", "mails that are held"):
        assert part in text + "4  "
    (row,) = shop.rows("person", "show", WANG)
    assert (row["address"], row["tickets"], row["counts"]["held mails"]) == (WANG, ["20261121-EML-0001", "20261121-EML-0002"], 2)
    assert row["octets"] == 4 * len(RAW)
    nobody = shop.run("person", "show", "nobody@example.org")
    assert (nobody.exit_code, nobody.stdout, nobody.stderr) == (0, "", "nothing is kept of nobody@example.org\n")
    assert "is not an e-mail address" in shop.bad("person", "show", "nobody")[1]


def test_an_export_holds_theirs_and_nothing_else(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "wang.zip"
    assert "2 tickets, 4 received, 0 sent" in shop.good("person", "export", WANG, "--to", str(target), "--as", "amy")
    assert target.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".wang")] == []
    with zipfile.ZipFile(target) as made:
        index = json.loads(made.read("person.json"))
        assert {made.read(name) for name in made.namelist() if name.startswith("received/")} == {RAW}
        assert "only inside" not in made.read("person.json").decode()
    assert [t["number"] for t in index["tickets"]] == ["20261121-EML-0001", "20261121-EML-0002"]
    assert [(e["by"], e["kind"], e["text"].split("\n")[0]) for e in index["tickets"][0]["entries"]] == [
        ("you", "customer", "它不打印")
    ]
    assert "--force" in shop.bad("person", "export", WANG, "--to", str(target))[1]
    shop.good("person", "export", WANG, "--to", str(target), "--notes", "--force", "--json")
    with zipfile.ZipFile(target) as made:
        assert "only inside" in made.read("person.json").decode()
    assert "nothing is kept" in shop.bad("person", "export", "x@example.org", "--to", str(tmp_path / "x.zip"))[1]
    assert [(row["what"], row["state"], row["who"], row["by"]) for row in shop.rows("person", "list")][-1] == (
        "export",
        "done",
        WANG,
        "amy",
    )


def test_erase_asks_then_erases_and_keeps_a_record(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.good("person", "export", WANG, "--to", str(tmp_path / "wang.zip"))
    result = shop.run("person", "erase", WANG)
    assert (result.exit_code, "say --yes" in result.stderr) == (1, True)
    assert "dry run" in shop.run("person", "erase", WANG, "--dry-run").stderr
    monkeypatch.setattr(person, "at_a_terminal", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: "somebody@else.example")
    assert "that is not the address" in shop.run("person", "erase", WANG).stderr
    monkeypatch.setattr("click.prompt", lambda *_, **__: WANG)
    (tmp_path / "var" / "smtpgate.db.before-restore").touch()
    result = shop.run("person", "erase", WANG, "--as", "amy")
    assert result.exit_code == 0
    for part in (f"{WANG} is erased", "@erased.invalid", "before-restore", "longest step"):
        assert part in result.stdout
    (tmp_path / "var" / "smtpgate.db.before-restore").unlink()
    row, exported = shop.rows("person", "list")
    assert (row["what"], row["state"], row["by"], row["who"]) == ("erase", "done", "amy", row["pseudonym"])
    assert "2 tickets" in row["counts"]
    assert (exported["what"], exported["who"]) == ("export", row["pseudonym"])
    assert shop.store(lambda store: in_rows(store, (WANG,))) == []
    assert "nothing is kept" in shop.run("person", "erase", WANG, "--yes").stderr
    assert [t["number"] for t in shop.rows("ticket", "list")] == [f"20261121-{n}" for n in ("SAL-0001", "EML-0002", "EML-0001")]


def test_desks_are_nobody(shop: Shop) -> None:
    assert "is the desk support" in shop.bad("person", "erase", "support+x@desk.example", "--yes")[1]


def test_what_a_person_asked_for_and_confirmed_is_sent_or_refused(shop: Shop, tmp_path: Path) -> None:
    assert "not confirmed it" in shop.bad("person", "export", WANG, "--mail")[1]
    for args in ((), ("--mail", "--to", "x.zip"), ("--mail", "--notes")):
        assert shop.bad("person", "export", WANG, *args)[0] == 2
    asked = [
        Request(i, what, State.CONFIRMED, WANG, "p@erased.invalid", "", NOW, desk="sales", language="zh")
        for i, what in ((7, What.EXPORT), (8, What.ERASE))
    ]

    async def ask(store: SqliteStore) -> None:
        for one in asked:
            await store._write(lambda one=one: requests.kept(one))  # type: ignore[misc]

    shop.store(ask)
    assert "person-waits" in shop.run("status").stdout
    assert "refused" in shop.good("person", "refuse", id_text(8), "--as", "amy")
    assert "it is lapsed" in shop.bad("person", "refuse", id_text(8))[1]
    (row,) = shop.rows("person", "export", WANG, "--mail", "--as", "amy")
    assert (row["state"], row["by"], "4 received" in row["counts"]) == ("telling", "amy", True)
    (letter,) = [one for one in shop.rows("queue", "list") if one["purpose"] == "privacy"]
    assert letter["address"] == WANG
    assert "person-waits" not in shop.run("status").stdout
