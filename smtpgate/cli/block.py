"""`smtpgate block`: senders whose mail is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smtpgate.cli import show
from smtpgate.cli.common import Context, json_option, pass_context
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock
from smtpgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpgate.blocks import Block
    from smtpgate.config import Config
    from smtpgate.store.api import Changes, Store

_COLUMNS = (
    Column("who", "who", whole=True),
    Column("desk", "at desk"),
    Column("at", "since"),
    Column("by", "by", minor=True),
    Column("reason", "why", room=20),
)


@click.group()
def block() -> None:
    """Hold the mail of some senders.

    It is accepted, opens nothing and is answered by nobody; `smtpgate hold list --reason blocked` shows it and `smtpgate hold
    release` files it. WHO is an address or @DOMAIN. Agents do the same for their desk with #block and #unblock.
    """


_desk = click.option("--desk", metavar="NAME", help="At this desk alone. Default: at all desks.")
_who = click.argument("who")


@block.command("list")
@click.option("--desk", metavar="NAME", help="Only what holds at this desk.")
@json_option
@pass_context
def list_(context: Context, desk: str | None, as_json: bool) -> None:
    """List who is blocked, where, since when, by whom and why.

    \b
    Example: smtpgate block list --desk support
    """
    config = context.config(read_files=False)
    _checked(config, desk)

    async def work(store: Store) -> Sequence[Block]:
        return await store.blocks(desk)

    found = context.with_store(work, config=config)
    rows = (
        {"who": b.who, "desk": b.desk or ("*" if as_json else "all"), "at": moment(b.at), "by": b.by, "reason": b.reason}
        for b in found
    )
    show.listing(_COLUMNS, rows, as_json=as_json, empty="nobody is blocked")


@block.command()
@_who
@_desk
@click.option("--reason", default="", metavar="TEXT", help="Why, for whoever asks later.")
@click.option("--as", "author", default="", metavar="ADDRESS", help="Who does it.")
@json_option
@pass_context
def add(context: Context, who: str, desk: str | None, reason: str, author: str, as_json: bool) -> None:
    """Hold the mail of a sender from now on.

    \b
    Examples: smtpgate block add pest@spam.example --reason 'writes every day'
              smtpgate block add @spam.example --desk support
    """
    from smtpgate.blocks import Block
    from smtpgate.handlers.block import ours

    config = context.config(read_files=False)
    _checked(config, desk)
    key = _key(who)
    if ours(config, key):
        raise UsageError(f"{key} is a desk or an agent of yours, or a domain of one; nothing was changed")
    new = Block(key, desk or "", SystemClock().now(), author, reason)
    _change(context, config, blocked=(new,))
    if as_json:
        show.as_line({"who": key, "desk": desk or "*", "blocked": True})
    else:
        click.echo(f"{key} is blocked {_where(desk)}")


@block.command()
@_who
@_desk
@json_option
@pass_context
def remove(context: Context, who: str, desk: str | None, as_json: bool) -> None:
    """Let a sender's mail in again. What was held stays held.

    \b
    Example: smtpgate block remove @spam.example
    """
    from smtpgate.blocks import hashed

    config = context.config(read_files=False)  # a desk that is no longer there may still have blocks
    at = desk or ""

    async def work(store: Store) -> Sequence[Block]:
        return await store.blocks(None)

    blocks = context.with_store(work, config=config)
    key = who if any(b.who == who for b in blocks) else _key(who)  # as a list shows it: earlier versions took any
    either = (key, hashed(key))  # of a person who was erased
    there = [b.desk for b in blocks if b.who in either]
    if at not in there:
        elsewhere = [f"--desk {name}" if name else "without --desk" for name in there]
        hint = f"; it is blocked otherwise: {', '.join(elsewhere)}" if elsewhere else ""
        raise UsageError(f"{key} is not blocked {_where(desk)}{hint}")
    _change(context, config, unblocked=tuple((one, at) for one in either))
    if as_json:
        show.as_line({"who": key, "desk": desk or "*", "blocked": False})
    else:
        click.echo(f"{key} is no longer blocked {_where(desk)}; smtpgate hold list --reason blocked has what is held")


def _change(
    context: Context, config: Config, *, blocked: tuple[Block, ...] = (), unblocked: tuple[tuple[str, str], ...] = ()
) -> None:
    from smtpgate.store.api import Changes

    async def work(store: Store) -> Changes:
        changes = Changes(blocked=blocked, unblocked=unblocked)
        return await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)

    context.with_store(work, config=config, change=True)


def _checked(config: Config, desk: str | None) -> None:
    if desk is not None and config.desk_named(desk) is None:
        raise UsageError(f"there is no desk {desk!r}; there are: {', '.join(d.name for d in config.desk)}")


def _where(desk: str | None) -> str:
    return f"at desk {desk}" if desk else "at all desks"


def _key(who: str) -> str:
    """As senders are compared, with the domain in A-labels. Raises UsageError for what no sender can be of."""
    from smtpgate.blocks import keys
    from smtpgate.mail.addrspec import literal, local_reason, to_ascii

    text = who.strip("<> ")
    local, at, domain = text.rpartition("@")
    ascii_domain = domain.lower() if local and literal(domain) else to_ascii(domain)
    if not at or "." not in domain + ascii_domain:
        why = "neither an address nor @DOMAIN"
    elif not ascii_domain and not (local and "@" in local):
        why = f"not possible: {domain!r} is no domain"
    elif local and local_reason(text):
        why = f"no address: it {local_reason(text)}"
    else:
        mailbox, whole = keys(f"{local}@{ascii_domain}")
        return mailbox if local else whole
    raise UsageError(f"{who!r} is {why}; write pest@spam.example for one sender, @spam.example for a domain; nothing was changed")
