"""`smtpgate desk`: list, move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smtpgate.cli import show
from smtpgate.cli.bulk import Bulk
from smtpgate.cli.common import Context, json_option, pass_context, plural
from smtpgate.cli.show import Column
from smtpgate.clock import SystemClock
from smtpgate.errors import UsageError

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.model import Status
    from smtpgate.store.verbs import VerbStore

_COLUMNS = (
    Column("name", "desk", whole=True),
    Column("address", "address"),
    Column("open", "open", whole=True),
    Column("tickets", "tickets", whole=True),
    Column("gone", "", whole=True),
)


@click.group()
def desk() -> None:
    """Look at desks, and give all tickets of one to another one."""


@desk.command("list", short_help="List desks, and those that only tickets know.")
@json_option
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """List the desks of the configuration, and those that only tickets know: they were renamed or removed.

    \b
    Example: smtpgate desk list
    """
    config = context.config(read_files=False)
    counted = _counted(context, config)
    rows = [_row(config, name, counted) for name in dict.fromkeys((*(d.name for d in config.desk), *counted))]
    if not as_json:
        rows = [{**row, "gone": "not in the configuration" if row["gone"] else ""} for row in rows]
    show.listing(_COLUMNS, rows, as_json=as_json, empty="")


@desk.command(short_help="Give all tickets of a desk to another one.")
@click.argument("old")
@click.argument("new")
@click.option("--dry-run", is_flag=True, help="Only show how many tickets would go.")
@click.option("--quiet", is_flag=True, help="Do not tell the agents of NEW.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--as", "author", default="", metavar="ADDRESS", help="Who does it, for the tickets' history.")
@json_option
@pass_context
def move(context: Context, old: str, new: str, dry_run: bool, quiet: bool, yes: bool, author: str, as_json: bool) -> None:
    """Give all tickets of the desk OLD to the desk NEW, those that have ended too.

    For a desk that was renamed or removed, or is going to be: NEW must be in the configuration, OLD need not. Who has a ticket
    keeps it when he is an agent of NEW. The agents of NEW get one mail when all is done, customers none. Blocks of a desk that is
    gone go along; counts of its past work and targets keep its name.

    The gateway may run: the tickets go some at a time. When it stops half way, the same command goes on; nothing happens twice.

    \b
    Examples: smtpgate desk move sales support --dry-run
              smtpgate desk move vertrieb sales
    """
    from smtpgate import app, desks

    config = context.config()
    to = config.desk_named(new)
    if to is None:
        raise UsageError(f"there is no desk {new!r}; there are: {', '.join(d.name for d in config.desk)}")
    if old == new:
        raise UsageError(f"{old} is both desks; nothing was changed")
    counted = _counted(context, config)
    row = _row(config, old, counted)
    if dry_run:
        if as_json:
            show.as_line({"from": old, "to": new, "tickets": row["tickets"], "open": row["open"]})
        else:
            what = f"{plural(row['tickets'], 'ticket')} of desk {old} ({row['open']} open) would go to desk {new}"
            click.echo(f"dry run: {what}; nothing was changed")
        return
    Bulk(False, dry_run, yes, as_json).ask(row["tickets"], f"moved from desk {old} to desk {new}", "ticket")

    async def work(store: VerbStore) -> int:
        pipeline = await app.build_pipeline(config, store, SystemClock())
        return await desks.Move(pipeline, store, old, to, author=author, quiet=quiet).run()

    moved = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line({"from": old, "to": new, "moved": moved})
    elif moved:
        click.echo(f"{plural(moved, 'ticket')} moved from desk {old} to desk {new}")
    else:
        others = ", ".join(name for name in counted if name != old) or "none"
        click.echo(f"no ticket belongs to desk {old}; desks that have any: {others}")
    if moved and config.desk_named(old) is not None:
        click.echo(f"desk {old} is still in the configuration: its new mail opens tickets there", err=True)


def _counted(context: Context, config: Config) -> dict[str, dict[Status, int]]:
    from smtpgate.store import desks

    return context.with_store(desks.counted_by, config=config)


def _row(config: Config, name: str, counted: dict[str, dict[Status, int]]) -> show.Row:
    known, found = config.desk_named(name), counted.get(name, {})
    return {
        "name": name,
        "address": known.address if known is not None else None,
        "open": sum(count for status, count in found.items() if status.open),
        "tickets": sum(found.values()),
        "gone": known is None,
    }
