"""`smtpgate ticket`: list, show, time, status, customer, merge, unmerge, split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smtpgate.cli import show, targets, ticketparts
from smtpgate.cli.common import Context, json_option, pass_context
from smtpgate.cli.show import Column, moment
from smtpgate.cli.worktime import time
from smtpgate.clock import SystemClock, id_text
from smtpgate.errors import UsageError
from smtpgate.model import Status, Ticket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpgate.store.api import Store
    from smtpgate.store.seen import SourcedEntry
    from smtpgate.store.shown import TicketDetail

_LIMIT = 50  # tickets listed unless told otherwise
_PAGE = 200  # tickets read at once for --entries

_COLUMNS = (
    Column("number", "number", whole=True),
    Column("desk", "desk", minor=True),
    Column("status", "status", whole=True),
    Column("customer", "customer", room=20),
    Column("subject", "subject"),
    Column("updated_at", "last change", minor=True),
)

_DUE_COLUMNS = (
    *_COLUMNS[:-1],
    Column("due_at", "due", whole=True),
    Column("due", "for", minor=True),
    Column("assignee", "agent", minor=True),
)

_COMES = {
    ("snooze", False): "snoozed until",
    ("state", False): "reminder or end",
    ("state", True): "closes by itself",
}


@click.group()
def ticket() -> None:
    """Look at tickets and change their state."""


ticket.add_command(time)


ticket.add_command(targets.targets)


@ticket.command("list")
@click.option("--desk", help="Only this desk's.")
@click.option("--status", "statuses", multiple=True, type=click.Choice([s.value for s in Status]), help="May be repeated.")
@click.option("--from", "sender", metavar="ADDRESS", help="Only tickets that this person takes part in.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many. Default: 50; with --entries all.")
@click.option("--overdue", is_flag=True, help="Only those that are late, the latest first.")
@click.option("--sort", type=click.Choice(["new", "due"]), default="new", help="due: only what is due at all, the first due first.")
@click.option("--entries", is_flag=True, help="With --json: what was written in each, and how it found its ticket.")
@json_option
@pass_context
def list_(
    context: Context,
    desk: str | None,
    statuses: tuple[str, ...],
    sender: str | None,
    limit: int | None,
    overdue: bool,
    sort: str,
    entries: bool,
    as_json: bool,
) -> None:
    """List tickets, the newest first.

    \b
    Examples: smtpgate ticket list --from ann@customer.example
              smtpgate ticket list --desk support --status received --status waiting
              smtpgate ticket list --overdue
    """
    by_due = overdue or sort == "due"
    if by_due and (entries or sender is not None):
        raise UsageError("--overdue and --sort due go with --desk, --status and --limit alone")
    if entries and not as_json:
        raise UsageError("--entries is for programs: add --json, or use `smtpgate ticket show NUMBER`")
    config = context.config(read_files=False)
    if desk is not None and config.desk_named(desk) is None:
        raise UsageError(f"there is no desk {desk!r}; there are: {', '.join(d.name for d in config.desk)}")

    asked: dict[str, Any] = {"desk": desk, "statuses": [Status(s) for s in statuses], "sender": sender}

    async def work(store: Store) -> Any:
        if by_due:
            desks = [desk] if desk is not None else [d.name for d in config.desk]
            until = SystemClock().now() if overdue else None
            states = asked["statuses"] or [status for status in Status if status.open]
            return await store.due_tickets(desks, statuses=states, until=until, limit=limit or _LIMIT)
        return await store.tickets(**asked, limit=limit or _LIMIT)

    if entries:
        context.with_store(lambda store: _with_entries(store, asked, limit), config=config)
        return
    found = context.with_store(work, config=config)
    show.listing(_DUE_COLUMNS if by_due else _COLUMNS, map(_ticket_row, found), as_json=as_json, empty="no such tickets")


async def _with_entries(store: Store, asked: dict[str, Any], limit: int | None) -> None:
    """One line for each ticket, page by page, however many there are."""
    before: int | None = None
    left = limit
    while left is None or left > 0:
        page = await store.tickets(**asked, limit=_PAGE if left is None else min(_PAGE, left), before=before)
        if not page:
            return
        entries = await store.entries([one.id for one in page])
        for one in page:
            show.as_line(_entries_row(one, entries[one.id]))
        before = page[-1].id
        left = None if left is None else left - len(page)


def _entries_row(found: Ticket, entries: Sequence[SourcedEntry]) -> show.Row:
    return {
        "number": found.number,
        "status": found.status.value,
        "subject": found.subject,
        "contact": found.customer.address if found.customer else None,
        "desk": found.desk,
        "created_at": moment(found.created_at),
        "entries": [
            {
                "id": id_text(one.entry.id),
                "message_id": one.entry.message_id,
                "source": one.source,
                "kind": one.entry.kind.value,
                "repeat_of": None if one.entry.repeat_of is None else id_text(one.entry.repeat_of),
                "rung": one.entry.rung or None,
                "created_at": moment(one.entry.created_at),
            }
            for one in entries
        ],
    }


def _ticket_row(found: Ticket) -> show.Row:
    return {
        "number": found.number,
        "desk": found.desk,
        "status": found.status.value,
        "customer": found.customer.address if found.customer else None,
        "customer_since": moment(found.customer.since) if found.customer and found.customer.since else None,
        "subject": found.subject,
        "language": found.language,
        "assignee": found.assignee or None,
        "priority": found.priority.value,
        "tags": list(found.tags),
        "created_at": moment(found.created_at),
        "updated_at": moment(found.updated_at),
        "due_at": None if found.clock is None or found.clock.due_at is None else moment(found.clock.due_at),
        "due": None if found.clock is None or found.clock.due_at is None else targets.NAMES[found.clock.due.value],
        "worked_minutes": found.worked,
        "unverified": found.unverified,
        "other_desks": list(found.other_desks),
        "links": [{"kind": link.kind.value, "number": link.number} for link in found.links],
        "participants": [{"name": p.name, "address": p.address, "role": p.role.value} for p in found.participants],
    }


@ticket.command("show", short_help="Show one ticket: what was written in it, what mail it sent.")
@click.argument("number")
@json_option
@pass_context
def show_(context: Context, number: str, as_json: bool) -> None:
    """Show one ticket with all that was written in it and all mail it sent.

    \b
    Example: smtpgate ticket show 20261121-EML-0042
    """
    wanted = _number(number)

    async def work(store: Store) -> TicketDetail | None:
        return await store.ticket(wanted)

    detail = context.with_store(work)
    if detail is None:
        raise UsageError(f"there is no ticket {wanted}")
    entries = [ticketparts.entry_row(entry) for entry in detail.entries]
    sent = [
        {
            "id": id_text(r.recipient_id),
            "purpose": r.purpose,
            "address": r.address,
            "state": r.state.value,
            "attempts": r.attempts,
            "last_reply": f"{r.last_code or ''} {r.last_reply}".strip(),
        }
        for r in detail.sent
    ]
    row = _ticket_row(detail.ticket)
    about = ticketparts.about(detail.entries)
    due = [{"what": d.what.value, "at": moment(d.at), "reminded": bool(d.reminded)} for d in detail.due if d.at is not None]
    if as_json:
        worked = [{"agent": agent, "at": moment(at), "minutes": minutes} for agent, at, minutes in detail.worked]
        show.as_line({**row, "due": due, "worked": worked, "details": about, "entries": entries, "sent": sent})
        return
    people = [f"{show.person(p['name'], p['address'])} ({p['role']})" for p in row["participants"]]
    marks = ["unverified"] if row["unverified"] else []
    asked = "" if row["number"] == wanted else f"{wanted}, which was merged into it"
    items = [("number", row["number"]), ("asked for", asked), ("subject", row["subject"]), ("status", row["status"])]
    items += [("desk", row["desk"])]
    items += [
        ("agent", row["assignee"]),
        ("priority", "" if row["priority"] == "normal" else row["priority"]),
        ("tags", row["tags"]),
    ]
    items += [("also at", row["other_desks"]), ("people", people), ("opened", row["created_at"])]
    items += [("linked", [f"{link['number']} ({link['kind']})" for link in row["links"]])]
    items += [("customer since", row["customer_since"]), ("last change", row["updated_at"]), ("marks", marks)]
    items += [(_COMES[d.what.value, bool(d.reminded)], moment(d.at)) for d in detail.due if d.at is not None]
    items += [("due", f"{show.shown(row['due_at'])} ({row['due']})" if row["due_at"] else "")]
    items += [("time worked", ticketparts.worked(detail.worked))]
    items += list(about.items())
    show.pairs([item for item in items if item[1]])
    for entry in entries:
        ticketparts.print_entry(entry)
    if sent:
        show.heading("sent")
        columns = (Column("id", "id", whole=True), Column("purpose", "what"), Column("address", "to"), Column("state", "state"))
        show.listing((*columns, Column("last_reply", "last reply")), sent, as_json=False, empty="")


@ticket.command()
@click.argument("number")
@click.argument("state", type=click.Choice([s.value for s in Status if s is not Status.RECEIVED]))
@click.option("--note", default="", help="For colleagues: stays on the ticket, the customer never sees it.")
@click.option("--message", default="", help="For the customer: stands in the mail that tells of the new state.")
@click.option("--as", "author", default="", metavar="ADDRESS", help="Who does it, for the ticket's history.")
@json_option
@pass_context
def status(context: Context, number: str, state: str, note: str, message: str, author: str, as_json: bool) -> None:
    """Set the state of a ticket and tell the customer.

    The mail is made and queued at once; the running gateway sends it when it next looks at its queue.

    \b
    Example: smtpgate ticket status 20261121-EML-0042 resolved --message 'Done.'
    """
    from smtpgate import actions, app

    config = context.config()

    async def work(store: Store) -> str:
        pipeline = await app.build_pipeline(config, store, SystemClock())
        return await actions.set_status(
            pipeline, store, number=_number(number), status=Status(state), note=note, message=message, author=author
        )

    said = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line({"number": _number(number), "status": state, "said": said})
    else:
        click.echo(said)


@ticket.command()
@click.argument("number")
@click.argument("address")
@click.option("--name", default="", help="How to greet the new customer.")
@click.option("--copy", is_flag=True, help="The customer of before gets copies of our answers from now on.")
@click.option("--quiet", is_flag=True, help="Do not tell the customer of before.")
@click.option("--as", "author", default="", metavar="ADDRESS", help="Who does it, for the ticket's history.")
@json_option
@pass_context
def customer(context: Context, number: str, address: str, name: str, copy: bool, quiet: bool, author: str, as_json: bool) -> None:
    """Put another person in the place of a ticket's customer.

    As with #customer in an agent's mail: the new one hears nothing of what was said before, the one before takes part no longer,
    nor does anybody beside him, and is told.

    \b
    Example: smtpgate ticket customer 20261121-EML-0042 bob@customer.example
    """
    from smtpgate import actions, app
    from smtpgate.model import Address

    config = context.config()

    async def work(store: Store) -> str:
        pipeline = await app.build_pipeline(config, store, SystemClock())
        to = Address(name, address)
        return await actions.customer(pipeline, store, number=_number(number), to=to, copy=copy, quiet=quiet, author=author)

    said = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line({"number": _number(number), "customer": address, "said": said})
    else:
        click.echo(said)


@ticket.command()
@click.argument("number")
@click.argument("into", metavar="INTO")
@click.option("--quiet", is_flag=True, help="Do not tell the customer which number leads on.")
@click.option("--as", "author", default="", metavar="ADDRESS", help="Who does it, for the ticket's history.")
@json_option
@pass_context
def merge(context: Context, number: str, into: str, quiet: bool, author: str, as_json: bool) -> None:
    """Make the ticket NUMBER part of the ticket INTO.

    What was said in it stands there; its number, signed addresses and Message-IDs lead there. As with #merge in an agent's mail,
    tickets of two customers are merged only when the one takes part in the other's. `ticket unmerge` takes it back.

    \b
    Example: smtpgate ticket merge 20261121-EML-0042 20261120-EML-0007
    """
    from smtpgate import actions, app

    config = context.config()
    one, other = _number(number), _number(into)

    async def work(store: Store) -> str:
        pipeline = await app.build_pipeline(config, store, SystemClock())
        return await actions.merge(pipeline, store, number=one, into=other, author=author, quiet=quiet)

    said = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line({"number": one, "into": other, "said": said})
    else:
        click.echo(said)


@ticket.command()
@click.argument("number")
@click.option("--quiet", is_flag=True, help="Do not tell the customer, even if he was told of the merge.")
@click.option("--as", "author", default="", metavar="ADDRESS", help="Who does it, for the ticket's history.")
@json_option
@pass_context
def unmerge(context: Context, number: str, quiet: bool, author: str, as_json: bool) -> None:
    """Take back that the ticket NUMBER became part of another one.

    All that it brought leads back to it. As with #undo in an agent's mail it is possible for tickets.unmerge_within, and only while
    nothing else has happened in the other ticket; the newest of several merges goes first.

    \b
    Example: smtpgate ticket unmerge 20261121-EML-0042
    """
    from smtpgate import actions, app

    config = context.config()
    wanted = _number(number)

    async def work(store: Store) -> str:
        pipeline = await app.build_pipeline(config, store, SystemClock())
        return await actions.unmerge(pipeline, store, number=wanted, author=author, quiet=quiet)

    said = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line({"number": wanted, "said": said})
    else:
        click.echo(said)


@ticket.command()
@click.argument("number")
@click.argument("which", metavar="WHICH")
@click.option("--subject", default="", help="Of the new ticket. Default: that of the old one.")
@click.option("--quiet", is_flag=True, help="Tell neither the customer nor the agents.")
@click.option("--as", "author", default="", metavar="ADDRESS", help="Who does it, for the ticket's history.")
@json_option
@pass_context
def split(context: Context, number: str, which: str, subject: str, quiet: bool, author: str, as_json: bool) -> None:
    """Make a mail of the customer a ticket of its own.

    WHICH is 1 for the newest mail of the customer in the ticket NUMBER, 2 for the one before it and so on, or the id of a mail, as
    `ticket show --json` has it. As with #split in an agent's mail, answers to what was written about that mail go with it.

    \b
    Example: smtpgate ticket split 20261121-EML-0042 2 --subject 'Dead fax'
    """
    from smtpgate import actions, app

    config = context.config()
    wanted, counted = _number(number), which.isascii() and which.isdigit()
    if counted and not 0 < int(which[:9]) <= config.tickets.split_reach:
        raise UsageError(f"WHICH counts from 1 to {config.tickets.split_reach} (tickets.split_reach), or is the id of a mail")

    async def work(store: Store) -> tuple[str, str]:
        pipeline = await app.build_pipeline(config, store, SystemClock())
        return await actions.split(
            pipeline,
            store,
            number=wanted,
            which=int(which[:9]) if counted else None,
            mail_id="" if counted else which,
            subject=subject,
            author=author,
            quiet=quiet,
        )

    new, said = context.with_store(work, config=config, change=True)
    if as_json:
        show.as_line({"number": wanted, "new": new, "said": said})
    else:
        click.echo(said)


def _number(text: str) -> str:
    """A ticket number as people copy it: with brackets, in small letters."""
    return text.strip("[]#＃【】 \t").upper()
