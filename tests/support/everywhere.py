"""Where a word stands in all that a store keeps: every column, as it is and as it reads, and every octet of its files."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from smtpgate.store import schema
from smtpgate.store.showing import said
from smtpgate.store.statement import Query, Rows, Verb
from smtpgate.store.verbs import VerbStore


async def in_rows(store: VerbStore, words: Iterable[str]) -> list[str]:
    """Places in which one of these words stands, in whatever case."""
    found = []
    wanted = [word.lower() for word in words]
    for table in schema.tables():

        def everything(name: str = table.name, columns: str = ", ".join(table.columns)) -> Verb[Rows]:
            return (yield Query(f"SELECT {columns} FROM {name}"))

        for row in await store._read(everything):
            for column, value in zip(table.columns, row, strict=True):
                texts = [text.lower() for text in _readings(value)]
                found += [f"{table.name}.{column} of {row[0]}: {word}" for word in wanted if any(word in text for text in texts)]
    return found


def _readings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if "\\u" in value:
            yield value.encode("latin-1", "replace").decode("unicode_escape", "replace")
    if isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
        yield said(value)
        with contextlib.suppress(zlib.error):
            yield said(zlib.decompress(value))


def in_files(directory: Path, words: Iterable[str]) -> list[str]:
    """The same of every octet on the disk."""
    found = []
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        data = path.read_bytes().lower()
        found += [f"{path.name}: {word}" for word in words if word.lower().encode() in data]
    return found
