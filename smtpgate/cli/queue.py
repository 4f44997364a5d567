"""`smtpgate queue`: list, show, retry, hold, release, drop, paused, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from smtpgate.cli import show
from smtpgate.cli.bulk import Bulk, bulk_options
from smtpgate.cli.common import Context, Duration, Id, json_option, limit_option, pass_context, plural
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock, id_text
from smtpgate.errors import UsageError
from smtpgate.model import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpgate.store.api import Store
    from smtpgate.store.shown import OutgoingDetail, Pause, RecipientStatus

_PENDING = [s for s in DeliveryState if s.pending]
_RETRIED = [*_PENDING, DeliveryState.FAILED, DeliveryState.EXPIRED]
_PAGE = 1000  # recipients read at once

_COLUMNS = (
    Column("id", "id", whole=True),
    Column("state", "state", whole=True),
    Column("ticket", "ticket", whole=True, minor=True),
    Column("purpose", "what", whole=True, minor=True),
    Column("address", "to", room=18),
    Column("attempts", "tries", minor=True),
    Column("next_in", "next try", whole=True),
    Column("last_reply", "last reply", room=20),
)


@dataclass(frozen=True)
class _Filter:
    """Which recipients; older_than in seconds since the mail was made."""

    number: str | None
    to: str | None
    domain: str | None
    older_than: float | None

    def __bool__(self) -> bool:
        return (self.number, self.to, self.domain, self.older_than) != (None, None, None, None)

    async def find(
        self, store: Store, states: Sequence[DeliveryState], limit: int, before: int | None = None
    ) -> Sequence[RecipientStatus]:
        return await store.queue(
            states=states,
            ticket_number=self.number.strip("[]# ").upper() if self.number else None,
            address=self.to.strip("<> ") if self.to else None,
            domain=self.domain.lower().lstrip("@") if self.domain else None,
            created_before=None if self.older_than is None else SystemClock().now() - self.older_than,
            limit=limit,
            before=before,
        )


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that a _Filter is made of."""
    options = (
        click.option("--ticket", "number", metavar="NUMBER", help="Only mail of this ticket."),
        click.option("--to", metavar="ADDRESS", help="Only this recipient."),
        click.option("--domain", metavar="DOMAIN", help="Only recipients of this domain."),
        click.option("--older-than", type=Duration(), metavar="AGE", help="Only mail made longer ago: 30m, 4h, 2d."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def queue() -> None:
    """Look at outgoing mail, try it again, hold it back, drop it.

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
@_filters
@limit_option
@json_option
@pass_context
def list_(context: Context, /, states: tuple[str, ...], limit: int, as_json: bool, **options: Any) -> None:
    """List recipients of outgoing mail, the newest first.

    \b
    Examples: smtpgate queue list
              smtpgate queue list --state failed --state expired --domain customer.example
              smtpgate queue list --ticket 20261121-EML-0042 --state all
    """
    wanted = [] if "all" in states else [DeliveryState(s) for s in states] or _PENDING

    async def work(store: Store) -> Any:
        return await _Filter(**options).find(store, wanted, limit), await store.pauses()

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
        "next_in": _until(r.next_at) if r.state.pending else None,
        "last_code": r.last_code,
        "last_reply": f"{r.last_code or ''} {r.last_reply}".strip(),
    }


def _until(at: float) -> str:
    from smtpgate.status import duration

    left = at - SystemClock().now()
    return f"in {duration(left)}" if left > 0 else "now"


@queue.command("show", short_help="Show one outgoing mail: its recipients and every attempt.")
@click.argument("id_", metavar="ID", type=Id())
@click.option("--raw", "as_raw", is_flag=True, help="Print the mail itself.")
@json_option
@pass_context
def show_(context: Context, id_: int, as_raw: bool, as_json: bool) -> None:
    """Show one outgoing mail: its recipients, and every attempt with the words of the far side.

    ID is that of a recipient or of the mail.

    \b
    Examples: smtpgate queue show amuutpxrr3oye
              smtpgate queue show amuutpxrr3oye --raw
    """

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
    shown = [column for column in _COLUMNS if column.key not in ("ticket", "purpose")]  # they stand above
    show.listing(shown, recipients, as_json=False, empty="none")
    show.heading("attempts")
    ids = Column("id", "id", whole=True, minor=len(recipients) == 1)
    columns = (Column("at", "when"), ids, Column("state", "then"), Column("reply", "reply", room=30))
    show.listing((*columns, Column("remote", "where")), attempts, as_json=False, empty="none yet")


async def _recipient(store: Store, id_: int) -> RecipientStatus | None:
    newest = await store.queue(states=(), ticket_number=None, limit=1, before=id_ + 1)
    return newest[0] if newest and newest[0].recipient_id == id_ else None


_ids = click.argument("ids", metavar="[ID]...", nargs=-1, type=Id())
_PENDING_ALL = bulk_options("Everything that is still to be delivered.")


@queue.command()
@_ids
@_filters
@_PENDING_ALL
@pass_context
def retry(context: Context, /, ids: tuple[int, ...], bulk: Bulk, **options: Any) -> None:
    """Try mail again now; by id also mail that was given up.

    A running gateway looks at its queue every `delivery.poll`. A host that failed in the last 30 seconds is not asked again
    before they are over. A paused destination needs `queue resume`.

    \b
    Examples: smtpgate queue retry amuutpxrr3oye
              smtpgate queue retry --domain customer.example
    """
    takes = _RETRIED if ids else _PENDING
    _settle(context, ids, _Filter(**options), bulk, DeliveryState.QUEUED, takes, ("tried now", "will be tried now"))


@queue.command("hold")
@_ids
@_filters
@_PENDING_ALL
@pass_context
def hold_(context: Context, /, ids: tuple[int, ...], bulk: Bulk, **options: Any) -> None:
    """Keep mail back until it is released. What is being tried just now goes on.

    \b
    Example: smtpgate queue hold --ticket 20261121-EML-0042
    """
    _settle(context, ids, _Filter(**options), bulk, DeliveryState.HELD, _PENDING, ("held", "held"))


@queue.command()
@_ids
@_filters
@bulk_options("Everything that is held.")
@pass_context
def release(context: Context, /, ids: tuple[int, ...], bulk: Bulk, **options: Any) -> None:
    """Try held mail now.

    \b
    Example: smtpgate queue release --all --dry-run
    """
    _settle(context, ids, _Filter(**options), bulk, DeliveryState.QUEUED, [DeliveryState.HELD], ("released", "released"))


@queue.command()
@_ids
@_filters
@bulk_options("Everything that is still to be delivered, and what is held.")
@pass_context
def drop(context: Context, /, ids: tuple[int, ...], bulk: Bulk, **options: Any) -> None:
    """Do not deliver mail any more. It stays in the store, but there is no way back: try --dry-run first.

    \b
    Examples: smtpgate queue drop amuutpxrr3oye
              smtpgate queue drop --domain customer.exmaple --older-than 1d --dry-run
    """
    takes = [*_PENDING, DeliveryState.HELD]
    _settle(context, ids, _Filter(**options), bulk, DeliveryState.DROPPED, takes, ("dropped", "dropped"))


def _settle(
    context: Context,
    ids: Sequence[int],
    chosen: _Filter,
    bulk: Bulk,
    to: DeliveryState,
    takes: Sequence[DeliveryState],
    words: tuple[str, str],
) -> None:
    """By ids, or all that the filter finds in the states that the command takes. words: what would be, and was done."""
    by_ids = bulk.by_ids(ids, bool(chosen))

    async def work(store: Store) -> int | None:
        now = SystemClock().now()
        found = await _check(store, ids, takes) if by_ids else await _chosen(store, chosen, takes)
        if bulk.stops(_COLUMNS, [_row(r) for r in found], words[0], "recipient"):
            return None
        if to is DeliveryState.DROPPED and not by_ids:
            bulk.ask(len(found), words[0], "recipient")
        moved = 0
        for start in range(0, len(found), _PAGE):
            page = [r.recipient_id for r in found[start : start + _PAGE]]
            moved += await store.settle_recipients(page, to=to, now=now)
        return moved

    moved = context.with_store(work, change=not bulk.dry_run)
    if moved is not None:
        bulk.tell(moved, f"{plural(moved, 'recipient')} {words[1]}")


async def _chosen(store: Store, chosen: _Filter, states: Sequence[DeliveryState]) -> list[RecipientStatus]:
    found: list[RecipientStatus] = []
    while page := await chosen.find(store, states, _PAGE, found[-1].recipient_id if found else None):
        found += page
    return found


async def _check(store: Store, ids: Iterable[int], takes: Sequence[DeliveryState]) -> list[RecipientStatus]:
    """All or nothing: an id that cannot be moved stops the command before anything has changed."""
    all_ = []
    for id_ in ids:
        found = await _recipient(store, id_)
        if found is None:
            raise UsageError(f"there is no recipient {id_text(id_)} in the queue; nothing was changed")
        if found.state not in takes:
            raise UsageError(f"{id_text(id_)} is {found.state.value} already; nothing was changed")
        all_.append(found)
    return all_


@queue.command(short_help="List destinations that wait for somebody to mend something.")
@json_option
@pass_context
def paused(context: Context, as_json: bool) -> None:
    """List destinations that are not tried until somebody mends something here (a refused password).

    \b
    Example: smtpgate queue paused
    """

    async def work(store: Store) -> Sequence[Pause]:
        return await store.pauses()

    rows = [{"destination": p.destination, "since": moment(p.since), "reason": p.reason} for p in context.with_store(work)]
    columns = (Column("destination", "destination"), Column("since", "since"), Column("reason", "reason"))
    show.listing(columns, rows, as_json=as_json, empty="nothing is paused")


@queue.command()
@click.argument("destination", required=False)
@json_option
@pass_context
def resume(context: Context, destination: str | None, as_json: bool) -> None:
    """Try a paused destination again, or all of them.

    \b
    Example: smtpgate queue resume relay.example
    """

    async def work(store: Store) -> int:
        return await store.resume(destination)

    ended = context.with_store(work, change=True)
    if destination is not None and not ended:
        raise UsageError(f"{destination} is not paused")
    if as_json:
        show.as_line({"changed": ended})
    else:
        click.echo(f"{plural(ended, 'pause')} ended")
