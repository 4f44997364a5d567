"""A store file with tickets, mail in every state and a queue, and a way to run commands on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smtpgate.cli.main import cli
from smtpgate.clock import id_text
from smtpgate.model import DeliveryState, EntryKind, MailState, Status
from smtpgate.store.api import Changes
from smtpgate.store.shown import Pause
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import NOW, a_mail_id, a_new_ticket, a_query, a_recipient, accepted, an_attempt, an_entry, an_outgoing

CONFIG = """\
[server]
name = "gate.example"
[[desk]]
name = "support"
address = "support@desk.example"
[[desk]]
name = "sales"
address = "sales@desk.example"
"""

RAW = "From: 王 <wang@example.org>\r\nSubject: 打印机坏了\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n它不打印\r\n".encode()


@dataclass
class Shop:
    """What the store holds, and how to call a command on it."""

    directory: Path
    held: list[str] = field(default_factory=list)
    poison: list[str] = field(default_factory=list)
    recipients: dict[DeliveryState, str] = field(default_factory=dict)
    outgoing: str = ""

    def run(self, *args: str, **env: str | None) -> Result:
        command = ["--config", str(self.directory / "smtpgate.toml"), *args]
        return CliRunner().invoke(cli, command, env={"TZ": "UTC", **env}, prog_name="smtpgate")

    def good(self, *args: str) -> str:
        result = self.run(*args)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout

    def rows(self, *args: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.good(*args, "--json").splitlines()]

    def bad(self, *args: str) -> tuple[int, str]:
        """The exit code and the one line on stderr."""
        result = self.run(*args)
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1, result.stderr
        return result.exit_code, result.stderr.strip()

    def store(self, work: Callable[[SqliteStore], Any]) -> Any:
        async def run() -> Any:
            store = await SqliteStore.open(self.directory / "var" / "smtpgate.db")
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "smtpgate.toml").write_text(CONFIG)
    made = Shop(tmp_path)
    made.store(lambda store: _fill(store, made))
    return made


async def _fill(store: SqliteStore, shop: Shop) -> None:
    hostile = "\x1b[2J[bold]red\x07\u202e" + "很长的标题" * 10
    tickets = [
        a_new_ticket(number="20261121-EML-0001", status=Status.CLOSED),
        a_new_ticket(number="20261121-EML-0002", subject=hostile, unverified=True),
        a_new_ticket(number="20261121-SAL-0001", desk="sales", participants=(), subject=""),
    ]
    first = tickets[0].ticket.id
    recipients = {state: a_recipient(f"{state}@example.org", next_at=NOW + 60) for state in DeliveryState}
    mail = an_outgoing(*recipients.values(), ticket_id=first)
    entries = (
        an_entry(first, text="它不打印\n\x1b[31m第二行", marks=("weak",), evidence="dmarc-spf"),
        an_entry(first, kind=EntryKind.NOTE, author="li@desk.example", text="only inside"),
    )
    changes = Changes(tickets=tuple(tickets), outgoing=(mail,), entries=entries)
    await store.change(ticket_number=None, query=None, decide=lambda _, __: changes)
    attempts = [an_attempt(r.id, state) for state, r in recipients.items() if state is not DeliveryState.QUEUED]
    await store.record_attempts(attempts)
    shop.recipients = {state: id_text(r.id) for state, r in recipients.items()}
    shop.outgoing = id_text(mail.id)
    for ids, state in ((shop.held, MailState.HELD), (shop.poison, MailState.POISON)):
        for _ in range(2):
            mail_id = a_mail_id()
            await store.accept(accepted(mail_id, raw=RAW))
            assert len(await store.claim(worker="w", now=NOW, lease=60, limit=9)) == 1
            if state is MailState.HELD:
                await store.file(
                    mail_id,
                    worker="w",
                    query=a_query(mail_id),
                    decide=lambda _: Changes(state=MailState.HELD, reason="DMARC fails"),
                )
            else:
                await store.file_failed(mail_id, worker="w", now=NOW, reason="ValueError: no", again_at=NOW, poison_after=1)
            ids.append(mail_id)
    await store.pause(Pause("relay.example", NOW, "535 5.7.8 wrong password"))
