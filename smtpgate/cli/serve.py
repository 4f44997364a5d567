"""`smtpgate serve`: run the gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import faulthandler
import gc
import sys
from importlib.resources import files
from pathlib import Path

import click

from smtpgate.cli.common import Context, pass_context
from smtpgate.errors import StoreError, UsageError

TRY_NEXT = """\
Try it:   swaks --server {host}:{port} --from you@example.com --to {desk} --header 'Subject: printer on fire'
          {program} --config {config} ticket list
          ls {outbox}/new        # the answer that the customer got\
"""


@click.command()
@click.option("--try", "tryout", is_flag=True, help="Use the built-in try-out settings: port 2525, everything below ./var.")
@pass_context
def serve(context: Context, tryout: bool) -> None:
    """Run the gateway. Ends on SIGTERM or SIGINT after finishing what it promised; a second one ends it at once.

    SIGHUP reloads the configuration, as `smtpgate reload` does.

    Exit codes: 0 stopped, 1 could not start, 2 bad configuration, 74 the store failed for good.

    \b
    Examples: smtpgate serve --try
              smtpgate --config /etc/smtpgate/smtpgate.toml serve
    """
    gc.disable()  # what is loaded stays: looking through it again and again is a tenth of the start,
    _structlog_without_rich()
    from smtpgate import app, configfile, log, serving
    from smtpgate.mail import parserfork

    gc.freeze()  # and later it would be part of every full collection
    gc.enable()
    forking = parserfork.ahead()  # before there is anything that no mail may learn

    if tryout:
        text = files("smtpgate").joinpath("tryout.toml").read_text(encoding="utf-8")
        Path("var").mkdir(mode=0o700, exist_ok=True)
        if not Path("var/smtpgate.toml").exists():  # whoever tries things out may change it
            Path("var/smtpgate.toml").write_text(text.replace('"var/', '"'), encoding="utf-8")
        path: Path | None = Path("var/smtpgate.toml")
    else:
        path = context.config_path()
    config = configfile.load(path) if path is not None else context.config()  # which says that there is none
    log.configure(config.log)

    def ready(gateway: app.Gateway) -> None:
        if tryout:
            host, port = gateway.door.addresses[0]
            click.echo(
                TRY_NEXT.format(
                    host=host,
                    port=port,
                    desk=config.desk[0].address,
                    program=_program(),
                    config="var/smtpgate.toml",
                    outbox="var/outbox",
                ),
                err=True,
            )

    faulthandler.enable()  # the watchdog's SIGABRT: the log has where it hung
    born = app.fork_ahead(config)
    try:
        code = asyncio.run(
            serving.serve(config, load=lambda: configfile.load(path or Path()), ready=ready, born=born, forking=forking)
        )
    except StoreError as error:
        raise UsageError(f"the store cannot be used: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot start: {error}{_mend(error, tryout=tryout)}") from None
    sys.exit(code)


def _mend(error: OSError, *, tryout: bool) -> str:
    """What to do when a listener could not be opened."""
    if error.errno == errno.EADDRINUSE:
        where = (
            "server.listen in var/smtpgate.toml, then `smtpgate --config var/smtpgate.toml serve`" if tryout else "server.listen"
        )
        return f"; `ss -ltnp` shows who listens there. Stop that, or choose another port: {where}"
    if error.errno == errno.EACCES:
        return "; ports below 1024 are for root, or for who has CAP_NET_BIND_SERVICE, as systemd/smtpgate.service gives it"
    if error.errno == errno.EADDRNOTAVAIL:
        return "; this machine has no such address (`ip address` shows those that it has)"
    return ""


def _structlog_without_rich() -> None:
    """structlog loads rich for renderers that log.py does not use: 6 MB and 35 ms of processor time for each gateway."""
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]


def _program() -> str:
    """What to type to run us again, as it was typed."""
    return sys.argv[0] if Path(sys.argv[0]).name == "smtpgate" else "smtpgate"
