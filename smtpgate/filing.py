"""Turns accepted mail into tickets: takes or claims it, has it read, decides, and commits everything at once (COMMIT 2).

Owns the way of mail from the door through COMMIT 1, and the worker loop between the two commits. A crash anywhere here
changes nothing: the lease ends and the work is done again. A mail that cannot be read becomes an opaque ticket. A mail on
which our own code fails is tried again, and after three failures it is poison: visible, replayable, and out of the way of
the rest; so is one that a worker took twenty times without any outcome. A store that cannot be written is nobody's fault:
such mail waits and no failure is counted.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from smtpgate import metrics
from smtpgate.clock import Clock, id_text
from smtpgate.config import Config
from smtpgate.errors import LeaseLost, ParseFailed, ParserUnavailable, StoreError, StoreFatal, StoreMisuse
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail.parserchild import Unread
from smtpgate.mail.worker import ParserPool
from smtpgate.model import Evidence, MailState, ParsedMail
from smtpgate.store.api import Accepted, Changes, Facts, Incoming, Store

log = structlog.get_logger(__name__)

POISON_AFTER = 3  # failures of our own code on one mail
CRASHES = 20  # claims of one mail that ended with neither success nor failure: the process died, or was killed
_AGAIN = (5.0, 60.0)  # seconds before the second and the third try
_STORE_AGAIN = 2.0  # seconds before the store is asked again after it refused
_LEASE_USED = 0.8  # of a lease, in which a mail may wait for its turn, and the store is asked again
_AHEAD = 2  # times filing.concurrency: mails in hand that wait for their turn
_TOGETHER = 256 * 1024  # octets of mail that are read together; one that is larger is read alone
_SHOWN = 10  # mails in hand that `status` names
_TRACEBACK = 4000  # characters of a traceback kept with a poison mail


class _Leased(NamedTuple):
    """A mail that is ours for now; until: when it is too late to begin with it (monotonic)."""

    mail: Incoming
    until: float


@dataclass(slots=True)
class Filing:
    """The loop, and the way into it. `accept` is COMMIT 1 for the door; `wake` when others may have put mail into the store;
    on_outgoing is called when a commit put mail into the queue."""

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
    _waiting: deque[_Leased] = field(default_factory=deque)  # for their turn
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _coming: int = 0  # mails that `accept` is storing for this worker
    _octets: int = 0  # of all mail that is coming, waiting or under way
    _reading: int = 0  # groups of mails that parsers have
    _look: bool = True  # the store may have mail for us that nobody has
    _timer: asyncio.Task[None] | None = None  # for the next look
    _timer_at: float = 0.0  # when it rings (monotonic)

    async def accept(self, mail: Accepted) -> None:
        """COMMIT 1. The mail goes on from memory, leased to us from the start, while there is room and none waits in the store,
        which nobody may overtake; else it is claimed in its turn. Raises what store.accept raises."""
        if not self._has_room(len(mail.raw)):
            await self.store.accept(mail)
            self.wake()
            return
        self._coming += 1
        self._octets += len(mail.raw)
        until = self.clock.monotonic() + _LEASE_USED * self.config.filing.lease
        try:
            lease_until = self.clock.now() + self.config.filing.lease
            leased = await self.store.accept_claimed(mail, worker=self.worker, until=lease_until)
        except BaseException as error:
            self._octets -= len(mail.raw)
            if isinstance(error, asyncio.CancelledError):  # it may well happen, and nobody would have it
                self._start(self._leave(mail.envelope.mail_id, ""))
            raise
        else:
            self._waiting.append(_Leased(leased, until))
        finally:
            self._coming -= 1
            self._come_round()

    async def run(self) -> None:
        """Until stopped. What is in hand is finished first; what the store refused stays accepted."""
        self._wake = asyncio.Event()
        try:
            while not self._stopping or self._waiting or self._coming:
                self._wake.clear()
                self.beat = self.clock.monotonic()
                if (limit := self._claimable()) > 0:
                    await self._claim(limit)
                while self._waiting and self._may_begin():
                    self._begin()
                self._ring_after(self.config.filing.poll)
                if self._claimable() <= 0:
                    await self._wake.wait()
            while self._under_way:  # one that was read goes on in a task of its own
                await asyncio.wait(self._under_way)
        finally:
            # only when a stop is out of time: no failure of the mail, its lease ends at the next start
            left = [*self._under_way, *([self._timer] if self._timer else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def wake(self) -> None:
        """There may be mail in the store that nobody has."""
        self._look = True
        self._come_round()

    def stop(self) -> None:
        self._stopping = True
        self._come_round()

    def doing(self, now: float) -> dict[str, object]:
        """For `status`: the mails in hand, the longest first."""
        mails = sorted(self._in_hand.items(), key=lambda item: item[1])[:_SHOWN]
        return {
            "turn_seconds": round(now - self.beat, 1),
            "in_hand": len(self._in_hand),
            "waiting": len(self._waiting),
            "mails": [{"mail": id_, "seconds": round(now - since, 1)} for id_, since in mails],
        }

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _room(self) -> tuple[int, int]:
        """Mails and octets that may still be taken in hand; one mail is always let in alone."""
        mails = (1 + _AHEAD) * self.config.filing.concurrency - len(self._in_hand) - len(self._waiting) - self._coming
        octets = self.config.filing.memory - self._octets
        return (mails if octets > 0 or not self._octets else 0), max(octets, 0)

    def _has_room(self, octets: int) -> bool:
        mails, free = self._room()
        return self._wake is not None and not self._stopping and not self._look and mails > 0 and octets <= free

    def _claimable(self) -> int:
        """Mails to ask the store for: not for one as each is done, but for some at once when fewer are left than fit in a turn."""
        few = len(self._waiting) < self.config.filing.concurrency
        return self._room()[0] if self._look and few and not self._stopping else 0

    async def _claim(self, limit: int) -> None:
        octets = self._room()[1]
        self._look = False  # what comes from now on is announced anew
        until = self.clock.monotonic() + _LEASE_USED * self.config.filing.lease
        try:
            now = self.clock.now()
            mails = await self.store.claim(worker=self.worker, now=now, lease=self.config.filing.lease, limit=limit, octets=octets)
        except StoreFatal:
            raise
        except StoreError as error:
            log.warning("store cannot be asked for mail", error=str(error))
            await self.clock.sleep(_STORE_AGAIN)
            self._look = True
            return
        self._waiting += [_Leased(mail, until) for mail in mails]
        taken = sum(len(mail.raw) for mail in mails)
        self._octets += taken
        cut = len(mails) == limit or octets - taken < self.config.limits.message_size  # there may be more that did not fit
        self._look = self._look or (len(mails) > 0 and cut)

    def _may_begin(self) -> bool:
        """A parser has nothing to do, and there is room for one more mail."""
        return self._reading < self.parser.processes and len(self._in_hand) < self.config.filing.concurrency

    def _begin(self) -> None:
        """With as many mails as fit together: what a parser, the event loop and the writer do for several in a row costs them less
        than for one and one again (docs/performance.md). No more than half of what may be under way, so that some are read
        while others are written."""
        most = min((self.config.filing.concurrency + 1) // 2, self.config.filing.concurrency - len(self._in_hand))
        group: list[Incoming] = []
        octets = 0
        while self._waiting and len(group) < most and (not group or octets + len(self._waiting[0].mail.raw) <= _TOGETHER):
            mail = self._taken(self._waiting.popleft())
            if mail is not None:
                group.append(mail)
                octets += len(mail.raw)
        if group:
            self._reading += 1
            self._start(self._read(group))

    def _taken(self, leased: _Leased) -> Incoming | None:
        """A mail to read; None where there is none to be read. One that has waited for most of its lease is left to whoever comes
        first."""
        mail = leased.mail
        late = self.clock.monotonic() >= leased.until
        if not mail.tries and mail.claims <= 1:
            metrics.took(metrics.WAIT, max(0.0, self.clock.now() - mail.received_at), mail.id)
        if late:
            self._octets -= len(mail.raw)
            self._start(self._leave(mail.id, mail.reason))
            return None
        self._in_hand[mail.id] = self.clock.monotonic()
        if mail.claims > CRASHES or mail.fault is not None:
            self._start(self._one(mail, None))
            return None
        return mail

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._come_round()

    async def _leave(self, mail_id: str, reason: str) -> None:
        """Give a lease back, if we have it."""
        now = self.clock.now()
        try:
            await self.store.file_failed(mail_id, worker=self.worker, now=now, reason=reason, again_at=now, poison_after=None)
        except LeaseLost:
            return
        except StoreError as error:
            log.warning("lease cannot be given back, it ends by itself", mail=mail_id, error=str(error))
        self.wake()

    def _come_round(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _ring_after(self, seconds: float) -> None:
        """Look into the store then, if not before."""
        at = self.clock.monotonic() + seconds
        if self._timer is not None and not self._timer.done():
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.create_task(self.clock.sleep(seconds))
        self._timer.add_done_callback(lambda timer: None if timer.cancelled() else self.wake())

    # --- one mail -----------------------------------------------------------------------------------------------------

    async def _one(self, mail: Incoming, read: ParsedMail | Exception | None) -> None:
        """read: what became of reading it; None when it was not tried."""
        structlog.contextvars.bind_contextvars(mail=mail.id)  # of this task
        try:
            await self._process(mail, read)
        finally:
            self._octets -= len(mail.raw)
            self._in_hand.pop(mail.id, None)  # a lease that ended under it may have brought it here once more

    async def _process(self, mail: Incoming, read: ParsedMail | Exception | None) -> None:
        if mail.claims > CRASHES:
            reason = f"taken {mail.claims - 1} times and never finished: it may be what ends the process"
            await self._give_back(mail, reason, poison_after=1)
            return
        if mail.fault is not None:
            log.error("mail cannot be had", error=str(mail.fault), see="smtpgate verify")
            await self._give_back(mail, str(mail.fault), poison_after=POISON_AFTER if mail.fault.lasting else None)
            return
        try:
            changes = await self._file(mail, self._parsed(mail, read))
        except LeaseLost:
            metrics.TROUBLE.inc("lease")
            log.warning("lease lost, somebody else files it")
        except StoreFatal as error:
            log.error("store failed for good", error=str(error))
        except StoreMisuse as error:
            _failed(mail, error)
            await self._give_back(mail, f"store: {error}", poison_after=POISON_AFTER)
        except ParserUnavailable as error:
            metrics.TROUBLE.inc("no-parser")
            log.warning("nothing to read it with, the mail waits", mail=mail.id, error=str(error))
            await self._give_back(mail, str(error), poison_after=None)
        except StoreError as error:
            metrics.TROUBLE.inc("store")
            log.warning("store refused, the lease goes back", error=str(error))
            await self._give_back(mail, f"store: {error}", poison_after=None)
        except Exception as error:  # a bug of ours: whatever it is, the mail must not be lost nor stop the rest
            _failed(mail, error)
            reason = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"[:_TRACEBACK]
            await self._give_back(mail, reason, poison_after=POISON_AFTER)
        else:
            if changes.postpone_until is not None:
                self._ring_after(max(0.01, changes.postpone_until - self.clock.now()))
                metrics.FILINGS.inc("postponed")
            else:
                metrics.took(metrics.FILED, max(0.0, self.clock.now() - mail.received_at))
                _filed(changes)
            if changes.outgoing:
                self.on_outgoing()

    async def _read(self, mails: list[Incoming]) -> None:
        """Have them read; each goes on by itself then."""
        began = self.clock.monotonic()
        found: Sequence[ParsedMail | Exception]
        try:
            found = await self.parser.parse_together([self._unread(mail) for mail in mails])
        except Exception as error:
            found = [error] * len(mails)
        except BaseException:
            for mail in mails:
                self._octets -= len(mail.raw)
                self._in_hand.pop(mail.id, None)  # a lease that ended under it may have brought it here once more
            raise
        finally:
            self._reading -= 1
        for mail, read in zip(mails, found, strict=True):
            metrics.took(metrics.PARSE, self.clock.monotonic() - began, mail.id)
            self._start(self._one(mail, read))

    def _unread(self, mail: Incoming) -> Unread:
        agent = self.config.agent_address(mail.verdict.author) != ""  # whose formatting may be sent on
        return Unread(mail.raw, mail.envelope.mail_from, html=agent)

    def _parsed(self, mail: Incoming, read: ParsedMail | Exception | None) -> ParsedMail:
        """Raises what kept it from being tried."""
        if isinstance(read, ParsedMail):
            return read
        if not isinstance(read, ParseFailed):
            raise read or AssertionError("a mail that was not read is not filed")
        metrics.TROUBLE.inc("unreadable")
        log.warning("mail cannot be read, filed whole", reason=str(read))
        from smtpgate.mail.parse import opaque  # only now: the readers of mail are dear to load, and parsers have them

        return opaque(mail.raw, mail_from=mail.envelope.mail_from, limits=self.config.limits, reason=str(read))

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

        began = self.clock.monotonic()
        changes = await self.store.file(mail.id, worker=self.worker, query=ready.query, decide=decide)
        metrics.took(metrics.DECIDE, self.clock.monotonic() - began, mail.id)
        pipeline.leaves.update(changes.leaves)
        return changes

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
            metrics.TROUBLE.inc("poison")
            log.error("mail is poison now", see=f"smtpgate poison show {mail.id}")


@dataclass(frozen=True, slots=True)
class Intake:
    """The store as the doors see it (store.api.IntakeStore): what it accepts goes through filing."""

    filing: Filing

    async def accept(self, mail: Accepted) -> None:
        await self.filing.accept(mail)

    async def greylist(self, key: str, *, now: float, delay: float, window: float, remember: float) -> float:
        return await self.filing.store.greylist(key, now=now, delay=delay, window=window, remember=remember)

    async def guesses(
        self, worker: str, told: Sequence[tuple[str, int, int]], since: int, keys: Sequence[str] | None
    ) -> Sequence[tuple[str, int, int]]:
        return await self.filing.store.guesses(worker, told, since, keys)

    async def clients(self, limit: int) -> Sequence[tuple[str, Evidence, str]]:
        return await self.filing.store.clients(limit)


def _filed(changes: Changes) -> None:
    """What was decided, and the ids of the mails that it sends; of a bounce, which mail of ours came back."""
    decided = json.loads(changes.decision)
    metrics.FILINGS.inc(decided["outcome"])
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
    metrics.TROUBLE.inc("failed")
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    log.error("filing failed", error=type(error).__name__, where=where, see=f"smtpgate mail show {mail.id}")
