"""`smtpgate check-config`."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smtpgate.cli import show
from smtpgate.cli.common import WRONG, Context, json_option, pass_context, plural
from smtpgate.errors import ConfigError, GatewayError

if TYPE_CHECKING:
    from smtpgate.config import Config

_PATIENCE = 5.0  # seconds for a store that may be elsewhere


@click.command("check-config")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
@pass_context
def check_config(context: Context, ctx: click.Context, file: Path | None, as_json: bool) -> None:
    """Check the configuration and every file that it names.

    Keys, certificates and templates are read as `serve` would read them. All problems are shown at once, each with its
    line and what to do. --json gives one object for each problem, and nothing when there is none. Told too, but no reason not to
    start, are a key that everybody on this machine may read and, where the store is to be had from here, tickets of desks that
    the configuration does not have.

    Exit codes: 0 good, 2 not.

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
    for key, secret in _secrets(used.config()):
        if secret.stat().st_mode & 0o007:
            message, mend = f"{secret} holds a secret that everybody on this machine may read", f"chmod o= {secret}"
            if as_json:
                row = {"file": str(used.config_path()), "line": None, "key": key, "message": message, "mend": mend}
                show.as_line({**row, "warning": True})
            else:
                click.echo(f"warning: {key}: {message}: {mend}", err=True)
    for warning in _of_store(used.config()):
        if as_json:
            row = {
                "file": str(used.config_path()),
                "line": None,
                "key": "desk.name",
                "message": warning,
                "mend": "smtpgate desk move",
            }
            show.as_line({**row, "warning": True})
        else:
            click.echo(f"warning: {warning}", err=True)
    if not as_json:
        keys = plural(len(config.dkim), "DKIM key")
        click.echo(f"{used.config_path()}: good; {plural(len(config.desk), 'desk')}, {keys}, delivery by {config.delivery.mode}")


def _of_store(config: Config) -> list[str]:
    """What would become of tickets; nothing when the store is not to be had from here, which is no fault of the configuration."""
    from smtpgate.desks import warnings
    from smtpgate.store import desks
    from smtpgate.store.opening import missing, open_store

    async def look() -> dict[str, int]:
        store = await open_store(config.store, create=False, read_only=True)
        try:
            return await desks.strays_of(store, {desk.name for desk in config.desk})
        finally:
            await store.close()

    try:
        if missing(config.store):
            return []
        return warnings(config, asyncio.run(asyncio.wait_for(look(), _PATIENCE)))
    except (GatewayError, OSError, TimeoutError):
        return []


def _secrets(config: Config) -> Iterator[tuple[str, Path]]:
    """The settings that name a file with a secret, and the file."""
    yield from (("dkim.key_file", key.key_file) for key in config.dkim)
    yield from (("secrets.old_token_key_files", path) for path in config.secrets.old_token_key_files)
    for key, path in (
        ("server.tls_key", config.server.tls_key),
        ("store.password_file", config.store.password_file),
        ("submission.passwords", config.submission.passwords),
        ("secrets.token_key_file", config.secrets.token_key_file),
        ("delivery.smarthost.password_file", config.delivery.smarthost.password_file),
    ):
        if path is not None:
            yield key, path
