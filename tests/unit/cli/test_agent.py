"""`smtpgate agent password`: the file of hashes, whole, private, and never with a password in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpgate import configfile, passwords
from smtpgate.cli.main import cli
from smtpgate.errors import ConfigError

CONFIG = """
[server]
name = "mx.example.com"

[[desk]]
name = "support"
address = "support@example.com"
agents = ["Lee@corp.example", "kim@corp.example"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "smtpgate.toml").write_text(CONFIG + '[submission]\npasswords = "passwords"\n')
    return tmp_path / "passwords"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MEMORY", 8192)
    monkeypatch.setattr(passwords, "PASSES", 1)


def run(directory: Path, *args: str, says: str = "") -> Result:
    return CliRunner().invoke(cli, ["--config", str(directory / "smtpgate.toml"), "agent", "password", *args], input=says)


def loaded(directory: Path) -> dict[str, str]:
    return configfile.load(directory / "smtpgate.toml").password_hashes


def test_it_is_written_changed_and_removed_and_the_other_lines_stay(file: Path) -> None:
    assert run(file.parent, "lee@CORP.example", says="correct horse\n").exit_code == 0
    file.write_text("# a word of the admin's\n" + file.read_text())
    assert run(file.parent, "kim@corp.example", says="another one\n").exit_code == 0
    first = loaded(file.parent)
    assert passwords.matches("correct horse", first["lee@corp.example"])
    assert passwords.matches("another one", first["kim@corp.example"])
    assert run(file.parent, "Lee@corp.example", says="correct horse 2\n").exit_code == 0
    again = loaded(file.parent)
    assert passwords.matches("correct horse 2", again["lee@corp.example"])
    assert again["kim@corp.example"] == first["kim@corp.example"]
    assert file.read_text().startswith("# a word of the admin's\nkim@corp.example $argon2id$")
    assert "horse" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir() if "new" in path.name] == []
    assert run(file.parent, "--remove", "lee@corp.example").exit_code == 0
    assert set(loaded(file.parent)) == {"kim@corp.example"}
    assert run(file.parent, "--remove", "lee@corp.example").exit_code == 1


def test_without_a_file_the_hash_is_printed_for_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "smtpgate.toml").write_text(CONFIG)
    done = run(tmp_path, "lee@corp.example", says="correct horse\n")
    (tmp_path / "smtpgate.toml").write_text(
        CONFIG + '[[agent]]\naddress = "lee@corp.example"\n' + done.stdout.splitlines()[-1] + "\n"
    )
    assert passwords.matches("correct horse", loaded(tmp_path)["lee@corp.example"])
    told = json.loads(run(tmp_path, "--json", "kim@corp.example", says="correct horse\n").stdout.splitlines()[-1])
    assert (told["address"], told["file"], passwords.fault(told["hash"])) == ("kim@corp.example", None, "")


@pytest.mark.parametrize(
    ("address", "says", "told"),
    [
        ("nobody@corp.example", "correct horse\n", "is in no desk's agents"),
        ("lee@corp.example", "short\n", "at least 8 characters"),
        ("lee@corp.example", "", "at least 8 characters"),
        ("lee@corp.example", "x" * 1025 + "\n", "at most 1024 octets"),
        ("lee@corp.example", "correct\0horse\n", "no NUL"),
    ],
)
def test_what_is_no_password_or_nobodys_changes_nothing(file: Path, address: str, says: str, told: str) -> None:
    done = run(file.parent, address, says=says)
    assert (done.exit_code, told in done.output) == (1, True), done.output
    assert not file.exists()


def test_a_file_that_others_may_read_is_refused(file: Path) -> None:
    run(file.parent, "lee@corp.example", says="correct horse\n")
    for mode, good in ((0o600, True), (0o400, True), (0o640, False), (0o604, False), (0o620, False)):
        file.chmod(mode)
        if good:
            assert loaded(file.parent)
        else:
            with pytest.raises(ConfigError, match="open to others"):
                loaded(file.parent)


def test_one_who_is_no_agent_any_more_has_no_login_whatever_the_file_says(file: Path) -> None:
    run(file.parent, "lee@corp.example", says="correct horse\n")
    config = file.parent / "smtpgate.toml"
    config.write_text(config.read_text().replace('"Lee@corp.example", ', ""))
    assert loaded(file.parent) == {}
