"""`smtpgate ticket time`: what agents say that they worked (#spent), summed up."""

from __future__ import annotations

import csv
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from smtpgate import spent
from smtpgate.cli import show
from smtpgate.cli.common import Context, json_option, pass_context
from smtpgate.cli.show import Column
from smtpgate.errors import UsageError

if TYPE_CHECKING:
    from smtpgate.store.api import Store
    from smtpgate.store.seen import WorkedTime

_BY = {"agent": ("desk", "agent"), "ticket": ("desk", "number")}


@click.command()
@click.option("--desk", help="Only what was worked at this desk.")
@click.option("--agent", metavar="ADDRESS", help="Only this agent's.")
@click.option("--since", metavar="DATE", help="From then on: 2026-11-01, or 2026-11-01T09:00, in the desk's zone.")
@click.option("--until", metavar="DATE", help="Until then; a day is meant with it.")
@click.option("--by", type=click.Choice(sorted(_BY)), default="agent", show_default=True, help="What is summed up together.")
@click.option("--csv", "as_csv", is_flag=True, help="As a table for a spreadsheet.")
@json_option
@pass_context
def time(
    context: Context,
    desk: str | None,
    agent: str | None,
    since: str | None,
    until: str | None,
    by: str,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Sum up the time that agents worked, as they said with #spent.

    \b
    Examples: smtpgate ticket time --since 2026-11-01 --until 2026-11-30
              smtpgate ticket time --by ticket --agent lee@corp.example --csv
    """
    if as_csv and as_json:
        raise UsageError("--csv and --json do not go together")
    config = context.config(read_files=False)
    if desk is not None and config.desk_named(desk) is None:
        raise UsageError(f"there is no desk {desk!r}; there are: {', '.join(d.name for d in config.desk)}")
    zone = ZoneInfo((config.desk_named(desk or "") or config.desk[0]).timezone)
    begin = None if since is None else _moment("--since", since, zone, whole_day=False)
    end = None if until is None else _moment("--until", until, zone, whole_day=True)
    if begin is not None and end is not None and begin >= end:
        raise UsageError("--until lies before --since: nothing is between them")

    async def work(store: Store) -> Any:
        return await store.worked(by, desk=desk, agent=agent, since=begin, until=end)

    found: tuple[WorkedTime, ...] = tuple(context.with_store(work, config=config))
    names = (*_BY[by], "minutes", "entries", *(("tickets",) if by == "agent" else ()))
    rows = [{name: getattr(one, name) for name in names} for one in found]
    if as_csv:
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return
    columns = (*(Column(name, name, whole=True) for name in _BY[by]), Column("time", "time"))
    shown = [{**row, "time": spent.shown(int(row["minutes"]))} for row in rows]
    columns += tuple(Column(name, name) for name in names[3:])
    show.listing(columns, rows if as_json else shown, as_json=as_json, empty="no time was noted")
    if len(rows) > 1 and not as_json:
        click.echo(f"all: {spent.shown(sum(one.minutes for one in found))}")


def _moment(option: str, text: str, zone: ZoneInfo, *, whole_day: bool) -> float:
    """whole_day: of a day its end is meant."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: write a date as 2026-11-01, or a time as 2026-11-01T09:00") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    day = len(text.strip()) <= len("2026-11-01") and (found.hour, found.minute) == (0, 0)
    return (found + timedelta(days=1) if day and whole_day else found).timestamp()
