"""`smtpgate person`: what is kept of somebody, as files, and gone."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from smtpgate.cli import person
from tests.support.everywhere import in_rows
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
