"""How rows and texts look: a table on a terminal, aligned plain text elsewhere, JSON lines for programs.

Everything that came by mail is cleaned before it is printed: a terminal obeys what it is shown. Widths are counted in
cells, so Chinese stays in its column. Never fails on any text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from smtpgate.clock import utc
from smtpgate.mail import safe

_NARROW = 12  # cells for each column that may be broken; with less a table is a heap of fragments


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing. key names it in JSON, title in tables. whole: never broken over two lines."""

    key: str
    title: str
    whole: bool = False


Row = dict[str, Any]  # values by column key (and perhaps more, for JSON): str, int, bool, None, lists and dicts of them


def moment(seconds: float) -> str:
    """A time in the local zone, ISO 8601 to the second with its offset."""
    return utc(seconds).astimezone().isoformat(timespec="seconds")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    text = safe.line(str(value), 1000)
    # "2026-01-02T10:00:00+08:00" reads better without its T and zone, which is the reader's own
    return f"{text[:10]} {text[11:19]}" if len(text) == 25 and text[10] == "T" and text[4] == text[7] == "-" else text


def listing(columns: Sequence[Column], rows: Iterable[Row], *, as_json: bool, empty: str) -> None:
    """Print rows. With as_json one object a line, and nothing for no rows; else `empty` goes to stderr then."""
    if as_json:
        for row in rows:
            as_line(row)
        return
    cells = [[_shown(row.get(column.key)) for column in columns] for row in rows]
    if not cells:
        click.echo(empty, err=True)
    elif not sys.stdout.isatty():
        _plain(columns, cells)
    else:
        _table(columns, cells)


def as_line(row: Row) -> None:
    """One JSON object on a line of its own. Lone surrogates are escaped, all else is written as it is."""
    text = json.dumps(row, ensure_ascii=False)
    click.echo(text if text == safe.scrub(text) else json.dumps(row))


def _plain(columns: Sequence[Column], cells: list[list[str]]) -> None:
    from rich.cells import cell_len

    lines = [[column.title for column in columns], *cells]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _table(columns: Sequence[Column], cells: list[list[str]]) -> None:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, file=sys.stdout)
    least = []
    for i, column in enumerate(columns):
        widest = max(cell_len(text) for text in (column.title, *(line[i] for line in cells)))
        least.append(widest if column.whole else min(widest, _NARROW))
    if console.width < sum(least) + 2 * len(least):
        for line in cells:
            pairs([(column.title, text) for column, text in zip(columns, line, strict=True) if text])
            click.echo()
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, width in zip(columns, least, strict=True):
        table.add_column(column.title, no_wrap=column.whole, overflow="fold", min_width=width)
    for line in cells:
        table.add_row(*(Text(text) for text in line))
    console.print(table)


def pairs(items: Sequence[tuple[str, Any]]) -> None:
    """Names and values below each other."""
    width = max((len(name) for name, _ in items), default=0)
    for name, value in items:
        click.echo(f"{name:{width}}  {_shown(value)}".rstrip())


def person(name: str, address: str) -> str:
    return f"{name} <{address}>" if name else address


def heading(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def body(content: str, *, indent: str = "  ") -> None:
    """A text of many lines that somebody sent."""
    for line in safe.block(content).rstrip("\n").split("\n"):
        click.echo(f"{indent}{line}".rstrip())


def raw(content: bytes) -> None:
    """A mail: the very bytes into a file or pipe, cleaned text on a terminal."""
    if sys.stdout.isatty():
        body(content.decode("utf-8", "replace"), indent="")
    else:
        click.echo(content, nl=False)
