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


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing. key names it in JSON, title in tables. whole: never broken over two lines; minor: left out
    where a terminal has no room for it. room: the cells that it needs to be readable when it is broken."""

    key: str
    title: str
    whole: bool = False
    minor: bool = False
    room: int = 12


Row = dict[str, Any]  # values by column key (and perhaps more, for JSON): str, int, bool, None, lists and dicts of them


def moment(seconds: float) -> str:
    """A time in the local zone, ISO 8601 to the second with its offset."""
    return utc(seconds).astimezone().isoformat(timespec="seconds")


def shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    text = safe.line(str(value), 1000)
    # "2026-01-02T10:00:00+08:00" reads better without its T and zone, which is the reader's own
    return f"{text[:10]} {text[11:19]}" if len(text) == 25 and text[10] == "T" and text[4] == text[7] == "-" else text


def listing(columns: Sequence[Column], rows: Iterable[Row], *, as_json: bool, empty: str) -> None:
    """Print rows. With as_json one object a line, and nothing for no rows; else `empty` goes to stderr then."""
    if as_json:
        for row in rows:
            as_line(row)
        return
    cells = [[shown(row.get(column.key)) for column in columns] for row in rows]
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
    widest = [max(cell_len(text) for text in (c.title, *(line[i] for line in cells))) for i, c in enumerate(columns)]
    least = [wide if column.whole else min(wide, column.room) for column, wide in zip(columns, widest, strict=True)]
    kept = _fitting(columns, least, console.width)
    if kept is None:
        for line in cells:
            pairs([(column.title, text) for column, text in zip(columns, line, strict=True) if text])
            click.echo()
        return
    widths = _widths([least[i] for i in kept], [widest[i] for i in kept], console.width)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for i, width in zip(kept, widths, strict=True):
        table.add_column(columns[i].title, overflow="fold", width=width)
    for line in cells:
        table.add_row(*(Text(line[i]) for i in kept))
    console.print(table)
    hidden = [column.title for i, column in enumerate(columns) if i not in kept]
    if hidden:
        click.echo(f"(no room for: {', '.join(hidden)}; a wider terminal or --json has them)", err=True)


def _widths(least: list[int], widest: list[int], room: int) -> list[int]:
    """What is left of the room goes to the columns that lack the least, so that as many as can be are whole."""
    widths, left = list(least), room - sum(least) - 2 * len(least)
    for i in sorted(range(len(widths)), key=lambda i: widest[i] - least[i]):
        more = min(left, widest[i] - widths[i])
        widths[i] += more
        left -= more
    return widths


def _fitting(columns: Sequence[Column], least: Sequence[int], width: int) -> list[int] | None:
    """Which columns there is room for: the minor ones go first, from the right. None: not even for the rest."""
    kept = list(range(len(columns)))
    minor = [i for i in kept if columns[i].minor]
    while sum(least[i] for i in kept) + 2 * len(kept) > width:
        if not minor:
            return None
        kept.remove(minor.pop())
    return kept


def pairs(items: Sequence[tuple[str, Any]]) -> None:
    """Names and values below each other."""
    width = max((len(name) for name, _ in items), default=0)
    for name, value in items:
        click.echo(f"{name:{width}}  {shown(value)}".rstrip())


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
