"""`smtpgate man`: a page for every command, with what its help says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner

from smtpgate.cli.main import COMMANDS, cli


def test_every_command_has_its_page_with_all_its_options(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["man", str(tmp_path / "man")])
    assert (result.exit_code, result.stderr) == (0, "")
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "man").iterdir()}
    assert {f"smtpgate-{name}.8" for name in COMMANDS} <= set(pages)
    page = pages["smtpgate-queue-list.8"]
    for words in ("smtpgate\\-queue\\-list", "\\-\\-older\\-than", "the newest first", "May be repeated."):
        assert words in page
    assert "smtpgate\\-queue\\-hold" in pages["smtpgate-queue.8"].replace("smtpgate-queue", "smtpgate\\-queue")
    wanted = ".SH EXAMPLES\n.nf\nsmtpgate queue list\nsmtpgate queue list \\-\\-state failed"
    assert wanted in page
    assert not any("\b" in text for text in pages.values())
    for name, text in pages.items():
        known = (".TH ", ".SH ", ".B ", ".BR ", ".PP", ".TP", ".nf", ".fi")
        assert all(line.startswith(known) for line in text.splitlines() if line.startswith((".", "'"))), name
    if shutil.which("groff"):
        for path in (tmp_path / "man").iterdir():
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", path], capture_output=True, check=True, timeout=30)
            assert done.stderr == b"", path
