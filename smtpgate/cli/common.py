"""What commands share: the configuration, the store, ids. Raises UsageError and ConfigError; main.py tells the user."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from smtpgate.errors import UsageError

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.store.verbs import VerbStore

FAILED, WRONG, STORE_FAILED = 1, 2, 74  # docs/operations.md has the table

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
limit_option = click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")


@dataclass(frozen=True)
class Context:
    """What the options before the subcommand said. path is --config."""

    path: Path | None = None

    def config_path(self) -> Path | None:
        """The file to use: what the user named, else the first of the usual places that is there."""
        named = self.path or (Path(os.environ["SMTPGATE_CONFIG"]) if os.environ.get("SMTPGATE_CONFIG") else None)
        usual = (Path("smtpgate.toml"), Path("/etc/smtpgate/smtpgate.toml"))
        return named or next((path for path in usual if path.exists()), None)

    def config(self, *, read_files: bool = True) -> Config:
        """Raises ConfigError, and UsageError when there is no file at all. read_files=False: for work on the store only."""
        from smtpgate import configfile

        path = self.config_path()
        if path is None:
            raise UsageError(
                "no configuration: name one with --config FILE or $SMTPGATE_CONFIG; "
                "neither ./smtpgate.toml nor /etc/smtpgate/smtpgate.toml is there"
            )
        return configfile.load(path, read_files=read_files)

    def config_or(self, assumed: dict[str, Any]) -> Config:
        """The configuration, or an assumed one when there is no file at all."""
        from smtpgate.config import Config

        return Config.model_validate(assumed) if self.config_path() is None else self.config()

    def with_store(self, work: Callable[[VerbStore], Awaitable[T]], *, config: Config | None = None, change: bool = False) -> T:
        """Open the store, do the work, close it. Without `change` the store is opened for reading only.

        The gateway may be running: it sees what changed when it next looks (filing.poll, delivery.poll).
        """
        from smtpgate import log
        from smtpgate.config import Log
        from smtpgate.store.opening import missing, open_store

        settings = (config or self.config(read_files=False)).store
        if missing(settings):
            raise UsageError(missing(settings))
        log.configure(Log(level="warning"))

        async def run() -> T:
            store = await open_store(settings, create=False, read_only=not change)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())


pass_context = click.make_pass_decorator(Context)


class MailId(click.ParamType[str]):
    """An id as id_text writes it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from smtpgate.clock import id_number

        text = str(value).strip().lower()
        try:
            number = id_number(text)
        except ValueError:
            number = -1
        if not 0 <= number < 2**63:  # beyond it SQLite has no numbers
            self.fail(f"{value!r} is not an id; ids have 13 letters and digits, as a listing shows them", param, ctx)
        return text


class Id(click.ParamType[int]):
    """An id as id_text writes it, given to the command as a number."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from smtpgate.clock import id_number

        return id_number(MailId().convert(value, param, ctx))


class Duration(click.ParamType[float]):
    """Seconds, written as in the configuration: 30s, 5m, 4h, 5d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from pydantic import TypeAdapter, ValidationError

        from smtpgate.settingtypes import Seconds

        if isinstance(value, float):
            return value
        try:
            return TypeAdapter(Seconds).validate_python(str(value))
        except ValidationError:
            self.fail(f"{value!r} is not a duration; write a number and a unit, such as 30s, 5m, 4h or 5d", param, ctx)


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
