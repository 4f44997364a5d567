"""A runner with a real store, a manual clock and a zone instead of DNS, for the tests of delivery."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretBytes

from smtpgate.auth.dns import ZoneResolver
from smtpgate.config import Config, Server
from smtpgate.delivery.runner import Runner
from smtpgate.deliverysettings import DeliverySettings, DkimKey, Smarthost
from smtpgate.desksettings import Desk
from smtpgate.model import Attempt, OutgoingMail
from smtpgate.store.api import Changes
from smtpgate.store.shown import RecipientStatus
from smtpgate.store.sqlite import SqliteStore
from smtpgate.targetsettings import Targets
from tests.support.clock import ManualClock
from tests.support.sink import Sink
from tests.support.store_data import NOW, a_new_ticket, a_recipient, an_outgoing

HOUR, DAY = 3600.0, 86400.0
FAST = {"connect_timeout": "500ms", "command_timeout": "500ms", "data_timeout": "500ms"}  # for peers that say nothing
PATIENT = {"connect_timeout": "20s", "command_timeout": "20s", "data_timeout": "20s"}  # machines under load are slow


def settings(mode: str, smarthost: Smarthost | None = None, **change: Any) -> DeliverySettings:
    return DeliverySettings(mode=mode, smarthost=smarthost or Smarthost(), **(PATIENT | change))


def to_smarthost(sink: Sink, tls: str = "none", **change: Any) -> DeliverySettings:
    """Through the sink as smarthost; smarthost settings with the prefix relay_."""
    relay = {key.removeprefix("relay_"): change.pop(key) for key in list(change) if key.startswith("relay_")}
    return settings("smarthost", Smarthost(host=relay.pop("host", "127.0.0.1"), port=sink.port, tls=tls, **relay), **change)


def to_mx(sink: Sink, **change: Any) -> DeliverySettings:
    return settings("mx", mx_port=sink.port, **change)


def make_config(delivery: DeliverySettings, password: bytes | None = None, dkim: Sequence[DkimKey] = ()) -> Config:
    config = Config(
        server=Server(name="gate.example"),
        desk=[Desk(name="support", address="support@desk.example", targets=Targets(managers=["Boss@corp.example"]))],
        delivery=delivery,
        dkim=list(dkim),
    )
    config._password = SecretBytes(password) if password is not None else None
    return config


class Office:
    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.runner: Runner | None = None
        self._task: asyncio.Task[None] | None = None
        self.zone: dict[str, Any] = {}

    # --- the queue ----------------------------------------------------------------------------------------------------

    async def queue(self, *addresses: str, ticket: bool = False, **change: Any) -> OutgoingMail:
        """Put one mail to these recipients into the queue, due now."""
        recipient = {key: change.pop(key) for key in list(change) if key == "return_path"}
        due = self.clock.now()
        recipients = [a_recipient(address, next_at=due, **recipient) for address in addresses]
        new = (a_new_ticket(),) if ticket else ()
        mail = an_outgoing(*recipients, **({"created_at": due, "ticket_id": new[0].ticket.id if new else None} | change))
        await self.store.change(ticket_number=None, query=None, decide=lambda *_: Changes(tickets=new, outgoing=(mail,)))
        if new:
            self.numbers = new[0].ticket.number
        return mail

    async def rows(self, mail: OutgoingMail) -> dict[str, RecipientStatus]:
        detail = await self.store.outgoing(mail.id)
        assert detail is not None
        return {row.address: row for row in detail.recipients}

    async def row(self, mail: OutgoingMail) -> RecipientStatus:
        return next(iter((await self.rows(mail)).values()))

    async def attempts(self, mail: OutgoingMail) -> tuple[Attempt, ...]:
        detail = await self.store.outgoing(mail.id)
        assert detail is not None
        return detail.attempts

    async def events(self) -> list[str]:
        """The texts on the ticket of the mail queued last with ticket=True."""
        detail = await self.store.ticket(self.numbers)
        assert detail is not None
        return [entry.text for entry in detail.entries if entry.kind == "event"]

    # --- the runner ---------------------------------------------------------------------------------------------------

    def start(self, delivery: DeliverySettings, password: bytes | None = None, dkim: Sequence[DkimKey] = ()) -> Runner:
        config = make_config(delivery, password, dkim)
        self.runner = Runner(self.store, config, ZoneResolver(self.zone), self.clock, "node1/1", rng=random.Random(7))
        self._task = asyncio.create_task(self.runner.run())
        return self.runner

    async def stop(self, grace: float = 5.0) -> None:
        if self.runner is not None and self._task is not None:
            await self.runner.stop(grace)
            await self._task
            assert not self.runner._held or grace == 0.0
            self.runner = self._task = None

    async def deliver(self) -> None:
        """Until nothing is due, nothing is under way and the runner rests (a claim may be in the store and not here yet)."""
        runner = self.runner
        assert runner is not None
        runner.wake()

        async def settled() -> bool:
            due = await self.store.next_due()
            return not runner._held and self.clock.sleeping > 0 and (due is None or due > self.clock.now())

        await until(settled)

    async def advance(self, seconds: float) -> None:
        """Let time pass once the runner rests, so that it cannot begin a rest afterwards that nobody ends."""
        await until(lambda: self.clock.sleeping > 0)
        self.clock.advance(seconds)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, then deliver what is due."""
        self.clock.advance(seconds)
        await self.deliver()


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool], timeout: float = 30.0) -> None:
    """Look until it is so; fails when it does not become so in time."""
    async with asyncio.timeout(timeout):
        while True:
            result = condition()
            if await result if isinstance(result, Awaitable) else result:
                return
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def open_office(path: Path) -> AsyncIterator[Office]:
    store = await SqliteStore.open(path / "queue.db")
    office = Office(store, ManualClock(NOW))
    try:
        yield office
    finally:
        await office.stop()
        await store.close()
