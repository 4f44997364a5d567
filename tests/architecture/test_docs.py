"""What README and docs say: links lead somewhere, commands and make targets exist, settings are spelled right."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from smtpgate import configfile
from smtpgate.cli.main import COMMANDS, cli
from smtpgate.config import Config
from smtpgate.settingtypes import Section

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


def test_tests_that_pages_name_exist() -> None:
    named = {pair for page in PAGES for pair in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())}
    assert len(named) > 50
    for path in {path for path, _ in named}:
        functions = {
            n.name for n in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        missing = {name for where, name in named if where == path} - functions
        assert not missing, f"{path} has no {missing}"


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


# --- commands ---------------------------------------------------------------------------------------------------------

PLACEHOLDERS = {
    "NUMBER": "20261121-EML-0001", "ID": "a" * 13, "ADDRESS": "ann@customer.example", "DOMAIN": "customer.example",
    "FILE": "mail.db", "ZONEFILE": "zone.json", "DIRECTORY": "man",
    "A": "192.0.2.1", "H": "mx.b.example", "HOST": "mail.example.com", "RELAY": "relay.example",
}  # fmt: skip


def typed(page: Path) -> Iterator[list[str]]:
    """The words of every smtpgate command that stands in the page's sh blocks or, with an option or argument, in its text."""
    text = page.read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    lines += re.findall(r"`(smtpgate [^`]+)`", text)
    for line in lines:
        words = shlex.split(line, comments=True)
        while words and words[0] in ("sudo", "exec"):
            words = words[1:]
        if not words or Path(words[0]).name != "smtpgate":
            continue
        words = words[1:]
        if words[:1] == ["--config"]:
            words = words[2:]
        cut = next((i for i, word in enumerate(words) if word in ("|", ">", "<", ";") or "…" in word), len(words))
        words = [PLACEHOLDERS.get(word, word) for word in words[:cut]]
        if words and words[0] in COMMANDS:
            yield words


def test_what_the_docs_tell_to_type_is_a_command_with_its_options() -> None:
    tried = 0
    for page in PAGES:
        for words in typed(page):
            command, rest, ctx = cli.get_command(click.Context(cli), words[0]), words[1:], click.Context(cli)
            while isinstance(command, click.Group) and rest:
                command, rest = command.get_command(ctx, rest[0]), rest[1:]
            assert command is not None, f"{page.name}: {words}"
            given = [word for word in rest if word.startswith("-")]
            known = {option for param in command.params for option in param.opts}
            assert set(given) <= known | {"--help"}, f"{page.name}: {words}"
            if rest and not isinstance(command, click.Group):
                command.make_context(words[0], list(rest), resilient_parsing=False)
            tried += 1
    assert tried > 100


# --- what the log says ------------------------------------------------------------------------------------------------


def events() -> set[str]:
    """Every event of level warning and above that the code can write."""
    found = set()
    for path in (ROOT / "smtpgate").rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if re.search(r"\blog\.(warning|error|critical|exception)\(", text) else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("warning", "error", "critical", "exception")
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
            ):
                event = node.args[0]
                assert isinstance(event, ast.Constant), f"{path.name}:{node.lineno}: the event is not a plain text"
                found.add(event.value)
    return found


def test_every_event_that_somebody_should_see_is_in_the_table() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    table = text[text.index("| event | means | do |") :]
    told = set(re.findall(r"^\| (.+?) \| .+ \| .+ \|$", table, re.M)) - {"event"}
    assert told == events()


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name
