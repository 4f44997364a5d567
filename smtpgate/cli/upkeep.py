"""`smtpgate verify`, `smtpgate maintain`, `smtpgate backup`, `smtpgate restore`: looking after the store."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smtpgate.cli import show
from smtpgate.cli.common import FAILED, Context, Duration, json_option, pass_context, plural
from smtpgate.clock import SystemClock
from smtpgate.errors import UsageError

if TYPE_CHECKING:
    from smtpgate.store.seen import Finding
    from smtpgate.store.verbs import VerbStore


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@json_option
@pass_context
def verify(context: Context, file: Path | None, as_json: bool) -> None:
    """Look through the whole store: the file, every row, every mail's bytes. The gateway may go on meanwhile.

    With FILE it is a backup that is looked through, not the store.

    Exit codes: 0 all is well, 1 something was found; each finding comes with what to do.

    \b
    Examples: smtpgate verify --json | jq -r .mend
              smtpgate verify /var/backups/smtpgate/mail.db
    """
    now = SystemClock().now()

    async def work(store: VerbStore) -> Sequence[Finding]:
        return await store.verify(now)

    from smtpgate.store.file import permissions
    from smtpgate.store.filecopies import of_backup
    from smtpgate.store.rawfiles import RawFiles

    config = context.config(read_files=False)
    if file is not None:
        its = {"path": file.absolute(), "url": None, "files": of_backup(file).home, "cold": None}
        config = config.model_copy(update={"store": config.store.model_copy(update=its)})
        if not file.exists():
            raise UsageError(f"there is no backup at {file}")
    found = [*context.with_store(work, config=config)]
    if config.store.url is None:
        files = RawFiles.of(config.store)
        found += permissions(config.store.path, [files.home, files.cold])
    if as_json:
        _as_json(found)
    else:
        _print(found)
        if not found:
            click.echo("all is well")
    if found:
        sys.exit(FAILED)


def _as_json(found: Sequence[Finding]) -> None:
    for one in found:
        show.as_line({"finding": one.text, "mend": one.mend})


def _print(found: Sequence[Finding]) -> None:
    for one in found:
        show.body(f"{one.text}\n      {one.mend}", indent="")


def _file(context: Context, instead: str) -> Path:
    """The SQLite file. Raises UsageError, which says what to do instead, for a database."""
    settings = context.config(read_files=False).store
    if settings.url is not None:
        raise UsageError(f"the store is a PostgreSQL database: {instead}; docs/postgresql.md has more")
    return settings.path


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--keep", type=click.IntRange(0, 1000), default=0, show_default=True, help="Older copies to keep: FILE.1, FILE.2, …")
@json_option
@pass_context
def backup(context: Context, file: Path, keep: int, as_json: bool) -> None:
    """Copy the store as it is at this moment, while the gateway goes on. FILE is there whole or not at all, for us alone.

    Large and old mail goes to FILE.files, one directory for FILE and all that --keep keeps; what is there is not copied again.
    Both hold all mail, FILE the signing key of reply addresses. The configuration and the DKIM keys are not in it.

    \b
    Example: smtpgate backup /var/backups/smtpgate/mail.db --keep 7
    """
    from smtpgate.store import copies
    from smtpgate.store.rawfiles import RawFiles

    store = _file(context, "pg_dump --format=custom --file FILE URL, from any host, while the gateways go on")
    if file.resolve() == store.resolve():
        raise UsageError(f"{file} is the store itself")
    size = copies.backup(store, file, keep=keep, files=RawFiles.of(context.config(read_files=False).store))
    if as_json:
        show.as_line({"file": str(file), "size": size})
    else:
        click.echo(f"{file}: {size} bytes")


@click.command()
@click.option(
    "--within", type=Duration(), default="10m", show_default=True, help="Stop after this time; the rest is for next time."
)
@json_option
@pass_context
def maintain(context: Context, within: float, as_json: bool) -> None:
    """Do what a store wants done now and then, while the gateway goes on: best each week, as smtpgate-maintain.timer does.

    Removes counts of acknowledgements older than a week and fingerprints of mail older than 400 days, counts the tables
    for the query planner, empties the write-ahead log and looks through the file (of a PostgreSQL database: only the first
    two, the rest is autovacuum's). Mail, tickets and history stay. It works in bites of some milliseconds, so that no mail
    waits for it.

    Exit codes: 0 done, 1 something needs a person, 74 the store cannot be trusted.

    \b
    Example: smtpgate maintain
    """
    from smtpgate.store import upkeep

    config = context.config(read_files=False)
    now = SystemClock().now()
    wrong = False
    steps: Iterable[upkeep.Done]
    if config.store.url is None:
        from smtpgate.store.rawfiles import RawFiles

        steps = upkeep.maintain(
            config.store.path, now, seconds=within, files=RawFiles.of(config.store), cold_after=config.store.cold_after
        )
    else:
        from smtpgate.store import postgres_upkeep

        cold_after = config.store.cold_after
        steps = context.with_store(
            lambda store: postgres_upkeep.maintain(store, now, seconds=within, cold_after=cold_after), config=config, change=True
        )
    for done in steps:
        wrong = wrong or done.wrong
        if as_json:
            show.as_line({"step": done.step, "text": done.text, "wrong": done.wrong, "longest": round(done.longest, 4)})
        else:
            click.echo(f"{done.step + ':':<17} {done.text}" + (f" (longest {done.longest * 1000:.0f} ms)" if done.longest else ""))
    if wrong:
        raise UsageError("the store needs you: see docs/operations.md, store-damaged")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the store that is there (it is kept), and take a backup with findings.")
@json_option
@pass_context
def restore(context: Context, file: Path, force: bool, as_json: bool) -> None:
    """Put a backup in the place of the store. The gateway must be stopped.

    The backup is looked through first, as `verify` does, and large and old mail brought back from FILE.files, each file with its
    hash compared. Outgoing mail that still waits in it is held, because the lost store may have sent it since: look with
    `queue list --state held`, then `queue release` or `queue drop`.

    \b
    Example: smtpgate restore /var/backups/smtpgate/mail.db
    """
    from smtpgate.store import copies, filecopies
    from smtpgate.store.rawfiles import RawFiles
    from smtpgate.store.sqlite import SqliteStore

    path = _file(context, "stop all gateways, then pg_restore --clean --if-exists --dbname URL FILE")
    now = SystemClock().now()
    files = RawFiles.of(context.config(read_files=False).store)

    async def look(made: Path) -> tuple[Sequence[Finding], int]:
        store = await SqliteStore.open(made, create=False, read_only=True, files=files)
        try:
            return await store.verify(now), (await store.counts())["delivery.held"]
        finally:
            await store.close()

    with copies.restoring(file, path, force=force) as made:
        filecopies.bring_back(made, filecopies.of_backup(file), files)  # what it cannot, the look at each mail finds
        found, held = asyncio.run(look(made))
        if as_json:
            _as_json(found)
        else:
            _print(found)
        if found and not force:
            raise UsageError(f"{file} is not restored: {plural(len(found), 'finding')}; --force takes it as it is")
    if as_json:
        show.as_line({"restored": str(path), "held": held})
        return
    click.echo(f"{path} restored; {plural(held, 'outgoing recipient')} held: see smtpgate queue list --state held")
