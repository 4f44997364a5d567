"""The schema as it is and the numbered steps that led to it, as SQLite reads them. Fails only as reading a file does.

The PostgreSQL driver translates both (store.postgres_dialect), so that there is one text of each. A step only adds, so that the
version before it can go on beside us; one that cannot be so begins with BREAKS and why.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from smtpgate.errors import StoreError

_TABLE = re.compile(r"CREATE TABLE (\w+) \(\n(.*?)\n\) STRICT;", re.DOTALL)
SQL = resources.files("smtpgate.store") / "sql"


def migrations() -> list[str]:
    """Migration n leads from version n-1 to n, for n from 1 on."""
    files = sorted((SQL / "migrations").iterdir(), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files if file.name.endswith(".sql")]


BREAKS = "-- Breaks older versions"
NEEDS = "schema needs"  # key in meta: the least schema that a program must know to use this store


def needed(steps: Sequence[str]) -> int:
    """The last of these steps that says that programs which do not know it may no longer use the store; at least 1."""
    return max([number for number, step in enumerate(steps, 1) if step.startswith(BREAKS)], default=1)


def usable(version: int, needs: int | None, where: str) -> None:
    """needs: what the store says, None when it says nothing. Raises StoreError when a newer program has made it unfit for us."""
    ours = len(migrations())
    if version > ours and (needs is None or needs > ours):
        raise StoreError(
            f"{where} was written by a newer smtpgate (schema {version}, this one knows {ours}): "
            "install that version again, or restore the backup from before the upgrade"
        )


def schema() -> str:
    return (SQL / "schema.sql").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the schema: its columns in their order with their types, and those of its primary key."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]


def tables() -> list[Table]:
    """In an order in which no row refers to one of a later table."""
    found = []
    for name, body in _TABLE.findall(schema()):
        lines = [line.partition("--")[0].strip().rstrip(",") for line in body.splitlines()]
        columns = [line.split()[:2] for line in lines if line and not line.startswith(("PRIMARY KEY", "UNIQUE"))]
        several = [line for line in lines if line.startswith("PRIMARY KEY")]
        if several:
            key = tuple(several[0].partition("(")[2].rstrip(")").split(", "))
        else:
            key = tuple(line.split()[0] for line in lines if "PRIMARY KEY" in line)
        found.append(Table(name, tuple(column for column, _ in columns), tuple(type_ for _, type_ in columns), key))
    return found


def statements(script: str) -> Iterator[str]:
    """One by one, each with the comments before it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
