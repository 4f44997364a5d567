"""The `smtpgate` command: the table of its subcommands, and what becomes of errors.

A subcommand's module is imported only when it is called, so that help is quick and a broken optional part harms nothing
else. Mistakes of the user end in one line on stderr, never in a traceback; a traceback means a bug of ours.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from smtpgate import __version__
from smtpgate.cli.common import FAILED, STORE_FAILED, WRONG, Context
from smtpgate.errors import ConfigError, GatewayError, StoreFatal

# name: (module, attribute, what help says)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "serve": ("smtpgate.cli.serve", "serve", "Run the gateway until it is told to stop."),
    "reload": ("smtpgate.cli.reload", "reload", "Let the running gateway take in a changed configuration."),
    "check-config": ("smtpgate.cli.check", "check_config", "Check the configuration and every file that it names."),
    "dns-records": ("smtpgate.cli.dnsrecords", "dns_records", "Print the DNS records to publish, or check them."),
    "status": ("smtpgate.cli.status", "status", "Tell how the gateway does, and what needs a person."),
    "inject": ("smtpgate.cli.inject", "inject", "Take one mail from standard input."),
    "import": ("smtpgate.cli.importing", "import_", "File old mail as tickets: mbox, Maildir, folders, public-inbox."),
    "ticket": ("smtpgate.cli.ticket", "ticket", "Look at tickets and change their state."),
    "template": ("smtpgate.cli.template", "template", "Look at the templates of outgoing mail."),
    "notice": ("smtpgate.cli.notice", "notice", "Tell everybody whom a delay, maintenance or an outage concerns."),
    "queue": ("smtpgate.cli.queue", "queue", "Look at outgoing mail, try it again, hold it back, drop it."),
    "mail": ("smtpgate.cli.incoming", "mail", "Look at incoming mail, whatever became of it."),
    "hold": ("smtpgate.cli.incoming", "hold", "Decide about incoming mail that is kept for a person."),
    "block": ("smtpgate.cli.block", "block", "Hold the mail of some senders."),
    "desk": ("smtpgate.cli.desk", "desk", "Look at desks, and give all tickets of one to another one."),
    "person": ("smtpgate.cli.person", "person", "Show, export and erase what is kept of a person."),
    "poison": ("smtpgate.cli.incoming", "poison", "Look at incoming mail that could not be filed, and file it again."),
    "agent": ("smtpgate.cli.agent", "agent", "Set an agent's password for the submission listener."),
    "explain": ("smtpgate.cli.explain", "explain", "Tell what would become of a mail, and why."),
    "log": ("smtpgate.cli.log", "log", "Tell what happened to a mail or ticket, one line for each event."),
    "verify": ("smtpgate.cli.upkeep", "verify", "Look through the whole store, and say what to do about what is wrong."),
    "backup": ("smtpgate.cli.upkeep", "backup", "Copy the store while the gateway goes on."),
    "maintain": ("smtpgate.cli.upkeep", "maintain", "Do what a store wants done now and then."),
    "restore": ("smtpgate.cli.upkeep", "restore", "Put a backup in the place of the store."),
    "store": ("smtpgate.cli.store", "store", "Move everything from a SQLite file to PostgreSQL, or back."),
    "completion": ("smtpgate.cli.completion", "completion", "Print the completion script of bash, zsh or fish."),
    "man": ("smtpgate.cli.man", "man", "Write manual pages, made from this help."),
    "demo": ("smtpgate.cli.demo", "demo", "Play a scripted conversation."),
}


class Commands(click.Group):
    """A group that imports a subcommand when it is called, and turns errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, which knows no names to guess from: ours are loaded when they are wanted."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, 1, 0.5)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, _, says) in COMMANDS.items()])

    def main(  # type: ignore[override]  # click's overloads promise a return value, for those who embed it
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """As click's; always ends in SystemExit."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal without Chinese must not end in a traceback
        try:
            code = super().main(args, prog_name, **{**extra, "standalone_mode": False})
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # `smtpgate ticket list | head`: nobody reads on
            sys.exit(0)
        except (Exception, KeyboardInterrupt) as error:
            sys.exit(_report(error))
        sys.exit(code if isinstance(code, int) else 0)


def _report(error: BaseException) -> int:
    """Tell the user, and return the exit code. Raises what is a bug of ours."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return WRONG
        case click.UsageError():
            place = error.ctx.command_path if error.ctx else "smtpgate"
            return _say(f"{place}: {error.format_message()} (see {place} --help)", WRONG)
        case click.ClickException():
            return _say(f"smtpgate: {error.format_message()}", FAILED)
        case ConfigError():
            return _say(str(error), WRONG)
        case StoreFatal():
            return _say(f"smtpgate: the store cannot be trusted: {error}", STORE_FAILED)
        case GatewayError():
            return _say(f"smtpgate: {error}", FAILED)
        case click.Abort() | KeyboardInterrupt():
            return 130
        case OSError():  # a file that this user may not read, a full disk behind the output
            name = f"{error.filename}: " if error.filename else ""
            return _say(f"smtpgate: {name}{error.strerror or error}", FAILED)
    raise error


def _say(text: str, code: int) -> int:
    click.echo(text, err=True)
    return code


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, also when nothing was there to do; 1 it could not be done, or something needs a person (status,"
    " verify, dns-records --check); 2 the command line or the configuration is wrong; 74 the store cannot be trusted; 130"
    " interrupted. inject has those of sysexits.h.",
)
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="The configuration file. Default: $SMTPGATE_CONFIG, else ./smtpgate.toml, else /etc/smtpgate/smtpgate.toml.",
)
@click.version_option(__version__, prog_name="smtpgate", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, path: Path | None) -> None:
    """A mail gateway that makes a help desk out of e-mail alone."""
    ctx.obj = Context(path)
