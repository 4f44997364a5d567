"""The exceptions that cross module borders.

    GatewayError
    ├── ConfigError          what the admin wrote; carries every problem at once
    ├── StoreError           the store could not do it now: answered 451, tried again
    │   ├── StoreFull        no room: answered 452
    │   ├── StoreAway        the database server cannot be reached or used: answered 451
    │   ├── StoreFatal       a failed sync or a damaged file: the process ends (exit 74)
    │   ├── StoreMisuse      what it was asked to store does not fit: it never will, a bug of ours
    │   └── LeaseLost        somebody else holds the row now: drop the work, change nothing
    ├── ParseFailed          the mail could not be read within its limits: it becomes an opaque ticket
    ├── ParserUnavailable    no process to read mail with: the mail waits, nothing is counted against it
    ├── ArchiveError         a place in an archive could not be read: reported, the import goes on
    └── UsageError           a CLI user's mistake: one line, no traceback

Anything else that is raised is a bug of ours, is logged with its traceback and answered 451.
"""

from __future__ import annotations

from dataclasses import dataclass


class GatewayError(Exception):
    """Base of all errors that this project raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a configuration file, and how to mend it. line is None when no line is to blame."""

    file: str
    line: int | None
    key: str
    message: str
    mend: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.message} ({self.mend})"


class ConfigError(GatewayError):
    """The configuration cannot be used. All problems found, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class StoreError(GatewayError):
    """The store could not do it now; the same call may succeed later."""


class StoreFull(StoreError):
    """No room on the disk."""


class StoreAway(StoreError):
    """The database server is away. Whoever starts again finds it no sooner."""


class StoreFatal(StoreError):
    """A failed sync or a damaged database. Nothing after it can be trusted: the process must end."""


class StoreMisuse(StoreError):
    """What is to be stored breaks a rule of the schema, so the same call fails each time. Nothing was changed."""


class LeaseLost(StoreError):
    """The row is no longer leased to the caller. Nothing was changed."""


class ParseFailed(GatewayError):
    """A mail could not be read within its limits. str() is the reason, fit for the admin."""


class ParserUnavailable(GatewayError):
    """No parser process can be started or reached now."""


class ArchiveError(GatewayError):
    """Something in an archive of old mail could not be read. str() is the reason, without the place."""


class UsageError(GatewayError):
    """A mistake of the person at the command line. str() is what to tell them."""
