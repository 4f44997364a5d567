"""Turns accepted mail into tickets: claims it, has it read, decides, and commits everything at once (COMMIT 2).

Owns the worker loop between the two commits. A crash anywhere here changes nothing: the lease ends and the work is done
again. A mail that cannot be read becomes an opaque ticket. A mail on which our own code fails is tried again, and after
three failures it is poison: visible, replayable, and out of the way of the rest; so is one that a worker took twenty
times without any outcome. A store that cannot be written is nobody's fault: such mail waits and no failure is counted.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from smtpgate.clock import Clock, id_text
from smtpgate.config import Config
from smtpgate.errors import LeaseLost, ParseFailed, ParserUnavailable, StoreError, StoreFatal, StoreMisuse
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail.worker import ParserPool
from smtpgate.model import MailState, ParsedMail
from smtpgate.store.api import Changes, Facts, Incoming, Store

log = structlog.get_logger(__name__)

POISON_AFTER = 3  # failures of our own code on one mail
CRASHES = 20  # claims of one mail that ended with neither success nor failure: the process died, or was killed
_AGAIN = (5.0, 60.0)  # seconds before the second and the third try
_STORE_AGAIN = 2.0  # seconds before the store is asked again after it refused
_LEASE_USED = 0.8  # of a lease, in which the store is asked again
_SHOWN = 10  # mails in hand that `status` names
_TRACEBACK = 4000  # characters of a traceback kept with a poison mail


@dataclass(slots=True)
class Filing:
    """The loop. `wake` after each accepted mail; on_outgoing is called when a commit put mail into the queue."""

    config: Config
    store: Store
    parser: ParserPool
    pipeline: Pipeline
    clock: Clock
    worker: str
    on_outgoing: Callable[[], None]
    beat: float = 0.0  # when the loop last came round, for the watchdog
    _wake: asyncio.Event | None = None
    _in_hand: dict[str, float] = field(default_factory=dict)  # mails, and since when (monotonic)
    _stopping: bool = False
    _look_again: float | None = None  # seconds after which a postponed mail is looked at again

    async def run(self) -> None:
        """Until stopped. Work under way is finished first; what the store refused stays accepted."""
        self._wake = asyncio.Event()
        under_way: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping:
                self._wake.clear()
                self.beat = self.clock.monotonic()
                free = self.config.filing.concurrency - len(under_way)
                mails = await self._claim(free) if free > 0 else []
                for mail in mails:
                    task = asyncio.create_task(self._one(mail), name=f"file {mail.id}")
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    task.add_done_callback(lambda _: self.wake())
                if len(mails) < free or free <= 0:
                    await self._wait()
            if under_way:
                await asyncio.wait(under_way)
        finally:
            left = list(under_way)  # only when a stop is out of time: no failure of the mail, its lease ends at the next start
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def wake(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self.wake()

    def doing(self, now: float) -> dict[str, object]:
        """For `status`: the mails in hand, the longest first."""
        mails = sorted(self._in_hand.items(), key=lambda item: item[1])[:_SHOWN]
        return {
            "turn_seconds": round(now - self.beat, 1),
            "in_hand": len(self._in_hand),
            "mails": [{"mail": id_, "seconds": round(now - since, 1)} for id_, since in mails],
        }

    async def _wait(self) -> None:
        assert self._wake is not None
        waiter = asyncio.ensure_future(self._wake.wait())
        seconds, self._look_again = min(self.config.filing.poll, self._look_again or self.config.filing.poll), None
        timer = asyncio.ensure_future(self.clock.sleep(seconds))
        try:
            await asyncio.wait((waiter, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
            timer.cancel()

    async def _claim(self, limit: int) -> list[Incoming]:
        try:
            now = self.clock.now()
            return list(await self.store.claim(worker=self.worker, now=now, lease=self.config.filing.lease, limit=limit))
        except StoreFatal:
            raise
        except StoreError as error:
            log.warning("store cannot be asked for mail", error=str(error))
            await self.clock.sleep(_STORE_AGAIN)
            return []

    async def _one(self, mail: Incoming) -> None:
        structlog.contextvars.bind_contextvars(mail=mail.id)  # of this task
        self._in_hand[mail.id] = self.clock.monotonic()
        try:
            await self._process(mail)
        finally:
            self._in_hand.pop(mail.id, None)

    async def _process(self, mail: Incoming) -> None:
        if mail.claims > CRASHES:
            reason = f"taken {mail.claims - 1} times and never finished: it may be what ends the process"
            await self._give_back(mail, reason, poison_after=1)
            return
        if mail.fault is not None:
            log.error("mail cannot be had", error=str(mail.fault), see="smtpgate verify")
            await self._give_back(mail, str(mail.fault), poison_after=POISON_AFTER if mail.fault.lasting else None)
            return
        try:
            parsed = await self._read(mail)
            changes = await self._file(mail, parsed)
        except LeaseLost:
            log.warning("lease lost, somebody else files it")
        except StoreFatal as error:
            log.error("store failed for good", error=str(error))
        except StoreMisuse as error:
            _failed(mail, error)
            await self._give_back(mail, f"store: {error}", poison_after=POISON_AFTER)
        except ParserUnavailable as error:
            log.warning("nothing to read it with, the mail waits", mail=mail.id, error=str(error))
            await self._give_back(mail, str(error), poison_after=None)
        except StoreError as error:
            log.warning("store refused, the lease goes back", error=str(error))
            await self._give_back(mail, f"store: {error}", poison_after=None)
        except Exception as error:  # a bug of ours: whatever it is, the mail must not be lost nor stop the rest
            _failed(mail, error)
            reason = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"[:_TRACEBACK]
            await self._give_back(mail, reason, poison_after=POISON_AFTER)
        else:
            if changes.postpone_until is not None:
                self._look_again = max(0.01, changes.postpone_until - self.clock.now())
            else:
                _filed(changes)
            if changes.outgoing:
                self.on_outgoing()

    async def _read(self, mail: Incoming) -> ParsedMail:
        try:
            return await self.parser.parse(mail.raw, mail.envelope.mail_from)
        except ParseFailed as error:
            log.warning("mail cannot be read, filed whole", reason=str(error))
            from smtpgate.mail.parse import opaque  # only now: the readers of mail are dear to load, and parsers have them

            return opaque(mail.raw, mail_from=mail.envelope.mail_from, limits=self.config.limits, reason=str(error))

    async def _file(self, mail: Incoming, parsed: ParsedMail) -> Changes:
        """COMMIT 2. While the store refuses, again and again, as long as the lease is ours: a full disk heals at once."""
        until = self.clock.monotonic() + _LEASE_USED * self.config.filing.lease
        while True:
            try:
                return await self._file_once(mail, parsed)
            except (LeaseLost, StoreFatal, StoreMisuse):
                raise
            except StoreError as error:
                if self._stopping or self.clock.monotonic() >= until:
                    raise
                log.warning("store refused, the mail waits", error=str(error))
            await self.clock.sleep(_STORE_AGAIN)

    async def _file_once(self, mail: Incoming, parsed: ParsedMail) -> Changes:
        pipeline = self.pipeline  # the same for preparation and decision, whatever is reloaded between them
        ready = pipeline.prepare(mail, parsed, self.clock.now())

        def decide(facts: Facts) -> Changes:
            return pipeline.decide(ready, facts)

        return await self.store.file(mail.id, worker=self.worker, query=ready.query, decide=decide)

    async def _give_back(self, mail: Incoming, reason: str, *, poison_after: int | None) -> None:
        now = self.clock.now()
        again = now + _AGAIN[min(mail.tries, len(_AGAIN) - 1)]
        try:
            state = await self.store.file_failed(
                mail.id, worker=self.worker, now=now, reason=reason, again_at=again, poison_after=poison_after
            )
        except StoreError as error:
            log.warning("lease cannot be given back, it ends by itself", error=str(error))
            return
        if state is MailState.POISON:
            log.error("mail is poison now", see=f"smtpgate poison show {mail.id}")


def _filed(changes: Changes) -> None:
    """What was decided, and the ids of the mails that it sends; of a bounce, which mail of ours came back."""
    decided = json.loads(changes.decision)
    about = decided.get("about") or {}
    log.info(
        "mail filed",
        outcome=decided["outcome"],
        ticket=decided["ticket"],
        rung=decided["rung"],
        marks=decided.get("marks", []),
        outgoing=[id_text(mail.id) for mail in changes.outgoing],
        **({"about": about["outgoing"], "cause": about["cause"]} if about else {}),
    )


def _failed(mail: Incoming, error: Exception) -> None:
    """Where it failed. What the exception says may be the customer's words: it is kept with the mail, not in the log."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    log.error("filing failed", error=type(error).__name__, where=where, see=f"smtpgate mail show {mail.id}")
