"""`smtpgate hold` and `smtpgate poison`: incoming mail that waits for a person."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from smtpgate.cli import show
from smtpgate.cli.common import Context, MailId, json_option, limit_option, pass_context, plural
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock
from smtpgate.errors import UsageError
from smtpgate.model import MailState, ParsedMail

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.store.api import Incoming, Store

_COLUMNS = (
    Column("id", "id", whole=True),
    Column("received_at", "received"),
    Column("author", "from"),
    Column("rcpts", "to"),
    Column("evidence", "evidence"),
    Column("reason", "why"),
)


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


def _list(context: Context, state: MailState, limit: int, as_json: bool, empty: str) -> None:
    async def work(store: Store) -> Sequence[Incoming]:
        return await store.mails(state, limit=limit)

    show.listing(_COLUMNS, map(_row, context.with_store(work)), as_json=as_json, empty=empty)


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
    }


def _show(context: Context, mail_id: str, state: MailState, as_raw: bool, as_json: bool) -> None:
    config = context.config(read_files=False)

    async def work(store: Store) -> Incoming | None:
        return await store.mail(mail_id)

    mail = context.with_store(work, config=config)
    if mail is None or mail.state is not state:
        raise UsageError(f"{mail_id} is not among the {state.value} mail" + ("" if mail is None else f"; it is {mail.state.value}"))
    if as_raw:
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
    show.heading("why it is not trusted" if row["reasons"] else "verdict without reasons")
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

    try:
        return parse(mail.raw, mail_from=mail.envelope.mail_from, limits=config.limits)
    except Exception as error:  # the mail may be here just because it cannot be read; --raw still shows it
        return f"cannot be read: {type(error).__name__}: {error}"


def _settle(context: Context, mail_ids: Sequence[str], expect: MailState, to: MailState, reason: str) -> int:
    async def work(store: Store) -> int:
        for mail_id in mail_ids:
            mail = await store.mail(mail_id)
            if mail is None or mail.state is not expect:
                raise UsageError(f"{mail_id} is not among the {expect.value} mail; nothing was changed")
        moved = [await store.settle_mail(mail_id, expect=[expect], to=to, reason=reason) for mail_id in mail_ids]
        return sum(moved)

    return context.with_store(work, change=True)


_ids = click.argument("mail_ids", metavar="ID...", nargs=-1, required=True, type=MailId())
_id = click.argument("mail_id", metavar="ID", type=MailId())
_raw = click.option("--raw", "as_raw", is_flag=True, help="Print the mail itself, with the trace that we put before it.")


@hold.command("list")
@limit_option
@json_option
@pass_context
def hold_list(context: Context, limit: int, as_json: bool) -> None:
    """List held mail, the newest first."""
    _list(context, MailState.HELD, limit, as_json, "nothing is held")


@hold.command("show")
@_id
@_raw
@json_option
@pass_context
def hold_show(context: Context, mail_id: str, as_raw: bool, as_json: bool) -> None:
    """Show who sent a held mail, what authentication found, and what it says."""
    _show(context, mail_id, MailState.HELD, as_raw, as_json)


@hold.command()
@_ids
@pass_context
def release(context: Context, mail_ids: tuple[str, ...]) -> None:
    """Let held mail through: it is filed as if its sender had been authenticated."""
    moved = _settle(context, mail_ids, MailState.HELD, MailState.ACCEPTED, "released at the command line")
    click.echo(f"{plural(moved, 'mail')} released; the gateway files it now")


@hold.command("drop")
@_ids
@pass_context
def hold_drop(context: Context, mail_ids: tuple[str, ...]) -> None:
    """Do not file held mail. It stays in the store, and nobody is told."""
    moved = _settle(context, mail_ids, MailState.HELD, MailState.DROPPED, "dropped at the command line")
    click.echo(f"{plural(moved, 'mail')} dropped")


@poison.command("list")
@limit_option
@json_option
@pass_context
def poison_list(context: Context, limit: int, as_json: bool) -> None:
    """List mail that could not be filed, the newest first."""
    _list(context, MailState.POISON, limit, as_json, "there is none")


@poison.command("show")
@_id
@_raw
@json_option
@pass_context
def poison_show(context: Context, mail_id: str, as_raw: bool, as_json: bool) -> None:
    """Show a mail that could not be filed, and why."""
    _show(context, mail_id, MailState.POISON, as_raw, as_json)


@poison.command()
@_ids
@pass_context
def replay(context: Context, mail_ids: tuple[str, ...]) -> None:
    """File mail again, with three new tries."""
    moved = _settle(context, mail_ids, MailState.POISON, MailState.ACCEPTED, "replayed at the command line")
    click.echo(f"{plural(moved, 'mail')} will be filed again")


@poison.command("file")
@_ids
@click.option("--opaque", is_flag=True, required=True, help="Do not read the mail: the ticket holds it whole.")
@pass_context
def poison_file(context: Context, mail_ids: tuple[str, ...], opaque: bool) -> None:
    """File mail without reading it, when reading it is what fails. Its sender's rights are those of any mail."""
    from smtpgate import actions, app

    config = context.config()

    async def work(store: Store) -> None:
        pipeline = await app.build_pipeline(config, store, SystemClock())
        for mail_id in mail_ids:
            click.echo(await actions.file_opaque(pipeline, store, mail_id, worker=f"poison file:{secrets.token_hex(8)}"))

    context.with_store(work, config=config, change=True)


@poison.command("drop")
@_ids
@pass_context
def poison_drop(context: Context, mail_ids: tuple[str, ...]) -> None:
    """Give up filing mail. It stays in the store."""
    moved = _settle(context, mail_ids, MailState.POISON, MailState.DROPPED, "dropped at the command line")
    click.echo(f"{plural(moved, 'mail')} dropped")
