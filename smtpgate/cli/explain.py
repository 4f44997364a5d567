"""`smtpgate explain`: what the gateway would make of a mail, or has made of a stored one, and why. Changes nothing."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from smtpgate.cli.common import Context, pass_context
from smtpgate.errors import GatewayError, UsageError

_LAST = 253_370_764_800.0  # 9999-01-01 in UTC: later moments have no date in some zones
AHEAD = 32  # files explained ahead of the one that is printed: DNS answers for one while another is read


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|TICKET|MESSAGE-ID|ID...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each file.")
@click.option("--ip", default="", metavar="A", help="The client's IP address; without it there is no SPF.")
@click.option("--helo", default="", metavar="A", help="What the client said in EHLO.")
@click.option("--mail-from", metavar="A", help="The envelope sender; '' for the null sender. Default: Return-Path, else From.")
@click.option("--rcpt", multiple=True, metavar="A", help="An envelope recipient; may be repeated. Default: desks in To and Cc.")
@click.option("--dns", "zone", type=click.Path(path_type=Path), metavar="ZONEFILE", help="Answer DNS from this JSON file.")
@click.option("--at", metavar="TIME", help="Do as if it were then: ISO 8601 or seconds since 1970.")
@pass_context
def explain(
    context: Context,
    files: tuple[Path, ...],
    as_json: bool,
    ip: str,
    helo: str,
    mail_from: str | None,
    rcpt: tuple[str, ...],
    zone: Path | None,
    at: str | None,
) -> None:
    """What authentication finds in a mail, what kind it is, how it reads, which ticket it joins, what would be sent.

    A name that is no file is looked up in the store: a ticket number, a Message-ID or the id of a mail. Then it tells what
    came when and from where, what was decided and why, what was sent, and what the far side answered each time.

    Needs no configuration: without one a single desk is assumed. Exit codes: 0 all explained, 1 some could not be.

    \b
    Examples: smtpgate explain mail.eml --ip 192.0.2.1 --helo mx.customer.example
              smtpgate explain 20261121-EML-0042
              smtpgate explain '<20260821.4711@customer.example>' --json
    """
    import ipaddress

    if ip:
        try:
            ipaddress.ip_address(ip)
        except ValueError:
            raise UsageError(f"--ip: {ip!r} is not an IP address") from None
    from smtpgate.explain import Options

    options = Options(ip=ip, helo=helo, mail_from=mail_from, rcpts=rcpt)
    config = context.config_or(_assumed(rcpt))
    sys.exit(asyncio.run(_all(config, files, options, zone, _moment(at), as_json)))


def _assumed(rcpts: Iterable[str]) -> dict[str, Any]:
    """A configuration for people who only want to look at a mail."""
    address = next((r for r in rcpts if "@" in r), "support@desk.example")
    local, _, domain = address.rpartition("@")
    return {
        "server": {"name": "smtpgate.example"},
        "desk": [{"name": "support", "address": f"{local.partition('+')[0]}@{domain}"}],
    }


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(f"--at: {text!r} is neither ISO 8601 nor seconds since 1970") from None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= seconds < _LAST:
        raise UsageError(f"--at: {text!r} is not between 1970 and 9999")
    return seconds


async def _all(config: Any, files: tuple[Path, ...], options: Any, zone: Path | None, at: float | None, as_json: bool) -> int:
    from smtpgate import history

    failed = 0
    async with _explainer(config, zone, at) as explainer:

        async def one(path: Path) -> dict[str, Any]:
            # Path("<a@b>") and Path("20260102-EML-0042") are themselves again as text
            if explainer.store is not None and not path.exists() and len(path.parts) == 1:
                return {"file": str(path), "stored": history.facts(await history.find(explainer.store, str(path)))}
            return await explainer.explain(path, options)  # type: ignore[no-any-return]

        waiting: deque[tuple[Path, asyncio.Task[dict[str, Any]]]] = deque()

        async def flush(keep: int) -> None:
            nonlocal failed
            while len(waiting) > keep:
                path, task = waiting.popleft()
                try:
                    found = await task
                except Exception as error:  # one bad file, and the rest go on
                    failed += 1
                    found = {"file": str(path), "error": _said(error)}
                _print(found, as_json)

        for path in files:
            waiting.append((path, asyncio.create_task(one(path))))
            await flush(AHEAD)
        await flush(0)
    return 1 if failed else 0


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, GatewayError):
        return str(error)
    return f"{type(error).__name__}: {error}"


@asynccontextmanager
async def _explainer(config: Any, zone: Path | None, at: float | None) -> AsyncIterator[Any]:
    from smtpgate import app
    from smtpgate.auth.dns import ZoneResolver, make_resolver
    from smtpgate.clock import FixedClock, SystemClock
    from smtpgate.explain import Explainer
    from smtpgate.store.opening import missing, open_store

    clock = SystemClock() if at is None else FixedClock(at)
    resolver = ZoneResolver.from_file(zone) if zone else make_resolver(config.dns, clock)
    store = None if missing(config.store) else await open_store(config.store, read_only=True)
    try:
        if store is None:
            patterns: tuple[str, ...] = (config.tickets.number_pattern,)
            keys = config.token_keys or (secrets.token_bytes(32),)
        else:
            patterns, keys = await app.remembered(config, store)
        pipeline = app.make_pipeline(config, patterns, keys, clock)
        if store is not None:
            pipeline.leaves.update(app.leaves_of(await store.members()))
        yield Explainer(config, pipeline, resolver, clock, store)
    finally:
        if store is not None:
            await store.close()


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    from smtpgate.cli.explained import show

    show(found)
