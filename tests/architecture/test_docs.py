"""What README and docs say: links lead somewhere, commands and make targets exist, settings are spelled right."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from smtpgate import configfile
from smtpgate.cli.main import COMMANDS, cli
from smtpgate.config import Config, Section

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "templates/README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith("https:"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_exist(page: Path) -> None:
    text = page.read_text()
    ctx = click.Context(cli)
    for line in re.findall(r"(?:^|[ `/])smtpgate(?: --config \S+)? ([a-z][a-z -]*)", text, re.M):
        words = line.split()
        if words[0] not in COMMANDS:
            continue  # prose: "smtpgate listens", "smtpgate believes"
        command = cli.get_command(ctx, words[0])
        assert command is not None
        if isinstance(command, click.Group) and len(words) > 1:
            assert words[1] in command.list_commands(ctx), line


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    for name in COMMANDS:
        assert name in text, name


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"(?:`|^)make ([a-z]+)\b", page.read_text(), re.M):
            assert re.search(rf"^{target}:", makefile, re.M), f"{page.name}: make {target}"


def test_configuration_in_the_docs_is_valid() -> None:
    """Every TOML block, put below what a whole file needs."""
    base = '[[desk]]\nname = "a"\naddress = "a@help.example"\n'
    tried = 0
    for page in PAGES:
        for block in re.findall(r"```toml\n(.*?)```", page.read_text(), re.S):
            text = block if "[server]" in block else '[server]\nname = "mx.help.example"\n' + block
            configfile.parse(text + "\n" + base, name=page.name, base=ROOT, read_files=False)
            tried += 1
    assert tried >= 3


def test_settings_named_in_the_docs_exist() -> None:
    sections = {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }
    for page in PAGES:
        for section, key in re.findall(r"`([a-z]+)\.([a-z_]+)[`\s=]", page.read_text()):
            if section in sections:
                assert key in sections[section].model_fields, f"{page.name}: {section}.{key}"
