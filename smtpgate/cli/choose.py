"""Which incoming mail a command is about: the filters of `mail`, `hold` and `poison`.

Rows are read page by page and looked at here, so that every filter works on what people see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from smtpgate.cli.common import Duration
from smtpgate.clock import SystemClock
from smtpgate.errors import UsageError
from smtpgate.mail.address import split_sub

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.model import MailState
    from smtpgate.store.api import Incoming, Store

_PAGE = 500  # mails read at once


@dataclass(frozen=True)
class Filter:
    """None: does not matter. Ages in seconds since the mail came."""

    desk: str | None
    sender: str | None
    domain: str | None
    reason: str | None
    older_than: float | None
    newer_than: float | None

    def __bool__(self) -> bool:
        return any(value is not None for value in vars(self).values())

    def check(self, config: Config) -> None:
        """Raises UsageError for a desk that the configuration does not have."""
        if self.desk is not None and config.desk_named(self.desk) is None:
            raise UsageError(f"there is no desk {self.desk!r}; there are: {', '.join(d.name for d in config.desk)}")

    async def find(self, store: Store, config: Config, states: Sequence[MailState], limit: int | None) -> list[Incoming]:
        """The newest first. No state means every state."""
        now = SystemClock().now()
        found: list[Incoming] = []
        for state in states or (None,):
            before: str | None = None
            kept = 0
            while (limit is None or kept < limit) and (page := await store.mails(state, limit=_PAGE, before=before)):
                matching = [one for one in page if self._matches(one, config, now)]
                found += matching
                kept += len(matching)
                before = page[-1].id
        found.sort(key=lambda one: one.received_at, reverse=True)
        return found[:limit]

    def _matches(self, mail: Incoming, config: Config, now: float) -> bool:
        envelope = mail.envelope
        people = {address.lower() for address in (mail.verdict.author, envelope.mail_from or "") if address}
        age = now - mail.received_at
        return (
            (self.desk is None or self.desk in _desks(mail, config))
            and (self.sender is None or self.sender.strip("<> ").lower() in people)
            and (self.domain is None or any(_within(one, self.domain) for one in people))
            and (self.reason is None or self.reason.lower() in _why(mail))
            and (self.older_than is None or age > self.older_than)
            and (self.newer_than is None or age <= self.newer_than)
        )


def _desks(mail: Incoming, config: Config) -> set[str]:
    """The desks that the envelope names, with or without a sub-address."""
    names = set()
    for rcpt in mail.envelope.rcpts:
        local, _, domain = split_sub(rcpt)
        desk = config.desk_of(rcpt) or config.desk_of(f"{local}@{domain}")
        if desk is not None:
            names.add(desk.name)
    return names


def _within(address: str, domain: str) -> bool:
    """In the domain or one below it."""
    wanted, has = domain.lower().lstrip("@."), address.rpartition("@")[2]
    return has == wanted or has.endswith("." + wanted)


def _why(mail: Incoming) -> str:
    return "\n".join((mail.reason, mail.verdict.evidence.value, *mail.verdict.reasons)).lower()


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that a Filter is made of."""
    options = (
        click.option("--desk", metavar="NAME", help="Only mail to this desk."),
        click.option("--from", "sender", metavar="ADDRESS", help="Only mail of this sender, in From or in the envelope."),
        click.option("--domain", metavar="DOMAIN", help="Only senders of this domain or one below it."),
        click.option("--reason", metavar="TEXT", help="Only mail whose reason or findings contain this text."),
        click.option("--older-than", type=Duration(), metavar="AGE", help="Only mail that came longer ago: 30m, 4h, 2d."),
        click.option("--newer-than", type=Duration(), metavar="AGE", help="Only mail that came since: 30m, 4h, 2d."),
    )
    for option in reversed(options):
        command = option(command)
    return command
