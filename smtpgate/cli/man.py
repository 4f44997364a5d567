"""`smtpgate man`: a manual page for each command, made from the same help that --help prints."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def man(directory: Path) -> None:
    """Write the manual pages into a directory: smtpgate.8, smtpgate-queue.8, smtpgate-queue-list.8, …

    \b
    Example: smtpgate man /usr/local/share/man/man8
    """
    from smtpgate.cli.main import cli

    directory.mkdir(parents=True, exist_ok=True)
    root = click.Context(cli, info_name="smtpgate")
    number = 0
    for ctx in _contexts(root):
        name = ctx.command_path.replace(" ", "-")
        (directory / f"{name}.8").write_text(_page(ctx, name), encoding="utf-8")
        number += 1
    click.echo(f"{number} pages in {directory}")


def _contexts(ctx: click.Context) -> Iterator[click.Context]:
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            assert command is not None
            yield from _contexts(click.Context(command, parent=ctx, info_name=name))


def _page(ctx: click.Context, name: str) -> str:
    command = ctx.command
    lines = [f'.TH "{name.upper()}" 8', ".SH NAME", _text(f"{name} - {command.get_short_help_str(200)}")]
    lines += [".SH SYNOPSIS", f".B {_text(ctx.command_path)}", _text(" ".join(command.collect_usage_pieces(ctx)))]
    lines.append(".SH DESCRIPTION")
    examples: list[str] = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):  # click's mark for lines that are not to be filled: our examples
            examples += paragraph.removeprefix("\b\n").splitlines()
        else:
            lines += [".PP", *(_text(line) for line in paragraph.splitlines())]
    records = [record for p in command.get_params(ctx) if (record := p.get_help_record(ctx)) is not None]
    if records:
        lines.append(".SH OPTIONS")
        for option, says in records:
            lines += [".TP", f".B {_text(option)}", _text(says)]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for sub in command.list_commands(ctx):
            found = command.get_command(ctx, sub)
            assert found is not None
            lines += [".TP", f".BR {name}\\-{_text(sub)} (8)", _text(found.get_short_help_str(200))]
    if examples:
        shown = [re.sub(r"^Examples?[^:]*: *", "", line) for line in examples]
        lines += [".SH EXAMPLES", ".nf", *(_text(line) for line in shown if line.strip()), ".fi"]
    if command.epilog:
        lines += [".SH NOTES", _text(command.epilog)]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """As roff prints it: no escapes, no requests, hyphens that can be copied, ASCII only."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    line = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in line)
    return "\\&" + line if line.startswith((".", "'")) else line
