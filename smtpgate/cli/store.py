"""`smtpgate store`: moving everything from one kind of store to the other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from smtpgate.store.rawfiles import RawFiles
    from smtpgate.storesettings import Store as Settings

from smtpgate.cli import show
from smtpgate.cli.common import Context, json_option, pass_context, plural


@click.group()
def store() -> None:
    """Move everything from a SQLite file to a PostgreSQL database, or back."""


def _files(name: str, settings: Settings | None) -> RawFiles | None:
    """The directories of raw mail that the configuration names, when it is the configuration of this store."""
    from smtpgate.store.rawfiles import RawFiles

    if settings is None or name not in (settings.url, str(settings.path)):
        return None
    return RawFiles.of(settings)


@store.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the database's password. Default: store.password_file of the configuration, if there is one.",
)
@json_option
@pass_context
def copy(context: Context, source: str, target: str, password_file: Path | None, as_json: bool) -> None:
    """Copy all mail, tickets and queues. FROM and TO are each the path of a SQLite file or a postgresql:// URL.

    All gateways must be stopped. TO must be new or empty. Every row is read back and its hash compared before anything is
    committed: at the end all of it is there, or nothing. FROM stays as it was; never start a gateway on it again, or both
    would send the mail that still waits.

    \b
    Example: smtpgate store copy smtpgate.db postgresql://smtpgate@db/smtpgate
    """
    from smtpgate.errors import UsageError
    from smtpgate.settingtypes import is_database
    from smtpgate.store import transfer

    for name in (source, target):
        fault = is_database(name) if "://" in name else ""
        if fault:
            raise UsageError(f"{name.partition('://')[0]}://… {fault}")
    settings = context.config(read_files=False).store if context.config_path() is not None else None
    if password_file is None and settings is not None:
        password_file = settings.password_file
    files = (_files(source, settings), _files(target, settings))
    moved = asyncio.run(transfer.copy(source, target, password_file=password_file, step=lambda _n: None, files=files))
    if as_json:
        for one in moved:
            show.as_line({"table": one.table, "rows": one.rows, "sha256": one.digest})
        return
    for one in moved:
        click.echo(f"{one.table:<16} {one.rows:>10}  {one.digest[:16]}")
    click.echo(f"{plural(sum(one.rows for one in moved), 'row')} copied, all the same on both sides")
