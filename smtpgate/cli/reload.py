"""`smtpgate reload`."""

from __future__ import annotations

import click

from smtpgate.cli import show
from smtpgate.cli.common import FAILED, Context, json_option, pass_context
from smtpgate.errors import ConfigError


@click.command()
@json_option
@click.pass_context
@pass_context
def reload(context: Context, ctx: click.Context, as_json: bool) -> None:
    """Let the running gateway take in the changed configuration, certificate, keys and templates.

    Nothing is cut off: sessions and deliveries under way end as they began. A configuration with a problem is refused
    as a whole, the old one stays in force, and the exit code is 1. Settings that need a restart are named.

    \b
    Example: smtpgate reload
    """
    from smtpgate.clock import SystemClock
    from smtpgate.service import reload as service

    try:
        config = context.config(read_files=False)
    except ConfigError as error:
        click.echo(f"{error}\nrefused: the old configuration stays in force", err=True)
        ctx.exit(FAILED)
    result = service.request(config.store.path, SystemClock().monotonic)
    if as_json:
        said = {"problems": result.problems, "needs_restart": result.restart, "warnings": result.warnings}
        show.as_line({"reloaded": not result.problems, **said})
        ctx.exit(FAILED if result.problems else 0)
    for problem in result.problems:
        click.echo(problem, err=True)
    if result.problems:
        click.echo("refused: the old configuration stays in force", err=True)
        ctx.exit(FAILED)
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    for setting in result.restart:
        click.echo(f"{setting} needs a restart; the old value stays in force")
    click.echo("reloaded")
