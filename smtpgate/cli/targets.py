"""`smtpgate ticket targets`: how often each desk answered in time, month by month."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from smtpgate.cli import show
from smtpgate.cli.common import Context, json_option, pass_context
from smtpgate.cli.show import Column
from smtpgate.clock import SystemClock
from smtpgate.errors import UsageError

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.desksettings import Desk
    from smtpgate.store.api import Store

_COLUMNS = (
    Column("desk", "desk", whole=True),
    Column("month", "month", whole=True),
    Column("target", "target", whole=True),
    Column("in_time", "in time", whole=True),
    Column("late", "late", whole=True),
    Column("percent", "%", whole=True),
)
NAMES = {"first": "first answer", "next": "next answer", "solution": "solution", "date": "date set by an agent"}


@click.command("targets", short_help="Count tickets answered and solved in time, and late.")
@click.option("--desk", help="Only this desk's.")
@click.option("--months", type=click.IntRange(1, 120), default=12, help="So many, this one included. Default: 12.")
@json_option
@pass_context
def targets(context: Context, desk: str | None, months: int, as_json: bool) -> None:
    """Tell how many tickets were answered and solved in time and late, by desk and month.

    Months are those of the desk's zone. What is not answered yet counts in none; `ticket list --overdue` has what is late by now.

    \b
    Example: smtpgate ticket targets --desk support --months 3
    """
    config = context.config(read_files=False)
    if desk is not None and config.desk_named(desk) is None:
        raise UsageError(f"there is no desk {desk!r}; there are: {', '.join(d.name for d in config.desk)}")

    async def work(store: Store) -> list[show.Row]:
        return [row async for row in _rows(config, store, desk, months)]

    rows = context.with_store(work, config=config)
    show.listing(_COLUMNS, rows, as_json=as_json, empty="no target was met or missed")


async def _rows(config: Config, store: Store, only: str | None, months: int) -> AsyncIterator[show.Row]:
    now = SystemClock().now()
    for desk in config.desk:
        if only not in (None, desk.name):
            continue
        for month, begin, end in _months(desk, now, months):
            for one in await store.targets_met(desk.name, begin, end):
                yield {
                    "desk": desk.name,
                    "month": month,
                    "target": NAMES[one.target.value],
                    "in_time": one.met,
                    "late": one.missed,
                    "percent": 100 * one.met // (one.met + one.missed),
                }


def _months(desk: Desk, now: float, count: int) -> Iterator[tuple[str, float, float]]:
    """The newest first: its name, when it begins, and when the next one does."""
    zone = ZoneInfo(desk.timezone)
    today = datetime.fromtimestamp(now, zone)
    for back in range(count):
        number = today.year * 12 + today.month - 1 - back
        begin, end = (datetime(n // 12, n % 12 + 1, 1, tzinfo=zone).timestamp() for n in (number, number + 1))
        yield f"{number // 12}-{number % 12 + 1:02}", begin, end
