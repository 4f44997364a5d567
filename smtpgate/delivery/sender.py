"""How the mail of one job leaves: into the Maildir, or signed and over a connection, a kept one first.

Raises Crowded and Misconfigured; everything else that a destination does is an Outcome for each recipient.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import structlog

from smtpgate.auth.dns import Resolver
from smtpgate.auth.sign import DkimSigner
from smtpgate.config import Config
from smtpgate.delivery import maildir
from smtpgate.delivery.attempt import Outcomes, Stale, fill, transact
from smtpgate.delivery.connection import Connection
from smtpgate.delivery.lanes import Job
from smtpgate.delivery.outcome import Outcome, clean
from smtpgate.delivery.pool import NoConnection, Pool
from smtpgate.delivery.route import MAILDIR, Misconfigured, NoRoute, find_route
from smtpgate.model import Delivery, DeliveryState

log = structlog.get_logger(__name__)

_LARGE = 256 * 1024  # octets of a mail that is not signed on the event loop


class Crowded(Exception):
    """The destination takes no further connection while it serves others of ours."""


class Sending:
    """How far the attempt has come, for those who end it from outside."""

    connection: Connection | None = None

    @property
    def content_sent(self) -> bool:
        return self.connection is not None and self.connection.content_sent

    def outcome(self, reason: str) -> Outcome:
        state = DeliveryState.UNCERTAIN if self.content_sent else DeliveryState.QUEUED
        return Outcome(state, 0, reason, self.connection.remote if self.connection else "")


class Sender:
    """One for each runner, over its pool of connections."""

    def __init__(self, config: Config, resolver: Resolver, pool: Pool, rng: random.Random) -> None:
        self._settings = config.delivery
        self._own_name = config.server.name
        self._signer = DkimSigner(config.dkim)
        self._resolver = resolver
        self._pool = pool
        self._rng = rng

    async def attempt(self, job: Job, outcomes: Outcomes, sending: Sending) -> bool:
        """Fill in outcomes, over a kept connection, else over a new one. True: the destination took a transaction, so it works.

        Raises Crowded and Misconfigured.
        """
        if job.destination == MAILDIR:
            return await self._into_maildir(job, outcomes)
        connection = self._pool.reuse(job.destination)
        if connection is not None:
            try:
                await self._transact(connection, job, outcomes, sending, self._pool.patience(connection))
            except Stale as error:
                log.debug("kept connection was gone", remote=connection.remote, reason=str(error))
            else:
                return True
        route = await find_route(job.destination, self._settings, own_name=self._own_name, resolver=self._resolver, rng=self._rng)
        if isinstance(route, NoRoute):
            fill(outcomes, job.deliveries, Outcome(route.state, route.code, route.reply))
            return False
        try:
            connection = await self._pool.open_route(route)
        except NoConnection as error:
            if self._pool.busy(job.destination):
                raise Crowded from None
            fill(outcomes, job.deliveries, Outcome(error.state, error.code, clean(error.reason), error.remote))
            return False
        await self._transact(connection, job, outcomes, sending)
        return True

    async def _transact(
        self, connection: Connection, job: Job, outcomes: Outcomes, sending: Sending, patience: float | None = None
    ) -> None:
        sending.connection = connection
        smarthost = self._settings.mode == "smarthost"
        try:
            data = await self._leaving(job.deliveries[0])  # all are of one mail
            await transact(connection, job.deliveries, data, outcomes, smarthost=smarthost, patience=patience)
        except BaseException:
            self._pool.discard(connection)
            raise
        self._pool.give_back(connection)

    async def _into_maildir(self, job: Job, outcomes: Outcomes) -> bool:
        directory = self._settings.maildir
        try:
            await asyncio.to_thread(lambda: maildir.store(directory, self._signed(job.deliveries)))
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise Misconfigured(f"the Maildir {directory} cannot be used: {error.strerror}") from None
        except OSError as error:
            fill(outcomes, job.deliveries, Outcome(DeliveryState.QUEUED, 0, f"4.3.0 {error.strerror}", str(directory)))
            return False
        fill(outcomes, job.deliveries, Outcome(DeliveryState.DELIVERED, 250, "2.0.0 stored", str(directory)))
        return True

    async def _leaving(self, mail: Delivery) -> bytes:
        """A mail with the DKIM signatures of the keys now in force. A signature bears the time at which the mail was made, so
        that a retry has the same octets as long as the keys are the same."""
        if len(mail.data) > _LARGE:
            return await asyncio.to_thread(self._signer.finished, mail.data, mail.created_at)
        return self._signer.finished(mail.data, mail.created_at)

    def _signed(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Of several mails."""
        data: dict[int, bytes] = {}  # recipients of one mail share it
        for one in deliveries:
            if one.outgoing_id not in data:
                data[one.outgoing_id] = self._signer.finished(one.data, one.created_at)
        return [replace(one, data=data[one.outgoing_id]) for one in deliveries]
