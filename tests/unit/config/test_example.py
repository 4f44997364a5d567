"""config.example.toml and the model are in step; the example and the try-out configuration can be used as they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from smtpgate import configfile
from smtpgate.config import Config
from smtpgate.configfile import _inner
from smtpgate.settingtypes import Section

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
SETTING = re.compile(r"(?P<off># )?(?P<key>[a-z_]+) = (?P<value>.+)")
TABLE = re.compile(r"(?:# )?\[+(?P<name>[a-z_.]+)\]+")


def settings(section: type[Section] = Config, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its dotted name, tables below a table after its own settings."""
    tables = []
    for name, field in section.model_fields.items():
        inner = _inner(field.annotation)
        if inner is None:
            yield prefix + name, field
        else:
            tables.append((name, inner))
    for name, inner in tables:
        yield from settings(inner, f"{prefix}{name}.")


def written() -> list[tuple[str, bool, str, str]]:
    """(dotted name, commented out, value, comment above) for every setting in the file, in its order."""
    found: list[tuple[str, bool, str, str]] = []
    table, comment = "", ""
    for line in EXAMPLE.splitlines():
        if match := TABLE.fullmatch(line):
            table, comment = match["name"] + ".", ""
        elif match := SETTING.fullmatch(line):
            found.append((table + match["key"], bool(match["off"]), match["value"], comment.strip()))
            comment = ""
        elif line.startswith("#"):
            comment += " " + line.removeprefix("#").strip()
        else:
            comment = ""
    return found


FILE = {name: (off, value, comment) for name, off, value, comment in written()}


def test_every_setting_stands_there_once_in_the_order_of_the_model() -> None:
    assert [name for name, *_ in written()] == [name for name, _ in settings()]


@pytest.mark.parametrize(("name", "field"), list(settings()), ids=[name for name, _ in settings()])
def test_its_description_and_default(name: str, field: FieldInfo) -> None:
    off, value, comment = FILE[name]
    assert field.description, "a setting without a description"
    assert " ".join(field.description.split()) in comment
    assert off is (not field.is_required() or name.startswith(("dkim.", "blocklist.", "extract.", "agent."))), (
        "commented out exactly if it need not be set"
    )
    # an example for what has no default must at least be of the right type; a default must be the default
    loaded = all_uncommented()
    for part in name.split("."):
        loaded = getattr(loaded[0] if isinstance(loaded, list) else loaded, part)
    assert loaded is not None
    if not field.is_required() and field.default is not None:
        assert loaded == field.default, value


def all_uncommented() -> Any:
    lines = [line.removeprefix("# ") if SETTING.fullmatch(line) or TABLE.fullmatch(line) else line for line in EXAMPLE.splitlines()]
    return Config.model_validate(tomllib.loads("\n".join(lines)))


def test_the_example_can_be_used() -> None:
    config = configfile.load(ROOT / "config.example.toml")
    assert config.server.trusted_networks == []
    assert [d.name for d in config.desk] == ["support"]


def test_every_section_is_introduced_and_no_line_is_too_long() -> None:
    lines = EXAMPLE.splitlines()
    tables = [i for i, line in enumerate(lines) if TABLE.fullmatch(line)]
    assert all(lines[i - 1].startswith("# ") for i in tables)
    assert max(map(len, lines)) <= 120


def test_the_tryout_configuration_keeps_to_itself(tmp_path: Path) -> None:
    text = (ROOT / "smtpgate" / "tryout.toml").read_text(encoding="utf-8")
    config = configfile.parse(text, name="tryout.toml", base=tmp_path)
    assert config.server.listen == ["127.0.0.1:2525"]
    assert config.server.trusted_networks == ["127.0.0.0/8", "::1/128"]
    assert config.store.path == tmp_path / "var" / "smtpgate.db"
    assert (config.delivery.mode, config.delivery.maildir) == ("maildir", tmp_path / "var" / "outbox")
