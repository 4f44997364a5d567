"""`smtpgate person`: what is kept of a person, all of it as files, and its erasure."""

from __future__ import annotations

import getpass
import os
import secrets
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smtpgate.cli import show
from smtpgate.cli.bulk import at_a_terminal
from smtpgate.cli.common import Context, Id, json_option, limit_option, pass_context, plural
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock, id_text
from smtpgate.errors import StoreError, UsageError

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.person import Request, Trail
    from smtpgate.store.verbs import VerbStore

_WORDS = {
    "tickets": "tickets of their own",
    "shared tickets": "tickets of others in which they take part or are named",
    "mails received": "mails from them or about their tickets",
    "mails sent": "mails of ours to them or about them",
    "unsent mails": "of these not sent yet",
    "held mails": "mails that are held",
    "entries": "things said, with their texts and files",
    "mentions": "things of others that name them",
    "wishes": "wishes about our mail",
    "blocks": "blocks of their address",
}
_COLUMNS = (
    Column("id", "id", whole=True),
    Column("asked_at", "asked", minor=True),
    Column("what", "what", whole=True),
    Column("state", "state", whole=True),
    Column("who", "who", room=20),
    Column("by", "by", minor=True),
    Column("done_at", "done"),
    Column("counts", "how many", room=24),
)


@click.group()
def person() -> None:
    """Show, export and erase what is kept of a person, by the address that they write from."""


@person.command("show", short_help="Tell what is kept of a person, since when and where.")
@click.argument("address")
@json_option
@pass_context
def show_(context: Context, address: str, as_json: bool) -> None:
    """Tell what is kept of a person: how many of what, since when, in which tickets. Changes nothing.

    Every mail in the store is looked at once, which takes about a second for each 100,000.

    \b
    Example: smtpgate person show wang@example.org
    """
    config = context.config(read_files=False)
    found = _trail(context, config, _address(address))
    if as_json:
        show.as_line(_facts(found))
        return
    if found.nothing:
        click.echo(f"nothing is kept of {found.person}", err=True)
        return
    _preview(found)
    for title, numbers in (("tickets of their own", found.own), ("tickets of others", found.shared)):
        if numbers:
            show.heading(title)
            for ticket_id, number in sorted(numbers.items()):
                show.body(number + (" (open)" if ticket_id in found.open else ""))


@person.command(short_help="Write what is kept of a person into a zip file.")
@click.argument("address")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="The zip file to make.")
@click.option("--mail", "by_mail", is_flag=True, help="Instead send it to the person, who has asked for it and confirmed it.")
@click.option("--notes", is_flag=True, help="With what agents noted in the person's own tickets.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--as", "author", default="", metavar="NAME", help="Who does it, for the record. Default: your user name.")
@json_option
@pass_context
def export(
    context: Context, address: str, target: Path | None, by_mail: bool, notes: bool, force: bool, author: str, as_json: bool
) -> None:
    """Write what is kept of a person into a zip file: person.json, their mails as .eml, and what was sent to them.

    It holds what they wrote and what was sent to them, and nothing of other people: no mail that may be forged in their name,
    no notes of agents unless you say --notes. The file is yours alone (0600), whole or not there.

    \b
    Examples: smtpgate person export wang@example.org --to wang.zip
              smtpgate person export wang@example.org --mail
    """
    if (target is None) is not by_mail or (by_mail and notes):
        raise click.UsageError("say where it goes: --to FILE, or --mail, which never takes notes along")
    if target is None:
        _by_mail(context, _address(address), author or getpass.getuser(), as_json=as_json)
        return
    from smtpgate import personexport
    from smtpgate.erasure import new_request
    from smtpgate.person import State, What
    from smtpgate.store import requests

    config, address, clock = context.config(read_files=False), _address(address), SystemClock()
    if target.exists() and not force:
        raise UsageError(f"{target} is there already; --force replaces it")
    if _trail(context, config, address).nothing:
        raise UsageError(f"nothing is kept of {address}; no file was made")

    async def work(store: VerbStore) -> dict[str, int]:
        made = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as file:
                counts = await personexport.export(store, address, file, now=clock.now(), notes=notes)
                file.flush()
                os.fsync(file.fileno())
            made.rename(target)
        finally:
            made.unlink(missing_ok=True)
        record = new_request(clock, address, by=author or getpass.getuser(), what=What.EXPORT)
        done = replace(record, state=State.DONE, done_at=clock.now(), counts=counts)
        await store._write(lambda: requests.kept(done))
        return counts

    counts = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line({"file": str(target), "size": target.stat().st_size, **counts})
    else:
        words = ", ".join((plural(counts["tickets"], "ticket"), f"{counts['received']} received", f"{counts['sent']} sent"))
        click.echo(f"{target}: {target.stat().st_size} bytes ({words})")


@person.command(short_help="Erase a person from mails, tickets and what is to be sent.")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be erased.")
@click.option("--as", "author", default="", metavar="NAME", help="Who does it, for the record. Default: your user name.")
@json_option
@pass_context
def erase(context: Context, address: str, yes: bool, dry_run: bool, author: str, as_json: bool) -> None:
    """Erase a person: mails with their files, texts, subjects, addresses and names, what was sent, what still waits to be sent.

    Ticket numbers, dates, states and counts stay, under a name that says nothing. Open tickets are closed, and their agents told.
    What other people wrote stays theirs. It goes on while the gateway runs, in small steps; one that was stopped goes on when you
    run it again. docs/privacy.md has all of it, and what this cannot reach: backups, logs, other people's mailboxes.

    \b
    Examples: smtpgate person erase wang@example.org --dry-run
              smtpgate person erase wang@example.org
    """
    from smtpgate import erasure

    config, address = context.config(), _address(address)
    why = erasure.why_not(config, address)
    if why:
        raise UsageError(f"{why}; nothing was changed")
    found = _trail(context, config, address)
    begun = _begun(context, config, address)
    if found.nothing and begun is None:
        raise UsageError(f"nothing is kept of {address}; nothing was changed")
    if not as_json:
        _preview(found)
    elif dry_run:
        show.as_line(_facts(found))
    if dry_run:
        click.echo("dry run: nothing was erased", err=True)
        return
    if not yes:
        if not at_a_terminal():
            raise UsageError("say --yes to erase without being asked; nothing was changed")
        typed = click.prompt("It cannot be undone. Type the address to erase it", default="", show_default=False)
        if typed.strip() != address:
            raise UsageError("that is not the address; nothing was changed")
    done, longest = _erase(context, config, address, author or getpass.getuser())
    if as_json:
        show.as_line(_row(done))
        return
    click.echo(f"{address} is erased; {done.pseudonym} stands in its place (record {id_text(done.id)})")
    click.echo(f"longest step {longest * 1000:.0f} ms. Not reached from here: backups made before, logs, what was delivered")
    for copy in _copies(config):
        click.echo(f"still there: {copy}")


@person.command("list", short_help="List what people asked for and what was done.")
@limit_option
@json_option
@pass_context
def list_(context: Context, limit: int, as_json: bool) -> None:
    """List what people asked for and what was done, the newest first: the record of each erasure.

    \b
    Example: smtpgate person list
    """
    from smtpgate.store import requests

    async def work(store: VerbStore) -> list[show.Row]:
        return [_row(one) for one in await store._read(lambda: requests.listed((), limit))]

    rows = context.with_store(work)
    show.listing(_COLUMNS, rows, as_json=as_json, empty="nobody asked for anything, and nobody was erased")


@person.command()
@click.argument("request_id", metavar="ID", type=Id())
@click.option("--as", "author", default="", metavar="NAME", help="Who does it, for the record. Default: your user name.")
@json_option
@pass_context
def refuse(context: Context, request_id: int, author: str, as_json: bool) -> None:
    """Say no to what a person asked for and confirmed. Nobody is told: write to them why.

    \b
    Example: smtpgate person refuse ahl36nsad7ll6
    """
    from smtpgate.person import State
    from smtpgate.store import requests

    async def work(store: VerbStore) -> Request:
        before = await store._read(lambda: requests.by_id(request_id))
        if before is None or before.state is not State.CONFIRMED:
            state = "there is no such request" if before is None else f"it is {before.state.value}"
            raise UsageError(f"{id_text(request_id)}: {state}, and not one that was confirmed; nothing was changed")
        at = before.asked_at + 86_400.0  # when its address is no longer counted
        after = replace(before, state=State.LAPSED, by=author or getpass.getuser(), at=at)
        if not await store._write(lambda: requests.changed(before, after), ordered=True):
            raise UsageError(f"{id_text(request_id)} has become something else just now; look again")
        return after

    done = context.with_store(work, change=True)
    if as_json:
        show.as_line(_row(done))
    else:
        click.echo(f"{id_text(done.id)}: refused; {done.address} has not been told")


def _address(address: str) -> str:
    """As it is compared. Raises UsageError."""
    from smtpgate.mail.address import key

    found = key(address.strip().strip("<>"))
    if "@" not in found:
        raise UsageError(f"{address!r} is not an e-mail address")
    return found


def _trail(context: Context, config: Config, address: str) -> Trail:
    from smtpgate.store import personal

    return context.with_store(lambda store: personal.trail(store, address), config=config)


def _by_mail(context: Context, address: str, author: str, *, as_json: bool) -> None:
    from smtpgate import app, requested
    from smtpgate.person import State, What
    from smtpgate.store import requests

    config, clock = context.config(), SystemClock()

    async def work(store: VerbStore) -> Request:
        asked = [one for one in await store._read(lambda: requests.of_person(address)) if one.what is What.EXPORT]
        confirmed = [one for one in asked if one.state is State.CONFIRMED]
        if not confirmed:
            raise UsageError(f"{address} has not asked for it, or not confirmed it; --to FILE makes a file. Nothing was sent")
        pipeline = await app.build_pipeline(config, store, clock)
        return await requested.export_now(pipeline, store, replace(confirmed[0], by=author), clock)

    done = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line(_row(done))
    else:
        click.echo(f"queued for {address}; what is kept of that mail goes once it has left")


def _begun(context: Context, config: Config, address: str) -> Request | None:
    from smtpgate.store import requests

    async def work(store: VerbStore) -> Request | None:
        return _unfinished(await store._read(lambda: requests.of_person(address)))

    return context.with_store(work, config=config)


def _unfinished(found: Any) -> Request | None:
    """An erasure that was begun, or that the person asked for."""
    from smtpgate.person import State, What

    mine = [one for one in found if one.what is What.ERASE and one.state in (State.RUNNING, State.CONFIRMED)]
    return max(mine, key=lambda one: (one.state is State.RUNNING, one.id), default=None)


def _erase(context: Context, config: Config, address: str, author: str) -> tuple[Request, float]:
    from smtpgate import app, erasure

    clock = SystemClock()

    async def work(store: VerbStore) -> tuple[Request, float]:
        pipeline = await app.build_pipeline(config, store, clock)
        return await erasure.erase(pipeline, store, address, by=author)

    try:
        return context.with_store(work, config=config, change=True)
    except StoreError as error:
        raise UsageError(f"it is not finished: {error}. Run the same again to go on") from error


def _facts(found: Trail) -> show.Row:
    return {
        "address": found.person,
        "since": None if found.since is None else moment(found.since),
        "octets": found.octets,
        "tickets": sorted(found.own.values()),
        "shared_tickets": sorted(found.shared.values()),
        "counts": dict(found.counts()),
        "others_mails": found.others,
    }


def _preview(found: Trail) -> None:
    counts = found.counts()
    items: list[tuple[str, Any]] = [("who", found.person)]
    if found.since is not None:
        items.append(("since", moment(found.since)))
    items += [(_WORDS[name], counts[name]) for name in _WORDS if counts[name]]
    items.append(("octets of mail", found.octets))
    if found.others:
        items.append(("mails of other people in these tickets, which stay", found.others))
    show.pairs(items)


def _row(one: Request) -> show.Row:
    return {
        "id": id_text(one.id),
        "asked_at": moment(one.asked_at),
        "what": one.what.value,
        "state": one.state.value,
        "who": one.address or one.pseudonym,
        "pseudonym": one.pseudonym,
        "by": one.by or "the person",
        "done_at": None if one.done_at is None else moment(one.done_at),
        "counts": [f"{count} {name}" for name, count in Counter(one.counts).most_common() if count],
    }


def _copies(config: Config) -> list[str]:
    """Copies of the store that lie beside it."""
    if config.store.url is not None:
        return []
    path = config.store.path
    return [str(one) for one in sorted(path.parent.glob(path.name + ".before-restore*")) if not one.name.endswith(("-wal", "-shm"))]
