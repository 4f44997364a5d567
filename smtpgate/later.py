"""Does what is due: looks every few seconds, and settles one thing after the other, each in a transaction of its own.

The store settles who does it when several nodes look at once. What fails is put off for longer and longer, logged, and never in
the way of the rest. A store that cannot be asked is asked again. Only the clock's own time counts: when it jumps forward,
everything that became due meanwhile is done once; when it jumps back, what is done stays done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from smtpgate import metrics
from smtpgate.clock import Clock, id_text
from smtpgate.config import Config
from smtpgate.desk import daily, duty, targets
from smtpgate.desksettings import Agent, Desk
from smtpgate.due import Circumstances, Due, Member
from smtpgate.errors import StoreError, StoreFatal, StoreMisuse
from smtpgate.handlers import alarms, later
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail import address as mail_address
from smtpgate.model import Ticket
from smtpgate.requested import Requested
from smtpgate.store import heldalarms
from smtpgate.store.api import Changes, Facts, FactsQuery
from smtpgate.store.verbs import VerbStore

log = structlog.get_logger(__name__)

POLL = 10.0  # seconds
_IN_A_ROW = 500  # things done before the loop is seen to come round
_AT_ONCE = 500  # tickets whose clocks are counted anew in one transaction
_PUT_OFF = (60.0, 600.0, 3600.0, 6 * 3600.0)  # seconds, after each further failure of one thing


class _Reader(NamedTuple):
    """An agent who gets a digest. key: mail.address.key."""

    key: str
    agent: Agent
    desks: tuple[Desk, ...]
    where: ZoneInfo


def _of_one(error: Exception) -> bool:
    """It lies in the one thing that was done, and not in a store that answers nobody."""
    return not isinstance(error, StoreError) or isinstance(error, StoreMisuse)


@dataclass(slots=True)
class Later:
    """The loop. on_outgoing is called when something put mail into the queue."""

    config: Config
    store: VerbStore
    pipeline: Pipeline
    clock: Clock
    on_outgoing: Callable[[], None]
    requested: Requested | None = None  # what people asked for about their own data
    beat: float = 0.0  # when the loop last came round, for the watchdog
    _stop: asyncio.Event | None = None
    _readers: tuple[Config, tuple[_Reader, ...]] | None = None
    _counted: Config | None = None  # by whose times all is counted that is due
    _again: dict[str, float] = field(default_factory=dict)  # what could not be built for whom: when to try again, by monotonic()

    async def run(self) -> None:
        """Until stopped; what is under way is finished first."""
        self._stop = asyncio.Event()
        while not self._stop.is_set():
            self.beat = self.clock.monotonic()
            more = await self.round()
            if not more:
                await self._rest()
        if self.requested is not None:
            await self.requested.stop()

    def stop(self) -> None:
        if self._stop is not None:
            self._stop.set()

    async def round(self) -> bool:
        """Do what is due now. Is there more?"""
        try:
            await self._recount()
            members = await self._look()
            await self._digests(members)
            await self._held_alarms()
            if self.requested is not None:
                await self.requested.look()
            for _ in range(_IN_A_ROW):
                self.beat = self.clock.monotonic()
                now = self.clock.now()
                due = await self.store.first_due(now)
                if due is None or (self._stop is not None and self._stop.is_set()):
                    return False
                await self._settle(due, now)
        except StoreFatal as error:
            log.error("store failed for good", error=str(error))
            return False
        except StoreError as error:
            log.warning("store cannot be asked for what is due", error=str(error))
            return False
        return True

    async def _rest(self) -> None:
        assert self._stop is not None
        waits = [asyncio.ensure_future(self.clock.sleep(POLL)), asyncio.ensure_future(self._stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def _recount(self) -> None:
        """Settings that say when something is due have changed: for all that is open. A process that ends begins anew."""
        config = self.config
        if self._counted is config:
            return
        settings: str = targets.fingerprint(config)
        after: int | None = 0
        if await self.store.targets_of() != settings:
            while after is not None:
                self.beat = self.clock.monotonic()
                if self._stop is not None and self._stop.is_set():
                    return
                after = await self.store.recount(after, limit=_AT_ONCE, recount=lambda one: targets.recounted(config, one))
            await self.store.targets_are(settings)
            log.info("targets have changed, and what is due with them")
        self._counted = config

    async def _look(self) -> dict[str, Member]:
        """What agents said of their leave, also to other nodes, and which of them have had their digest."""
        members = await self.store.members()
        found = {agent: member.leave for agent, member in members.items() if member.leave is not None}
        leaves = self.pipeline.leaves  # in place: decisions in the writer's thread read it
        leaves.update(found)
        for agent in leaves.keys() - found.keys():
            del leaves[agent]
        return members

    async def _digests(self, members: dict[str, Member]) -> None:
        """To each agent whose time has come. Who is new begins with the next one."""
        now, new = self.clock.now(), []
        for key, agent, desks, where in self._agents():
            kept = members.get(key, Member())
            if not kept.digested:
                new.append((key, daily.first_day(agent, where, now)))
            elif daily.due(agent, kept, where, now) and self._again.get(key, 0.0) <= self.clock.monotonic():
                await self._digest(agent, key, kept, desks, where, now)
        if new:
            await self.store.begin_digests(new)

    async def _held_alarms(self) -> None:
        """What the cap on mail to somebody has held back, as soon as it leaves room."""
        config, post, now = self.config, self.pipeline.post, self.clock.now()
        for address in await heldalarms.people(self.store):
            if self._again.get(f"alarms {address}", 0.0) > self.clock.monotonic():
                continue

            def decide(tickets: Sequence[Ticket], *, address: str = address) -> Changes:
                return alarms.summed(config, post, address, tickets, now)

            most = config.limits.notifications_per_hour
            try:
                changes = await heldalarms.tell(self.store, address, now=now, most=most, decide=decide)
            except Exception as error:  # a bug of ours: others and what is due must go on
                if not _of_one(error):
                    raise
                log.error("alarms could not be told", agent=address, kind=type(error).__name__, error=str(error))
                self._again[f"alarms {address}"] = self.clock.monotonic() + _PUT_OFF[1]
                continue
            if changes is not None and changes.outgoing:
                log.info("alarms told together", agent=address, outgoing=[id_text(mail.id) for mail in changes.outgoing])
                self.on_outgoing()

    def _agents(self) -> tuple[_Reader, ...]:
        """Who gets a digest; worked out once for each configuration, since it is asked every few seconds."""
        if self._readers is None or self._readers[0] is not self.config:
            found = []
            for address in dict.fromkeys(agent for desk in self.config.desk for agent in desk.agents):
                desks, agent = daily.desks_of(self.config, address), self.config.agent_of(address)
                if desks and agent.digest:
                    found.append(_Reader(mail_address.key(address), agent, desks, duty.zone(agent, desks[0])))
            self._readers = self.config, tuple(found)
        return self._readers[1]

    async def _digest(self, agent: Agent, key: str, kept: Member, desks: Sequence[Desk], where: ZoneInfo, now: float) -> None:
        try:
            waits = await self.store.daily(key, [desk.name for desk in desks], now, daily.end_of_day(where, now))
            day, post = daily.today(agent, where, now), self.pipeline.post
            mails = () if waits.nothing else (post.digest(desk=desks[0], agent=agent, daily=waits, now=now),)
            sent = await self.store.send_digest(key, kept.digested, Changes(outgoing=mails, digested=((key, day),)))
        except Exception as error:  # of whatever kind: other agents and what is due must go on
            if not _of_one(error):
                raise
            metrics.DUE.inc("failed")
            log.error("digest failed", agent=agent.address, kind=type(error).__name__, error=str(error))
            self._again[key] = self.clock.monotonic() + _PUT_OFF[1]
            return
        if sent and mails:
            metrics.DUE.inc("digest")
            log.info("digest sent", agent=agent.address, outgoing=[id_text(mail.id) for mail in mails])
            self.on_outgoing()

    async def _settle(self, due: Due, now: float) -> None:
        pipeline = self.pipeline

        def query_of(ticket: Ticket) -> FactsQuery:
            return later.query(pipeline.config, pipeline.post, ticket, now)

        def decide(ticket: Ticket, facts: Facts, around: Circumstances) -> Changes:
            occasion = later.Occasion(pipeline.config, pipeline.post, self.clock, now, facts, pipeline.leaves, around)
            return later.decide(occasion, due, ticket)

        try:
            changes = await self.store.settle_due(due, query_of=query_of, decide=decide)
        except Exception as error:  # a bug of ours: the rest must go on
            if not _of_one(error):
                raise
            await self.store.postpone_due(due, now=now, waits=_PUT_OFF)
            metrics.DUE.inc("failed")
            log.error("what is due failed", what=due.what.value, ticket=id_text(due.ticket_id), error=type(error).__name__)
            return
        if changes is not None and (changes.entries or changes.outgoing):
            sent = [id_text(mail.id) for mail in changes.outgoing]
            metrics.DUE.inc(due.what.value)
            log.info("due done", what=due.what.value, ticket=id_text(due.ticket_id), outgoing=sent)
        if changes is not None and changes.outgoing:
            self.on_outgoing()
