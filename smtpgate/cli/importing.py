"""`smtpgate import`: the history that mbox files, Maildirs, folders of mails and public-inbox archives hold, as tickets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smtpgate.cli import show
from smtpgate.cli.common import Context, json_option, pass_context, plural
from smtpgate.errors import UsageError
from smtpgate.mail import safe
from smtpgate.model import Status

if TYPE_CHECKING:
    from smtpgate.archive.box import Unreadable
    from smtpgate.archive.search import Found
    from smtpgate.config import Config
    from smtpgate.importing import Options, Report

_SHOWN = 20  # unreadable places that a person is shown


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--desk", "desk_name", metavar="NAME", help="Whose the mail is that names no desk. Default: the first desk.")
@click.option(
    "--status",
    type=click.Choice([s.value for s in Status]),
    default=Status.CLOSED.value,
    show_default=True,
    help="The state of the tickets that it opens.",
)
@click.option(
    "--list-mail",
    type=click.Choice(["as-human", "as-machine"]),
    default="as-human",
    show_default=True,
    help="What mail through a discussion list is, when nothing else says that a machine wrote it.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what is there and what cannot be read.")
@json_option
@pass_context
def import_(
    context: Context, paths: tuple[Path, ...], desk_name: str | None, status: str, list_mail: str, dry_run: bool, as_json: bool
) -> None:
    """File old mail as tickets, at the time when it arrived, and send nothing.

    A PATH is an mbox (also .gz), a Maildir, a folder of mails or a public-inbox. The gateway may be running. When an
    import was interrupted, start it again: it goes on where it was.

    \b
    Examples: smtpgate import /backup/support.mbox.gz
              smtpgate import --desk sales --status received Maildir/

    Exit codes: 0 all was filed; 1 something could not be read, and is listed; 2 and 74 as everywhere.
    """
    from smtpgate.importing import Options

    config = context.config()
    desk = config.desk[0] if desk_name is None else config.desk_named(desk_name)
    if desk is None:
        raise UsageError(f"there is no desk {desk_name!r}; there are: {', '.join(d.name for d in config.desk)}")
    options = Options(desk, lists_are_machines=list_mail == "as-machine", opens_as=Status(status))
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise UsageError(f"there is no {missing}")
    if dry_run:
        sys.exit(_look(paths, as_json))
    try:
        report = _import(config, paths, options)
    except KeyboardInterrupt:
        click.echo("smtpgate: interrupted; start the same import again and it goes on", err=True)
        raise
    _say(report, as_json)
    sys.exit(1 if report.unreadable else 0)


def _look(paths: tuple[Path, ...], as_json: bool) -> int:
    """The exit code."""
    from smtpgate.archive.search import search
    from smtpgate.clock import SystemClock

    with _progress() as bar:
        found = search(paths, now=SystemClock().now(), step=bar("looking for mail", None))
    found.close()
    times = [at for box in found.boxes for at in (min(box.times, default=None), max(box.times, default=None)) if at is not None]
    row = {
        "mails": sum(len(box.times) for box in found.boxes),
        "oldest": show.moment(min(times)) if times else None,
        "newest": show.moment(max(times)) if times else None,
    }
    _print(row, found.unreadable, found.ignored, as_json)
    return 1 if found.unreadable else 0


def _import(config: Config, paths: tuple[Path, ...], options: Options) -> Report:
    from smtpgate import log
    from smtpgate.archive.search import search
    from smtpgate.clock import SystemClock
    from smtpgate.config import Log
    from smtpgate.store import file

    log.configure(Log(level="error"))
    store = config.store.path
    store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = file.lock_import(store)
    try:
        with _progress() as bar:
            step = bar("looking for mail", None)
            found = search(paths, now=SystemClock().now(), step=step)
            try:
                step = bar("filing", sum(len(box.times) for box in found.boxes))
                return asyncio.run(_file(config, found, options, step))
            finally:
                found.close()
    finally:
        os.close(lock)


async def _file(config: Config, found: Found, options: Options, step: Callable[[int], None]) -> Report:
    from smtpgate import app
    from smtpgate.clock import SystemClock
    from smtpgate.importing import Importer
    from smtpgate.mail.worker import ParserPool
    from smtpgate.store.file import in_use
    from smtpgate.store.opening import open_store

    clock = SystemClock()
    parser = ParserPool(config.limits, processes=config.parser.processes, socket=config.parser.socket)
    store = await open_store(config.store)
    try:
        await store.join("import", {})  # from another host too, one at a time
        pipeline = await app.build_pipeline(config, store, clock)
        await parser.start()

        def patience(took: float) -> float:
            return max(0.05, took) if in_use(config.store.path) else 0.0  # a gateway that runs gets half of the time

        importer = Importer(config, store, pipeline, parser, clock, options, step, patience)
        return await importer.run(found)
    finally:
        await parser.stop()
        await store.close()


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int | None], Callable[[int], None]]]:
    """A bar on a terminal, and nothing elsewhere. What it gives begins a new one and returns how to move it."""
    if not sys.stderr.isatty():
        yield lambda _what, _of: lambda _n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def begin(what: str, of: int | None) -> Callable[[int], None]:
            task = progress.add_task(what, total=of)
            return lambda n: progress.advance(task, n)

        yield begin


def _say(report: Report, as_json: bool) -> None:
    row: dict[str, Any] = {
        "mails": report.mails,
        "tickets": report.tickets,
        "threads": report.threads,
        "repeats": report.repeats,
        "automatic": report.automatic,
        "opaque": report.opaque,
        "already": report.already,
    }
    _print(row, report.unreadable, report.ignored, as_json)


def _print(row: dict[str, Any], unreadable: list[Unreadable], ignored: list[Unreadable], as_json: bool) -> None:
    row = {**row, "unreadable": len(unreadable)}
    if as_json:
        places = {
            name: [{"source": one.source, "reason": one.reason} for one in listed]
            for name, listed in (("failed", unreadable), ("ignored", ignored))
        }
        show.as_line({**row, **places})
        return
    show.pairs(list(row.items()))
    for one in unreadable[:_SHOWN]:
        click.echo(safe.line(f"{one.source}: {one.reason}"), err=True)
    if len(unreadable) > _SHOWN:
        click.echo(f"... and {len(unreadable) - _SHOWN} more; --json lists all", err=True)
    if ignored:
        files = plural(len(ignored), "file")
        click.echo(f"{files} did not look like mail and {'was' if len(ignored) == 1 else 'were'} left out", err=True)
