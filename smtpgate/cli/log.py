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
    Column("ticket", "ticket", whole=True),
    Column("text", "about"),
)


@click.command()
@click.argument("name", metavar="ID|MESSAGE-ID|TICKET")
@json_option
@pass_context
def log(context: Context, name: str, as_json: bool) -> None:
    """Tell what happened, oldest first: accepted, filed or held, entries, mail queued, every attempt, bounces.

    An event without a time is one of which only the order is kept.
    """
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
