"""`smtpgate completion`: the scripts, and the answers that they ask for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from smtpgate.cli.main import COMMANDS, cli


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"_SMTPGATE_COMPLETE={shell}_complete" in result.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True, timeout=30)


def asked(words: str, position: int) -> list[str]:
    env = {**os.environ, "_SMTPGATE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    done = subprocess.run(
        [sys.executable, "-c", "from smtpgate.cli.main import cli; cli(prog_name='smtpgate')"],
        env=env,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_subcommands_and_choices_are_completed() -> None:
    assert set(asked("smtpgate ", 1)) == set(COMMANDS)
    assert asked("smtpgate queue re", 2) == ["release", "resume", "retry"]
    assert "held" in asked("smtpgate queue list --state ", 4)
    assert "--older-than" in asked("smtpgate queue list --", 3)
