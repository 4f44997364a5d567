"""Reads the configuration file. Errors name file, line, key and mend, all at once.

`load` either returns a whole, checked Config or raises ConfigError. Nothing here opens a socket or a database; files
that the configuration names (certificates, keys, secrets, templates) are read once, here, so that an unreadable one is
found before the first connection. When single values are wrong, the rest is checked all the same (_salvage).
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import os
import tomllib
import typing
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from smtpgate import configchecks
from smtpgate.config import Config
from smtpgate.configchecks import ProblemMaker
from smtpgate.errors import ConfigError, Problem
from smtpgate.settingtypes import Section
from smtpgate.tomllines import Loc, find_line, key_lines

S = TypeVar("S", bound=Section)
_DIRECTORY_OF_CREDENTIALS = "$CREDENTIALS_DIRECTORY/"
_SEE_EXAMPLE = "config.example.toml shows how"
_SAYS = {
    "string_type": "is not a text",
    "bool_type": "is neither true nor false",
    "int_type": "is not a whole number",
    "float_type": "is not a number",
    "list_type": "is not a list",
    "model_type": "is not a table",
    "is_instance_of": "is not a path",
    "too_short": "needs at least {min_length} of them",
    "string_too_short": "is too short; it needs {min_length} characters",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "does not match {pattern}",
}


def load(path: Path, *, read_files: bool = True) -> Config:
    """Read, check and complete the configuration. Paths in it are relative to its own directory.

    Raises ConfigError with every problem found. read_files=False leaves the files that it names alone (for commands
    that only need the store).
    """
    text = _text(path, "copy config.example.toml and edit it")
    return parse(text, name=str(path), base=path.parent, read_files=read_files)


def load_section(path: Path, section: type[S], mend: str) -> S:
    """A TOML file that is no configuration but has the shape of a section. mend: when it is not there. Raises ConfigError."""
    name, text = str(path), _text(path, mend)
    data, lines = _data(text, name)
    try:
        return section.model_validate(data)
    except ValidationError as error:

        def problem(loc: Loc, message: str, mend: str) -> Problem:
            return Problem(name, find_line(lines, loc), _dotted(loc), message, mend)

        known = f"there are: {', '.join(_all_keys(section))}"
        faults = [_from_pydantic(fault, problem) for fault in error.errors(include_url=False)]
        raise ConfigError([dataclasses.replace(fault, mend=known) for fault in faults]) from None


def _text(path: Path, mend: str) -> str:
    name = str(path)

    def unusable(message: str, mend: str, line: int | None = None) -> ConfigError:
        return ConfigError([Problem(name, line, "file", message, mend)])

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise unusable("is not there", mend) from None
    except OSError as error:
        raise unusable(f"cannot be read: {error.strerror}", "check the path and its mode") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise unusable("is not UTF-8", "save it as UTF-8", line) from None


def parse(text: str, *, name: str, base: Path, read_files: bool = True) -> Config:
    """`load` for a text that has been read already."""
    data, lines = _data(text, name)

    def problem(loc: Loc, message: str, mend: str) -> Problem:
        return Problem(name, find_line(lines, loc), _dotted(loc), message, mend)

    problems: list[Problem] = []
    broken: frozenset[Loc] = frozenset()
    config: Config | None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        problems = [_from_pydantic(fault, problem) for fault in faults]
        broken = frozenset(fault["loc"] for fault in faults)
        config = _salvage(data, broken)
    if config is not None:
        config = _rebase(config, base)
        found = list(configchecks.cross_checks(config, problem, broken))
        if read_files:
            found += configchecks.read_files(config, problem)
        own = {_dotted(loc) for loc in broken}
        problems += [p for p in found if p.key not in own]
    if config is None or problems:
        raise ConfigError(sorted(problems, key=lambda p: p.line or 0))
    return config


def _data(text: str, name: str) -> tuple[dict[str, Any], dict[Loc, int]]:
    """What a text says, and the line of each key."""
    try:
        return tomllib.loads(text), key_lines(text)
    except tomllib.TOMLDecodeError as error:
        where, message = _toml_error(error, text)
        raise ConfigError([Problem(name, where, "file", f"is not TOML: {message}", "mend the syntax")]) from None
    except RecursionError:
        raise ConfigError([Problem(name, None, "file", "is nested too deeply", "mend the syntax")]) from None


def _toml_error(error: tomllib.TOMLDecodeError, text: str) -> tuple[int | None, str]:
    message, found, place = str(error).rpartition(" (at ")
    if not found:
        return None, str(error)
    number = place.removeprefix("line ").partition(",")[0]
    return (int(number) if number.isdigit() else text.rstrip().count("\n") + 1), message[:1].lower() + message[1:]


# --- one fault of the model in words ----------------------------------------------------------------------------------


def _from_pydantic(fault: Any, problem: ProblemMaker) -> Problem:
    kind, loc = fault["type"], fault["loc"]
    if kind == "extra_forbidden":
        return problem(loc, "is not a setting", _nearest(loc))
    if kind == "missing":
        return problem(loc, "is missing", f"add it; {_SEE_EXAMPLE}")
    if kind == "value_error":
        message, _, mend = str(fault["ctx"]["error"]).partition("; ")
    else:
        got = fault.get("input")
        message, mend = _SAYS.get(kind, "").format(**fault.get("ctx", {})), ""
        message = message or fault["msg"].replace("Input should", "should", 1)
        if isinstance(got, str | int | float | bool):
            message += f" (got {_toml(got)})"
    return problem(loc, message, mend or f"correct the value; {_SEE_EXAMPLE}")


def _toml(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value if not isinstance(value, str) or len(value) <= 60 else value[:60] + "…")


def _nearest(loc: Loc) -> str:
    """What the admin may have meant: a like name in the same table, or the same name in another one."""
    name = str(loc[-1])
    parent = _section(loc[:-1])
    near = difflib.get_close_matches(name, list(parent.model_fields) if parent else [], n=1)
    if near:
        return f"did you mean {near[0]}?"
    homes = [key for key in _all_keys(Config) if key.rpartition(".")[2] == name]
    if homes:
        return f"did you mean {homes[0]}?"
    return "remove it; config.example.toml has every setting"


def _section(loc: Loc) -> type[Section] | None:
    section: type[Section] = Config
    for part in loc:
        if isinstance(part, str):
            inner = _inner(section.model_fields[part].annotation) if part in section.model_fields else None
            if inner is None:
                return None
            section = inner
    return section


def _inner(annotation: Any) -> type[Section] | None:
    """The section in "Section", "list[Section]" or "Section | None"."""
    if typing.get_args(annotation):
        return next((found for found in map(_inner, typing.get_args(annotation)) if found), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _all_keys(section: type[Section], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, field in section.model_fields.items():
        inner = _inner(field.annotation)
        keys += _all_keys(inner, f"{prefix}{name}.") if inner else [prefix + name]
    return keys


# --- going on after a fault -------------------------------------------------------------------------------------------


def _salvage(data: dict[str, Any], broken: frozenset[Loc]) -> Config | None:
    """A Config without the broken settings, in which the others can be checked; None if too little is left.

    A required setting that is broken or missing gets a value that offends nobody; its own problem is known already.
    """
    rest = copy.deepcopy(data)
    for loc in sorted(broken, key=len, reverse=True):
        _remove(rest, loc)
    if not isinstance(rest.get("server"), dict):
        rest["server"] = {}
    rest["server"].setdefault("name", "salvaged.invalid")
    if not isinstance(rest.get("desk"), list) or not rest["desk"]:
        rest["desk"] = [{}]
    for i, desk in enumerate(rest["desk"]):
        if isinstance(desk, dict):
            desk.setdefault("name", f"salvaged-{i}")
            desk.setdefault("address", f"salvaged-{i}@salvaged.invalid")
    for key in rest.get("dkim", []):
        for name in ("domain", "selector", "key_file") if isinstance(key, dict) else ():
            key.setdefault(name, "salvaged.invalid")
    try:
        return Config.model_validate(rest)
    except ValidationError:
        return None


def _remove(data: dict[str, Any], loc: Loc) -> None:
    """Take the setting out. Of a list of values all of it goes, so that no other one changes its place."""
    holder: Any = data
    for depth, part in enumerate(loc):
        try:
            value = holder[part]
        except (KeyError, IndexError, TypeError):
            return
        last = depth == len(loc) - 1
        if isinstance(holder, dict) and (last or (isinstance(value, list) and not any(isinstance(v, dict) for v in value))):
            del holder[part]
            return
        if last:
            holder[part] = {}  # a table in an array of tables
        holder = value


# --- paths and names --------------------------------------------------------------------------------------------------


def _rebase(config: Config, base: Path) -> Config:
    """Make every path absolute, seen from the file's directory."""

    def walk(section: Section) -> Section:
        updates: dict[str, Any] = {}
        for field_name in type(section).model_fields:
            value = getattr(section, field_name)
            if isinstance(value, Path):
                updates[field_name] = _absolute(base, value)
            elif isinstance(value, Section):
                updates[field_name] = walk(value)
            elif isinstance(value, list) and value and isinstance(value[0], Section | Path):
                updates[field_name] = [walk(v) if isinstance(v, Section) else _absolute(base, v) for v in value]
        return section.model_copy(update=updates)

    rebased = walk(config)
    assert isinstance(rebased, Config)
    return rebased


def _absolute(base: Path, path: Path) -> Path:
    """A leading $CREDENTIALS_DIRECTORY is systemd's (LoadCredential=)."""
    text = str(path)
    if text.startswith(_DIRECTORY_OF_CREDENTIALS):
        directory = os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")
        return Path(directory) / text.removeprefix(_DIRECTORY_OF_CREDENTIALS)
    return path if path.is_absolute() else Path(os.path.abspath(base / path))


def _dotted(loc: Loc) -> str:
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
