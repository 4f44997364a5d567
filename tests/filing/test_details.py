"""What mail is about is stored with its entry and shown with the ticket; patterns of one's own count at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner

from smtpgate.cli.main import cli
from smtpgate.model import Detail
from smtpgate.store.shown import TicketDetail
from tests.support.helpdesk import CUSTOMER, helpdesk, mail

FILE = """
[server]
name = "mx.help.example"
[store]
path = "desk.db"
[[desk]]
name = "support"
address = "support@help.example"
"""


async def filed(tmp_path: Path) -> TicketDetail:
    own = [{"name": "asset", "pattern": "asset ([A-Z]{2}[0-9]{5})"}]
    async with helpdesk(tmp_path, extract=own) as desk:
        first = await desk.post(mail("[Bug] example.org login fails", "order no. AB-4711, asset AB12345"))
        await desk.post(
            mail(f"Re: {first.number} [#{first.number}]", f"it is order no. AB-4712, my ticket: {first.number}", sender=CUSTOMER)
        )
        found = await desk.store.ticket(first.number)
    assert found is not None
    return found


def test_details_are_kept_and_shown(tmp_path: Path) -> None:
    found = asyncio.run(filed(tmp_path))
    assert found.entries[0].details == (
        Detail("type", "Bug", "subject"),
        Detail("domain", "example.org", "subject"),
        Detail("description", "login fails", "subject"),
        Detail("asset", "AB12345", "text"),
        Detail("order", "AB-4711", "text"),
    )
    assert found.entries[-1].details == (Detail("order", "AB-4712", "text"),), "our own number is none of theirs"
    (tmp_path / "smtpgate.toml").write_text(FILE)
    command = ["--config", str(tmp_path / "smtpgate.toml"), "ticket", "show", found.ticket.number]
    shown = CliRunner().invoke(cli, [*command, "--json"])
    assert shown.exit_code == 0, shown.output
    row = json.loads(shown.stdout)
    assert row["details"]["order"] == ["AB-4711", "AB-4712"]
    assert row["entries"][0]["details"][0] == {"name": "type", "value": "Bug", "where": "subject"}
    plain = CliRunner().invoke(cli, command)
    assert "AB-4711, AB-4712" in plain.stdout
    assert "login fails" in plain.stdout
