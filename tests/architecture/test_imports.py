"""The house stands as docs/flow.md draws it: imports go down only, and each library, SQL, the clock and print have one home.

Read from the source (AST), imports inside functions and under TYPE_CHECKING included.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "smtpgate"

# From the top down: a module may import from its own layer's package and from any layer below, never from above.
# Packages in one layer do not know each other.
LAYERS: list[set[str]] = [
    {"__main__"},
    {"cli"},
    {"history", "status", "dnsrecords"},
    {"serving"},
    {"app", "explain"},
    {"processes"},
    {"filing", "later", "actions", "importing", "bulletins", "desks"},
    {"requested"},
    {"oldmail", "erasure", "personexport"},
    {"intake", "handlers", "delivery", "service", "archive", "watching"},
    {"auth"},
    {"mail", "rules", "desk", "store"},
    {"configfile"},
    {"configchecks", "log"},
    {"config"},
    {
        "deliverysettings",
        "desksettings",
        "limitsettings",
        "privacysettings",
        "storesettings",
        "submissionsettings",
        "ticketsettings",
        "watchsettings",
    },
    {"targetsettings"},
    {"settingtypes"},
    {"numbers", "patterns", "model", "parsed", "links", "errors", "clock", "metrics", "tomllines", "logaddresses", "listing"}
    | {"hours", "due", "colors", "languages", "wish", "bulletin", "blocks", "passwords", "holding", "target"}
    | {"ownprocess", "person", "spent", "records", "__init__"},
]
GROUND = LAYERS[-1]

HOMES = {
    "aiosmtpd": {"intake"},
    "aiosqlite": {"store"},
    "asyncpg": {"store"},
    "sqlite3": {"store"},
    "dkim": {"auth"},
    "spf": {"auth"},
    "authres": {"auth"},
    "dns": {"auth"},
    "mailparser": {"mail/parse.py"},
    "jinja2": {"mail/compose.py"},
    "nh3": {"mail"},
    "re2": {"patterns.py"},
    "argon2": {"passwords.py"},
    "aiosmtplib": {"delivery"},
    "click": {"cli"},
    "rich": {"cli"},
    "email_validator": {"settingtypes.py"},
    "tomllib": {"configfile.py"},
    "prometheus_client": {"watching/exposition.py"},
    "opentelemetry": {"watching/traces.py"},
}
SQL = ("SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "CREATE TABLE", "PRAGMA ", "BEGIN IMMEDIATE")


MODULES = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
pytestmark = pytest.mark.xdist_group("sources")  # read once


@cache
def sources() -> dict[Path, ast.Module]:
    return {module: ast.parse((PACKAGE / module).read_text(encoding="utf-8")) for module in MODULES}


def part(module: Path) -> str:
    """The part of the house that a module belongs to."""
    return module.parts[0].removesuffix(".py")


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_part_of_the_house_has_its_place() -> None:
    places = [name for layer in LAYERS for name in layer]
    assert len(places) == len(set(places))
    assert {part(module) for module in sources()} <= set(places)


def test_imports_go_down_only() -> None:
    level = {name: height for height, layer in enumerate(LAYERS) for name in layer}
    wrong = []
    for module, tree in sources().items():
        here = part(module)
        for name in imports(tree):
            if not name.startswith("smtpgate."):
                continue
            there = name.split(".")[1]
            if there not in level:  # `from smtpgate import __version__`
                continue
            allowed = there == here or level[there] > level[here]
            if not allowed and not {here, there} <= GROUND:
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_each_library_has_one_home() -> None:
    wrong = []
    for module, tree in sources().items():
        for name in imports(tree):
            homes = HOMES.get(name.split(".")[0])
            if homes is not None and part(module) not in homes and str(module) not in homes:
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_handlers_return_changes_and_cannot_write() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, tree in sources().items()
        if part(module) == "handlers"
        for name in imports(tree)
        if name.startswith("smtpgate.store") and not name.startswith("smtpgate.store.api")
    ]
    assert not wrong, "\n".join(wrong)


def test_rules_do_no_io() -> None:
    forbidden = {"asyncio", "socket", "os", "pathlib", "subprocess", "structlog"}
    wrong = [
        f"{module} imports {name}"
        for module, tree in sources().items()
        if part(module) == "rules"
        for name in imports(tree)
        if name.split(".")[0] in forbidden
    ]
    assert not wrong, "\n".join(wrong)


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string that is no docstring."""
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.lineno, node.value


def test_no_sql_outside_the_store() -> None:
    wrong = [
        f"{module}:{line}: {text[:60]!r}"
        for module, tree in sources().items()
        if part(module) != "store"
        for line, text in strings(tree)
        if text.lstrip().startswith(SQL)
    ]
    assert not wrong, "\n".join(wrong)


def calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
CLOCKS |= {f"datetime.{name}" for name in CLOCKS} | {"time.monotonic", "monotonic"}
# A parser process and a writer thread measure themselves, where no Clock can reach.
MONOTONIC = {"time.monotonic", "monotonic"}


def test_the_time_comes_from_the_clock() -> None:
    wrong = [
        f"{module}:{line}: {name}()"
        for module, tree in sources().items()
        if module.name != "clock.py"
        for line, name in calls(tree)
        if name in CLOCKS - MONOTONIC
    ]
    assert not wrong, "\n".join(wrong)


def test_sql_never_asks_what_time_it_is() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.sql")).lower()
    text += "".join(s.lower() for m, tree in sources().items() if part(m) == "store" for _, s in strings(tree))
    assert text
    assert not [word for word in ("current_timestamp", "strftime(", "unixepoch(", "now()", "datetime('now") if word in text]


def test_only_the_command_line_prints() -> None:
    wrong = [
        f"{module}:{line}: {name}()"
        for module, tree in sources().items()
        if part(module) != "cli"
        for line, name in calls(tree)
        if name in ("print", "sys.stdout.write", "sys.stderr.write", "pprint")
    ]
    assert not wrong, "\n".join(wrong)


LONGEST_FILE, LONGEST_FUNCTION = 450, 70


def test_no_file_and_no_function_holds_two_things() -> None:
    """A file beyond 450 lines or a function beyond 70 should be two."""
    long = []
    for module, tree in sources().items():
        lines = (PACKAGE / module).read_text(encoding="utf-8").count("\n")
        if lines > LONGEST_FILE:
            long.append(f"{module}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.append(f"{module}:{node.lineno}: {node.name}: {length} lines")
    assert not long, "\n".join(long)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_says_what_it_owns(module: Path) -> None:
    docstring = ast.get_docstring(sources()[module])
    empty = not sources()[module].body
    assert empty or docstring, "no docstring"
    assert not docstring or len(docstring.splitlines()) <= 30
