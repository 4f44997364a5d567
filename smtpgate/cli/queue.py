"""`smtpgate queue`: list, show, retry, drop, paused, resume."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from smtpgate.cli import show
from smtpgate.cli.common import Context, Id, json_option, limit_option, pass_context, plural
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock, id_text
from smtpgate.errors import UsageError
from smtpgate.model import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpgate.store.api import OutgoingDetail, Pause, RecipientStatus, Store

_PENDING = [s for s in DeliveryState if s.pending]
_RETRIED = [*_PENDING, DeliveryState.FAILED, DeliveryState.EXPIRED]
_ALL_AT_ONCE = 10_000

_COLUMNS = (
    Column("id", "id", whole=True),
    Column("state", "state", whole=True),
    Column("ticket", "ticket", whole=True),
    Column("purpose", "what", whole=True),
    Column("address", "to"),
    Column("attempts", "tries"),
    Column("next_at", "next try"),
    Column("last_reply", "last reply"),
)


@click.group()
def queue() -> None:
    """Look at outgoing mail, try it again, drop it.

    An id is that of one recipient of one mail. A running gateway sees changes when it next looks at its queue.
    """


@queue.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([*(s.value for s in DeliveryState), "all"]),
    help="May be repeated. Default: what is still to be delivered.",
)
@click.option("--ticket", "number", help="Only mail of this ticket.")
@limit_option
@json_option
@pass_context
def list_(context: Context, states: tuple[str, ...], number: str | None, limit: int, as_json: bool) -> None:
    """List recipients of outgoing mail, the newest first."""
    wanted = [] if "all" in states else [DeliveryState(s) for s in states] or _PENDING

    async def work(store: Store) -> Any:
        ticket_number = number.strip("[]# ").upper() if number else None
        return await store.queue(states=wanted, ticket_number=ticket_number, limit=limit), await store.pauses()

    found, pauses = context.with_store(work)
    show.listing(_COLUMNS, map(_row, found), as_json=as_json, empty="nothing there")
    if pauses and not as_json:
        click.echo(f"{plural(len(pauses), 'destination')} paused: see smtpgate queue paused", err=True)


def _row(r: RecipientStatus) -> show.Row:
    return {
        "id": id_text(r.recipient_id),
        "mail": id_text(r.outgoing_id),
        "state": r.state.value,
        "ticket": r.ticket_number,
        "purpose": r.purpose,
        "address": r.address,
        "attempts": r.attempts,
        "created_at": moment(r.created_at),
        "next_at": moment(r.next_at) if r.state.pending else None,
        "last_code": r.last_code,
        "last_reply": f"{r.last_code or ''} {r.last_reply}".strip(),
    }


@queue.command("show")
@click.argument("id_", metavar="ID", type=Id())
@click.option("--raw", "as_raw", is_flag=True, help="Print the mail itself.")
@json_option
@pass_context
def show_(context: Context, id_: int, as_raw: bool, as_json: bool) -> None:
    """Show one outgoing mail: its recipients and every attempt."""

    async def work(store: Store) -> OutgoingDetail | None:
        recipient = await _recipient(store, id_)
        return await store.outgoing(recipient.outgoing_id if recipient else id_)

    detail = context.with_store(work)
    if detail is None:
        raise UsageError(f"there is no outgoing mail {id_text(id_)}")
    if as_raw:
        show.raw(detail.mail.data)
        return
    mail = detail.mail
    row = {
        "mail": id_text(mail.id),
        "message_id": mail.message_id,
        "purpose": mail.purpose,
        "ticket": detail.ticket_number,
        "created_at": moment(mail.created_at),
        "size": len(mail.data),
    }
    recipients = [_row(r) for r in detail.recipients]
    attempts = [
        {
            "id": id_text(a.recipient_id),
            "at": moment(a.at),
            "state": a.state.value,
            "reply": f"{a.code or ''} {a.reply}".strip(),
            "remote": a.remote,
            "tls": a.tls,
        }
        for a in detail.attempts
    ]
    if as_json:
        show.as_line({**row, "recipients": recipients, "attempts": attempts})
        return
    show.pairs(list(row.items()))
    show.heading("recipients")
    show.listing(_COLUMNS, recipients, as_json=False, empty="none")
    show.heading("attempts")
    columns = (Column("at", "when"), Column("id", "id", whole=True), Column("state", "then"), Column("reply", "reply"))
    show.listing((*columns, Column("remote", "where")), attempts, as_json=False, empty="none yet")


async def _recipient(store: Store, id_: int) -> RecipientStatus | None:
    newest = await store.queue(states=(), ticket_number=None, limit=1, before=id_ + 1)
    return newest[0] if newest and newest[0].recipient_id == id_ else None


@queue.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, type=Id())
@click.option("--all", "everything", is_flag=True, help="Everything that is still to be delivered.")
@pass_context
def retry(context: Context, ids: tuple[int, ...], everything: bool) -> None:
    """Try mail again now, also mail that was given up."""
    moved = _settle(context, ids, everything, DeliveryState.QUEUED)
    click.echo(f"{plural(moved, 'recipient')} will be tried now")


@queue.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=Id())
@pass_context
def drop(context: Context, ids: tuple[int, ...]) -> None:
    """Do not deliver mail any more. It stays in the store."""
    moved = _settle(context, ids, False, DeliveryState.DROPPED)
    click.echo(f"{plural(moved, 'recipient')} dropped")


def _settle(context: Context, ids: Sequence[int], everything: bool, to: DeliveryState) -> int:
    if bool(ids) == everything:
        raise click.UsageError("name ids, or say --all")
    takes = _PENDING if to is DeliveryState.DROPPED else _RETRIED

    async def work(store: Store) -> int:
        chosen: Iterable[int] = ids
        if everything:
            found = await store.queue(states=_PENDING, ticket_number=None, limit=_ALL_AT_ONCE)
            chosen = [r.recipient_id for r in found]
        else:
            await _check(store, ids, takes)
        return await store.settle_recipients(list(chosen), to=to, now=SystemClock().now())

    return context.with_store(work, change=True)


async def _check(store: Store, ids: Iterable[int], takes: Sequence[DeliveryState]) -> None:
    """All or nothing: an id that cannot be moved stops the command before anything has changed."""
    for id_ in ids:
        found = await _recipient(store, id_)
        if found is None:
            raise UsageError(f"there is no recipient {id_text(id_)} in the queue; nothing was changed")
        if found.state not in takes:
            raise UsageError(f"{id_text(id_)} is {found.state.value} already; nothing was changed")


@queue.command()
@json_option
@pass_context
def paused(context: Context, as_json: bool) -> None:
    """List destinations that are not tried until somebody mends something here (a refused password)."""

    async def work(store: Store) -> Sequence[Pause]:
        return await store.pauses()

    rows = [{"destination": p.destination, "since": moment(p.since), "reason": p.reason} for p in context.with_store(work)]
    columns = (Column("destination", "destination"), Column("since", "since"), Column("reason", "reason"))
    show.listing(columns, rows, as_json=as_json, empty="nothing is paused")


@queue.command()
@click.argument("destination", required=False)
@pass_context
def resume(context: Context, destination: str | None) -> None:
    """Try a paused destination again, or all of them."""

    async def work(store: Store) -> int:
        return await store.resume(destination)

    ended = context.with_store(work, change=True)
    if destination is not None and not ended:
        raise UsageError(f"{destination} is not paused")
    click.echo(f"{plural(ended, 'pause')} ended")
