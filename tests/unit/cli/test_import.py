"""What `import` says to its user."""

from __future__ import annotations

import json
import os
from pathlib import Path

from smtpgate.store.file import lock_import
from tests.unit.cli.conftest import RAW, Shop


def test_mistakes_are_told_in_one_line(shop: Shop, tmp_path: Path) -> None:
    assert shop.bad("import") == (2, "smtpgate import: Missing argument 'PATH...'. (see smtpgate import --help)")
    assert shop.bad("import", str(tmp_path / "gone")) == (1, f"smtpgate: there is no {tmp_path / 'gone'}")
    code, said = shop.bad("import", "--desk", "nobody", str(tmp_path))
    assert (code, said) == (1, "smtpgate: there is no desk 'nobody'; there are: support, sales")


def test_two_imports_at_once_are_refused(shop: Shop, tmp_path: Path) -> None:
    held = lock_import(shop.directory / "var" / "smtpgate.db")
    try:
        code, said = shop.bad("import", str(tmp_path))
    finally:
        os.close(held)
    assert code == 1
    assert "another import into" in said


def test_a_report_for_people_and_one_for_programs(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.eml").write_bytes(RAW)
    (tmp_path / "old" / "b.eml").write_bytes(b"")
    (tmp_path / "old" / "notes.txt").write_bytes(b"hello")
    dry = shop.run("import", "--dry-run", "--json", str(tmp_path / "old"))
    assert (dry.exit_code, json.loads(dry.stdout)["mails"], json.loads(dry.stdout)["unreadable"]) == (1, 1, 1)
    assert [Path(one["source"]).name for one in json.loads(dry.stdout)["ignored"]] == ["notes.txt"]
    result = shop.run("import", "--desk", "sales", "--status", "received", str(tmp_path / "old"))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:2] == ["mails       1", "tickets     1"]
    assert f"{tmp_path / 'old' / 'b.eml'}: it is empty" in result.stderr
    assert "1 file did not look like mail" in result.stderr
    ticket = shop.rows("ticket", "list", "--entries", "--desk", "sales")
    mine = next(row for row in ticket if any(e["source"] == str(tmp_path / "old" / "a.eml") for e in row["entries"]))
    assert (mine["status"], mine["contact"], mine["entries"][0]["rung"]) == ("received", "wang@example.org", "new")
