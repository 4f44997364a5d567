"""`smtpgate log`: what happened to a mail or ticket, as one timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smtpgate.cli import show
from smtpgate.cli.common import Context, json_option, pass_context
from smtpgate.cli.show import Column, moment

if TYPE_CHECKING:
    from smtpgate.store.api import Store
    from smtpgate.store.seen import History

_COLUMNS = (
    Column("at", "when", whole=True),
    Column("what", "what", whole=True),
    Column("mail", "mail", whole=True),
    Column("ticket", "ticket", whole=True, minor=True),
    Column("text", "about", room=32),
)


@click.command()
@click.argument("name", metavar="ID|MESSAGE-ID|TICKET", required=False)
@click.option("--pseudonym", metavar="ADDRESS", help='Print what stands for this address in a log with log.addresses = "hash".')
@json_option
@pass_context
def log(context: Context, name: str | None, pseudonym: str | None, as_json: bool) -> None:
    """Tell what happened, oldest first: accepted, filed or held, entries, mail queued, every attempt, bounces.

    An event without a time is one of which only the order is kept. The same id finds the lines of the gateway's own log.

    \b
    Examples: smtpgate log 20261121-EML-0042
              smtpgate log '<20260821.4711@customer.example>'
              journalctl -u smtpgate | grep "$(smtpgate log --pseudonym ann@b.example)"
    """
    if (name is None) == (pseudonym is None):
        raise click.UsageError("name one mail or ticket, or an address with --pseudonym")
    if pseudonym is not None:
        click.echo(_pseudonym(context, pseudonym))
        return
    assert name is not None
    from smtpgate import history

    async def work(store: Store) -> History:
        return await history.find(store, name)

    found = context.with_store(work)
    rows = [
        {"at": None if e.at is None else moment(e.at), "what": e.what, "mail": e.mail, "ticket": e.ticket, "text": e.text}
        for e in history.timeline(found)
    ]
    show.listing(_COLUMNS, rows, as_json=as_json, empty="nothing happened yet")
    if found.cut and not as_json:
        click.echo(f"there is more: only the newest {history.LIMIT} of each kind are told of", err=True)


def _pseudonym(context: Context, address: str) -> str:
    """Made with the key of the running gateway: the first signing key of reply addresses."""
    from smtpgate import app
    from smtpgate import log as logs
    from smtpgate.logaddresses import pseudonym

    local, at, domain = address.strip("<> ").rpartition("@")
    if not (local and at and domain):
        raise click.UsageError(f"{address!r} is not a mail address")
    config = context.config()

    async def work(store: Store) -> bytes:
        _, keys = await app.remembered(config, store)
        return logs.address_key(keys[0])

    return pseudonym(context.with_store(work, config=config), local, domain)
