"""A running gateway does what is due, also after a reload and a start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smtpgate.configfile import load
from smtpgate.due import Due, What
from smtpgate.later import POLL
from smtpgate.model import Status
from smtpgate.store.api import Changes
from tests.support.desk import InProcess, desk
from tests.support.gateway import DESK, letter

LEE = "lee@corp.example"


async def snooze(it: InProcess, seconds: float) -> None:
    (ticket,) = await it.app.store.tickets(desk=None, statuses=(), sender=None, limit=9)
    due = Due(ticket.id, What.SNOOZE, it.clock.now() + seconds, it.clock.now(), Status.RECEIVED)
    await it.app.store.change(ticket_number=None, query=None, decide=lambda *_: Changes(due=(due,)))


async def test_a_running_gateway_does_what_is_due(tmp_path: Path) -> None:
    desks: list[dict[str, Any]] = [{"name": "support", "address": DESK, "agents": [LEE]}]
    async with desk(tmp_path, desk=desks) as it:

        def told() -> int:
            return it.files.count("SELECT count(*) FROM outgoing WHERE purpose = 'to-agent'")

        await it.send(letter("Printer on fire"))
        await it.filed()
        assert told() == 1
        for number in (2, 3):
            await snooze(it, 3 * POLL)
            it.clock.advance(2 * POLL)
            assert told() == number - 1
            await it.until(lambda number=number: told() == number, why="nobody is reminded", tick=1.0)
            await it.app.reload(load(it.files.config))  # a new configuration goes on with what is due
        assert it.app.turns()["what is due"][1] == POLL
