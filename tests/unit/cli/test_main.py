"""The command line as a whole: help, the table of commands, finding the configuration, errors and exit codes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from smtpgate import __version__
from smtpgate.cli.main import COMMANDS, cli
from smtpgate.errors import StoreFatal, UsageError
from tests.unit.cli.conftest import CONFIG, Shop


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['smtpgate', '--help']\nfrom smtpgate.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'pydantic', 'rich', 'aiosqlite', 'jinja2', 'structlog', 'cryptography'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert not [m for m in sys.modules if m.startswith('smtpgate.store')]"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "check-config" in done.stdout
    assert "Exit codes" in done.stdout


def test_a_gateway_loads_no_readers_of_mail_and_no_rich() -> None:
    code = (
        "import sys; from smtpgate.cli.serve import _structlog_without_rich as lean; lean()\n"
        "import smtpgate.app, smtpgate.configfile, smtpgate.log\n"
        "heavy = {'rich', 'mailparser', 'smtpgate.mail.parse', 'smtpgate.mail.judge'} & set(sys.modules)\n"
        "assert not heavy, heavy; import rich"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_has_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


def _all(command: click.Command, path: str = "smtpgate") -> list[tuple[str, click.Command]]:
    inner = [found for name, c in getattr(command, "commands", {}).items() for found in _all(c, f"{path} {name}")]
    return [(path, command), *inner]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for path, inner in _all(command, name):
        assert inner.help, path
        assert all(p.help for p in inner.params if isinstance(p, click.Option)), path


def _leaves() -> list[tuple[str, click.Command]]:
    ctx = click.Context(cli)
    found = [pair for name in COMMANDS for pair in _all(cli.get_command(ctx, name) or cli, name)]
    return [(path, command) for path, command in found if not isinstance(command, click.Group)]


WITHOUT_JSON = {"serve", "inject", "completion", "man", "demo"}  # what they print is no data, or one id


def test_every_command_has_json() -> None:
    without = {path for path, command in _leaves() if not any("--json" in p.opts for p in command.params)}
    assert without == WITHOUT_JSON


@pytest.mark.parametrize(("path", "command"), _leaves(), ids=lambda x: x if isinstance(x, str) else "")
def test_every_command_has_an_example_that_can_be_typed(path: str, command: click.Command) -> None:
    tried = 0
    for line in (command.help or "").splitlines():
        if "smtpgate" not in line or not re.match(r"\s*(Examples?:|bash:|zsh:|fish:)?\s+(smtpgate|journalctl)", " " + line):
            continue
        typed = (
            line[line.index("smtpgate " + ("log --ps" if "journalctl" in line else "")) :]
            .split(" | ")[0]
            .split(" <")[0]
            .split(" >")[0]
        )
        words = shlex.split(typed.rstrip(')"'))[1:]
        if words[:1] == ["--config"]:
            words = words[2:]
        assert " ".join(words).startswith(path), line
        command.make_context(path, words[len(path.split()) :])  # raises UsageError
        assert len(line.strip()) + 2 <= 80  # click does not fill such lines
        tried += 1
    assert tried, path


def test_a_command_that_was_most_likely_meant_is_named() -> None:
    result = CliRunner().invoke(cli, ["tiket", "list"], prog_name="smtpgate")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "smtpgate: No such command 'tiket'. Did you mean 'ticket'? (see smtpgate --help)\n"


def test_no_list_of_commands_is_cut() -> None:
    """On 80 columns, where click ends what is too long with dots."""
    for name in COMMANDS:
        for path, command in _all(cli.get_command(click.Context(cli), name) or cli, name):
            if isinstance(command, click.Group):
                shown = CliRunner().invoke(cli, [*path.split(), "--help"], terminal_width=80).output
                assert "..." not in shown.partition("Commands:")[2], path


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"smtpgate {__version__}\n"


def test_no_configuration_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMTPGATE_CONFIG", raising=False)
    result = CliRunner().invoke(cli, ["ticket", "list"])
    assert result.exit_code == 1
    assert result.stderr.startswith("smtpgate: no configuration: name one with --config FILE or $SMTPGATE_CONFIG")
    assert result.stderr.count("\n") == 1


def test_where_the_configuration_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("smtpgate.toml", "environment.toml", "option.toml"):
        Path(name).write_text(CONFIG)

    def used(*args: str, **env: str | None) -> str:
        result = CliRunner().invoke(cli, [*args, "check-config"], env={"SMTPGATE_CONFIG": None, **env})
        return result.stdout.partition(":")[0]

    assert used() == "smtpgate.toml"
    assert used(SMTPGATE_CONFIG="environment.toml") == "environment.toml"
    assert used("--config", "option.toml", SMTPGATE_CONFIG="environment.toml") == "option.toml"


def test_a_bad_configuration_stops_every_command_with_all_its_problems(shop: Shop) -> None:
    (shop.directory / "smtpgate.toml").write_text(CONFIG + "[limits]\nhops = 1\nfoo = 2\n")
    for command in (["ticket", "list"], ["queue", "list"], ["hold", "list"]):
        result = shop.run(*command)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 2
        assert "smtpgate.toml:10: limits.hops" in result.stderr


def test_no_store_yet(tmp_path: Path) -> None:
    (tmp_path / "smtpgate.toml").write_text(CONFIG)
    code, said = Shop(tmp_path).bad("ticket", "list")
    assert code == 1
    assert "there is no store at" in said
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["nonsense"], 2, "smtpgate: No such command 'nonsense'. (see smtpgate --help)"),
        (["ticket", "nonsense"], 2, "smtpgate ticket: No such command 'nonsense'"),
        (["ticket", "list", "--frob"], 2, "smtpgate ticket list: No such option"),
        (["ticket", "list", "--limit", "0"], 2, "smtpgate ticket list: Invalid value for '--limit'"),
        (["ticket", "list", "--status", "happy"], 2, "smtpgate ticket list: Invalid value for '--status'"),
        (["ticket", "list", "--desk", "nobody"], 1, "there is no desk 'nobody'; there are: support, sales"),
        (["ticket", "show"], 2, "smtpgate ticket show: Missing argument 'NUMBER'"),
        (["ticket", "show", "20260101-EML-9999"], 1, "there is no ticket 20260101-EML-9999"),
        (["queue", "show", "x"], 2, "'x' is not an id; ids have 13 letters and digits"),
        (["queue", "show", "7777777777777"], 2, "is not an id"),
        (["queue", "show", "äöüäöüäöüäöüä"], 2, "is not an id"),
        (["queue", "show", "a" * 13], 1, "there is no outgoing mail aaaaaaaaaaaaa"),
        (["queue", "retry"], 2, "name ids, or say --all"),
        (["queue", "retry", "--all", "a" * 13], 2, "name ids, or say --all"),
        (["queue", "drop"], 2, "name ids, or say --all"),
        (["queue", "drop", "a" * 13], 1, "there is no recipient aaaaaaaaaaaaa"),
        (["queue", "resume", "nowhere.example"], 1, "nowhere.example is not paused"),
        (["hold", "show", "a" * 13], 1, "aaaaaaaaaaaaa is not among the held mail"),
        (["hold", "release", "a" * 13], 1, "aaaaaaaaaaaaa is not among the held mail; nothing was changed"),
        (["poison", "replay", "a" * 13], 1, "aaaaaaaaaaaaa is not among the poison mail"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(shop: Shop, args: list[str], code: int, says: str) -> None:
    got, said = shop.bad(*args)
    assert got == code
    assert says in said


def test_no_arguments_show_help() -> None:
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_our_own_errors_become_exit_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, code in (
        (UsageError("x"), 1),
        (StoreFatal("x"), 74),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "x", "f"), 1),
    ):

        def fail(error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(type(cli), "get_command", lambda *_, fail=fail: click.Command("x", callback=fail))
        result = CliRunner().invoke(cli, ["serve"])
        assert result.exit_code == code
        assert "Traceback" not in result.output


def test_a_bug_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(cli), "get_command", lambda *_: click.Command("x", callback=fail))
    assert isinstance(CliRunner().invoke(cli, ["serve"]).exception, ZeroDivisionError)


def test_a_reader_who_goes_away_and_a_terminal_without_chinese_harm_nobody(shop: Shop) -> None:
    command = f"{sys.executable} -m smtpgate --config {shop.directory}/smtpgate.toml"
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for shell in (f"{command} ticket show 20261121-EML-0001 | true", f"{command} ticket list | head -1", f"{command} ticket list"):
        done = subprocess.run(["bash", "-c", shell], check=False, capture_output=True, timeout=30, env=env)
        assert (done.returncode, done.stderr) == (0, b"")
