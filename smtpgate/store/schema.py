"""The schema as it is and the numbered steps that led to it, as SQLite reads them. Fails only as reading a file does.

The PostgreSQL driver translates both (store.postgres_dialect), so that there is one text of each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import resources

SQL = resources.files("smtpgate.store") / "sql"


def migrations() -> list[str]:
    """Migration n leads from version n-1 to n, for n from 1 on."""
    files = sorted((SQL / "migrations").iterdir(), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files if file.name.endswith(".sql")]


def schema() -> str:
    return (SQL / "schema.sql").read_text("utf-8")


def statements(script: str) -> Iterator[str]:
    """One by one, each with the comments before it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
