"""`smtpgate dns-records`: what to publish in DNS, and whether it is there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smtpgate.cli import show
from smtpgate.cli.common import FAILED, Context, json_option, pass_context, plural
from smtpgate.cli.show import Column
from smtpgate.clock import SystemClock

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.dnsrecords import Seen

_COLUMNS = (
    Column("state", "state", whole=True),
    Column("type", "type", whole=True),
    Column("name", "name"),
    Column("found", "published"),
)


@click.command("dns-records")
@click.option("--check", "asks", is_flag=True, help="Ask DNS, and say what is missing or differs.")
@click.option("--mx", metavar="HOST", help="The host that takes the mail, if a mail server stands in front. Default: server.name.")
@click.option("--dns", "zone", type=click.Path(path_type=Path), metavar="ZONEFILE", help="Answer DNS from this JSON file.")
@json_option
@pass_context
def dns_records(context: Context, asks: bool, mx: str | None, zone: Path | None, as_json: bool) -> None:
    """Print the DNS records that go with the configuration, as lines of a zone file.

    MX, SPF, DKIM, DMARC, and what else helps; what is a comment is not needed, or only you know its value.

    Exit codes: 0 printed, or all that is needed is there; 1 with --check: something is missing or differs.

    \b
    Examples: smtpgate dns-records
              smtpgate dns-records --check
              smtpgate dns-records --check --mx mail.example.com
    """
    from smtpgate import dnsrecords

    config = context.config()
    host = (mx or config.server.name).lower().rstrip(".")
    if asks:
        _check(config, host, zone, as_json)
        return
    why = ""
    for record in dnsrecords.records(config, host):
        if as_json:
            fields = {name: getattr(record, name) for name in ("name", "type", "value", "why", "needed")}
            show.as_line({**fields, "strings": dnsrecords.strings(record.value) if record.type == "TXT" else None})
            continue
        if why:
            click.echo()
        why = record.why
        click.echo(f"; {why}{'' if record.needed else ' (not needed)'}\n{dnsrecords.line(record)}")


def _check(config: Config, host: str, zone: Path | None, as_json: bool) -> None:
    from smtpgate.log import configure

    configure(config.log.model_copy(update={"level": "error"}))
    from smtpgate.dnsrecords import State

    seen = asyncio.run(_ask(config, host, zone))
    rows: list[dict[str, Any]] = [
        {
            "state": one.state.value if as_json or one.record.needed or one.state is State.OK else f"({one.state.value})",
            "type": one.record.type,
            "name": one.record.name,
            "found": one.text,
            "expected": one.record.value,
            "needed": one.record.needed,
            "why": one.record.why,
        }
        for one in seen
    ]
    show.listing(_COLUMNS, rows, as_json=as_json, empty="")
    wrong = [one for one in seen if one.wrong]
    if not as_json:
        _tell(wrong)
    if wrong:
        sys.exit(FAILED)


def _tell(wrong: list[Seen]) -> None:
    from smtpgate import dnsrecords

    if not wrong:
        click.echo("\nall that is needed is published")
        return
    unknown = [one for one in wrong if one.state.value == "unknown"]
    if unknown:
        click.echo(f"\nDNS did not answer for {plural(len(unknown), 'record')}: nothing is known about them")
    wrong = [one for one in wrong if one not in unknown]
    if not wrong:
        return
    click.echo(f"\n{plural(len(wrong), 'record')} to mend:")
    for one in wrong:
        click.echo(f"; {one.record.why}\n{dnsrecords.line(one.record)}")


async def _ask(config: Config, host: str, zone: Path | None) -> list[Seen]:
    from smtpgate import dnsrecords
    from smtpgate.auth.dns import DnsResolver, Lookups, ZoneResolver, make_resolver

    clock = SystemClock()
    resolver = ZoneResolver.from_file(zone) if zone is not None else make_resolver(config.dns, clock)
    try:
        lookups = Lookups(resolver, clock, deadline=6 * config.dns.deadline, limit=dnsrecords.QUESTIONS)
        return await dnsrecords.check(config, host, lookups)
    finally:
        if isinstance(resolver, DnsResolver):
            await resolver.close()
