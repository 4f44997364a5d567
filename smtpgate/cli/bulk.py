"""What commands share that change many things at once: which ones, a dry run, a question before what cannot be undone.

Raises click's UsageError for a choice that is none, click.Abort when the answer is no.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from smtpgate.cli import show
from smtpgate.cli.common import plural


def at_a_terminal() -> bool:
    return sys.stdin.isatty()


@dataclass(frozen=True)
class Bulk:
    """The options of such a command."""

    everything: bool
    dry_run: bool
    yes: bool
    as_json: bool

    def by_ids(self, ids: Sequence[Any], filtered: bool) -> bool:
        """Were they named? Otherwise it is a filter, or --all."""
        if [bool(ids), filtered, self.everything].count(True) != 1:
            raise click.UsageError("name ids, or say --all, or which by the filters")
        return bool(ids)

    def stops(self, columns: Sequence[show.Column], rows: Sequence[show.Row], what: str, noun: str) -> bool:
        """A dry run: show what it is about, and say what would be done to it."""
        if self.dry_run:
            show.listing(columns, rows, as_json=self.as_json, empty="nothing is chosen")
            if not self.as_json:
                click.echo(f"dry run: {plural(len(rows), noun)} would be {what}; nothing was changed", err=True)
        return self.dry_run

    def ask(self, number: int, what: str, noun: str) -> None:
        """At a terminal only: a script has said --all or a filter, which is a clear word."""
        if not self.yes and number and at_a_terminal():
            click.confirm(f"{plural(number, noun)} will be {what}. Go on?", abort=True)

    def tell(self, number: int, text: str) -> None:
        if self.as_json:
            show.as_line({"changed": number})
        else:
            click.echo(text)


def bulk_options(all_means: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the options; the command gets them as one argument, bulk."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def with_bulk(*args: Any, everything: bool, dry_run: bool, yes: bool, as_json: bool, **rest: Any) -> None:
            command(*args, bulk=Bulk(everything, dry_run, yes, as_json), **rest)

        with_bulk.__doc__ = command.__doc__
        with_bulk.__name__ = command.__name__
        if hasattr(command, "__click_params__"):
            with_bulk.__click_params__ = command.__click_params__  # type: ignore[attr-defined]
        options = (
            click.option("--all", "everything", is_flag=True, help=all_means),
            click.option("--dry-run", is_flag=True, help="Only show what would be changed."),
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option(
                "--json", "as_json", is_flag=True, help="Print the number that was changed, or a dry run's list, as JSON."
            ),
        )
        made: Callable[..., None] = with_bulk
        for option in reversed(options):
            made = option(made)
        return made

    return decorate
