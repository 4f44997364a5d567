"""The loop of the outgoing queue: claim what is due, send it over a bounded number of connections, record what came of it.

Fails towards the queue: a claim already holds the time of the next attempt, so whatever dies here is tried again then,
with the same bytes. A crash of one attempt is that attempt's outcome. What only the admin can mend (Misconfigured) pauses
the destination and gives its recipients back, uncounted. StoreFatal ends `run`; any other StoreError is waited out.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence

import structlog

from smtpgate import metrics
from smtpgate.auth.dns import Resolver
from smtpgate.clock import Clock, id_text
from smtpgate.config import Config
from smtpgate.delivery import backoff
from smtpgate.delivery.attempt import Outcomes, fill, readers, unsendable
from smtpgate.delivery.lanes import Job, Lanes, make_jobs
from smtpgate.delivery.outcome import Outcome, clean, settle
from smtpgate.delivery.pool import Pool
from smtpgate.delivery.recorder import Recorder
from smtpgate.delivery.route import MAILDIR, Misconfigured, destination_of
from smtpgate.delivery.sender import Crowded, Sender, Sending
from smtpgate.deliverysettings import DeliverySettings
from smtpgate.errors import StoreError, StoreFatal
from smtpgate.model import Delivery, DeliveryState
from smtpgate.store.api import DeliveryStore
from smtpgate.store.shown import Pause

log = structlog.get_logger(__name__)

PROBE_EVERY = 900.0  # seconds after which a paused destination is tried again with one mail
BATCH = 50  # recipients claimed at once
_BYTES_HELD = 32 * 1024**2  # no further claim while the mails in memory have more
_LOOK_EVERY = 1.0  # seconds
_CLOSE_CALL = 0.05  # seconds: the shortest rest, so that a row that cannot be claimed does not spin the loop


def attempt_limit(settings: DeliverySettings) -> float:
    """Seconds that one attempt may take in all. A claim is leased for longer, so no two attempts for a recipient overlap."""
    return settings.data_timeout + settings.command_timeout + 2 * settings.connect_timeout


class Runner:
    """One for each process. `beat` is the monotonic time of the loop's last turn, for a watchdog."""

    def __init__(
        self,
        store: DeliveryStore,
        config: Config,
        resolver: Resolver,
        clock: Clock,
        worker: str,
        *,
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._settings = config.delivery
        self._own_name = config.server.name
        self._clock = clock
        self._worker = worker
        self._rng = rng or random.Random()  # noqa: S311 (jitter and MX order, no secret)
        self._pool = Pool(config, resolver, clock)
        self._sender = Sender(config, resolver, self._pool, self._rng)
        self._lanes = Lanes(self._settings.connections, self._settings.connections_per_destination)
        self._recorder = Recorder(store, clock, self._own_name, self._recorded)
        self._capacity = 4 * BATCH + 10 * self._settings.connections
        self._limit = attempt_limit(self._settings)
        self._fixed = destination_of("", self._settings) if self._settings.mode != "mx" else None  # the only destination
        self._held: dict[int, int] = {}  # recipients claimed and not yet recorded: size of their mail
        self._returned: list[int] = []  # recipients to give back at the end of a stop
        self._tasks: set[asyncio.Task[None]] = set()
        self._paused: set[str] = set()
        self._probe_at = clock.monotonic()  # a paused destination is tried once at the start: the admin may have mended it
        self._looked = -_LOOK_EVERY  # when the pauses were asked for last
        self._wake = asyncio.Event()
        self._stopping, self._readers = False, readers(config)
        self._idle = asyncio.Event()  # the loop is not running
        self._idle.set()
        self._stopped = asyncio.Event()
        self.beat = clock.monotonic()

    # --- public -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver until `stop`. Raises what makes it impossible to go on (StoreFatal)."""
        self._idle.clear()
        try:
            while not self._stopping:
                self.beat = self._clock.monotonic()
                self._wake.clear()
                full = await self._round()
                if self._recorder.fatal is not None:
                    raise self._recorder.fatal
                if not full:
                    await self._rest()
        finally:
            self._idle.set()
            if not self._stopping:
                await self.stop(0.0)
        await self._stopped.wait()

    def wake(self) -> None:
        """Something may be due: look at once."""
        self._wake.set()

    async def stop(self, grace: float) -> None:
        """Start nothing new, let attempts under way end within so many seconds, give the rest back, close everything."""
        self._stopping = True
        self._wake.set()
        await self._idle.wait()
        self._return_jobs(self._lanes.take_waiting())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._give_back(self._returned)
        await self._recorder.flush(max(grace, 1.0))
        await self._pool.close()
        self._stopped.set()

    def doing(self, now: float) -> dict[str, object]:
        """For `status`: connections, and the destinations where something runs or waits for its turn."""
        return {
            "turn_seconds": round(now - self.beat, 1),
            "in_hand": len(self._held),
            "connections": self._pool.open,
            "limit": self._settings.connections,
            "destinations": self._lanes.doing(),
        }

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def _round(self) -> bool:
        """Claim once and start what can start. True when there may be more, and room for as much again: of little room little
        comes at a time."""
        self._pool.reap()
        try:
            await self._look_at_pauses()
            limit = self._room()
            if limit <= 0:
                return False
            claimed = await self._store.claim_deliveries(
                worker=self._worker,
                now=self._clock.now(),
                limit=limit,
                next_at=self._next_at,
                skip=self._skip(),
                lease=self._limit * 1.25,
            )
        except StoreFatal:
            raise
        except StoreError as error:
            log.warning("the queue cannot be read now", error=str(error))
            return False
        self._take(claimed)
        return len(claimed) == limit and self._room() >= BATCH

    def _take(self, claimed: Sequence[Delivery]) -> None:
        start_by = self._clock.monotonic() + self._limit / 4
        sendable: list[Delivery] = []
        for delivery in claimed:
            self._held[delivery.recipient_id] = len(delivery.data)
            outcome = unsendable(delivery, self._readers)
            if outcome is None:
                sendable.append(delivery)
            else:
                self._record([delivery], {delivery.recipient_id: outcome}, 0.0)
        self._lanes.add(make_jobs(sendable, self._settings, start_by))
        self._pump()

    def _next_at(self, attempts: int) -> float:
        """The time of the next attempt, stored before this one starts."""
        return self._clock.now() + backoff.wait(attempts, self._settings.retry, self._rng)

    def _room(self) -> int:
        if self._fixed is not None and self._fixed in self._paused:
            return 1 if not self._held and self._clock.monotonic() >= self._probe_at else 0
        if sum(self._held.values()) > _BYTES_HELD:
            return 0
        return min(BATCH, self._capacity - len(self._held))

    def _skip(self) -> list[str]:
        if self._fixed is not None:
            return []
        return sorted(self._paused | set(self._lanes.crowded(BATCH // 2)))

    async def _look_at_pauses(self) -> None:
        """One that another process or an admin made is seen within a second; its end at once."""
        now = self._clock.monotonic()
        if not self._paused and now < self._looked + _LOOK_EVERY:
            return
        self._looked = now
        paused = {pause.destination for pause in await self._store.pauses()}
        if self._fixed in paused and self._fixed not in self._paused and self._probe_at < self._clock.monotonic():
            self._probe_at = self._clock.monotonic() + PROBE_EVERY  # another process paused it
        self._paused = paused

    async def _rest(self) -> None:
        """Until something wakes us, is due, or has been idle for too long; at most one poll."""
        delay = self._settings.poll
        idle_for = self._pool.reap()
        if idle_for is not None:
            delay = min(delay, idle_for)
        if self._room() > 0 and not self._skip():
            with contextlib.suppress(StoreError):
                due = await self._store.next_due()
                if due is not None:
                    delay = min(delay, due - self._clock.now())
        waits = [
            asyncio.create_task(self._wake.wait()),
            asyncio.create_task(self._clock.sleep(max(delay, _CLOSE_CALL))),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _pump(self) -> None:
        while not self._stopping and (job := self._lanes.next()) is not None:
            task = asyncio.create_task(self._run_job(job))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A job handles its own failures; what comes out of it all the same ends the runner."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._recorder.fatal = self._recorder.fatal or error
            self._wake.set()

    # --- one job ------------------------------------------------------------------------------------------------------

    async def _run_job(self, job: Job) -> None:
        if job.destination != MAILDIR:  # one mail, then
            first = job.deliveries[0]
            structlog.contextvars.bind_contextvars(mail=id_text(first.outgoing_id), cause=first.cause)  # of this task
        started = self._clock.monotonic()
        outcomes: Outcomes = {}
        sending = Sending()
        crowded = False
        try:
            if started > job.start_by:
                await self._give_back([d.recipient_id for d in job.deliveries])
                return
            async with asyncio.timeout(self._limit):
                if await self._sender.attempt(job, outcomes, sending):
                    await self._works(job.destination)
        except Crowded:
            crowded = True
        except Misconfigured as error:
            await self._pause(job, str(error), outcomes)
        except asyncio.CancelledError:
            self._interrupted(job, outcomes, sending)
            raise
        except TimeoutError:
            fill(outcomes, job.deliveries, sending.outcome("the attempt took too long"))
        except Exception:
            log.exception("delivery attempt crashed")
            fill(outcomes, job.deliveries, sending.outcome("internal error, see the log"))
        finally:
            self._finish(job, outcomes, started, crowded=crowded)

    def _finish(self, job: Job, outcomes: Outcomes, started: float, *, crowded: bool) -> None:
        done = [d for d in job.deliveries if d.recipient_id in outcomes]
        if done:
            self._record(done, outcomes, self._clock.monotonic() - started)
        if crowded:
            self._lanes.put_back(job)
        else:
            self._lanes.done(job)
        self._pump()

    def _interrupted(self, job: Job, outcomes: Outcomes, sending: Sending) -> None:
        """We stop: what may have arrived is uncertain, the rest is given back as if it had never begun."""
        if sending.content_sent:
            fill(outcomes, job.deliveries, sending.outcome("stopped after the final dot"))
        else:
            self._returned.extend(d.recipient_id for d in job.deliveries if d.recipient_id not in outcomes)

    # --- results ------------------------------------------------------------------------------------------------------

    def _record(self, deliveries: Sequence[Delivery], outcomes: Outcomes, seconds: float) -> None:
        now = self._clock.now()
        results = []
        for delivery in deliveries:
            outcome = outcomes[delivery.recipient_id]
            settled = settle(delivery, outcome, now=now, settings=self._settings, rng=self._rng)
            results.append((delivery, settled))
            metrics.attempted(settled.attempt.state, seconds, delivery.cause, now)
            log.info(
                "delivery attempt",
                mail=id_text(delivery.outgoing_id),
                cause=delivery.cause,
                recipient=delivery.address,
                domain=delivery.address.rpartition("@")[2],
                state=settled.attempt.state.value,
                code=outcome.code,
                reply=outcome.reply,
                remote=outcome.remote,
                tls=outcome.tls,
                attempt=delivery.attempts,
                seconds=round(seconds, 3),
            )
        self._recorder.add(results, alone=self._lanes.running <= 1)

    def _recorded(self, deliveries: Sequence[Delivery]) -> None:
        self._release([d.recipient_id for d in deliveries])

    def _release(self, recipient_ids: Sequence[int]) -> None:
        for recipient_id in recipient_ids:
            self._held.pop(recipient_id, None)
        if self._room() >= BATCH or not self._held or self._recorder.fatal is not None:
            self._wake.set()

    def _return_jobs(self, jobs: Sequence[Job]) -> None:
        self._returned.extend(d.recipient_id for job in jobs for d in job.deliveries)

    async def _give_back(self, recipient_ids: Sequence[int]) -> None:
        if not recipient_ids:
            return
        try:
            await self._store.unclaim(list(recipient_ids), now=self._clock.now())
        except StoreFatal:
            raise
        except StoreError as error:
            ids = [id_text(one) for one in recipient_ids]
            log.warning("recipients could not be given back, they wait until their claim ends", recipients=ids, error=str(error))
        self._release(recipient_ids)

    # --- pauses -------------------------------------------------------------------------------------------------------

    async def _pause(self, job: Job, reason: str, outcomes: Outcomes) -> None:
        """Nothing to this destination until the admin has mended it: one error in the log, no attempt counted."""
        first = job.destination not in self._paused
        self._paused.add(job.destination)
        self._probe_at = self._clock.monotonic() + PROBE_EVERY
        try:
            if first:
                log.error("destination paused", destination=job.destination, reason=reason, probe_after_seconds=PROBE_EVERY)
                await self._store.pause(Pause(job.destination, self._clock.now(), clean(reason)))
        except StoreError as error:
            log.warning("the pause could not be stored", error=str(error))
            fill(outcomes, job.deliveries, Outcome(DeliveryState.QUEUED, 0, clean(reason)))
            return
        waiting = [d for other in self._lanes.take_waiting(job.destination) for d in other.deliveries]
        left = [d.recipient_id for d in (*job.deliveries, *waiting) if d.recipient_id not in outcomes]
        await self._give_back(left)

    async def _works(self, destination: str) -> None:
        """A paused destination took a mail transaction: go on."""
        if destination not in self._paused:
            return
        self._paused.discard(destination)
        try:
            await self._store.resume(destination)
        except StoreError as error:
            log.warning("the pause could not be ended", error=str(error))
            return
        log.info("destination works again", destination=destination)
        self._wake.set()
