"""`smtpgate check-config`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from smtpgate.cli import show
from smtpgate.cli.common import WRONG, Context, json_option, pass_context, plural
from smtpgate.errors import ConfigError


@click.command("check-config")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
@pass_context
def check_config(context: Context, ctx: click.Context, file: Path | None, as_json: bool) -> None:
    """Check the configuration and every file that it names.

    Keys, certificates and templates are read as `serve` would read them. All problems are shown at once, each with its
    line and what to do. --json gives one object for each problem, and nothing when there is none.

    \b
    Example: smtpgate check-config /etc/smtpgate/smtpgate.toml
    """
    from smtpgate.mail.compose import Templates

    used = Context(file) if file is not None else context
    try:
        config = used.config()
    except ConfigError as error:
        for problem in error.problems:
            if as_json:
                show.as_line(dataclasses.asdict(problem))
            else:
                click.echo(str(problem), err=True)
        ctx.exit(WRONG)
    faults = Templates(config.templates.directory).check()
    for fault in faults:
        if as_json:
            row = {"file": str(config.templates.directory), "line": None, "key": "templates.directory"}
            show.as_line({**row, "message": fault, "mend": "correct the template"})
        else:
            click.echo(f"template {fault}", err=True)
    if faults:
        ctx.exit(WRONG)
    if not as_json:
        keys = plural(len(config.dkim), "DKIM key")
        click.echo(f"{used.config_path()}: good; {plural(len(config.desk), 'desk')}, {keys}, delivery by {config.delivery.mode}")
