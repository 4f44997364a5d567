"""`smtpgate mail`, `hold` and `poison`: incoming mail, and what a person decides about it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from smtpgate.blocks import HELD
from smtpgate.cli import show
from smtpgate.cli.bulk import Bulk, bulk_options
from smtpgate.cli.choose import Filter, filters
from smtpgate.cli.common import Context, MailId, json_option, limit_option, pass_context, plural
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock
from smtpgate.errors import UsageError
from smtpgate.model import MailState, ParsedMail

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.store.api import Incoming, Store

_TOGETHER = 100  # mails settled at once: they share a commit

_COLUMNS = (
    Column("id", "id", whole=True),
    Column("received_at", "received"),
    Column("author", "from"),
    Column("rcpts", "to", minor=True),
    Column("evidence", "evidence", minor=True),
    Column("reason", "why", room=30),
)
_WITH_STATE = (*_COLUMNS[:1], Column("state", "state", whole=True), *_COLUMNS[1:5], Column("outcome", "became", room=21))


@click.group()
def mail() -> None:
    """Look at incoming mail, whatever became of it."""


@click.group()
def hold() -> None:
    """Decide about incoming mail that is kept for a person.

    A running gateway files released mail when it next looks at the store.
    """


@click.group()
def poison() -> None:
    """Look at incoming mail that could not be filed, and file it again.

    Such mail failed three times. Nothing of it is lost; the rest of the mail flows.
    """


def _list(
    context: Context, states: Sequence[MailState], chosen: Filter, limit: int, as_json: bool, empty: str, columns: Sequence[Column]
) -> None:
    config = context.config(read_files=False)
    chosen.check(config)

    async def work(store: Store) -> Sequence[Incoming]:
        return await chosen.find(store, config, states, limit)

    show.listing(columns, map(_row, context.with_store(work, config=config)), as_json=as_json, empty=empty)


def _row(mail: Incoming) -> show.Row:
    envelope, verdict = mail.envelope, mail.verdict
    return {
        "id": mail.id,
        "state": mail.state.value,
        "received_at": moment(mail.received_at),
        "author": verdict.author or envelope.mail_from,
        "mail_from": envelope.mail_from,
        "rcpts": list(envelope.rcpts),
        "peer": envelope.peer,
        "helo": envelope.helo,
        "protocol": envelope.protocol,
        "size": mail.size,
        "message_id": mail.message_id,
        "evidence": verdict.evidence.value,
        "reasons": list(verdict.reasons),
        "reason": mail.reason,
        "tries": mail.tries,
        "outcome": _outcome(mail),
    }


def _outcome(mail: Incoming) -> str:
    """In a few words: "new 20261121-EML-0042", or what it waits for."""
    if not mail.decision:
        return mail.reason.partition("\n")[0]
    decided = json.loads(mail.decision)
    return " ".join(part for part in (decided.get("outcome"), decided.get("ticket")) if part)


def _show(context: Context, mail_id: str, state: MailState | None, as_raw: bool, as_json: bool) -> None:
    config = context.config(read_files=False)

    async def work(store: Store) -> Incoming | None:
        return await store.mail(mail_id)

    mail = context.with_store(work, config=config)
    if mail is None:
        raise UsageError(f"{mail_id} is not among the {state.value} mail" if state else f"there is no incoming mail {mail_id}")
    if state is not None and mail.state is not state:
        raise UsageError(f"{mail_id} is not among the {state.value} mail; it is {mail.state.value}")
    if as_raw:
        if mail.fault is not None:
            raise UsageError(f"{mail_id}: {mail.fault}")
        show.raw(mail.trace + mail.raw)
        return
    row = _row(mail)
    read = _read(mail, config)
    parsed = read if isinstance(read, ParsedMail) else ParsedMail(defects=(read,))
    files = [{"filename": a.filename, "content_type": a.content_type, "size": a.size} for a in parsed.attachments]
    if as_json:
        from_ = [{"name": a.name, "address": a.address} for a in parsed.from_]
        content = {"from": from_, "subject": parsed.subject, "text": parsed.text, "attachments": files, "defects": parsed.defects}
        show.as_line({**row, **content})
        return
    show.pairs([(name, value) for name, value in row.items() if value not in (None, "", []) and name not in ("author", "reasons")])
    show.heading("what authentication found" + ("" if row["reasons"] else ": nothing to say"))
    for reason in row["reasons"]:
        show.body(reason, indent="- ")
    show.heading("mail")
    people = [show.person(a.name, a.address) for a in parsed.from_]
    attached = [f"{f['filename']} ({f['content_type']}, {f['size']} bytes)" for f in files]
    items = [("from", people), ("subject", parsed.subject), ("attached", attached), ("defects", list(parsed.defects))]
    show.pairs([item for item in items if item[1]])
    click.echo()
    show.body(parsed.text)


def _read(mail: Incoming, config: Config) -> ParsedMail | str:
    from smtpgate.mail.parse import parse

    if mail.fault is not None:
        return str(mail.fault)
    try:
        return parse(mail.raw, mail_from=mail.envelope.mail_from, limits=config.limits)
    except Exception as error:  # the mail may be here just because it cannot be read; --raw still shows it
        return f"cannot be read: {type(error).__name__}: {error}"


def _settle(
    context: Context, mail_ids: Sequence[str], chosen: Filter, bulk: Bulk, expect: MailState, to: MailState, words: tuple[str, str]
) -> None:
    """words: what would be done, and what is told afterwards."""
    by_ids = bulk.by_ids(mail_ids, bool(chosen))
    config = context.config(read_files=False)
    chosen.check(config)
    reason = f"{words[0]} at the command line"

    async def work(store: Store) -> int | None:
        found = await _choose(store, config, mail_ids, chosen, expect)
        if to is MailState.ACCEPTED and not by_ids:
            found = _without_blocked(found, chosen)
        if bulk.stops(_COLUMNS, [_row(one) for one in found], words[0], "mail"):
            return None
        if not by_ids:
            bulk.ask(len(found), words[0], "mail")
        moved = 0
        for start in range(0, len(found), _TOGETHER):
            page = [store.settle_mail(one.id, expect=[expect], to=to, reason=reason) for one in found[start : start + _TOGETHER]]
            moved += sum(await asyncio.gather(*page))
        return moved

    moved = context.with_store(work, config=config, change=not bulk.dry_run)
    if moved is not None:
        bulk.tell(moved, f"{plural(moved, 'mail')} {words[1]}")


def _without_blocked(found: Sequence[Incoming], chosen: Filter) -> Sequence[Incoming]:
    """Whoever lets in what was held by mistake does not mean senders whom somebody has blocked, unless he says so."""
    if "blocked" in (chosen.reason or "").lower():
        return found
    left = [one for one in found if not one.reason.startswith(HELD)]
    if len(left) < len(found):
        kept = plural(len(found) - len(left), "mail")
        click.echo(f"{kept} of blocked senders left as it is: --reason blocked, or its id", err=True)
    return left


async def _choose(store: Store, config: Config, mail_ids: Sequence[str], chosen: Filter, expect: MailState) -> Sequence[Incoming]:
    """By ids all or nothing: one that is not in the state stops the command before anything has changed."""
    if not mail_ids:
        return await chosen.find(store, config, [expect], None)
    found = []
    for mail_id in mail_ids:
        one = await store.mail(mail_id)
        if one is None or one.state is not expect:
            raise UsageError(f"{mail_id} is not among the {expect.value} mail; nothing was changed")
        found.append(one)
    return found


_ids = click.argument("mail_ids", metavar="[ID]...", nargs=-1, type=MailId())
_id = click.argument("mail_id", metavar="ID", type=MailId())
_raw = click.option("--raw", "as_raw", is_flag=True, help="Print the mail itself, with the trace that we put before it.")


@mail.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice([s.value for s in MailState]), help="May be repeated. Default: all."
)
@filters
@limit_option
@json_option
@pass_context
def mail_list(context: Context, /, states: tuple[str, ...], limit: int, as_json: bool, **options: Any) -> None:
    """List incoming mail, the newest first, and what became of it.

    \b
    Examples: smtpgate mail list --from ann@customer.example
              smtpgate mail list --state accepted --older-than 10m
    """
    _list(context, [MailState(s) for s in states], Filter(**options), limit, as_json, "no such mail", _WITH_STATE)


@mail.command("show", short_help="Show an incoming mail: its sender, verdict and text.")
@_id
@_raw
@json_option
@pass_context
def mail_show(context: Context, mail_id: str, as_raw: bool, as_json: bool) -> None:
    """Show an incoming mail: who sent it, what authentication found, what it says.

    \b
    Examples: smtpgate mail show amuutpxrr3oye
              smtpgate mail show amuutpxrr3oye --raw > mail.eml
    """
    _show(context, mail_id, None, as_raw, as_json)


@hold.command("list")
@filters
@limit_option
@json_option
@pass_context
def hold_list(context: Context, /, limit: int, as_json: bool, **options: Any) -> None:
    """List held mail, the newest first.

    \b
    Example: smtpgate hold list --desk support --reason DMARC
    """
    _list(context, [MailState.HELD], Filter(**options), limit, as_json, "nothing is held", _COLUMNS)


@hold.command("show", short_help="Show a held mail: its sender, verdict and text.")
@_id
@_raw
@json_option
@pass_context
def hold_show(context: Context, mail_id: str, as_raw: bool, as_json: bool) -> None:
    """Show who sent a held mail, what authentication found, and what it says.

    \b
    Example: smtpgate hold show amuutpxrr3oye
    """
    _show(context, mail_id, MailState.HELD, as_raw, as_json)


@hold.command(short_help="Let held mail through, as if its sender had been proved.")
@_ids
@filters
@bulk_options("Everything that is held.")
@pass_context
def release(context: Context, /, mail_ids: tuple[str, ...], bulk: Bulk, **options: Any) -> None:
    """Let held mail through: it is filed as if its sender had been authenticated.

    \b
    Examples: smtpgate hold release amuutpxrr3oye
              smtpgate hold release --from ann@customer.example --dry-run
    """
    words = ("released", "released; the gateway files it now")
    _settle(context, mail_ids, Filter(**options), bulk, MailState.HELD, MailState.ACCEPTED, words)


@hold.command("drop")
@_ids
@filters
@bulk_options("Everything that is held.")
@pass_context
def hold_drop(context: Context, /, mail_ids: tuple[str, ...], bulk: Bulk, **options: Any) -> None:
    """Do not file held mail. It stays in the store, and nobody is told.

    \b
    Examples: smtpgate hold drop amuutpxrr3oye
              smtpgate hold drop --domain spam.example --older-than 7d --dry-run
    """
    _settle(context, mail_ids, Filter(**options), bulk, MailState.HELD, MailState.DROPPED, ("dropped", "dropped"))


@poison.command("list")
@filters
@limit_option
@json_option
@pass_context
def poison_list(context: Context, /, limit: int, as_json: bool, **options: Any) -> None:
    """List mail that could not be filed, the newest first.

    \b
    Example: smtpgate poison list --reason UnicodeError
    """
    _list(context, [MailState.POISON], Filter(**options), limit, as_json, "there is none", _COLUMNS)


@poison.command("show")
@_id
@_raw
@json_option
@pass_context
def poison_show(context: Context, mail_id: str, as_raw: bool, as_json: bool) -> None:
    """Show a mail that could not be filed, and why.

    \b
    Example: smtpgate poison show amuutpxrr3oye
    """
    _show(context, mail_id, MailState.POISON, as_raw, as_json)


@poison.command()
@_ids
@filters
@bulk_options("All of it.")
@pass_context
def replay(context: Context, /, mail_ids: tuple[str, ...], bulk: Bulk, **options: Any) -> None:
    """File mail again, with three new tries.

    \b
    Example: smtpgate poison replay --all
    """
    words = ("replayed", "will be filed again")
    _settle(context, mail_ids, Filter(**options), bulk, MailState.POISON, MailState.ACCEPTED, words)


@poison.command("file")
@_ids
@click.option("--opaque", is_flag=True, required=True, help="Do not read the mail: the ticket holds it whole.")
@filters
@bulk_options("All of it.")
@pass_context
def poison_file(context: Context, /, mail_ids: tuple[str, ...], opaque: bool, bulk: Bulk, **options: Any) -> None:
    """File mail without reading it, when reading it is what fails. Its sender's rights are those of any mail.

    \b
    Example: smtpgate poison file --opaque amuutpxrr3oye
    """
    from smtpgate import actions, app

    chosen = Filter(**options)
    by_ids = bulk.by_ids(mail_ids, bool(chosen))
    config = context.config()
    chosen.check(config)

    async def work(store: Store) -> None:
        found = await _choose(store, config, mail_ids, chosen, MailState.POISON)
        if bulk.stops(_COLUMNS, [_row(one) for one in found], "filed unread", "mail"):
            return
        if not by_ids:
            bulk.ask(len(found), "filed unread", "mail")
        pipeline = await app.build_pipeline(config, store, SystemClock())
        for one in found:
            said = await actions.file_opaque(pipeline, store, one.id, worker=f"poison file:{secrets.token_hex(8)}")
            if not bulk.as_json:
                click.echo(said)
        if bulk.as_json:
            bulk.tell(len(found), "")

    context.with_store(work, config=config, change=not bulk.dry_run)


@poison.command("drop")
@_ids
@filters
@bulk_options("All of it.")
@pass_context
def poison_drop(context: Context, /, mail_ids: tuple[str, ...], bulk: Bulk, **options: Any) -> None:
    """Give up filing mail. It stays in the store.

    \b
    Example: smtpgate poison drop amuutpxrr3oye
    """
    _settle(context, mail_ids, Filter(**options), bulk, MailState.POISON, MailState.DROPPED, ("dropped", "dropped"))
