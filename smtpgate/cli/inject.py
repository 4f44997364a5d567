"""`smtpgate inject`: one mail from standard input into the store, for the pipe of a mail server and for scripts.

Exit codes are those of sysexits.h, which every mail server understands: 75 means that it keeps the mail and tries again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import sys
from typing import Any, NoReturn

import click
import structlog

from smtpgate.cli.common import Context, pass_context
from smtpgate.errors import StoreError, StoreFatal

log = structlog.get_logger(__name__)

USAGE, DATA, NO_USER, TRY_AGAIN = 64, 65, 67, 75
_NO_USER = ("550 5.1.1 ", "550 5.1.3 ", "550 5.7.1 Relaying")


class _Sysexits(click.Command):
    """A wrong command line is 64, as sysexits.h has it, not the tool's usual 2."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            _end(f"smtpgate inject: {error.format_message()}", USAGE)


def _end(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


def _ip(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        return value and str(ipaddress.ip_address(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not an IP address") from None


@click.command(cls=_Sysexits)
@click.option("--from", "sender", default="", metavar="A", help="The envelope sender. Default: the null sender.")
@click.option(
    "--rcpt", "rcpts", multiple=True, required=True, metavar="A", help="An envelope recipient, one of a desk; may be repeated."
)
@click.option("--ip", default="", metavar="A", callback=_ip, help="The client's IP address; without it there is no SPF.")
@click.option("--helo", default="", metavar="A", help="What the client said in EHLO.")
@pass_context
def inject(context: Context, sender: str, rcpts: tuple[str, ...], ip: str, helo: str) -> None:
    """Take one mail from standard input, as if it had come in by SMTP, and print its id. The gateway may be running.

    Exit codes: 0 it is stored, 64 wrong command line, 65 refused for good, 67 no such recipient, 75 try again later;
    2 wrong configuration, 74 the store cannot be trusted.

    \b
    Example: smtpgate inject --from a@b.example --rcpt help@c.example < mail.eml
    """
    from smtpgate import log as logs
    from smtpgate.intake.stdin import Client

    config = context.config()
    logs.configure(config.log.model_copy(update={"level": "warning"}))
    content = sys.stdin.buffer.read(config.limits.message_size + 1)
    try:
        reply = asyncio.run(_take(config, content, Client(sender.strip("<>") or None, ip, helo), rcpts))
    except StoreFatal:
        raise
    except (StoreError, OSError) as error:
        _end(f"smtpgate: {error}", TRY_AGAIN)
    except Exception:  # our own failure costs nobody a mail
        log.exception("inject failed")
        _end("smtpgate: internal error, try again later", TRY_AGAIN)
    if reply.startswith("250 "):
        click.echo(reply.split()[2])
        return
    permanent = NO_USER if reply.startswith(_NO_USER) else DATA
    _end(reply, TRY_AGAIN if reply.startswith("4") else permanent)


async def _take(config: Any, content: bytes, client: Any, rcpts: tuple[str, ...]) -> str:
    from smtpgate.auth.dns import DnsResolver, make_resolver
    from smtpgate.auth.verdict import judge
    from smtpgate.clock import SystemClock
    from smtpgate.intake.accept import Acceptor
    from smtpgate.intake.stdin import take
    from smtpgate.mail.header import Header
    from smtpgate.mail.token import Tokens
    from smtpgate.model import Envelope, Verdict
    from smtpgate.store import file as store_file
    from smtpgate.store.opening import missing, open_store
    from smtpgate.store.rawfiles import RawFiles

    path = config.store.path
    if missing(config.store):
        raise StoreError(missing(config.store))
    clock = SystemClock()
    resolver = make_resolver(config.dns, clock)

    async def verify(envelope: Envelope, raw: bytes, head: Header) -> Verdict:
        return await judge(envelope=envelope, raw=raw, config=config, resolver=resolver, clock=clock, head=head)

    store = await open_store(config.store, create=False)
    try:
        keys = config.token_keys or (await store.token_key(secrets.token_bytes(32)),)
        tokens = Tokens(keys, config.secrets.token_lifetime)
        acceptor = Acceptor(config, store=store, judge=verify, tokens=tokens, clock=clock, on_accept=lambda *_: None)
        free, size = store_file.room(path, RawFiles.of(config.store).home)
        enough = free >= config.limits.least_free(size)
        return await take(content, client, rcpts, config=config, acceptor=acceptor, room=lambda: enough)
    finally:
        await store.close()
        if isinstance(resolver, DnsResolver):
            await resolver.close()
